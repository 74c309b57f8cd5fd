"""The last look before a report: a guest's availability, and its domain's processor and block counters.

In: `ReadCounters`. Out: `Counters`, or `NotKnown`. Two kinds of calls over sessions of their own: the
first kind asks libvirtd alone and never QEMU; the second asks QEMU's monitor, and a QEMU that stands
still would keep that call, and with it the domain's state lock that nova needs, for ever. So the
second is made only when the first has shown that QEMU uses processor time.
"""

import asyncio
import contextlib
import datetime
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakValueDictionary

from masakarimonitors.core.decision import Command
from masakarimonitors.core.offers.again import HostSeen, LookUpHost
from masakarimonitors.introspectiveinstancemonitor.core.observation import (
    Availability,
    Counters,
    NotKnown,
    ReadCounters,
    VcpuTime,
    availability_of,
)
from masakarimonitors.libvirt.domain_state import ControlState
from masakarimonitors.libvirt.faults import Unanswered, Unavailable
from masakarimonitors.libvirt.kept import KeptSessions
from masakarimonitors.libvirt.session import OpenSession, session
from masakarimonitors.system.clock import Clock, wait

FROM_LIBVIRTD = 5.0
"""Seconds for what libvirtd knows by itself; it answers in milliseconds when it has a worker free."""

FROM_QEMU = 3.0
"""Seconds for QEMU's monitor; it answers in 5-20 ms."""

STIRRED = 1.0
"""Seconds between the two readings that show whether QEMU uses processor time at all."""

AT_ONCE = 2
"""Questions to libvirtd itself at once."""

LOST_THREADS = 4
"""Calls to QEMU monitors that may be under way at once, hung ones included: each keeps one of libvirtd's workers (20 by
default, which nova needs, too) until its QEMU answers or ends, whatever becomes of the connection."""

FOR_A_PLACE = 1.0
"""Seconds for which a call waits until the next of these has come back: QEMUs that answer do so within milliseconds."""

_STATS_VCPU, _STATS_BLOCK = 1 << 3, 1 << 5  # VIR_DOMAIN_STATS_*
_NOWAIT = 1 << 29  # VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT: never wait for the domain's state lock


@dataclass(frozen=True, slots=True, kw_only=True)
class _Domain:
    """What libvirtd knows of a running domain by itself; `occupied` (seconds): how long QEMU's monitor is.

    `at`: the monotonic second of it, on the thread that read it: if this process stands still after that, what was done
    until then must not seem to have taken longer.
    """

    at: float
    domain_id: int
    availability: Availability
    cpu: int
    occupied: float


AskMasakari = Callable[[datetime.datetime], Awaitable[HostSeen]]
"""Asks masakari how it has this host, and whether it was told of its failure since then."""


class CounterReader:
    """The effects: reads counters from the libvirt that a command names, and asks masakari how it has this host."""

    def __init__(
        self,
        uris: Sequence[str],
        clock: Clock,
        ask_masakari: AskMasakari | None = None,
        open_session: OpenSession = session,
    ) -> None:
        """Nothing is opened before the first command."""
        self._ask_masakari = ask_masakari
        self._libvirts = {uri: _Libvirt(uri, clock, open_session) for uri in uris}

    async def perform(self, command: Command) -> Counters | NotKnown | HostSeen | None:
        """Answer `ReadCounters`, within about 10 seconds, and `LookUpHost`."""
        if isinstance(command, LookUpHost):
            return await self._ask_masakari(command.since) if self._ask_masakari is not None else None
        if not isinstance(command, ReadCounters):
            raise TypeError(f"the introspective monitor has no way to carry out {command!r}")
        try:
            return await self._libvirts[command.where].read(command)
        except Unavailable as fault:
            return NotKnown(command.uuid, command.run, str(fault))
        except Exception as fault:  # noqa: BLE001 - what comes of one guest's reading must not reach the others
            why = f"the reading could not be understood ({type(fault).__name__}: {fault})"
            return NotKnown(command.uuid, command.run, why)

    async def close(self) -> None:
        """Let go of the sessions without waiting for what hangs on them."""
        for libvirt in self._libvirts.values():
            await libvirt.close()


class Places:
    """The calls to QEMU monitors that are under way, at most `LOST_THREADS`, and who waits in line to make one."""

    def __init__(self, clock: Clock) -> None:
        """All places are free."""
        self._clock = clock
        # Whose monitor each of these calls is a question to; and what is set, once, when the next one is back.
        self._taken: dict[object, str] = {}
        self._back = asyncio.Event()

    def __contains__(self, call: object) -> bool:
        """Whether that call has a place."""
        return call in self._taken

    async def take(self, call: object, uuid: str) -> bool:
        """Whether a call about that domain has a place now; it waits in line as long as those that have one answer."""
        while len(self._taken) >= LOST_THREADS:
            # Each looks again by itself, the first in line first: one that is back makes room for one.
            if not await wait(self._clock, FOR_A_PLACE, self._back):
                return False
        self._taken[call] = uuid
        return True

    def begin(self, call: object, uuid: str) -> None:
        """It is made; on any thread. Where nobody waits for it any more it is counted all the same."""
        self._taken[call] = uuid

    def give_back(self, call: object, loop: asyncio.AbstractEventLoop) -> None:
        """It is back, or is not made; on any thread. `loop` is that of those who wait."""
        self._taken.pop(call, None)
        with contextlib.suppress(RuntimeError):  # the loop has ended, and everything with it
            loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        back, self._back = self._back, asyncio.Event()
        back.set()

    def whose(self) -> str:
        """The domains whose monitors do not answer, by their uuids."""
        return ", ".join(sorted(set(self._taken.copy().values())))


class _Libvirt:
    """The two kinds of sessions with one libvirt, and how many calls to QEMU monitors are under way on it."""

    def __init__(self, uri: str, clock: Clock, open_session: OpenSession) -> None:
        self._clock = clock
        self._places = Places(clock)
        # Calls to libvirtd that are not back, and the last one about each domain that somebody waited for in vain.
        self._inside: set[object] = set()
        self._left: dict[str, object] = {}
        # Held by those who read, and gone with the last of them.
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._libvirtd = KeptSessions(
            uri, "states", AT_ONCE, timeout=FROM_LIBVIRTD, open_session=open_session
        )
        self._qemu = KeptSessions(
            uri, "counters", LOST_THREADS, timeout=FROM_LIBVIRTD, open_session=open_session
        )

    async def close(self) -> None:
        await self._libvirtd.close()
        await self._qemu.close()

    async def read(self, command: ReadCounters) -> Counters | NotKnown:
        """Raises `Unavailable` when libvirtd itself does not tell.

        One reading of a domain after another: where the first one hangs, the next does not hang beside it.
        """
        turn = self._turns.setdefault(command.uuid, asyncio.Lock())
        async with turn:
            return await self._read(command)

    async def _read(self, command: ReadCounters) -> Counters | NotKnown:
        domain = await self._ask_libvirtd(command)
        if domain is None:
            return NotKnown(command.uuid, command.run, "the domain does not run any more")
        before = command.cpu_before
        if command.blocks and before is None and domain.availability is Availability.RUNNING:
            before = domain.cpu
            await self._clock.sleep(STIRRED)
            domain = await self._ask_libvirtd(command) or domain
        reading = Counters(
            uuid=command.uuid, run=command.run, at=domain.at, availability=domain.availability, cpu=domain.cpu
        )
        if not command.blocks or domain.availability is not Availability.RUNNING:
            return reading
        if domain.cpu == before:
            return _unread(reading, "QEMU used no processor time since the last reading, so it was not asked")
        if domain.occupied > FROM_QEMU:
            words = f"QEMU's monitor has not answered another question for {domain.occupied:.0f} s"
            # libvirtd does not wait for it then, and tells of the virtual processors by itself.
            reading = _unread(reading, words, mute=True)
        return await self._ask_qemu(command, reading)

    async def _ask_libvirtd(self, command: ReadCounters) -> _Domain | None:
        left = self._left.get(command.uuid)
        if left in self._inside:
            # It would be left behind as well, and after a few of them nobody could be asked about any domain.
            raise Unanswered("libvirt has not answered the last question about it")
        self._left.pop(command.uuid, None)
        call = object()

        def ask(handle: Any) -> _Domain | None:
            self._inside.add(call)
            try:
                return _read_domain(handle, libvirt.api.main, command.uuid, self._clock)
            finally:
                self._inside.discard(call)

        async with self._libvirtd.one() as libvirt:
            try:
                domain = await libvirt.call(ask, FROM_LIBVIRTD)
            except Unanswered:
                self._left[command.uuid] = call
                raise
        return domain if domain is not None and command.run.endswith(f"-{domain.domain_id}") else None

    async def _ask_qemu(self, command: ReadCounters, reading: Counters) -> Counters:
        call, loop, begun = object(), asyncio.get_running_loop(), False
        if not await self._places.take(call, command.uuid):
            # Not this guest's fault: its QEMU is not asked, so it must not be called mute for that.
            return reading if reading.mute else _unread(reading, self._no_place())

        def ask(handle: Any) -> tuple[float, tuple[VcpuTime, ...], int | None]:
            # Counted until the call itself is back: it may hang for longer than anybody waits.
            nonlocal begun
            begun = True
            self._places.begin(call, command.uuid)
            try:
                found = _read_stats(handle, command.uuid)
                return self._clock.now().monotonic, *found
            finally:
                self._places.give_back(call, loop)

        try:
            async with self._qemu.one() as libvirt:
                try:
                    at, vcpus, requests = await libvirt.call(ask, FROM_QEMU)
                except Unanswered:
                    mute = reading.mute or (begun and call in self._places)
                    return _unread(
                        reading, f"QEMU's monitor did not answer within {FROM_QEMU:g} s", mute=mute
                    )
                except Unavailable as fault:
                    return reading if reading.mute else _unread(reading, str(fault))
        finally:
            if not begun:
                self._places.give_back(call, loop)
        if not vcpus:
            # All that is known is QEMU's own time, from before it waited in line: over a longer one it would look idle.
            at = reading.at
        if requests is None:
            unread = reading.unread or "libvirt did not tell the block counters"
            return replace(reading, at=at, vcpus=vcpus, unread=unread)
        return replace(reading, at=at, vcpus=vcpus, requests=requests, unread="", mute=False)

    def _no_place(self) -> str:
        others = self._places.whose()
        return (
            f"block requests not known: no more QEMUs are asked while the monitors of {others} do not answer"
        )


def _unread(reading: Counters, why: str, *, mute: bool = False) -> Counters:
    return replace(reading, unread=why, mute=mute)


def _read_domain(handle: Any, libvirt: Any, uuid: str, clock: Clock) -> _Domain | None:
    """On a worker thread: only what libvirtd answers without a lock and without QEMU."""
    try:
        domain = handle.lookupByUUIDString(uuid)
        if domain.ID() < 0:
            return None
        availability = availability_of(domain.state()[0])
        cpu, at = domain.info()[4], clock.now().monotonic
        control, _details, milliseconds = domain.controlInfo()
    except libvirt.libvirtError as error:
        if error.get_error_code() in (libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_OPERATION_INVALID):
            return None
        raise
    if availability is Availability.RUNNING and control == ControlState.JOB:
        availability = Availability.BUSY
    occupied = milliseconds / 1000 if control == ControlState.OCCUPIED else 0.0
    return _Domain(at=at, domain_id=domain.ID(), availability=availability, cpu=cpu, occupied=occupied)


def _read_stats(handle: Any, uuid: str) -> tuple[tuple[VcpuTime, ...], int | None]:
    """On a worker thread: each virtual processor's time, and the block requests completed on all disks."""
    domain = handle.lookupByUUIDString(uuid)
    found = handle.domainListGetStats([domain], _STATS_VCPU | _STATS_BLOCK, _NOWAIT)
    stats: dict[str, Any] = found[0][1] if found else {}
    vcpus = tuple(
        VcpuTime(stats.get(f"vcpu.{n}.time", 0), stats.get(f"vcpu.{n}.delay", 0))
        for n in range(stats.get("vcpu.maximum", 0))
        if f"vcpu.{n}.time" in stats
    )
    if "block.count" not in stats:
        return vcpus, None
    requests = [
        stats[f"block.{n}.{kind}.reqs"]
        for n in range(stats["block.count"])
        for kind in ("rd", "wr", "fl")
        if f"block.{n}.{kind}.reqs" in stats
    ]
    # A domain with disks of which none was counted was not read; one without disks has done nothing.
    if stats["block.count"] and not requests:
        return vcpus, None
    return vcpus, sum(requests)
