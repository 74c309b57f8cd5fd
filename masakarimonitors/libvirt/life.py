"""Is what is seen of an instance the life that is known of it, or another one? One table. Pure.

A life is named by libvirt's number of the running domain and, where libvirt's pidfiles can be seen, by when its QEMU
was begun. One libvirtd gives no number twice. But one that is started anew counts on from the highest number that lives
then, so that a later life of the same instance may have the number of the one before: another number proves another
life, the same one proves the same life only where nothing can have been missed in between. When its QEMU was begun
stays as long as it lives, whoever counts.
"""

from collections.abc import Mapping
from enum import Enum, auto


class Number(Enum):
    """libvirt's number of what is seen, beside that of the life that is known."""

    UNTOLD = auto()
    """One of them has none: it is off, or known from another boot of its host."""
    SAME = auto()
    OTHER = auto()


class Birth(Enum):
    """When its QEMU was begun, beside when that of the life that is known was."""

    UNSEEN = auto()
    """It cannot be seen now: it is at another host, or the folder of pidfiles cannot be searched."""
    NEW = auto()
    """It is seen now, and was not before, as by an earlier release."""
    SAME = auto()
    OTHER = auto()


class Likeness(Enum):
    """Whether it is the life that is known."""

    SAME = auto()
    ANOTHER = auto()
    UNTOLD = auto()
    """It cannot be told."""


_S, _A, _U = Likeness

TABLE: Mapping[tuple[Number, Birth, bool], Likeness] = {
    (number, birth, heard): likeness
    for (number, heard), row in {
        (Number.UNTOLD, True): (_U, _U, _U, _U),
        (Number.UNTOLD, False): (_U, _U, _U, _U),
        (Number.SAME, True): (_S, _S, _S, _A),
        (Number.SAME, False): (_U, _S, _S, _A),
        (Number.OTHER, True): (_A, _A, _A, _A),
        (Number.OTHER, False): (_A, _A, _A, _A),
    }.items()
    for birth, likeness in zip(Birth, row, strict=True)
}
"""(number, birth, whether all of its events were heard in between) -> the likeness; whole."""


Life = tuple[int, int] | tuple[str, int]
"""libvirt's number, or a name made of that and of the boot of its host; and when its QEMU was begun (nanoseconds since
1970). Zero or nothing for what is not known."""


def compare(known: Life, seen: Life, *, heard: bool) -> Likeness:
    """Two lives of one instance; `heard`: whether all of its events were heard in between."""
    (run, born), (run_now, born_now) = known, seen
    number = Number.SAME if run == run_now else Number.OTHER
    if not run or not run_now:
        number = Number.UNTOLD
    birth = Birth.SAME if born == born_now else Birth.OTHER
    if not born_now:
        birth = Birth.UNSEEN
    elif not born:
        birth = Birth.NEW
    return TABLE[number, birth, heard]


def is_another(known: Life, seen: Life) -> bool:
    """Whether it is another life for certain: what was heard in between has no part in that."""
    return compare(known, seen, heard=False) is Likeness.ANOTHER


def born(known: Life, seen: Life) -> int:
    """When the QEMU of what is seen was begun: what does not tell it tells of no other one, unless its number does."""
    return known[1] if not seen[1] and seen[0] == known[0] else seen[1]
