"""What happens to an instance that masakari would not mend: people are told, masakari is not.

Part of the decision, pure. Two things: an instance that stands still, though nobody wanted it to pause, until it runs
again or ends; and one that somebody ended past libvirt, by a signal to its QEMU, which looks like a shutdown.
"""

from collections.abc import Mapping
from dataclasses import replace

from masakarimonitors.core.decision import NOTHING, Decision, Ruling, Verdict
from masakarimonitors.instancemonitor.core.lifecycle import Phase
from masakarimonitors.instancemonitor.core.observation import DomainEvent, LifecycleChanged
from masakarimonitors.instancemonitor.core.rules import Rule
from masakarimonitors.instancemonitor.core.state import Instance, State, subject_of
from masakarimonitors.libvirt.domain_state import Lifecycle, Shutdown, Stopped, Suspended

_STANDS_STILL: Mapping[int, str] = {
    Suspended.IOERROR: "one of its disks has failed",
    Suspended.WATCHDOG: "its watchdog has fired",
    Suspended.API_ERROR: "libvirt could not let it run on after an operation that had failed",
    Suspended.POSTCOPY_FAILED: "its live migration by post-copy has failed, with a part of its memory on each host",
}
_HERE = (Phase.UP, Phase.ARRIVING)


def hear(state: State, known: Instance, seen: DomainEvent) -> tuple[State, Decision]:
    """What an event says of it, which was `known` so before."""
    if not isinstance(seen, LifecycleChanged):
        return state, NOTHING
    instance = state.instances.get(known.place)
    if instance is None:
        return state, NOTHING
    match (seen.event, seen.detail):
        case (Lifecycle.SUSPENDED, detail):
            return stand_still(state, instance, detail)
        case (Lifecycle.SHUTDOWN, detail):
            return state.put(replace(instance, signalled=detail == Shutdown.HOST)), NOTHING
        case (Lifecycle.STOPPED, Stopped.SHUTDOWN) if known.signalled and instance.phase is Phase.DOWN:
            return _say_signalled(state, instance)
    return state, NOTHING


def stand_still(state: State, instance: Instance, halt: int | None) -> tuple[State, Decision]:
    """It was paused, or is, by `halt` (Suspended): an alarm, once, if nobody can have wanted that."""
    why = _STANDS_STILL.get(halt, "") if halt is not None else ""
    if not why or instance.phase not in _HERE or instance.halted == why:
        return state, NOTHING
    told = (
        f"{instance.identity.name} stands still: {why}. masakari does nothing about that: look at it, and let it run "
        "on (virsh resume), start it again or give it up"
    )
    return state.put(replace(instance, halted=why)), _alarm(instance, told, Rule.STANDS_STILL)


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
    return state.put(replace(instance, alarm=told, signalled=False)), _alarm(instance, told, Rule.SIGNALLED)


def _alarm(instance: Instance, told: str, rule: Rule) -> Decision:
    return Decision((), (Verdict(subject_of(instance.identity), Ruling.HELD, told, alarm=True, rule=rule),))
