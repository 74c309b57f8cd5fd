"""Dialogues about an arrival whose end nobody heard, after which a start failed: the log tells the two apart."""

from dataclasses import replace

import pytest

from masakarimonitors.instancemonitor.core.observation import (
    Failed,
    LibvirtAway,
    LibvirtBack,
    Power,
    Reading,
)
from masakarimonitors.libvirt.domain_state import Lifecycle, ShutoffReason
from tests.fixtures.instance_play import INSTANCE, URI, Play, off

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
