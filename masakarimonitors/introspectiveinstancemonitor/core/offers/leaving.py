"""Whether a report about a guest may leave at this moment. Pure.

A report that waits for masakari-api is taken back when its guest answers, or is found at work. While the guest cannot
be asked (its libvirt is away or does not tell how it stands, its agents are out of reach), neither is seen:
what was true when the report was made may be over, and masakari would start anew what works. So the report waits, and
not in silence: what is out of sight is an alarm at once, and the outbox raises one for a report that is held for long.
"""

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import Leave, Notification, VmNotification
from masakarimonitors.introspectiveinstancemonitor.core.observation import Availability
from masakarimonitors.introspectiveinstancemonitor.core.reported.delivery import Delivery
from masakarimonitors.introspectiveinstancemonitor.core.state import Guest, State


def may_offer(state: State, told: Notification, now: Instant) -> Leave:
    """Whether `told` may leave: not while nobody can see whether its guest has come to life again."""
    if not isinstance(told, VmNotification):
        return Leave.NOW
    guest = state.guests.get(told.instance_uuid)
    unread = any(told.instance_uuid in uuids for uuids in state.unread.values())
    if guest is None:
        return Leave.LATER if unread else Leave.NOW
    return Leave.LATER if unread or state.unseen(guest.where) or _must_be_asked(guest) else Leave.NOW


def _must_be_asked(guest: Guest) -> bool:
    """Whether it has not been asked since it is in sight again. One that hangs is not asked by its checks any more."""
    waiting = [probe for probe in guest.probes.values() if probe.delivery is Delivery.WAITING]
    asked = guest.heartbeat.missed or all(probe.missed for probe in waiting)
    return guest.availability is Availability.RUNNING and not asked
