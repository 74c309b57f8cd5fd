"""The journal's file: lines are appended by a thread of its own, and nobody waits for the disk.

In: records, one after another. Out: lines in `<monitor>.journal`, of bounded size and age. While the disk hangs or
takes nothing, so many are kept; the others are lost and counted, and the file says how many as soon as it can.
"""

import contextlib
import datetime
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from masakarimonitors.core.decision import JSON
from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.journal.record import (
    JournalRecord,
    Kind,
    from_line,
    of_life,
    of_row,
    of_verdict,
    to_line,
)
from masakarimonitors.outbox.rows import Row
from masakarimonitors.status.model import VerdictRecord
from masakarimonitors.system.clock import Clock
from masakarimonitors.system.files.backlog import Backlog
from masakarimonitors.system.files.private_files import open_private

LOG = logging.getLogger(__name__)

SUFFIX = ".journal"
"""What follows a monitor's name; of full files a dot and their number, the newest 1, follow that."""

FULL = 2 << 20
"""Bytes after which a file is full. A record has 300 to 600 bytes, so a thousand hosts that fail and return, with eight
records each, take two files or three."""
OLDEST = datetime.timedelta(days=7)
"""Nor does a file hold more than a week."""
KEPT = 4
"""Full files that are kept beside the one that is written: 10 MiB for each monitor at most, and five weeks, within
which whoever writes up what happened has done so."""

MOST_LINES = 2000
"""Lines that wait for the disk at most."""
MOST_BYTES = 1 << 20
"""Bytes of them."""

LAST = 1.0
"""Seconds that the end of a monitor waits for what is still to be written."""

# So many of the last reports that have ended are known, so that their end is told once.
_ENDED = 1000
_FIRST_LINE = 8192


class JournalFile:
    """The files of one journal; the only one that touches them, on its thread."""

    def __init__(self, path: Path) -> None:
        """Nothing is touched."""
        self.path = path
        self._since: datetime.datetime | None = None
        # Whether the file may end in the middle of a line, and others be too old.
        self._torn = True
        self._tidy = False

    def append(self, lines: Sequence[bytes], at: datetime.datetime) -> None:
        """Write these lines, the last of which is of that time; raises OSError, with any number of them written."""
        data = b"".join(lines)
        if not self._tidy:
            self._tidy = True
            self.forget(at)
        descriptor = self._open()
        try:
            size = os.fstat(descriptor).st_size
            if self._is_full(descriptor, size, len(data), at):
                os.close(descriptor)
                descriptor = -1
                self._turn(at)
                descriptor = self._open()
                size = os.fstat(descriptor).st_size
            if self._torn and size and os.pread(descriptor, 1, size - 1) != b"\n":
                data = b"\n" + data
            self._torn = True
            while data:
                data = data[os.write(descriptor, data) :]
            self._torn = False
            self._since = self._since or at
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def _open(self) -> int:
        return open_private(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT)

    def _is_full(self, descriptor: int, size: int, more: int, at: datetime.datetime) -> bool:
        if not size:
            self._since = None
            return False
        if size + more > FULL:
            return True
        if self._since is None:
            first = from_line(os.pread(descriptor, _FIRST_LINE, 0).split(b"\n", 1)[0])
            self._since = first.at if first is not None else at
        return at - self._since > OLDEST

    def _turn(self, at: datetime.datetime) -> None:
        """The file is full: it becomes number 1, each older one the next, and the oldest goes."""
        for number in range(KEPT - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                os.replace(numbered(self.path, number), numbered(self.path, number + 1))
        os.replace(self.path, numbered(self.path, 1))
        self._since = None
        self.forget(at)

    def forget(self, at: datetime.datetime) -> None:
        """Remove what is too old by now."""
        oldest = (at - OLDEST * (KEPT + 1)).timestamp()
        for number in range(1, KEPT + 1):
            with contextlib.suppress(FileNotFoundError):
                path = numbered(self.path, number)
                if path.lstat().st_mtime < oldest:
                    path.unlink()


def numbered(path: Path, number: int) -> Path:
    """A full file's name."""
    return path.with_name(f"{path.name}.{number}")


class Journal:
    """Takes what happened in one monitor; never waits, never raises."""

    def __init__(
        self,
        path: Path,
        monitor: str,
        clock: Clock,
        *,
        most: int = MOST_LINES,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """Nothing is touched before there is something to write; so many lines wait for the disk at most."""
        self._file = JournalFile(path)
        self._monitor = monitor
        self._clock = clock
        # Those that the outbox has in memory anyway, as they were last told; of others the numbers.
        self._rows: dict[int, Row] = {}
        self._ended: dict[int, None] = {}
        self._backlog = Backlog[bytes](
            "journal",
            self._write,
            most=most,
            most_bytes=most_bytes,
            on_fault=self._say_fault,
            on_mended=self._say_mended,
        )
        self._told = 0

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._file.path

    def describe(self) -> dict[str, JSON]:
        """For the status."""
        return {"where": str(self.path.absolute()), "lost": self.lost, "fault": self.fault}

    @property
    def lost(self) -> int:
        """How many records are lost since the start."""
        return self._backlog.lost

    @property
    def fault(self) -> str:
        """Empty, or why none can be written at present."""
        return self._backlog.fault

    def started(self, version: str) -> None:
        """The monitor begins to watch."""
        self.take(of_life(self._monitor, Kind.STARTED, self._clock.now(), version))

    def verdict(self, told: VerdictRecord) -> None:
        """A ruling."""
        self.take(of_verdict(self._monitor, told))

    def row(self, row: Row) -> None:
        """A report, as it is now; what was told of it already is not told again."""
        before = self._rows.pop(row.id, None)
        if row.status is ReportStatus.PENDING or row.followed:
            self._rows[row.id] = row
        elif before is None and row.id in self._ended:
            return
        else:
            self._ended[row.id] = None
            if len(self._ended) > _ENDED:
                del self._ended[next(iter(self._ended))]
        record = of_row(self._monitor, row, before, self._clock.now())
        if record is not None:
            self.take(record)

    def take(self, record: JournalRecord) -> None:
        """Have it written, or count it as lost."""
        line = to_line(record)
        self._backlog.take(line, len(line))

    async def close(self) -> None:
        """Say that the monitor ends, and wait for a moment until that is written."""
        self.take(of_life(self._monitor, Kind.STOPPED, self._clock.now()))
        await self._backlog.close(LAST)

    def _write(self, lines: Sequence[bytes]) -> None:
        now = self._clock.now()
        lost = self.lost - self._told
        told = (
            [to_line(JournalRecord(kind=Kind.LOST, at=now.wall, monitor=self._monitor, count=lost))]
            if lost
            else []
        )
        try:
            self._file.append([*told, *lines], now.wall)
        except Exception as fault:  # noqa: BLE001 - whatever it is: the next record may fare better
            self._backlog.failed(str(fault) or type(fault).__name__, len(lines))
            return
        self._told += lost
        self._backlog.wrote()

    def _say_fault(self, why: str) -> None:
        LOG.warning(
            "The journal at %s cannot be written (%s): what is decided now will be missing in `masakari-monitors "
            "explain`. Nothing else waits for it; free space or mend the folder",
            self.path,
            why,
        )

    def _say_mended(self) -> None:
        LOG.info("The journal is written again at %s; %d record(s) are lost", self.path, self.lost)
