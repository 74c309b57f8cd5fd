"""Guests of which nothing can be known: they are shown as that, with an alarm, and never called healthy or gone."""

from typing import Any

import pytest

from masakarimonitors.core.decision import Ruling, Woken
from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.core.observation import (
    HEARTBEAT,
    AgentsInReach,
    AgentsOutOfReach,
    Availability,
    Census,
    GuestGone,
    GuestRestarted,
    LibvirtAway,
)
from masakarimonitors.introspectiveinstancemonitor.core.unconfirmed import well
from masakarimonitors.introspectiveinstancemonitor.monitor import describe
from masakarimonitors.status.model import SubjectRow
from tests.fixtures.guest_play import RUN, A, B, Play

REPORT = (A, "QEMU_GUEST_AGENT_ERROR", "STOPPED_FAILED")
WEB = "web-answers"


def healthy(**options: Any) -> Play:
    return Play(**options).seen().answers()


def row(play: Play, subject: str = f"vm:{A}") -> SubjectRow:
    return next(row for row in describe(play.state) if row.subject == subject)


# No usable answer.


def test_a_guest_whose_pings_never_reach_it_is_unknown_with_one_alarm() -> None:
    """Somebody else's agent command holds the agent, such as a file system that is being frozen and never is."""
    play = healthy().cannot_be_asked(seconds=90, requests=None)
    assert play.phase() is Phase.HEALTHY and not play.verdicts
    play.cannot_be_asked(seconds=90)
    assert play.phase() is Phase.UNKNOWN
    assert [(verdict.ruling, verdict.alarm) for verdict in play.verdicts] == [(Ruling.BLIND, True)]
    assert (row(play).state, row(play).alarm) == ("unknown", True)
    assert "another agent command runs" in row(play).detail
    assert not play.cannot_be_asked(seconds=300).verdicts


def test_it_is_reported_once_when_it_has_looked_dead_for_ten_minutes() -> None:
    play, seconds = healthy(), 0
    while not play.cannot_be_asked(seconds=30).notified:
        seconds += 30
        assert seconds < 1000
    assert 600 <= seconds <= 800
    assert play.notified == [REPORT] and play.phase() is Phase.REPORTED
    assert not play.cannot_be_asked(seconds=3600).notified
    assert play.answers().withdrawn == [f"vm:{A}"]


def test_it_is_not_reported_while_it_works() -> None:
    play = healthy()
    for n in range(200):
        play.cannot_be_asked(seconds=30, cpu=n + 1, requests=n)
        assert not play.notified
    assert play.phase() is Phase.UNKNOWN


def test_without_io_check_nothing_tells_whether_it_is_dead_so_it_is_only_shown() -> None:
    play = healthy(io_check=False).cannot_be_asked(seconds=7200)
    assert not play.notified and play.phase() is Phase.UNKNOWN


def test_an_answer_ends_it() -> None:
    play = healthy().cannot_be_asked(seconds=300).answers()
    assert play.phase() is Phase.HEALTHY and play.rulings == [Ruling.RECOVERED]
    assert not play.cannot_be_asked(seconds=90).verdicts, "counted from zero"


def test_silence_counts_as_silence_again() -> None:
    play = healthy().cannot_be_asked(seconds=300).goes_silent(times=2)
    assert not play.notified
    assert play.goes_silent(times=1).notified == [REPORT]


def test_one_that_never_answered_is_shown_and_never_reported() -> None:
    """Its agent is there, but refuses, and this libvirt does not tell a refusal from a fault."""
    play = Play().seen().cannot_be_asked(seconds=300)
    assert play.phase() is Phase.UNUSABLE
    assert (row(play).state, row(play).alarm) == ("unusable", True)
    assert not play.cannot_be_asked(seconds=7200).notified and not play.goes_silent(times=20).notified
    assert play.answers().phase() is Phase.HEALTHY


def test_a_check_that_cannot_be_made_for_long_is_not_called_healthy() -> None:
    play = healthy(failures={WEB: 2}).answers(probe=WEB)
    for _ in range(6):
        play.after(30).not_asked(probe=WEB, why="guest-exec is disabled").answers()
    assert (row(play).state, row(play).alarm) == ("unknown", True) and f"check {WEB}" in row(play).detail
    assert not play.notified
    assert row(play.answers(probe=WEB)).state == "healthy"


# A channel that was closed.


def test_an_agent_that_closed_its_channel_and_stays_away_is_unknown_with_an_alarm() -> None:
    play = healthy().seen(availability=Availability.AGENT_CLOSED).wait(100)
    assert play.phase() is Phase.HEALTHY and not row(play).alarm
    play.wait(30)
    assert play.phase() is Phase.UNKNOWN and row(play).alarm and play.asked
    assert "guest agent closed from inside; its agent has not come back yet" in row(play).detail


def closed(play: Play, *, seconds: int, cpu: int, cpu_step: int = 0) -> Play:
    for n in range(seconds // 30):
        play.wait(30)
        if play.asked:
            play.reads(cpu=cpu + n * cpu_step)
        if play.notified:
            return play
    return play


def test_a_guest_that_idles_without_its_agent_is_not_reported_and_a_qemu_that_stands_still_is() -> None:
    play = closed(healthy().seen(availability=Availability.AGENT_CLOSED), seconds=7200, cpu=1, cpu_step=9)
    assert not play.notified and play.phase() is Phase.UNKNOWN
    play = closed(healthy().seen(availability=Availability.AGENT_CLOSED), seconds=7200, cpu=1)
    assert play.notified == [REPORT]


def test_one_that_never_had_an_agent_is_no_alarm() -> None:
    play = Play().seen(availability=Availability.AGENT_CLOSED).wait(7200)
    assert play.phase() is Phase.DISCOVERY and not row(play).alarm and not play.told


def test_one_whose_agent_is_there_and_never_answers_is_an_alarm_after_ten_minutes_and_never_accused() -> None:
    """It hangs, and has come by a live migration, say: nobody else watches it any more."""
    play = Play().seen().goes_silent(times=60)
    assert play.phase() is Phase.DISCOVERY and not row(play).alarm
    play.goes_silent(times=2)
    assert play.phase() is Phase.UNUSABLE and row(play).alarm
    assert [verdict.ruling for verdict in play.told if verdict.alarm] == [Ruling.BLIND]
    play.goes_silent(times=600)
    assert [verdict.ruling for verdict in play.told if verdict.alarm] == [Ruling.BLIND]
    play.answers()
    assert play.phase() is Phase.HEALTHY and not row(play).alarm


def test_a_check_that_never_passed_is_none() -> None:
    play = Play(failures={WEB: 2}).seen().answers()
    for _ in range(100):
        play.after(30).misses(probe=WEB)
    assert play.phase(probe=WEB) is Phase.DISCOVERY and not row(play).alarm


def test_neither_a_restart_of_the_monitor_nor_of_libvirt_makes_a_closed_channel_healthy() -> None:
    play = healthy().restart_monitor().seen(availability=Availability.AGENT_CLOSED).wait(130)
    assert play.phase() is Phase.UNKNOWN
    play = healthy().seen(availability=Availability.AGENT_CLOSED).feed(LibvirtAway("refused"))
    play.wait(10).feed(Census(frozenset({A}))).seen(availability=Availability.AGENT_CLOSED).wait(130)
    assert play.phase() is Phase.UNKNOWN


@pytest.mark.parametrize("lives", [1, 2])
def test_nor_does_a_restart_of_the_monitor_make_one_healthy_that_gave_no_usable_answer(lives: int) -> None:
    play = healthy().cannot_be_asked(seconds=180)
    for _ in range(lives):
        play.restart_monitor().seen()
        assert (row(play).state, row(play).alarm) == ("unknown", True)
        assert [(verdict.ruling, verdict.alarm) for verdict in play.verdicts] == [(Ruling.BLIND, True)]
    assert not play.cannot_be_asked(seconds=300).verdicts, "once in each life"
    assert play.answers().phase() is Phase.HEALTHY and "unknown" not in play.memory[f"guest:{A}"]
    assert play.restart_monitor().seen().phase() is Phase.HEALTHY


def test_one_that_was_unknown_before_a_restart_is_reported_when_it_has_looked_dead_for_ten_minutes() -> None:
    play = healthy().cannot_be_asked(seconds=180).restart_monitor().seen()
    assert not play.cannot_be_asked(seconds=600).notified
    assert play.cannot_be_asked(seconds=240).notified == [REPORT]


def test_the_alarm_ends_when_the_agent_is_back() -> None:
    play = healthy().seen(availability=Availability.AGENT_CLOSED).wait(300).seen().answers()
    assert play.phase() is Phase.HEALTHY and not row(play).alarm
    assert not play.wait(7200).told[-1].alarm


# Guests that a list could not read.


def test_a_guest_that_the_first_list_could_not_read_is_not_gone() -> None:
    play = healthy().seen(B).answers(B).goes_silent(times=3).restart_with_its_report()
    kept = dict(play.memory)
    play.seen(B).feed(Census(frozenset({B}), unread=frozenset({A})))
    assert play.memory == kept and not play.withdrawn
    assert play.rulings == [Ruling.BLIND]
    assert (row(play).state, row(play).alarm) == ("unknown", True)
    assert play.waits_for == "libvirt lists it, but does not tell how it stands"
    play.seen()
    assert play.phase() is Phase.REPORTED
    play.feed(Census(frozenset({A, B})))
    assert row(play).state == "reported"


def test_a_guest_that_is_watched_and_cannot_be_read_stays_as_it_was_and_says_unknown() -> None:
    play = healthy().goes_silent(times=2).feed(Census(frozenset(), unread=frozenset({A})))
    assert row(play).state == "unknown" and play.phase() is Phase.ERROR
    assert not play.feed(Census(frozenset(), unread=frozenset({A}))).verdicts, "said once"
    play.feed(Census(frozenset({A})))
    assert row(play).state == "error"


def test_one_that_no_list_can_read_does_not_hold_up_the_reports_of_the_others() -> None:
    play = healthy().seen(B).answers(B).goes_silent(times=3).goes_silent(B, times=3)
    play.restart_with_its_report(A, B).seen(B)
    for _ in range(3):
        play.feed(Census(frozenset({B}), unread=frozenset({A})))
    play.misses(B).reads(B).after(10).misses(B).reads(B)
    assert play.confirmed == [f"vm:{B}"] and [one.subject for one in play.unconfirmed] == [f"vm:{A}"]
    assert not play.wait(7200).dropped and play.confirmed == [f"vm:{B}"], "it stays unconfirmed, however long"


# Agents that cannot be reached.


def test_missing_rights_are_an_alarm_and_nobody_is_called_healthy() -> None:
    play = healthy().feed(AgentsOutOfReach("refused to uid 65534"))
    assert play.rulings == [Ruling.BLIND] and play.verdicts[0].alarm
    assert not play.feed(AgentsOutOfReach("refused to uid 65534")).verdicts
    assert row(play).state == "unknown"
    shown = row(play, "agents")
    assert (shown.state, shown.alarm) == ("agents out of reach", True) and "65534" in shown.detail
    assert play.feed(AgentsInReach()).rulings == [Ruling.RECOVERED]
    assert not play.feed(AgentsInReach()).verdicts
    assert row(play).state == "healthy"


def test_misses_from_before_are_not_added_to_misses_from_after() -> None:
    play = healthy().goes_silent(times=2).feed(AgentsOutOfReach("refused"), AgentsInReach())
    assert not play.goes_silent(times=2).notified
    assert play.goes_silent(times=1).notified == [REPORT]


@pytest.mark.parametrize("key", [f"counters:{A}", f"closed:{A}", "storms", "unheard-of", f"closed:{B}"])
def test_a_wake_up_that_nobody_needs_changes_nothing(key: str) -> None:
    play = healthy()
    state = play.state
    assert play.feed(Woken(key)).state == state and not play.commands and not play.verdicts


# libvirt is lost again and again: what is counted in seconds pauses, and is not begun anew.


def lose_sight(play: Play, by: str, availability: Availability = Availability.RUNNING) -> None:
    """For ten seconds."""
    if by == "libvirt":
        play.feed(LibvirtAway("slow", "")).wait(10).seen(availability=availability).feed(
            Census(frozenset({A}))
        )
    else:
        play.feed(AgentsOutOfReach("refused")).wait(10).feed(AgentsInReach())


@pytest.mark.parametrize("by", ["libvirt", "agents"])
def test_one_that_cannot_be_asked_is_unknown_and_reported_though_libvirt_is_lost_every_minute(
    by: str,
) -> None:
    play = Play().seen().answers()
    alarm: float | None = None
    began = play.seconds
    while play.phase() is not Phase.REPORTED and play.seconds < began + 3600:
        play.cannot_be_asked(seconds=60)
        if alarm is None and play.phase() is Phase.UNKNOWN:
            alarm = play.seconds
        lose_sight(play, by)
    assert alarm is not None and 120 < alarm - began < 250
    assert 600 < play.seconds - began < 1200 and play.phase() is Phase.REPORTED


def test_one_whose_agent_closed_the_channel_is_looked_at_though_libvirt_is_lost_every_minute() -> None:
    play = Play().seen().answers().seen(availability=Availability.AGENT_CLOSED)
    began = play.seconds
    while play.phase() is not Phase.REPORTED and play.seconds < began + 3600:
        for _ in range(6):
            play.wait(10)
            if play.asked:
                play.reads()
        lose_sight(play, "libvirt", Availability.AGENT_CLOSED)
    assert play.phase() is Phase.REPORTED and play.seconds - began > 600


def test_the_seconds_out_of_sight_do_not_count() -> None:
    play = Play().seen().answers().cannot_be_asked(seconds=90)
    play.feed(LibvirtAway("away")).wait(5000).seen().feed(Census(frozenset({A})))
    assert play.cannot_be_asked(seconds=30).phase() is Phase.HEALTHY
    assert play.cannot_be_asked(seconds=60).phase() is Phase.UNKNOWN


# A guest that hangs while a job stands on its domain: a backup that never ends, a migration that does not converge.


def under_job(play: Play, *, seconds: float, asked: bool = True) -> Play:
    """It keeps silent, libvirt tells of the job when it is read, and lists it as running once a minute."""
    end = play.seconds + seconds
    while play.seconds < end:
        play.after(10).misses(final=asked)
        if play.asked:
            play.reads(availability=Availability.BUSY)
        if not asked:
            play.not_asked(why="the domain's lock is held")
        if int(play.seconds) % 60 == 0:
            assert play.seen().asked, "it may be over"
            play.reads(availability=Availability.BUSY)
    return play


@pytest.mark.parametrize("asked", [True, False])
def test_one_that_is_silent_under_a_job_for_long_is_unknown_with_one_alarm(asked: bool) -> None:
    play = under_job(healthy(), seconds=60, asked=True)
    assert not [verdict for verdict in play.told if verdict.alarm], "a job may keep it from answering"
    under_job(play, seconds=24 * 3600, asked=asked)
    assert (row(play).state, row(play).alarm) == ("unknown", True)
    assert [verdict.ruling for verdict in play.told if verdict.alarm] == [Ruling.BLIND]
    assert len(play.told) < 5, "said once"
    assert play.answers().phase() is Phase.HEALTHY


def test_once_the_job_is_over_one_that_hangs_is_found() -> None:
    play = under_job(healthy(), seconds=600).seen().reads()
    assert play.state.guests[A].availability is Availability.RUNNING
    assert play.goes_silent(times=3).notified == [REPORT]


def test_one_that_answers_under_a_job_is_healthy_and_read_until_the_job_is_over() -> None:
    play = under_job(healthy(), seconds=30).answers()
    assert (row(play).state, play.state.guests[A].availability) == ("healthy", Availability.BUSY)
    assert play.seen().asked and play.reads().state.guests[A].availability is Availability.RUNNING


def test_a_guest_that_never_answered_is_not_missed_under_a_job() -> None:
    play = under_job(Play().seen().after(10).misses().reads(availability=Availability.BUSY), seconds=600)
    assert not [verdict for verdict in play.told if verdict.alarm] and play.phase() is Phase.DISCOVERY


def failed_and_reset(*, off_for: float = 0.0) -> Play:
    """A check failed, masakari has reset the guest, and its agent answers; `off_for`: it was stopped for so long."""
    play = healthy(failures={"web": 2}).answers(probe="web").fails("web", times=2).settled()
    assert play.phase(probe="web") is Phase.REPORTED
    if off_for:
        return play.feed(GuestGone(A, "it stopped"), Census(frozenset())).after(off_for).seen().answers()
    return play.feed(GuestRestarted(A, RUN, "booted")).answers()


@pytest.mark.parametrize("off_for", [0.0, 60.0])
@pytest.mark.parametrize("again", ["", "the monitor", "the guest", "both"])
def test_a_guest_that_was_reset_for_its_application_is_not_well_before_that_works(
    again: str, off_for: float
) -> None:
    play = failed_and_reset(off_for=off_for)
    if again in ("the monitor", "both"):
        play.restart_monitor().feed(Census(frozenset({A})))
        play.seen(run="boot-2" if again == "both" else RUN)
        assert play.phase() is (Phase.AWAITED if again == "both" else Phase.HEALTHY)
    if again == "the guest":
        play.feed(GuestRestarted(A, RUN, "rebooted"))
    run = "boot-2" if again == "both" else RUN
    play.answers(run=run)
    assert well(play.state, f"vm:{A}") == ""
    assert (row(play).state, row(play).alarm) == ("awaited", False)
    play.answers(probe="web", run=run)
    assert well(play.state, f"vm:{A}") == "its agent answers" and row(play).state == "healthy"


@pytest.mark.parametrize("probe", [HEARTBEAT, "web"])
@pytest.mark.parametrize("asked", [True, False])
def test_what_does_not_come_back_after_a_reset_is_an_alarm_once_and_never_a_report(
    probe: str, *, asked: bool
) -> None:
    play = failed_and_reset().feed(GuestRestarted(A, RUN, "rebooted"))
    if probe == "web":
        play.answers()
    said = len(play.told)
    for second in range(0, 1200, 30):
        play.after(30)
        _ = play.misses(probe=probe) if asked else play.not_asked(probe=probe)
        assert row(play).alarm is (second >= 600)
        assert not play.notified
    assert [verdict.ruling for verdict in play.told[said:]] == [Ruling.BLIND]
    assert row(play).state == "unusable" and well(play.state, f"vm:{A}") == ""
    play.answers(probe=probe)
    assert play.rulings == [Ruling.RECOVERED] and play.phase(probe=probe) is Phase.HEALTHY


def fails_for_long(play: Play, probe: str, run: str = RUN) -> Play:
    """For 12 minutes nothing comes back of that probe; the agent answers, unless it is what is asked."""
    for _ in range(24):
        play.after(30).misses(probe=probe, run=run)
        if probe != HEARTBEAT:
            play.answers(run=run)
    return play


@pytest.mark.parametrize("probe", [HEARTBEAT, "web"])
@pytest.mark.parametrize("again", ["the monitor", "the guest", "both"])
def test_what_has_stayed_away_for_long_is_not_well_because_something_begins_anew(
    probe: str, again: str
) -> None:
    play = failed_and_reset().feed(GuestRestarted(A, RUN, "rebooted"))
    fails_for_long(play, probe)
    assert (row(play).state, row(play).alarm) == ("unusable", True)
    run = RUN if again == "the monitor" else "boot-2"
    if again == "the guest":
        play.feed(GuestRestarted(A, run, "booted"))
        assert row(play).alarm, "it stands until it answers"
    else:
        play.restart_monitor().seen(run=run)
    if probe != HEARTBEAT:
        play.answers(run=run)
    assert well(play.state, f"vm:{A}") == "" and row(play).state != "healthy"
    fails_for_long(play, probe, run)
    assert (row(play).state, row(play).alarm) == ("unusable", True)
    assert well(play.state, f"vm:{A}") == ""
    assert play.answers(probe=probe, run=run).rulings == [Ruling.RECOVERED], "the alarm has its end"


def test_nor_does_one_that_never_answered_and_cannot_be_asked() -> None:
    play = Play().seen().cannot_be_asked(seconds=180)
    assert (row(play).state, row(play).alarm) == ("unusable", True)
    play.restart_monitor().seen().cannot_be_asked(seconds=600)
    assert not row(play).alarm
    assert row(play.cannot_be_asked(seconds=60)).alarm and not play.notified


@pytest.mark.parametrize("probe", [HEARTBEAT, "web"])
def test_one_that_reboots_again_and_again_is_one_alarm(probe: str) -> None:
    play = failed_and_reset()
    said = len(play.told)
    for turn in range(60):
        play.feed(GuestRestarted(A, RUN, "rebooted"))
        for _ in range(29):
            play.after(10).misses(probe=probe)
            assert not play.notified
        if turn >= 3:
            assert (row(play).state, row(play).alarm) == ("unusable", True), "within 15 minutes"
    assert [verdict.ruling for verdict in play.told[said:] if verdict.alarm] == [Ruling.BLIND]


def test_so_is_one_whose_agent_opens_its_channel_and_closes_it_again_and_again() -> None:
    play = failed_and_reset()
    said = len(play.told)
    for turn in range(60):
        play.feed(GuestRestarted(A, RUN, "rebooted"))
        play.seen(availability=Availability.SHUTTING_DOWN)
        play.seen(availability=Availability.AGENT_CLOSED).wait(50)
        play.seen().wait(10)
        assert row(play).alarm is (turn >= 10)
    assert [verdict.ruling for verdict in play.told[said:] if verdict.alarm] == [Ruling.BLIND]


def test_while_it_is_paused_nobody_waits_for_it() -> None:
    play = failed_and_reset().feed(GuestRestarted(A, RUN, "rebooted")).after(10).misses()
    play.after(500).seen(availability=Availability.PAUSED).after(24 * 3600).seen()
    play.after(10).misses().after(590).misses()
    assert not row(play).alarm
    assert row(play.after(10).misses()).alarm


def test_nor_does_it_pass_in_silence_when_its_agent_never_opens_the_channel_again() -> None:
    play = failed_and_reset().feed(GuestRestarted(A, RUN, "rebooted"))
    play.seen(availability=Availability.AGENT_CLOSED).wait(590)
    assert not row(play).alarm
    play.wait(90)
    assert row(play).alarm and row(play).state == "unusable"


def test_an_ordinary_reboot_says_nothing() -> None:
    play = healthy()
    said = len(play.told)
    play.feed(GuestRestarted(A, RUN, "rebooted")).after(60).misses().after(60).answers()
    assert play.told[said:] == []
