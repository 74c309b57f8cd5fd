"""A place in the file system at which this process listens: a unix socket with a path.

In: a path, and which kind of socket. Out: a socket that is bound there and listens, or `Taken`. What stands there
already is removed only if it is what an ended process of this user has left behind: a socket at which nobody answers.
Anything else is somebody's, and is left as it is.
"""

import contextlib
import errno
import fcntl
import os
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

_TURN = 1.0
"""Seconds in which another of our processes has put its socket beside this one; then its turn is not waited for."""

_EVERY = 0.005

_BACKLOG = 16

_KINDS = {
    stat.S_IFREG: "an ordinary file",
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFBLK: "a block device",
    stat.S_IFCHR: "a character device",
}


_LONGEST = 107
"""Bytes of a path that the kernel takes as the address of a socket: unix(7), sun_path without its end."""


class Taken(OSError):
    """Something stands at the path that is not this user's to remove; the message says what, and what to do."""


class SocketPath:
    """A path with a socket of this process at it, from `bind` to `remove`. All of it touches the disk."""

    def __init__(self, path: Path) -> None:
        """Nothing is touched yet."""
        self._path = path
        self._made: tuple[int, int] | None = None

    def bind(
        self,
        kind: socket.SocketKind = socket.SOCK_STREAM,
        *,
        mode: int | None = None,
        credentials: bool = False,
    ) -> socket.socket:
        """A socket that does not block, bound and listening; raises Taken, OSError.

        `mode`: no more than that has it from the first moment on, and all of it soon after, whatever the umask is; one
        for others than the owner is only for a folder in which nobody else can swap it. None leaves it to the umask.
        `credentials`: whether the kernel says of what arrives who sent it.
        """
        bound = socket.socket(socket.AF_UNIX, kind | socket.SOCK_NONBLOCK)
        try:
            if mode is not None:
                os.fchmod(
                    bound.fileno(), mode
                )  # what is made of a socket takes the mode of the socket itself
            if credentials:  # before there is a path: what arrived earlier would bear none
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            # Several monitors that start at once may be told the same path; each looks at what the one before has made.
            with _turn(self._path.parent):
                _clear(self._path, kind)
                with address(self._path) as place:
                    bound.bind(place)
                    if mode is not None and mode & 0o077:
                        os.chmod(place, mode)  # the umask has taken something from it
                if kind == socket.SOCK_STREAM:
                    bound.listen(_BACKLOG)
                self._made = self._there()
        except BaseException:
            bound.close()
            raise
        return bound

    def is_there(self) -> bool:
        """Whether what was bound is still what others find at the path; raises OSError."""
        return self._made is not None and self._there() == self._made

    def remove(self) -> None:
        """Remove the path, unless something else stands there by now; raises OSError."""
        if self.is_there():
            self._path.unlink()

    def _there(self) -> tuple[int, int] | None:
        try:
            seen = self._path.lstat()
        except FileNotFoundError:
            return None
        return seen.st_dev, seen.st_ino


def _clear(path: Path, kind: socket.SocketKind) -> None:
    """Remove a dead socket of this user's; raises Taken for anything else that is there."""
    try:
        seen = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(seen.st_mode):
        what = _KINDS.get(stat.S_IFMT(seen.st_mode), "something else")
        raise _taken(path, f"{what} stands there", "Move it away if it is not needed, or name another path")
    if seen.st_uid != os.geteuid():
        raise _taken(
            path,
            f"a socket of uid {seen.st_uid} stands there, and this process runs as uid {os.geteuid()}",
            "Stop that user's process and remove the socket, or name another path",
        )
    if _is_answered(path, kind):
        raise _taken(
            path,
            "a process answers there already",
            "Stop that process, or give each process a path of its own",
        )
    path.unlink()


def _is_answered(path: Path, kind: socket.SocketKind) -> bool:
    """Whether a process has this socket, of whatever kind; without one the kernel refuses the connection."""
    with socket.socket(socket.AF_UNIX, kind | socket.SOCK_NONBLOCK) as caller, address(path) as place:
        fault = caller.connect_ex(place)
    return fault not in (errno.ECONNREFUSED, errno.ENOENT)


def is_short(path: Path) -> bool:
    """Whether the kernel takes the path itself as an address."""
    return len(os.fsencode(path)) <= _LONGEST


@contextlib.contextmanager
def address(path: Path) -> Iterator[str]:
    """What to bind or connect to for a socket at `path`; a long one is reached through its folder. Raises OSError."""
    if is_short(path):
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _taken(path: Path, seen: str, advice: str) -> Taken:
    return Taken(errno.EADDRINUSE, f"{seen}; it is left as it is. {advice}", str(path))


@contextlib.contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Looking and binding as one step, among processes of ours; whoever holds the folder for long is not waited for."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        until = time.monotonic() + _TURN
        while time.monotonic() < until:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(_EVERY)
            except OSError:  # a file system without locks
                break
        yield
    finally:
        os.close(descriptor)
