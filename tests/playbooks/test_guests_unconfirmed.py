"""Reports about guests that the last life left undelivered: confirmed by another silence and a look, or taken back."""

from typing import Any

import pytest

from masakarimonitors.core.storm import TOGETHER, GuardPolicy
from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.core.observation import (
    HEARTBEAT,
    AgentsOutOfReach,
    Availability,
    Census,
    Inconclusive,
    LibvirtAway,
    NotKnown,
    ReportSettled,
)
from tests.fixtures.guest_play import RUN, A, B, Play

SUBJECT = f"vm:{A}"


def silent(**options: Any) -> Play:
    """The monitor was restarted with the report of a silent guest."""
    return Play(**options).seen().answers().goes_silent(times=3).restart_with_its_report()


def there(play: Play, *uuids: str) -> Play:
    return play.feed(Census(frozenset(uuids or (A,))))


def test_it_is_confirmed_when_the_guest_is_asked_again_and_looks_dead() -> None:
    play = silent()
    assert play.waits_for == "libvirt  has not listed its guests yet"
    there(play.seen())
    assert "has not been asked yet" in play.waits_for
    play.feed(Inconclusive(uuid=A, run=RUN, probe=HEARTBEAT, in_reply_to=99, why="the connection broke"))
    assert "did not reach it" in play.waits_for
    play.misses().reads()
    assert "being looked at from outside" in play.waits_for, "it may be at work again"
    play.after(10).misses().reads()
    assert (play.confirmed, play.unconfirmed) == ([SUBJECT], [])


@pytest.mark.parametrize("interval", [10, 15, 20, 30, 60])
def test_one_that_is_at_work_is_taken_back_however_seldom_it_is_asked(interval: int) -> None:
    play, moved = there(silent().seen()), 0
    while play.unconfirmed:
        play.after(interval).misses()
        moved += 50
        if play.asked:
            play.reads(cpu=moved, ran=10**9 * moved, requests=moved)
    assert (play.confirmed, play.dropped) == ([], [SUBJECT])


@pytest.mark.parametrize(
    "availability", [Availability.AGENT_CLOSED, Availability.SHUTTING_DOWN, Availability.BUSY]
)
def test_one_that_is_first_seen_excused_is_taken_back_as_without_the_restart(
    availability: Availability,
) -> None:
    """One that has rebooted by itself keeps its QEMU, and has closed its channel."""
    play = silent().seen(availability=availability)
    assert play.dropped == [SUBJECT] and play.withdrawn == [SUBJECT]
    assert play.phase() is Phase.ERROR and play.state.guests[A].waiting is None
    assert "waiting" not in play.memory[f"guest:{A}"], "after another restart it is not reported either"


def test_one_that_is_paused_is_not_asked_and_waits() -> None:
    play = there(silent().seen(availability=Availability.PAUSED)).wait(7200)
    assert "not judged now" in play.waits_for
    play.seen().misses().reads().after(10).misses().reads()
    assert play.confirmed == [SUBJECT]


def test_one_that_crashed_is_dead() -> None:
    assert silent().seen(availability=Availability.CRASHED).confirmed == [SUBJECT]


def test_one_that_answers_or_began_anew_or_left_is_taken_back() -> None:
    assert silent().seen().answers().dropped == [SUBJECT]
    assert silent().seen(run="boot-2").dropped == [SUBJECT]
    assert there(silent(), B).dropped == [SUBJECT]


def test_what_cannot_be_looked_at_waits_without_end() -> None:
    for sight, why in (
        (LibvirtAway("no socket"), "no socket"),
        (AgentsOutOfReach("permission denied"), "permission denied"),
    ):
        play = there(silent().seen()).misses().reads().feed(sight)
        play.wait(7200)
        assert play.waits_for == why
    assert silent().feed(LibvirtAway("no socket")).wait(7200).waits_for == "libvirt  cannot be asked"


def test_one_of_which_libvirt_tells_nothing_from_outside_waits() -> None:
    play = there(silent().seen()).misses().feed(NotKnown(uuid=A, run=RUN, why="timed out"))
    assert "does not tell how it looks from outside" in play.waits_for


def test_without_counters_another_silence_is_enough() -> None:
    assert there(silent(io_check=False).seen()).misses().confirmed == [SUBJECT]


def test_a_check_that_failed_must_fail_again_and_is_forgotten_when_it_is_configured_no_more() -> None:
    def failed() -> Play:
        play = Play(failures={"web": 2}).seen().answers().answers(probe="web").fails("web", times=2)
        assert play.phase(probe="web") is Phase.REPORTED
        return play.restart_with_its_report().seen()

    play = failed().answers()
    assert "has not been asked yet" in play.waits_for
    assert play.misses(probe="web").confirmed == [SUBJECT]
    assert failed().answers(probe="web").dropped == [SUBJECT]
    play = failed()
    play.rule_by(failures={}).seen().answers()
    assert play.dropped == [SUBJECT]


def test_one_of_which_nothing_is_remembered_is_neither_sent_nor_lost() -> None:
    play = silent()
    play.state = type(play.state)()
    there(play.seen())
    assert play.waits_for == "nothing is remembered of it, and it has not answered yet"
    assert play.answers().dropped == [SUBJECT]


def test_of_one_that_no_configured_libvirt_has_it_is_withdrawn() -> None:
    play = silent()
    play.uris = ("", "another")
    play.state = type(play.state)()
    there(play, B)
    assert play.waits_for == "libvirt another has not listed its guests yet"
    assert play.feed(Census(frozenset(), where="another")).dropped == [SUBJECT]


def with_failed_check(**options: Any) -> Play:
    play = Play(failures={"web": 2}, **options).seen().answers().answers(probe="web").fails("web", times=2)
    return there(play.restart_with_its_report().seen())


def test_of_a_check_that_is_meant_for_other_guests_now_it_is_forgotten_and_holds_nothing() -> None:
    play = Play(failures={"web": 2}).seen().answers().answers(probe="web").fails("web", times=2)
    there(play.restart_with_its_report().seen(checks=()).answers())
    assert play.dropped == [SUBJECT]
    play.feed(ReportSettled(A, play.state.guests[A].waiting, False))  # type: ignore[arg-type]
    assert len(play.goes_silent(times=3).notified) == 1


def test_of_a_check_it_is_confirmed_when_the_whole_guest_hangs() -> None:
    """The check is not made in a guest that does not answer; its hang must not wait for that."""
    play = with_failed_check()
    assert play.goes_silent(times=2).unconfirmed, "it has not missed enough"
    assert play.goes_silent(times=2).confirmed == [SUBJECT] and not play.notified


def test_nor_is_it_confirmed_by_the_hang_of_a_guest_at_work() -> None:
    play = with_failed_check()
    for n in range(9):
        play.after(10).misses().reads(cpu=n, ran=n * 10**9, requests=n * 50)
    assert "has not been asked" in play.waits_for and play.confirmed == []


def test_nor_by_a_storm() -> None:
    play = with_failed_check(guard=GuardPolicy(domain_threshold=50.0))
    others = [f"{n:08x}-0000-4000-8000-000000000000" for n in range(4)]
    for uuid in others:
        play.seen(uuid).answers(uuid)
    for _ in range(6):
        play.after(10)
        for uuid in (A, *others):
            play.goes_silent(uuid, times=1, interval=0.0)
            assert not play.notified and not play.confirmed
    assert "fell silent together" in play.waits_for
    for uuid in others:
        play.answers(uuid)
    play.goes_silent(times=40)
    assert play.confirmed == [SUBJECT]


def test_nor_is_it_held_for_more_than_an_hour_by_a_storm_in_which_others_come_and_go() -> None:
    play = with_failed_check(guard=GuardPolicy(domain_threshold=50.0))
    others = [f"{n:08x}-0000-4000-8000-000000000000" for n in range(9)]
    for uuid in others:
        play.seen(uuid).answers(uuid)
    began = play.seconds
    while not play.confirmed and play.seconds - began < 2 * TOGETHER:
        play.after(30).misses().reads()
        for n, uuid in enumerate(others):
            if ((play.seconds - began) // 600 + n) % 9 < 6:
                play.misses(uuid).reads(uuid)
            else:
                play.answers(uuid)
    assert play.confirmed == [SUBJECT] and play.state.storms
    assert TOGETHER < play.seconds - began < TOGETHER + 120
