"""What libvirt leaves on disk about its QEMU processes: locked pidfiles and logs.

libvirt writes NAME.pid and holds a lock on it through QEMU itself: as long as the file is locked that QEMU lives.
Who cannot see says UNSEEN.
"""

import datetime
import os
import re
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path

from masakarimonitors.instancemonitor.core.observation import Departure, Failed, Process
from masakarimonitors.system.processes.pidfile import holder, written_at

_TAIL = 64 * 1024
_SHUT_DOWN = re.compile(rb"^([^\n]*): shutting down, reason=([a-z ]+)$", re.MULTILINE)
# The reason that libvirt gives for a QEMU that it could not bring up: a start, a restore or a migration that failed.
_NOT_STARTED = "failed"
# On the command line of a QEMU that takes in a guest.
_INCOMING = b"-incoming"
# What libvirt writes before it tells a QEMU to send its guest away; the second, to go on with that by post-copy.
_DEPARTS = re.compile(rb"^([^\n]*?)(?:: )?(?:initiating|resuming) migration", re.MULTILINE)
_STARTED = re.compile(rb"^(\d[^\n]{27}): starting up libvirt version", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Log:
    """What an instance's log tells of its last life; a start that failed is none.

    `last_words`: why libvirt ended it ("crashed", "destroyed"), empty if it goes on or is not told. `started`: when it
    began, in seconds since 1970; 0 when that is not told. `arrived`: it came by live migration or out of a file.
    `failed`: what has failed since. `ended`: when libvirt wrote the last words, likewise. `departure`: whether a live
    migration away was begun in that life, and `departed` when the last one was, likewise.
    """

    last_words: str = ""
    started: float = 0.0
    arrived: bool = False
    failed: Failed = Failed.NOTHING
    _: KW_ONLY
    ended: float = 0.0
    departure: Departure = Departure.UNTOLD
    departed: float = 0.0


@dataclass(frozen=True, slots=True)
class QemuFiles:
    """The two folders of one libvirt on this host; `own_names`: what this host is called, in lower case."""

    pids: Path
    logs: Path
    own_names: frozenset[str] = frozenset()

    def process(self, name: str) -> Process:
        """Whether the QEMU of instance `name` lives."""
        try:
            return Process.GONE if holder(self.pids / f"{name}.pid") is None else Process.ALIVE
        except FileNotFoundError:
            # libvirt removes the file when it has seen the process end. Missing, it proves something only
            # where libvirtd keeps its files indeed: an empty folder of a container's own proves nothing.
            return Process.GONE if self.is_kept() else Process.UNSEEN
        except (OSError, ValueError):
            # ValueError: a name that no file can have.
            return Process.UNSEEN

    def born(self, name: str) -> int:
        """When the QEMU of instance `name` was begun, as `pidfile.written_at`."""
        return written_at(self.pids / f"{name}.pid")

    def log(self, name: str) -> Log | None:
        """What the instance's log says of its last life; None when it cannot be read, or could not be written.

        On a disk without room libvirt cannot have told of an end, so that a log without one says nothing. Nor does one
        that ends where a block of the disk does: what is appended on a full disk still fills the last block, and is cut
        off there, so that it shows later, too, that the disk may have been full when the instance ended.
        """
        try:
            with (self.logs / f"{name}.log").open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(max(0, size - _TAIL))
                text = file.read()
                disk = os.fstatvfs(file.fileno())
                full = disk.f_bavail == 0 or (size > 0 and disk.f_frsize > 1 and size % disk.f_frsize == 0)
        except (OSError, ValueError):
            return None
        log = last_life(text)
        if not full:
            return log
        # Nor can it have told then that a live migration began.
        untold = Departure.UNTOLD if log.departure is Departure.NONE else log.departure
        return replace(log, departure=untold) if log.last_words else None

    def should_tell(self, name: str) -> bool:
        """Whether a log that tells nothing of the instance means something: those of others can be read here."""
        try:
            with (self.logs / f"{name}.log").open("rb"):
                pass
        except PermissionError:
            return False
        except FileNotFoundError:
            if not any(self.logs.glob("*.log")):  # a container's own folder, or one that may not be listed
                return False
        except OSError:
            pass  # the disk is broken, just there
        return self.is_kept()

    def is_kept(self) -> bool:
        """Whether a living libvirtd has its own lock in the folder of pidfiles."""
        try:
            return holder(self.pids / "driver.pid") is not None
        except OSError:
            return False


def last_life(text: bytes) -> Log:
    """The last life that the end of a log tells of, passing over starts that failed."""
    starts = list(_STARTED.finditer(text))
    # What stands before the first start is the end of a life whose beginning was cut off.
    stamps = [b"", *(start[1] for start in starts)]
    bounds = [0, *(start.start() for start in starts), len(text)]
    failed = Failed.NOTHING
    for number in reversed(range(len(stamps))):
        stretch = text[bounds[number] : bounds[number + 1]]
        found = [(end[2].decode(), end[1]) for end in _SHUT_DOWN.finditer(stretch)]
        arrived = _INCOMING in stretch
        words, at = found[-1] if found else ("", b"")
        if words != _NOT_STARTED:
            started = _seconds(stamps[number])
            departures = _DEPARTS.findall(stretch)
            # What stands before a beginning that was cut off is not known.
            stayed = Departure.NONE if number > 0 else Departure.UNTOLD
            return Log(
                words,
                started,
                arrived,
                failed,
                ended=_seconds(at),
                departure=Departure.BEGUN if departures else stayed,
                departed=_seconds(departures[-1]) if departures else 0.0,
            )
        failed = Failed.ARRIVAL if arrived or failed is Failed.ARRIVAL else Failed.START
    return Log(failed=failed)


def _seconds(stamp: bytes) -> float:
    """Of libvirt's own stamp, such as "2026-11-28 09:56:20.123+0000"; 0 for anything else.

    Not by strptime, which Python keeps in a module that it loads at the first call: that would be at an instance's
    death, which may be that of the disk with our modules, too.
    """
    try:
        moment = datetime.datetime.fromisoformat(stamp.decode())
    except ValueError:
        return 0.0
    return moment.timestamp() if moment.tzinfo is not None else 0.0
