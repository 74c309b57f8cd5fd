"""By how much the loop is late."""

import asyncio

from masakarimonitors.system.service import loop_lag
from masakarimonitors.system.service.loop_lag import Lag


def test_the_longest_is_kept_for_a_span_and_forgotten_after_two() -> None:
    lag = Lag(span=60.0)
    lag.note(0.1, 100.0)
    lag.note(2.0, 110.0)
    lag.note(0.2, 120.0)
    assert lag.longest == 2.0
    lag.note(0.0, 171.0)
    assert lag.longest == 2.0, "it was within the span before"
    lag.note(0.0, 232.0)
    assert lag.longest == 0.0


def test_what_is_older_than_two_spans_is_forgotten_whoever_looked() -> None:
    lag = Lag(span=60.0)
    lag.note(2.0, 100.0)
    lag.note(0.5, 300.0)
    assert lag.longest == 0.5


async def test_the_running_loop_is_measured_while_the_block_runs() -> None:
    assert loop_lag.longest() is None
    with loop_lag.measured():
        await asyncio.sleep(0)
        found = loop_lag.longest()
        assert found is not None and found >= 0.0
    assert loop_lag.longest() is None
