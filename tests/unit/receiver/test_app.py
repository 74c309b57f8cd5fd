"""The receiver as a client sees it: over HTTP on loopback, with masakari-api's answers and bodies."""

import asyncio
import datetime
import json
import logging
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from masakarimonitors.receiver import app
from masakarimonitors.receiver.app import Lost, Receiver
from masakarimonitors.receiver.schema import Report
from masakarimonitors.receiver.store import SEGMENT, Accepted, Store
from masakarimonitors.system.clock import SystemClock
from masakarimonitors.system.network.http_connection import Limits
from masakarimonitors.system.network.http_server import HttpServer
from tests.fixtures.never_reads import never_reading
from tests.fixtures.waiting import eventually

T0 = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)
PATIENCE = 60.0


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE)) as session:
        yield session


def report(name: str = "nova-compute", host: str = "compute-1", at: float = 0.0) -> dict[str, Any]:
    moment = T0 + datetime.timedelta(seconds=at)
    return {
        "notification": {
            "type": "PROCESS",
            "hostname": host,
            "generated_time": moment.isoformat(),
            "payload": {"event": "STOPPED", "process_name": name},
        }
    }


def receiver(**options: Any) -> Receiver:
    return Receiver(":memory:", SystemClock(), **options)


async def test_a_report_is_accepted_stored_and_shown(http: aiohttp.ClientSession) -> None:
    async with receiver().serve() as url:
        async with http.post(f"{url}/v1/notifications", json=report()) as answer:
            assert answer.status == 202
            created = (await answer.json())["notification"]
        assert created["payload"] == {"event": "STOPPED", "process_name": "nova-compute"}
        assert created["generated_time"] == "2026-11-22T08:00:00.000000"
        assert created["status"] == "new"
        async with http.get(f"{url}/v1/notifications/{created['notification_uuid']}") as answer:
            assert (answer.status, (await answer.json())["notification"]) == (200, created)
        async with http.get(f"{url}/v1/notifications", params={"type": "PROCESS", "limit": "1"}) as answer:
            assert (await answer.json())["notifications"] == [created]
        async with http.get(f"{url}/v1/segments") as answer:
            (segment,) = (await answer.json())["segments"]
        async with http.get(f"{url}/v1/segments/{segment['uuid']}/hosts") as answer:
            (host,) = (await answer.json())["hosts"]
        assert (host["name"], host["uuid"]) == ("compute-1", created["source_host_uuid"])
        async with http.get(f"{url}/v1/segments/{segment['uuid']}/hosts/{host['uuid']}") as answer:
            assert (await answer.json())["host"] == host
        async with http.get(f"{url}/healthcheck") as answer:
            assert (answer.status, await answer.text()) == (200, "OK")


@pytest.mark.parametrize("prefix", ["", "/v1", "/v1/0123456789abcdef0123456789abcdef"])
async def test_the_endpoint_may_carry_version_and_project_or_not(
    http: aiohttp.ClientSession, prefix: str
) -> None:
    async with receiver().serve() as url:
        async with http.post(f"{url}{prefix}/notifications", json=report()) as answer:
            assert answer.status == 202
        async with http.get(f"{url}{prefix}/notifications") as answer:
            assert len((await answer.json())["notifications"]) == 1


async def test_both_conflicts_and_the_unknown_host_carry_the_words_of_the_api(
    http: aiohttp.ClientSession,
) -> None:
    embedded = receiver(known_hosts={"compute-1", "compute-2"})
    async with embedded.serve() as url:
        await embedded.set_maintenance("compute-2", True)
        async with http.post(f"{url}/notifications", json=report()) as answer:
            assert answer.status == 202
        for host, status, kind, word in (
            ("compute-1", 409, "conflictingRequest", "is duplicate"),
            ("compute-2", 409, "conflictingRequest", "under maintenance"),
            ("compute-3", 400, "badRequest", "could not be found"),
        ):
            async with http.post(f"{url}/notifications", json=report(host=host)) as answer:
                body = await answer.json()
            assert answer.status == status
            assert body[kind]["code"] == status
            assert word in body[kind]["message"]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'"\xff"', "application/json", 400),
        (b'{"notification": "' + b"a" * 200_000 + b'"}', "application/json", 413),
        (json.dumps(report()).encode(), "application/x-www-form-urlencoded", 415),
        (json.dumps(report()).encode(), "text/plain", 202),
    ],
)
async def test_what_is_no_report_is_refused_with_the_right_status(
    http: aiohttp.ClientSession, body: bytes, content_type: str, status: int
) -> None:
    async with (
        receiver().serve() as url,
        http.post(f"{url}/notifications", data=body, headers={"Content-Type": content_type}) as answer,
    ):
        assert answer.status == status
        (envelope,) = (await answer.json()).values()
        assert envelope.get("code", 202) == status


@pytest.mark.parametrize("query", ["limit=-1", "limit=x", "marker=x", "marker=2", "generated-since=x"])
@pytest.mark.parametrize("what", ["notifications", "segments", "segments/{segment}/hosts"])
async def test_a_bad_filter_is_refused(http: aiohttp.ClientSession, query: str, what: str) -> None:
    if query.startswith("generated") and what != "notifications":
        return  # no filter of that list
    path = what.format(segment=SEGMENT)
    async with receiver().serve() as url, http.get(f"{url}/{path}?{query}") as answer:
        assert answer.status == 400


@pytest.mark.parametrize("query", ["type=%ED%A0%80", "hostname=%FF", "source_host_uuid=%00", "status=error"])
async def test_a_filter_that_nothing_can_match_finds_nothing(http: aiohttp.ClientSession, query: str) -> None:
    async with receiver().serve() as url:
        async with http.post(f"{url}/notifications", json=report()) as answer:
            assert answer.status == 202
        async with http.get(f"{url}/notifications?{query}") as answer:
            assert (await answer.json())["notifications"] == []


@pytest.mark.parametrize(
    "path",
    [
        "/nope",
        "/v1/nope",
        "/v1/notifications/zz",
        "/v1/segments/zz/hosts",
        f"/v1/segments/{SEGMENT}/hosts/zz",
        "/v9/notifications",
    ],
)
async def test_what_is_not_there_is_not_found(http: aiohttp.ClientSession, path: str) -> None:
    async with receiver().serve() as url, http.get(url + path) as answer:
        assert answer.status == 404
        assert (await answer.json())["itemNotFound"]["code"] == 404


async def test_the_page_shows_what_was_reported_and_nothing_in_it_can_run(
    http: aiohttp.ClientSession,
) -> None:
    nasty = "<script>alert(1)</script>\ud800"
    async with receiver().serve() as url:
        async with http.post(f"{url}/notifications", json=report(nasty)) as answer:
            assert answer.status == 202
        async with http.get(url, headers={"Accept": "text/html,*/*"}) as answer:
            text = await answer.text()
            policy = answer.headers["Content-Security-Policy"]
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "nothing is recovered" in text
    assert "default-src 'none'" in policy


async def test_a_client_that_looks_for_versions_finds_one(http: aiohttp.ClientSession) -> None:
    async with receiver().serve() as url:
        for path, key in (("/", "versions"), ("/v1", "version"), ("/v1/", "version")):
            async with http.get(url + path) as answer:
                found = (await answer.json())[key]
                (version,) = found if key == "versions" else (found,)
                assert version["links"] == [{"rel": "self", "href": f"{url}/v1/"}]


async def test_it_says_that_it_recovers_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        async with receiver().serve():
            pass
    assert "NOTHING IS RECOVERED" in caplog.text


async def test_whoever_waits_hears_of_reports_past_and_to_come(http: aiohttp.ClientSession) -> None:
    embedded = receiver()
    heard: list[Accepted] = []
    async with embedded.serve() as url, asyncio.timeout(PATIENCE):
        with embedded.subscribed(heard.append):
            async with http.post(f"{url}/notifications", json=report("first")) as answer:
                assert answer.status == 202
        past = await embedded.wait_for(lambda row: row.payload["process_name"] == "first")
        assert heard == [past]
        async with asyncio.TaskGroup() as group:
            coming = group.create_task(embedded.wait_for(lambda row: row.payload["process_name"] == "second"))
            async with http.post(f"{url}/notifications", json=report("second")) as answer:
                assert answer.status == 202
        assert coming.result().payload["process_name"] == "second"
    assert heard == [past]


class HeldClock(SystemClock):
    """A pause lasts until it is let go."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.entered, self.let_go = asyncio.Event(), asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        self.entered.set()
        await self.let_go.wait()


async def test_a_slow_api_settles_a_report_only_after_its_delay(http: aiohttp.ClientSession) -> None:
    clock = HeldClock()
    embedded = Receiver(":memory:", clock, delay=5.0)
    async with embedded.serve() as url, asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:

        async def offer() -> int:
            async with http.post(f"{url}/notifications", json=report()) as answer:
                return answer.status

        offered = group.create_task(offer())
        await clock.entered.wait()
        assert await embedded.notifications() == []
        clock.let_go.set()
        assert await offered == 202
        assert len(await embedded.notifications()) == 1
    assert clock.asked == [5.0]


async def test_a_fault_answers_instead_and_nothing_is_kept(http: aiohttp.ClientSession) -> None:
    answers = iter([503, None])
    embedded = receiver(fault=lambda _: next(answers))
    async with embedded.serve() as url:
        for status in (503, 202):
            async with http.post(f"{url}/notifications", json=report()) as answer:
                assert answer.status == status
        assert len(await embedded.notifications()) == 1


async def test_a_lost_answer_leaves_the_report_accepted(http: aiohttp.ClientSession) -> None:
    def lose(_: Report) -> Lost:
        return Lost.ANSWER

    embedded = receiver(fault=lose)
    async with embedded.serve() as url:
        with pytest.raises(aiohttp.ClientError):
            await http.post(f"{url}/notifications", json=report())
        assert len(await embedded.notifications()) == 1


async def test_many_equal_reports_at_once_are_accepted_once(http: aiohttp.ClientSession) -> None:
    async with receiver().serve() as url:

        async def offer() -> int:
            async with http.post(f"{url}/notifications", json=report()) as answer:
                return answer.status

        async with asyncio.TaskGroup() as group:
            offers = [group.create_task(offer()) for _ in range(30)]
    assert sorted(task.result() for task in offers) == [202] + [409] * 29


async def test_reports_outlive_the_receiver(http: aiohttp.ClientSession, tmp_path: Path) -> None:
    for expected in (202, 409):
        embedded = Receiver(tmp_path / "receiver.sqlite", SystemClock())
        async with embedded.serve() as url, http.post(f"{url}/notifications", json=report()) as answer:
            assert answer.status == expected


async def test_one_that_finishes_keeps_no_sender_waiting(http: aiohttp.ClientSession) -> None:
    async with receiver(finishes=True).serve() as url:
        async with http.post(f"{url}/v1/notifications", json=report()) as answer:
            uuid = (await answer.json())["notification"]["notification_uuid"]
        for query, found in (("new", []), ("finished", [uuid])):
            async with http.get(f"{url}/v1/notifications", params={"status": query}) as answer:
                listed = (await answer.json())["notifications"]
            assert [one["notification_uuid"] for one in listed] == found
        async with http.get(f"{url}/v1/notifications/{uuid}") as answer:
            assert (await answer.json())["notification"]["status"] == "finished"


async def test_each_notification_is_shown_as_a_played_engine_has_left_it(http: aiohttp.ClientSession) -> None:
    played = receiver()
    async with played.serve() as url:
        uuids = []
        for name in ("a", "b"):
            async with http.post(f"{url}/v1/notifications", json=report(name)) as answer:
                uuids.append((await answer.json())["notification"]["notification_uuid"])
        played.set_status(uuids[0], "failed")
        async with http.get(f"{url}/v1/notifications/{uuids[0]}") as answer:
            one = (await answer.json())["notification"]
        assert one["status"] == "failed" and one["updated_at"] >= one["created_at"]
        for query, found in (("new", [uuids[1]]), ("failed", [uuids[0]]), ("finished", [])):
            async with http.get(f"{url}/v1/notifications", params={"status": query}) as answer:
                listed = (await answer.json())["notifications"]
            assert [one["notification_uuid"] for one in listed] == found


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null", "Content-Type": "text/plain"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "compute-1:15868"}, 202),
        ({"Host": "localhost"}, 202),
    ],
)
async def test_no_web_page_reports_anything(
    http: aiohttp.ClientSession, headers: dict[str, str], status: int
) -> None:
    embedded = receiver(names=["compute-1"])
    async with embedded.serve() as url:
        async with http.post(f"{url}/notifications", data=json.dumps(report()), headers=headers) as answer:
            assert answer.status == status
            if status != 202:
                (envelope,) = (await answer.json()).values()
                assert (envelope["code"], bool(envelope["message"])) == (status, True)
        assert len(await embedded.notifications()) == (status == 202)


async def test_only_a_post_changes_anything(http: aiohttp.ClientSession) -> None:
    embedded = receiver()
    async with embedded.serve() as url:
        for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"):
            for path in ("/", "/notifications", "/v1/notifications", "/segments", "/healthcheck"):
                async with http.request(method, url + path, json=report()) as answer:
                    assert answer.status == (200 if method in ("GET", "HEAD") else 405)
        assert await embedded.notifications() == []


async def test_a_disk_that_does_not_answer_holds_up_nobody(
    http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    thawed = threading.Event()
    embedded = receiver()
    async with embedded.serve() as url:
        monkeypatch.setattr(app, "_PATIENCE", 0.05)
        monkeypatch.setattr(Store, "notifications", lambda *_: thawed.wait(PATIENCE))
        async with http.get(f"{url}/notifications") as answer:
            assert answer.status == 503 and "does not answer" in await answer.text()
        async with http.get(f"{url}/healthcheck") as answer:
            assert answer.status == 200
        # It may be written down all the same: not what a client takes for "nothing was taken".
        async with http.post(f"{url}/notifications", json=report()) as answer:
            assert answer.status == 504 and "may have been kept" in await answer.text()
        thawed.set()


async def test_a_database_that_cannot_be_opened_in_time_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    thawed = threading.Event()
    monkeypatch.setattr(app, "_PATIENCE", 0.05)
    monkeypatch.setattr(Store, "__init__", lambda *_, **__: thawed.wait(PATIENCE) and None)
    try:
        with pytest.raises(TimeoutError):
            async with receiver().serve():
                raise AssertionError("it serves")
    finally:
        thawed.set()


async def test_those_who_ask_and_never_read_keep_no_report_out(
    http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers: list[HttpServer] = []

    def noted(**options: Any) -> HttpServer:
        servers.append(HttpServer(**options))
        return servers[-1]

    def unread() -> int:
        (server,) = servers
        return sum(one.get_write_buffer_size() > 0 for one in server._connections._by_transport)  # type: ignore[attr-defined]

    monkeypatch.setattr(app, "HttpServer", noted)
    monkeypatch.setattr(app, "_LIMITS", Limits(connections=4, idle=600.0, grace=0.0, body=114_688))
    hosts = [f"{number:0200d}" for number in range(1000)]
    async with (
        receiver(known_hosts={"compute-1", *hosts}).serve() as url,
        # Far more than the kernel keeps for who does not read.
        never_reading(url, f"/v1/segments/{SEGMENT}/hosts", 4, times=20),
    ):
        await eventually(lambda: unread() == 4, "that nobody of them reads")
        for number in range(8):
            async with http.post(
                f"{url}/v1/notifications", json=report(f"process-{number}"), headers={"Connection": "close"}
            ) as answer:
                assert answer.status == 202
