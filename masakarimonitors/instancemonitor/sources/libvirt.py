"""Listens to one libvirt: its events, and the state of its instances at every connect and now and then.

Out: LibvirtBack, a Census, events in libvirt's order, LibvirtAway. Events are subscribed before the
first state is read, so nothing falls between the two, and a Census stands behind the events of what it
has read. Each census has a session of its own: one that hangs neither ends nor holds up the events, but
while none completes, libvirt counts as away. A domain of which libvirt does not tell is named and UNKNOWN.
Where several URIs are configured, a Census names the host; whoever does not tell it holds up no more than that.
It never gives up: libvirt is asked again after 0.1, 0.2 ... 5 s.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

from masakarimonitors.instancemonitor.core.observation import (
    Census,
    ControlFailed,
    Identity,
    IoFailed,
    IoFailedWithReason,
    LibvirtAway,
    LibvirtBack,
    LifecycleChanged,
    Observation,
    Power,
    Reading,
    Rebooted,
    WatchdogFired,
)
from masakarimonitors.instancemonitor.domains import EventNumbers, files_of, host_of, identify, read
from masakarimonitors.instancemonitor.qemu_files import QemuFiles
from masakarimonitors.libvirt.domain_state import EventId, Lifecycle
from masakarimonitors.libvirt.event_line import EventLine
from masakarimonitors.libvirt.faults import Unavailable, is_about_the_connection
from masakarimonitors.libvirt.session import OpenSession, Retry, Session, session
from masakarimonitors.libvirt.under_way import UnderWay
from masakarimonitors.system.clock import Clock, wait

LOG = logging.getLogger(__name__)

_FIRST_RETRY, _LAST_RETRY = 0.1, 5.0
_SUBSCRIBE_TIMEOUT = 10.0
# Asked for 1,000 domains an idle libvirtd answers in 0.1 s; one that is killing a hung QEMU holds the
# answer about that domain back for up to 15 s.
_CENSUS_TIMEOUT = 30.0
# What a libvirt calls its host stands among its capabilities, for which it asks each QEMU binary: one that lies on dead
# storage is waited for without end, while all else is answered.
_HOST_TIMEOUT = 5.0
# A libvirtd that has just started connects to its domains one after another, and one that is lost on
# the way is no event: look again soon. Seconds after the connect.
_EARLY_LOOKS = (1.0, 3.0, 10.0)

_LIFECYCLE = {event.value: event for event in Lifecycle}
# Other drivers than QEMU's need not know them all.
_OPTIONAL = frozenset(set(EventId) - {EventId.LIFECYCLE})

Emit = Callable[[Observation], None]


class Libvirt:
    """The source of one URI."""

    def __init__(
        self,
        uri: str,
        clock: Clock,
        numbers: EventNumbers,
        files: QemuFiles,
        *,
        line: EventLine,
        resync: float = 60.0,
        several: bool = False,
        open_session: OpenSession = session,
    ) -> None:
        """`resync`: seconds between two censuses. `several`: there are other URIs, which may lead to the same libvirt.

        Nothing is opened yet.
        """
        self.name = uri
        self._uri = uri
        self._clock = clock
        self._numbers = numbers
        self._files = files_of(uri, files)
        self._line = line
        self._resync = resync
        self._several = several
        self._open_session = open_session
        self._under_way = UnderWay()
        self._named: dict[Identity, str] = {}
        self._host = ""
        self._host_told = False

    async def run(self, emit: Emit) -> None:
        """Until cancelled."""
        retry = Retry(self._clock, _FIRST_RETRY, _LAST_RETRY)
        while True:
            try:
                async with self._open_session(self._uri, "events") as events:
                    await self._subscribe(events, emit)
                    with self._line.heard_over(events):
                        await self._watch(events, retry, emit)
            except Unavailable as error:
                emit(LibvirtAway(self._uri, str(error)))
            except Exception as error:
                # This source begins anew after that, and nothing is heard until then.
                emit(LibvirtAway(self._uri, f"this monitor could not go on listening: {error!r}"))
                raise
            await retry.pause()

    async def _watch(self, events: Session, retry: Retry, emit: Emit) -> None:
        """Censuses, until events are no longer heard: then raises Unavailable."""
        # A libvirtd that cannot read its host's own name gives it another one at each of its starts. Until it tells
        # which, the last one holds: what both URIs tell of one life is no second death.
        self._host_told = False
        began = self._clock.now().monotonic
        early = list(_EARLY_LOOKS)
        failures = Retry(self._clock, _FIRST_RETRY, _LAST_RETRY)
        complete = False
        while True:
            try:
                census = await self._take_census()
            except Unavailable as error:
                events.still_open()
                complete = False
                words = f"{error} (events still come; what no event tells is not seen)"
                emit(LibvirtAway(self._uri, words, heard=True))
                await failures.pause_unless(events.lost)
                continue
            if not complete:
                complete = True
                retry.worked()
                failures.worked()
                emit(LibvirtBack(self._uri))
            emit(census)
            passed = self._clock.now().monotonic - began
            while early and early[0] <= passed:
                early.pop(0)
            await wait(self._clock, early[0] - passed if early else self._resync, events.lost)
            events.still_open()

    # ---- the census

    async def _take_census(self) -> Census:
        after = self._numbers.last
        async with self._open_session(self._uri, "census") as libvirt:
            readings, unread = await libvirt.call(
                lambda connection: self._look_at_all(connection, libvirt.api.main), _CENSUS_TIMEOUT
            )
        if self._several and not self._host_told:
            await self._ask_for_host()
        await self._line.let_pass()
        self._name(unread)
        return Census(self._uri, readings, after, self._host)

    async def _ask_for_host(self) -> None:
        """In a session of its own; one at most is left behind, with a worker of libvirtd's."""
        try:
            async with self._open_session(self._uri, "host", timeout=_HOST_TIMEOUT, leaves=1) as libvirt:
                told = await libvirt.call(
                    lambda connection: host_of(connection, libvirt.api.main), _HOST_TIMEOUT
                )
        except Unavailable as error:
            LOG.info("%s: what it calls its host is not known, and asked again later: %s", self._uri, error)
        else:
            # One that does not tell now may do so at the next census; until then the last one holds.
            self._host, self._host_told = told or self._host, bool(told)

    def _look_at_all(self, connection: Any, libvirt: Any) -> tuple[tuple[Reading, ...], dict[Identity, str]]:
        """On the session's thread: how each domain stands, and why of some nothing could be read."""
        readings: list[Reading] = []
        unread: dict[Identity, str] = {}
        for domain in connection.listAllDomains():
            instance = identify(domain, self._uri)
            if instance.uuid in self._under_way:
                unread[instance] = "libvirt has not answered the last question about it"
                continue
            try:
                with self._under_way.about(instance.uuid):
                    readings.append(read(domain, self._uri, self._files))
            except libvirt.libvirtError as error:
                if is_about_the_connection(error, libvirt):
                    raise
                if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:  # undefined while we were reading
                    unread[instance] = str(error)
        # It is there, so it has not gone; more is not known.
        readings += [Reading(instance=instance, power=Power.UNKNOWN) for instance in unread]
        return tuple(readings), unread

    def _name(self, unread: dict[Identity, str]) -> None:
        """Say of which domains nothing could be read, once for each."""
        for instance, why in unread.items():
            if self._named.get(instance) != why:
                words = "%s: how %s stands could not be read, and it is left out: %s"
                LOG.warning(words, self._uri, instance.name, why)
        self._named = unread

    # ---- events

    async def _subscribe(self, events: Session, emit: Emit) -> None:
        loop = asyncio.get_running_loop()

        def hand_over(observation: Observation) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(emit, observation)

        await events.subscribe(self._callbacks(hand_over), _SUBSCRIBE_TIMEOUT, optional=_OPTIONAL)

    def _callbacks(self, emit: Emit) -> dict[int, Callable[..., None]]:
        """They run on libvirt's event thread, one at a time: so the numbers are in its order."""
        uri, files, number = self._uri, self._files, self._numbers.next

        def lifecycle(_c: Any, d: Any, event: int, detail: int, _o: Any) -> None:
            # A newer libvirt's event that we do not know is none of the table's.
            if event in _LIFECYCLE:
                emit(LifecycleChanged(identify(d, uri, files), number(), _LIFECYCLE[event], detail))

        def reboot(_c: Any, d: Any, _o: Any) -> None:
            emit(Rebooted(identify(d, uri, files), number()))

        def watchdog(_c: Any, d: Any, action: int, _o: Any) -> None:
            emit(WatchdogFired(identify(d, uri, files), number(), action))

        def io_error(_c: Any, d: Any, _path: str, alias: str, action: int, _o: Any) -> None:
            emit(IoFailed(identify(d, uri, files), number(), action, alias))

        def io_error_reason(
            _c: Any, d: Any, _path: str, _alias: str, _action: int, reason: str, _o: Any
        ) -> None:
            emit(IoFailedWithReason(identify(d, uri, files), number(), reason))

        def control_error(_c: Any, d: Any, _o: Any) -> None:
            emit(ControlFailed(identify(d, uri, files), number()))

        return {
            EventId.LIFECYCLE: lifecycle,
            EventId.REBOOT: reboot,
            EventId.WATCHDOG: watchdog,
            EventId.IO_ERROR: io_error,
            EventId.IO_ERROR_REASON: io_error_reason,
            EventId.CONTROL_ERROR: control_error,
        }
