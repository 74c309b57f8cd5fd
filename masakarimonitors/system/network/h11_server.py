"""A small server of HTTP/1.1 for who only looks: the protocol is h11's, and a process pays a megabyte for it.

In: what to answer at each path, and the sockets that it is asked at. Out: its answers, to whom `http_door` lets in. As
with `http_server`, nobody can use it up: connections are few and bounded (`http_connection`), a request has no use for
a body, and whoever does not read an answer that goes on and on is hung up on.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit

import h11

from masakarimonitors.system.network.accepting import accepting
from masakarimonitors.system.network.http_connection import Connection, Connections, Limits, Seen
from masakarimonitors.system.network.http_door import Asked, Refusal, names_of, refusal

LOG = logging.getLogger(__name__)

_HEAD = 16 * 1024
"""Bytes of a request's head."""

_LINGER = 1.0
"""Seconds in which the rest of a request that was refused is read, so that its sender sees the refusal."""

_UNTAKEN = 15.0
"""Seconds for which who reads an answer without end may take nothing of it."""

_BUFFERED = 128 * 1024
"""Bytes of such an answer that wait to be taken, before the next part is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked: the path is decoded, of what the query says twice the last counts, headers are in lower case."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is answered: `body`, or `parts` one after another until they end or the reader is gone."""

    status: int = 200
    body: bytes = b""
    type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    parts: AsyncGenerator[bytes, None] | None = None


Handler = Callable[[Request], Awaitable[Answer]]

PLAIN = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""Headers of whatever is no page."""


def in_words(status: int, why: str) -> Answer:
    """One sentence as text; half a character, as of a file's odd name, is written out."""
    return Answer(status=status, body=f"{why}\n".encode("utf-8", "backslashreplace"), headers=PLAIN)


class H11Server:
    """One server; `serve` serves it."""

    def __init__(
        self, routes: Mapping[str, Handler], *, limits: Limits, names: Collection[str], option: str
    ) -> None:
        """`names`: what this host is called by those who ask, besides localhost; `option` is where they are set."""
        self._routes = routes
        self._names = names_of(names)
        self._option = option
        self.connections = Connections(limits)

    @contextlib.asynccontextmanager
    async def serve(self, listening: Sequence[socket.socket]) -> AsyncIterator[None]:
        """Answer at `listening` while the block runs; they are closed with it, and so is each connection."""
        exchanges: set[_Exchange] = set()

        def make() -> asyncio.BaseProtocol:
            exchange = _Exchange(self, exchanges)
            return Connection(self.connections, exchange)

        try:
            async with accepting(listening, make):
                yield
        finally:
            for one in listening:
                one.close()
            for exchange in list(exchanges):
                exchange.abort()

    async def answer(self, request: Request, head: h11.Request, at: object) -> Answer:
        """What is answered to this request, which came to the address `at`; never raises."""
        no = self._why_not(head, at)
        if no is not None:
            return in_words(no.status, no.why)
        handler = self._routes.get(request.path)
        if handler is None:
            there = ", ".join(self._routes)
            return in_words(HTTPStatus.NOT_FOUND, f"There is nothing here but {there}.")
        if request.method not in ("GET", "HEAD"):
            return in_words(HTTPStatus.METHOD_NOT_ALLOWED, "This is for looking only: ask by GET or HEAD.")
        try:
            return await handler(request)
        except Exception as fault:  # a fault of ours; whoever asks is told that, and others are answered
            LOG.exception("%s could not be answered, by a fault of this program", request.path)
            words = f"A fault of this program ({type(fault).__name__}: {fault}). Report it with the log."
            return in_words(HTTPStatus.INTERNAL_SERVER_ERROR, " ".join(words.split()))

    def _why_not(self, head: h11.Request, at: object) -> Refusal | None:
        if not isinstance(at, tuple):
            return None  # a unix socket: whoever may open its path, and no browser
        told: dict[str, list[str]] = {}
        for name, value in head.headers:
            told.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
        asked = Asked(
            method=head.method.decode("latin-1"),
            at=at[0],
            hosts=told.get("host", []),
            old=head.http_version < b"1.1",
            origins=told.get("origin", []),
            site=told.get("sec-fetch-site", [""])[-1],
            mode=told.get("sec-fetch-mode", [""])[-1],
            destination=told.get("sec-fetch-dest", [""])[-1],
        )
        return refusal(asked, self._names, self._option)


class _Exchange(asyncio.Protocol):
    """What is said on one connection, request by request; `Connection` says how long it may take."""

    def __init__(self, server: H11Server, siblings: "set[_Exchange]") -> None:
        self._server = server
        self._siblings = siblings
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD)
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._head: h11.Request | None = None
        self._body = 0
        self._over = False
        """Nothing more is read: it ends when what was answered is written."""
        self._endless = False
        """An answer without end is being given."""
        self._takes = asyncio.Event()
        self._takes.set()

    # -- what the socket does -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._siblings.add(self)

    def data_received(self, data: bytes) -> None:
        if not self._over:
            with contextlib.suppress(h11.RemoteProtocolError):  # after the end: it is over
                self._h11.receive_data(data)
            self._go_on()

    def eof_received(self) -> bool:
        """Who has nothing more to say may still read the answer, unless that has no end."""
        if self._endless:
            self.abort()
        elif not self._over and self._h11.their_state is not h11.ERROR:
            with contextlib.suppress(h11.RemoteProtocolError):
                self._h11.receive_data(b"")
            self._go_on()
        elif self._task is None:
            self._close()
        return True

    def pause_writing(self) -> None:
        self._takes.clear()

    def resume_writing(self) -> None:
        self._takes.set()
        self._go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        self._siblings.discard(self)
        self._over = True
        if self._task is not None:
            self._task.cancel()

    def abort(self) -> None:
        """End it now."""
        if self._transport is not None:
            self._transport.abort()

    # -- what was asked -----------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Take what has come, up to the end of a request; the next is looked at when that is answered, and enough of
        the answer taken: who asks for a thousand at once and reads none would have all of them kept here.
        """
        while not self._over and self._task is None and self._takes.is_set():
            try:
                event = self._h11.next_event()
                if self._h11.they_are_waiting_for_100_continue:
                    self._write(self._h11.send(h11.InformationalResponse(status_code=100, headers=[])))
            except h11.RemoteProtocolError as fault:
                self._refuse(fault.error_status_hint, f"This is no request of HTTP/1.1 ({fault}).")
                return
            match event:
                case h11.Request():
                    self._head, self._body = event, 0
                case h11.Data():
                    self._body += len(event.data)
                    if self._body > self._server.connections.limits.body:
                        most = self._server.connections.limits.body
                        self._refuse(
                            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body is larger than {most} bytes."
                        )
                        return
                case h11.EndOfMessage():
                    assert self._head is not None
                    self._task = asyncio.get_running_loop().create_task(self._answer(self._head))
                case h11.ConnectionClosed():
                    self._over = True
                    self._close()
                case _:
                    return

    async def _answer(self, head: h11.Request) -> None:
        transport, server = self._transport, self._server
        assert transport is not None
        connection = server.connections.of(transport)
        if connection is not None:
            connection.see(Seen.ASKED)
        try:
            answer = await server.answer(_request(head), head, transport.get_extra_info("sockname"))
            await self._send(answer, with_body=head.method != b"HEAD")
        except (h11.LocalProtocolError, TimeoutError):
            self.abort()
            return
        except Exception:  # in the middle of an answer nothing can be said any more
            LOG.exception("What is told at %s has broken off, by a fault of this program", head.target)
            self.abort()
            return
        finally:
            self._task = None
            if connection is not None:
                connection.see(Seen.ANSWERED)
        if self._over or self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
            self._over = True
            self._close()
            return
        self._h11.start_next_cycle()
        self._go_on()

    async def _send(self, answer: Answer, *, with_body: bool) -> None:
        headers = [("Content-Type", answer.type), *answer.headers.items()]
        if answer.parts is None:
            headers.append(("Content-Length", str(len(answer.body))))
        else:
            headers.append(("Connection", "close"))
        head = h11.Response(
            status_code=answer.status, headers=headers, reason=HTTPStatus(answer.status).phrase.encode()
        )
        said = self._h11.send(head) or b""
        if not with_body or answer.parts is None:
            if with_body and answer.body:
                said += self._h11.send(h11.Data(data=answer.body)) or b""
            self._write(said + (self._h11.send(h11.EndOfMessage()) or b""))
            return
        assert self._transport is not None
        self._endless = True
        self._transport.set_write_buffer_limits(_BUFFERED)
        self._write(said)
        async with contextlib.aclosing(answer.parts) as parts:
            async for part in parts:
                self._write(self._h11.send(h11.Data(data=part)))
                async with asyncio.timeout(_UNTAKEN):
                    await self._takes.wait()
        self._write(self._h11.send(h11.EndOfMessage()))

    # -- what is answered ---------------------------------------------------------------------------

    def _write(self, data: bytes | None) -> None:
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _refuse(self, status: int, why: str) -> None:
        """Say no before the request was here whole, and read what is left of it for a moment."""
        self._over = True
        answer = in_words(status, why)
        with contextlib.suppress(h11.LocalProtocolError):
            headers = [
                ("Content-Type", answer.type),
                ("Content-Length", str(len(answer.body))),
                ("Connection", "close"),
                *PLAIN.items(),
            ]
            phrase = HTTPStatus(status).phrase.encode()
            self._write(self._h11.send(h11.Response(status_code=status, headers=headers, reason=phrase)))
            self._write(self._h11.send(h11.Data(data=answer.body)))
            self._write(self._h11.send(h11.EndOfMessage()))
        asyncio.get_running_loop().call_later(_LINGER, self._close)

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _request(head: h11.Request) -> Request:
    target = head.target.decode("latin-1")
    try:
        split = urlsplit(target)
        path, query = unquote(split.path), dict(parse_qsl(split.query, keep_blank_values=True))
    except ValueError:  # no address at all: there is nothing at it
        path, query = target, {}
    return Request(
        method=head.method.decode("latin-1"),
        path=path,
        query=query,
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers},
    )
