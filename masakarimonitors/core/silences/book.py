"""The silences that one monitor knows, and by its own clocks until when each of them holds. Pure.

In: silences, from wherever they are heard of, and time. Out: the book after it, and what has happened to each. A copy
that was heard once holds until its own end though nobody can read the silence any more, and no longer.

Clocks differ between hosts. Of a silence that it hears of a monitor therefore believes the shorter of two: what is left
until its end by this host's wall clock, and its whole length. And it counts that by both of its own clocks, the one
that is never set and the one that goes on while the host sleeps; the first that has come to the end ends it. Both ends
are kept, with the boot in which the first of the clocks counts: only another boot has nothing but the wall clock.

What is refused is told of, and taken as soon as it can be: one whose end is too far away, and one more than are kept.
"""

import datetime
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from masakarimonitors.core.decision import JSON, Command, Instant, Remember
from masakarimonitors.core.silences.silence import (
    MOST,
    MOST_KNOWN,
    TABLE,
    Act,
    Fact,
    Silence,
    Stage,
    as_json,
    from_json,
    is_far,
    is_past,
    joined,
)

MEMORY = "silence:"
"""`Remember` keys, and subjects: this, then the silence's key."""

LONGEST = 86400.0
"""Seconds for which a silence may last, unless the options say otherwise."""

# Seconds that no sum of two times is off by.
_SLACK = 1.0


@dataclass(frozen=True, slots=True)
class SilencesSeen:
    """These silences were heard of, as an observation; what is not among them goes on as it is known."""

    silences: Sequence[Silence]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One silence and where it stands; it holds until `end` by this monitor's clocks (of another boot, the wall's
    alone, until the first look at it). `ceased`: the monotonic second at which it ceased to hold, in this life."""

    silence: Silence
    stage: Stage
    end: Instant
    ceased: float = -math.inf

    def holds(self, now: Instant) -> bool:
        """Whether it holds at this moment."""
        return self.stage is Stage.HOLDS and not self.is_over(now)

    def is_over(self, now: Instant) -> bool:
        """Whether its time has come, by either clock."""
        return now.monotonic >= self.end.monotonic or now.wall >= self.end.wall

    def due(self, now: Instant) -> float:
        """The monotonic second at which it ends, as far as is known now."""
        return min(self.end.monotonic, now.monotonic + (self.end.wall - now.wall).total_seconds())


@dataclass(frozen=True, slots=True)
class Happened:
    """What has happened to one silence."""

    silence: Silence
    act: Act


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The book after something was heard or time has passed, what has happened, and what is to be kept on disk.

    `unread`: keys in the memory of the last life under which nothing stands that makes sense.
    """

    book: "Book"
    unread: tuple[str, ...] = ()
    happened: tuple[Happened, ...] = ()
    commands: tuple[Command, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """All of them by key. `longest`: seconds for which one may last, whatever it says itself.

    `refused`: those that hold nothing here though somebody wants them. `boot`: names the boot in which the monotonic
    clock counts; empty where that is not known. `looked`: time has passed since what a last life has kept was read;
    `unread`: of that, the keys of what makes no sense, until then.
    """

    kept: Mapping[str, Kept] = field(default_factory=dict)
    longest: float = LONGEST
    refused: Mapping[str, Silence] = field(default_factory=dict)
    boot: str = ""
    looked: bool = True
    unread: tuple[str, ...] = ()

    @property
    def rests(self) -> bool:
        """Whether time changes nothing here: none is known, and nothing of a last life is still to be told."""
        return not self.kept and not self.refused and self.looked

    @property
    def holding(self) -> Sequence[Kept]:
        """Those that hold, the one that ends first before the others."""
        held = [one for one in self.kept.values() if one.stage is Stage.HOLDS]
        return sorted(held, key=lambda one: (one.end.wall, one.silence.key))

    def over(self, subject: str, now: Instant, domain: str | None = None) -> Kept | None:
        """The silence that holds reports about that subject at this moment, the one that ends last; or None."""
        found = [one for one in self.kept.values() if one.holds(now) and one.silence.covers(subject, domain)]
        return max(found, key=lambda one: (one.end.wall, one.silence.key), default=None)

    def ceased(self, subject: str, domain: str | None = None) -> float:
        """The monotonic second at which the last one that held reports about that subject ceased to, in this life."""
        found = (one.ceased for one in self.kept.values() if one.silence.covers(subject, domain))
        return max(found, default=-math.inf)

    def times(self, now: Instant) -> Iterator[float]:
        """When something of this is due by itself (monotonic seconds)."""
        for one in self.kept.values():
            if one.holds(now):
                yield one.due(now)

    def hear(self, silences: Iterable[Silence], now: Instant) -> Step:
        """What was heard of; of what was heard before only that it is ended is news."""
        kept, refused, happened = dict(self.kept), dict(self.refused), list[Happened]()
        for silence in silences:
            known = kept.get(silence.key)
            before = _new(silence, self.longest, now) if known is None else known
            fact = _fact(before, silence, kept, now)
            stage, act = TABLE[before.stage, fact]
            if stage is Stage.NEW and silence.key in refused:
                act = None  # it was told before
            if stage is Stage.NEW and len(refused) < MOST_KNOWN:
                refused[silence.key] = silence
            elif stage is not Stage.NEW:
                refused.pop(silence.key, None)
            if known is None and stage in (Stage.NEW, Stage.OVER):
                pass  # nothing to hold
            elif stage is not before.stage:
                ceased = before.ceased if before.stage is Stage.NEW else now.monotonic
                both = joined(before.silence, silence)
                kept[silence.key] = replace(before, silence=both, stage=stage, ceased=ceased)
            if act is not None:
                happened.append(Happened(kept[silence.key].silence if silence.key in kept else silence, act))
        return self._after(replace(self, kept=kept, refused=refused), happened)

    def pass_time(self, now: Instant) -> Step:
        """Those whose time has come are over; what nobody could take for new any more is forgotten, and what was
        refused is taken if it can be by now."""
        if self.rests:
            return Step(book=self)
        kept, happened = dict(self.kept), list[Happened]()
        for key, one in self.kept.items():
            if one.end.monotonic > now.monotonic + _allowed(one.silence, self.longest) + _SLACK:
                one = _restarted(one, self.longest, now)
                kept[key] = one
            if one.stage is Stage.HOLDS and not one.holds(now):
                stage, act = TABLE[one.stage, Fact.TIME if self.looked else Fact.TIME_AWAY]
                kept[key] = replace(one, stage=stage, ceased=now.monotonic)
                if act is not None:
                    happened.append(Happened(one.silence, act))
            elif one.stage is not Stage.HOLDS and is_past(one.silence, now.wall):
                del kept[key]
        step = self._after(replace(self, kept=kept, looked=True, unread=()), happened)
        if self.unread:
            forgotten = tuple(Remember(key, None) for key in self.unread)
            step = replace(step, unread=self.unread, commands=step.commands + forgotten)
        return step if not self.refused else step.book._take_refused(step, now)

    def _take_refused(self, step: Step, now: Instant) -> Step:
        """A clock that was wrong may be right by now, or another one be over."""
        left = {key: one for key, one in self.refused.items() if not is_past(one, now.wall)}
        heard = replace(self, refused=left).hear(left.values(), now)
        return replace(
            step,
            book=heard.book if heard.book.refused != self.refused else self,
            happened=step.happened + heard.happened,
            commands=step.commands + heard.commands,
        )

    def _after(self, book: "Book", happened: Sequence[Happened]) -> Step:
        if book == self:
            return Step(book=self, happened=tuple(happened))
        changed = [
            key
            for key in book.kept.keys() | self.kept.keys()
            if self._memo(book.kept.get(key)) != self._memo(self.kept.get(key))
        ]
        commands = tuple(Remember(MEMORY + key, self._memo(book.kept.get(key))) for key in sorted(changed))
        return Step(book=book, happened=tuple(happened), commands=commands)

    def _memo(self, one: Kept | None) -> dict[str, JSON] | None:
        if one is None:
            return None
        told = {**as_json(one.silence), "stage": one.stage.value, "ends": one.end.wall.isoformat()}
        if self.boot and math.isfinite(one.end.monotonic):
            told |= {"boot": self.boot, "ends_monotonic": one.end.monotonic}
        return told


def _fact(before: Kept, silence: Silence, kept: Mapping[str, Kept], now: Instant) -> Fact:
    """What a copy says of a silence that stood so, among those."""
    new = before.stage is Stage.NEW
    if new and before.is_over(now):
        return Fact.TIME
    if silence.ended is not None:
        # One that was never known here is kept against older copies, where there is room.
        return Fact.HEARD_ENDED if not new or len(kept) < MOST_KNOWN else Fact.TIME
    if new and is_far(silence, now.wall):
        return Fact.HEARD_FAR
    if new and len(kept) >= MOST and _is_full(kept):
        return Fact.HEARD_TOO_MANY
    return Fact.HEARD


def _is_full(kept: Mapping[str, Kept]) -> bool:
    return len(kept) >= MOST_KNOWN or sum(one.stage is Stage.HOLDS for one in kept.values()) >= MOST


def _allowed(silence: Silence, longest: float) -> float:
    return min(silence.length.total_seconds(), longest)


def _new(silence: Silence, longest: float, now: Instant) -> Kept:
    length = _allowed(silence, longest)
    left = min((silence.made - now.wall).total_seconds() + length, length)
    return Kept(
        silence=silence,
        stage=Stage.NEW,
        end=Instant(now.monotonic + left, now.wall + datetime.timedelta(seconds=left)),
    )


def _restarted(one: Kept, longest: float, now: Instant) -> Kept:
    """What was kept of in another boot: its end by the wall clock, and no longer than its whole length from now."""
    left = min((one.end.wall - now.wall).total_seconds(), _allowed(one.silence, longest))
    wall = min(one.end.wall, now.wall + datetime.timedelta(seconds=max(left, 0.0)))
    return replace(one, end=Instant(now.monotonic + left, wall))


def restore(memory: Mapping[str, Mapping[str, JSON]], longest: float = LONGEST, *, boot: str = "") -> Book:
    """The book at start, from what was remembered; what cannot be understood is left out, and so holds nobody: that is
    told with the first step, and forgotten.

    `boot`: the kernel's identity of this boot. What was kept in the same one ends when it would have without a restart,
    whatever was done to the wall clock; what was kept in another, or by a release that kept no boot, by that clock.
    """
    kept, unread = dict[str, Kept](), list[str]()
    for key, value in memory.items():
        if not key.startswith(MEMORY):
            continue
        try:
            silence = from_json(value)
            stage = Stage(str(value.get("stage")))
            ends = datetime.datetime.fromisoformat(str(value.get("ends")))
            end = Instant(_monotonic(value, boot), min(ends, silence.until))
        except (ValueError, TypeError):
            unread.append(key)
            continue
        kept[silence.key] = Kept(silence=silence, stage=stage, end=end)
    nothing = not kept and not unread
    return Book(kept=kept, longest=longest, boot=boot, looked=nothing, unread=tuple(unread))


def _monotonic(value: Mapping[str, JSON], boot: str) -> float:
    """The end by the clock of this boot; infinite where it says nothing of it."""
    told = value.get("ends_monotonic")
    if not boot or value.get("boot") != boot or isinstance(told, bool) or not isinstance(told, int | float):
        return math.inf
    return float(told) if math.isfinite(told) else math.inf
