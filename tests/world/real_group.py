"""The election of the Pacemaker driver itself, in the made-up cloud: its elector, in process groups on made-up time.

Corosync's promises: the members of one ring hear the same changes and messages in the same order, moments apart. Where
the network changes, nothing is delivered until new rings have formed, each side by itself and in its own time; what was
sent meanwhile comes after that. A process that ends leaves at once, a host that dies when the ring forms anew.
"""

import asyncio
import functools
import os
import random
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Self

from masakarimonitors.core.decision import Command
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry
from masakarimonitors.hostmonitor.core.observation import Leader, Observation, WriteLedger
from masakarimonitors.hostmonitor.drivers.pacemaker.context import DriverContext
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.client import CorosyncError
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.election import (
    GroupChanged,
    GroupMessage,
    Process,
    decode,
    encode,
)
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.elector import GroupElector
from masakarimonitors.system.clock import Clock
from tests.world.elections import Emit, Ledger
from tests.world.freezing import Freezer
from tests.world.links import Link, Span

LOST: Span = (7.5, 8.0)
"""Seconds from a cut until a side has formed its ring without the others, as measured with the default token."""
FOUND: Span = (0.3, 1.5)
"""Seconds from a mended network until there is one ring."""
SKEW = 0.02
"""Seconds that the members of one ring hear of the same thing apart."""

News = GroupChanged | GroupMessage


class _Ring:
    """Hosts that have agreed on an order. `waiting`: what happens once it is whole again."""

    def __init__(self, hosts: frozenset[str]) -> None:
        self.hosts = hosts
        self.members: dict[Process, PlayedGroup] = {}
        self.waiting: deque[Callable[[_Ring], None]] = deque()


class RealGroup:
    """All rings. `hung`: hosts whose Corosync stands still while their processes run."""

    def __init__(self, link: Link, loop: asyncio.AbstractEventLoop, rng: random.Random) -> None:
        self.freezer = Freezer()
        self.joins = self.legible = True
        self._hung: set[str] = set()
        self._link = link
        self._loop = loop
        self._rng = rng
        self._numbers = {host: number for number, host in enumerate(link.hosts, 1)}
        self._rings = [_Ring(frozenset(link.hosts))]
        self._forming: dict[frozenset[str], asyncio.TimerHandle] = {}
        self._electors: list[RealGroupElector] = []
        self._told: Ledger | None = None
        self._forged = b""
        self.on_ring: Callable[[], None] = lambda: None
        link.watch(self._network_changed)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is open."""

    def elector(self, host: str, life: int, clock: Clock) -> "RealGroupElector":
        """The part of one life of a host's monitor."""
        elector = RealGroupElector(self, host, life, clock, self._numbers)
        self._electors = [*(one for one in self._electors if one.host != host), elector]
        return elector

    # -- what a story does ----------------------------------------------------------------------

    @property
    def holder(self) -> str:
        """Who says that it leads."""
        return next((one.host for one in self._electors if one.leads), "")

    @property
    def ledger(self) -> Ledger | None:
        """What was sent last."""
        return self._told

    @ledger.setter
    def ledger(self, entries: Mapping[str, LedgerEntry]) -> None:
        self._forged = encode(entries, 1000)

    def tell(self) -> None:
        """It is heard by all, as if one of them had said it."""
        for ring in self._rings:
            if ring.members:
                forged = GroupMessage(min(ring.members), self._forged)
                self._order(ring, functools.partial(self._deliver, news=forged))

    def refuse_writes(self) -> None:
        """Nobody can be in it."""
        self.joins = False
        for ring in self._rings:
            for member in list(ring.members.values()):
                member.break_off()

    def admit(self) -> None:
        """It can be joined."""
        self.joins = True

    def lose(self) -> None:
        """Corosync is restarted everywhere: what its members knew of each other is gone."""
        for ring in self._rings:
            for member in list(ring.members.values()):
                member.break_off()

    def hang(self, host: str, still: bool = True) -> None:
        """Corosync's own process there stands still, or goes on."""
        (self._hung.add if still else self._hung.discard)(host)
        self._network_changed()

    def thaw(self, host: str) -> None:
        """The monitor there goes on, and hears what has come meanwhile."""
        self.freezer.thaw(host)
        for ring in self._rings:
            for member in ring.members.values():
                if member.host == host:
                    member.ring()

    def close(self) -> None:
        """Nothing happens any more."""
        for timer in self._forming.values():
            timer.cancel()

    def is_quorate(self, host: str) -> bool:
        """Whether more than half of all hosts are in the ring of this one."""
        ring = self._ring_of(host)
        return ring is not None and len(ring.hosts) * 2 > len(self._numbers)

    # -- what a member does ---------------------------------------------------------------------

    async def open(self, host: str, process: Process) -> "PlayedGroup":
        """Join; raises CorosyncError."""
        await asyncio.sleep(0.02)
        await self.freezer.thawed(host)
        ring = self._ring_of(host)
        if ring is None or not self.joins or host in self._hung:
            raise CorosyncError("cpg_join: corosync is not running here, or has just gone")
        group = PlayedGroup(self, host, process)
        self._order(ring, lambda on: self._join(on, group))
        return group

    def send(self, group: "PlayedGroup", payload: bytes) -> bool:
        """To all in its ring, in the one order."""
        ring = self._ring_of(group.host)
        if ring is None or group.host in self._hung:
            return False

        def deliver(on: _Ring) -> None:
            if group.process in on.members:
                self._deliver(on, GroupMessage(group.process, payload))

        self._loop.call_later(self._rng.uniform(0.001, 0.01), self._order_of, group.host, deliver)
        return True

    def leave(self, group: "PlayedGroup") -> None:
        """Its process has left or ended; one whose host is off says nothing."""
        if self._link.reaches(group.host, group.host):
            self._order_of(group.host, lambda on: self._part(on, group))

    # -- the order ------------------------------------------------------------------------------

    def _ring_of(self, host: str) -> _Ring | None:
        return next((ring for ring in self._rings if host in ring.hosts), None)

    def _order_of(self, host: str, happens: Callable[[_Ring], None]) -> None:
        ring = self._ring_of(host)
        if ring is not None:
            self._order(ring, happens)

    def _order(self, ring: _Ring, happens: Callable[[_Ring], None]) -> None:
        if ring.hosts in self._sides():
            happens(ring)
        else:
            ring.waiting.append(happens)

    def _join(self, ring: _Ring, group: "PlayedGroup") -> None:
        if not group.closed and group.host in ring.hosts:
            ring.members[group.process] = group
            self._deliver(ring, GroupChanged(tuple(sorted(ring.members)), joined=(group.process,)))

    def _part(self, ring: _Ring, group: "PlayedGroup") -> None:
        if ring.members.pop(group.process, None) is not None:
            self._deliver(ring, GroupChanged(tuple(sorted(ring.members)), left=(group.process,)))

    def _deliver(self, ring: _Ring, news: News) -> None:
        if isinstance(news, GroupMessage) and (told := decode(news.payload)) is not None and told[1]:
            self._told = told[1]
        for member in ring.members.values():
            heard = news if self.legible or member.process == getattr(news, "sender", None) else _bent(news)
            member.hear(heard, self._loop.time() + self._rng.uniform(0.001, SKEW))

    # -- rings ----------------------------------------------------------------------------------

    def _sides(self) -> set[frozenset[str]]:
        """Who reaches each other now."""
        up = [host for host in self._numbers if self._link.runs(host)]
        sides = set()
        for host in up:
            near = {one for one in up if self._link.reaches(host, one) and one not in self._hung}
            sides.add(frozenset(near | {host}) if host not in self._hung else frozenset({host}))
        return sides

    def _network_changed(self) -> None:
        sides, rings = self._sides(), {ring.hosts for ring in self._rings}
        for hosts in [hosts for hosts in self._forming if hosts not in sides]:
            self._forming.pop(hosts).cancel()
        for hosts in sorted(sides - rings - set(self._forming), key=sorted):
            # A Corosync that stands still forms nothing.
            if not hosts & self._hung:
                lost = any(ring.hosts & hosts and ring.hosts - hosts for ring in self._rings)
                seconds = self._rng.uniform(*(LOST if lost else FOUND))
                self._forming[hosts] = self._loop.call_later(seconds, self._form, hosts)
        for ring in self._rings:
            if ring.hosts in sides:
                self._go_on(ring)

    def _form(self, hosts: frozenset[str]) -> None:
        """These hosts are one ring from now on."""
        self._forming.pop(hosts, None)
        old = [ring for ring in self._rings if ring.hosts & hosts]
        new = _Ring(hosts)
        for ring in old:
            for process, member in ring.members.items():
                if member.host in hosts and not member.closed:
                    new.members[process] = member
        self._rings = [ring for ring in self._rings if ring not in old] + [new]
        for ring in old:
            if ring.hosts - hosts:
                ring.hosts -= hosts
                ring.members = {p: m for p, m in ring.members.items() if m.host in ring.hosts}
                self._rings.append(ring)
        self._tell_of(new, old)
        for ring in old:
            new.waiting.extend(ring.waiting)
        self._go_on(new)
        self.on_ring()

    def _tell_of(self, new: _Ring, old: Iterable[_Ring]) -> None:
        everybody = tuple(sorted(new.members))
        for member in new.members.values():
            known = member.knows
            stay = tuple(process for process in everybody if process in known)
            at = self._loop.time() + self._rng.uniform(0.001, SKEW)
            if gone := tuple(sorted(known - set(everybody))):
                member.hear(GroupChanged(stay, left=gone, lost=gone), at)
            if joined := tuple(process for process in everybody if process not in known):
                member.hear(GroupChanged(everybody, joined=joined), at)

    def _go_on(self, ring: _Ring) -> None:
        for member in [member for member in ring.members.values() if member.closed]:
            self._part(ring, member)
        while ring.waiting and ring.hosts in self._sides():
            ring.waiting.popleft()(ring)


def _bent(news: News) -> News:
    """A ledger, as one hears it who cannot read it; all else as it is."""
    if isinstance(news, GroupMessage) and (told := decode(news.payload)) is not None and told[1] is not None:
        return GroupMessage(news.sender, b"%d ?" % told[0])
    return news


class PlayedGroup:
    """One process's connection: what `client.Group` is to the elector."""

    def __init__(self, group: RealGroup, host: str, process: Process) -> None:
        self.host = host
        self.process = process
        self.node_id = process[0]
        self.fd, self._bell = os.pipe()
        os.set_blocking(self.fd, False)
        self.closed = False
        self.knows: set[Process] = set()
        self._group = group
        self._news: deque[News] = deque()
        self._heard_at = 0.0
        self._gone = False

    def hear(self, news: News, at: float) -> None:
        """It happens to this process at that second, after whatever was before."""
        if isinstance(news, GroupChanged):
            self.knows = set(news.members)
        self._heard_at = max(at, self._heard_at + 1e-6)
        asyncio.get_running_loop().call_at(self._heard_at, self._take, news)

    def _take(self, news: News) -> None:
        self._news.append(news)
        self.ring()

    def ring(self) -> None:
        """There is something to read, for a process that runs."""
        if not self.closed and (self._news or self._gone) and not self._group.freezer.frozen(self.host):
            os.write(self._bell, b"!")

    def break_off(self) -> None:
        """Corosync has gone."""
        self._gone = True
        self.ring()

    def dispatch(self) -> list[News]:
        """As `client.Group`."""
        try:
            os.read(self.fd, 1000)
        except BlockingIOError:
            return []
        if self._gone:
            raise CorosyncError("cpg_dispatch: corosync is not running here, or has just gone")
        news = list(self._news)
        self._news.clear()
        return news

    def send(self, payload: bytes) -> bool:
        """As `client.Group`."""
        if self._gone:
            raise CorosyncError("cpg_mcast_joined: corosync is not running here, or has just gone")
        return self._group.send(self, payload)

    def close(self) -> None:
        """Leave; the others see it at once."""
        if not self.closed:
            self.closed = True
            os.close(self.fd)
            os.close(self._bell)
            self._group.leave(self)


class RealGroupElector:
    """One life of a monitor in that election: the driver's own elector, and the end of it by SIGKILL."""

    def __init__(
        self, group: RealGroup, host: str, life: int, clock: Clock, numbers: Mapping[str, int]
    ) -> None:
        self.host = host
        self.leads = self.killed = False
        process = numbers[host], 1000 * life + numbers[host]
        self._context = DriverContext(
            member=True, names={str(number): name for name, number in numbers.items()}
        )

        async def open_group(name: bytes, timeout: float) -> PlayedGroup:
            return await group.open(host, process)

        self._elector = GroupElector(clock, self._context, process[1], open_group)
        self.name = self._elector.name

    def on_path(self, works: bool) -> None:
        """Whether this monitor's own way to masakari works."""
        self._elector.on_path(works)

    def on_sight(self, link: str, proven: bool) -> None:
        """Whether this monitor's view is proven."""
        (self._context.sighted if proven else self._context.blind).set()
        (self._context.blind if proven else self._context.sighted).clear()

    async def perform(self, command: Command) -> Observation | None:
        """WriteLedger."""
        if isinstance(command, WriteLedger):
            self._elector.publish(command.entries)
        return None

    async def run(self, emit: Emit) -> None:
        """Until cancelled."""

        def hear(observation: Observation) -> None:
            self.leads = isinstance(observation, Leader)
            emit(observation)

        try:
            await self._elector.run(hear)
        finally:
            self.leads = False
