"""Whoever asks often takes little of the time to see: an answer of a moment ago is given again, or the next one waits.

In: how an answer is made. Out: the last one while it is fresh, or a new one (`Kept`, and of what is made beside the
loop `KeptWork`); where each question has an answer of its own, one after the other (`Paced`). For nine times as long
as one took to be made none is made: no kind of answer takes more than a tenth of the loop's time, however many ask.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

from masakarimonitors.system.clock import Clock

T = TypeVar("T")

_TIMES = 9.0
_LONGEST = 5.0
"""Seconds for which an answer is given at most: where this process stood still, that was not its making."""
_LONGEST_WAIT = 1.0
"""Seconds that the next question waits at most, for the same reason: whoever asks has less patience than `_LONGEST`."""


class Kept(Generic[T]):
    """One kind of answer."""

    def __init__(self, make: Callable[[], T], clock: Clock) -> None:
        """`make` makes one, on the loop; what it raises is raised, and nothing kept of it."""
        self._make = make
        self._clock = clock
        self._last: tuple[T, float] | None = None

    def __call__(self) -> T:
        """An answer of now, or of a moment ago."""
        begun = self._clock.now().monotonic
        if self._last is not None and begun < self._last[1]:
            return self._last[0]
        made = self._make()
        done = self._clock.now().monotonic
        self._last = (made, done + min(_LONGEST, _TIMES * (done - begun)))
        return made


class KeptWork(Generic[T]):
    """One kind of answer that is large, and made beside the loop: made once for all who ask meanwhile, given again
    while it is fresh, and then forgotten, as it takes memory."""

    def __init__(self, make: Callable[[], Awaitable[T]], clock: Clock) -> None:
        """`make` makes one; what it raises is raised to all who ask meanwhile, and nothing kept of it."""
        self._make = make
        self._clock = clock
        self._made: asyncio.Future[T] | None = None
        self._life: asyncio.Task[None] | None = None

    async def __call__(self) -> T:
        """The one that is being made, one of a moment ago, or a new one."""
        if self._made is None:
            loop = asyncio.get_running_loop()
            self._made = loop.create_future()
            # Whoever has asked may be gone by then.
            self._made.add_done_callback(lambda made: made.cancelled() or made.exception())
            self._life = loop.create_task(self._work(self._made))
        return await asyncio.shield(self._made)

    def close(self) -> None:
        """None is made any more, and nobody waits for one."""
        if self._life is not None:
            self._life.cancel()

    async def _work(self, made: asyncio.Future[T]) -> None:
        begun = self._clock.now().monotonic
        try:
            made.set_result(await self._make())
            done = self._clock.now().monotonic
            await self._clock.sleep(min(_LONGEST, _TIMES * (done - begun)))
        except Exception as fault:  # noqa: BLE001 - whoever asks is told
            made.set_exception(fault)
        finally:
            made.cancel()
            self._made = None


class Paced:
    """Answers of one kind that differ with the question."""

    def __init__(self, clock: Clock) -> None:
        """None was made yet."""
        self._clock = clock
        self._turn = asyncio.Lock()
        self._free = 0.0

    async def __call__(self, steps: Iterable[Callable[[], object]]) -> None:
        """Make one, in these steps on the loop, which is free between any two; what a step raises is raised.

        One waits because of what those before it took, and never because of its own: whoever asks alone hears at once.
        """
        async with self._turn:
            await self._clock.sleep(self._free - self._clock.now().monotonic)
            taken = 0.0
            try:
                for step in steps:
                    begun = self._clock.now().monotonic
                    try:
                        step()
                    finally:
                        taken += self._clock.now().monotonic - begun
                    await asyncio.sleep(0)
            finally:
                self._free = self._clock.now().monotonic + min(_LONGEST_WAIT, _TIMES * taken)
