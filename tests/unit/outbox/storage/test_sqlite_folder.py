"""The outbox's file in a folder where others were at work: links, modes, what was removed under a running monitor."""

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from masakarimonitors.outbox.rows import Put
from masakarimonitors.outbox.storage.lock import InUse
from masakarimonitors.outbox.storage.sqlite import SqliteStore
from masakarimonitors.outbox.storage.store import StoreFault
from masakarimonitors.system.files.private_files import UnsafeFile, identity
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.waiting import eventually
from tests.unit.outbox.storage.test_disk import open_outbox, report
from tests.unit.outbox.storage.test_sqlite import row


def link(path: Path, victim: Path) -> None:
    path.symlink_to(victim)


def hard_link(path: Path, victim: Path) -> None:
    os.link(victim, path)


@pytest.mark.parametrize("trap", [link, hard_link])
def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path, trap: Callable[[Path, Path], None]) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    trap(tmp_path / "outbox.sqlite.lock", victim)
    with pytest.raises(UnsafeFile, match=r"outbox\.sqlite\.lock is not used"):
        SqliteStore(tmp_path / "outbox.sqlite")
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("part", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("trap", [link, hard_link])
def test_a_file_that_is_a_link_is_neither_read_nor_written(
    tmp_path: Path, part: str, trap: Callable[[Path, Path], None]
) -> None:
    victim = tmp_path / "victim"
    other = SqliteStore(victim)
    other.write([Put(row(1))])
    other.close()
    before = victim.read_bytes()
    store = SqliteStore(tmp_path / "outbox.sqlite")
    trap(tmp_path / f"outbox.sqlite{part}", victim)
    with pytest.raises(StoreFault, match="is not used") as fault:
        store.load()
    assert (fault.value.lasting, fault.value.unread) == (False, True)
    with pytest.raises(StoreFault, match="is not used"):
        store.write([Put(row(2))])
    assert victim.read_bytes() == before
    store.close()


def test_every_file_is_private_whatever_the_mask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = SqliteStore(tmp_path / "outbox.sqlite")
        store.write([Put(row(1))])
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
        store.close()
    finally:
        os.umask(before)
    assert modes == dict.fromkeys([f"outbox.sqlite{part}" for part in ("", "-wal", ".lock")], 0o600)


def test_nothing_of_the_disk_is_mapped_into_memory(tmp_path: Path) -> None:
    """Where that disk does not answer, whoever touches it stands still with all threads of the process."""
    store = SqliteStore(tmp_path / "outbox.sqlite")
    store.write([Put(row(1))])
    assert store.recent(5) == [row(1)]
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()
    store.close()


def test_who_was_given_up_lets_go_of_the_file_when_it_comes_back(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "outbox.sqlite", patience=0.05)
    store.write([Put(row(1))])
    fresh = store.renewed()
    with pytest.raises(StoreFault, match="locked"):
        fresh.load()
    with pytest.raises(StoreFault, match="it took too long"):
        store.write([Put(row(2))])
    assert fresh.load().pending == (row(1),)
    fresh.close()


async def test_a_removed_folder_is_noticed_and_made_anew_with_its_lock(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, clock = tmp_path / "state", FakeClock()
    folder.mkdir()
    store = SqliteStore(folder / "outbox.sqlite")
    store.write([Put(row(1, "told before"))])
    async with open_outbox(store, clock, deadline=60.0) as opened:
        shutil.rmtree(folder)
        await clock.advance(30)
        opened.submit([report("a")], clock.now())
        await eventually(lambda: list(opened.deliverable("process:a")) != [], "the next report to be written")
        assert opened.folder == identity(folder)
        with pytest.raises(InUse, match=f"in use by process {os.getpid()}"):
            SqliteStore(folder / "outbox.sqlite")
    await opened.close()
    assert "was removed or replaced while in use" in caplog.text
    again = SqliteStore(folder / "outbox.sqlite")
    assert [one.subject for one in again.load().pending] == ["process:told before", "process:a"]
    again.close()


async def test_a_second_monitor_that_took_a_removed_folder_is_named(tmp_path: Path) -> None:
    folder, clock = tmp_path / "state", FakeClock()
    folder.mkdir()
    async with open_outbox(SqliteStore(folder / "outbox.sqlite"), clock, deadline=60.0) as outbox:
        shutil.rmtree(folder)
        folder.mkdir()
        second = SqliteStore(folder / "outbox.sqlite")
        second.load()
        outbox.submit([report("a")], clock.now())
        await eventually(lambda: list(outbox.deliverable("process:a")) != [], "the report to be offered")
        assert "the same monitor is already running" in outbox.fault
        assert [file.name for file in folder.glob("*.broken-*")] == []
        second.close()
    await outbox.close()


async def test_a_folder_that_can_not_be_made_anew_holds_everything_once_it_can(tmp_path: Path) -> None:
    above, clock = tmp_path / "above", FakeClock()
    folder = above / "state"
    folder.mkdir(parents=True)
    store = SqliteStore(folder / "outbox.sqlite")
    store.write([Put(row(1, "told before"))])
    async with open_outbox(store, clock, deadline=60.0) as outbox:
        shutil.rmtree(above)
        await clock.advance(30)
        await eventually(lambda: "a second monitor may start" in outbox.fault, "it to be noticed")
        above.mkdir()
        await clock.advance(30)
        await eventually(lambda: not outbox.fault, "the disk to be used again")
    await outbox.close()
    again = SqliteStore(folder / "outbox.sqlite")
    assert [one.subject for one in again.load().pending] == ["process:told before"]
    again.close()
