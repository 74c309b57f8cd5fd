"""A small client of HTTP/1.1 for one server that is asked all day: an agent on this host, through TCP, TLS or a socket.

In: where it listens, and requests. Out: whole answers. Connections are kept and used again; a request ends when its
task is cancelled, and takes its connection with it. The protocol is h11's; only what such a server sends is taken (no
redirects, no compression, no other protocol): anything else is an `HttpFault`, never half an answer. A client for the
whole web would take five times the memory of this one's own process.
"""

import asyncio
import functools
import ipaddress
import re
import select
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import h11

LARGEST = 1 << 28
"""Bytes of one body; the lists of 10,000 hosts are some 5 MB."""
_BUFFER = 1 << 18
"""Bytes that are read at once, and the most that the head of an answer may have."""
_BODILESS = (204, 304)
_VERSIONS = (b"1.0", b"1.1")
_PLAIN_HEAD = re.compile(
    rb"HTTP/1\.1 [2-5][0-9]{2} [\t -~]*(?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~]*)+", re.ASCII
)
_NOT_PLAIN = frozenset({"connection", "content-encoding", "transfer-encoding"})

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Streams]]
_Part = h11.Request | h11.Data | h11.EndOfMessage


class HttpFault(Exception):
    """What came is no whole answer of HTTP/1.1: the connection broke, or something else speaks there."""


@dataclass(frozen=True, slots=True)
class Response:
    """One whole answer; the names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request in the parts that h11 writes, and what it has written of them.

    `goes_on`: it asks neither to end the connection nor for another protocol, and its answer has the body that it says.
    """

    parts: tuple[_Part, ...]
    written: bytes
    goes_on: bool


def read_plain(came: bytes, largest: int) -> Response | None:
    """The answer, if these bytes are a whole one of the plainest kind and nothing else: what an agent sends nearly
    always, and h11 takes ten times as long to read. None for any other, be it a right one.

    That kind is of HTTP/1.1, of printable characters, with the one length that it has, and of no other encoding; it
    says nothing of its connection, which goes on.
    """
    end = came.find(b"\r\n\r\n")
    if end < 0 or not _PLAIN_HEAD.fullmatch(came, 0, end):
        return None
    first, *lines = came[:end].decode("ascii").split("\r\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        name = name.lower()
        if name in _NOT_PLAIN or (name == "content-length" and name in headers):
            return None
        headers[name] = value.strip(" \t")
    status, body = int(first[9:12]), came[end + 4 :]
    if status in _BODILESS or len(body) > largest or headers.get("content-length") != str(len(body)):
        return None
    return Response(status, headers, body)


def to_socket(path: str) -> Connect:
    """Connections to a unix socket; each raises OSError."""

    async def connect() -> Streams:
        return await asyncio.open_unix_connection(path, limit=_BUFFER)

    return connect


def to_port(host: str, port: int, tls: ssl.SSLContext | None = None, server_name: str = "") -> Connect:
    """Connections to a port, encrypted if there is `tls`; `server_name`: for whom its certificate must be.

    Each tries all addresses of a name, one after another, and raises the OSError of one: that nobody listens there only
    if all refuse it.
    """

    async def connect() -> Streams:
        faults: list[OSError] = []
        for place in await _places(host, port):
            try:
                return await asyncio.open_connection(
                    place,
                    port,
                    limit=_BUFFER,
                    ssl=tls,
                    server_hostname=(server_name or host) if tls is not None else None,
                )
            except OSError as fault:
                faults.append(fault)
        raise next((one for one in faults if not isinstance(one, ConnectionRefusedError)), faults[0])

    return connect


async def _places(host: str, port: int) -> list[str]:
    """The addresses of a name; an address is its own, and nobody is asked for it."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(one[4][0]) for one in found))
    return [host]


class HttpClient:
    """At most `limit` requests at a time, each on a connection of its own; more wait in line."""

    def __init__(
        self, connect: Connect, authority: str, limit: int, largest: int = LARGEST, *, packed: bool = False
    ) -> None:
        """Nothing is opened yet. `authority`: what requests name as their Host; `largest`: bytes of one answer.

        `packed`: one that is encoded is handed on as it is, for its reader to unpack, and not refused.
        """
        self._largest = largest
        self._packed = packed
        self._connect = connect
        self._authority = authority
        self._free = asyncio.Semaphore(limit)
        self._idle: list[Streams] = []
        self._open: set[asyncio.StreamWriter] = set()
        self._closed = False
        # Most of what such a server is asked is the same every few seconds.
        self._bodiless = functools.lru_cache(maxsize=16)(_written)

    async def request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Response:
        """Ask for `target` (path and query, quoted); raises HttpFault, or the OSError of a connection.

        The method must be one that may be repeated (GET, PUT, DELETE): one whose kept connection has ended before it
        was answered at all is asked again on a new one.
        """
        fields = (("Host", self._authority), *headers.items())
        # Without a body there is nothing to keep; a GET with an empty one says so.
        bodiless = body is None or (not body and method != "GET")
        asked = (self._bodiless if bodiless else _written)(method, target, fields, None if bodiless else body)
        async with self._free:
            while (kept := await self._kept()) is not None:
                found = await self._ask(kept, asked, is_new=False)
                if found is not None:
                    return found
            if self._closed:
                raise HttpFault("this client is closed")
            reader, writer = await self._connect()
            self._open.add(writer)
            found = await self._ask((reader, writer), asked, is_new=True)
            assert found is not None
            return found

    async def close(self) -> None:
        """End every connection, for good; whoever waits for an answer gets none."""
        self._closed = True
        for writer in tuple(self._open):
            self._drop(writer)
        self._idle.clear()

    async def _kept(self) -> Streams | None:
        """An idle connection on which the server has said nothing, as far as has come here."""
        while self._idle:
            reader, writer = self._idle.pop()
            fit = False
            try:
                # Whatever it said was for nobody: an end, or what would be taken for the answer to this request.
                fit = await _is_silent((reader, writer))
            finally:
                if not fit:
                    self._drop(writer)
            if fit:
                return reader, writer
        return None

    async def _ask(self, streams: Streams, asked: _Asked, *, is_new: bool) -> Response | None:
        """One request; None: the kept connection has ended without a byte of an answer."""
        reader, writer = streams
        whole = False
        try:
            writer.write(asked.written)
            await writer.drain()
            first = await reader.read(_BUFFER)
            if not first:
                if is_new:
                    raise HttpFault("the connection ended before the answer did")
                return None
            response = read_plain(first, self._largest) if asked.goes_on else None
            whole = response is not None
            if response is None:
                exchange = _begun(asked.parts)[0]
                response = await _read(first, reader, exchange, self._largest, packed=self._packed)
                whole = _is_reusable(exchange)
            return response
        except ConnectionError:
            if is_new:
                raise
        finally:
            if whole and writer in self._open:
                self._idle.append(streams)
            else:
                self._drop(writer)
        return None

    def _drop(self, writer: asyncio.StreamWriter) -> None:
        self._open.discard(writer)
        writer.transport.abort()


async def _is_silent(streams: Streams) -> bool:
    """Whether neither a byte nor an end has come."""
    reader, writer = streams
    if _has_come(writer):
        # What the kernel has, as after a standstill of this process, is read in one turn of the loop and told of in the
        # next.
        for _ in range(2):
            await asyncio.sleep(0)
    reading = reader.read(1)
    try:
        reading.send(None)  # no turn of the loop is taken: it waits, or has what is there
    except (StopIteration, OSError):
        return False
    finally:
        reading.close()
    return not writer.is_closing()


def _has_come(writer: asyncio.StreamWriter) -> bool:
    """Whether the kernel has anything for this connection that the loop has not read yet."""
    pipe = writer.get_extra_info("socket")
    if pipe is None or pipe.fileno() < 0:  # closed
        return True
    look = select.poll()
    look.register(pipe, select.POLLIN)
    return bool(look.poll(0))


def _written(
    method: str, target: str, headers: tuple[tuple[str, str], ...], body: bytes | None = None
) -> _Asked:
    """What is asked, as it is written; headers are not shown in what is raised: one may be a secret."""
    fields = [(name.encode(), value.strip(" \t").encode()) for name, value in headers]
    if body is not None or method != "GET":
        fields.append((b"Content-Length", str(len(body or b"")).encode()))
    try:
        head = h11.Request(method=method.encode(), target=target.encode(), headers=fields)
    except h11.LocalProtocolError:
        raise HttpFault(
            "a request cannot carry a line break, nor what else HTTP forbids in its head"
        ) from None
    parts: tuple[_Part, ...] = (head, h11.EndOfMessage())
    if body:
        parts = (head, h11.Data(data=body), h11.EndOfMessage())
    exchange, written = _begun(parts)
    return _Asked(parts, written, exchange.our_state is h11.DONE and method not in ("HEAD", "CONNECT"))


def _begun(parts: tuple[_Part, ...]) -> tuple[h11.Connection, bytes]:
    """An exchange in which so much was sent, and what that is as bytes."""
    exchange = h11.Connection(h11.CLIENT, max_incomplete_event_size=_BUFFER)
    return exchange, b"".join(exchange.send(part) or b"" for part in parts)


def _is_reusable(exchange: h11.Connection) -> bool:
    """Whether both have said all and want to go on; bytes that follow an answer would be taken for the next."""
    done = exchange.our_state is h11.DONE and exchange.their_state is h11.DONE
    return done and exchange.trailing_data == (b"", False)


async def _read(
    first: bytes, reader: asyncio.StreamReader, exchange: h11.Connection, largest: int, *, packed: bool
) -> Response:
    """One answer of so many bytes at most, of which those came first."""
    exchange.receive_data(first)
    head = await _next(reader, exchange)
    while isinstance(head, h11.InformationalResponse):
        head = await _next(reader, exchange)
    assert isinstance(head, h11.Response)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
    _check_head(head, headers, largest, packed=packed)
    # Joined once, at the end: a list that grows in one buffer is copied again and again.
    parts, length = list[bytes](), 0
    while isinstance(event := await _next(reader, exchange), h11.Data):
        parts.append(event.data)
        length += len(event.data)
        if length > largest:
            raise _too_large(largest)
    return Response(head.status_code, headers, b"".join(parts))


async def _next(reader: asyncio.StreamReader, exchange: h11.Connection) -> object:
    """The next event of an answer. h11 is given all that has come at once: it is slow by the piece, not by the byte."""
    try:
        while (event := exchange.next_event()) is h11.NEED_DATA:
            exchange.receive_data(await reader.read(_BUFFER))
    except h11.RemoteProtocolError as fault:
        _, ended = exchange.trailing_data
        if ended:
            raise HttpFault("the connection ended in the middle of an answer") from fault
        raise HttpFault(f"it does not speak HTTP/1.1: {str(fault)[:100]}") from fault
    return event


def _check_head(head: h11.Response, headers: Mapping[str, str], largest: int, *, packed: bool) -> None:
    """Refuse at once what will not be read to its end; h11 has made sure that a length is one."""
    if head.http_version not in _VERSIONS:
        raise HttpFault(f"it does not speak HTTP/1.1 but {head.http_version.decode()}")
    if head.status_code in _BODILESS:
        return
    if not packed and headers.get("content-encoding", "identity") != "identity":
        raise HttpFault("it answers in an encoding that was not asked for")
    if int(headers.get("content-length", 0)) > largest:
        raise _too_large(largest)


def _too_large(largest: int) -> HttpFault:
    return HttpFault(f"it sends more than {largest >> 20} MiB")
