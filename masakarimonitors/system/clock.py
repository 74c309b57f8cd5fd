"""Time, as an argument.

Decisions count in monotonic seconds; the wire and the disk carry aware UTC. Everything that needs
a time or a pause takes a `Clock`, so a test moves time by hand and never waits.
"""

import asyncio
import contextlib
import datetime
import math
import time
from pathlib import Path
from typing import Protocol

from masakarimonitors.core.decision import Instant

# The one place that asks them; some thirty times a second.
_monotonic, _wall, _UTC = time.monotonic, datetime.datetime.now, datetime.UTC  # noqa: TID251

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

BEAT = 0.5
"""Seconds of monotonic time from one moment to the next at which those who look now and then look together."""
DOWNBEAT = 1.0
"""Seconds between those of these moments at which all who look every so many whole seconds look."""
_MOMENT = 0.45
"""Seconds of which a pause is at least: a little less than a beat, of which what was done at the last one took some."""
_NEARLY = 0.001
"""Seconds before such a moment that count as the moment itself: a timer may go off a little early."""


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
        return Instant(_monotonic(), _wall(_UTC))

    async def sleep(self, seconds: float) -> None:
        """Pause the calling task; zero or less yields to the loop once."""
        await asyncio.sleep(max(0.0, seconds))


def beat(clock: Clock, seconds: float) -> float:
    """The pause, of at most so many seconds, of one who looks again and again: it ends with those of others.

    A process that wakes up once for all of them needs a fifth less of a processor than one that wakes up for each. What
    must have waited for a time is none of these.
    """
    now = clock.now().monotonic
    return beat_within(seconds, now) - now


def beat_within(seconds: float, now: float) -> float:
    """A beat within so many seconds of the monotonic second `now`: never after them, and from then on so often.

    Of whole seconds it is one that they divide, if there is a moment left until then: who looks every two seconds and
    who looks every five would else wake the process at different beats for ever. Else it is the last one.
    """
    end = now + seconds
    if seconds < BEAT:
        return end
    for step in (seconds, DOWNBEAT) if seconds % DOWNBEAT == 0 else ():
        found = math.floor((end + _NEARLY) / step) * step
        if found - now >= _MOMENT:
            return min(end, found)
    return min(end, math.floor((end + _NEARLY) / BEAT) * BEAT)


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
    elif event.is_set():
        return True
    elif _is_the_loops(clock):
        # Without a task for the event and one for the time: this is what an idle monitor does most.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                await event.wait()
    else:
        loop = asyncio.get_running_loop()
        waiters = {loop.create_task(event.wait()), loop.create_task(clock.sleep(seconds))}
        try:
            await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in waiters:
                waiter.cancel()
    return event.is_set()


def _is_the_loops(clock: Clock) -> bool:
    """Whether a time-out of the loop ends a pause by this clock.

    A test's hand moves another time; and in a task that was cancelled such an end would look like one more
    cancellation.
    """
    task = asyncio.current_task()
    return type(clock) is SystemClock and task is not None and not task.cancelling()
