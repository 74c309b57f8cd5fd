"""One Consul datacentre: the source of one link.

Out: `View` (is the datacentre's word proven right now?), `Sample` (what its leader says of each
host) and `WorkSeen` (maintenance mode), as one watch after another shows them. When sight is lost it
says so, once for each kind of fault, and begins anew.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Mapping
from functools import partial

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.observation import (
    Membership,
    Observation,
    Sample,
    Sighting,
    View,
    Work,
    WorkSeen,
)
from masakarimonitors.hostmonitor.drivers.consul import parse
from masakarimonitors.hostmonitor.drivers.consul.agent import Access, Agent, AgentFault, NotThere
from masakarimonitors.hostmonitor.drivers.consul.departures.farewell import Answers, accepts, answers
from masakarimonitors.hostmonitor.drivers.consul.departures.gossip import GossipMemory
from masakarimonitors.hostmonitor.drivers.consul.departures.places import Places
from masakarimonitors.hostmonitor.drivers.consul.departures.vanished import Onlooker
from masakarimonitors.hostmonitor.drivers.consul.parse import Member
from masakarimonitors.hostmonitor.drivers.consul.planned import PlannedWork
from masakarimonitors.hostmonitor.drivers.consul.prover import NotShown
from masakarimonitors.hostmonitor.drivers.consul.restored import LOOK_AGAIN, Followed
from masakarimonitors.hostmonitor.drivers.consul.rhythm import Absence, Rhythm
from masakarimonitors.hostmonitor.drivers.consul.watch import Restored, Watch
from masakarimonitors.system.clock import Clock
from masakarimonitors.system.tasks import apart

LOG = logging.getLogger(__name__)

Emit = Callable[[Observation], None]


def _unheard(*_: str) -> None:
    """Nobody listens: where all monitors report, there is no election."""


class ProvenLinks:
    """Which links this node's view is proven of at present; what the election of a reporter asks."""

    def __init__(
        self, on_change: Callable[[], None] = _unheard, on_stuck: Callable[[str], None] = _unheard
    ) -> None:
        """None is proven yet.

        `on_change` is called whenever a link is gained or lost; `on_stuck` with a link whose blocking
        queries were found to hang: others of that agent may hang, too.
        """
        self._proven: set[str] = set()
        self._agents: dict[str, Member] = {}
        self._lost: dict[str, set[str]] = {}
        self._members = 0
        self._on_change = on_change
        self._on_stuck = on_stuck

    @property
    def proven(self) -> frozenset[str]:
        """The links that are seen."""
        return frozenset(self._proven)

    @property
    def members(self) -> int:
        """The most hosts that one link has shown: about as many monitors take part in the election."""
        return self._members

    def set(self, link: str, proven: bool) -> None:
        """Note what became of one link."""
        if proven != (link in self._proven):
            (self._proven.add if proven else self._proven.discard)(link)
            self._on_change()

    def same_agent(self, link: str, own: Member) -> str | None:
        """Note which agent the link is seen through; another link that is seen through the same one, if any."""
        self._agents.pop(link, None)
        mark = (own.where, own.node_id)
        twins = [other for other, agent in self._agents.items() if (agent.where, agent.node_id) == mark]
        if not twins:
            self._agents[link] = own
        return twins[0] if twins else None

    def lost(self, link: str, hosts: Mapping[str, Sighting], whole: bool) -> None:
        """Note which hosts the link calls lost; `whole`: no other ones."""
        down = {host for host, sighting in hosts.items() if sighting.value is Membership.DOWN}
        before = set() if whole else self._lost.get(link, set())
        self._lost[link] = (before - hosts.keys()) | down

    def lost_elsewhere(self, link: str, host: str) -> bool:
        """Whether another link, which is seen at present, calls the host lost."""
        return any(host in self._lost.get(other, ()) for other in self._proven - {link})

    def stuck(self, link: str) -> None:
        """Note that the link's blocking queries hang."""
        self._on_stuck(link)

    def counted(self, members: int) -> None:
        """Note how many hosts a link has shown."""
        self._members = max(self._members, members)


class Datacentre:
    """The source of one link. `own` is this node's name: a view that lacks it is not believed."""

    def __init__(
        self,
        link: str,
        access: Access,
        own: str,
        clock: Clock,
        links: ProvenLinks,
        rhythm: Rhythm,
        *,
        planned: PlannedWork | None = None,
        answers: Answers = answers,
        accepts: Answers = accepts,
        on_down: Callable[[str], None] = _unheard,
    ) -> None:
        """Nothing is opened before `run`.

        `planned`: what this and the other datacentres show of planned work. `answers` tries whether a host is alive,
        `accepts` whether its agent is; `on_down` is called with each host that is seen to be lost here.
        """
        self.name = f"consul {link} ({access.address})"
        self.link = link
        self._access = access
        self._own = own
        self._clock = clock
        self._links = links
        self._rhythm = rhythm
        self._planned = planned or PlannedWork()
        self._answers = answers
        self._accepts = accepts
        self._on_down = on_down
        self._said: set[type[AgentFault]] = set()
        self._absence = Absence(rhythm)
        self.places = Places()
        """Where the hosts' agents listen."""
        self._memory = GossipMemory()
        self._followed = Followed()
        # While set, the leader's word may be missing something, and gossip is looked at every moment.
        self._unsure = asyncio.Event()

    async def run(self, emit: Emit) -> None:
        """Until cancelled: prove, watch, and say so when sight is lost; then again."""
        self._said.clear()
        try:
            async with Agent(self._access) as agent:
                onlooker = Onlooker(
                    agent,
                    self._clock,
                    self._memory,
                    self.places,
                    self._answers,
                    self._accepts,
                    partial(self._links.lost_elsewhere, self.link),
                )
                looking = asyncio.get_running_loop().create_task(self._keep_looking(agent, onlooker))
                try:
                    while True:
                        fault = await apart(self._watch(agent, onlooker, emit).run())
                        self._lost(fault, emit)
                        if looking.done():
                            # It never ends by itself: what ended it ends this source, which says so and begins anew.
                            looking.result()
                        pause = self._absence.pause(self._clock.now().monotonic)
                        await asyncio.sleep(LOOK_AGAIN if isinstance(fault, Restored) else pause)
                finally:
                    looking.cancel()
                    await asyncio.wait({looking})
        finally:
            self._links.set(self.link, False)

    async def _keep_looking(self, agent: Agent, onlooker: Onlooker) -> None:
        """While the leader is not followed, its agent's gossip is looked at: how a node goes cannot be seen later."""
        while True:
            await self._unsure.wait()
            members = 0
            with contextlib.suppress(AgentFault):
                seen = await onlooker.look(self._rhythm.patience)
                members = len(seen)
                # A client asks one of the servers for it; a server knows a leader only as long as it hears it.
                asked = self._clock.now()
                leader = (await agent.get("/v1/status/leader", self._rhythm.patience)).json()
                if leader or not self._is_server(seen):
                    self._memory.others_answer(asked)
            pause = self._absence.pause(self._clock.now().monotonic)
            await asyncio.sleep(max(pause, self._rhythm.between_looks(members)))

    def _is_server(self, members: Mapping[str, Member]) -> bool:
        """Whether our own agent is a server, or may be one."""
        own = members.get(self._own)
        return own is None or own.server

    def _watch(self, agent: Agent, onlooker: Onlooker, emit: Emit) -> Watch:
        return Watch(
            self._own,
            agent,
            self._clock,
            self._rhythm,
            self._memory,
            self._followed,
            self.places,
            onlooker,
            self._unsure,
            on_proof=partial(self._proven, emit),
            on_sample=partial(self._sample, emit),
            on_work=partial(self._work, emit),
            on_over=partial(self._work_over, emit),
            on_stuck=partial(self._links.stuck, self.link),
            on_own=self._own_agent,
        )

    def _own_agent(self, own: Member) -> None:
        other = self._links.same_agent(self.link, own)
        if other is not None:
            raise NotShown(
                f"it is seen through the same agent as the link {other}, so one failed network would count as two: "
                f"give agent_{self.link} the address of the agent of its own datacentre"
            )

    def _proven(self, emit: Emit, as_of: Instant, good_for: float) -> None:
        if self._said:
            LOG.info(
                "Consul's datacentre on link %s is seen (again), through %s", self.link, self._access.address
            )
            self._said.clear()
        self._links.set(self.link, True)
        self._absence.note(False, as_of.monotonic)
        why = "its leader has just answered, and everything that it lists is followed"
        emit(View(link=self.link, proven=True, why=why, at=as_of, good_for=good_for))

    def _sample(self, emit: Emit, hosts: dict[str, Sighting], whole: bool, idle: Collection[str]) -> None:
        self._links.counted(len(hosts))
        self._links.lost(self.link, hosts, whole)
        # What is down as the watch begins may have been so for days.
        for host, sighting in hosts.items() if not whole else ():
            if sighting.value is Membership.DOWN:
                self._on_down(host)
        for host in self._planned.hosts & hosts.keys():
            # Of one that was not listed for a while the core may have forgotten it.
            self._say_work(host, emit)
        emit(Sample(self.link, hosts, self._clock.now(), whole, idle=idle))

    def _work(self, emit: Emit, work: Collection[str]) -> None:
        for host in self._planned.begins(self.link, work):
            self._say_work(host, emit)

    def _say_work(self, host: str, emit: Emit) -> None:
        """What all datacentres together show of it: that it is over where none does."""
        if not parse.reportable(host):
            return
        links, now = self._planned.links(host), self._clock.now()
        if links:
            why = f"Consul's maintenance mode of its node, by {', '.join(links)}"
            emit(WorkSeen(host, Work.MAINTENANCE, why, now, links=links))
        else:
            emit(WorkSeen(host, Work.NONE, "Consul's maintenance mode is over", now))

    def _work_over(self, emit: Emit, work: Collection[str], listed: Collection[str]) -> None:
        for host in self._planned.ends(self.link, work, listed):
            self._say_work(host, emit)

    def _lost(self, fault: AgentFault, emit: Emit) -> None:
        self._links.set(self.link, False)
        self._absence.note(isinstance(fault, NotThere), self._clock.now().monotonic)
        self._unsure.set()
        why = str(fault)
        # Each kind of fault once, until sight is back: their words differ every second (addresses, durations).
        if type(fault) not in self._said:
            self._said.add(type(fault))
            LOG.warning(
                "Consul's datacentre on link %s is not seen: %s. Its hosts are held as they are.",
                self.link,
                why,
            )
            emit(View(link=self.link, proven=False, why=why, at=self._clock.now()))
