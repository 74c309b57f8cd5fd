"""The table of what tells of an instance's end."""

import pytest

from masakarimonitors.instancemonitor.core.sight.ending import TABLE, Ending, Sign, move

BY_PROCESS = (Ending.ENDED, Ending.ENDED_MUTE, Ending.ENDED_CRASHED)


def test_the_table_is_whole() -> None:
    assert set(TABLE) == {(ending, sign) for ending in Ending for sign in Sign}


@pytest.mark.parametrize("before", Ending)
def test_what_libvirtd_has_written_down_outranks_that_its_process_has_ended(before: Ending) -> None:
    assert move(before, Sign.STOPPED) is Ending.STOPPED
    assert move(Ending.STOPPED, Sign.PROCESS) is Ending.STOPPED


@pytest.mark.parametrize("before", BY_PROCESS)
@pytest.mark.parametrize("sign", [Sign.READ, Sign.NOTHING, Sign.MUTE, Sign.CRASHED_ONCE, Sign.PROCESS])
def test_that_it_has_ended_is_not_forgotten_by_what_tells_nothing_else(before: Ending, sign: Sign) -> None:
    assert move(before, sign) in BY_PROCESS


@pytest.mark.parametrize("before", Ending)
def test_one_that_is_here_has_not_ended(before: Ending) -> None:
    assert move(before, Sign.SEEN) is Ending.OPEN
    assert move(before, Sign.OUTLIVED) is Ending.ENDED
