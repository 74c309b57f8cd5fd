"""Files that are this user's alone: no link is followed, and nobody else may read or swap them.

A monitor often runs as root. Whoever else may write in its folder could put a link there, and root would
overwrite what the link names; so a file is taken only as what it was made, and a folder only when it is root's.
"""

import errno
import os
import stat
from pathlib import Path

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EPERM})
"""The numbers of what says that a disk takes nothing at present, which is no question of rights (that is EACCES).

EPERM is what root is told, too, of a folder or file that is marked as immutable.
"""


class UnsafeFile(OSError):
    """The file or folder may be somebody else's; the message says what was seen and what to do."""


def open_private(path: Path, flags: int = os.O_RDWR | os.O_CREAT) -> int:
    """A descriptor of a regular file of this user with mode 0600, made when missing if `flags` say so.

    Raises UnsafeFile when it is anything else, OSError as `os.open`.
    """
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except OSError as fault:
        if fault.errno in (errno.ELOOP, errno.EMLINK):
            raise _unsafe(path, "it is a symbolic link") from None
        raise
    try:
        seen = os.fstat(descriptor)
        _check(path, seen)
        if stat.S_IMODE(seen.st_mode) & 0o077:
            os.fchmod(descriptor, 0o600)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def check_private(path: Path) -> bool:
    """Whether the file is there; raises UnsafeFile unless it is a regular file of this user, OSError.

    It is not opened: closing a descriptor would give up the locks that a database has on it in this process.
    """
    try:
        _check(path, path.lstat())
    except FileNotFoundError:
        return False
    return True


def make_private(path: Path) -> None:
    """Have an empty file with mode 0600 there if there is none, so that nobody can ever read what is put into it.

    It is made without being opened: one thread of this process that closes a database's file would give up the locks
    that another one's connection has on it by then. Raises UnsafeFile, OSError.
    """
    if check_private(path):
        return
    try:
        os.mknod(path, stat.S_IFREG | 0o600)
    except FileExistsError:
        check_private(path)


def make_database(path: Path) -> None:
    """`make_private` for an SQLite file and those that sqlite puts beside it; raises UnsafeFile, OSError.

    sqlite gives the files beside it the mode that the file itself has.
    """
    make_private(path)
    for suffix in ("", "-wal", "-shm", "-journal"):
        part = Path(f"{path}{suffix}")
        if check_private(part) and stat.S_IMODE(part.lstat().st_mode) & 0o077:
            part.chmod(0o600)


def identity(folder: Path) -> str:
    """Which folder it is, as DEVICE:INODE: the same under every path and in every container. Raises OSError."""
    seen = folder.stat()
    return f"{seen.st_dev}:{seen.st_ino}"


def folder_is_open_to(folder: Path) -> str:
    """Empty, or who besides root could put files into `folder`, or another folder into its place, and what to do.

    Asked of a process that runs as root; for others it is always empty. Raises OSError.
    """
    if os.geteuid() != 0:
        return ""
    real = folder.resolve()
    for part in (real, *real.parents):
        seen = part.stat()
        if seen.st_uid != 0:
            return (
                f"{part} belongs to uid {seen.st_uid}, and root would follow what that user puts there. Where it is "
                f"meant so, as with the packages, run this as that user (sudo -u '#{seen.st_uid}'); if not, {_ADVICE}"
            )
        others = stat.S_IMODE(seen.st_mode) & (0o002 if seen.st_gid == 0 else 0o022)
        # Where everybody may write but nobody rename what is another's (/tmp), a folder of root's own is safe.
        if others and (part == real or not seen.st_mode & stat.S_ISVTX):
            return f"others than root can write in {part} (mode {stat.S_IMODE(seen.st_mode):04o}); {_ADVICE}"
    return ""


_ADVICE = (
    "give it to root (chown root:root, chmod go-w) after a look at what is in it, "
    "or name a folder of root's with [DEFAULT] state_path"
)


def _check(path: Path, seen: os.stat_result) -> None:
    if stat.S_ISLNK(seen.st_mode):
        raise _unsafe(path, "it is a symbolic link")
    if not stat.S_ISREG(seen.st_mode):
        raise _unsafe(path, "it is no ordinary file")
    if seen.st_uid != os.geteuid():
        raise _unsafe(path, f"it belongs to uid {seen.st_uid}, and this process runs as uid {os.geteuid()}")
    if seen.st_nlink != 1:
        raise _unsafe(path, "it has another name besides this one (a hard link)")


def _unsafe(path: Path, seen: str) -> UnsafeFile:
    return UnsafeFile(
        f"{path} is not used: {seen}. Somebody else could have put it there. Look at it, then remove it, "
        "move it away, or give it to the user that this runs as (chown)."
    )
