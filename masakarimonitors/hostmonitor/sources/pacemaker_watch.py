"""The eye on Pacemaker: events say when to look, commands say what there is.

In: libquorum (membership, quorum), the alert agent's datagrams, the clock. Out: `View`, `Sample`,
`PowerSeen` and `WorkSeen` of the one link "cluster". It promises: nothing is said without quorum in
both Corosync and the CIB, nothing of this node itself, and a failure to look is blindness, never a
failed host.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from masakarimonitors.hostmonitor.observation import Observation, View
from masakarimonitors.hostmonitor.sources.pacemaker_account import LINK, Account
from masakarimonitors.hostmonitor.sources.pacemaker_alerts import Alerts
from masakarimonitors.hostmonitor.sources.pacemaker_cib import Cib, CrmMon
from masakarimonitors.hostmonitor.sources.pacemaker_commands import CannotLook, NodeKind
from masakarimonitors.hostmonitor.sources.pacemaker_corosync import CorosyncError
from masakarimonitors.hostmonitor.sources.pacemaker_insight import Insight, pause
from masakarimonitors.hostmonitor.sources.pacemaker_judgement import (
    Finding,
    Memory,
    Rules,
    judge,
)
from masakarimonitors.hostmonitor.sources.pacemaker_lines import Lines, OwnLine
from masakarimonitors.hostmonitor.sources.pacemaker_quorum import QuorumFeed
from masakarimonitors.system.clock import Clock

LOG = logging.getLogger(__name__)

Emit = Callable[[Observation], None]


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Seconds. One fault makes several events, so a look waits `debounce` after the first.

    `after_event`, for `restless` seconds: the CIB follows Corosync by 0.1-0.2 s, and fencing's record
    follows the fencing; without the alert agent nobody tells when. `suspect`: while a host is SUSPECT.
    `unalerted`: between looks where nothing announces a lost remote: no alert agent in the CIB, a
    member without a monitor, or this node is a remote itself. `settle`: after quorum came back,
    partitions merge and the CIB still shows the lonely side's view. `patience`: how long failing looks
    are borne before the view counts as lost. `stonith_wait`: how long others are not called lost
    while our own line is dead.
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


@dataclass(frozen=True, slots=True)
class Doors:
    """The outside world, so that a test can be another one."""

    kind: Callable[[], NodeKind | None]
    quorum: Callable[[float], Awaitable[QuorumFeed]]
    look: Callable[[float], Awaitable[tuple[Cib, CrmMon]]]
    lines: Callable[[int | None], Awaitable[Lines]]


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
        doors: Doors,
    ) -> None:
        """`own`: this node's names; `kind` None: whichever is found running."""
        self._clock = clock
        self._insight = insight
        self._own = own
        self._rules = rules
        self._rhythm = rhythm
        self._kind = kind
        self._alert_socket = alert_socket
        self._doors = doors
        insight.wake = self._poke
        self._memory = Memory()
        self._account = Account(rhythm.resync, rhythm.unalerted, rhythm.good_for)
        self._line = OwnLine(rhythm.stonith_wait)
        self._alerted = False
        self._hinted = False
        self._listening = False
        self._blind_since: float | None = None
        self._blind = False
        self._restless_until = 0.0
        self._quorate_since: float | None = None
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
                alerts = Alerts(self._alert_socket, self._alert)
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

    def _alert(self, text: str) -> None:
        # A burst of alerts is passed on once: the others look for `restless` seconds anyway.
        if not self._wake.is_set():
            self._insight.pass_on()
        self._poke(f"alert {text}")

    def _poke(self, why: str) -> None:
        LOG.debug("Looking at the cluster: %s", why)
        self._restless_until = self._clock.now().monotonic + self._rhythm.restless
        self._wake.set()

    async def _next_event(self) -> None:
        """Until it is time to look again; the events of one fault count as one."""
        await pause(self._clock, self._until_next(), self._wake)
        if self._wake.is_set():
            await self._clock.sleep(self._rhythm.debounce)
            self._wake.clear()

    def _until_next(self) -> float:
        now = self._clock.now().monotonic
        if now < self._restless_until:
            return self._rhythm.after_event
        if self._blind_since is not None or self._line.dead or self._account.suspects:
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
            raise gone[0]
        except CorosyncError as fault:
            await self._lose_sight(emit, f"corosync has gone ({fault})")
        finally:
            loop.remove_reader(quorum.fd)
            quorum.close()

    async def _look_once(self, emit: Emit, quorum: QuorumFeed) -> None:
        now = self._clock.now().monotonic
        await quorum.refresh()
        if quorum.quorate is None:
            return  # its first news is on its way
        if not quorum.quorate:
            self._quorate_since = None
            await self._lose_sight(emit, "corosync has no quorum on this side")
            return
        self._node_id = quorum.node_id
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
        await self._judge(emit, cib, mon, lambda: quorum.quorate)

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
                    await self._judge(emit, cib, mon, lambda: True)
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
        self._account.sight_lost()
        if not self._blind or self._insight.why_blind != why:
            self._blind = True
            emit(View(LINK, False, why, at))
            await self._insight.blinded(why)

    async def _judge(self, emit: Emit, cib: Cib, mon: CrmMon, quorate: Callable[[], bool | None]) -> None:
        """`quorate` is asked once more, last: what was read before sight was lost must not be told after."""
        self._notice_alert_agent(cib)
        own = self._own | ({str(self._node_id)} if self._node_id is not None else set())
        findings: Mapping[str, Finding]
        findings, memory = judge(cib, mon, self._memory, self._rules, own)
        if self._insight.member:
            findings = await self._line.sift(
                findings,
                self._account.findings,
                lambda: self._doors.lines(self._node_id),
                lambda: self._clock.now().monotonic,
            )
        if not quorate():
            await self._lose_sight(emit, "the cluster has no quorum")
            return
        self._memory = memory
        self._blind_since = None
        self._blind = False
        at = self._clock.now()
        for observation in self._account.tell(findings, cib.work, at):
            emit(observation)
        names = {node.id: node.name for node in cib.nodes}
        await self._insight.looked(findings, names, cib.stonith, at.monotonic)

    def _notice_alert_agent(self, cib: Cib) -> None:
        ours = self._listening and str(self._alert_socket) in cib.alerted
        # A remote's loss is alerted where its connection was and on the DC: a monitor must listen there.
        members = {node.id for node in cib.nodes if node.in_ccm and not node.remote}
        listened = members <= {str(node) for node in self._insight.company}
        self._alerted = ours and (listened or not any(node.remote for node in cib.nodes))
        if not ours and not self._hinted and self._insight.member:
            self._hinted = True
            LOG.warning(
                "Pacemaker does not alert this monitor: a lost remote node is seen by polling, up to %.0f s later; "
                "run 'masakari-monitors pacemaker-alert install' on every cluster node",
                min(self._rhythm.resync, self._rhythm.unalerted),
            )
