"""Waiting for an event or for time, whichever comes first, or for a beat; and which boot this is."""

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.system.clock import BEAT, DOWNBEAT, SystemClock, beat, beat_within, boot_id, pause, wait
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.fake_loop import FakeLoop, LoopClock, run


@pytest.mark.parametrize("waiting", [pause, wait])
async def test_time_passes_without_the_event(
    waiting: Callable[[FakeClock, float, asyncio.Event], Coroutine[None, None, bool]],
) -> None:
    clock, event = FakeClock(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        paused = tasks.create_task(waiting(clock, 5.0, event))
        await clock.advance(4.9)
        assert not paused.done()
        await clock.advance(0.2)
    assert paused.result() is False


async def test_a_pause_ends_with_its_event_and_takes_it() -> None:
    clock, event = FakeClock(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        paused = tasks.create_task(pause(clock, None, event))
        await clock.advance(3600)
        event.set()
    assert paused.result() is True
    assert not event.is_set()


async def test_an_event_that_is_a_state_stays_set() -> None:
    event = asyncio.Event()
    event.set()
    assert await wait(FakeClock(), 5.0, event)
    assert event.is_set()


def test_a_boot_has_one_identity() -> None:
    assert uuid.UUID(boot_id(otherwise="unknown")) == uuid.UUID(boot_id(otherwise=""))


@given(
    now=st.floats(0.0, 1e8),
    seconds=st.floats(0.0, 3600.0) | st.integers(0, 60).map(float),
)
def test_a_pause_to_the_beat_is_never_longer_and_hardly_shorter(now: float, seconds: float) -> None:
    end = beat_within(seconds, now)
    assert now <= end <= now + seconds
    if seconds >= BEAT:
        assert end == now + seconds or end % BEAT == 0
    if seconds % DOWNBEAT:
        assert end > now + seconds - BEAT
    elif seconds:
        assert end >= now + 0.45
    for _ in range(3):
        before, end = end, beat_within(seconds, end + 0.003)
    if seconds >= BEAT and (2 * seconds) % 1 == 0:
        assert end - before == pytest.approx(seconds)
    if seconds and seconds % DOWNBEAT == 0:
        assert end % seconds == pytest.approx(0.0, abs=1e-6)


def test_a_timer_that_goes_off_a_little_early_is_no_beat_more() -> None:
    assert beat_within(2.0, 1000.0 - 1e-5) == pytest.approx(1002.0)
    assert beat_within(2.0, 1000.0 + 1e-5) == 1002.0


def test_whoever_looks_now_and_then_wakes_the_loop_together_with_all_others() -> None:
    everys = (1.0, 1.0, 2.0, 2.0, 2.0, 2.5, 3.0, 5.0, 5.0, 15.0)
    looks = [0] * len(everys)
    woken = set[float]()

    async def look(which: int, loop: FakeLoop) -> None:
        clock = LoopClock(loop)
        await clock.sleep(0.137 * which)  # each was begun at another moment
        while True:
            await clock.sleep(beat(clock, everys[which]))
            await asyncio.sleep(0.003)  # and what it does takes a moment
            looks[which] += 1
            woken.add(round(loop.time() - 0.003, 6))

    async def main(loop: FakeLoop) -> None:
        looking = [loop.create_task(look(which, loop)) for which in range(len(everys))]
        await asyncio.sleep(60.0)
        for one in looking:
            one.cancel()

    run(main)
    assert all(count >= 60.0 / every - 1 for count, every in zip(looks, everys, strict=True))
    assert all(moment % BEAT == 0 for moment in woken)
    # After a few seconds all of them look on the downbeat, but for who looks every two and a half.
    off = {moment for moment in woken if moment % DOWNBEAT and moment > 5.0}
    assert len(off) <= 60.0 / 2.5 / 2
    assert looks[4] <= 60.0 / 2.0 + 1


class Tasks:
    """Counts the tasks that a loop makes."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.made = 0
        self._loop = loop
        loop.set_task_factory(self._make)

    def _make(self, loop: asyncio.AbstractEventLoop, coro: Any, **given: Any) -> asyncio.Task[Any]:
        self.made += 1
        return asyncio.Task(coro, loop=loop, **given)


def test_by_the_systems_clock_no_task_waits_for_the_event_or_the_time() -> None:
    async def main(loop: FakeLoop) -> tuple[int, list[bool], float]:
        event, tasks, began = asyncio.Event(), Tasks(loop), loop.time()
        found = [await wait(SystemClock(), 60.0, event), await wait(SystemClock(), 0.0, event)]
        passed = loop.time() - began
        loop.call_later(5.0, event.set)
        found.append(await wait(SystemClock(), 60.0, event))
        found.append(await pause(SystemClock(), 60.0, event))
        return tasks.made, [*found, event.is_set()], passed

    assert run(main) == (0, [False, False, True, True, False], 60.0)


def test_a_task_that_was_cancelled_waits_for_its_last_words_and_can_be_cancelled_again() -> None:
    ends: list[str] = []

    async def last_words(event: asyncio.Event, seconds: float) -> None:
        try:
            await event.wait()
        finally:
            try:
                assert not await wait(SystemClock(), seconds, event)
                ends.append("time")
            except asyncio.CancelledError:
                ends.append("cancelled")
                raise

    async def main(loop: FakeLoop) -> None:
        for seconds in (5.0, 500.0):
            task = loop.create_task(last_words(asyncio.Event(), seconds))
            await asyncio.sleep(1.0)
            task.cancel()
            await asyncio.sleep(10.0)
            task.cancel()
            await asyncio.wait({task})

    run(main)
    assert ends == ["time", "cancelled"]
