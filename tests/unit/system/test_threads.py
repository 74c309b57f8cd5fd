"""Blocking calls: callers wait as long as they say, threads are few, late results are not lost."""

import asyncio
import functools
import threading

import pytest

from masakarimonitors.system.threads import NoThread, Pool
from tests.fixtures.cancelling import cancel_in_every_turn
from tests.fixtures.standstill import some_turns, stand_still
from tests.fixtures.waiting import PATIENCE, eventually, until


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
    async with asyncio.timeout(30):
        await late.wait()
    assert not made
    pool.close()


async def test_what_is_always_to_be_made_is_made_although_its_caller_has_left() -> None:
    pool, release, made = Pool("test"), threading.Event(), list[str]()
    with pytest.raises(TimeoutError):
        await pool.call(lambda: release.wait(30), 0.01)
    with pytest.raises(TimeoutError):
        await pool.call(lambda: made.append("made"), 0.01, always=True)
    release.set()
    assert await pool.call(lambda: list(made), 30) == ["made"]
    pool.close()


async def test_work_that_fails_takes_no_thread_with_it() -> None:
    pool = Pool("test")

    def fail() -> None:
        raise OSError("nobody hears this")

    pool.submit(fail)
    assert await pool.call(lambda: "next", 30) == "next"
    pool.close()


async def test_a_closed_pool_does_what_stands_in_line() -> None:
    pool, release, done = Pool("test"), threading.Event(), threading.Event()
    pool.submit(functools.partial(release.wait, 30))
    pool.submit(done.set)
    pool.close()
    release.set()
    assert done.wait(30)


async def test_threads_are_bounded_and_work_side_by_side() -> None:
    pool, both, before = Pool("test-pool", 2), threading.Barrier(2), set(threading.enumerate())
    await asyncio.gather(*(pool.call(lambda: both.wait(30), 30) for _ in range(2)))
    await asyncio.gather(*(pool.call(lambda: None, 30) for _ in range(50)))
    assert sum(t.name == "test-pool" for t in threading.enumerate()) == 2
    assert len(set(threading.enumerate()) - before) == 2
    pool.close()


async def test_a_shortage_of_threads_is_over_when_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    pool = Pool("test")
    with monkeypatch.context() as shortage:
        shortage.setattr(threading.Thread, "start", start)
        for _ in range(3):
            with pytest.raises(NoThread, match="TasksMax"):
                await pool.call(lambda: "never made", 30)
    assert await pool.call(lambda: "made", 30) == "made"
    pool.close()


async def test_with_fewer_threads_than_it_may_have_a_pool_does_its_work_with_those(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool, first, release = Pool("test", 2), threading.Event(), threading.Event()

    def hold() -> None:
        first.set()
        assert release.wait(30)

    def start(_thread: threading.Thread) -> None:
        release.set()
        raise RuntimeError("can't start new thread")

    held = asyncio.get_running_loop().create_task(pool.call(hold, 30))
    await asyncio.to_thread(first.wait, 30)
    with monkeypatch.context() as shortage:
        shortage.setattr(threading.Thread, "start", start)
        assert await pool.call(lambda: "by the first one", 30) == "by the first one"
    await held
    pool.close()


async def test_no_call_stands_behind_a_hung_one_while_another_thread_may_be_had() -> None:
    pool, release = Pool("test", 3), threading.Event()
    await pool.call(lambda: None, 30)  # one thread has nothing to do
    # Both are handed in before that thread has taken either.
    hung = asyncio.get_running_loop().create_task(pool.call(lambda: release.wait(30), 30))
    other = asyncio.get_running_loop().create_task(pool.call(lambda: "answered", 30))
    assert await other == "answered"
    release.set()
    await hung
    pool.close()


async def test_the_last_work_of_a_pool_is_done_although_all_its_calls_hang() -> None:
    pool, hangs, release, done = Pool("test-last"), threading.Event(), threading.Event(), threading.Event()

    def hang() -> None:
        hangs.set()
        assert release.wait(30)

    with pytest.raises(TimeoutError):
        await pool.call(hang, 0.01)
    assert hangs.wait(30)
    pool.close(done.set)
    assert done.wait(30)
    until(lambda: _threads("test-last") == 1, "only the hung call to be left behind")
    release.set()
    until(lambda: _threads("test-last") == 0, "it to come back")


def _threads(name: str) -> int:
    return sum(thread.name == name for thread in threading.enumerate())


async def test_what_comes_in_the_turn_of_the_cancellation_is_let_go_too() -> None:
    pool, taken, late = Pool("test"), list[object](), list[object]()
    begun = 0

    async def call() -> None:
        taken.append(await pool.call(object, PATIENCE, too_late=late.append))

    async def begin() -> asyncio.Task[None]:
        nonlocal begun
        begun += 1
        task, made = asyncio.get_running_loop().create_task(call()), threading.Event()
        await asyncio.sleep(0)  # it stands in line now
        pool.submit(made.set)
        made.wait()
        return task

    await cancel_in_every_turn(begin)
    await eventually(lambda: len(taken) + len(late) == begun, "each of them, with one or the other")
    assert len(taken) == 1 and begun > 1
    pool.close()


async def test_a_thread_that_stood_still_with_this_process_has_answered_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The loop's timers are looked at first; the answer is there as soon as the thread goes on as well."""
    pool, goes_on = Pool("test"), threading.Event()
    calling = asyncio.get_running_loop().create_task(pool.call(lambda: goes_on.wait(PATIENCE), PATIENCE))
    await asyncio.sleep(0)
    stand_still(monkeypatch, 10 * PATIENCE)
    await some_turns()
    goes_on.set()
    assert await calling
    pool.close()
