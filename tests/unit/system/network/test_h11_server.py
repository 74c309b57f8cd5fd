"""The small server: what is answered, what is refused, and answers without end."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from masakarimonitors.system.network import accepting, h11_server
from masakarimonitors.system.network.h11_server import Answer, H11Server, Request, in_words
from masakarimonitors.system.network.http_connection import Limits
from tests.fixtures.waiting import PATIENCE, eventually

HEAD = b"HTTP/1.1\r\nHost: localhost\r\n"
LONG = 600.0


class Served:
    """Says at `/` what was asked; `/broken` fails; `/parts` gives parts until `end` is set."""

    def __init__(self) -> None:
        self.end = asyncio.Event()
        self.given = 0
        self.ended = False
        self.part = b"part\n"
        self.listening: list[socket.socket] = []

    async def hello(self, request: Request) -> Answer:
        return in_words(200, f"{request.method} {dict(request.query)}")

    async def large(self, request: Request) -> Answer:
        self.given += 1
        return Answer(body=b"x" * 10_000)

    async def broken(self, request: Request) -> Answer:
        raise KeyError("a bug\nof two lines")

    async def parts(self, request: Request) -> Answer:
        return Answer(parts=self._parts(), type="text/event-stream")

    async def torn(self, request: Request) -> Answer:
        async def parts() -> AsyncGenerator[bytes, None]:
            yield b"first"
            raise RuntimeError("a bug")

        return Answer(parts=parts())

    async def _parts(self) -> AsyncGenerator[bytes, None]:
        try:
            while not self.end.is_set():
                self.given += 1
                yield self.part
                await asyncio.sleep(0)
        finally:
            self.ended = True

    @contextlib.asynccontextmanager
    async def __call__(self, **limits: float) -> AsyncIterator["Served"]:
        routes = {"/": self.hello, "/broken": self.broken, "/parts": self.parts, "/torn": self.torn}
        routes["/large"] = self.large
        made = Limits(**{"request": LONG, "idle": LONG, "grace": 0.0, **limits})  # type: ignore[arg-type]
        server = H11Server(routes, limits=made, names=["compute-1"], option="[x] names")
        self.listening = list(await accepting.listen("127.0.0.1", 0))
        async with server.serve(self.listening):
            yield self

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(*self.listening[0].getsockname()[:2])

    async def ask(self, words: bytes) -> bytes:
        """All that is answered to these bytes until the server hangs up."""
        reader, writer = await self.connect()
        writer.write(words)
        said = b""
        async with asyncio.timeout(PATIENCE):
            with contextlib.suppress(ConnectionError):
                while part := await reader.read(65536):
                    said += part
        writer.close()
        return said


async def test_one_connection_serves_one_request_after_another_also_when_they_come_at_once() -> None:
    async with Served()() as served:
        said = await served.ask(
            b"GET /?a=1&a=2&b=%C3%A4 " + HEAD + b"\r\n" + b"HEAD / " + HEAD + b"\r\n"
            b"GET / " + HEAD + b"Connection: close\r\n\r\n"
        )
    answers = said.split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert len(answers) == 3
    assert answers[0].decode().endswith("GET {'a': '2', 'b': 'ä'}\n")
    assert answers[1].endswith(b"\r\n\r\n"), "to HEAD no body is said"
    assert answers[2].endswith(b"GET {}\n") and b"nosniff" in answers[2]


async def test_http_1_0_of_a_load_balancer_is_answered() -> None:
    async with Served()() as served:
        assert (await served.ask(b"GET / HTTP/1.0\r\n\r\n")).endswith(b"GET {}\n")


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (b"GET /nowhere " + HEAD + b"\r\n", 404),
        (b"GET //[ " + HEAD + b"\r\n", 404),
        (b"DELETE / " + HEAD + b"\r\n", 405),
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
        (b"GET / " + HEAD + b"Origin: http://evil.example\r\n\r\n", 403),
        (b"GET / " + HEAD + b"Sec-Fetch-Site: cross-site\r\n\r\n", 403),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
        (b"POST / " + HEAD + b"Content-Length: 5000\r\n\r\n" + b"x" * 5000, 413),
        (b"POST / " + HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET / " + HEAD + b"X: " + b"x" * 20000, 431),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_is_refused_is_refused_in_words_and_not_in_the_log(
    words: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        async with Served()(idle=0.2) as served:
            said = await served.ask(words)
    assert said.startswith(b"HTTP/1.1 %d " % status), said
    assert said.endswith(b".\n") and b"hello" not in said
    assert caplog.records == []


async def test_a_name_in_the_list_is_answered() -> None:
    async with Served()() as served:
        said = await served.ask(b"GET / HTTP/1.1\r\nHost: Compute-1:80\r\nConnection: close\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 200 ")


async def test_a_fault_inside_is_told_and_logged_and_the_next_is_answered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Served()() as served:
        said = await served.ask(
            b"GET /broken " + HEAD + b"\r\n" + b"GET / " + HEAD + b"Connection: close\r\n\r\n"
        )
        assert await served.ask(b"GET /torn " + HEAD + b"\r\n")
    assert said.startswith(b"HTTP/1.1 500 ") and b"a bug\\nof two lines" in said
    assert b"HTTP/1.1 200 OK" in said
    assert ["/broken" in one.getMessage() or "/torn" in one.getMessage() for one in caplog.records] == [
        True
    ] * 2


async def test_an_answer_without_end_ends_when_its_reader_goes_or_it_has_no_more_to_say() -> None:
    async with Served()() as served:
        reader, writer = await served.connect()
        writer.write(b"GET /parts " + HEAD + b"\r\n")
        assert await reader.readuntil(b"part\n")
        writer.close()
        await eventually(lambda: served.ended, "the parts have ended")
        served.end.set()
        said = await served.ask(b"GET /parts " + HEAD + b"\r\n")
    assert said.startswith(b"HTTP/1.1 200 ") and said.endswith(b"0\r\n\r\n")


async def test_who_does_not_read_an_answer_without_end_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(h11_server, "_UNTAKEN", 0.01)
    served = Served()
    served.part = b"x" * 65536
    async with served():
        _, writer = await served.connect()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(b"GET /parts " + HEAD + b"\r\n")
        await eventually(lambda: served.ended, "the parts have ended")
        writer.close()
    assert served.given < 1000


async def test_who_asks_for_much_at_once_and_reads_none_of_it_has_little_of_it_kept() -> None:
    served = Served()
    async with served():
        reader, writer = await served.connect()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        many = 4000
        writer.write((b"GET /large " + HEAD + b"\r\n") * (many - 1))
        writer.write(b"GET /large " + HEAD + b"Connection: close\r\n\r\n")
        await eventually(lambda: served.given > 0, "the first is answered")
        for _ in range(200):  # turns of the loop, in which it could go on
            await asyncio.sleep(0)
        given = served.given
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(PATIENCE):
            while await reader.read(1 << 20):
                pass
        writer.close()
    assert given < many / 4, "the next is answered when the one before is taken"
    assert served.given == many, "and so all of them are"


async def test_whoever_is_left_at_the_end_is_hung_up_on() -> None:
    async with Served()() as served:
        reader, writer = await served.connect()
        writer.write(b"GET /parts " + HEAD + b"\r\n")
        assert await reader.readuntil(b"part\n")
    async with asyncio.timeout(PATIENCE):
        with contextlib.suppress(ConnectionError):
            while await reader.read(65536):
                pass
    writer.close()
    assert served.ended
