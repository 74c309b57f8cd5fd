"""What an operator has written: bounded in size and in time, whatever its file system does."""

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from masakarimonitors.system.files.operators_file import (
    LONGEST,
    Reader,
    Unreadable,
    in_time,
    read_aside,
    read_text,
    stamp_of,
)
from tests.fixtures.waiting import PATIENCE, eventually


def test_a_text_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "list"
    file.write_bytes(b"\xef\xbb\xbfa: \xc3\xa4\n")
    assert read_text(file) == "a: ä\n"


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("nothing", "No such file"),
        ("folder", "directory"),
        ("pipe", "no ordinary file"),
        ("device", "no ordinary file"),
        ("long", "larger than 1 MiB"),
        ("bytes", "line 2, column 3 is not UTF-8"),
        ("NUL", "embedded null"),
    ],
)
def test_what_cannot_be_read_is_said_and_hangs_nobody(tmp_path: Path, kind: str, says: str) -> None:
    file = tmp_path / "list"
    match kind:
        case "folder":
            file.mkdir()
        case "pipe":
            os.mkfifo(file)
        case "device":
            file.symlink_to("/dev/zero")
        case "long":
            file.write_bytes(b"#" * (LONGEST + 1))
        case "bytes":
            file.write_bytes(b"a\nbc\xff")
    with pytest.raises(Unreadable, match=says):
        read_text("a\0b" if kind == "NUL" else file)


def test_a_stamp_tells_one_content_from_another(tmp_path: Path) -> None:
    file = tmp_path / "list"
    assert stamp_of(file) is None
    file.write_text("a")
    first = stamp_of(file)
    file.write_text("ab")
    assert first is not None and stamp_of(file) not in (None, first)


class Storage:
    """Does not answer before `answers` is set."""

    def __init__(self) -> None:
        self.reached, self.answers, self.calls = threading.Event(), threading.Event(), 0

    def read(self) -> str:
        self.calls += 1
        self.reached.set()
        assert self.answers.wait(PATIENCE)
        return "content"


@pytest.fixture
def storage() -> Iterator[Storage]:
    storage = Storage()
    yield storage
    storage.answers.set()


def test_before_the_loop_turns_nobody_waits_longer_than_said(storage: Storage) -> None:
    with pytest.raises(Unreadable, match=r"has not answered within 0\.05 s"):
        in_time("list", storage.read, 0.05)
    storage.answers.set()
    assert in_time("list", storage.read) == "content"
    with pytest.raises(ZeroDivisionError):
        in_time("list", lambda: str(1 / 0))


async def test_a_read_that_hangs_is_given_up_and_no_other_is_begun_beside_it(
    storage: Storage, tmp_path: Path
) -> None:
    reader = Reader(tmp_path, 0.05)  # which may be over before its thread comes to it
    for _ in range(3):
        with pytest.raises(Unreadable, match="has not answered"):
            await reader.call(storage.read)
    with pytest.raises(Unreadable, match="has not answered"):
        await read_aside(tmp_path, storage.read)
    await eventually(storage.reached.is_set, "its thread")
    assert storage.calls == 1
    assert await read_aside(tmp_path / "another", lambda: "fine") == "fine"
    storage.answers.set()
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                assert await read_aside(tmp_path, storage.read) == "content"
                break
            except Unreadable:
                await asyncio.sleep(0)
    reader.close()


async def test_who_stops_does_not_wait_for_it(storage: Storage, tmp_path: Path) -> None:
    task = asyncio.get_running_loop().create_task(read_aside(tmp_path, storage.read))
    await asyncio.to_thread(storage.reached.wait, PATIENCE)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()


async def test_a_read_whose_caller_was_cancelled_is_waited_for_and_has_not_hung(
    storage: Storage, tmp_path: Path
) -> None:
    loop = asyncio.get_running_loop()
    first = loop.create_task(read_aside(tmp_path, storage.read))
    await asyncio.to_thread(storage.reached.wait, PATIENCE)
    first.cancel()
    await asyncio.wait({first})
    second = loop.create_task(read_aside(tmp_path, lambda: "the next"))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not second.done()
    storage.answers.set()
    assert await second == "the next"


@pytest.mark.parametrize("cancelled", [False, True])
async def test_a_read_that_was_given_up_before_its_thread_came_to_it_does_not_count_as_hung_for_good(
    cancelled: bool, tmp_path: Path
) -> None:
    reader, comes = Reader(tmp_path, PATIENCE if cancelled else 0.01), threading.Event()
    reader._pool.submit(lambda: comes.wait(PATIENCE))
    first = asyncio.get_running_loop().create_task(reader.call(lambda: "given up"))
    await asyncio.sleep(0)
    if cancelled:
        first.cancel()
    await asyncio.wait({first})
    assert first.cancelled() if cancelled else isinstance(first.exception(), Unreadable)
    comes.set()
    reader.close()
    await eventually(lambda: all(one.name != reader._pool._name for one in threading.enumerate()), "its end")
    assert await read_aside(tmp_path, lambda: "the next", PATIENCE) == "the next"


async def test_one_that_never_comes_back_is_waited_for_once(storage: Storage, tmp_path: Path) -> None:
    first = asyncio.get_running_loop().create_task(read_aside(tmp_path, storage.read))
    await asyncio.to_thread(storage.reached.wait, PATIENCE)
    first.cancel()
    await asyncio.wait({first})
    for _ in range(2):
        with pytest.raises(Unreadable, match="has not answered"):
            await read_aside(tmp_path, storage.read, 0.05)
    assert storage.calls == 1
