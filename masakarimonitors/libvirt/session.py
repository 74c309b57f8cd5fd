"""A session with one libvirt: opened once, thrown away whole, its threads included, at the first failure.

In: a URI, and functions of a virConnect. Out: what they return, libvirt's events, and `Unavailable` for
everything else. Nothing in here is mended or opened anew: whoever watches a libvirt loops over
`async with session(uri)`, with a pause that grows (`Retry`). A failure is a call that is not answered in its
time, an error of libvirt's that its caller did not take for an answer, or a connection that broke.

libvirt's calls block, and one that waits for a hung guest or a stopped libvirtd may block for long. Such a
call is left behind with its thread and its socket until it returns. It also keeps one of libvirtd's few
workers, which nova needs: so no more than a few are left behind for one purpose, and no session for that
purpose begins before one of them is back.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

from masakarimonitors.core.backoff import backoff
from masakarimonitors.libvirt.binding import Api, close, connect, load
from masakarimonitors.libvirt.faults import Unanswered, Unavailable, explained
from masakarimonitors.system.clock import Clock, wait
from masakarimonitors.system.patience import within
from masakarimonitors.system.threads import NoThread, Pool

T = TypeVar("T")

KEEPALIVE_INTERVAL = 5
"""Seconds between two probes of a silent libvirtd, which answers them from its event loop."""
KEEPALIVE_COUNT = 3
"""Probes without an answer after which a connection counts as lost: with the interval, 15-20 s."""

OPENS = 10.0
"""Seconds for opening a session, unless its user says otherwise."""

LEFT_BEHIND = 4
"""Calls left behind for one purpose, after which no further session for it begins, unless its user says otherwise:
libvirtd has 5 to 20 workers, and they must not all wait for domains that are locked."""

OPENINGS_LEFT_BEHIND = 16
"""The same for sessions that were never opened, for which libvirtd keeps no worker. More than these may be those
that lead nowhere only because the way there was cut: TCP gives those up after a quarter of an hour. libvirtd lets
20 clients in that have not said yet who they are."""

_LOST = {
    0: "I/O error",
    1: "closed by libvirtd",
    2: "no answer to keepalive probes",
    3: "closed by us",
}

_left_behind: "dict[tuple[str, str], list[Session]]" = {}
"""Sessions that are over, with calls that are not; by URI and purpose."""


class OpenSession(Protocol):
    """How `session` is called: what a part that needs sessions takes, so that a test can hand in another."""

    def __call__(
        self,
        uri: str,
        purpose: str,
        *,
        readonly: bool = True,
        threads: int = 1,
        timeout: float = OPENS,
        leaves: int = LEFT_BEHIND,
    ) -> contextlib.AbstractAsyncContextManager["Session"]:
        """See `session`."""


@asynccontextmanager
async def session(
    uri: str,
    purpose: str,
    *,
    readonly: bool = True,
    threads: int = 1,
    timeout: float = OPENS,
    leaves: int = LEFT_BEHIND,
    api: Api | None = None,
) -> "AsyncIterator[Session]":
    """A session with the libvirt at `uri`, within `timeout` seconds; gone when the block ends, however it ends.

    `purpose` is a word or two ("events"): it names the threads, and what is left behind is counted by it.
    Raises Unavailable, also while `leaves` calls are left behind; BindingMissing.
    """
    api = api or load()
    _may_begin(uri, purpose, leaves)
    made = Session(uri, Pool(f"{purpose} {uri}"[:15], threads), api)
    try:
        await made._open(readonly, timeout)
        yield made
    finally:
        made._throw_away()
        if made._under_way:
            _left_behind.setdefault((uri, purpose), []).append(made)


def left_behind(uri: str, purpose: str, *, opened: bool = True) -> int:
    """Calls that have not come back yet of sessions that are over; not `opened`: openings that have not."""
    still = [made for made in _left_behind.get((uri, purpose), []) if made._under_way]
    _left_behind[uri, purpose] = still
    return sum(len(made._under_way) for made in still if (made._connection is not None) is opened)


def _may_begin(uri: str, purpose: str, leaves: int) -> None:
    opening = left_behind(uri, purpose, opened=False)
    if opening >= OPENINGS_LEFT_BEHIND:
        raise Unanswered(
            f"libvirt at {uri} has let none of {opening} clients in ({purpose}), and refused none: libvirtd "
            "hangs, or the way to it is cut. It is tried again as soon as one of these has ended; look at libvirtd's "
            "own log."
        )
    if (stuck := left_behind(uri, purpose)) >= leaves:
        raise Unanswered(
            f"libvirt at {uri} has still not answered {stuck} calls ({purpose}): a domain is locked, perhaps because "
            "its storage hangs, or libvirtd hangs. So that it keeps its other workers for nova, it is not asked again "
            "before one of them is answered. See whether `virsh list` ends, and look at libvirtd's own log; a restart "
            "of libvirtd frees all of them."
        )


class Session:
    """One connection to one libvirt with a few threads of its own, until `lost`; made by `session`."""

    def __init__(self, uri: str, pool: Pool, api: Api) -> None:
        """Nothing happens yet."""
        self.uri = uri
        self.api = api
        self.lost = asyncio.Event()
        """Set when it has ended: within milliseconds of libvirtd's death."""
        self.why_lost = ""
        self._loop = asyncio.get_running_loop()
        self._pool = pool
        self._connection: Any = None
        self._subscriptions: list[int] = []
        self._told: list[Callable[[], object]] = []
        # What its threads are inside of at this moment; written there.
        self._under_way: list[object] = []

    async def call(self, function: Callable[[Any], T], timeout: float) -> T:
        """What `function(virConnect)` returns; Unanswered after `timeout` seconds, which ends this session.

        An error of libvirt's that leaves `function` ends it, too, and comes out as Unavailable: so `function` itself
        takes what is an answer about one domain. Its other exceptions come out as they are, and end nothing.
        """
        self.still_open()

        def work() -> T:
            self.still_open()  # it may have ended while this stood in line
            return self._in_a_call(lambda: function(self._connection))

        try:
            return await self._pool.call(work, timeout)
        except TimeoutError as error:
            words = f"libvirt at {self.uri} gave no answer within {timeout:g} s"
            self._end(words)
            raise Unanswered(words) from error
        except NoThread as error:
            words = f"libvirt at {self.uri} cannot be asked: {error}"
            self._end(words)
            raise Unavailable(words) from error
        except asyncio.CancelledError:
            self._end("a question was given up before it was answered")
            raise
        except self.api.main.libvirtError as error:
            words = f"libvirt at {self.uri}: {error}"
            self._end(words)
            raise Unavailable(words, code=error.get_error_code() or 0) from error

    async def subscribe(
        self,
        callbacks: Mapping[int, Callable[..., None]],
        timeout: float,
        *,
        optional: frozenset[int] = frozenset(),
    ) -> None:
        """Hear events: each callback is called with (connection, domain, ..., opaque) on libvirt's own thread.

        By number of the event (`EventId`). Those that are `optional` may be unknown to the driver. When the session
        is over, no callback is called any more.
        """

        def heard(callback: Callable[..., None]) -> Callable[..., None]:
            def call_back(*arguments: Any) -> None:
                if not self.lost.is_set():
                    callback(*arguments)

            return call_back

        def register(connection: Any) -> None:
            libvirt = self.api.main
            for event, callback in callbacks.items():
                try:
                    number = connection.domainEventRegisterAny(None, event, heard(callback), None)
                except libvirt.libvirtError as error:
                    if event not in optional or error.get_error_code() != libvirt.VIR_ERR_NO_SUPPORT:
                        raise
                else:
                    self._subscriptions.append(number)

        await self.call(register, timeout)

    async def let_events_pass(self, timeout: float) -> None:
        """Returns when each event of what happened before now has been handed to its callback.

        libvirtd tells its clients of what has happened from its main loop, and answers questions from its workers: an
        answer may overtake an event of 0.1-6 ms before. It takes in the question that is put here only after it has
        sent such events over this connection. What has come in stands in line for libvirt's thread, and this behind it.
        """
        await self.call(lambda connection: connection.getLibVersion(), timeout)
        passed = self._loop.create_future()

        def settle() -> None:
            if not passed.done():
                passed.set_result(None)

        def behind(timer: int, _opaque: Any) -> None:
            self.api.main.virEventRemoveTimeout(timer)
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(settle)

        self.api.main.virEventAddTimeout(0, behind, None)
        try:
            # A session that is given up takes with it what the events would have told of an end.
            async with within(timeout):
                await passed
        except TimeoutError as error:
            words = f"libvirt's event loop in this process has not come to its end for {timeout:g} s"
            self._end(words)
            raise Unanswered(words) from error

    def when_lost(self, callback: Callable[[], object]) -> None:
        """Have `callback` called on the loop when it has ended, at once if it has."""
        if self.lost.is_set():
            callback()
        else:
            self._told.append(callback)

    def still_open(self) -> None:
        """Raises Unavailable when it has ended."""
        if self.lost.is_set():
            raise Unavailable(self.why_lost)

    # ---- beginning and end

    def _in_a_call(self, function: Callable[[], T]) -> T:
        self._under_way.append(function)
        try:
            return function()
        finally:
            self._under_way.remove(function)

    async def _open(self, readonly: bool, timeout: float) -> None:
        try:
            self._connection = await self._pool.call(
                lambda: self._in_a_call(lambda: self._connect(readonly)), timeout, too_late=close
            )
        except TimeoutError as error:
            raise Unanswered(
                f"libvirt at {self.uri} has not answered for {timeout:g} s: libvirtd hangs or is overloaded, or "
                "the way to it is cut. It is tried again; look at libvirtd's own log."
            ) from error
        except NoThread as error:
            raise Unavailable(f"libvirt at {self.uri} cannot be asked: {error}") from error
        except self.api.main.libvirtError as error:
            raise explained(error, self.uri, self.api.main) from error

    def _connect(self, readonly: bool) -> Any:
        """On a thread of the pool: the whole handshake."""
        libvirt = self.api.main
        connection = connect(self.api, self.uri, readonly=readonly)
        try:
            connection.registerCloseCallback(self._closed, None)
        except libvirt.libvirtError:
            close(connection)
            raise
        # A driver inside this process (test:///default) has no libvirtd to be probed.
        with contextlib.suppress(libvirt.libvirtError):
            connection.setKeepAlive(KEEPALIVE_INTERVAL, KEEPALIVE_COUNT)
        return connection

    def _closed(self, _connection: Any, reason: int, _opaque: Any) -> None:
        """On libvirt's thread."""
        words = f"libvirt at {self.uri} is away (the connection broke: {_LOST.get(reason, reason)})"
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._end, words)

    def _end(self, why: str) -> None:
        """On the loop: from here on nothing is asked and no event is heard."""
        if not self.lost.is_set():
            self.why_lost = why
            self.lost.set()
            for callback in self._told:
                callback()

    def _throw_away(self) -> None:
        self._end("closed by us")
        self._pool.close(self._close if self._connection is not None else None)

    def _close(self) -> None:
        """On a thread of the pool. Events first: libvirt keeps a connection whose events somebody hears."""
        for number in self._subscriptions:
            with contextlib.suppress(Exception):
                self._connection.domainEventDeregisterAny(number)
        close(self._connection)


class Retry:
    """The pauses between sessions: `first` seconds, then twice as long each time, up to `last`."""

    def __init__(self, clock: Clock, first: float, last: float) -> None:
        """Nothing has failed yet."""
        self._clock = clock
        self._first = first
        self._last = last
        self._failures = 0

    def worked(self) -> None:
        """Something was got out of a session, not merely that it was opened: the next pause is the first again."""
        self._failures = 0

    async def pause(self) -> None:
        """After a session that has ended."""
        await self._clock.sleep(self._next())

    async def pause_unless(self, event: asyncio.Event) -> None:
        """The same, and no longer than until `event` is set."""
        await wait(self._clock, self._next(), event)

    def _next(self) -> float:
        self._failures += 1
        return backoff(self._failures, self._first, self._last)
