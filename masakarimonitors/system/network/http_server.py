"""An HTTP server that nobody can use up: bounded connections, bounded requests, and a deadline for each step.

In: an application of aiohttp and the sockets that it is asked at. Out: its answers, to whom `http_door` lets in. A
connection costs a descriptor, and a monitor needs descriptors to see; so there are never more than a few, and whoever
holds one without being answered makes room for the next who comes: first who does not read what he was answered, and
last who does.
"""

import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence

from aiohttp import http_exceptions, web

from masakarimonitors.system.network.accepting import accepting
from masakarimonitors.system.network.http_connection import Connection, Connections, Limits, Seen
from masakarimonitors.system.network.http_door import Asked, Refusal, names_of, refusal

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
            async with accepting(listening, lambda: Connection(self._connections, server())):
                yield

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


def _is_ours(record: logging.LogRecord) -> bool:
    """What a stranger sends that is no HTTP is answered with 400, and no line of ours."""
    exception = record.exc_info[1] if record.exc_info else None
    return not isinstance(exception, (http_exceptions.HttpProcessingError, web.RequestPayloadError))


_REQUESTS = logging.getLogger(f"{__name__}.requests")
_REQUESTS.addFilter(_is_ours)
