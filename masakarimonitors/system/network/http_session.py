"""Requests of HTTP/1.1 that block, made by any thread, to whatever server a URL names.

In: a URL, a head, a body. Out: a whole answer, within the time and the size of the thread's `Exchange`. Connections are
kept, each for one thread at a time. Nobody stands in between: no proxy, no cookie; no redirect is followed, which would
show credentials to whoever is there. What cannot be had is an OSError, and `Unsent` if nothing can have arrived.
"""

import base64
import contextlib
import encodings.idna  # noqa: F401 - names are asked for in this encoding, which Python imports for the first one only
import http.client
import json
import logging
import os
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import SplitResult, quote, unquote, urlsplit

import certifi

from masakarimonitors.core.printable import printable
from masakarimonitors.system.network.http_exchange import Answer, Exchange, Withheld, current
from masakarimonitors.version import VERSION

LOG = logging.getLogger(__name__)

_PIECE = 1 << 14
"""Bytes of a body that are read at once."""
_LOOK = 2.0
"""Seconds for which a new connection waits to hear whether the files of TLS have changed."""
_UNUSED = 60.0
"""Seconds after which an idle connection is closed: firewalls and load balancers forget one that is silent, many within
minutes and without a word, and what is sent on it then is lost."""
_WATCHED = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
)
"""Whether the far side is still there is asked by the kernel after 60 s of silence and then every 15 s; 4 times without
an answer, and the connection has ended: after 2 minutes, not after 2 hours and more. As keystoneauth1 does it."""
_REDIRECTS = (301, 302, 303, 307, 308)
_SAFE = "/?:@!$&'()*+,;=%-._~[]"
"""What stands in the target of a request as it is; all else is quoted."""


class Unsent(OSError):
    """No connection was made, so that nothing of the request can have arrived."""


class Broken(OSError):
    """What came is no whole answer of HTTP."""


@dataclass(frozen=True, slots=True)
class Response:
    """One answer; `text` is cut where the exchange keeps no more of it."""

    status_code: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        """What it says as JSON; raises ValueError, RecursionError."""
        return json.loads(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Whom to trust, and with which certificate to come; paths of PEM files. `insecure`: trust anybody."""

    cafile: str | None = None
    certfile: str | None = None
    keyfile: str | None = None
    insecure: bool = False

    def authorities(self) -> str | None:
        """The file or folder of trusted authorities; None where nobody needs to be known."""
        if self.insecure:
            return None
        named = self.cafile or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
        return named or certifi.where()

    def context(self) -> ssl.SSLContext:
        """All of it, read from the files; raises OSError, of which ssl.SSLError is one."""
        trusted = self.authorities()
        folder = trusted is not None and os.path.isdir(trusted)
        context = ssl.create_default_context(
            cafile=None if folder else trusted, capath=trusted if folder else None
        )
        # What a certificate is for stands in its list of names, not in the one that people read.
        context.hostname_checks_common_name = False
        # Set from Python 3.13 on: it refuses authorities that are not made to the letter of RFC 5280 ("CA cert does not
        # include key usage extension"), which older Pythons take, and so did urllib3 before 2.4 on any.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certfile:
            context.load_cert_chain(self.certfile, self.keyfile or None)
        return context

    def stamps(self) -> tuple[float, ...]:
        """When the files were changed; raises OSError."""
        named = (self.authorities(), self.certfile, self.keyfile)
        return tuple(os.stat(path).st_mtime for path in named if path)


def _with_sleep() -> float:
    """Monotonic seconds that go on while the computer is suspended: the far side does not sleep with it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class HttpSession:
    """Connections to any number of servers, and how TLS is spoken with them."""

    def __init__(self, tls: Tls, now: Callable[[], float] = _with_sleep) -> None:
        """Nothing is opened yet; by `now` (seconds) a connection is idle for too long."""
        self._tls = tls
        self._now = now
        self._lock = threading.Lock()
        self._idle: dict[tuple[str, str], list[tuple[float, _Connection]]] = {}
        self._context: tuple[tuple[float, ...], ssl.SSLContext] | None = None
        self._look: threading.Thread | None = None

    def learn(self) -> None:
        """Read the files of TLS now, so that no disk is needed later; raises OSError."""
        self._context = (self._tls.stamps(), self._tls.context())

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        connect: float = float("inf"),
    ) -> Response:
        """One answer, whatever its status; `connect`: seconds for each address until a connection stands.

        Raises OSError (`Unsent`, `Broken`, TimeoutError), ValueError for what is no address, and `Withheld`.
        """
        exchange = current()
        if exchange is None:
            raise RuntimeError("a request that belongs to no exchange has no end")
        place = urlsplit(url)
        if place.scheme not in ("http", "https") or not place.hostname:
            raise ValueError(f"{printable(shown(url), 200)} is no address of HTTP")
        exchange.begin()
        if exchange.over:
            raise Unsent(f"no time was left to ask {_named(place)}")
        kept = self._kept(place)
        connection = kept or self._made(place)
        connection.timeout = min(connect, max(exchange.seconds, 0.001))
        whole = False
        try:
            connection.request(method, _target(place), body, _head(place, headers, body))
            answer = connection.getresponse()
            response = _read(answer, exchange)
            whole = answer.isclosed() and connection.sock is not None
        except (OSError, http.client.HTTPException) as fault:
            if kept is not None and not exchange.answering and not isinstance(fault, Unsent):
                # What has ended this one may have ended all that are as old: the next try shall not meet another.
                self._forget(place)
            if isinstance(fault, OSError):
                raise
            what = str(fault) or type(fault).__name__
            raise Broken(f"{_named(place)} does not speak HTTP: {printable(what, 200)}") from fault
        finally:
            if whole:
                with self._lock:
                    idle = self._idle.setdefault((place.scheme, place.netloc), [])
                    idle.append((self._now(), connection))
            else:
                connection.close()
        # Neither head nor body: both hold secrets.
        LOG.debug("%s %s was answered with %d", method, printable(shown(url), 200), response.status_code)
        if response.status_code in _REDIRECTS and (where := response.headers.get("location")):
            exchange.remark = f"{shown(url)} redirects to {printable(where, 200)}, which is not followed"
        return response

    def _kept(self, place: SplitResult) -> "_Connection | None":
        """An idle connection on which the server has said nothing: neither an end, nor what would be our answer."""
        self._end_unused()
        while True:
            with self._lock:
                idle = self._idle.get((place.scheme, place.netloc))
                connection = idle.pop()[1] if idle else None
            if connection is None:
                return None
            heard = select.poll()
            heard.register(connection.sock, select.POLLIN)
            if not heard.poll(0):
                return connection
            connection.close()

    def _end_unused(self) -> None:
        """Close what has been idle for too long, wherever it leads."""
        oldest, ended = self._now() - _UNUSED, list[_Connection]()
        with self._lock:
            for idle in self._idle.values():
                ended += [connection for since, connection in idle if since <= oldest]
                idle[:] = [one for one in idle if one[0] > oldest]
        for connection in ended:
            connection.close()

    def _forget(self, place: SplitResult) -> None:
        """Close every idle connection to a place."""
        with self._lock:
            idle = self._idle.pop((place.scheme, place.netloc), [])
        for _, connection in idle:
            connection.close()

    def _made(self, place: SplitResult) -> "_Connection":
        host = (place.hostname or "").rstrip(".")
        if place.scheme == "http":
            return _Plain(host, place.port or 80)
        try:
            return _Encrypted(host, place.port or 443, context=self._tls_context())
        except OSError as fault:
            raise Unsent(f"TLS cannot be spoken with {_named(place)}: {fault}") from fault

    def _tls_context(self) -> ssl.SSLContext:
        """What the files say; while they cannot be read, what they have said last."""
        if self._context is None:
            self.learn()
        elif self._look is None or not self._look.is_alive():
            # By a thread: the disk with them may not answer, and then nobody waits for it again.
            self._look = threading.Thread(target=self._learn_again, name="tls files", daemon=True)
            with contextlib.suppress(RuntimeError):  # there can be no thread
                self._look.start()
                self._look.join(_LOOK)
        assert self._context is not None
        return self._context[1]

    def _learn_again(self) -> None:
        with contextlib.suppress(OSError):
            if self._context is not None and self._tls.stamps() != self._context[0]:
                self.learn()


class _Timely(http.client.HTTPConnection):
    """A connection that ends in the time of its exchange, and is asked right before its first byte leaves."""

    response_class = Answer

    def connect(self) -> None:
        """Connect; raises Unsent."""
        exchange = current()
        try:
            if exchange is not None:
                self.timeout = min(cast("float", self.timeout), exchange.left())
            super().connect()
            for option in _WATCHED:
                self.sock.setsockopt(*option)
        except (OSError, UnicodeError) as fault:
            self.close()
            raise Unsent(f"no connection to {self.host}:{self.port}: {fault}") from fault
        if exchange is not None and exchange.over:
            self.close()
            raise Unsent(f"connected to {self.host}:{self.port} after {exchange.seconds:g} s only")

    def putrequest(self, *arguments: Any, **options: Any) -> None:
        """Begin a request: connected first, for that may take long, then asked for; raises Withheld."""
        if self.sock is None:
            self.connect()
        exchange = current()
        if exchange is not None:
            if not exchange.may_send():
                raise Withheld("it may not be sent any more")
            if exchange.over:
                raise Unsent(f"no time was left to ask {self.host}:{self.port}")
            self.sock.settimeout(exchange.left())
            exchange.leaving = True
        super().putrequest(*arguments, **options)


class _Plain(_Timely):
    pass


class _Encrypted(_Timely, http.client.HTTPSConnection):
    pass


_Connection = _Plain | _Encrypted


def shown(url: str) -> str:
    """An address for people, without credentials that it may carry."""
    place = urlsplit(url)
    return place._replace(netloc=_named(place), query="").geturl()


def _named(place: SplitResult) -> str:
    """Host and port, without credentials that an address may carry."""
    return place.netloc.rpartition("@")[2]


def _target(place: SplitResult) -> str:
    path = quote(place.path or "/", safe=_SAFE)
    return f"{path}?{quote(place.query, safe=_SAFE)}" if place.query else path


def _head(place: SplitResult, headers: Mapping[str, str], body: bytes | None) -> dict[str, str]:
    head = {"User-Agent": f"masakari-monitors/{VERSION}", "Accept": "application/json", **headers}
    # What comes packed may be a thousand times as large as what is counted on the wire.
    head["Accept-Encoding"] = "identity"
    if body is not None:
        head["Content-Type"] = "application/json"
    if place.username or place.password:
        pair = f"{unquote(place.username or '')}:{unquote(place.password or '')}"
        head["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return head


def _read(answer: http.client.HTTPResponse, exchange: Exchange) -> Response:
    """The whole answer, or as much of it as the exchange keeps."""
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Broken("it answers in an encoding that was not asked for")
    parts, length = list[bytes](), 0
    while part := answer.read(_PIECE):
        parts.append(part)
        length += len(part)
        if length > exchange.largest:
            exchange.remark = f"its answer has more than {exchange.largest} bytes, of which no more were read"
            break
    else:
        # http.client does not mind when only pieces are asked for.
        if answer.length:
            raise Broken("the connection ended in the middle of its answer")
    text = b"".join(parts)[: exchange.largest].decode("utf-8", "replace")
    return Response(answer.status, cast("Mapping[str, str]", answer.headers), text)
