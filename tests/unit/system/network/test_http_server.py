"""A server that nobody can use up: what it takes, how long it waits, and who goes when it is full."""

import asyncio
import contextlib
import itertools
import logging
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from masakarimonitors.system.network import accepting
from masakarimonitors.system.network.http_connection import Limits
from masakarimonitors.system.network.http_server import HttpServer
from masakarimonitors.system.network.socket_path import SocketPath
from tests.fixtures.open_files import open_files, opened_since
from tests.fixtures.waiting import PATIENCE, eventually

LONG = 600.0
PAGE = 100_000
HOST = b"Host: localhost\r\n"
ASK = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"


class Served:
    """An application that says `hello`, or the body that it was sent; `/slow` waits until `go` is set."""

    def __init__(self, **limits: float) -> None:
        self.limits = Limits(**{"request": LONG, "idle": LONG, "grace": 0.0, **limits})  # type: ignore[arg-type]
        self.go = asyncio.Event()
        self.slow = self.much = self.more = self.page = 0
        self.listening: list[socket.socket] = []

    @contextlib.asynccontextmanager
    async def __call__(self, path: Path | None = None) -> AsyncIterator["Served"]:
        server = HttpServer(limits=self.limits, names=(), option="[x] names")
        app = web.Application(client_max_size=self.limits.body, middlewares=[server.guard])
        app.router.add_get("/", self._hello)
        app.router.add_get("/slow", self._slowly)
        app.router.add_get("/much", self._much)
        app.router.add_get("/more", self._more)
        app.router.add_get("/page", self._page)
        app.router.add_post("/", self._echo)
        self.listening = [SocketPath(path).bind()] if path else list(await accepting.listen("127.0.0.1", 0))
        async with server.serve(app, self.listening, patience=0.1):
            yield self

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        where = self.listening[0].getsockname()
        if isinstance(where, str):
            return await asyncio.open_unix_connection(where)
        return await asyncio.open_connection(*where[:2])

    async def ask(self, words: bytes) -> bytes:
        """All that is answered to these bytes until the server hangs up."""
        reader, writer = await self.connect()
        writer.write(words)
        async with asyncio.timeout(PATIENCE):
            said = await rest(reader)
        writer.close()
        return said

    async def _hello(self, request: web.Request) -> web.Response:
        return web.Response(text="hello")

    async def _slowly(self, request: web.Request) -> web.Response:
        self.slow += 1
        await self.go.wait()
        return web.Response(text="at last")

    async def _much(self, request: web.Request) -> web.Response:
        self.much += 1
        return web.Response(body=b"x" * (64 << 20))

    async def _more(self, request: web.Request) -> web.Response:
        self.more += 1
        return web.Response(body=b"x" * (4 << 20))

    async def _page(self, request: web.Request) -> web.Response:
        self.page += 1
        return web.Response(body=b"x" * PAGE)

    async def _echo(self, request: web.Request) -> web.Response:
        return web.Response(body=await request.read())


async def rest(reader: asyncio.StreamReader) -> bytes:
    """What still comes; a reset ends it, too."""
    parts = []
    with contextlib.suppress(ConnectionError):
        while part := await reader.read(65536):
            parts.append(part)
    return b"".join(parts)


CLOSE = b"GET / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"


async def test_a_thousand_who_ask_nothing_keep_nobody_out() -> None:
    async with Served()() as served:
        before = open_files()
        idle = [await served.connect() for _ in range(1000)]
        for _, writer in idle:
            writer.write(b"GET / HTTP/1.1\r\n")
        assert (await served.ask(CLOSE)).endswith(b"hello")
        # Of those that are open, the server has the 32 that it allows itself.
        assert len(opened_since(before)) <= 1000 + 32 + 2
        for _, writer in idle:
            writer.close()


async def test_who_has_never_asked_makes_room_before_one_who_has() -> None:
    async with Served(connections=3)() as served:
        known, silent = await served.connect(), await served.connect()
        known[1].write(ASK)
        assert await known[0].readuntil(b"hello")
        newcomers = [await served.connect(), await served.connect()]
        async with asyncio.timeout(PATIENCE):
            assert await rest(silent[0]) == b""
        known[1].write(ASK)
        assert await known[0].readuntil(b"hello")
        for _, writer in (known, *newcomers):
            writer.close()


async def test_who_is_being_answered_is_not_hung_up_on() -> None:
    async with Served(connections=2)() as served:
        asking = [await served.connect() for _ in range(2)]
        for _, writer in asking:
            writer.write(b"GET /slow HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
        await eventually(lambda: served.slow == 2, "both are being answered")
        refused = await served.ask(b"")
        assert refused.startswith(b"HTTP/1.1 503 ") and b"Too many connections" in refused
        served.go.set()
        for reader, _ in asking:
            assert (await rest(reader)).endswith(b"at last")


@pytest.mark.parametrize(
    "words",
    [
        b"GET / HT",
        b"GET / HTTP/1.1\r\nX: y\r\n",
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 10\r\n\r\nhalf",
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
    ],
)
async def test_a_request_that_does_not_come_whole_is_told_so(words: bytes) -> None:
    async with Served(request=0.05)() as served:
        said = await served.ask(words)
    assert said.startswith(b"HTTP/1.1 408 ") and said.endswith(b"not here whole within 0.05 s.\n")


async def test_bytes_that_drip_do_not_put_it_off() -> None:
    async with Served(request=0.2)() as served:
        reader, writer = await served.connect()
        writer.write(b"GET / HTTP/1.1\r\n" + HOST)

        async def drip() -> None:
            with contextlib.suppress(ConnectionError):
                for number in itertools.count():
                    writer.write(b"X-%d: y\r\n" % number)
                    await writer.drain()
                    await asyncio.sleep(0.01)

        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
            dripping = tasks.create_task(drip())
            assert (await rest(reader)).startswith(b"HTTP/1.1 408 ")
            dripping.cancel()
        writer.close()


@pytest.mark.parametrize("first", [b"", ASK])
async def test_a_connection_without_a_request_is_ended(first: bytes) -> None:
    """However long whoever asks takes to ask: it may be hung up on before, and asks again."""
    async with Served(idle=0.05)() as served:
        async with asyncio.timeout(PATIENCE):
            while not (said := await served.ask(first)).endswith(b"hello") and first:
                assert said == b""
    assert bool(said) is bool(first)


def never_reads(served: Served, path: bytes) -> socket.socket:
    """Asks, and takes next to nothing of its answer."""
    caller = socket.socket()
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    caller.connect(served.listening[0].getsockname())
    caller.send(b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n")
    return caller


async def test_those_who_never_read_their_answers_keep_nobody_out() -> None:
    async with Served(connections=4)() as served:
        never = [never_reads(served, b"/more") for _ in range(4)]
        await eventually(lambda: served.more == 4, "all are answered")
        for number in range(8):
            assert (await served.ask(CLOSE)).endswith(b"hello"), f"question {number}"
        for caller in never:
            caller.close()


async def test_an_answer_of_ordinary_size_is_whole_though_its_connection_was_needed() -> None:
    """The kernel has it: whoever asked is hung up on, and reads it all the same."""
    async with Served(connections=1)() as served:
        caller, loop = never_reads(served, b"/page"), asyncio.get_running_loop()
        await eventually(lambda: served.page == 1, "it is answered")
        assert (await served.ask(CLOSE)).endswith(b"hello")
        caller.setblocking(False)
        said = b""
        async with asyncio.timeout(PATIENCE):
            while part := await loop.sock_recv(caller, 65536):
                said += part
        caller.close()
    assert said.endswith(b"\r\n\r\n" + b"x" * PAGE)


async def test_an_answer_that_nobody_reads_is_given_up() -> None:
    async with Served(idle=0.2)() as served:
        before = open_files()
        while not served.much:  # it may have been hung up on before it was heard
            with socket.socket() as caller:
                caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                caller.connect(served.listening[0].getsockname())
                caller.send(b"GET /much HTTP/1.1\r\n" + HOST + b"\r\n")
                await eventually(lambda: len(opened_since(before)) == 2 or served.much, "it is taken")
                await eventually(lambda: len(opened_since(before)) == 1, "the server has hung up")


@pytest.mark.parametrize(
    "words",
    [
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 2000\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 2000\r\n\r\n" + b"x" * 2000,
        b"POST / HTTP/1.1\r\n"
        + HOST
        + b"Transfer-Encoding: chunked\r\n\r\n7d0\r\n"
        + b"x" * 2000
        + b"\r\n0\r\n\r\n",
    ],
)
async def test_a_body_has_a_bound(words: bytes) -> None:
    async with Served()() as served:
        said = await served.ask(words)
    assert said.startswith(b"HTTP/1.1 413 ") and b"larger than 1024 bytes" in said


async def test_a_head_has_a_bound() -> None:
    async with Served()() as served:
        reader, writer = await served.connect()

        async def pour() -> None:
            with contextlib.suppress(ConnectionError):
                writer.write(b"GET / HTTP/1.1\r\n" + HOST)
                for number in range(1 << 20):
                    writer.write(b"X-%d: %s\r\n" % (number, b"y" * 1000))
                    await writer.drain()

        async with asyncio.timeout(PATIENCE):
            await pour()  # ends, as the other end hangs up
            said = await rest(reader)
    assert b"hello" not in said


async def test_what_fits_is_answered_one_after_another_on_one_connection() -> None:
    async with Served()() as served:
        reader, writer = await served.connect()
        post = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\n"
        writer.write(post + b"first" + post + b"again" + ASK)
        for words in (b"first", b"again", b"hello"):
            async with asyncio.timeout(PATIENCE):
                assert await reader.readuntil(words)
        writer.close()


@pytest.mark.parametrize(
    ("head", "status", "words"),
    [
        (b"Host: evil.example\r\n", b"421", b"[x] names"),
        (HOST + b"Origin: http://evil.example\r\n", b"403", b"page of another site"),
        (HOST + b"Sec-Fetch-Site: cross-site\r\n", b"403", b"page of another site"),
    ],
)
async def test_a_stranger_s_page_is_refused_with_the_reason(head: bytes, status: bytes, words: bytes) -> None:
    async with Served()() as served:
        said = await served.ask(b"GET / HTTP/1.1\r\n" + head + b"\r\n")
    assert said.startswith(b"HTTP/1.1 " + status + b" ") and words in said and b"text/plain" in said


async def test_a_unix_socket_is_asked_by_any_name(tmp_path: Path) -> None:
    async with Served()(tmp_path / "there") as served:
        said = await served.ask(
            b"GET / HTTP/1.1\r\nHost: anything\r\nOrigin: http://x\r\nConnection: close\r\n\r\n"
        )
    assert said.endswith(b"hello")


async def test_what_is_no_http_makes_no_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        async with Served()() as served:
            for words in (
                b"\x16\x03\x01\x02\x00\r\n\r\n",
                b"GET / HTTP/9\r\n\r\n",
                b"GET / HTTP/1.1\r\nbad\r\n\r\n",
            ):
                assert b" 400 " in await served.ask(words)
    assert caplog.records == []


async def test_without_descriptors_it_says_so_once_and_goes_on(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, taken, short = asyncio.get_running_loop(), asyncio.get_running_loop().sock_accept, 3

    async def accept(listening: socket.socket) -> object:
        nonlocal short
        if short:
            short -= 1
            raise OSError(24, "Too many open files")
        return await taken(listening)

    monkeypatch.setattr(accepting, "_RETRY", 0.001)
    monkeypatch.setattr(loop, "sock_accept", accept)
    async with Served()() as served:
        assert (await served.ask(CLOSE)).endswith(b"hello")
    (said,) = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    assert "No connection can be taken" in said and "Too many open files" in said
