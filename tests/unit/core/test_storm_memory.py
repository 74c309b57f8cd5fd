"""Storms on disk: what is written and when, and which of them go on in the next life."""

import datetime
from dataclasses import replace

import pytest

from masakarimonitors.core.decision import JSON, Instant, Remember
from masakarimonitors.core.storm import Storm
from masakarimonitors.core.storm_memory import KEY, NOTED_EVERY, OldStorms, note, recall, stand_again

EPOCH = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)
STORM = Storm(
    scope="rbd vms", began=5.0, failed=frozenset({"b", "a"}), returned=frozenset({"a"}), counted_at=5.0
)
WRITTEN: dict[str, JSON] = {
    "at": "2026-11-22T08:00:10+00:00",
    "scopes": {"rbd vms": {"failed": ["a", "b"], "returned": ["a"]}},
}


def at(seconds: float) -> Instant:
    return Instant(seconds, EPOCH + datetime.timedelta(seconds=seconds))


def test_what_is_written_is_read_again_and_would_be_written_again() -> None:
    _, commands = note(OldStorms(), {"rbd vms": STORM}, at(10))
    assert commands == (Remember(KEY, WRITTEN),)
    old = recall({KEY: WRITTEN})
    assert old.storms["rbd vms"].failed == {"a", "b"} and old.storms["rbd vms"].returned == {"a"}
    assert note(old, {}, at(500)) == (old, ()), "its time stands still until it stands again"


def test_it_is_written_when_it_changes_and_once_a_minute() -> None:
    old, _ = note(OldStorms(), {"rbd vms": STORM}, at(10))
    assert note(old, {"rbd vms": STORM}, at(10 + NOTED_EVERY - 1)) == (old, ())
    _, commands = note(old, {"rbd vms": STORM}, at(10 + NOTED_EVERY))
    assert commands[0].value is not None and commands[0].value["at"] == "2026-11-22T08:01:10+00:00"
    changed, commands = note(old, {"rbd vms": replace(STORM, failed=frozenset({"a"}))}, at(11))
    assert commands
    assert note(changed, {}, at(12))[1] == (Remember(KEY, None),)
    assert note(OldStorms(), {}, at(12))[1] == ()


def test_those_of_the_scopes_that_are_seen_stand_again_and_count_from_zero() -> None:
    old, storms = stand_again(recall({KEY: WRITTEN}), ["elsewhere"], {}, 1000.0)
    assert old.storms and not storms
    begun = Storm(scope="rbd vms", began=999.0, failed=frozenset({"c"}), counted_at=999.0)
    old, storms = stand_again(old, ["rbd vms"], {"rbd vms": begun}, 1000.0)
    assert not old.storms and storms["rbd vms"].failed == {"a", "b", "c"}
    assert storms["rbd vms"].quiet_at(1010.0) == 10


def test_only_the_time_counts_for_which_it_was_seen_to_stand() -> None:
    old = recall({KEY: WRITTEN})
    assert old.held_for(EPOCH) == 10
    assert old.held_for(EPOCH + datetime.timedelta(days=1)) == 0
    assert OldStorms().held_for(EPOCH) == 0


@pytest.mark.parametrize(
    "value",
    [{}, {"at": 7, "scopes": {}}, {"at": "never", "scopes": {}}, {"at": "2026-11-22T08:00:10", "scopes": {}}],
)
def test_what_makes_no_sense_was_never_there(value: dict[str, JSON]) -> None:
    assert recall({KEY: value}) == OldStorms()


def test_what_makes_no_sense_of_one_scope_leaves_the_others() -> None:
    scopes: dict[str, JSON] = {"a": 3, "b": {"failed": 7}, "c": {"failed": ["x"]}}
    old = recall({KEY: {**WRITTEN, "scopes": scopes}})
    assert {scope: set(storm.failed) for scope, storm in old.storms.items()} == {"b": set(), "c": {"x"}}
