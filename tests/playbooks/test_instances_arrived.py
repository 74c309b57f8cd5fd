"""Dialogues about an arrival whose end nobody heard, after which a start failed: the log tells the two apart."""

from dataclasses import replace

import pytest

from masakarimonitors.instancemonitor.core.observation import (
    Asked,
    Failed,
    LibvirtAway,
    LibvirtBack,
    Power,
    Reading,
)
from masakarimonitors.libvirt.domain_state import Lifecycle, ShutoffReason, Started, Stopped, Suspended
from tests.fixtures.instance_play import INSTANCE, URI, Play, off, running

STARTED, STOPPED = Lifecycle.STARTED, Lifecycle.STOPPED
REPORT = "report LIFECYCLE/STOPPED_FAILED"


def arrived_unheard() -> Play:
    """It was heard to arrive; how that ended was not, since libvirtd was away."""
    play = Play()
    play.census()
    play.event(STARTED, 1)
    play.see(LibvirtAway(URI, "gone"))
    play.wait(60)
    return play


def a_start_failed(play: Play, *, ago: float = 60.0, failed: Failed = Failed.START) -> Reading:
    """`ago`: when what the log tells of last had come in and died, unless it says otherwise (seconds)."""
    began = play.now.wall.timestamp() - ago
    reading = off(ShutoffReason.FAILED, last_words="crashed", started=began, arrived=True)
    return replace(reading, failed=failed)


def test_one_that_arrived_and_died_unheard_is_reported_though_a_start_of_it_failed_since() -> None:
    play = arrived_unheard()
    play.see(LibvirtBack(URI))
    assert play.census(a_start_failed(play)) == [REPORT]
    assert play.census(a_start_failed(play)) == [], "one life is one report"


def test_so_it_is_when_the_end_of_that_start_is_heard() -> None:
    play = arrived_unheard()
    assert play.event(STOPPED, 5) == ["ask"]
    assert play.asked(a_start_failed(play)) == [REPORT]


def test_so_it_is_when_that_start_is_seen_before_it_fails() -> None:
    play = arrived_unheard()
    play.see(LibvirtBack(URI))
    play.census(Reading(instance=INSTANCE, power=Power.STARTING))
    assert play.event(STOPPED, 5) == []
    assert play.census(a_start_failed(play)) == [REPORT]


def test_a_later_migration_that_may_have_been_aborted_is_no_proof_and_an_alarm() -> None:
    play = arrived_unheard()
    play.see(LibvirtBack(URI))
    assert play.census(a_start_failed(play, ago=30)) == [] and play.alarm


@pytest.mark.parametrize("restarts", [False, True])
def test_one_whose_log_does_not_tell_either_is_an_alarm(restarts: bool) -> None:
    play = arrived_unheard()
    if restarts:
        play.restart()
    play.see(LibvirtBack(URI))
    assert play.census(off(ShutoffReason.FAILED, log_read=False)) == [] and play.alarm


def test_a_migration_that_failed_after_its_last_life_is_no_death() -> None:
    play = arrived_unheard()
    play.see(LibvirtBack(URI))
    reading = a_start_failed(play, ago=86400, failed=Failed.ARRIVAL)
    assert play.census(reading) == [] and play.ruling == "held" and not play.alarm


CRASHED_AFTER_ITS_ARRIVAL = {
    "by libvirt": off(ShutoffReason.CRASHED, arrived=True),
    "by libvirt, without a log": off(ShutoffReason.CRASHED, log_read=False),
    "lost by a new libvirtd": off(ShutoffReason.DAEMON, arrived=True),
    "by its log": off(ShutoffReason.UNKNOWN, last_words="crashed", arrived=True),
    "by a log without an end": off(ShutoffReason.UNKNOWN, arrived=True),
}


@pytest.mark.parametrize("looks", [0, 1, 3], ids=["ended", "began anew in the midst", "three times"])
@pytest.mark.parametrize("event", [True, False], ids=["heard", "read"])
@pytest.mark.parametrize("reading", CRASHED_AFTER_ITS_ARRIVAL.values(), ids=CRASHED_AFTER_ITS_ARRIVAL)
def test_one_that_arrives_and_dies_while_the_monitor_is_away_is_reported_once(
    reading: Reading, *, event: bool, looks: int
) -> None:
    arriving = Reading(instance=INSTANCE, power=Power.MIGRATING, persistent=False)
    play = Play()
    play.census()
    began = play.now.wall.timestamp() - 0.01
    _ = play.event(STARTED, 1) if event else play.census(arriving)
    for _ in range(looks):
        play.restart()
        assert play.census(arriving) == []
    play.wait(60)
    play.restart()
    reading = replace(reading, started=began if reading.log_read else 0.0)
    assert play.census(reading) == [REPORT]
    play.restart()
    assert play.census(reading) == [], "one life is one report"


def test_of_one_that_was_arriving_at_the_very_first_look_nobody_can_tell_and_an_alarm_says_so() -> None:
    """It may have been defined here before, and then its definition proves nothing."""
    play = Play()
    play.census(Reading(instance=INSTANCE, power=Power.MIGRATING, persistent=False))
    play.restart()
    assert play.census(off(ShutoffReason.CRASHED, arrived=True)) == [] and play.alarm


SHOWN = Reading(
    instance=replace(INSTANCE, run=7), power=Power.MIGRATING, persistent=True, halt=Suspended.MIGRATED
)
"""It has a definition, and libvirt says of it what it says of one that came out of a file and is kept paused."""
NOWHERE_ELSE = "ran nowhere else, cannot be told"


def shown_first_by_a_census(how: str, held: Reading = SHOWN) -> Play:
    """It was up in another life; while nobody listened that ended, and what is shown now began."""
    play = Play()
    play.census(running(replace(INSTANCE, run=5), persistent=True))
    play.see(LibvirtAway(URI, "gone"))
    if how == "restarted":
        play.restart(uris=[URI])
    play.wait(60)
    play.see(LibvirtBack(URI))
    for _ in range(2):
        assert play.census(held) == [] and not play.alarm
    return play


@pytest.mark.parametrize("how", ["restarted", "away"])
@pytest.mark.parametrize("detail", [Stopped.FAILED, Stopped.CRASHED])
@pytest.mark.parametrize(
    "end", [off(ShutoffReason.CRASHED, arrived=True), off(ShutoffReason.CRASHED, log_read=False)]
)
def test_one_that_was_kept_paused_out_of_a_file_or_was_arriving_is_an_alarm_when_its_end_is_heard(
    how: str, detail: Stopped, end: Reading
) -> None:
    play = shown_first_by_a_census(how)
    assert play.event(STOPPED, detail, SHOWN.instance) == ["ask"]
    assert play.asked(end) == [] and play.alarm and NOWHERE_ELSE in play.verdicts[-1].why


@pytest.mark.parametrize("how", ["restarted", "away"])
@pytest.mark.parametrize("reason", [ShutoffReason.CRASHED, ShutoffReason.DAEMON, ShutoffReason.FAILED])
@pytest.mark.parametrize("restarted", [False, True])
def test_so_it_is_when_its_end_is_read(how: str, reason: ShutoffReason, restarted: bool) -> None:
    play = shown_first_by_a_census(how)
    play.see(LibvirtAway(URI, "gone"))
    if restarted:
        play.restart(uris=[URI])
    play.see(LibvirtBack(URI))
    ended = off(reason, arrived=True, started=play.now.wall.timestamp())
    end = replace(ended, failed=Failed.ARRIVAL)
    assert play.census(end) == [] and play.alarm and NOWHERE_ELSE in play.verdicts[-1].why


def test_so_it_is_when_it_has_vanished() -> None:
    play = shown_first_by_a_census("away")
    assert play.event(STOPPED, Stopped.FAILED, SHOWN.instance) == ["ask"]
    play.see(Asked(INSTANCE, None, play.number))
    assert play.census() + play.census() == [] and play.alarm


@pytest.mark.parametrize("how", ["restarted", "away"])
def test_an_aborted_migration_onto_a_left_over_definition_is_no_death_and_no_alarm(how: str) -> None:
    play = shown_first_by_a_census(how)
    assert play.event(STOPPED, Stopped.FAILED, SHOWN.instance) == ["ask"]
    end = replace(off(ShutoffReason.FAILED, arrived=True), failed=Failed.ARRIVAL)
    assert play.asked(end) == [] and play.ruling == "held" and not play.alarm


@pytest.mark.parametrize("told", [Stopped.DESTROYED, Stopped.SHUTDOWN, Stopped.SAVED])
def test_nor_is_it_one_when_somebody_ends_it(told: Stopped) -> None:
    play = shown_first_by_a_census("away")
    assert REPORT not in play.event(STOPPED, told, SHOWN.instance) and not play.alarm


@pytest.mark.parametrize("how", ["restarted", "away"])
def test_once_it_runs_its_death_is_one(how: str) -> None:
    play = shown_first_by_a_census(how)
    play.event(Lifecycle.RESUMED, 0, SHOWN.instance)
    assert play.event(STOPPED, Stopped.FAILED, SHOWN.instance) == [REPORT]


@pytest.mark.parametrize("how", ["restarted", "away"])
@pytest.mark.parametrize("aborted", [True, False])
@pytest.mark.parametrize("mute", [True, False])
def test_one_without_a_definition_was_an_arrival_that_is_aborted_if_its_log_says_so(
    mute: bool, aborted: bool, how: str
) -> None:
    """Else it may have come out of a file, and have been kept paused until its QEMU ended."""
    play = shown_first_by_a_census(how, replace(SHOWN, persistent=False))
    assert play.event(STOPPED, Stopped.FAILED, SHOWN.instance) == ["ask"]
    play.see(Asked(INSTANCE, None, play.number, mute=mute, aborted=aborted))
    assert (play.ruling == "held") is aborted and not play.alarm
    told = len(play.told)
    assert play.census() + play.census() == []
    assert any(verdict.alarm for verdict in play.told[told:]) is not aborted


def test_a_log_that_tells_of_an_arrival_that_failed_says_nothing_of_one_that_was_up() -> None:
    play = Play()
    play.census(running(SHOWN.instance, persistent=False))
    play.see(LibvirtAway(URI, "gone"))
    play.see(LibvirtBack(URI))
    assert play.event(STOPPED, Stopped.FAILED, SHOWN.instance) == ["ask"]
    play.see(Asked(INSTANCE, None, play.number, aborted=True))
    assert play.ruling != "held" and play.state.known(INSTANCE).phase.value == "up"


def test_an_arrival_of_which_events_have_told_is_none_out_of_a_file_whatever_is_defined_here() -> None:
    play = Play()
    play.census(off(ShutoffReason.SHUTDOWN))
    play.event(STARTED, Started.MIGRATED, SHOWN.instance)
    play.census(SHOWN)
    assert play.event(STOPPED, Stopped.FAILED, SHOWN.instance) == []
    assert play.ruling == "held" and not play.alarm


def test_that_its_definition_is_removed_does_not_tell_whether_it_has_arrived_unheard() -> None:
    play = Play()
    play.census()
    play.event(STARTED, Started.MIGRATED)
    play.see(LibvirtAway(URI, "gone"))
    play.event(Lifecycle.UNDEFINED)
    assert play.event(STOPPED, Stopped.FAILED) == ["ask"]
    play.asked(None)
    play.see(LibvirtBack(URI))
    play.census()
    assert REPORT not in play.census() and play.alarm


def test_one_that_had_a_definition_when_a_census_alone_showed_it_may_have_been_aborted() -> None:
    """It was given that while nobody heard: that it is listed when it is off does not prove that it had come up."""
    play = Play()
    play.census()
    play.see(LibvirtAway(URI, "gone"))
    play.see(LibvirtBack(URI))
    play.census(replace(SHOWN, persistent=True))
    play.see(LibvirtAway(URI, "gone"))
    play.see(LibvirtBack(URI))
    assert REPORT not in play.census(off(ShutoffReason.CRASHED, arrived=True)) and play.alarm


def test_one_without_a_definition_that_ends_and_is_listed_for_a_moment_is_an_alarm() -> None:
    play = shown_first_by_a_census("away", replace(SHOWN, persistent=False))
    assert play.event(STOPPED, Stopped.FAILED, SHOWN.instance) == ["ask"]
    assert play.asked(off(ShutoffReason.CRASHED)) == [] and play.alarm
