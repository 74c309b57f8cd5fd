"""Files that root alone can have written: what root acts upon at the word of somebody who is not root.

In: a path that root's own configuration names. Out: what stands there, or `Untrusted` with who else could have put it
there. Every folder and link on the way is looked at, from / on. Where all of them are root's, nobody else can exchange
one behind our back, so what was looked at is what is read.
"""

import os
import stat
from collections import deque
from collections.abc import Sequence
from contextlib import closing
from os import stat_result
from pathlib import Path

ROOT = 0
_LINKS = 40
"""As many symbolic links as the kernel follows on one way."""

_OTHERS = 0o022
"""Group and everybody. An ACL shows in the group's bits, too; so root's own group is no exception."""


class Untrusted(OSError):
    """Somebody besides root could have written it, or exchanged it; the message says what was seen and what to do."""


def read_trusted(path: str, limit: int, owner: int = ROOT) -> bytes:
    """The regular file at `path`, of at most `limit` bytes; Untrusted, or OSError when it cannot be read.

    `owner`: the user id that is trusted like root.
    """
    real, seen = _look(path, owner)
    _check_file(path, real, seen, owner)
    if seen.st_size > limit:
        raise _untrusted(path, f"it has {seen.st_size} bytes, and {limit} are the most", "name another file")
    # NONBLOCK: should it be a pipe after all, nobody waits for who fills it.
    descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with closing(os.fdopen(descriptor, "rb", buffering=0)) as file:
        _check_file(path, real, os.fstat(descriptor), owner)
        # What is written meanwhile is not waited for.
        return file.read(limit) or b""


def complaint(path: str, owner: int = ROOT) -> str:
    """Empty, or why root is not the only one who can have written the file or folder at `path`."""
    try:
        real, seen = _look(path, owner)
        if not stat.S_ISDIR(seen.st_mode):
            _check_file(path, real, seen, owner)
    except OSError as fault:
        return str(fault) if isinstance(fault, Untrusted) else f"{path}: {fault.strerror}"
    return ""


def others_could_write(files: Sequence[str], folders: Sequence[str]) -> str:
    """Empty, or which of these configuration files and folders others than root could have written, and what to do."""
    parts = [str(part) for folder in folders for part in sorted(Path(folder).glob("*.conf"))]
    return next((why for path in (*files, *folders, *parts) if (why := complaint(path))), "")


def _look(path: str, owner: int) -> tuple[str, stat_result]:
    """Where `path` really leads, and what stands there; each folder and link on the way has been looked at."""
    if not path.startswith("/"):
        raise _untrusted(path, "it does not begin with a slash", "name the whole path")
    elsewhere = os.stat("/proc").st_dev
    real, seen, links = "/", os.lstat("/"), 0
    waiting = deque(path.split("/"))
    open_to_all = _check_folder(path, real, seen, owner)
    while waiting:
        part = waiting.popleft()
        if part in ("", "."):
            continue
        if part == "..":
            real = os.path.dirname(real)
            seen = os.lstat(real)
            open_to_all = _check_folder(path, real, seen, owner)
            continue
        here = os.path.join(real, part)
        seen = os.lstat(here)
        if seen.st_dev == elsewhere:
            raise _untrusted(path, f"{here} is no file on a disk", "name one")
        if stat.S_ISLNK(seen.st_mode):
            links += 1
            if links > _LINKS:
                raise _untrusted(path, "its symbolic links have no end", "name the file itself")
            if open_to_all or seen.st_uid not in (ROOT, owner):
                raise _untrusted(path, f"the symbolic link {here} may be anybody's", "name the file itself")
            target = os.readlink(here)
            real = "/" if target.startswith("/") else real
            waiting.extendleft(reversed(target.split("/")))
            seen = os.lstat(real)
            open_to_all = _check_folder(path, real, seen, owner)
        elif stat.S_ISDIR(seen.st_mode):
            real = here
            open_to_all = _check_folder(path, real, seen, owner)
        elif any(waiting):
            raise NotADirectoryError(20, os.strerror(20), here)
        elif open_to_all:
            raise _untrusted(path, f"everybody can write in {real}", "move it into a folder of root's own")
        else:
            return here, seen
    return real, seen


def _check_folder(path: str, folder: str, seen: stat_result, owner: int) -> bool:
    """Whether everybody may put files into this folder, but nobody move what is another's, as in /tmp."""
    if seen.st_uid not in (ROOT, owner):
        raise _untrusted(
            path, f"its folder {folder} belongs to uid {seen.st_uid}", f"chown root:root {folder}"
        )
    if not seen.st_mode & _OTHERS:
        return False
    if seen.st_mode & stat.S_ISVTX:
        return True
    mode = f"{stat.S_IMODE(seen.st_mode):04o}"
    raise _untrusted(
        path, f"others than root can write in its folder {folder} ({mode})", f"chmod go-w {folder}"
    )


def _check_file(path: str, real: str, seen: stat_result, owner: int) -> None:
    if not stat.S_ISREG(seen.st_mode):
        raise _untrusted(path, "it is no ordinary file", "put one there")
    if seen.st_uid not in (ROOT, owner):
        raise _untrusted(path, f"it belongs to uid {seen.st_uid}", f"chown root:root {real}")
    if seen.st_mode & _OTHERS:
        mode = f"{stat.S_IMODE(seen.st_mode):04o}"
        raise _untrusted(path, f"others than root can write it ({mode})", f"chmod go-w {real}")
    if seen.st_nlink != 1:
        raise _untrusted(
            path,
            "it has another name besides this one (a hard link)",
            "copy it, and put the copy into its place",
        )


def _untrusted(path: str, seen: str, advice: str) -> Untrusted:
    return Untrusted(f"{path} is not trusted with root's rights: {seen}. After a look at it: {advice}")
