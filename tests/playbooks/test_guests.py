"""Dialogues with the introspective monitor's decision: what is seen of guests, and what is reported of them."""

import datetime
from dataclasses import replace
from typing import Any

import pytest

from masakarimonitors.core.decision import Ruling, WakeAt, Withdraw, Woken
from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.core.observation import (
    Answered,
    Availability,
    Census,
    GuestGone,
    GuestRestarted,
    GuestSeen,
    Inconclusive,
    LibvirtAway,
    NeverSent,
    NotKnown,
    ReportSettled,
)
from masakarimonitors.introspectiveinstancemonitor.core.state import misses_for
from tests.fixtures.guest_play import RUN, A, B, Play

REPORT = (A, "QEMU_GUEST_AGENT_ERROR", "STOPPED_FAILED")
NANO = 1_000_000_000
EXCUSES = [availability for availability in Availability if availability is not Availability.RUNNING]


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
    assert WakeAt(f"counters:{A}", play.now.monotonic + 4.5) in play.commands
    play.after(4.5).feed(Woken(f"counters:{A}"))
    assert play.asked[0].cpu_before == 0
    assert play.reads(requests=9).notified == [REPORT]


def test_a_report_waits_for_the_end_of_the_last_call() -> None:
    """A miss counts when its call has ended: until then it may turn out not to have been put to the guest."""
    play = healthy(threshold=1).after(2).misses(final=False)
    assert play.asked, "the look from outside begins at once"
    for _ in range(5):
        play.after(5).reads().feed(Woken(f"counters:{A}"))
        assert not play.notified
    assert not play.not_asked(why="a file system is being frozen").notified
    assert play.phase() is Phase.HEALTHY
    play.after(8).misses(final=False).reads().after(3).misses()
    assert play.reads().notified == [REPORT]


def test_a_reading_from_before_the_miss_that_was_enough_accuses_nobody() -> None:
    """The guest may have begun to be migrated since."""
    play = healthy(threshold=2).goes_silent(times=1).after(10).misses()
    stale = replace(play.reads().state.guests[A].investigation.before, at=play.seconds - 3)  # type: ignore[type-var]
    play = healthy(threshold=2).goes_silent(times=1).after(10).misses()
    assert not play.feed(stale).notified  # type: ignore[arg-type]
    assert play.reads(availability=Availability.BUSY).rulings == [Ruling.PLANNED]


def test_one_that_comes_back_in_the_moment_in_which_it_would_be_accused_is_not() -> None:
    """Its storage stood still, and answers again: that shows before its agent has come so far as to answer."""
    play = healthy().goes_silent(times=2)
    play.after(8).feed(Woken(f"counters:{A}")).reads(requests=0)
    assert not play.after(2).misses().reads(cpu=NANO, requests=7).notified
    assert play.rulings == [Ruling.HELD]


def test_the_option_counts_as_openstacks_own_monitor_does() -> None:
    """Upstream compares before it counts, and asks for more than the threshold."""
    for option in range(1, 6):
        upstream_count, upstream_misses = 0, 0
        while True:
            upstream_misses += 1
            if upstream_count > option:
                break
            upstream_count += 1
        play = healthy(threshold=misses_for(option)).goes_silent(times=upstream_misses - 1)
        assert not play.notified
        assert play.goes_silent(times=1).notified == [REPORT], option


def test_a_question_that_was_not_put_to_the_guest_does_not_count() -> None:
    play = healthy().goes_silent(times=1)
    for _ in range(10):
        play.after(10).misses(final=False).reads().not_asked(why="libvirtd was restarted")
    assert not play.goes_silent(times=1).notified
    assert play.goes_silent(times=1).notified == [REPORT]


def test_a_late_answer_is_life() -> None:
    play = healthy()
    for _ in range(10):
        play.after(10).misses(final=False).reads()
        play.after(1).feed(Answered(uuid=A, run=RUN, probe="heartbeat", took=3.0))
        assert not play.notified and play.phase() is Phase.HEALTHY


def test_guests_are_independent() -> None:
    play = healthy().seen(B).answers(B)
    play.goes_silent(A, times=2).answers(B)
    assert play.goes_silent(A, times=1).notified == [REPORT]
    assert play.phase(B) is Phase.HEALTHY


# Excuses.


@pytest.mark.parametrize("availability", EXCUSES)
def test_silence_is_not_judged_meanwhile(availability: Availability) -> None:
    play = healthy().goes_silent(times=2).seen(availability=availability)
    assert play.rulings == [Ruling.PLANNED]
    for _ in range(10):
        assert not play.after(10).misses().notified
        assert not play.reads(availability=availability).notified


@pytest.mark.parametrize("availability", EXCUSES)
def test_silence_is_counted_from_zero_afterwards_but_it_is_counted(availability: Availability) -> None:
    play = healthy().goes_silent(times=2).seen(availability=availability).seen()
    if play.asked:
        play.reads()  # that a job is over, the list does not tell
    assert not play.goes_silent(times=2).notified
    assert play.goes_silent(times=1).notified == [REPORT]


@pytest.mark.parametrize("availability", [s for s in EXCUSES if s is not Availability.AGENT_CLOSED])
def test_the_last_look_finds_out_what_no_event_told(availability: Availability) -> None:
    play = healthy().goes_silent(times=2).after(10).misses()
    assert not play.reads(availability=availability).notified
    assert play.rulings == [Ruling.PLANNED]


def test_an_excuse_that_ended_without_an_event_is_noticed_by_the_next_reading() -> None:
    play = healthy().goes_silent(times=1).after(10).misses().reads(availability=Availability.BUSY)
    assert play.rulings == [Ruling.PLANNED]
    assert play.after(10).misses().asked, "it is silent while it is migrated: look again"
    play.reads()
    assert not play.goes_silent(times=2).notified
    assert play.goes_silent(times=1).notified == [REPORT]


def test_only_its_channel_ends_the_excuse_of_a_closed_agent() -> None:
    play = healthy().seen(availability=Availability.AGENT_CLOSED).reads()
    assert not play.goes_silent(times=9).notified and not play.asked


def test_one_that_reboots_is_awaited() -> None:
    play = healthy().goes_silent(times=2).feed(GuestRestarted(A, RUN, "the guest rebooted"))
    assert play.phase() is Phase.AWAITED
    assert not play.goes_silent(times=10).notified


def test_one_started_anew_is_withdrawn_and_awaited() -> None:
    play = healthy().goes_silent(times=3).feed(GuestRestarted(A, "boot-2", "started"))
    assert play.withdrawn == [f"vm:{A}"]
    play.answers(run=RUN)
    assert play.phase() is Phase.AWAITED, "an answer from the life before says nothing of this one"
    play.answers(run="boot-2")
    assert play.phase() is Phase.HEALTHY


def test_a_new_life_that_no_event_told_is_noticed_by_its_number() -> None:
    play = (
        healthy()
        .goes_silent(times=3)
        .feed(GuestSeen(uuid=A, name="a", run="boot-9", availability=Availability.PAUSED))
    )
    assert play.withdrawn == [f"vm:{A}"] and play.phase() is Phase.AWAITED
    assert play.state.guests[A].availability is Availability.PAUSED


def test_a_guest_that_left_is_withdrawn_and_forgotten_but_its_reports_count() -> None:
    play = healthy(reports_per_hour=1).goes_silent(times=3)
    assert play.feed(GuestGone(A, "stopped")).withdrawn == [f"vm:{A}"]
    play.seen(run="boot-2").answers(run="boot-2")
    for _ in range(5):
        play.after(10).misses(run="boot-2").reads(run="boot-2")
        assert not play.notified
    assert play.state.guests[A].reports


# libvirt away.


def test_libvirt_away_is_never_a_miss() -> None:
    play = healthy().goes_silent(times=2).feed(LibvirtAway("refused"))
    assert play.rulings == [Ruling.BLIND]
    assert not play.feed(LibvirtAway("refused")).verdicts
    assert not play.goes_silent(times=10).notified
    play.feed(Census(frozenset({A})))
    assert play.rulings == [Ruling.RECOVERED]
    assert not play.goes_silent(times=2).notified
    assert play.goes_silent(times=1).notified == [REPORT]


def test_who_is_not_in_the_census_is_gone() -> None:
    play = healthy().seen(B).answers(B).feed(Census(frozenset({B})))
    assert set(play.state.guests) == {B} and set(play.memory) == {f"guest:{B}"}


def test_no_state_no_verdict() -> None:
    play = healthy().goes_silent(times=2).after(10).misses().feed(NotKnown(A, RUN, "no answer in 5 s"))
    assert not play.notified and play.rulings == [Ruling.BLIND]
    assert not play.feed(NotKnown(A, RUN, "no answer in 5 s")).verdicts
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


def test_a_guest_started_anew_meanwhile_is_awaited_and_withdrawn() -> None:
    play = healthy().goes_silent(times=3).restart_monitor().seen(run="boot-2")
    assert play.withdrawn == [f"vm:{A}"] and play.phase() is Phase.AWAITED


def test_a_reported_guest_that_left_meanwhile_is_withdrawn() -> None:
    play = healthy().goes_silent(times=3).restart_monitor().feed(Census(frozenset()))
    assert play.withdrawn == [f"vm:{A}"]
    play.after(3700).feed(Census(frozenset()))
    assert not play.memory, "after an hour nothing of it is kept"


def test_a_restart_of_the_monitor_does_not_lift_the_report_limit() -> None:
    play = healthy(reports_per_hour=2)
    for _ in range(2):
        assert play.goes_silent(times=3).notified == [REPORT]
        play.answers()
    play.restart_monitor().seen().goes_silent(times=3)
    assert not play.notified and Ruling.HELD in play.rulings


# Memory of another shape.


def test_memory_that_does_not_read_is_left_out() -> None:
    play = healthy()
    play.memory = {
        f"guest:{A}": {"run": RUN, "phases": {"heartbeat": "unheard-of"}, "reports": [], "where": ""},
        f"guest:{B}": {"run": RUN, "phases": [], "reports": [], "where": ""},
        "guest:c": {"run": RUN, "phases": {}, "reports": ["2026-01-01T00:00:00"], "where": ""},
        "other": {},
    }
    play.restart_monitor()
    assert not play.state.kept


# The report limit.


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


@pytest.mark.parametrize("where", ["there", "gone", "gone and back"])
def test_a_report_that_was_taken_back_counts_unless_masakari_has_certainly_not_got_it(where: str) -> None:
    """masakari-api is down: whoever flaps meanwhile must not be held when it hangs for good."""
    play = healthy(reports_per_hour=2).goes_silent(times=3).settled().answers()
    play.after(60).goes_silent(times=3)
    made = play.state.guests[A].waiting
    assert made is not None
    if where == "there":
        play.answers()
    else:
        play.feed(GuestGone(A, "it stopped"))
    assert play.withdrawn == [f"vm:{A}"]
    if where == "gone and back":
        play.seen().answers()
    play.feed(NeverSent(A, made))
    play.feed(NeverSent(A, made))  # of one that does not count any more it is no news
    assert not play.commands
    if where == "gone":
        play.seen().answers()
    play.restart_monitor().seen().answers()
    assert play.after(60).goes_silent(times=3).notified == [REPORT], "masakari has got one of three"
    assert not play.settled().answers().goes_silent(times=3).notified and play.rulings[-1] is Ruling.HELD


def test_of_a_guest_that_nobody_knows_it_is_no_news_that_its_report_was_never_sent() -> None:
    play = healthy()
    assert not play.feed(NeverSent(B, play.now.wall)).commands


def test_a_guest_still_silent_when_the_hour_is_over_is_reported() -> None:
    play = healthy(reports_per_hour=1).goes_silent(times=3).answers().goes_silent(times=3)
    assert not play.notified
    assert play.after(3600).goes_silent(times=1).notified == [REPORT]


def test_no_report_limit_no_hold() -> None:
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
    assert WakeAt(f"counters:{A}", None) in play.commands
    assert not play.feed(Woken(f"counters:{A}")).commands
    assert not play.after(10).reads().notified


# Application checks.

WEB = "web-answers"


def with_check(**options: Any) -> Play:
    return healthy(failures={WEB: 2}, **options).answers(probe=WEB)


def test_a_failing_check_is_reported_like_a_lost_heartbeat() -> None:
    play = with_check().fails(WEB)
    assert not play.notified
    assert play.fails(WEB).notified == [REPORT]
    assert not play.fails(WEB).notified
    assert play.answers(probe=WEB).withdrawn == [f"vm:{A}"]


def test_a_check_that_fails_while_its_guest_is_migrated_accuses_nobody() -> None:
    """Auto-converge takes a guest's processors away; its agent still answers now and then."""
    play = with_check().fails(WEB).answers()
    play.fails(WEB, availability=Availability.BUSY)
    assert not play.notified and play.state.guests[A].availability is Availability.BUSY
    for _ in range(9):
        play.answers().fails(WEB, availability=Availability.BUSY)
        assert not play.notified
    play.fails(WEB)
    assert play.state.guests[A].availability is Availability.RUNNING
    assert not play.fails(WEB).notified, "counted from zero"
    assert play.fails(WEB).notified == [REPORT]


def test_a_check_accuses_nobody_without_a_reading() -> None:
    play = with_check().fails(WEB).after(30).misses(probe=WEB).feed(NotKnown(A, RUN, "no answer in 5 s"))
    assert not play.notified and play.rulings == [Ruling.BLIND]
    assert play.fails(WEB).notified == [REPORT]


def test_a_check_that_never_passed_is_never_reported() -> None:
    play = healthy(failures={WEB: 2})
    for _ in range(9):
        assert not play.fails(WEB).notified


def test_two_failing_checks_are_one_report() -> None:
    play = with_check(reports_per_hour=3).answers(probe="db").rule_by(failures={WEB: 2, "db": 2})
    assert play.fails(WEB, times=2).notified == [REPORT]
    play.fails("db", times=2)
    assert not play.notified and play.rulings[-1] is Ruling.HELD


def test_heartbeat_and_checks_share_the_report_limit() -> None:
    play = with_check(reports_per_hour=1).fails(WEB, times=2)
    assert play.notified == [REPORT]
    assert not play.answers(probe=WEB).goes_silent(times=3).notified


def test_a_check_begins_anew_with_its_guest() -> None:
    play = with_check().fails(WEB).feed(GuestRestarted(A, RUN, "rebooted")).answers()
    for _ in range(5):
        assert not play.fails(WEB).notified


# What was asked of a stranger.


def test_words_about_unknown_guests_change_nothing() -> None:
    play = (
        Play()
        .misses()
        .answers()
        .reads()
        .feed(
            GuestGone(A, "?"),
            GuestRestarted(A, RUN, "?"),
            Inconclusive(uuid=A, run=RUN, probe="x", in_reply_to=1, why=""),
        )
    )
    assert not play.commands and not play.verdicts and not play.state.guests


# A report that waits: masakari-api is down, or others go first.


def test_a_report_that_waits_is_taken_back_when_its_guest_is_found_at_work() -> None:
    play = Play().seen().answers().goes_silent(times=3)
    assert play.notified and not play.after(10).misses().withdrawn
    assert play.asked, "it is looked at as long as the report waits"
    assert not play.reads().withdrawn
    assert play.after(10).misses().reads(cpu=NANO, requests=50).withdrawn == [f"vm:{A}"]
    assert play.phase() is Phase.ERROR and play.rulings == [Ruling.HELD]
    (withdraw,) = [command for command in play.commands if isinstance(command, Withdraw)]
    assert "found at work" in withdraw.why
    assert not play.after(10).misses().reads(cpu=NANO, requests=90).notified
    for _ in range(12):
        play.after(10).misses().reads(cpu=NANO, requests=90)
    assert play.after(10).misses().reads(cpu=NANO, requests=90).phase() is Phase.REPORTED, "it hangs for good"


def test_while_its_report_waits_a_guest_is_looked_at_once_a_minute_without_any_ping() -> None:
    play = Play().seen().answers().goes_silent(times=3)
    play.after(10).misses().reads()
    for _ in range(5):
        assert play.wait(60).asked and not play.reads().withdrawn
    assert play.wait(60).asked and play.reads(cpu=NANO, requests=7).withdrawn == [f"vm:{A}"]


@pytest.mark.parametrize("by", ["reading", "list"])
def test_a_report_that_waits_is_taken_back_when_its_guest_is_being_moved_or_closes_the_channel(
    by: str,
) -> None:
    play = Play().seen().answers().goes_silent(times=3).after(10).misses()
    if by == "reading":
        play.reads(availability=Availability.BUSY)
    else:
        play.seen(availability=Availability.AGENT_CLOSED)
    assert play.withdrawn == [f"vm:{A}"] and play.phase() is Phase.ERROR


def test_what_masakari_has_is_neither_looked_at_nor_taken_back() -> None:
    play = Play().seen().answers().goes_silent(times=3).settled()
    assert not play.after(10).misses().asked
    assert not play.reads(cpu=NANO, requests=50).withdrawn and play.phase() is Phase.REPORTED


def test_the_end_of_an_earlier_report_says_nothing_about_the_one_that_waits() -> None:
    play = Play().seen().answers().goes_silent(times=3)
    play.feed(ReportSettled(A, play.now.wall - datetime.timedelta(seconds=1)))
    play.feed(ReportSettled(B, play.now.wall))
    assert play.after(10).misses().asked


def test_a_failed_check_that_waits_to_be_reported_is_taken_back_when_its_guest_is_moved_not_when_it_works() -> (
    None
):
    play = Play(failures={WEB: 2}).seen().answers().answers(probe=WEB).fails(WEB, times=2)
    assert play.notified
    assert not play.fails(WEB, requests=900).withdrawn
    assert play.fails(WEB, availability=Availability.BUSY).withdrawn == [f"vm:{A}"]
