"""Blocking calls: callers wait as long as they say, threads are few, late results are not lost."""

import asyncio
import threading

import pytest

from masakarimonitors.system.calls import Pool


async def test_a_result_and_an_exception_come_back() -> None:
    pool = Pool("test")
    assert await pool.call(lambda: 7, 30) == 7

    def fail() -> None:
        raise OSError("no such thing")

    with pytest.raises(OSError, match="no such thing"):
        await pool.call(fail, 30)
    pool.close()


async def test_a_caller_leaves_a_hung_call_and_the_next_ones_wait_in_line() -> None:
    pool, release, late, made = Pool("test"), threading.Event(), asyncio.Event(), list[str]()
    loop = asyncio.get_running_loop()

    def hang() -> str:
        assert release.wait(30)
        return "late"

    def on_late(result: str) -> None:
        loop.call_soon_threadsafe(late.set)

    with pytest.raises(TimeoutError):
        await pool.call(hang, 0.01, too_late=on_late)
    with pytest.raises(TimeoutError):
        await pool.call(lambda: made.append("never made"), 0.01)
    release.set()
    assert await pool.call(lambda: "next", 30) == "next"
    await asyncio.wait_for(late.wait(), 30)
    assert not made
    pool.close()


async def test_threads_are_bounded_and_work_side_by_side() -> None:
    pool, both, before = Pool("test-pool", 2), threading.Barrier(2), threading.active_count()
    await asyncio.gather(*(pool.call(lambda: both.wait(30), 30) for _ in range(2)))
    await asyncio.gather(*(pool.call(lambda: None, 30) for _ in range(50)))
    assert sum(t.name == "test-pool" for t in threading.enumerate()) == 2
    assert threading.active_count() <= before + 2
    pool.close()
