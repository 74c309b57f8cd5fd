"""Running an outside command: no shell, a time-out, and nothing left behind.

`run` starts the command in a session of its own, sees its exit through a pidfd (no thread, no
SIGCHLD) and kills its whole tree when the time is up, but for what it is asked to spare. A thread starts it
(launching.py). Output goes
to unlinked files, not to pipes: a daemon that the command leaves behind may keep them open without
holding us up, and is not killed by SIGPIPE when we close or die. The blocking pieces above `run` serve
the privileged helper too.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import re
import select
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from masakarimonitors.system.processes import limits, spawning
from masakarimonitors.system.processes.launching import NotBegun as NotBegun
from masakarimonitors.system.processes.launching import launch, reap_later, watch_left_open
from masakarimonitors.system.processes.process_tree import kill_tree as kill_tree
from masakarimonitors.system.processes.process_tree import still_alive
from masakarimonitors.system.processes.process_tree import tree as tree
from masakarimonitors.system.threads import NoThread, Pool

LOG = logging.getLogger(__name__)

OUTPUT_LIMIT = 1 << 20
"""Bytes kept of each of stdout and stderr; the output of every command that we run is far below."""

_TRIM_ABOVE = 4 << 20
"""A command, or a daemon left by it, that writes more than this many bytes loses the older ones."""

_TRIM_EVERY = 0.5
# Seconds within which what a command has written is read, or it counts as unreadable.
_READ_WITHIN = 10.0
_DIE_WITHIN = 5.0
_REAP_WITHIN = 0.2
_LOOK_EVERY = 0.05

# What says where programs, words and buses are, and whose session this is. All else may be a secret of ours: Consul's
# token, a kubeconfig, a BMC's password, and what the next release will read.
_HANDED_ON = re.compile(
    r"(?:PATH|HOME|LANG|LANGUAGE|LC_[A-Z]+|TZ|TERM|SHELL|USER|LOGNAME|TMPDIR|LD_LIBRARY_PATH|XDG_RUNTIME_DIR"
    r"|DBUS_(?:SYSTEM|SESSION)_BUS_ADDRESS)\Z"
)

_IGNORED = signal.SIGURG
"""A signal that does nothing to who has not asked for it."""


Spare = Callable[[], Awaitable[Collection[int] | None]]
"""Asked, when a command's time is up, whom of its processes (by pid) to let live, with all that is below them; None
where nobody can tell: then all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a command ended.

    `exit_code` is the command's own, or minus the number of the signal that ended it. `output` is
    stdout, `errors` is stderr. `timed_out`: it was killed by us, with all that it had started but `spared`.
    `survivors`: those that still run, because they hang in the kernel or because killing them is not allowed.
    `left`: its time was up, and nobody was killed, because nobody could tell whom to spare.
    """

    exit_code: int
    output: str
    timed_out: bool
    seconds: float
    errors: str = ""
    spared: tuple[int, ...] = ()
    survivors: tuple[int, ...] = ()
    left: bool = False

    @property
    def ok(self) -> bool:
        """It ended by itself with exit code 0; where it wrote what does not matter."""
        return self.exit_code == 0 and not self.timed_out


class Launched:
    """A command that was started and not yet collected; its pid stays ours until `reap`."""

    def __init__(
        self,
        argv: Sequence[str],
        env: Mapping[str, str] | None,
        cwd: str | None,
        keep: int = OUTPUT_LIMIT,
        *,
        umask: int = -1,
        before: Callable[[list[int]], None] = lambda outputs: None,
    ) -> None:
        """Start `argv`, or raise OSError: no such program, not executable, too many processes.

        Blocks for as long as the kernel needs to find and read the program: for ever, if it lies on a file system
        that does not answer. `umask` -1: our own. `before` gets the `outputs` ahead of the start; when it raises,
        nothing is started.
        """
        self._keep = keep
        self._read: list[int] = []
        # Who kills and who collects come from different threads of the helper.
        self._held = threading.Lock()
        # Who forgets the output comes while another thread may stand still in a look at it, and must not close beneath
        # that one: the number may be another file's by then, which would be cut, or closed.
        self._closing = threading.Lock()
        with contextlib.ExitStack() as undo, contextlib.ExitStack() as started:
            write = []
            for _stream in ("stdout", "stderr"):
                reader, writer = _unlinked_file()
                undo.callback(os.close, reader)
                started.callback(os.close, writer)
                self._read.append(reader)
                write.append(writer)
            nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
            started.callback(os.close, nothing)
            before(self.outputs)
            self._popen: spawning.Child = spawning.start(
                argv, stdin=nothing, stdout=write[0], stderr=write[1], env=env, cwd=cwd, umask=umask
            )
            undo.pop_all()
        self.pid = self._popen.pid
        self.program = argv[0]
        self._files = Pool("output")
        self._trimming = False
        self._size_before = 0
        limits.restore_for(self.pid)

    @property
    def outputs(self) -> list[int]:
        """The files into which stdout and stderr are written, open for reading; `let_go` closes them."""
        return list(self._read)

    def trim(self) -> None:
        """Drop what was written so far, if it is too much to keep."""
        for reader in self._read:
            _trim(reader, max(_TRIM_ABOVE, self._keep))

    def trim_aside(self) -> None:
        """The same on a thread, which nobody waits for: where the output lies, storage may not answer."""
        if self._trimming:
            return

        def work() -> None:
            try:
                self.trim()
            finally:
                self._trimming = False

        self._trimming = True
        try:
            self._files.submit(work)
        except NoThread:
            self._trimming = False

    def let_go_aside(self, left: Callable[[int], None], done: Callable[[], None] = lambda: None) -> None:
        """Close the output on a thread; `left` is called there when some of it is to be tried again, or all of it, with
        the bytes that it has grown by since this was last asked for, and else `done`. The thread ends then: who has it
        tried again needs none meanwhile."""
        files, self._files = self._files, Pool("output")

        def work() -> None:
            grown = self._size() - self._size_before
            if self.let_go():
                self._size_before = self._size()
                left(grown)
            else:
                done()

        try:
            files.submit(work)
        except NoThread:
            left(0)
        files.close()

    def _size(self) -> int:
        with contextlib.suppress(OSError):
            return sum(os.fstat(reader).st_size for reader in self._read)
        return 0

    def forget_aside(self) -> None:
        """Close the output on a thread although somebody may write to it: nothing of it is dropped any more."""
        files, self._files = self._files, Pool("output")
        with contextlib.suppress(NoThread):
            files.submit(self.forget)
        files.close()

    async def read(self) -> tuple[bytes, bytes]:
        """What it has written, read on a thread; nothing, with a warning, where that storage does not answer.

        Output that nobody writes to any more is closed by then, if the command has ended.
        """

        def look() -> tuple[bytes, bytes]:
            seen = self.written()
            if self._popen.returncode is not None:
                self.let_go()
            return seen

        try:
            return await self._files.call(look, _READ_WITHIN)
        except (TimeoutError, NoThread) as fault:
            LOG.warning(
                "What a command (pid %d) has written in %s cannot be read (%s): look at that mount, or set TMPDIR to "
                "a folder on another one",
                self.pid,
                tempfile.gettempdir(),
                str(fault) or f"no answer within {_READ_WITHIN:g} s",
            )
            return b"", b""

    def kill(
        self,
        kill: Callable[[int, Collection[int]], Mapping[int, int]] = kill_tree,
        *,
        spare: Collection[int] = (),
    ) -> Mapping[int, int]:
        """Kill the command and all that it started; one that was collected has no pid any more, and nobody is killed.

        `kill` may do it in another way; the command is not collected meanwhile. `spare`: whom (by pid)
        to let live, with all that is below them. Returns whom it has killed, with their start times, as `kill_tree`.
        """
        with self._held:
            return kill(self.pid, spare) if self._popen.returncode is None else {}

    def reap(self) -> int:
        """Reap the command, which has ended: its exit code. What it has written is somebody else's to read.

        Raises subprocess.TimeoutExpired when it has not ended (0.2 s of grace, and they block).
        """
        with self._held:
            return self._popen.wait(_REAP_WITHIN)

    def has_ended(self) -> bool:
        """Whether it has ended and waits to be collected, or was."""
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def written(self) -> tuple[bytes, bytes]:
        """What it has written to stdout and stderr so far, as far as it is kept."""
        stdout, stderr = (_content(reader, self._keep) for reader in self._read)
        return stdout, stderr

    def forget(self) -> None:
        """Close the output although somebody may write to it."""
        with self._closing:
            while self._read:
                os.close(self._read.pop())

    def let_go(self) -> list[int]:
        """Close the output, except what a daemon may still write to; call again to try those again."""
        with self._closing:
            for reader in list(self._read):
                if _has_writer(reader):
                    _trim(reader)
                else:
                    self._read.remove(reader)
                    os.close(reader)
            return self._read


def _unlinked_file() -> tuple[int, int]:
    # Two open file descriptions, one of them a writer's, so that the kernel can tell us when the last
    # writer has gone. A full or read-only disk must not keep a process from being restarted: then
    # memory does.
    flags = os.O_APPEND | os.O_RDWR | os.O_CLOEXEC
    try:
        writer = os.open(tempfile.gettempdir(), os.O_TMPFILE | flags, 0o600)
    except OSError:
        try:
            with tempfile.TemporaryFile() as file:
                writer = os.open(f"/proc/self/fd/{file.fileno()}", flags)
        except OSError:
            writer = os.memfd_create("command-output", os.MFD_CLOEXEC)
            fcntl.fcntl(writer, fcntl.F_SETFL, os.O_APPEND)
    try:
        return os.open(f"/proc/self/fd/{writer}", os.O_RDONLY | os.O_CLOEXEC), writer
    except OSError:
        os.close(writer)
        raise


def _content(reader: int, keep: int) -> bytes:
    with contextlib.suppress(OSError):
        return os.pread(reader, min(keep, os.fstat(reader).st_size), 0)
    return b""


def _trim(reader: int, above: int = _TRIM_ABOVE) -> None:
    with contextlib.suppress(OSError):
        if os.fstat(reader).st_size > above:
            os.truncate(f"/proc/self/fd/{reader}", 0)


def _has_writer(reader: int) -> bool:
    """Whether anybody has the file open for writing: exactly then a read lease is refused (fcntl(2)).

    Who opens it for writing while the lease lasts makes the kernel send a signal to this process, and the one it
    sends unless told otherwise, SIGIO, would end us. The end of the lease forgets what was told.
    """
    try:
        fcntl.fcntl(reader, fcntl.F_SETSIG, _IGNORED)
        fcntl.fcntl(reader, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:  # a file system without leases
        return False
    fcntl.fcntl(reader, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def text(raw: bytes) -> str:
    """What a command wrote, as text; bytes that are not UTF-8 are shown escaped."""
    return raw.decode(errors="backslashreplace")


class PidWatch:
    """A pidfd of `pid` in the running loop, which tells when the process has ended.

    Raises OSError (ProcessLookupError: there is no such process). Close it.
    """

    def __init__(self, pid: int) -> None:
        """Open the pidfd; `pid` must be known to be the right process at this moment."""
        self._loop = asyncio.get_running_loop()
        self._end: asyncio.Future[None] = self._loop.create_future()
        self._pidfd = os.pidfd_open(pid)
        self._loop.add_reader(self._pidfd, self._fired)

    def _fired(self) -> None:
        self._loop.remove_reader(self._pidfd)
        self._end.set_result(None)

    @property
    def ended(self) -> bool:
        """Whether it has been seen to have ended."""
        return self._end.done()

    async def wait(self, seconds: float) -> bool:
        """Whether the process has ended within `seconds`, or by the time at which this process can tell."""
        # No time-out that is an exception: they run out here all the time, and on Python 3.11 one that runs out in a
        # task that is being cancelled, or counts as cancelled, would be a cancellation.
        await asyncio.wait({self._end}, timeout=seconds)
        if not self._end.done() and self._has_fired():
            # Where this process stood still meanwhile, the loop's timer is looked at before the pidfd.
            self._fired()
        return self.ended

    def _has_fired(self) -> bool:
        look = select.poll()
        look.register(self._pidfd, select.POLLIN)
        return bool(look.poll(0))

    def close(self) -> None:
        """Stop watching."""
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Of the environment what every program needs, and nothing that may be a credential or is meant for us alone.

    A service that a command starts keeps its environment for as long as it lives, for everybody of its user to read.
    """
    return {name: value for name, value in environ.items() if _HANDED_ON.match(name)}


async def run(
    argv: Sequence[str],
    *,
    timeout: float,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    started: Callable[[int], None] | None = None,
    keep: int = OUTPUT_LIMIT,
    spare: Spare | None = None,
    leave: bool = False,
) -> Finished:
    """Run `argv` to its end, at most `timeout` seconds; `env` None: our own environment.

    `started` is told the pid, which leads the command's session, as soon as there is one. `keep`:
    bytes kept of each of stdout and stderr, for the few commands that print more. `spare` is asked, when the
    time is up, whom of the command's processes to let live.
    Raises OSError when it cannot be started, NotBegun when the kernel has not executed it by then. When the time is
    up, or the caller is cancelled, the command is killed with everything that it started; with `leave`, one whose
    caller is cancelled goes on, if `started` was told of it.
    """
    begun = time.monotonic()
    try:
        launched = await launch(lambda before: Launched(argv, env, cwd, keep, before=before), timeout)
    except NotBegun as hung:
        hung.survivors = await outlive(hung.killed)
        raise
    code, stdout, stderr = -signal.SIGKILL, b"", b""
    ended = timed_out = left = kept = reaped = seen = False
    spared: tuple[int, ...] = ()
    survivors: tuple[int, ...] = ()
    try:
        if started is not None:
            started(launched.pid)
        with contextlib.closing(PidWatch(launched.pid)) as watch:
            try:
                while not await watch.wait(min(_TRIM_EVERY, max(0.0, begun + timeout - time.monotonic()))):
                    launched.trim_aside()
                    # Looked at once more: whoever has ended by now is not killed, nor called too slow.
                    timed_out = time.monotonic() >= begun + timeout and not await watch.wait(0)
                    if timed_out:
                        whom = await spare() if spare is not None else ()
                        kept = whom is None
                        spared = (launched.pid,) if whom is None else tuple(sorted(whom))
                        if not kept:
                            survivors = await outlive(launched.kill(spare=spared), watch)
                        break
            finally:
                ended = watch.ended
        seen = True
    except asyncio.CancelledError:
        left = leave
        raise
    finally:
        goes_on = left or launched.pid in spared
        if not (ended or goes_on):
            launched.kill(spare=spared)
        # One that goes on, and one that hangs in the kernel, killed, is collected when it has ended.
        if not goes_on:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code, reaped = launched.reap(), True
        if not seen:
            _release(launched, reaped=reaped)
    try:
        stdout, stderr = await launched.read()
    finally:
        _release(launched, reaped=reaped)
    return Finished(
        exit_code=code,
        output=text(stdout),
        timed_out=timed_out,
        seconds=time.monotonic() - begun,
        errors=text(stderr),
        spared=spared,
        survivors=survivors,
        left=kept,
    )


def _release(launched: Launched, *, reaped: bool) -> None:
    loop = asyncio.get_running_loop()
    (watch_left_open if reaped else reap_later)(loop, launched)


async def outlive(victims: Mapping[int, int], watch: PidWatch | None = None) -> tuple[int, ...]:
    """Which of the killed (by pid, with start times) still run after 5 s; `watch` is on the one that began it all."""
    end = time.monotonic() + _DIE_WITHIN
    while left := still_alive(victims):
        if time.monotonic() >= end:
            return left
        if watch is None or watch.ended or not await watch.wait(_LOOK_EVERY):
            await asyncio.sleep(_LOOK_EVERY)
    return ()
