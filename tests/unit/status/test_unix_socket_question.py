"""The socket is asked about subjects: who asks is answered, and who does not gets the status as ever."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.core.decision import JSON, Instant
from masakarimonitors.status import unix_socket
from masakarimonitors.status.model import Grid, MonitorStatus, SubjectRow
from tests.fixtures.fake_clock import FakeClock


@pytest.fixture
def explaining(status: MonitorStatus) -> MonitorStatus:
    def explain(subject: str, now: Instant, rows: Sequence[SubjectRow]) -> dict[str, JSON] | None:
        return {"subject": subject, "standing": "well"} if subject == "host:a" else None

    return replace(status, explain=explain)


_PART = 4000


def exchange(path: Path, said: bytes, *, end: bool) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(said[:_PART])
        if said[_PART:]:
            time.sleep(0.05)  # and is heard in two parts
            connection.sendall(said[_PART:])
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


async def test_more_is_told_to_who_asks_for_it(explaining: MonitorStatus, tmp_path: Path) -> None:
    shown = replace(explaining, grid=lambda: Grid(["manage"], {"host:a": ["up"]}))
    path = tmp_path / "hostmonitor.sock"
    async with unix_socket.serve(shown, FakeClock(), path):
        told: Any = await asyncio.to_thread(unix_socket.read, path, "grid", "the moon")
        assert told["grid"] == {"columns": ["manage"], "rows": {"host:a": ["up"]}}
        assert told["health"] == "blind"
        told = await asyncio.to_thread(unix_socket.read, path, "metrics")
        assert 'monitor="hostmonitor"' in told["metrics"]
        told = await asyncio.to_thread(unix_socket.read, path)
    assert not {"grid", "metrics", "the moon"} & told.keys()


@pytest.mark.parametrize("question", ["", "grid", "metrics"])
async def test_whoever_asks_again_at_once_is_given_the_answer_of_a_moment_ago(
    question: str, status: MonitorStatus, tmp_path: Path
) -> None:
    """Whatever is asked: else one who asks for more would have the loop do nothing else."""
    clock, made = FakeClock(), []

    def delivered() -> Sequence[SubjectRow]:
        clock.stand_still(0.2)
        made.append(1)
        return ()

    path, words = tmp_path / "hostmonitor.sock", [question] if question else []
    async with unix_socket.serve(replace(status, delivered=delivered), clock, path):
        await asyncio.to_thread(unix_socket.read, path, *words)
        before = len(made)
        assert before
        for _ in range(3):
            await asyncio.to_thread(unix_socket.read, path, *words)
    assert len(made) == before


async def test_all_that_a_monitor_goes_by_is_told_off_the_loop(status: MonitorStatus, tmp_path: Path) -> None:
    path = tmp_path / "hostmonitor.sock"
    threads: list[str] = []

    def write() -> dict[str, JSON]:
        threads.append(threading.current_thread().name)
        return {"state": [1]}

    async with unix_socket.serve(replace(status, whole=lambda now: write), FakeClock(), path):
        told = await asyncio.to_thread(unix_socket.read, path, "whole")
    assert told == {"monitor": "hostmonitor", "whole": {"state": [1]}}
    assert threads and threads[0] != threading.main_thread().name
    async with unix_socket.serve(status, FakeClock(), path):
        assert (await asyncio.to_thread(unix_socket.read, path, "whole"))["whole"] is None


async def test_a_question_about_very_many_costs_no_more_than_one_about_a_few(
    explaining: MonitorStatus, tmp_path: Path
) -> None:
    """Each subject is looked for on the loop."""
    asked: list[str] = []
    described: list[int] = []

    def explain(subject: str, now: Instant, rows: Sequence[SubjectRow]) -> dict[str, JSON]:
        asked.append(subject)
        return {"subject": subject}

    def delivered() -> Sequence[SubjectRow]:
        described.append(1)
        return ()

    path, counts = tmp_path / "hostmonitor.sock", []
    async with unix_socket.serve(
        replace(explaining, explain=explain, delivered=delivered), FakeClock(), path
    ):
        for many in (1, 1000):
            described.clear()
            asked.clear()
            told = await asyncio.to_thread(unix_socket.ask, path, [str(one) for one in range(many)])
            assert isinstance(told["explained"], list) and len(told["explained"]) == len(asked)
            counts.append((len(asked), len(described)))
    assert [asked for asked, _ in counts] == [1, 20]
    assert len({described for _, described in counts}) == 1, "not for each subject anew"


async def test_of_a_question_that_is_too_long_nothing_is_heard(
    explaining: MonitorStatus, tmp_path: Path
) -> None:
    path, longest = tmp_path / "hostmonitor.sock", unix_socket._LONGEST
    question = json.dumps({"explain": ["host:a"]}).encode()
    async with unix_socket.serve(explaining, FakeClock(), path):
        for pad, heard in ((longest, True), (longest + 1, False)):
            told = await asyncio.to_thread(exchange, path, question.rjust(pad), end=True)
            assert ("explained" in told) is heard


async def test_who_asks_nothing_ends_its_side_and_is_answered_at_once(
    status: MonitorStatus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unix_socket, "_QUESTION", 2 * unix_socket.PATIENCE)
    path = tmp_path / "hostmonitor.sock"
    async with unix_socket.serve(status, FakeClock(), path):
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


async def test_an_answer_without_end_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: MonitorStatus
) -> None:
    monkeypatch.setattr(unix_socket, "_LARGEST", 100)
    path = tmp_path / "hostmonitor.sock"
    async with unix_socket.serve(status, FakeClock(), path):
        with pytest.raises(ValueError, match="no end"):
            await asyncio.to_thread(unix_socket.read, path)
