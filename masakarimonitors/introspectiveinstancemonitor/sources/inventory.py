"""The inventory: which domains run here, which have a guest-agent channel of ours, and their availability.

In: libvirt's events, and a full list at every connect and once a minute (the safety net). Out:
`GuestSeen`, `GuestRestarted`, `GuestGone`, `Census`, and `LibvirtAway` while libvirt cannot be asked; the
same is written into the `Targets`, from which the heartbeat takes whom to ask. Events are subscribed
before the list is read, so nothing falls between the two. Questions have a session of their own: one domain
of which libvirt does not tell in time is unread, which ends neither the events nor the sight of the others.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from masakarimonitors.introspectiveinstancemonitor.core.checks import Check, meant_for
from masakarimonitors.introspectiveinstancemonitor.core.observation import (
    Availability,
    Census,
    GuestGone,
    GuestRestarted,
    GuestSeen,
    LibvirtAway,
    Observation,
    Unwatched,
    availability_of,
)
from masakarimonitors.introspectiveinstancemonitor.sources.domain_xml import Description, Nova, describe
from masakarimonitors.introspectiveinstancemonitor.sources.output import Undecided
from masakarimonitors.introspectiveinstancemonitor.sources.targets import Target, Targets
from masakarimonitors.libvirt.domain_state import (
    LIST_ACTIVE,
    PAUSED_STARTING_UP,
    AgentState,
    DomainState,
    EventId,
    Lifecycle,
    Started,
)
from masakarimonitors.libvirt.faults import Unanswered, Unavailable, is_about_the_connection
from masakarimonitors.libvirt.kept import KeptSessions
from masakarimonitors.libvirt.session import OpenSession, Retry, Session, session
from masakarimonitors.libvirt.under_way import UnderWay
from masakarimonitors.system.clock import Clock, boot_id, pause
from masakarimonitors.system.processes.pidfile import written_at

LOG = logging.getLogger(__name__)

RESYNC = 60.0
"""Seconds between two full lists while events are the main path."""

CALL = 10.0
"""Seconds for one call about one domain."""

# Nothing about a running domain.
_DEFINITIONS = (Lifecycle.DEFINED, Lifecycle.UNDEFINED)
_STARTS: dict[int, str] = {
    Started.BOOTED: "booted",
    Started.MIGRATED: "migrated to this host",
    Started.RESTORED: "restored",
    Started.FROM_SNAPSHOT: "from a snapshot",
    Started.WAKEUP: "woken up",
}


@dataclass(frozen=True, slots=True)
class _Event:
    uuid: str
    kind: int
    what: int = 0
    detail: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What libvirt says of one running domain, read at once."""

    uuid: str
    name: str
    domain_id: int
    state: int
    description: Description
    is_agents: bool
    """Whether the socket of its guest agent is one by the option; False without one, too."""
    born: int


@dataclass(frozen=True, slots=True)
class _Unread:
    """A running domain of which libvirt does not tell, and why."""

    why: str


class Matches(Protocol):
    """An expression for the path of a guest agent's socket."""

    def match(self, text: str, /) -> object:
        """What is true where it fits from the beginning on; raises Undecided."""


class Inventory:
    """The inventory of one libvirt; see the module's opening."""

    def __init__(
        self,
        uri: str,
        socket_path: Matches,
        targets: Targets,
        clock: Clock,
        open_session: OpenSession = session,
        *,
        checks: Sequence[Check] = (),
        pids: Path | None = None,
    ) -> None:
        """`socket_path` is matched from the start of a channel's path, as the option promises, on a worker thread.

        `pids`: the folder of libvirt's pidfiles, where they are of these domains.
        """
        self.name = f"inventory of {uri}"
        self._uri = uri
        self._socket_path = socket_path
        self._targets = targets
        self._clock = clock
        self._open_session = open_session
        self._checks = checks
        self._pids = pids
        self._questions = KeptSessions(uri, "domains", 1, open_session=open_session)
        # libvirt's domain numbers begin anew with each boot of the host.
        self._boot = boot_id(otherwise="boot")[:8]
        self._events: deque[_Event] = deque()
        self._wake = asyncio.Event()
        self._list_due = False
        self._unwatched: dict[str, Unwatched] = {}
        self._unread: dict[str, str] = {}
        self._under_way = UnderWay()

    def renew(self, checks: Sequence[Check]) -> None:
        """From now on these checks; which of them are for whom is told of all guests, soon."""
        self._checks, self._list_due = checks, True
        self._wake.set()

    async def run(self, emit: Callable[[Observation], None]) -> None:
        """Until cancelled: connect, subscribe, list, follow; again whenever the events are lost or no list comes."""
        retry = Retry(self._clock, 0.25, 5.0)
        try:
            while True:
                try:
                    async with self._open_session(self._uri, "inventory") as events:
                        await self._subscribe(events)
                        await self._list(emit)
                        retry.worked()
                        await self._follow(events, emit)
                except Unavailable as fault:
                    self._targets.suspend()
                    emit(LibvirtAway(str(fault), self._uri))
                except Exception as fault:
                    # This source begins anew after that, and no event is heard until then.
                    self._targets.suspend()
                    emit(LibvirtAway(f"this monitor could not go on listening: {fault!r}", self._uri))
                    raise
                await retry.pause()
        finally:
            await self._questions.close()

    async def _subscribe(self, events: Session) -> None:
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

        kinds = (EventId.LIFECYCLE, EventId.REBOOT, EventId.AGENT_LIFECYCLE)
        await events.subscribe({kind: callback(kind) for kind in kinds}, CALL)

    async def _follow(self, events: Session, emit: Callable[[Observation], None]) -> None:
        """Until the events are lost, or libvirt itself cannot be asked: then raises Unavailable."""
        events.when_lost(self._wake.set)
        listed = self._clock.now().monotonic
        while True:
            events.still_open()
            if self._events:
                await self._heard(self._events.popleft(), emit)
                continue
            left = listed + RESYNC - self._clock.now().monotonic
            if left <= 0 or self._list_due:
                await self._list(emit)
                listed = self._clock.now().monotonic
            else:
                await pause(self._clock, left, self._wake)

    async def _list(self, emit: Callable[[Observation], None]) -> None:
        self._list_due = False
        async with self._questions.one() as libvirt:
            domains = await libvirt.call(
                lambda handle: [domain.UUIDString() for domain in handle.listAllDomains(LIST_ACTIVE)], CALL
            )
        for uuid in domains:
            await self._read(uuid, emit)
        self._unwatched = {uuid: told for uuid, told in self._unwatched.items() if uuid in domains}
        self._unread = {uuid: why for uuid, why in self._unread.items() if uuid in domains}
        for uuid in set(self._targets.by_uuid) - set(domains):
            self._targets.remove(uuid)
        emit(
            Census(
                frozenset(self._targets.by_uuid),
                tuple(self._unwatched.values()),
                self._uri,
                frozenset(self._unread),
            )
        )

    async def _heard(self, event: _Event, emit: Callable[[Observation], None]) -> None:
        if event.kind == EventId.LIFECYCLE and event.what in _DEFINITIONS:
            return
        if event.kind == EventId.LIFECYCLE and event.what == Lifecycle.STOPPED:
            self._leave(event.uuid, "it stopped", emit)
            return
        known = self._targets.by_uuid.get(event.uuid)
        if event.kind == EventId.REBOOT and known is not None:
            emit(GuestRestarted(known.uuid, known.run, "the guest rebooted", known.born))
        started = event.kind == EventId.LIFECYCLE and event.what == Lifecycle.STARTED
        await self._read(event.uuid, emit, anew=_STARTS.get(event.detail, "started") if started else None)
        answers = event.kind == EventId.AGENT_LIFECYCLE and event.what == AgentState.CONNECTED
        if answers and event.uuid in self._targets.by_uuid:
            self._targets.hint(event.uuid)

    async def _read(
        self,
        uuid: str,
        emit: Callable[[Observation], None],
        *,
        anew: str | None = None,
    ) -> None:
        """How one domain is now; `anew` is how it was started, if it just was."""
        facts = await self._ask(uuid)
        if isinstance(facts, _Unread):
            # Of this one domain nothing is known; what was known of it stays as it was.
            if self._unread.get(uuid) != facts.why:
                LOG.warning("How domain %s stands is not known: %s", uuid, facts.why)
            self._unread[uuid] = facts.why
            return
        self._unread.pop(uuid, None)
        if facts is None:
            self._leave(uuid, "it does not run", emit)
        else:
            self._tell(facts, emit, anew)

    def _tell(self, facts: _Facts, emit: Callable[[Observation], None], anew: str | None) -> None:
        """One that runs: watched from now on, or why not."""
        uuid, description = facts.uuid, facts.description
        channel = description.channel
        if channel is None or not facts.is_agents:
            why = "it has no guest-agent channel"
            if channel is not None:
                why = f"the socket of its guest agent, {channel.path}, does not match qemu_guest_agent_sock_path"
            elsewhere = channel is not None and description.nova != Nova()
            self._unwatched[uuid] = Unwatched(uuid, facts.name, why, elsewhere)
            self._leave(uuid, why, emit)
            return
        self._unwatched.pop(uuid, None)
        availability = availability_of(facts.state)
        if availability is Availability.RUNNING and not channel.connected:
            availability = Availability.AGENT_CLOSED
        run = f"{self._boot}-{facts.domain_id}"
        askable = availability is Availability.RUNNING
        if anew is not None:
            emit(GuestRestarted(uuid, run, anew, facts.born))
        emit(
            GuestSeen(
                uuid=uuid,
                name=facts.name,
                run=run,
                availability=availability,
                where=self._uri,
                storages=description.storages,
                checks=meant_for(self._checks, facts.name, uuid, description.nova.words),
                born=facts.born,
            )
        )
        self._targets.put(
            Target(
                uuid=uuid,
                name=facts.name,
                run=run,
                domain_id=facts.domain_id,
                askable=askable,
                nova=description.nova,
                born=facts.born,
            )
        )

    def _leave(self, uuid: str, why: str, emit: Callable[[Observation], None]) -> None:
        if uuid in self._targets.by_uuid:
            self._targets.remove(uuid)
            emit(GuestGone(uuid, why, self._uri))

    async def _ask(self, uuid: str) -> _Facts | _Unread | None:
        if uuid in self._under_way:
            return _Unread("libvirt has not answered the last question about it")
        async with self._questions.one() as libvirt:
            try:
                return await libvirt.call(lambda handle: self._facts(handle, libvirt.api.main, uuid), CALL)
            except Unanswered as fault:
                # A domain that is locked or slow; the next question goes over another session.
                return _Unread(str(fault))

    def _facts(self, handle: Any, libvirt: Any, uuid: str) -> _Facts | _Unread | None:
        """On a worker thread. None for a domain that does not exist or does not run."""
        try:
            with self._under_way.about(uuid):
                domain = handle.lookupByUUIDString(uuid)
                domain_id = domain.ID()
                if domain_id < 0:
                    return None
                state, reason = domain.state()
                xml = domain.XMLDesc()
        except libvirt.libvirtError as error:
            if is_about_the_connection(error, libvirt):
                raise
            return None if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN else _Unread(str(error))
        try:
            description = describe(xml)
            channel = description.channel
            is_agents = channel is not None and bool(self._socket_path.match(channel.path))
        except (ValueError, Undecided) as fault:
            return _Unread(str(fault))
        return _Facts(
            uuid=uuid,
            name=domain.name(),
            domain_id=domain_id,
            state=state,
            description=description,
            is_agents=is_agents,
            born=self._born(domain.name(), state, reason),
        )

    def _born(self, name: str, state: int, reason: int) -> int:
        """Of what is being started the pidfile of the life before may still be there."""
        starts = state == DomainState.PAUSED and reason == PAUSED_STARTING_UP
        return 0 if self._pids is None or starts else written_at(self._pids / f"{name}.pid")
