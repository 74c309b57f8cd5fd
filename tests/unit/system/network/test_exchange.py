"""The time and the size of what is asked through HTTP, as the parts of a session see them."""

import asyncio
import gzip
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3
from keystoneauth1 import exceptions
from keystoneauth1.session import Session

from masakarimonitors.system.network.exchange import bound
from masakarimonitors.system.network.http_exchange import Exchange
from masakarimonitors.system.network.http_session import HttpSession, Tls
from tests.fixtures.odd_server import ACCEPTED, drips, odd_server, says
from tests.fixtures.waiting import growing


def session() -> Session:
    made = Session()
    bound(made)
    return made


def get(url: str, exchange: Exchange | None = None, made: Session | None = None) -> Any:
    used = made or session()
    if exchange is None:
        return used.get(url, authenticated=False)
    with exchange.here():
        return used.get(url, authenticated=False)


async def test_after_its_time_nothing_is_asked() -> None:
    async with odd_server(says(ACCEPTED)) as server:
        with pytest.raises(exceptions.ConnectTimeout):
            await asyncio.to_thread(get, server.url, Exchange(0.0))
        assert server.asked == []


async def test_over_a_connection_that_stands_too_late_nothing_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exchange, connect = Exchange(0.2), urllib3.util.connection.create_connection

    def slowly(*arguments: Any, **options: Any) -> Any:
        made = connect(*arguments, **options)
        threading.Event().wait(exchange.left())
        while not exchange.over:
            pass
        return made

    monkeypatch.setattr(urllib3.util.connection, "create_connection", slowly)
    async with odd_server(says(ACCEPTED)) as server:
        with pytest.raises(exceptions.ConnectTimeout):
            await asyncio.to_thread(get, server.url, exchange)
        assert server.asked == []


async def test_all_requests_of_an_exchange_share_its_time() -> None:
    async with odd_server(drips(ACCEPTED[:-1], b"")) as server:
        for seconds in growing(0.5, "a request that arrives"):
            exchange = Exchange(seconds)
            for _ in range(2):
                with pytest.raises(exceptions.ClientException):
                    await asyncio.to_thread(get, server.url, exchange)
            if server.asked:
                break
        assert len(server.asked) == 1


def ask_ours(url: str, exchange: Exchange) -> None:
    with exchange.here():
        HttpSession(Tls()).request("GET", url, {})


@pytest.mark.parametrize("ask", [get, ask_ours], ids=["keystoneauth1's", "ours"])
async def test_an_exchange_knows_whether_its_request_was_being_written(ask: Any) -> None:
    exchange = Exchange(60.0)
    async with odd_server(says(b"220 this is another protocol\r\n")) as server:
        with pytest.raises((exceptions.ClientException, OSError)):
            await asyncio.to_thread(ask, server.url, exchange)
        assert exchange.leaving
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises((exceptions.ClientException, OSError)):
            await asyncio.to_thread(ask, f"http://127.0.0.1:{nobody.getsockname()[1]}", exchange)
        assert not exchange.leaving


async def test_what_comes_packed_has_the_same_bound_unpacked() -> None:
    packed = gzip.compress(bytes(1 << 25))
    whole = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (
        len(packed),
        packed,
    )
    async with odd_server(says(whole)) as server:
        exchange = Exchange(30.0, largest=1000)
        response = await asyncio.to_thread(get, server.url, exchange)
        assert len(response.content) == 1000
        assert "more than 1000 bytes" in exchange.remark
        assert "Accept-Encoding: identity" in server.asked[0].head


async def test_a_body_of_the_largest_size_is_whole_and_its_connection_is_used_again() -> None:
    async with odd_server(says(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000)) as server:
        made = session()
        for _ in range(2):
            exchange = Exchange(30.0, largest=1000)
            response = await asyncio.to_thread(get, server.url, exchange, made)
            assert (response.text, exchange.remark) == ("x" * 1000, "")


async def test_a_request_of_nobody_s_exchange_is_one_of_its_own() -> None:
    async with odd_server(says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")) as server:
        response: requests.Response = await asyncio.to_thread(get, server.url)
        assert response.json() == {}


NOTHING = b"HTTP/1.1 204 No Content\r\n\r\n"


async def test_no_credentials_come_from_the_home_of_whoever_runs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is anything looked up there: it may be away, and who asks for it is held for as long."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password SECRET\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    looked: list[object] = []
    monkeypatch.setattr(requests.sessions, "get_netrc_auth", lambda *asked: looked.append(asked))
    async with odd_server(says(NOTHING)) as server:
        await asyncio.to_thread(get, server.url)
        assert "Authorization" not in server.asked[0].head
        assert looked == []


async def test_credentials_of_an_address_are_sent_there() -> None:
    async with odd_server(says(NOTHING)) as server:
        await asyncio.to_thread(get, server.url.replace("://", "://user:pass@"))
        assert "Authorization: Basic dXNlcjpwYXNz" in server.asked[0].head


def test_what_others_ask_through_the_same_library_is_left_alone() -> None:
    before = dict(urllib3.poolmanager.pool_classes_by_scheme)
    session()
    assert urllib3.poolmanager.pool_classes_by_scheme == before
