"""Time, as an argument.

Decisions count in monotonic seconds; the wire and the disk carry aware UTC. Everything that needs
a time or a pause takes a `Clock`, so a test moves time by hand and never waits.
"""

import asyncio
import datetime
import time
from pathlib import Path
from typing import Protocol

from masakarimonitors.core.decision import Instant

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """Where time comes from: the system's clocks, or a test's hand."""

    def now(self) -> Instant:
        """Both readings of one moment."""

    async def sleep(self, seconds: float) -> None:
        """Pause the calling task; zero or less yields to the loop once."""


class SystemClock:
    """The system's own clocks: CLOCK_MONOTONIC and UTC."""

    def now(self) -> Instant:
        """Both readings of one moment."""
        return Instant(time.monotonic(), datetime.datetime.now(datetime.UTC))  # noqa: TID251 - the one place

    async def sleep(self, seconds: float) -> None:
        """Pause the calling task; zero or less yields to the loop once."""
        await asyncio.sleep(max(0.0, seconds))


def boot_id(otherwise: str) -> str:
    """The kernel's identity of this boot, a UUID; `otherwise` where it cannot be read.

    Monotonic time, and every number that a daemon counts from its start, mean nothing after another boot.
    """
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return otherwise


async def pause(clock: Clock, seconds: float | None, event: asyncio.Event) -> bool:
    """Wait until `event` is set or `seconds` have passed (None: only the event); clears the event.

    Returns whether it was set.
    """
    happened = await wait(clock, seconds, event)
    event.clear()
    return happened


async def wait(clock: Clock, seconds: float | None, event: asyncio.Event) -> bool:
    """Like `pause`, for an event that is a state: it stays as it is."""
    if seconds is None:
        await event.wait()
    elif not event.is_set():
        loop = asyncio.get_running_loop()
        waiters = {loop.create_task(event.wait()), loop.create_task(clock.sleep(seconds))}
        try:
            await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in waiters:
                waiter.cancel()
    return event.is_set()
