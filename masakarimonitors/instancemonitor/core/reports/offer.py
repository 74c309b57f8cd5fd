"""Whether a report may leave at this moment. Pure.

A death was proven when its report was made: libvirt saw the QEMU end, and that needs no second look. What needs one is
whether the instance has come back since, by whoever started it, here or at another libvirt: masakari would start anew
what runs. So a report on which masakari acts waits while that cannot be seen. Little is lost by it: nova, too, starts
nothing at a libvirt that is away, so masakari could not recover the instance here either. Nor does it wait in silence:
a libvirt that is away is an alarm at once, and the outbox raises one for a report that its monitor holds for long
(`HELD_PATIENCE`). When libvirt is back, the next census takes the report back or lets it go; one that expires meanwhile
is offered again when the instance is seen to be dead.
"""

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import Leave, Notification, VmNotification
from masakarimonitors.instancemonitor.core.lifecycle import DEAD, Phase
from masakarimonitors.instancemonitor.core.sight.connection import Connection
from masakarimonitors.instancemonitor.core.sight.ending import Question
from masakarimonitors.instancemonitor.core.state import Instance, State

HELD_PATIENCE = 60.0
"""Seconds beyond the pause between two censuses after which a report that is held is an alarm."""


def may_offer(state: State, told: Notification, now: Instant) -> Leave:
    """Whether `told` may leave: not while it is open whether its instance is still to be found here.

    One whose definition was removed after its death may live elsewhere by now. It is either defined here again, or the
    next censuses do not list it, with which its report is withdrawn. So may one that died before this host was
    restarted, until it is looked at, and one whose kept QEMU ended unheard. One that cannot be seen may run again.
    """
    if not isinstance(told, VmNotification):
        return Leave.NOW
    places = [one for one in state.instances.values() if one.identity.uuid == told.instance_uuid]
    held = any(
        _may_be_elsewhere(one) or (told.is_acted_on and _is_out_of_sight(state, one)) for one in places
    )
    return Leave.LATER if held else Leave.NOW


def _may_be_elsewhere(instance: Instance) -> bool:
    return instance.phase in (Phase.REMOVED, Phase.VANISHED) or (
        instance.phase in DEAD and instance.before_reboot
    )


def _is_out_of_sight(state: State, instance: Instance) -> bool:
    sight = state.libvirt(instance.identity.uri).sight
    if sight.is_away:
        return True
    if instance.unread and not instance.vanished:
        return True  # what its libvirt does not list any more will never be read
    if instance.unwatched and sight is not Connection.SETTLED:
        return True  # its libvirt is back, and was not looked at since
    if instance.question is Question.OPEN:
        return True  # whether it ended by itself or somebody ended it, its log is just asked
    # Without a definition it vanishes by dying; else the next census tells whether somebody has taken it away.
    return instance.missed == 1 and instance.defined is not False
