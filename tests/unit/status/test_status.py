"""What a person, Prometheus and `masakari-monitors status` see of one board."""

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest

from masakarimonitors.decisions import Ruling, Verdict
from masakarimonitors.status import local, metrics, page, web
from masakarimonitors.status.board import Board, OutboxRow, SubjectRow
from tests.fixtures.fake_clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def board(clock: FakeClock) -> Board:
    board = Board("hostmonitor", clock.now())
    board.subjects = lambda: (
        SubjectRow("host:compute-1", "down", "<b>storage</b> is down", alarm=True),
        SubjectRow("host:compute-2", "up"),
    )
    board.outbox = lambda: OutboxRow(
        "/x/hostmonitor.sqlite", 3, {"delivered": 2, "refused": 0}, "", "503 down"
    )
    board.source("consul", "running", "", clock.now())
    board.source("consul", "failed", "OSError: gone", clock.now())
    board.verdict(
        Verdict("host:compute-1", Ruling.REPORTED, "its storage is down", "3 samples", alarm=True),
        clock.now(),
    )
    board.fault("a decision failed", clock.now())
    return board


def test_the_snapshot_is_json_and_says_what_happened(board: Board, clock: FakeClock) -> None:
    seen = json.loads(json.dumps(board.snapshot(clock.now())))
    assert seen["monitor"] == "hostmonitor"
    assert seen["sources"][0] | {"since": ""} == {
        "name": "consul",
        "state": "failed",
        "last_fault": "OSError: gone",
        "since": "",
        "failures": 1,
    }
    assert seen["subjects"][0]["alarm"] is True
    assert seen["verdicts"][0]["why"] == "its storage is down"
    assert seen["outbox"]["pending"] == 3
    assert seen["faults"][0]["text"] == "a decision failed"


def test_the_page_shows_it_and_never_lets_text_become_markup(board: Board, clock: FakeClock) -> None:
    text = page.render([board], clock)
    assert "&lt;b&gt;storage&lt;/b&gt;" in text and "<b>storage" not in text
    for words in ("its storage is down", "503 down", "a decision failed", "OSError: gone", "3 waiting"):
        assert words in text


def test_metrics_are_in_prometheus_s_format(board: Board, clock: FakeClock) -> None:
    text = metrics.render([board], clock).decode()
    for line in (
        'masakari_monitors_source_running{monitor="hostmonitor",source="consul"} 0.0',
        'masakari_monitors_source_failures_total{monitor="hostmonitor",source="consul"} 1.0',
        'masakari_monitors_outbox_pending{monitor="hostmonitor"} 3.0',
        'masakari_monitors_outbox_settled_total{monitor="hostmonitor",status="delivered"} 2.0',
        'masakari_monitors_verdicts_total{monitor="hostmonitor",ruling="reported"} 1.0',
        'masakari_monitors_subjects{monitor="hostmonitor",state="down"} 1.0',
        'masakari_monitors_api_reachable{monitor="hostmonitor"} 0.0',
        'masakari_monitors_alarms{monitor="hostmonitor"} 1.0',
    ):
        assert line in text.splitlines()


async def test_the_local_socket_answers_and_is_the_owner_s_alone(
    board: Board, clock: FakeClock, tmp_path: Path
) -> None:
    path = tmp_path / "hostmonitor.sock"
    async with local.serve(board, clock, path):
        assert path.stat().st_mode & 0o077 == 0
        seen = await asyncio.to_thread(local.read, path)
        assert seen["monitor"] == "hostmonitor"
    assert not path.exists()
    with pytest.raises(OSError):
        local.read(path)


async def test_a_stale_socket_of_a_killed_monitor_is_replaced(
    board: Board, clock: FakeClock, tmp_path: Path
) -> None:
    path = tmp_path / "hostmonitor.sock"
    path.write_text("left behind")
    async with local.serve(board, clock, path):
        assert (await asyncio.to_thread(local.read, path))["monitor"] == "hostmonitor"


async def test_http_serves_page_json_metrics_and_a_health_that_knows_blindness(
    board: Board, clock: FakeClock
) -> None:
    async with web.serve([board], clock, "127.0.0.1:0") as url, aiohttp.ClientSession(url) as client:
        async with client.get("/") as answer:
            assert (answer.status, answer.content_type) == (200, "text/html")
        async with client.get("/status.json") as answer:
            assert (await answer.json())[0]["monitor"] == "hostmonitor"
        async with client.get("/metrics") as answer:
            assert b"masakari_monitors_up_seconds" in await answer.read()
        async with client.get("/healthz") as answer:
            assert (answer.status, await answer.text()) == (503, "hostmonitor/consul: OSError: gone\n")
        board.source("consul", "running", "", clock.now())
        async with client.get("/healthz") as answer:
            assert (answer.status, await answer.text()) == (200, "OK\n")


async def test_http_on_a_unix_socket(board: Board, clock: FakeClock, tmp_path: Path) -> None:
    path = tmp_path / "status"
    async with web.serve([board], clock, f"unix://{path}"):
        connector = aiohttp.UnixConnector(str(path))
        async with (
            aiohttp.ClientSession("http://status", connector=connector) as client,
            client.get("/healthz") as answer,
        ):
            assert answer.status == 503
