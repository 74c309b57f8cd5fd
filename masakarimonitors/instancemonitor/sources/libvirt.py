"""Listens to one libvirt: its events, and the state of its machines at every connect and now and then.

Out: LibvirtBack, a Census, events in libvirt's order, LibvirtAway. Events are subscribed before the
first state is read, so nothing falls between the two. It never gives up: a libvirtd that is away is
asked for again after 0.1, 0.2 ... 5 s.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

from masakarimonitors.decisions.backoff import backoff
from masakarimonitors.instancemonitor.evidence import Evidence
from masakarimonitors.instancemonitor.observation import (
    Census,
    ControlFailed,
    IoFailed,
    IoFailedWithReason,
    LibvirtAway,
    LibvirtBack,
    Lifecycle,
    LifecycleChanged,
    Observation,
    Reading,
    Rebooted,
    WatchdogFired,
)
from masakarimonitors.instancemonitor.reading import Numbers, evidence_of, named, read
from masakarimonitors.system.clock import Clock
from masakarimonitors.system.libvirt import Connection, Unanswered, Unavailable

LOG = logging.getLogger(__name__)

_FIRST_RETRY, _LAST_RETRY = 0.1, 5.0
_SUBSCRIBE_TIMEOUT = 10.0
# Asked for 1,000 machines an idle libvirtd answers in 0.1 s; one that is killing a hung QEMU holds the
# answer about that machine back for up to 15 s.
_CENSUS_TIMEOUT = 30.0
# A libvirtd that has just started connects to its machines one after another, and one that is lost on
# the way is no event: look again soon. Seconds after the connect.
_EARLY_LOOKS = (1.0, 3.0, 10.0)

_LIFECYCLE = {event.value: event for event in Lifecycle}

Emit = Callable[[Observation], None]


class Libvirt:
    """The source of one URI."""

    def __init__(
        self, uri: str, clock: Clock, numbers: Numbers, evidence: Evidence, *, resync: float = 60.0
    ) -> None:
        """`resync`: seconds between two censuses. Nothing is opened yet."""
        self.name = uri
        self._uri = uri
        self._clock = clock
        self._numbers = numbers
        self._evidence = evidence_of(uri, evidence)
        self._resync = resync

    async def run(self, emit: Emit) -> None:
        """Until cancelled."""
        connection = Connection(self._uri)
        try:
            failures = 0
            while True:
                try:
                    await connection.open()
                    await self._subscribe(connection, emit)
                except Unavailable as error:
                    connection.drop()
                    failures += 1
                    emit(LibvirtAway(self._uri, str(error)))
                    await self._clock.sleep(backoff(failures, _FIRST_RETRY, _LAST_RETRY))
                    continue
                failures = 0
                emit(LibvirtBack(self._uri))
                await self._watch(connection, emit)
                emit(LibvirtAway(self._uri, connection.why_lost))
        finally:
            connection.close()

    async def _watch(self, connection: Connection, emit: Emit) -> None:
        """Censuses, until the connection is lost."""
        began = self._clock.now().monotonic
        early = list(_EARLY_LOOKS)
        while connection.connected:
            try:
                await self._take_census(connection, emit)
            except Unanswered as error:
                LOG.warning(
                    "%s: its machines could not be compared now (%s); events still come", self._uri, error
                )
            except Unavailable as error:
                if connection.connected:
                    LOG.warning(
                        "%s: its machines could not be listed (%s); connecting anew", self._uri, error
                    )
                    connection.drop()
                return
            passed = self._clock.now().monotonic - began
            while early and early[0] <= passed:
                early.pop(0)
            await self._lost_within(connection, early[0] - passed if early else self._resync)

    async def _lost_within(self, connection: Connection, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        waiters = {loop.create_task(connection.lost.wait()), loop.create_task(self._clock.sleep(seconds))}
        try:
            await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in waiters:
                waiter.cancel()

    async def _take_census(self, connection: Connection, emit: Emit) -> None:
        after = self._numbers.last
        readings = await connection.call(lambda c: self._read_all(connection, c), _CENSUS_TIMEOUT)
        emit(Census(self._uri, readings, after))

    def _read_all(self, connection: Connection, libvirt: Any) -> tuple[Reading, ...]:
        found = []
        for domain in libvirt.listAllDomains():
            try:
                found.append(read(domain, self._uri, self._evidence))
            except connection.api.main.libvirtError as error:
                # Undefined while we were reading.
                if error.get_error_code() != connection.api.main.VIR_ERR_NO_DOMAIN:
                    raise
        return tuple(found)

    async def _subscribe(self, connection: Connection, emit: Emit) -> None:
        loop = asyncio.get_running_loop()

        def hand_over(observation: Observation) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(emit, observation)

        await connection.call(lambda c: self._register(connection, c, hand_over), _SUBSCRIBE_TIMEOUT)

    def _register(self, connection: Connection, libvirt: Any, emit: Emit) -> None:
        """Callbacks run on libvirt's event thread, one at a time: so the numbers are in its order."""
        uri, number, constants = self._uri, self._numbers.next, connection.api.main

        def lifecycle(_c: Any, d: Any, event: int, detail: int, _o: Any) -> None:
            # A newer libvirt's event that we do not know is none of the table's.
            if event in _LIFECYCLE:
                emit(LifecycleChanged(named(d, uri), number(), _LIFECYCLE[event], detail))

        def reboot(_c: Any, d: Any, _o: Any) -> None:
            emit(Rebooted(named(d, uri), number()))

        def watchdog(_c: Any, d: Any, action: int, _o: Any) -> None:
            emit(WatchdogFired(named(d, uri), number(), action))

        def io_error(_c: Any, d: Any, _path: str, alias: str, action: int, _o: Any) -> None:
            emit(IoFailed(named(d, uri), number(), action, alias))

        def io_error_reason(
            _c: Any, d: Any, _path: str, _alias: str, _action: int, reason: str, _o: Any
        ) -> None:
            emit(IoFailedWithReason(named(d, uri), number(), reason))

        def control_error(_c: Any, d: Any, _o: Any) -> None:
            emit(ControlFailed(named(d, uri), number()))

        libvirt.domainEventRegisterAny(None, constants.VIR_DOMAIN_EVENT_ID_LIFECYCLE, lifecycle, None)
        others = (
            (constants.VIR_DOMAIN_EVENT_ID_REBOOT, reboot),
            (constants.VIR_DOMAIN_EVENT_ID_WATCHDOG, watchdog),
            (constants.VIR_DOMAIN_EVENT_ID_IO_ERROR, io_error),
            (constants.VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON, io_error_reason),
            (constants.VIR_DOMAIN_EVENT_ID_CONTROL_ERROR, control_error),
        )
        for event, callback in others:
            try:
                libvirt.domainEventRegisterAny(None, event, callback, None)
            except constants.libvirtError as error:
                # Other drivers than QEMU's need not know them all.
                if error.get_error_code() != constants.VIR_ERR_NO_SUPPORT:
                    raise
