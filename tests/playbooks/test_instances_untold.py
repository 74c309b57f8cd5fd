"""Dialogues about what an event leaves open, or that none could be heard: neither answers what was open before."""

import datetime

import pytest

from masakarimonitors.core.decision import Instant, Withdraw
from masakarimonitors.core.notification import Leave, ReportStatus, VmNotification
from masakarimonitors.instancemonitor.core.observation import (
    Asked,
    Census,
    IoFailed,
    LibvirtAway,
    LibvirtBack,
    Power,
    Reading,
)
from masakarimonitors.instancemonitor.core.reports.offer import may_offer
from masakarimonitors.instancemonitor.core.shown import describe
from masakarimonitors.instancemonitor.core.stories import QUIET
from masakarimonitors.libvirt.domain_state import Lifecycle, ShutoffReason, Suspended
from tests.fixtures.instance_play import INSTANCE, OTHER, URI, Play, off, running

REPORT = "report LIFECYCLE/STOPPED_FAILED"
IO_REPORT = "report IO_ERROR/IO_ERROR_REPORT"


@pytest.mark.parametrize("event", [Lifecycle.DEFINED, Lifecycle.UNDEFINED])
def test_a_life_that_nobody_saw_is_found_though_the_instance_was_defined_anew_before_its_log_could_be_read(
    event: Lifecycle,
) -> None:
    play = Play()
    play.census(running(OTHER))
    play.wait(100)
    play.restart()
    began = play.now.wall.timestamp() - 50
    play.census(running(OTHER), off(ShutoffReason.UNKNOWN, log_read=False))
    play.event(event)
    play.wait(60)
    play.census(running(OTHER), off(ShutoffReason.UNKNOWN, last_words="crashed", started=began))
    assert play.reports or play.alarm


def with_an_io_error() -> Play:
    play = Play()
    play.census(running())
    play.number += 1
    assert play.see(IoFailed(INSTANCE, play.number, 2, "vda")) == [IO_REPORT]
    return play


def test_io_errors_are_not_called_over_while_nobody_could_hear_of_another_one() -> None:
    play = with_an_io_error()
    play.see(LibvirtAway(URI, "away"))
    play.wait(QUIET * 3)
    assert play.told[-1].ruling.value == "blind"
    play.see(LibvirtBack(URI))
    told = len(play.told)
    play.wait(QUIET - 1)
    assert len(play.told) == told, "it was quiet for as long as nobody heard, which says nothing"
    play.wait(2)
    assert play.told[-1].ruling.value == "recovered"


def test_what_was_quiet_before_nobody_could_hear_does_not_count() -> None:
    play = with_an_io_error()
    play.wait(QUIET - 10)
    play.see(LibvirtAway(URI, "away"))
    play.see(LibvirtBack(URI))
    play.wait(QUIET - 1)
    assert not any("no I/O error" in verdict.why for verdict in play.told)


@pytest.mark.parametrize("pause", [Suspended.IOERROR, Suspended.PAUSED])
def test_nor_of_a_guest_that_stands_still_since_it_makes_no_request_that_could_fail(pause: Suspended) -> None:
    play = with_an_io_error()
    play.event(Lifecycle.SUSPENDED, pause)
    asked = len(play.told)
    play.wait(QUIET * 3)
    assert len(play.told) == asked and play.state.instances[URI, INSTANCE.uuid].stories.failing
    assert play.event(Lifecycle.RESUMED) == ["withdraw words"]
    assert (play.ruling == "recovered") is (pause is Suspended.IOERROR), (
        "of a pause that somebody wanted nothing is said"
    )


def test_nor_is_a_report_of_the_last_life_taken_back_meanwhile() -> None:
    play = with_an_io_error()
    play.event(Lifecycle.SUSPENDED, Suspended.IOERROR)
    play.restart()
    play.adopts_report_of(words=("IO_ERROR", "IO_ERROR_REPORT"))
    play.seconds += QUIET * 3
    stands_still = Reading(instance=INSTANCE, power=Power.PAUSED, halt=Suspended.IOERROR)
    play.census(stands_still)
    play.wait(QUIET * 3)
    assert play.census(stands_still) == [] and play.dropped == []
    assert play.confirmed == [f"vm:{INSTANCE.uuid}"]


def gone_unheard() -> Play:
    """It had a definition and ran; then the monitor was away, and libvirt does not know it any more."""
    play = Play()
    play.census(running(persistent=True), running(OTHER))
    play.restart()
    assert play.census(running(OTHER)) == ["ask"]
    return play


def answer(play: Play, traces: Reading | None = None, *, mute: bool = False) -> None:
    assert play.see(Asked(INSTANCE, None, play.number, traces, mute=mute)) == []


def test_one_that_is_gone_and_whose_log_tells_nothing_is_an_alarm_for_a_day() -> None:
    """Its definition may have been removed while it ran, so that it vanished by its death."""
    play = gone_unheard()
    answer(play, mute=True)
    assert (
        play.census(running(OTHER)) == [] and play.alarm and "its log tells nothing" in play.verdicts[-1].why
    )
    for _ in range(3):
        assert play.census(running(OTHER)) == [] and not play.verdicts
    play.restart()
    assert play.state.instances[URI, INSTANCE.uuid].phase == "unsure"
    assert play.census(running(), running(OTHER)) == []
    assert play.state.instances[URI, INSTANCE.uuid].phase == "up"


@pytest.mark.parametrize("words", ["migrated", "destroyed", None])
def test_one_whose_log_tells_that_it_was_moved_or_that_of_no_instance_here_is_none(words: str | None) -> None:
    play = gone_unheard()
    answer(play, off(ShutoffReason.UNKNOWN, last_words=words) if words else None)
    assert play.census(running(OTHER)) == [] and not play.alarm
    assert (URI, INSTANCE.uuid) not in play.state.instances


def test_what_was_not_told_of_one_life_says_nothing_of_the_next() -> None:
    play = gone_unheard()
    answer(play, mute=True)
    play.event(Lifecycle.STARTED)
    play.see(LibvirtAway(URI, "away"))
    play.see(LibvirtBack(URI))
    assert play.census(running(OTHER)) == ["ask"]
    answer(play, off(ShutoffReason.UNKNOWN, last_words="migrated"))
    assert play.census(running(OTHER)) == [] and not play.alarm


@pytest.mark.parametrize("reported", [True, False])
def test_a_wall_clock_that_is_set_forward_does_not_forget_one_that_vanished_by_dying(reported: bool) -> None:
    play = Play()
    play.census(running(persistent=False), running(OTHER))
    if reported:
        assert play.event(Lifecycle.STOPPED, 5) == [REPORT]
    else:
        play.see(LibvirtAway(URI, "away"))
        play.see(LibvirtBack(URI))
        play.census(running(OTHER))
        assert play.census(running(OTHER)) == [] and play.alarm
    for days in (2, 2, 2):
        later = Instant(play.now.monotonic, play.now.wall + datetime.timedelta(days=days))
        play.state, decision = play.decide(play.state, Census(URI, (running(OTHER),), play.number), later)
        assert not any(isinstance(command, Withdraw) for command in decision.commands)
    assert play.state.instances[URI, INSTANCE.uuid].phase == ("failed" if reported else "unsure")


def vanished_by_dying(status: ReportStatus | None = None, expiry: float = 86400.0) -> Play:
    """It had no definition and died; its report waits, or has ended so."""
    play = Play(expiry=expiry)
    play.census(running(persistent=False), running(OTHER))
    assert play.event(Lifecycle.STOPPED, 5) == [REPORT]
    if status is not None:
        play.settled(status, play.now.wall)
    assert play.census(running(OTHER)) + play.census(running(OTHER)) == []
    return play


def row(play: Play) -> list[tuple[str, str, str, bool]]:
    return [shown for shown in describe(play.state) if shown[0] == f"vm:{INSTANCE.uuid}"]


DAY = 86400.0


@pytest.mark.parametrize("restarted", [True, False])
@pytest.mark.parametrize("expiry", [1.0, 30.0])
def test_a_report_that_waits_is_not_taken_back_because_nobody_lists_whom_it_tells_of(
    expiry: float, restarted: bool
) -> None:
    play = vanished_by_dying(expiry=expiry * DAY)
    made = play.now.wall
    for _ in range(max(6, int(expiry))):
        play.wait(DAY)
        if restarted:
            play.restart()
            play.census(running(OTHER))
        assert play.census(running(OTHER)) == [] and row(play)[0][3]
    assert "outbox drop" in row(play)[0][2]
    play.settled(ReportStatus.DELIVERED, made)
    play.census(running(OTHER))
    assert not row(play) and "its report has ended" in play.verdicts[-1].why


@pytest.mark.parametrize("restarted", [True, False])
@pytest.mark.parametrize(("expiry", "days"), [(1.0, 7), (30.0, 31)])
def test_one_whose_report_never_ends_is_forgotten_when_none_can_wait_any_more(
    expiry: float, days: int, restarted: bool
) -> None:
    """Its row was lost, or its end: somebody has moved it aside, or an earlier release did not note it."""
    play = vanished_by_dying(expiry=expiry * DAY)
    for _ in range(days - 1):
        play.wait(DAY)
        if restarted:
            play.restart()
            play.census(running(OTHER))
        assert play.census(running(OTHER)) == [] and row(play)[0][3]
    play.wait(DAY)
    play.census(running(OTHER))
    assert not row(play) and "never heard" in play.verdicts[-1].why and play.verdicts[-1].alarm


def test_a_report_that_was_made_anew_counts_from_then_on() -> None:
    play = Play()
    play.census(running(persistent=False), running(OTHER))
    play.event(Lifecycle.CRASHED)
    crashed = Reading(instance=INSTANCE, power=Power.PANICKED, persistent=False)
    play.settled(ReportStatus.REFUSED, play.now.wall)
    play.wait(6 * DAY).at_masakari()
    assert play.census(crashed, running(OTHER)) == [REPORT]
    assert play.event(Lifecycle.STOPPED, 5) == []
    for _ in range(6):
        play.wait(DAY)
        assert play.census(running(OTHER)) == [] and row(play)


@pytest.mark.parametrize("status", [ReportStatus.REFUSED, ReportStatus.EXPIRED])
def test_a_death_that_masakari_was_never_told_of_is_shown_for_a_week_and_not_called_a_departure(
    status: ReportStatus,
) -> None:
    play = vanished_by_dying(status)
    for _ in range(6):
        play.wait(86400)
        assert play.census(running(OTHER)) == [] and row(play)[0][3]
    play.wait(86400)
    play.census(running(OTHER))
    assert not row(play) and "never took the report" in play.verdicts[-1].why


def test_one_that_nothing_was_told_of_for_a_day_is_not_said_to_have_left() -> None:
    play = gone_unheard()
    answer(play, mute=True)
    assert play.census(running(OTHER)) == [] and play.alarm
    play.wait(86400)
    play.census(running(OTHER))
    assert not row(play) and "nothing has told" in play.verdicts[-1].why


CRASHED = Reading(instance=INSTANCE, power=Power.PANICKED, persistent=False)
"""Its guest has crashed, its QEMU keeps it, and libvirt has no definition of it."""


def crashed(*, restarted: bool = False) -> Play:
    """Reported; and its libvirt was away, or the monitor, so that nobody heard what became of its QEMU."""
    play = Play()
    play.census(running(persistent=False), running(OTHER))
    assert play.event(Lifecycle.CRASHED) == [REPORT]
    play.census(CRASHED, running(OTHER))
    if restarted:
        play.restart()
        play.adopts_report_of()
    else:
        play.see(LibvirtAway(URI, "away"))
        play.see(LibvirtBack(URI))
    return play


def may_leave(play: Play) -> bool:
    told = VmNotification(
        "compute-1",
        play.now.wall,
        event="LIFECYCLE",
        instance_uuid=INSTANCE.uuid,
        vir_domain_event="STOPPED_FAILED",
    )
    return may_offer(play.state, told, play.now) is Leave.NOW


@pytest.mark.parametrize("restarted", [True, False])
@pytest.mark.parametrize("mute", [True, False])
def test_a_kept_crashed_guest_that_vanishes_unheard_is_an_alarm_and_its_report_waits(
    mute: bool, restarted: bool
) -> None:
    play = crashed(restarted=restarted)
    assert play.census(running(OTHER)) == ["ask"]
    answer(play, mute=mute)
    assert play.census(running(OTHER)) == [] and play.alarm and "has ended by itself" in play.verdicts[-1].why
    assert not may_leave(play) and play.dropped == play.confirmed == []
    for _ in range(6):
        play.wait(DAY)
        assert play.census(running(OTHER)) == [] and not play.verdicts and row(play)[0][3]
    assert "its report waits" in row(play)[0][2] and not may_leave(play)
    play.wait(DAY)
    assert play.census(running(OTHER)) == ["withdraw"] and "never heard" in play.verdicts[-1].why
    assert play.verdicts[-1].alarm, "it may be down still"
    assert not row(play)


@pytest.mark.parametrize("status", [ReportStatus.REFUSED, ReportStatus.EXPIRED, ReportStatus.DELIVERED])
def test_its_alarm_stands_for_a_day_or_for_a_week_by_what_became_of_its_report(status: ReportStatus) -> None:
    play = crashed()
    made = play.now.wall
    play.census(running(OTHER))
    play.census(running(OTHER))
    play.settled(status, made)
    days = 1 if status is ReportStatus.DELIVERED else 7
    for _ in range(days - 1):
        play.wait(DAY)
        play.restart()
        play.census(running(OTHER))
        assert play.census(running(OTHER)) == [] and row(play)[0][3]
    play.wait(DAY)
    play.census(running(OTHER))
    assert not row(play)


def test_it_is_no_second_death_when_it_is_seen_again() -> None:
    for then, said, leaves in (
        (running(), ["withdraw"], False),
        (off(ShutoffReason.UNKNOWN, last_words="destroyed"), ["withdraw"], False),
        (off(ShutoffReason.UNKNOWN, last_words="crashed"), [], True),
        (CRASHED, [], True),
    ):
        play = crashed()
        play.census(running(OTHER))
        play.census(running(OTHER))
        assert play.census(then, running(OTHER)) == said, then
        assert not leaves or may_leave(play), then
        assert play.reports == [(INSTANCE.uuid, "LIFECYCLE/STOPPED_FAILED")]


@pytest.mark.parametrize("late", [True, False])
def test_its_log_may_tell_that_it_ended_by_itself_or_that_somebody_ended_it(late: bool) -> None:
    for words, said in (("crashed", []), ("destroyed", ["withdraw"])):
        play = crashed()
        assert play.census(running(OTHER)) == ["ask"]
        told = Asked(INSTANCE, None, play.number, off(ShutoffReason.UNKNOWN, last_words=words))
        if late:
            play.census(running(OTHER))
            assert play.alarm and not may_leave(play)
            assert play.see(told) == said
        else:
            play.see(told)
            assert play.census(running(OTHER)) == said and not play.alarm
        assert bool(row(play)) is (not said) and (said or may_leave(play))


def test_nor_can_somebody_have_ended_it_while_its_libvirtd_was_away() -> None:
    play = crashed()
    play.see(LibvirtAway(URI, "away"))
    play.ended()
    play.see(LibvirtBack(URI))
    play.census(running(OTHER))
    assert play.census(running(OTHER)) == [] and not play.alarm and may_leave(play)


def test_one_that_vanished_so_before_its_host_was_restarted_may_run_elsewhere() -> None:
    play = crashed()
    play.census(running(OTHER))
    play.census(running(OTHER))
    play.restart("boot-2")
    play.census(running(OTHER))
    assert play.census(running(OTHER)) == ["withdraw"] and play.alarm


def test_one_that_vanished_so_and_whose_definition_was_made_anew_and_removed_was_deleted() -> None:
    play = crashed()
    play.census(running(OTHER))
    play.census(running(OTHER))
    play.event(Lifecycle.DEFINED)
    play.event(Lifecycle.UNDEFINED)
    assert play.census(running(OTHER)) == [] and not may_leave(play)
    assert play.census(running(OTHER)) == ["withdraw"] and not row(play)
