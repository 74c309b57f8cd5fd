"""The folder in which whoever looks finds the sockets of all monitors of this host, without any configuration.

Everybody may look which monitors there are; to ask them is for root, their own user and the group `masakari`. What is
made there belongs to that group because the folder does, so that no name is followed to give it away.
"""

import grp
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from masakarimonitors.system.files.private_files import folder_is_open_to
from masakarimonitors.system.network.socket_path import is_short

SYSTEM = Path("/run/masakarimonitors")
"""Where it is unless systemd names another one (`RuntimeDirectory=`)."""

GROUP = "masakari"
"""Whose members may ask."""

_LISTENS = 0x10000
"""Of a socket in the kernel's table: __SO_ACCEPTCON."""


class NotOurs(OSError):
    """The folder is not one in which this user may put sockets; the message says what was seen, and what to do."""


def folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where it is."""
    given = (os.environ if environ is None else environ).get("RUNTIME_DIRECTORY", "").split(":")[0]
    return Path(given) if given.startswith("/") else SYSTEM


def prepare(place: Path, group: str = GROUP) -> int:
    """Have the folder there; the mode that a socket in it is to have. Raises OSError. May ask a directory service."""
    try:
        place.mkdir(mode=0o755)
        place.chmod(0o755)  # whatever the umask is
    except FileExistsError:
        pass
    if others := folder_is_open_to(place):
        raise NotOurs(others)
    number = _number(group)
    if number is None:
        return 0o600
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        seen = os.fstat(descriptor)
        if seen.st_uid == os.geteuid() and not _inherits(seen, number):
            try:
                os.fchown(descriptor, -1, number)
                os.fchmod(descriptor, 0o2755)
            except PermissionError:
                return 0o600  # this user is no member of the group
            seen = os.fstat(descriptor)
        return 0o660 if _inherits(seen, number) else 0o600
    finally:
        os.close(descriptor)


def is_listening(path: Path, table: str) -> bool:
    """Whether a process listens at `path`, by the kernel's table of such sockets (/proc/net/unix), pure."""
    for line in table.splitlines()[1:]:
        cells = line.split(maxsplit=7)
        if len(cells) == 8 and cells[7] == str(path):
            try:
                if int(cells[3], 16) & _LISTENS:
                    return True
            except ValueError:
                continue
    return False


def is_told(path: Path, table: str) -> bool:
    """Whether the table would tell of a socket at `path`: of one with a long path another address stands there."""
    return bool(table) and is_short(path)


def table() -> str:
    """The kernel's table; empty where it cannot be read."""
    try:
        return Path("/proc/net/unix").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def _number(group: str) -> int | None:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        return None


def _inherits(seen: os.stat_result, number: int) -> bool:
    """Whether what is made in the folder belongs to the group."""
    return bool(seen.st_mode & stat.S_ISGID) and seen.st_gid == number
