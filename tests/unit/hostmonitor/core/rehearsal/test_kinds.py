"""All that the host monitor goes by is written down and read again, whatever has happened to it."""

import json
from typing import Any

import pytest

from masakarimonitors.core.rehearsal.written import Unreadable, write
from masakarimonitors.hostmonitor.core.observation import Work
from masakarimonitors.hostmonitor.core.rehearsal.kinds import kinds
from masakarimonitors.hostmonitor.core.state import Policy, ProofPolicy, State
from tests.fixtures.host_play import OWN, Play, policy, shipped_policy
from tests.simulation.cloud import Cloud

WORDS = kinds().words


def again(kind: type, value: Any) -> Any:
    return WORDS.read(kind, json.loads(json.dumps(write(value), allow_nan=False)))


def test_the_rules_come_back() -> None:
    for rules in (policy(), shipped_policy(proof=ProofPolicy(), domains={"a": "rack1"})):
        assert again(Policy, rules) == rules


@pytest.mark.parametrize("seed", range(4))
def test_a_state_in_trouble_comes_back(seed: int) -> None:
    cloud = Cloud(seed, hosts=6, monitors=3, elected=True)
    cloud.run(30.0)
    for host in cloud.hosts[:3]:
        cloud.die(host)
        cloud.run(7.0)
    cloud.run(20.0)
    for monitor in cloud.monitors.values():
        assert again(State, monitor.play.state) == monitor.play.state


def test_a_state_with_everything_in_it_comes_back() -> None:
    seen = Play(shipped_policy(lookup=True, proof=ProofPolicy()), life=None)
    assert again(State, seen.state) == seen.state
    seen.all_up("a", "b", "c", "d").leads({}, good_for=20.0)
    seen.registry({OWN: False, "a": True, "z": False}, disabled=frozenset({"b"}))
    seen.work("c", Work.MAINTENANCE).cut("a").cut("b").cut("d", "storage").wait(10.0)
    assert again(State, seen.state) == seen.state


def test_what_another_version_wrote_is_refused() -> None:
    with pytest.raises(Unreadable, match="of another version"):
        WORDS.read(State, {**write(Play().state), "later": 1})  # type: ignore[dict-item]
