"""How late the loop gets to what is due: the longest that it was kept waiting within the last minute or two.

A loop that is late has somebody computing on it, or a computer with too little processor time. What it sees and tells
is late by as much. A stall that lasts is a matter for `loop_watch`.
"""

import asyncio
import contextlib
from collections.abc import Iterator

from masakarimonitors.system.clock import beat_within

_EVERY = 2.0
"""Seconds between two looks, at most."""
_SPAN = 60.0


class Lag:
    """The longest of two spans, the present one and the one before, so that none is forgotten at once. Pure."""

    def __init__(self, span: float = _SPAN) -> None:
        """`span`: seconds."""
        self._span = span
        self._began = 0.0
        self._now = self._before = 0.0

    def note(self, late: float, at: float) -> None:
        """At that second the loop was so many seconds late."""
        if at - self._began >= self._span:
            gone = at - self._began >= 2 * self._span
            self._began, self._before, self._now = at, 0.0 if gone else self._now, 0.0
        self._now = max(self._now, late)

    @property
    def longest(self) -> float:
        """Seconds."""
        return max(self._now, self._before)


_measured: list[Lag] = []


def longest() -> float | None:
    """Seconds by which the loop of this process was late at most; None where nobody measures."""
    return max((lag.longest for lag in _measured), default=None)


@contextlib.contextmanager
def measured() -> Iterator[None]:
    """While the block runs, have the running loop measured."""
    loop, lag = asyncio.get_running_loop(), Lag()
    timer: asyncio.TimerHandle

    def look(due: float) -> None:
        nonlocal timer
        now = loop.time()
        lag.note(max(0.0, now - due), now)
        due = beat_within(_EVERY, now)
        timer = loop.call_at(due, look, due)

    _measured.append(lag)
    look(loop.time())
    try:
        yield
    finally:
        _measured.remove(lag)
        timer.cancel()
