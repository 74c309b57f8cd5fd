"""The table of what becomes of a death's report."""

import pytest

from masakarimonitors.instancemonitor.core.told import TABLE, Fate, Step, move


def test_the_table_is_whole() -> None:
    assert set(TABLE) == {(fate, step) for fate in Fate for step in Step}


@pytest.mark.parametrize("fate", Fate)
def test_only_what_waits_ends_and_only_a_new_one_is_made_of_what_was_not_taken(fate: Fate) -> None:
    moved = {step for step in Step if move(fate, step) is not fate}
    ends = {Step.TAKEN, Step.NOT_TAKEN, Step.TAKEN_BACK}
    assert (moved & ends == ends) if fate is Fate.PENDING else not moved & ends
    assert (Step.HOST_FAILED in moved) is (fate is Fate.NOT_TAKEN)
    assert move(fate, Step.OVER) is Fate.NONE and move(fate, Step.MADE) is Fate.PENDING
