"""The socket on which the alert agent's datagrams arrive.

A datagram is a hint to look now, never evidence: whoever may write to the socket can make us look,
and can make us believe nothing. So it may be writable by all where the group haclient is out of
reach.
"""

import asyncio
import contextlib
import grp
import os
import socket
from collections.abc import Callable
from pathlib import Path


class Alerts:
    """Calls `poke(text)` for each alert, in the running loop, until closed."""

    def __init__(self, path: Path, poke: Callable[[str], None]) -> None:
        """Bind to `path`, in the place of a socket left behind. Raises OSError."""
        self._path = path
        self._poke = poke
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
            self._socket.bind(str(path))
            self.writers = _let_pacemaker_write(path)
        except OSError:
            self._socket.close()
            raise
        self._inode = path.stat().st_ino
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket.fileno(), self._read)

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(100):  # a burst is one reason to look, not a hundred
                text = self._socket.recv(2048).decode("utf-8", "replace")
                self._poke(text)

    def close(self) -> None:
        """Stop listening; the path is removed unless somebody else has taken it."""
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        with contextlib.suppress(OSError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()


def _let_pacemaker_write(path: Path) -> str:
    """Group haclient if we may give it away, everybody otherwise; who it is now."""
    try:
        os.chown(path, -1, grp.getgrnam("haclient").gr_gid)
        path.chmod(0o660)
        return "group haclient"
    except (KeyError, PermissionError):
        path.chmod(0o666)
        return "every user"
