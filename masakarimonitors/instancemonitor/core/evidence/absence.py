"""What it proves that a libvirt does not list an instance: nothing the first time, then one fact of `lifecycle.py`.

Pure. One that is defined is missing when somebody has moved it away or deleted it; one that has no definition
vanishes by dying, too. Of that one what is known of its end must tell. Where nothing does, it stays a question, until
it has been one for so long that nobody waits for the answer any more.
"""

from masakarimonitors.core.decision import Instant
from masakarimonitors.instancemonitor.core.evidence.facts import OUTDATED
from masakarimonitors.instancemonitor.core.lifecycle import Fact, Leaving, Phase, Seen
from masakarimonitors.instancemonitor.core.sight.ending import Ending
from masakarimonitors.instancemonitor.core.state import Instance
from masakarimonitors.instancemonitor.core.told import Fate

_KEEP_TRANSIENT = 86400.0
"""Seconds for which an instance that vanished by dying, or may have, stays known where no report of it waits."""
_KEEP_UNTOLD = 7 * 86400.0
"""Likewise, of one whose report masakari did not take: nobody but a person recovers it, who may be back on Monday."""
_DIED_ASIDE = Seen(
    Fact.DIED,
    "its QEMU process ended while libvirtd was away, or just before that, and nobody had stopped it",
    "process gone, not defined",
)
_CRASHED_ASIDE = Seen(
    Fact.VANISHED,
    "its guest has crashed, which is reported, and libvirt, which had no definition of it, does not know it any more: "
    "nothing tells whether its QEMU has ended by itself or somebody has ended it, and had it started elsewhere. So its "
    "report, if not delivered, waits: look where it runs, and recover it by hand if it runs nowhere",
    "not defined",
)
_STOPPED_ASIDE = Seen(
    Fact.LEFT, "libvirt no longer knows it, and its log says that somebody ended it", "not defined"
)
_UNTOLD_FOR_A_DAY = Seen(
    Fact.LEFT,
    "libvirt has not listed it for a day, and nothing has told whether it died or was moved away",
    "not defined",
)
_DEAD_FOR_A_DAY = Seen(
    Fact.LEFT,
    "it died a day ago or more, its report has ended, and libvirt, which has no definition of it, has not listed it "
    "since",
    "not defined",
)
_UNTOLD_FOR_A_WEEK = Seen(
    Fact.LEFT,
    "it died a week ago and masakari never took the report of that; libvirt, which has no definition of it, has not "
    "listed it since, so that nobody sees here whether a person has recovered it",
    "not defined",
    lost=True,
)
_UNHEARD_OF = Seen(
    Fact.LEFT,
    "it died a week ago or more, and what became of its report was never heard: it is not in the outbox any more, or "
    "waits there for longer than any report should; libvirt, which has no definition of it, has not listed it since: "
    "look whether it was recovered",
    "not defined",
    lost=True,
)


def of_absence(known: Instance, *, now: Instant, expiry: float) -> Seen | None:
    """What it proves that libvirt did not list the instance, twice in a row.

    `expiry`: seconds for which a report waits at most.
    """
    left = Seen(Fact.LEFT, "libvirt no longer knows it: it was moved away or deleted")
    crashed = known.phase in (Phase.PANICKED, Phase.VANISHED)
    if known.phase is Phase.ARRIVING and known.ending.has_ended:
        why = "its QEMU has ended, and whether its live migration to this host was completed before cannot be told"
        return Seen(Fact.UNSURE, why, "not defined")
    if known.phase is Phase.UP and known.ending.is_mute and known.unwatched and not known.before_reboot:
        why = "libvirt no longer knows it, and its log tells nothing: it was moved away or deleted, or it died before"
        return Seen(Fact.UNSURE, why, "not defined, log silent")
    if known.phase is Phase.UP and known.ending.is_crash:
        why = "libvirt no longer knows it, and its log says that it crashed, before or after somebody removed it"
        return Seen(Fact.UNSURE, why, "not defined, log: crashed")
    if known.phase is Phase.UNSURE and known.held:
        if _ago(known, known.held, now) >= _KEEP_TRANSIENT:
            return _UNTOLD_FOR_A_DAY
        return _DIED_ASIDE if _vanished_by_dying(known) else None
    if crashed and not known.before_reboot and _may_have_died_aside(known):
        return _of_crashed(known, now, expiry)
    if known.defined is not False:
        return left
    # Its definition had been removed while it ran, so that its death, too, makes it vanish.
    if (crashed or known.phase is Phase.FAILED) and known.before_reboot:
        return Seen(Fact.HOST_RESTARTED, OUTDATED, "not defined")
    if crashed:
        return _of_crashed(known, now, expiry)
    if known.phase is Phase.FAILED:
        return _of_vanished(known, now, expiry)
    if known.phase is Phase.UP and _vanished_by_dying(known):
        return _DIED_ASIDE
    # One whose QEMU has ended while it was held for its migration stays in question, too.
    left_open = known.phase is Phase.UNSURE and known.leaving is not Leaving.NO
    if (known.phase is Phase.UP or left_open) and (known.unwatched or known.ending is not Ending.STOPPED):
        # Whoever ends it or moves it has libvirt tell so. A libvirtd that has just started tells nobody of a QEMU that
        # it finds dead, and until then it lists it as it was.
        why = "libvirt no longer knows it, which had no definition of it, and nobody saw why it ended"
        return Seen(Fact.UNSURE, why, "not defined")
    return left


def _may_have_died_aside(known: Instance) -> bool:
    """Whether a kept crashed guest, which had a definition when it was last heard of, may have vanished by its end.

    A live snapshot may have taken its definition away unheard: where its log tells of an end by itself, or nothing,
    that it was removed on purpose cannot be told.
    """
    return known.phase is Phase.VANISHED or (
        known.unwatched and (known.ending.is_crash or known.ending.is_mute)
    )


def _of_crashed(known: Instance, now: Instant, expiry: float) -> Seen | None:
    """What follows of one whose crashed guest was kept without a definition, and that has vanished.

    Its report may be of one that somebody has ended since, and had started elsewhere.
    """
    if known.ending is Ending.STOPPED:
        return _STOPPED_ASIDE
    if _vanished_by_dying(known):
        return _DIED_ASIDE
    return _CRASHED_ASIDE if known.phase is Phase.PANICKED else _of_vanished(known, now, expiry)


def _of_vanished(known: Instance, now: Instant, expiry: float) -> Seen | None:
    """What follows of one that died without a definition, and that its libvirt so cannot list any more."""
    ago = _ago(known, known.held or known.made or known.reported, now)
    match known.fate:
        case Fate.PENDING:
            # It may still be delivered, and that nobody lists it says nothing against it. But the outbox may have lost
            # it, or its end: then nothing more is ever told of it.
            return _UNHEARD_OF if ago >= max(_KEEP_UNTOLD, expiry + _KEEP_TRANSIENT) else None
        case Fate.NOT_TAKEN:
            return _UNTOLD_FOR_A_WEEK if ago >= _KEEP_UNTOLD else None
    return _DEAD_FOR_A_DAY if ago >= _KEEP_TRANSIENT else None


def _vanished_by_dying(known: Instance) -> bool:
    """Whether the end of its process made it vanish; one that is defined vanishes only when somebody removes it."""
    vanishes = known.defined is False and not known.before_reboot
    return known.ending.has_ended and vanishes and known.leaving is Leaving.NO


def _ago(known: Instance, noted: float, now: Instant) -> float:
    """Seconds since what was noted at `noted` (seconds since 1970), whatever was done to the wall clock meanwhile."""
    return now.wall.timestamp() - noted if known.noted_at is None else now.monotonic - known.noted_at
