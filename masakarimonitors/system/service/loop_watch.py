"""Whether the loop turns: where it does not, the process ends with the stacks of all its threads in the log.

For whoever starts it anew: systemd, whose own watchdog may be shorter, or what has none, as containers, sysvinit and
runit. A thread looks. It counts the time that it has seen pass itself, so that a process that was stopped, or a
host that was paused, has not stood still. A library that holds Python's own lock while it hangs stops this thread,
too; only systemd's watchdog sees that.
"""

import asyncio
import contextlib
import faulthandler
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator

from masakarimonitors.system.clock import beat_within
from masakarimonitors.system.service import log_writer

LOG = logging.getLogger(__name__)

EXIT_CODE = 70
"""As after any other fatal fault: a service manager starts the process again."""

_WORDS = (
    "The loop of this process has not turned for %.0f s ([DEFAULT] loop_stall_limit): nothing is watched or reported. "
    "The process ends now, to be started again; what each of its threads does:"
)

_LOOKS = 20
"""Looks within the time after which the loop counts as stalled."""


def _to_stderr(seconds: float, stacks: str) -> None:
    words = _WORDS % seconds
    print(f"CRITICAL {words}\n{stacks}", file=sys.stderr, flush=True)  # noqa: T201 - the log may be what hangs


def _to_log(seconds: float, stacks: str) -> None:
    LOG.critical(_WORDS, seconds)
    for line in stacks.splitlines():
        LOG.critical("%s", line)
    log_writer.finish()


def _stacks() -> str:
    with open(os.memfd_create("stacks", os.MFD_CLOEXEC), "r+", encoding="utf-8", errors="replace") as stacks:
        faulthandler.dump_traceback(stacks, all_threads=True)
        stacks.seek(0)
        return stacks.read()


def end(seconds: float) -> None:
    """End this process, at the latest two seconds from now; standard error and the log are told, whichever takes it."""
    until = time.monotonic() + 2 * log_writer.LAST_WORDS
    stacks = ""
    with contextlib.suppress(OSError):  # no descriptors
        stacks = _stacks()
    # Each by a thread of its own: either may be what hangs.
    words = [
        threading.Thread(target=tell, args=(seconds, stacks), daemon=True) for tell in (_to_stderr, _to_log)
    ]
    for one in words:
        with contextlib.suppress(RuntimeError):  # no thread: then without a word
            one.start()
    for one in words:
        with contextlib.suppress(RuntimeError):
            one.join(max(0.0, until - time.monotonic()))
    os._exit(EXIT_CODE)


class Stall:
    """How long the loop has not turned, as far as whoever looks has seen it: pure but for what it is told."""

    def __init__(self, limit: float) -> None:
        """`limit`: seconds."""
        self.every = limit / _LOOKS
        self._limit = limit
        self._turns = -1
        self._looked: float | None = None
        self.seconds = 0.0

    def look(self, turns: int, now: float) -> bool:
        """Whether it is too long, at monotonic second `now`, when the loop has made so many turns in all.

        Time in which nobody has looked, though somebody should have, counts for no more than one look.
        """
        passed = 0.0 if self._looked is None else min(now - self._looked, 2 * self.every)
        self._looked = now
        if turns != self._turns:
            self._turns, self.seconds = turns, 0.0
        else:
            self.seconds += passed
        return self.seconds >= self._limit


@contextlib.contextmanager
def watched(limit: float, ended: Callable[[float], None] = end) -> Iterator[None]:
    """While the block runs, have the running loop watched; `limit` seconds, 0 for never. `ended` ends the process."""
    if not limit:
        yield
        return
    loop, over, turns = asyncio.get_running_loop(), threading.Event(), 0
    stall = Stall(limit)
    timer: asyncio.TimerHandle

    def turn() -> None:
        nonlocal turns, timer
        turns += 1
        timer = loop.call_at(beat_within(stall.every, loop.time()), turn)

    def watch() -> None:
        while not over.wait(stall.every):
            if stall.look(turns, time.monotonic()):
                ended(stall.seconds)
                return

    turn()
    try:
        threading.Thread(target=watch, name="loop watch", daemon=True).start()
    except RuntimeError as shortage:
        LOG.error("No thread can watch whether this process goes on (%s): a stall would not end it", shortage)
    try:
        yield
    finally:
        over.set()
        timer.cancel()
