"""Proof of a datacentre's word: a leader speaks, it shows us ourselves alive, and our copy of its list is not stale.

In: short default-consistency reads, and word of what the follower has followed. Out: how long the view is proven,
or an `AgentFault` when it is not. Only a read that succeeded *just now* proves that anybody speaks for the
datacentre (an isolated agent goes on listing its peers for half a minute and more), and only a copy that has
reached what that read has shown says what the leader says.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.drivers.consul import parse
from masakarimonitors.hostmonitor.drivers.consul.agent import LEADERS, Agent, AgentFault, Forbidden
from masakarimonitors.hostmonitor.drivers.consul.rhythm import Rhythm
from masakarimonitors.system.clock import Clock, beat, pause


class NotShown(AgentFault):
    """The datacentre answers, but not as one that shows itself to us: its word cannot be used."""


class Stale(AgentFault):
    """The leader speaks, but its list does not arrive."""


class Freshness:
    """As of when our copy of a list is the leader's own. Pure; what an answer proves was so when it was asked for.

    A probe that was asked at some moment shows an index, and the copy is as fresh as that moment once it has followed
    the index. A list read as a whole is as fresh as the moment at which it was asked for, whatever its index:
    two reads that do not look at quite the same tables may differ for good.
    """

    def __init__(self) -> None:
        """Nothing was read yet."""
        self.at: Instant | None = None
        """The copy was the leader's own at this moment; None before the first."""
        self._reached = 0
        self._newest = 0
        # What probes have shown that was not followed by then: when each was asked, and its index.
        self._open: deque[tuple[Instant, int]] = deque()

    @property
    def behind(self) -> bool:
        """Whether a probe has shown something that is not followed yet."""
        return bool(self._open)

    def until(self, span: float, now: Instant) -> float:
        """The monotonic second at which the copy is `span` seconds old, as far as is known `now`."""
        return float("-inf") if self.at is None else self.at.old_at(span, now)

    def probed(self, asked_at: Instant, index: int) -> None:
        """A probe that was asked then has shown this index."""
        if index < self._newest:
            # A restored snapshot: what was followed before says nothing of what comes now.
            self._reached = 0
        self._newest = index
        self._open.append((asked_at, index))
        self._close()

    def followed(self, index: int) -> None:
        """All changes up to this index are in the copy."""
        self._reached = index
        self._close()

    def read(self, asked_at: Instant, index: int) -> None:
        """The copy is a whole list of this index, which was asked for then."""
        shown = [probe for at, probe in self._open if at.monotonic <= asked_at.monotonic]
        self._reached = max([index, *shown])
        self._is_of(asked_at)
        self._close()

    def _close(self) -> None:
        while self._open and self._open[0][1] <= self._reached:
            self._is_of(self._open.popleft()[0])

    def _is_of(self, moment: Instant) -> None:
        if self.at is None or self.at.monotonic < moment.monotonic:
            self.at = moment


class Prover:
    """Asks for proof, again and again; the only one who says for how long the view is proven."""

    def __init__(
        self,
        own: str,
        agent: Agent,
        clock: Clock,
        rhythm: Rhythm,
        unsure: asyncio.Event,
        *,
        on_fresh: Callable[[Instant, float], None],
        on_behind: Callable[[], None],
    ) -> None:
        """Nothing is asked before `run`. `own` is this node's name in Consul.

        `unsure` is set while not everything is followed. `on_fresh` is called with the moment as of which the copy
        is the leader's, and the seconds from that moment on for which that proves the view; `on_behind` when what is
        waited for should have come by now.
        """
        self._own = own
        self._agent = agent
        self._clock = clock
        self._rhythm = rhythm
        self._unsure = unsure
        self._on_fresh = on_fresh
        self._on_behind = on_behind
        self._fresh = Freshness()
        self._told: Instant | None = None
        self._begun = False
        self._doubt = asyncio.Event()
        self._alert_until = 0.0
        # The last answer to a probe that has shown this node alive: one of the same bytes shows it as well.
        self._alive: bytes | None = None
        self.members = 0
        """How many members the datacentre has: every one of them asks the one leader."""
        self._continuous = False

    @property
    def as_of(self) -> Instant | None:
        """The copy was the leader's own at this moment; None before the first."""
        return self._fresh.at

    @property
    def continuous(self) -> bool:
        """Whether nothing has happened that was not followed, as a probe has proved that was asked just now."""
        now = self._clock.now()
        return self._continuous and now.monotonic < self._fresh.until(self._span(), now)

    async def probe(self) -> None:
        """The short default-consistency read: is there a leader, and does it show us ourselves alive?"""
        asked_at = self._clock.now()
        answer = await self._agent.get(f"/v1/health/node/{self._own}", self._rhythm.patience, LEADERS)
        if answer.body != self._alive:
            try:
                self.check(parse.read_health(answer.body))
            except ValueError as fault:
                raise AgentFault(str(fault)) from fault
            self._alive = answer.body
        self._fresh.probed(asked_at, answer.index)

    def check(self, health: dict[str, bool]) -> None:
        """Raise NotShown if the list does not show this node itself alive."""
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

    def check_company(self, hosts: Collection[str]) -> None:
        """Raise NotShown if these hosts, all that are shown, are only this node itself."""
        if not set(hosts) - {self._own}:
            raise NotShown(
                f"it shows no node but this one, {self._own!r}, so no failure could be seen here: either the token may "
                'read no other node (node_prefix "" { policy = "read" } is needed), or no other agent has joined'
            )

    def begin(self) -> None:
        """The copy is complete: from now on it is told how fresh it is."""
        self._begun = True
        self._tell()
        # Reading all of it may have taken long.
        self._doubt.set()

    def read(self, asked_at: Instant, index: int) -> None:
        """The whole list, asked for then, is in the copy."""
        self._fresh.read(asked_at, index)
        self._tell()

    def followed(self, index: int) -> None:
        """All changes up to this index are in the copy."""
        self._fresh.followed(index)
        self._tell()

    async def run(self) -> None:
        """Prove for ever; raises AgentFault when sight is lost."""
        misses = behind = 0
        while True:
            calm = self._clock.now().monotonic >= self._alert_until
            rest = beat(self._clock, self._between() if calm else self._rhythm.alert)
            await pause(self._clock, rest, self._doubt)
            try:
                await self.probe()
            except (NotShown, Forbidden):
                raise
            except AgentFault:
                misses += 1
                self._continuous = False
                self.alert()
                self._unsure.set()
                # One miss may be a leader handing over; two in a row mean that nobody speaks.
                if misses == 2:
                    raise
                continue
            behind = self._take(behind)
            if misses or (behind and behind % 2 == 0):
                self._continuous = False
                self._on_behind()
            misses = 0

    def _take(self, behind: int) -> int:
        """A leader speaks: is the copy its own? Returns how many probes in a row have found it behind."""
        self._tell()
        now = self._clock.now()
        old = now.monotonic >= self._fresh.until(self._span(), now)
        if not self._fresh.behind:
            # One that was asked before a standstill says nothing of the time since; the next one will.
            if not old:
                self._continuous = True
                self._unsure.clear()
            return 0
        self.alert()
        self.distrust()
        if old:
            age = now.monotonic - self._fresh.until(0.0, now)
            raise Stale(
                f"its leader answers, but the list of its checks has not come for {age:.0f} s: a server that hangs, or "
                "one that limits its clients"
            )
        return behind + 1

    def distrust(self) -> None:
        """Something may have happened that was not followed."""
        self._continuous = False
        self._unsure.set()

    def alert(self) -> None:
        """Prove more often for a while."""
        self._alert_until = self._clock.now().monotonic + self._rhythm.alert_span

    def doubt(self) -> None:
        """Prove at once, and more often for a while."""
        self.alert()
        self._doubt.set()

    def _tell(self) -> None:
        now, at = self._clock.now(), self._fresh.at
        if not self._begun or at is None or at is self._told:
            return
        if now.monotonic < at.old_at(self._span(), now):
            self._told = at
            self._on_fresh(at, self._span())

    def _between(self) -> float:
        return self._rhythm.between_probes(self.members)

    def _span(self) -> float:
        """How long one proof lasts: until the next would be there after one that was missed and one that was slow."""
        return self._between() + self._rhythm.alert + 3 * self._rhythm.patience
