"""The second eye: the end of each process that a pidfile names is told at once, and of no other."""

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from masakarimonitors.instancemonitor.core.observation import Identity, Observation, ProcessEnded
from masakarimonitors.instancemonitor.sources.qemu_process import QemuProcesses, started_with
from tests.fixtures.fake_clock import SteppedClock
from tests.fixtures.instance_play import URI
from tests.fixtures.open_files import open_files, opened_since
from tests.fixtures.pidfile import locked
from tests.fixtures.waiting import PATIENCE

UUID = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"


class Watching:
    """The source at work on a folder, with time in the test's hand."""

    def __init__(self, directory: Path, read: Callable[[int], bytes] = started_with) -> None:
        self.clock = SteppedClock()
        self.source = QemuProcesses(directory, URI, self.clock, started_with=read)
        self.seen: asyncio.Queue[Observation] = asyncio.Queue()

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator["Watching"]:
        running = asyncio.get_running_loop().create_task(self.source.run(self.seen.put_nowait))
        await self.looks_again()
        try:
            yield self
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    async def looks_again(self) -> None:
        await self.clock.go_on(1.0, step=1.0)

    async def told(self) -> Observation:
        async with asyncio.timeout(PATIENCE):
            return await self.seen.get()


@pytest.fixture
def watching(tmp_path: Path) -> Watching:
    return Watching(tmp_path)


async def test_the_end_of_a_process_is_told_with_its_instance_and_pid(
    watching: Watching, tmp_path: Path
) -> None:
    async with watching.at_work():
        with locked(tmp_path / "instance-1.pid", "-uuid", UUID, "-daemonize") as pid:
            await watching.looks_again()
            assert watching.seen.empty()
        assert await watching.told() == ProcessEnded(Identity(UUID, "instance-1", URI), pid)
        await watching.looks_again()
        assert watching.seen.empty(), "once"


async def test_one_that_takes_in_a_guest_is_told_as_such(watching: Watching, tmp_path: Path) -> None:
    async with watching.at_work():
        with locked(tmp_path / "a.pid", "-uuid", UUID, "-incoming", "defer", "-x"):
            await watching.looks_again()
        told = await watching.told()
        assert isinstance(told, ProcessEnded) and told.arrived


async def test_those_that_run_when_it_starts_are_watched_and_each_is_told_for_itself(
    watching: Watching, tmp_path: Path
) -> None:
    with (
        locked(tmp_path / "a.pid", "-uuid", UUID, "-x"),
        locked(tmp_path / "b.pid", "-uuid", OTHER, "-x") as pid,
    ):
        async with watching.at_work():
            os.kill(pid, 9)
            assert await watching.told() == ProcessEnded(Identity(OTHER, "b", URI), pid)
            assert watching.seen.empty()


async def test_a_name_that_lives_anew_is_watched_anew(watching: Watching, tmp_path: Path) -> None:
    async with watching.at_work():
        ended = []
        for _ in range(2):
            with locked(tmp_path / "a.pid", "-uuid", UUID, "-x") as pid:
                await watching.looks_again()
            assert await watching.told() == ProcessEnded(Identity(UUID, "a", URI), pid)
            ended.append(pid)
        assert ended[0] != ended[1]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("driver.pid", ("-uuid", UUID, "-x")),
        ("instance-1.log", ("-uuid", UUID, "-x")),
        ("slirp-helper.pid", ("--socket", "/x")),
    ],
)
async def test_who_is_no_instances_process_is_not_watched(
    watching: Watching, tmp_path: Path, name: str, arguments: tuple[str, ...]
) -> None:
    async with watching.at_work():
        with locked(tmp_path / name, *arguments):
            await watching.looks_again()
        with locked(tmp_path / "last.pid", "-uuid", OTHER, "-x") as pid:
            await watching.looks_again()
        # Ends are told in their order, so the first one would stand before this one.
        assert await watching.told() == ProcessEnded(Identity(OTHER, "last", URI), pid)


async def test_a_pidfile_that_nobody_holds_is_nothing_to_watch(watching: Watching, tmp_path: Path) -> None:
    (tmp_path / "a.pid").write_text(str(os.getpid()))
    async with watching.at_work():
        await watching.looks_again()
        assert watching.seen.empty()


async def test_a_folder_that_cannot_be_read_is_told_once_and_looked_at_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "later"
    watching = Watching(folder)
    with caplog.at_level(logging.INFO):
        async with watching.at_work():
            for _ in range(3):
                await watching.looks_again()
            (record,) = caplog.records
            assert str(folder) in record.getMessage() and "not watched" in record.getMessage()
            folder.mkdir()
            with locked(folder / "a.pid", "-uuid", UUID, "-x") as pid:
                await watching.looks_again()
            assert await watching.told() == ProcessEnded(Identity(UUID, "a", URI), pid)


async def test_nothing_stays_open_when_it_ends(tmp_path: Path) -> None:
    with locked(tmp_path / "a.pid", "-uuid", UUID, "-x"):
        before = open_files()
        async with Watching(tmp_path).at_work():
            assert len(opened_since(before)) == 1
        assert not opened_since(before)


async def test_a_process_whose_memory_is_locked_holds_up_nobody_and_is_watched_when_it_is_free_again(
    tmp_path: Path,
) -> None:
    """The kernel then answers nobody what it was started with; here a lock of ours stands for that."""
    stuck, free = set[int](), threading.Event()
    asked: list[int] = []

    def read(pid: int) -> bytes:
        asked.append(pid)
        if pid in stuck:
            assert threading.current_thread() is not threading.main_thread()
            free.wait()
        return started_with(pid)

    watching = Watching(tmp_path, read)
    with locked(tmp_path / "a.pid", "-uuid", UUID, "-x") as pid, contextlib.ExitStack() as others:
        stuck.add(pid)
        async with watching.at_work():
            for name in ("b", "c", "d", "e", "f"):
                other = others.enter_context(locked(tmp_path / f"{name}.pid", "-uuid", OTHER, "-x"))
                await watching.looks_again()
                os.kill(other, 9)
                assert await watching.told() == ProcessEnded(Identity(OTHER, name, URI), other)
            assert asked.count(pid) == 1, "one thread, however often it is looked at"
            stuck.clear()
            free.set()
            while asked.count(pid) == 1:  # its thread has to come back first
                await watching.looks_again()
            os.kill(pid, 9)
            assert await watching.told() == ProcessEnded(Identity(UUID, "a", URI), pid)
