"""Answers that drip, never end, lead elsewhere or are none: each call ends in time, small, and says what it saw."""

import asyncio
import gc
import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3
from keystoneauth1 import adapter, loading
from keystoneauth1.identity.v3 import Password
from keystoneauth1.session import Session

from masakarimonitors import masakari_api
from masakarimonitors.masakari_answers import Delivered, NotSent, Refused, Unreachable
from masakarimonitors.masakari_api import LookupFailed, MasakariApi
from masakarimonitors.system.network.exchange import bound
from masakarimonitors.system.network.http_session import HttpSession, Tls
from masakarimonitors.system.network.keystone import Identity, Keystone, KeystoneAdapter, Service
from tests.fixtures.odd_server import ACCEPTED, Answer, drips, odd_server, pours, says
from tests.fixtures.waiting import growing

SOON = 1.0
"""Seconds of an exchange that must run out."""
LONG = 60.0
BODY = '{"notification": {"type": "PROCESS"}}'
DRIPS = {
    "a status line": drips(b"", b"H"),
    "a head": drips(b"HTTP/1.1 202 Accepted\r\n", b"A: b\r\n"),
    "a body": drips(b"HTTP/1.1 202 Accepted\r\nContent-Length: 1000000\r\n\r\n"),
    "chunks": drips(b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
}
CHUNKED = b"HTTP/1.1 500 no\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNK = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"


SERVICE = Service(names=("instance-ha", "ha"), interfaces=("public",), region=None, name=None)
_OURS = [True]
"""Whether requests are made by our own client, or by keystoneauth1's."""


@pytest.fixture(autouse=True, params=[True, False], ids=["ours", "keystoneauth1's"])
def way(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Each test below holds for both."""
    _OURS[0] = request.param
    yield request.param
    _OURS[0] = True


class WithToken(KeystoneAdapter):
    def get_token(self) -> str:
        return "SECRET"


def client(auth: Any, seconds: float, threads: int = 8) -> MasakariApi:
    session = Session(auth=auth, timeout=seconds)
    bound(session)
    return MasakariApi(adapter.Adapter(session, service_type="instance-ha"), timeout=seconds, threads=threads)


def plain(url: str, seconds: float = LONG, threads: int = 8) -> MasakariApi:
    if _OURS[0]:
        made = KeystoneAdapter(HttpSession(Tls(insecure=True)), None, SERVICE, f"{url}/v1")
        return MasakariApi(made, timeout=seconds, threads=threads)
    auth: Any = loading.get_plugin_loader("none").load_from_options(endpoint=f"{url}/v1")
    return client(auth, seconds, threads)


def with_token(url: str, seconds: float = LONG) -> MasakariApi:
    if _OURS[0]:
        return MasakariApi(WithToken(HttpSession(Tls()), None, SERVICE, f"{url}/v1"), timeout=seconds)
    auth: Any = loading.get_plugin_loader("admin_token").load_from_options(
        endpoint=f"{url}/v1", token="SECRET"
    )
    return client(auth, seconds)


def with_password(url: str, seconds: float = LONG) -> MasakariApi:
    if _OURS[0]:
        session = HttpSession(Tls())
        user = {"name": "u", "password": "SECRET", "domain": {"id": "d"}}
        who = Identity(auth_url=f"{url}/v3", method="password", proof={"user": user}, scope=None)
        return MasakariApi(KeystoneAdapter(session, Keystone(session, who), SERVICE, None), timeout=seconds)
    return client(Password(f"{url}/v3", username="u", password="SECRET", user_domain_id="d"), seconds)


@pytest.mark.parametrize("drip", DRIPS.values(), ids=DRIPS.keys())
async def test_an_answer_that_drips_is_given_up_and_its_connection_with_it(drip: Answer) -> None:
    async with odd_server(drip) as server:
        api = plain(server.url, SOON)
        outcome = await api.send(BODY)
        assert isinstance(outcome, Unreachable)
        # masakari may have got it, and whoever answers others may go on.
        assert outcome.maybe_accepted and outcome.row_only
        assert outcome.answer == "an answer was begun, and not ended within 1 s"
        await server.gone.wait()
        api.close()


async def test_an_answer_of_which_nothing_comes_says_nothing_of_the_next() -> None:
    async with odd_server(lambda asked, writer: asyncio.Event().wait()) as server:  # type: ignore[arg-type, return-value]
        api = plain(server.url, SOON)
        outcome = await api.send(BODY)
        assert outcome == Unreachable("no answer within 1 s", maybe_accepted=True)
        api.close()


async def test_a_keystone_that_drips_has_the_same_time_and_no_report_has_left() -> None:
    async with odd_server(DRIPS["a body"]) as server:
        api = with_password(server.url, SOON)
        outcome = await api.send(BODY)
        assert isinstance(outcome, Unreachable)
        assert not outcome.maybe_accepted and not outcome.row_only
        assert outcome.answer.startswith("no token or endpoint from keystone: an answer was begun")
        assert "/notifications" not in "".join(one.head for one in server.asked)
        await server.gone.wait()
        api.close()


async def test_lists_that_drip_are_given_up_and_keep_no_report_from_leaving() -> None:
    async def answer(asked: Any, writer: asyncio.StreamWriter) -> None:
        await (says(ACCEPTED) if asked.head.startswith("POST") else DRIPS["a body"])(asked, writer)

    async with odd_server(answer) as server:
        api = plain(server.url, LONG)
        async with asyncio.TaskGroup() as tasks:
            lists = [tasks.create_task(api.get("/segments")) for _ in range(20)]
            await server.until(8)
            assert isinstance(await api.send(BODY), Delivered)
            for one in lists:
                one.cancel()
        api.close()
        api = plain(server.url, SOON)
        with pytest.raises(
            LookupFailed, match=r"^GET /segments: an answer was begun, and not ended within 1 s"
        ):
            await api.get("/segments")
        api.close()


ENDLESS = {
    "a body in chunks": pours(CHUNKED, CHUNK),
    "a body with a length": pours(b"HTTP/1.1 500 no\r\nContent-Length: 9999999999\r\n\r\n", b"x" * 65536),
    "a body until the end": pours(b"HTTP/1.1 500 no\r\n\r\n", bytes(range(256)) * 256),
}


@pytest.mark.parametrize("answer", ENDLESS.values(), ids=ENDLESS.keys())
async def test_of_an_endless_body_only_the_beginning_is_read(answer: Answer) -> None:
    async with odd_server(answer) as server:
        api = plain(server.url)
        outcome = await api.send(BODY)
        assert isinstance(outcome, Unreachable)
        assert outcome.row_only and outcome.answer.startswith("500 ")
        assert outcome.answer.endswith("its answer has more than 65536 bytes, of which no more were read")
        await server.gone.wait()
        api.close()


FRAMES = {
    "a head": pours(b"HTTP/1.1 202 Accepted\r\n", b"A: " + b"b" * 60000 + b"\r\n"),
    "the length of a chunk": pours(CHUNKED, b"0" * 65536),
    "interim answers": pours(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
}


@pytest.mark.parametrize("answer", FRAMES.values(), ids=FRAMES.keys())
async def test_what_is_around_a_body_has_a_bound_too(answer: Answer) -> None:
    async with odd_server(answer) as server:
        api = plain(server.url)
        outcome = await api.send(BODY)
        assert isinstance(outcome, Unreachable) and outcome.maybe_accepted
        await server.gone.wait()
        api.close()


async def test_a_list_that_is_too_large_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masakari_api, "LARGEST_LIST", 1000)
    items = json.dumps({"segments": [{"name": "n" * 100}] * 10}).encode()
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(items), items)
    async with odd_server(says(whole)) as server:
        api = plain(server.url)
        with pytest.raises(LookupFailed, match="more than 1000 bytes, of which no more were read"):
            await api.get("/segments")
        api.close()


@pytest.fixture
def nothing_is_collected() -> Iterator[None]:
    """Where the deepest nesting is read, there is no room for what other tests' leavings have to do when they go."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.mark.usefixtures("nothing_is_collected")
@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 10_000, b"\xff\xfe\x00", b"1" * 10_000])
@pytest.mark.parametrize("status", [200, 409])
async def test_what_is_no_json_is_no_answer(status: int, body: bytes) -> None:
    whole = b"HTTP/1.1 %d x\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (
        status,
        len(body),
        body,
    )
    async with odd_server(says(whole)) as server:
        api = plain(server.url)
        with pytest.raises(LookupFailed):
            await api.get("/segments")
        assert isinstance(await api.send(BODY), Unreachable)
        api.close()


REDIRECTS = b"HTTP/1.1 %d Elsewhere\r\nLocation: %s/stolen\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed_with_a_token(status: int) -> None:
    async with odd_server(says(ACCEPTED)) as other:
        async with odd_server(says(REDIRECTS % (status, other.url.encode()))) as server:
            api = with_token(server.url)
            outcome = await api.send(BODY)
            assert isinstance(outcome, Unreachable) and not outcome.maybe_accepted
            assert outcome.answer.startswith(f"{status} (masakari-api does not answer like this")
            assert f"redirects to {other.url}/stolen, which is not followed" in outcome.answer
            with pytest.raises(LookupFailed, match=f"redirects to {other.url}/stolen, which is not followed"):
                await api.get("/segments")
            api.close()
        assert "SECRET" in server.asked[0].head
        assert other.asked == []


async def test_no_redirect_is_followed_with_a_password() -> None:
    async with odd_server(says(ACCEPTED)) as other:
        async with odd_server(says(REDIRECTS % (307, other.url.encode()))) as server:
            api = with_password(server.url)
            outcome = await api.send(BODY)
            assert isinstance(outcome, Unreachable) and not outcome.maybe_accepted
            assert f"redirects to {other.url}/stolen, which is not followed" in outcome.answer
            api.close()
        assert b"SECRET" in server.asked[-1].body
        assert other.asked == []


async def test_a_redirect_to_what_is_no_address_is_no_fault_of_ours() -> None:
    async with odd_server(says(REDIRECTS % (307, b"http://\xff\xfe["))) as server:
        api = plain(server.url)
        assert isinstance(await api.send(BODY), Unreachable)
        api.close()


async def test_no_proxy_stands_between_this_computer_and_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://192.0.2.1:9")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("NO_PROXY", "")
    async with odd_server(says(ACCEPTED)) as server:
        api = plain(server.url)
        assert isinstance(await api.send(BODY), Delivered)
        api.close()


@pytest.mark.parametrize("way", [False], indirect=True, ids=["keystoneauth"])
async def test_an_answer_of_a_proxy_that_drips_is_given_up_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own client knows no proxy: keystoneauth1 is used where there is one."""
    async with odd_server(DRIPS["a body"]) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        for url in ("http://masakari.invalid", "https://masakari.invalid"):
            api = plain(url, SOON)
            assert isinstance(await api.send(BODY), Unreachable)
            api.close()
        assert [one.head.split()[0] for one in proxy.asked] == ["POST", "CONNECT"]


@pytest.mark.parametrize("ahead", [b"100 Continue", b"102 Processing", b"103 Early Hints\r\nLink: </x>"])
async def test_what_comes_ahead_of_an_answer_is_none(ahead: bytes) -> None:
    async with odd_server(says(b"HTTP/1.1 %s\r\n\r\n" % ahead * 2 + ACCEPTED)) as server:
        api = plain(server.url, LONG)
        for _ in range(2):
            assert isinstance(await api.send(BODY), Delivered)
        api.close()


async def test_what_waits_in_line_until_its_time_is_over_has_not_been_sent() -> None:
    asked = list[int]()

    def may_send(number: int) -> Callable[[], bool]:
        def ask() -> bool:
            asked.append(number)
            return True

        return ask

    async with odd_server(DRIPS["a body"]) as server:
        for seconds in growing(SOON, "a report that leaves"):
            api = plain(server.url, seconds, threads=1)
            outcomes = await asyncio.gather(*(api.send(BODY, may_send(number)) for number in range(3)))
            api.close()
            if server.asked:
                break
        assert [isinstance(one, Unreachable) and one.maybe_accepted for one in outcomes] == [
            True,
            False,
            False,
        ]
        assert (len(server.asked), set(asked)) == (1, {0})


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_what_is_taken_back_while_it_connects_does_not_leave(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection may take 10 s to stand, in which the host may come up, or somebody begin to work on it."""
    taken_back = threading.Event()
    places = (urllib3.util.connection, socket)
    connects = {place: place.create_connection for place in places}

    def meanwhile(place: Any) -> Callable[..., Any]:
        def connect(*arguments: Any, **options: Any) -> Any:
            made = connects[place](*arguments, **options)
            taken_back.set()
            return made

        return connect

    def stands(connection: Any) -> None:
        urllib3.connection.HTTPConnection.connect(connection)  # what TLS adds is not what is tried here

    for place in places:
        monkeypatch.setattr(place, "create_connection", meanwhile(place))
    monkeypatch.setattr(urllib3.connection.HTTPSConnection, "connect", stands)
    monkeypatch.setattr(http.client.HTTPSConnection, "connect", http.client.HTTPConnection.connect)
    async with odd_server(says(ACCEPTED)) as server:
        api = plain(server.url.replace("http", scheme, 1))
        assert await api.send(BODY, lambda: not taken_back.is_set()) == NotSent()
        assert taken_back.is_set() and server.asked == []
        # What nobody takes back goes, over a connection of its own.
        assert isinstance(await api.send(BODY), Delivered)
        api.close()


async def test_what_is_taken_back_before_it_is_written_does_not_leave_over_a_kept_connection() -> None:
    async with odd_server(says(ACCEPTED)) as server:
        api = plain(server.url)
        assert isinstance(await api.send(BODY), Delivered)
        answers = iter((True, False))
        assert await api.send(BODY, lambda: next(answers)) == NotSent()
        assert isinstance(await api.send(BODY), Delivered)
        assert len(server.asked) == 2
        api.close()


async def test_kept_connections_are_used_again_and_answers_are_judged_as_ever() -> None:
    refusal = b'{"badRequest": {"message": "no such host"}}'
    whole = b"HTTP/1.1 400 no\r\nContent-Length: %d\r\n\r\n%s" % (len(refusal), refusal)
    async with odd_server(says(whole)) as server:
        api = plain(server.url)
        for _ in range(3):
            outcome = await api.send(BODY)
            assert isinstance(outcome, Refused) and outcome.answer == "400 no such host"
        assert await api.send(BODY, lambda: False) == NotSent()
        assert len(server.asked) == 3
        api.close()
