"""A guest with more than one line of questioning: its outage is one, and each report ends with what it tells of."""

import pytest

from masakarimonitors.core.decision import Ruling
from masakarimonitors.core.offers.again import HostSeen
from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.core.observation import Availability, ReportSettled
from masakarimonitors.introspectiveinstancemonitor.core.report import unheard_of
from masakarimonitors.introspectiveinstancemonitor.core.reported.delivery import PATIENCE, Delivery
from tests.fixtures.guest_play import A, Play

WEB = "web-answers"
REPORT = (A, "QEMU_GUEST_AGENT_ERROR", "STOPPED_FAILED")


def with_check() -> Play:
    return Play(threshold=3, failures={WEB: 2}).seen().answers().answers(probe=WEB)


def test_a_hang_after_a_check_was_reported_is_one_outage_until_masakari_has_had_its_time() -> None:
    play = with_check().fails(WEB, times=2).settled()
    assert not play.goes_silent(times=5).notified and play.told[-1].ruling is Ruling.HELD
    assert play.after(PATIENCE.total_seconds()).goes_silent(times=1).notified == [REPORT]


def test_a_hang_after_a_check_whose_report_was_refused_is_reported_at_once() -> None:
    play = with_check().fails(WEB, times=2).settled(delivered=False)
    assert play.goes_silent(times=3).notified == [REPORT]


def test_whatever_ends_the_report_of_a_check_a_hang_is_looked_at_again_before_it_is_told() -> None:
    play = with_check().fails(WEB, times=2).goes_silent(times=4)
    assert play.answers(probe=WEB).withdrawn == [f"vm:{A}"]
    assert not play.notified and play.asked
    assert play.after(10).reads().notified == [REPORT]


def twice_reported() -> Play:
    """A check that masakari has had its time with, and a hang that waits to be delivered."""
    play = with_check().fails(WEB, times=2).settled().after(PATIENCE.total_seconds())
    return play.goes_silent(times=4)


def test_what_masakari_has_of_a_check_is_not_reported_again_because_a_hang_is_taken_back() -> None:
    play = twice_reported().reads(availability=Availability.BUSY)
    assert play.withdrawn == [f"vm:{A}"]
    assert (play.phase(), play.phase(probe=WEB)) == (Phase.ERROR, Phase.REPORTED)
    play.reads().answers()
    assert not play.fails(WEB, times=9).notified


def test_the_report_of_a_hang_that_is_over_is_withdrawn_though_the_check_still_fails() -> None:
    play = twice_reported().answers()
    assert play.withdrawn == [f"vm:{A}"] and play.phase(probe=WEB) is Phase.REPORTED


@pytest.mark.parametrize("delivered", [True, False])
def test_a_check_that_is_not_configured_any_more_keeps_no_other_one_from_being_reported(
    delivered: bool,
) -> None:
    play = Play(failures={WEB: 2, "db": 2}).seen().answers().answers(probe=WEB).answers(probe="db")
    play.fails(WEB, times=2).settled(delivered=delivered).after(PATIENCE.total_seconds())
    play.rule_by(failures={"db": 2}).restart_monitor()
    play.seen().answers()
    assert WEB not in play.state.guests[A].probes and not play.state.guests[A].reported
    assert play.fails("db", times=2).notified == [REPORT]


def test_nor_does_one_whose_report_waited_when_it_was_taken_out_of_the_configuration() -> None:
    play = Play(failures={WEB: 2, "db": 2}).seen().answers().answers(probe=WEB).answers(probe="db")
    play.fails(WEB, times=2)
    play.rule_by(failures={"db": 2}).restart_with_its_report()
    play.seen().answers()
    assert play.dropped == [f"vm:{A}"]
    play.settled(delivered=False)
    assert play.fails("db", times=2).notified == [REPORT]


@pytest.mark.parametrize("restarted", [False, True])
def test_nor_does_one_that_is_configured_for_others_only(*, restarted: bool) -> None:
    """Its match was narrowed, or the instance is not what it was (another flavor, another project)."""
    play = Play(failures={WEB: 2, "db": 2}).seen().answers().answers(probe=WEB).answers(probe="db")
    play.fails(WEB, times=2).settled().after(PATIENCE.total_seconds())
    if restarted:
        play.restart_monitor()
    play.seen(checks=("db",)).answers().answers(probe="db")
    assert WEB not in play.state.guests[A].probes
    assert play.fails("db", times=2).notified == [REPORT]


def test_a_report_that_waits_of_a_check_that_is_not_meant_for_its_guest_any_more_is_taken_back() -> None:
    play = with_check().fails(WEB, times=2)
    assert play.seen(checks=()).withdrawn == [f"vm:{A}"]
    assert play.goes_silent(times=3).notified == [REPORT]


def test_nor_does_one_that_cannot_be_made_any_more() -> None:
    """Its program was removed from the guest."""
    play = Play(failures={WEB: 2, "db": 2}).seen().answers().answers(probe=WEB).answers(probe="db")
    play.fails(WEB, times=2).settled().after(PATIENCE.total_seconds())
    assert not play.fails("db", times=2).notified, "while it still fails"
    for _ in range(5):
        play.after(30).not_asked(probe=WEB, why="no such program")
    assert play.fails("db", times=1).notified == [REPORT]


@pytest.mark.parametrize("ended", ["refused", "delivered", "dropped"])
def test_the_end_of_a_report_about_a_guest_that_is_not_seen_yet_is_noted(ended: str) -> None:
    """Its libvirt is away since the start; or the last life was killed before it could note the end."""
    play = Play(threshold=3).seen().answers().goes_silent()
    made_at = play.state.guests[A].waiting
    assert play.notified == [REPORT] and made_at is not None
    play.restart_monitor()
    assert unheard_of(play.state) == [(f"vm:{A}", made_at)]
    play.feed(ReportSettled(A, made_at, ended == "delivered", ended == "dropped"))
    assert [one.alarm for one in play.verdicts] == ([True] if ended == "refused" else [])
    assert unheard_of(play.state) == []
    play.restart_monitor()
    assert unheard_of(play.state) == [], "it is on disk"
    play.seen()
    where = {"refused": Delivery.NOT_TAKEN, "delivered": Delivery.DELIVERED, "dropped": Delivery.GIVEN_UP}
    assert play.state.guests[A].heartbeat.delivery is where[ended]
    play.after(3600).feed(HostSeen(True, False, play.now)).goes_silent()
    assert play.notified == ([REPORT] if ended == "refused" else [])
