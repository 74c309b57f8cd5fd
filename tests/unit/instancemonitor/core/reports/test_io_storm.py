"""When a report of I/O errors leaves, and when its instances are weighed again."""

from dataclasses import replace

from masakarimonitors.core.decision import Notify, Remember, WakeAt
from masakarimonitors.core.storm import GuardPolicy
from masakarimonitors.core.storm_memory import KEY
from masakarimonitors.instancemonitor.core.lifecycle import Phase
from masakarimonitors.instancemonitor.core.reports.io_storm import IO_STORM, WAIT, pursue
from masakarimonitors.instancemonitor.core.state import Instance, Policy, State
from masakarimonitors.instancemonitor.core.stories import Stories
from tests.fixtures.instance_play import INSTANCE, Play

POLICY = Policy("compute-1", guard=GuardPolicy(domain_threshold=50.0))


def failing(number: int, since: float) -> Instance:
    identity = replace(INSTANCE, uuid=f"{number:08d}-1111-4111-8111-111111111111", name=f"instance-{number}")
    stories = Stories(failing_since=1.0, failed_at=since, failing_from=since, due=True)
    return Instance(identity=identity, key=f"machine:{identity.uuid}", phase=Phase.UP, stories=stories)


def of(*instances: Instance) -> State:
    return State(instances={one.place: one for one in instances})


def test_it_is_weighed_again_when_the_first_that_waits_is_due_and_this_is_asked_once() -> None:
    now = Play().now
    state, decision = pursue(of(failing(1, now.monotonic), failing(2, now.monotonic - 4)), POLICY, now)
    assert decision.commands == (WakeAt(IO_STORM, now.monotonic + WAIT - 4),)
    assert pursue(state, POLICY, now) == (state, type(decision)())


def test_those_that_are_due_leave_in_the_order_of_their_first_errors() -> None:
    now = Play().now
    state, decision = pursue(of(failing(1, now.monotonic - 11), failing(2, now.monotonic - 12)), POLICY, now)
    told = [command.notification for command in decision.commands if isinstance(command, Notify)]
    assert [one.instance_uuid[:8] for one in told] == ["00000002", "00000001"]  # type: ignore[union-attr]
    assert not any(one.stories.due for one in state.instances.values())


def test_one_that_was_not_read_since_a_restart_counts_for_nothing() -> None:
    now = Play().now
    unread = replace(failing(1, 0.0), stories=Stories(failing_since=1.0, due=True))
    state = of(unread)
    assert pursue(state, POLICY, now)[1].commands == ()


def test_a_storm_that_nothing_is_left_of_wakes_nobody() -> None:
    now = Play().now
    storming = of(*(failing(number, now.monotonic - WAIT) for number in range(4)))
    state, decision = pursue(storming, POLICY, now)
    assert state.storms and not any(isinstance(command, Notify) for command in decision.commands)
    well = {place: replace(one, stories=Stories()) for place, one in state.instances.items()}
    state, decision = pursue(replace(state, instances=well), POLICY, now)
    assert not state.storms and decision.commands == (
        Remember(KEY, None),
        WakeAt(IO_STORM, None),
    )
