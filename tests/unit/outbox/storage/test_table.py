"""Rows that make no sense: set aside and named, never sent, never lost, and no reason to stop."""

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest

from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.rows import Keep, Put
from masakarimonitors.outbox.storage.sqlite import SqliteStore
from tests.fixtures.fake_clock import FakeClock
from tests.unit.outbox.storage.test_sqlite import row

POISON = {
    "no JSON": ("body", "not json", "it is no JSON"),
    "empty": ("body", "", "it is no JSON"),
    "no object": ("body", "[]", "no JSON object"),
    "a deep one": ("body", "[" * 100_000, "recursion"),
    "bytes": ("body", b"\xff\x00", "no JSON object"),
    "no text": ("body", b'{"a": "\xff"}', "surrogates not allowed"),
    "no zone": ("created", "2026-01-01T00:00:00", "no moment in a known zone"),
    "no time": ("created", "yesterday", "no moment in a known zone"),
    "updated without zone": ("updated", "2026-01-01T00:00:00", "no moment in a known zone"),
    "no number": ("attempts", "many", "invalid literal"),
    "no status": ("status", "lost", "is not a valid ReportStatus"),
}


def broken(path: Path, column: str, value: object, name: str = "") -> None:
    store = SqliteStore(path)
    store.write([Put(row(1, "bad")), Put(row(2, "good")), Keep("a", {"x": 1})])
    store.close()
    with contextlib.closing(sqlite3.connect(path)) as db:
        cast = "CAST(? AS TEXT)" if name == "no text" else "?"
        db.execute(f"UPDATE outbox SET {column} = {cast} WHERE id = 1", (value,))
        db.commit()


@pytest.mark.parametrize("name", POISON)
async def test_a_row_that_makes_no_sense_is_set_aside_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    path, (column, value, why) = tmp_path / "outbox.sqlite", POISON[name]
    broken(path, column, value, name)
    outbox = Outbox(SqliteStore(path), FakeClock(), deadline=60.0)
    await outbox.open()
    assert (list(outbox.subjects()), dict(outbox.memory), outbox.fault) == (
        ["process:good"],
        {"a": {"x": 1}},
        "",
    )
    (said,) = outbox.unreadable
    assert "outbox.sqlite: row 1 cannot be read" in said and why in said and "process:bad" in said
    assert "told by hand" in said and said in caplog.text
    assert [one.id for one in await outbox.recent()] == [2]
    await outbox.close()
    with contextlib.closing(sqlite3.connect(path)) as db:
        (source, key, content), *more = db.execute("SELECT * FROM set_aside").fetchall()
    assert (source, key, more) == ("outbox", "1", []) and json.loads(content)[1] == "process:bad"
    again = SqliteStore(path)
    assert again.load().unreadable == ()
    again.close()


async def test_a_remembered_value_that_makes_no_sense_is_unknown_and_named(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    broken(path, "body", "{}")
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO memory VALUES ('b', 'no json'), ('c', '3')")
        db.commit()
    outbox = Outbox(SqliteStore(path), FakeClock(), deadline=60.0)
    await outbox.open()
    assert dict(outbox.memory) == {"a": {"x": 1}} and outbox.waiting == 2
    assert ["'b'" in one or "'c'" in one for one in outbox.unreadable] == [True, True]
    await outbox.close()
    again = SqliteStore(path)
    assert again.load().unreadable == ()
    again.close()


def test_a_column_of_somebody_else_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    broken(path, "why", "it died")
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("ALTER TABLE outbox ADD COLUMN note TEXT")
        db.commit()
    store = SqliteStore(path)
    assert store.load().pending == (row(1, "bad"), row(2, "good"))
    store.write([Put(row(3, "new"))])
    assert [one.id for one in store.recent(5)] == [3, 2, 1]
    store.close()
