"""What tells of the end of an instance that its libvirt does not tell of, or does not know any more? Two tables. Pure.

Two things may: that its process was seen to end while nobody could be heard to stop it, and what the disk tells
(`Trace`). What libvirtd has written down there says who ended it, and so outranks that its process is gone.
As long as it is open what the disk tells, one that was defined is not taken for one that has left.
"""

from collections.abc import Mapping
from enum import Enum, auto


class Ending(Enum):
    """What tells of its end."""

    OPEN = auto()
    """Nothing, or it has not ended as far as is known."""
    ENDED = auto()
    """Its process ended while its libvirtd was away or fell silent, and nobody is known to have stopped it."""
    ENDED_MUTE = auto()
    """So it did, and the disk tells nothing of that, although it should."""
    ENDED_CRASHED = auto()
    """So it did, and the disk says that it crashed, before or after its definition was removed."""
    MUTE = auto()
    """The disk tells nothing, although it should."""
    CRASHED = auto()
    """The disk says that it crashed, before or after its definition was removed."""
    STOPPED = auto()
    """The disk says that somebody ended it on purpose."""

    @property
    def has_ended(self) -> bool:
        """Whether its process was seen to end, and nobody is known to have stopped it."""
        return self in (Ending.ENDED, Ending.ENDED_MUTE, Ending.ENDED_CRASHED)

    @property
    def is_mute(self) -> bool:
        """Whether the disk tells nothing, although it should."""
        return self in (Ending.MUTE, Ending.ENDED_MUTE)

    @property
    def is_crash(self) -> bool:
        """Whether the disk says that it crashed, before or after its definition was removed."""
        return self in (Ending.CRASHED, Ending.ENDED_CRASHED)


class Sign(Enum):
    """What moves it."""

    PROCESS = auto()
    """Its process ends unheard, or libvirt tells of its end and not what became of its guest."""
    SEEN = auto()
    """It is seen to be here."""
    OUTLIVED = auto()
    """Its libvirt shows a life whose process is known to have ended: it has not found that out yet."""
    READ = auto()
    """A reading tells how it stands, so that what the disk told while none did counts no more."""
    UNDEFINED = auto()
    """It is off, and its definition is removed: that does not make it vanish by dying."""
    CRASHED = auto()
    """The disk says that its last life, which is known, crashed."""
    CRASHED_ONCE = auto()
    """It says that of one that may have been defined again since, or had a definition that somebody has removed."""
    STOPPED = auto()
    """The disk says that somebody ended it on purpose."""
    NOTHING = auto()
    """The disk tells nothing that matters."""
    MUTE = auto()
    """The disk tells nothing, although it should."""


_O, _E, _EM, _EC, _M, _C, _S = Ending

TABLE: Mapping[tuple[Ending, Sign], Ending] = {
    (before, sign): after
    for sign, row in {
        Sign.PROCESS: (_E, _E, _EM, _EC, _EM, _EC, _S),
        Sign.SEEN: (_O, _O, _O, _O, _O, _O, _O),
        Sign.OUTLIVED: (_E, _E, _E, _E, _E, _E, _E),
        Sign.READ: (_O, _E, _E, _E, _O, _O, _O),
        Sign.UNDEFINED: (_O, _O, _M, _C, _M, _C, _S),
        Sign.CRASHED: (_E, _E, _E, _E, _E, _E, _E),
        Sign.CRASHED_ONCE: (_C, _EC, _EC, _EC, _C, _C, _C),
        Sign.STOPPED: (_S, _S, _S, _S, _S, _S, _S),
        Sign.NOTHING: (_O, _E, _E, _E, _O, _O, _O),
        Sign.MUTE: (_M, _EM, _EM, _EM, _M, _M, _M),
    }.items()
    for before, after in zip(Ending, row, strict=True)
}
"""(what was known of its end, what has come) -> the next; whole."""


def move(before: Ending, sign: Sign) -> Ending:
    """The next; the table is whole."""
    return TABLE[before, sign]


class Question(Enum):
    """What the disk tells of it."""

    NONE = auto()
    """Nobody waits for that."""
    OPEN = auto()
    """It was asked for, and is not known yet."""


class Step(Enum):
    """What moves it."""

    ASKED = auto()
    """It is not listed for the first time, and asked for."""
    ANSWERED = auto()
    """The answer has come, whatever it says."""
    LISTED = auto()
    """Its libvirt lists it: what the disk would tell of its end does not matter any more."""


_N, _Q = Question

QUESTIONS: Mapping[tuple[Question, Step], Question] = {
    (before, step): after
    for step, row in {
        Step.ASKED: (_Q, _Q),
        Step.ANSWERED: (_N, _N),
        Step.LISTED: (_N, _N),
    }.items()
    for before, after in zip(Question, row, strict=True)
}
"""(question, step) -> the next; whole."""


def move_question(before: Question, step: Step) -> Question:
    """The next; the table is whole."""
    return QUESTIONS[before, step]
