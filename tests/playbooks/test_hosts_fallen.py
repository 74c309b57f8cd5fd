"""A host that lived when its failure began, and then is up nowhere any more: that is judged anew."""

import pytest

from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.observation import Life, Membership, Power, ProofKind
from masakarimonitors.hostmonitor.core.outages.outage import Fate, Release
from masakarimonitors.hostmonitor.core.state import ProofPolicy
from tests.fixtures.host_play import OWN, Play, policy, shipped_policy, stopped

TEN = tuple(f"node{n:02}" for n in range(2, 12))
SEVEN = TEN[:7]
UP, DOWN = Membership.UP, Membership.DOWN


def let_go_alive(api: bool) -> Play:
    """Seven of ten have lost their storage only, answer, and were let go when the storm had stood its time."""
    play = Play(shipped_policy(), life=Life.ALIVE, api=api)
    play = play.follows("node99") if api else play.leads({})
    play.all_up(*TEN).wait(10)
    for host in SEVEN:
        play.cut(host, "storage")
    play.wait(301)
    assert {release(play, host) for host in SEVEN} == {Release.ALIVE}
    play.life = Life.SILENT
    return play


def release(play: Play, host: str) -> Release:
    outage = play.state.hosts[host].outage
    assert outage is not None
    return outage.release


def all_links_fall(play: Play) -> None:
    for host in SEVEN:
        play.cut(host, "manage", "tenant")


def test_a_storm_holds_again_whom_it_let_go_because_they_lived() -> None:
    play = let_go_alive(api=True)
    all_links_fall(play)
    play.leads({}).wait(3600)
    assert play.reports == []
    assert {release(play, host) for host in SEVEN} == {Release.NONE}
    assert "nothing can prove that it is off" in play.last("host:node02").why


def test_what_was_told_of_them_and_waits_is_taken_back() -> None:
    play = let_go_alive(api=False)
    assert play.reports == [stopped(host) for host in SEVEN]
    all_links_fall(play)
    assert set(play.withdrawn) == {f"host:{host}" for host in SEVEN}
    play.wait(3600)
    assert {play.state.hosts[host].fate for host in SEVEN} == {Fate.TAKEN_BACK}


def test_sight_that_is_lost_ends_no_release_and_none_counts_meanwhile() -> None:
    play = let_go_alive(api=True)
    play.view("manage", proven=False).view("tenant", proven=False).leads({}).wait(120)
    assert play.reports == [] and release(play, "node02") is Release.ALIVE
    for link in ("manage", "tenant"):
        play.all_up(*TEN, links=(link,))
    play.life = Life.ALIVE
    play.wait(60)
    assert sorted(play.reports) == [stopped(host) for host in SEVEN]


def test_the_longer_time_to_settle_begins_when_the_last_link_falls() -> None:
    play = Play(shipped_policy(), life=Life.ALIVE).follows("node99").all_up(*TEN).wait(10)
    play.cut("node02", "storage").wait(100)
    play.life = Life.SILENT
    play.cut("node02", "manage", "tenant").leads({}).wait(29.9)
    assert play.reports == []
    play.wait(0.2)
    assert play.reports == [stopped("node02")]


def test_it_begins_too_when_all_that_was_up_is_out_of_sight() -> None:
    play = Play(shipped_policy(), life=Life.ALIVE).follows("node99").all_up(*TEN).wait(10)
    play.cut("node02", "storage").wait(100)
    play.life = Life.SILENT
    play.view("manage", proven=False).view("tenant", proven=False).leads({}).wait(29.9)
    assert play.reports == []


def test_life_that_was_seen_counts_until_silence_though_nobody_can_try() -> None:
    play = Play(shipped_policy(), life=Life.ALIVE, api=False).leads({}).all_up(*TEN).wait(10)
    play.cut("node02", "storage").wait(100)
    play.life = Life.UNKNOWN
    play.cut("node02", "manage", "tenant").wait(600)
    assert play.withdrawn == ["host:node02"] and play.state.hosts["node02"].fate is Fate.TAKEN_BACK
    assert play.last("host:node02").alarm


@pytest.mark.parametrize("ago", [3.0, 100.0])
def test_proof_ends_the_settling_at_once(ago: float) -> None:
    rules = policy(elected=True, proof=ProofPolicy(), check_life=True, unproven_settle=30.0)
    play = Play(rules, life=Life.ALIVE).follows("node99").all_up(*TEN).wait(10)
    play.cut("node02", "storage").wait(ago).cut("node02", "manage", "tenant").leads({})
    play.power("node02", Power.OFF, kind=ProofKind.FENCED)
    assert play.reports == [stopped("node02", HostStatus.NORMAL.value)]


def test_it_begins_too_when_the_fall_of_what_was_out_of_sight_is_seen() -> None:
    """Nobody knows when it fell; until a moment ago something of it has answered."""
    play = Play(shipped_policy(), life=Life.ALIVE, api=False).leads({}).all_up(*TEN).wait(10)
    play.cut("node02", "storage", "tenant").view("manage", proven=False).wait(400)
    assert play.reports == [] and play.last("host:node02").alarm
    play.life = Life.SILENT
    play.view("manage").sees(
        "manage", dict.fromkeys(TEN, Membership.UP) | {"node02": Membership.DOWN}, whole=True
    )
    play.wait(29.9)
    assert play.reports == []
    play.wait(31)
    assert play.reports == [stopped("node02")]


@pytest.mark.parametrize("period", [8, 20])
def test_sight_that_comes_and_goes_holds_no_silent_host_for_ever(period: int) -> None:
    """The one link that is up is only out of sight at times: the host has not fallen anew each time."""
    play = Play(shipped_policy(look_up_reports=False), life=Life.SILENT)
    play.leads().all_up("node02", "node03").wait(30).cut("node02", "manage", "storage").wait(1)
    up = {OWN: Membership.UP, "node02": Membership.UP, "node03": Membership.UP}
    for _ in range(120 // period):
        play.view("tenant", proven=False).wait(period / 2)
        play.view("tenant").sees("tenant", up, whole=True).wait(period / 2)
    assert play.reports == [stopped("node02", HostStatus.NORMAL.value)]


def test_a_link_that_comes_into_sight_first_with_the_host_down_may_have_fallen_in_that_moment() -> None:
    """Of who was restarted meanwhile, too: nobody here knows that the host was up on it until then."""
    play = Play(shipped_policy()).follows("node99").all_up("node02", "node03", links=("storage", "tenant"))
    play.cut("node02", "storage", "tenant").wait(400)
    play.view("manage").sees("manage", {OWN: UP, "node02": DOWN, "node03": UP}, whole=True).leads({})
    play.wait(29.9)
    assert play.reports == []
    play.wait(0.2)
    assert play.reports == [stopped("node02")]


def test_a_question_about_life_that_nobody_answers_while_it_settles_is_given_up_once() -> None:
    play = Play(shipped_policy(), life=None).leads({}).all_up("node05").cut("node05", "storage").wait(29)
    (asked,) = play.asked_life
    assert play.reports == [] and asked.host == "node05"
    play.wait(600)
    assert len(play.asked_life) > 1 and play.reports == []
