"""What systemd hears of the monitors: ready after the first look, however it went, and how they are."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from masakarimonitors.cmd.manager import AGAIN, FIRST_LOOK, SOONEST, Announcer
from masakarimonitors.status.health import Sight, View
from masakarimonitors.status.model import MonitorStatus, OutboxRow, Record
from masakarimonitors.system.clock import BEAT
from tests.fixtures.fake_clock import FakeClock, settle
from tests.fixtures.open_files import all_used_up

ROW = OutboxRow(where="/x", pending=0, counts={}, disk_fault="", api_trouble="")


class World:
    """What a monitor shows, changed at will."""

    def __init__(self, name: str, clock: FakeClock) -> None:
        self.view = View("world", Sight.UNKNOWN)
        self.row = ROW
        self.broken = False
        self.status = MonitorStatus(Record(name, clock.now()), tuple, lambda: self.row, views=self.views)

    def views(self, now: object) -> Sequence[View]:
        if self.broken:
            raise RuntimeError("a bug")
        return [self.view]


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield manager


def heard(manager: socket.socket) -> list[str]:
    """The lines that it was told since it was last asked."""
    lines: list[str] = []
    with contextlib.suppress(BlockingIOError):
        while True:
            lines += manager.recv(10_000).decode().splitlines()
    return lines


@contextlib.asynccontextmanager
async def told(clock: FakeClock, *worlds: World, changed: asyncio.Event | None = None) -> AsyncIterator[None]:
    announcer = Announcer([one.status for one in worlds], clock, changed)
    task = asyncio.get_running_loop().create_task(announcer.run())
    await settle()
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("sight", [Sight.PROVEN, Sight.BLIND])
async def test_ready_is_said_after_the_first_look_of_all_whatever_it_has_shown(
    systemd: socket.socket, sight: Sight
) -> None:
    clock = FakeClock()
    first, second = World("a", clock), World("b", clock)
    async with told(clock, first, second):
        extend, status = heard(systemd)
        assert extend == "EXTEND_TIMEOUT_USEC=60000000"
        assert status == "STATUS=a blind: world: not looked yet | b blind: world: not looked yet"
        first.view = View("world", sight, "as it is")
        await clock.advance(AGAIN)
        assert "READY=1" not in heard(systemd)
        second.view = View("world", sight, "as it is")
        await clock.advance(AGAIN)
        assert "READY=1" in heard(systemd)
        await clock.advance(FIRST_LOOK)
        assert heard(systemd) == [], "what has not changed is not said again"


async def test_a_first_look_that_hangs_keeps_nobody_from_being_ready_for_ever(systemd: socket.socket) -> None:
    clock = FakeClock()
    async with told(clock, World("a", clock)):
        await clock.advance(FIRST_LOOK - 1)
        assert "READY=1" not in heard(systemd)
        await clock.advance(2)
        assert heard(systemd) == ["READY=1"]


async def test_how_the_monitors_are_is_a_line_with_the_worst_first(systemd: socket.socket) -> None:
    clock = FakeClock()
    first, second = World("a", clock), World("b", clock)
    first.view = second.view = View("world", Sight.PROVEN)
    async with told(clock, first, second):
        assert heard(systemd)[1:] == ["STATUS=a ok | b ok", "READY=1"]
        second.row = replace(ROW, api_trouble="503\nhalf \udc80")
        await clock.advance(AGAIN)
        assert heard(systemd) == [r"STATUS=b degraded: masakari-api: 503 half \udc80 | a ok"]
        first.view = View("world", Sight.BLIND, "no leader")
        await clock.advance(AGAIN)
        (line,) = heard(systemd)
        assert line.startswith("STATUS=a blind: world: no leader | b degraded")
        first.view, second.row = View("world", Sight.PROVEN), ROW
        await clock.advance(AGAIN)
        assert heard(systemd) == ["STATUS=a ok | b ok"]


async def test_a_manager_without_room_is_told_later(
    systemd: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    world = World("a", clock)
    world.view = View("world", Sight.PROVEN)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as others:
        others.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                others.sendto(b"of another service", str(tmp_path / "notify"))
        async with told(clock, world):
            assert set(heard(systemd)) == {"of another service"}
            await clock.advance(AGAIN)
            assert heard(systemd) == ["STATUS=a ok", "READY=1"]


async def test_what_there_was_no_descriptor_for_is_said_later(systemd: socket.socket) -> None:
    clock = FakeClock()
    world = World("a", clock)
    async with told(clock, world):
        heard(systemd)
        world.view = View("world", Sight.PROVEN)
        with all_used_up():
            await clock.advance(0.5)
        assert heard(systemd) == []
        await clock.advance(AGAIN)
        assert heard(systemd) == ["STATUS=a ok", "READY=1"]
        world.view = View("world", Sight.BLIND, "Too many open files")
        with all_used_up():
            await clock.advance(AGAIN)
        assert heard(systemd) == []
        await clock.advance(AGAIN)
        assert heard(systemd) == ["STATUS=a blind: world: Too many open files"]


async def test_a_bug_in_what_is_told_ends_nobody_and_is_never_called_well(systemd: socket.socket) -> None:
    clock = FakeClock()
    world = World("a", clock)
    world.view = View("world", Sight.PROVEN)
    async with told(clock, world):
        heard(systemd)
        world.broken = True
        await clock.advance(AGAIN)
        assert heard(systemd) == ["STATUS=unknown: RuntimeError('a bug')"]
        world.broken = False
        await clock.advance(AGAIN)
        assert heard(systemd) == ["STATUS=a ok"]


async def test_since_when_a_cause_stands_is_known_though_nobody_asks() -> None:
    clock = FakeClock()
    world = World("a", clock)
    world.view = View("world", Sight.PROVEN)
    async with told(clock, world):
        world.view = View("world", Sight.BLIND)
        await clock.advance(AGAIN)
        lost = clock.now()
        await clock.advance(600)
        (cause,) = world.status.health(clock.now()).causes
        assert abs(cause.since.monotonic - lost.monotonic) <= AGAIN


async def test_what_changes_is_told_at_once_and_what_changes_all_the_time_now_and_then(
    systemd: socket.socket,
) -> None:
    clock, changed = FakeClock(), asyncio.Event()
    world = World("a", clock)
    world.view = View("world", Sight.PROVEN)
    async with told(clock, world, changed=changed):
        await clock.advance(AGAIN + SOONEST)
        heard(systemd)
        world.view = View("world", Sight.BLIND, "no leader")
        changed.set()
        await settle()
        assert heard(systemd) == ["STATUS=a blind: world: no leader"], "no time has passed"
        for number in range(100):
            world.view = View("world", Sight.BLIND, str(number))
            changed.set()
            await clock.advance(0.1)
        assert len(heard(systemd)) <= 10.0 / SOONEST + 1
        world.view = View("world", Sight.PROVEN)
        await clock.advance(AGAIN)
        assert heard(systemd)[-1] == "STATUS=a ok", "what nobody said is seen all the same"


async def test_the_looks_of_a_process_come_together() -> None:
    clock = FakeClock()
    await clock.advance(0.3)
    world = World("a", clock)
    world.view = View("world", Sight.PROVEN)
    async with told(clock, world):
        await clock.advance(10)
        world.view = View("world", Sight.BLIND)
        # At the next of the moments that all share: not later than it would by itself.
        await clock.advance(AGAIN)
        (cause,) = world.status.health(clock.now()).causes
        assert cause.since.monotonic % BEAT == pytest.approx(0.0, abs=1e-6)
