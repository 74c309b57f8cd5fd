"""A storm of guests in which their libvirt is lost, or the monitor restarted; and silence that is never judged so."""

import pytest

from masakarimonitors.core.decision import Ruling
from masakarimonitors.core.storm import TOGETHER
from masakarimonitors.introspectiveinstancemonitor.core.observation import (
    AgentsInReach,
    AgentsOutOfReach,
    Census,
    LibvirtAway,
    NotKnown,
)
from tests.fixtures.guest_play import RUN, A, Play
from tests.playbooks.test_guests_storms import GUESTS, alarms, host, silence, storm_verdicts

HOLD = 300.0
EVERY = range(10)


def lose(play: Play, seconds: float = 5.0, there: frozenset[str] = frozenset(GUESTS[:10])) -> None:
    play.feed(LibvirtAway("restarted")).after(seconds).feed(Census(there))


def test_a_loss_of_libvirt_neither_ends_a_storm_nor_begins_it_anew() -> None:
    play = host()
    silence(play, *EVERY, times=10)
    play.feed(LibvirtAway("restarted"))
    assert "storm:guests" in alarms(play), "nobody can say that it is over"
    play.after(HOLD * 2).feed(Census(frozenset(GUESTS[:10])))
    assert silence(play, *EVERY, times=10) == []
    assert storm_verdicts(play) == [Ruling.HELD]


def test_nor_does_a_loss_of_the_way_to_the_agents() -> None:
    play = host()
    silence(play, *EVERY, times=10)
    play.feed(AgentsOutOfReach("refused")).after(60).feed(AgentsInReach())
    assert silence(play, *EVERY, times=10) == []
    assert storm_verdicts(play) == [Ruling.HELD]


def test_what_is_out_of_sight_does_not_count_for_the_hold_and_what_was_counted_stays() -> None:
    play = host()
    silence(play, *EVERY, times=5)
    for uuid in GUESTS[:8]:
        play.answers(uuid)
    assert silence(play, 8, 9, times=15) == []
    lose(play, seconds=HOLD)
    assert silence(play, 8, 9, times=12) == []
    assert sorted(silence(play, 8, 9, times=6)) == GUESTS[8:10]
    assert storm_verdicts(play) == [Ruling.HELD, Ruling.RECOVERED]


def test_a_storm_whose_libvirt_is_lost_again_and_again_holds_nobody_for_ever() -> None:
    play = host()
    began, reported = play.seconds, list[str]()
    while not reported:
        reported = silence(play, *EVERY, times=5, interval=30.0)
        lose(play)
        assert play.seconds - began < 2 * TOGETHER
    assert play.seconds - began > TOGETHER
    assert sorted(reported) == GUESTS[:10]


def test_nor_does_it_end_when_libvirt_is_back_and_cannot_tell_how_they_stand() -> None:
    play = host()
    silence(play, *EVERY, times=10)
    lose(play)
    for _ in range(10):
        play.after(10)
        for uuid in GUESTS[:10]:
            play.misses(uuid)
            assert not play.feed(NotKnown(uuid, RUN, "no answer in 5 s")).notified
    assert alarms(play) == ["storm:guests"] and storm_verdicts(play) == [Ruling.HELD]


def test_guests_that_answer_when_libvirt_is_back_end_the_storm() -> None:
    play = host()
    silence(play, *EVERY, times=10)
    lose(play)
    for uuid in GUESTS[:10]:
        play.answers(uuid)
    assert alarms(play) == [] and storm_verdicts(play) == [Ruling.HELD, Ruling.RECOVERED]


def test_a_restart_of_the_monitor_in_a_storm_reports_nobody_at_once_and_loses_nobody() -> None:
    play = host()
    silence(play, *EVERY, times=10)
    play.restart_monitor()
    for uuid in GUESTS[:10]:
        play.seen(uuid)
    assert silence(play, *EVERY, times=20) == []
    assert alarms(play) == ["storm:guests"]
    for uuid in GUESTS[:8]:
        play.answers(uuid)
    assert sorted(silence(play, 8, 9, times=32)) == GUESTS[8:10]


def never_judged(play: Play, times: int = 6) -> Play:
    """Seven misses, where eight are enough; then libvirt is lost, so many times."""
    play.seen().answers()
    for _ in range(times):
        for _ in range(7):
            play.after(10).misses()
        lose(play, there=frozenset({A}))
    return play


def test_a_guest_whose_libvirt_is_always_lost_before_it_can_be_judged_is_an_alarm_once() -> None:
    play = never_judged(Play(threshold=8))
    told = [verdict for verdict in play.told if "again and again" in verdict.why]
    assert [verdict.ruling for verdict in told] == [Ruling.BLIND] and told[0].alarm
    assert alarms(play) == [f"vm:{A}"]
    assert not any(verdict.ruling is Ruling.REPORTED for verdict in play.told), (
        "what was missed before is not added"
    )


@pytest.mark.parametrize("losses", [0, 1, 2])
def test_that_alarm_ends_with_an_answer_and_one_loss_is_none(losses: int) -> None:
    play = never_judged(Play(threshold=8), times=losses)
    assert not any("again and again" in verdict.why for verdict in play.told)
    never_judged(play).answers()
    assert alarms(play) == []


def test_it_ends_when_the_guest_can_be_judged_at_last() -> None:
    play = never_judged(Play(threshold=8))
    for _ in range(8):
        play.after(10).misses().reads()
    play.after(10).reads()
    assert play.phase() == "reported"
    assert "again and again" not in str(play.state.guests[A].heartbeat.hold)
