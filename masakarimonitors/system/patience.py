"""Patience with somebody else, which this process must not use up itself by standing still.

In: seconds, and what is waited for. Out: whether it came, never "no" in the very turn in which this process goes on
after it was held up (stopped, swapped out, on a host that was paused): what came meanwhile still lies in the kernel,
or with a thread that was held up as well, and the loop's timers are looked at first.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TypeVar

T = TypeVar("T")

_STEPS = 4
"""Pieces into which the time is cut: no later than one of them after it went on, a process has noticed it."""
_LATE = 1.0
"""Seconds, or one step where that is less, by which a turn may be late before this process counts as held up."""
_MOST = 20
"""Moments that are given at the end, at most: where everything is late for ever, a verdict is due all the same."""


class Patience:
    """So many seconds, as far as this process was there to wait; each step counts for no more than its own length.

    `held_up`: whether this process was, at least once. `seen`: seconds of steps in which it certainly was not.
    """

    def __init__(self, seconds: float) -> None:
        """Nothing has passed yet; zero or less is one turn of the loop."""
        self._left = max(0.0, seconds)
        self._length = self._left / _STEPS
        self._moments = 0
        self._late = False
        self.seen = 0.0
        self.held_up = False

    @property
    def step(self) -> float:
        """Seconds to wait next."""
        return min(self._length, self._left) if self._left > 0 else min(self._length, _LATE)

    def passed(self, seconds: float) -> bool:
        """After `step`, or a part of it, has taken so many seconds: whether the time is over."""
        step = self.step
        self._late = seconds > step + min(step, _LATE)
        self.held_up = self.held_up or self._late
        if self._left <= 0:
            self._moments += 1
        self.seen += 0.0 if self._late else seconds
        # Where quarters are rounded, a last one of next to nothing would be left.
        self._left = self._left - step if self._left > 1.5 * step else 0.0
        return self._left <= 0 and (not self._late or self._moments >= _MOST)

    async def wait(self, what: "asyncio.Future[T]") -> bool:
        """Whether it has come (a result, an exception or a cancellation, none of which is looked at)."""
        loop = asyncio.get_running_loop()
        over = False
        while not over and not what.done():
            begun = loop.time()
            # No time-out that is an exception: in a task that was cancelled before it would be a cancellation.
            await asyncio.wait({what}, timeout=self.step)
            over = self.passed(loop.time() - begun)
        return what.done()


@contextlib.asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """As `asyncio.timeout`: TimeoutError when the block has not ended after so many seconds of patience."""
    loop, patience = asyncio.get_running_loop(), Patience(seconds)
    timer: asyncio.TimerHandle
    async with asyncio.timeout(None) as limit:

        def look(begun: float) -> None:
            nonlocal timer
            if patience.passed(loop.time() - begun):
                limit.reschedule(loop.time())
            else:
                timer = loop.call_later(patience.step, look, loop.time())

        timer = loop.call_later(patience.step, look, loop.time())
        try:
            yield
        finally:
            timer.cancel()
