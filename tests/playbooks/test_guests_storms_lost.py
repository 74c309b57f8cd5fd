"""A storm of guests in which their libvirt is lost, or the monitor restarted; and silence that is never judged so."""

import pytest

from masakarimonitors.core.decision import Ruling
from masakarimonitors.core.storm import TOGETHER, GuardPolicy
from masakarimonitors.introspectiveinstancemonitor.core.observation import (
    AgentsInReach,
    AgentsOutOfReach,
    Availability,
    Census,
    GuestSeen,
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


def began_anew(play: Play, *there: int) -> Play:
    """The monitor was restarted and has seen these guests again."""
    play.restart_monitor()
    for n in there:
        play.seen(GUESTS[n])
    return play


def test_a_restart_when_most_are_back_still_holds_the_few_that_are_silent_for_the_hold() -> None:
    play = host()
    silence(play, *EVERY, times=10)
    for uuid in GUESTS[:8]:
        play.answers(uuid)
    assert silence(play, 8, 9, times=5) == []
    began_anew(play, *EVERY)
    for uuid in GUESTS[:8]:
        play.answers(uuid)
    assert silence(play, 8, 9, times=28) == []
    assert alarms(play) == ["storm:guests"]
    assert sorted(silence(play, 8, 9, times=5)) == GUESTS[8:10]
    assert storm_verdicts(play)[-1] is Ruling.RECOVERED and alarms(play) == [
        f"vm:{uuid}" for uuid in GUESTS[8:10]
    ]


def test_a_storm_of_before_a_restart_waits_for_its_guests_and_ends_when_they_answer() -> None:
    play = host()
    silence(play, *EVERY, times=10)
    play.restart_monitor().feed(LibvirtAway("restarted")).after(HOLD).feed(AgentsInReach())
    for n in EVERY:
        play.seen(GUESTS[n])
    play.feed(Census(frozenset(GUESTS[:10])))
    assert alarms(play) == ["storm:guests"]
    for uuid in GUESTS[:10]:
        play.answers(uuid)
        assert not play.notified
    assert alarms(play) == []
    began_anew(play, *EVERY)
    assert alarms(play) == [], "nothing of it is remembered any more"
    assert silence(play, 3, times=3) == [GUESTS[3]], "and the next silence is judged as any"


def test_restarts_in_a_storm_hold_nobody_for_longer_than_the_hour() -> None:
    play = host()
    began, reported = play.seconds, list[str]()
    while not reported:
        reported = silence(play, *EVERY, times=8, interval=30.0)
        if not reported:
            began_anew(play, *EVERY)
        assert play.seconds - began < 2 * TOGETHER
    assert play.seconds - began > TOGETHER


def test_a_restart_after_the_storm_was_released_holds_nobody_anew() -> None:
    play = host()
    silence(play, *EVERY, times=5)
    for uuid in GUESTS[:9]:
        play.answers(uuid)
    assert silence(play, 9, times=35) == [GUESTS[9]]
    began_anew(play, *EVERY)
    for uuid in GUESTS[:9]:
        play.answers(uuid)
    assert silence(play, 9, times=40) == [], "it is reported already"
    assert silence(play, 0, times=3) == [GUESTS[0]]


@pytest.mark.parametrize("gone", [range(8, 10), range(10)])
def test_guests_of_a_storm_that_left_while_the_monitor_was_away_hold_nobody(gone: range) -> None:
    play = host()
    silence(play, *EVERY, times=10)
    there = [n for n in EVERY if n not in gone]
    began_anew(play, *there).feed(Census(frozenset(GUESTS[n] for n in there)))
    for n in there:
        play.answers(GUESTS[n])
    assert alarms(play) == []
    assert not any("storm" in key for key in play.memory)


def test_a_storm_of_one_libvirt_is_not_let_go_by_what_is_seen_of_another() -> None:
    play = Play(guard=GuardPolicy(domain_threshold=50.0))

    def seen(where: str, numbers: range) -> None:
        for n in numbers:
            play.feed(
                GuestSeen(
                    uuid=GUESTS[n], name=f"i{n}", run=RUN, availability=Availability.RUNNING, where=where
                )
            )

    for where, numbers in (("a", range(10)), ("b", range(10, 20))):
        seen(where, numbers)
        for n in numbers:
            play.answers(GUESTS[n])
    silence(play, *range(20), times=5)
    for n in (*range(8), *range(10, 18)):
        play.answers(GUESTS[n])
    assert silence(play, 8, 9, 18, 19, times=2) == []
    play.uris = ("a", "b")
    play.restart_monitor()
    seen("a", range(10))
    play.feed(Census(frozenset(GUESTS[:10]), where="a"))
    assert silence(play, 8, 9, times=10) == []
    seen("b", range(10, 20))
    play.feed(Census(frozenset(GUESTS[10:20]), where="b"))
    assert silence(play, 8, 9, 18, 19, times=18) == []
    assert sorted(silence(play, 8, 9, 18, 19, times=13)) == [GUESTS[n] for n in (8, 9, 18, 19)]
