"""What may leave: all but what is said of an instance whose definition was removed after its death."""

import datetime

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostEvent, Leave, ProcessNotification, VmNotification
from masakarimonitors.instancemonitor.core.lifecycle import DEAD, Phase
from masakarimonitors.instancemonitor.core.reports.offer import may_offer
from masakarimonitors.instancemonitor.core.state import Instance, State
from tests.fixtures.instance_play import INSTANCE

NOW = Instant(1000.0, datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC))
DIED = VmNotification(
    "compute-1", NOW.wall, event="LIFECYCLE", instance_uuid=INSTANCE.uuid, vir_domain_event="STOPPED_FAILED"
)


@pytest.mark.parametrize("phase", Phase)
def test_only_what_was_removed_waits(phase: Phase) -> None:
    instance = Instance(identity=INSTANCE, key="key", phase=phase)
    state = State(instances={instance.place: instance})
    assert (may_offer(state, DIED, NOW) is Leave.NOW) is (phase is not Phase.REMOVED)
    process = ProcessNotification("compute-1", NOW.wall, HostEvent.STOPPED, "nova-compute")
    assert may_offer(state, process, NOW) is Leave.NOW


@pytest.mark.parametrize("phase", Phase)
def test_what_is_dead_since_before_a_restart_of_the_host_waits_to_be_looked_at(phase: Phase) -> None:
    instance = Instance(identity=INSTANCE, key="key", phase=phase, before_reboot=True)
    assert (may_offer(State(instances={instance.place: instance}), DIED, NOW) is Leave.NOW) is (
        phase not in DEAD
    )


def test_of_one_that_is_not_known_nothing_waits() -> None:
    assert may_offer(State(), DIED, NOW) is Leave.NOW
