"""A time-out does not count the time in which this process stood still, and still comes to an end."""

import asyncio

import pytest

from masakarimonitors.system.patience import Patience, within
from tests.fixtures.standstill import some_turns, stand_still
from tests.fixtures.waiting import PATIENCE

HOUR = 3600.0


def steps(patience: Patience, late: float = 0.0) -> list[float]:
    """What is waited for until it is over, where each turn is late by so many seconds."""
    waited = []
    over = False
    while not over:
        waited.append(patience.step)
        over = patience.passed(patience.step + late)
    return waited


@pytest.mark.parametrize("seconds", [10.0, 0.3, 0.1, 90.0, 1 / 3])
def test_without_a_standstill_it_lasts_as_long_as_said(seconds: float) -> None:
    patience = Patience(seconds)
    assert sum(steps(patience)) == pytest.approx(seconds) == patience.seen
    assert not patience.held_up


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_no_time_is_one_turn(seconds: float) -> None:
    assert steps(Patience(seconds)) == [0.0]


@pytest.mark.parametrize("step", range(4))
def test_a_standstill_counts_as_one_step_and_never_ends_it(step: int) -> None:
    patience, waited, over = Patience(40.0), 0.0, False
    for turn in range(4):
        assert not over
        waited += patience.step
        over = patience.passed(patience.step + (HOUR if turn == step else 0.0))
    assert waited == 40.0 and patience.seen == 30.0 and patience.held_up
    if step == 3:  # it goes on for a moment, in which what has come is heard
        assert not over and patience.step == 1.0
        over = patience.passed(1.0)
    assert over


def test_where_everything_is_late_for_ever_it_comes_to_an_end() -> None:
    waited = steps(Patience(40.0), late=HOUR)
    assert waited == [10.0] * 4 + [1.0] * 20


async def test_what_comes_after_a_standstill_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = asyncio.get_running_loop().create_future()
    waiting = asyncio.get_running_loop().create_task(Patience(PATIENCE).wait(answer))
    await asyncio.sleep(0)
    stand_still(monkeypatch, HOUR)
    await some_turns()
    answer.set_result(None)
    assert await waiting


async def test_what_does_not_come_is_waited_for_no_longer() -> None:
    never = asyncio.get_running_loop().create_future()
    assert not await Patience(0.01).wait(never)
    with pytest.raises(TimeoutError):
        async with within(0.01):
            await never
    never.cancel()


async def test_a_block_that_ends_after_a_standstill_has_ended_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = asyncio.get_running_loop().create_future()

    async def block() -> str:
        async with within(PATIENCE):
            await answer
        return "in time"

    waiting = asyncio.get_running_loop().create_task(block())
    await asyncio.sleep(0)
    stand_still(monkeypatch, HOUR)
    await some_turns()
    answer.set_result(None)
    assert await waiting == "in time"


async def test_a_block_that_is_cancelled_is_cancelled() -> None:
    async def block() -> None:
        async with within(PATIENCE):
            await asyncio.Event().wait()

    waiting = asyncio.get_running_loop().create_task(block())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    assert waiting.cancelled()
