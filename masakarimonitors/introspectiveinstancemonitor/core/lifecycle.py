"""The one table of what a probe of a guest may be, and what moves it.

A probe is one line of questioning into one guest: its heartbeat, or one application check. The
decision names the move; this table alone says where it leads. A move that is not listed raises and
changes nothing. The diagram in the documentation is drawn from this table by
docs/_ext/guest_lifecycle.py, and a test fails when the two differ.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Phase(StrEnum):
    """What is known of a guest through one probe."""

    DISCOVERY = "discovery"
    """Never answered since it was started: it may still be booting, or have no agent; not judged."""
    UNUSABLE = "unusable"
    """Never answered since it was started, though its agent is there or was there before; for long; an alarm, which
    no further start ends."""
    AWAITED = "awaited"
    """Answered before the guest began anew, and not since: it may still be booting; not judged, and not called well."""
    HEALTHY = "healthy"
    """Answered the last question that counted."""
    UNKNOWN = "unknown"
    """Answered before, and for long has given no answer that says anything; an alarm."""
    ERROR = "error"
    """Answered before, and has missed at least one question in a row since."""
    ACCUSED = "accused"
    """Missed enough, and found dead from outside: its report is due, and goes out or is held."""
    REPORTED = "reported"
    """masakari-api was told of this outage, or will be as soon as it can be; it is not told again before the guest
    answers or is restarted, unless the report was taken back before it left."""


class Move(StrEnum):
    """What can happen to a probe."""

    ANSWERED = "answered"
    MISSED = "missed"
    UNUSABLE = "no usable answer"
    ACCUSE = "accuse"
    ACQUIT = "acquit"
    REPORT = "report"
    TAKE_BACK = "take back"
    """The report still waits to be delivered, and the guest was found at work meanwhile, or is excused."""
    RESTARTED = "restarted"


TABLE: Mapping[tuple[Phase, Move], Phase] = MappingProxyType(
    {
        # A guest that never answered is not accused for silence: it may be booting or have no agent at all.
        (Phase.DISCOVERY, Move.ANSWERED): Phase.HEALTHY,
        (Phase.DISCOVERY, Move.MISSED): Phase.DISCOVERY,
        (Phase.DISCOVERY, Move.UNUSABLE): Phase.UNUSABLE,
        (Phase.DISCOVERY, Move.RESTARTED): Phase.DISCOVERY,
        # What people are told of stands until it answers: another start is no answer.
        (Phase.UNUSABLE, Move.ANSWERED): Phase.HEALTHY,
        (Phase.UNUSABLE, Move.MISSED): Phase.UNUSABLE,
        (Phase.UNUSABLE, Move.UNUSABLE): Phase.UNUSABLE,
        (Phase.UNUSABLE, Move.RESTARTED): Phase.UNUSABLE,
        # Nor is one that has just begun anew; but when it stays away for long, people are told.
        (Phase.AWAITED, Move.ANSWERED): Phase.HEALTHY,
        (Phase.AWAITED, Move.MISSED): Phase.AWAITED,
        (Phase.AWAITED, Move.UNUSABLE): Phase.UNUSABLE,
        (Phase.AWAITED, Move.RESTARTED): Phase.AWAITED,
        (Phase.HEALTHY, Move.ANSWERED): Phase.HEALTHY,
        (Phase.HEALTHY, Move.MISSED): Phase.ERROR,
        (Phase.HEALTHY, Move.UNUSABLE): Phase.UNKNOWN,
        (Phase.HEALTHY, Move.RESTARTED): Phase.AWAITED,
        # What cannot be asked is not silent. It is accused only when it is found dead, and for long.
        (Phase.UNKNOWN, Move.ANSWERED): Phase.HEALTHY,
        (Phase.UNKNOWN, Move.MISSED): Phase.ERROR,
        (Phase.UNKNOWN, Move.UNUSABLE): Phase.UNKNOWN,
        (Phase.UNKNOWN, Move.ACCUSE): Phase.ACCUSED,
        (Phase.UNKNOWN, Move.RESTARTED): Phase.AWAITED,
        # One answer clears every miss.
        (Phase.ERROR, Move.ANSWERED): Phase.HEALTHY,
        (Phase.ERROR, Move.MISSED): Phase.ERROR,
        (Phase.ERROR, Move.UNUSABLE): Phase.UNKNOWN,
        (Phase.ERROR, Move.ACCUSE): Phase.ACCUSED,
        (Phase.ERROR, Move.RESTARTED): Phase.AWAITED,
        # A report is possible from here and from nowhere else.
        (Phase.ACCUSED, Move.ANSWERED): Phase.HEALTHY,
        (Phase.ACCUSED, Move.MISSED): Phase.ACCUSED,
        (Phase.ACCUSED, Move.UNUSABLE): Phase.ACCUSED,
        (Phase.ACCUSED, Move.ACQUIT): Phase.ERROR,
        (Phase.ACCUSED, Move.REPORT): Phase.REPORTED,
        (Phase.ACCUSED, Move.RESTARTED): Phase.AWAITED,
        # Once per outage: silence keeps a reported guest where it is.
        (Phase.REPORTED, Move.ANSWERED): Phase.HEALTHY,
        (Phase.REPORTED, Move.MISSED): Phase.REPORTED,
        (Phase.REPORTED, Move.UNUSABLE): Phase.REPORTED,
        (Phase.REPORTED, Move.TAKE_BACK): Phase.ERROR,
        (Phase.REPORTED, Move.RESTARTED): Phase.AWAITED,
    }
)

UNJUDGED = (Phase.DISCOVERY, Phase.UNUSABLE, Phase.AWAITED)
"""Through these nothing was seen to work since the guest began: silence means nothing, and nobody calls it well."""


class UnlistedMove(Exception):
    """A move that the table does not list; nothing was changed."""


def step(phase: Phase, move: Move) -> Phase:
    """The phase after `move`; raises `UnlistedMove` for what the table does not list."""
    try:
        return TABLE[phase, move]
    except KeyError:
        raise UnlistedMove(f"a probe in {phase.value} cannot be moved by {move.value}") from None
