"""The table of why an instance stands still."""

import itertools

import pytest

from masakarimonitors.instancemonitor.core.sight.halt import TABLE, WORDS, Halt, Pause, move

REASONS = {
    Pause.DISK: Halt.DISK,
    Pause.WATCHDOG: Halt.WATCHDOG,
    Pause.API: Halt.API,
    Pause.POSTCOPY: Halt.POSTCOPY,
}


def test_the_table_is_whole() -> None:
    assert set(TABLE) == {(halt, pause) for halt in Halt for pause in Pause}


def test_the_last_reason_that_libvirt_gave_stands_until_it_runs_on_or_ends() -> None:
    for story in itertools.product(Pause, repeat=3):
        halt, expected = Halt.NONE, Halt.NONE
        for pause in story:
            halt = move(halt, pause)
            expected = Halt.NONE if pause is Pause.OVER else REASONS.get(pause, expected)
            if pause is Pause.BY_HAND and expected is Halt.NONE:
                expected = Halt.PAUSED
        assert halt is expected, story


@pytest.mark.parametrize("halt", Halt)
def test_people_are_told_why_it_stands_still(halt: Halt) -> None:
    assert bool(WORDS[halt]) is (halt not in (Halt.NONE, Halt.PAUSED))
