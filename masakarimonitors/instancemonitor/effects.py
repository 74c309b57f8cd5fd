"""Asks libvirt about one instance whose process has ended, and masakari how it has this host.

Over sessions of its own, apart from the events': libvirt holds an answer back for as long as it
takes to see the process gone itself (usually under 0.3 s). An answer stands in line behind the events of
what happened before it.
"""

import contextlib
import datetime
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from masakarimonitors.core.decision import Command
from masakarimonitors.core.offers.again import HostSeen, LookUpHost
from masakarimonitors.instancemonitor.core.observation import (
    Ask,
    Asked,
    AskStorages,
    Failed,
    Identity,
    Power,
    Reading,
    StoragesSeen,
)
from masakarimonitors.instancemonitor.domains import EventNumbers, files_of, read, read_traces, storages
from masakarimonitors.instancemonitor.qemu_files import QemuFiles
from masakarimonitors.libvirt.domain_state import LIST_ACTIVE
from masakarimonitors.libvirt.event_line import EventLine
from masakarimonitors.libvirt.faults import Unanswered, Unavailable, is_about_the_connection
from masakarimonitors.libvirt.kept import KeptSessions
from masakarimonitors.libvirt.session import OpenSession, Session, session
from masakarimonitors.system.clock import Clock
from masakarimonitors.system.threads import NoThread, Pool

_TIMEOUT = 20.0
# What libvirt keeps on disk is a few kilobytes; where it is not there by then, that disk hangs.
_DISK_TIMEOUT = 5.0
# libvirt may answer "running" before it has heard of the end: asked again, this often, this long.
_AGAIN, _TRIES = 0.25, 12
_ALIVE = (Power.RUNNING, Power.PAUSED, Power.STARTING, Power.MIGRATING)
# Questions that wait at libvirt at one time; each blocks for as long as libvirt holds its domain.
_AT_ONCE = 4


AskMasakari = Callable[[datetime.datetime], Awaitable[HostSeen]]
"""Asks masakari how it has this host, and whether it was told of its failure since then."""


class Effects:
    """Performs `Ask`, what libvirt knows of one instance, `AskStorages`, and `LookUpHost`."""

    def __init__(
        self,
        clock: Clock,
        numbers: EventNumbers,
        files: QemuFiles,
        lines: Mapping[str, EventLine],
        open_session: OpenSession = session,
        ask_masakari: AskMasakari | None = None,
        *,
        disk_timeout: float = _DISK_TIMEOUT,
    ) -> None:
        """`lines`: the events of each URI, behind which answers stand. Nothing is opened yet.

        `disk_timeout`: seconds for which what libvirt keeps on disk is waited for.
        """
        self._clock = clock
        self._numbers = numbers
        self._files = files
        self._lines = lines
        self._ask_masakari = ask_masakari
        self._open_session = open_session
        # A disk that hangs keeps its threads, and neither the events nor what is asked of libvirt.
        self._disk, self._disk_timeout = Pool("instances' logs", _AT_ONCE), disk_timeout
        self._sessions = {
            uri: KeptSessions(uri, "questions", _AT_ONCE, timeout=_TIMEOUT, open_session=open_session)
            for uri in lines
        }

    async def perform(self, command: Command) -> Asked | StoragesSeen | HostSeen | None:
        """The answer, or what the disk tells when libvirt is away, which may be nothing: the next censuses tell.

        Every question is answered, for it is waited for; None only for a libvirt that is not configured.
        """
        if isinstance(command, LookUpHost):
            return await self._ask_masakari(command.since) if self._ask_masakari is not None else None
        if isinstance(command, AskStorages):
            return await self._ask_storages(command.uri)
        assert isinstance(command, Ask)
        if command.instance.uri not in self._sessions:
            return None  # remembered from a time in which another URI was configured
        for attempt in range(_TRIES):
            after = self._numbers.last
            try:
                answer = await self._ask(command, after)
            except Unanswered:
                return Asked(command.instance, None, after, (await self._on_disk(command.instance)).traces)
            except Unavailable:
                # A libvirtd that is ending lets go of its connections and of its lock one after the other.
                answer = Asked(command.instance, None, after, (await self._on_disk(command.instance)).traces)
                if answer.traces is None and attempt < _TRIES - 1:
                    await self._clock.sleep(_AGAIN)
                    continue
            if answer.reading is None or answer.reading.power not in _ALIVE:
                return answer
            if attempt < _TRIES - 1:
                await self._clock.sleep(_AGAIN)
        return answer

    async def _ask_storages(self, uri: str) -> StoragesSeen:
        """As far as libvirt tells in time; of whom it does not, nothing is known.

        Not over the sessions for questions: where storage has failed a domain may be locked for hours, and what is left
        behind inside of it must not keep the next death from being asked about. One at most is, with a worker of
        libvirtd's; until it is back, nobody is asked for this.
        """
        found: dict[str, tuple[str, ...]] = {}
        if uri in self._sessions:
            with contextlib.suppress(Unavailable):
                async with self._open_session(uri, "storages", timeout=_TIMEOUT, leaves=1) as libvirt:
                    module = libvirt.api.main
                    await libvirt.call(lambda connection: _read_storages(connection, module, found), _TIMEOUT)
        return StoragesSeen(uri, dict(found))

    async def close(self) -> None:
        """Let go of the sessions."""
        self._disk.close()
        for sessions in self._sessions.values():
            await sessions.close()

    async def _on_disk(self, instance: Identity) -> "_OnDisk":
        """What libvirt has left there of an instance; a disk that hangs or fails tells nothing, though it should."""
        files = files_of(instance.uri, self._files)
        if files is None:
            return _OnDisk()
        try:
            return await self._disk.call(partial(_look_at_disk, instance, files), self._disk_timeout)
        except (OSError, NoThread):  # TimeoutError is an OSError
            return _OnDisk(mute=True)

    async def _ask(self, command: Ask, after: int) -> Asked:
        uri = command.instance.uri
        async with self._sessions[uri].one() as libvirt:
            reading = await self._read(command.instance, libvirt)
        # libvirtd's answers overtake its events: told before them, this one would say less than they do.
        await self._lines[uri].let_pass()
        if reading is not None:
            return Asked(command.instance, reading, after)
        disk = await self._on_disk(command.instance)
        return Asked(command.instance, None, after, disk.traces, mute=disk.mute, aborted=disk.aborted)

    async def _read(self, instance: Identity, libvirt: Session) -> Reading | None:
        """None for an instance that libvirt does not know."""
        module, files = libvirt.api.main, files_of(instance.uri, self._files)

        def look(connection: Any) -> Reading | None:
            try:
                return read(connection.lookupByUUIDString(instance.uuid), instance.uri, files)
            except module.libvirtError as error:
                if error.get_error_code() != module.VIR_ERR_NO_DOMAIN:
                    raise
                return None

        return await libvirt.call(look, _TIMEOUT)


@dataclass(frozen=True, slots=True)
class _OnDisk:
    """What the disk tells of an instance, as `Asked` has it."""

    traces: Reading | None = None
    mute: bool = False
    aborted: bool = False


def _look_at_disk(instance: Identity, files: QemuFiles) -> _OnDisk:
    """On a thread: it may hang."""
    traces, log = read_traces(instance, files), files.log(instance.name)
    mute = traces is None and files.should_tell(instance.name)
    return _OnDisk(traces, mute, aborted=log is not None and log.failed is Failed.ARRIVAL)


def _read_storages(connection: Any, libvirt: Any, found: dict[str, tuple[str, ...]]) -> None:
    """On a session's thread: into `found`, one domain after the other, so that one that hangs hides those after it."""
    for domain in connection.listAllDomains(LIST_ACTIVE):
        try:
            found[domain.UUIDString()] = storages(domain)
        except libvirt.libvirtError as error:
            if is_about_the_connection(error, libvirt):
                raise
        except ValueError:
            continue
