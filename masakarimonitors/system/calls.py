"""Blocking calls, bounded: a few daemon threads, and callers that wait as long as they say.

For libraries that only know how to block. Neither a hung call nor a thread of these delays the end of
the process, unlike concurrent.futures, whose threads are joined at exit.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Pool:
    """A few daemon threads for blocking calls; a caller waits as long as it says and no longer.

    A call that outlives its caller keeps its thread until it returns; when all threads are taken,
    further calls wait in line, within their own time.
    """

    def __init__(self, name: str, threads: int = 1) -> None:
        """Threads start when they are first needed."""
        self._name = name
        self._limit = threads
        self._started = 0
        self._idle = 0
        self._lock = threading.Lock()
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    async def call(
        self, function: Callable[[], T], timeout: float, *, too_late: Callable[[T], None] | None = None
    ) -> T:
        """What `function` returns or raises; TimeoutError after `timeout` seconds.

        `too_late` gets (on the worker thread) a result that nobody waits for any more. A call that is
        still in line when its caller leaves is never made.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        gone = threading.Event()

        def settle(result: T | None, error: BaseException | None) -> None:
            if answer.done():
                if error is None and too_late is not None:
                    self.submit(lambda: too_late(result))  # type: ignore[arg-type]
            elif error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(result)  # type: ignore[arg-type]

        def work() -> None:
            if gone.is_set():
                return
            result, error = None, None
            try:
                result = function()
            except BaseException as caught:  # noqa: BLE001 - handed to whoever waits
                error = caught
            with contextlib.suppress(RuntimeError):  # the loop has ended, and everything with it
                loop.call_soon_threadsafe(settle, result, error)

        self.submit(work)
        try:
            async with asyncio.timeout(timeout):
                return await answer
        finally:
            gone.set()

    def submit(self, work: Callable[[], None]) -> None:
        """Have `work` done by a thread, soon; nobody waits for it."""
        with self._lock:
            start = self._idle <= self._calls.qsize() and self._started < self._limit
            self._started += start
            self._calls.put(work)
        if start:
            threading.Thread(target=self._serve, name=self._name, daemon=True).start()

    def close(self) -> None:
        """Let the threads end when they have nothing left to do."""
        with self._lock:
            for _ in range(self._started):
                self._calls.put(None)

    def _serve(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            work = self._calls.get()
            with self._lock:
                self._idle -= 1
            if work is None:
                return
            work()
