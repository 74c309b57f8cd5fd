"""What the service manager hears."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from masakarimonitors.system.service import systemd
from tests.fixtures.fake_clock import FakeClock, settle
from tests.fixtures.open_files import all_used_up
from tests.fixtures.waiting import PATIENCE


def test_without_a_service_manager_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert systemd.notify("READY=1"), "nor is there anything to send again"


def test_a_service_manager_that_went_away_is_no_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    assert not systemd.notify("READY=1"), "it may come back, and has heard nothing"


async def test_ready_and_signs_of_life_arrive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path, clock = tmp_path / "notify", FakeClock()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        monkeypatch.setenv("WATCHDOG_USEC", "10000000")
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
        systemd.notify("READY=1")
        assert manager.recv(100) == b"READY=1"
        async with asyncio.TaskGroup() as tasks:
            feeding = tasks.create_task(systemd.feed_watchdog(clock))
            await settle()
            assert manager.recv(100) == b"WATCHDOG=1"
            await clock.advance(5)
            assert manager.recv(100) == b"WATCHDOG=1"
            feeding.cancel()


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[socket.socket]:
    """A service manager that reads nothing, and whose queue is full; whoever waits for it here is ended."""
    path = tmp_path / "notify"
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as others,
    ):
        manager.bind(str(path))
        manager.setblocking(False)
        others.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                others.sendto(b"of another service", str(path))
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        monkeypatch.setenv("WATCHDOG_USEC", "10000000")
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
        before = socket.getdefaulttimeout()
        socket.setdefaulttimeout(PATIENCE)
        yield manager
        socket.setdefaulttimeout(before)


def heard(manager: socket.socket) -> set[bytes]:
    """All that stands in its queue."""
    told = set()
    with contextlib.suppress(BlockingIOError):
        while True:
            told.add(manager.recv(100))
    return told


async def test_nobody_waits_for_a_service_manager_that_does_not_read_and_it_is_told_later(
    busy: socket.socket,
) -> None:
    clock = FakeClock()
    assert not systemd.notify("READY=1"), "whoever said it says it again"
    async with asyncio.TaskGroup() as tasks:
        watcher = tasks.create_task(systemd.feed_watchdog(clock))
        await settle()
        assert heard(busy) == {b"of another service"}
        await clock.advance(1)  # well within what the watchdog allows
        assert heard(busy) == {b"WATCHDOG=1"}
        await clock.advance(3)
        assert heard(busy) == set()
        await clock.advance(2)
        assert heard(busy) == {b"WATCHDOG=1"}
        watcher.cancel()


async def test_a_sign_of_life_for_which_there_was_no_descriptor_is_sent_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path, clock = tmp_path / "notify", FakeClock()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        monkeypatch.setenv("WATCHDOG_USEC", "60000000")
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
        feeding = asyncio.get_running_loop().create_task(systemd.feed_watchdog(clock))
        await settle()
        assert heard(manager) == {b"WATCHDOG=1"}
        with all_used_up():
            await clock.advance(30)
        assert heard(manager) == set()
        await clock.advance(1)
        assert heard(manager) == {b"WATCHDOG=1"}
        feeding.cancel()


@pytest.mark.parametrize(("usec", "pid"), [("", ""), ("x", ""), ("10000000", "1"), ("0", "")])
def test_no_watchdog_is_fed_that_nobody_asked_for(
    monkeypatch: pytest.MonkeyPatch, usec: str, pid: str
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    if pid:
        monkeypatch.setenv("WATCHDOG_PID", pid)
    else:
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
    assert systemd.watchdog_interval() is None
