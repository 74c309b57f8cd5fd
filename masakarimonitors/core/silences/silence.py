"""One silence: of whom, until when, by whom and why; where it stands, and by one table what moves it from there. Pure.

A silence is made once and never changed, but that somebody may end it before its time. So any two copies of it make
one, in whatever order they are heard, and a copy that is old revives nothing. It has a length from the beginning, and
ends by the clocks of whoever keeps it: no copy of it, however it is read, holds for ever.
"""

import datetime
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from masakarimonitors.core.decision import JSON
from masakarimonitors.core.outside import known_moment, read_json
from masakarimonitors.core.printable import printable

ALL = "all"
"""The target that is every host."""
HOST, DOMAIN, PROCESS, INSTANCE = "host:", "domain:", "process:", "vm:"
KINDS = (HOST, DOMAIN, PROCESS, INSTANCE)
"""What every other target begins with: a name, in which `*` stands for any letters, and `?` for one."""
MOST = 100
"""Silences that hold at a time: one store of 512 KiB, as Consul's, holds several times as many."""
MOST_KNOWN = 4 * MOST
"""Silences that are known at a time, those included that hold no longer and are kept against older copies."""
FURTHEST = datetime.timedelta(days=32)
"""No silence is longer, and none is taken whose end is further away by the clock of whoever hears of it: one until the
year 9999 could be forgotten by nobody, and a hundred of them would leave no room for another."""
LARGEST = 64 * 1024
"""Bytes of all of them as they stand in a shared store before another is added: the annotations of a Lease have 256 KiB
together, of which the ledger needs most, and a ledger that did not fit beside them would cost its holder the Lease."""
_LONGEST = 500
_LONGEST_TARGET = 300


class Stage(StrEnum):
    """Where a silence stands, for one monitor."""

    NEW = "new"
    """It was not heard of."""
    HOLDS = "holds"
    ENDED = "ended"
    """Somebody has ended it before its time."""
    OVER = "over"
    """Its time has come."""


class Fact(StrEnum):
    """What moves it."""

    HEARD = "heard of"
    HEARD_FAR = "heard of, and its end is too far away"
    HEARD_TOO_MANY = "heard of, and there is no room"
    HEARD_ENDED = "heard to be ended"
    TIME = "its time has come"
    TIME_AWAY = "its time has come while the monitor did not run"


class Act(StrEnum):
    """What is to be done with a move."""

    BEGIN = "say that it holds"
    END = "say who has ended it, and look at whom it held"
    ALARM = "say that it is over and who fails still, and look at them"
    ALARM_AWAY = "say that it is over and that who fails still is not known yet, and look at them"
    REFUSE_FAR = "say that it holds nothing here, because of its end"
    REFUSE = "say that it holds nothing here, because there are too many"


Move = tuple[Stage, Act | None]

TABLE: Mapping[tuple[Stage, Fact], Move] = {
    (Stage.NEW, Fact.HEARD): (Stage.HOLDS, Act.BEGIN),
    (Stage.NEW, Fact.HEARD_FAR): (Stage.NEW, Act.REFUSE_FAR),
    (Stage.NEW, Fact.HEARD_TOO_MANY): (Stage.NEW, Act.REFUSE),
    # Kept for as long as an older copy could still hold.
    (Stage.NEW, Fact.HEARD_ENDED): (Stage.ENDED, None),
    (Stage.NEW, Fact.TIME): (Stage.OVER, None),
    (Stage.NEW, Fact.TIME_AWAY): (Stage.OVER, None),
    (Stage.HOLDS, Fact.HEARD): (Stage.HOLDS, None),
    (Stage.HOLDS, Fact.HEARD_FAR): (Stage.HOLDS, None),
    (Stage.HOLDS, Fact.HEARD_TOO_MANY): (Stage.HOLDS, None),
    (Stage.HOLDS, Fact.HEARD_ENDED): (Stage.ENDED, Act.END),
    (Stage.HOLDS, Fact.TIME): (Stage.OVER, Act.ALARM),
    (Stage.HOLDS, Fact.TIME_AWAY): (Stage.OVER, Act.ALARM_AWAY),
    **{(stage, fact): (stage, None) for stage in (Stage.ENDED, Stage.OVER) for fact in Fact},
}
"""(stage, fact) -> (next, what is to be done): every pair there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """`target`: `ALL`, or one of `KINDS` and a name. `made`, `until`: aware UTC, by the clock of the monitor that was
    asked for it. `ended`: when `ended_by` has ended it before its time.
    """

    key: str
    target: str
    made: datetime.datetime
    until: datetime.datetime
    author: str
    reason: str
    ended: datetime.datetime | None = None
    ended_by: str = ""

    @property
    def length(self) -> datetime.timedelta:
        """From its beginning to its end."""
        return self.until - self.made

    @property
    def whom(self) -> str:
        """Its target, for people."""
        return "all hosts" if self.target == ALL else self.target

    def covers(self, subject: str, domain: str | None = None) -> bool:
        """Whether it is of that subject (`host:NAME`, ...); `domain`: the failure domain of a host, if it has one."""
        if self.target == ALL:
            return subject.startswith(HOST)
        kind, _, wanted = self.target.partition(":")
        if f"{kind}:" == DOMAIN:
            return subject.startswith(HOST) and domain == wanted
        of, _, name = subject.partition(":")
        if of != kind:
            return False
        if f"{kind}:" == HOST:
            return matches(name.casefold(), wanted.casefold())
        if f"{kind}:" == PROCESS:
            return _is_of_process(name, wanted)
        return matches(name.casefold(), wanted.casefold())


def _is_of_process(name: str, wanted: str) -> bool:
    """By the whole name; where only one of both has a path, as a process has lost it on the wire, by what follows it.

    But what every name fits, as the end of `/opt/it/*`, was said of that folder, and not of all processes.
    """
    if matches(name, wanted):
        return True
    short, wanted_short = name.rsplit("/", 1)[-1], wanted.rsplit("/", 1)[-1]
    if wanted_short == wanted:
        return matches(short, wanted)
    return short == name and bool(wanted_short.strip("*?")) and matches(name, wanted_short)


def matches(name: str, pattern: str) -> bool:
    """Whether the whole of `name` fits; in time that grows with the product of both lengths at most."""
    at = next_ = resume = 0
    star = -1  # where the last `*` stands, which takes one letter more whenever what follows it does not fit
    while at < len(name):
        wanted = pattern[next_] if next_ < len(pattern) else ""
        if wanted == "*":
            star, resume, next_ = next_, at, next_ + 1
        elif wanted and wanted in ("?", name[at]):
            at, next_ = at + 1, next_ + 1
        elif star >= 0:
            resume += 1
            at, next_ = resume, star + 1
        else:
            return False
    return not pattern[next_:].strip("*")


def fault_of(target: str) -> str:
    """Why that is no target, in words; empty if it is one."""
    kinds = ", ".join(f"{kind}NAME" for kind in KINDS)
    if target == ALL:
        return ""
    kind = next((one for one in KINDS if target.startswith(one)), None)
    if kind is None or target == kind:
        return (
            f"{printable(target, 60)} is nothing that can be silenced; name {kinds}, or {ALL} for every host"
        )
    if len(target) > _LONGEST_TARGET or not target.isprintable():
        return f"a name has at most {_LONGEST_TARGET - len(kind)} letters, and none that cannot be printed"
    return ""


def joined(one: Silence, other: Silence) -> Silence:
    """What two copies of the same silence say together: it is ended if any copy is, and that at the earlier time."""
    ends = [copy for copy in (one, other) if copy.ended is not None]
    if not ends:
        return one
    first = min(ends, key=lambda copy: (copy.ended, copy.ended_by))
    return replace(one, ended=first.ended, ended_by=first.ended_by)


def merged(*copies: Iterable[Silence]) -> Mapping[str, Silence]:
    """All of them by key, each once."""
    found: dict[str, Silence] = {}
    for silences in copies:
        for silence in silences:
            known = found.get(silence.key)
            found[silence.key] = silence if known is None else joined(known, silence)
    return found


def lacks(there: Iterable[Silence], wanted: Iterable[Silence]) -> bool:
    """Whether something that is `wanted` does not stand `there`, or not its end."""
    ended = {silence.key: silence.ended is not None for silence in there}
    return any(one.key not in ended or (one.ended is not None and not ended[one.key]) for one in wanted)


def is_past(silence: Silence, now: datetime.datetime) -> bool:
    """Whether no copy of it, however far behind the clock of whoever reads it, need be kept any longer."""
    # No sum: whoever has written it may have named the last day that there is.
    return now - silence.until >= datetime.timedelta(hours=1)


def is_far(silence: Silence, now: datetime.datetime) -> bool:
    """Whether it ends later than any silence that somebody has asked for: whoever has made it has a wrong clock, or has
    whoever asks."""
    return silence.until - now > FURTHEST


def as_json(silence: Silence) -> dict[str, JSON]:
    """As it stands in a store, on disk, in the status."""
    told: dict[str, JSON] = {
        "id": silence.key,
        "target": silence.target,
        "made": silence.made.isoformat(),
        "until": silence.until.isoformat(),
        "author": silence.author,
        "reason": silence.reason,
    }
    if silence.ended is not None:
        told |= {"ended": silence.ended.isoformat(), "ended_by": silence.ended_by}
    return told


def from_json(told: object) -> Silence:
    """From `as_json`; raises ValueError for anything else. A key that is not known says nothing."""
    if not isinstance(told, dict):
        raise ValueError("a silence that is no object")
    try:
        ended = told.get("ended")
        silence = Silence(
            key=_word(told["id"], 40),
            target=str(told["target"]),
            made=known_moment(told["made"]),
            until=known_moment(told["until"]),
            author=_word(told["author"]),
            reason=_word(told["reason"]),
            ended=None if ended is None else known_moment(ended),
            ended_by=_word(told.get("ended_by", "")) if ended is not None else "",
        )
    except (KeyError, TypeError, OverflowError) as fault:
        raise ValueError(f"no silence: {type(fault).__name__}: {fault}") from fault
    if why := fault_of(silence.target):
        raise ValueError(f"a silence of nobody: {why}")
    if silence.until <= silence.made or not silence.key:
        raise ValueError("a silence that ends before it begins, or without an id")
    if silence.length > FURTHEST:
        raise ValueError(f"a silence that is longer than {FURTHEST.days} days")
    return silence


def write(silences: Iterable[Silence]) -> bytes:
    """The form in every shared store: about 250 bytes each."""
    return json_bytes([as_json(one) for one in sorted(silences, key=lambda one: one.key)])


def read(text: bytes | str) -> Sequence[Silence] | None:
    """From `write`; None where it is no such list, or one of more than `MOST_KNOWN`, which is not known and not empty.
    What makes no sense within it, as another release may write it, is left out."""
    told = read_all(text)
    return None if told is None else told[0]


def read_all(text: bytes | str) -> tuple[Sequence[Silence], int] | None:
    """As `read`, and how many of them were left out."""
    try:
        told = read_json(text)
    except ValueError:
        return None
    if not isinstance(told, list) or len(told) > MOST_KNOWN:
        return None  # the one that is left out could be the one that counts
    found, senseless = [], 0
    for one in told:
        try:
            found.append(from_json(one))
        except ValueError:
            senseless += 1
    return tuple(sorted(merged(found).values(), key=lambda one: one.key)), senseless


def json_bytes(value: JSON) -> bytes:
    """As short as it can be written."""
    return json.dumps(value, separators=(",", ":")).encode()


def _word(told: object, longest: int = _LONGEST) -> str:
    if not isinstance(told, str):
        raise TypeError(f"{told!r:.40} stands where words must")
    return printable(told, longest)
