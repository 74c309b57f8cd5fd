"""How one subject stands at this moment, for whoever asks why it was reported, or why not: facts, no sentence. Pure.

In: a monitor's state, read by its `core/explained.py`, and the outbox's. Out: where the subject stands, and each gate
between it and masakari in order, passed or not. Nothing is asked, sent or changed by it.
"""

import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from masakarimonitors.core.decision import JSON, Instant


class Standing(StrEnum):
    """Where a subject stands, as seen from who recovers it: a closed set."""

    WELL = "well"
    """It is seen to be well, and a failure of it would be reported."""
    OFF = "off"
    """High availability is off for it: its failure would not be reported, or would recover nothing."""
    SUSPECTED = "suspected"
    """Something of it fails, and nothing is due for masakari."""
    ACTING = "acting"
    """It fails, and something is being done about it here."""
    HELD = "held"
    """It fails, and a gate keeps that from masakari."""
    WAITING = "waiting"
    """Its report is made and masakari does not have it yet."""
    REFUSED = "refused"
    """masakari has refused its report: nobody recovers it."""
    TOLD = "told"
    """masakari has its report."""
    UNSEEN = "unseen"
    """It cannot be seen, or not in full: a failure of it may go unnoticed."""
    UNWATCHED = "unwatched"
    """This monitor does not judge it."""


Standings = Mapping[Standing, int]
"""How many subjects stand where."""


class Passage(StrEnum):
    """What one gate says."""

    PASSED = "passed"
    HOLDS = "holds"
    """It keeps the report back: the first one that does."""
    WOULD_HOLD = "would hold"
    """It stands behind one that holds, and would hold, too."""
    NOT_ASKED = "not asked"
    """Nothing has come to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSeen:
    """What one gate says now. `reason`: in a word of a closed set; `why`: in a clause; `release`: what would open it.

    `since`: when it began to hold, where that is known; `until`: when it looks again by itself.
    """

    name: str
    passage: Passage
    reason: str = ""
    why: str = ""
    release: str = ""
    since: datetime.datetime | None = None
    until: datetime.datetime | None = None

    @property
    def shut(self) -> bool:
        """Whether it holds, or would."""
        return self.passage in (Passage.HOLDS, Passage.WOULD_HOLD)

    def as_json(self) -> dict[str, JSON]:
        """For programs."""
        return {
            "gate": self.name,
            "passage": self.passage.value,
            "reason": self.reason,
            "why": self.why,
            "release": self.release,
            "since": _written(self.since),
            "until": _written(self.until),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One subject at one moment.

    `why`: why it stands there, as a clause; `since`: since when, where that is known; `evidence`: what was last seen,
    in the sources' own terms. `by_maintenance`: it is off because masakari has its host on maintenance, for which the
    reports that masakari has are the reason.
    """

    subject: str
    standing: Standing
    why: str = ""
    since: datetime.datetime | None = None
    evidence: str = ""
    by_maintenance: bool = False
    gates: Sequence[GateSeen] = field(default_factory=tuple)

    def as_json(self) -> dict[str, JSON]:
        """For programs."""
        return {
            "subject": self.subject,
            "standing": self.standing.value,
            "why": self.why,
            "since": _written(self.since),
            "evidence": self.evidence,
            "by_maintenance": self.by_maintenance,
            "gates": [one.as_json() for one in self.gates],
        }


def gate(
    name: StrEnum,
    *,
    holds: bool,
    why: str,
    release: str,
    since: datetime.datetime | None = None,
    until: datetime.datetime | None = None,
    asked: bool = True,
) -> GateSeen:
    """What that gate says; `asked`: something has come to it, where it does not hold. Its name is its reason, too."""
    if not holds:
        return GateSeen(name=name.value, passage=Passage.PASSED if asked else Passage.NOT_ASKED)
    return GateSeen(
        name=name.value,
        passage=Passage.HOLDS,
        reason=name.name.lower(),
        why=why,
        release=release,
        since=since,
        until=until,
    )


def in_order(gates: Sequence[GateSeen]) -> tuple[GateSeen, ...]:
    """The same gates: of those that hold, all but the first only would."""
    found: list[GateSeen] = []
    held = False
    for one in gates:
        holds = one.passage is Passage.HOLDS
        found.append(replace(one, passage=Passage.WOULD_HOLD) if holds and held else one)
        held = held or holds
    return tuple(found)


def wall_at(now: Instant, monotonic: float | None) -> datetime.datetime | None:
    """The wall time of a monotonic second, as far as this moment tells; None of what is none, or lies nowhere."""
    if monotonic is None or not math.isfinite(monotonic):
        return None
    try:
        return now.wall + datetime.timedelta(seconds=monotonic - now.monotonic)
    except OverflowError:
        return None


def _written(moment: datetime.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
