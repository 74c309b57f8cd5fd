"""What the journals and outboxes of this host tell, read as they grow: the last day, and the newest reports.

In: the folder for state, whenever somebody looks; on a thread, as its disk may hang. Out: events of the last 24 hours,
rows of the outboxes, and what of both could not be read. Nothing is made, locked or changed.
"""

import datetime
import os
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from masakarimonitors.journal import reader
from masakarimonitors.journal.record import JournalRecord, Kind
from masakarimonitors.journal.writer import SUFFIX
from masakarimonitors.outbox.rows import Row
from masakarimonitors.outbox.storage.reading import read_only

DAY = datetime.timedelta(hours=24)
"""So far back the picture goes."""

EVENTS = 5_000
"""Events of one monitor that are kept, the newest: a storm of a thousand hosts makes eight thousand records, of which
those that are drawn are two thousand."""

ROWS = 60
"""Reports of each monitor that are shown, the newest; those that wait are all shown, as its status names them, too."""

_DRAWN = frozenset({Kind.STARTED, Kind.STOPPED, Kind.VERDICT, Kind.MADE, Kind.ENDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Of a record of the journal, what is drawn of it."""

    at: datetime.datetime
    kind: Kind
    subject: str = ""
    ruling: str = ""
    status: str = ""
    report: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDisk:
    """What was read: by monitor its events, oldest first, and its newest reports; and why something could not be."""

    events: Mapping[str, Sequence[Event]] = field(default_factory=dict)
    reports: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    faults: Sequence[str] = ()


class Past:
    """Reads again only what has changed."""

    def __init__(self, monitors: Sequence[str]) -> None:
        """Nothing is read yet."""
        self._monitors = monitors
        self._tails = {name: reader.Tail() for name in monitors}
        self._events: dict[str, dict[Event, None]] = {name: {} for name in monitors}
        self._marks: dict[str, object] = {}
        self._rows: dict[str, Sequence[Row]] = {}

    def read(self, folder: Path, now: datetime.datetime) -> OnDisk:
        """What the files in that folder tell now."""
        faults: list[str] = []
        for name in self._monitors:
            self._journal(folder, name, now, faults)
            self._outbox(folder / f"{name}.sqlite", name, faults)
        return OnDisk(
            events={name: list(events) for name, events in self._events.items()},
            reports=dict(self._rows),
            faults=faults,
        )

    def _journal(self, folder: Path, name: str, now: datetime.datetime, faults: list[str]) -> None:
        path = folder / f"{name}{SUFFIX}"
        try:
            fresh = reader.news(path, name, self._tails[name])
        except FileNotFoundError:
            return
        except OSError as fault:
            faults.append(f"{path} cannot be read: {fault.strerror or fault}")
            return
        events = self._events[name]
        if fresh is None:  # another file stands there: all that there is is read
            read = reader.read(folder, [name])
            faults += [f"The journal cannot be read: {fault}" for fault in read.faults]
            events.clear()
            fresh = read.records
        for record in fresh:
            if record.kind in _DRAWN and record.at > now - DAY:
                events[_event(record)] = None
        for one in [one for one in events if one.at <= now - DAY][:]:
            del events[one]
        while len(events) > EVENTS:
            del events[next(iter(events))]

    def _outbox(self, path: Path, name: str, faults: list[str]) -> None:
        try:
            mark = _mark(path)
            if mark == self._marks.get(name):
                return
            self._rows[name] = read_only(path, ROWS)
            self._marks[name] = mark
        except FileNotFoundError:
            self._rows.pop(name, None)
        except (sqlite3.Error, ValueError, OSError) as fault:
            faults.append(f"{path} cannot be read: {fault}")
            self._rows.pop(name, None)
            self._marks.pop(name, None)


def _event(record: JournalRecord) -> Event:
    return Event(
        at=record.at.astimezone(datetime.UTC),
        kind=record.kind,
        subject=record.subject,
        ruling=record.ruling,
        status=record.status,
        report=record.report,
    )


def _mark(path: Path) -> object:
    """What changes whenever the outbox is written; raises FileNotFoundError, OSError."""
    seen = os.stat(path)
    marks = [(seen.st_ino, seen.st_size, seen.st_mtime_ns)]
    try:
        journal = os.stat(f"{path}-wal")
        marks.append((journal.st_ino, journal.st_size, journal.st_mtime_ns))
    except FileNotFoundError:
        pass
    return marks
