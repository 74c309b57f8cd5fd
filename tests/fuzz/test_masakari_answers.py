"""What masakari-api answers, or whatever else answers in its place: statuses, heads, bodies and lists."""

import asyncio
import datetime
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from requests import Response
from requests.structures import CaseInsensitiveDict

from masakarimonitors import masakari_lists as lists
from masakarimonitors.masakari_answers import (
    Delivered,
    Duplicate,
    NotSent,
    Outcome,
    Refused,
    Unreachable,
    judge,
)
from masakarimonitors.masakari_api import LookupFailed, MasakariApi
from tests.fixtures.fake_clock import EPOCH
from tests.fixtures.odd_server import Asked, odd_server
from tests.fuzz.driver import fuzzed, read_or_refused
from tests.fuzz.shapes import DEEP, any_json, any_text, bent_json, bent_text, nested
from tests.unit.test_masakari_api_odd_answers import plain

BODY = '{"notification": {"type": "PROCESS"}}'
STORED = {
    "id": 3,
    "notification_uuid": "3f0a",
    "generated_time": "2026-01-01T00:00:00.000000",
    "source_host_uuid": "8c0e",
    "type": "COMPUTE_HOST",
    "payload": {"event": "STOPPED", "host_status": "NORMAL", "cluster_status": "OFFLINE"},
    "status": "finished",
    "failover_segment_uuid": "51e9",
    "created_at": "2026-01-01T00:00:01.000000",
    "updated_at": None,
}
HOST = {"id": 1, "uuid": "8c0e", "name": "node01", "on_maintenance": False, "failover_segment_id": "51e9"}
SEGMENT = {"id": 1, "uuid": "51e9", "name": "all", "enabled": True}
ANSWERS = (
    {"notification": STORED},
    {"notifications": [STORED, {**STORED, "id": 2, "updated_at": "2026-01-01T00:00:09"}]},
    {"hosts": [HOST]},
    {"host": HOST},
    {"segments": [SEGMENT, {**SEGMENT, "id": 2, "uuid": "52e9"}]},
    {"badRequest": {"code": 400, "message": "Host with name x could not be found."}},
    {"conflictingRequest": {"code": 409, "message": "is ignored as the host is already under maintenance."}},
    {"conflictingRequest": {"code": 409, "message": "Notification received is duplicate."}},
)
STATUSES = st.one_of(
    st.sampled_from([200, 202, 300, 302, 400, 401, 403, 404, 406, 409, 429, 500, 503]), st.integers(100, 999)
)
DATES = bent_text(
    ("Sun, 22 Nov 2026 08:00:00 GMT", "Sunday, 22-Nov-26 08:00:00 GMT", "22 Nov 0001 00:00:00 +2359"),
    ("9" * 20, "-", "+9999", "GMT", "31 Feb", ":", "99", "-2359"),
)


class _Adapter:
    """keystoneauth1's part: what is asked is answered with one status, these headers and this body."""

    def __init__(self, status: int, body: bytes, date: str | None) -> None:
        self._response = Response()
        self._response.status_code = status
        self._response._content = body
        self._response.encoding = "utf-8"
        self._response.headers = CaseInsensitiveDict({} if date is None else {"Date": date})

    def renew(self) -> str:
        return ""

    def get_endpoint(self) -> str:
        return "http://192.0.2.1/v1"

    def get_token(self) -> str:
        return "t"

    def invalidate(self) -> bool:
        return True

    def post(self, *_arguments: Any, **_options: Any) -> Response:
        return self._response

    get = post


def called(status: int, body: bytes, date: str | None) -> tuple[Outcome, Any]:
    async def play() -> tuple[Outcome, Any]:
        api = MasakariApi(_Adapter(status, body, date))
        try:
            outcome = await api.send(BODY)
            assert api.date is None or api.date.tzinfo is not None
            try:
                return outcome, await api.get("/notifications/3f0a")
            except LookupFailed as fault:
                return outcome, str(fault)
        finally:
            api.close()

    return asyncio.run(play())


@fuzzed(4)
@given(
    status=STATUSES,
    body=st.one_of(bent_json(ANSWERS).map(json.dumps), any_text).map(
        lambda t: t.encode("utf-8", "surrogatepass")
    ),
    date=st.one_of(st.none(), DATES),
)
@example(status=202, body=b"{}", date="9" * 40 + " Nov 2026 08:00:00 GMT")
def test_any_answer_is_an_outcome(status: int, body: bytes, date: str | None) -> None:
    found = read_or_refused(lambda: called(status, body, date))
    assert found is not None and isinstance(found[0], Delivered | Duplicate | Refused | Unreachable | NotSent)
    if isinstance(found[0], Delivered):
        assert status in (200, 201, 202)


@fuzzed()
@given(status=STATUSES, text=st.one_of(bent_json(ANSWERS).map(json.dumps), any_text))
def test_only_masakaris_own_words_settle_a_report(status: int, text: str) -> None:
    outcome = read_or_refused(lambda: judge(status, text))
    assert outcome is not None
    if isinstance(outcome, Delivered):
        assert isinstance(outcome.uuid, str) and isinstance(outcome.host_uuid, str)
        assert status == 202 or "notification" in text
    if isinstance(outcome, Refused | Duplicate):
        assert status in (400, 409, 413, 415)


class _Lists:
    """Answers whatever is asked with the same page, for as long as it is asked."""

    def __init__(self, answers: list[Any]) -> None:
        self._answers = answers
        self.asked = 0

    async def get(self, path: str) -> Any:
        urlsplit(path)
        path.encode()
        self.asked += 1
        return self._answers[min(self.asked, len(self._answers)) - 1]


async def everything(api: _Lists) -> None:
    """Each way of asking; a fault in one says nothing of the next."""
    told = datetime.timedelta(hours=1)
    finder = lists.ReportFinder(api)
    for question in (
        lambda: lists.segments(api),
        lambda: lists.find_host(api, "node01"),
        lambda: lists.notifications(api, "VM", EPOCH),
        lambda: lists.newest_of(api, "8c0e", "VM"),
        lambda: lists.notification(api, "3f0a"),
        lambda: finder.find(
            "node01", "COMPUTE_HOST", lambda one, recent: recent, since=EPOCH - told, now=EPOCH, failed=EPOCH
        ),
    ):
        try:
            found = await question()
        except LookupFailed as fault:
            str(fault)
            continue
        for stored in found if isinstance(found, list) else [found]:
            if isinstance(stored, lists.Stored):
                try:
                    await lists.on_maintenance(api, stored)
                    await lists.has_host(api, stored.segment_uuid, stored.host_uuid, "node01")
                except LookupFailed as fault:
                    str(fault)


@fuzzed(2)
@given(answers=st.lists(bent_json(ANSWERS, most=2), min_size=1, max_size=4))
def test_any_list_is_read_whole_or_not_at_all(answers: list[Any]) -> None:
    # A page that is always the same has nothing new: the list is at its end.
    read_or_refused(lambda: asyncio.run(everything(_Lists(answers))))


@pytest.mark.parametrize("one", [STORED, HOST | {"failover_segment_uuid": "x"}, SEGMENT])
def test_a_list_without_end_is_given_up(one: dict[str, Any]) -> None:
    class Endless:
        asked = 0

        async def get(self, path: str) -> Any:
            self.asked += 1
            page = [{**one, "id": self.asked * 1000 + n} for n in range(1000)]
            return {"notifications": page, "hosts": page, "segments": page}

    api = Endless()

    async def play() -> None:
        with pytest.raises(LookupFailed, match="without end"):
            await lists.pages(api, "/notifications", "notifications")

    read_or_refused(lambda: asyncio.run(play()))


@pytest.mark.parametrize("depth", DEEP)
def test_nesting(depth: int) -> None:
    for text in (nested("[", "", "]", depth), nested('{"a":', "1", "}", depth)):
        assert isinstance(read_or_refused(lambda text=text: judge(202, text)), Unreachable)  # type: ignore[misc]
        read_or_refused(lambda text=text: called(200, text.encode(), None))  # type: ignore[misc]


HEADS = (
    b"HTTP/1.1 202 Accepted\r\nDate: Sun, 22 Nov 2026 08:00:00 GMT\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 409 Conflict\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n",
)
HEAD_TOKENS = (
    "\r\n",
    "\n",
    ": ",
    "Content-Length: -1\r\n",
    "Content-Length: 99999999999999999999\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Content-Encoding: gzip\r\n",
    "Connection: close\r\n",
    "Location: http://[::1\r\n",
    "Location: \0\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/9.9 ",
    "ffffffffffffffff\r\n",
    "-1\r\n",
    "Date: " + "9" * 20 + "\r\n",
)


@fuzzed(10)
@given(raw=bent_text(tuple(head.decode() for head in HEADS), HEAD_TOKENS))
def test_any_bytes_on_the_wire(raw: str) -> None:
    async def answer(_asked: Asked, writer: Any) -> None:
        writer.write(raw.encode("utf-8", "surrogatepass"))
        await writer.drain()
        raise ConnectionError("and hangs up")

    async def play() -> None:
        async with odd_server(answer) as server:
            api = plain(server.url, 60.0)
            try:
                assert isinstance(
                    await api.send(BODY), Delivered | Duplicate | Refused | Unreachable | NotSent
                )
                try:
                    await api.get("/segments")
                except LookupFailed as fault:
                    str(fault)
            finally:
                api.close()

    read_or_refused(lambda: asyncio.run(play()))


@fuzzed()
@given(value=any_json)
def test_any_json_in_place_of_an_answer(value: Any) -> None:
    read_or_refused(lambda: asyncio.run(everything(_Lists([value]))))
