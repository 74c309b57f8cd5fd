"""A monitor is restarted while only what masakari's engine does not finish with keeps a failure from being told."""

import pytest

from tests.fixtures.host_play import Play, policy
from tests.playbooks.test_hosts_put_back import FLAGGED, IN_SERVICE, excused, read, seen_down, stop

RULES = policy(lookup=True, look_up_reports=True, elected=True)


def restarted(play: Play, segments: dict[str, bool], seconds: float = 5) -> Play:
    kept = dict(play.ledgers[-1])
    return seen_down(stop(play, seconds).leads(kept).registry(segments)).wait(5)


def alarms(play: Play) -> int:
    return sum(said.alarm and "not finished" in said.why for said in play.told)


@pytest.mark.parametrize("segments", [FLAGGED, IN_SERVICE])
def test_what_its_engine_does_not_finish_with_is_an_alarm_after_a_restart_as_well(
    segments: dict[str, bool],
) -> None:
    play = read(excused(segments, True), 720, segments)
    assert alarms(play) == 1
    restarted(play, segments)
    assert alarms(play) == 2 and play.last("host:node05").alarm, "the status must say so still"
    assert play.reports == []


def test_the_time_for_which_it_excuses_silence_goes_on_over_a_restart() -> None:
    play = restarted(read(excused(IN_SERVICE, True), 300, IN_SERVICE), IN_SERVICE)
    read(play, 240, IN_SERVICE)
    assert alarms(play) == 0
    read(play, 120, IN_SERVICE)
    assert alarms(play) == 1 and play.last("host:node05").alarm


def test_a_clock_that_was_set_back_meanwhile_makes_it_an_alarm_at_once() -> None:
    """Nobody can tell for how long it has excused silence."""
    play = excused(IN_SERVICE, True)
    restarted(read(play, 60, IN_SERVICE), IN_SERVICE, seconds=-3600.0)
    assert alarms(play) == 1


def test_what_its_engine_has_finished_with_meanwhile_is_no_alarm_after_a_restart() -> None:
    play = read(excused(FLAGGED, True), 720, FLAGGED)
    told = alarms(play)
    play.listed = None
    restarted(play, FLAGGED)
    play.found(True, finished=True).wait(3600)
    assert alarms(play) <= told + 1 and not play.last("host:node05").alarm
