"""Files of /proc that stay open: what they say is what is so now, and of whoever has the id now."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from masakarimonitors.processmonitor.sources.kept_open import KeptOpen
from tests.fixtures.lifeline import executes
from tests.fixtures.waiting import until


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    for pid in ("7", "8"):
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "cmdline").write_bytes(b"one\0")
    here = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield here
    os.close(here)


@contextlib.contextmanager
def begun() -> Iterator[int]:
    """A process that runs its program by now (before that it shows no command line), and has ended afterwards."""
    with subprocess.Popen(["/bin/sleep", "1000"]) as child:
        try:
            until(lambda: executes(child.pid), "it to run")
            yield child.pid
        finally:
            child.kill()


def opened(path: Path) -> int:
    """How many descriptors of this process are of what is below this folder."""
    count = 0
    for number in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{number}").startswith(f"{path}/")
        except FileNotFoundError:  # the listing's own
            continue
    return count


def test_what_is_kept_is_read_as_it_is_now(folder: int, tmp_path: Path) -> None:
    kept = KeptOpen("cmdline", lambda: 1000)
    assert kept.read(7, folder) == b"one\0"
    (tmp_path / "7" / "cmdline").write_bytes(b"another\0")
    assert kept.read(7, folder, before=b"one\0") == b"another\0"
    assert kept.read(7, folder, before=b"another\0") == b"another\0"
    assert opened(tmp_path) == 1


def test_whoever_gets_the_id_of_one_that_has_ended_is_read_and_not_that_one(folder: int) -> None:
    kept = KeptOpen("cmdline", lambda: 1000)
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    try:
        with begun() as pid:
            assert kept.read(pid, proc)
        with pytest.raises(OSError, match="No such"):
            kept.read(pid, proc)
        with begun() as pid:
            assert kept.read(pid, proc)
        os.mkdir(str(pid), dir_fd=folder)
        with open(
            os.open(f"{pid}/cmdline", os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=folder), "wb"
        ) as successor:
            successor.write(b"its successor\0")
        assert kept.read(pid, folder) == b"its successor\0"
    finally:
        os.close(proc)


def test_a_part_of_the_descriptors_is_kept_and_none_longer_than_needed(folder: int, tmp_path: Path) -> None:
    kept = KeptOpen("cmdline", lambda: 16)
    assert kept.read(7, folder, keep=False) == b"one\0"
    assert opened(tmp_path) == 0
    assert [kept.read(pid, folder) for pid in (7, 8)] == [b"one\0", b"one\0"]
    assert opened(tmp_path) == 1
    kept.keep_only({8})
    assert opened(tmp_path) == 0
    kept.read(8, folder)
    del kept
    assert opened(tmp_path) == 0


def test_what_a_thread_hangs_in_is_its_own_and_all_others_can_be_let_go_of(
    folder: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = KeptOpen("cmdline", lambda: 1000)
    assert [kept.read(pid, folder) for pid in (7, 8)] == [b"one\0", b"one\0"]
    there: list[int] = []

    def read(file: int, length: int, at: int) -> bytes:
        if not there:  # what others do while this one is being read
            there.append(opened(tmp_path))
            kept.let_go()
            there.append(opened(tmp_path))
        return os.read(file, length)

    monkeypatch.setattr(os, "pread", read)
    (tmp_path / "7" / "cmdline").write_bytes(b"one\0")
    assert kept.read(7, folder) == b"one\0"
    assert there == [2, 1], "what is read stays open"
    assert opened(tmp_path) == 0
    assert kept.read(8, folder) == b"one\0"
    assert opened(tmp_path) == 0, "nothing is kept any more"
