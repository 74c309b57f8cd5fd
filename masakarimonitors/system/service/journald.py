"""What journald takes from a program directly: one entry of named fields, as one datagram to its socket.

The protocol is that of systemd's "Native Journal Protocol". In: the message and its fields, text of any length and
with any line ends. Out: the entry, or OSError where journald does not take it, which is for the log's own thread to
count. An entry that is too large for a datagram goes in a sealed memory file; of what is longer than any reader wants
the end is cut off, and said.
"""

import errno
import fcntl
import os
import re
import socket
import struct

SOCKET = "/run/systemd/journal/socket"
"""Where journald listens."""

LONGEST = 1 << 20
"""Bytes of one field that are kept."""

_LETTER = 4
"""Bytes of a character in UTF-8 at most."""

PATIENCE = 5.0
"""Seconds that journald has for taking one entry: it is the log's thread that waits, and nobody else."""

_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}\Z")
_TOO_LARGE = (errno.EMSGSIZE, errno.ENOBUFS)
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


def is_there(path: str = SOCKET) -> bool:
    """Whether anybody listens where journald would."""
    with _socket() as out:
        try:
            out.connect(path)
        except OSError:
            return False
    return True


class Journal:
    """Stands in the place of systemd-python's module `journal`, of which oslo.log calls `send` alone."""

    def __init__(self, path: str = SOCKET) -> None:
        """`path`: of journald's socket."""
        self._path = path

    def send(self, message: str, **fields: object) -> None:
        """One entry; raises OSError where it is not taken within `PATIENCE`, ValueError for a name that is none."""
        entry = encoded({"MESSAGE": message, **fields})
        # A socket each time: a child that was forked off has none of ours, and journald may be started anew.
        with _socket() as out:
            try:
                out.sendto(entry, self._path)
            except OSError as fault:
                if fault.errno not in _TOO_LARGE:
                    raise
                _send_file(out, entry, self._path)


def _end(text: bytes) -> int:
    """Where a field is cut: not inside a character, of which journalctl would show no letter of the whole field."""
    end = LONGEST
    while text[end] & 0xC0 == 0x80 and LONGEST - end < _LETTER:
        end -= 1
    return end if text[end] & 0xC0 != 0x80 else LONGEST  # it is no text


def encoded(fields: dict[str, object]) -> bytes:
    """As journald reads it; raises ValueError for a name that it would not take."""
    parts = []
    for name, value in fields.items():
        if not _NAME.match(name):
            raise ValueError(f"{name!r} is no name of a field of the journal")
        text = value if isinstance(value, bytes) else str(value).encode(errors="backslashreplace")
        if len(text) > LONGEST:
            end = _end(text)
            text = text[:end] + f"... ({len(text) - end} more bytes are cut off)".encode()
        head = name.encode()
        if b"\n" in text:
            parts.append(head + b"\n" + struct.pack("<Q", len(text)) + text + b"\n")
        else:
            parts.append(head + b"=" + text + b"\n")
    return b"".join(parts)


def _socket() -> socket.socket:
    out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    out.settimeout(PATIENCE)
    return out


def _send_file(out: socket.socket, entry: bytes, path: str) -> None:
    """journald reads the entry in a file whose content nobody can change any more."""
    descriptor = os.memfd_create("journal-entry", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        rest = memoryview(entry)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
        out.sendmsg([], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", descriptor))], 0, path)
    finally:
        os.close(descriptor)
