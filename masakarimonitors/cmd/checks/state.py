"""The folder for state, as a monitor that starts now would find it: is it there, does it last, can what is in it be
read?

Nothing is made, written or locked: to take a lock, for however short a time, could keep a monitor from starting.
"""

import contextlib
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from oslo_config import cfg

from masakarimonitors.cmd import wiring
from masakarimonitors.conf import ConfigFault, state_path
from masakarimonitors.core.finding import Finding, fault, ok, warning
from masakarimonitors.outbox.storage.reading import connect_to_look
from masakarimonitors.outbox.storage.store import StoreFault
from masakarimonitors.system.files import mounts
from masakarimonitors.system.files.private_files import UnsafeFile, check_private


def look(conf: cfg.ConfigOpts, names: Sequence[str]) -> list[Finding]:
    """Where monitors that run as this user would keep their state, and what is the matter with it."""
    try:
        chosen, remarks = state_path.plan(conf, names=wiring.MONITORS)
    except state_path.Untold as error:  # whoever asks here need not be the user that the monitors run as
        return [warning(state_path.search(conf, ".sqlite", wiring.MONITORS).unknown or str(error))]
    except ConfigFault as error:
        return [fault(str(error))]
    closed = state_path.search(conf, ".sqlite", wiring.MONITORS).unknown
    found = [warning(remark) for remark in (*remarks, closed) if remark]
    if chosen is None:
        return [*found, warning("no writable folder for state: memory only")]
    if chosen.standing is not state_path.Standing.READY:
        text = f"state belongs into {chosen.folder}, which takes nothing now ({chosen.seen}): memory only"
        return [*found, warning(text)]
    return [
        *found,
        lasts(chosen.folder, "" if conf.state_may_be_lost else mounts.look(chosen.folder)),
        *(one for name in names for one in outbox(chosen.folder, name)),
    ]


def lasts(folder: Path, why: str) -> Finding:
    """Whether what is kept there is there after the next start; `why`: in a clause, why not."""
    if not why:
        return ok(f"state is kept in {folder}")
    return warning(
        f"state is kept in {folder}, which does not survive: {why}. Reports that wait there are lost with it, and "
        "what was reported is reported again. Mount a folder of the host there (a volume), or name one with [DEFAULT] "
        "state_path"
    )


def outbox(folder: Path, name: str) -> list[Finding]:
    """What a start of that monitor would meet in its file."""
    path = folder / f"{name}.sqlite"
    holders = lock_holders(Path(f"{path}.lock"))
    if holders:  # its own monitor has it open, and has read it
        return []
    try:
        busy = readable(path)
    except StoreFault as error:
        return [fault(f"{name}: {wiring.unreadable(error)}")]
    except OSError as error:  # a lock that cannot be had
        return [fault(f"{name}: {error}")]
    if not busy:
        return []
    return [
        warning(
            f"{name}: {path} is kept busy by somebody else ({busy}). Until that has ended, a monitor that starts works "
            "from memory and cannot know which reports wait there: end it (a backup, an open sqlite3)"
        )
    ]


def readable(path: Path) -> str:
    """Why the file cannot be read at this moment, or nothing; what a monitor mends by itself is nothing, too.

    Raises what would end a monitor that starts: StoreFault for the outbox, OSError for its lock.
    """
    check_private(Path(f"{path}.lock"))
    try:
        if not check_private(path):
            return ""
        for suffix in ("-wal", "-shm", "-journal"):
            check_private(Path(f"{path}{suffix}"))
        with contextlib.closing(connect_to_look(path)) as db:
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except UnsafeFile as error:
        raise StoreFault(f"{path}: {error}", lasting=False, unread=True) from error
    except sqlite3.Error as error:
        # It reads what a killed monitor has left, and puts aside what is broken.
        return str(error) if "locked" in str(error) else ""
    return ""


def lock_holders(
    path: Path, locks: Path = Path("/proc/locks"), mountinfo: Path = mounts.MOUNTINFO
) -> list[int]:
    """The processes that hold this lock (a flock), as the kernel lists them; one of another container may be 0."""
    try:
        seen = path.lstat()
        lines = locks.read_text().splitlines()
    except OSError:
        return []
    devices = [(os.major(seen.st_dev), os.minor(seen.st_dev))]
    with contextlib.suppress(OSError, ValueError):
        if (mount := mounts.find(path, mountinfo)) is not None:
            major, minor = mount.device.split(":")
            devices.append((int(major), int(minor)))
    wanted = {f"{major:02x}:{minor:02x}:{seen.st_ino}" for major, minor in devices}
    held = (line.split() for line in lines if "->" not in line)
    return [int(words[4]) for words in held if len(words) > 5 and words[1] == "FLOCK" and words[5] in wanted]
