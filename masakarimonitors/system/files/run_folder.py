"""The folder in which whoever looks finds the sockets of all monitors of this host, without any configuration.

Everybody may look which monitors there are; to ask them is for root, their own user and the group `masakari`. What is
made there belongs to that group because the folder does, so that no name is followed to give it away. A monitor that
systemd has begun has a folder of its own in it: systemd gives a unit's folder, with all that is in there, to its user.
"""

import grp
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from masakarimonitors.system.files.private_files import folder_is_open_to
from masakarimonitors.system.network.socket_path import is_short

SYSTEM = Path("/run/masakarimonitors")
"""Where it is; systemd names one in it for each unit (`RuntimeDirectory=`)."""

GROUP = "masakari"
"""Whose members may ask."""

_LISTENS = 0x10000
"""Of a socket in the kernel's table: __SO_ACCEPTCON."""

_OURS = "masakari"
"""With this a word of each monitor's command line begins, behind its folders."""
_MOST = 64
"""So many that have it there are looked at: anybody can write it there."""


class NotOurs(OSError):
    """The folder is not one in which this user may put sockets; the message says what was seen, and what to do."""


def folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where this process puts its sockets, or looks for those of others."""
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


def places(name: str) -> Sequence[Path]:
    """The folders in which the monitor `name` may have its socket, for whoever looks for it."""
    return [folder(), folder() / name]


@dataclass(frozen=True, slots=True)
class Listening:
    """At which paths a process of this host listens, as far as this user can see. `whole`: that is all of them."""

    tables: Sequence[str]
    whole: bool

    def has(self, path: Path) -> bool:
        """Whether one listens at `path`."""
        return any(_is_listening(path, table) for table in self.tables)

    def tells_of(self, path: Path) -> bool:
        """Whether one would be seen at `path`: of one with a long path another address stands in the tables."""
        return self.whole and is_short(path)


def listening(proc: str = "/proc") -> Listening:
    """The kernel's tables of such sockets: of this network namespace, and of each in which a monitor may run.

    Each namespace has its own. Whose command line cannot be read may be a monitor, in any of them.
    """
    own = _read(f"{proc}/net/unix")
    tables, whole, looked = {own: None} if own else {}, bool(own), 0
    try:
        pids = [one for one in os.listdir(proc) if one.isdigit()]
    except OSError:
        return Listening(list(tables), whole=False)
    for pid in sorted({"1", *pids}, key=int):  # of init it is seen whether others are hidden at all
        words = _read(f"{proc}/{pid}/cmdline")
        if words is None:
            whole = whole and pid != "1" and not os.path.lexists(f"{proc}/{pid}")
        elif any(word.rpartition("/")[2].startswith(_OURS) for word in words.split("\0")):
            looked += 1
            table = _read(f"{proc}/{pid}/net/unix") if looked <= _MOST else None
            if table:
                tables[table] = None
            else:
                whole = whole and not os.path.lexists(f"{proc}/{pid}")
    return Listening(list(tables), whole)


def _is_listening(path: Path, table: str) -> bool:
    """Whether a process listens at `path`, by one such table, pure."""
    for line in table.splitlines()[1:]:
        cells = line.split(maxsplit=7)
        if len(cells) == 8 and cells[7] == str(path):
            try:
                if int(cells[3], 16) & _LISTENS:
                    return True
            except ValueError:
                continue
    return False


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None


def _number(group: str) -> int | None:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        return None


def _inherits(seen: os.stat_result, number: int) -> bool:
    """Whether what is made in the folder belongs to the group."""
    return bool(seen.st_mode & stat.S_ISGID) and seen.st_gid == number
