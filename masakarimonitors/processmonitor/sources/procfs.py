"""One look at /proc: which entries of the list run, as what pids.

In: the index of the list. Out: a `Scan`. Raw reads of /proc, because they take 2-3 ms for 400
processes where `ps` or psutil take 12-16. What cannot be read is said, never passed over.
"""

import errno
import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from masakarimonitors.processmonitor.core.matching import Index, Match

# A command line, the executable behind it, what they were found to be, and since when (monotonic seconds).
_Known = tuple[bytes, str, tuple[Match, ...], float]
# A command line longer than this is cut; what a process runs stands at its beginning.
_CMDLINE = 4096
_VANISHED = frozenset({errno.ENOENT, errno.ESRCH})
_DEAD = frozenset({b"Z", b"X", b"x"})


@dataclass(frozen=True, slots=True)
class Found:
    """One running process of an entry; pid and start time (clock ticks since boot) together name it."""

    pid: int
    started: int
    strong: bool


@dataclass(frozen=True, slots=True)
class Scan:
    """One look at all of /proc; `unread` says what could not be read, "" when all was."""

    found: Mapping[str, tuple[Found, ...]]
    unread: str = ""


class Depth(Enum):
    """How much a scan reads.

    SUCCESSORS, at a death: all but those that have long been something else. ALL: every command line.
    FRESH: every executable too, so that a process that has become another program with the same command
    line is noticed as well.
    """

    SUCCESSORS = "successors"
    ALL = "all"
    FRESH = "fresh"


class Scanner:
    """Remembers what each command line was found to be, so that a scan mostly only reads.

    `reading`: the pid whose files are being read. `avoid`: pids whose files did not answer before.
    """

    def __init__(
        self,
        index: Index,
        avoid: frozenset[int] = frozenset(),
        *,
        proc: str = "/proc",
        settled_after: float = 30.0,
    ) -> None:
        """`settled_after`: a process that has been something else for so many seconds is settled.

        Such a one is not about to become a listed one, for start scripts that end in an exec take seconds:
        a scan at a death passes it over.
        """
        self.index = index
        self.avoid = avoid
        self.reading = 0
        self._proc = proc
        self._settled_after = settled_after
        self._known: dict[int, _Known] = {}
        self._settled: frozenset[str] = frozenset()

    def scan(self, own_commands: Collection[int] = (), depth: Depth = Depth.ALL) -> Scan:
        """Everything that runs now, but us and the commands (by pid) that we are running."""
        known = self._known
        partial = depth is Depth.SUCCESSORS
        seen: dict[int, _Known] = dict(known) if partial else {}
        found: dict[str, list[Found]] = {}
        unread = ""
        skip = self.avoid | {os.getpid()}
        try:
            listed = set(os.listdir(self._proc)) - (self._settled if partial else frozenset())
            names = [name for name in listed if name.isdigit()]
            os.stat(f"{self._proc}/1/stat")
        except OSError as error:
            return Scan({}, f"{error.filename}: {error.strerror} (is {self._proc} mounted with hidepid?)")
        for name in names:
            pid = int(name)
            if pid in skip:
                continue
            self.reading = pid
            try:
                raw = _read(f"{self._proc}/{name}/cmdline")
                now = known.get(pid)
                if now is None or now[0] != raw or depth is Depth.FRESH:
                    now = self._look_closer(name, raw, now)
                seen[pid] = now
                if now[2]:
                    self._add(found, pid, now[2], own_commands)
            except OSError as error:
                if error.errno not in _VANISHED:
                    unread = f"{error.filename or self._proc}: {error.strerror}"
        self.reading = 0
        self._known = seen
        if not partial:
            long_ago = time.monotonic() - self._settled_after
            self._settled = frozenset(
                str(pid) for pid, (_, _, matches, at) in seen.items() if not matches and at < long_ago
            )
        return Scan({name: tuple(pids) for name, pids in found.items()}, unread)

    def _look_closer(self, name: str, raw: bytes, before: _Known | None) -> _Known:
        if not raw:  # a kernel thread or a zombie
            return before if before is not None and not before[0] else (b"", "", (), time.monotonic())
        try:
            exe = os.readlink(f"{self._proc}/{name}/exe")
        except PermissionError:  # not root: another user's executable is hidden, its command line is not
            exe = ""
        if before is not None and before[:2] == (raw, exe):
            return before
        argv = [word for word in os.fsdecode(raw).split("\0") if word]
        matches = self.index.match(argv, exe, lambda: _cwd(f"{self._proc}/{name}/cwd"))
        return raw, exe, matches, time.monotonic()

    def _add(
        self, found: dict[str, list[Found]], pid: int, matches: Sequence[Match], own_commands: Collection[int]
    ) -> None:
        fields = _stat(f"{self._proc}/{pid}")
        if fields[0] in _DEAD or (own_commands and self._is_ours(pid, fields, own_commands)):
            return
        for match in matches:
            found.setdefault(match.process_name, []).append(Found(pid, int(fields[19]), match.strong))

    def _is_ours(self, pid: int, fields: Sequence[bytes], own_commands: Collection[int]) -> bool:
        """Whether it is one of our running commands, of its session, or below it."""
        for _generation in range(32):
            if pid in own_commands or int(fields[3]) in own_commands:
                return True
            pid = int(fields[1])
            if pid <= 1:
                return False
            try:
                fields = _stat(f"{self._proc}/{pid}")
            except OSError:
                return False
        return False


def lingers(pid: int, started: int) -> bool:
    """Whether this process lives on in its threads although its first thread has ended.

    /proc then shows it as a zombie without a command line, and its pidfd stays silent.
    """
    try:
        fields = _stat(f"/proc/{pid}")
    except OSError:
        return False
    return int(fields[19]) == started and fields[0] == b"Z" and int(fields[17]) > 1


def may_run(pid: int, process_name: str) -> bool:
    """Whether a process that hangs in the kernel may be this one, by its short name: /proc tells that of any."""
    try:
        short = os.fsdecode(_read(f"/proc/{pid}/comm")).rstrip("\n")
    except OSError:
        return False
    return short in {os.path.basename(word)[:15] for word in process_name.split()}


def is_same(pid: int, started: int) -> bool:
    """Whether `pid` still is the process that began at `started`, be it a zombie."""
    try:
        return int(_stat(f"/proc/{pid}")[19]) == started
    except OSError:
        return False


def ticks_now() -> int:
    """This moment in the unit of `Found.started`."""
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK"))


def _read(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY)
    try:
        return os.read(fd, _CMDLINE)
    finally:
        os.close(fd)


def _stat(folder: str) -> list[bytes]:
    """/proc/PID/stat from the state on: state, parent, group, session, ... [19] start time (proc(5))."""
    return _read(f"{folder}/stat").rpartition(b")")[2].split()


def _cwd(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""
