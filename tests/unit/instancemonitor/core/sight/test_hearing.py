"""The table of what may have been missed of an instance."""

import pytest

from masakarimonitors.instancemonitor.core.sight.hearing import TABLE, Heard, Hearing, move


def test_the_table_is_whole() -> None:
    assert set(TABLE) == {(hearing, heard) for hearing in Hearing for heard in Heard}


@pytest.mark.parametrize("heard", Heard)
def test_only_what_is_not_heard_is_missed(heard: Heard) -> None:
    blurs = heard in (Heard.AWAY, Heard.OUTLIVED)
    assert move(Hearing.WHOLE, heard) is (Hearing.MISSED if blurs else Hearing.WHOLE)


@pytest.mark.parametrize("before", Hearing)
def test_a_life_is_over_unheard_only_where_something_was_missed(before: Hearing) -> None:
    then = Hearing.WHOLE if before is Hearing.WHOLE else Hearing.OVER
    assert move(before, Heard.NOT_LISTED) is move(before, Heard.STARTING) is then


@pytest.mark.parametrize("heard", [Heard.DEAD_STILL, Heard.TOLD_IN_PART])
def test_what_tells_of_no_other_life_makes_up_for_nothing(heard: Heard) -> None:
    assert move(Hearing.MISSED, heard) is Hearing.MISSED
    assert move(Hearing.OVER, heard) is not Hearing.WHOLE
