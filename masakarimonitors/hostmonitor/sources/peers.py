"""The other hosts' monitors: tells them how this one is, and hears how they are. Nothing is decided by it.

In: how this monitor is, what it knows of the hosts, and a store that all share. Out: nothing for the core; what the
status shows of the fleet, and the alarms that follow from that. A store that does not take it, or cannot be read, is
said and tried again, ever more slowly; no harm comes to anything else.
"""

import asyncio
import datetime
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, Protocol

from masakarimonitors.core.backoff import backoff
from masakarimonitors.core.decision import JSON, Instant
from masakarimonitors.hostmonitor.core.election.reporter import Standing, Word
from masakarimonitors.hostmonitor.core.peers.announcement import (
    Announcement,
    Part,
    Says,
    decode,
    digests,
    encode,
    named,
)
from masakarimonitors.hostmonitor.core.peers.differences import Fleet, Heard, Known, compare, hear
from masakarimonitors.hostmonitor.core.peers.pacing import Last, Pace, look
from masakarimonitors.hostmonitor.core.state import Policy, State
from masakarimonitors.monitor import OwnStanding
from masakarimonitors.silencing.desk import NotShared
from masakarimonitors.status.health import Kind, Sight
from masakarimonitors.status.model import SubjectRow
from masakarimonitors.system.clock import Clock, beat
from masakarimonitors.version import VERSION

LOG = logging.getLogger(__name__)

_SAID_FROM = 4
"""Failures in a row from which it is worth a line of the log: an engine that is only starting is not."""
PATIENCE = 20.0
"""Seconds for one act of the store, whatever patience it has itself."""


class PeerStore(Protocol):
    """What all hosts' monitors share, for what each says of itself; raises NotShared where it does not work."""

    @property
    def reporter_alone(self) -> bool:
        """Whether a reading costs so much that only the reporter is to read, and not every monitor."""

    def cannot_tell(self, node: str) -> bool:
        """Whether it is known that the monitor of this node has no way to tell anything, so that none misses it."""

    async def tell(self, node: str, value: bytes) -> None:
        """Have this stand there as said by this node, in the place of what it said before."""

    async def read(self) -> Mapping[str, bytes]:
        """What stands there, by who is named as the writer."""


class Peers:
    """One monitor among those of all hosts."""

    name = "peers"

    def __init__(
        self,
        driver: str,
        policy: Policy,
        store: PeerStore,
        clock: Clock,
        pace: Pace | None = None,
        *,
        own: Callable[[], str] | None = None,
    ) -> None:
        """Nothing is told before `run`, nor before it is known whom to ask how this monitor is.

        `own`: what this host is called where a reporter is named; without it, by the rules' name for it.
        """
        self._own = own or (lambda: policy.own)
        self._driver = driver
        self._policy = policy
        self._store = store
        self._clock = clock
        self._pace = pace or Pace()
        self._began = clock.now().monotonic
        self._started = clock.now().wall.replace(microsecond=0)
        self._standing: Callable[[], OwnStanding] | None = None
        self._last = Last()
        self._failures = 0
        self._tell_from = 0.0
        self._not_told = self._not_read = ""
        self._heard: Mapping[str, Heard] = {}
        self._read_at: Instant | None = None
        # Monotonic seconds: since when it reads, and when it reads again.
        self._reads_since: float | None = None
        self._read_next = 0.0
        self._fleet: Fleet | None = None
        # What the digests below were made of, beside the policy: what is in force in its place.
        self._in_force: tuple[object, ...] | None = None
        self._digests: Mapping[Part, str] = {}

    def watch_standing(self, ask: Callable[[], OwnStanding]) -> None:
        """Learn where to ask how this monitor is."""
        self._standing = ask

    async def run(self, emit: Callable[[Any], None]) -> NoReturn:
        """Until cancelled."""
        broken = 0
        while True:
            try:
                await self._take_turn()
                broken = 0
            except Exception:  # nothing that is seen and reported may suffer from this
                broken += 1
                LOG.exception(
                    "What the other hosts' monitors say cannot be compared, by a fault of this program"
                )
                self._fleet = None
                self._not_read = "by a fault of this program; see the log"
            rest = backoff(broken, self._pace.look, self._pace.refresh)
            await self._clock.sleep(beat(self._clock, rest))

    def alarms(self) -> Sequence[SubjectRow]:
        """What of the fleet needs somebody."""
        told = () if self._fleet is None else self._fleet.alarms
        return [SubjectRow("fleet", state, detail, alarm=True, harms=Kind.FLEET) for state, detail in told]

    def shown(self, state: State) -> dict[str, JSON]:
        """The fleet as this monitor sees it; where it does not read, who does."""
        reporter = state.cluster.reporter
        told = None if self._last.said is None else self._last.said.told.isoformat()
        shown: dict[str, JSON] = {
            "told": told,
            "not_told": self._not_told,
            "not_read": self._not_read,
            "seen_by": "",
            "read": None if self._read_at is None else self._read_at.wall.isoformat(),
        }
        if not self._reads(state):
            return {**shown, "seen_by": reporter.leader or "the reporter, once there is one"}
        return shown if self._fleet is None else shown | self._fleet.as_json()

    def _reads(self, state: State) -> bool:
        return not self._store.reporter_alone or state.cluster.reporter.standing is Standing.LEADER

    def _leads(self, state: State, now: Instant) -> bool:
        """Whether it is the elected reporter at this moment, also where its lease has ended and nothing was decided."""
        reporter = state.cluster.after_standstill(state.decided, now).reporter
        return reporter.standing is Standing.LEADER and reporter.due(now.monotonic) is not Word.LAPSED

    async def _take_turn(self) -> None:
        if self._standing is None:
            return
        standing = self._standing()
        state: State = standing.state
        now = self._clock.now()
        own = self._announcement(standing, state, now)
        self._last, due = look(self._last, own, len(state.hosts), self._pace, now.monotonic)
        unsettled = not standing.health.looked or state.cluster.reporter.standing is Standing.UNKNOWN
        if self._last.said is None and unsettled:
            due = due and now.monotonic - self._began >= self._pace.looking
        if due and now.monotonic >= self._tell_from:
            await self._tell(own, len(state.hosts))
        if not self._reads(state):
            self._heard, self._read_at, self._reads_since, self._fleet = {}, None, None, None
            self._not_read = ""
        elif self._reads_since is None or now.monotonic >= self._read_next:
            since = self._reads_since = now.monotonic if self._reads_since is None else self._reads_since
            self._read_next = self._pace.reads_again(since, now.monotonic)
            await self._read()
            now = self._clock.now()
            if self._read_at is not None:
                known = self._known(state)
                self._fleet = compare(self._heard, own, known, now.monotonic, self._pace.bound)

    async def _tell(self, own: Announcement, hosts: int) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._store.tell(own.node, encode(own))
        except (NotShared, TimeoutError) as fault:
            why = str(fault) or f"no answer within {PATIENCE:g} s"
            self._not_told = why
            self._failures += 1
            if self._failures == _SAID_FROM:
                LOG.warning("The monitors of other hosts cannot be told how this one is: %s", why)
            first = max(self._pace.again, self._pace.each * hosts)
            pause = backoff(self._failures, first, self._pace.refresh)
            self._tell_from = self._clock.now().monotonic + pause
            return
        if self._failures >= _SAID_FROM:
            LOG.info("The monitors of other hosts are told again how this one is")
        self._not_told, self._failures = "", 0
        self._last = Last(said=own, at=self._clock.now().monotonic)

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                values = await self._store.read()
        except (NotShared, TimeoutError) as fault:
            self._not_read = str(fault) or f"no answer within {PATIENCE:g} s"
            return
        self._not_read = ""
        read = {node: decode(node, value) for node, value in values.items()}
        said = {node: one for node, one in read.items() if one is not None}
        now = self._clock.now()
        before = None if self._read_at is None else self._read_at.monotonic
        self._heard, self._read_at = hear(self._heard, said, now, before), now

    def _announcement(self, standing: OwnStanding, state: State, now: Instant) -> Announcement:
        own, reporter = self._own(), state.cluster.reporter
        leads = self._leads(state, now)
        blind, more = named(
            [one.view.name for one in standing.health.views if one.view.sight is not Sight.PROVEN]
        )
        oldest = standing.outbox.oldest
        age = None if oldest is None else datetime.timedelta(seconds=now.monotonic - oldest)
        return Announcement(
            node=own,
            version=VERSION,
            started=self._started,
            told=now.wall.replace(microsecond=0),
            rules=self._rules(state),
            reporter=own if leads else reporter.leader,
            reports=leads,
            health=Says(standing.health.level.value),
            blind=blind,
            more=more,
            pending=standing.outbox.pending,
            oldest=None if age is None else now.wall - age,
        )

    def _rules(self, state: State) -> Mapping[Part, str]:
        """The digests of the rules in force, made anew when others are: those of 10,000 domains take 6 ms."""
        in_force = (state.matrix, state.domains, state.guard)
        if self._in_force != in_force:
            self._digests, self._in_force = digests(self._driver, self._policy.under(state)), in_force
        return self._digests

    def _known(self, state: State) -> Known:
        reporter, registered = state.cluster.reporter, state.cluster.segments.hosts
        leads = reporter.standing is Standing.LEADER
        required = registered.values() if registered is not None else state.hosts
        return Known(
            hosts={name: name not in state.troubled for name in state.hosts},
            required=[name for name in required if not self._store.cannot_tell(name)],
            reporter=self._own() if leads else reporter.leader,
            since=reporter.since,
        )
