"""One host's monitor in the made-up cloud: the real daemon, outbox, delivery and wiring around sources that are models.

In: what happens to the process (it starts, stops, is killed). Out: what it offers to masakari, and what it tells
people. A killed process closes nothing: its file stays as the last transaction left it, and what it had sent arrives.
"""

import asyncio
import functools
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from oslo_config import cfg

from masakarimonitors.cmd import wiring
from masakarimonitors.cmd.wiring import WiredMonitor
from masakarimonitors.conf import loader
from masakarimonitors.core.decision import Command, Instant, Verdict
from masakarimonitors.hostmonitor import monitor as hostmonitor
from masakarimonitors.hostmonitor.core.observation import (
    CheckLife,
    CheckPower,
    LifeSeen,
    Observation,
    Power,
    PowerSeen,
    ProofKind,
    WriteLedger,
)
from masakarimonitors.hostmonitor.drivers.base import Driver
from masakarimonitors.masakari_answers import NotSent, Outcome, Unreachable, judge
from masakarimonitors.masakari_api import LookupFailed
from masakarimonitors.masakari_lists import ReportFinder
from masakarimonitors.monitor import Effects
from masakarimonitors.outbox.delivery.arrivals import Arrivals
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.rows import Loaded, Row, Write
from masakarimonitors.outbox.storage.sqlite import SqliteStore
from masakarimonitors.outbox.storage.store import MemoryStore, Store, StoreFault
from masakarimonitors.status.model import SubjectRow
from tests.fixtures.fake_loop import LoopClock
from tests.world.masakari import Unanswered
from tests.world.real_elections import AnyElector
from tests.world.sources import Emit, LinkSource

if TYPE_CHECKING:
    from tests.world.world import World

TIMEOUT = 30.0
"""Seconds after which a monitor gives up one call of masakari."""

SECOND_LOOK = 10.0
"""Seconds between the two looks of which one proof by BMC consists."""


@functools.lru_cache(maxsize=512)
def options(host: str, text: str) -> cfg.ConfigOpts:
    """The configuration of a host's monitor; `text` is what stands in its file beside the name."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(f"[DEFAULT]\nhostname = {host}\n{text}")
        file.flush()
        return loader.load(["--config-file", file.name])


class Disk:
    """A store that ends with its process: once it is cut off nothing is written any more. May be full, or busy."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.cut = False
        self.fault = ""

    @property
    def where(self) -> str:
        return self._store.where

    @property
    def folder(self) -> str:
        return self._store.folder

    @property
    def blocks(self) -> bool:
        return self._store.blocks

    def load(self) -> Loaded:
        self._check()
        return self._store.load()

    def write(self, writes: Sequence[Write]) -> None:
        self._check()
        if not self.cut:
            self._store.write(writes)

    def put_aside(self, poison: Sequence[Write]) -> None:
        self._check()
        if not self.cut:
            self._store.put_aside(poison)

    def recent(self, limit: int) -> list[Row]:
        return self._store.recent(limit)

    def ended(self, subjects: Sequence[str]) -> list[Row]:
        return self._store.ended(subjects)

    def prune(self, keep: int) -> None:
        self._store.prune(keep)

    def set_aside(self) -> str:
        return self._store.set_aside()

    def check(self) -> None:
        self._check()
        if not self.cut:
            self._store.check()

    def renewed(self) -> Store:
        return self

    def close(self) -> None:
        if not self.cut:
            self._store.close()

    def kill(self) -> None:
        """The process is gone, and with it its hold on the file."""
        self.cut = True
        self._store.close()

    def _check(self) -> None:
        if self.fault:
            raise StoreFault(self.fault, lasting=False)


class Wire:
    """The way of one monitor to masakari."""

    def __init__(self, world: "World", host: str) -> None:
        self._world = world
        self._host = host

    async def send(self, body: str, may_send: Callable[[], bool] = lambda: True) -> Outcome:
        """Offer one notification; it arrives, or not, whatever becomes of the one who waits for the answer."""
        if not may_send():
            return NotSent()
        if not self._world.way_to_masakari(self._host):
            await asyncio.sleep(TIMEOUT / 3)
            return Unreachable("connect timed out", maybe_accepted=False)
        call = self._world.spawn(self._world.masakari.post(body, self._host))
        try:
            async with asyncio.timeout(TIMEOUT):
                status, text = await asyncio.shield(call)
        except Unanswered as fault:
            return Unreachable(str(fault), maybe_accepted=fault.arrived)
        except TimeoutError:
            return Unreachable("read timed out", maybe_accepted=True)
        return judge(status, text)

    async def get(self, path: str, **_: Any) -> Any:
        """Read; raises LookupFailed."""
        if not self._world.way_to_masakari(self._host):
            await asyncio.sleep(TIMEOUT / 3)
            raise LookupFailed(f"GET {path}: connect timed out")
        try:
            async with asyncio.timeout(TIMEOUT):
                status, document = await self._world.masakari.get(path, self._host)
        except (Unanswered, TimeoutError) as fault:
            raise LookupFailed(f"GET {path}: {fault or 'read timed out'}") from fault
        if status != 200:
            raise LookupFailed(f"GET {path}: {status} {document}", unknown=status == 404)
        return document


class MonitorSite:
    """Where one host's monitor runs, life after life."""

    def __init__(self, world: "World", host: str) -> None:
        self.world = world
        self.host = host
        self.clock = LoopClock(world.loop)
        self.wired: WiredMonitor | None = None
        self.lives = 0
        self.disk: Disk | None = None
        self.disk_fault = ""
        self.elector: AnyElector | None = None
        self._memory: MemoryStore | None = None
        self._task: asyncio.Task[None] | None = None
        self._emit: Emit | None = None

    @property
    def runs(self) -> bool:
        """Whether its process lives."""
        return self._task is not None and not self._task.done()

    # -- its process ----------------------------------------------------------------------------

    def start(self) -> None:
        """With what is on disk."""
        if not self.runs:
            self.lives += 1
            self._task = self.world.spawn(self._live())

    async def stop(self) -> None:
        """SIGTERM: it ends what it does, and has ended when this returns."""
        task = self._task
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        self._gone()

    def kill(self) -> asyncio.Task[None] | None:
        """SIGKILL: at once, and nothing is closed; the task that then ends, if it ran."""
        task = self._task
        if task is None or not self.runs:
            return None
        if self.elector is not None:
            self.elector.killed = True
        if self.disk is not None:
            self.disk.kill()
        self._memory = None
        task.cancel()
        self._task = None
        self._gone()
        return task

    def _gone(self) -> None:
        self.wired = None
        self._emit = None

    async def _live(self) -> None:
        disk = self.disk = Disk(self._store())
        disk.fault = self.disk_fault
        outbox = Outbox(disk, self.clock)
        await outbox.open()
        api = Wire(self.world, self.host)
        conf = options(self.host, self.world.options)
        monitor = hostmonitor.wire(conf, self._driver(), outbox.memory, self.clock, api)
        monitor = replace(monitor, effects=_Life(self, monitor.effects))
        policy = wiring.delivery_policy(conf, "hostmonitor")
        arrivals = Arrivals(ReportFinder(api))
        wired = wiring.wire(
            monitor,
            outbox,
            api,
            policy,
            self.clock,
            on_verdict=self._told,
            arrivals=arrivals,
            reader=api,
            follow=wiring.follow_policy("hostmonitor"),
        )
        self.wired = wired
        try:
            async with asyncio.TaskGroup() as tasks:
                for run in (outbox.run, wired.delivery.run, wired.daemon.run, wired.follower.run):
                    tasks.create_task(run())
        finally:
            if not disk.cut:
                await outbox.close()

    def _store(self) -> Store:
        if self.world.on_disk:
            return SqliteStore(self.world.folder / f"{self.host}.sqlite")
        # What is in memory outlives a clean restart here, as if on a disk without the file; SIGKILL takes it.
        self._memory = self._memory or MemoryStore()
        return self._memory

    def _driver(self) -> Driver:
        world = self.world
        elector = self.elector = world.elector(self.host, self.lives, self.clock)
        sources = [
            LinkSource(link, self.host, self.clock, self._greet, elector.on_sight, world.worked_on)
            for link in world.links
        ]
        return Driver(
            name=world.engine,
            matrix=world.matrix,
            sources=[*sources, elector],
            effects=_Effects(self),
            needs_proof=world.needs_proof,
            elected=True,
            on_path=elector.on_path,
        )

    def _greet(self, emit: Emit) -> None:
        self._emit = emit
        for observation in self.world.standing_facts(self.clock.now()):
            emit(observation)

    def hears(self, observation: Observation) -> None:
        """The engine tells something; a monitor that sees nothing hears nothing."""
        if self._emit is not None and self.runs and self.world.links[-1].sees(self.host):
            self._emit(observation)

    # -- what it tells --------------------------------------------------------------------------

    def _told(self, verdict: Verdict, at: Instant) -> None:
        alarm = "  ALARM" if verdict.alarm else ""
        self.world.note(f"{self.host}: {verdict.subject} {verdict.ruling.value}: {verdict.why}{alarm}")
        self.world.verdicts.append((self.host, verdict))

    def faults(self) -> list[str]:
        """What went wrong inside of it."""
        if self.wired is None:
            return []
        record = self.wired.status.record
        inside = [text for _, text in record.faults if "decision failed" in text or " failed: " in text]
        return inside + [f"{row.name}: {row.seen}" for row in record.sources.values() if row.failures]

    def row(self, subject: str) -> Mapping[str, Any] | None:
        """What its status shows of a subject."""
        if self.wired is None:
            return None
        for row in self.wired.status.subjects():
            if row.subject == subject:
                return {"state": row.state, "detail": row.detail, "alarm": row.alarm}
        return None

    def delivered(self, subject: str) -> Sequence[SubjectRow]:
        """What its status shows of the reports about a subject that masakari has."""
        if self.wired is None:
            return ()
        return [row for row in self.wired.status.delivered() if row.subject == subject]


class _Life:
    """Signs of life are those of the world; everything else is done as the monitor is wired."""

    def __init__(self, site: MonitorSite, others: Effects[Observation] | None) -> None:
        self._site = site
        self._others = others

    async def perform(self, command: Command) -> Observation | None:
        if not isinstance(command, CheckLife):
            return await self._others.perform(command) if self._others is not None else None
        await asyncio.sleep(1.0)
        life = self._site.world.life_of(command.host, self._site.host)
        at = self._site.clock.now()
        return LifeSeen(host=command.host, life=life, evidence="tcp 22", at=at, in_reply_to=command)


class _Effects:
    """What the driver does when it is asked."""

    def __init__(self, site: MonitorSite) -> None:
        self._site = site

    async def perform(self, command: Command) -> Observation | None:
        match command:
            case CheckPower():
                return await self._prove(command)
            case WriteLedger() if self._site.elector is not None:
                return await self._site.elector.perform(command)
        return None

    async def _prove(self, request: CheckPower) -> PowerSeen:
        world, site = self._site.world, self._site
        await asyncio.sleep(world.rng.uniform(0.3, 1.5))
        power = world.bmc_of(request.host)
        if power is Power.OFF:
            await asyncio.sleep(SECOND_LOOK)
            power = world.bmc_of(request.host)
        now = site.clock.now()
        if power is Power.OFF:
            world.note_proof(site.host, request.host)
        kind = None if power is Power.NO_PROOF else ProofKind.BMC
        return PowerSeen(
            host=request.host, power=power, evidence="its BMC", at=now, in_reply_to=request, kind=kind
        )
