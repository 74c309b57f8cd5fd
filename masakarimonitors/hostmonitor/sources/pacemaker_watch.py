"""The eye on Pacemaker: events say when to look, commands say what there is.

In: libquorum (membership, quorum), the alert agent's datagrams, the clock. Out: `View`, `Sample`,
`PowerSeen` and `WorkSeen` of the one link "cluster". It promises: nothing is said without quorum in
both Corosync and the CIB, nothing of this node itself, and a failure to look is blindness, never a
failed host.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from masakarimonitors.hostmonitor.observation import (
    Observation,
    Power,
    PowerSeen,
    Sample,
    View,
    Work,
    WorkSeen,
)
from masakarimonitors.hostmonitor.sources import pacemaker_commands, pacemaker_corosync, pacemaker_lines
from masakarimonitors.hostmonitor.sources.pacemaker_alerts import Alerts
from masakarimonitors.hostmonitor.sources.pacemaker_cib import Cib, CrmMon
from masakarimonitors.hostmonitor.sources.pacemaker_commands import CannotLook, NodeKind
from masakarimonitors.hostmonitor.sources.pacemaker_corosync import CorosyncError
from masakarimonitors.hostmonitor.sources.pacemaker_insight import Insight
from masakarimonitors.hostmonitor.sources.pacemaker_judgement import (
    Condition,
    Finding,
    Memory,
    Rules,
    judge,
)
from masakarimonitors.hostmonitor.sources.pacemaker_lines import Lines, Wire
from masakarimonitors.system.clock import Clock

LOG = logging.getLogger(__name__)

LINK = "cluster"
"""The one link of this driver."""

Emit = Callable[[Observation], None]


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Seconds. One fault makes several events, so a look waits `debounce` after the first.

    `after_event`, for `restless` seconds: the CIB follows Corosync by 0.1-0.2 s, and fencing's record
    follows the fencing; without the alert agent nobody tells when. `suspect`: while a host is SUSPECT.
    `unalerted`: between looks where nothing announces a lost remote: no alert agent in the CIB, or
    this node is a remote itself. `settle`: after quorum came back, partitions merge and the CIB still
    shows the lonely side's view. `patience`: how long failing looks are borne before the view counts
    as lost. `stonith_wait`: how long others are not called lost while our own line is dead.
    """

    resync: float = 60.0
    debounce: float = 0.05
    after_event: float = 0.2
    restless: float = 2.0
    suspect: float = 1.0
    settle: float = 5.0
    patience: float = 15.0
    timeout: float = 10.0
    unalerted: float = 10.0
    stonith_wait: float = 30.0

    @property
    def good_for(self) -> float:
        """How long one successful look proves the view, if no other follows."""
        return self.resync + 2 * self.timeout + self.patience


class QuorumFeed(Protocol):
    """`corosync.Quorum`, or a test's."""

    fd: int
    quorate: bool | None
    node_id: int

    def dispatch(self) -> None:
        """Take in the news."""

    def close(self) -> None:
        """Disconnect."""


@dataclass(frozen=True, slots=True)
class Doors:
    """The outside world, so that a test can be another one."""

    kind: Callable[[], NodeKind | None] = pacemaker_commands.found_kind
    quorum: Callable[[float], Awaitable[QuorumFeed]] = pacemaker_corosync.open_quorum
    look: Callable[[float], Awaitable[tuple[Cib, CrmMon]]] = pacemaker_commands.look
    lines: Callable[[Sequence[Wire], int | None, float], Awaitable[Lines]] = pacemaker_lines.check


class Watch:
    """The source named "pacemaker"."""

    name = "pacemaker"

    def __init__(
        self,
        clock: Clock,
        insight: Insight,
        *,
        own: frozenset[str],
        rules: Rules,
        rhythm: Rhythm,
        kind: NodeKind | None,
        alert_socket: Path | None,
        wires: Sequence[Wire] = (),
        tcpdump_timeout: float = 5.0,
        doors: Doors | None = None,
    ) -> None:
        """`own`: this node's names; `kind` None: whichever is found running."""
        self._clock = clock
        self._insight = insight
        self._own = own
        self._rules = rules
        self._rhythm = rhythm
        self._kind = kind
        self._alert_socket = alert_socket
        self._wires = wires
        self._tcpdump_timeout = tcpdump_timeout
        self._doors = doors or Doors()
        self._memory = Memory()
        self._said: dict[str, Finding] = {}
        self._works: dict[str, Work] = {}
        self._whole_at: float | None = None
        self._proven_at: float | None = None
        self._alerted = False
        self._hinted = False
        self._listening = False
        self._blind_since: float | None = None
        self._blind = False
        self._restless_until = 0.0
        self._quorate_since: float | None = None
        self._line_dead_since: float | None = None
        self._node_id: int | None = None
        self._wake = asyncio.Event()

    async def run(self, emit: Emit) -> None:
        """Look until cancelled; what cannot be reached now is tried again."""
        with self._alerts():
            while True:
                kind = self._kind or self._doors.kind()
                if kind is None:
                    await self._lose_sight(emit, "neither corosync nor pacemaker-remoted runs on this node")
                elif kind is NodeKind.REMOTE:
                    self._insight.member = False
                    await self._look_as_remote(emit)
                else:
                    self._insight.member = True
                    await self._look_as_member(emit)
                await self._clock.sleep(self._rhythm.suspect)

    @contextlib.contextmanager
    def _alerts(self) -> Iterator[None]:
        alerts = None
        if self._alert_socket is not None:
            try:
                alerts = Alerts(self._alert_socket, lambda text: self._poke(f"alert {text}"))
                self._listening = True
                LOG.info(
                    "Listening for pacemaker's alerts on %s, writable by %s",
                    self._alert_socket,
                    alerts.writers,
                )
            except OSError as fault:
                LOG.warning(
                    "The alert socket %s cannot be made (%s): fencing is then seen by polling, up to 1 s later; "
                    "give the monitor's user a folder it may write to, or set [host] pacemaker_alert_socket",
                    self._alert_socket,
                    fault.strerror or fault,
                )
        try:
            yield
        finally:
            if alerts is not None:
                alerts.close()

    def _poke(self, why: str) -> None:
        LOG.debug("Looking at the cluster: %s", why)
        self._restless_until = self._clock.now().monotonic + self._rhythm.restless
        self._wake.set()

    async def _pause(self, seconds: float) -> None:
        """Until the next event, at most `seconds`."""
        if self._wake.is_set():
            return
        done = asyncio.Event()

        async def sleep() -> None:
            await self._clock.sleep(seconds)
            done.set()

        async def wake() -> None:
            await self._wake.wait()
            done.set()

        async with asyncio.TaskGroup() as both:
            tasks = [both.create_task(sleep()), both.create_task(wake())]
            await done.wait()
            for task in tasks:
                task.cancel()

    async def _next_event(self) -> None:
        """Until it is time to look again; the events of one fault count as one."""
        await self._pause(self._until_next())
        if self._wake.is_set():
            await self._clock.sleep(self._rhythm.debounce)
            self._wake.clear()

    def _until_next(self) -> float:
        now = self._clock.now().monotonic
        if now < self._restless_until:
            return self._rhythm.after_event
        doubtful = self._blind_since is not None or self._line_dead_since is not None
        if doubtful or any(f.condition is Condition.SUSPECT for f in self._said.values()):
            return self._rhythm.suspect
        return self._rhythm.resync if self._alerted else min(self._rhythm.resync, self._rhythm.unalerted)

    # -- as a full member ---------------------------------------------------------------------

    async def _look_as_member(self, emit: Emit) -> None:
        """Until Corosync goes away."""
        try:
            quorum = await self._doors.quorum(self._rhythm.timeout)
        except CorosyncError as fault:
            await self._lose_sight(emit, f"corosync cannot be asked ({fault})")
            return
        self._node_id = quorum.node_id
        loop = asyncio.get_running_loop()
        gone: list[CorosyncError] = []

        def news() -> None:
            try:
                quorum.dispatch()
            except CorosyncError as fault:
                gone.append(fault)
                loop.remove_reader(quorum.fd)
            self._poke("corosync has news")

        loop.add_reader(quorum.fd, news)
        try:
            while not gone:
                await self._look_once(emit, quorum)
                await self._next_event()
            await self._lose_sight(emit, f"corosync has gone ({gone[0]})")
        finally:
            loop.remove_reader(quorum.fd)
            quorum.close()

    async def _look_once(self, emit: Emit, quorum: QuorumFeed) -> None:
        now = self._clock.now().monotonic
        if quorum.quorate is None:
            return  # its first news is on its way
        if not quorum.quorate:
            self._quorate_since = None
            await self._lose_sight(emit, "corosync has no quorum on this side")
            return
        if self._quorate_since is None:
            self._quorate_since = now
        try:
            cib, mon = await self._doors.look(self._rhythm.timeout)
        except CannotLook as fault:
            await self._miss(emit, str(fault))
            return
        if not quorum.quorate or not cib.quorate:
            await self._lose_sight(emit, "the cluster has no quorum")
            return
        if self._clock.now().monotonic - self._quorate_since < self._rhythm.settle:
            await self._miss(emit, "the cluster has just become quorate, and settles")
            return
        if mon.quorate is None:
            await self._miss(emit, "the cluster has no designated controller at this moment")
            return
        if not mon.quorate:
            await self._lose_sight(emit, "the designated controller has no quorum")
            return
        await self._tell(emit, cib, mon)

    # -- as a remote --------------------------------------------------------------------------

    async def _look_as_remote(self, emit: Emit) -> None:
        """Until pacemaker-remoted goes away: no Corosync and no alerts here, only the cluster's answers."""
        while (self._kind or self._doors.kind()) is NodeKind.REMOTE:
            try:
                cib, mon = await self._doors.look(self._rhythm.timeout)
            except CannotLook as fault:
                await self._miss(emit, str(fault))
            else:
                if cib.quorate and mon.quorate:
                    await self._tell(emit, cib, mon)
                else:
                    await self._lose_sight(emit, "the cluster has no quorum")
            await self._next_event()

    # -- saying what was seen -----------------------------------------------------------------

    async def _miss(self, emit: Emit, why: str) -> None:
        """One look failed: bearable for a while."""
        now = self._clock.now().monotonic
        if self._blind_since is None:
            self._blind_since = now
        LOG.debug("No look at the cluster: %s", why)
        if now - self._blind_since >= self._rhythm.patience:
            await self._lose_sight(emit, why)

    async def _lose_sight(self, emit: Emit, why: str) -> None:
        at = self._clock.now()
        if self._blind_since is None:
            self._blind_since = at.monotonic
        self._whole_at = self._proven_at = None
        if not self._blind or self._insight.why_blind != why:
            self._blind = True
            emit(View(LINK, False, why, at))
            await self._insight.blinded(why)

    async def _tell(self, emit: Emit, cib: Cib, mon: CrmMon) -> None:
        self._notice_alert_agent(cib)
        own = self._own | ({str(self._node_id)} if self._node_id is not None else set())
        findings, memory = judge(cib, mon, self._memory, self._rules, own)
        findings = await self._check_line(findings)
        self._memory = memory
        at = self._clock.now()
        self._blind_since = None
        self._blind = False
        vanished = self._said.keys() - findings.keys()
        due = self._whole_at is None or at.monotonic - self._whole_at >= self._rhythm.resync * 0.9
        whole = bool(vanished) or due
        if whole:
            self._whole_at = at.monotonic
        news = {
            host: finding.sighting
            for host, finding in findings.items()
            if whole or self._said.get(host) != finding
        }
        if (
            news
            or whole
            or self._proven_at is None
            or at.monotonic - self._proven_at > self._rhythm.unalerted
        ):
            self._proven_at = at.monotonic
            emit(View(LINK, True, f"quorate, {len(findings)} other hosts seen", at, self._rhythm.good_for))
        if news or whole:
            emit(Sample(LINK, news, at, whole))
        for host, finding in findings.items():
            if finding.condition is Condition.DOWN and (whole or self._said.get(host) != finding):
                emit(PowerSeen(host, Power.OFF, finding.evidence, at))
        self._tell_work(emit, cib.work, findings, whole)
        self._said = findings
        names = {node.id: node.name for node in cib.nodes}
        await self._insight.looked(findings, names, cib.stonith, at.monotonic)

    def _notice_alert_agent(self, cib: Cib) -> None:
        ours = self._listening and str(self._alert_socket) in cib.alerted
        self._alerted = ours and self._insight.member is True
        if not ours and not self._hinted and self._insight.member:
            self._hinted = True
            LOG.warning(
                "Pacemaker does not alert this monitor: a lost remote node is seen by polling, up to %.0f s later; "
                "run 'masakari-monitors pacemaker-alert install' on every cluster node",
                min(self._rhythm.resync, self._rhythm.unalerted),
            )

    def _tell_work(
        self, emit: Emit, works: Mapping[str, Work], findings: Mapping[str, Finding], whole: bool
    ) -> None:
        at = self._clock.now()
        for host in findings:
            work = works.get(host, Work.NONE)
            if work is not self._works.get(host, Work.NONE) or (whole and work is not Work.NONE):
                emit(WorkSeen(host, work, f"pacemaker: {work.value}", at))
            self._works[host] = work

    async def _check_line(self, findings: dict[str, Finding]) -> dict[str, Finding]:
        """Before a member is newly suspected: is it us who are cut off?

        With our own line dead, its loss proves nothing about it: wait until we have been fenced
        ourselves, or `stonith_wait` has passed and we are still here.
        """
        suspects = [h for h, finding in findings.items() if finding.condition is Condition.SUSPECT]
        fresh = [h for h in suspects if self._said.get(h) != findings[h]]
        if not suspects or not self._insight.member:
            self._line_dead_since = None
            return findings
        if fresh or self._line_dead_since is not None:
            lines = await self._doors.lines(self._wires, self._node_id, self._tcpdump_timeout)
            now = self._clock.now().monotonic
            if lines.alive is not False:
                self._line_dead_since = None
            elif self._line_dead_since is None:
                self._line_dead_since = now
                LOG.warning(
                    "This node's own corosync line is dead (%s): what it sees of others proves nothing, and it "
                    "may be about to be fenced; waiting %.0f s (stonith_wait)",
                    lines.why,
                    self._rhythm.stonith_wait,
                )
            if self._line_dead_since is not None and now - self._line_dead_since < self._rhythm.stonith_wait:
                why = f"held: {lines.why}, so this node may be the lost one"
                return {
                    h: Finding(Condition.UNSURE, why) if h in suspects else f for h, f in findings.items()
                }
        return findings
