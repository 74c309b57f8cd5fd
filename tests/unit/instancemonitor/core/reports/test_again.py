"""A death that masakari did not take: offered again when it may be taken and is still seen, and never else."""

import datetime
import itertools
from dataclasses import replace

import pytest

from masakarimonitors.core.decision import Notify
from masakarimonitors.core.notification import ReportStatus, VmNotification
from masakarimonitors.core.offers.again import LOOK_EVERY
from masakarimonitors.instancemonitor.core.lifecycle import Phase
from masakarimonitors.instancemonitor.core.observation import (
    IoFailed,
    LibvirtAway,
    LibvirtBack,
    Power,
    Process,
    Reading,
    ReportSettled,
)
from masakarimonitors.instancemonitor.core.reports.again import unheard_of
from masakarimonitors.instancemonitor.core.shown import describe
from masakarimonitors.libvirt.domain_state import (
    Crashed,
    IoErrorAction,
    Lifecycle,
    ShutoffReason,
    Started,
    Stopped,
)
from tests.fixtures.instance_play import INSTANCE, URI, Play, off, running

REPORT = ["report LIFECYCLE/STOPPED_FAILED"]
DEAD = off(ShutoffReason.FAILED)
NOT_TAKEN = (ReportStatus.REFUSED, ReportStatus.EXPIRED)


def died(status: ReportStatus = ReportStatus.REFUSED) -> tuple[Play, datetime.datetime]:
    """It died, and its report ended so; with when it was made."""
    play = Play()
    play.census(running())
    assert play.event(Lifecycle.STOPPED, Stopped.FAILED) == REPORT
    at = play.now.wall
    play.wait(1.0).settled(status, at)
    return play, at


def asked(play: Play) -> bool:
    """Whether the next look at masakari comes within its pace."""
    said = []
    end = play.seconds + LOOK_EVERY
    while play.alarms and min(play.alarms.values()) <= end:
        play.to_next_alarm()
        said += [type(command).__name__ for command in play.commands]
    play.seconds = end
    return said == ["LookUpHost", "WakeAt"]


@pytest.mark.parametrize("status", NOT_TAKEN)
def test_when_the_maintenance_is_over_the_death_is_told_anew(status: ReportStatus) -> None:
    play, at = died(status)
    assert play.alarm and play.census(DEAD) == []
    ((_, _, detail, alarm),) = describe(play.state)
    assert alarm and "not taken" in detail
    for _ in range(20):
        assert asked(play)
        play.at_masakari(on_maintenance=True)
        assert play.census(DEAD) == [], "masakari would refuse it again"
    assert asked(play)
    assert play.at_masakari() == [], "that it is dead still must be seen first"
    assert play.census(DEAD) == REPORT
    (told,) = [one.notification for one in play.commands if isinstance(one, Notify)]
    assert isinstance(told, VmNotification) and told.generated_time == play.now.wall > at
    assert play.census(DEAD) == [], "once"
    play.settled(ReportStatus.DELIVERED, told.generated_time)
    assert not asked(play) and play.census(DEAD) == [] and not play.alarms


def test_a_host_that_masakari_does_not_know_is_waited_for() -> None:
    play, _ = died()
    assert asked(play)
    play.at_masakari(registered=False)
    assert play.census(DEAD) == []
    assert asked(play)
    play.at_masakari()
    assert play.census(DEAD) == REPORT


def test_where_masakari_cannot_be_asked_it_is_offered_ever_more_slowly() -> None:
    play, at = died()
    times = []
    for _ in range(200):
        asked(play)
        play.at_masakari(registered=None)
        if play.census(DEAD) == REPORT:
            times.append(play.seconds)
            at = play.now.wall
            play.settled(ReportStatus.REFUSED, at)
    pauses = [b - a for a, b in itertools.pairwise(times)]
    assert len(times) < 24 and pauses == sorted(pauses) and max(pauses) <= 3600 + LOOK_EVERY


def test_what_ended_otherwise_is_not_told_again() -> None:
    for status in (ReportStatus.DELIVERED, ReportStatus.WITHDRAWN):
        play, _ = died(status)
        assert not asked(play)
        play.at_masakari()
        assert play.wait(7200).census(DEAD) == []


def test_the_end_of_an_older_report_says_nothing() -> None:
    play, at = died(ReportStatus.DELIVERED)
    play.settled(ReportStatus.REFUSED, at)
    play.settled(ReportStatus.REFUSED, at - datetime.timedelta(seconds=5))
    assert not asked(play)


@pytest.mark.parametrize("seen", ["runs", "arrives", "shut down", "orphaned", "gone", "not told", "away"])
def test_what_is_not_seen_to_be_dead_is_not_told_again(seen: str) -> None:
    play, _ = died()
    assert asked(play)
    play.at_masakari()
    match seen:
        case "runs":
            said = play.census(running())
        case "arrives":
            said = play.event(Lifecycle.STARTED, Started.MIGRATED)
        case "shut down":
            said = play.census(off(ShutoffReason.SHUTDOWN))
        case "orphaned":
            said = play.census(off(ShutoffReason.UNKNOWN, Process.ALIVE))
        case "gone":
            said = play.census() + play.census()
        case "not told":
            said = play.census(Reading(instance=INSTANCE, power=Power.UNKNOWN))
        case _:
            said = play.see(LibvirtAway(URI, "gone")) + play.asked(DEAD)
    assert "report LIFECYCLE/STOPPED_FAILED" not in said


def test_what_has_lived_since_is_no_matter_of_the_old_report() -> None:
    play, at = died()
    play.census(running())
    play.settled(ReportStatus.REFUSED, at)
    assert not asked(play)
    assert play.event(Lifecycle.STOPPED, Stopped.FAILED) == REPORT, "another life"


def test_who_was_recovered_with_its_host_is_not_told_again() -> None:
    play, at = died()
    assert asked(play)
    play.at_masakari(on_maintenance=True, failed_at=at + datetime.timedelta(seconds=30))
    assert play.alarm, "a person must look"
    assert not asked(play)
    play.at_masakari()
    assert play.census(DEAD) == []


def test_a_death_after_the_recovery_of_its_host_is_told_again() -> None:
    play, at = died()
    assert asked(play)
    play.at_masakari(failed_at=at - datetime.timedelta(seconds=600))
    assert play.census(DEAD) == REPORT


def test_it_is_not_forgotten_with_the_monitor() -> None:
    play, _ = died()
    play.restart()
    assert play.census(DEAD) == []
    assert asked(play)
    play.at_masakari()
    assert play.census(DEAD) == REPORT
    play.restart()
    play.settled(ReportStatus.REFUSED, play.now.wall)
    play.census(DEAD)
    assert asked(play), "the one that was made anew is known by its own time"


def test_after_a_restart_of_the_host_it_may_run_elsewhere() -> None:
    play, _ = died()
    play.restart(boot_id="boot-2")
    play.at_masakari()
    assert play.census(DEAD) == ["withdraw"]
    assert not asked(play)
    play.at_masakari()
    assert play.census(DEAD) == []


@pytest.mark.parametrize("unheard", ["", "monitor", "libvirt"])
@pytest.mark.parametrize("born", [0, 1])
def test_a_crashed_guest_that_is_kept_is_told_again(born: int, unheard: str) -> None:
    """Also where it may be that of a later life: it is dead."""
    guest = replace(INSTANCE, run=7, born=born)
    play = Play()
    play.census(running(guest))
    play.event(Lifecycle.CRASHED, Crashed.PANICKED, guest)
    play.settled(ReportStatus.REFUSED, play.now.wall)
    crashed = Reading(instance=guest, power=Power.PANICKED)
    if unheard == "monitor":
        play.restart()
    elif unheard == "libvirt":
        play.see(LibvirtAway(URI, "away"))
        play.see(LibvirtBack(URI))
    assert play.census(crashed) == []
    assert asked(play)
    play.at_masakari()
    assert play.census(crashed) == REPORT
    assert play.state.instances[INSTANCE.uri, INSTANCE.uuid].phase is Phase.PANICKED


IO_REPORT = ["report IO_ERROR/IO_ERROR_REPORT"]


def io_error(play: Play) -> list[str]:
    """Its disk fails once more."""
    play.number += 1
    return play.see(IoFailed(INSTANCE, play.number, IoErrorAction.REPORT, "vda"))


def failing(status: ReportStatus = ReportStatus.REFUSED, **policy: object) -> tuple[Play, datetime.datetime]:
    """Its disk fails, and the report of that ended so; with when it was made."""
    play = Play(**policy)  # type: ignore[arg-type]
    play.census(running())
    assert io_error(play) == IO_REPORT
    at = play.now.wall
    play.wait(1.0).see(ReportSettled(INSTANCE.uuid, at, status, "409", death=False))
    return play, at


def goes_on(play: Play, seconds: float) -> list[str]:
    """Its disk fails every minute, and masakari is looked at."""
    said = []
    end = play.seconds + seconds
    while play.seconds < end:
        said += io_error(play)
        play.wait(60.0)
    return said


@pytest.mark.parametrize("status", NOT_TAKEN)
@pytest.mark.parametrize("restarted", [False, True])
def test_io_errors_that_go_on_are_told_anew_when_masakari_may_take_them(
    status: ReportStatus, *, restarted: bool
) -> None:
    play, at = failing(status)
    assert play.alarm
    if restarted:
        play.restart()
        play.census(running())
    ((_, _, detail, alarm),) = describe(play.state)
    assert alarm and "not taken" in detail
    goes_on(play, LOOK_EVERY)
    play.at_masakari(on_maintenance=True)
    assert goes_on(play, 3600) == [], "masakari would refuse it again"
    assert play.at_masakari() == [], "that it fails still must be seen first"
    assert io_error(play) == IO_REPORT
    (told,) = [one.notification for one in play.commands if isinstance(one, Notify)]
    assert told.generated_time == play.now.wall > at
    assert goes_on(play, 3600) == [], "once"
    play.see(ReportSettled(INSTANCE.uuid, told.generated_time, ReportStatus.DELIVERED, "202", death=False))
    assert goes_on(play, 7200) == [] and not describe_alarm(play)


def describe_alarm(play: Play) -> bool:
    return any(alarm for _, _, _, alarm in describe(play.state))


def test_io_errors_that_have_ceased_are_no_matter_of_the_old_report() -> None:
    play, at = failing()
    play.event(Lifecycle.RESUMED)
    assert not describe_alarm(play)
    play.at_masakari()
    play.see(ReportSettled(INSTANCE.uuid, at, ReportStatus.REFUSED, "409", death=False))
    assert not describe_alarm(play)
    assert play.wait(600).see(IoFailed(INSTANCE, play.number + 1, IoErrorAction.REPORT, "vda")) == IO_REPORT


def test_the_end_of_the_report_of_a_death_is_none_of_that_of_its_io_errors() -> None:
    play, at = failing(ReportStatus.DELIVERED)
    play.settled(ReportStatus.REFUSED, at)
    assert not describe_alarm(play)


@pytest.mark.parametrize("ended", [ReportStatus.WITHDRAWN, ReportStatus.DELIVERED])
def test_io_errors_of_which_a_person_dropped_the_report_are_not_told_anew(ended: ReportStatus) -> None:
    play, _ = failing(ended)
    play.at_masakari()
    assert goes_on(play, 7200) == []


def test_io_errors_that_were_recovered_with_their_host_are_not_told_anew() -> None:
    play, at = failing()
    goes_on(play, LOOK_EVERY)
    play.at_masakari(failed_at=at + datetime.timedelta(seconds=30))
    assert play.alarm, "a person must look"
    play.at_masakari()
    assert goes_on(play, 3600) == []


def test_of_a_report_of_io_errors_whose_end_was_not_noted_the_next_life_asks() -> None:
    play = Play()
    play.census(running())
    assert io_error(play) == IO_REPORT
    at = play.now.wall
    play.restart()
    assert unheard_of(play.state) == [(f"vm:{INSTANCE.uuid}", at)]
    play.see(ReportSettled(INSTANCE.uuid, at, ReportStatus.REFUSED, "409", death=False))
    assert unheard_of(play.state) == [] and describe_alarm(play)
