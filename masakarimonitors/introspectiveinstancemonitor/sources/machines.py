"""Discovery: which machines run here, which have a guest-agent channel of ours, and how they stand.

In: libvirt's events, and a full list at every connect and once a minute (the safety net). Out:
`Seen`, `Restarted`, `Gone`, `Roll`, and `Away` while libvirt cannot be asked; the same is written
into the `Roster`, from which the heartbeat takes whom to ask. Events are subscribed before the list
is read, so nothing falls between the two.
"""

import asyncio
import contextlib
import logging
import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from masakarimonitors.decisions.backoff import backoff
from masakarimonitors.introspectiveinstancemonitor.observation import (
    Away,
    Gone,
    Observation,
    Restarted,
    Roll,
    Seen,
    Standing,
    Unwatched,
)
from masakarimonitors.introspectiveinstancemonitor.sources.domain_xml import describe
from masakarimonitors.introspectiveinstancemonitor.sources.roster import Roster, Watched
from masakarimonitors.introspectiveinstancemonitor.standing import standing_of
from masakarimonitors.system.clock import Clock, pause
from masakarimonitors.system.libvirt import Connection, Unavailable, load

LOG = logging.getLogger(__name__)

RESYNC = 60.0
"""Seconds between two full lists while events are the main path."""

CALL = 10.0
"""Seconds for one call about one machine."""

_LIFECYCLE, _REBOOT, _AGENT = 0, 1, 18  # VIR_DOMAIN_EVENT_ID_*
_STARTED, _STOPPED = 2, 5  # VIR_DOMAIN_EVENT_STARTED, _STOPPED
_DEFINITIONS = (0, 1)  # VIR_DOMAIN_EVENT_DEFINED, _UNDEFINED: nothing about a running machine
_CONNECTED = 1  # VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED
_STARTS = {0: "booted", 1: "migrated to this host", 2: "restored", 3: "from a snapshot", 4: "woken up"}


@dataclass(frozen=True, slots=True)
class _Event:
    uuid: str
    kind: int
    what: int = 0
    detail: int = 0


@dataclass(frozen=True, slots=True)
class _Facts:
    """What libvirt says of one running machine, read at once."""

    uuid: str
    name: str
    number: int
    state: int
    xml: str


def boot_id() -> str:
    """What tells this boot of the host from every other: libvirt's machine numbers begin anew with each."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    except OSError:
        return "boot"


class Machines:
    """One libvirt, watched; see the module's opening."""

    def __init__(self, uri: str, socket_path: re.Pattern[str], roster: Roster, clock: Clock) -> None:
        """`socket_path` is matched from the start of a channel's path, as the option promises."""
        self.name = f"machines of {uri}"
        self._uri = uri
        self._socket_path = socket_path
        self._roster = roster
        self._clock = clock
        self._boot = boot_id()
        self._events: deque[_Event] = deque()
        self._wake = asyncio.Event()
        self._unwatched: dict[str, Unwatched] = {}

    async def run(self, emit: Callable[[Observation], None]) -> None:
        """Until cancelled: connect, subscribe, list, follow; again whenever the connection is lost."""
        # A few threads: a call about a machine whose state is locked must not hold up the others.
        connection = Connection(self._uri, readonly=True, threads=3)
        failures = 0
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    try:
                        await connection.open()
                        watcher = tasks.create_task(self._wake_on_loss(connection))
                        subscriptions: list[int] = []
                        try:
                            subscriptions = await self._subscribe(connection)
                            await self._list(connection, emit)
                            failures = 0
                            await self._follow(connection, emit)
                        finally:
                            watcher.cancel()
                            await self._unsubscribe(connection, subscriptions)
                        why = connection.why_lost
                    except Unavailable as fault:
                        why = str(fault)
                    self._roster.silence()
                    emit(Away(why, self._uri))
                    failures += 1
                    await self._clock.sleep(backoff(failures, 0.25, 5.0))
        finally:
            connection.close()

    async def _wake_on_loss(self, connection: Connection) -> None:
        await connection.lost.wait()
        self._wake.set()

    async def _subscribe(self, connection: Connection) -> list[int]:
        loop = asyncio.get_running_loop()
        self._events.clear()

        def heard(event: _Event) -> None:
            self._events.append(event)
            self._wake.set()

        def callback(kind: int) -> Callable[..., None]:
            def called(_connection: Any, domain: Any, *details: Any) -> None:
                # On libvirt's event thread; the last detail is the opaque.
                what, detail = (*details[:-1], 0, 0)[:2]
                event = _Event(domain.UUIDString(), kind, int(what), int(detail))
                with contextlib.suppress(RuntimeError):  # the loop has ended, and this monitor with it
                    loop.call_soon_threadsafe(heard, event)

            return called

        def register(handle: Any) -> list[int]:
            kinds = (_LIFECYCLE, _REBOOT, _AGENT)
            return [int(handle.domainEventRegisterAny(None, kind, callback(kind), None)) for kind in kinds]

        return await connection.call(register, CALL)

    async def _unsubscribe(self, connection: Connection, subscriptions: Sequence[int]) -> None:
        """A connection stays open for as long as somebody is subscribed to its events."""

        def deregister(handle: Any) -> None:
            for subscription in subscriptions:
                handle.domainEventDeregisterAny(subscription)

        with contextlib.suppress(Unavailable):
            await connection.call(deregister, CALL)

    async def _follow(self, connection: Connection, emit: Callable[[Observation], None]) -> None:
        listed = self._clock.now().monotonic
        while connection.connected:
            while self._events and connection.connected:
                await self._heard(connection, self._events.popleft(), emit)
            left = listed + RESYNC - self._clock.now().monotonic
            if left <= 0:
                await self._list(connection, emit)
                listed = self._clock.now().monotonic
                continue
            if not self._events:
                await pause(self._clock, left, self._wake)

    async def _list(self, connection: Connection, emit: Callable[[Observation], None]) -> None:
        active = 1  # VIR_CONNECT_LIST_DOMAINS_ACTIVE
        domains = await connection.call(
            lambda handle: [domain.UUIDString() for domain in handle.listAllDomains(active)], CALL
        )
        unwatched = {}
        for uuid in domains:
            await self._read(connection, uuid, emit)
            if uuid in self._unwatched:
                unwatched[uuid] = self._unwatched[uuid]
        self._unwatched = unwatched
        for uuid in set(self._roster.machines) - set(domains):
            self._roster.remove(uuid)
        emit(Roll(frozenset(self._roster.machines), tuple(unwatched.values()), self._uri))

    async def _heard(
        self, connection: Connection, event: _Event, emit: Callable[[Observation], None]
    ) -> None:
        if event.kind == _LIFECYCLE and event.what in _DEFINITIONS:
            return
        if event.kind == _LIFECYCLE and event.what == _STOPPED:
            self._leave(event.uuid, "it stopped", emit)
            return
        known = self._roster.machines.get(event.uuid)
        if event.kind == _REBOOT and known is not None:
            emit(Restarted(known.uuid, known.run, "the guest rebooted"))
        started = event.kind == _LIFECYCLE and event.what == _STARTED
        await self._read(
            connection, event.uuid, emit, anew=_STARTS.get(event.detail, "started") if started else None
        )
        if event.kind == _AGENT and event.what == _CONNECTED and event.uuid in self._roster.machines:
            self._roster.hint(event.uuid)

    async def _read(
        self,
        connection: Connection,
        uuid: str,
        emit: Callable[[Observation], None],
        *,
        anew: str | None = None,
    ) -> None:
        """How one machine stands now; `anew` is how it was started, if it just was."""
        try:
            facts = await connection.call(lambda handle: _facts(handle, uuid), CALL)
        except Unavailable as fault:
            if not connection.connected:
                raise
            # Of this one machine nothing is known; what was known of it stays as it was.
            LOG.warning("The state of machine %s is not known: %s", uuid, fault)
            return
        if facts is None:
            self._leave(uuid, "it does not run", emit)
            return
        description = describe(facts.xml)
        channel = description.channel
        if channel is None or not self._socket_path.match(channel.path):
            why = "it has no guest-agent channel"
            if channel is not None:
                why = f"the socket of its guest agent, {channel.path}, does not match qemu_guest_agent_sock_path"
            self._unwatched[uuid] = Unwatched(uuid, facts.name, why)
            self._leave(uuid, why, emit)
            return
        self._unwatched.pop(uuid, None)
        standing = standing_of(facts.state)
        if standing is Standing.RUNNING and not channel.connected:
            standing = Standing.AGENT_CLOSED
        run = f"{self._boot}-{facts.number}"
        askable = standing is Standing.RUNNING
        if anew is not None:
            emit(Restarted(uuid, run, anew))
        emit(Seen(uuid, facts.name, run, standing, self._uri))
        self._roster.put(Watched(uuid, facts.name, run, facts.number, askable, description.nova))

    def _leave(self, uuid: str, why: str, emit: Callable[[Observation], None]) -> None:
        if uuid in self._roster.machines:
            self._roster.remove(uuid)
            emit(Gone(uuid, why))


def _facts(handle: Any, uuid: str) -> _Facts | None:
    """On a worker thread. None for a machine that does not exist or does not run."""
    libvirt = load().main
    try:
        domain = handle.lookupByUUIDString(uuid)
        number = domain.ID()
        if number < 0:
            return None
        state, _reason = domain.state()
        return _Facts(uuid, domain.name(), number, state, domain.XMLDesc())
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return None
        raise
