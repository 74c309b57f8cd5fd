"""Which words begin a story, and when I/O errors are over."""

import datetime
import math
from dataclasses import replace

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.instancemonitor.core.stories import QUIET, Stories
from masakarimonitors.instancemonitor.core.wire_events import IO_ERROR, WireEvent

REBOOT = WireEvent("REBOOT", "UNKNOWN")
BARK = WireEvent("WATCHDOG", "WATCHDOG_POWEROFF")
EPOCH = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)


def at(seconds: float) -> Instant:
    return Instant(seconds, EPOCH + datetime.timedelta(seconds=seconds))


def heard(*words: tuple[WireEvent, float]) -> tuple[Stories, list[bool]]:
    stories, firsts = Stories(), []
    for word, second in words:
        stories, first = stories.hear(word, 0.3, at(second))
        firsts.append(first)
    return stories, firsts


def test_echoes_within_the_settle_time_are_one_story() -> None:
    _, firsts = heard((REBOOT, 0.0), (REBOOT, 0.2), (REBOOT, 0.4), (BARK, 0.5), (REBOOT, 1.0))
    assert firsts == [True, False, False, True, True]


def test_a_word_of_an_io_error_is_told_once_however_many_there_are() -> None:
    stories, firsts = heard(*((IO_ERROR, float(second)) for second in range(600)))
    assert sum(firsts) == 1
    assert stories.failing and stories.failing_since == EPOCH.timestamp()
    assert stories.quiet_at == 599 + QUIET
    assert not stories.ended().failing
    _, first = stories.ended().hear(IO_ERROR, 0.3, at(600))
    assert first


@pytest.mark.parametrize(("age", "goes_on"), [(QUIET + 1, False), (QUIET - 1, True), (-3600.0, True)])
def test_of_errors_that_began_long_before_a_restart_it_is_not_known_whether_they_go_on(
    age: float, goes_on: bool
) -> None:
    now = at(1000.0)
    remembered = Stories(failing_since=now.wall.timestamp() - age, failures=frozenset({IO_ERROR}))
    again = remembered.look_again(now)
    assert (again.failing_from < math.inf) is goes_on
    assert again.quiet_at == 1000 + QUIET - (max(0.0, age) if goes_on else 0.0)
    assert again.look_again(at(2000.0)) is again, "only the first time"
    heard, first = again.hear(IO_ERROR, 0.3, at(1050.0))
    assert not first and heard.failing_from <= 1050, "it was told in the last life"


def test_a_loss_of_libvirt_leaves_open_what_was_open() -> None:
    remembered = Stories(failing_since=EPOCH.timestamp()).look_again(at(1000.0), 300.0)
    again = remembered.heard_again(1010.0, at(1050.0))
    assert again.failing_from == math.inf and again.quiet_at == 1050 + QUIET and again.failed_before == 300


def test_one_that_stands_still_because_of_an_error_has_it_still() -> None:
    remembered = Stories(failing_since=EPOCH.timestamp())
    halted = remembered.look_again(at(1000.0), 300.0, halted=True)
    assert (halted.failing_from, halted.failed_before) == (1000.0, 300.0)
    later = remembered.look_again(at(1000.0)).look_again(at(1060.0), halted=True)
    assert later.failing_from == 1060.0, "the first look had told nothing"
    assert later.look_again(at(1120.0), halted=True) is later


def test_without_errors_there_is_nothing_to_look_at_again() -> None:
    none = Stories()
    assert none.look_again(at(0.0)) is none and not replace(none).failing


def test_what_was_not_heard_counts_neither_as_quiet_nor_as_failing() -> None:
    stories, _ = heard((IO_ERROR, 100.0))
    again = stories.heard_again(150.0, at(1000.0))
    assert again.quiet_at == 1000 + QUIET and again.failing_from == 950
    within, _ = heard((IO_ERROR, 200.0))
    assert within.heard_again(150.0, at(1000.0)).failing_from == 1000
    assert Stories().heard_again(150.0, at(1000.0)) == Stories()
