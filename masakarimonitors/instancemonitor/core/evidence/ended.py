"""The process of an instance has ended: who is asked why, and of whom the answer tells.

Part of the decision, pure. That a QEMU is gone is seen before libvirt tells of it, and also while its libvirtd is away.
It does not tell whether that was a death, so it is no fact of `lifecycle.py`; the answer is.
"""

from dataclasses import replace

from masakarimonitors.core.decision import NOTHING, Decision, Instant
from masakarimonitors.instancemonitor.core.evidence import order
from masakarimonitors.instancemonitor.core.lifecycle import Phase
from masakarimonitors.instancemonitor.core.observation import Ask, Asked, ProcessEnded
from masakarimonitors.instancemonitor.core.sight.ending import Sign
from masakarimonitors.instancemonitor.core.sight.hearing import Hearing
from masakarimonitors.instancemonitor.core.state import Instance, State, keep


def ask_about(state: State, seen: ProcessEnded, boot_id: str, now: Instant) -> tuple[State, Decision]:
    """Somebody must tell whether it died: libvirt, which is asked at once, or its log."""
    place = (seen.instance.uri, seen.instance.uuid)
    instance, decision = state.instances.get(place), NOTHING
    if instance is None and not state.libvirt(seen.instance.uri).sight.is_read and not seen.arrived:
        # libvirt was not yet asked who is there; whose process has just ended was up until now.
        instance = replace(state.known(seen.instance), phase=Phase.UP, hearing=Hearing.MISSED)
    if instance is not None:
        heard = instance.phase in (Phase.UP, Phase.PANICKED) and is_known(state, instance)
        ended = heard and state.libvirt(seen.instance.uri).sight.is_away
        instance = instance.told(Sign.PROCESS) if ended else instance
        state, decision = keep(state, instance, boot_id, now)
        if instance.phase in (Phase.FAILED, Phase.REMOVED, Phase.VANISHED, Phase.DOWN):
            return state, decision
    return state, decision + Decision((Ask(instance.identity if instance else seen.instance),))


def is_arrival(state: State, seen: Asked) -> bool:
    """Whether what has ended, and is not known to libvirt any more, was arriving when last heard of."""
    one = state.instances.get((seen.instance.uri, seen.instance.uuid))
    if one is None or order.are_traces_overtaken(one, seen.after):
        return False
    return one.phase is Phase.ARRIVING and one.ending.has_ended and not one.unwatched


def is_known(state: State, instance: Instance) -> bool:
    """Whether it was heard of or read in this run; what is remembered may have been defined again since."""
    read = state.libvirt(instance.identity.uri).sight.is_read and not instance.unread and instance.number == 0
    return instance.number > 0 or read
