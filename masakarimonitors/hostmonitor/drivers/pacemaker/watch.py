"""The watch: the source of what Pacemaker says of hosts. Events say when to look, commands what there is.

In: libquorum (membership, quorum), the alert agent's datagrams, the clock. Out: `View`, `Sample`,
`PowerSeen` and `WorkSeen` of the one link "cluster"; and the `DriverContext` that the elector and the
effects read. It promises: nothing is said without quorum in both Corosync and the CIB, nothing of this
node itself, and a failure to look is blindness, never a failed host.
"""

import asyncio
import contextlib
import datetime
import logging
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.observation import Observation, View
from masakarimonitors.hostmonitor.drivers.pacemaker.alerts.hearing import AlertsHeard, goodbye_in
from masakarimonitors.hostmonitor.drivers.pacemaker.alerts.socket import Alerts
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import OFF, Cib, CrmMon, Worth
from masakarimonitors.hostmonitor.drivers.pacemaker.context import DriverContext
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.client import CorosyncError, QuorumFeed
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.own_link import LinkCheck, OwnLink
from masakarimonitors.hostmonitor.drivers.pacemaker.last_look import LastLook
from masakarimonitors.hostmonitor.drivers.pacemaker.records.classify import (
    LINK,
    Finding,
    Look,
    Own,
    Records,
    Rules,
    classify,
)
from masakarimonitors.hostmonitor.drivers.pacemaker.records.record import Fenced, HostRecord
from masakarimonitors.hostmonitor.drivers.pacemaker.records.table import Condition
from masakarimonitors.hostmonitor.drivers.pacemaker.records.tracker import ChangeTracker
from masakarimonitors.hostmonitor.drivers.pacemaker.sight import Outcome, Sight, after
from masakarimonitors.hostmonitor.drivers.pacemaker.tools.commands import CannotLook, NodeKind
from masakarimonitors.system.clock import Clock, wait

LOG = logging.getLogger(__name__)

Emit = Callable[[Observation], None]

_NO_STATUS = (
    "the CIB's status section names no living member: the monitor's user may not read it (Pacemaker's ACLs?)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """Seconds. One fault makes several events, so a look waits `debounce` after the first.

    `after_event`, for `restless` seconds: the CIB follows Corosync by 0.1-0.2 s, and fencing's record
    follows the fencing; without the alert agent nobody tells when. `suspect`: while
    Pacemaker is about to say more of a host.
    `unalerted`: between looks where nothing announces a lost remote: no alert agent in the CIB, a
    member without a monitor, or this node is a remote itself. `settle`: after quorum came back,
    partitions merge and the CIB still shows the lonely side's view. `patience`: how long failing looks
    are borne before the view counts as lost. `stonith_wait`: how long others are not called lost
    while our own links are dead.
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


async def _nothing(now: Instant) -> Records:
    return {}


async def _changes(digest: str, timeout: float) -> bool:
    return False


async def _believed(hosts: Set[str]) -> Mapping[str, Worth]:
    return dict.fromkeys(hosts, OFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """The outside world, so that a test can be another one.

    `worth`: for each of the fenced hosts, what a success of its devices is worth; raises `CannotLook`. `is_still`:
    whether the CIB is still the one with this digest, within so many seconds; raises `CannotLook`.
    """

    kind: Callable[[], NodeKind | None]
    quorum: Callable[[float], Awaitable[QuorumFeed]]
    look: Callable[[float], Awaitable[tuple[Cib, CrmMon]]]
    own_link: Callable[[int | None], Awaitable[LinkCheck]]
    worth: Callable[[Set[str]], Awaitable[Mapping[str, Worth]]] = _believed
    remembered: Callable[[Instant], Awaitable[Records]] = _nothing
    remember: Callable[[Records, Instant], None] = lambda records, now: None
    remarks: Callable[[Cib, CrmMon, bool], Sequence[str]] = lambda cib, mon, alerted: ()
    is_still: Callable[[str, float], Awaitable[bool]] = _changes


def _ended(record: HostRecord, now: Instant) -> Instant:
    assert record.work_ended is not None
    ago = datetime.timedelta(seconds=now.monotonic - record.work_ended)
    return Instant(record.work_ended, now.wall - ago)


class Watch:
    """The source named "pacemaker"."""

    name = "pacemaker"

    def __init__(
        self,
        clock: Clock,
        context: DriverContext,
        *,
        own: frozenset[str],
        rules: Rules,
        rhythm: Rhythm,
        kind: NodeKind | None,
        alert_socket: Path | None,
        doors: Doors,
        pass_on: Callable[[str], None],
    ) -> None:
        """`own`: this node's names; `kind` None: whichever is found running.

        `pass_on` tells the other monitors to look, too, and who says good-bye (or ""): they may not hear
        what we were alerted of.
        """
        self._clock = clock
        self._context = context
        self._own = Own(names=frozenset(name.lower() for name in own))
        self._rules = rules
        self._rhythm = rhythm
        self._kind = kind
        self._alert_socket = alert_socket
        self._doors = doors
        self._pass_on = pass_on
        self._records: Records | None = None
        self._tracker = ChangeTracker(resync=rhythm.resync, renew=rhythm.unalerted, good_for=rhythm.good_for)
        self._own_link = OwnLink(rhythm.stonith_wait)
        self._sight = Sight(since=clock.now().monotonic)
        self._last = LastLook()
        self._blind_told: str | None = None
        self._alerts = AlertsHeard()
        self._heard: Alerts | None = None
        self._remarks: frozenset[str] = frozenset()
        self._worth: dict[str, Worth] = {}

    async def run(self, emit: Emit) -> None:
        """Look until cancelled; what cannot be reached now is tried again."""
        self._sight = Sight(since=self._clock.now().monotonic)
        self._blind_told = None
        if self._records is None:
            self._records = await self._doors.remembered(self._clock.now())
        try:
            with self._listening():
                await self._look_for_ever(emit)
        except Exception as fault:
            # Whoever starts this source again takes its time; until then nobody may believe what it said.
            await self._see(
                emit, Outcome.NO_QUORUM, f"the watch has failed ({type(fault).__name__}: {fault})"
            )
            raise

    async def _look_for_ever(self, emit: Emit) -> None:
        while True:
            kind = self._kind or self._doors.kind()
            if kind is None:
                why = "neither corosync nor pacemaker-remoted runs on this node"
                await self._see(emit, Outcome.NO_QUORUM, why)
            elif kind is NodeKind.REMOTE:
                self._context.member = False
                await self._look_as_remote(emit)
            else:
                self._context.member = True
                await self._look_as_member(emit)
            await self._clock.sleep(self._rhythm.suspect)

    @contextlib.contextmanager
    def _listening(self) -> Iterator[None]:
        alerts = self._heard = None
        if self._alert_socket is not None:
            try:
                alerts = self._heard = Alerts(self._alert_socket, self._alert)
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
            self._heard = None
            if alerts is not None:
                alerts.close()

    def troubles(self) -> tuple[str, ...]:
        """What is wrong with the alerts at this moment: they arrive and are refused, say."""
        trouble = self._heard.trouble() if self._heard is not None else ""
        return (trouble,) if trouble else ()

    def _alert(self, text: str) -> None:
        now = self._clock.now().monotonic
        leaving = goodbye_in(text)
        if leaving:
            self._context.hear_goodbye(leaving, now)
        # A burst of alerts is passed on once: the others look for `restless` seconds anyway.
        if leaving or not self._context.look_wanted.is_set():
            self._pass_on(leaving)
        self._context.ask_to_look(f"alert {text}", now)

    async def _next_event(self) -> None:
        """Until it is time to look again; the events of one fault count as one."""
        if await wait(self._clock, self._until_next(), self._context.look_wanted):
            hectic = self._context.is_hectic(self._clock.now().monotonic)
            await self._clock.sleep(self._rhythm.suspect if hectic else self._rhythm.debounce)
            self._context.look_wanted.clear()

    def _until_next(self) -> float:
        now = self._clock.now().monotonic
        if now < self._context.asked_at + self._rhythm.restless and not self._context.is_hectic(now):
            return self._rhythm.after_event
        if not self._sight.clear or self._own_link.dead or self._tracker.passing:
            return self._rhythm.suspect
        return self._rhythm.resync if self._alerts.work else min(self._rhythm.resync, self._rhythm.unalerted)

    # -- as a full member ---------------------------------------------------------------------

    async def _look_as_member(self, emit: Emit) -> None:
        """Until Corosync goes away."""
        try:
            quorum = await self._doors.quorum(self._rhythm.timeout)
        except CorosyncError as fault:
            await self._see(emit, Outcome.NO_QUORUM, f"corosync cannot be asked ({fault})")
            return
        loop = asyncio.get_running_loop()
        gone: list[CorosyncError] = []

        def news() -> None:
            try:
                quorum.dispatch()
            except CorosyncError as fault:
                gone.append(fault)
                loop.remove_reader(quorum.fd)
            self._context.look_soon("corosync has news", self._clock.now().monotonic)

        loop.add_reader(quorum.fd, news)
        try:
            while not gone:
                await self._look_once(emit, quorum)
                await self._next_event()
            raise gone[0]
        except CorosyncError as fault:
            await self._see(emit, Outcome.NO_QUORUM, f"corosync has gone ({fault})")
        finally:
            loop.remove_reader(quorum.fd)
            quorum.close()

    async def _look_once(self, emit: Emit, quorum: QuorumFeed) -> None:
        await quorum.refresh()
        if quorum.quorate is None:
            return  # its first news is on its way
        if not quorum.quorate:
            await self._see(emit, Outcome.NO_QUORUM, "corosync has no quorum on this side")
            return
        self._own = replace(self._own, node_id=quorum.node_id)
        await self._look(emit, lambda: quorum.quorate)

    # -- as a remote --------------------------------------------------------------------------

    async def _look_as_remote(self, emit: Emit) -> None:
        """Until pacemaker-remoted goes away: no Corosync and no alerts here, only the cluster's answers."""
        while (self._kind or self._doors.kind()) is NodeKind.REMOTE:
            await self._look(emit, lambda: True)
            await self._next_event()

    # -- saying what was seen -----------------------------------------------------------------

    async def _look(self, emit: Emit, quorate: Callable[[], bool | None]) -> None:
        """`quorate` is asked once more, last: what was read before sight was lost must not be told after."""
        asked = self._clock.now()
        try:
            if self._last_stands(asked.monotonic) and await self._doors.is_still(
                self._last.digest, self._rhythm.timeout
            ):
                return
            cib, mon = await self._doors.look(self._rhythm.timeout)
        except CannotLook as fault:
            await self._see(emit, Outcome.FAILED, str(fault))
            return
        if not cib.quorate or not quorate():
            await self._see(emit, Outcome.NO_QUORUM, "the cluster has no quorum")
        elif not any(node.in_ccm and not node.remote for node in cib.nodes):
            # The designated controller at least must be one; crm_mon calls everybody unclean then.
            await self._see(emit, Outcome.FAILED, _NO_STATUS)
        elif mon.quorate is None:
            why = "the cluster has no designated controller at this moment"
            await self._see(emit, Outcome.FAILED, why)
        elif not mon.quorate:
            await self._see(emit, Outcome.NO_QUORUM, "the designated controller has no quorum")
        elif await self._see(emit, Outcome.GOOD, ""):
            await self._tell(emit, cib, mon, asked, quorate)

    def _last_stands(self, now: float) -> bool:
        rhythm = self._rhythm
        return (
            self._sight.clear
            and not self._own_link.dead
            and self._last.stands(now, self._context.asked_at, resync=rhythm.resync, restless=rhythm.restless)
        )

    async def _see(self, emit: Emit, outcome: Outcome, why: str) -> bool:
        """Take in what came of a look; whether what it showed may be told."""
        at = self._clock.now()
        rhythm = self._rhythm
        self._sight = after(
            self._sight, outcome, why, at.monotonic, settle=rhythm.settle, patience=rhythm.patience
        )
        if outcome is not Outcome.GOOD:
            LOG.debug("No look at the cluster: %s", why)
        if self._sight.blind and self._blind_told != self._sight.why:
            self._blind_told = self._sight.why
            self._tracker.sight_lost()
            emit(View(link=LINK, proven=False, why=self._sight.why, at=at))
            await self._context.blinded(self._sight.why)
        return self._sight.clear

    async def _tell(
        self, emit: Emit, cib: Cib, mon: CrmMon, asked: Instant, quorate: Callable[[], bool | None]
    ) -> None:
        context = self._context
        self._notice(cib, mon)
        findings: Mapping[str, Finding]
        try:
            findings, records, stonith = await self._classify(cib, mon, asked)
        except CannotLook as fault:
            await self._see(emit, Outcome.FAILED, str(fault))
            return
        if context.member:
            findings = await self._own_link.sift(
                findings,
                self._tracker.findings,
                lambda: self._doors.own_link(self._own.node_id),
                lambda: self._clock.now().monotonic,
            )
        if not quorate():
            await self._see(emit, Outcome.NO_QUORUM, "the cluster has no quorum")
            return
        at = self._clock.now()
        self._doors.remember(records, asked)
        self._records, self._blind_told = records, None
        # Of a remote whose connection crm_mon denies time alone makes a lost one: the CIB stays as it is. And where
        # crm_mon alone tells who is connected, it is known to have read this CIB, and no older one that has changed
        # while both were asked, if the look before has seen this one already.
        same = cib.digest == self._last.digest or not any(node.zeroed for node in cib.nodes)
        calm = same and all(
            finding.condition is Condition.UP and records[host].denied_since is None
            for host, finding in findings.items()
        )
        self._last = LastLook(digest=cib.digest, at=asked.monotonic, calm=calm)
        works = {host: records[host].work for host in findings}
        # What was fenced since is proof, so its work ended before, not at this look.
        ends = {host: _ended(records[host], at) for host in findings if records[host].fenced_after_work}
        for observation in self._tracker.tell(findings, works, at, asked, ends):
            emit(observation)
        since = {host: records[host].lost_since for host in findings}
        back = {host: records[host].connected_since for host in context.goodbyes.keys() & findings.keys()}
        await context.looked(
            findings,
            {node.id: node.name for node in cib.nodes},
            stonith,
            at.monotonic,
            missed_since={host: missed for host, missed in since.items() if missed is not None},
            connected_since={host: came for host, came in back.items() if came is not None},
            connections=cib.connections,
        )

    async def _classify(
        self, cib: Cib, mon: CrmMon, asked: Instant
    ) -> tuple[Mapping[str, Finding], Records, bool]:
        """What the look says of each host, the next records, and whether fencing is in effect.

        By which devices a host may have been fenced is read when it is: Pacemaker's history names none.
        """
        apart = asked.monotonic - self._last.at
        look = Look(
            cib=cib,
            mon=mon,
            at=self._clock.now(),
            asked=asked,
            # Before the first look of this life nobody is known to be unnamed.
            unread=apart if self._rhythm.good_for < apart < math.inf else 0.0,
            goodbyes=self._context.goodbyes,
            worth=self._worth,
        )
        before = self._records or {}
        findings, records = classify(look, before, self._rules, self._own)
        fenced = {host for host in findings if records[host].fenced is not Fenced.NO}
        self._worth = {host: worth for host, worth in self._worth.items() if host in fenced}
        if fenced - self._worth.keys():
            self._worth = {**self._worth, **await self._doors.worth(fenced - self._worth.keys())}
            look = replace(look, worth=self._worth)
            findings, records = classify(look, before, self._rules, self._own)
        return findings, records, look.stonith

    def _notice(self, cib: Cib, mon: CrmMon) -> None:
        """What an operator should know of the cluster's configuration: said when it begins to be so."""
        named = self._alert_socket is not None and str(self._alert_socket) in cib.alerted
        self._alerts = self._alerts.after(cib, mon, named, self._context.company, self._context.alerted_at)
        remarks = frozenset(self._doors.remarks(cib, mon, named))
        for remark in sorted(remarks - self._remarks):
            LOG.warning("%s", remark)
        self._remarks = remarks
