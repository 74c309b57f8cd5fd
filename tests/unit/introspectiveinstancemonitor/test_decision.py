from typing import Any

import pytest

from masakarimonitors.decisions import Ruling, WakeAt, Woken
from masakarimonitors.introspectiveinstancemonitor.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.observation import (
    Answered,
    Away,
    Gone,
    Missed,
    NotKnown,
    Restarted,
    Roll,
    Seen,
    Standing,
    Void,
)
from tests.unit.introspectiveinstancemonitor.play import RUN, A, B, Play

REPORT = (A, "QEMU_GUEST_AGENT_ERROR", "STOPPED_FAILED")
NANO = 1_000_000_000
EXCUSES = [standing for standing in Standing if standing is not Standing.RUNNING]


def healthy(**options: Any) -> Play:
    return Play(**options).seen().answers()


# Misses.


def test_three_misses_after_healthy_are_one_report() -> None:
    play = healthy().goes_silent(times=2)
    assert not play.notified
    assert play.goes_silent(times=1).notified == [REPORT]
    assert play.phase() is Phase.REPORTED


def test_a_guest_that_never_answered_is_never_accused() -> None:
    play = Play().seen().goes_silent(times=20)
    assert not play.notified and play.phase() is Phase.DISCOVERY


def test_once_per_outage() -> None:
    play = healthy().goes_silent(times=3)
    assert not play.goes_silent(times=50).notified


def test_a_single_answer_clears_the_misses() -> None:
    play = healthy()
    for _ in range(10):
        assert not play.goes_silent(times=2).notified
        assert play.answers().rulings == [Ruling.RECOVERED]


def test_an_answer_after_the_report_withdraws_it() -> None:
    play = healthy().goes_silent(times=3).after(5).answers()
    assert play.withdrawn == [f"vm:{A}"] and play.phase() is Phase.HEALTHY
    assert play.goes_silent(times=3).notified == [REPORT]


def test_a_threshold_of_one_still_looks_before_it_accuses() -> None:
    play = healthy(threshold=1).after(10).misses()
    assert not play.notified and play.asked
    assert not play.reads(requests=9).notified
    assert WakeAt(f"look:{A}", play.now.monotonic + 4.5) in play.commands
    play.after(4.5).hear(Woken(f"look:{A}"))
    assert play.asked[0].cpu_before == 0
    assert play.reads(requests=9).notified == [REPORT]


def test_the_verdict_does_not_wait_for_the_call() -> None:
    """A miss counts when the time-out passes; the same question's end, later, does not count again."""
    play = healthy()
    for _ in range(2):
        play.after(10).misses(final=False).reads()
        play.after(3).hear(Missed(A, RUN, "heartbeat", play.question, "agent unresponsive", final=True))
        assert not play.asked
    play.after(7).misses(final=False)
    assert play.reads().notified == [REPORT]


def test_a_question_that_was_not_put_to_the_guest_does_not_count() -> None:
    play = healthy().goes_silent(times=1)
    for _ in range(10):
        play.after(10).misses(final=False).reads()
        play.hear(Void(A, RUN, "heartbeat", play.question, "libvirtd was restarted"))
    assert not play.goes_silent(times=1).notified
    assert play.goes_silent(times=1).notified == [REPORT]


def test_a_late_answer_is_life() -> None:
    play = healthy()
    for _ in range(10):
        play.after(10).misses(final=False).reads()
        play.after(1).hear(Answered(A, RUN, "heartbeat", 3.0))
        assert not play.notified and play.phase() is Phase.HEALTHY


def test_machines_are_independent() -> None:
    play = healthy().seen(B).answers(B)
    play.goes_silent(A, times=2).answers(B)
    assert play.goes_silent(A, times=1).notified == [REPORT]
    assert play.phase(B) is Phase.HEALTHY


# Excuses.


@pytest.mark.parametrize("standing", EXCUSES)
def test_silence_is_not_judged_meanwhile(standing: Standing) -> None:
    play = healthy().goes_silent(times=2).seen(standing=standing)
    assert play.rulings == [Ruling.PLANNED]
    for _ in range(10):
        assert not play.after(10).misses().notified
        assert not play.reads(standing=standing).notified


@pytest.mark.parametrize("standing", EXCUSES)
def test_silence_is_counted_from_zero_afterwards_but_it_is_counted(standing: Standing) -> None:
    play = healthy().goes_silent(times=2).seen(standing=standing).seen()
    assert not play.goes_silent(times=2).notified
    assert play.goes_silent(times=1).notified == [REPORT]


@pytest.mark.parametrize("standing", [s for s in EXCUSES if s is not Standing.AGENT_CLOSED])
def test_the_last_look_finds_out_what_no_event_told(standing: Standing) -> None:
    play = healthy().goes_silent(times=2).after(10).misses()
    assert not play.reads(standing=standing).notified
    assert play.rulings == [Ruling.PLANNED]


def test_an_excuse_that_ended_without_an_event_is_noticed_by_the_next_reading() -> None:
    play = healthy().goes_silent(times=1).after(10).misses().reads(standing=Standing.BUSY)
    assert play.rulings == [Ruling.PLANNED]
    assert play.after(10).misses().asked, "it is silent while it is migrated: look again"
    play.reads()
    assert not play.goes_silent(times=2).notified
    assert play.goes_silent(times=1).notified == [REPORT]


def test_only_its_channel_ends_the_excuse_of_a_closed_agent() -> None:
    play = healthy().seen(standing=Standing.AGENT_CLOSED).reads()
    assert not play.goes_silent(times=9).notified and not play.asked


def test_a_reboot_begins_discovery() -> None:
    play = healthy().goes_silent(times=2).hear(Restarted(A, RUN, "the guest rebooted"))
    assert play.phase() is Phase.DISCOVERY
    assert not play.goes_silent(times=10).notified


def test_started_anew_withdraws_and_begins_discovery() -> None:
    play = healthy().goes_silent(times=3).hear(Restarted(A, "boot-2", "started"))
    assert play.withdrawn == [f"vm:{A}"]
    play.answers(run=RUN)
    assert play.phase() is Phase.DISCOVERY, "an answer from the life before says nothing of this one"
    play.answers(run="boot-2")
    assert play.phase() is Phase.HEALTHY


def test_a_new_life_that_no_event_told_is_noticed_by_its_number() -> None:
    play = healthy().goes_silent(times=3).hear(Seen(A, "a", "boot-9", Standing.PAUSED))
    assert play.withdrawn == [f"vm:{A}"] and play.phase() is Phase.DISCOVERY
    assert play.state.guests[A].standing is Standing.PAUSED


def test_a_machine_that_left_is_withdrawn_and_forgotten_but_its_budget_counts() -> None:
    play = healthy(reports_per_hour=1).goes_silent(times=3)
    assert play.hear(Gone(A, "stopped")).withdrawn == [f"vm:{A}"]
    play.seen(run="boot-2").answers(run="boot-2")
    for _ in range(5):
        play.after(10).misses(run="boot-2").reads(run="boot-2")
        assert not play.notified
    assert play.state.guests[A].reports


# libvirt away.


def test_libvirt_away_is_never_a_miss() -> None:
    play = healthy().goes_silent(times=2).hear(Away("refused"))
    assert play.rulings == [Ruling.BLIND]
    assert not play.hear(Away("refused")).verdicts
    assert not play.goes_silent(times=10).notified
    play.hear(Roll(frozenset({A})))
    assert play.rulings == [Ruling.RECOVERED]
    assert not play.goes_silent(times=2).notified
    assert play.goes_silent(times=1).notified == [REPORT]


def test_who_is_not_on_the_roll_is_gone() -> None:
    play = healthy().seen(B).answers(B).hear(Roll(frozenset({B})))
    assert set(play.state.guests) == {B} and set(play.disk) == {f"guest:{B}"}


def test_no_state_no_verdict() -> None:
    play = healthy().goes_silent(times=2).after(10).misses().hear(NotKnown(A, RUN, "no answer in 5 s"))
    assert not play.notified and play.rulings == [Ruling.BLIND]
    assert not play.hear(NotKnown(A, RUN, "no answer in 5 s")).verdicts
    assert play.goes_silent(times=1).notified == [REPORT]


# A restart of the monitor.


def test_a_hang_during_a_restart_of_the_monitor_is_reported() -> None:
    play = healthy().restart_monitor().seen()
    assert play.phase() is Phase.HEALTHY
    assert play.goes_silent(times=3).notified == [REPORT]


def test_a_restart_of_the_monitor_reports_nothing_twice() -> None:
    play = healthy().goes_silent(times=3).restart_monitor().seen()
    assert not play.goes_silent(times=10).notified
    assert play.answers().withdrawn == [f"vm:{A}"]


def test_a_machine_started_anew_meanwhile_is_discovered_again_and_withdrawn() -> None:
    play = healthy().goes_silent(times=3).restart_monitor().seen(run="boot-2")
    assert play.withdrawn == [f"vm:{A}"] and play.phase() is Phase.DISCOVERY


def test_a_reported_machine_that_left_meanwhile_is_withdrawn() -> None:
    play = healthy().goes_silent(times=3).restart_monitor().hear(Roll(frozenset()))
    assert play.withdrawn == [f"vm:{A}"]
    play.after(3700).hear(Roll(frozenset()))
    assert not play.disk, "after an hour nothing of it is kept"


def test_a_restart_of_the_monitor_does_not_refill_the_budget() -> None:
    play = healthy(reports_per_hour=2)
    for _ in range(2):
        assert play.goes_silent(times=3).notified == [REPORT]
        play.answers()
    play.restart_monitor().seen().goes_silent(times=3)
    assert not play.notified and Ruling.HELD in play.rulings


# Memory of another shape.


def test_memory_that_does_not_read_is_left_out() -> None:
    play = healthy()
    play.disk = {
        f"guest:{A}": {"run": RUN, "phases": {"heartbeat": "unheard-of"}, "reports": [], "where": ""},
        f"guest:{B}": {"run": RUN, "phases": [], "reports": [], "where": ""},
        "guest:c": {"run": RUN, "phases": {}, "reports": ["2026-01-01T00:00:00"], "where": ""},
        "other": {},
    }
    play.restart_monitor()
    assert not play.state.kept


# The reset budget.


def test_three_reports_an_hour_then_hold_and_shout_once() -> None:
    play = healthy()
    for _ in range(3):
        assert play.goes_silent(times=3).notified == [REPORT]
        play.after(30).answers()
    play.goes_silent(times=3)
    assert not play.notified and play.rulings[-1] is Ruling.HELD and play.verdicts[-1].alarm
    assert "3 times within the hour" in play.verdicts[-1].evidence
    play.goes_silent(times=5)
    assert not play.notified and not play.verdicts


def test_a_machine_still_silent_when_the_budget_lapses_is_reported() -> None:
    play = healthy(reports_per_hour=1).goes_silent(times=3).answers().goes_silent(times=3)
    assert not play.notified
    assert play.after(3600).goes_silent(times=1).notified == [REPORT]


def test_no_budget_no_hold() -> None:
    play = healthy(reports_per_hour=0)
    for _ in range(20):
        assert play.goes_silent(times=3).notified == [REPORT]
        play.answers()


# Heartbeat lost but alive.


def at_work(play: Play, start: int, *, rounds: int) -> Play:
    for n in range(rounds):
        play.after(10).misses()
        play.reads(cpu=start + n * NANO + 1, requests=start + n)
    return play


def test_moving_counters_hold_the_report_and_say_so_once() -> None:
    play = at_work(healthy(), 1, rounds=3)
    assert not play.notified and play.rulings == [Ruling.HELD] and play.verdicts[0].alarm
    assert "1 block requests completed" in play.verdicts[0].evidence
    play = at_work(play, 10, rounds=30)
    assert not play.notified and not play.verdicts
    assert play.phase() is Phase.ERROR


def test_counters_that_stop_moving_release_the_report_after_two_minutes() -> None:
    play = at_work(healthy(), 1, rounds=5)
    seconds = 0
    while not play.notified:
        play.after(10).misses()
        play.reads(cpu=9 * NANO, requests=5)
        seconds += 10
        assert seconds < 300
    assert 110 <= seconds <= 130


def test_without_io_check_only_the_standing_is_read() -> None:
    play = at_work(healthy(io_check=False), 1, rounds=2).after(10).misses()
    assert [command.blocks for command in play.asked] == [False]
    assert play.reads(cpu=9 * NANO, requests=99).notified == [REPORT]


def test_block_counters_that_cannot_be_read_delay_a_report_and_do_not_prevent_it() -> None:
    play = healthy().after(10).misses().reads(cpu=1, requests=None)
    for misses in range(2, 9):
        play.after(10).misses().reads(cpu=misses, requests=None)
        assert bool(play.notified) is (misses == 5), misses


def test_the_first_reading_only_serves_the_next() -> None:
    play = healthy().after(10).misses()
    assert play.asked[0].cpu_before is None
    play.reads(cpu=7).after(10).misses()
    assert play.asked[0].cpu_before == 7


def test_an_answer_cancels_the_look() -> None:
    play = healthy(threshold=1).after(10).misses().reads().answers()
    assert WakeAt(f"look:{A}", None) in play.commands
    assert not play.hear(Woken(f"look:{A}")).commands
    assert not play.after(10).reads().notified


# Application checks.

WEB = "web-answers"


def with_check(**options: Any) -> Play:
    return healthy(failures={WEB: 2}, **options).answers(probe=WEB)


def test_a_failing_check_is_reported_like_a_lost_heartbeat() -> None:
    play = with_check().misses(probe=WEB)
    assert not play.notified
    assert play.misses(probe=WEB).notified == [REPORT]
    assert not play.misses(probe=WEB).notified
    assert play.answers(probe=WEB).withdrawn == [f"vm:{A}"]


def test_a_check_that_never_passed_is_never_reported() -> None:
    play = healthy(failures={WEB: 2})
    for _ in range(9):
        assert not play.misses(probe=WEB).notified


def test_two_failing_checks_are_one_report() -> None:
    play = with_check(reports_per_hour=3).answers(probe="db")
    play.policy = type(play.policy)("compute1", failures={WEB: 2, "db": 2})
    assert play.misses(probe=WEB).misses(probe=WEB).notified == [REPORT]
    play.misses(probe="db").misses(probe="db")
    assert not play.notified and play.rulings == [Ruling.HELD]


def test_heartbeat_and_checks_share_the_budget() -> None:
    play = with_check(reports_per_hour=1).misses(probe=WEB).misses(probe=WEB)
    assert play.notified == [REPORT]
    assert not play.answers(probe=WEB).goes_silent(times=3).notified


def test_a_check_begins_anew_with_its_machine() -> None:
    play = with_check().misses(probe=WEB).hear(Restarted(A, RUN, "rebooted")).answers()
    for _ in range(5):
        assert not play.misses(probe=WEB).notified


# What was asked of a stranger.


def test_words_about_unknown_machines_change_nothing() -> None:
    play = (
        Play().misses().answers().reads().hear(Gone(A, "?"), Restarted(A, RUN, "?"), Void(A, RUN, "x", 1, ""))
    )
    assert not play.commands and not play.verdicts and not play.state.guests
