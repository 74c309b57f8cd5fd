"""How a libvirt stands: can it be heard, was it read, can anything have been missed there since? One table. Pure.

After a start nobody who seems to be dead is accused before every libvirt was read once, or the time for that is over.
A look counts, on disk, too, when no reading of it waits any more. From then on nothing is missed there, until it cannot
be heard.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto


class Connection(Enum):
    """How a libvirt stands; those that are away are as one that can be heard is without that."""

    AWAITED = auto()
    """It was not read since the start, and is waited for: who seems to be dead at another one may live here."""
    UNREAD = auto()
    """It was not read since the start, and is not, or no longer, waited for."""
    READ = auto()
    """It was read for the first time since the start, and a reading of it waits for another libvirt."""
    READ_AGAIN = auto()
    """A reading of its last look waits likewise; an earlier look is on disk."""
    READ_MISSED = auto()
    """It was read for the first time, a reading waits, and it was away since, so that the reading may be outdated."""
    READ_AGAIN_MISSED = auto()
    """Likewise; an earlier look is on disk."""
    BEHIND = auto()
    """A look since the start is on disk, and something may have been missed since, or another look is being judged."""
    SETTLED = auto()
    """Nothing can have been missed since its last look."""
    AWAY_AWAITED = auto()
    AWAY_UNREAD = auto()
    AWAY_READ = auto()
    AWAY_READ_AGAIN = auto()
    AWAY_BEHIND = auto()

    @property
    def is_away(self) -> bool:
        """Whether it cannot be heard."""
        return self in _AWAY

    @property
    def is_awaited(self) -> bool:
        """Whether its first look since the start is waited for."""
        return self in (Connection.AWAITED, Connection.AWAY_AWAITED)

    @property
    def is_read(self) -> bool:
        """Whether it was read since the start."""
        return self not in _NEVER_READ

    @property
    def is_due(self) -> bool:
        """Whether its last look is not on disk yet, since a reading of it waits or has just been judged."""
        return self in _DUE

    @property
    def is_outdated(self) -> bool:
        """Whether a reading of its last look waits, and something may have been missed since it was made."""
        return self in _MISSED

    @property
    def is_noted(self) -> bool:
        """Whether a look since the start is on disk."""
        return self in _NOTED


class Shift(Enum):
    """What moves it."""

    LOST = auto()
    """It cannot be heard, or no list of its instances can be had; again, too."""
    HEARD = auto()
    """It is heard again."""
    GIVEN_UP = auto()
    """The time in which those that were not read are waited for is over."""
    BEGINS = auto()
    """A census of it is about to be judged."""
    TAKEN = auto()
    """A census of it was judged, but for readings that wait."""
    JUDGED = auto()
    """None of its readings waits any more: that is noted on disk, if it says something new there."""


_A, _U, _R, _RA, _RM, _RAM, _B, _S, _AA, _AU, _AR, _ARA, _AB = Connection
_AWAY = frozenset((_AA, _AU, _AR, _ARA, _AB))
_NEVER_READ = frozenset((_A, _U, _AA, _AU))
_MISSED = frozenset((_RM, _RAM, _AR, _ARA))
_DUE = frozenset((_R, _RA)) | _MISSED
_NOTED = frozenset((_RA, _RAM, _B, _S, _ARA, _AB))

TABLE: Mapping[tuple[Connection, Shift], Connection] = {
    (before, shift): after
    for shift, row in {
        Shift.LOST: (_AA, _AU, _AR, _ARA, _AR, _ARA, _AB, _AB, _AA, _AU, _AR, _ARA, _AB),
        Shift.HEARD: (_A, _U, _R, _RA, _RM, _RAM, _B, _S, _A, _U, _RM, _RAM, _B),
        Shift.GIVEN_UP: (_U, _U, _R, _RA, _RM, _RAM, _B, _S, _AU, _AU, _AR, _ARA, _AB),
        # As long as it is judged, what is told of one of its instances may be told of another one in a moment.
        Shift.BEGINS: (_A, _U, _R, _RA, _RM, _RAM, _B, _B, _AA, _AU, _AR, _ARA, _AB),
        Shift.TAKEN: (_R, _R, _R, _RA, _R, _RA, _RA, _RA, _AR, _AR, _AR, _ARA, _ARA),
        # One that is away may be read all the same; what happens there meanwhile is missed.
        Shift.JUDGED: (_A, _U, _S, _S, _B, _B, _B, _S, _AA, _AU, _AB, _AB, _AB),
    }.items()
    for before, after in zip(Connection, row, strict=True)
}
"""(how it stands, what has come) -> the next; whole."""


def move(before: Connection, shift: Shift) -> Connection:
    """The next; the table is whole."""
    return TABLE[before, shift]


@dataclass(frozen=True, slots=True)
class Libvirt:
    """One libvirt: how it stands; of one that is away what was seen of that, and since which monotonic second.

    `read_at`: when it was read last (seconds since 1970; 0: it was not since the start).
    """

    sight: Connection = Connection.UNREAD
    reason: str = ""
    since: float = 0.0
    read_at: float = 0.0

    def shifted(self, shift: Shift) -> "Libvirt":
        """With what that means for how it stands."""
        return replace(self, sight=move(self.sight, shift))
