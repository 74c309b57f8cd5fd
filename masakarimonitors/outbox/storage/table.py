"""The tables of the outbox's file: rows out of what stands there, and what cannot be read set aside.

A file can be edited or damaged. A row that makes no sense must neither be sent nor stop the others, and it may be a
failure that nobody was told of: it is kept, and named.
"""

import contextlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from masakarimonitors.core.decision import JSON
from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.core.outside import known_moment
from masakarimonitors.outbox.rows import Keep, Put, Row, Write, said_by

SCHEMA = """
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
_ASIDE = (
    "CREATE TABLE IF NOT EXISTS set_aside (source TEXT NOT NULL, key TEXT NOT NULL, content TEXT NOT NULL)"
)
# By name: whoever adds a column of his own must not make the rest unreadable.
_COLUMNS = "id, subject, body, why, created, status, attempts, in_doubt, reoffered, answer, updated"
_MOST = 1 << 53
# Values in one statement: less than any sqlite takes.
_AT_ONCE = 500
# Characters that are kept of what cannot be written.
_PICTURE = 10_000
NO_VALUE = (
    TypeError,
    ValueError,
    OverflowError,
    RecursionError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)
"""What says that sqlite or JSON cannot hold a value, whatever the disk is like."""
_ENDED = tuple(status.value for status in ReportStatus if status is not ReportStatus.PENDING)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row, or a remembered value, that makes no sense; `content` is all that it holds."""

    source: str
    key: int | str
    why: str
    content: tuple[object, ...]

    def __str__(self) -> str:
        """What is the matter, for people, and what to do."""
        content = json.dumps(self.content, default=repr)
        if self.source == "memory":
            return (
                f"what was remembered as {self.key!a} cannot be read ({self.why}) and is set aside: what it told "
                f"counts as unknown. It says: {content[:300]}"
            )
        return (
            f"row {self.key} cannot be read ({self.why}) and is set aside: it is not reported. Look whether masakari "
            f"must be told by hand; it says: {content[:300]}"
        )


@dataclass(frozen=True, slots=True)
class Found:
    """What a start needs out of the file."""

    pending: tuple[Row, ...]
    followed: tuple[Row, ...]
    memory: Mapping[str, Mapping[str, JSON]]
    unreadable: Sequence[Unreadable]


def text(raw: bytes) -> str:
    """Text as sqlite gives it; odd bytes as lone surrogates, so that they spoil nothing but their own row."""
    return raw.decode("utf-8", "surrogateescape")


def read_all(db: sqlite3.Connection) -> Found:
    """Everything that a start needs; raises sqlite3.Error."""
    unreadable: list[Unreadable] = []
    # A status that nobody knows may be that of a report that nobody was told of.
    waiting = (
        f"SELECT {_COLUMNS} FROM outbox WHERE status NOT IN ({', '.join('?' * len(_ENDED))}) ORDER BY id"
    )
    pending = _rows(db, waiting, _ENDED, unreadable)
    followed = []
    if _is_there(db, "followed"):
        held = f"SELECT {_COLUMNS} FROM outbox WHERE id IN (SELECT id FROM followed) ORDER BY id"
        followed = [row for row in _rows(db, held, (), unreadable) if row.status is not ReportStatus.PENDING]
    memory: dict[str, Mapping[str, JSON]] = {}
    for key, value in db.execute("SELECT key, value FROM memory"):
        try:
            said = json.loads(value)
            if not isinstance(said, dict):
                raise ValueError("it is no JSON object")
            memory[str(key)] = said
        except (ValueError, TypeError, RecursionError) as error:
            unreadable.append(Unreadable("memory", str(key), _words(error), (key, value)))
    return Found(tuple(pending), tuple(followed), memory, unreadable)


def newest(db: sqlite3.Connection, limit: int) -> list[Row]:
    """The newest rows, newest first, without those that cannot be read; raises sqlite3.Error."""
    return _rows(db, f"SELECT {_COLUMNS} FROM outbox ORDER BY id DESC LIMIT ?", (limit,), [])


def ended(db: sqlite3.Connection, subjects: Sequence[str]) -> list[Row]:
    """The rows about these subjects that have ended, without those that cannot be read; raises sqlite3.Error."""
    found: list[Row] = []
    ends = ", ".join("?" * len(_ENDED))
    for first in range(0, len(subjects), _AT_ONCE):
        asked = [_text(subject) for subject in subjects[first : first + _AT_ONCE]]
        holes = ", ".join("?" * len(asked))
        select = f"SELECT {_COLUMNS} FROM outbox WHERE subject IN ({holes}) AND status IN ({ends})"
        found += _rows(db, select, [*asked, *_ENDED], [])
    return found


def move_aside(db: sqlite3.Connection, unreadable: Sequence[Unreadable]) -> None:
    """Out of the way of every later start, into a table of their own; raises sqlite3.Error."""
    db.execute("BEGIN IMMEDIATE")
    try:
        db.execute(_ASIDE)
        for one in unreadable:
            content = json.dumps(one.content, default=repr)
            db.execute("INSERT INTO set_aside VALUES (?, ?, ?)", (one.source, _text(str(one.key)), content))
            column = "key" if one.source == "memory" else "id"
            key = one.content[0] if one.source == "memory" else one.key
            db.execute(f"DELETE FROM {one.source} WHERE {column} = ?", (key,))
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _rows(
    db: sqlite3.Connection, select: str, values: Sequence[object], unreadable: list[Unreadable]
) -> list[Row]:
    made = dict(db.execute(_MADE).fetchall()) if _is_there(db, "made") else {}
    followed = dict(db.execute(_FOLLOWED).fetchall()) if _is_there(db, "followed") else {}
    rows = []
    for found in db.execute(select, values).fetchall():
        try:
            rows.append(_row(found, made, followed))
        except (ValueError, TypeError, RecursionError) as error:
            known = {one.key for one in unreadable if one.source == "outbox"}
            if found[0] not in known:
                unreadable.append(Unreadable("outbox", found[0], _words(error), found))
    return rows


def _is_there(db: sqlite3.Connection, name: str) -> bool:
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone() is not None


def _words(error: Exception) -> str:
    return f"it is no JSON: {error}" if isinstance(error, json.JSONDecodeError) else str(error) or repr(error)


def apply(db: sqlite3.Connection, write: Write) -> None:
    """Write one thing, inside of a transaction."""
    if isinstance(write, Put):
        row = write.row
        db.execute(
            f"INSERT OR REPLACE INTO outbox ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
        else:
            # Another row may have had that number.
            db.execute("DELETE FROM made WHERE id = ?", (row.id,))
        if row.followed:
            db.execute("INSERT OR REPLACE INTO followed VALUES (?, ?)", (row.id, _text(row.followed)))
        else:
            db.execute("DELETE FROM followed WHERE id = ?", (row.id,))
    elif write.value is None:
        db.execute("DELETE FROM memory WHERE key = ?", (_text(write.key),))
    else:
        value = json.dumps(dict(write.value))
        db.execute("INSERT OR REPLACE INTO memory VALUES (?, ?)", (_text(write.key), value))


def poison_among(writes: Sequence[Write]) -> Sequence[Write]:
    """Those that no file can hold, each tried for itself, in memory."""
    poison = []
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.executescript(SCHEMA)
        for write in writes:
            try:
                apply(db, write)
            except NO_VALUE:
                poison.append(write)
    return poison


def put_aside(db: sqlite3.Connection, poison: Sequence[Write]) -> None:
    """What can be shown of them, inside of a transaction; an older remembered value would tell something else."""
    db.execute(_ASIDE)
    for write in poison:
        source, key = (
            ("outbox", str(write.row.id)) if isinstance(write, Put) else ("memory", _text(write.key))
        )
        named = f"unwritten {source}"
        db.execute("DELETE FROM set_aside WHERE source = ? AND key = ?", (named, key))
        db.execute("INSERT INTO set_aside VALUES (?, ?, ?)", (named, key, _picture(write)))
        if isinstance(write, Keep):
            db.execute("DELETE FROM memory WHERE key = ?", (key,))


def _picture(write: Write) -> str:
    said = write.row if isinstance(write, Put) else write.value
    try:
        return _text(repr(said)[:_PICTURE])
    except Exception as error:  # noqa: BLE001 - what cannot be written may not be told either
        return f"it cannot be shown ({type(error).__name__})"


def _text(text: str) -> str:
    """What sqlite can take: a lone surrogate (a file name's odd byte, a server's odd JSON) as an escape."""
    return text.encode("utf-8", "backslashreplace").decode()


def _row(values: tuple[object, ...], made: Mapping[int, object], followed: Mapping[int, object]) -> Row:
    """One row of the table; raises ValueError, TypeError, RecursionError when it makes no sense."""
    row_id, subject, body, why, created, status, attempts, in_doubt, reoffered, answer, updated = values
    number, tried = int(str(row_id)), int(str(attempts))
    # What is counted on from would soon be more than a file can hold.
    if not 0 <= number < _MOST or not 0 <= tried < _MOST:
        raise ValueError("it has a number that no row comes to")
    if not isinstance(body, str) or not isinstance(json.loads(body), dict):
        raise ValueError("its body is no JSON object")
    body.encode()
    notification = said_by(body)
    moment = known_moment(created)
    told_at = notification.generated_time if notification else moment
    return Row(
        id=number,
        subject=str(subject),
        body=body,
        notification=notification,
        why=str(why),
        created=moment,
        made_at=known_moment(made[number]) if number in made else told_at,
        status=ReportStatus(str(status)),
        attempts=tried,
        in_doubt=bool(in_doubt),
        reoffered=bool(reoffered),
        answer=str(answer),
        updated=known_moment(updated) if updated is not None else None,
        followed=said if isinstance(said := followed.get(number), str) else "",
    )
