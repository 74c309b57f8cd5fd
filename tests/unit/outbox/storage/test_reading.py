"""The outbox's file for whoever only looks: nothing is changed, nothing is made."""

from pathlib import Path

from masakarimonitors.outbox.rows import Put
from masakarimonitors.outbox.storage.reading import read_only
from masakarimonitors.outbox.storage.sqlite import SqliteStore
from tests.unit.outbox.storage.test_sqlite import row
from tests.unit.outbox.storage.test_table import broken


def test_whoever_only_looks_sees_the_others_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    broken(path, "body", "not json")
    before = path.read_bytes()
    assert [one.id for one in read_only(path, 5)] == [2]
    assert path.read_bytes() == before


def test_the_files_of_a_killed_monitor_are_read_and_left_as_they_are(tmp_path: Path) -> None:
    path, killed = tmp_path / "outbox.sqlite", tmp_path / "killed"
    store = SqliteStore(path)
    store.write([Put(row(1))])
    killed.mkdir()
    for name in ("outbox.sqlite", "outbox.sqlite-wal"):
        (killed / name).write_bytes((tmp_path / name).read_bytes())
    assert [one.id for one in read_only(path, 5)] == [1]
    store.close()
    before = {file.name: file.read_bytes() for file in killed.iterdir()}
    assert [one.id for one in read_only(killed / "outbox.sqlite", 5)] == [1]
    assert {file.name: file.read_bytes() for file in killed.iterdir()} == before
