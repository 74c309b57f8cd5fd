"""What is heard at a place where a monitor may be."""

import asyncio
import socket
from pathlib import Path

import pytest

from masakarimonitors.status import unix_socket
from masakarimonitors.status.asked import TELLING, Answer, ask
from masakarimonitors.status.model import MonitorStatus
from tests.fixtures.fake_clock import FakeClock


def test_every_answer_has_its_rank() -> None:
    assert sorted(TELLING, key=lambda one: one.name) == sorted(Answer, key=lambda one: one.name)


def test_nothing_there_is_no_monitor_and_a_socket_left_behind_is_a_dead_one(tmp_path: Path) -> None:
    path = tmp_path / "hostmonitor.sock"
    assert ask(path).answer is Answer.NONE
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    found = ask(path)
    assert (found.name, found.answer) == ("hostmonitor", Answer.DEAD)
    assert str(path) in found.why


async def test_one_that_answers_is_heard(tmp_path: Path, status: MonitorStatus, clock: FakeClock) -> None:
    path = tmp_path / "hostmonitor.sock"
    async with unix_socket.serve(status, clock, path):
        found = await asyncio.to_thread(ask, path)
    assert found.answer is Answer.SAID
    assert found.snapshot["health"] == "blind"


@pytest.mark.parametrize("said", [b"[1]", b"{", b'{"no": "monitor"}'])
async def test_what_makes_no_sense_is_no_health(tmp_path: Path, said: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.close()

    path = tmp_path / "hostmonitor.sock"
    async with await asyncio.start_unix_server(answer, path):
        assert (await asyncio.to_thread(ask, path)).answer is Answer.ODD
