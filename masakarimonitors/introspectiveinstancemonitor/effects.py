"""The last look before a report: how a machine stands, and its processor and block counters.

In: `ReadCounters`. Out: `Counters`, or `NotKnown`. Two kinds of calls on connections of their own: the
first kind asks libvirtd alone and never QEMU; the second asks QEMU's monitor, and a QEMU that stands
still would keep that call, and with it the machine's state lock that nova needs, for ever. So the
second is made only when the first has shown that QEMU uses processor time.
"""

from dataclasses import dataclass
from typing import Any

from masakarimonitors.decisions import Command
from masakarimonitors.introspectiveinstancemonitor.commands import ReadCounters
from masakarimonitors.introspectiveinstancemonitor.observation import Counters, NotKnown, Standing, VcpuTime
from masakarimonitors.introspectiveinstancemonitor.standing import standing_of
from masakarimonitors.system.clock import Clock
from masakarimonitors.system.libvirt import Connection, Unanswered, Unavailable, load

FROM_LIBVIRTD = 5.0
"""Seconds for what libvirtd knows by itself; it answers in milliseconds when it has a worker free."""

FROM_QEMU = 3.0
"""Seconds for QEMU's monitor; it answers in 5-20 ms."""

STIRRED = 1.0
"""Seconds between the two glances that show whether QEMU uses processor time at all."""

LOST_THREADS = 4
"""Calls to QEMU monitors that may be under way at once, hung ones included: each keeps one of libvirtd's workers."""

_JOB, _OCCUPIED = 1, 2  # VIR_DOMAIN_CONTROL_JOB, _OCCUPIED
_STATS_VCPU, _STATS_BLOCK = 1 << 3, 1 << 5  # VIR_DOMAIN_STATS_*
_NOWAIT = 1 << 29  # VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT: never wait for the machine's state lock


@dataclass(frozen=True, slots=True)
class _Glance:
    number: int
    standing: Standing
    cpu: int
    occupied: float


class Look:
    """Reads counters from one libvirt."""

    def __init__(self, uri: str, clock: Clock) -> None:
        """Nothing is opened before the first question."""
        self._clock = clock
        self._asking: set[object] = set()
        self._libvirtd = Connection(uri, readonly=True, threads=2)
        self._qemu = Connection(uri, readonly=True, threads=LOST_THREADS)

    async def perform(self, command: Command) -> Counters | NotKnown | None:
        """Answer `ReadCounters`, within about 10 seconds."""
        if not isinstance(command, ReadCounters):
            raise TypeError(f"the introspective monitor has no way to carry out {command!r}")
        try:
            return await self._read(command)
        except Unavailable as fault:
            return NotKnown(command.uuid, command.run, str(fault))

    async def close(self) -> None:
        """Let go of the connections without waiting for what hangs on them."""
        self._libvirtd.close()
        self._qemu.close()

    async def _read(self, command: ReadCounters) -> Counters | NotKnown:
        glance = await self._glance(command)
        if glance is None:
            return NotKnown(command.uuid, command.run, "the machine does not run any more")
        before = command.cpu_before
        if command.blocks and before is None and glance.standing is Standing.RUNNING:
            before = glance.cpu
            await self._clock.sleep(STIRRED)
            glance = await self._glance(command) or glance
        at = self._clock.now().monotonic
        reading = Counters(command.uuid, command.run, at, glance.standing, glance.cpu)
        if not command.blocks or glance.standing is not Standing.RUNNING:
            return reading
        if glance.cpu == before:
            return _unread(reading, "QEMU used no processor time since the last look, so it was not asked")
        if glance.occupied > FROM_QEMU:
            words = f"QEMU's monitor has not answered another question for {glance.occupied:.0f} s"
            return _unread(reading, words, mute=True)
        return await self._ask_qemu(command, reading)

    async def _glance(self, command: ReadCounters) -> _Glance | None:
        await self._libvirtd.open(FROM_LIBVIRTD)
        glance = await self._libvirtd.call(lambda handle: _glance(handle, command.uuid), FROM_LIBVIRTD)
        return glance if glance is not None and command.run.endswith(f"-{glance.number}") else None

    async def _ask_qemu(self, command: ReadCounters, reading: Counters) -> Counters:
        if len(self._asking) >= LOST_THREADS:
            # Not this machine's fault: it is not asked, so it must not be called mute.
            return _unread(reading, "block requests not known: the monitors of other machines' QEMU hang")
        await self._qemu.open(FROM_LIBVIRTD)
        call = object()

        def ask(handle: Any) -> tuple[tuple[VcpuTime, ...], int | None]:
            # Counted until the call itself is back: it may hang for longer than anybody waits.
            self._asking.add(call)
            try:
                return _stats(handle, command.uuid)
            finally:
                self._asking.discard(call)

        try:
            vcpus, requests = await self._qemu.call(ask, FROM_QEMU)
        except Unanswered:
            mute = call in self._asking
            return _unread(reading, f"QEMU's monitor did not answer within {FROM_QEMU:g} s", mute=mute)
        except Unavailable as fault:
            return _unread(reading, str(fault))
        return Counters(
            reading.uuid,
            reading.run,
            self._clock.now().monotonic,
            reading.standing,
            reading.cpu,
            vcpus,
            requests,
            "" if requests is not None else "libvirt did not tell the block counters",
        )


def _unread(reading: Counters, why: str, *, mute: bool = False) -> Counters:
    return Counters(
        reading.uuid, reading.run, reading.at, reading.standing, reading.cpu, unread=why, mute=mute
    )


def _glance(handle: Any, uuid: str) -> _Glance | None:
    """On a worker thread: only what libvirtd answers without a lock and without QEMU."""
    libvirt = load().main
    try:
        domain = handle.lookupByUUIDString(uuid)
        if domain.ID() < 0:
            return None
        standing = standing_of(domain.state()[0])
        cpu = domain.info()[4]
        control, _details, milliseconds = domain.controlInfo()
    except libvirt.libvirtError as error:
        if error.get_error_code() in (libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_OPERATION_INVALID):
            return None
        raise
    if standing is Standing.RUNNING and control == _JOB:
        standing = Standing.BUSY
    occupied = milliseconds / 1000 if control == _OCCUPIED else 0.0
    return _Glance(domain.ID(), standing, cpu, occupied)


def _stats(handle: Any, uuid: str) -> tuple[tuple[VcpuTime, ...], int | None]:
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
    # A machine with disks of which none was counted was not read; one without disks has done nothing.
    if stats["block.count"] and not requests:
        return vcpus, None
    return vcpus, sum(requests)
