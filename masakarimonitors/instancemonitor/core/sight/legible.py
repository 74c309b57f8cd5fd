"""Does its libvirt tell how an instance stands? One table. Pure.

A libvirt may list an instance and not answer about it; or it tells that it is off, and nothing tells how its last life
ended. Neither is a state of the instance: what was known of it stays, and is not newer than it was.
"""

from collections.abc import Mapping
from enum import Enum, auto


class Legible(Enum):
    """What can be read of an instance."""

    WHOLE = auto()
    """How it stands."""
    PARTLY = auto()
    """Not how its last life has ended; or no look at it counts yet, since an event has overtaken it."""
    NOT = auto()
    """Nothing: its libvirt lists it, and does not tell how it stands."""
    GONE = auto()
    """Nothing, and its libvirt does not list it any more."""


class Look(Enum):
    """What moves it."""

    TELLS = auto()
    """A reading tells how it stands."""
    HIDES = auto()
    """A reading tells that it is off, or being started, and nothing tells how its last life ended."""
    SILENT = auto()
    """Its libvirt lists it, and does not tell how it stands."""
    NOT_LISTED = auto()
    """Its libvirt does not list it."""
    OVERTAKEN = auto()
    """A look has told nothing of one that is dead and may have lived again, since an event has overtaken it."""
    EVENT = auto()
    """An event tells where it stands now."""
    EVENT_OF_AN_END = auto()
    """One tells that a QEMU of it has ended, which may have been that of a start: it is off."""
    OTHER_EVENT = auto()
    """One tells nothing of where it stands."""


_W, _P, _N, _G = Legible

TABLE: Mapping[tuple[Legible, Look], Legible] = {
    (before, look): after
    for look, row in {
        Look.TELLS: (_W, _W, _W, _W),
        Look.HIDES: (_P, _P, _P, _P),
        Look.SILENT: (_N, _N, _N, _N),
        Look.NOT_LISTED: (_W, _P, _G, _G),
        Look.OVERTAKEN: (_P, _P, _N, _G),
        Look.EVENT: (_W, _W, _W, _W),
        # It does not tell of the life before that.
        Look.EVENT_OF_AN_END: (_W, _P, _P, _P),
        Look.OTHER_EVENT: (_W, _P, _N, _G),
    }.items()
    for before, after in zip(Legible, row, strict=True)
}
"""(what could be read, what has come) -> the next; whole."""


def move(before: Legible, look: Look) -> Legible:
    """The next; the table is whole."""
    return TABLE[before, look]
