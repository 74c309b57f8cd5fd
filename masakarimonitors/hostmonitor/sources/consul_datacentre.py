"""One Consul datacentre, watched: the source of one link.

In: the local agent's answers. Out: `View` (is the datacentre's word proven right now?) and `Sample`
(what its leader says of each host). Two tasks wait in blocking queries, default consistency, so a
change arrives within moments and an idle cluster costs nothing; a third probes the leader, because
only a default-consistency read that succeeded *just now* proves that anybody speaks for the
datacentre: an isolated agent goes on listing its peers for half a minute and more.
"""

import asyncio
import contextlib
import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from masakarimonitors.hostmonitor.observation import Link, Observation, Sample, Sighting, View
from masakarimonitors.hostmonitor.sources import consul_reading as reading
from masakarimonitors.hostmonitor.sources.consul_agent import Access, Agent, AgentFault, Answer, Forbidden
from masakarimonitors.hostmonitor.sources.consul_increments import HealthReader
from masakarimonitors.system.clock import Clock

LOG = logging.getLogger(__name__)

Emit = Callable[[Observation], None]

HEALTH = "/v1/health/state/any"
CATALOG = "/v1/catalog/nodes"
MEMBERS = "/v1/agent/members"
# Only this check says whether a node is alive; the others would be most of the body.
_ONLY_SERF = {"filter": f'CheckID == "{reading.SERF_HEALTH}"'}
# Gossip may lag some moments behind the leader: a vanished node is looked up so often, a second apart.
_LOOKUPS = 10


class NotShown(AgentFault):
    """The datacentre answers, but not as one that shows itself to us: its word cannot be used."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often and how patiently a datacentre is asked; all in seconds.

    `probe`: between two proofs of a leader, when nothing moves; `alert`: the same for
    `alert_span` after something moved or failed; `patience`: of one short request; `wait`: of a
    blocking query, after which it answers anyway, so this is also the period of the resync; `load`: of
    reading a whole list.
    """

    probe: float = 2.0
    alert: float = 1.0
    alert_span: float = 30.0
    patience: float = 3.0
    wait: float = 60.0
    load: float = 20.0

    def between_probes(self, members: int) -> float:
        """Seconds between two calm probes: every member probes the one leader, so it slows down with size.

        500 a second in all from 1,000 members on, until at 5,000 it would become too slow to be a proof.
        """
        return max(self.probe, min(members / 500, 5 * self.probe))

    @property
    def blocking_timeout(self) -> float:
        """When a blocking query is given up: Consul adds up to a sixteenth to `wait`, then must send it all."""
        return self.wait * 17 / 16 + self.load


class _Budget:
    """Processor time that reading lists may take: bursts at once, a check that flaps all day a tenth.

    A second's worth is there for a burst: some ten whole lists of 10,000 members.
    """

    _BURST = 1.0
    _SHARE = 0.1

    def __init__(self) -> None:
        self._left = self._BURST
        self._at = time.monotonic()

    @contextlib.contextmanager
    def spent(self) -> Iterator[None]:
        """The block's processor time is taken off; what is left has grown since the last one."""
        now = time.monotonic()
        self._left = min(self._BURST, self._left + self._SHARE * (now - self._at))
        self._at = now
        began = time.thread_time()
        yield
        self._left -= time.thread_time() - began

    def pause(self) -> float:
        """Seconds to wait before the next list; a moment at least, so that one answer's changes come together."""
        return max(0.01, -self._left / self._SHARE)


def first(group: BaseExceptionGroup[AgentFault]) -> AgentFault:
    """One of the faults that ended a group of tasks: the others followed from it, or say the same."""
    one: BaseException = group
    while isinstance(one, BaseExceptionGroup):
        one = one.exceptions[0]
    assert isinstance(one, AgentFault)
    return one


class Sight:
    """Which links this node's view is proven of at present; what the election of a reporter asks."""

    def __init__(self) -> None:
        """Nothing is seen yet. `listeners` are called whenever a link is gained or lost."""
        self._proven: set[str] = set()
        self.listeners: list[Callable[[], None]] = []
        self.stuck: list[Callable[[str], None]] = []
        """Called with a link whose blocking queries were found to hang: others of that agent may hang, too."""
        self.members = 0

    @property
    def proven(self) -> frozenset[str]:
        """The links that are seen."""
        return frozenset(self._proven)

    def set(self, link: str, proven: bool) -> None:
        """Note what became of one link."""
        if proven != (link in self._proven):
            (self._proven.add if proven else self._proven.discard)(link)
            for listener in self.listeners:
                listener()


class Datacentre:
    """The source of one link. `own` is this node's name: a view that lacks it is not believed."""

    def __init__(
        self, link: str, access: Access, own: str, clock: Clock, sight: Sight, rhythm: Rhythm
    ) -> None:
        """Nothing is opened before `run`."""
        self.name = f"consul {link} ({access.address})"
        self._link = link
        self._access = access
        self._own = own
        self._clock = clock
        self._sight = sight
        self._rhythm = rhythm
        self._said: set[type[AgentFault]] = set()

    async def run(self, emit: Emit) -> None:
        """Until cancelled: prove, watch, and say so when sight is lost; then again."""
        self._said.clear()
        try:
            async with Agent(self._access) as agent:
                while True:
                    lost = await _Watch(self._link, self._own, agent, self._rhythm, self._tell(emit)).run()
                    self._lost(lost, emit)
                    await asyncio.sleep(self._rhythm.alert)
        finally:
            self._sight.set(self._link, False)

    def _tell(self, emit: Emit) -> "_Tell":
        def view(good_for: float) -> None:
            if self._said:
                LOG.info(
                    "Consul's datacentre on link %s is seen (again), through %s",
                    self._link,
                    self._access.address,
                )
                self._said.clear()
            self._sight.set(self._link, True)
            why = "a default-consistency read has just succeeded"
            emit(View(self._link, True, why, self._clock.now(), good_for))

        def sample(hosts: dict[str, Sighting], whole: bool) -> None:
            self._sight.members = max(self._sight.members, len(hosts))
            emit(Sample(self._link, hosts, self._clock.now(), whole))

        def stuck() -> None:
            for listener in self._sight.stuck:
                listener(self._link)

        return _Tell(view, sample, stuck)

    def _lost(self, fault: AgentFault, emit: Emit) -> None:
        self._sight.set(self._link, False)
        why = str(fault)
        # Each kind of fault once, until sight is back: their words differ every second (addresses, durations).
        if type(fault) not in self._said:
            self._said.add(type(fault))
            LOG.warning(
                "Consul's datacentre on link %s is not seen: %s. Its hosts are held as they are.",
                self._link,
                why,
            )
            emit(View(self._link, False, why, self._clock.now()))


@dataclass(frozen=True, slots=True)
class _Tell:
    view: Callable[[float], None]
    sample: Callable[[dict[str, Sighting], bool], None]
    stuck: Callable[[], None]


class _Watch:
    """One uninterrupted watch, from a first proof until sight is lost: `run` returns why."""

    def __init__(self, link: str, own: str, agent: Agent, rhythm: Rhythm, tell: _Tell) -> None:
        self._link = link
        self._own = own
        self._agent = agent
        self._rhythm = rhythm
        self._tell = tell
        self._listing = reading.Listing({}, frozenset())
        self._reader = HealthReader()
        # Nodes that vanished under this watch, and what they were until then: only so can `left` be believed.
        self._vanished: dict[str, Link] = {}
        self._lookups: dict[str, int] = {}
        self._look_up = asyncio.Event()
        self._doubt = asyncio.Event()
        self._alert_until = 0.0
        # The index up to which changes have been followed; the deadlines of the queries that wait for more.
        self._followed = 0
        self._waiting: dict[str, asyncio.Timeout] = {}
        # Whether the last probe proved that nothing had happened that was not followed.
        self._continuous = False

    async def run(self) -> AgentFault:
        try:
            await self._probe()
            health_index, catalog_index = await self._read_all()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_proving())
                tasks.create_task(self._follow(HEALTH, health_index, self._take_health, _ONLY_SERF))
                tasks.create_task(self._follow(CATALOG, catalog_index, self._take_catalog, {}))
                tasks.create_task(self._explain_vanished())
        except* AgentFault as group:
            lost = first(group)
        return lost

    # --- proof ------------------------------------------------------------------------------------

    async def _probe(self) -> int:
        """The short default-consistency read: is there a leader, and does it show us ourselves alive?

        Returns the index of the table of checks: what the blocking query must have followed.
        """
        answer = await self._agent.get(f"/v1/health/node/{self._own}", self._rhythm.patience)
        self._check_self(self._health(answer.body))
        return answer.index

    def _health(self, body: bytes) -> dict[str, bool]:
        try:
            return reading.read_health(body)
        except ValueError as fault:
            raise AgentFault(str(fault)) from fault

    def _check_self(self, health: dict[str, bool]) -> None:
        alive = health.get(self._own)
        if alive is None:
            raise NotShown(
                f"it does not show this node, {self._own!r}: either the token may not read nodes "
                "(node_prefix read), or this node has another name in Consul (see [DEFAULT] hostname)"
            )
        if not alive:
            raise NotShown(
                f"its leader calls this node, {self._own!r}, itself critical: we may be the cut-off ones"
            )

    def _proven(self) -> None:
        between = self._rhythm.between_probes(len(self._listing.health))
        self._tell.view(between + 2 * self._rhythm.patience)

    async def _keep_proving(self) -> None:
        misses = behind = 0
        loop = asyncio.get_running_loop()
        while True:
            calm = loop.time() >= self._alert_until
            pause = self._rhythm.between_probes(len(self._listing.health)) if calm else self._rhythm.alert
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._doubt.wait()
            self._doubt.clear()
            try:
                index = await self._probe()
            except (NotShown, Forbidden):
                raise
            except AgentFault:
                misses += 1
                # One miss may be a leader handing over; two in a row mean that nobody speaks.
                if misses == 2:
                    raise
                self._alert()
                continue
            behind = behind + 1 if index > self._followed else 0
            self._continuous = not behind
            if misses or behind == 2:
                self._hurry()
            if behind:
                self._alert()
            misses = 0
            self._proven()

    def _hurry(self) -> None:
        """Ask anew at once what is being waited for.

        The agent forwards each query to one of the servers. If that one is cut off or hangs, the query hangs
        with it for 30 s and more, while probes already go to another server and succeed.
        """
        self._continuous = False
        for patience in self._waiting.values():
            if not patience.expired():
                patience.reschedule(asyncio.get_running_loop().time())
        self._tell.stuck()

    def _alert(self) -> None:
        self._alert_until = asyncio.get_running_loop().time() + self._rhythm.alert_span

    # --- what changes -----------------------------------------------------------------------------

    async def _read_all(self) -> tuple[int, int]:
        """The first reading, whole; returns the indexes from which changes are followed."""
        health = await self._agent.get(HEALTH, self._rhythm.load, _ONLY_SERF)
        catalog = await self._agent.get(CATALOG, self._rhythm.load)
        try:
            self._listing = reading.Listing(
                self._reader.read(health.body), reading.read_catalog(catalog.body)
            )
        except ValueError as fault:
            raise AgentFault(str(fault)) from fault
        self._check_self(dict(self._listing.health))
        members = await self._members()
        self._proven()
        self._tell.sample(reading.whole(self._listing, members), True)
        self._followed = health.index
        return health.index, catalog.index

    async def _members(self) -> dict[str, reading.Member]:
        answer = await self._agent.get(MEMBERS, self._rhythm.load)
        try:
            return reading.read_members(answer.body)
        except ValueError as fault:
            raise AgentFault(str(fault)) from fault

    async def _follow(
        self, path: str, index: int, take: Callable[[bytes], None], params: dict[str, str]
    ) -> None:
        """Blocking queries, one after another; `take` gets each body that differs from the one before."""
        digest = b""
        budget = _Budget()
        while True:
            asked: dict[str, str | int] = {**params, "index": index, "wait": f"{self._rhythm.wait:.0f}s"}
            try:
                answer = await self._wait(path, asked)
            except TimeoutError:
                # Found hanging (`_hurry`): index 0 answers at once.
                index = 0
                continue
            except AgentFault:
                # Whether sight is lost is for the probe to say, at once; this only asks again.
                self._continuous = False
                self._alert()
                self._doubt.set()
                index = 0
                await asyncio.sleep(self._rhythm.alert)
                continue
            # Consul's rules: an index that went back (a restored snapshot) starts afresh, and 0 would not block.
            index = 0 if answer.index < index else max(1, answer.index)
            if path == HEALTH:
                self._followed = index
            with budget.spent():
                seen = hashlib.blake2b(answer.body, digest_size=16).digest()
                if seen != digest:
                    digest = seen
                    take(answer.body)
            await asyncio.sleep(budget.pause())

    async def _wait(self, path: str, asked: dict[str, str | int]) -> Answer:
        """One blocking query, which `_hurry` can end early with TimeoutError."""
        try:
            async with asyncio.timeout(None) as self._waiting[path]:
                return await self._agent.get(path, self._rhythm.blocking_timeout, asked)
        finally:
            del self._waiting[path]

    def _take_health(self, body: bytes) -> None:
        try:
            health = self._reader.read(body)
        except ValueError as fault:
            raise AgentFault(str(fault)) from fault
        self._check_self(health)
        self._apply(reading.Listing(health, self._listing.catalog))

    def _take_catalog(self, body: bytes) -> None:
        try:
            self._apply(reading.Listing(self._listing.health, reading.read_catalog(body)))
        except ValueError as fault:
            raise AgentFault(str(fault)) from fault

    def _apply(self, listing: reading.Listing) -> None:
        """Tell what changed; a node that vanished is told once gossip has said how it went."""
        before, self._listing = self._listing, listing
        told: dict[str, Sighting] = {}
        for node, sighting in reading.changes(before, listing):
            if sighting is None:
                last = before.sighting(node)
                if last is reading.DOWN or (last is reading.UP and self._continuous):
                    self._vanished[node] = last.value
                self._lookups[node] = _LOOKUPS
                self._look_up.set()
            else:
                self._vanished.pop(node, None)
                self._lookups.pop(node, None)
                told[node] = sighting
        # This answer came from the leader: it is a proof itself, as fresh as what it says.
        self._proven()
        if told:
            self._tell.sample(told, False)
        if told or self._lookups:
            self._alert()
            self._doubt.set()

    async def _explain_vanished(self) -> None:
        while True:
            await self._look_up.wait()
            self._look_up.clear()
            said: dict[str, Sighting] = {}
            while self._lookups:
                try:
                    members = await self._members()
                except AgentFault:
                    # Unexplained is UNKNOWN; the probe says whether the agent is gone altogether.
                    self._doubt.set()
                    members = {}
                told: dict[str, Sighting] = {}
                for node, left in list(self._lookups.items()):
                    sighting = reading.gone(members.get(node), self._vanished.get(node, Link.UNKNOWN))
                    if said.get(node) is not sighting:
                        told[node] = said[node] = sighting
                    if reading.is_final(sighting) or left == 1:
                        del self._lookups[node]
                    else:
                        self._lookups[node] = left - 1
                if told:
                    self._tell.sample(told, False)
                await asyncio.sleep(self._rhythm.alert)
