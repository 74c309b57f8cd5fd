"""The log on a thread of its own: whatever takes it may be slow, hang or refuse, and nobody waits for it.

In: the handlers that logging was set up with, and every record that is logged from then on. Out: the same lines in the
same order, written by one thread. While nothing takes them, so many are kept and the others are lost and counted; how
many it were is the first line of when it goes on. A process that is forked off writes directly, as before.
"""

import atexit
import copy
import logging
import os
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from queue import SimpleQueue

MOST_LINES = 4096
"""Lines that are kept while nothing takes them."""

MOST_CHARACTERS = 4 << 20
"""Characters of them, all together."""

LAST_WORDS = 1.0
"""Seconds that the end of a process waits for what is still to be written."""

_PLAIN = frozenset({str, int, float, bool, type(None)})


@dataclass(frozen=True, slots=True)
class _Line:
    record: logging.LogRecord
    length: int
    handlers: Sequence[logging.Handler]


class Writer:
    """One thread that hands records to their handlers, and counts those that it cannot."""

    def __init__(self, lines: int = MOST_LINES, characters: int = MOST_CHARACTERS) -> None:
        """How much is kept at most. The thread is started with `start`."""
        self._most = (lines, characters)
        # Not a Queue: its lock is no place to be in when the garbage collector has something to log.
        self._queue: SimpleQueue[_Line | threading.Event] = SimpleQueue()
        self._counts = threading.RLock()
        self._lines = self._characters = 0
        self._lost = self._told = 0
        self._lost_since: float | None = None
        self._refusal = ""
        self._refused = False

    @property
    def lost(self) -> int:
        """How many lines are lost since the start, for whatever reason."""
        return self._lost

    def start(self) -> None:
        """Start the thread; raises RuntimeError when there can be none."""
        threading.Thread(target=self._work, name="log", daemon=True).start()

    def take(self, record: logging.LogRecord, handlers: Sequence[logging.Handler]) -> None:
        """Have it written, or count it as lost; never waits."""
        settled, length = _settled(record)
        with self._counts:
            if self._lines >= self._most[0] or self._characters + length > self._most[1]:
                self._lose()
                return
            self._lines += 1
            self._characters += length
        self._queue.put(_Line(settled, length, handlers))

    def finish(self, seconds: float) -> bool:
        """Wait at most so long until all that was taken so far is written; whether it is."""
        done = threading.Event()
        self._queue.put(done)
        return done.wait(seconds)

    def refused(self, fault: BaseException) -> None:
        """A handler could not write the line that it was given; called on the thread."""
        self._refused, self._refusal = True, str(fault) or type(fault).__name__

    def _lose(self) -> None:
        with self._counts:
            self._lost += 1
            if self._lost_since is None:
                self._lost_since = time.monotonic()

    def _work(self) -> None:
        while True:
            line = self._queue.get()
            if isinstance(line, threading.Event):
                line.set()
                continue
            self._write(line.record, line.handlers)
            with self._counts:
                self._lines -= 1
                self._characters -= line.length
                drained = not self._lines
            if drained and self._lost > self._told and not self._refused:
                self._tell(line.handlers)

    def _write(self, record: logging.LogRecord, handlers: Iterable[logging.Handler]) -> None:
        self._refused = False
        for handler in handlers:
            if record.levelno >= handler.level:
                try:
                    handler.handle(record)
                except Exception as fault:  # noqa: BLE001 - the next line may do better, and nobody else writes it
                    self.refused(fault)
        if self._refused:
            self._lose()

    def _tell(self, handlers: Iterable[logging.Handler]) -> None:
        with self._counts:
            lost, since = self._lost - self._told, self._lost_since
            self._told, self._lost_since = self._lost, None
            why, self._refusal = self._refusal or "it was taken too slowly, or not at all", ""
        seconds = 0.0 if since is None else time.monotonic() - since
        words = "%d lines of the log are lost, of the last %.0f s (%s): look at what takes the log; nothing else waited"
        record = logging.LogRecord(
            __name__, logging.WARNING, __file__, 0, words, (lost, seconds, why), exc_info=None
        )
        self._write(record, handlers)


class Queued(logging.Handler):
    """Stands in the place of the handlers of one logger."""

    def __init__(self, writer: Writer, handlers: Sequence[logging.Handler]) -> None:
        """`handlers`: who writes, each with its own level, filters and format."""
        super().__init__()
        self._writer = writer
        self.handlers = tuple(handlers)
        for handler in handlers:
            _hear_refusals(handler, writer)

    def emit(self, record: logging.LogRecord) -> None:
        """Hand it over."""
        self._writer.take(record, self.handlers)


def _hear_refusals(handler: logging.Handler, writer: Writer) -> None:
    """A disk that is full is no reason for a traceback on standard error with each line; a slip in a call still is."""
    complain = handler.handleError

    def hear(record: logging.LogRecord) -> None:
        fault = sys.exc_info()[1]
        if isinstance(fault, OSError):
            writer.refused(fault)
        else:
            complain(record)

    handler.handleError = hear  # type: ignore[method-assign]


def _settled(record: logging.LogRecord) -> tuple[logging.LogRecord, int]:
    """The record as it is now, whatever becomes of what it was made of; and about how long it is."""
    settled = copy.copy(record)
    try:
        message = record.getMessage()
    except Exception:  # noqa: BLE001 - a slip in the call: the handler says so
        return settled, 0
    given = record.args.values() if isinstance(record.args, Mapping) else record.args or ()
    if type(record.msg) is not str or not all(type(one) in _PLAIN for one in given):
        settled.msg, settled.args = message, ()
    return settled, len(message)


_writers: list[Writer] = []


def take_over() -> None:
    """Write what all loggers that are set up now are given by a thread; call it again after they were set up anew.

    Where there can be no thread, they go on as they are.
    """
    if not _writers:
        writer = Writer()
        try:
            writer.start()
        except RuntimeError:
            return
        _writers.append(writer)
        os.register_at_fork(after_in_child=_write_directly)
        atexit.register(finish)
    for logger in _loggers():
        direct = [one for one in logger.handlers if not isinstance(one, Queued)]
        if direct:
            queued = [one for one in logger.handlers if isinstance(one, Queued)]
            logger.handlers = [*queued, Queued(_writers[0], direct)]


def finish(seconds: float = LAST_WORDS) -> bool:
    """Wait at most so long until what was logged is written; whether it is."""
    return all(writer.finish(seconds) for writer in _writers)


def lost_lines() -> int:
    """How many lines of the log were lost."""
    return sum(writer.lost for writer in _writers)


def _loggers() -> list[logging.Logger]:
    known = [logging.getLogger(), *logging.root.manager.loggerDict.values()]
    return [one for one in known if isinstance(one, logging.Logger)]


def _write_directly() -> None:
    """In a child that was forked off, which has none of our threads."""
    for logger in _loggers():
        logger.handlers = [
            direct
            for one in logger.handlers
            for direct in (one.handlers if isinstance(one, Queued) else (one,))
        ]
    _writers.clear()
