"""The alert socket: the monitor's end of Pacemaker's alerts, on which the datagrams of agent.py arrive.

In: datagrams, each with the kernel's word on who wrote it. Out: a call with the text of each that is believed
(senders.py). What is said there makes the monitor look, and a good-bye excuses one loss; it never accuses a host. So
the path may be writable by all where the group haclient is out of reach: what a stranger writes is dropped unread.
"""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path

from masakarimonitors.hostmonitor.drivers.pacemaker.alerts.senders import GROUP, Senders
from masakarimonitors.system.network.socket_path import SocketPath

_CREDENTIALS = struct.Struct("iII")
"""unix(7), struct ucred: process, user and group of the sender, filled in or checked by the kernel."""

_ACL = "system.posix_acl_access"
_ACL_VERSION = struct.Struct("<I")
_ACL_ENTRY = struct.Struct("<HHI")
"""linux/posix_acl_xattr.h: version 2, then entries of tag, permissions and id; little-endian everywhere."""


class Alerts:
    """Calls `poke(text)` for each alert of somebody who is believed, in the running loop, until closed."""

    def __init__(self, path: Path, poke: Callable[[str], None], senders: Senders | None = None) -> None:
        """Bind to `path`, in the place of a socket that an ended process left behind. Raises Taken, OSError."""
        self._path = SocketPath(path)
        self._poke = poke
        self._senders = Senders(path) if senders is None else senders
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        self._socket = self._path.bind(socket.SOCK_DGRAM, mode=0o600, credentials=True)
        try:
            self.writers = _let_pacemaker_write(path, self._senders.group)
        except OSError:
            self._socket.close()
            raise
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket.fileno(), self._read)

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(100):  # a burst is one reason to look, not a hundred
                # Room for the credentials alone: file descriptors that a stranger sends along find none.
                room = socket.CMSG_SPACE(_CREDENTIALS.size)
                datagram, beside, _flags, _address = self._socket.recvmsg(2048, room)
                if self._is_believed(beside):
                    self._poke(datagram.decode("utf-8", "replace"))

    def _is_believed(self, beside: list[tuple[int, int, bytes]]) -> bool:
        for level, kind, content in beside:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
                _pid, uid, gid = _CREDENTIALS.unpack(content)
                return self._senders.believes(uid, gid)
        return False

    def trouble(self) -> str:
        """Which alerts arrive and are refused, and what to do; or nothing."""
        return self._senders.trouble()

    def close(self) -> None:
        """Stop listening; the path is removed unless somebody else has taken it."""
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        with contextlib.suppress(OSError):
            self._path.remove()


def _let_pacemaker_write(path: Path, group: int | None) -> str:
    """Group haclient, as its group or by an access control list; all users where neither can be; who it is now.

    A stranger is never believed. But one who may write can fill the queue, in which alerts then find no place.
    """
    if group is None:
        path.chmod(0o666)
        return "every user"
    try:
        os.chown(path, -1, group)
        path.chmod(0o660)
        return f"group {GROUP}"
    except PermissionError:
        pass
    try:
        os.setxattr(path, _ACL, _acl(group))  # the owner may name a group that it is not in
        return f"group {GROUP}, by an access control list"
    except OSError:
        path.chmod(0o666)
        return "every user"


def _acl(group: int) -> bytes:
    """Owner and `group` read and write; its own group and all others have no access."""
    owner, own_group, named_group, mask, others, nobody = 0x01, 0x04, 0x08, 0x10, 0x20, 0xFFFFFFFF
    entries = ((owner, 6, nobody), (own_group, 0, nobody), (named_group, 6, group), (mask, 6, nobody))
    return _ACL_VERSION.pack(2) + b"".join(
        _ACL_ENTRY.pack(*entry) for entry in (*entries, (others, 0, nobody))
    )
