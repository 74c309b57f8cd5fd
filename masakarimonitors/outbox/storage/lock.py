"""The lock beside an outbox: two daemons must not deliver the same rows."""

import contextlib
import errno
import fcntl
import os
from pathlib import Path

from masakarimonitors.system.files import private_files


class InUse(Exception):
    """Another process holds the lock of this outbox."""


class Lock:
    """A lock on `<path>.lock`, which holds the pid of who has it; kept until `release` or the process's end."""

    def __init__(self, path: Path) -> None:
        """Nothing is touched yet."""
        self._outbox = path
        self._path = Path(f"{path}.lock")
        self._descriptor = -1

    def is_held(self) -> bool:
        """Whether it is held, and on the file that everybody else would find; raises OSError."""
        if self._descriptor < 0:
            return False
        try:
            found = self._path.lstat()
        except FileNotFoundError:
            return False
        held = os.fstat(self._descriptor)
        return (found.st_dev, found.st_ino) == (held.st_dev, held.st_ino)

    def take(self) -> None:
        """Hold it, on a file made anew if need be; raises InUse, OSError."""
        while not self.is_held():
            fresh = self._open()
            try:
                fcntl.flock(fresh, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(fresh, 32, 0).decode("ascii", "replace").strip() or "unknown"
                os.close(fresh)
                raise InUse(
                    f"{self._outbox} is in use by process {holder}: the same monitor is already running with this "
                    f"state_path. Stop it first, or give this one a state_path of its own."
                ) from None
            except OSError:
                os.close(fresh)
                raise
            self.release()
            self._descriptor = fresh
            # A disk that has no room for it must not keep the monitor from watching.
            with contextlib.suppress(OSError):
                os.ftruncate(fresh, 0)
                self.sign()

    def sign(self) -> None:
        """Write, for people, who holds it; raises OSError where the disk takes nothing.

        A file system that has met a fault of its disk takes nothing from then on, and nobody but a writer hears of it.
        """
        try:
            os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)
        except OSError as fault:
            # It may be held by a file that only can be read.
            if fault.errno in private_files.NO_ROOM or fault.errno == errno.EIO:
                raise

    def release(self) -> None:
        """Let go of it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> int:
        try:
            return private_files.open_private(self._path)
        except OSError as fault:
            if fault.errno not in private_files.NO_ROOM:
                raise
            # What is there already can be locked even where nothing can be written.
            try:
                return private_files.open_private(self._path, os.O_RDONLY)
            except FileNotFoundError:
                raise fault from None
