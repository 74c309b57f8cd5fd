"""One Consul agent over HTTP: how it is addressed, how it is asked, what its refusals mean.

In: an address as an operator writes it, and requests. Out: answers with Consul's index, or an
`AgentFault` whose text an operator can act on. Knows nothing of hosts and judges nothing.
"""

import asyncio
import functools
import ipaddress
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote, urlencode, urlsplit

from masakarimonitors.core.outside import read_json
from masakarimonitors.system.files.operators_file import Unreadable, read_aside
from masakarimonitors.system.network.http_client import LARGEST, HttpClient, HttpFault, to_port, to_socket

Params = Mapping[str, str | int]
_NO_PARAMS: Params = {}
LEADERS: Mapping[str, str] = {"leader": ""}
"""Asks for the leader's own word. That is the default of a read, unless the agent is configured otherwise
(`discovery_max_stale`): then any server answers, and one that has lost its leader goes on saying what was."""
_PORTS = _HTTP, _HTTPS = 8500, 8501
"""Consul's own defaults of its two interfaces."""


class AgentFault(Exception):
    """The agent did not answer as asked; the text says what was seen and what it means."""


class Unreachable(AgentFault):
    """No answer at all: refused, cut, or not within the time."""


class NotThere(Unreachable):
    """Nobody listens there: the agent has ended. A connection that breaks is no such proof."""


class NoLeader(AgentFault):
    """The agent answers, its datacentre does not (HTTP 500: no leader, or servers out of reach)."""


class NotTheLeaders(NoLeader):
    """The agent answers by a server's own copy, of which nobody knows how old it is."""


class Forbidden(AgentFault):
    """The token is not known or not allowed to (HTTP 401, 403)."""


def first_fault(group: BaseExceptionGroup[AgentFault]) -> AgentFault:
    """One of the faults that ended a group of tasks: the others followed from it, or say the same."""
    one: BaseException = group
    while isinstance(one, BaseExceptionGroup):
        one = one.exceptions[0]
    assert isinstance(one, AgentFault)
    return one


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

    An IPv6 address needs no brackets where it can be told from a port. `secure`: without a scheme, https is meant
    (CONSUL_HTTP_SSL). Raises ValueError that says which part is wrong.
    """
    text = text.strip()
    if text.startswith("unix:"):
        path = text.removeprefix("unix:").removeprefix("//")
        if not path.startswith("/"):
            raise ValueError("after unix:// the socket's absolute path is expected")
        return Address("http://localhost", path)
    if "://" not in text:
        text = f"{'https' if secure else 'http'}://{text}"
    scheme, _, rest = text.partition("://")
    parts = urlsplit(f"{scheme}://{_bracketed(rest)}")
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
        # One spelling for each address: two of them would pass for two agents.
        plain, _, zone = host.partition("%")
        host = f"[{ipaddress.IPv6Address(plain)}{f'%{zone}' if zone else ''}]"
    if port is None:
        port = _HTTPS if parts.scheme == "https" else _HTTP
    return Address(f"{parts.scheme}://{host}:{port}")


def _bracketed(text: str) -> str:
    """An IPv6 address that was written without brackets, with them; anything else as it is.

    `fd00::1:8500` is an address, too, but Consul's own ports are not written into addresses. What else could be both
    raises ValueError with the two spellings.
    """
    address = text.rstrip("/")
    if "[" in address or address.count(":") < 2:
        return text
    head, _, tail = address.rpartition(":")
    ported = _is_ipv6(head) and tail.isascii() and tail.isdigit() and int(tail) < 65536
    if not _is_ipv6(address):
        return f"[{head}]:{tail}" if ported else text
    if ported and int(tail) not in _PORTS:
        raise ValueError(f"this may be an address alone, [{address}], or one with a port, [{head}]:{tail}")
    return f"[{head}]:{tail}" if ported else f"[{address}]"


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
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
            return read_json(self.body)
        except ValueError as fault:
            raise AgentFault(
                f"the answer is no JSON ({self.body[:60]!r}): is this a Consul agent?"
            ) from fault


class Agent:
    """A client of one agent; `async with` it. Safe to use from several tasks of one loop."""

    def __init__(self, access: Access, largest: int = LARGEST) -> None:
        """Nothing is opened before the first request. `largest`: bytes of one answer."""
        self._access = access
        self._largest = largest
        self._client: HttpClient | None = None

    async def __aenter__(self) -> Self:
        """Open the pool of connections. Raises AgentFault when a TLS file cannot be used."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every connection: a blocking query that still waits ends with them."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

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
        # Apart from the agent's time: a token file on dead storage says nothing about the agent.
        headers = await self._headers()
        try:
            # One limit for everything (connecting, waiting, reading): a cut network answers nothing at all.
            async with asyncio.timeout(timeout):
                target = _target(path, tuple(params.items()))
                response = await self._pool().request(method, target, headers, body)
        except TimeoutError:
            raise Unreachable(f"the agent {where} gave no answer within {timeout:.0f} s") from None
        except ssl.SSLCertVerificationError as fault:
            raise Unreachable(f"the certificate of {where} is not trusted ({fault}): check cafile") from fault
        except (HttpFault, OSError) as fault:
            kind = NotThere if isinstance(fault, ConnectionRefusedError | FileNotFoundError) else Unreachable
            raise kind(f"the agent {where} cannot be reached ({fault or type(fault).__name__})") from fault
        status, content = response.status, response.body
        if status not in (200, accept):
            raise _refusal(where, status, content)
        if response.headers.get("x-consul-knownleader") == "false" or (
            response.headers.get("x-consul-effective-consistency") == "stale"
        ):
            raise NotTheLeaders(
                f"{where} has answered by a copy of its own (a stale read), which says what was: its datacentre has no "
                "leader, or something on the way there changes what is asked"
            )
        try:
            index = int(response.headers.get("x-consul-index", 0))
        except ValueError:
            index = 0
        return Answer(content, index, status)

    def _pool(self) -> HttpClient:
        if self._client is None:
            address = self._access.address
            parts = urlsplit(address.url)
            if address.socket:
                connect = to_socket(address.socket)
            else:
                assert parts.hostname is not None and parts.port is not None
                connect = to_port(parts.hostname, parts.port, self._tls(), self._access.server_name)
            # Two blocking queries, a probe, a look at the members and the election's own: never more than ten.
            self._client = HttpClient(connect, parts.netloc, limit=10, largest=self._largest)
        return self._client

    def _tls(self) -> ssl.SSLContext | None:
        access = self._access
        if not access.address.secure:
            return None
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

    async def _headers(self) -> Mapping[str, str]:
        if path := self._access.token_file:
            try:
                token = await read_aside(path, lambda: _token_in(path), _TOKEN_WITHIN)
            except Unreadable as fault:
                raise Forbidden(f"the token file {path} {fault}") from fault
        else:
            token = _usable(self._access.token, "the token")
        return {"X-Consul-Token": token} if token else {}


_TOKEN_WITHIN = 1.0
"""Seconds for a token file, beside those for the agent."""


@functools.lru_cache(maxsize=32)
def _target(path: str, params: tuple[tuple[str, str | int], ...]) -> str:
    """Path and query as a request carries them: most of them are the same every few seconds."""
    query = urlencode(params, quote_via=quote)
    return quote(path) + (f"?{query}" if query else "")


def _token_in(path: str) -> str:
    """The token in the file, read again whenever the file changes: tokens are rotated."""
    try:
        return _read_token(path, os.stat(path).st_mtime_ns)
    except OSError as fault:
        raise Forbidden(f"the token file {path} cannot be read: {fault.strerror}") from fault


@functools.lru_cache(maxsize=16)
def _read_token(path: str, changed: int) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return _usable(file.read().strip(), f"what stands in the token file {path}")
    except UnicodeDecodeError:
        raise Forbidden(
            f"the token file {path} is no text: expected is a SecretID and nothing else"
        ) from None


def _usable(token: str, what: str) -> str:
    """The token, if it may stand in a header of HTTP; never shown in what is raised."""
    if not token.isprintable():
        lines = token.count("\n") + 1
        raise Forbidden(
            f"{what} is no token ({f'{lines} lines' if lines > 1 else 'control characters'}): expected is a SecretID "
            "and nothing else"
        )
    return token


def _refusal(where: Address, status: int, content: bytes) -> AgentFault:
    text = content[:200].decode("utf-8", "replace").strip()
    if status in (401, 403):
        return Forbidden(f"{where} refuses the token with {status} {text}")
    if status >= 500 or status == 429:
        return NoLeader(f"{where} has no word of its datacentre: {status} {text}")
    return AgentFault(f"{where} answers {status} {text}")
