"""What an earlier run left on disk is understood, and what cannot be understood counts as never seen."""

import json
from dataclasses import replace

import pytest

from masakarimonitors.core.decision import JSON
from masakarimonitors.instancemonitor.core.lifecycle import Phase
from masakarimonitors.instancemonitor.core.memory import restore
from masakarimonitors.instancemonitor.core.observation import Identity
from masakarimonitors.instancemonitor.core.state import State, memo, memo_host
from masakarimonitors.instancemonitor.core.stories import Stories

UUID = "11111111-1111-4111-8111-111111111111"
PLACE = "qemu:///system", UUID


def remembered(**changes: JSON) -> dict[str, JSON]:
    return {"name": "instance-1", "uri": "qemu:///system", "condition": "up", **changes}


def test_instances_are_restored_with_their_phase() -> None:
    memory: dict[str, dict[str, JSON]] = {
        "host": {"boot_id": "a"},
        f"machine:{UUID}": remembered(condition="failed", reported=12.5),
    }
    found = restore(memory, "a").instances[PLACE]
    assert (found.phase, found.reported, found.before_reboot) == (Phase.FAILED, 12.5, False)
    assert restore(memory, "b").instances[PLACE].before_reboot


def test_what_cannot_be_understood_is_left_out() -> None:
    memory: dict[str, dict[str, JSON]] = {
        f"machine:{UUID}": remembered(condition="merry"),
        "machine:x": {},
        "machine:y": remembered(name=None),
        "something": remembered(),
    }
    assert restore(memory, "a").instances == {}
    odd = restore({f"machine:{UUID}": remembered(reported="soon")}, "a").instances[PLACE]
    assert odd.reported == 0.0


def test_what_stands_on_disk_keeps_its_older_words() -> None:
    identity = Identity(UUID, "instance-1", "qemu:///system")
    one = replace(State().known(identity), phase=Phase.FAILED, reported=12.5)
    assert memo(one).key == f"machine:{UUID}"
    assert json.dumps(memo(one).value) == (
        '{"name": "instance-1", "uri": "qemu:///system", "condition": "failed", "reported": 12.5}'
    )
    assert (memo_host("a", {}).key, memo_host("a", {}).value) == ("host", {"boot_id": "a"})


def test_all_that_is_remembered_comes_back() -> None:
    identity = Identity(UUID, "instance-1", "qemu:///system", run=7)
    one = replace(
        State().known(identity),
        phase=Phase.ARRIVING,
        defined=False,
        stories=Stories(failing_since=5.0),
    )
    told = memo(one)
    host = memo_host("a", {"qemu:///system": 3.5})
    assert told.value is not None and host.value is not None
    state = restore({told.key: told.value, host.key: host.value}, "a")
    found = state.instances[PLACE]
    assert (found.phase, found.defined, found.identity.run) == (Phase.ARRIVING, False, 7)
    assert found.stories.failing_since == 5.0
    assert state.looked == {"qemu:///system": 3.5}
    # On another boot libvirt counts its domains anew.
    assert restore({told.key: told.value, host.key: host.value}, "b").instances[PLACE].identity.run == 0


def test_an_instance_at_two_libvirts_is_remembered_twice() -> None:
    here, there = (
        Identity(UUID, "instance-1", "qemu:///system"),
        Identity(UUID, "instance-1", "qemu+tcp://b/system"),
    )
    state = State()
    for identity in (here, there):
        state = state.put(replace(state.known(identity), phase=Phase.UP))
    memory = {told.key: told.value for one in state.instances.values() if (told := memo(one)).value}
    assert set(memory) == {f"machine:{UUID}", f"machine:{UUID}@qemu+tcp://b/system"}
    assert restore(memory, "a").instances.keys() == state.instances.keys()


def test_what_was_seen_at_a_uri_that_is_no_longer_configured_is_kept_apart() -> None:
    state = restore({f"machine:{UUID}": remembered()}, "a", ["qemu+tcp://b/system"])
    assert state.instances == {} and [one.place for one in state.strangers] == [PLACE]


@pytest.mark.parametrize("odd", ["soon", True, None, float("nan"), [], {}])
def test_numbers_that_are_none_count_as_never(odd: JSON) -> None:
    value = remembered(condition="failed", reported=odd, run=odd, io_error=odd)
    found = restore({f"machine:{UUID}": value, "host": {"looked": {"x": odd}}}, "a")
    one = found.instances[PLACE]
    assert (one.reported, one.identity.run, one.stories.failing, found.looked) == (0.0, 0, False, {"x": 0.0})


@pytest.mark.parametrize("odd", ["soon", True, None, 1.5, [], {}, [[], {}, None, 1]])
def test_what_is_no_list_of_libvirts_is_passed_over(odd: JSON) -> None:
    memory: dict[str, dict[str, JSON]] = {
        f"machine:{UUID}": remembered(),
        "machine:odd": remembered(uri=odd),
        "host": {"boot_id": "a", "older": odd, "looked": odd},
    }
    state = restore(memory, "a", ["qemu:///system"])
    assert not state.rebooted and not state.instances[PLACE].before_reboot
    assert not state.known(Identity("new", "new", "qemu:///system")).before_reboot


def test_which_libvirts_were_looked_at_in_another_boot_only_comes_back() -> None:
    there = "qemu+tcp://b/system"
    host = memo_host("b", {"qemu:///system": 3.5, there: 2.5}, [there])
    assert host.value is not None
    memory: dict[str, dict[str, JSON]] = {f"machine:{UUID}": remembered(), host.key: dict(host.value)}
    memory["machine:other"] = remembered(uri=there)
    state = restore(memory, "b", ["qemu:///system", there])
    assert {one.identity.uri: one.before_reboot for one in state.instances.values()} == {
        "qemu:///system": False,
        there: True,
    }
    assert state.known(Identity("new", "new", there)).before_reboot
