"""A small TCP proxy in front of masakari-api that loses requests or answers when a test says so."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Self
from urllib.parse import urlsplit

from tests.fixtures.waiting import eventually


class Proxy:
    """Forwards connections to `endpoint`; the next `lose_requests` and `lose_answers` exchanges break.

    A lost request never reaches the API; a lost answer means that the API has acted. Both end the
    connection, as a network or a dying process would: at once, or when `lost_when` says that it is time.
    """

    def __init__(self, endpoint: str, tls: ssl.SSLContext | None = None) -> None:
        """Listens when entered; with `tls` it is what clients speak to it."""
        self._target = urlsplit(endpoint)
        self._tls = tls
        self.lose_requests = 0
        self.lose_answers = 0
        self.lost_when: Callable[[], bool] = lambda: True
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._exchange, "127.0.0.1", 0, ssl=self._tls)
        return self

    async def __aexit__(self, *error: object) -> None:
        """Stop listening."""
        assert self._server is not None
        self._server.close()

    @property
    def endpoint(self) -> str:
        """The API's endpoint by way of this proxy."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{port}{self._target.path}"

    async def _exchange(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        """One request and its answer; the connection is not kept."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(answer):
            request = await _message(client)
            if self.lose_requests:
                self.lose_requests -= 1
                return
            upstream, there = await asyncio.open_connection(self._target.hostname, self._target.port)
            with contextlib.closing(there):
                there.write(request)
                reply = await _message(upstream)
            if self.lose_answers:
                self.lose_answers -= 1
                await eventually(self.lost_when, "the moment at which an answer is to be lost")
                return
            head, _, body = reply.partition(b"\r\n\r\n")
            lines = [x for x in head.split(b"\r\n") if not x.lower().startswith(b"connection:")]
            answer.write(b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n" + body)
            await answer.drain()


async def _message(stream: asyncio.StreamReader) -> bytes:
    """One HTTP message with a Content-Length."""
    head = await stream.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    return head + await stream.readexactly(length)
