"""The gates between a failure and its report: a list, each of which lets it pass or holds it for one reason.

Pure. In: one host that asks for recovery, and the facts of this moment (`Case`). Out: the first `Hold`, or None when
every gate is open. A report that a gate holds is not lost: the host is judged again whenever something changes or
the gate's time comes. What asks before it opens (proof, signs of life, masakari's list) stands in `asking.py`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from masakarimonitors.core.decision import Command, Instant
from masakarimonitors.core.notification import HOSTNAME, HostStatus
from masakarimonitors.core.silences import telling
from masakarimonitors.core.storm import EVERYWHERE
from masakarimonitors.hostmonitor.core.election.reporter import WORD_PATIENCE, Standing
from masakarimonitors.hostmonitor.core.evidence.inquiry import Inquiry
from masakarimonitors.hostmonitor.core.evidence.proof import Evidence, weigh
from masakarimonitors.hostmonitor.core.observation import Life, Membership, Work
from masakarimonitors.hostmonitor.core.outages import messages
from masakarimonitors.hostmonitor.core.outages.host import HostState
from masakarimonitors.hostmonitor.core.outages.outage import Fate, Outage
from masakarimonitors.hostmonitor.core.outages.reasons import Reason
from masakarimonitors.hostmonitor.core.state import Cluster, Policy

SEGMENTS_AGE = 600.0
"""Seconds for which masakari's word about a maintenance is relied on: ten readings at the default interval. After
that masakari itself refuses what it does not want."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One host that asks for recovery, with everything that a gate may go by."""

    name: str
    host: HostState
    values: tuple[Membership, ...]
    cluster: Cluster
    policy: Policy
    now: Instant

    @property
    def monotonic(self) -> float:
        """This moment, in seconds."""
        return self.now.monotonic

    @property
    def outage(self) -> Outage:
        """Its open outage."""
        assert self.host.outage is not None
        return self.host.outage

    @property
    def evidence(self) -> Evidence:
        """What is known of its power now, where that matters: about a host that lives the matrix has ruled."""
        proof = self.policy.proof
        if proof is None or self.lives:
            return Evidence.UNCHECKED
        return weigh(self.host.proofs, self.now, proof.age)

    @property
    def lives(self) -> bool:
        """Whether it is known to live: it is recovered because its instances cannot work, not because it is off.

        A link that is still called up may only not have been noticed yet, so that alone is not enough: since it began
        to fail something of it must have answered.
        """
        if not self.seen_up or not self.policy.check_life:
            return self.seen_up
        seen = self.outage.questions.life_seen
        return seen is not None and seen.life is Life.ALIVE and seen.at.monotonic >= self.outage.since

    @property
    def seen_up(self) -> bool:
        """Whether it is up on a link, as far as that was noticed."""
        return Membership.UP in self.values

    @property
    def unproven(self) -> bool:
        """Whether it would be told NORMAL without being known to live, and nobody having checked that it is off."""
        return not self.lives and self.evidence is Evidence.UNCHECKED

    @property
    def ready_at(self) -> float:
        """The monotonic second at which it has settled."""
        begun = max(self.outage.since, self.host.planned_until)
        if self.evidence is Evidence.OFF:
            return begun
        return begun + self.settle

    @property
    def settle(self) -> float:
        """How long it has to settle, in seconds."""
        return self.policy.unproven_settle if self.unproven else self.policy.settle


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Why a report that is due must wait: the reason, its sentence (empty: said before), and whether it is urgent.

    `until`: the monotonic second at which the gate looks again. `unknown`: masakari may be told UNKNOWN meanwhile.
    `questions`, `commands`, `asked`: what was asked, if the gate asks.
    """

    reason: Reason
    why: str = ""
    alarm: bool = False
    detail: str = ""
    until: float = math.inf
    unknown: bool = False
    questions: Inquiry | None = None
    commands: tuple[Command, ...] = ()
    asked: int | None = None


Gate = Callable[[Case], Hold | None]


def first_hold(case: Case, gates: Sequence[Gate]) -> Hold | None:
    """What the first gate that is not open says."""
    return next((hold for gate in gates if (hold := gate(case)) is not None), None)


def settled(case: Case) -> Hold | None:
    """The links of one cut arrive one after another, and what is back soon was none."""
    ready = case.ready_at
    return Hold(reason=Reason.SETTLING, until=ready) if case.monotonic < ready else None


def sayable(case: Case) -> Hold | None:
    """A name that masakari would refuse cannot be reported."""
    if HOSTNAME.match(case.name):
        return None
    return Hold(reason=Reason.UNSAYABLE, why=messages.unsayable(case.name), alarm=True)


def seen_in_service(case: Case) -> Hold | None:
    """A host that nobody knows to have been in service is reported only if masakari has it."""
    if case.host.seen_in_service or case.outage.report is not None:
        return None
    policy, segments = case.policy, case.cluster.segments
    patience = case.outage.failed.monotonic + policy.lookup_patience
    if policy.lookup and not segments.answered and case.monotonic < patience:
        return Hold(reason=Reason.LOOKUP, why=messages.LOOKUP, until=patience)
    if not policy.lookup or segments.has(case.name) is False:
        return Hold(reason=Reason.NEVER_UP, why=messages.NEVER_UP)
    return None


def not_silenced(case: Case) -> Hold | None:
    """Somebody wants no report of it for a time. Nothing is asked about it meanwhile, so that what is told in the end
    rests on what is found out then."""
    kept = case.cluster.silenced(case.name, case.policy, case.now)
    if kept is None:
        return None
    why = f"held: {telling.holds(kept)}"
    until = kept.due(case.now)
    return Hold(reason=Reason.SILENCED, why=why, alarm=True, detail=kept.silence.key, until=until)


def no_planned_work(case: Case) -> Hold | None:
    """What somebody works on, here or in masakari, is not taken from them."""
    work = case.host.work
    if work is not Work.NONE:
        record = case.host.work_record
        unread = record.kept if not record.shown_by else ()
        why, detail = messages.planned_work(work, unread), " ".join((work.value, *unread))
        return Hold(reason=Reason.WORK, why=why, alarm=True, detail=detail)
    readings = case.cluster.work_readings
    unread = tuple(link for link in case.policy.matrix.sequence if link in readings.unread)
    known = case.cluster.began + readings.unread_for
    if unread and case.monotonic < known and not case.outage.flag.looked_at:
        why = messages.work_unread(unread, [link for link in unread if link in readings.noted])
        return Hold(reason=Reason.WORK_UNREAD, why=why, alarm=True, detail=" ".join(unread), until=known)
    report = case.outage.report
    unreported = report is None or report.host_status is HostStatus.UNKNOWN
    # What was refused is told as that, behind this gate.
    if not unreported or case.outage.fate is Fate.REFUSED or not on_maintenance(case):
        return None
    until = case.cluster.segments.flag_read_at(case.name) + SEGMENTS_AGE
    return Hold(reason=Reason.MAINTENANCE, why=messages.HELD_BY_MAINTENANCE, alarm=True, until=until)


def on_maintenance(case: Case) -> bool:
    """Whether masakari has it on maintenance, as far as that was read lately."""
    return flag_is_fresh(case) and case.name in case.cluster.maintenance


def flag_is_fresh(case: Case) -> bool:
    """Whether it was read lately if masakari has it on maintenance."""
    return case.monotonic < case.cluster.segments.flag_read_at(case.name) + SEGMENTS_AGE


def in_service(case: Case) -> bool:
    """Whether masakari has it in service, as its segments were last read.

    A disabled segment sets no flag, so the absence of one says nothing; of that there is an alarm of its own.
    """
    segments = case.cluster.segments
    flagged = case.name in case.cluster.maintenance
    return segments.has(case.name) is True and not flagged and not segments.recovers_nothing(case.name)


def no_storm(case: Case) -> Hold | None:
    """Many at once are rather the network, or the watcher.

    A storm that has stood its time lets those ask for proof that can be proven, and holds the others while it lasts.
    """
    if case.outage.let_go(case.seen_up):
        return None
    storms = case.cluster.storms
    domain = case.policy.domains.get(case.name)
    storm = storms.get(EVERYWHERE) or (storms.get(domain) if domain is not None else None)
    if storm is None:
        return None
    if not storm.stood or case.lives:
        # One that lives is let go when the storm has stood its time once more: it may be on its way back.
        return Hold(reason=Reason.STORM, why=messages.storm_holds(storm), detail=storm.scope)
    if case.unproven:
        return Hold(reason=Reason.STORM_UNPROVEN, why=messages.STORM_UNPROVEN, alarm=True)
    return None


def is_reporter(case: Case) -> Hold | None:
    """One monitor reports; where none can be elected all do."""
    reporter = case.cluster.reporter
    match reporter.standing:
        case Standing.LEADER | Standing.ALL:
            return None
        case Standing.NO_ELECTION:
            return Hold(reason=Reason.NOBODY, why=messages.NOBODY, alarm=True)
        case Standing.UNKNOWN:
            return Hold(reason=Reason.ELECTION, why=messages.elsewhere(reporter), alarm=True)
        case Standing.FOLLOWER:
            return _elsewhere(case)


def _elsewhere(case: Case) -> Hold:
    leader = case.cluster.reporter.leader
    why = messages.elsewhere(case.cluster.reporter)
    if not leader:
        return Hold(reason=Reason.ELSEWHERE, why=why, alarm=True)
    # Whoever leads now: reporters that follow one another and report nothing are as bad as one.
    cluster = case.cluster
    ceased = cluster.silences.ceased(f"host:{case.name}", case.policy.domains.get(case.name))
    due = max(case.ready_at, cluster.reporter.silent_since, ceased) + WORD_PATIENCE
    arrived = case.outage.report is not None and case.outage.report.arrived
    if cluster.reporter.delivers is False and not arrived:
        why = messages.cut_off(leader)
        return Hold(reason=Reason.OVERDUE, why=why, detail=f"{leader} cut off", alarm=True)
    if case.monotonic < due or arrived:
        return Hold(reason=Reason.ELSEWHERE, why=why, detail=leader, until=math.inf if arrived else due)
    return Hold(reason=Reason.OVERDUE, why=messages.overdue(leader), detail=leader, alarm=True)


def as_asked(hold: Hold, questions: Inquiry, command: Command, asked: int, until: float) -> Hold:
    """The hold with a question that was asked just now."""
    return replace(hold, questions=questions, commands=(command,), asked=asked, until=until)


BEFORE_PROOF: Sequence[Gate] = (
    settled,
    seen_in_service,
    sayable,
    not_silenced,
    no_planned_work,
    no_storm,
    is_reporter,
)
"""The gates that ask nothing, in their order."""

WHILE_IT_WAITS: Sequence[Gate] = (settled, not_silenced, no_planned_work, no_storm)
"""Those that take a NORMAL back which waits for masakari: a host that comes up meanwhile settles anew, who silences it
wants it untold, who works on it may switch it on before it leaves, and what keeps many hosts from this monitor's sight
may keep masakari from it, too, and heal there first."""
