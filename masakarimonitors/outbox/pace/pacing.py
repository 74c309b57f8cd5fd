"""The pace at which reports about instances leave: who waits, who goes next, and the looks at masakari for that.

In: reports that are due, and what became of each offer. Out: the one that may go now, oldest first; what waits
and why. It looks at masakari when the policy (`pace`) asks for it, and hands on what was seen of its reports. A look
that fails costs nothing but speed.
"""

import asyncio
import datetime
import heapq
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from masakarimonitors.core.decision import Instant
from masakarimonitors.masakari_api import LookupFailed
from masakarimonitors.outbox import messages
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.pace import following
from masakarimonitors.outbox.pace import pace as policy_of
from masakarimonitors.outbox.pace.looks import Looks
from masakarimonitors.outbox.pace.pace import GO, Candidate, Hold, HostPace, PacePolicy, Ruling, Sight
from masakarimonitors.outbox.pace.stages import TOO_LONG, Lane, Stage, lane_of
from masakarimonitors.outbox.progress import Seen
from masakarimonitors.outbox.rows import Row
from masakarimonitors.system.clock import Clock

LOG = logging.getLogger(__name__)

OFF = PacePolicy(limit=0)
"""Nothing is paced."""


@dataclass(slots=True)
class _Queue:
    """The reports of one host and lane that wait, and why the oldest does."""

    waiting: dict[int, Candidate] = field(default_factory=dict)
    ruling: Ruling = GO
    # Ids of rows, oldest first; those that wait no longer are passed over.
    _heap: list[int] = field(default_factory=list)

    def add(self, one: Candidate) -> None:
        """One more waits."""
        if one.row not in self.waiting:
            heapq.heappush(self._heap, one.row)
        self.waiting[one.row] = one

    def oldest(self) -> Candidate | None:
        """The one whose turn it is."""
        while self._heap and self._heap[0] not in self.waiting:
            heapq.heappop(self._heap)
        return self.waiting[self._heap[0]] if self._heap else None


@dataclass(slots=True)
class _Host:
    """One host: its pace, its queues, and whether somebody is looking."""

    pace: HostPace = field(default_factory=HostPace)
    queues: dict[Lane, _Queue] = field(
        default_factory=lambda: {Lane.RECOVERED: _Queue(), Lane.FILED: _Queue()}
    )
    looking: bool = False
    # Reports of the whole host of which people were told: nobody works at them, or for too long.
    told: set[str] = field(default_factory=set)

    @property
    def hold(self) -> Hold | None:
        """Why those that matter most wait, if any do."""
        held = [queue.ruling.hold for queue in self.queues.values() if queue.waiting]
        return held[0] if held else None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A report that waits, the number of its row, and why, for people."""

    subject: str
    row: int
    why: str


class Pacing:
    """Lets reports about instances go at the pace of masakari's engine."""

    def __init__(
        self,
        outbox: Outbox,
        clock: Clock,
        policy: PacePolicy = OFF,
        looks: Looks | None = None,
        *,
        patience: float = 20.0,
        on_fault: Callable[[str], None] = lambda text: None,
        on_seen: Callable[[Mapping[str, Seen | None]], None] = lambda seen: None,
    ) -> None:
        """`looks` reads masakari; without it nothing is seen of it. `on_fault` is told what people must look at.

        `on_seen` is told what each look has shown of this monitor's own reports, so that nobody need look again.

        A look that takes longer than `patience` (seconds) has failed: whoever waits for it goes on without.
        """
        self._outbox = outbox
        self._clock = clock
        self._policy = policy
        self._looks = looks
        self._patience = patience
        self._on_fault = on_fault
        self._on_seen = on_seen
        self._hosts: dict[str, _Host] = {}
        # By masakari's uuid of a host's report: whose reports were taken back for it, of which nobody was told yet.
        self._covered: dict[str, list[str]] = {}

    def start(self) -> None:
        """Go on following what an earlier run has delivered."""
        now = self._clock.now()
        for row in self._outbox.followed() if self._policy.limit else ():
            lane = lane_of(row.notification)
            if lane is None or row.notification is None or row.is_unseen:
                continue  # of hosts and processes nothing waits, and for what no look would show nobody does
            # No more, so that it is looked at first, and then for a day: the wall clock may have been set meanwhile.
            age = min(_age(row.updated or row.created, now), self._policy.patience)
            host = self._host(row.notification.hostname)
            host.pace = policy_of.remembered(host.pace, row.id, lane, row.followed, now.monotonic - age)

    def admit(self, row: Row, now: Instant) -> Ruling:
        """Whether the row, which is due, may be offered now; one that may not waits here for `next_subject`."""
        lane = lane_of(row.notification)
        if lane is None or row.notification is None or not self._policy.limit:
            return GO
        host = self._host(row.notification.hostname)
        one = Candidate(row=row.id, lane=lane, subject=row.subject, made=row.monotonic)
        host.pace = policy_of.arrived(host.pace, one, self._policy)
        ruling = self._judge(host, one, now)
        queue = host.queues[lane]
        oldest = queue.oldest()
        if oldest is not None and oldest.row < row.id:
            if ruling.hold is None and not ruling.covered_by:
                ruling = Ruling(Hold.TURN)
        else:
            queue.ruling = ruling
        if ruling.hold is not None:
            queue.add(one)
            return ruling
        queue.waiting.pop(row.id, None)
        if not ruling.covered_by:
            host.pace = policy_of.offered(host.pace, one, now.monotonic, self._policy)
        return ruling

    def _judge(self, host: _Host, one: Candidate, now: Instant) -> Ruling:
        first = host.queues[Lane.RECOVERED]
        ahead = first.ruling.hold if one.lane is Lane.FILED and first.waiting else None
        return policy_of.judge(host.pace, one, now.monotonic, self._policy, ahead)

    def next_subject(self, now: Instant, lane: Lane) -> str | None:
        """The subject of the oldest report of that lane that waits and may go now; it waits no longer."""
        for host in self._hosts.values():
            queue = host.queues[lane]
            one = queue.oldest()
            if one is None:
                continue
            queue.ruling = self._judge(host, one, now)
            if queue.ruling.hold is None or not self._outbox.is_pending(one.row):
                del queue.waiting[one.row]
                return one.subject
        return None

    def answered(self, row: Row, uuid: str, host_uuid: str = "") -> None:
        """The offer of a row has ended; `uuid`: masakari's of the notification, empty when it has not taken it."""
        if row.notification is None or row.notification.hostname not in self._hosts:
            return
        if self._looks is not None:
            self._looks.learn(row.notification.hostname, host_uuid)
        host = self._hosts[row.notification.hostname]
        host.pace = policy_of.answered(host.pace, row.id, uuid, self._clock.now().monotonic)

    def covered(self, row: Row, uuid: str) -> None:
        """A report was taken back because masakari has recovered its whole host; `uuid`: its notification of that."""
        self._covered.setdefault(uuid, []).append(row.subject)

    def tell_covered(self) -> None:
        """People are told of those that were taken back: what was dead before its host is not started with it."""
        for uuid, subjects in self._covered.items():
            told = messages.TAKEN_BACK.format(uuid=uuid, subjects=", ".join(subjects))
            self._on_fault(told)
            LOG.warning(told)
        self._covered.clear()

    def row_due(self, *, filed: bool = True) -> float | None:
        """The monotonic second at which the next one that waits may go, if nothing happens before.

        Without `filed` only those count on which the engine acts.
        """
        lanes = (Lane.RECOVERED, Lane.FILED) if filed else (Lane.RECOVERED,)
        every = [host.queues[lane] for host in self._hosts.values() for lane in lanes]
        queues = [queue for queue in every if queue.waiting]
        # A look says itself when it has ended.
        held = [queue.ruling.until for queue in queues if queue.ruling.hold is not Hold.LOOK]
        return min((until for until in held if until is not None), default=None)

    def look_due(self, *, idle: bool = False) -> float | None:
        """The monotonic second at which `lapse` or `begin_looks` (`idle` as there) have something to do."""
        moments: list[float | None] = []
        for host in self._hosts.values():
            moments += [self._next_look(host, idle=idle), following.next_lapse(host.pace, self._policy)]
        return min((moment for moment in moments if moment is not None), default=None)

    def _next_look(self, host: _Host, *, idle: bool) -> float | None:
        if host.looking:
            return None
        return policy_of.next_look(host.pace, self._policy, None if idle else host.hold)

    def lapse(self, now: Instant) -> None:
        """Whatever stands too long at masakari is waited for no longer."""
        for name, host in self._hosts.items():
            host.pace, late = following.lapsed(host.pace, now.monotonic, self._policy)
            long = following.long_hosts(host.pace, now.monotonic, self._policy)
            # That a host of many instances takes so long is a fault only for those that wait for it, or did.
            held = host.hold is Hold.HOST or any(one.was.lane is Lane.HOST for one in late)
            self._tell_host(name, host, long if held else (), messages.LONG_HOST)

    def begin_looks(self, now: Instant, *, idle: bool = False) -> list[str]:
        """The hosts that are to be looked at now: `look` is called for each.

        `idle`: nothing could go now whatever was seen; looked at is only what stands there.
        """
        hosts: list[str] = []
        for name, host in self._hosts.items():
            due = self._next_look(host, idle=idle)
            if due is not None and due <= now.monotonic:
                host.looking = True
                hosts.append(name)
        return hosts

    async def look(self, hostname: str) -> None:
        """Look at masakari for that host; whatever is seen, or that nothing was, goes into its pace."""
        host = self._hosts[hostname]
        try:
            seen = await self._seen(hostname, host)
        finally:
            host.looking = False
            self._outbox.news.set()
        now = self._clock.now()
        before = host.pace.sight
        if isinstance(seen, str):
            host.pace = policy_of.blinded(host.pace, now.monotonic, self._policy)
            if host.pace.sight is not before:
                LOG.warning(
                    "masakari's notifications of %s cannot be read (%s): reports of its instances go out %d at once, "
                    "then one every %.0f s. With the right to read them (in masakari's default policy the role admin) "
                    "they go at the pace of its engine",
                    hostname,
                    seen,
                    self._policy.limit,
                    self._policy.blind_interval,
                )
            return
        try:
            self._on_seen(seen.seen)
        except Exception:  # what is only told must not end what delivers
            LOG.exception("What was seen of delivered reports could not be told in an unforeseen way")
        host.pace = policy_of.looked(host.pace, seen, now.monotonic)
        self._tell_host(hostname, host, seen.abandoned, messages.ABANDONED)
        if before is Sight.BLIND:
            LOG.info("masakari's notifications of %s can be read again", hostname)

    async def _seen(self, hostname: str, host: _Host) -> policy_of.Look | str:
        if self._looks is None:
            return "nothing reads them here"
        ours = [
            uuid
            for uuid, one in host.pace.tracked.items()
            if one.row is not None and one.lane is Lane.RECOVERED and one.stage is not Stage.OFFERED
        ]
        waiting = [one.made for queue in host.queues.values() for one in queue.waiting.values()]
        now = self._clock.now().monotonic
        try:
            async with asyncio.timeout(self._patience):
                return await self._looks.look(hostname, ours, now - min(waiting, default=now))
        except LookupFailed as fault:
            return str(fault)
        except TimeoutError:
            return f"no answer within {self._patience:.0f} s"
        except Exception as error:  # whoever waits for a look must not wait for ever
            LOG.exception("A look at masakari's notifications of %s failed in an unforeseen way", hostname)
            return f"{type(error).__name__}: {error}"

    def waiting(self) -> list[Waiting]:
        """The reports that wait for their turn, oldest first within each host, and why."""
        found: list[Waiting] = []
        for host in self._hosts.values():
            for lane, queue in host.queues.items():
                why = _words(queue.ruling.hold, host.pace.count(lane))
                waiting = [
                    queue.waiting[row] for row in sorted(queue.waiting) if self._outbox.is_pending(row)
                ]
                found += [Waiting(one.subject, one.row, why) for one in waiting]
        return found

    @property
    def unfinished(self) -> int:
        """How many reports on which masakari's engine acts stand there unfinished, as last seen."""
        return sum(host.pace.count(Lane.RECOVERED) for host in self._hosts.values())

    @property
    def overdue(self) -> int:
        """How many stand there for longer than the engine can take, as far as anybody can read."""
        tracked = [one for host in self._hosts.values() for one in host.pace.tracked.values()]
        return sum(one.stage in TOO_LONG for one in tracked)

    def _host(self, hostname: str) -> _Host:
        return self._hosts.setdefault(hostname, _Host())

    def _tell_host(self, hostname: str, host: _Host, uuids: Iterable[str], fault: str) -> None:
        """People are told once of each such report of the whole host."""
        for uuid in sorted(set(uuids) - host.told):
            host.told.add(uuid)
            told = fault.format(about=f"{hostname} (notification {uuid})", minutes=self._policy.patience / 60)
            self._on_fault(told)
            LOG.error(told)


def _age(moment: datetime.datetime, now: Instant) -> float:
    return max(0.0, (now.wall - moment).total_seconds())


def _words(hold: Hold | None, count: int) -> str:
    if hold is None:
        return "it goes out now"
    return f"{count} of this host are being recovered" if hold is Hold.FULL else hold.value
