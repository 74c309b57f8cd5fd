"""An HTTP server that nobody can use up: bounded connections, bounded requests, and a deadline for each step.

In: an application of aiohttp and the sockets that it is asked at. Out: its answers, to whom `http_door` lets in. A
connection costs a descriptor, and a monitor needs descriptors to see; so there are never more than a few, and whoever
holds one without being answered makes room for the next who comes: first who does not read what he was answered, and
last who does.
"""

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from typing import Any

from aiohttp import http_exceptions, web

from masakarimonitors.system.network.http_connection import Connection, Connections, Limits, Seen
from masakarimonitors.system.network.http_door import Asked, Refusal, names_of, refusal

LOG = logging.getLogger(__name__)

_BACKLOG = 64
"""Connections that wait in the kernel; none of them is a descriptor of ours."""

_NOT_HERE = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
"""A name may have addresses of a kind that this host has not."""

_ANSWER = 256 * 1024
"""Bytes of an answer that the kernel keeps for who has not read it yet: most answers are less, and whoever was given
all of his can be hung up on without losing it."""

_RETRY = 1.0
"""Seconds until the next try to take a connection for which there was no descriptor."""

_LINGER = 1.0
"""Seconds in which the rest of a body that was refused is read, so that its sender sees the refusal."""


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Refuse = Callable[[int, str], web.Response]
"""How a server words a refusal: a status and a sentence on why."""


def plainly(status: int, why: str) -> web.Response:
    """A refusal as one sentence of text."""
    return web.Response(text=why + "\n", status=status, headers={"X-Content-Type-Options": "nosniff"})


class HttpServer:
    """One server: `guard` is the first middleware of its application, `serve` serves it."""

    def __init__(
        self, *, limits: Limits, names: Collection[str], option: str, refuse: Refuse = plainly
    ) -> None:
        """`names`: what this host is called by those who ask, besides localhost; `option` is where they are set."""
        self._limits = limits
        self._names = names_of(names)
        self._option = option
        self._refuse = refuse
        self._connections = Connections(limits)

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._guard(request, handler)

        self.guard = guard

    @contextlib.asynccontextmanager
    async def serve(
        self, app: web.Application, listening: Sequence[socket.socket], *, patience: float
    ) -> AsyncIterator[None]:
        """Answer at `listening` while the block runs; they are closed with it.

        `patience`: seconds for what is being answered at the end.
        """
        runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=patience,
            keepalive_timeout=self._limits.idle,
            lingering_time=_LINGER,
            logger=_REQUESTS,
        )
        async with contextlib.AsyncExitStack() as stack:
            for one in listening:
                stack.callback(one.close)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            server = runner.server
            assert server is not None
            loop = asyncio.get_running_loop()
            accepting = [loop.create_task(self._accept(one, server)) for one in listening]
            try:
                yield
            finally:
                for task in accepting:
                    task.cancel()
                await asyncio.gather(*accepting, return_exceptions=True)

    async def _accept(self, listening: socket.socket, server: web.Server) -> None:
        """One after another: asyncio's own servers take a hundred at a time, and log each one that they cannot."""
        loop = asyncio.get_running_loop()
        told = False
        while True:
            try:
                caller, _ = await loop.sock_accept(listening)
            except ConnectionError:
                continue
            except OSError as fault:
                if not told:
                    LOG.warning(
                        "No connection can be taken at %s (%s): it is tried again each second",
                        listening.getsockname(),
                        fault,
                    )
                told = True
                await asyncio.sleep(_RETRY)
                continue
            told = False
            with contextlib.suppress(OSError):
                caller.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ANSWER)
            try:
                await loop.connect_accepted_socket(lambda: Connection(self._connections, server()), caller)
            except Exception:  # whatever one connection is in for, the next is taken
                LOG.exception("A connection could not be served")
                caller.close()

    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        transport = request.transport
        connection = self._connections.of(transport)
        if connection is None:  # it was hung up on meanwhile
            return plainly(400, "The connection is gone.")
        try:
            no = self._why_not(request) or await self._body(request)
            if no is not None:
                answer = self._refuse(no.status, no.why)
                answer.force_close()
                return answer
            connection.see(Seen.ASKED)
            return await handler(request)
        finally:
            connection.see(Seen.ANSWERED)

    def _why_not(self, request: web.Request) -> Refusal | None:
        transport = request.transport
        own = transport.get_extra_info("sockname") if transport else None
        if not isinstance(own, tuple):
            return None  # a unix socket: whoever may open its path, and no browser
        headers = request.headers
        asked = Asked(
            method=request.method,
            at=own[0],
            hosts=headers.getall("Host", ()),
            old=request.version < (1, 1),
            origins=headers.getall("Origin", ()),
            site=headers.get("Sec-Fetch-Site", ""),
            mode=headers.get("Sec-Fetch-Mode", ""),
            destination=headers.get("Sec-Fetch-Dest", ""),
        )
        return refusal(asked, self._names, self._option)

    async def _body(self, request: web.Request) -> Refusal | None:
        """Read it whole; those who answer find it in the request."""
        too_large = Refusal(413, f"The body is larger than {self._limits.body} bytes.")
        if (request.content_length or 0) > self._limits.body:
            return too_large
        try:
            await request.read()
        except web.HTTPRequestEntityTooLarge:
            return too_large
        except (OSError, web.RequestPayloadError, EOFError):
            return Refusal(400, "The body is not what the head of the request says.")
        return None


async def listen(host: str, port: int) -> Sequence[socket.socket]:
    """Sockets that listen at each address of `host`; port 0 takes a free one. Raises OSError, OverflowError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    bound: list[socket.socket] = []
    fault: OSError | None = None
    for family, kind, protocol, _, address in dict.fromkeys(found):
        try:
            bound.append(_bound(family, kind, protocol, address))
        except OSError as error:
            fault = error
            if error.errno not in _NOT_HERE:
                break
    if fault is not None and (not bound or fault.errno not in _NOT_HERE):
        for one in bound:
            one.close()
        raise fault
    return bound


def _bound(family: int, kind: int, protocol: int, address: Any) -> socket.socket:
    one = socket.socket(family, kind | socket.SOCK_NONBLOCK, protocol)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(address)
        one.listen(_BACKLOG)
    except BaseException:
        one.close()
        raise
    return one


def url_of(listening: socket.socket) -> str:
    """Where it is asked, as a browser wants it, without a slash at the end."""
    name, port, *_ = listening.getsockname()
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def _is_ours(record: logging.LogRecord) -> bool:
    """What a stranger sends that is no HTTP is answered with 400, and no line of ours."""
    exception = record.exc_info[1] if record.exc_info else None
    return not isinstance(exception, (http_exceptions.HttpProcessingError, web.RequestPayloadError))


_REQUESTS = logging.getLogger(f"{__name__}.requests")
_REQUESTS.addFilter(_is_ours)
