"""So many at once, then one after another."""

import pytest

from masakarimonitors.outbox.pace.budget import UNSPENT, Budget


def test_whoever_has_spent_nothing_has_all_of_it() -> None:
    assert UNSPENT.now(1000.0, 8, 5.0) == 8.0


@pytest.mark.parametrize(("after", "left"), [(0.0, -1.0), (5.0, 0.0), (10.0, 1.0), (1000.0, 8.0)])
def test_one_more_may_go_every_interval_up_to_the_most(after: float, left: float) -> None:
    assert Budget(-1.0, 1000.0).now(1000.0 + after, 8, 5.0) == left
