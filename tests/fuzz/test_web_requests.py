"""What is asked of the status and of the embedded receiver: whoever reaches the port chooses every byte."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.receiver.app import Receiver
from masakarimonitors.receiver.schema import Invalid, Report, parse
from masakarimonitors.status import web
from masakarimonitors.status.model import MonitorStatus, OutboxRow, Record, SubjectRow
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.fake_clock import EPOCH
from tests.fuzz.driver import fuzzed, read_or_refused
from tests.fuzz.shapes import DEEP, any_json, any_text, bent_json, bent_text, json_bytes, nested

REPORTS: tuple[dict[str, Any], ...] = tuple(
    {
        "notification": {
            "type": kind,
            "hostname": "compute-1",
            "generated_time": EPOCH.isoformat(),
            "payload": payload,
        }
    }
    for kind, payload in (
        ("PROCESS", {"event": "STOPPED", "process_name": "nova-compute"}),
        ("COMPUTE_HOST", {"event": "STOPPED", "cluster_status": "OFFLINE", "host_status": "NORMAL"}),
        (
            "VM",
            {
                "event": "LIFECYCLE",
                "instance_uuid": "0bd7a8d3-7c38-4a52-8d1c-5d3e1a3b5a11",
                "vir_domain_event": "STOPPED_FAILED",
            },
        ),
    )
)
HEALTHY = "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
POST = (
    "POST /v1/notifications HTTP/1.1\r\nHost: localhost\r\n"
    "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
)
REQUESTS = (
    HEALTHY,
    "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\nGET /metrics HTTP/1.0\r\n\r\n",
    "GET /v1/notifications?limit=5&marker=1&type=VM HTTP/1.1\r\nHost: localhost\r\n"
    "OpenStack-API-Version: instance-ha 1.2\r\n\r\n",
    POST,
    "POST /notifications HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
)
TOKENS = (
    "\r\n",
    "\n",
    " ",
    ":",
    "?",
    "%00",
    "%ff",
    "%zz",
    "/../",
    "//",
    "&limit=-1",
    "&limit=" + "9" * 3000,
    "&marker=9999999999999999999",
    "&generated-since=0001-01-01T00:00:00%2B23:59",
    "&source_host_uuid=%ed%a0%80",
    "Content-Length: -1\r\n",
    "Content-Length: 99999999999999\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Expect: 100-continue\r\n",
    "Host: a:b:c\r\n",
    "Host: \r\n",
    "Upgrade: websocket\r\n",
    "OpenStack-API-Version: instance-ha 9999999999999999999.1\r\n",
    "Content-Type: text/plain; charset=x\r\n",
    "HTTP/1.1",
    "OPTIONS * ",
    "CONNECT a:1 ",
    "x" * 9000,
)


@contextlib.asynccontextmanager
async def the_status() -> AsyncIterator[str]:
    clock = SystemClock()
    odd = "".join(map(chr, range(40))) + "<b>\ud800"
    status = MonitorStatus(
        Record("hostmonitor", clock.now()),
        subjects=lambda: (SubjectRow(odd, "down", odd, alarm=True, held="storm"),),
        outbox=lambda: OutboxRow(where=odd, pending=1, counts={}, disk_fault=odd, api_trouble=odd),
    )
    async with web.serve([status], clock, "127.0.0.1:0") as url:
        yield url


def the_receiver() -> contextlib.AbstractAsyncContextManager[str]:
    return Receiver(":memory:", SystemClock()).serve()


SERVERS: dict[str, Callable[[], contextlib.AbstractAsyncContextManager[str]]] = {
    "status": the_status,
    "receiver": the_receiver,
}


async def told(url: str, raw: bytes, ordinary: bytes = b"") -> bytes:
    """Every byte that is answered until the server hangs up.

    This side hangs up when the server has answered an `ordinary` request that somebody else makes afterwards: with what
    has no end it would wait for the rest.
    """
    host, _, port = url.removeprefix("http://").strip("/").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    answered = b""
    with contextlib.suppress(ConnectionError):
        writer.write(raw)
        await writer.drain()
        if ordinary:
            assert b" 200 OK" in await told(url, ordinary)
            writer.write_eof()
        answered = await reader.read()
    writer.close()
    return answered


class _Tracebacks(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or "Task exception" in record.getMessage():
            self.seen.append(self.format(record))


def asked(server: str, requests: list[bytes]) -> list[bytes]:
    """What one server answers to each of these; afterwards it answers an ordinary one, and has logged no traceback."""

    async def play() -> list[bytes]:
        async with SERVERS[server]() as url:
            # The receiver's notifications are asked of the one thread that settles a report.
            path = "/notifications?limit=1" if server == "receiver" else "/livez"
            ordinary = HEALTHY.replace("/livez", path).encode()
            return [await told(url, raw, ordinary) for raw in requests]

    watching = _Tracebacks()
    logging.getLogger().addHandler(watching)
    try:
        return asyncio.run(play())
    finally:
        logging.getLogger().removeHandler(watching)
        assert watching.seen == []


RAW = bent_text(REQUESTS, TOKENS).map(lambda text: text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("server", SERVERS)
@fuzzed(8)
@given(requests=st.lists(RAW, min_size=1, max_size=8))
def test_any_bytes_are_answered_or_hung_up_on(server: str, requests: list[bytes]) -> None:
    answers = read_or_refused(lambda: asked(server, requests))
    assert answers is not None
    for answer in answers:
        assert not answer or answer.startswith(b"HTTP/"), answer[:80]
        assert b" 500 " not in answer.split(b"\r\n")[0]


def posted(body: bytes) -> bytes:
    return POST.replace("Content-Length: 2", f"Content-Length: {len(body)}")[:-2].encode() + body


@fuzzed(8)
@given(bodies=st.lists(st.one_of(bent_json(REPORTS), any_json).map(json_bytes), min_size=1, max_size=8))
def test_any_report_is_taken_or_refused_in_words(bodies: list[bytes]) -> None:
    answers = read_or_refused(lambda: asked("receiver", [posted(body) for body in bodies]))
    assert answers is not None
    for answer in answers:
        head, _, body = answer.partition(b"\r\n\r\n")
        status = int(head.split()[1])
        assert status in (202, 400, 409, 413)
        assert isinstance(json.loads(body), dict)


@fuzzed()
@given(body=st.one_of(bent_json(REPORTS), any_json))
def test_what_is_no_report(body: Any) -> None:
    report = read_or_refused(lambda: parse(body), Invalid)
    if report is not None:
        assert isinstance(report, Report) and report.generated_time.tzinfo is not None
        assert all(isinstance(text, str) and len(text) <= 255 for text in report.payload.values())


@pytest.mark.parametrize("depth", DEEP)
def test_nesting(depth: int) -> None:
    for text in (nested("[", "", "]", depth), nested('{"notification":', "1", "}", depth)):
        (answer,) = read_or_refused(lambda text=text: asked("receiver", [posted(text.encode())])) or (b"",)  # type: ignore[misc]
        # One that is larger than it takes is not read to its end.
        assert not answer or answer.split()[1] in (b"400", b"413")


@fuzzed(8)
@given(names=st.lists(any_text, min_size=1, max_size=4))
def test_any_path(names: list[str]) -> None:
    paths = ["/v1/notifications/", "/v1/segments/", "/", "/v1/segments/x/hosts/"]
    raw = [
        f"GET {path}{name} HTTP/1.1\r\nHost: a\r\n\r\n".encode("utf-8", "surrogatepass")
        for name in names
        for path in paths
    ]
    for server in SERVERS:
        for answer in read_or_refused(lambda server=server: asked(server, raw)) or ():  # type: ignore[misc]
            assert b" 500 " not in answer.split(b"\r\n")[0]
