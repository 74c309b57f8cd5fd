"""The vocabulary that every decision speaks: moments, commands, verdicts.

A monitor's `decide(state, observation, now)` takes a frozen state and an observation and returns
the next state and a `Decision`. Nothing in this room touches the world: no I/O, no clock, no
logging, no configuration.
"""

import datetime
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from enum import StrEnum

from masakarimonitors.core.notification import Notification

_SLEWED = 1.0
"""Seconds by which two clocks may differ over some minutes though neither was set nor stood still."""

JSON = str | int | float | bool | None | list["JSON"] | dict[str, "JSON"]


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment by both clocks: decisions compare `monotonic` (seconds), the wire has `wall` (aware UTC)."""

    monotonic: float
    wall: datetime.datetime

    def __post_init__(self) -> None:
        """Refuse a naive wall time: nobody could tell its zone afterwards."""
        if self.wall.tzinfo is None:
            raise ValueError(f"a moment needs an aware wall time, got {self.wall!r}")

    def unnoticed_since(self, before: "Instant") -> float:
        """Seconds from `before` to this moment of which the monotonic clock knows nothing.

        That stands still while the computer is suspended, or paused if it is a virtual one; the wall clock has gone on,
        or is set forward soon after. 0 where it was set back, and for what is less than a second.
        """
        noticed = self.monotonic - before.monotonic
        unnoticed = (self.wall - before.wall).total_seconds() - noticed
        return unnoticed if unnoticed >= _SLEWED else 0.0

    def old_at(self, seconds: float, now: "Instant") -> float:
        """The monotonic second at which what was seen at this moment is `seconds` old, as far as is known `now`.

        By whichever clock says so first: a wall clock that is set forward makes things older than they are, which costs
        a question, and none makes them younger.
        """
        return self.monotonic + seconds - now.unnoticed_since(self)


class Command:
    """Something a decision asks for; the daemon carries it out."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Notify(Command):
    """Put this notification into the outbox; `why` is the sentence that an operator reads beside it.

    `again`: it may have reached masakari before (same body), so that "duplicate" means accepted. `since`: an equal
    report that was generated since then, by whomever, tells of the same failure; None: since this one was.
    """

    notification: Notification
    why: str
    again: bool = False
    since: datetime.datetime | None = None


@dataclass(frozen=True, slots=True)
class Withdraw(Command):
    """The subject has recovered: what was not yet delivered about it must not be delivered any more.

    `only`: just the reports about an instance that say one of these (event, vir_domain_event); all of them when empty.
    """

    subject: str
    why: str
    only: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Remember(Command):
    """Keep `value` on disk under `key` for the next start of this monitor; None forgets the key.

    Written in the same transaction as the notifications of the same decision, so "reported" is on
    disk exactly when the report is.
    """

    key: str
    value: Mapping[str, JSON] | None


@dataclass(frozen=True, slots=True)
class WakeAt(Command):
    """Send the observation `Woken(key)` at monotonic second `at`; a later WakeAt of the same key replaces it.

    `at=None` cancels.
    """

    key: str
    at: float | None


@dataclass(frozen=True, slots=True)
class Woken:
    """The answer to `WakeAt`."""

    key: str


class Ruling(StrEnum):
    """What became of an observation that mattered."""

    REPORTED = "reported"
    HELD = "held"
    PLANNED = "planned"
    WITHDRAWN = "withdrawn"
    RECOVERED = "recovered"
    ACTED = "acted"
    SUSPECTED = "suspected"
    BLIND = "blind"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One ruling on one subject: why, in one sentence, and on what evidence.

    `alarm` asks for a human: it is logged as a warning and stays visible in the status. `rule`: by which rule, in a
    word of a closed set of its monitor's; empty where there is none. It is not part of what is said.
    """

    subject: str
    ruling: Ruling
    why: str
    _: KW_ONLY
    evidence: str = ""
    alarm: bool = False
    rule: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from one observation: commands for the daemon and verdicts for people."""

    commands: tuple[Command, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    def __add__(self, other: "Decision") -> "Decision":
        """Both, in order."""
        if not (other.commands or other.verdicts):
            return self
        return Decision(self.commands + other.commands, self.verdicts + other.verdicts)


NOTHING = Decision()
