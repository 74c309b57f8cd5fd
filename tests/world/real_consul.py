"""The election of the Consul driver itself, in the made-up cloud: its elector, against a store on made-up time.

One store stands for all agents, and knows by the token whose monitor asks. Sessions end when Consul would end them,
some time after the last renewal, or at once with a node that is declared lost; then nobody gets the lock for a while.
"""

import asyncio
import json
import random
from collections.abc import Mapping
from pathlib import Path

from aiohttp import web

from masakarimonitors.core.decision import Command
from masakarimonitors.hostmonitor.core.election.candidate import deciding_links, read_candidate
from masakarimonitors.hostmonitor.core.election.election import ElectionPolicy
from masakarimonitors.hostmonitor.core.evidence.matrix import Matrix
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry, read_ledger, write_ledger
from masakarimonitors.hostmonitor.core.observation import Membership, Observation
from masakarimonitors.hostmonitor.drivers.consul.agent import Access, parse_address
from masakarimonitors.hostmonitor.drivers.consul.leadership.election import LEDGER, LOCK, ElectionTimings
from masakarimonitors.hostmonitor.drivers.consul.leadership.elector import Elector as ConsulElector
from masakarimonitors.system.clock import Clock
from tests.fixtures.fake_consul_store import FakeStore, Handler
from tests.world.elections import Emit, Ledger
from tests.world.links import Link, Span

PREFIX = "masakari-monitors/hostmonitor/"
LAPSE: Span = (1.7, 2.0)
"""Times its TTL that a session lives after its last renewal, as measured."""
NO_LEADER = 7.0
"""Seconds after which an agent without servers says so."""


class RealConsul(FakeStore):
    """Consul's key-value store and sessions, for the agents of all hosts."""

    def __init__(self, link: Link, loop: asyncio.AbstractEventLoop, rng: random.Random, folder: Path) -> None:
        super().__init__(folder / "agent.sock")
        self._link = link
        self._loop = loop
        self._lapse = rng
        self._owner: dict[str, str] = {}
        self._ends: dict[str, asyncio.TimerHandle] = {}
        self.dead: set[str] = set()
        self.legible = True
        link.watch(self._members_changed)

    # -- what a story does ----------------------------------------------------------------------

    @property
    def holder(self) -> str:
        """Who holds the lock."""
        value, session = self.keys.get(PREFIX + LOCK, (b"", ""))
        found = read_candidate(value) if session else None
        return found.node if found is not None else ""

    @property
    def ledger(self) -> Ledger | None:
        """What stands there."""
        value, _ = self.keys.get(PREFIX + LEDGER, (b"", ""))
        return read_ledger(value) if value else None

    @ledger.setter
    def ledger(self, entries: Mapping[str, LedgerEntry]) -> None:
        self.put(PREFIX + LEDGER, write_ledger(entries))

    def tell(self) -> None:
        """What was written is seen."""
        self.wake()

    def refuse_writes(self) -> None:
        """No write is taken any more, and no session renewed."""
        self.refuse = True

    def admit(self) -> None:
        """Writes are taken again."""
        self.refuse = False

    def lose(self) -> None:
        """Every key is gone; the sessions live."""
        self.keys.clear()
        self.wake()

    def close(self) -> None:
        """Nothing more happens by itself."""
        for timer in self._ends.values():
            timer.cancel()

    # -- what Consul does -----------------------------------------------------------------------

    def expire(self, session: str) -> None:
        held = any(holder == session for _, holder in self.keys.values())
        super().expire(session)
        timer = self._ends.pop(session, None)
        if timer is not None:
            timer.cancel()
        if held:
            self.lock_delay = True
            delay = float(self.terms[session]["LockDelay"].removesuffix("s"))
            self._loop.call_later(delay, self._free)

    def _free(self) -> None:
        self.lock_delay = False
        self.wake()

    def _live_on(self, session: str) -> None:
        if session in self._ends:
            self._ends.pop(session).cancel()
        ttl = float(self.terms[session]["TTL"].removesuffix("s"))
        self._ends[session] = self._loop.call_later(ttl * self._lapse.uniform(*LAPSE), self.expire, session)

    def _members_changed(self) -> None:
        for session, token in list(self._owner.items()):
            host = token.split("/")[0]
            if session in self.sessions and self._link.declared[host] is not Membership.UP:
                self.expire(session)

    @web.middleware
    async def _gate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        token = request.headers["X-Consul-Token"]
        host = token.split("/")[0]
        if token in self.dead:
            await asyncio.sleep(3600.0)
        if not self._link.sees(host):
            await asyncio.sleep(NO_LEADER)
            return web.Response(status=500, text="No cluster leader")
        answer = await super()._gate(request, handler)
        if not self._link.sees(host):
            return web.Response(status=500, text="No cluster leader")
        return answer

    async def _create(self, request: web.Request) -> web.Response:
        answer = await super()._create(request)
        session = json.loads(answer.body)["ID"]  # type: ignore[arg-type]
        self._owner[session] = request.headers["X-Consul-Token"]
        self._live_on(session)
        return answer

    async def _renew(self, request: web.Request) -> web.Response:
        answer = await super()._renew(request)
        if answer.status == 200:
            self._live_on(request.match_info["id"])
        return answer


class RealElector:
    """One life of a monitor in that election: the driver's own elector, and the end of it by SIGKILL."""

    def __init__(
        self, store: RealConsul, link: str, host: str, life: int, matrix: Matrix, clock: Clock
    ) -> None:
        self._store = store
        self._token = f"{host}/{life}"
        self._killed = False
        access = Access(address=parse_address(store.address), token=self._token)
        self._elector = ConsulElector(
            link,
            access,
            host,
            clock,
            prefix=PREFIX,
            timings=ElectionTimings(),
            policy=ElectionPolicy(deciding=deciding_links(matrix)),
        )
        self.name = self._elector.name

    @property
    def killed(self) -> bool:
        """Whether its process was killed."""
        return self._killed

    @killed.setter
    def killed(self, value: bool) -> None:
        self._killed = value
        self._store.dead.add(self._token)

    def on_path(self, works: bool) -> None:
        """Whether this monitor's own way to masakari works."""
        self._elector.on_path(works)

    def on_sight(self, link: str, proven: bool) -> None:
        """Whether this monitor's view of a link is proven."""
        self._elector.links.set(link, proven)

    async def perform(self, command: Command) -> Observation | None:
        """WriteLedger."""
        return await self._elector.perform(command)

    async def run(self, emit: Emit) -> None:
        """Until cancelled."""
        await self._elector.run(emit)
