"""The status over HTTP."""

from pathlib import Path

import aiohttp

from masakarimonitors.status import web
from masakarimonitors.status.model import MonitorStatus, Record
from tests.fixtures.fake_clock import FakeClock


async def test_http_serves_page_json_metrics_and_a_health_that_knows_blindness(
    record: Record, status: MonitorStatus, clock: FakeClock
) -> None:
    async with web.serve([status], clock, "127.0.0.1:0") as url, aiohttp.ClientSession(url) as client:
        async with client.get("/") as answer:
            assert (answer.status, answer.content_type) == (200, "text/html")
        async with client.get("/status.json") as answer:
            assert (await answer.json())[0]["monitor"] == "hostmonitor"
        async with client.get("/metrics") as answer:
            assert b"masakari_monitors_up_seconds" in await answer.read()
        async with client.get("/healthz") as answer:
            assert (answer.status, await answer.text()) == (503, "hostmonitor/consul: OSError: gone\n")
        record.source("consul", "running", "", clock.now())
        async with client.get("/healthz") as answer:
            assert (answer.status, await answer.text()) == (200, "OK\n")


async def test_http_on_a_unix_socket(status: MonitorStatus, clock: FakeClock, tmp_path: Path) -> None:
    path = tmp_path / "status"
    async with web.serve([status], clock, f"unix://{path}"):
        connector = aiohttp.UnixConnector(str(path))
        async with (
            aiohttp.ClientSession("http://status", connector=connector) as client,
            client.get("/healthz") as answer,
        ):
            assert answer.status == 503
