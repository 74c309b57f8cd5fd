"""A server that plays bytes, and what the client makes of them: whole answers, or a fault."""

import asyncio
import contextlib
import itertools
import socket
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import h11
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from masakarimonitors.system.network import http_client
from masakarimonitors.system.network.http_client import (
    LARGEST,
    HttpClient,
    HttpFault,
    Response,
    read_plain,
    to_port,
    to_socket,
)
from tests.fixtures.waiting import eventually

Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
END = b"\r\n\r\n"
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Consul-Index:  7" + END + b"{}"


class Server:
    """Plays each connection; `connections` were made, and `ended` of them are over."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self.connections = 0
        self.ended = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await self._play(reader, writer)
        self.ended += 1
        writer.transport.abort()


@contextlib.asynccontextmanager
async def serving(
    path: Path, play: Play, limit: int = 10, largest: int = LARGEST
) -> AsyncIterator[tuple[HttpClient, Server]]:
    server = Server(play)
    listening = await asyncio.start_unix_server(server.serve, path)
    client = HttpClient(to_socket(str(path)), "agent", limit, largest)
    try:
        yield client, server
    finally:
        await client.close()
        listening.close()


def answering(*pieces: bytes, ends: bool = False) -> Play:
    """Each request is answered with these pieces; then the connection ends, or does not."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(END)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if ends:
                writer.close()
                await writer.wait_closed()
                return

    return play


def head(*headers: str, status: str = "200 OK", version: str = "HTTP/1.1") -> bytes:
    return "\r\n".join([f"{version} {status}", *headers]).encode() + END


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (PLAIN, 200, b"{}"),
        (head("content-length: 0", status="404 Not Found"), 404, b""),
        (head("Content-Length: 3", status="500 ") + b"no!", 500, b"no!"),
        (head(status="204 No Content"), 204, b""),
        (
            head("Transfer-Encoding: chunked") + b"2\r\n[1\r\nA;x=y\r\n,234567890\r\n0\r\n\r\n",
            200,
            b"[1,234567890",
        ),
        (head("Transfer-Encoding: Chunked", "Trailer: T") + b"1\r\n1\r\n0\r\nT: u\r\n\r\n", 200, b"1"),
        (head(status="100 Continue") + PLAIN, 200, b"{}"),
    ],
)
async def test_a_whole_answer(tmp_path: Path, answer: bytes, status: int, body: bytes) -> None:
    async with serving(tmp_path / "s", answering(answer)) as (client, server):
        for _ in range(3):
            found = await client.request("GET", "/", {})
            assert (found.status, found.body) == (status, body)
        assert server.connections == 1, "it is kept"


async def test_what_comes_until_the_end_is_an_answer_of_its_connection(tmp_path: Path) -> None:
    answer = head("Content-Type: text/plain") + b"all of it"
    async with serving(tmp_path / "s", answering(answer, ends=True)) as (client, server):
        for _ in range(2):
            assert (await client.request("GET", "/", {})).body == b"all of it"
        assert server.connections == 2


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
async def test_a_connection_that_is_to_be_closed_is_not_used_again(tmp_path: Path, version: str) -> None:
    said = "Connection: close" if version == "HTTP/1.1" else "X-Y: z"
    answer = head("Content-Length: 1", said, version=version) + b"1"
    async with serving(tmp_path / "s", answering(answer)) as (client, server):
        for _ in range(2):
            assert (await client.request("GET", "/", {})).body == b"1"
        assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        PLAIN[:-1],
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        head(status="2000 OK"),
        head(status="-20 OK"),
        head(version="HTTP/2"),
        head("Content-Length: -1"),
        head("Content-Length: 1_0") + b"0123456789",
        head("Content-Length: ten"),
        head("Content-Length: 999999999999"),
        head("Content-Length: 1", "Content-Length: 2") + b"12",
        head("Content-Length: 1", "Content-Encoding: gzip") + b"1",
        head("Transfer-Encoding: chunked", "Content-Encoding: gzip") + b"1\r\n1\r\n0\r\n\r\n",
        head("Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",
        head("Transfer-Encoding: chunked") + b"2\r\n[1",
        head("Transfer-Encoding: chunked") + b"2\r\n[1]\r\n0\r\n\r\n",
        head("Transfer-Encoding: chunked") + b"-2\r\n[1\r\n",
        head("Transfer-Encoding: chunked") + b"FFFFFFFFF\r\n",
        head("Transfer-Encoding: chunked") + b"2\r\n[1\r\n",
        head("Transfer-Encoding: chunked") + b"1" * (1 << 19),
        head("X: " + "y" * (1 << 19)),
        head(status="100 Continue"),
        head(status="101 Switching Protocols") + PLAIN,
        head("A header without a colon", "Content-Length: 1") + b"1",
    ],
)
async def test_what_is_no_whole_answer_is_a_fault(tmp_path: Path, answer: bytes) -> None:
    """Never half a list: a host that is missing there would pass for one that left."""
    async with serving(tmp_path / "s", answering(answer, ends=True)) as (client, _):
        with pytest.raises(HttpFault):
            await client.request("GET", "/", {})


@pytest.mark.parametrize(
    "answer",
    [
        head("Content-Length: 7") + b"abcdefg",
        head("Transfer-Encoding: chunked", "Trailer: T") + b"3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nT: u\r\n\r\n",
    ],
)
async def test_an_answer_that_is_cut_anywhere_is_a_fault(tmp_path: Path, answer: bytes) -> None:
    left = iter(range(len(answer)))

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(END)
        writer.write(answer[: next(left)])
        writer.close()

    async with serving(tmp_path / "s", play) as (client, server):
        for _ in answer:
            with pytest.raises(HttpFault, match="ended"):
                await client.request("GET", "/", {})
        assert server.connections == len(answer)


@pytest.mark.parametrize(
    "answer",
    [
        head("Content-Length: 11") + b"0123456789",
        head("Transfer-Encoding: chunked") + b"6\r\n012345\r\n6\r\n678901\r\n",
        head() + b"0123456789!",
    ],
)
async def test_what_is_too_large_is_not_read_to_its_end(tmp_path: Path, answer: bytes) -> None:
    async with serving(tmp_path / "s", answering(answer), largest=10) as (client, _):
        with pytest.raises(HttpFault, match="more than"):
            await client.request("GET", "/", {})


@pytest.mark.parametrize("size", [3000, 1 << 20])
async def test_a_list_that_comes_in_many_reads_comes_whole(tmp_path: Path, size: int) -> None:
    body = bytes(range(256)) * (1 << 12)
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    by_chunks = answering(head("Transfer-Encoding: chunked") + chunks)
    by_length = answering(head(f"Content-Length: {len(body)}") + body)
    for name, play in (("chunks", by_chunks), ("length", by_length)):
        async with serving(tmp_path / name, play) as (client, server):
            for _ in range(2):
                assert (await client.request("GET", "/", {})).body == body
            assert server.connections == 1


async def test_what_follows_an_answer_is_not_taken_for_the_next(tmp_path: Path) -> None:
    stray = head("Content-Length: 5") + b"stray"
    async with serving(tmp_path / "s", answering(PLAIN + stray)) as (client, server):
        for _ in range(2):
            assert (await client.request("GET", "/", {})).body == b"{}"
        assert server.connections == 2


@given(place=st.integers(0, 70), noise=st.binary(max_size=8), lost=st.integers(0, 8))
@settings(max_examples=60, deadline=None)
def test_whatever_comes_is_an_answer_or_a_fault(
    tmp_path_factory: pytest.TempPathFactory, place: int, noise: bytes, lost: int
) -> None:
    whole = head("Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\n\r\n"
    answer = whole[:place] + noise + whole[place + lost :]

    async def ask() -> None:
        play = answering(answer, ends=True)
        async with serving(tmp_path_factory.mktemp("http") / "s", play) as (client, _):
            with contextlib.suppress(HttpFault):
                assert (await client.request("GET", "/", {})).status >= 200

    asyncio.run(ask())


def by_h11(came: bytes) -> tuple[Response, bool]:
    """An answer to a GET as h11 reads it, and whether its connection goes on; raises where that is none, or not all."""
    exchange = h11.Connection(h11.CLIENT)
    exchange.send(h11.Request(method="GET", target="/", headers=[("Host", "agent")]))
    exchange.send(h11.EndOfMessage())
    exchange.receive_data(came)
    first = exchange.next_event()
    assert isinstance(first, h11.Response) and first.http_version == b"1.1"
    body = b""
    while isinstance(part := exchange.next_event(), h11.Data):
        body += part.data
    assert isinstance(part, h11.EndOfMessage)
    headers = {name.decode(): value.decode() for name, value in first.headers}
    goes_on = exchange.their_state is exchange.our_state is h11.DONE
    return Response(first.status_code, headers, body), goes_on and exchange.trailing_data == (b"", False)


_LINES = st.sampled_from(
    [
        *(
            "Content-Length: 2",
            "content-length:2 ",
            "CONTENT-LENGTH: 02",
            "Content-Length: 2,2",
            "Content-Length: 3",
        ),
        *(
            "Connection: close",
            "Connection: keep-alive",
            "Transfer-Encoding: chunked",
            "Content-Encoding: gzip",
        ),
        *("X-Consul-Index:  7", "X-Consul-Index: 8", "Empty:", "A : b", " folded", "no colon", ": nameless"),
        *("X: a\tb \t", "X: \u00e9", "X: a\rb", "X: a\nY: b", "X: a\n\nb", "X: \x7f", "X: \x00", ""),
    ]
)
_FIRST = st.sampled_from(
    [
        *(
            "HTTP/1.1 200 OK",
            "HTTP/1.1 200 ",
            "HTTP/1.1 200",
            "HTTP/1.1 403 Permission denied",
            "HTTP/1.1 500 \u00e9",
        ),
        *("HTTP/1.0 200 OK", "HTTP/1.1 204 No Content", "HTTP/1.1 304 Not Modified", "HTTP/1.1 100 Continue"),
        *(
            "HTTP/1.1 600 ?",
            "HTTP/1.1 2000 OK",
            "HTTP/2 200 OK",
            "\r\nHTTP/1.1 200 OK",
            "http/1.1 200 OK",
            "",
        ),
    ]
)


@given(
    first=st.just("HTTP/1.1 200 OK") | _FIRST,
    lines=st.lists(_LINES, max_size=4),
    body=st.sampled_from([b"{}", b"{}", b"", b"{", b"{}\r\n", b"\r\n"]),
    ends=st.sampled_from(["\r\n", "\r\n", "\n"]),
)
@example(first="HTTP/1.1 200 OK", lines=["Content-Length: 2", "X-Consul-Index:  7"], body=b"{}", ends="\r\n")
@settings(max_examples=50, deadline=None)
def test_what_is_read_the_short_way_is_what_h11_reads(
    first: str, lines: list[str], body: bytes, ends: str
) -> None:
    came = ends.join([first, *lines, "", ""]).encode("latin-1") + body
    short = read_plain(came, LARGEST)
    if short is not None:
        assert (short, True) == by_h11(came)


def test_the_plain_kind_is_read_the_short_way() -> None:
    assert read_plain(PLAIN, 2) == Response(200, {"content-length": "2", "x-consul-index": "7"}, b"{}")
    assert read_plain(PLAIN, 1) is None
    refused = head("Content-Length: 6", "Content-Type: text/plain", status="403 Forbidden") + b"denied"
    assert read_plain(refused, 6) == by_h11(refused)[0]
    assert all(read_plain(PLAIN[:cut], LARGEST) is None for cut in range(len(PLAIN)))
    assert read_plain(PLAIN + b" ", LARGEST) is None
    assert read_plain(PLAIN.replace(b"Content", b"Content-Length:\r\nContent"), LARGEST) is None


@given(cuts=st.lists(st.integers(0, 120), max_size=6), chunked=st.booleans())
@settings(max_examples=30, deadline=None)
def test_however_an_answer_arrives_it_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], chunked: bool
) -> None:
    whole = head("Transfer-Encoding: chunked") + b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
    answer = whole if chunked else head("Content-Length: 7") + b"abcdefg"
    places = sorted({0, *(cut for cut in cuts if cut < len(answer)), len(answer)})
    pieces = [answer[start:end] for start, end in itertools.pairwise(places)]

    async def ask() -> Response:
        async with serving(tmp_path_factory.mktemp("http") / "s", answering(*pieces)) as (client, _):
            return await client.request("GET", "/", {})

    assert asyncio.run(ask()).body == b"abcdefg"


async def test_what_is_asked(tmp_path: Path) -> None:
    asked: list[bytes] = []

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            asked.append(await reader.readuntil(END))
            if b"Content-Length: 4" in asked[-1]:
                asked.append(await reader.readexactly(4))
            writer.write(PLAIN)

    async with serving(tmp_path / "s", play) as (client, _):
        found = await client.request("GET", "/v1/x?index=7", {"X-Consul-Token": "t\u0101"})
        await client.request("PUT", "/v1/y", {}, b"body")
        await client.request("DELETE", "/v1/z", {})
        with pytest.raises(HttpFault, match="line break"):
            await client.request("GET", "/", {"X": "y\r\nZ: z"})
    assert found.headers["x-consul-index"] == "7"
    assert asked == [
        b"GET /v1/x?index=7 HTTP/1.1\r\nHost: agent\r\nX-Consul-Token: " + "t\u0101".encode() + END,
        b"PUT /v1/y HTTP/1.1\r\nHost: agent\r\nContent-Length: 4" + END,
        b"body",
        b"DELETE /v1/z HTTP/1.1\r\nHost: agent\r\nContent-Length: 0" + END,
    ]


async def test_a_request_that_cannot_be_sent_does_not_show_its_secrets(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", answering(PLAIN)) as (client, server):
        for headers in (
            {"X-Consul-Token": "4f9c\n11aa"},
            {"X-Consul-Token": "4f9c\x0011aa"},
            {"X Y": "11aa"},
        ):
            with pytest.raises(HttpFault) as told:
                await client.request("GET", "/", headers)
            assert "11aa" not in "".join(traceback.format_exception(told.value))
        assert (await client.request("GET", "/", {"X-Consul-Token": " spaced "})).status == 200
        assert server.connections == 1, "for those none was opened"


async def test_a_kept_connection_that_has_ended_costs_nothing(tmp_path: Path) -> None:
    """The server has ended it just as it was to be used again: by that request nothing was answered."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(END)
        writer.write(PLAIN)
        await reader.readuntil(END)

    async with serving(tmp_path / "s", play) as (client, server):
        for _ in range(3):
            assert (await client.request("GET", "/", {})).body == b"{}"
        assert server.connections == 3


@pytest.mark.parametrize("word", [PLAIN, b"H", head(status="408 Request Timeout")])
async def test_what_is_said_on_an_idle_connection_is_not_taken_for_the_next_answer(
    tmp_path: Path, word: bytes
) -> None:
    said = asyncio.Event()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in itertools.count():
            line = await reader.readuntil(END)
            body = line.split()[1]
            writer.write(head(f"Content-Length: {len(body)}") + body)
            await writer.drain()
            if not number and not said.is_set():
                await go.wait()
                writer.write(word)
                await writer.drain()
                said.set()

    go = asyncio.Event()
    async with serving(tmp_path / "s", play) as (client, server):
        assert (await client.request("GET", "/one", {})).body == b"/one"
        go.set()
        await said.wait()
        # It has just been written, and this process has not looked at its sockets since.
        for path in ("/two", "/three"):
            assert (await client.request("GET", path, {})).body == path.encode()
        assert server.connections == 2


async def test_a_request_that_is_cancelled_takes_its_connection_with_it(tmp_path: Path) -> None:
    """Its answer would be taken for that of the next."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while b"/slow" not in await reader.readuntil(END):
            writer.write(PLAIN)
        await reader.read()

    async with serving(tmp_path / "s", play) as (client, server):
        await client.request("GET", "/", {})
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.request("GET", "/slow", {})
        await eventually(lambda: server.ended == 1, "its connection has ended")
        assert (await client.request("GET", "/", {})).body == b"{}"
        assert server.connections == 2


async def test_so_many_at_a_time_and_the_others_in_line(tmp_path: Path) -> None:
    go_on, waiting = asyncio.Event(), 0

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal waiting
        while True:
            await reader.readuntil(END)
            waiting += 1
            await go_on.wait()
            writer.write(PLAIN)

    async with serving(tmp_path / "s", play, limit=2) as (client, server), asyncio.TaskGroup() as tasks:
        for _ in range(5):
            tasks.create_task(client.request("GET", "/", {}))
        await eventually(lambda: waiting == 2, "two are asked")
        go_on.set()
        await eventually(lambda: waiting == 5, "and then the others")
        assert server.connections == 2


async def test_who_waits_when_it_is_closed_gets_no_answer(tmp_path: Path) -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while b"/slow" not in await reader.readuntil(END):
            writer.write(PLAIN)
        await reader.read()

    async with serving(tmp_path / "s", play) as (client, server):
        await client.request("GET", "/", {})
        asking = asyncio.get_running_loop().create_task(client.request("GET", "/slow", {}))
        await asyncio.sleep(0)
        await client.close()
        with pytest.raises(HttpFault):
            await asking
        assert server.connections == 1


async def test_where_nobody_listens_the_kernel_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await HttpClient(to_socket(str(tmp_path / "s")), "agent", 1).request("GET", "/", {})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for host in ("127.0.0.1", "localhost"):
        with pytest.raises(ConnectionRefusedError):
            await HttpClient(to_port(host, port), "agent", 1).request("GET", "/", {})


async def test_a_port_by_address_and_by_name() -> None:
    server = Server(answering(PLAIN))
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    for host in ("127.0.0.1", "localhost"):
        client = HttpClient(to_port(host, port), f"{host}:{port}", 1)
        assert (await client.request("GET", "/", {})).body == b"{}"
        await client.close()
    listening.close()


async def test_that_nothing_has_come_on_a_kept_connection_takes_no_turn_of_the_loop() -> None:
    ours, theirs = socket.socketpair()
    streams = await asyncio.open_unix_connection(sock=ours)
    with theirs:
        for _ in range(2):
            asking = http_client._is_silent(streams)
            with pytest.raises(StopIteration) as answer:
                asking.send(None)
            assert answer.value.value is True
        theirs.send(b"x")
        assert not await http_client._is_silent(streams)
    streams[1].close()


async def test_an_end_that_the_kernel_knows_is_seen_before_the_loop_was_told_of_it() -> None:
    ours, theirs = socket.socketpair()
    streams = await asyncio.open_unix_connection(sock=ours)
    theirs.close()
    assert not await http_client._is_silent(streams)
    streams[1].close()
    assert not await http_client._is_silent(streams), "one that is closed is no connection"
