"""The outbox's file for whoever only looks: no lock, no change, and nothing is made beside it.

A monitor that runs keeps its file to itself (see `sqlite`), so what stands there is copied, and read from the copy.
"""

import contextlib
import os
import shutil
import sqlite3
import tempfile
import time
from pathlib import Path

from masakarimonitors.outbox.rows import Row
from masakarimonitors.outbox.storage.table import newest, text

_TRIES = 40
_PAUSE = 0.05
# Bytes at the beginning of a journal, which change whenever it begins anew: what it held stands in the file by then.
_HEAD = 32


def read_only(path: Path, limit: int) -> list[Row]:
    """The newest rows of an outbox file, without lock or change; raises sqlite3.Error, ValueError, OSError."""
    with contextlib.closing(connect_to_look(path)) as db:
        return newest(db, limit)


def connect_to_look(path: Path) -> sqlite3.Connection:
    """A connection to what stands in the file, or to a copy of it in memory; raises sqlite3.Error, OSError.

    It makes no file: sqlite would make a journal and its index even to read.
    """
    if not Path(f"{path}-wal").exists():
        return _connect(f"{path.absolute().as_uri()}?immutable=1")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "outbox.sqlite"
        _copy(path, copy)
        with contextlib.closing(_connect(copy.as_uri())) as db:
            found = _connect(":memory:")
            try:
                db.backup(found)
            except BaseException:
                found.close()
                raise
            return found


def _copy(path: Path, copy: Path) -> None:
    """The file with its journal, both of one moment: neither was begun anew or written over meanwhile.

    What is written to the journal's end meanwhile does not count: what is not whole there sqlite passes over.
    """
    for _ in range(_TRIES):
        before = _marks(path)
        shutil.copyfile(path, copy)
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(f"{path}-wal", f"{copy}-wal")
        if _marks(path) == before:
            return
        Path(f"{copy}-wal").unlink(missing_ok=True)
        time.sleep(_PAUSE)
    raise sqlite3.OperationalError(f"{path} is written to without a pause")


def _marks(path: Path) -> object:
    seen = os.stat(path)
    head = b""
    with contextlib.suppress(FileNotFoundError), open(f"{path}-wal", "rb") as journal:
        head = journal.read(_HEAD)
    return seen.st_ino, seen.st_size, seen.st_mtime_ns, head


def _connect(name: str) -> sqlite3.Connection:
    db = sqlite3.connect(name, uri=True)
    db.text_factory = text
    return db
