"""A state put under other rules."""

from dataclasses import replace

import pytest

from masakarimonitors.core.storm import GuardPolicy
from masakarimonitors.hostmonitor.core.election.reporter import ALWAYS, Standing
from masakarimonitors.hostmonitor.core.observation import GuardChanged
from masakarimonitors.hostmonitor.core.rehearsal.standing import NoPlay, under
from tests.fixtures.host_play import Play, pacemaker_policy, policy, shipped_policy


def test_what_an_earlier_configuration_had_in_force_ends() -> None:
    play = Play().all_up("node02").feed(GuardChanged(GuardPolicy(threshold=1.0), "x"))
    assert play.state.guard is not None
    after = under(policy(), play.state)
    assert (after.guard, after.hosts) == (None, play.state.hosts)


def test_who_is_played_is_not_judged() -> None:
    play = Play().all_up("node02", "node03").cut("node02")
    after = under(policy(own="node02"), play.state)
    assert after.hosts.keys() == {"node03"} and not after.troubled and not after.agenda


def test_nor_by_the_name_that_its_cluster_has_for_it() -> None:
    """As in what a release has recorded that took itself for another host there."""
    play = Play().all_up("ctrl1", "node03").cut("ctrl1")
    after = under(policy(own="ctrl1.example.org", own_names=frozenset({"ctrl1"})), play.state)
    assert after.hosts.keys() == {"node03"} and not after.troubled


def test_an_election_begins_or_ends_with_the_rules() -> None:
    everybody = Play().state
    assert under(shipped_policy(), everybody).cluster.reporter.standing is Standing.UNKNOWN
    led = Play(shipped_policy()).leads({}).state
    assert under(policy(), led).cluster.reporter == ALWAYS
    assert under(shipped_policy(), led).cluster.reporter.standing is Standing.LEADER


def test_what_stands_on_other_links_says_nothing() -> None:
    with pytest.raises(NoPlay, match="judges hosts by manage"):
        under(pacemaker_policy(), Play().state)
    assert under(policy(), replace(Play().state)) is not None
