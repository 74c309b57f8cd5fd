"""One thread for calls that may hang, outside the loop and with a time-out.

Unlike an executor's threads it may be abandoned: it keeps nobody from exiting.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Worker:
    """Runs calls one after another; `close` lets the thread end when it is done."""

    def __init__(self, name: str) -> None:
        """`name` is the thread's."""
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    async def call(self, job: Callable[[], T], seconds: float) -> T:
        """The job's result, or its exception; TimeoutError when it takes longer, waiting its turn included."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def settle(settler: Callable[[Any], None], outcome: object) -> None:
            if not future.done():
                settler(outcome)

        def work() -> None:
            settler: Callable[[Any], None]
            outcome: object
            try:
                settler, outcome = future.set_result, job()
            except Exception as error:  # noqa: BLE001 - raised again where it is awaited
                settler, outcome = future.set_exception, error
            with contextlib.suppress(RuntimeError):  # the loop has closed meanwhile
                loop.call_soon_threadsafe(settle, settler, outcome)

        self._jobs.put(work)
        async with asyncio.timeout(seconds):
            return await future

    def post(self, job: Callable[[], None]) -> None:
        """Run the job some time; what comes of it interests nobody."""

        def work() -> None:
            with contextlib.suppress(Exception):
                job()

        self._jobs.put(work)

    def close(self) -> None:
        """No more calls; the one at work is left to itself."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
