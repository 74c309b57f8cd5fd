"""Exchanges of HTTP that end in time and stay small, whatever the other side sends.

In: a session of keystoneauth1. Out: the same session, whose every request belongs to an `Exchange`: one time for
connecting, sending and the whole answer, be it dripped byte by byte, and a bound on how much of it is kept. Requests to
this computer itself go through no proxy; no redirect is followed: it would show credentials to whoever is there. None
reads `~/.netrc`: a home may lie on a disk that does not answer, and whom it names is nobody whom [api] names.
"""

from collections.abc import Mapping
from typing import Any, cast

import requests
import urllib3
from requests.utils import get_auth_from_url, select_proxy

from masakarimonitors.core.printable import printable
from masakarimonitors.system.network.http_exchange import (
    DEFAULT,
    Answer,
    Exchange,
    Withheld,
    current,
    is_loopback,
)

__all__ = ["BoundedAdapter", "Exchange", "Withheld", "bound", "is_loopback"]

_PIECE = 1 << 14
"""Bytes of a body that are read at once, so that little is unpacked beyond its bound."""


def bound(session: Any) -> Any:
    """The keystoneauth1 session, each of whose requests belongs to an `Exchange` now, those for its tokens too."""
    session.redirect = False
    transports = session.session
    # Whoever has none is looked up in ~/.netrc for each request.
    transports.auth = _of_its_address
    for prefix, adapter in tuple(transports.adapters.items()):
        if isinstance(adapter, requests.adapters.HTTPAdapter):
            transports.mount(prefix, BoundedAdapter(adapter))
    return session


def _of_its_address(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Adds the credentials that stand in a request's own address; all others are keystoneauth1's to add."""
    user, password = get_auth_from_url(request.url or "")
    return requests.auth.HTTPBasicAuth(user, password)(request) if user or password else request


class BoundedAdapter(requests.adapters.BaseAdapter):
    """Makes requests through another adapter, within the `Exchange` of the thread."""

    def __init__(self, inner: requests.adapters.HTTPAdapter) -> None:
        """`inner` knows of TLS and keeps connections; they are made to heed the time from now on."""
        super().__init__()
        self._inner = inner
        _heed_time(inner.poolmanager)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """An answer whose body is read, as far as the exchange keeps it; raises requests.RequestException."""
        exchange = current()
        if exchange is None:
            with Exchange(DEFAULT).here():
                return self.send(request, stream, timeout, verify, cert, proxies)
        url = request.url or ""
        exchange.begin()
        used = {} if is_loopback(url) else dict(proxies or {})
        proxy = select_proxy(url, used)
        if proxy:
            _heed_time(self._inner.proxy_manager_for(proxy))
        # What comes packed may be a thousand times as large as what is counted on the wire.
        request.headers["Accept-Encoding"] = "identity"
        try:
            within = _within(timeout, exchange.left())
        except TimeoutError as fault:
            raise requests.exceptions.ConnectTimeout(_no_time(url), request=request) from fault
        response = self._inner.send(
            request, stream=True, timeout=within, verify=verify, cert=cert, proxies=used
        )
        _read(response, exchange)
        if response.is_redirect:
            exchange.remark = (
                f"{url} redirects to {printable(response.headers['location'], 200)}, which is not followed"
            )
        return response

    def close(self) -> None:
        """Let go of every connection."""
        self._inner.close()


def _within(timeout: Any, left: float) -> tuple[float, float]:
    """What requests may take to connect and to read, none longer than what is left (seconds)."""
    connect, read = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    return tuple(left if one is None else min(one, left) for one in (connect, read))  # type: ignore[return-value]


def _read(response: requests.Response, exchange: Exchange) -> None:
    """Read a body while the connection is still ours to end; afterwards it is what requests would have read."""
    parts, length = list[bytes](), 0
    try:
        for part in response.raw.stream(_PIECE, decode_content=True):
            parts.append(part)
            length += len(part)
            if length > exchange.largest:
                exchange.remark = (
                    f"its answer has more than {exchange.largest} bytes, of which no more were read"
                )
                break
    except (urllib3.exceptions.HTTPError, OSError) as fault:
        response.close()
        raise requests.exceptions.ChunkedEncodingError(fault, request=response.request) from fault
    if length > exchange.largest:
        response.close()
    whole = cast(Any, response)
    whole._content, whole._content_consumed = b"".join(parts)[: exchange.largest], True
    # All that is spoken here is JSON; to guess the encoding of anything else takes seconds.
    response.encoding = "utf-8"


def _no_time(url: str) -> str:
    return f"no time was left to ask {url}"


def _heed_time(manager: Any) -> None:
    """Have a urllib3 PoolManager make connections that heed the exchange of the thread that uses them."""
    pools = manager.pool_classes_by_scheme
    # Never changed in place: urllib3 has one such dictionary for everybody.
    if not all(issubclass(pool.ConnectionCls, _Timely) for pool in pools.values()):
        manager.pool_classes_by_scheme = {scheme: _timely(pool) for scheme, pool in pools.items()}


def _timely(pool: Any) -> Any:
    connection = type(pool.ConnectionCls.__name__, (_Timely, pool.ConnectionCls), {})
    return type(pool.__name__, (pool,), {"ConnectionCls": connection})


class _Timely:
    """A urllib3 connection that is not used when it stands too late: a name of many silent addresses takes long.

    Nor when it stands, and what was to be sent may not leave any more.
    """

    response_class = Answer

    def connect(self) -> None:
        """Connect; raises urllib3's ConnectTimeoutError after the exchange's time, with nothing sent."""
        super().connect()  # type: ignore[misc]
        exchange = current()
        if exchange is not None and exchange.over:
            self.close()  # type: ignore[attr-defined]
            raise urllib3.exceptions.ConnectTimeoutError(self, f"connected after {exchange.seconds:g} s only")

    def putrequest(self, *arguments: Any, **options: Any) -> None:
        """Begin a request: connected first, for that may take long, then asked for; raises Withheld."""
        if self.sock is None:  # type: ignore[attr-defined]
            self.connect()
        exchange = current()
        if exchange is not None:
            if not exchange.may_send():
                raise Withheld("it may not be sent any more")
            exchange.leaving = True
        super().putrequest(*arguments, **options)  # type: ignore[misc]
