"""The lock beside an outbox: who holds it, and that it is the one that everybody else would find."""

import contextlib
import errno
import os
from pathlib import Path

import pytest

from masakarimonitors.outbox.storage.lock import InUse, Lock
from masakarimonitors.outbox.storage.sqlite import SqliteStore
from masakarimonitors.outbox.storage.store import StoreFault


def test_one_holds_it_and_the_next_is_told_who(tmp_path: Path) -> None:
    first, second = Lock(tmp_path / "outbox.sqlite"), Lock(tmp_path / "outbox.sqlite")
    assert not first.is_held()
    first.take()
    first.take()
    assert first.is_held()
    with pytest.raises(InUse, match=f"in use by process {os.getpid()}"):
        second.take()
    first.release()
    second.take()
    assert (first.is_held(), second.is_held()) == (False, True)
    second.release()


@pytest.mark.parametrize(
    ("number", "said"), [(errno.EROFS, True), (errno.EIO, True), (errno.ENOSPC, True), (errno.EBADF, False)]
)
def test_a_disk_that_takes_nothing_any_more_is_noticed_while_there_is_nothing_to_write(
    number: int, said: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a fault of its disk a file system refuses each write, and shows nothing of it."""

    def refused(*what: object) -> int:
        raise OSError(number, os.strerror(number))

    store = SqliteStore(tmp_path / "outbox.sqlite")
    store.write([])
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", refused)
        with (
            pytest.raises(StoreFault, match=os.strerror(number))
            if said
            else contextlib.nullcontext() as raised
        ):
            store.check()
    assert raised is None or not raised.value.lasting
    store.check()
    store.close()


@pytest.mark.parametrize("replaced", [True, False])
def test_one_that_was_removed_is_held_no_longer_and_taken_anew(tmp_path: Path, replaced: bool) -> None:
    lock, file = Lock(tmp_path / "outbox.sqlite"), tmp_path / "outbox.sqlite.lock"
    lock.take()
    file.rename(tmp_path / "aside")
    if replaced:
        file.touch()
    assert not lock.is_held()
    lock.take()
    assert lock.is_held() and file.read_text() == str(os.getpid())
    lock.release()


def test_the_one_of_a_successor_is_not_taken_from_it(tmp_path: Path) -> None:
    lock, successor = Lock(tmp_path / "outbox.sqlite"), Lock(tmp_path / "outbox.sqlite")
    lock.take()
    (tmp_path / "outbox.sqlite.lock").unlink()
    successor.take()
    with pytest.raises(InUse):
        lock.take()
    assert successor.is_held() and not lock.is_held()
    successor.release()
    lock.release()


def test_where_nothing_can_be_written_what_is_there_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = os.open

    def read_only(path: str, flags: int, *rest: int) -> int:
        if flags & (os.O_CREAT | os.O_RDWR):
            raise OSError(30, "Read-only file system", str(path))
        return really(path, flags, *rest)

    (tmp_path / "outbox.sqlite.lock").touch(0o600)
    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(OSError, match="Read-only"):
        Lock(tmp_path / "another.sqlite").take()
    lock = Lock(tmp_path / "outbox.sqlite")
    lock.take()
    assert lock.is_held()
    lock.release()
