"""What a check sees of the folder for state, and that it leaves everything as it is."""

import os
import sqlite3
from pathlib import Path

import pytest

from masakarimonitors import conf
from masakarimonitors.cmd.checks import state
from masakarimonitors.core.finding import Weight
from masakarimonitors.outbox.storage.sqlite import SqliteStore
from masakarimonitors.outbox.storage.store import StoreFault
from tests.unit.cmd.conftest import Configure


@pytest.mark.parametrize(
    ("why", "weight", "words"),
    [
        ("", Weight.OK, "state is kept in"),
        ("it is memory", Weight.WARNING, "does not survive: it is memory."),
    ],
)
def test_a_folder_that_does_not_last_is_a_warning(
    tmp_path: Path, why: str, weight: Weight, words: str
) -> None:
    found = state.lasts(tmp_path, why)
    assert (found.weight, words in found.text) == (weight, True)


def test_an_outbox_in_order_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    store = SqliteStore(path)
    store.load()
    store.close()
    before = {one.name: one.stat().st_mtime_ns for one in tmp_path.iterdir()}
    assert state.readable(path) == ""
    assert {one.name: one.stat().st_mtime_ns for one in tmp_path.iterdir()} == before
    state.readable(tmp_path / "absent.sqlite")
    assert not (tmp_path / "absent.sqlite").exists()


def test_a_file_that_is_broken_is_the_monitors_to_mend(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    path.write_bytes(b"no database" * 100)
    path.chmod(0o600)
    assert state.readable(path) == ""


def test_a_file_that_cannot_be_trusted_ends_a_monitor(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    path.mkdir()
    with pytest.raises(StoreFault, match="it is no ordinary file"):
        state.readable(path)


def test_a_file_that_somebody_else_keeps_to_himself_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.sqlite"
    store = SqliteStore(path)
    store.load()
    store.close()
    other = sqlite3.connect(path, isolation_level=None)
    try:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")

        def impatient(place: Path) -> sqlite3.Connection:
            return sqlite3.connect(f"{place.as_uri()}?mode=ro", uri=True, timeout=0)

        monkeypatch.setattr(state, "connect_to_look", impatient)
        (found,) = state.outbox(tmp_path, "x")
        assert found.weight is Weight.WARNING and "database is locked" in found.text
    finally:
        other.close()


def test_a_monitor_that_runs_has_read_its_file(configure: Configure, tmp_path: Path) -> None:
    loaded = conf.load(["--config-file", str(configure())], default_config_dirs=[])
    path = tmp_path / "state" / "hostmonitor.sqlite"
    held = SqliteStore(path)
    try:
        assert state.outbox(path.parent, "hostmonitor") == []
    finally:
        held.close()
    path.mkdir()
    found = state.look(loaded, ["hostmonitor"])
    assert [one.weight for one in found][-1] is Weight.FAULT
    assert "hostmonitor: The outbox cannot be read" in found[-1].text


def test_a_folder_that_cannot_be_had_is_a_fault(configure: Configure, tmp_path: Path) -> None:
    file = configure()
    file.write_text(file.read_text().replace(f"{tmp_path}/state", f"{tmp_path}/list.yaml"))
    loaded = conf.load(["--config-file", str(file)], default_config_dirs=[])
    (found,) = state.look(loaded, ["hostmonitor"])
    assert found.weight is Weight.FAULT and "[DEFAULT] state_path" in found.text


def test_the_holder_of_a_lock_is_known_where_stat_numbers_the_file_system_otherwise(tmp_path: Path) -> None:
    lock, locks, mountinfo = tmp_path / "x.lock", tmp_path / "locks", tmp_path / "mountinfo"
    lock.touch()
    inode, device = lock.stat().st_ino, lock.stat().st_dev
    by_stat = f"{os.major(device):02x}:{os.minor(device):02x}"
    locks.write_text(
        f"1: FLOCK  ADVISORY  WRITE 4711 00:fe:{inode} 0 EOF\n"
        f"2: FLOCK  ADVISORY  WRITE 4712 00:fd:{inode} 0 EOF\n"
        f"3: POSIX  ADVISORY  WRITE 4713 00:fe:{inode} 0 EOF\n"
        f"3: -> FLOCK  ADVISORY  WRITE 4714 00:fe:{inode} 0 EOF\n"
    )
    # A subvolume of btrfs, or a file of an overlay.
    mountinfo.write_text("999999 1 0:254 / / rw - btrfs /dev/sda rw\n")
    assert state.lock_holders(lock, locks, mountinfo) == [4711]
    mountinfo.write_text("")
    locks.write_text(f"1: FLOCK  ADVISORY  WRITE 4711 {by_stat}:{inode} 0 EOF\n")
    assert state.lock_holders(lock, locks, mountinfo) == [4711]
    assert state.lock_holders(lock, locks, tmp_path / "absent") == [4711]
