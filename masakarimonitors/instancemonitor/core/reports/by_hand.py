"""What happens to an instance that masakari would not mend: people are told, masakari is not.

Part of the decision, pure. Two things: an instance that stands still, though nobody wanted it to pause, until it runs
again or ends; and one that somebody ended past libvirt, by a signal to its QEMU, which looks like a shutdown.
"""

from collections.abc import Mapping
from dataclasses import replace

from masakarimonitors.core.decision import NOTHING, Decision, Instant, Ruling, Verdict
from masakarimonitors.instancemonitor.core.lifecycle import Phase
from masakarimonitors.instancemonitor.core.observation import DomainEvent, LifecycleChanged, Power, Reading
from masakarimonitors.instancemonitor.core.rules import Rule
from masakarimonitors.instancemonitor.core.sight.halt import Bidding, Halt, Pause, Word
from masakarimonitors.instancemonitor.core.state import Instance, State, keep, subject_of
from masakarimonitors.libvirt.domain_state import Lifecycle, Resumed, Shutdown, Stopped, Suspended

_PAUSES: Mapping[int, Pause] = {
    Suspended.MIGRATED: Pause.OTHER,
    Suspended.POSTCOPY: Pause.OTHER,
    Suspended.IOERROR: Pause.DISK,
    Suspended.WATCHDOG: Pause.WATCHDOG,
    Suspended.API_ERROR: Pause.API,
    Suspended.POSTCOPY_FAILED: Pause.POSTCOPY,
}
_HERE = (Phase.UP, Phase.ARRIVING)
_LET_IT_RUN = "look at it, and let it run on (virsh resume), start it again or give it up"
_ADVICE: Mapping[Halt, str] = {
    Halt.POSTCOPY: (
        "its guest may go on at the destination, so that another start of it makes a second copy. Go on with its "
        "migration (virsh migrate with --postcopy-resume), or end it at both hosts before it is started again"
    ),
}
"""What is to be done, where it is not to be let run on here."""


def hear(
    state: State, known: Instance, seen: DomainEvent, boot_id: str, now: Instant
) -> tuple[State, Decision]:
    """What an event says of it, which was `known` so before."""
    if not isinstance(seen, LifecycleChanged):
        return state, NOTHING
    instance = state.instances.get(known.place)
    if instance is None:
        return state, NOTHING
    match (seen.event, seen.detail):
        case (Lifecycle.SUSPENDED, detail):
            return _stand_still(state, instance, _PAUSES.get(detail, Pause.BY_HAND), boot_id, now)
        case (Lifecycle.RESUMED, Resumed.POSTCOPY_FAILED):
            # It runs, and will stand still as soon as it needs what is not there of its memory.
            return _stand_still(state, instance, Pause.POSTCOPY, boot_id, now)
        case (Lifecycle.SHUTDOWN, detail):
            word = Word.SIGNALLED if detail == Shutdown.HOST else Word.SHUTDOWN
            return state.put(instance.bidden(word)), NOTHING
        case (Lifecycle.STOPPED, Stopped.SHUTDOWN) if (
            known.bidding is Bidding.SIGNAL and instance.phase is Phase.DOWN
        ):
            return _say_signalled(state, instance)
    return state, NOTHING


def stand_still(state: State, reading: Reading, boot_id: str, now: Instant) -> tuple[State, Decision]:
    """How it was read to stand: an alarm, once, if it stands still and nobody can have wanted that."""
    instance = state.known(reading.instance)
    paused = Pause.BY_HAND if reading.power is Power.PAUSED else Pause.OTHER
    pause = paused if reading.halt is None else _PAUSES.get(reading.halt, paused)
    return _stand_still(state, instance, pause, boot_id, now)


def _stand_still(
    state: State, instance: Instance, pause: Pause, boot_id: str, now: Instant
) -> tuple[State, Decision]:
    after = instance.paused(pause)
    if instance.phase not in _HERE or after.halt is instance.halt:
        return state, NOTHING
    state, kept = keep(state, after, boot_id, now)
    if not after.halted:
        return state, kept
    told = (
        f"{instance.identity.name} stands still: {after.halted}. masakari does nothing about that: "
        f"{_ADVICE.get(after.halt, _LET_IT_RUN)}"
    )
    return state, kept + _alarm(instance, told, Rule.STANDS_STILL)


def runs_on(known: Instance, instance: Instance) -> Decision:
    """The end of its standstill, if it runs again."""
    if not known.halted or instance.halted or instance.phase is not Phase.UP:
        return NOTHING
    subject, told = subject_of(instance.identity), f"{instance.identity.name} runs on"
    verdict = Verdict(subject, Ruling.RECOVERED, told, rule=Rule.STANDS_STILL)
    return Decision((), (verdict,))


def _say_signalled(state: State, instance: Instance) -> tuple[State, Decision]:
    told = (
        f"{instance.identity.name} is off: its QEMU was told to end by a signal, past libvirt, by an administrator or "
        "by what keeps memory free. It counts as shut down and is not reported; if it should run, start it"
    )
    return state.put(replace(instance, alarm=told)), _alarm(instance, told, Rule.SIGNALLED)


def _alarm(instance: Instance, told: str, rule: Rule) -> Decision:
    return Decision((), (Verdict(subject_of(instance.identity), Ruling.HELD, told, alarm=True, rule=rule),))
