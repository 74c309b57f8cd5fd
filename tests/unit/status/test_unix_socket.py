"""The socket beside the outbox: who may ask, and what is answered."""

import asyncio
from pathlib import Path

import pytest

from masakarimonitors.status import unix_socket
from masakarimonitors.status.model import MonitorStatus
from tests.fixtures.fake_clock import FakeClock


async def test_the_local_socket_answers_and_is_the_owner_s_alone(
    status: MonitorStatus, clock: FakeClock, tmp_path: Path
) -> None:
    path = tmp_path / "hostmonitor.sock"
    async with unix_socket.serve(status, clock, path):
        assert path.stat().st_mode & 0o077 == 0
        seen = await asyncio.to_thread(unix_socket.read, path)
        assert seen["monitor"] == "hostmonitor"
    assert not path.exists()
    with pytest.raises(OSError):
        unix_socket.read(path)


async def test_a_stale_socket_of_a_killed_monitor_is_replaced(
    status: MonitorStatus, clock: FakeClock, tmp_path: Path
) -> None:
    path = tmp_path / "hostmonitor.sock"
    path.write_text("left behind")
    async with unix_socket.serve(status, clock, path):
        assert (await asyncio.to_thread(unix_socket.read, path))["monitor"] == "hostmonitor"
