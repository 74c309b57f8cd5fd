"""The status over HTTP."""

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.status import web
from masakarimonitors.status.health import Sight, View
from masakarimonitors.status.model import MonitorStatus, OutboxRow, Record, SubjectRow
from masakarimonitors.system.network.http_connection import Limits
from masakarimonitors.system.network.socket_path import Taken
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.never_reads import never_reading
from tests.fixtures.waiting import PATIENCE


async def asked(client: aiohttp.ClientSession, path: str) -> tuple[int, list[str]]:
    async with client.get(path) as answer:
        return answer.status, (await answer.text()).splitlines()


async def test_http_serves_json_metrics_and_a_health_that_knows_blindness(
    record: Record, status: MonitorStatus, clock: FakeClock
) -> None:
    async with web.serve([status], clock, "127.0.0.1:0") as url, aiohttp.ClientSession(url) as client:
        async with client.get("/") as answer:
            assert (answer.status, answer.content_type) == (200, "text/plain")
            assert "masakari-monitors web" in await answer.text()
        async with client.get("/status.json") as answer:
            assert (await answer.json())[0]["monitor"] == "hostmonitor"
        async with client.get("/metrics") as answer:
            assert b"masakari_monitors_build_info" in await answer.read()
        status_code, lines = await asked(client, "/healthz")
        assert status_code == 503
        assert lines[0].startswith("blind: hostmonitor consul: OSError: gone (since ")
        assert [line.split(": ")[1] for line in lines[1:]] == [
            "hostmonitor masakari-api",
            "hostmonitor storm",
        ]


async def test_each_probe_says_what_it_is_for(clock: FakeClock) -> None:
    """Alive though blind, ready though masakari is away, and well only with nothing wrong at all."""
    sight, row = [Sight.UNKNOWN], OutboxRow(where="/x", pending=0, counts={}, disk_fault="", api_trouble="")
    rows = [row]
    status = MonitorStatus(
        Record("m", clock.now()), tuple, lambda: rows[0], views=lambda now: [View("world", sight[0], "gone")]
    )
    async with web.serve([status], clock, "127.0.0.1:0") as url, aiohttp.ClientSession(url) as client:

        async def codes() -> list[int]:
            return [(await asked(client, path))[0] for path in ("/livez", "/readyz", "/healthz")]

        assert await codes() == [200, 503, 503]
        sight[0] = Sight.BLIND
        assert await codes() == [200, 503, 503]
        (line,) = (await asked(client, "/readyz"))[1]
        assert line.startswith("blind: m world: gone (since ")
        sight[0] = Sight.PROVEN
        assert await codes() == [200, 200, 200]
        assert (await asked(client, "/healthz"))[1] == ["OK"]
        rows[0] = replace(row, api_trouble="503")
        assert await codes() == [200, 200, 503]
        rows[0] = replace(row, disk_fault="full", keeps=False)
        assert await codes() == [200, 503, 503]


async def test_who_asks_often_does_not_have_it_told_anew_each_time(clock: FakeClock) -> None:
    """Beside them the probes must have their turn, and what is to be seen first of all."""
    told = 0

    def describe() -> list[SubjectRow]:
        nonlocal told
        told += 1
        clock.stand_still(0.02)
        return [SubjectRow("host:a", "up")]

    row = OutboxRow(where="/x", pending=0, counts={}, disk_fault="", api_trouble="")
    status = MonitorStatus(Record("m", clock.now()), describe, lambda: row, views=_sees)
    async with web.serve([status], clock, "127.0.0.1:0") as url, aiohttp.ClientSession(url) as client:
        for path in ("/status.json", "/metrics", "/healthz", "/readyz"):
            await asked(client, path)
            before = told
            for _ in range(20):
                await asked(client, path)
            assert told == before, path
            clock.stand_still(5.0)
            await asked(client, path)
            assert told > before, path


async def test_a_row_that_cannot_be_told_says_nothing_of_life(clock: FakeClock) -> None:
    """A working monitor is not killed for it, and not called well either."""

    def describe() -> list[SubjectRow]:
        raise KeyError("a bug in what is only shown")

    row = OutboxRow(where="/x", pending=0, counts={}, disk_fault="", api_trouble="")
    broken = MonitorStatus(Record("m", clock.now()), describe, lambda: row, views=_sees)
    well = MonitorStatus(Record("other", clock.now()), tuple, lambda: row, views=_sees)
    async with web.serve([well, broken], clock, "127.0.0.1:0") as url, aiohttp.ClientSession(url) as client:
        assert await asked(client, "/livez") == (200, ["OK"])
        for path in ("/readyz", "/healthz"):
            code, (line,) = await asked(client, path)
            assert code == 503 and line.startswith("blind: m: how it is cannot be told"), line
            assert "a bug in what is only shown" in line


def _sees(now: Instant) -> list[View]:
    return [View("world", Sight.PROVEN)]


async def test_a_probe_carries_whatever_was_seen(
    clock: FakeClock, status: MonitorStatus, record: Record
) -> None:
    record.source("half \udc80", "failed", "two\nlines", clock.now())
    async with web.serve([status], clock, "127.0.0.1:0") as url, aiohttp.ClientSession(url) as client:
        _, lines = await asked(client, "/healthz")
    assert "half \\udc80: two lines" in lines[1]


async def test_http_on_a_unix_socket(status: MonitorStatus, clock: FakeClock, tmp_path: Path) -> None:
    path = tmp_path / "status"
    async with web.serve([status], clock, f"unix://{path}"):
        connector = aiohttp.UnixConnector(str(path))
        async with (
            aiohttp.ClientSession("http://status", connector=connector) as client,
            client.get("/healthz") as answer,
        ):
            assert answer.status == 503


async def ask(url: str, words: bytes) -> bytes:
    """All that is answered to these bytes until the server hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rstrip("/").rpartition(":")[2]))
    writer.write(words)
    async with asyncio.timeout(PATIENCE):
        said = await reader.read()
    writer.close()
    return said


@pytest.mark.parametrize("path", ["/", "/status.json", "/metrics", "/livez", "/readyz", "/healthz"])
async def test_a_name_that_a_web_page_may_have_made_up_is_shown_nothing(
    status: MonitorStatus, clock: FakeClock, path: str
) -> None:
    async with web.serve([status], clock, "127.0.0.1:0", names=["compute-1"]) as url:
        get = f"GET {path} HTTP/1.1\r\nConnection: close\r\n"
        refused = await ask(url, f"{get}Host: evil.example\r\n\r\n".encode())
        cross = await ask(url, f"{get}Host: localhost\r\nSec-Fetch-Site: cross-site\r\n\r\n".encode())
        shown = await ask(url, f"{get}Host: compute-1:1\r\n\r\n".encode())
    assert refused.startswith(b"HTTP/1.1 421 ") and b"[status] names" in refused
    assert cross.startswith(b"HTTP/1.1 403 ")
    assert shown.split()[1] in (b"200", b"503") and b"nosniff" in shown
    assert b"hostmonitor" not in refused + cross


async def test_what_is_asked_in_vain_is_answered_with_what_there_is(
    status: MonitorStatus, clock: FakeClock
) -> None:
    async with web.serve([status], clock, "127.0.0.1:0") as url, aiohttp.ClientSession(url) as client:
        async with client.get("/nope") as answer:
            assert (answer.status, "/status.json" in await answer.text()) == (404, True)
        async with client.post("/") as answer:
            assert (answer.status, "for looking only" in await answer.text()) == (405, True)


async def test_a_thousand_who_ask_nothing_keep_nobody_from_looking(
    status: MonitorStatus, clock: FakeClock
) -> None:
    async with web.serve([status], clock, "127.0.0.1:0") as url:
        port = int(url.rstrip("/").rpartition(":")[2])
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(1000)]
        said = await ask(url, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert said.startswith(b"HTTP/1.1 503 ") and b"OSError: gone" in said
        for _, writer in idle:
            writer.close()


async def test_a_file_at_the_path_is_left_and_a_dead_socket_is_not(
    status: MonitorStatus, clock: FakeClock, tmp_path: Path
) -> None:
    path = tmp_path / "status"
    path.write_text("precious")
    with pytest.raises(Taken, match="an ordinary file stands there"):
        async with web.serve([status], clock, str(path)):
            pass
    assert path.read_text() == "precious"
    path.unlink()
    with socket.socket(socket.AF_UNIX) as ended:
        ended.bind(str(path))
    async with web.serve([status], clock, str(path)):
        with pytest.raises(Taken, match="a process answers there already"):
            async with web.serve([status], clock, str(path)):
                pass
        assert path.is_socket()
    assert not path.exists()


async def test_those_who_ask_and_never_read_keep_no_probe_out(clock: FakeClock) -> None:
    """Whoever asks whether this monitor lives would kill it otherwise."""
    rows = [SubjectRow(f"host:{number}", "up", "x" * 1000) for number in range(4000)]
    row = OutboxRow(where="/x", pending=0, counts={}, disk_fault="", api_trouble="")
    status = MonitorStatus(Record("m", clock.now()), lambda: rows, lambda: row, views=_sees)
    limits = Limits(connections=4, idle=600.0, request=600.0, grace=0.0)
    async with (
        web.serve([status], clock, "127.0.0.1:0", limits=limits) as url,
        never_reading(url, "/status.json", 4),
    ):
        for _ in range(8):
            async with aiohttp.ClientSession(url, headers={"Connection": "close"}) as client:
                assert await asked(client, "/livez") == (200, ["OK"])
