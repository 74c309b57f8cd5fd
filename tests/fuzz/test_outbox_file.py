"""The outbox's file as somebody, or a broken disk, has left it: no row of it is lost, and none stops the others."""

import contextlib
import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from masakarimonitors.core.notification import ReportStatus, from_wire
from masakarimonitors.outbox.rows import Keep, Loaded, Put, Row
from masakarimonitors.outbox.storage.reading import read_only
from masakarimonitors.outbox.storage.sqlite import SqliteStore
from masakarimonitors.outbox.storage.store import StoreFault
from tests.fixtures.fake_clock import FakeClock
from tests.fuzz.driver import fuzzed, read_or_refused
from tests.fuzz.shapes import DEEP, any_json, any_text, bent_json, json_bytes, nested
from tests.unit.outbox.storage.test_sqlite import row

WIRE = json.loads(row(1).body)
COLUMNS = (
    "subject",
    "body",
    "why",
    "created",
    "status",
    "attempts",
    "in_doubt",
    "reoffered",
    "answer",
    "updated",
)
SQL_VALUES = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.binary(max_size=20),
    any_text.map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from(
        [
            b"0001-01-01T00:00:00+23:59",
            b"9999-12-31T23:59:59-23:59",
            b"pending",
            b"delivered",
            b"2026-01-01T00:00:00Z",
        ]
    ),
)
BODIES = bent_json([WIRE]).map(json_bytes)


def a_file(folder: Path) -> Path:
    path = folder / "outbox.sqlite"
    store = SqliteStore(path)
    store.write([Put(row(1, "bad")), Put(row(2, "good")), Keep("a", {"x": 1}), Keep("b", {"y": 2})])
    store.close()
    return path


def set_aside(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'set_aside'").fetchone():
            return 0
        return int(db.execute("SELECT count(*) FROM set_aside WHERE source = 'outbox'").fetchone()[0])


def used(one: Row) -> None:
    """What is done with each row of a start."""
    assert isinstance(one.status, ReportStatus) and one.created.tzinfo and one.made_at.tzinfo
    assert isinstance(one.followed, str) and isinstance(one.body, str)
    now = FakeClock().now()
    one.adopted(now)
    assert one.rank in (0, 1, 2)
    assert one.as_made is None or one.repeats(one.as_made) in (True, False)
    if one.notification is not None:
        one.restamped(now)
        from_wire(json.loads(one.body))
    one.body.encode()


def loaded(path: Path) -> Loaded:
    store = SqliteStore(path)
    try:
        found = store.load()
        store.write([Put(replace(one, attempts=one.attempts + 1)) for one in found.pending])
        store.write([Put(row(found.next_id, "next"))])
        return found
    finally:
        store.close()


@fuzzed(12)
@given(
    changes=st.dictionaries(st.sampled_from(COLUMNS), st.one_of(SQL_VALUES, BODIES), min_size=1, max_size=3)
)
@example(changes={"id": 2**63 - 1})
@example(changes={"attempts": 2**63 - 1})
@example(changes={"attempts": -1})
def test_a_row_is_read_or_set_aside(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[str, Any]
) -> None:
    path = a_file(tmp_path_factory.mktemp("outbox"))
    with contextlib.closing(sqlite3.connect(path)) as db:
        for column, value in changes.items():
            # As text: sqlite itself does not look whether the bytes of a text are any.
            cast = "CAST(? AS TEXT)" if isinstance(value, bytes) and value[:1] != b"\x00" else "?"
            db.execute(f"UPDATE outbox SET {column} = {cast} WHERE id = 1", (value,))
        db.commit()
    found = read_or_refused(lambda: loaded(path))
    assert found is not None
    for one in found.pending:
        read_or_refused(lambda one=one: used(one))  # type: ignore[misc]
    known = {one.id for one in found.pending}
    assert 2 in known, "the other row is not touched"
    ended = changes.get("status") in [s.value.encode() for s in ReportStatus if s is not ReportStatus.PENDING]
    assert (1 in known) + set_aside(path) + ended == 1, "it waits, or is set aside, or had ended"
    for one in read_only(path, 5):
        used(one)


@fuzzed(12)
@given(value=st.one_of(SQL_VALUES, any_json.map(json_bytes)), followed=SQL_VALUES, made=SQL_VALUES)
@example(value=b"{}", followed=b"3f0a", made="2026-01-01T00:00:00+00:00")
def test_the_other_tables(
    tmp_path_factory: pytest.TempPathFactory, value: Any, followed: Any, made: Any
) -> None:
    path = a_file(tmp_path_factory.mktemp("outbox"))
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE memory SET value = ? WHERE key = 'a'", (value,))
        db.execute("INSERT INTO followed VALUES (1, ?)", (followed,))
        db.execute("INSERT INTO made VALUES (1, ?)", (made,))
        db.commit()
    found = read_or_refused(lambda: loaded(path))
    assert found is not None and found.memory["b"] == {"y": 2}
    for one in (*found.pending, *found.followed):
        read_or_refused(lambda one=one: used(one))  # type: ignore[misc]
    assert 2 in {one.id for one in found.pending}


@fuzzed(12)
@given(
    cuts=st.lists(
        st.tuples(st.integers(0, 1 << 15), st.binary(min_size=1, max_size=64)), min_size=1, max_size=4
    ),
    length=st.one_of(st.none(), st.integers(0, 1 << 15)),
)
def test_a_file_with_holes(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[tuple[int, bytes]], length: int | None
) -> None:
    """It is read, or the store says that it cannot be, which sets the whole file aside; whoever only looks is told."""
    path = a_file(tmp_path_factory.mktemp("outbox"))
    raw = bytearray(path.read_bytes())
    for at, piece in cuts:
        at %= len(raw)
        raw[at : at + len(piece)] = piece
    path.write_bytes(bytes(raw[:length]))
    found = read_or_refused(lambda: loaded(path), StoreFault)
    for one in found.pending if found is not None else ():
        used(one)
    shown = read_or_refused(lambda: read_only(path, 5), sqlite3.Error, ValueError, OSError)
    for one in shown or ():
        used(one)


@pytest.mark.parametrize("depth", DEEP)
def test_nesting(tmp_path: Path, depth: int) -> None:
    path = a_file(tmp_path)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE outbox SET body = ? WHERE id = 1", (nested('{"a":', "1", "}", depth),))
        db.execute("UPDATE memory SET value = ? WHERE key = 'a'", (nested("[", "", "]", depth),))
        db.commit()
    found = read_or_refused(lambda: loaded(path))
    assert found is not None and 2 in {one.id for one in found.pending} and "b" in found.memory
