"""One Consul agent over HTTP: how it is addressed, how it is asked, what its refusals mean.

In: an address as an operator writes it, and requests. Out: answers with Consul's index, or an
`AgentFault` whose text an operator can act on. Knows nothing of hosts and judges nothing.
"""

import asyncio
import functools
import ipaddress
import json
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp

Params = Mapping[str, str | int]
_NO_PARAMS: Params = {}


class AgentFault(Exception):
    """The agent did not answer as asked; the text says what was seen and what it means."""


class Unreachable(AgentFault):
    """No answer at all: refused, cut, or not within the time."""


class NoLeader(AgentFault):
    """The agent answers, its datacentre does not (HTTP 500: no leader, or servers out of reach)."""


class Forbidden(AgentFault):
    """The token is not known or not allowed to (HTTP 401, 403)."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where an agent listens: `url` (scheme and authority), or the path of a unix socket."""

    url: str
    socket: str | None = None

    @property
    def secure(self) -> bool:
        """Whether the way there is encrypted."""
        return self.url.startswith("https://")

    def __str__(self) -> str:
        """As an operator would write it."""
        return f"unix://{self.socket}" if self.socket else self.url


def parse_address(text: str, *, secure: bool = False) -> Address:
    """Read `host:port`, `[v6]:port`, `http(s)://host:port` or `unix:///path`.

    `secure`: without a scheme, https is meant (CONSUL_HTTP_SSL). Raises ValueError that says which
    part is wrong.
    """
    text = text.strip()
    if text.startswith("unix:"):
        path = text.removeprefix("unix:").removeprefix("//")
        if not path.startswith("/"):
            raise ValueError("after unix:// the socket's absolute path is expected")
        return Address("http://localhost", path)
    if "://" not in text:
        text = f"{'https' if secure else 'http'}://{text}"
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"{parts.scheme}:// is not understood: http, https and unix are")
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username:
        raise ValueError("nothing may follow the port")
    try:
        port = parts.port
    except ValueError as fault:
        raise ValueError(
            "the port is not a number from 0 to 65535; an IPv6 address needs [brackets]"
        ) from fault
    host = parts.hostname or ""
    if not host:
        raise ValueError("the host is missing")
    if ":" in host:
        ipaddress.IPv6Address(host.split("%")[0])
        host = f"[{host}]"
    if port is None:
        # Consul's own default of its HTTP interface.
        port = 8501 if parts.scheme == "https" else 8500
    return Address(f"{parts.scheme}://{host}:{port}")


@dataclass(frozen=True, slots=True)
class Access:
    """How one agent is spoken to. File options name PEM files; `token_file` wins over `token`."""

    address: Address
    token: str = field(default="", repr=False)
    token_file: str = ""
    cafile: str = ""
    capath: str = ""
    certfile: str = ""
    keyfile: str = ""
    verify: bool = True
    server_name: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer: its body as it came, and Consul's index (0: none was sent)."""

    body: bytes
    index: int
    status: int = 200

    def json(self) -> Any:
        """The body, parsed. Raises AgentFault when it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError as fault:
            raise AgentFault(
                f"the answer is no JSON ({self.body[:60]!r}): is this a Consul agent?"
            ) from fault


class Agent:
    """A client of one agent; `async with` it. Safe to use from several tasks of one loop."""

    def __init__(self, access: Access) -> None:
        """Nothing is opened before the first request."""
        self._access = access
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the pool of connections. Raises AgentFault when a TLS file cannot be used."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every connection: a blocking query that still waits ends with them."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def get(
        self, path: str, timeout: float, params: Params = _NO_PARAMS, *, accept: int = 200
    ) -> Answer:
        """GET `path`; raises AgentFault, always within `timeout` seconds. `accept`: a further good status."""
        return await self._ask("GET", path, timeout, params, None, accept)

    async def put(
        self, path: str, timeout: float, body: bytes = b"", params: Params = _NO_PARAMS, *, accept: int = 200
    ) -> Answer:
        """PUT `body` to `path`; raises AgentFault, always within `timeout` seconds."""
        return await self._ask("PUT", path, timeout, params, body, accept)

    async def delete(self, path: str, timeout: float) -> Answer:
        """DELETE `path`; raises AgentFault, always within `timeout` seconds."""
        return await self._ask("DELETE", path, timeout, _NO_PARAMS, None, 200)

    async def _ask(
        self,
        method: str,
        path: str,
        timeout: float,
        params: Params,
        body: bytes | None,
        accept: int,
    ) -> Answer:
        where = self._access.address
        try:
            # One limit for everything (connecting, waiting, reading): a cut network answers nothing at all.
            async with asyncio.timeout(timeout):
                options: dict[str, Any] = {}
                if self._access.server_name:
                    options["server_hostname"] = self._access.server_name
                async with self._pool().request(
                    method, where.url + path, params=params, data=body, headers=self._headers(), **options
                ) as response:
                    content = await response.read()
                    status, headers = response.status, response.headers
        except TimeoutError:
            raise Unreachable(f"the agent {where} gave no answer within {timeout:.0f} s") from None
        except aiohttp.ClientConnectorCertificateError as fault:
            raise Unreachable(f"the certificate of {where} is not trusted ({fault}): check cafile") from fault
        except (aiohttp.ClientError, OSError) as fault:
            raise Unreachable(
                f"the agent {where} cannot be reached ({fault or type(fault).__name__})"
            ) from fault
        if status not in (200, accept):
            raise _refusal(where, status, content)
        try:
            index = int(headers.get("X-Consul-Index", 0))
        except ValueError:
            index = 0
        return Answer(content, index, status)

    def _pool(self) -> aiohttp.ClientSession:
        if self._session is None:
            # Two blocking queries, a probe, a look at the members and the office's own: never more than ten.
            connector: aiohttp.BaseConnector
            if self._access.address.socket:
                connector = aiohttp.UnixConnector(self._access.address.socket, limit=10)
            else:
                connector = aiohttp.TCPConnector(limit=10, ssl=self._tls())
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=aiohttp.ClientTimeout(total=None), read_bufsize=2**18
            )
        return self._session

    def _tls(self) -> ssl.SSLContext | bool:
        access = self._access
        if not access.address.secure:
            return True
        try:
            context = ssl.create_default_context(cafile=access.cafile or None, capath=access.capath or None)
            if access.certfile:
                context.load_cert_chain(access.certfile, access.keyfile or None)
        except OSError as fault:
            raise Unreachable(f"the TLS files for {access.address} cannot be used: {fault}") from fault
        if not access.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _headers(self) -> Mapping[str, str]:
        token = self._access.token
        if self._access.token_file:
            token = _token_in(self._access.token_file)
        return {"X-Consul-Token": token} if token else {}


def _token_in(path: str) -> str:
    """The token in the file, read again whenever the file changes: tokens are rotated."""
    try:
        return _read_token(path, os.stat(path).st_mtime_ns)
    except OSError as fault:
        raise Forbidden(f"the token file {path} cannot be read: {fault.strerror}") from fault


@functools.lru_cache(maxsize=16)
def _read_token(path: str, changed: int) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def _refusal(where: Address, status: int, content: bytes) -> AgentFault:
    text = content[:200].decode("utf-8", "replace").strip()
    if status in (401, 403):
        return Forbidden(f"{where} refuses the token: {status} {text}")
    if status >= 500 or status == 429:
        return NoLeader(f"{where} has no word of its datacentre: {status} {text}")
    return AgentFault(f"{where} answers {status} {text}")
