"""One uninterrupted watch on a Consul datacentre, from a first proof until sight is lost.

In: the local agent's answers. Out: proofs, and what the datacentre's leader says of each host. Four tasks: the
prover says how long the view is proven, two followers follow the leader's checks and its catalogue, and
nodes that vanish from both are explained by gossip. Here they are wired, and lists become what has changed.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.observation import Membership, Sighting
from masakarimonitors.hostmonitor.drivers.consul import parse
from masakarimonitors.hostmonitor.drivers.consul.agent import LEADERS, Agent, AgentFault, first_fault
from masakarimonitors.hostmonitor.drivers.consul.departures.farewell import is_recent
from masakarimonitors.hostmonitor.drivers.consul.departures.gossip import GossipMemory
from masakarimonitors.hostmonitor.drivers.consul.departures.places import Places
from masakarimonitors.hostmonitor.drivers.consul.departures.vanished import Onlooker, Vanished
from masakarimonitors.hostmonitor.drivers.consul.follower import Follower
from masakarimonitors.hostmonitor.drivers.consul.prover import Prover
from masakarimonitors.hostmonitor.drivers.consul.restored import Followed
from masakarimonitors.hostmonitor.drivers.consul.rhythm import Rhythm
from masakarimonitors.system.clock import Clock

HEALTH = "/v1/health/state/any"
CATALOG = "/v1/catalog/nodes"
# Only these checks say whether a node is alive or worked on; the others would be most of the body.
_IDS = (parse.SERF_HEALTH, parse.EXTERNAL_HEALTH, parse.NODE_MAINTENANCE)
_WANTED = " or ".join(f'CheckID == "{one}"' for one in _IDS)


class Restored(AgentFault):
    """The leader speaks, but of the past."""


def _nothing(*_: object) -> None:
    """How fresh the catalogue is proves nothing."""


class Watch:
    """One uninterrupted watch, from a first proof until sight is lost: `run` returns why."""

    def __init__(
        self,
        own: str,
        agent: Agent,
        clock: Clock,
        rhythm: Rhythm,
        memory: GossipMemory,
        followed: Followed,
        places: Places,
        onlooker: Onlooker,
        unsure: asyncio.Event,
        *,
        on_proof: Callable[[Instant, float], None],
        on_sample: Callable[[dict[str, Sighting], bool, Collection[str]], None],
        on_work: Callable[[Collection[str]], None],
        on_over: Callable[[Collection[str], Collection[str]], None],
        on_stuck: Callable[[], None],
        on_own: Callable[[parse.Member], None],
    ) -> None:
        """Nothing is asked before `run`. `own` is this node's name in Consul.

        `memory` is told what the leader says, and asked how a node went; `followed` says whether that is of the past;
        `places` is told where nodes are; `onlooker`
        looks at gossip; `unsure` is set while it is not certain that everything is followed, so that gossip must be
        looked at. They outlive this watch.
        `on_proof` is called with the moment as of which the view is proven, and the seconds from then on for which it
        is; `on_sample` with what was seen of each host,
        whether that is a whole listing, and whom of them the leader lists without maintenance mode; before that
        `on_work` with the hosts that are in maintenance mode, and after that `on_over` with them and with all that are
        listed; `on_stuck` when queries were found to hang; `on_own` with what gossip says of our own agent, and may
        raise AgentFault.
        """
        self._memory = memory
        self._followed = followed
        self._places = places
        self._on_proof = on_proof
        self._on_sample = on_sample
        self._on_work = on_work
        self._on_over = on_over
        self._on_stuck = on_stuck
        self._on_own = on_own
        self._own = own
        self._clock = clock
        self._listing = parse.Listing({}, parse.NO_CATALOG)
        self._reader = parse.HealthReader()
        # Until all is read once, nothing is told.
        self._begun = False
        # Of whom was passing under this watch, and is not any more: as of when it still was.
        self._passing_at: dict[str, Instant] = {}
        prover = self._prover = Prover(
            own, agent, clock, rhythm, unsure, on_fresh=self._fresh, on_behind=self._hurry
        )
        self._health = Follower(
            HEALTH,
            {"filter": _WANTED, **LEADERS},
            agent,
            clock,
            rhythm,
            on_read=self._read,
            on_followed=self._follow,
            on_fault=self._failed,
        )
        self._catalog = Follower(
            CATALOG,
            LEADERS,
            agent,
            clock,
            rhythm,
            on_read=_nothing,
            on_followed=_nothing,
            on_fault=self._failed,
        )
        self._vanished = Vanished(
            onlooker,
            clock,
            rhythm,
            memory,
            told=lambda hosts: self._on_sample(hosts, False, ()),
            on_fault=prover.doubt,
        )

        self._expect(memory.members)

    async def run(self) -> AgentFault:
        """Watch until sight is lost; returns why."""
        try:
            asked = self._clock.now()
            await self._prover.probe()
            self._memory.others_answer(asked)
            await self._read_all()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._prover.run())
                tasks.create_task(self._health.run(self._take_health))
                tasks.create_task(self._catalog.run(self._take_catalog))
                tasks.create_task(self._vanished.run())
        except* AgentFault as group:
            lost = first_fault(group)
        return lost

    async def _read_all(self) -> None:
        """The first reading, whole."""
        await self._health.read(self._take_health)
        await self._catalog.read(self._take_catalog)
        members = await self._vanished.look()
        denied = parse.denied(self._listing.health, members)
        if self._followed.is_denied(bool(denied), self._clock.now()):
            raise Restored(
                f"its leader calls {', '.join(sorted(denied))[:100]} critical, whom gossip calls alive: its store may "
                "have been restored from a snapshot, and is waited for until it has looked at all hosts, once a minute"
            )
        if (own := members.get(self._own)) is not None:
            self._on_own(own)
        hosts = parse.whole(self._listing, members, self._memory.known)
        self._prover.check_company(hosts.keys())
        self._begun = True
        self._prover.begin()
        self._on_work(self._listing.work)
        self._on_sample(hosts, True, self._listing.health.keys() - self._listing.work)
        self._on_over(self._listing.work, self._listing.health.keys())
        missed = {node for node, sighting in hosts.items() if sighting in parse.UNFINISHED}
        for node in self._memory.silent | missed:
            self._vanished.resume(node)
        self._memory.forget(missed)

    def _read(self, asked_at: Instant, index: int) -> None:
        self._followed.follow(self._listing.health, index)
        self._prover.read(asked_at, index)

    def _follow(self, index: int) -> None:
        self._followed.follow(self._listing.health, index)
        self._prover.followed(index)

    def _fresh(self, as_of: Instant, good_for: float) -> None:
        """The copy is the leader's own, as of then."""
        self._memory.leader_says(self._listing.health, as_of)
        self._on_proof(as_of, good_for)

    def _expect(self, members: int) -> None:
        self._prover.members = self._health.members = self._catalog.members = members

    def _hurry(self) -> None:
        self._health.hurry()
        self._catalog.hurry()
        self._on_stuck()

    def _failed(self) -> None:
        # Whether sight is lost is for the probe to say, at once.
        self._prover.distrust()
        self._prover.doubt()

    # --- what changes -----------------------------------------------------------------------------

    def _take_health(self, body: bytes) -> None:
        try:
            checks = self._reader.read(body)
        except ValueError as fault:
            raise AgentFault(str(fault)) from fault
        if self._followed.is_past(checks.health, checks.changed_at, self._clock.now()):
            raise Restored(
                "its leader lists changes that are older than what it has listed before: its store was restored from a "
                "snapshot, and shows hosts as they were then until it has looked at all of them, once a minute"
            )
        self._prover.check(checks.health)
        self._expect(len(checks.health))
        self._apply(parse.Listing(checks.health, self._listing.catalog, checks.work))

    def _take_catalog(self, body: bytes) -> None:
        try:
            catalog = parse.read_catalog(body)
        except ValueError as fault:
            raise AgentFault(str(fault)) from fault
        self._places.listed(catalog.addresses)
        self._apply(replace(self._listing, catalog=catalog))

    def _apply(self, listing: parse.Listing) -> None:
        """Tell what changed; a node that vanished is told once gossip has said how it went."""
        before, self._listing = self._listing, listing
        if not self._begun:
            return
        self._on_work(listing.work)
        told: dict[str, Sighting] = {}
        for node, sighting in parse.changes(before, listing):
            if sighting is None:
                last = before.sighting(node)
                watched = last is parse.DOWN or (last is parse.UP and self._prover.continuous)
                value = last.value if last is not None and watched else Membership.UNKNOWN
                self._vanished.add(node, value, self._passing_at.pop(node, None))
            else:
                self._vanished.back(node)
                told[node] = self._after_loss(node, before, sighting)
        if told:
            self._on_sample(told, False, (told.keys() & listing.health.keys()) - listing.work)
        self._on_over(listing.work, listing.health.keys())
        if told or self._vanished.open:
            self._prover.doubt()

    def _after_loss(self, node: str, before: parse.Listing, sighting: Sighting) -> Sighting:
        """Of a node that is listed: what is to be told of it, by how lately it was seen passing, which is noted."""
        as_of = self._prover.as_of
        if sighting is parse.UP:
            self._passing_at.pop(node, None)
            return sighting
        if before.sighting(node) is parse.UP and as_of is not None:
            self._passing_at[node] = as_of
        passing_at = self._passing_at.get(node)
        if passing_at is None or not is_recent(passing_at, self._clock.now()):
            return sighting
        return self._listing.sighting(node, just_lost=True) or sighting
