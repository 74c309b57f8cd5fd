"""Dialogues with the instance monitor's decision: what is seen -> what it does."""

import pytest

from masakarimonitors.instancemonitor.core.observation import (
    IoFailed,
    IoFailedWithReason,
    LibvirtAway,
    LibvirtBack,
    Power,
    Process,
    Reading,
    WatchdogFired,
)
from masakarimonitors.instancemonitor.core.shown import describe
from masakarimonitors.libvirt.domain_state import Lifecycle, ShutoffReason
from tests.fixtures.instance_play import INSTANCE, OTHER, URI, Play, off, running

STARTED, SUSPENDED, RESUMED, STOPPED = (
    Lifecycle.STARTED,
    Lifecycle.SUSPENDED,
    Lifecycle.RESUMED,
    Lifecycle.STOPPED,
)
SHUTDOWN, CRASHED = Lifecycle.SHUTDOWN, Lifecycle.CRASHED
FAILED = "report LIFECYCLE/STOPPED_FAILED"


def test_a_crash_is_reported_at_once_and_a_new_start_withdraws_it() -> None:
    play = Play()
    assert play.event(STARTED) == []
    assert play.event(STOPPED, 5) == [FAILED]
    assert play.ruling == "reported"
    assert play.event(STARTED) == ["withdraw"]
    assert play.event(STOPPED, 5) == [FAILED]


def test_one_death_seen_by_every_eye_is_one_report() -> None:
    play = Play()
    play.event(STARTED)
    assert play.ended() == ["ask"]
    assert play.asked(off(ShutoffReason.CRASHED)) == [FAILED]
    play.wait(0.2)
    assert play.event(STOPPED, 5) == []
    assert play.census(off(ShutoffReason.CRASHED)) == []
    assert play.ended() == []
    play.restart()
    assert play.census(off(ShutoffReason.CRASHED)) == []


def test_a_process_that_ended_because_somebody_wanted_it_is_no_report() -> None:
    play = Play()
    play.event(STARTED)
    assert play.ended() == ["ask"]
    assert play.asked(off(ShutoffReason.DESTROYED)) == []
    assert play.event(SHUTDOWN, 2) == []
    assert play.event(STOPPED, 1) == ["report LIFECYCLE/STOPPED_DESTROYED"]


def test_a_panic_speaks_in_words_the_engine_acts_on_once() -> None:
    play = Play()
    play.event(STARTED)
    assert play.event(CRASHED, 0) == [FAILED]
    play.wait(0.2)
    assert play.event(STOPPED, 2) == []


def test_a_preserved_panic_stays_one_outage_until_the_instance_runs() -> None:
    play = Play()
    play.event(STARTED)
    assert play.event(SUSPENDED, 0) == []
    assert play.event(CRASHED, 0) == [FAILED]
    play.wait(3600)
    assert play.census(Reading(instance=INSTANCE, power=Power.PANICKED)) == []
    assert play.event(STOPPED, 5) == []
    assert play.event(STARTED) == ["withdraw"]


def test_a_panic_that_libvirt_restarts_withdraws_itself() -> None:
    play = Play()
    play.event(STARTED)
    assert play.event(CRASHED, 0) == [FAILED]
    assert play.reboot() == ["withdraw", "report REBOOT/UNKNOWN"]
    assert play.event(RESUMED) == []
    assert play.reboot() == []


def test_a_reboot_comes_twice_and_is_told_once() -> None:
    play = Play()
    assert play.reboot() == ["report REBOOT/UNKNOWN"]
    play.wait(0.028)
    assert play.reboot() == []
    play.wait(60)
    assert play.reboot() == ["report REBOOT/UNKNOWN"]


def test_an_io_error_storm_is_one_story_of_three_words() -> None:
    play = Play()
    said = []
    for number in range(1, 101):
        said += play.see(IoFailed(INSTANCE, 3 * number, 1, "virtio-disk0"))
        said += play.see(IoFailedWithReason(INSTANCE, 3 * number + 1, "enospc"))
        play.wait(0.01)
    play.number = 400
    said += play.event(SUSPENDED, 2)
    assert said == [
        "report IO_ERROR/IO_ERROR_PAUSE",
        "report IO_ERROR_REASON/UNKNOWN",
        "report LIFECYCLE/SUSPENDED_IOERROR",
    ]


def test_settling_never_holds_back_a_crash() -> None:
    play = Play()
    play.reboot()
    play.see(IoFailed(INSTANCE, 2, 1, "virtio-disk0"))
    play.number = 2
    assert play.event(STOPPED, 5) == ["withdraw words", FAILED]


def test_actionable_reports_only_what_the_engine_acts_on() -> None:
    play = Play(actionable_only=True)
    assert play.reboot() == []
    assert play.ruling == "held"
    assert play.see(IoFailed(INSTANCE, 2, 2, "virtio-disk0")) == ["report IO_ERROR/IO_ERROR_REPORT"]
    assert play.see(WatchdogFired(INSTANCE, 3, 3)) == []
    play.number = 3
    assert play.event(STOPPED, 1) == ["withdraw words"]
    assert play.event(STARTED) == []
    assert play.event(STOPPED, 5) == [FAILED]


def test_what_crashed_while_libvirtd_was_away_is_reported_on_its_return() -> None:
    play = Play()
    assert play.census(running(), running(OTHER)) == []
    assert play.see(LibvirtAway(URI, "the connection broke")) == []
    assert play.ruling == "blind"
    assert play.see(LibvirtAway(URI, "refused")) == []
    assert not play.verdicts
    assert play.see(LibvirtBack(URI)) == []
    assert play.census(off(ShutoffReason.CRASHED), off(ShutoffReason.DESTROYED, instance=OTHER)) == [FAILED]
    assert play.reports == [(INSTANCE.uuid, "LIFECYCLE/STOPPED_FAILED")]


def test_what_libvirtd_lost_while_connecting_again_is_reported() -> None:
    play = Play()
    play.census(running())
    assert play.census(off(ShutoffReason.DAEMON)) == [FAILED]


def test_an_instance_running_again_withdraws_also_after_a_restart() -> None:
    play = Play()
    play.event(STARTED)
    play.event(STOPPED, 5)
    play.restart()
    assert play.census(running()) == ["withdraw"]


def test_what_crashed_while_the_monitor_was_away_is_reported_once() -> None:
    play = Play()
    play.census(running())
    play.restart()
    assert play.census(off(ShutoffReason.CRASHED)) == [FAILED]
    play.restart()
    assert play.census(off(ShutoffReason.CRASHED)) == []


def test_a_second_life_that_began_and_ended_unseen_is_reported() -> None:
    play = Play()
    play.event(STARTED)
    play.event(STOPPED, 5)
    recovered = play.now.wall.timestamp() + 60
    play.wait(600)
    play.restart()
    assert play.census(off(ShutoffReason.CRASHED, started=recovered)) == ["withdraw", FAILED]
    assert play.census(off(ShutoffReason.CRASHED, started=recovered)) == []
    play.restart()
    assert play.census(off(ShutoffReason.CRASHED, started=recovered)) == []


def test_nor_does_one_that_was_set_back_since_that_life_began() -> None:
    play = Play()
    play.census(running())
    assert play.event(STOPPED, 5) == [FAILED]
    started = play.now.wall.timestamp() + 30
    play.wait(60)
    assert play.census(off(ShutoffReason.CRASHED, last_words="crashed", started=started)) == []


def test_a_clock_that_was_set_back_does_not_make_one_death_a_new_one_at_every_look() -> None:
    play = Play()
    started = play.now.wall.timestamp()
    play.event(STARTED)
    play.wait(-3600)
    assert play.event(STOPPED, 5) == [FAILED]
    for _ in range(180):
        play.wait(60)
        assert play.census(off(ShutoffReason.CRASHED, started=started)) == []


def test_whose_process_ended_before_libvirt_was_first_asked_was_up() -> None:
    play = Play()
    assert play.ended() == ["ask"]
    assert play.asked(off(ShutoffReason.CRASHED)) == [FAILED]
    play = Play()
    assert play.see(LibvirtAway(URI, "refused")) == []
    assert play.ended() == ["ask"]
    play.restart()
    assert play.census(off(ShutoffReason.UNKNOWN)) == [FAILED]
    play = Play()
    play.ended()
    assert play.asked(off(ShutoffReason.SHUTDOWN)) == [] and play.ruling == "planned"
    play = Play()
    play.ended()
    assert play.asked(None) == [] and play.census() == ["ask"] and play.ruling == ""
    play.asked(None)
    assert play.census() == [] and play.ruling == "planned"


@pytest.mark.parametrize(
    ("process", "last_words", "does", "ruling"),
    [
        (Process.GONE, "", [FAILED], "reported"),
        (Process.GONE, "crashed", [FAILED], "reported"),
        (Process.UNSEEN, "crashed", [FAILED], "reported"),
        (Process.GONE, "destroyed", [], "planned"),
        (Process.GONE, "shutdown", [], "planned"),
        (Process.UNSEEN, "", [], "held"),
        (Process.ALIVE, "", [], "held"),
    ],
)
def test_a_forgotten_reason_is_judged_by_process_and_log(
    process: Process, last_words: str, does: list[str], ruling: str
) -> None:
    play = Play()
    play.census(running())
    play.restart()
    assert play.census(off(ShutoffReason.UNKNOWN, process, last_words)) == does
    assert play.ruling == ruling
    assert play.alarm == (ruling == "held")


def test_instances_that_are_off_after_a_reboot_of_the_host_accuse_nobody() -> None:
    play = Play(boot_id="boot-1")
    play.census(running(), running(OTHER))
    play.restart(boot_id="boot-2")
    assert play.census(off(ShutoffReason.UNKNOWN), running(OTHER)) == []
    assert play.alarm
    # The instance that was started again is judged as any other from here on.
    assert play.census(off(ShutoffReason.UNKNOWN), off(ShutoffReason.UNKNOWN, instance=OTHER)) == [FAILED]
    play.restart(boot_id="boot-2")
    assert play.census(off(ShutoffReason.UNKNOWN), off(ShutoffReason.UNKNOWN, instance=OTHER)) == []


def test_a_first_start_reports_no_old_history_but_a_guest_that_is_crashed_now() -> None:
    play = Play()
    assert play.census(off(ShutoffReason.SHUTDOWN), off(ShutoffReason.CRASHED, instance=OTHER)) == []
    assert [verdict.alarm for verdict in play.verdicts] == [True]
    assert play.census(off(ShutoffReason.SHUTDOWN), off(ShutoffReason.CRASHED, instance=OTHER)) == []
    assert play.verdicts == []
    assert Play().census(Reading(instance=INSTANCE, power=Power.PANICKED)) == [FAILED]


def test_a_failed_migration_to_this_host_is_no_crash() -> None:
    play = Play()
    assert play.event(STARTED, 1) == []
    assert play.event(STOPPED, 5) == []
    assert play.ruling == "held"
    play.event(STARTED, 1)
    assert play.event(RESUMED, 1) == []
    assert play.event(STOPPED, 5) == [FAILED]


def test_migrated_saved_and_deleted_instances_are_planned() -> None:
    for detail in (3, 4, 6):
        play = Play()
        play.event(STARTED)
        assert play.event(STOPPED, detail) == []
    play = Play()
    play.census(running())
    assert play.census() == [] and play.ruling == "", "it may move at this moment"
    assert play.census() == [] and play.ruling == "planned"
    assert not play.memory.keys() - {"host"}


def test_a_reading_older_than_an_event_does_not_overrule_it() -> None:
    play = Play()
    play.event(STARTED)
    before = play.number
    play.event(STOPPED, 5)
    assert play.census(running(), after=before) == []
    assert play.event(STARTED) == ["withdraw"]
    before = play.number - 1
    assert play.census(off(ShutoffReason.CRASHED), after=before) == []
    assert play.census(after=before) == []


def test_instances_are_independent() -> None:
    play = Play()
    play.census(running(), running(OTHER))
    assert play.event(STOPPED, 5) == [FAILED]
    assert play.event(STOPPED, 5, OTHER) == [FAILED]
    assert play.event(STARTED, 0, OTHER) == ["withdraw"]


def test_the_disk_is_written_only_when_something_that_matters_changes() -> None:
    play = Play()
    play.census(running())
    writes = play.writes
    for _ in range(50):
        play.reboot()
        play.census(running())
        play.wait(1)
    assert play.writes == writes
    for _ in range(50):
        play.event(SUSPENDED)
        play.census(Reading(instance=INSTANCE, power=Power.PAUSED))
    assert play.writes == writes + 1, "that somebody has paused it"
    for _ in range(50):
        play.event(RESUMED)
        play.census(running())
    assert play.writes == writes + 2


def test_the_status_shows_what_is_wrong() -> None:
    play = Play()
    play.census(running(), running(OTHER))
    play.event(STOPPED, 5)
    play.see(LibvirtAway(URI, "refused"))
    assert list(describe(play.state)) == [
        (f"libvirt:{URI}", "away", "refused", True),
        (f"vm:{INSTANCE.uuid}", "failed", "instance-1", True),
        (f"vm:{OTHER.uuid}", "up", "instance-2", False),
    ]
