"""Dialogues about lives: what arrives, starts, leaves, was stopped or cannot be read -> what is reported."""

from dataclasses import replace

import pytest

from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.instancemonitor.core.observation import (
    Asked,
    Census,
    Identity,
    IoFailed,
    LibvirtAway,
    LibvirtBack,
    Observation,
    Power,
    Process,
    ProcessEnded,
    Reading,
)
from masakarimonitors.instancemonitor.core.shown import describe
from masakarimonitors.instancemonitor.core.stories import QUIET
from masakarimonitors.libvirt.domain_state import Lifecycle, ShutoffReason, Started
from tests.fixtures.instance_play import INSTANCE, OTHER, URI, Play, off, running

DEFINED, UNDEFINED, STARTED, SUSPENDED, RESUMED, STOPPED, CRASHED = (
    Lifecycle.DEFINED,
    Lifecycle.UNDEFINED,
    Lifecycle.STARTED,
    Lifecycle.SUSPENDED,
    Lifecycle.RESUMED,
    Lifecycle.STOPPED,
    Lifecycle.CRASHED,
)
REPORT = "report LIFECYCLE/STOPPED_FAILED"
STARTING = Reading(instance=INSTANCE, power=Power.STARTING)
MIGRATING = Reading(instance=INSTANCE, power=Power.MIGRATING)
THERE = Identity(INSTANCE.uuid, INSTANCE.name, "qemu+tcp://b/system")


def phase(play: Play, instance: Identity = INSTANCE) -> str:
    return play.state.known(instance).phase.value


# ---- what arrives


@pytest.mark.parametrize(
    "before",
    [
        lambda play: [],
        lambda play: play.ended() + play.asked(None),
        lambda play: play.ended() + play.asked(off(ShutoffReason.FAILED)),
        lambda play: play.ended() + play.asked(off(ShutoffReason.CRASHED)),
        lambda play: play.ended() + play.asked(off(ShutoffReason.UNKNOWN)),
        lambda play: play.census(),
        lambda play: play.census() + play.census(),
        lambda play: play.census(off(ShutoffReason.FAILED)),
        lambda play: play.census(MIGRATING) + play.census(),
        lambda play: play.event(SUSPENDED, 1),
    ],
)
def test_a_migration_that_is_aborted_is_no_death_whoever_notices_first(before) -> None:  # type: ignore[no-untyped-def]
    play = Play()
    play.census()
    play.event(STARTED, 1)
    said = before(play)
    said += play.event(STOPPED, 5)
    said += play.census() + play.census()
    assert said in ([], ["ask"])


def test_a_migration_under_way_when_the_monitor_starts_may_still_be_aborted() -> None:
    play = Play()
    play.census(MIGRATING)
    assert phase(play) == "arriving"
    assert play.event(STOPPED, 5) == ["ask"], "a census alone has shown it: it may have come out of a file"
    assert play.see(Asked(INSTANCE, None, play.number, aborted=True)) == [] and play.ruling == "held"
    play = Play()
    assert play.event(STOPPED, 5) == [], "before the first look"
    assert play.census() == [] and play.census() == []


def test_a_migration_that_is_aborted_before_libvirt_was_asked_is_no_death() -> None:
    play = Play()
    assert play.see(ProcessEnded(INSTANCE, 4711, arrived=True)) == ["ask"]
    assert play.event(STOPPED, 5) == []
    assert play.asked(None) == [] and play.census() == []


def test_one_monitor_of_both_ends_keeps_them_apart() -> None:
    play = Play()
    play.census(running())
    assert play.event(STARTED, 1, THERE) == []
    assert play.census(running()) == []
    assert play.event(STOPPED, 5, THERE) == [], "it runs on where it was"
    assert (phase(play), phase(play, THERE)) == ("up", "down")
    # The next one is completed, and both ends are heard: nothing is to be recovered.
    play.event(STARTED, 1, THERE)
    play.event(RESUMED, 1, THERE)
    assert play.event(STOPPED, 3) == [] and play.event(UNDEFINED) == []
    assert play.event(STOPPED, 5, THERE) == [REPORT], "a death where it is now"


def test_who_is_recovered_at_another_libvirt_is_withdrawn() -> None:
    play = Play()
    play.event(STARTED)
    assert play.event(STOPPED, 5) == [REPORT]
    assert play.event(STARTED, 0, THERE) == ["withdraw"]
    assert phase(play) == "down"


@pytest.mark.parametrize("arrival", [(RESUMED, 1), (RESUMED, 3), (SUSPENDED, 0)])
def test_who_has_arrived_running_or_paused_or_by_post_copy_can_die(arrival: tuple[Lifecycle, int]) -> None:
    play = Play()
    play.census()
    play.event(STARTED, 1)
    assert play.event(*arrival) == []
    assert play.event(STOPPED, 5) == [REPORT]


def test_a_post_copy_that_stands_still_is_no_death() -> None:
    play = Play()
    play.event(STARTED, 1)
    assert play.event(SUSPENDED, 8) == []
    assert play.event(STOPPED, 5) == []


def test_a_pause_at_the_end_of_a_migration_makes_no_arrival_of_its_source() -> None:
    play = Play()
    play.census(running(replace(INSTANCE, run=7)))
    play.census(Reading(instance=replace(INSTANCE, run=7), power=Power.MIGRATING))
    assert phase(play) == "up"
    assert play.event(STOPPED, 5) == [REPORT]


def test_an_arrival_that_was_completed_unseen_is_reported_if_libvirt_keeps_it() -> None:
    play = Play()
    play.census()
    play.event(STARTED, 1)
    play.restart()
    assert play.census(off(ShutoffReason.CRASHED, arrived=True)) == [REPORT]
    play.restart()
    assert play.census(off(ShutoffReason.CRASHED, arrived=True)) == []


def test_an_arrival_at_a_definition_that_was_there_before_proves_nothing_the_second_time_either() -> None:
    play = Play()
    play.census(running())
    play.restart()
    play.event(STOPPED, 5)
    for _ in range(2):
        play.event(STARTED, 1)
        play.event(STOPPED, 5)
    play.event(STARTED, 1)
    play.census(MIGRATING)
    play.restart()
    assert play.census(off(ShutoffReason.CRASHED, arrived=True)) == [] and play.alarm


def test_an_arrival_of_which_nobody_can_tell_whether_it_was_completed_is_an_alarm() -> None:
    play = Play()
    play.census(off(ShutoffReason.SHUTDOWN))
    play.event(STARTED, 1)
    play.restart()
    assert play.census(off(ShutoffReason.CRASHED, arrived=True)) == []
    assert play.alarm and play.ruling == "held"
    play.wait(60)
    assert play.census(off(ShutoffReason.CRASHED, arrived=True)) == [] and not play.alarm, "told once"


@pytest.mark.parametrize(("later", "does"), [(True, []), (False, [REPORT])])
def test_an_arrival_after_the_life_that_is_remembered_may_have_been_aborted(
    later: bool, does: list[str]
) -> None:
    play = Play()
    play.census(running(OTHER))
    play.wait(5)
    play.event(STARTED, 1)
    before = play.now.wall.timestamp()
    play.wait(5)
    play.event(RESUMED, 1)
    play.wait(60)
    play.restart()
    started = play.now.wall.timestamp() - 10 if later else before
    reading = off(ShutoffReason.CRASHED, started=started, arrived=True)
    assert [word for word in play.census(reading) if word != "ask"] == does
    assert play.alarm is later


def test_an_arrival_that_failed_unseen_is_neither() -> None:
    play = Play()
    play.census()
    play.event(STARTED, 1)
    play.see(LibvirtAway(URI, "gone"))
    play.see(LibvirtBack(URI))
    assert play.census() == [] and play.census() == []
    assert not any(verdict.alarm for verdict in play.told if verdict.subject.startswith("vm:"))


# ---- what starts


def test_a_start_that_fails_is_no_death() -> None:
    play = Play()
    for event in ((STARTED, 0), (STOPPED, 1), (UNDEFINED, 0), (DEFINED, 0)):
        play.event(*event)
    assert play.census(STARTING) == []
    assert play.ended() == [] and play.asked(off(ShutoffReason.FAILED)) == []
    play = Play()
    play.census()
    play.event(DEFINED)
    assert play.census(STARTING) == [] and play.event(STOPPED, 5) == []
    assert play.census(off(ShutoffReason.FAILED)) == []


def test_a_start_that_fails_is_no_death_of_a_life_that_was_over_before() -> None:
    play = Play()
    play.census(running())
    play.restart()
    assert play.census() == ["ask"] and play.event(DEFINED) == []
    assert play.event(STOPPED, 5) == []
    assert play.census(off(ShutoffReason.FAILED, last_words="destroyed")) == [] and phase(play) == "down"
    play = Play()
    play.census(running())
    play.restart()
    assert play.census(STARTING) == [] and play.event(STOPPED, 5) == []
    assert play.census(off(ShutoffReason.FAILED, last_words="crashed")) == [REPORT], "that life has died"


@pytest.mark.parametrize(
    ("reading", "said"),
    [
        (off(ShutoffReason.CRASHED, last_words="crashed"), [REPORT]),
        (off(ShutoffReason.FAILED, last_words="crashed"), [REPORT]),
        (off(ShutoffReason.FAILED, last_words="destroyed"), []),
        (off(ShutoffReason.FAILED, last_words="migrated", arrived=True), []),
    ],
)
def test_what_ends_before_libvirt_was_asked_may_be_a_start_that_fails(
    reading: Reading, said: list[str]
) -> None:
    """It may have been stopped, or have moved away, while the monitor was away; or it lived until now."""
    play = Play()
    play.census(running())
    play.restart()
    assert play.event(STOPPED, 5) == ["ask"]
    assert play.asked(reading) == said


def test_an_instance_whose_restarts_fail_is_one_report() -> None:
    play = Play()
    play.event(STARTED)
    assert play.event(STOPPED, 5) == [REPORT]
    for _ in range(4):
        play.wait(120)
        assert play.census(STARTING) == [], "it is not back yet, so nothing is withdrawn"
        started = play.now.wall.timestamp() - 10
        assert play.census(off(ShutoffReason.FAILED, started=started)) == []
        assert play.event(STOPPED, 5) == []
        play.restart()


def test_a_crash_that_a_failed_restart_hides_is_told_by_the_log() -> None:
    play = Play()
    play.census(running())
    play.restart()
    assert play.census(off(ShutoffReason.FAILED, last_words="crashed")) == [REPORT]
    play = Play()
    play.census(running())
    play.restart()
    assert play.census(off(ShutoffReason.FAILED, last_words="destroyed")) == [] and play.ruling == "planned"


# ---- what ends a report


@pytest.mark.parametrize(
    "end",
    [
        lambda play: play.event(UNDEFINED) + play.census() + play.census(),
        lambda play: play.census() + play.census(),
        lambda play: play.census(off(ShutoffReason.DESTROYED)),
        lambda play: play.event(STARTED, 1),
        lambda play: play.census(running()),
        lambda play: play.census(Reading(instance=INSTANCE, power=Power.PAUSED)),
        lambda play: play.reboot()[:1],
    ],
)
def test_what_ends_an_outage_withdraws_what_was_not_delivered(end) -> None:  # type: ignore[no-untyped-def]
    for restarted in (False, True):
        play = Play()
        play.census(running())
        assert play.event(STOPPED, 5) == [REPORT]
        if restarted:
            play.restart()
        assert end(play) == ["withdraw"]
        assert end(play) == [] or phase(play) == "up", "once"


def test_a_panicked_guest_that_an_operator_switches_off_is_not_started() -> None:
    play = Play()
    play.event(STARTED)
    assert play.event(CRASHED, 0) == [REPORT]
    assert play.event(STOPPED, 1) == ["withdraw", "report LIFECYCLE/STOPPED_DESTROYED"]


def test_reports_of_the_last_life_wait_for_a_second_look_at_who_is_missing() -> None:
    play = Play()
    play.event(STARTED)
    play.event(STOPPED, 5)
    play.restart()
    play.adopts_report_of()
    assert play.waits_for == f"libvirt {URI} has not been read yet"
    play.census()
    assert len(play.unconfirmed) == 1
    assert play.census() == ["withdraw"]
    assert play.dropped == [f"vm:{INSTANCE.uuid}"]


def test_an_answer_removes_nothing() -> None:
    play = Play()
    play.event(STARTED)
    play.ended()
    assert play.asked(None) == [] and phase(play) == "up"
    assert play.event(STOPPED, 5) == [REPORT]


def test_one_that_cannot_be_read_is_not_missing() -> None:
    play = Play()
    play.census(running(), running(OTHER))
    for _ in range(3):
        play.census(Reading(instance=INSTANCE, power=Power.UNKNOWN), running(OTHER))
    assert phase(play) == "up"
    play.census(running(OTHER))
    play.census(Reading(instance=INSTANCE, power=Power.UNKNOWN), running(OTHER))
    play.census(running(OTHER))
    assert phase(play) == "up", "two in a row are missing"
    assert play.event(STOPPED, 5) == [REPORT]


# ---- what was stopped on purpose, and what cannot be read


@pytest.mark.parametrize("process", [Process.GONE, Process.UNSEEN])
def test_a_log_that_cannot_be_read_is_an_alarm_and_no_accusation(process: Process) -> None:
    play = Play()
    play.census(running())
    play.restart()
    unread = off(ShutoffReason.UNKNOWN, process, log_read=False)
    for _ in range(2):
        assert play.census(unread) == []
        assert play.alarm and "cannot be read" in play.verdicts[-1].why
        assert play.census(unread) == [] and not play.verdicts, "told once"
        assert next(iter(describe(play.state)))[1:] == ("unsure", "instance-1", True)
        play.restart()
    # As soon as it can be read it tells.
    assert play.census(off(ShutoffReason.UNKNOWN, process, "destroyed")) == [] and play.ruling == "planned"


def test_a_log_that_can_be_read_later_tells_of_the_death_then() -> None:
    play = Play()
    play.census(running())
    play.restart()
    play.census(off(ShutoffReason.UNKNOWN, log_read=False))
    assert play.event(STOPPED, 5) == [], "a start of it that failed"
    assert play.census(off(ShutoffReason.UNKNOWN, last_words="crashed")) == [REPORT]


def test_a_log_that_was_cut_off_says_nothing() -> None:
    play = Play()
    play.census(running())
    play.restart()
    assert play.census(off(ShutoffReason.UNKNOWN, started=0.0)) == [] and play.alarm


@pytest.mark.parametrize("words", ["crashed", "daemon", ""])
def test_a_restart_of_the_host_outranks_the_last_line_of_a_log(words: str) -> None:
    play = Play(boot_id="boot-1")
    play.census(running())
    play.restart("boot-2")
    assert play.census(off(ShutoffReason.UNKNOWN, last_words=words)) == [] and play.alarm
    play.restart("boot-2")
    assert play.census(off(ShutoffReason.UNKNOWN, last_words=words)) == []
    play.event(STARTED)
    assert play.event(STOPPED, 5) == [REPORT], "its next life is judged as any"


def test_a_life_after_a_restart_of_the_host_is_judged_by_libvirt() -> None:
    play = Play(boot_id="boot-1")
    play.census(running())
    play.restart("boot-2")
    assert play.census(off(ShutoffReason.CRASHED)) == [REPORT]


def test_off_with_a_living_qemu_is_an_alarm() -> None:
    for known in (running(), off(ShutoffReason.SHUTDOWN)):
        play = Play()
        play.census(known)
        assert play.census(off(ShutoffReason.UNKNOWN, Process.ALIVE)) == []
        assert play.alarm and "second copy" in play.verdicts[-1].why
        assert play.census(off(ShutoffReason.UNKNOWN, Process.ALIVE)) == [] and not play.alarm, "told once"
    play = Play()
    play.event(STARTED)
    assert play.event(STOPPED, 5) == [REPORT]
    assert play.census(off(ShutoffReason.UNKNOWN, Process.ALIVE)) == ["withdraw"] and play.alarm


# ---- lives that nobody saw


@pytest.mark.parametrize(
    ("reading", "does", "alarm"),
    [
        (off(ShutoffReason.CRASHED), [REPORT], False),
        (off(ShutoffReason.UNKNOWN, last_words="crashed"), [REPORT], False),
        # Its start may have been cut off by a restart of libvirtd.
        (off(ShutoffReason.DAEMON), [], True),
        (off(ShutoffReason.UNKNOWN, last_words="daemon"), [], True),
        (off(ShutoffReason.UNKNOWN), [], True),
        (off(ShutoffReason.DESTROYED), [], False),
        (off(ShutoffReason.UNKNOWN, last_words="shutdown"), [], False),
        (off(ShutoffReason.FAILED), [], False),
        (off(ShutoffReason.CRASHED, arrived=True), [], True),
        (off(ShutoffReason.CRASHED, log_read=False), [], True),
    ],
)
def test_who_lived_and_died_while_the_monitor_was_away(
    reading: Reading, does: list[str], alarm: bool
) -> None:
    play = Play()
    play.census(running(OTHER))
    play.wait(600)
    play.restart()
    reading = replace(reading, started=play.now.wall.timestamp() - 60 if reading.log_read else 0.0)
    assert [word for word in play.census(running(OTHER), reading) if word != "withdraw"] == does
    assert play.alarm is alarm
    assert play.census(running(OTHER), reading) == [] and not play.verdicts
    play.restart()
    assert play.census(running(OTHER), reading) == []


CUT_OFF = [
    off(ShutoffReason.DAEMON, last_words="daemon"),
    off(ShutoffReason.UNKNOWN, last_words="daemon"),
    off(ShutoffReason.FAILED, last_words="daemon"),
    off(ShutoffReason.UNKNOWN),
]


@pytest.mark.parametrize("cut_off", CUT_OFF)
@pytest.mark.parametrize("away", ["monitor", "libvirt"])
@pytest.mark.parametrize("before", ["up", "arriving", "off", "reported"])
def test_a_start_that_was_cut_off_by_a_restart_of_libvirtd_is_no_death(
    before: str, away: str, cut_off: Reading
) -> None:
    """Its guest never ran. libvirtd ends what it finds half started, in words as for what it has lost."""
    play = Play()
    play.census(off(ShutoffReason.SHUTDOWN) if before == "off" else running(OTHER))
    if before != "off":
        play.event(STARTED, Started.MIGRATED if before == "arriving" else Started.BOOTED)
    if before == "reported":
        assert play.event(STOPPED, 5) == [REPORT]
    play.wait(60)
    if away == "monitor":
        play.restart()
    else:
        play.see(LibvirtAway(URI, "gone"))
    began = play.wait(60).now.wall.timestamp()
    if away == "libvirt":
        play.see(LibvirtBack(URI))
    reading = replace(cut_off, started=began)
    assert REPORT not in play.wait(5).census(reading) and play.alarm
    assert play.census(reading) == [] and not play.verdicts, "told once"


@pytest.mark.parametrize("log_read", [True, False])
def test_nor_where_its_log_does_not_tell_when_that_began(log_read: bool) -> None:
    """It cannot be read, or was rotated."""
    play = Play()
    play.event(STARTED)
    play.see(LibvirtAway(URI, "gone"))
    play.wait(60).see(LibvirtBack(URI))
    words = "daemon" if log_read else ""
    assert play.census(off(ShutoffReason.DAEMON, last_words=words, started=0.0, log_read=log_read)) == []
    assert play.alarm


@pytest.mark.parametrize("cut_off", CUT_OFF)
@pytest.mark.parametrize("again", [False, True])
def test_nor_where_a_look_has_shown_how_that_began(again: bool, cut_off: Reading) -> None:
    """`again`: and then the monitor was restarted."""
    first, later = replace(INSTANCE, run=2), replace(INSTANCE, run=3)
    play = Play()
    play.event(STARTED, 0, first)
    play.see(LibvirtAway(URI, "gone"))
    began = play.wait(60).now.wall.timestamp()
    play.wait(3).see(LibvirtBack(URI))
    play.census(Reading(instance=later, power=Power.STARTING))
    if again:
        play.restart()
    else:
        play.see(LibvirtAway(URI, "gone"))
        play.see(LibvirtBack(URI))
    assert play.wait(5).census(replace(cut_off, started=began)) == [] and play.alarm


@pytest.mark.parametrize("reading", CUT_OFF[:2] + CUT_OFF[3:])
def test_but_the_life_that_was_seen_up_is_one(reading: Reading) -> None:
    play = Play()
    began = play.now.wall.timestamp()
    play.wait(2).event(STARTED)
    play.see(LibvirtAway(URI, "gone"))
    play.wait(60).see(LibvirtBack(URI))
    assert play.census(replace(reading, started=began)) == [REPORT]


def test_who_died_before_the_first_look_of_all_is_history() -> None:
    play = Play()
    old = off(ShutoffReason.CRASHED, started=play.now.wall.timestamp() - 60)
    assert play.census(old) == [] and play.alarm
    play.wait(60)
    play.restart()
    assert play.census(old) == [] and not play.alarm, "it was off already"


def test_a_life_that_was_seen_to_end_is_not_taken_for_an_unseen_one_later() -> None:
    play = Play()
    play.census(running(OTHER))
    play.wait(60)
    started = play.now.wall.timestamp()
    play.event(STARTED)
    play.wait(60)
    assert play.event(STOPPED, 5) == [REPORT]
    play.event(UNDEFINED)
    play.event(DEFINED)
    play.wait(60)
    play.restart()
    gone = off(ShutoffReason.UNKNOWN, last_words="crashed", started=started)
    assert play.census(running(OTHER), gone) == [] and not play.alarm


# ---- a running instance without a definition


def snapshot_while_libvirtd_is_away(play: Play) -> None:
    play.census(running())
    assert play.event(UNDEFINED) == []
    play.see(LibvirtAway(URI, "gone"))


@pytest.mark.parametrize("restarted", [False, True])
def test_qemu_killed_in_a_live_snapshot_while_libvirtd_is_away_is_a_death(restarted: bool) -> None:
    play = Play()
    snapshot_while_libvirtd_is_away(play)
    assert play.ended() == ["ask"]
    if restarted:
        play.restart()
    play.see(LibvirtBack(URI))
    assert play.census() == (["ask"] if restarted else []), "the last life may not have heard the answer"
    assert play.census() == [REPORT]
    play.settled(ReportStatus.DELIVERED, play.now.wall)
    for _ in range(5):
        play.wait(60)
        assert play.census() == [], "it vanished by dying, so its report stands"
    assert phase(play) == "failed"
    play.wait(86400)
    assert play.census() == ["withdraw"], "nobody offers it any more"


def test_for_how_long_a_later_death_is_kept_counts_from_when_that_one_vanished() -> None:
    play = Play()
    play.census(running(persistent=False))
    for hours in (23, 2):
        assert play.event(STOPPED, 5) == [REPORT]
        play.settled(ReportStatus.DELIVERED, play.now.wall)
        assert play.census() + play.census() == []
        play.wait(3600 * hours)
        if hours == 23:
            assert play.event(STARTED) == ["withdraw"]
    play.restart()
    assert play.census() + play.census() == [] and phase(play) == "failed"


@pytest.mark.parametrize("away_first", [False, True])
@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize(
    ("words", "does"), [("", [REPORT]), ("crashed", [REPORT]), ("destroyed", []), ("shutdown", [])]
)
def test_qemu_that_dies_beside_its_libvirtd_in_a_live_snapshot_is_judged_by_the_log(
    words: str, does: list[str], restarted: bool, away_first: bool
) -> None:
    play = Play()
    play.census(running())
    play.event(UNDEFINED)
    assert play.ended() == ["ask"], "before libvirtd was known to be away"
    lines: list[Observation] = [
        LibvirtAway(URI, "gone"),
        Asked(INSTANCE, None, play.number, off(ShutoffReason.UNKNOWN, last_words=words)),
    ]
    for line in lines if away_first else reversed(lines):
        assert play.see(line) == []
    if restarted:
        play.restart()
    play.see(LibvirtBack(URI))
    assert play.census() in ([], ["ask"])
    assert play.census() == does
    assert play.alarm is (not does)


def test_an_answer_from_the_disk_is_not_taken_for_a_later_life() -> None:
    traces = off(ShutoffReason.UNKNOWN)
    play = Play()
    play.census(running())
    play.event(UNDEFINED)
    play.ended()
    before = play.number
    play.event(STARTED)
    play.see(Asked(INSTANCE, None, before, traces))
    play.see(LibvirtAway(URI, "gone"))
    play.see(LibvirtBack(URI))
    play.census()
    assert play.census() == []
    play = Play()
    play.census(running())
    play.ended()
    play.event(STOPPED, 1)
    assert play.see(Asked(INSTANCE, None, play.number, traces)) == [] and phase(play) == "down"


def test_without_a_second_eye_and_a_log_it_is_an_alarm() -> None:
    play = Play()
    snapshot_while_libvirtd_is_away(play)
    play.see(LibvirtBack(URI))
    assert play.census() == ["ask"], "and there is no answer"
    assert play.census() == [] and play.alarm
    assert play.census() == [] and not play.verdicts and phase(play) == "unsure", "the alarm stands"


def test_one_that_is_defined_again_and_then_deleted_is_no_death() -> None:
    play = Play()
    play.census(running())
    play.event(UNDEFINED)
    play.event(DEFINED)
    play.see(LibvirtAway(URI, "gone"))
    play.ended()
    play.see(LibvirtBack(URI))
    assert play.census() == [] and play.census() == [] and play.ruling == "planned"


# ---- I/O errors


def io_error(play: Play, action: int = 2) -> list[str]:
    play.number += 1
    return play.see(IoFailed(INSTANCE, play.number, action, "vda"))


IO_REPORT = "report IO_ERROR/IO_ERROR_REPORT"


@pytest.mark.parametrize(
    "end",
    [
        lambda play: play.event(STARTED),
        lambda play: play.event(RESUMED),
        lambda play: play.reboot(),
        lambda play: play.event(STOPPED, 0),
        lambda play: play.event(STOPPED, 3),
        lambda play: play.event(STOPPED, 5),
        lambda play: play.census() + play.census(),
        lambda play: play.census(running(replace(INSTANCE, run=9))),
    ],
)
def test_the_report_of_an_io_error_ends_with_the_error(end) -> None:  # type: ignore[no-untyped-def]
    play = Play()
    play.census(running(replace(INSTANCE, run=7)))
    assert io_error(play) == [IO_REPORT]
    assert end(play)[0] == "withdraw words"
    assert play.alarms == {}


def test_errors_one_after_another_are_one_report_until_they_cease() -> None:
    play = Play()
    play.event(STARTED)
    assert [said for _ in range(600) for said in io_error(play) if play.wait(1)] == [IO_REPORT]
    play.wait(QUIET - 2)
    assert play.state.known(INSTANCE).stories.failing
    play.wait(2)
    assert play.ruling == "recovered" and not play.state.known(INSTANCE).stories.failing
    assert io_error(play) == [IO_REPORT]


@pytest.mark.parametrize(("age", "quiet"), [(QUIET + 1, QUIET), (10.0, QUIET - 10)])
def test_an_io_error_from_before_a_restart_is_over_when_there_is_no_other_one(
    age: float, quiet: float
) -> None:
    play = Play()
    play.census(running())
    io_error(play)
    play.wait(0.1)
    play.restart()
    play.seconds += age
    assert play.census(running()) == []
    play.wait(quiet - 1)
    assert play.state.known(INSTANCE).stories.failing
    play.wait(1)
    assert play.ruling == "recovered" and not play.state.known(INSTANCE).stories.failing


# ---- what is no longer configured


def test_what_was_seen_at_a_uri_that_is_no_longer_configured_is_forgotten_with_a_word() -> None:
    old = "qemu+tcp://old/system"
    dead, alive = replace(INSTANCE, uri=old), replace(OTHER, uri=old)
    play = Play()
    play.see(Census(old, (running(dead), running(alive)), 0))
    assert play.event(STOPPED, 5, dead) == [REPORT]
    play.restart(uris=[URI])
    assert play.census() == ["withdraw"]
    assert sorted(verdict.ruling.value for verdict in play.verdicts) == ["planned", "withdrawn"]
    assert all(old in verdict.why for verdict in play.verdicts)
    assert play.memory.keys() == {"host"}
    assert list(describe(play.state)) == []
