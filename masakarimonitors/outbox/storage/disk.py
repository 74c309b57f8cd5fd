"""The store behind a deadline: a disk that hangs is left alone, and tried again by a fresh thread.

In: calls of the store, one after another. Out: what they return, or StoreFault, never later than the deadline. A
thread that hangs inside of a disk cannot be ended; it keeps the store that it was given, which gives up whatever it
has not yet committed, and everybody else goes on with another one for the same file.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import Executor, Future
from enum import Enum
from typing import Any, TypeVar

from masakarimonitors.outbox.storage.store import Store, StoreFault
from masakarimonitors.system.clock import Clock
from masakarimonitors.system.patience import within
from masakarimonitors.system.tasks import apart
from masakarimonitors.system.threads import NoThread, Pool

LOG = logging.getLogger(__name__)
T = TypeVar("T")

DEADLINE = 10.0
"""Seconds after which a call counts as hung: more than sqlite waits for whoever else holds the file."""

# A disk that hangs is tried again after so many seconds, twice as many each time: each try may cost a thread.
_FIRST_TRY, _LAST_TRY = 30.0, 3600.0


class Answering(Enum):
    """Whether the disk answers."""

    YES = "it answers, if only with a fault"
    NO = "it hangs, and is left alone"
    PERHAPS = "it is worth a try"


class Seen(Enum):
    """What happens to a call, or to the time."""

    ANSWERED = "a call came back within its time"
    TIMED_OUT = "a call did not"
    NOT_ASKED = "a call could not be made: there is no thread for it"
    CAME_BACK = "a call that had hung came back"
    WAITED = "it was left alone for long enough"


_MOVES = {
    (Answering.YES, Seen.TIMED_OUT): Answering.NO,
    (Answering.NO, Seen.CAME_BACK): Answering.PERHAPS,
    (Answering.NO, Seen.WAITED): Answering.PERHAPS,
    (Answering.PERHAPS, Seen.TIMED_OUT): Answering.NO,
    # Or it would be asked again at once, and for ever, by a process that has no thread left.
    (Answering.PERHAPS, Seen.NOT_ASKED): Answering.NO,
    (Answering.PERHAPS, Seen.ANSWERED): Answering.YES,
}


def move(state: Answering, seen: Seen) -> Answering:
    """What is known of the disk next; what is not in the table changes nothing."""
    return _MOVES.get((state, seen), state)


class Disk:
    """A store that is called on a thread of its own, within a deadline."""

    def __init__(self, store: Store, clock: Clock, deadline: float, on_change: Callable[[], None]) -> None:
        """`deadline`: seconds for each call; `on_change` is called when a disk that hung is worth a try."""
        self._store = store
        self._clock = clock
        self._deadline = deadline
        self._on_change = on_change
        self._answering = Answering.YES
        self._thread = _Thread() if store.blocks else None
        self._patience = _FIRST_TRY
        self._until = 0.0

    @property
    def store(self) -> Store:
        """The store that is called at present; for what does not touch the disk."""
        return self._store

    @property
    def hangs(self) -> bool:
        """Whether it does not answer at present."""
        return self._answering is not Answering.YES

    def is_worth_a_try(self) -> bool:
        """Whether a disk that has hung was left alone for long enough, or a call that hung has come back."""
        if self._clock.now().monotonic >= self._until:
            self._see(Seen.WAITED)
        return self._answering is Answering.PERHAPS

    async def call(self, function: Callable[[Store], T], *, anew: bool = True) -> T:
        """What `function` returns; raises StoreFault, also when the disk hangs, or has hung just now.

        `anew`: whether a disk that has hung may be tried again for it.
        """
        if self._thread is None:
            return function(self._store)
        if self.hangs and not (anew and self.is_worth_a_try()):
            raise self._fault()
        store = self._store
        try:
            async with within(self._deadline):
                answer = await asyncio.get_running_loop().run_in_executor(self._thread, function, store)
        except NoThread as shortage:
            if self.hangs:
                self._see(Seen.NOT_ASKED)
                self._wait_longer()
            # Unread at a start: what waits in the file is there, and whoever went on without it would forget it.
            raise StoreFault(f"{store.where}: {shortage}", lasting=False, unread=True) from shortage
        except TimeoutError:
            self._leave()
            raise self._fault() from None
        except StoreFault:
            self._see(Seen.ANSWERED)
            raise
        self._see(Seen.ANSWERED)
        self._patience = _FIRST_TRY
        return answer

    async def close(self) -> None:
        """Let go of the store; what hangs is not waited for."""
        with contextlib.suppress(StoreFault):
            await apart(self.call(lambda store: store.close(), anew=False))
        if self._thread is not None:
            self._thread.pool.close()

    def _see(self, seen: Seen) -> None:
        self._answering = move(self._answering, seen)

    def _leave(self) -> None:
        """The thread is left to the disk, with the store that it holds."""
        assert self._thread is not None
        loop, hung, left = asyncio.get_running_loop(), self._thread.pool, self._store
        self._see(Seen.TIMED_OUT)
        self._wait_longer()
        self._store, self._thread = left.renewed(), _Thread()

        def came_back() -> None:
            left.close()
            with contextlib.suppress(RuntimeError):  # the loop has ended, and everything with it
                loop.call_soon_threadsafe(self._came_back)

        # Its only thread gets there when the hung call is over.
        hung.submit(came_back)
        hung.close()

    def _wait_longer(self) -> None:
        """Left alone from now on, twice as long as the last time."""
        self._until = self._clock.now().monotonic + self._patience
        self._patience = min(self._patience * 2, _LAST_TRY)

    def _came_back(self) -> None:
        self._see(Seen.CAME_BACK)
        self._on_change()

    def _fault(self) -> StoreFault:
        return StoreFault(
            f"{self._store.where}: the disk does not answer (no answer within {self._deadline:g} s)",
            lasting=False,
        )


class _Thread(Executor):
    """One daemon thread: neither it nor the call that it is in delays the end of the process."""

    def __init__(self) -> None:
        self.pool = Pool("outbox")

    def submit(self, function: Callable[..., T], /, *arguments: Any, **named: Any) -> Future[T]:
        """Have it done next; raises NoThread."""
        answer: Future[T] = Future()

        def work() -> None:
            if not answer.set_running_or_notify_cancel():
                return
            try:
                answer.set_result(function(*arguments, **named))
            except BaseException as error:  # noqa: BLE001 - handed to whoever waits
                answer.set_exception(error)

        self.pool.submit(work)
        return answer
