"""The outbox's file for whoever only looks: no lock, no change, and nothing is made beside it."""

import contextlib
import shutil
import sqlite3
import tempfile
from pathlib import Path

from masakarimonitors.outbox.rows import Row
from masakarimonitors.outbox.storage.table import newest, text


def read_only(path: Path, limit: int) -> list[Row]:
    """The newest rows of an outbox file, without lock or change; raises sqlite3.Error, ValueError, OSError."""
    try:
        with contextlib.closing(connect_to_look(path)) as db:
            return newest(db, limit)
    except sqlite3.OperationalError:
        # A journal whose index cannot be made beside it: nobody has the file open, and its disk may be full.
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "outbox.sqlite"
            for suffix in ("", "-wal"):
                if Path(f"{path}{suffix}").exists():
                    shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
            with contextlib.closing(_connect(copy.as_uri())) as db:
                return newest(db, limit)


def connect_to_look(path: Path) -> sqlite3.Connection:
    """A connection that makes no file: sqlite would make a journal and its index even to read."""
    uri = path.absolute().as_uri()
    if not Path(f"{path}-wal").exists():
        return _connect(f"{uri}?immutable=1")
    if not Path(f"{path}-shm").exists():
        raise sqlite3.OperationalError(f"{path}-shm is missing")
    return _connect(f"{uri}?mode=ro")


def _connect(uri: str) -> sqlite3.Connection:
    db = sqlite3.connect(uri, uri=True)
    db.text_factory = text
    return db
