"""Blocking calls, bounded: a pool of a few daemon threads, and callers that wait as long as they say.

For what only knows how to block: libvirt, Corosync, /proc, the privileged helper, a disk. Neither a hung call
nor a thread of these delays the end of the process. Where a call should be over before the process ends
(the outbox's last commit), its caller waits for it.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from masakarimonitors.system.patience import Patience

T = TypeVar("T")


class NoThread(RuntimeError):
    """The operating system starts no further thread for this process; the message says what to look at."""


class Pool:
    """A few daemon threads for blocking calls; a caller waits as long as it says and no longer.

    A call that outlives its caller keeps its thread until it returns; when all threads are taken,
    further calls wait in line, within their own time. A pool of one thread keeps their order.
    """

    def __init__(self, name: str, threads: int = 1) -> None:
        """Threads start when they are first needed."""
        self._name = name
        self._limit = threads
        # All of what follows is touched under this lock alone, so that whoever hands in work never counts on
        # a thread that has just taken other work.
        self._changed = threading.Condition()
        self._line: deque[Callable[[], object]] = deque()
        self._threads = 0
        self._idle = 0
        self._closed = False

    async def call(
        self,
        function: Callable[[], T],
        timeout: float,
        *,
        too_late: Callable[[T], None] | None = None,
        always: bool = False,
    ) -> T:
        """What `function` returns or raises; TimeoutError after `timeout` seconds, its time in line included.

        A time in which this process stood still does not count: then the thread did, too.

        `too_late` gets (on a thread of the pool) a result that nobody waits for any more. A call that is
        still in line when its caller leaves is never made, unless it is `always` to be made. Raises NoThread.
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
            if gone.is_set() and not always:
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
            if not await Patience(timeout).wait(answer):
                raise TimeoutError
            return answer.result()
        except (TimeoutError, asyncio.CancelledError):
            # Either may come in the turn in which the answer does: nobody has it then, and it was not settled too late.
            if not answer.cancel() and answer.exception() is None:
                settle(answer.result(), None)
            raise
        finally:
            gone.set()

    def submit(self, work: Callable[[], object]) -> None:
        """Have `work` done by a thread, soon; nobody waits for it, nor hears of its exception.

        Raises NoThread, with `work` not done, when there is no thread and none can be started.
        """
        with self._changed:
            self._line.append(work)
            if self._idle >= len(self._line) or self._threads >= self._limit:
                self._changed.notify()
                return
            # Counted before it runs, taken back if it does not: a shortage must not outlast itself.
            self._threads += 1
        try:
            threading.Thread(target=self._serve, name=self._name, daemon=True).start()
        except RuntimeError as error:
            self._do_without(work, error)

    def _do_without(self, work: Callable[[], object], error: RuntimeError) -> None:
        """The thread for `work` could not be started: another one does it later, if there is any."""
        with self._changed:
            self._threads -= 1
            if self._threads:
                self._changed.notify()
                return
            with contextlib.suppress(ValueError):
                self._line.remove(work)
        raise NoThread(
            f"no thread can be started ({error}): this process or its cgroup has as many as it may have "
            "(systemd's TasksMax=, a container's limit of pids). It is tried again."
        ) from error

    def close(self, last: Callable[[], object] | None = None) -> None:
        """Let the threads end when they have nothing left to do.

        `last` is done even if each thread is inside of a call that never comes back: by one more.
        """
        if last is not None:
            self._limit += 1
            with contextlib.suppress(NoThread):
                self.submit(last)
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._idle += 1
                while not self._line and not self._closed:
                    self._changed.wait()
                self._idle -= 1
                if not self._line:
                    self._threads -= 1
                    return
                work = self._line.popleft()
            with contextlib.suppress(Exception):
                work()
