"""The table of what can be read of an instance."""

import pytest

from masakarimonitors.instancemonitor.core.sight.legible import TABLE, Legible, Look, move


def test_the_table_is_whole() -> None:
    assert set(TABLE) == {(legible, look) for legible in Legible for look in Look}


@pytest.mark.parametrize("before", Legible)
def test_a_reading_says_it_whatever_was_before(before: Legible) -> None:
    assert move(before, Look.TELLS) is move(before, Look.EVENT) is Legible.WHOLE
    assert move(before, Look.HIDES) is Legible.PARTLY
    assert move(before, Look.SILENT) is Legible.NOT


@pytest.mark.parametrize("before", Legible)
def test_what_tells_of_no_life_makes_nothing_legible(before: Legible) -> None:
    assert move(before, Look.OTHER_EVENT) is before
    assert (move(before, Look.EVENT_OF_AN_END) is Legible.WHOLE) is (before is Legible.WHOLE)
    nothing = before in (Legible.NOT, Legible.GONE)
    assert move(before, Look.OVERTAKEN) is (before if nothing else Legible.PARTLY)


@pytest.mark.parametrize("before", Legible)
def test_only_one_that_was_listed_without_a_word_is_gone_so(before: Legible) -> None:
    nothing = before in (Legible.NOT, Legible.GONE)
    assert move(before, Look.NOT_LISTED) is (Legible.GONE if nothing else before)
