"""This node's Consul session: the lock hangs on it, and nobody leads without one that provably lives.

In: an agent to ask, and this node's own clocks. Out: the session's id, until when it is certain, and a
word at the moment in which it is not any more. Whoever holds the lock by a session that is not `sure` is no leader:
Consul may have ended it, and another may hold the lock by now.
"""

import asyncio
import collections
import json
import math
from collections.abc import Callable

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.drivers.consul.agent import Agent, AgentFault
from masakarimonitors.system.clock import Clock

_MISSING = 404


class Session:
    """One session at a time, made when it is first needed; it ends by itself with the process, agent or node.

    When Consul ends it, it keeps what hung on it from everybody for `certain` seconds (its lock-delay). So what the
    session holds is certain until `certain` after the question that Consul answered with a renewal: also one that
    ended just after that answer kept everybody out until then. To count from the answer would not be safe, nor to
    leave out the time for which this computer was suspended: Consul's went on.
    """

    def __init__(
        self,
        agent: Agent,
        node: str,
        clock: Clock,
        *,
        ttl: float,
        certain: float,
        patience: float,
        on_doubt: Callable[[], None],
    ) -> None:
        """Nothing is asked yet. `ttl`, `certain`, and `patience` with one request, are seconds.

        `on_doubt` is called whenever the session cannot be shown to live any more, before anything else is done.
        """
        self._agent = agent
        self._node = node
        self._clock = clock
        self._ttl = ttl
        self._certain = certain
        self._patience = patience
        self._on_doubt = on_doubt
        self._id = ""
        self._former: collections.deque[str] = collections.deque(maxlen=8)
        # When the renewal was asked for that was answered last; None while it is in doubt.
        self._asked: Instant | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.why = ""
        """Why it is not certain, empty while it is."""

    @property
    def id(self) -> str:
        """As Consul calls it; empty when there is none. A session in doubt keeps it: it may live all the same."""
        return self._id

    def until(self, now: Instant) -> float:
        """The monotonic second until which, as far as is known `now`, nobody else can hold what hangs on it."""
        return -math.inf if self._asked is None else self._asked.old_at(self._certain, now)

    @property
    def sure(self) -> bool:
        """Whether it provably lives: nobody else can hold what hangs on it, as far as time can tell."""
        now = self._clock.now()
        return now.monotonic < self.until(now)

    def was(self, session: str) -> bool:
        """Whether that was this monitor's own session, and has ended or is being ended."""
        return session in self._former

    async def ensure(self) -> None:
        """Make a session, or make sure that the one there is still lives; raises AgentFault."""
        if self._id:
            await self.renew()
        if not self._id:
            await self._create()

    async def renew(self) -> None:
        """Let it live on, or learn that it is gone; raises AgentFault when Consul does not say which."""
        session, asked = self._id, self._clock.now()
        path = f"/v1/session/renew/{session}"
        answer = await self._agent.put(path, self._patience, accept=_MISSING)
        if session != self._id:
            # It was ended, or found to be gone, while this was asked.
            return
        if answer.status == _MISSING:
            self._forget()
            self.doubt("its session is gone")
        else:
            self._lives(asked)

    async def end(self) -> None:
        """Give it up: what hangs on it is free after the lock-delay, for others; raises AgentFault."""
        session = self._id
        if session:
            self._forget()
            self.doubt("it has ended its session")
            await self.destroy(session)

    async def destroy(self, session: str) -> None:
        """End one by its id, which an earlier process of this node may have left behind; raises AgentFault."""
        await self._agent.put(f"/v1/session/destroy/{session}", self._patience)

    def doubt(self, why: str) -> None:
        """It may be gone (`why`). Only a renewal, or a new session, is sure again."""
        self._asked, self.why = None, why
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._on_doubt()

    def _forget(self) -> None:
        self._former.append(self._id)
        self._id = ""

    async def _create(self) -> None:
        asked = self._clock.now()
        wanted = {
            "Name": f"masakari-hostmonitor on {self._node}",
            "TTL": f"{self._ttl:g}s",
            "Behavior": "release",
            # By then also a holder that has not heard of its session's end has stopped.
            "LockDelay": f"{self._certain:g}s",
        }
        body = json.dumps(wanted).encode()
        answer = await self._agent.put("/v1/session/create", self._patience, body)
        made = answer.json()
        if not isinstance(made, dict) or not made.get("ID"):
            raise AgentFault("Consul made a session and did not say which")
        self._id = str(made["ID"])
        self._lives(asked)

    def _lives(self, asked: Instant) -> None:
        """A question of the moment `asked` was answered."""
        if self._timer is not None:
            self._timer.cancel()
        self._asked, self.why = asked, ""
        now = self._clock.now()
        why = f"its session could not be renewed for {self._certain:g} s and may be gone"
        self._timer = asyncio.get_running_loop().call_later(self.until(now) - now.monotonic, self.doubt, why)
