"""One sender among all monitors: a lock in the first datacentre's key-value store elects it.

In: the office's keys (a blocking query), what this node sees, `WriteLedger`. Out: `Office`. The
lock hangs on a Consul session that ends by itself: with the holder's process (TTL), its agent or
its network (serfHealth). Whoever takes the office reads the ledger first, so that it reports what is
open and nothing twice. When no election is possible everyone reports: masakari refuses a
duplicate, but nobody would miss a report that was never sent.
"""

import asyncio
import base64
import contextlib
import json
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from masakarimonitors.decisions import Command
from masakarimonitors.hostmonitor.ledger import write_ledger
from masakarimonitors.hostmonitor.observation import EVERYONE, LedgerEntry, Observation, Office, WriteLedger
from masakarimonitors.hostmonitor.office import Herald
from masakarimonitors.hostmonitor.sources.consul_agent import Access, Agent, AgentFault, Answer, Forbidden
from masakarimonitors.hostmonitor.sources.consul_datacentre import Sight, first
from masakarimonitors.hostmonitor.sources.consul_election import (
    CHALLENGE,
    LEDGER,
    LOCK,
    Claim,
    Move,
    Room,
    move,
    read_room,
    write_claim,
)
from masakarimonitors.system.clock import Clock

LOG = logging.getLogger(__name__)

_MISSING = 404


@dataclass(frozen=True, slots=True)
class Terms:
    """The rules of the office; all in seconds.

    `ttl`: of the session, Consul's least; its server lets one lapse after twice that. `renew`: so often
    the holder renews: twice before the lapse, and no oftener, because whoever is killed just after a
    renewal keeps the office longest. `grace`: so long nothing is decided anew when
    the store does not answer; raft needs up to 17 s for a new leader. `superior`: so long a node
    must have seen more than the holder before it asks for the office. `refused`: until a token that was
    refused is tried again.
    """

    ttl: int = 10
    renew: float = 8.0
    patience: float = 3.0
    wait: float = 60.0
    grace: float = 20.0
    superior: float = 10.0
    refused: float = 30.0
    retry: float = 1.0


class ReporterOffice:
    """The source of `Office`, and the hand that writes the ledger. `link` is the first datacentre's."""

    name = "consul reporter election"

    def __init__(
        self, link: str, access: Access, own: str, clock: Clock, sight: Sight, *, prefix: str, terms: Terms
    ) -> None:
        """`prefix` of the keys ends with a slash. Nothing is opened before `run`."""
        self._link = link
        self._access = access
        self._own = own
        self._clock = clock
        self._sight = sight
        self._prefix = prefix
        self._terms = terms
        self._session = ""
        self._herald = Herald(clock)
        self._contact = 0.0
        self._room: Room | None = None
        self._news = asyncio.Event()
        self._unwritten: Mapping[str, LedgerEntry] | None = None
        self._to_write = asyncio.Event()
        self._waiting: asyncio.Timeout | None = None
        sight.listeners.append(self._news.set)
        sight.stuck.append(self._ask_anew)

    async def perform(self, command: Command) -> Observation | None:
        """Answer `WriteLedger`: the newest ledger is kept until it is written, or somebody else reports."""
        if isinstance(command, WriteLedger):
            self._unwritten = command.entries
            self._to_write.set()
        return None

    async def run(self, emit: Callable[[Observation], None]) -> None:
        """Until cancelled; then the office is handed over at once."""
        self._herald.begin(emit)
        self._contact = _now()
        async with Agent(self._access) as agent:
            try:
                while True:
                    await self._until_seen()
                    lost = await self._serve(agent)
                    refused = isinstance(lost, Forbidden)
                    if refused:
                        self._herald.everyone(f"the token may not take part in the election ({lost})")
                    else:
                        LOG.info("The election of the reporter is interrupted: %s", lost)
                    await asyncio.sleep(self._terms.refused if refused else self._terms.retry)
            finally:
                await self._hand_over(agent)

    # --- contact with the store -------------------------------------------------------------------

    async def _until_seen(self) -> None:
        """Wait for the first datacentre; after the grace nobody can be elected, so everyone reports."""
        while self._link not in self._sight.proven:
            self._lapse(f"datacentre {self._link} of this node, where the reporter is elected, is not seen")
            await self._wait_for_news(self._terms.retry)

    async def _serve(self, agent: Agent) -> AgentFault:
        """Take part in the election until the store's datacentre is lost; returns why."""
        self._room = None
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch(agent))
                tasks.create_task(self._act(agent))
                tasks.create_task(self._keep_session(agent))
                tasks.create_task(self._keep_ledger(agent))
        except* AgentFault as group:
            lost = first(group)
        return lost

    async def _watch(self, agent: Agent) -> None:
        index = 0
        while True:
            timeout = (
                self._terms.patience if index == 0 else self._terms.wait * 17 / 16 + self._terms.patience
            )
            path = f"/v1/kv/{self._prefix}"
            params: dict[str, str | int] = {"recurse": "", "index": index, "wait": f"{self._terms.wait:.0f}s"}
            try:
                async with asyncio.timeout(None) as self._waiting:
                    answer = await agent.get(path, timeout, params, accept=_MISSING)
            except TimeoutError:
                index = 0
                continue
            finally:
                self._waiting = None
            index = 0 if answer.index < index else max(1, answer.index)
            self._room = self._read(answer)
            self._news.set()
            await asyncio.sleep(0.02)

    def _ask_anew(self, link: str) -> None:
        """Queries to that agent were found hanging; a vacancy must not be noticed half a minute late."""
        if link == self._link and self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(_now())

    # --- what this node does about the office -----------------------------------------------------

    async def _act(self, agent: Agent) -> NoReturn:
        superior_since: float | None = None
        vacant_since: float | None = None
        fresh = self._herald.said is None
        while True:
            if self._link not in self._sight.proven:
                raise AgentFault(f"datacentre {self._link} is not seen any more")
            room = self._room
            pause: float | None = None
            if room is not None:
                if fresh and room.holder is not None and room.holder.node == self._own and not self._session:
                    # This node's monitor was killed and has come back: need not wait for its old session's end.
                    await agent.put(f"/v1/session/destroy/{room.session}", self._terms.patience)
                fresh = False
                own = Claim(self._own, self._sight.proven)
                todo = move(room, own, self._session)
                now = _now()
                superior_since = (superior_since or now) if todo is Move.CHALLENGE else None
                vacant_since = (vacant_since or now) if room.vacant else None
                if room.vacant:
                    self._lapse("nobody could take the office", since=vacant_since)
                else:
                    self._contact = now
                    self._tell_holder(room)
                pause = await self._do(agent, todo, own, room, now - (superior_since or vacant_since or now))
            await self._wait_for_news(pause)

    async def _do(self, agent: Agent, todo: Move, own: Claim, room: Room, since: float) -> float | None:
        """Carry out one move; returns after how many seconds to look again at the latest."""
        match todo:
            case Move.RUN:
                # All monitors see the vacancy at once; in a large cloud they must not all run at once.
                await asyncio.sleep(random.uniform(0, self._sight.members / 2000))
                if self._room is room:
                    await self._run_for_office(agent, own)
                return 0.5
            case Move.YIELD if since > self._terms.superior / 2:
                # Whoever asked for it does not come.
                await self._run_for_office(agent, own)
                return 0.5
            case Move.CHALLENGE if since > self._terms.superior:
                LOG.info("%s reports but sees less than this node: asking for the office", room.holder)
                await self._put(agent, CHALLENGE, write_claim(own))
            case Move.STEP_DOWN:
                LOG.info("%s sees more than this node: handing the office over", room.challenge)
                await self._put(agent, LOCK, write_claim(own), release=self._session)
                await self._end_session(agent)
                asker = room.challenge.node if room.challenge else ""
                why = f"{asker} sees more than this node and takes over"
                self._herald.say(Office(False, asker, why, self._clock.now(), room.ledger))
            case Move.REFUSE:
                await agent.delete(f"/v1/kv/{self._prefix}{CHALLENGE}", self._terms.patience)
            case Move.ANNOUNCE:
                await self._put(agent, LOCK, write_claim(own), acquire=self._session)
            case Move.NOTHING:
                return None
        return self._terms.retry

    async def _run_for_office(self, agent: Agent, own: Claim) -> None:
        if not await self._have_session(agent):
            return
        if not await self._put(agent, LOCK, write_claim(own), acquire=self._session):
            return
        # Only now: whoever held the office before cannot write any more.
        params = {"recurse": "", "consistent": ""}
        answer = await agent.get(f"/v1/kv/{self._prefix}", self._terms.patience, params, accept=_MISSING)
        room = self._read(answer)
        if room.session != self._session:
            return
        self._room = room
        if room.challenge is not None:
            await agent.delete(f"/v1/kv/{self._prefix}{CHALLENGE}", self._terms.patience)
        ledger = room.ledger
        if (
            self._herald.said is not None
            and self._herald.said.holder == EVERYONE
            and self._unwritten is not None
        ):
            # What this node reported while nobody could be elected belongs into the ledger, too.
            ledger = {**(ledger or {}), **self._unwritten}
            self._unwritten = ledger
            self._to_write.set()
        else:
            self._unwritten = None
        self._herald.say(Office(True, self._own, "this node holds the office", self._clock.now(), ledger))

    async def _have_session(self, agent: Agent) -> bool:
        """Make a session, or make sure that the one we have still lives (Consul refuses a dead one harshly)."""
        if self._session and not await self._renew(agent):
            self._session = ""
        if not self._session:
            terms = {
                "Name": f"masakari-hostmonitor on {self._own}",
                "TTL": f"{self._terms.ttl}s",
                "Behavior": "release",
                # 0 would mean Consul's default of 15 s; a duplicate report is harmless, a late one is not.
                "LockDelay": "1ms",
            }
            answer = await agent.put("/v1/session/create", self._terms.patience, json.dumps(terms).encode())
            self._session = str(answer.json()["ID"])
        return bool(self._session)

    async def _renew(self, agent: Agent) -> bool:
        path = f"/v1/session/renew/{self._session}"
        return (await agent.put(path, self._terms.patience, accept=_MISSING)).status != _MISSING

    def _read(self, answer: Answer) -> Room:
        try:
            return read_room(answer.body if answer.status != _MISSING else b"[]", self._prefix)
        except ValueError as fault:
            raise AgentFault(str(fault)) from fault

    async def _put(self, agent: Agent, key: str, value: bytes, **params: str) -> bool:
        path = f"/v1/kv/{self._prefix}{key}"
        answer = await agent.put(path, self._terms.patience, value, params)
        return answer.body.strip() == b"true"

    async def _keep_session(self, agent: Agent) -> NoReturn:
        while True:
            if self._session and not await self._renew(agent):
                # It lapsed: whether somebody else holds the office by now is for the watch to say.
                self._session = ""
                self._news.set()
            await asyncio.sleep(self._terms.renew)

    async def _keep_ledger(self, agent: Agent) -> NoReturn:
        """Write the newest ledger, on the condition that this session still holds the lock."""
        # What an interruption left unwritten.
        self._to_write.set()
        while True:
            await self._to_write.wait()
            self._to_write.clear()
            while self._session and (entries := self._unwritten) is not None:
                acts = [
                    {"Verb": "check-session", "Key": self._prefix + LOCK, "Session": self._session},
                    {
                        "Verb": "set",
                        "Key": self._prefix + LEDGER,
                        "Value": base64.b64encode(write_ledger(entries)).decode(),
                    },
                ]
                body = json.dumps([{"KV": act} for act in acts]).encode()
                try:
                    await agent.put("/v1/txn", self._terms.patience, body)
                except AgentFault as fault:
                    LOG.warning(
                        "The ledger of reported hosts could not be written, it is tried again: %s", fault
                    )
                    await asyncio.sleep(self._terms.retry)
                    continue
                if self._unwritten is entries:
                    self._unwritten = None

    async def _end_session(self, agent: Agent) -> None:
        session, self._session = self._session, ""
        if session:
            await agent.put(f"/v1/session/destroy/{session}", self._terms.patience)

    async def _hand_over(self, agent: Agent) -> None:
        """At a clean stop: a destroyed session frees the lock, and another monitor holds it moments later."""
        with contextlib.suppress(AgentFault, TimeoutError):
            async with asyncio.timeout(0.5):
                await self._end_session(agent)

    # --- what is said -----------------------------------------------------------------------------

    def _tell_holder(self, room: Room) -> None:
        if self._session and room.session == self._session:
            # Back from a time when everyone reported, and the lock is still ours: our own ledger stands.
            self._herald.say(Office(True, self._own, "this node holds the office", self._clock.now()))
            return
        holder = room.holder.node if room.holder else "another node"
        self._herald.say(Office(False, holder, f"{holder} holds the office", self._clock.now(), room.ledger))

    def _lapse(self, why: str, since: float | None = None) -> None:
        if _now() - (self._contact if since is None else since) > self._terms.grace:
            self._herald.everyone(why)

    async def _wait_for_news(self, seconds: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        self._news.clear()


def _now() -> float:
    return asyncio.get_running_loop().time()
