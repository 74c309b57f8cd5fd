"""A guest with more than one line of questioning: its outage is one, and each report ends with what it tells of."""

from masakarimonitors.core.decision import Ruling
from masakarimonitors.introspectiveinstancemonitor.core.delivery import PATIENCE
from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.core.observation import Availability
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
