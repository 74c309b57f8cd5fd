"""Nodes that a datacentre's leader lists no more: how each of them went, by gossip and by what is remembered.

In: nodes that vanished under a watch. Out: a `Sighting` of each, again whenever gossip says something else, until
its word is settled. Of a server no good-bye is believed before its host has answered; one whose host stays silent was
buried by its leader (`farewell.py`). Nor is one believed dead that gossip alone calls failed, and that no leader has
called critical: its good-bye may be unheard here.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.observation import Membership, Sighting
from masakarimonitors.hostmonitor.drivers.consul import parse
from masakarimonitors.hostmonitor.drivers.consul.agent import Agent, AgentFault
from masakarimonitors.hostmonitor.drivers.consul.departures.farewell import (
    OPEN,
    Answers,
    Farewell,
    Stage,
    ask,
    is_recent,
)
from masakarimonitors.hostmonitor.drivers.consul.departures.gossip import GossipMemory
from masakarimonitors.hostmonitor.drivers.consul.departures.places import Places
from masakarimonitors.hostmonitor.drivers.consul.parse import Known
from masakarimonitors.hostmonitor.drivers.consul.rhythm import Rhythm
from masakarimonitors.system.clock import Clock

MEMBERS = "/v1/agent/members"
# Gossip may lag behind the leader: a vanished node is looked up so often, a second apart. An agent that has missed a
# good-bye hears of it when it exchanges all that it knows with another, every 30 s in a datacentre that is not large.
_LOOKUPS = 40
# Known before it went, so its silence speaks for a crash also where it could be asked only late.
_LOST = (Known.SILENT, Known.FAILED, Known.CRITICAL)


async def read_members(agent: Agent, timeout: float) -> dict[str, parse.Member]:
    """The members, as the local agent's gossip has them; raises AgentFault, within `timeout` seconds."""
    answer = await agent.get(MEMBERS, timeout)
    try:
        return parse.read_members(answer.body)
    except ValueError as fault:
        raise AgentFault(str(fault)) from fault


class Onlooker:
    """Looks at what the local agent's gossip says, and has it remembered."""

    def __init__(
        self,
        agent: Agent,
        clock: Clock,
        memory: GossipMemory,
        places: Places,
        answers: Answers,
        accepts: Answers,
        lost_elsewhere: Callable[[str], bool] = lambda node: False,
    ) -> None:
        """Nothing is asked before `look`.

        `answers`: whether a host answers at a port; `accepts`: whether a program there does. `lost_elsewhere`: whether
        another datacentre's leader calls a host lost.
        """
        self._agent = agent
        self._clock = clock
        self._memory = memory
        self._places = places
        self._answers = answers
        self._accepts = accepts
        self.lost_elsewhere = lost_elsewhere
        self._leaving: set[str] = set()

    async def look(self, timeout: float) -> dict[str, parse.Member]:
        """The members; raises AgentFault, when they are not there within `timeout` seconds."""
        asked = self._clock.now()
        members = await read_members(self._agent, timeout)
        leaving = self._memory.look(members, asked)
        self._places.gossiped(members)
        for server, member in members.items():
            if member.status == parse.Gossip.LEAVING:
                self._leaving.add(server)
            elif member.status == parse.Gossip.ALIVE:
                self._leaving.discard(server)
        for server, answers in (await self.ask(leaving)).items():
            if answers:
                self._memory.believe(server)
        return members

    def was_leaving(self, node: str) -> bool:
        """Whether gossip was seen to call it leaving since it was last called alive."""
        return node in self._leaving

    async def agent_runs(self, node: str) -> bool:
        """Whether the node's agent takes connections: a server that leaves goes on doing so for 5 s and more."""
        place = self._places.of(node)
        return place is not None and await self._accepts(*place) is True

    async def ask(self, servers: Iterable[str]) -> Mapping[str, bool | None]:
        """For each of these servers, whether its host answers at this moment; None where it cannot be asked."""
        return await ask(servers, self._places, self._answers)


class Vanished:
    """Explains nodes that vanished; `told` gets what gossip says of them."""

    def __init__(
        self,
        onlooker: Onlooker,
        clock: Clock,
        rhythm: Rhythm,
        memory: GossipMemory,
        *,
        told: Callable[[dict[str, Sighting]], None],
        on_fault: Callable[[], None],
    ) -> None:
        """Nothing is asked before `look` or `run`. `on_fault` is called when the agent does not answer."""
        self._onlooker = onlooker
        self._clock = clock
        self._rhythm = rhythm
        self._memory = memory
        self._told = told
        self._on_fault = on_fault
        # What they were until they vanished: only so can `left` be believed.
        self._last: dict[str, Membership] = {}
        # Whether they have said good-bye themselves: asked of servers that were up, and of whoever is UNSETTLED.
        self._farewells: dict[str, Farewell] = {}
        self._silence = asyncio.Event()
        self._lookups: dict[str, int] = {}
        self._look_up = asyncio.Event()

    @property
    def open(self) -> bool:
        """Whether a node is still looked up."""
        return bool(self._lookups)

    async def look(self) -> dict[str, parse.Member]:
        """The members; they are remembered, too. Raises AgentFault."""
        return await self._onlooker.look(self._rhythm.load)

    def add(self, node: str, last: Membership, passing_at: Instant | None = None) -> None:
        """The node has just vanished; `last`: DOWN, or UP as it was followed until then, or UNKNOWN.

        `passing_at`: when one that is DOWN was still passing, if that was seen. Its agent may have left, and its leader
        have heard that it is gone before it heard the good-bye.
        """
        if last is not Membership.UNKNOWN:
            self._last[node] = last
        if last is Membership.UP:
            self._farewells[node] = Farewell()
        elif last is Membership.DOWN and passing_at is not None and is_recent(passing_at, self._clock.now()):
            self._farewells[node] = Farewell(begun=passing_at)
        self._begin(node)

    def resume(self, node: str) -> None:
        """The node vanished while nobody watched, and it is not settled how: its host is asked, from the beginning."""
        self._farewells[node] = Farewell()
        self._begin(node)

    def _begin(self, node: str) -> None:
        self._lookups[node] = _LOOKUPS * self._rhythm.exchanges(self._memory.members)
        self._look_up.set()

    def back(self, node: str) -> None:
        """The leader lists the node again."""
        self._last.pop(node, None)
        self._farewells.pop(node, None)
        self._lookups.pop(node, None)

    async def run(self) -> None:
        """Look up for ever whatever is added."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_looking())
                # Apart, for each try takes a while: who vanishes meanwhile must be asked while it still lives.
                tasks.create_task(self._keep_asking())
        finally:
            for node in self._lookups:
                self._remember_life(node)

    async def _keep_looking(self) -> None:
        while True:
            await self._look_up.wait()
            self._look_up.clear()
            said: dict[str, Sighting] = {}
            while self._lookups:
                try:
                    members = await self.look()
                    await self._ask_hosts(members)
                except AgentFault:
                    # Unexplained is UNKNOWN; the probe says whether the agent is gone altogether.
                    self._on_fault()
                    members = {}
                news = {node: now for node, now in self._explain(members) if said.get(node) is not now}
                if news:
                    said |= news
                    self._told(news)
                await asyncio.sleep(self._rhythm.alert)

    async def _keep_asking(self) -> None:
        """Ask the silent again and again: each try either ends a silence or makes it longer."""
        while True:
            await self._silence.wait()
            self._silence.clear()
            while silent := [node for node, one in self._farewells.items() if one.stage is Stage.SILENT]:
                await asyncio.sleep(self._rhythm.alert)
                await self._ask(silent)

    async def _ask_hosts(self, members: dict[str, parse.Member]) -> None:
        """A server that was up until it vanished may have been called failed and buried between two answers."""
        alive = parse.living(members)
        for node in self._lookups.keys() - self._farewells.keys():
            if self._sighting(node, members.get(node), alive) in parse.UNSETTLED:
                self._farewells[node] = Farewell()
        unasked: list[str] = []
        for node in [node for node, one in self._farewells.items() if one.stage in OPEN]:
            member = members.get(node)
            was_down = self._last.get(node) is Membership.DOWN
            if member is not None and member.server and was_down and self._farewells[node].begun is not None:
                # Whatever gossip has called it: its leader may have cleaned it up at once after a crash. Then its port
                # is closed, though its host answers.
                await self._ask_agent(node)
                continue
            if self._sighting(node, member, alive) not in parse.UNSETTLED:
                if member is None or (member.server and was_down):
                    continue
                if not member.server and not was_down:
                    # Nobody but itself, or an operator, has a client leave.
                    del self._farewells[node]
                    continue
            if self._onlooker.was_leaving(node):
                self._farewells[node] = replace(self._farewells[node], leaving=True)
            if self._farewells[node].stage is Stage.UNASKED:
                unasked.append(node)
        await self._ask(unasked)

    async def _ask_agent(self, node: str) -> None:
        runs = await self._onlooker.agent_runs(node)
        farewell = self._farewells.get(node)
        if farewell is not None and farewell.begun is not None:
            lives = runs and is_recent(farewell.begun, self._clock.now())
            self._farewells[node] = replace(farewell, stage=Stage.LIVES if lives else Stage.BURIED)

    async def _ask(self, servers: Sequence[str]) -> None:
        begun = self._clock.now()
        found = await self._onlooker.ask(servers)
        now = self._clock.now()
        for node in servers:
            before = self._farewells.get(node)
            if before is None or before.stage not in OPEN:
                continue
            after = before.asked(
                found[node],
                begun,
                now,
                long=self._long(node),
                lost_elsewhere=self._onlooker.lost_elsewhere(node),
            )
            if (
                after.tried_late(now)
                and before.stage is Stage.UNASKED
                and self._memory.known(node) not in _LOST
            ):
                # Whom nobody could ask as it went may have been switched off since, as was planned.
                after = replace(after, stage=Stage.DOUBTFUL)
            self._farewells[node] = after
            if after.stage in (Stage.LIVES, Stage.DOUBTFUL):
                self._memory.not_silent(node)
            elif after.stage is not Stage.UNASKED and not after.leaving:
                self._memory.fell_silent(node)
            if after.stage is Stage.SILENT:
                self._silence.set()

    def _long(self, node: str) -> float:
        """Seconds of silence that settle it; by then a good-bye of whom gossip calls failed must be heard."""
        if self._memory.known(node) is Known.FAILED:
            return self._rhythm.unheard(self._memory.members)
        return self._rhythm.silence

    def _explain(self, members: dict[str, parse.Member]) -> list[tuple[str, Sighting]]:
        found: list[tuple[str, Sighting]] = []
        alive = parse.living(members)
        for node, left in list(self._lookups.items()):
            sighting = self._sighting(node, members.get(node), alive)
            found.append((node, sighting))
            stage = self._stage(node)
            to_ask = sighting in (parse.REMOVED_SERVER, parse.STILL_DOWN, *parse.UNSETTLED) and stage in OPEN
            if to_ask and stage is Stage.SILENT:
                continue
            # Whose host could not be asked so far is tried again for as long as gossip is given.
            if left == 1 or (parse.is_final(sighting) and not to_ask):
                if to_ask:
                    self._memory.not_silent(node)
                self._remember_life(node)
                del self._lookups[node]
                self._farewells.pop(node, None)
            else:
                self._lookups[node] = left - 1
        return found

    def _remember_life(self, node: str) -> None:
        """Its look-up is over. Whose host has answered must not be buried for being off at some later time."""
        if self._stage(node) is Stage.LIVES:
            self._memory.lived(node)

    def _stage(self, node: str) -> Stage | None:
        """Where asking a server's host stands; None where nobody is to be asked."""
        farewell = self._farewells.get(node)
        return None if farewell is None else farewell.stage

    def _sighting(self, node: str, member: parse.Member | None, alive: Mapping[str, str]) -> Sighting:
        stage, known = self._stage(node), self._memory.known(node)
        last = self._last.get(node, Membership.UNKNOWN)
        missed = False
        if member is not None and member.server:
            # Its leader was followed and has not called it lost: also a good-bye that is unheard here looks like that.
            missed = last is Membership.UP and known is Known.FAILED
            if missed or stage not in (None, Stage.LIVES):
                last = Membership.UNKNOWN
        sighting = parse.gone(
            member, last, Known.UNSEEN if missed else known, alive, lives=stage is Stage.LIVES
        )
        if missed and sighting is parse.REMOVED:
            sighting = parse.VANISHED
        return _BURIED.get(sighting, sighting) if stage is Stage.BURIED else sighting


_BURIED = {parse.REMOVED_SERVER: parse.SILENT} | dict.fromkeys(parse.UNSETTLED, parse.BURIED)
"""What is said instead of one whose host has answered nothing for long enough."""
