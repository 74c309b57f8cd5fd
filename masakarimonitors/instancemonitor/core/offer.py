"""Whether a report may leave at this moment. Pure."""

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import Notification, VmNotification
from masakarimonitors.instancemonitor.core.lifecycle import Phase
from masakarimonitors.instancemonitor.core.state import State


def may_offer(state: State, told: Notification, now: Instant) -> bool:
    """Whether `told` may leave: not while it is open whether its instance is still to be found here.

    One whose definition was removed after its death may live elsewhere by now. It is either defined here again, or the
    next censuses do not list it, with which its report is withdrawn.
    """
    return not isinstance(told, VmNotification) or not any(
        one.phase is Phase.REMOVED and one.identity.uuid == told.instance_uuid
        for one in state.instances.values()
    )
