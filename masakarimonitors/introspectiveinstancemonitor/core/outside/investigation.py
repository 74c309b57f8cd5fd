"""The look from outside at one guest that is silent or cannot be asked: readings go in, a verdict comes out.

It begins at the first miss, for one reading alone says nothing and the next is to be compared with it. Each
reading, and each that was refused, is a clue; the table alone says what stands after it. It ends when the guest
answers, or when silence means nothing any more (paused, moved, restarted).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from masakarimonitors.introspectiveinstancemonitor.core.observation import Counters
from masakarimonitors.introspectiveinstancemonitor.core.outside import activity

QUIET = 120.0
"""Seconds without a sign of life after which a guest that once moved is no longer held back. VMware HA
waits as long for a guest whose heartbeat is lost."""


class Stage(StrEnum):
    """How far the look has come."""

    IDLE = "not begun"
    FIRST = "first reading"
    """The first reading is asked for."""
    SECOND = "second reading"
    """There is one reading, and nothing to compare it with yet."""
    ALIVE = "at work"
    STILL = "still"
    """All that could be told says that the guest does nothing."""
    FROZEN = "frozen"
    """QEMU itself does nothing, or does not answer libvirt."""
    INCOMPLETE = "incomplete"
    """What could be told says that the guest does nothing, but not all could be told."""
    UNTOLD = "untold"
    """libvirt gave no reading, or one that leaves open whether the guest does anything."""


class Clue(StrEnum):
    """What moves it."""

    BEGIN = "begin"
    READ = "read"
    """A reading that cannot be compared with another yet."""
    MOVED = "moved"
    RESTS = "rests"
    """Nothing moved, but something did within the last `QUIET` seconds."""
    STOOD_STILL = "stood still"
    FROZE = "froze"
    PARTLY_READ = "partly read"
    NOT_READ = "not read"
    END = "end"


class Finding(StrEnum):
    """The verdict; nobody is accused on any but DEAD."""

    MORE = "more"
    """Look again."""
    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"


_COMPARED: Mapping[Clue, Stage] = MappingProxyType(
    {
        Clue.MOVED: Stage.ALIVE,
        Clue.RESTS: Stage.ALIVE,
        Clue.STOOD_STILL: Stage.STILL,
        Clue.FROZE: Stage.FROZEN,
        Clue.PARTLY_READ: Stage.INCOMPLETE,
        Clue.NOT_READ: Stage.UNTOLD,
        Clue.END: Stage.IDLE,
    }
)
_COMPARING = (Stage.SECOND, Stage.ALIVE, Stage.STILL, Stage.FROZEN, Stage.INCOMPLETE, Stage.UNTOLD)

TABLE: Mapping[tuple[Stage, Clue], Stage] = MappingProxyType(
    {
        (Stage.IDLE, Clue.BEGIN): Stage.FIRST,
        (Stage.FIRST, Clue.READ): Stage.SECOND,
        (Stage.FIRST, Clue.NOT_READ): Stage.UNTOLD,
        (Stage.FIRST, Clue.END): Stage.IDLE,
        # Two readings say what they say, whatever was thought before.
        **{(stage, clue): then for stage in _COMPARING for clue, then in _COMPARED.items()},
        # One that comes too soon after the last changes nothing.
        **{(stage, Clue.READ): stage for stage in _COMPARING},
        (Stage.UNTOLD, Clue.READ): Stage.SECOND,
    }
)

FINDINGS: Mapping[Stage, Finding] = MappingProxyType(
    {
        Stage.IDLE: Finding.MORE,
        Stage.FIRST: Finding.MORE,
        Stage.SECOND: Finding.MORE,
        Stage.INCOMPLETE: Finding.MORE,
        Stage.ALIVE: Finding.ALIVE,
        Stage.STILL: Finding.DEAD,
        Stage.FROZEN: Finding.DEAD,
        Stage.UNTOLD: Finding.UNKNOWN,
    }
)


class UnlistedClue(Exception):
    """A clue that the table does not list for this stage; nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Investigation:
    """One look. `before` is the reading to compare the next one with; seconds are monotonic.

    `moved_at`: when something was last seen to move since it began; `dead_since` and `frozen_since`: since when every
    comparison has said that the guest is dead, or its QEMU frozen; `words` is the evidence for an operator.
    """

    stage: Stage = Stage.IDLE
    before: Counters | None = None
    moved_at: float | None = None
    dead_since: float | None = None
    frozen_since: float | None = None
    words: str = ""

    @property
    def finding(self) -> Finding:
        """The verdict so far."""
        return FINDINGS[self.stage]


def begin(investigation: Investigation) -> Investigation:
    """The first miss: there is something to look into; one under way goes on."""
    if investigation.stage is not Stage.IDLE:
        return investigation
    return replace(investigation, stage=step(investigation.stage, Clue.BEGIN))


def end(investigation: Investigation) -> Investigation:
    """The guest answered, or silence means nothing any more; what was read is forgotten."""
    if investigation.stage is Stage.IDLE:
        return investigation
    return Investigation(stage=step(investigation.stage, Clue.END))


def read(investigation: Investigation, reading: Counters, *, now: float, patient: bool) -> Investigation:
    """One reading more, judged at monotonic second `now`; raises `UnlistedClue` for one that was not begun.

    `patient`: what cannot be read is waited for; otherwise it is done without, for it must not hide a hung guest
    for ever, as long as anything says that the guest does nothing.
    """
    before = investigation.before
    signs = activity.compare(before, reading) if before is not None else None
    if before is None or signs is None:
        return replace(
            investigation,
            stage=step(investigation.stage, Clue.READ),
            before=before if before is not None else reading,
        )
    moved_at = now if signs.moving else investigation.moved_at
    clue = _clue(signs, rested=None if moved_at is None else now - moved_at, patient=patient)
    stage = step(investigation.stage, clue)
    return Investigation(
        stage=stage,
        before=reading,
        moved_at=moved_at,
        dead_since=(investigation.dead_since or now) if FINDINGS[stage] is Finding.DEAD else None,
        frozen_since=(investigation.frozen_since or now) if stage is Stage.FROZEN else None,
        words=signs.words,
    )


def not_read(investigation: Investigation, why: str) -> Investigation:
    """libvirt gave no reading; what there is to compare with stays."""
    stage = step(investigation.stage, Clue.NOT_READ)
    return replace(investigation, stage=stage, dead_since=None, frozen_since=None, words=why)


def step(stage: Stage, clue: Clue) -> Stage:
    """The stage after `clue`; raises `UnlistedClue` for what the table does not list."""
    try:
        return TABLE[stage, clue]
    except KeyError:
        raise UnlistedClue(f"a look that is {stage.value} cannot be moved by {clue.value}") from None


def _clue(signs: activity.Signs, *, rested: float | None, patient: bool) -> Clue:
    if signs.moving:
        return Clue.MOVED
    if rested is not None and rested < QUIET:
        return Clue.RESTS
    if not signs.complete and patient:
        return Clue.PARTLY_READ
    if not signs.told:
        return Clue.NOT_READ
    return Clue.FROZE if signs.frozen else Clue.STOOD_STILL
