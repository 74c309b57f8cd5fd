"""The outbox's file: one SQLite database per monitor under `state_path`.

WAL, and `synchronous` per transaction: FULL where a power cut would otherwise lose something that
nobody can find out again (new rows, remembered values, that a row is offered for the first time), NORMAL
where only a process's death matters (answers, later tries: a row that may have arrived is offered
again and ends in a "duplicate" answer). A lock on the file keeps two
daemons from delivering the same rows.
"""

import contextlib
import datetime
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.outbox.lock import InUse, Lock
from masakarimonitors.outbox.rows import Loaded, Put, Row, Write, said_by
from masakarimonitors.outbox.store import StoreFault
from masakarimonitors.system import private_files
from masakarimonitors.system.private_files import UnsafeFile

_SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY, subject TEXT NOT NULL, body TEXT NOT NULL, why TEXT NOT NULL,
    created TEXT NOT NULL, status TEXT NOT NULL, attempts INTEGER NOT NULL, in_doubt INTEGER NOT NULL,
    reoffered INTEGER NOT NULL, answer TEXT NOT NULL, updated TEXT
);
CREATE INDEX IF NOT EXISTS outbox_status ON outbox (status, id);
CREATE TABLE IF NOT EXISTS memory (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS made (id INTEGER PRIMARY KEY, at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS followed (id INTEGER PRIMARY KEY, uuid TEXT NOT NULL);
"""
# Tables of their own, and not columns: an earlier release must be able to go on with this file. Only rows whose body
# says another time than that with which they were made stand in the first, only those that are followed in the second.
_MADE = "SELECT id, at FROM made"
_FOLLOWED = "SELECT id, uuid FROM followed"
_FOLLOWED_IDS = "SELECT id FROM followed"
_VERSION = 1
# What sqlite says when the file's content is broken, as opposed to a disk that is full or busy.
_BROKEN = ("malformed", "not a database", "unsupported file format", "no such table", "no such column")


class SqliteStore:
    """Rows and remembered values in a file that survives SIGKILL and a power cut."""

    blocks = True

    def __init__(self, path: Path, patience: float = 5.0, lock: Lock | None = None) -> None:
        """Lock `path` for this process; raises InUse when another process has it, OSError when it cannot be made.

        `patience`: seconds to wait for whoever else reads or writes the file (a backup, a curious person). `lock`: one
        that is taken already, or, unless `held`, is taken when the file is first written. So it is where the disk takes
        nothing at present.
        """
        self._path = path
        self._patience = patience
        self._db: sqlite3.Connection | None = None
        self._inode = 0
        self._given_up = False
        self._lock = lock or Lock(path)
        if lock is None:
            try:
                self._take_lock()
            except OSError as fault:
                if fault.errno not in private_files.NO_ROOM:
                    raise

    @property
    def where(self) -> str:
        """The file's path."""
        return str(self._path)

    def load(self) -> Loaded:
        """Open the file (made when missing) and read what a start needs."""
        try:
            db = self._open_to_read()
            broken = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if broken != "ok":
                raise StoreFault(f"{self._path}: {broken}", lasting=True)
            beside = _Beside(db)
            rows = db.execute(
                "SELECT * FROM outbox WHERE status = ? ORDER BY id", (ReportStatus.PENDING.value,)
            )
            pending = tuple(beside.row(values) for values in rows)
            followed: tuple[Row, ...] = ()
            if beside.followed:
                rows = db.execute(f"SELECT * FROM outbox WHERE id IN ({_FOLLOWED_IDS}) ORDER BY id")
                followed = tuple(beside.row(values) for values in rows)
            memory = {key: json.loads(value) for key, value in db.execute("SELECT key, value FROM memory")}
            (highest,) = db.execute("SELECT coalesce(max(id), 0) FROM outbox").fetchone()
            if db is not self._db:
                db.close()
        except (sqlite3.Error, ValueError, OSError, InUse) as error:
            raise self._fault(error, loading=True) from error
        return Loaded(pending, memory, highest + 1, followed)

    def write(self, writes: Sequence[Write]) -> None:
        """One transaction; on any fault nothing of it is kept."""
        try:
            db = self._open()
            self._check_in_place()
            durable = any(write.durable for write in writes)
            db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            db.execute("BEGIN IMMEDIATE")
            try:
                for write in writes:
                    _apply(db, write)
                # Asked while the file is locked: who goes on without this store cannot have written before it.
                if self._given_up:
                    raise StoreFault(f"{self._path}: it took too long", lasting=False)
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        except (sqlite3.Error, OSError, InUse, TypeError, ValueError) as error:
            # The last two: a value that sqlite or JSON cannot hold. It must not end the writer.
            raise self._fault(error) from error

    def check(self) -> None:
        """Whether the file and its lock are still where everybody else would look for them."""
        try:
            self._open()
            self._check_in_place()
        except (sqlite3.Error, OSError, InUse) as error:
            raise self._fault(error) from error

    def recent(self, limit: int) -> list[Row]:
        """The newest rows, newest first."""
        try:
            return _newest(self._open(), limit)
        except (sqlite3.Error, ValueError, OSError, InUse) as error:
            raise self._fault(error) from error

    def prune(self, keep: int) -> None:
        """Forget all but the newest `keep` rows that are no longer pending."""
        try:
            self._open().execute(
                "DELETE FROM outbox WHERE status != ?1 AND id <= coalesce((SELECT id FROM outbox"
                " WHERE status != ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2), -1)",
                (ReportStatus.PENDING.value, keep),
            )
            self._open().execute("DELETE FROM made WHERE id NOT IN (SELECT id FROM outbox)")
            self._open().execute("DELETE FROM followed WHERE id NOT IN (SELECT id FROM outbox)")
        except (sqlite3.Error, OSError, InUse) as error:
            raise self._fault(error) from error

    def set_aside(self) -> str:
        """Rename the broken file (and its journal) with the moment in its name; the next write makes a new one."""
        self._close_database()
        self._inode = 0
        if not self._path.exists():
            return "nothing (it was removed)"
        stamp = datetime.datetime.fromtimestamp(self._path.stat().st_mtime, datetime.UTC).strftime(
            "%Y%m%dT%H%M%S"
        )
        aside = self._path.with_name(f"{self._path.name}.broken-{stamp}")
        number = 0
        while aside.exists():
            number += 1
            aside = self._path.with_name(f"{self._path.name}.broken-{stamp}-{number}")
        for suffix in ("-wal", "-shm", ""):
            part = Path(f"{self._path}{suffix}")
            if part.exists() and not self._given_up:
                part.rename(f"{aside}{suffix}")
        return str(aside)

    def close(self) -> None:
        """Close the file and let go of its lock."""
        self._close_database()
        if not self._given_up:
            self._lock.release()

    def renewed(self) -> "SqliteStore":
        """Another store for the file, with the lock of this one, which commits nothing any more.

        Its connection stays with the thread that is inside of it.
        """
        self._given_up = True
        fresh = SqliteStore(self._path, self._patience, self._lock)
        fresh._inode = self._inode
        return fresh

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            self._take_lock()
            # Only now: what another monitor has begun there since is not to be moved.
            if self._inode and self._inode_there() != self._inode:
                self._inode = 0
                raise StoreFault(f"{self._path} was removed or replaced while in use", lasting=True)
            private_files.make_database(self._path)
            db = sqlite3.connect(
                self._path, isolation_level=None, check_same_thread=False, timeout=self._patience
            )
            try:
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = FULL")
                (version,) = db.execute("PRAGMA user_version").fetchone()
                if version > _VERSION:
                    raise StoreFault(
                        f"{self._path} was written by a newer release (format {version}, this one knows {_VERSION})",
                        lasting=True,
                    )
                db.executescript(_SCHEMA)
                db.execute(f"PRAGMA user_version = {_VERSION}")
            except BaseException:
                db.close()
                raise
            self._inode = self._inode_there()
            self._db = db
        return self._db

    def _take_lock(self) -> None:
        # Somebody may have removed the folder; without one a second monitor would work beside this one.
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        self._lock.take()

    def _open_to_read(self) -> sqlite3.Connection:
        """The database; where the disk has no room even to open it, a connection that only reads.

        What waits in the file must be known at a start: a report that turns up minutes later would be
        delivered without anybody having looked whether it still holds.
        """
        try:
            return self._open()
        except UnsafeFile:
            raise
        except (sqlite3.Error, OSError):
            if self._is_read_only():
                return _connect_to_look(self._path)
            # Exclusively, so that the journal's index stands in memory instead of in a file of its own.
            where = f"{self._path.absolute().as_uri()}?mode=rw"
            db = sqlite3.connect(where, uri=True, isolation_level=None, timeout=self._patience)
            try:
                db.execute("PRAGMA locking_mode = EXCLUSIVE")
                db.execute("SELECT id FROM outbox LIMIT 1").fetchone()
            except sqlite3.Error:
                db.close()
                raise
            return db

    def _is_read_only(self) -> bool:
        return bool(os.statvfs(self._path.parent).f_flag & os.ST_RDONLY)

    def _check_in_place(self) -> None:
        # sqlite would go on writing into a file that nobody finds again after the next start.
        if self._inode_there() == self._inode:
            self._lock.take()
        else:
            self._close_database()
            self._open()

    def _inode_there(self) -> int:
        try:
            return self._path.lstat().st_ino
        except FileNotFoundError:
            return 0

    def _close_database(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _fault(self, error: Exception, *, loading: bool = False) -> StoreFault:
        # The next call opens the file anew: a connection that has seen an I/O error is not trusted.
        try:
            self._close_database()
        except sqlite3.Error:
            self._db = None
        lasting = (isinstance(error, ValueError) and loading) or any(word in str(error) for word in _BROKEN)
        unread = loading and not lasting and (isinstance(error, UnsafeFile) or self._may_hold_something())
        alone = (
            "; as long as it is away, a second monitor may start"
            if isinstance(error, FileNotFoundError)
            else ""
        )
        return StoreFault(f"{self._path}: {error}{alone}", lasting=lasting, unread=unread)

    def _may_hold_something(self) -> bool:
        try:
            parts = [part for part in (self._path, Path(f"{self._path}-wal")) if part.exists()]
            return any(part.stat().st_size for part in parts)
        except OSError:
            return True


def read_only(path: Path, limit: int) -> list[Row]:
    """The newest rows of an outbox file, without lock or change; raises sqlite3.Error, ValueError, OSError."""
    try:
        with contextlib.closing(_connect_to_look(path)) as db:
            return _newest(db, limit)
    except sqlite3.OperationalError:
        # A journal whose index cannot be made beside it: nobody has the file open, and its disk may be full.
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "outbox.sqlite"
            for suffix in ("", "-wal"):
                if Path(f"{path}{suffix}").exists():
                    shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
            with contextlib.closing(sqlite3.connect(copy)) as db:
                return _newest(db, limit)


def _connect_to_look(path: Path) -> sqlite3.Connection:
    """A connection that makes no file: sqlite would make a journal and its index even to read."""
    uri = path.absolute().as_uri()
    if not Path(f"{path}-wal").exists():
        return sqlite3.connect(f"{uri}?immutable=1", uri=True)
    if not Path(f"{path}-shm").exists():
        raise sqlite3.OperationalError(f"{path}-shm is missing")
    return sqlite3.connect(f"{uri}?mode=ro", uri=True)


def _newest(db: sqlite3.Connection, limit: int) -> list[Row]:
    beside = _Beside(db)
    return [
        beside.row(values) for values in db.execute("SELECT * FROM outbox ORDER BY id DESC LIMIT ?", (limit,))
    ]


class _Beside:
    """What stands beside the rows; a file of an earlier release has nothing of it."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.made = {
            row_id: datetime.datetime.fromisoformat(at) for row_id, at in _if_there(db, "made", _MADE)
        }
        self.followed = dict(_if_there(db, "followed", _FOLLOWED))

    def row(self, values: tuple[object, ...]) -> Row:
        """One row of the table `outbox`, with what stands beside it."""
        return _row(values, self.made, self.followed)


def _if_there(db: sqlite3.Connection, table: str, select: str) -> list[tuple[int, str]]:
    if db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone() is None:
        return []
    return db.execute(select).fetchall()


def _apply(db: sqlite3.Connection, write: Write) -> None:
    if isinstance(write, Put):
        row = write.row
        db.execute(
            "INSERT OR REPLACE INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row.id,
                _text(row.subject),
                row.body,
                _text(row.why),
                row.created.isoformat(),
                row.status.value,
                row.attempts,
                row.in_doubt,
                row.reoffered,
                _text(row.answer),
                row.updated.isoformat() if row.updated else None,
            ),
        )
        if row.notification is None or row.made_at != row.notification.generated_time:
            db.execute("INSERT OR REPLACE INTO made VALUES (?, ?)", (row.id, row.made_at.isoformat()))
        if row.followed:
            db.execute("INSERT OR REPLACE INTO followed VALUES (?, ?)", (row.id, _text(row.followed)))
        else:
            db.execute("DELETE FROM followed WHERE id = ?", (row.id,))
    elif write.value is None:
        db.execute("DELETE FROM memory WHERE key = ?", (_text(write.key),))
    else:
        value = json.dumps(dict(write.value))
        db.execute("INSERT OR REPLACE INTO memory VALUES (?, ?)", (_text(write.key), value))


def _text(text: str) -> str:
    """What sqlite can take: a lone surrogate (a file name's odd byte, a server's odd JSON) as an escape."""
    return text.encode("utf-8", "backslashreplace").decode()


def _row(
    values: tuple[object, ...], made: Mapping[int, datetime.datetime], followed: Mapping[int, str]
) -> Row:
    row_id, subject, body, why, created, status, attempts, in_doubt, reoffered, answer, updated = values
    notification = said_by(str(body))
    moment = datetime.datetime.fromisoformat(str(created))
    return Row(
        id=int(str(row_id)),
        subject=str(subject),
        body=str(body),
        notification=notification,
        why=str(why),
        created=moment,
        made_at=made.get(int(str(row_id)), notification.generated_time if notification else moment),
        status=ReportStatus(str(status)),
        attempts=int(str(attempts)),
        in_doubt=bool(in_doubt),
        reoffered=bool(reoffered),
        answer=str(answer),
        updated=datetime.datetime.fromisoformat(str(updated)) if updated is not None else None,
        followed=followed.get(int(str(row_id)), ""),
    )
