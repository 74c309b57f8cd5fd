"""How root's half hands the output of a command to the monitor: as open files, past everything that writes a log.

oslo.privsep's helper logs each answer that it gives when `debug` is set, and what `cibadmin` prints holds passwords.
So a command's output never is an answer: the helper sends the two files, already deleted, into which it is written.
The monitor waits for them at a socket without a name in the file system, because a helper without capabilities cannot
enter a folder of another user's. Every user of this computer sees that name while it is there. So strangers are shown
out as they come, by the kernel's word on who they are, and the helper is known by a word that the monitor has told
nobody else.
"""

import asyncio
import contextlib
import hmac
import os
import secrets
import socket
import struct
from collections.abc import Set

_WITHIN = 5.0
"""Seconds in which the helper must find the socket, and in which what it has sent must be here."""

_QUEUE = 64
_TIME = struct.Struct("ll")
_CREDENTIALS = struct.Struct("iII")
"""unix(7), struct ucred: process, user and group of whoever has connected."""


class Handover:
    """The monitor's end, for one command; used on the event loop's thread, but for `read`."""

    def __init__(self, users: Set[int]) -> None:
        """Wait for the files of one of `users` (user ids); raises OSError when there are no descriptors."""
        self.place = f"masakari-monitors-{secrets.token_hex(16)}"
        self.word = secrets.token_hex(16)
        self._users = users
        self._files: list[int] = []
        self._callers: set[socket.socket] = set()
        self._loop = asyncio.get_running_loop()
        self._settled: asyncio.Future[None] = self._loop.create_future()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            self._socket.bind(f"\0{self.place}")
            self._socket.listen(_QUEUE)
        except OSError:
            self._socket.close()
            raise
        self._loop.add_reader(self._socket.fileno(), self._let_in)

    async def take(self, within: float = _WITHIN) -> None:
        """Take the files, which the helper has sent by now; OSError when they are not here `within` seconds."""
        await asyncio.wait({self._settled}, timeout=within)
        if not self._settled.done() and self._socket.fileno() >= 0:
            # The helper has sent them before it told of the command: what this process has not looked at yet is here.
            self._let_in()
            for caller in tuple(self._callers):
                if not self._settled.done():
                    self._hear(caller)
        if not self._settled.done():
            raise OSError("the privileged helper has not handed over the command's output")
        self._settled.result()

    def read(self, keep: int) -> tuple[bytes, bytes]:
        """What stands in them: stdout and stderr, at most `keep` bytes of each. Blocks."""
        stdout, stderr = self._files
        return _content(stdout, keep), _content(stderr, keep)

    def close(self) -> None:
        """Done with it, whether or not anything was handed over."""
        self._shut()
        files, self._files = self._files, []
        _close(files)
        if not self._settled.cancel() and not self._settled.cancelled():
            self._settled.exception()  # perhaps nobody has asked for it

    def _let_in(self) -> None:
        """At once, however many there are: a stranger's call must not keep the helper out of the queue."""
        for _ in range(_QUEUE):
            try:
                caller, _address = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as fault:  # no descriptors: asking again would not make any
                self._shut()
                if not self._settled.done():
                    self._settled.set_exception(fault)
                return
            if _user(caller) not in self._users:
                caller.close()
                continue
            caller.setblocking(False)
            self._callers.add(caller)
            self._loop.add_reader(caller.fileno(), self._hear, caller)

    def _hear(self, caller: socket.socket) -> None:
        files = _received(caller, self.word)
        self._show_out(caller)
        if files:
            self._files = files
            self._shut()
            self._settled.set_result(None)

    def _show_out(self, caller: socket.socket) -> None:
        self._loop.remove_reader(caller.fileno())
        self._callers.discard(caller)
        caller.close()

    def _shut(self) -> None:
        """Nobody else comes in, and whoever has said nothing yet goes."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
        for caller in tuple(self._callers):
            self._show_out(caller)


def hand_over(place: str, word: str, files: list[int]) -> None:
    """The helper's end: send `files`, which stay open here; raises OSError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        # Python's own time-outs make the socket non-blocking, and then a queue that is full for a moment is a fault.
        door.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _TIME.pack(int(_WITHIN), 0))
        door.connect(f"\0{place}")
        socket.send_fds(door, [word.encode()], files)


def _user(caller: socket.socket) -> int:
    _pid, uid, _gid = _CREDENTIALS.unpack(
        caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )
    return int(uid)


def _received(caller: socket.socket, word: str) -> list[int]:
    """The two files of a caller that knows the word; of anybody else, nothing."""
    try:
        said, files, _, _ = socket.recv_fds(caller, len(word), 2, socket.MSG_CMSG_CLOEXEC)
    except OSError:
        return []
    if len(files) == 2 and hmac.compare_digest(said, word.encode()):
        return files
    _close(files)
    return []


def _content(file: int, keep: int) -> bytes:
    parts = []
    at = 0
    while at < keep and (part := os.pread(file, min(keep - at, 1 << 20), at)):
        parts.append(part)
        at += len(part)
    return b"".join(parts)


def _close(files: list[int]) -> None:
    for file in files:
        with contextlib.suppress(OSError):
            os.close(file)
