"""The outbox's file: one SQLite database per monitor under `state_path`.

WAL, and `synchronous` per transaction: FULL where a power cut would otherwise lose something that
nobody can find out again (new rows, remembered values, that a row is offered for the first time), NORMAL
where only a process's death matters (answers, later tries: a row that may have arrived is offered
again and ends in a "duplicate" answer). A lock on the file keeps two
daemons from delivering the same rows.

The file is kept exclusively while it is open, so that sqlite has the journal's index in memory of its own. In a file it
would be mapped, and where its disk does not answer, one touch of it stops every thread of the process, at the latest
with the next program that it starts. Whoever only looks reads a copy (see `reading`).
"""

import contextlib
import datetime
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.outbox.rows import Loaded, Row, Write
from masakarimonitors.outbox.storage import table
from masakarimonitors.outbox.storage.lock import InUse, Lock
from masakarimonitors.outbox.storage.reading import connect_to_look
from masakarimonitors.outbox.storage.store import StoreFault
from masakarimonitors.system.files import private_files
from masakarimonitors.system.files.private_files import UnsafeFile

VERSION = 1
"""The format of the file that this release reads and writes (its `user_version`); it sets aside a newer one."""
# What sqlite's journal begins with, whichever byte order its checksums have.
_JOURNAL = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
# What sqlite says when the file's content is broken, as opposed to a disk that is full or busy.
_BROKEN = ("malformed", "not a database", "unsupported file format", "no such table", "no such column")


class SqliteStore:
    """Rows and remembered values in a file that survives SIGKILL and a power cut."""

    blocks = True

    def __init__(self, path: Path, patience: float = 5.0, lock: Lock | None = None) -> None:
        """Lock `path` for this process; raises InUse when another process has it, OSError when it cannot be made.

        `patience`: seconds to wait for whoever else reads or writes the file (a backup, a curious person). `lock`: one
        that is held already, or else is taken when the file is first written. So it is where the disk takes nothing at
        present.
        """
        self._path = path
        self._patience = patience
        self._db: sqlite3.Connection | None = None
        self._inode = 0
        self._which_folder = ""
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
        """The file's path, whole: whoever asks where reports are kept may work in another folder."""
        return str(self._path.absolute())

    @property
    def folder(self) -> str:
        """Which folder it is in, as it was when the file was last opened."""
        return self._which_folder

    def load(self) -> Loaded:
        """Open the file (made when missing) and read what a start needs."""
        db = None
        try:
            db = self._open_to_read()
            broken = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if broken != "ok":
                raise StoreFault(f"{self._path}: {broken}", lasting=True)
            found = table.read_all(db)
            if found.unreadable and db is self._db:
                table.move_aside(db, found.unreadable)
            (highest,) = db.execute("SELECT coalesce(max(id), 0) FROM outbox").fetchone()
        except (sqlite3.Error, ValueError, OSError, InUse) as error:
            raise self._fault(error, loading=True) from error
        finally:
            # One that only reads has the file to itself, too: left open, it would keep every later one out.
            if db is not None and db is not self._db:
                db.close()
            self._leave()
        unreadable = tuple(f"{self._path}: {one}" for one in found.unreadable)
        return Loaded(
            pending=found.pending,
            memory=found.memory,
            next_id=highest + 1,
            followed=found.followed,
            unreadable=unreadable,
        )

    def write(self, writes: Sequence[Write]) -> None:
        """One transaction; on any fault nothing of it is kept."""
        try:
            db = self._open()
            self._check_in_place()
            durable = any(write.durable for write in writes)
            db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            with self._transaction(db):
                for write in writes:
                    table.apply(db, write)
        except table.NO_VALUE as error:
            poison = table.poison_among(writes)
            fault = self._fault(error)
            raise StoreFault(str(fault), lasting=fault.lasting and not poison, poison=poison) from error
        except (sqlite3.Error, OSError, InUse) as error:
            raise self._fault(error) from error
        finally:
            self._leave()

    @contextlib.contextmanager
    def _transaction(self, db: sqlite3.Connection) -> Iterator[None]:
        """All of it, or nothing; nothing, too, where this store was given up meanwhile."""
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
            # Asked while the file is locked: who goes on without this store cannot have written before it.
            if self._given_up:
                raise StoreFault(f"{self._path}: it took too long", lasting=False)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def put_aside(self, poison: Sequence[Write]) -> None:
        """Keep, for people, what it can of writes that it cannot hold, and forget older values."""
        try:
            db = self._open()
            self._check_in_place()
            with self._transaction(db):
                table.put_aside(db, poison)
        except (sqlite3.Error, OSError, InUse) as error:
            raise self._fault(error) from error
        finally:
            self._leave()

    def check(self) -> None:
        """Whether file and lock are still where everybody else would look for them, and the disk takes a word."""
        try:
            self._open()
            self._check_in_place()
            self._lock.sign()
        except (sqlite3.Error, OSError, InUse) as error:
            raise self._fault(error) from error
        finally:
            self._leave()

    def recent(self, limit: int) -> list[Row]:
        """The newest rows, newest first."""
        try:
            return table.newest(self._open(), limit)
        except (sqlite3.Error, ValueError, OSError, InUse) as error:
            raise self._fault(error) from error
        finally:
            self._leave()

    def ended(self, subjects: Sequence[str]) -> list[Row]:
        """The rows about these subjects that are no longer pending."""
        try:
            return table.ended(self._open(), subjects)
        except (sqlite3.Error, ValueError, OSError, InUse) as error:
            raise self._fault(error) from error
        finally:
            self._leave()

    def prune(self, keep: int) -> None:
        """Forget all but the newest `keep` rows that are no longer pending, and those that are still followed."""
        try:
            self._open().execute(
                "DELETE FROM outbox WHERE status != ?1 AND id <= coalesce((SELECT id FROM outbox"
                " WHERE status != ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2), -1)"
                " AND id NOT IN (SELECT id FROM followed)",
                (ReportStatus.PENDING.value, keep),
            )
            self._open().execute("DELETE FROM made WHERE id NOT IN (SELECT id FROM outbox)")
            self._open().execute("DELETE FROM followed WHERE id NOT IN (SELECT id FROM outbox)")
        except (sqlite3.Error, OSError, InUse) as error:
            raise self._fault(error) from error
        finally:
            self._leave()

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
        fresh._inode, fresh._which_folder = self._inode, self._which_folder
        return fresh

    def _leave(self) -> None:
        """The end of whatever was done: who was given up meanwhile must not keep the file from its successor."""
        if self._given_up:
            self._close_database()

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            self._take_lock()
            # Only now: what another monitor has begun there since is not to be moved.
            if self._inode and self._inode_there() != self._inode:
                self._inode = 0
                raise StoreFault(f"{self._path} was removed or replaced while in use", lasting=True)
            private_files.make_database(self._path)
            self._which_folder = private_files.identity(self._path.parent)
            db = sqlite3.connect(
                self._path, isolation_level=None, check_same_thread=False, timeout=self._patience
            )
            db.text_factory = table.text
            try:
                db.execute("PRAGMA locking_mode = EXCLUSIVE")
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = FULL")
                (version,) = db.execute("PRAGMA user_version").fetchone()
                if version > VERSION:
                    raise StoreFault(
                        f"{self._path} was written by a newer release (format {version}, this one knows {VERSION})",
                        lasting=True,
                    )
                db.executescript(table.SCHEMA)
                db.execute(f"PRAGMA user_version = {VERSION}")
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
                return connect_to_look(self._path)
            # Exclusively, so that the journal's index stands in memory instead of in a file of its own.
            where = f"{self._path.absolute().as_uri()}?mode=rw"
            db = sqlite3.connect(where, uri=True, isolation_level=None, timeout=self._patience)
            db.text_factory = table.text
            try:
                db.execute("PRAGMA locking_mode = EXCLUSIVE")
                db.execute("SELECT id FROM outbox LIMIT 1").fetchone()
            except sqlite3.Error:
                db.close()
                raise
            return db

    def _is_read_only(self) -> bool:
        """Whether nothing can be written there, however much room there is: so mounted, or marked as immutable."""
        if os.statvfs(self._path.parent).f_flag & os.ST_RDONLY:
            return True
        # Root is refused for no other reason.
        there = (path for path in (self._path.parent, self._path) if path.exists())
        return not all(os.access(path, os.W_OK, effective_ids=True) for path in there)

    def _check_in_place(self) -> None:
        # sqlite would go on writing into a file that nobody finds again after the next start.
        if self._inode_there() == self._inode:
            self._check_journal()
            self._lock.take()
        else:
            self._close_database()
            self._open()

    def _check_journal(self) -> None:
        """What somebody writes over in use sqlite, which keeps the file to itself, would find out after the next start.

        Only the journal is looked at: to close the file itself anywhere in this process would end sqlite's lock on it.
        """
        magic = b""
        with contextlib.suppress(FileNotFoundError), open(f"{self._path}-wal", "rb") as journal:
            magic = journal.read(4)
        if magic and magic not in _JOURNAL:
            raise StoreFault(f"{self._path}-wal was written over while in use", lasting=True)

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
