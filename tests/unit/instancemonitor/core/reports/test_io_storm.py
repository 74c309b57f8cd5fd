"""When a report of I/O errors leaves, and when its instances are weighed again."""

from dataclasses import replace

from masakarimonitors.core.decision import NOTHING, Instant, Notify, Remember, WakeAt
from masakarimonitors.core.storm import GuardPolicy
from masakarimonitors.core.storm_memory import KEY
from masakarimonitors.instancemonitor.core.lifecycle import Phase
from masakarimonitors.instancemonitor.core.observation import AskStorages, StoragesSeen
from masakarimonitors.instancemonitor.core.reports.io_storm import FRESH, IO_STORM, SOON, WAIT, learn, pursue
from masakarimonitors.instancemonitor.core.sight.connection import Connection, Libvirt
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
    assert decision.commands == (AskStorages(INSTANCE.uri), WakeAt(IO_STORM, now.monotonic + WAIT - 4))
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


def asks(state: State, now: Instant) -> tuple[State, bool]:
    state, decision = pursue(state, POLICY, now)
    return state, AskStorages(INSTANCE.uri) in decision.commands


def test_on_what_storages_the_disks_are_is_asked_no_more_often_than_they_change() -> None:
    now = Play().now
    state, asked = asks(of(failing(1, now.monotonic)), now)
    soon, late = (replace(now, monotonic=now.monotonic + seconds) for seconds in (SOON, FRESH))
    assert asked and not asks(state, replace(now, monotonic=now.monotonic + WAIT / 2))[1]
    waits = replace(of(failing(1, late.monotonic)), storages=state.storages)
    assert asks(waits, soon)[1], "it was not told of"
    seen = StoragesSeen(INSTANCE.uri, {"00000001-1111-4111-8111-111111111111": ()})
    told = learn(waits, seen, POLICY, now)[0]
    assert not asks(told, soon)[1] and asks(told, late)[1]


def test_a_libvirt_that_is_away_is_not_asked() -> None:
    now = Play().now
    state = of(failing(1, now.monotonic))
    away = state.put_libvirt(INSTANCE.uri, Libvirt(Connection.AWAY_BEHIND, "no socket"))
    assert not asks(away, now)[1]


def test_what_is_told_of_another_libvirt_or_of_nobody_changes_nothing() -> None:
    state, now = of(failing(1, 0.0)), Play().now
    uuid = next(iter(state.instances.values())).identity.uuid
    for seen in (
        StoragesSeen("qemu:///else", {uuid: ("rbd vms",)}),
        StoragesSeen(INSTANCE.uri, {"nobody": ()}),
    ):
        assert learn(state, seen, POLICY, now) == (state, NOTHING)
