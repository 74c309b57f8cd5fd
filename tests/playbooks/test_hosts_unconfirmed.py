"""Reports about hosts that the last life left undelivered: confirmed when the same failure passes every gate again."""

import datetime

import pytest

from masakarimonitors.core.notification import ClusterStatus, HostEvent, HostNotification, HostStatus
from masakarimonitors.hostmonitor.core.observation import Membership
from tests.fixtures.host_play import OWN, THREE, Play, policy, started, stopped
from tests.fixtures.playbook import EPOCH

U, D, LEFT = Membership.UP, Membership.DOWN, Membership.LEFT
HOST = "host:node05"
ELECTED = policy(elected=True)


def failed(rules: object = None) -> Play:
    """A report was made, and not delivered before the monitor was restarted."""
    play = Play(rules, api=False).all_up("node05", "node06")  # type: ignore[arg-type]
    if play.rules.elected:
        play.leads({})
    play.cut("node05").wait(5)
    assert play.reports == [stopped("node05")]
    return play.start_with_its_reports()


def see(play: Play, value: Membership = D) -> Play:
    for link in THREE:
        play.view(link).sees(link, {OWN: U, "node05": value, "node06": U}, whole=True)
    return play


def told(event: HostEvent, host: str = "node05") -> HostNotification:
    status = ClusterStatus.ONLINE if event is HostEvent.STARTED else ClusterStatus.OFFLINE
    at = EPOCH + datetime.timedelta(seconds=900)
    return HostNotification(host, at, event=event, cluster_status=status, host_status=HostStatus.NORMAL)


def test_it_is_confirmed_when_the_host_is_seen_to_fail_still_and_every_gate_is_passed() -> None:
    play = failed()
    assert play.wait(3600).waits_for == "it has not yet passed every gate again"
    see(play)
    assert play.confirmed == [], "it has not settled yet"
    play.wait(5)
    assert (play.confirmed, play.dropped, play.unconfirmed) == ([HOST], [], [])
    assert play.reports[1:] == [stopped("node05")] and play.notified[1].again


def test_it_is_taken_back_when_the_host_is_up() -> None:
    play = see(failed(), U)
    assert (play.confirmed, play.dropped) == ([], [HOST])
    assert play.reports[1:] == [started("node05")]


def test_who_does_not_report_any_more_leaves_it_to_who_does() -> None:
    play = failed(ELECTED)
    assert play.waits_for == "it is not yet known which monitor reports"
    play.no_election()
    assert "none can be elected" in play.waits_for
    play.follows("node06", {})
    assert (play.confirmed, play.dropped) == ([], [HOST])


def test_who_leads_again_confirms_it() -> None:
    play = see(failed(ELECTED).leads({})).wait(5)
    assert play.confirmed == [HOST]


def test_a_return_is_told_while_the_host_is_up() -> None:
    for value, confirmed in ((U, True), (D, False), (LEFT, False)):
        play = Play().all_up("node05").wait(5)
        play.start()
        play.adopts(told(HostEvent.STARTED))
        assert play.waits_for == "not every link is seen yet"
        see(play, value)
        assert (play.confirmed, play.dropped) == (([HOST], []) if confirmed else ([], [HOST]))


@pytest.mark.parametrize("event", HostEvent)
def test_this_monitors_own_host_runs(event: HostEvent) -> None:
    play = Play().adopts(told(event, OWN))
    own_host = [f"host:{OWN}"]
    assert (play.confirmed, play.dropped) == (
        (own_host, []) if event is HostEvent.STARTED else ([], own_host)
    )


@pytest.mark.parametrize("event", HostEvent)
def test_a_host_that_no_link_lists_any_more_is_forgotten(event: HostEvent) -> None:
    play = Play().adopts(told(event, "node99"))
    assert play.waits_for == "not every link is seen yet"
    assert play.all_up("node05").dropped == ["host:node99"]


def test_one_without_an_open_outage_is_taken_back_when_it_is_up_and_waits_until_then() -> None:
    play = Play().all_up("node05").wait(5)
    play.start()
    play.adopts(told(HostEvent.STOPPED))
    see(play, LEFT)
    assert play.wait(3600).waits_for == "no outage of the host is open, and it is not seen up"
    assert see(play, U).dropped == [HOST]


def test_one_that_fails_by_another_report_is_told_by_that() -> None:
    play = failed()
    play.adopts(told(HostEvent.STOPPED))
    assert play.dropped == [HOST] and len(play.unconfirmed) == 1
