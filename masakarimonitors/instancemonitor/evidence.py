"""What libvirt leaves on disk about its QEMU processes: locked pidfiles and logs.

libvirt writes NAME.pid and holds a lock on it through QEMU itself: as long as the file is locked that
QEMU lives, whatever pid namespace it stands in, and the kernel names the holder's pid in our own
terms (the number in the file may be another namespace's). Who cannot see says UNSEEN.
"""

import datetime
import fcntl
import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path

from masakarimonitors.instancemonitor.observation import Process

_FLOCK = "hhqqi"  # struct flock of fcntl(2) on 64-bit Linux: type, whence, start, len, pid
_TAIL = 64 * 1024
_SHUT_DOWN = re.compile(rb"^[^\n]*: shutting down, reason=([a-z ]+)$", re.MULTILINE)
_STARTED = re.compile(rb"^(\d[^\n]{27}): starting up libvirt version", re.MULTILINE)


def holder(pidfile: Path) -> int | None:
    """The pid of the living QEMU that this pidfile is of, None when none lives.

    0: it lives in a pid namespace that cannot be seen from here. Raises OSError when the file cannot
    be read.
    """
    with pidfile.open("rb") as file:
        question = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, question))
    return None if kind == fcntl.F_UNLCK else max(pid, 0)


@dataclass(frozen=True, slots=True)
class Log:
    """`last_words`: why libvirt ended the last life ("crashed", "destroyed"), empty if it goes on or is not told.

    `started`: when that life began, in seconds since 1970; 0 when it is not told.
    """

    last_words: str = ""
    started: float = 0.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """The two folders of one libvirt on this host."""

    pids: Path
    logs: Path

    def process(self, name: str) -> Process:
        """Whether the QEMU of machine `name` lives."""
        try:
            return Process.GONE if holder(self.pids / f"{name}.pid") is None else Process.ALIVE
        except FileNotFoundError:
            # libvirt removes the file when it has seen the process end. Missing, it proves something only
            # where libvirtd keeps its files indeed: an empty folder of a container's own proves nothing.
            return Process.GONE if self._is_kept() else Process.UNSEEN
        except OSError:
            return Process.UNSEEN

    def log(self, name: str) -> Log:
        """What the machine's log says of its last life."""
        try:
            with (self.logs / f"{name}.log").open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
                text = file.read()
        except OSError:
            return Log()
        ends, starts = list(_SHUT_DOWN.finditer(text)), list(_STARTED.finditer(text))
        over = bool(ends) and not (starts and starts[-1].start() > ends[-1].start())
        return Log(ends[-1][1].decode() if over else "", _seconds(starts[-1][1]) if starts else 0.0)

    def _is_kept(self) -> bool:
        """Whether a living libvirtd has its own lock in the folder of pidfiles."""
        try:
            return holder(self.pids / "driver.pid") is not None
        except OSError:
            return False


def _seconds(stamp: bytes) -> float:
    try:
        return datetime.datetime.strptime(stamp.decode(), "%Y-%m-%d %H:%M:%S.%f%z").timestamp()
    except ValueError:
        return 0.0
