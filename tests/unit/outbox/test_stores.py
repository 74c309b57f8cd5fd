"""One suite for both stores: what the outbox may rely on."""

import datetime
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from masakarimonitors.decisions import Instant
from masakarimonitors.notifications import HostEvent, ProcessNotification
from masakarimonitors.outbox.memory import MemoryStore
from masakarimonitors.outbox.rows import Keep, Put, Row, Status
from masakarimonitors.outbox.sqlite import InUse, SqliteStore
from masakarimonitors.outbox.store import Store, StoreFault

NOW = Instant(1.0, datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))


def row(number: int, name: str = "nova-compute") -> Row:
    return Row.new(
        number, ProcessNotification("compute-1", NOW.wall, HostEvent.STOPPED, name), "it died", NOW
    )


@pytest.fixture(params=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    store: Store = SqliteStore(tmp_path / "outbox.sqlite") if request.param == "sqlite" else MemoryStore()
    yield store
    store.close()


def test_an_empty_store_loads_as_empty(store: Store) -> None:
    loaded = store.load()
    assert (loaded.pending, dict(loaded.memory), loaded.next_id) == ((), {}, 1)


def test_pending_rows_and_memory_come_back_in_order(store: Store) -> None:
    store.write([Put(row(2)), Put(row(1)), Keep("a", {"x": [1, "é", None]}), Keep("b", {})])
    store.write([Keep("b", None)])
    loaded = store.load()
    assert loaded.pending == (row(1), row(2))
    assert dict(loaded.memory) == {"a": {"x": [1, "é", None]}}
    assert loaded.next_id == 3


def test_odd_text_from_outside_is_kept_readable(store: Store) -> None:
    odd = replace(row(1), answer="500 \ud800", why="it said \udcff", status=Status.REFUSED)
    store.write([Put(odd), Put(row(2)), Keep("process:\udcff", {"seen": "\udcff"})])
    loaded = store.load()
    assert loaded.pending == (row(2),)
    assert len(loaded.memory) == 1
    assert [kept.answer[:3] for kept in store.recent(10)][1] == "500"
    store.write([Keep("process:\udcff", None)])
    assert store.load().memory == {}


def test_a_value_that_no_file_can_hold_is_a_fault_of_the_store_and_not_the_end(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "outbox.sqlite")
    store.write([Put(row(1))])
    with pytest.raises(StoreFault) as fault:
        store.write([Put(row(2)), Keep("a", {"x": object()})])  # type: ignore[dict-item]
    assert not fault.value.lasting
    assert store.load().pending == (row(1),)
    store.close()


def test_settled_rows_are_history_not_work(store: Store) -> None:
    done = replace(row(1), status=Status.DELIVERED, answer="202", attempts=2)
    store.write([Put(row(1)), Put(row(2))])
    store.write([Put(done)])
    assert store.load().pending == (row(2),)
    assert store.recent(10) == [row(2), done]


def test_prune_forgets_old_history_but_never_work(store: Store) -> None:
    store.write([Put(row(1))])
    store.write([Put(replace(row(n), status=Status.DELIVERED)) for n in range(2, 10)])
    store.prune(3)
    assert [kept.id for kept in store.recent(100)] == [9, 8, 7, 1]


def test_ids_are_never_given_twice_after_pruning(store: Store) -> None:
    store.write([Put(replace(row(n), status=Status.DELIVERED)) for n in range(1, 4)])
    store.prune(1)
    assert store.load().next_id == 4


def test_a_second_process_is_told_who_holds_the_file(tmp_path: Path) -> None:
    first = SqliteStore(tmp_path / "outbox.sqlite")
    with pytest.raises(InUse, match=r"in use by process \d+"):
        SqliteStore(tmp_path / "outbox.sqlite")
    first.close()
    SqliteStore(tmp_path / "outbox.sqlite").close()


def test_a_file_that_is_no_database_is_a_lasting_fault_and_kept_when_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    path.write_bytes(b"this is not a database, and long enough to be read as one" * 20)
    store = SqliteStore(path)
    with pytest.raises(StoreFault) as fault:
        store.load()
    assert fault.value.lasting
    aside = Path(store.set_aside())
    assert aside.read_bytes().startswith(b"this is not")
    assert store.load().pending == ()
    store.close()


def test_a_file_of_a_newer_release_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    store = SqliteStore(path)
    with pytest.raises(StoreFault, match="newer release") as fault:
        store.load()
    assert fault.value.lasting
    store.close()


def test_a_transaction_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "outbox.sqlite")
    store.load()
    with sqlite3.connect(tmp_path / "outbox.sqlite") as other:
        other.execute(
            "CREATE TRIGGER no_second BEFORE INSERT ON outbox WHEN new.id = 2"
            " BEGIN SELECT raise(FAIL, 'database or disk is full'); END"
        )
    other.close()
    with pytest.raises(StoreFault) as fault:
        store.write([Put(row(1)), Keep("a", {}), Put(row(2))])
    assert not fault.value.lasting
    loaded = store.load()
    assert (loaded.pending, dict(loaded.memory)) == ((), {})
    store.close()


_ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
from masakarimonitors.outbox.sqlite import SqliteStore
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # from here on no file takes a byte
loaded = SqliteStore(Path(sys.argv[1])).load()
print([row.id for row in loaded.pending], dict(loaded.memory), loaded.next_id)
"""


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "stopped"])
def test_what_waits_in_the_file_is_known_at_a_start_on_a_full_disk(tmp_path: Path, killed: bool) -> None:
    path = tmp_path / "outbox.sqlite"
    store = SqliteStore(path)
    store.write([Put(row(1), durable=True), Keep("a", {"x": 1})])
    copy = tmp_path / "copy"
    if killed:
        copy.mkdir()
        for part in tmp_path.glob("outbox.sqlite*"):
            (copy / part.name).write_bytes(part.read_bytes())
        path = copy / path.name
    store.close()
    done = subprocess.run(
        [sys.executable, "-c", _ON_A_FULL_DISK, str(path)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[1] {'a': {'x': 1}} 2", done.stderr
