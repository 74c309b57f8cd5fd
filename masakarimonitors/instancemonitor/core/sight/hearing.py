"""Can anything have happened to an instance since it was last seen, unheard? One table. Pure.

libvirt repeats no event. Where some may have been missed, what is known of an instance is what was, not what is: it may
have been stopped, moved away, or started anew since.
"""

from collections.abc import Mapping
from enum import Enum, auto


class Hearing(Enum):
    """Whether events of an instance may have been missed since it was last seen."""

    WHOLE = auto()
    """None was."""
    MISSED = auto()
    """Some may have been: its libvirt was away, or the monitor was."""
    OVER = auto()
    """Some were, and the life that was last seen has ended: its libvirt does not list it, or is starting it."""


class Heard(Enum):
    """What moves it."""

    AWAY = auto()
    """Its libvirt cannot be heard."""
    NOT_LISTED = auto()
    """Its libvirt was asked, and does not list it."""
    STARTING = auto()
    """A reading shows one that was up as being started."""
    NOTHING_NEW = auto()
    """A reading tells how it stands, and that this is as it was."""
    SAME_LIFE = auto()
    """libvirt's number says of one that is dead that no other life of it has begun since."""
    TOLD = auto()
    """An event or a reading tells where it stands now."""
    TOLD_IN_PART = auto()
    """One tells that it is being started, or that its definition was removed, with which nothing that may have been
    missed of its last life is known."""
    DEAD_STILL = auto()
    """One tells that it is dead, of which that was reported: of the same life, or of a later one."""
    OUTLIVED = auto()
    """Its libvirt shows a life that is known to be over: it has not found that out yet."""


_W, _M, _O = Hearing

TABLE: Mapping[tuple[Hearing, Heard], Hearing] = {
    (before, heard): after
    for heard, row in {
        Heard.AWAY: (_M, _M, _O),
        # Of one that was heard of all the time, its end would have been told.
        Heard.NOT_LISTED: (_W, _O, _O),
        Heard.STARTING: (_W, _O, _O),
        Heard.NOTHING_NEW: (_W, _W, _W),
        Heard.SAME_LIFE: (_W, _W, _W),
        Heard.TOLD: (_W, _W, _W),
        Heard.TOLD_IN_PART: (_W, _M, _O),
        # Whether it has lived again unseen stays a question until a reading answers it.
        Heard.DEAD_STILL: (_W, _M, _M),
        Heard.OUTLIVED: (_M, _M, _M),
    }.items()
    for before, after in zip(Hearing, row, strict=True)
}
"""(hearing, what was heard) -> the next; whole."""


def move(before: Hearing, heard: Heard) -> Hearing:
    """The next; the table is whole."""
    return TABLE[before, heard]
