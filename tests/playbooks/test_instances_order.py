"""Dialogues with a libvirt whose answers are told late: what is older than what is known says nothing."""

from dataclasses import replace

import pytest

from masakarimonitors.instancemonitor.core.observation import (
    Asked,
    Census,
    ControlFailed,
    IoFailed,
    IoFailedWithReason,
    Power,
    Process,
    Reading,
    WatchdogFired,
)
from masakarimonitors.libvirt.domain_state import Lifecycle, ShutoffReason
from tests.fixtures.instance_play import INSTANCE, OTHER, URI, Play, off, running

STARTED, STOPPED, UNDEFINED, CRASHED = (
    Lifecycle.STARTED,
    Lifecycle.STOPPED,
    Lifecycle.UNDEFINED,
    Lifecycle.CRASHED,
)
ELSEWHERE = "qemu+tcp://b/system"
THERE = replace(INSTANCE, uri=ELSEWHERE)
REPORT = "report LIFECYCLE/STOPPED_FAILED"
DIED = off(ShutoffReason.CRASHED, last_words="crashed")


def phase(play: Play) -> str:
    """Where it stands here, or nothing if it is not known here."""
    instance = play.state.instances.get((URI, INSTANCE.uuid))
    return instance.phase.value if instance else ""


def moved_away() -> Play:
    """It ran here, was migrated away, and two censuses did not list it, so it is forgotten."""
    play = Play()
    play.event(STARTED)
    play.event(STOPPED, 3)
    play.event(UNDEFINED)
    play.census()
    play.census()
    assert phase(play) == ""
    return play


def test_an_older_census_does_not_bring_back_one_that_has_left_and_died_at_another_libvirt() -> None:
    play = Play()
    play.event(STARTED)
    older = Census(URI, (running(),), play.number)
    play.event(STARTED, 1, THERE)
    play.event(Lifecycle.RESUMED, 1, THERE)
    play.event(STOPPED, 3)
    play.event(UNDEFINED)
    play.census()
    play.census()
    assert play.event(CRASHED, 0, THERE) == [REPORT]
    assert play.see(older) == [], "it had begun before the instance left"
    panicked = Reading(instance=THERE, power=Power.PANICKED)
    assert play.see(Census(ELSEWHERE, (panicked,), play.number)) == [], "one life is one report"


@pytest.mark.parametrize("reading", [running(), DIED, Reading(instance=INSTANCE, power=Power.UNKNOWN)])
def test_nothing_that_is_older_brings_back_one_that_is_forgotten(reading: Reading) -> None:
    play = moved_away()
    assert play.census(reading, after=1) == [] and phase(play) == ""
    assert play.see(Asked(INSTANCE, reading, 1)) == [] and phase(play) == ""
    assert not play.alarm
    play.census(running())
    assert phase(play) == "up", "a census that began since is believed"


def test_an_older_census_is_no_second_one_that_misses_an_instance() -> None:
    play = Play()
    play.census(running())
    play.event(STARTED, 0, OTHER)
    play.census(running(OTHER))
    play.census(running(OTHER), after=0)
    assert phase(play) == "up", "one census may have been made while it moved"
    play.census(running(OTHER))
    assert phase(play) == ""


def test_an_older_answer_does_not_undo_what_a_later_census_has_read() -> None:
    play = Play()
    play.census(running())
    play.event(STARTED, 0, OTHER)
    assert play.census(DIED, running(OTHER)) == [REPORT], "nobody heard of its end"
    assert play.see(Asked(INSTANCE, running(), 0)) == []
    assert phase(play) == "failed"


def test_nor_is_a_census_that_had_begun_before_the_answer_believed() -> None:
    play = Play()
    play.census(running())
    play.event(STARTED, 0, OTHER)
    assert play.asked(DIED) == [REPORT]
    assert play.census(running(), running(OTHER), after=0) == []
    assert play.census(running(OTHER), after=0) == []
    assert phase(play) == "failed"


def test_the_disk_tells_of_one_that_a_later_census_no_longer_lists_and_not_of_one_that_runs() -> None:
    for reading, ended in ((None, True), (running(), False)):
        play = Play()
        play.event(STARTED)
        play.event(UNDEFINED)
        play.event(STARTED, 0, OTHER)
        play.census(running(OTHER), *([reading] if reading else []))
        play.see(Asked(INSTANCE, None, play.number - 1, replace(DIED, process=Process.GONE)))
        assert play.state.known(INSTANCE).ending.has_ended is ended


def test_what_waits_for_the_other_libvirts_is_over_when_a_later_census_does_not_list_it() -> None:
    play = Play()
    play.census(running(OTHER))
    play.wait(60)
    play.restart(uris=[URI, ELSEWHERE])
    lived = off(ShutoffReason.CRASHED, started=play.now.wall.timestamp() - 30)
    assert play.census(lived, running(OTHER)) == [], "it may run elsewhere"
    play.event(UNDEFINED)
    for _ in range(3):
        play.census(running(OTHER))
    assert play.see(Census(ELSEWHERE, (), play.number)) == [], "it was deleted meanwhile"
    assert play.reports == [] and phase(play) == ""


def test_an_older_answer_does_not_replace_what_waits() -> None:
    play = Play()
    play.census(running(), running(OTHER))
    play.wait(60)
    play.restart(uris=[URI, ELSEWHERE])
    play.event(Lifecycle.RESUMED, 0, OTHER)
    assert play.census(DIED, running(OTHER)) == []
    play.see(Asked(INSTANCE, running(), 0))
    assert play.see(Census(ELSEWHERE, (), play.number)) == [REPORT]


Word = ControlFailed | WatchdogFired | IoFailed | IoFailedWithReason
WORDS = pytest.mark.parametrize(
    "word",
    [
        ControlFailed(INSTANCE, 7),
        WatchdogFired(INSTANCE, 7, 0),
        IoFailed(INSTANCE, 7, 2, "virtio-disk0"),
        IoFailedWithReason(INSTANCE, 7, "eio"),
    ],
    ids=lambda word: type(word).__name__,
)


@WORDS
def test_a_word_that_tells_nothing_of_its_life_overtakes_no_answer_that_tells_of_its_death(
    word: Word,
) -> None:
    """A libvirtd that loses a QEMU as it connects to it again says so, and ends it without another event."""
    for heard in (True, False):
        play = Play()
        if heard:
            play.event(STARTED)
        else:
            play.census(running())
        assert play.ended() == ["ask"]
        before = play.number
        assert REPORT not in play.see(word)
        assert REPORT in play.see(Asked(INSTANCE, DIED, before))


@WORDS
def test_nor_a_census(word: Word) -> None:
    play = Play()
    play.census(running())
    before = play.number
    play.see(word)
    assert REPORT in play.census(DIED, after=before)


@WORDS
def test_what_is_older_brings_back_nothing_by_such_a_word(word: Word) -> None:
    play = moved_away()
    play.see(word)
    assert play.see(Asked(INSTANCE, DIED, 1)) == [] and phase(play) == "down"
