"""Where accepted notifications live: one SQLite file, or memory.

`schema` hands in a valid report; `Store.accept` settles it in one transaction, exactly by
masakari-api's rules: unknown host, host on maintenance, duplicate, accepted. Not thread-safe: one
thread owns the store. What was accepted survives the end of this process, however it ends.
"""

import contextlib
import datetime
import json
import sqlite3
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from masakarimonitors.receiver.schema import Report
from masakarimonitors.system.files import private_files

SEGMENT = "7b9a5a0e-7f0c-4f0e-9d5e-6d61736b6172"
"""The one failover segment that every host of this receiver belongs to."""

_TABLES = """
CREATE TABLE IF NOT EXISTS hosts (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE,
    on_maintenance INTEGER NOT NULL DEFAULT 0, created_at TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS notifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE,
    host INTEGER NOT NULL REFERENCES hosts (id), type TEXT NOT NULL,
    generated_time TEXT NOT NULL, payload TEXT NOT NULL, created_at TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS by_host_and_type ON notifications (host, type, generated_time);
"""


class HostUnknown(Exception):
    """The host name is registered nowhere (400)."""


class OnMaintenance(Exception):
    """The host is on maintenance: nothing about it is accepted (409)."""


class Duplicate(Exception):
    """The same report was accepted within the window (409)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A registered host."""

    id: int
    uuid: str
    name: str
    on_maintenance: bool
    created_at: datetime.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A stored notification; times are aware UTC."""

    id: int
    uuid: str
    type: str
    hostname: str
    host_uuid: str
    generated_time: datetime.datetime
    payload: Mapping[str, str]
    created_at: datetime.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which notifications a reader wants, newest first; None means any.

    `before` is an id, `limit` a count; both from 0 to 2**63 - 1, which is what SQLite can hold.
    """

    type: str | None = None
    host_uuid: str | None = None
    hostname: str | None = None
    generated_since: datetime.datetime | None = None
    before: int | None = None
    limit: int = 1000


class Store:
    """Hosts and notifications; `keep` bounds the history (the oldest go first).

    `known_hosts`: the only names that are accepted; None registers each name when it first reports.
    `window`: seconds of masakari's `duplicate_notification_detection_interval`, 180 by default there.
    """

    def __init__(
        self,
        database: Path | str,
        *,
        known_hosts: Collection[str] | None = None,
        window: float = 180.0,
        keep: int = 100_000,
    ) -> None:
        """Open or make the file, private to this user; raises sqlite3.Error when it cannot be used."""
        self._known = None if known_hosts is None else frozenset(known_hosts)
        self._window = datetime.timedelta(seconds=window)
        self._keep = keep
        if database != ":memory:":
            try:
                private_files.make_database(Path(database))
            except OSError as fault:
                raise sqlite3.OperationalError(str(fault)) from fault
        self._db = sqlite3.connect(database, isolation_level=None, check_same_thread=False, timeout=10.0)
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            # Enough for a process that dies; a power cut may cost the last few, which nobody here recovers anyway,
            # and each report would otherwise wait for the disk once more.
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_TABLES)
        except sqlite3.Error:
            self._db.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def register(self, names: Collection[str], now: datetime.datetime) -> None:
        """Make sure that these hosts exist."""
        with self._transaction():
            for name in names:
                self._host_id(name, now)

    def accept(self, report: Report, now: datetime.datetime) -> Accepted:
        """Keep the report, or raise HostUnknown, OnMaintenance or Duplicate, checked in this order."""
        with self._transaction():
            if self._known is not None and report.hostname not in self._known:
                raise HostUnknown
            host = self._host_id(report.hostname, now)
            (resting,) = self._db.execute("SELECT on_maintenance FROM hosts WHERE id = ?", (host,)).fetchone()
            if resting:
                raise OnMaintenance
            if self._seen(host, report):
                raise Duplicate
            cursor = self._db.execute(
                "INSERT INTO notifications (uuid, host, type, generated_time, payload, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    str(uuid.uuid4()),
                    host,
                    report.type,
                    _stamp(report.generated_time),
                    json.dumps(dict(report.payload), sort_keys=True),
                    _stamp(now),
                ),
            )
            number = cursor.lastrowid
            assert number is not None
            self._db.execute("DELETE FROM notifications WHERE id <= ?", (number - self._keep,))
            return self._select("n.id = ?", (number,), 1)[0]

    def notifications(self, query: Query) -> Sequence[Accepted]:
        """What matches, newest first."""
        conditions: list[str] = []
        values: list[str | int] = []
        for condition, value in (
            ("n.type = ?", query.type),
            ("h.uuid = ?", query.host_uuid),
            ("h.name = ?", query.hostname),
            (
                "n.generated_time >= ?",
                None if query.generated_since is None else _stamp(query.generated_since),
            ),
            ("n.id < ?", query.before),
        ):
            if value is not None:
                conditions.append(condition)
                values.append(value)
        return self._select(" AND ".join(conditions) or "TRUE", values, query.limit)

    def notification(self, identity: str) -> Accepted | None:
        """The one with this UUID."""
        return next(iter(self._select("n.uuid = ?", (identity,), 1)), None)

    def holds(self, number: int) -> bool:
        """Whether there is a notification with this id."""
        return bool(self._select("n.id = ?", (number,), 1))

    def hosts(self) -> Sequence[Host]:
        """Every registered host, in the order in which they came."""
        rows = self._db.execute("SELECT id, uuid, name, on_maintenance, created_at FROM hosts ORDER BY id")
        return [
            Host(id=i, uuid=u, name=name, on_maintenance=bool(resting), created_at=_moment(at))
            for i, u, name, resting, at in rows
        ]

    def set_maintenance(self, identity: str, on: bool) -> bool:
        """Flag the host with this UUID; False when there is none."""
        with self._transaction():
            cursor = self._db.execute(
                "UPDATE hosts SET on_maintenance = ? WHERE uuid = ?", (int(on), identity)
            )
            return cursor.rowcount > 0

    def _seen(self, host: int, report: Report) -> bool:
        """Whether an equal report exists whose time is not older than the window; newer ones count too."""
        try:
            since = report.generated_time - self._window
        except OverflowError:
            since = datetime.datetime.min.replace(tzinfo=datetime.UTC)
        rows = self._db.execute(
            "SELECT payload FROM notifications WHERE host = ? AND type = ? AND generated_time >= ?",
            (host, report.type, _stamp(since)),
        )
        return any(json.loads(payload) == report.payload for (payload,) in rows)

    def _host_id(self, name: str, now: datetime.datetime) -> int:
        self._db.execute(
            "INSERT INTO hosts (uuid, name, created_at) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING",
            (str(uuid.uuid4()), name, _stamp(now)),
        )
        (number,) = self._db.execute("SELECT id FROM hosts WHERE name = ?", (name,)).fetchone()
        return int(number)

    def _select(self, condition: str, values: Sequence[str | int], limit: int) -> Sequence[Accepted]:
        rows = self._db.execute(
            "SELECT n.id, n.uuid, n.type, h.name, h.uuid, n.generated_time, n.payload, n.created_at"
            f" FROM notifications n JOIN hosts h ON h.id = n.host WHERE {condition}"
            " ORDER BY n.id DESC LIMIT ?",
            (*values, limit),
        )
        return [
            Accepted(
                id=i,
                uuid=u,
                type=kind,
                hostname=name,
                host_uuid=host,
                generated_time=_moment(generated),
                payload=json.loads(payload),
                created_at=_moment(created),
            )
            for i, u, kind, name, host, generated, payload, created in rows
        ]

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise


def _stamp(moment: datetime.datetime) -> str:
    """UTC text of one fixed width, so that it sorts as time does."""
    naive = moment.astimezone(datetime.UTC).replace(tzinfo=None)
    return naive.isoformat(timespec="microseconds")


def _moment(stamp: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(stamp).replace(tzinfo=datetime.UTC)
