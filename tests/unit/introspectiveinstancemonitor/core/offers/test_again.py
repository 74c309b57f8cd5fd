"""A guest of which masakari did not take the report: judged once more when masakari may take it, and never else."""

import datetime

import pytest

from masakarimonitors.core.offers.again import LOOK_EVERY, HostSeen, LookUpHost
from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.core.observation import ReportSettled
from masakarimonitors.introspectiveinstancemonitor.core.reported.delivery import Delivery
from tests.fixtures.guest_play import A, Play


def refused() -> tuple[Play, datetime.datetime]:
    """It fell silent, and masakari did not take its report; with when that was made."""
    play = Play()
    play.seen().answers().goes_silent()
    made = play.state.guests[A].waiting
    assert made is not None
    play.settled(delivered=False)
    assert any(one.alarm for one in play.verdicts)
    return play, made


def look(
    play: Play,
    registered: bool | None = True,
    *,
    on_maintenance: bool = False,
    failed_at: datetime.datetime | None = None,
) -> Play:
    """At the time for it, masakari says this of the host."""
    play.wait(LOOK_EVERY)
    assert [type(one) for one in play.commands if isinstance(one, LookUpHost)] == [LookUpHost]
    known = on_maintenance if registered else None
    return play.feed(HostSeen(registered, known, play.now, failed_at=failed_at))


def reports_in(play: Play, minutes: int, **reading: int) -> int:
    """How many it makes of a guest that stays silent."""
    total, cpu = 0, 0
    for _ in range(minutes * 4):
        play.after(15.0).misses()
        total += len(play.notified)
        if play.asked:
            cpu += reading.get("cpu", 0)
            play.reads(cpu=cpu, ran=cpu, requests=cpu)
            total += len(play.notified)
    return total


def test_when_the_maintenance_is_over_a_guest_that_is_dead_still_is_reported_anew() -> None:
    play, _ = refused()
    for _ in range(10):
        look(play, on_maintenance=True)
        assert reports_in(play, 1) == 0, "masakari would refuse it again"
    look(play)
    assert not play.notified and not play.withdrawn and play.phase() is Phase.ERROR
    assert reports_in(play, 10) == 1
    play.settled()
    assert reports_in(play, 60) == 0 and "this host at masakari" not in play.alarms


def test_a_guest_that_is_found_at_work_is_not_reported_anew() -> None:
    play, _ = refused()
    look(play)
    assert reports_in(play, 30, cpu=10_000_000_000) == 0


def test_a_guest_that_answers_needs_nobody() -> None:
    play, _ = refused()
    play.answers()
    assert play.phase() is Phase.HEALTHY and "this host at masakari" not in play.alarms


def test_one_that_was_taken_back_by_hand_stays_so() -> None:
    play = Play()
    play.seen().answers().goes_silent()
    made = play.state.guests[A].waiting
    assert made is not None
    play.feed(ReportSettled(A, made, delivered=False, withdrawn=True))
    assert play.state.guests[A].heartbeat.delivery is Delivery.GIVEN_UP and not play.alarms.keys() & {
        "this host at masakari"
    }


@pytest.mark.parametrize(("later", "again"), [(30.0, 0), (-600.0, 1)])
def test_one_that_masakari_has_recovered_with_its_host_is_left_to_that(later: float, again: int) -> None:
    play, made = refused()
    look(play, on_maintenance=True, failed_at=made + datetime.timedelta(seconds=later))
    assert any(one.alarm for one in play.verdicts) is (not again)
    if again:
        look(play)
    assert reports_in(play, 30) == again


def test_where_masakari_cannot_be_asked_it_is_tried_slowly() -> None:
    play, _ = refused()
    look(play, registered=None)
    assert reports_in(play, 2) == 1
    play.settled(delivered=False)
    look(play, registered=None)
    assert reports_in(play, 1) == 0, "not again at once"


def test_it_is_not_forgotten_with_the_monitor() -> None:
    play, _ = refused()
    play.restart_monitor().seen().misses()
    assert play.state.guests[A].heartbeat.delivery is Delivery.NOT_TAKEN
    look(play)
    assert reports_in(play, 10) == 1
