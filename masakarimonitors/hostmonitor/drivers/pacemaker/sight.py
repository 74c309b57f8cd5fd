"""What this monitor sees of the cluster, as a pure table: blind, settling, or seeing.

In: what came of each look. Out: the next `Sight`. Whoever looks does the I/O; what may be told after a
look, and when it is to be said that nothing is seen, stands here alone.
"""

from dataclasses import dataclass, replace
from enum import Enum, auto


class Phase(Enum):
    """How far this monitor can be believed."""

    CUT_OFF = auto()
    """Blind: no quorum, or nobody to ask about it. When it is back, the cluster has to settle first."""
    DIM = auto()
    """Blind: Pacemaker could not be read for too long. The first good look ends it."""
    SETTLING = auto()
    """Quorum is there again: partitions merge now, and the CIB still shows the lonely side's view."""
    DOUBTING = auto()
    """Looks fail, for a while yet what was seen before stands."""
    SEEING = auto()


class Outcome(Enum):
    """What came of one look."""

    GOOD = auto()
    FAILED = auto()
    """Pacemaker could not be read, or has nobody who knows at this moment."""
    NO_QUORUM = auto()


MOVES: dict[tuple[Phase, Outcome], Phase] = {
    (Phase.CUT_OFF, Outcome.GOOD): Phase.SETTLING,
    (Phase.CUT_OFF, Outcome.FAILED): Phase.CUT_OFF,
    (Phase.CUT_OFF, Outcome.NO_QUORUM): Phase.CUT_OFF,
    (Phase.DIM, Outcome.GOOD): Phase.SEEING,
    (Phase.DIM, Outcome.FAILED): Phase.DIM,
    (Phase.DIM, Outcome.NO_QUORUM): Phase.CUT_OFF,
    (Phase.SETTLING, Outcome.GOOD): Phase.SETTLING,  # SEEING, once `settle` seconds are over
    (Phase.SETTLING, Outcome.FAILED): Phase.SETTLING,
    (Phase.SETTLING, Outcome.NO_QUORUM): Phase.CUT_OFF,
    (Phase.DOUBTING, Outcome.GOOD): Phase.SEEING,
    (Phase.DOUBTING, Outcome.FAILED): Phase.DOUBTING,  # DIM, once `patience` seconds are over
    (Phase.DOUBTING, Outcome.NO_QUORUM): Phase.CUT_OFF,
    (Phase.SEEING, Outcome.GOOD): Phase.SEEING,
    (Phase.SEEING, Outcome.FAILED): Phase.DOUBTING,
    (Phase.SEEING, Outcome.NO_QUORUM): Phase.CUT_OFF,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """`since`: the monotonic second at which the phase began. `why`: what hides the cluster, for the operator."""

    phase: Phase = Phase.CUT_OFF
    since: float
    why: str = "it has not looked yet"

    @property
    def blind(self) -> bool:
        """Whether the core must believe nothing."""
        return self.phase in (Phase.CUT_OFF, Phase.DIM)

    @property
    def clear(self) -> bool:
        """Whether what the newest look showed may be told."""
        return self.phase is Phase.SEEING


def after(sight: Sight, outcome: Outcome, why: str, now: float, *, settle: float, patience: float) -> Sight:
    """The sight after one look; `settle` and `patience` in seconds (see `Phase`)."""
    phase = MOVES[sight.phase, outcome]
    waited = now - sight.since
    if sight.phase is phase is Phase.SETTLING and outcome is Outcome.GOOD and waited >= settle:
        phase = Phase.SEEING
    if sight.phase is phase is Phase.DOUBTING and waited >= patience:
        phase = Phase.DIM
    if phase is Phase.SETTLING and outcome is Outcome.GOOD:
        why = "the cluster has just become quorate, and settles"
    if phase is sight.phase:
        return replace(sight, why=why or sight.why)
    return Sight(phase=phase, since=now, why=why)
