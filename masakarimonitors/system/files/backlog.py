"""What waits for a disk that nobody waits for: handed to a thread of its own, bounded, and counted where it is lost.

In: things to be written, one after another. Out: the same, in their order, as many at a time as have come meanwhile, to
whoever writes them on that thread. While the disk hangs, so many and so much of them wait; the others are lost. It
promises: who hands in neither waits nor hears of an exception.
"""

import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from masakarimonitors.system.tasks import apart
from masakarimonitors.system.threads import NoThread, Pool

T = TypeVar("T")


class Backlog(Generic[T]):
    """The things that wait, and the only thread that takes them."""

    def __init__(
        self,
        name: str,
        write: Callable[[Sequence[T]], None],
        *,
        most: int,
        most_bytes: int,
        on_fault: Callable[[str], None],
        on_mended: Callable[[], None],
    ) -> None:
        """`name`: the thread's. `write` is called on that thread, and says by `failed` or `wrote` what has come of it.

        `most` things wait at a time, and `most_bytes` of them, as whoever hands them in counts these. `on_fault` is
        told why nothing can be written, once, and `on_mended` that it can again; on any thread.
        """
        self._write = write
        self._most, self._most_bytes = most, most_bytes
        self._on_fault, self._on_mended = on_fault, on_mended
        self._pool = Pool(name)
        # What follows is touched under this lock alone.
        self._lock = threading.Lock()
        self._waiting: list[T] = []
        self._bytes = 0
        self._busy = False
        self._lost = 0
        self._fault = ""

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def lost(self) -> int:
        """How many are lost since the start."""
        return self._lost

    @property
    def fault(self) -> str:
        """Empty, or why nothing can be written at present."""
        return self._fault

    def take(self, thing: T, size: int) -> bool:
        """Have it written; False: there is no room for its `size` bytes, and it is lost."""
        with self._lock:
            if len(self._waiting) >= self._most or self._bytes + size > self._most_bytes:
                self._lost += 1
                return False
            self._waiting.append(thing)
            self._bytes += size
            if self._busy:
                return True
            self._busy = True
        try:
            self._pool.submit(self._work)
        except NoThread as shortage:
            with self._lock:
                self._busy = False
                left = self._all()
            self.failed(str(shortage), len(left))
        return True

    def lose(self, count: int = 1) -> None:
        """So many of those that were to be written are lost, and it was said why."""
        with self._lock:
            self._lost += count

    def failed(self, why: str, count: int) -> None:
        """So many are lost because of this."""
        with self._lock:
            self._lost += count
            news, self._fault = not self._fault, why
        if news:
            self._on_fault(why)

    def wrote(self) -> None:
        """Something could be written."""
        with self._lock:
            mended, self._fault = bool(self._fault), ""
        if mended:
            self._on_mended()

    async def close(self, last: float) -> None:
        """Wait until all is written, for `last` seconds at most."""
        # The only thread comes to this when all is written.
        try:
            with contextlib.suppress(TimeoutError, NoThread):
                await apart(self._pool.call(lambda: None, last))
        finally:
            self._pool.close()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._busy = False
                    return
                things = self._all()
            self._write(things)

    def _all(self) -> list[T]:
        things, self._waiting, self._bytes = self._waiting, [], 0
        return things
