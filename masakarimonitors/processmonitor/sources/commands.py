"""Which of our own commands run: told by the effects that run them, for the decision to have it remembered; and, where
an earlier life was killed before that was told, found among all that runs.

In: each start and end. Out: the same as observations, in order.
"""

import asyncio
import os
import shlex
import threading
from collections.abc import Callable, Sequence

from masakarimonitors.processmonitor.core.observation import CommandsRun, Observation
from masakarimonitors.processmonitor.sources.shown import SHORTAGE
from masakarimonitors.processmonitor.sources.stat import read_stat
from masakarimonitors.system.threads import Pool

# Reading the command line of a process that hangs in the kernel can hang with it.
_PATIENCE = 5.0
_MOST_HANGING = 3


class Commands:
    """The source; `tell` may be called before it runs."""

    name = "commands"

    def __init__(self) -> None:
        self._news: asyncio.Queue[CommandsRun] = asyncio.Queue()

    def tell(self, seen: CommandsRun) -> None:
        """So it is now."""
        self._news.put_nowait(seen)

    async def run(self, emit: Callable[[Observation], None]) -> None:
        """Until cancelled."""
        while True:
            emit(await self._news.get())


def left(lines: Sequence[str], since: float, proc: str = "/proc") -> Sequence[tuple[int, int]]:
    """Who may be one of these commands, begun by a life of this monitor since that monotonic second: pids, start times.

    Each of our commands leads a session. What shows another command line by now, as after an exec, is not found.
    Raises OSError.
    """
    wanted = [[os.fsencode(word) for word in shlex.split(line)] for line in lines]
    # No process begins before its monotonic second in the clock of start times, which also counts suspended time.
    first, found = int(since * os.sysconf("SC_CLK_TCK")), []
    us = _words(f"{proc}/self/cmdline")
    for name in os.listdir(proc):
        if not name.isdigit() or (pid := int(name)) == os.getpid():
            continue
        try:
            stat = read_stat(pid, proc)
            if stat.session != pid or stat.started < first or stat.ended:
                continue
            words = _words(f"{proc}/{name}/cmdline")
        except OSError as error:
            if error.errno in SHORTAGE:  # it may be one
                raise
            continue  # it has ended, or is hidden
        # Until the kernel has found its program, it shows what we show; for long where it waits for a disk.
        if any(_is_of(words, one) for one in wanted) or (words == us and stat.state == b"D"):
            found.append((pid, stat.started))
    return found


def _words(path: str) -> list[bytes]:
    with open(path, "rb") as file:
        return file.read().split(b"\0")[:-1]


def _is_of(words: Sequence[bytes], wanted: Sequence[bytes]) -> bool:
    """Whether a process with these words is this command: a script has its interpreter before, and its whole path."""
    if len(words) < len(wanted):
        return False
    program, *arguments = words[len(words) - len(wanted) :]
    return arguments == list(wanted[1:]) and os.path.basename(program) == os.path.basename(wanted[0])


class FindLeft:
    """As `left`, one after another, each on a thread of its own; while several of these hang, no further one is begun.

    Hundreds that look at all processes side by side would each take longer than that one may take.
    """

    def __init__(self, look: Callable[[Sequence[str], float], Sequence[tuple[int, int]]] = left) -> None:
        """`look` blocks."""
        self._look = look
        self._hang: list[threading.Event] = []
        self._turn = asyncio.Lock()

    async def __call__(self, lines: Sequence[str], since: float) -> Sequence[tuple[int, int]]:
        """TimeoutError where /proc does not answer, NoThread (RuntimeError) for no thread, OSError as `left`."""
        async with self._turn:
            return await self._find(lines, since)

    async def _find(self, lines: Sequence[str], since: float) -> Sequence[tuple[int, int]]:
        self._hang = [one for one in self._hang if not one.is_set()]
        if len(self._hang) >= _MOST_HANGING:
            raise TimeoutError
        over, pool = threading.Event(), Pool("procfs-left")

        def look() -> Sequence[tuple[int, int]]:
            try:
                return self._look(lines, since)
            finally:
                over.set()

        try:
            return await pool.call(look, _PATIENCE, always=True)
        except TimeoutError:
            self._hang.append(over)
            raise
        finally:
            pool.close()
