"""Where an instance stands and what moves it: one table, and nothing else moves it.

Pure. Whatever is seen of an instance, an event of libvirt's, a reading, its absence, is first turned into one `Fact`
(`facts.py`); `TABLE` says for each phase and each fact what follows: the next phase, and what is to be done. It is
whole: every fact can meet every phase, since events are lost and answers come late. The diagram of
docs/instancemonitor.rst is drawn from it.

A report is for one life of an instance that was seen up, so only UP (and UNSURE, which was UP) can fail; what never
ran here, a start that fails or a live migration that is aborted, ends without a report. What was reported and not
delivered is withdrawn by everything that ends the outage.
"""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from enum import Enum, StrEnum, auto


class Phase(StrEnum):
    """Where an instance stands."""

    UP = "up"
    """Its QEMU lives, as far as is known."""
    ARRIVING = "arriving"
    """A live migration comes in: the instance still runs on its source, its end here is no failure."""
    DOWN = "down"
    """Off because somebody wanted it so, or off since before we watched; not kept on disk."""
    UNSURE = "unsure"
    """It was up when last seen and is off now, and whether it died cannot be told: an alarm, no report."""
    PANICKED = "panicked"
    """Reported: the guest crashed, its QEMU still lives."""
    FAILED = "failed"
    """Reported: its QEMU is gone."""
    REMOVED = "removed"
    """Reported, and its definition was removed since: it was moved away or deleted, or is about to be started anew, for
    which nova defines it again. What is not delivered waits until that is known."""
    VANISHED = "vanished"
    """Reported: the guest crashed, its QEMU was kept, and has ended unheard and without a definition, by itself or by
    somebody who may have started it elsewhere. What is not delivered waits until that is known."""


DEAD = (Phase.PANICKED, Phase.FAILED, Phase.REMOVED, Phase.VANISHED)
"""Reported, and not seen to run since."""


class Leaving(Enum):
    """Whether a live migration takes it away, so that its guest may go on elsewhere whatever becomes of its QEMU."""

    NO = auto()
    MAYBE = auto()
    """libvirt says that a live migration holds it, and so it says of one that was brought back from a file and is kept
    paused; which of them it is was told by events that may have been missed. Its log can tell. Of one that may be
    arriving: likewise, but its log cannot."""
    YES = auto()
    """libvirt has told of its migration."""


class Fact(StrEnum):
    """What was seen of an instance, whoever saw it."""

    LIVES = "lives"
    """Its guest runs here."""
    STANDS = "stands"
    """Its QEMU lives and its guest, which has run here, is paused."""
    ARRIVES = "arrives"
    """A live migration brings it here; it runs elsewhere until it has arrived."""
    STARTING = "is being started"
    """Which may fail."""
    PANICKED = "panicked"
    """Its guest has crashed, its QEMU lives."""
    ENDED = "ended"
    """libvirt tells that a QEMU of it has ended and nobody asked for that, not whether a guest ran in it."""
    DIED = "died"
    """The life that was last seen is over, and nobody ended it."""
    STOPPED = "stopped"
    """Somebody ended it on purpose."""
    UNDEFINED = "undefined"
    """libvirt forgets its definition: for good if it is off, else as soon as its QEMU ends."""
    LEFT = "left"
    """libvirt does not know it any more."""
    VANISHED = "vanished"
    """libvirt does not know it any more, which had no definition of it: its QEMU has ended, and nothing tells why."""
    UNSURE = "cannot be told"
    """It is off, and what is seen of it does not tell why."""
    HOST_RESTARTED = "host restarted"
    """It is off, or gone, and what was seen of it was seen before its host was restarted: it may run elsewhere."""
    EITHER = "kept after its crash, or started again"
    """A QEMU of one whose crash is reported lives: the one that was kept, or that of a later life that nobody saw."""
    ORPHANED = "off, with a living QEMU"
    """libvirt calls it off, but its QEMU lives: the next start makes a second copy."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A fact, the sentence that tells why it is one, and what was seen.

    `news`: libvirt told it as it happened. `leaves`: whether its guest is held here for the end of a live migration.
    `lost`: that nobody here will ever know more of one that may be down still, so a person must look.
    """

    fact: Fact
    why: str
    evidence: str = ""
    _: KW_ONLY
    news: bool = False
    leaves: Leaving = Leaving.NO
    lost: bool = False


class Act(StrEnum):
    """What is to be done with a move."""

    REPORT = "report the death"
    WITHDRAW = "withdraw what is not delivered"
    END_STORY = "withdraw its I/O errors"
    SAY_BACK = "say that it is back"
    SAY_OVER = "say why nobody has to recover it"
    SAY_STOPPED = "say that it was planned"
    SAY_ABORTED = "say that it did not arrive"
    ALARM = "raise an alarm"
    FORGET = "forget it"


Move = tuple[Phase, tuple[Act, ...]]

_P, _F, _A = Phase, Fact, Act
_OVER = (_A.WITHDRAW, _A.SAY_OVER)
_BACK = (_A.WITHDRAW, _A.SAY_BACK)

_UP: Mapping[Fact, Move] = {
    _F.LIVES: (_P.UP, ()),
    _F.STANDS: (_P.UP, ()),
    _F.ARRIVES: (_P.ARRIVING, (_A.END_STORY,)),
    _F.STARTING: (_P.UP, ()),
    _F.PANICKED: (_P.PANICKED, (_A.REPORT,)),
    _F.ENDED: (_P.FAILED, (_A.REPORT,)),
    _F.DIED: (_P.FAILED, (_A.REPORT,)),
    _F.STOPPED: (_P.DOWN, (_A.END_STORY, _A.SAY_STOPPED)),
    # nova's live snapshot takes a running instance's definition away for a while
    _F.UNDEFINED: (_P.UP, ()),
    _F.LEFT: (_P.DOWN, (_A.END_STORY, _A.SAY_STOPPED, _A.FORGET)),
    _F.VANISHED: (_P.UNSURE, (_A.END_STORY, _A.ALARM)),
    _F.UNSURE: (_P.UNSURE, (_A.END_STORY, _A.ALARM)),
    _F.HOST_RESTARTED: (_P.UNSURE, (_A.END_STORY, _A.ALARM)),
    _F.ORPHANED: (_P.UNSURE, (_A.ALARM,)),
    _F.EITHER: (_P.UP, (_A.ALARM,)),
}
_ARRIVING: Mapping[Fact, Move] = {
    _F.LIVES: (_P.UP, ()),
    _F.STANDS: (_P.UP, ()),
    _F.ARRIVES: (_P.ARRIVING, ()),
    _F.STARTING: (_P.ARRIVING, ()),
    _F.PANICKED: (_P.PANICKED, (_A.REPORT,)),
    _F.ENDED: (_P.DOWN, (_A.SAY_ABORTED,)),
    _F.DIED: (_P.DOWN, (_A.SAY_ABORTED,)),
    _F.STOPPED: (_P.DOWN, (_A.SAY_STOPPED,)),
    _F.UNDEFINED: (_P.ARRIVING, ()),
    _F.LEFT: (_P.DOWN, (_A.SAY_STOPPED, _A.FORGET)),
    # it may never have run here, so nothing that is read later of it may be reported
    _F.VANISHED: (_P.DOWN, (_A.ALARM,)),
    _F.UNSURE: (_P.DOWN, (_A.ALARM,)),
    _F.HOST_RESTARTED: (_P.DOWN, (_A.ALARM,)),
    _F.ORPHANED: (_P.ARRIVING, (_A.ALARM,)),
    _F.EITHER: (_P.ARRIVING, (_A.ALARM,)),
}
_DOWN: Mapping[Fact, Move] = {
    _F.LIVES: (_P.UP, ()),
    _F.STANDS: (_P.UP, ()),
    _F.ARRIVES: (_P.ARRIVING, ()),
    _F.STARTING: (_P.DOWN, ()),
    _F.PANICKED: (_P.PANICKED, (_A.REPORT,)),
    # of a life that nobody saw: a start or a migration that failed, as far as is known
    _F.ENDED: (_P.DOWN, ()),
    _F.DIED: (_P.DOWN, ()),
    _F.STOPPED: (_P.DOWN, ()),
    _F.UNDEFINED: (_P.DOWN, ()),
    _F.LEFT: (_P.DOWN, (_A.FORGET,)),
    _F.VANISHED: (_P.DOWN, (_A.ALARM,)),
    _F.UNSURE: (_P.DOWN, (_A.ALARM,)),
    _F.HOST_RESTARTED: (_P.DOWN, (_A.ALARM,)),
    _F.ORPHANED: (_P.DOWN, (_A.ALARM,)),
    _F.EITHER: (_P.DOWN, (_A.ALARM,)),
}
_UNSURE: Mapping[Fact, Move] = {
    _F.LIVES: (_P.UP, ()),
    _F.STANDS: (_P.UP, ()),
    _F.ARRIVES: (_P.ARRIVING, ()),
    _F.STARTING: (_P.UNSURE, ()),
    _F.PANICKED: (_P.PANICKED, (_A.REPORT,)),
    # a start that failed: the life in question was over before
    _F.ENDED: (_P.UNSURE, ()),
    _F.DIED: (_P.FAILED, (_A.REPORT,)),
    _F.STOPPED: (_P.DOWN, (_A.SAY_STOPPED,)),
    # whether for good, the next censuses tell
    _F.UNDEFINED: (_P.UNSURE, ()),
    _F.LEFT: (_P.DOWN, (_A.SAY_STOPPED, _A.FORGET)),
    _F.VANISHED: (_P.UNSURE, (_A.ALARM,)),
    _F.UNSURE: (_P.UNSURE, (_A.ALARM,)),
    _F.HOST_RESTARTED: (_P.UNSURE, (_A.ALARM,)),
    _F.ORPHANED: (_P.UNSURE, (_A.ALARM,)),
    _F.EITHER: (_P.UNSURE, (_A.ALARM,)),
}
_PANICKED: Mapping[Fact, Move] = {
    _F.LIVES: (_P.UP, _BACK),
    # QEMU keeps a crashed guest for a post-mortem, paused
    _F.STANDS: (_P.PANICKED, ()),
    _F.ARRIVES: (_P.ARRIVING, _OVER),
    _F.STARTING: (_P.PANICKED, ()),
    _F.PANICKED: (_P.PANICKED, ()),
    _F.ENDED: (_P.FAILED, ()),
    _F.DIED: (_P.FAILED, ()),
    _F.STOPPED: (_P.DOWN, _OVER),
    _F.UNDEFINED: (_P.PANICKED, ()),
    _F.LEFT: (_P.DOWN, (*_OVER, _A.FORGET)),
    # by itself or by somebody, who may have had it started elsewhere
    _F.VANISHED: (_P.VANISHED, (_A.ALARM,)),
    # another life may have ended, unseen
    _F.UNSURE: (_P.FAILED, (_A.ALARM,)),
    _F.HOST_RESTARTED: (_P.UNSURE, (_A.WITHDRAW, _A.ALARM)),
    # as one that has failed: masakari would start a second copy beside that QEMU
    _F.ORPHANED: (_P.UNSURE, (_A.WITHDRAW, _A.ALARM)),
    _F.EITHER: (_P.PANICKED, (_A.ALARM,)),
}
_FAILED: Mapping[Fact, Move] = {
    _F.LIVES: (_P.UP, _BACK),
    _F.STANDS: (_P.UP, _BACK),
    _F.ARRIVES: (_P.ARRIVING, _OVER),
    _F.STARTING: (_P.FAILED, ()),
    # of a life that began unseen
    _F.PANICKED: (_P.PANICKED, (_A.WITHDRAW, _A.REPORT)),
    _F.ENDED: (_P.FAILED, ()),
    _F.DIED: (_P.FAILED, ()),
    _F.STOPPED: (_P.DOWN, _OVER),
    # nova starts one that is off by removing its definition and making it anew, and that start may fail
    _F.UNDEFINED: (_P.REMOVED, ()),
    _F.LEFT: (_P.DOWN, (*_OVER, _A.FORGET)),
    # its QEMU was gone already
    _F.VANISHED: (_P.FAILED, ()),
    _F.UNSURE: (_P.FAILED, (_A.ALARM,)),
    # its host may have been recovered meanwhile, and with it this one, elsewhere
    _F.HOST_RESTARTED: (_P.UNSURE, (_A.WITHDRAW, _A.ALARM)),
    _F.ORPHANED: (_P.UNSURE, (_A.WITHDRAW, _A.ALARM)),
    _F.EITHER: (_P.FAILED, (_A.ALARM,)),
}
_REMOVED: Mapping[Fact, Move] = {
    **_FAILED,
    _F.STARTING: (_P.REMOVED, ()),
    _F.EITHER: (_P.REMOVED, (_A.ALARM,)),
    _F.VANISHED: (_P.REMOVED, ()),
}
_VANISHED: Mapping[Fact, Move] = {
    **_FAILED,
    _F.STARTING: (_P.VANISHED, ()),
    # the same one; a later one, which has another number, was seen to live before
    _F.PANICKED: (_P.PANICKED, ()),
    _F.EITHER: (_P.PANICKED, (_A.ALARM,)),
    _F.VANISHED: (_P.VANISHED, ()),
}

TABLE: Mapping[tuple[Phase, Fact], Move] = {
    (phase, fact): move
    for phase, moves in (
        (_P.UP, _UP),
        (_P.ARRIVING, _ARRIVING),
        (_P.DOWN, _DOWN),
        (_P.UNSURE, _UNSURE),
        (_P.PANICKED, _PANICKED),
        (_P.FAILED, _FAILED),
        (_P.REMOVED, _REMOVED),
        (_P.VANISHED, _VANISHED),
    )
    for fact, move in moves.items()
}
"""(phase, fact) -> (next phase, what is to be done)."""


def move(phase: Phase, fact: Fact) -> Move:
    """The next phase, and what is to be done; the table is whole."""
    return TABLE[phase, fact]
