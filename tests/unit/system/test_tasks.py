"""A group of tasks that fails leaves no trace in the task that waits for it, and loses no cancellation."""

import asyncio

import pytest

from masakarimonitors.system.tasks import apart, side_by_side
from tests.fixtures.waiting import PATIENCE, eventually


async def ending_with_a_fault(begun: asyncio.Event, go_on: asyncio.Event) -> str:
    """A group one task of which has failed, while another takes its time to end."""

    async def linger() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            begun.set()
            await go_on.wait()

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("a fault")

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(linger())
            tasks.create_task(fail())
    except* ValueError:
        pass
    return "lost"


async def test_after_a_group_that_failed_a_time_out_is_one_and_nobody_counts_as_cancelled() -> None:
    go_on = asyncio.Event()
    go_on.set()
    assert await apart(ending_with_a_fault(asyncio.Event(), go_on)) == "lost"
    task = asyncio.current_task()
    assert task is not None and task.cancelling() == 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()


async def test_a_cancellation_while_the_group_is_ending_is_not_lost() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def again_and_again() -> None:
        while True:
            await apart(ending_with_a_fault(begun, go_on))

    task = asyncio.get_running_loop().create_task(again_and_again())
    await begun.wait()
    task.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_fault_is_raised_as_it_is_and_both_tasks_end_together() -> None:
    async def fail() -> None:
        raise LookupError("none")

    with pytest.raises(LookupError, match="none"):
        await apart(fail())
    ended = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await apart(wait())
    assert ended.is_set()


async def test_what_goes_on_side_by_side_goes_on_at_the_same_time_and_comes_in_order() -> None:
    meet = asyncio.Barrier(3)

    async def arrive(number: int) -> int:
        await meet.wait()
        return number

    async with asyncio.timeout(PATIENCE):
        assert await side_by_side([arrive(number) for number in range(3)]) == [0, 1, 2]


async def test_the_first_fault_is_raised_when_all_of_them_have_ended() -> None:
    ended: list[str] = []

    async def fail(name: str) -> None:
        await asyncio.sleep(0)
        ended.append(name)
        raise ValueError(name)

    async def work() -> None:
        for _ in range(100):
            await asyncio.sleep(0)
        ended.append("the slow one")

    with pytest.raises(ValueError, match="second"):
        await side_by_side([work(), fail("second"), fail("third")])
    assert ended == ["second", "third", "the slow one"]


async def test_whoever_cancels_it_cancels_all_and_they_have_ended() -> None:
    begun: list[int] = []
    ended: list[int] = []

    async def work(number: int) -> None:
        begun.append(number)
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(10 * number):
                await asyncio.sleep(0)
            ended.append(number)

    task = asyncio.get_running_loop().create_task(side_by_side([work(0), work(1), work(2)]))
    await eventually(lambda: len(begun) == 3, "all to be at work")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(ended) == [0, 1, 2]
