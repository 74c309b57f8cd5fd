"""The journal for whoever only looks: the files as they are, while the monitor writes and after it died.

In: a folder. Out: records in the order of their times, and what of the files could not be read. Nothing is made, locked
or changed, no link is followed; a torn line is passed over and counted.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from masakarimonitors.journal.record import JournalRecord, from_line
from masakarimonitors.journal.writer import FULL, KEPT, SUFFIX, numbered

_LINE = 8192
"""Bytes that no line is longer than."""

MOST = 2 * FULL
"""Bytes of one file that are read, its last ones: a file that somebody has let grow must not fill the memory."""


@dataclass(slots=True, kw_only=True)
class Read:
    """What was found. `torn`: lines that say nothing; `faults`: files that are there and cannot be read, and why."""

    records: list[JournalRecord] = field(default_factory=list)
    torn: int = 0
    faults: list[str] = field(default_factory=list)
    found: bool = False


@dataclass(slots=True)
class Tail:
    """How far one monitor's file has been read: which file it is, and up to which byte."""

    identity: tuple[int, int] | None = None
    offset: int = 0


def news(path: Path, monitor: str, tail: Tail) -> list[JournalRecord] | None:
    """What was written at `path` since it was read up to `tail`; raises OSError.

    None: another file stands there than the one that was read, as after it was full. All is to be read by `read` then,
    and what is written meanwhile may be met once more.
    """
    descriptor = _open(path)
    try:
        what = os.fstat(descriptor)
        identity = (what.st_dev, what.st_ino)
        if identity != tail.identity or what.st_size < tail.offset:
            start = max(0, what.st_size - _LINE)
            whole = os.pread(descriptor, what.st_size - start, start).rfind(b"\n") + 1
            tail.identity, tail.offset = identity, start + whole
            return None
        data = os.pread(descriptor, min(what.st_size - tail.offset, MOST), tail.offset)
    finally:
        os.close(descriptor)
    # A line that is being written is read when it is whole.
    data = data[: data.rfind(b"\n") + 1]
    tail.offset += len(data)
    return list(_records(data, monitor, Read()))


def read(folder: Path, monitors: Sequence[str]) -> Read:
    """The journals of these monitors in that folder."""
    seen = Read()
    for name in monitors:
        seen.records += _of(folder / f"{name}{SUFFIX}", name, seen)
    # By time; what has the same one stays as it was written.
    seen.records.sort(key=lambda record: record.at)
    return seen


def _of(path: Path, monitor: str, seen: Read) -> list[JournalRecord]:
    """Of one monitor, oldest first."""
    # The newest first: a file that is turned over meanwhile is met again under its next name, and no file is missed.
    files: dict[tuple[int, int], list[JournalRecord]] = {}
    for place in (path, *(numbered(path, number) for number in range(1, KEPT + 1))):
        try:
            identity, data = _contents(place)
        except FileNotFoundError:
            continue
        except OSError as fault:
            seen.faults.append(f"{place}: {fault.strerror or fault}")
            continue
        seen.found = True
        if identity not in files:
            files[identity] = list(_records(data, monitor, seen))
    return [record for records in reversed(files.values()) for record in records]


def _contents(path: Path) -> tuple[tuple[int, int], bytes]:
    """Which file it is, and the end of what is in it; raises OSError."""
    descriptor = _open(path)
    try:
        what = os.fstat(descriptor)
        parts, start, end = [], max(0, what.st_size - MOST), what.st_size
        while start < end and (part := os.pread(descriptor, min(end - start, 1 << 20), start)):
            parts.append(part)
            start += len(part)
    finally:
        os.close(descriptor)
    return (what.st_dev, what.st_ino), b"".join(parts)


def _open(path: Path) -> int:
    """An ordinary file, through no link; raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is no ordinary file")
    return descriptor


def _records(data: bytes, monitor: str, seen: Read) -> Iterator[JournalRecord]:
    for line in data.split(b"\n"):
        record = from_line(line) if line else None
        if record is not None and record.monitor == monitor:
            yield record
        elif line:
            seen.torn += 1
