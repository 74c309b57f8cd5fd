"""Reading what an operator has written: of bounded size, within a time, and by a thread.

A file may lie on a server that does not answer, or be a pipe that nobody fills; whoever opens it hangs then, and cannot
be ended. So a thread reads it, and whoever is not answered in time goes on with what it has. While a read hangs, none
other of the same file is begun beside it.
"""

import asyncio
import contextlib
import os
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from masakarimonitors.system.threads import NoThread, Pool

T = TypeVar("T")

DEADLINE = 10.0
"""Seconds after which a read counts as hung."""

LONGEST = 1 << 20
"""Bytes that a file of an operator may have: what has more takes seconds to be understood, and is no list of ours."""

Stamp = tuple[int, int, int, int]
"""What tells one content of a file from another."""


class Unreadable(ValueError):
    """The file cannot be read; the message says why, not which file."""


def read_bytes(path: str | os.PathLike[str], longest: int = LONGEST) -> bytes:
    """What stands in the file; raises Unreadable. Blocks for as long as its file system does."""
    try:
        # What is no file (a pipe that nobody fills) would never come to its end.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Unreadable("cannot be read: it is no ordinary file")
            raw = file.read(longest + 1)
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(f"cannot be read: {error}") from error
    if len(raw) > longest:
        raise Unreadable(f"is larger than {longest >> 20} MiB, as no such file is")
    return raw


def read_text(path: str | os.PathLike[str], longest: int = LONGEST) -> str:
    """The text of the file, which is UTF-8; raises Unreadable. Blocks for as long as its file system does."""
    raw = read_bytes(path, longest)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        raise Unreadable(f"cannot be read: line {line}, column {column} is not UTF-8 text") from error


def stamp_of(path: str | os.PathLike[str]) -> Stamp | None:
    """The stamp of the file at `path` now; None when there is none. Blocks for as long as its file system does."""
    try:
        seen = os.stat(path)
    except (OSError, ValueError):
        return None
    return seen.st_mtime_ns, seen.st_size, seen.st_ino, seen.st_dev


def in_time(path: str | os.PathLike[str], read: Callable[[], T], deadline: float = DEADLINE) -> T:
    """What `read` returns or raises; Unreadable after so many seconds. Blocks so long, for use before a loop turns."""
    outcome: list[tuple[T | None, BaseException | None]] = []
    done = threading.Event()

    def work() -> None:
        try:
            outcome.append((read(), None))
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            outcome.append((None, error))
        done.set()

    threading.Thread(target=work, name=f"read {path}", daemon=True).start()
    if not done.wait(deadline):
        raise Unreadable(_silent(deadline))
    result, error = outcome[0]
    if error is not None:
        raise error
    return result  # type: ignore[return-value]


def _silent(deadline: float) -> str:
    return f"cannot be read: the file system that it lies on has not answered within {deadline:g} s"


@dataclass(slots=True)
class _Left:
    """A read for which nobody waits any more; `back` is set when it returns. `hung`: it was not in time."""

    back: threading.Event
    hung: bool


_left: dict[str, _Left] = {}
"""By path."""


class Reader:
    """Reads one file again and again while the loop goes on, on a thread that it keeps until it is closed."""

    def __init__(self, path: str | os.PathLike[str], deadline: float = DEADLINE) -> None:
        """`deadline`: seconds for each read."""
        self._path = str(path)
        self._deadline = deadline
        self._pool = Pool(f"read {self._path}")

    async def call(self, read: Callable[[], T]) -> T:
        """What `read` returns or raises; Unreadable when it has not within its time, or an earlier one still hangs."""
        earlier = _left.get(self._path)
        if earlier is not None and not earlier.back.is_set():
            await self._outwait(earlier)
        _left.pop(self._path, None)
        back = threading.Event()

        def work() -> T:
            try:
                return read()
            finally:
                back.set()

        try:
            # Always: one that is skipped, because its caller left before the thread came to it, would never be back.
            return await self._pool.call(work, self._deadline, always=True)
        except NoThread as shortage:
            raise Unreadable(f"cannot be read: {shortage}") from shortage
        except TimeoutError:
            _left[self._path] = _Left(back, hung=True)
            raise Unreadable(_silent(self._deadline)) from None
        except asyncio.CancelledError:
            _left[self._path] = _Left(back, hung=False)
            raise

    async def _outwait(self, earlier: _Left) -> None:
        """One whose caller was cancelled may be about to come back; of one that was not in time that is known."""
        if not earlier.hung:
            # One that is cancelled here leaves a thread that ends by itself.
            with contextlib.suppress(NoThread):
                waited = partial(earlier.back.wait, self._deadline)
                earlier.hung = not await self._pool.call(waited, 2 * self._deadline)
        if earlier.hung:
            raise Unreadable(_silent(self._deadline))

    def close(self) -> None:
        """Let its thread end when it can; nobody waits for it."""
        self._pool.close()


async def read_aside(path: str | os.PathLike[str], read: Callable[[], T], deadline: float = DEADLINE) -> T:
    """What `read` returns or raises, once, as `Reader.call`."""
    reader = Reader(path, deadline)
    try:
        return await reader.call(read)
    finally:
        reader.close()
