"""The silences that one monitor knows, and by its own clocks until when each of them holds. Pure.

In: silences, from wherever they are heard of, and time. Out: the book after it, and what has happened to each. A copy
that was heard once holds until its own end though nobody can read the silence any more, and no longer.

Clocks differ between hosts. Of a silence that it hears of a monitor therefore believes the shorter of two: what is left
until its end by this host's wall clock, and its whole length. And it counts that by both of its own clocks, the one
that is never set and the one that goes on while the host sleeps; the first that has come to the end ends it.
"""

import datetime
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from masakarimonitors.core.decision import JSON, Command, Instant, Remember
from masakarimonitors.core.silences.silence import (
    MOST,
    TABLE,
    Act,
    Fact,
    Silence,
    Stage,
    as_json,
    from_json,
    is_past,
    joined,
)

MEMORY = "silence:"
"""`Remember` keys, and subjects: this, then the silence's key."""

LONGEST = 86400.0
"""Seconds for which a silence may last, unless the options say otherwise."""


@dataclass(frozen=True, slots=True)
class SilencesSeen:
    """These silences were heard of, as an observation; what is not among them goes on as it is known."""

    silences: Sequence[Silence]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One silence and where it stands; it holds until `end` by this monitor's clocks (of a restart before, the wall's
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
    """The book after something was heard or time has passed, what has happened, and what is to be kept on disk."""

    book: "Book"
    happened: tuple[Happened, ...] = ()
    commands: tuple[Command, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """All of them by key. `longest`: seconds for which one may last, whatever it says itself."""

    kept: Mapping[str, Kept] = field(default_factory=dict)
    longest: float = LONGEST

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
        kept, happened = dict(self.kept), list[Happened]()
        for silence in silences:
            known = kept.get(silence.key)
            if known is None and len(kept) >= MOST:
                continue
            before = _new(silence, self.longest, now) if known is None else known
            fact = Fact.HEARD if silence.ended is None else Fact.HEARD_ENDED
            if known is None and before.is_over(now):
                fact = Fact.TIME
            stage, act = TABLE[before.stage, fact]
            if known is None and stage is Stage.OVER:
                continue  # nothing to hold, and nobody to tell
            if stage is not before.stage:
                ceased = before.ceased if before.stage is Stage.NEW else now.monotonic
                both = joined(before.silence, silence)
                kept[silence.key] = replace(before, silence=both, stage=stage, ceased=ceased)
            if act is not None:
                happened.append(Happened(kept[silence.key].silence, act))
        return self._after(kept, happened)

    def pass_time(self, now: Instant) -> Step:
        """Those whose time has come are over; what nobody could take for new any more is forgotten."""
        kept, happened = dict(self.kept), list[Happened]()
        for key, one in self.kept.items():
            if math.isinf(one.end.monotonic):
                one = _restarted(one, self.longest, now)
                kept[key] = one
            if one.stage is Stage.HOLDS and not one.holds(now):
                stage, act = TABLE[one.stage, Fact.TIME]
                kept[key] = replace(one, stage=stage, ceased=now.monotonic)
                if act is not None:
                    happened.append(Happened(one.silence, act))
            elif one.stage is not Stage.HOLDS and is_past(one.silence, now.wall):
                del kept[key]
        return self._after(kept, happened)

    def _after(self, kept: dict[str, Kept], happened: Sequence[Happened]) -> Step:
        if kept == self.kept:
            return Step(book=self)
        changed = [
            key for key in kept.keys() | self.kept.keys() if _memo(kept.get(key)) != _memo(self.kept.get(key))
        ]
        commands = tuple(Remember(MEMORY + key, _memo(kept.get(key))) for key in sorted(changed))
        return Step(book=replace(self, kept=kept), happened=tuple(happened), commands=commands)


def _new(silence: Silence, longest: float, now: Instant) -> Kept:
    length = min(silence.length.total_seconds(), longest)
    left = min((silence.made - now.wall).total_seconds() + length, length)
    return Kept(
        silence=silence,
        stage=Stage.NEW,
        end=Instant(now.monotonic + left, now.wall + datetime.timedelta(seconds=left)),
    )


def _restarted(one: Kept, longest: float, now: Instant) -> Kept:
    """What was kept of before a restart: its end by the wall clock, and no longer than its whole length from now."""
    left = min((one.end.wall - now.wall).total_seconds(), one.silence.length.total_seconds(), longest)
    wall = min(one.end.wall, now.wall + datetime.timedelta(seconds=max(left, 0.0)))
    return replace(one, end=Instant(now.monotonic + left, wall))


def _memo(one: Kept | None) -> dict[str, JSON] | None:
    if one is None:
        return None
    return {**as_json(one.silence), "stage": one.stage.value, "ends": one.end.wall.isoformat()}


def restore(memory: Mapping[str, Mapping[str, JSON]], longest: float = LONGEST) -> Book:
    """The book at start, from what was remembered; what cannot be understood is left out, and so holds nobody."""
    kept: dict[str, Kept] = {}
    for key, value in memory.items():
        if not key.startswith(MEMORY):
            continue
        try:
            silence = from_json(value)
            stage = Stage(str(value.get("stage")))
            ends = datetime.datetime.fromisoformat(str(value.get("ends")))
            end = Instant(math.inf, min(ends, silence.until))
        except (ValueError, TypeError):
            continue
        kept[silence.key] = Kept(silence=silence, stage=stage, end=end)
    return Book(kept=kept, longest=longest)
