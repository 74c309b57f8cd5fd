"""The socket is asked about subjects: who asks is answered, and who does not gets the status as ever."""

import asyncio
import json
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.core.decision import JSON, Instant
from masakarimonitors.status import unix_socket
from masakarimonitors.status.model import MonitorStatus
from tests.fixtures.fake_clock import FakeClock


@pytest.fixture
def explaining(status: MonitorStatus) -> MonitorStatus:
    def explain(subject: str, now: Instant) -> dict[str, JSON] | None:
        return {"subject": subject, "standing": "well"} if subject == "host:a" else None

    return replace(status, explain=explain)


def exchange(path: Path, said: bytes, *, end: bool) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(said)
        if end:
            connection.shutdown(socket.SHUT_WR)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    document: dict[str, Any] = json.loads(b"".join(parts))
    return document


async def test_each_subject_that_is_known_is_told(explaining: MonitorStatus, tmp_path: Path) -> None:
    path = tmp_path / "hostmonitor.sock"
    async with unix_socket.serve(explaining, FakeClock(), path):
        told = await asyncio.to_thread(unix_socket.ask, path, ["host:a", "host:b"])
        assert told["explained"] == [{"subject": "host:a", "standing": "well"}]
        assert (told["monitor"], "subjects" in told) == ("hostmonitor", False)
        assert "subjects" in await asyncio.to_thread(unix_socket.read, path)


@pytest.mark.parametrize(
    ("said", "end"),
    [
        (b"", False),  # as readers of earlier releases do
        (b"", True),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b'{"explain": 7}\n', True),
        (b"[" * 5000 + b"\n", True),
    ],
    ids=range(5),
)
async def test_whoever_asks_nothing_that_makes_sense_gets_the_status(
    said: bytes, end: bool, explaining: MonitorStatus, tmp_path: Path
) -> None:
    path = tmp_path / "hostmonitor.sock"
    async with unix_socket.serve(explaining, FakeClock(), path):
        told = await asyncio.to_thread(lambda: exchange(path, said, end=end))
    assert "subjects" in told and "explained" not in told


async def test_who_asks_without_an_end_is_bounded(explaining: MonitorStatus, tmp_path: Path) -> None:
    path = tmp_path / "hostmonitor.sock"
    async with unix_socket.serve(explaining, FakeClock(), path):
        told = await asyncio.to_thread(lambda: exchange(path, b"x" * unix_socket._LONGEST, end=False))
    assert "subjects" in told
