"""From what was seen to one word for it: events and readings become the facts of `lifecycle.py`.

Pure. Here stands what each thing that can be seen proves, and what it does not. An event says what happened; a
reading says only what is, and is judged against what was known of the instance before. What proves nothing becomes no
fact. What is not seen any more has a module of its own (`absence.py`).
"""

from enum import Enum, auto

from masakarimonitors.instancemonitor.core.evidence import leaving, shutoff
from masakarimonitors.instancemonitor.core.evidence.shutoff import Fate
from masakarimonitors.instancemonitor.core.lifecycle import DEAD, Fact, Leaving, Phase, Seen
from masakarimonitors.instancemonitor.core.observation import (
    Departure,
    DomainEvent,
    Failed,
    Identity,
    LifecycleChanged,
    Power,
    Reading,
    Rebooted,
    Trace,
)
from masakarimonitors.instancemonitor.core.state import Instance
from masakarimonitors.libvirt.domain_state import (
    Crashed,
    Lifecycle,
    ShutoffReason,
    Started,
    Stopped,
)
from masakarimonitors.libvirt.life import Likeness

_STOPPED: dict[int, str] = {
    Stopped.SHUTDOWN: "it was shut down",
    Stopped.DESTROYED: "it was switched off",
    Stopped.MIGRATED: "it was migrated to another host",
    Stopped.SAVED: "it was saved to disk",
    Stopped.FROM_SNAPSHOT: "it was set back to an inactive snapshot",
}


def of_event(seen: DomainEvent) -> Seen | None:
    """What an event proves of its instance; None for those that tell nothing of its life."""
    if isinstance(seen, Rebooted):
        return Seen(Fact.LIVES, "its guest rebooted", news=True)
    if not isinstance(seen, LifecycleChanged):
        return None
    match (seen.event, seen.detail):
        case (Lifecycle.STARTED, Started.MIGRATED):
            return Seen(Fact.ARRIVES, "a live migration brings it here", news=True)
        case (Lifecycle.STARTED, _):
            return Seen(Fact.LIVES, "it was started", news=True)
        case (Lifecycle.RESUMED, _):
            return Seen(Fact.LIVES, "it runs again", news=True)
        case (Lifecycle.SUSPENDED, detail) if detail not in leaving.OF_MIGRATION:
            return Seen(Fact.STANDS, "it was paused", news=True)
        case (Lifecycle.PMSUSPENDED, _):
            return Seen(Fact.STANDS, "its guest sleeps", news=True)
        case (Lifecycle.CRASHED, Crashed.PANICKED):
            return Seen(Fact.PANICKED, "its guest's kernel panicked", "CRASHED/PANICKED", news=True)
        case (Lifecycle.STOPPED, Stopped.FAILED):
            why = "its QEMU process ended and nobody had asked for it"
            return Seen(Fact.ENDED, why, "STOPPED/FAILED", news=True)
        case (Lifecycle.STOPPED, Stopped.CRASHED):
            why = "its guest crashed, and libvirt ended it as on_crash says"
            return Seen(Fact.ENDED, why, "STOPPED/CRASHED", news=True)
        case (Lifecycle.STOPPED, detail):
            return Seen(Fact.STOPPED, _STOPPED.get(detail, "it was stopped"), f"STOPPED/{detail}", news=True)
        case (Lifecycle.UNDEFINED, _):
            return Seen(Fact.UNDEFINED, "its definition was removed: it was moved away or deleted", news=True)
    return None


def of_reading(reading: Reading, known: Instance, *, looked: float, now: float) -> tuple[Seen, ...]:
    """What a reading proves of an instance that was `known` so; in order, if it proves a life and its end.

    `looked`: when this libvirt was last known to have been looked at (seconds since 1970), so that a life which began
    later was seen by nobody; 0 when it never was. `now` is the wall clock.
    """
    match reading.power:
        case Power.RUNNING if reading.halt is None:
            return (Seen(Fact.LIVES, "libvirt says that it runs"),)
        case Power.PAUSED | Power.RUNNING:
            leaves = Leaving.YES if reading.halt in leaving.OF_MIGRATION else Leaving.NO
            if reading.power is Power.RUNNING:
                leaves = Leaving.NO  # it is at the destination
            stands = Seen(Fact.STANDS, "libvirt says that its QEMU lives", leaves=leaves)
            first, seen = whose(stands, known, reading.instance)
            return (seen,) if first is None else (first, seen)
        case Power.STARTING:
            return (Seen(Fact.STARTING, "libvirt says that it is being started"),)
        case Power.MIGRATING if leaving.is_source(reading, known):
            leaves = leaving.shown(known)
            away = "libvirt says that a live migration takes it away"
            why = "libvirt says that its QEMU lives" if leaves is Leaving.NO else away
            return (Seen(Fact.STANDS, why, leaves=leaves),)
        case Power.MIGRATING if leaving.is_doubtful(reading, known):
            why = "libvirt says that a live migration brings it here, or it came out of a file and is kept paused"
            return (Seen(Fact.ARRIVES, why, leaves=Leaving.MAYBE),)
        case Power.MIGRATING:
            return (Seen(Fact.ARRIVES, "libvirt says that a live migration brings it here"),)
        case Power.PANICKED:
            return _panicked(reading, known, looked, now)
        case Power.OFF:
            return _off(reading, known, looked, now)
    return ()


def trace(traces: Reading, known: Instance) -> Trace:
    """What the disk tells of the life of an instance that was last seen, and whose process has ended."""
    if _may_be_aborted(traces, known):
        return Trace.NONE
    later = 0 < known.since < traces.started
    if shutoff.is_older(traces, known.since) or (later and shutoff.may_be_cut_off(traces)):
        return Trace.MUTE
    fate, _ = shutoff.judge(traces, before_reboot=False)
    if fate is Fate.DIED and known.before_reboot and not shutoff.tells_of_death(traces, known.since):
        return Trace.NONE  # it ended with its host, as far as is known
    return {Fate.DIED: Trace.CRASHED, Fate.PLANNED: Trace.STOPPED}.get(fate, Trace.NONE)


def _may_be_aborted(reading: Reading, known: Instance) -> bool:
    """Whether the last life in its log is a later live migration to this host, which may not have arrived."""
    return reading.arrived and 0 < known.since < reading.started


OUTDATED = (
    "its death was reported before this host was restarted, and it may run elsewhere by now, so what was not delivered "
    "of that is withdrawn; look whether it was recovered"
)
BEGAN = Seen(Fact.LIVES, "it was started again, unseen")
_EITHER = (
    "its guest had crashed, which is reported, and a QEMU of it lives: whether that is the one that was kept after the "
    "crash, or it was started again since, unseen, cannot be told; look at it, and recover it by hand if it was"
)
_UNTOLD = (
    "its death was reported, and whether it has lived here again since, unseen, and died again cannot be told; look "
    "at it"
)


_CUT_OFF = (
    "what is told of its end may be that of a later start, which a restart of libvirtd had cut off, so that its guest "
    "never ran; how the life that was last seen ended is not told"
)


def hides_its_last_life(reading: Reading, known: Instance) -> bool:
    """Whether a reading does not tell how the last life ended of one that may have lived unseen."""
    if reading.power is Power.STARTING:
        return True
    missed = known.unwatched or known.number <= 0 or known.unread
    return known.phase is Phase.DOWN and reading.power is Power.OFF and not reading.log_read and missed


def whose(seen: Seen, known: Instance, identity: Identity) -> tuple[Seen | None, Seen]:
    """What this proves of a guest that had crashed, and whose QEMU was kept: first a life that nobody saw, if it is so.

    Of that very life it says no more than that its QEMU is kept still, paused.
    """
    if known.phase not in (Phase.PANICKED, Phase.VANISHED) or seen.fact not in (Fact.STANDS, Fact.PANICKED):
        return None, seen
    match _likeness(known, identity):
        case Likeness.ANOTHER:
            return BEGAN, seen
        case Likeness.UNTOLD if known.unwatched and known.identity.run and identity.run:
            return None, Seen(Fact.EITHER, _EITHER, seen.evidence)
    return None, seen


def _likeness(known: Instance, identity: Identity) -> Likeness:
    """Whether a QEMU that lives is that of its last life; since a reboot it is not."""
    return Likeness.ANOTHER if known.before_reboot else known.likeness(identity)


class _Whose(Enum):
    """Of which life a reading tells."""

    KNOWN = auto()
    """Of one that was seen, or reported, before; or nothing tells of another one."""
    UNSEEN = auto()
    """Of one that began after all that is known, and was seen by nobody."""
    UNTOLD = auto()
    """Of the one that was reported or of a later one: that cannot be told."""


def _whose(reading: Reading, known: Instance, looked: float, now: float) -> _Whose:
    if reading.started and reading.started == known.life:
        return _Whose.KNOWN
    # Where nothing can have been missed since it died, no clock that was set back makes it another life.
    if known.phase in DEAD and not known.unwatched:
        return _Whose.KNOWN
    floor = max(looked, known.reported)
    # A start that failed and did not get its end into the log is no life.
    if reading.reason is ShutoffReason.FAILED and reading.started and not reading.last_words:
        return _Whose.KNOWN
    # A life that a clock set back lets begin after its own end must not be reported at every look.
    if 0 < floor < reading.started <= now:
        return _Whose.UNSEEN
    # Nor is one known that began after the report, at a look that could not tell.
    told = 0 < reading.started <= known.reported <= now
    return _Whose.UNTOLD if known.phase in DEAD and known.unwatched and not told else _Whose.KNOWN


def _panicked(reading: Reading, known: Instance, looked: float, now: float) -> tuple[Seen, ...]:
    """Its QEMU keeps a crashed guest, which so has run here: the one that was reported, or that of a later life?"""
    crash = Seen(Fact.PANICKED, "its guest had crashed when libvirt was asked", "state CRASHED")
    likeness = _likeness(known, reading.instance)
    # When its QEMU was begun says so; that this is seen now, and was not before, does not.
    same = likeness is Likeness.SAME and known.identity.born > 0
    unseen = not same and _whose(reading, known, looked, now) is _Whose.UNSEEN
    if known.phase in DEAD and (unseen or likeness is Likeness.ANOTHER):
        return BEGAN, crash
    if 0 < reading.started <= known.reported <= now:
        return (crash,)  # by its log the life that is kept began before that report
    return (whose(crash, known, reading.instance)[1],)


def _off(reading: Reading, known: Instance, looked: float, now: float) -> tuple[Seen, ...]:
    last_seen = None if known.phase is Phase.DOWN else known.since
    if known.before_reboot and last_seen is not None:
        last_seen = max(last_seen, known.reported)
    fate, why = shutoff.judge(reading, before_reboot=known.before_reboot, seen=last_seen)
    evidence = shutoff.describe(reading)
    if fate is Fate.ALIVE:
        told = (
            "libvirt says that it is off, but its QEMU process lives: another start makes a second copy of it"
        )
        return (Seen(Fact.ORPHANED, told, evidence),)
    if fate is Fate.PLANNED and known.phase is not Phase.DOWN:
        return (Seen(Fact.STOPPED, why, evidence),)
    died, cut_off = fate is Fate.DIED, shutoff.may_be_cut_off(reading)
    off_before = known.phase in (Phase.DOWN, *DEAD)
    # Its log tells of a later life, or not of which.
    later = not 0 < reading.started <= known.since
    missed = known.phase is Phase.UNSURE or (known.unwatched and known.since > 0)
    if died and cut_off and later and missed and not off_before:
        return (Seen(Fact.UNSURE, _CUT_OFF, evidence),)
    if known.phase is Phase.ARRIVING:
        return _not_arrived(reading, known, looked, fate, why)
    whose = _whose(reading, known, looked, now)
    has_run = not cut_off and not reading.arrived and reading.departure is not Departure.BEGUN
    if died and whose is _Whose.UNSEEN and has_run and off_before:
        return BEGAN, Seen(Fact.DIED, why, evidence)
    if known.phase in DEAD and known.before_reboot:
        return (Seen(Fact.HOST_RESTARTED, OUTDATED, evidence),)
    if known.phase in DEAD:
        return (
            Seen(Fact.DIED, why, evidence) if whose is _Whose.KNOWN else Seen(Fact.UNSURE, _UNTOLD, evidence),
        )
    if whose is not _Whose.UNSEEN and _was_told_before_reboot(known):
        return (Seen(Fact.HOST_RESTARTED, OUTDATED, evidence),)
    if died and known.phase is not Phase.DOWN and _may_be_aborted(reading, known):
        told = "its log tells of a later live migration, which may have been aborted, and not how the life before ended"
        return (Seen(Fact.UNSURE, told, evidence),)
    leaves = leaving.still(reading, known, looked=looked)
    if died and known.phase in (Phase.UP, Phase.UNSURE) and leaves is not Leaving.NO:
        told = leaving.why(leaves, reading)
        return (Seen(Fact.UNSURE, told, evidence),)
    if known.phase is Phase.DOWN:
        return _unknown_life(reading, whose, fate, looked, why)
    return (Seen(Fact.DIED if died else Fact.UNSURE, why, evidence),)


def _was_told_before_reboot(known: Instance) -> bool:
    """Whether its last death is reported, before this host was restarted: it is not reported once more.

    What libvirt knows is of a life since then, but only a libvirt of this very host: that of another one was not
    restarted with it, and tells of the old death as before.
    """
    return known.phase is Phase.UNSURE and known.before_reboot and known.reported > known.since


def _unknown_life(reading: Reading, whose: _Whose, fate: Fate, looked: float, why: str) -> tuple[Seen, ...]:
    """Off, and never seen up: old history, unless it is over, nobody wanted that, and nobody can say when it lived."""
    evidence = shutoff.describe(reading)
    if fate is Fate.UNSURE and whose is _Whose.UNSEEN:
        return (Seen(Fact.UNSURE, f"it was started unseen and is off: {why}; look at it", evidence),)
    if fate is not Fate.DIED or 0 < reading.started <= looked:
        return ()
    told = "it is off after a crash, but was never seen to run here; if it should run, recover it by hand"
    return (Seen(Fact.UNSURE, told, evidence),)


def _not_arrived(reading: Reading, known: Instance, looked: float, fate: Fate, why: str) -> tuple[Seen, ...]:
    """Off, and last seen arriving. Whether it has arrived is known if nothing can have been missed since."""
    evidence = shutoff.describe(reading)
    if fate is Fate.PLANNED:
        return (Seen(Fact.STOPPED, why, evidence),)
    failed = _is_aborted(reading, looked)
    # One that had no definition, and is listed now that it is off, was given one unheard: it had come up, whichever it
    # was. Where nothing can have been missed, it is only just about to vanish.
    if known.leaving is Leaving.MAYBE and (known.defined is not False or not known.unwatched):
        # What came out of a file ends as an arrival that is aborted does only if it never came up.
        if failed and not known.unwatched:
            return (Seen(Fact.DIED, why, evidence),)
        told = (
            "it is off, and whether a live migration was bringing it here, or it had come out of a file and ran "
            "nowhere else, cannot be told"
        )
        return (Seen(Fact.UNSURE, told, evidence),)
    if not known.unwatched or failed:
        return (Seen(Fact.DIED, why, evidence),)
    # A start that failed since hides by its reason how the life before it ended; the log tells of that life.
    has_reason = reading.reason not in (ShutoffReason.UNKNOWN, ShutoffReason.FAILED)
    of_this_life = (has_reason or reading.arrived) and not _may_be_aborted(reading, known)
    if fate is Fate.DIED and of_this_life and known.defined is False:
        # It was not defined here before: libvirt keeps only what has arrived.
        return Seen(Fact.LIVES, "its live migration to this host was completed"), Seen(
            Fact.DIED, why, evidence
        )
    told = "it is off, and whether its live migration to this host was completed before cannot be told"
    return (Seen(Fact.UNSURE, told, evidence),)


def _is_aborted(reading: Reading, looked: float) -> bool:
    """Whether what failed by libvirt's reason was the migration that was last heard of, and not a start since.

    Only the log tells. Where it tells of nothing that has failed, it was a start if that has left its beginning there.
    """
    if reading.reason is not ShutoffReason.FAILED or not reading.log_read or reading.failed is Failed.START:
        return False
    if reading.failed is Failed.ARRIVAL:
        return True
    if reading.last_words == "" and reading.arrived:
        return True
    return reading.started > 0 and not 0 < looked < reading.started
