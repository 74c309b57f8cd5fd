"""The web server of a BMC: connections to it, whom to trust, and whole answers.

In: a URL and a head. Out: a whole answer of bounded size, on a connection that is kept while one conversation lasts; no
proxy stands in between, no redirect is followed, no cookie is kept. Nothing is loaded for it when a host has died, and
what stands on disk is read aside.
"""

import asyncio
import ssl
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from urllib.parse import SplitResult, quote, urlsplit

from masakarimonitors.hostmonitor.power.names import Names
from masakarimonitors.system.files.operators_file import Stamp, Unreadable, read_aside, stamp_of
from masakarimonitors.system.network.http_client import (
    Connect,
    HttpClient,
    HttpFault,
    Response,
    Streams,
    to_port,
)
from masakarimonitors.version import VERSION

LARGEST = 1 << 20
"""Bytes of one document; the largest that BMCs send, a system with all of its links, has some ten thousand."""

_APART = 0.25
"""Seconds for which an address of a name is tried alone (RFC 8305): the first may lead nowhere, without a word."""
_PORTS = {"http": 80, "https": 443}
_SAFE = "/?:@!$&'()*+,;=%-._~[]"
"""What stands in the target of a request as it is; all else is quoted."""


class NoConnection(OSError):
    """No connection stands: nobody was asked anything. The message says why, in a clause."""


class CaFault(Exception):
    """The file with those who are to be trusted cannot be used; the message says which, and why."""


class Trust:
    """Whom to trust, as far as it was read: from then on no disk keeps anybody from being asked."""

    def __init__(self, patience: float) -> None:
        """`patience`: seconds for the disk."""
        self._patience = patience
        self._known: dict[bool | str, tuple[Stamp | None, ssl.SSLContext]] = {False: (None, _context(False))}
        # Each takes some MB while it is read, and many BMCs may be asked at once.
        self._one_at_a_time: defaultdict[bool | str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def context(self, verify: bool | str) -> ssl.SSLContext:
        """By an `Address`'s word for it; raises CaFault. A file that has changed counts as soon as it can be read."""
        async with self._one_at_a_time[verify]:
            return await self._newest(verify)

    async def _newest(self, verify: bool | str) -> ssl.SSLContext:
        known = self._known.get(verify)
        if known is not None and not isinstance(verify, str):
            return known[1]

        def read() -> tuple[Stamp | None, ssl.SSLContext]:
            stamp = stamp_of(verify) if isinstance(verify, str) else None
            return known if known is not None and stamp == known[0] is not None else (stamp, _context(verify))

        named = verify if isinstance(verify, str) else ssl.get_default_verify_paths().openssl_cafile
        try:
            found = await read_aside(named, read, self._patience)
        except Unreadable as fault:
            if known is None:
                raise CaFault(f"its CA file {named} {fault}") from None
            return known[1]
        except (OSError, ValueError) as fault:
            why = getattr(fault, "strerror", None) or fault
            raise CaFault(f"its CA file {named} cannot be used ({why})") from None
        self._known[verify] = found
        return found[1]


def _context(verify: bool | str) -> ssl.SSLContext:
    """Raises OSError, of which ssl.SSLError is one, and ValueError."""
    if verify is False:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    context.set_alpn_protocols(["http/1.1"])
    return context


class Conversation:
    """A few questions to one BMC, one after another; `async with` ends its connections."""

    def __init__(self, names: Names, trust: Trust, verify: bool | str) -> None:
        """Nothing is opened yet."""
        self._names = names
        self._trust = trust
        self._verify = verify
        self._clients: dict[tuple[str, str], HttpClient] = {}

    async def __aenter__(self) -> "Conversation":
        """It begins."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """It is over."""
        for client in self._clients.values():
            await client.close()

    async def get(self, url: str, headers: Mapping[str, str]) -> Response:
        """One answer, whatever its status; how long that may take is the caller's to say.

        Raises ValueError for what is no URL, CaFault, NoConnection, ssl.SSLError, HttpFault and OSError.
        """
        parts = urlsplit(url)
        name = parts.hostname or ""
        if parts.scheme not in _PORTS or not name or parts.port == 0:
            raise ValueError("no URL of a server")
        client = self._clients.get((parts.scheme, parts.netloc))
        if client is None:
            client = HttpClient(self._connect(parts), _authority(parts), 1, LARGEST, packed=True)
            self._clients[parts.scheme, parts.netloc] = client
        head = {
            "User-Agent": f"masakari-monitors/{VERSION}",
            "Accept": "*/*",
            # What comes packed may be a thousand times as large as what is counted on the wire.
            "Accept-Encoding": "identity",
            **headers,
        }
        response = await client.request("GET", _target(parts), head)
        return Response(response.status, response.headers, _unpacked(response))

    def _connect(self, parts: SplitResult) -> Connect:
        name, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]

        async def connect() -> Streams:
            tls = await self._trust.context(self._verify) if parts.scheme == "https" else None
            known_as = _plain(name).rstrip(".")
            try:
                places = await self._names.addresses(name, port)
                return await first([to_port(one, port, tls, known_as) for one in places])
            except ssl.SSLError:
                raise
            except OSError as fault:
                raise NoConnection(fault.strerror or str(fault)) from fault

        return connect


async def first(ways: Sequence[Connect], apart: float = _APART) -> Streams:
    """The first connection of all that stands: each is begun `apart` seconds after the one before, or once that failed.

    Raises the OSError of one; that nobody listens there only if all refuse it.
    """
    left, trying = list(ways), set[asyncio.Task[Streams | OSError]]()
    faults: list[OSError] = []
    try:
        while left or trying:
            if left:
                trying.add(asyncio.get_running_loop().create_task(_outcome(left.pop(0))))
            ended, _ = await asyncio.wait(
                trying, timeout=apart if left else None, return_when=asyncio.FIRST_COMPLETED
            )
            for one in ended:
                trying.discard(one)
                found = one.result()
                if not isinstance(found, OSError):
                    return found
                faults.append(found)
    finally:
        for one in trying:
            one.add_done_callback(_let_go)
            one.cancel()
    if not faults:
        raise OSError("it has no address")
    raise next((one for one in faults if not isinstance(one, ConnectionRefusedError)), faults[0])


async def _outcome(connect: Connect) -> Streams | OSError:
    try:
        return await connect()
    except OSError as fault:
        return fault


def _let_go(ended: "asyncio.Task[Streams | OSError]") -> None:
    """End a connection that nobody needs."""
    if (
        not ended.cancelled()
        and ended.exception() is None
        and not isinstance(found := ended.result(), OSError)
    ):
        found[1].transport.abort()


def _authority(parts: SplitResult) -> str:
    """The Host of a request: without the port that goes without saying, and without an address's zone, ours alone."""
    name = _plain(parts.hostname or "")
    host = f"[{name}]" if ":" in name else name.encode("idna").decode() if not name.isascii() else name
    return f"{host}:{parts.port}" if parts.port and parts.port != _PORTS[parts.scheme] else host


def _plain(name: str) -> str:
    return name.partition("%")[0]


def _target(parts: SplitResult) -> str:
    path = quote(parts.path or "/", safe=_SAFE)
    return f"{path}?{quote(parts.query, safe=_SAFE)}" if parts.query else path


def _unpacked(response: Response) -> bytes:
    """The body, also of one that packs it unasked, as some BMCs do; raises HttpFault."""
    body = response.body
    match response.headers.get("content-encoding", "").strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            window = 16 + zlib.MAX_WBITS
        case "deflate":  # with its own head (RFC 9110), or without, as some send it
            window = zlib.MAX_WBITS if body[:1] and body[0] & 0xF == zlib.DEFLATED else -zlib.MAX_WBITS
        case _:
            raise HttpFault("it answers in an encoding that was not asked for")
    if not body:
        return body
    unpacking = zlib.decompressobj(window)
    try:
        whole = unpacking.decompress(body, LARGEST + 1)
    except zlib.error:
        raise HttpFault("what it has packed cannot be unpacked") from None
    if len(whole) > LARGEST:
        raise HttpFault(f"it sends more than {LARGEST >> 20} MiB")
    if not unpacking.eof:
        raise HttpFault("what it has packed ends in its middle")
    return whole
