"""The one table of what a probe of a machine may be, and what moves it.

A probe is one line of questioning into one guest: its heartbeat, or one application check. The
decision names the move; this table alone says where it leads. A move that is not listed raises and
changes nothing. The diagram in the documentation is drawn from this table by
tools/draw_lifecycle.py, and a test fails when the two differ.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Phase(StrEnum):
    """What is known of a guest through one probe."""

    DISCOVERY = "discovery"
    """Never answered since it was started: it may still be booting, or have no agent; not judged."""
    HEALTHY = "healthy"
    """Answered the last question that counted."""
    ERROR = "error"
    """Answered before, and has missed at least one question in a row since."""
    REPORTED = "reported"
    """masakari-api was told of this outage; it is not told again before the guest answers or is restarted."""


class Move(StrEnum):
    """What can happen to a probe."""

    ANSWERED = "answered"
    MISSED = "missed"
    REPORT = "report"
    RESTARTED = "restarted"


TABLE: Mapping[tuple[Phase, Move], Phase] = MappingProxyType(
    {
        # A guest that never answered is not accused for silence: it may be booting or have no agent at all.
        (Phase.DISCOVERY, Move.ANSWERED): Phase.HEALTHY,
        (Phase.DISCOVERY, Move.MISSED): Phase.DISCOVERY,
        (Phase.DISCOVERY, Move.RESTARTED): Phase.DISCOVERY,
        (Phase.HEALTHY, Move.ANSWERED): Phase.HEALTHY,
        (Phase.HEALTHY, Move.MISSED): Phase.ERROR,
        (Phase.HEALTHY, Move.RESTARTED): Phase.DISCOVERY,
        # One answer clears every miss; a report is possible from here and from nowhere else.
        (Phase.ERROR, Move.ANSWERED): Phase.HEALTHY,
        (Phase.ERROR, Move.MISSED): Phase.ERROR,
        (Phase.ERROR, Move.REPORT): Phase.REPORTED,
        (Phase.ERROR, Move.RESTARTED): Phase.DISCOVERY,
        # Once per outage: silence keeps a reported guest where it is.
        (Phase.REPORTED, Move.ANSWERED): Phase.HEALTHY,
        (Phase.REPORTED, Move.MISSED): Phase.REPORTED,
        (Phase.REPORTED, Move.RESTARTED): Phase.DISCOVERY,
    }
)


class UnlistedMove(Exception):
    """A move that the table does not list; nothing was changed."""


def step(phase: Phase, move: Move) -> Phase:
    """The phase after `move`; raises `UnlistedMove` for what the table does not list."""
    try:
        return TABLE[phase, move]
    except KeyError:
        raise UnlistedMove(f"a probe in {phase.value} cannot be moved by {move.value}") from None
