"""A host is back, or was never lost, and masakari has a report of it, or may have: a person must put it back.

masakari's engine puts a host on maintenance and disables it in nova with each report that it works off.
"""

import pytest

from masakarimonitors.hostmonitor.core.observation import Membership, Outcome, Sighting
from masakarimonitors.hostmonitor.core.outages.reasons import Reason
from tests.fixtures.host_play import OWN, Play, pacemaker_policy, stopped

DAY = 86400
IN_SERVICE, FLAGGED = {"node05": False}, {"node05": True}
RULES = pacemaker_policy(lookup=True, elected=True)
LATE = Sighting(Membership.LEFT, "its good-bye was heard late", revises=True)


def lost(api: bool = False) -> Play:
    """It leads; node05 was reported; without `api` masakari's answer is awaited still."""
    play = Play(RULES, api=api).all_up("node05").leads({}).registry(IN_SERVICE).wait(60)
    return play.registry(IN_SERVICE).cut("node05").wait(5)


def read(play: Play, segments: dict[str, bool] | None, minutes: int = 5) -> Play:
    for _ in range(minutes):
        play.wait(60).registry(segments)
    return play


def owed(play: Play) -> bool:
    """Whether the alarm stands."""
    told = play.state.hosts["node05"].told
    return told is not None and told.alarm and told.reason in (Reason.OUT_OF_SERVICE, Reason.NEVER_LOST)


# -- a report that was under way ------------------------------------------------------------------------


def test_a_host_that_is_back_before_its_answer_is_an_alarm_until_masakari_shows_it_in_service() -> None:
    play = lost().heal("node05").wait(1)
    assert play.reports[0] == stopped("node05") and "host:node05" in play.withdrawn
    assert owed(play) and "node05 nova-compute" in play.last("host:node05").why
    play.wait(170).registry(IN_SERVICE)
    assert owed(play), "its engine may not have begun yet"
    play.wait(20).registry(IN_SERVICE)
    assert not owed(play) and play.last("host:node05").why == "masakari has it in service"


def test_or_until_a_person_has_put_it_back() -> None:
    play = read(lost().heal("node05"), FLAGGED).wait(3 * DAY).registry(FLAGGED)
    assert owed(play)
    play.registry(IN_SERVICE)
    assert not owed(play)


def test_while_masakari_cannot_be_read_it_stands() -> None:
    assert owed(lost().heal("node05").wait(2 * DAY).registry(None).wait(60))


def test_an_answer_that_comes_after_the_return_is_an_alarm() -> None:
    play = read(lost().heal("node05"), IN_SERVICE)
    assert not owed(play)
    play.answers(Outcome.ACCEPTED)
    assert owed(play) and "has disabled it in nova" in play.last("host:node05").why
    assert owed(read(play, IN_SERVICE)), "its engine has not come to it yet"
    assert not owed(read(read(play, FLAGGED, 1), IN_SERVICE, 1))


def test_a_good_bye_that_is_heard_late_is_the_same() -> None:
    play = lost().change("cluster", {"node05": LATE}).wait(1)
    assert owed(play) and "may have taken" in play.last("host:node05").why
    assert not owed(read(play, IN_SERVICE))


# -- a report that masakari has ------------------------------------------------------------------------


def test_what_masakari_has_stands_until_its_flag_was_set_and_is_off() -> None:
    play = read(lost(api=True), FLAGGED, 1).heal("node05")
    assert owed(read(play, FLAGGED, 60))
    assert not owed(read(play, IN_SERVICE, 1))


def test_whoever_was_put_back_while_it_was_down_needs_nobody() -> None:
    play = read(read(lost(api=True), FLAGGED, 1), IN_SERVICE, 1).heal("node05").wait(1)
    assert not owed(play) and not any("nova-compute" in told.why for told in play.told)


def test_its_next_failure_and_a_flap_end_nothing() -> None:
    play = read(read(lost(api=True), FLAGGED, 1).heal("node05"), FLAGGED)
    play.cut("node05").wait(1).heal("node05").wait(1)
    assert owed(play)


@pytest.mark.parametrize("segments", [{}, {"node06": False}])
def test_who_is_in_no_segment_any_more_is_put_back_nowhere(segments: dict[str, bool]) -> None:
    assert not owed(read(lost(api=True).heal("node05"), segments, 1))


def test_without_a_look_at_the_segments_it_stands_for_a_day() -> None:
    play = Play(pacemaker_policy()).all_up("node05").cut("node05").wait(5).heal("node05").wait(DAY - 10)
    assert owed(play)
    play.wait(20)
    assert not owed(play)


# -- restarts and other monitors -----------------------------------------------------------------------


@pytest.mark.parametrize("left", [False, True])
def test_it_is_remembered_over_a_restart(left: bool) -> None:
    play = lost(api=True)
    play = play.change("cluster", {"node05": LATE}) if left else play.heal("node05")
    assert owed(play.wait(60))
    play.seconds += 3600
    play.start()
    now = Sighting(Membership.LEFT, "left") if left else Sighting(Membership.UP)
    play.view("cluster").listing("cluster", {OWN: Sighting(Membership.UP), "node05": now}).leads({}).wait(30)
    assert not owed(play), "whoever has come to report reads masakari first"
    play.registry(FLAGGED)
    assert owed(play) and ("started elsewhere" in play.last("host:node05").why) is left
    assert not owed(read(play, IN_SERVICE))


def test_who_does_not_report_says_nothing_until_it_does() -> None:
    play = Play(RULES).all_up("node05").follows("node02").cut("node05").wait(5)
    play.follows("node02", dict(lost(api=True).ledgers[-1])).heal("node05").wait(600)
    assert not owed(play) and play.state.hosts["node05"].outage is None
    play.leads({}).wait(61)
    assert owed(play), "masakari's segments cannot be read"
    assert not owed(read(read(play, FLAGGED, 1), IN_SERVICE, 1))


def test_who_reports_first_after_days_looks_whether_it_was_put_back() -> None:
    def late() -> Play:
        play = Play(RULES).all_up("node05").follows("node02").cut("node05").wait(5)
        play.follows("node02", dict(lost(api=True).ledgers[-1])).heal("node05").wait(3 * DAY)
        return play.all_up("node05").leads({}).wait(61)

    play = late()
    assert not owed(play), "nobody has read masakari's segments since"
    assert owed(play.registry(FLAGGED))
    play = late().registry(IN_SERVICE)
    assert not owed(play) and play.state.hosts["node05"].aftermath is None
