"""The election of the Kubernetes driver itself, in the made-up cloud: its elector, against a Lease on made-up time.

The API server stands for all monitors. It keeps one promise: a write that names a version is carried out only if that
version stands. Answers take time, may be lost after the write was carried out, and a write may be carried out long
after the monitor that asked for it has given up waiting.
"""

import asyncio
import copy
import random
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from masakarimonitors.core.decision import Command
from masakarimonitors.hostmonitor.core.ledger import write_ledger
from masakarimonitors.hostmonitor.core.observation import Observation
from masakarimonitors.hostmonitor.drivers.kubernetes.api_server.api import ApiFault, Credentials
from masakarimonitors.hostmonitor.drivers.kubernetes.leadership.elector import ElectionTimings, LeaseElector
from masakarimonitors.hostmonitor.drivers.kubernetes.leadership.lease import LEDGER, read_lease
from masakarimonitors.system.clock import Clock
from tests.world.elections import Emit, Ledger
from tests.world.freezing import Freezer
from tests.world.links import Link, Span

QUICK: Span = (0.005, 0.05)
"""Seconds of one way to the API server, or back."""
Lease = dict[str, Any]


class RealLease:
    """The one Lease. `refusal`: the status with which writes are refused, 0: they are not. `way`: how long (seconds)
    a question or an answer is under way, of a host that is named there."""

    def __init__(self, link: Link, loop: asyncio.AbstractEventLoop, rng: random.Random) -> None:
        self.freezer = Freezer()
        self.refusal = 0
        self.legible = True
        self.way: dict[str, Span] = {}
        self.mute: set[str] = set()
        self.dead: set[tuple[str, int]] = set()
        self._link = link
        self._loop = loop
        self._rng = rng
        self._lease: Lease | None = None
        self._version = 0
        self._over = False
        self._asked: set[asyncio.Task[Lease | ApiFault | None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is open."""

    def elector(self, host: str, life: int, clock: Clock) -> "RealLeaseElector":
        """The part of one life of a host's monitor."""
        return RealLeaseElector(self, host, life, clock)

    # -- what a story does ----------------------------------------------------------------------

    @property
    def holder(self) -> str:
        """Who holds it, by what stands there."""
        return read_lease(self._lease).leader if self._lease else ""

    @property
    def ledger(self) -> Ledger | None:
        """What stands there."""
        return read_lease(self._lease).ledger if self._lease else None

    @ledger.setter
    def ledger(self, entries: Ledger) -> None:
        if self._lease is not None:
            self._lease["metadata"]["annotations"][LEDGER] = write_ledger(entries).decode()

    def tell(self) -> None:
        """Whoever looks sees it."""

    def refuse_writes(self, status: int = 500) -> None:
        """No write is taken any more."""
        self.refusal = status

    def admit(self) -> None:
        """Writes are taken again."""
        self.refusal = 0

    def lose(self) -> None:
        """Somebody has deleted it."""
        self._lease = None

    def close(self) -> None:
        """The story is over: nobody is answered any more."""
        self._over = True
        for task in self._asked:
            task.cancel()

    # -- the API server -------------------------------------------------------------------------

    async def ask(self, host: str, life: int, timeout: float, body: Mapping[str, Any] | None) -> Lease | None:
        """One question of a monitor: a write with `body`, a read without; raises ApiFault."""
        if self._over:
            raise ApiFault("nobody answers any more")
        task = self._loop.create_task(self._serve(host, body))
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)
        try:
            async with asyncio.timeout(timeout):
                if (host, life) in self.dead:
                    await asyncio.sleep(timeout + 1.0)
                answer = await asyncio.shield(task)
        except TimeoutError:
            raise ApiFault("no answer in time") from None
        finally:
            await self.freezer.thawed(host)
        if isinstance(answer, ApiFault):
            raise answer
        return answer

    async def _serve(self, host: str, body: Mapping[str, Any] | None) -> "Lease | ApiFault | None":
        """Carried out when it arrives, whoever still waits for it."""
        await self._travel(host)
        try:
            answer = self._show() if body is None else self._write(body)
        except ApiFault as fault:
            return await self._back(host, fault)
        return await self._back(host, answer)

    async def _back(self, host: str, answer: "Lease | ApiFault | None") -> "Lease | ApiFault | None":
        if host in self.mute:
            await asyncio.sleep(3600.0)
        await self._travel(host)
        return answer

    async def _travel(self, host: str) -> None:
        await asyncio.sleep(self._rng.uniform(*self.way.get(host, QUICK)))
        if not self._link.reaches(host, host) or self._link.cut_off(host):
            await asyncio.sleep(3600.0)

    def _show(self) -> Lease | None:
        shown = copy.deepcopy(self._lease)
        if shown is not None and not self.legible:
            shown["metadata"]["annotations"][LEDGER] = "?"
        return shown

    def _write(self, body: Mapping[str, Any]) -> Lease:
        if self.refusal:
            raise ApiFault(f"HTTP {self.refusal}", self.refusal)
        named = body["metadata"].get("resourceVersion")
        stands = self._lease["metadata"]["resourceVersion"] if self._lease else None
        if named != stands:
            raise ApiFault("the object has been modified", 409)
        self._version += 1
        uid = self._lease["metadata"]["uid"] if self._lease else f"uid-{self._version}"
        self._lease = copy.deepcopy(dict(body))
        self._lease["metadata"]["uid"] = uid
        self._lease["metadata"]["resourceVersion"] = str(self._version)
        return copy.deepcopy(self._lease)


class _PlayedApi:
    """A connection of one life of a monitor."""

    def __init__(self, store: RealLease, host: str, life: int) -> None:
        self._store = store
        self._of = host, life

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open."""

    async def read_lease(self, namespace: str, name: str, timeout: float) -> Mapping[str, Any] | None:
        return await self._store.ask(*self._of, timeout, None)

    async def write_lease(self, namespace: str, body: Mapping[str, Any], timeout: float) -> Mapping[str, Any]:
        answer = await self._store.ask(*self._of, timeout, body)
        assert answer is not None
        return answer


class RealLeaseElector:
    """One life of a monitor in that election: the driver's own elector, and the end of it by SIGKILL."""

    def __init__(self, store: RealLease, host: str, life: int, clock: Clock) -> None:
        self._store = store
        self._of = host, life
        self._elector = LeaseElector(
            Credentials(),
            "default",
            "masakari-hostmonitor",
            host,
            clock,
            ElectionTimings(),
            open_api=lambda credentials: _PlayedApi(store, host, life),
        )
        self.name = self._elector.name

    @property
    def killed(self) -> bool:
        """Whether its process was killed."""
        return self._of in self._store.dead

    @killed.setter
    def killed(self, value: bool) -> None:
        self._store.dead.add(self._of)

    def on_path(self, works: bool) -> None:
        """Whether this monitor's own way to masakari works."""
        self._elector.on_path(works)

    def on_sight(self, link: str, proven: bool) -> None:
        """Whether this monitor's view is proven."""
        self._elector.on_sight(proven)

    async def perform(self, command: Command) -> Observation | None:
        """WriteLedger."""
        return await self._elector.perform(command)

    async def run(self, emit: Emit) -> None:
        """Until cancelled."""
        await self._elector.run(emit)
