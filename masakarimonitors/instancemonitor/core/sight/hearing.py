"""Can anything have happened to an instance since it was last seen, unheard? Two tables. Pure.

libvirt repeats no event. Where some may have been missed, what is known of an instance is what was, not what is: it may
have been stopped, moved away, or started anew since. What is known only from before its host was started may be over
altogether: with the host's death its instances die, and may run elsewhere since.
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


class Boot(Enum):
    """Of which boot of its host what is known of an instance is."""

    THIS = auto()
    """Of this one."""
    EARLIER = auto()
    """Of an earlier one: it was not seen to be here since this host was started."""


class Since(Enum):
    """What moves it."""

    SHOWN = auto()
    """It is seen to be here, or to arrive."""
    REPORTED = auto()
    """Its death is reported, of a life that began since."""
    HIDDEN = auto()
    """Whatever else is seen of it: that it is off, or not listed."""


_T, _E = Boot

BOOTS: Mapping[tuple[Boot, Since], Boot] = {
    (before, since): after
    for since, row in {
        Since.SHOWN: (_T, _T),
        Since.REPORTED: (_T, _T),
        Since.HIDDEN: (_T, _E),
    }.items()
    for before, after in zip(Boot, row, strict=True)
}
"""(of which boot, what has come) -> the next; whole."""


def move_boot(before: Boot, since: Since) -> Boot:
    """The next; the table is whole."""
    return BOOTS[before, since]
