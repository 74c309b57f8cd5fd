"""Why does an instance stand still, and who bids its QEMU end, past libvirt? Two tables. Pure.

libvirt tells why it was paused, as it happens and when it is read. Until it runs on or ends, that is the reason. Of a
shutdown that a signal has begun it tells, too, and then of the end as of any other.
"""

from collections.abc import Mapping
from enum import Enum, auto


class Halt(Enum):
    """Why it stands still."""

    NONE = auto()
    """It does not, as far as is known."""
    PAUSED = auto()
    """Somebody has paused it."""
    DISK = auto()
    """One of its disks has failed."""
    WATCHDOG = auto()
    """Its watchdog has fired."""
    API = auto()
    """libvirt could not let it run on after an operation that had failed."""
    POSTCOPY = auto()
    """Its live migration by post-copy has failed."""


class Pause(Enum):
    """What moves it."""

    OTHER = auto()
    """It is paused for a while by libvirt itself, or how it stands tells of no pause."""
    BY_HAND = auto()
    """It is paused, and libvirt gives no reason that nobody can have wanted."""
    DISK = auto()
    WATCHDOG = auto()
    API = auto()
    POSTCOPY = auto()
    STILL_UP = auto()
    """It is still up, in the same life, and not seen to run on."""
    OVER = auto()
    """It runs on, has ended, or lives anew."""


_N, _H, _D, _W, _A, _P = Halt

TABLE: Mapping[tuple[Halt, Pause], Halt] = {
    (before, pause): after
    for pause, row in {
        Pause.OTHER: (_N, _H, _D, _W, _A, _P),
        # What somebody pauses that has failed does not run on with that.
        Pause.BY_HAND: (_H, _H, _D, _W, _A, _P),
        Pause.DISK: (_D, _D, _D, _D, _D, _D),
        Pause.WATCHDOG: (_W, _W, _W, _W, _W, _W),
        Pause.API: (_A, _A, _A, _A, _A, _A),
        Pause.POSTCOPY: (_P, _P, _P, _P, _P, _P),
        Pause.STILL_UP: (_N, _H, _D, _W, _A, _P),
        Pause.OVER: (_N, _N, _N, _N, _N, _N),
    }.items()
    for before, after in zip(Halt, row, strict=True)
}
"""(why it stands still, what has come) -> the next; whole."""

WORDS: Mapping[Halt, str] = {
    Halt.NONE: "",
    Halt.PAUSED: "",
    Halt.DISK: "one of its disks has failed",
    Halt.WATCHDOG: "its watchdog has fired",
    Halt.API: "libvirt could not let it run on after an operation that had failed",
    Halt.POSTCOPY: "its live migration by post-copy has failed, with a part of its memory on each host",
}
"""Why, for people, if nobody wanted that."""


def move(before: Halt, pause: Pause) -> Halt:
    """The next; the table is whole."""
    return TABLE[before, pause]


class Bidding(Enum):
    """Who has bidden it end."""

    NOBODY = auto()
    """Nobody past libvirt, as far as is known."""
    SIGNAL = auto()
    """A signal to its QEMU; it has not ended yet."""


class Word(Enum):
    """What moves it."""

    SIGNALLED = auto()
    """libvirt tells of a shutdown that came from the host."""
    SHUTDOWN = auto()
    """libvirt tells of one that came from its guest, or was asked for."""
    STILL_UP = auto()
    """It is still up, in the same life."""
    OVER = auto()
    """It has ended, or lives anew."""


_NB, _S = Bidding

BIDDINGS: Mapping[tuple[Bidding, Word], Bidding] = {
    (before, word): after
    for word, row in {
        Word.SIGNALLED: (_S, _S),
        Word.SHUTDOWN: (_NB, _NB),
        Word.STILL_UP: (_NB, _S),
        Word.OVER: (_NB, _NB),
    }.items()
    for before, after in zip(Bidding, row, strict=True)
}
"""(who has bidden it end, what has come) -> the next; whole."""


def move_bidding(before: Bidding, word: Word) -> Bidding:
    """The next; the table is whole."""
    return BIDDINGS[before, word]
