"""The time and the size of requests of HTTP that block: each belongs to an `Exchange` of its thread.

In: a socket that http.client reads. Out: the same, each of whose waits ends with the time of the exchange, and whose
answers have a bound. Knows no library that makes requests; those that do stand above it.
"""

import contextlib
import http.client
import io
import ipaddress
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, cast
from urllib.parse import urlsplit

DEFAULT = 30.0
"""Seconds for a request that belongs to no exchange of its caller's."""
LARGEST = 1 << 24
"""Bytes that are kept of a body unless an exchange says otherwise."""
_AROUND = 1 << 20
"""Bytes on the wire that an answer may have besides its body: its head, and what frames its chunks."""


class Withheld(Exception):
    """What was about to be sent may not leave any more; not a byte of the request was written."""


def always() -> bool:
    """What has no condition may be sent."""
    return True


class Exchange:
    """One or more requests of one thread that must all be over in the same time.

    `largest`: bytes that are kept of each body; the rest is never read. `remark`: what was seen of the last answer that
    its reader should know, or nothing. `answering`: the last request has got at least one byte of its answer;
    `leaving`: it was being written, so that whatever has failed since, it may have arrived. `begun`: its caller has
    begun with the request that it is all about; whoever sees that false once its time is over knows that none is made.
    `may_send`: asked for each request once its connection stands, right before its first byte is written; where it says
    no, that is `Withheld`. Requests of another bound or condition are made `within` these.
    """

    def __init__(self, seconds: float, largest: int = LARGEST) -> None:
        """Its time begins now, on whatever thread its requests will be made."""
        self.seconds = seconds
        self.largest = largest
        self.remark = ""
        self.answering = False
        self.leaving = False
        self.begun = False
        self._may_send: Callable[[], bool] = always
        self._until = time.monotonic() + seconds
        self._came = 0

    @contextlib.contextmanager
    def here(self) -> Iterator[None]:
        """Until the end, requests of this thread belong to it."""
        before = getattr(_of_thread, "exchange", None)
        _of_thread.exchange = self
        try:
            yield
        finally:
            _of_thread.exchange = before

    @contextlib.contextmanager
    def within(self, largest: int, may_send: Callable[[], bool] = always) -> Iterator[None]:
        """Until the end, so many bytes are kept of each body, and each request is made only if it may be sent."""
        before = self.largest, self._may_send
        self.largest, self._may_send = largest, may_send
        self.leaving = False
        try:
            yield
        finally:
            self.largest, self._may_send = before

    def may_send(self) -> bool:
        """Whether the request that is about to be made may be sent."""
        return self._may_send()

    @property
    def over(self) -> bool:
        """Whether its time is up."""
        return time.monotonic() >= self._until

    def has(self, share: float) -> bool:
        """Whether that share of its time is left (0..1)."""
        return self._until - time.monotonic() >= share * self.seconds

    def begins(self, share: float) -> bool:
        """Whether that share of its time is left (0..1) to begin with the request that it is all about."""
        self.begun = True  # first, or another thread might see it false and the request be made all the same
        self.begun = self.has(share)
        return self.begun

    def left(self) -> float:
        """Seconds that are left, more than 0; raises TimeoutError when there are none."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"not over within {self.seconds:g} s")
        return left

    def end(self) -> None:
        """Its time is up, whatever the clock says."""
        self._until = min(self._until, time.monotonic())

    def begin(self) -> None:
        """The next request of it is about to be made."""
        self._came, self.answering, self.leaving, self.remark = 0, False, False, ""

    def came(self, count: int) -> None:
        """So many bytes of an answer have come; raises OSError for an answer without end."""
        self._came += count
        self.answering = self.answering or count > 0
        if self._came > self.largest + _AROUND:
            raise OSError(f"the answer has more than {self.largest + _AROUND} bytes")


_of_thread = threading.local()


def current() -> Exchange | None:
    """The exchange that requests of this thread belong to."""
    found: Exchange | None = getattr(_of_thread, "exchange", None)
    return found


def is_loopback(url: str) -> bool:
    """Whether the host of `url` is this computer, by its address or by the name localhost."""
    host = (urlsplit(url).hostname or "").partition("%")[0]
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


class _Wire(io.RawIOBase):
    """What a socket sends: each wait for a piece of it is as long as the exchange has time left, and no longer."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        # The file, not the socket, keeps the connection open until the answer is read.
        self._file = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        exchange = current()
        if exchange is None:
            return cast("int | None", self._file.readinto(buffer))
        self._sock.settimeout(exchange.left())
        try:
            count: int | None = self._file.readinto(buffer)
        except TimeoutError:
            # The kernel's clock may have run out a moment before ours.
            exchange.end()
            raise
        exchange.came(count or 0)
        return count

    def close(self) -> None:
        super().close()
        self._file.close()


class _Opened:
    """A socket as http.client asks for it: something that makes a file."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Wire(self._sock))


class Answer(http.client.HTTPResponse):
    """An answer that is read within the exchange of the thread that reads it.

    What comes ahead of it (100 to 199, such as 103 Early Hints) is passed over, all of it: http.client does so with 100
    alone, and would take another for the answer, which says then that a report that was taken was not. Not with 101,
    after which no HTTP follows.
    """

    def __init__(self, sock: Any, *arguments: Any, **options: Any) -> None:
        """As http.client makes it."""
        super().__init__(cast(Any, _Opened(sock)), *arguments, **options)

    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = cast(Any, super())._read_status()
        ahead = 100 <= status < 200 and status != http.client.SWITCHING_PROTOCOLS
        return version, http.client.CONTINUE if ahead else status, reason
