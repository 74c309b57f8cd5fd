"""What waits for masakari when a storm begins: it is held like everything else that masakari does not have yet."""

from dataclasses import replace

from masakarimonitors.core.notification import Leave
from masakarimonitors.hostmonitor.core.judging.leaving import may_offer
from masakarimonitors.hostmonitor.core.observation import Membership
from tests.fixtures.host_play import Play, policy, stopped

HOSTS = [f"node{n:02}" for n in range(2, 11)]
UNPROVEN = policy(unproven_settle=30.0, check_life=True)


def test_a_host_that_boots_while_its_report_waits_is_not_accused_by_the_network_that_comes_last() -> None:
    play = Play(UNPROVEN, api=False).all_up("node05").cut("node05").wait(40)
    assert play.reports == [stopped("node05")] and play.withdrawn == []
    play.life = None
    play.heal("node05", "manage")
    assert play.withdrawn == ["host:node05"]
    play.heal("node05", "tenant").wait(1)
    assert may_offer(play.rules, play.state, play.sent[0], play.now) is not Leave.NOW
    play.wait(20).heal("node05", "storage").wait(600)
    assert [one for one in play.reports if one[1] == "STOPPED"] == [stopped("node05")]


def test_a_host_whose_link_falls_again_while_its_report_waits_is_told_when_it_has_settled_anew() -> None:
    play = Play(UNPROVEN, api=False).all_up("node05").cut("node05").wait(40)
    play.heal("node05", "manage").cut("node05", "manage").wait(29)
    assert play.withdrawn == ["host:node05"] and len(play.reports) == 1
    play.wait(2)
    assert play.reports == [stopped("node05")] * 2 and play.notified[-1].again


def test_nothing_leaves_of_a_host_that_has_not_settled_anew() -> None:
    play = Play(policy(), api=False).all_up(*HOSTS).cut(HOSTS[0], "storage").wait(5)
    host = play.state.hosts[HOSTS[0]]
    assert host.outage is not None
    risen = replace(host, outage=replace(host.outage, since=play.seconds))
    state = replace(play.state, hosts={**play.state.hosts, HOSTS[0]: risen})
    assert may_offer(play.rules, play.state, play.sent[0], play.now) is Leave.NOW
    assert may_offer(play.rules, state, play.sent[0], play.now) is Leave.LATER


def lost_one_by_one(api: bool) -> Play:
    """Nine hosts, of which the storage of five goes, one each minute; the fifth makes a storm of them."""
    play = Play(policy(), api=api).all_up(*HOSTS)
    for host in HOSTS[:4]:
        play.cut(host, "storage").wait(60)
    assert play.reports == [stopped(host) for host in HOSTS[:4]] and play.withdrawn == []
    return play.cut(HOSTS[4], "storage")


def test_what_masakari_does_not_have_when_a_storm_begins_is_taken_back_and_told_when_it_has_stood() -> None:
    """The same cut may keep this monitor from masakari, and heal there first."""
    play = lost_one_by_one(api=False)
    assert sorted(play.withdrawn) == [f"host:{host}" for host in HOSTS[:4]]
    play.wait(299)
    assert len(play.reports) == 4
    play.wait(5)
    assert sorted(play.reports[4:]) == [stopped(host) for host in HOSTS[:5]]
    assert {sent for sent in play.sent if sent.hostname != HOSTS[4]} == set(play.sent[:4]), (
        "the same once more"
    )


def test_a_storm_that_passes_leaves_nothing_of_what_waited() -> None:
    play = lost_one_by_one(api=False).wait(100)
    for host in HOSTS:
        play.sees("storage", {host: Membership.UP})
    play.wait(3600)
    assert len(play.withdrawn) >= 4 and len([one for one in play.reports if one[1] == "STOPPED"]) == 4


def test_what_masakari_has_when_a_storm_begins_stays_as_it_is() -> None:
    play = lost_one_by_one(api=True)
    assert play.withdrawn == []
    play.wait(305)
    assert play.reports == [stopped(host) for host in HOSTS[:5]]


def test_nothing_leaves_in_a_storm_though_no_decision_has_taken_it_back_yet() -> None:
    play = Play(policy(), api=False).all_up(*HOSTS).cut(HOSTS[0], "storage").wait(5)
    storms = lost_one_by_one(api=False).state.cluster.storms
    assert may_offer(play.rules, play.state, play.sent[0], play.now) is Leave.NOW
    stormy = replace(play.state, cluster=replace(play.state.cluster, storms=storms))
    assert may_offer(play.rules, stormy, play.sent[0], play.now) is Leave.LATER
