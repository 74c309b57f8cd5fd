"""Whether a report may leave at this moment. Pure."""

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import Leave, Notification, VmNotification
from masakarimonitors.instancemonitor.core.lifecycle import DEAD, Phase
from masakarimonitors.instancemonitor.core.state import Instance, State


def may_offer(state: State, told: Notification, now: Instant) -> Leave:
    """Whether `told` may leave: not while it is open whether its instance is still to be found here.

    One whose definition was removed after its death may live elsewhere by now. It is either defined here again, or the
    next censuses do not list it, with which its report is withdrawn. So may one that died before this host was
    restarted, until it is looked at.
    """
    held = isinstance(told, VmNotification) and any(
        one.identity.uuid == told.instance_uuid and _may_be_elsewhere(one) for one in state.instances.values()
    )
    return Leave.LATER if held else Leave.NOW


def _may_be_elsewhere(instance: Instance) -> bool:
    return instance.phase is Phase.REMOVED or (instance.phase in DEAD and instance.before_reboot)
