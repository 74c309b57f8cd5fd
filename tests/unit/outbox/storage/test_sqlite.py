"""The outbox's file: locks, broken files, newer releases, full disks. What both stores promise: test_store.py."""

import contextlib
import datetime
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from masakarimonitors.core.decision import JSON, Instant
from masakarimonitors.core.notification import HostEvent, ProcessNotification, ReportStatus
from masakarimonitors.outbox.rows import Keep, Put, Row
from masakarimonitors.outbox.storage import table
from masakarimonitors.outbox.storage.lock import InUse
from masakarimonitors.outbox.storage.reading import connect_to_look
from masakarimonitors.outbox.storage.sqlite import SqliteStore
from masakarimonitors.outbox.storage.store import StoreFault
from masakarimonitors.system.files.private_files import identity
from tests.fixtures.waiting import PATIENCE

NOW = Instant(1.0, datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))


def row(number: int, name: str = "nova-compute") -> Row:
    return Row.new(
        number, ProcessNotification("compute-1", NOW.wall, HostEvent.STOPPED, name), "it died", NOW
    )


def test_where_it_is_is_told_in_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that was named from where the monitor was started is another one from elsewhere."""
    monkeypatch.chdir(tmp_path)
    with contextlib.closing(SqliteStore(Path("outbox.sqlite"))) as store:
        assert store.where == f"{tmp_path}/outbox.sqlite" and store.folder == ""
        store.load()
        assert store.folder == identity(tmp_path), "by which it is known where that path is another one"
        with contextlib.closing(store.renewed()) as fresh:
            assert fresh.folder == store.folder


def deep() -> dict[str, JSON]:
    value: dict[str, JSON] = {}
    for _ in range(100_000):
        value = {"x": value}
    return value


@pytest.mark.parametrize(
    "poison",
    [
        Keep("a", {"x": object()}),  # type: ignore[dict-item]
        Keep("a", {"x": 10**5000}),
        Keep("a", deep()),
        Put(replace(row(3), attempts=1 << 64)),
        Put(replace(row(3), body='{"x": "\ud800"}')),
        Put(replace(row(3), attempts=object())),  # type: ignore[arg-type]
    ],
    ids=["no JSON", "digits", "deep", "64 bit", "surrogate", "no column"],
)
def test_a_value_that_no_file_can_hold_is_set_aside_and_keeps_no_other_out(
    tmp_path: Path, poison: Put | Keep
) -> None:
    path = tmp_path / "outbox.sqlite"
    store = SqliteStore(path)
    store.write([Put(row(1)), Keep("a", {"x": 1}), Keep("b", {"x": 1})])
    with pytest.raises(StoreFault) as fault:
        store.write([Put(row(2)), poison, Keep("b", {"x": 2})])
    assert not fault.value.lasting and list(fault.value.poison) == [poison]
    assert store.load().pending == (row(1),)
    for _ in range(2):
        store.put_aside(fault.value.poison)
    store.write([Put(row(2)), Keep("b", {"x": 2})])
    loaded = store.load()
    assert loaded.pending == (row(1), row(2))
    assert loaded.memory == {"b": {"x": 2}} | ({} if isinstance(poison, Keep) else {"a": {"x": 1}})
    with contextlib.closing(connect_to_look(path)) as db:
        assert len(db.execute("SELECT content FROM set_aside").fetchall()) == 1
    store.close()


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
    store.close()
    store = SqliteStore(tmp_path / "outbox.sqlite")
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
from typing import NoReturn
from masakarimonitors.outbox.storage.sqlite import SqliteStore
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
        [sys.executable, "-c", _ON_A_FULL_DISK, str(path)], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.stdout.strip() == "[1] {'a': {'x': 1}} 2", done.stderr


def test_a_disk_that_fails_while_its_file_is_only_read_does_not_keep_the_file_from_the_next_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "outbox.sqlite"
    first = SqliteStore(path)
    first.write([Put(row(1), durable=True)])
    first.close()

    def fails(*args: object) -> NoReturn:
        raise sqlite3.OperationalError("disk I/O error")

    store = SqliteStore(path, patience=0.0)
    with monkeypatch.context() as patched, pytest.raises(StoreFault) as kept:
        patched.setattr(store, "_open", fails)
        patched.setattr(table, "read_all", fails)
        store.load()
    assert kept.value.unread
    assert [one.id for one in store.load().pending] == [1]
    store.close()


def test_with_which_time_a_row_was_made_is_kept_as_long_as_the_row(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    store = SqliteStore(path)
    later = Instant(200.0, NOW.wall + datetime.timedelta(seconds=199))
    store.write([Put(row(1).restamped(later)), Put(row(2))])
    store.close()
    store = SqliteStore(path)
    first, second = store.load().pending
    assert (first.made_at, second.made_at) == (NOW.wall, NOW.wall)
    assert first.notification is not None and first.notification.generated_time == later.wall
    assert [one.made_at for one in store.recent(10)] == [NOW.wall, NOW.wall]
    store.write([Put(replace(one, status=ReportStatus.DELIVERED)) for one in (first, second)])
    store.prune(0)
    store.close()
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM made").fetchone() == (0,)


def test_a_file_that_somebody_else_holds_is_left_unread_and_not_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    store = SqliteStore(path)
    store.write([Put(row(1))])
    store.close()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        store = SqliteStore(path, patience=0.05)
        with pytest.raises(StoreFault, match="locked") as fault:
            store.load()
        assert (fault.value.lasting, fault.value.unread) == (False, True)
        other.execute("COMMIT")
    assert store.load().pending == (row(1),)
    store.close()


def test_where_nothing_is_there_yet_nothing_is_left_unread(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    store = SqliteStore(folder / "outbox.sqlite")
    shutil.rmtree(folder)
    folder.write_text("in its place")
    with pytest.raises(StoreFault) as fault:
        store.load()
    assert (fault.value.lasting, fault.value.unread) == (False, False)
    store.close()


class Interrupted(Mapping[str, JSON]):
    """A value that, as it is written, lets the store be given up: the moment before the commit."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self._meanwhile = meanwhile

    def __getitem__(self, key: str) -> JSON:
        raise KeyError(key)

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[str]:
        self._meanwhile()
        return iter(())


def test_a_store_that_was_given_up_commits_nothing_and_leaves_the_lock_to_its_successor(
    tmp_path: Path,
) -> None:
    path = tmp_path / "outbox.sqlite"
    store = SqliteStore(path)
    store.load()
    fresh: list[SqliteStore] = []
    with pytest.raises(StoreFault, match="took too long"):
        store.write([Put(row(1)), Keep("a", Interrupted(lambda: fresh.append(store.renewed())))])
    store.close()
    (successor,) = fresh
    assert successor.load().pending == ()
    successor.write([Put(row(2))])
    with pytest.raises(InUse):
        SqliteStore(path)
    successor.close()
    SqliteStore(path).close()
