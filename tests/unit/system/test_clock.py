"""Waiting for an event or for time, whichever comes first; and which boot this is."""

import asyncio
import uuid
from collections.abc import Callable, Coroutine

import pytest

from masakarimonitors.system.clock import boot_id, pause, wait
from tests.fixtures.fake_clock import FakeClock


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
