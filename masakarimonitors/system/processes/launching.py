"""Starting a command while the loop goes on: by a thread, within a time, and given up without a trace.

The kernel starts a program only when it has found and read it, and whoever asks for that waits: for ever, where the
program lies on a file system that does not answer. So a thread asks. Who is not waited for any more is killed, even
before it has executed a single instruction of its program, and collected.
"""

import asyncio
import contextlib
import errno
import logging
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from masakarimonitors.system.processes.limits import allowed_descriptors
from masakarimonitors.system.processes.process_tree import children, kill_tree
from masakarimonitors.system.threads import NoThread, Pool

if TYPE_CHECKING:
    from masakarimonitors.system.processes.command import Launched

LOG = logging.getLogger(__name__)

_LEFT_OPEN_EVERY = 30.0
# Output that has grown by so many bytes is looked at again so soon (seconds).
_GROWS, _GROWS_EVERY = 1 << 20, 1.0

_IN_MEMORY = "/memfd:"

# Commands whose output somebody still writes to, those first that have left it so for longest; whether that was told.
_left_open: dict["Launched", bool] = {}

Start = Callable[[Callable[[list[int]], None]], "Launched"]
"""Starts a command, blocking; hands on to its argument, ahead of that, the files of its output. Raises OSError."""


class NotBegun(OSError):
    """The time was up before the program was executed.

    `killed`: its process (by pid) with its start time; `survivors`: what of it still hangs in the kernel, and runs
    nothing when that ends.
    """

    def __init__(self, within: float, killed: Mapping[int, int]) -> None:
        """`within`: the seconds that it had."""
        super().__init__(
            errno.ETIMEDOUT,
            f"the kernel has not begun to execute it within {within:g} s: the file system on which the program lies "
            "does not answer; look at that mount, or name a program on another one",
        )
        self.killed = killed
        self.survivors: tuple[int, ...] = ()


async def launch(start: Start, within: float) -> "Launched":
    """The command that `start` has started, within so many seconds.

    Raises what `start` raises, BlockingIOError (EAGAIN) when there is no thread for it, and NotBegun. When the time is
    up, or the caller is cancelled, nothing of the command is left that is not killed.
    """
    loop, pool, stdout = asyncio.get_running_loop(), Pool("launch"), Stdout()
    try:
        return await pool.call(lambda: start(stdout.keep), within, too_late=partial(_end, loop))
    except NoThread as shortage:
        raise BlockingIOError(errno.EAGAIN, str(shortage)) from shortage
    except TimeoutError as error:
        if isinstance(error, OSError) and error.errno:  # it is what the start has come to
            raise
        raise NotBegun(within, stdout.kill()) from None
    except asyncio.CancelledError:
        stdout.kill()
        raise
    finally:
        # By the thread, after what it does: the file may lie on storage that does not answer, where a close waits too.
        with contextlib.suppress(NoThread):  # then nothing was begun, and there is no file
            pool.submit(stdout.close)
        pool.close()


class Stdout:
    """The file that is the stdout of one command, and of no other: by it its process is found, before it has begun."""

    def __init__(self) -> None:
        """Of none yet."""
        self._lock = threading.Lock()
        self._fd: int | None = None
        self._closed = False

    def keep(self, outputs: list[int]) -> None:
        """Called on the thread that starts the command; raises OSError when nobody waits for that any more."""
        with self._lock:
            if self._closed:
                # The thread may have hung ahead of this, on the files of the output. Who was told that nothing has
                # begun may have begun another by now.
                raise OSError(errno.ECANCELED, "nobody waits for it any more")
            self._fd = os.dup(outputs[0])

    @property
    def asked(self) -> bool:
        """Whether the kernel was about to be asked for the program: whoever hangs now, hangs there."""
        return self._fd is not None

    def kill(self, kill: Callable[[int], Mapping[int, int]] = kill_tree) -> Mapping[int, int]:
        """Kill whoever has it, and let nobody get it from now on; whom it has killed (by pid), with start times.

        `kill` may do it in another way.
        """
        with self._lock:
            self._closed = True
            # Under the lock: once it is closed, its number may be that of another command's output. Nobody but the
            # thread that starts this one waits for it meanwhile.
            pid = being_started(self._fd) if self._fd is not None else 0
        return kill(pid) if pid else {}

    def close(self) -> None:
        """Forget it. Blocks for as long as its storage does."""
        with self._lock:
            self._closed = True
            fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)


def being_started(stdout: int) -> int:
    """The pid of our child whose stdout is this file, whether it executes its program yet or not; 0 for none.

    Each may lie on storage that does not answer, where a look at the file itself hangs whoever looks: it is known by
    what the kernel tells without that storage.
    """
    with contextlib.suppress(OSError):
        wanted = _known_as("self", stdout)
        for pid in children():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                if _known_as(str(pid), 1) == wanted:
                    return pid
    return 0


def _known_as(pid: str, fd: int) -> tuple[str, ...]:
    """Name, mount and inode of an open file; raises OSError."""
    name = os.readlink(f"/proc/{pid}/fd/{fd}")
    with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii", errors="replace") as file:
        told = dict(line.split(":", 1) for line in file.read().splitlines() if ":" in line)
    mount, inode = told.get("mnt_id", "").strip(), told.get("ino", "").strip()
    if not inode and name.startswith(_IN_MEMORY):  # all have one name, and none is anywhere but in memory
        inode = str(os.stat(f"/proc/{pid}/fd/{fd}").st_ino)
    # Before Linux 5.14 the inode is not told there; the names of files without a link hold it, or are random.
    return name, mount, inode


def _end(loop: asyncio.AbstractEventLoop, launched: "Launched") -> None:
    """Nobody wants it any more; called on a thread."""
    launched.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        launched.reap()
    with contextlib.suppress(RuntimeError):  # the loop has ended, and everything with it
        loop.call_soon_threadsafe(reap_later, loop, launched)


def watch_left_open(
    loop: asyncio.AbstractEventLoop, launched: "Launched", wait: float = _GROWS_EVERY
) -> None:
    """It was collected: close its output, as soon as nobody writes to it any more.

    Looked at again after `wait` seconds, soon while it grows and else ever more seldom. Who is there at the second look
    is told of: what ends moments after its command is nobody's fault.
    """

    def again(grown: int) -> None:
        told = _left_open.get(launched)
        if told is False:
            LOG.warning(
                "What %s (pid %d) has left behind keeps its output open, which is kept small while this monitor runs, "
                "and then fills %s unseen: have that command redirect the output of what it leaves",
                launched.program,
                launched.pid,
                tempfile.gettempdir(),
            )
        _left_open[launched] = told is not None
        if len(_left_open) > most_left_open():
            oldest = next(iter(_left_open))
            del _left_open[oldest]
            LOG.warning(
                "What %d commands have left behind keeps their output open. That of the oldest (%s, pid %d) is not "
                "kept small any more",
                len(_left_open) + 1,
                oldest.program,
                oldest.pid,
            )
            oldest.forget_aside()
        pause = _GROWS_EVERY if grown >= _GROWS else wait
        loop.call_later(pause, look, min(2 * pause, _LEFT_OPEN_EVERY))

    def look(wait: float) -> None:
        if launched in _left_open:
            watch_left_open(loop, launched, wait)

    def in_loop(what: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and everything with it
            loop.call_soon_threadsafe(what)

    launched.let_go_aside(
        lambda grown: in_loop(partial(again, grown)), lambda: in_loop(partial(_left_open.pop, launched, None))
    )


def most_left_open() -> int:
    """Of so many commands the output may be left open: two descriptors each, of an eighth of those that we may have."""
    return max(8, allowed_descriptors() // 16)


def reap_later(loop: asyncio.AbstractEventLoop, launched: "Launched") -> None:
    """It goes on without us; once it has ended, nothing of it is kept."""
    if launched.has_ended():
        with contextlib.suppress(subprocess.TimeoutExpired):
            launched.reap()
        watch_left_open(loop, launched)
    else:
        launched.trim_aside()
        loop.call_later(_LEFT_OPEN_EVERY, reap_later, loop, launched)
