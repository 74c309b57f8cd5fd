"""The first half of a decision: ingest what was observed, judge nothing yet.

Observation in, `News` out: what stands on which link, whose view counts, what was answered, which planned work began
or ended. What masakari's segments say is in `registry.py`, who reports in `cluster.py`.
"""

import math
from collections.abc import Mapping
from dataclasses import replace

from masakarimonitors.core.decision import Instant, Ruling, Verdict, Woken
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.core.silences.book import SilencesSeen
from masakarimonitors.hostmonitor.core.evidence.membership import NOT_LISTED, MemberRecord, ViewState, observe
from masakarimonitors.hostmonitor.core.evidence.planned import NO_WORK
from masakarimonitors.hostmonitor.core.evidence.proof import Evidence, keep, weigh
from masakarimonitors.hostmonitor.core.fleet.cluster import take_word
from masakarimonitors.hostmonitor.core.fleet.news import News, of_judgements
from masakarimonitors.hostmonitor.core.fleet.registry import next_offer, take_flag, take_registry
from masakarimonitors.hostmonitor.core.fleet.silencing import hear_silences
from masakarimonitors.hostmonitor.core.observation import (
    Answered,
    DomainsChanged,
    Follower,
    GuardChanged,
    Leader,
    LifeSeen,
    MatrixChanged,
    Membership,
    NoElection,
    Observation,
    Outcome,
    Power,
    PowerSeen,
    Registry,
    ReportsFound,
    Sample,
    View,
    Work,
    WorkSeen,
)
from masakarimonitors.hostmonitor.core.outages import messages
from masakarimonitors.hostmonitor.core.outages.aftermath import News as Late
from masakarimonitors.hostmonitor.core.outages.aftermath import heard, moved
from masakarimonitors.hostmonitor.core.outages.host import HostState, after_work, new_host
from masakarimonitors.hostmonitor.core.outages.judgement import Judgement
from masakarimonitors.hostmonitor.core.outages.outage import Act, Fact, Fate, Outage, Phase, Report, move
from masakarimonitors.hostmonitor.core.outages.reasons import Reason
from masakarimonitors.hostmonitor.core.outages.watch import Seen
from masakarimonitors.hostmonitor.core.state import Cluster, Policy, State


def ingest(policy: Policy, state: State, observation: Observation | Woken, now: Instant) -> News:
    """What one observation says; nothing is judged."""
    match observation:
        case Sample():
            return _take_sample(policy, state, observation, now)
        case View():
            return _take_view(state, observation, now)
        case PowerSeen():
            return _take_power(policy, state, observation, now)
        case LifeSeen():
            return _take_life(policy, state, observation, now)
        case ReportsFound():
            return _take_found(policy, state, observation, now)
        case WorkSeen():
            return _take_work(policy, state, observation, now)
        case Leader() | Follower() | NoElection():
            return take_word(policy, state, observation, now)
        case Registry():
            return take_registry(policy, state, observation, now)
        case Answered():
            return _take_answer(policy, state, observation, now)
        case MatrixChanged():
            return _take_matrix(policy, state, observation, now)
        case DomainsChanged() | GuardChanged():
            return News(cluster=state.cluster, recheck_all=True)
        case SilencesSeen():
            return hear_silences(policy, state, observation, now)
        case Woken():
            return News(cluster=state.cluster)


def _take_matrix(policy: Policy, state: State, changed: MatrixChanged, now: Instant) -> News:
    """As after a restart of this monitor: what was down before was not seen to begin under these rules.

    Every host that is not plainly up is judged anew, and what was due for it is due again if they still want it.
    """
    views = {name: replace(view, since=now.monotonic) for name, view in state.cluster.views.items()}
    never = policy.matrix.never_recovers
    why = messages.MATRIX_NEVER if never else messages.MATRIX_CHANGED
    verdict = Verdict(f"host:{policy.own}", Ruling.ACTED, why, evidence=changed.path, alarm=never)
    return News(cluster=replace(state.cluster, views=views), verdicts=(verdict,), recheck_all=True)


# -- what is seen on a link ---------------------------------------------------------------------------


def _take_sample(policy: Policy, state: State, sample: Sample, now: Instant) -> News:
    cluster = state.cluster
    view = _find_view(cluster, sample.link)
    if sample.whole and not view.complete:
        view = replace(view, complete=True)
        cluster = replace(cluster, views={**cluster.views, sample.link: view})
    at = policy.matrix.sequence.index(sample.link)
    live = view.counts(now.monotonic)
    changed: dict[str, HostState] = {}
    blank = new_host(len(policy.matrix.sequence))
    # Hosts that looked alike and still do share one object: 10,000 equal members stay cheap.
    made: dict[tuple[int, int], MemberRecord] = {}
    hosts = state.hosts
    for host, sighting in sample.hosts.items():
        before = hosts.get(host)
        if before is None:
            if policy.is_own(host) or sighting.value is Membership.UNKNOWN:
                continue
            before = blank
        old = before.links[at]
        key = (id(old), id(sighting))
        new = made.get(key)
        if new is None:
            new = made[key] = observe(old, sighting, now.monotonic, live)
        if new is not old and not policy.is_own(host):
            changed[host] = _on_link(before, at, new)
    if sample.whole:
        for host in hosts.keys() - sample.hosts.keys():
            before = hosts[host]
            new = observe(before.links[at], NOT_LISTED, now.monotonic, live)
            if new is not before.links[at]:
                changed[host] = _on_link(before, at, new)
        readings = cluster.work_readings.read(sample.link, now)
        if readings is not cluster.work_readings:
            cluster = replace(cluster, work_readings=readings)
    news = News(cluster=cluster, hosts=changed)
    return news.then(_end_kept(state, sample, changed, cluster)) if sample.idle else news


def _end_kept(state: State, sample: Sample, changed: Mapping[str, HostState], cluster: Cluster) -> News:
    """Work of before the restart is over of whom the link that showed it lists without it."""
    ended: dict[str, HostState] = {}
    verdicts: list[Verdict] = []
    for name in state.troubled:
        host = changed.get(name) or state.hosts[name]
        if sample.link not in host.work_record.kept or name not in sample.idle:
            continue
        record = host.work_record.without(sample.link)
        ended[name] = replace(host, work_record=record)
        if not record.stands:
            ended[name] = after_work(host, sample.at.monotonic)
            why = messages.work_over(host.work)
            verdicts.append(Verdict(f"host:{name}", Ruling.PLANNED, why, evidence=f"seen by {sample.link}"))
    return News(cluster=cluster, hosts=ended, verdicts=tuple(verdicts))


def _on_link(before: HostState, at: int, new: MemberRecord) -> HostState:
    """One more sighting; being seen up is the end of every proof that the host is off, and of its silence, also of what
    is on its way, and settles it anew. So does the fall of the last link that was up, seen or not until then; and where
    one was never seen before it is seen down, the host may have been up there until this moment."""
    links = (*before.links[:at], new, *before.links[at + 1 :])
    outage, old = before.outage, before.links[at].value
    risen = new.value is Membership.UP and old is not Membership.UP
    falls = old is Membership.UP or (old is Membership.UNKNOWN and new.value is Membership.DOWN)
    fallen = falls and not any(link.value is Membership.UP for link in links)
    if outage is not None and (risen or fallen):
        since = max(outage.since, new.since) if outage.phase is Phase.FAILING else outage.since
        questions = outage.questions.power_voided() if risen else outage.questions
        outage = replace(outage, since=since, questions=questions.life_voided())
    return HostState(
        links=links,
        seen_in_service=before.seen_in_service,
        outage=outage,
        proofs=() if new.value is Membership.UP else before.proofs,
        work=before.work,
        work_record=before.work_record,
        planned_until=before.planned_until,
        outage_ended=before.outage_ended,
        aftermath=before.aftermath,
        nowhere_since=before.nowhere_since if new.unlisted else None,
        asked=before.asked,
        told=before.told,
    )


def _take_view(state: State, seen: View, now: Instant) -> News:
    view = _find_view(state.cluster, seen.link)
    view = replace(
        view,
        proven=seen.proven,
        complete=view.complete and seen.proven,
        until=seen.at.old_at(seen.good_for, now) if seen.proven else math.inf,
        why=seen.why,
        heard=True,
    )
    return News(cluster=replace(state.cluster, views={**state.cluster.views, seen.link: view}))


def _find_view(cluster: Cluster, link: str) -> ViewState:
    """The link's view; a name that the matrix does not have is a bug of the driver, and loud."""
    if link not in cluster.views:
        raise ValueError(f"a source speaks of the link {link!r}; the matrix has {tuple(cluster.views)}")
    return cluster.views[link]


# -- what is answered -----------------------------------------------------------------------------------


def _judgement(policy: Policy, name: str, host: HostState) -> Judgement:
    return Judgement(name=name, sequence=policy.matrix.sequence, host=host)


_CLEAR = (Evidence.OFF, Evidence.UNCHECKED)


def _take_power(policy: Policy, state: State, seen: PowerSeen, now: Instant) -> News:
    host = state.hosts.get(seen.host)
    if host is None or not any(link.value is Membership.DOWN for link in host.links):
        return News(cluster=state.cluster)
    outage = host.outage
    proofs = keep(host.proofs, seen, host.planned_until)
    if seen.in_reply_to is not None:
        if outage is None or outage.questions.power != seen.in_reply_to:
            # About an earlier outage, or after its limit.
            return News(cluster=state.cluster)
        attempts, proof = outage.questions.attempts, policy.proof
        next_at = proof.next_ask(attempts, now.monotonic) if proof is not None else math.inf
        questions = outage.questions.power_closed(next_at)
        if seen.power is Power.OFF and proof is not None:
            # Asked again when this has become too old, at the first pace. What proves nothing (an old fencing that is
            # told again, or one that another source contradicts) would be asked for again at once, without end.
            due = seen.at.old_at(proof.age - proof.answer_limit, now)
            fine = now.monotonic < due and weigh(proofs, now, proof.age) in _CLEAR
            next_at = -math.inf if fine else proof.next_ask(1, now.monotonic)
            questions = replace(questions, attempts=0, power_next=next_at)
        host = replace(host, outage=replace(outage, questions=questions))
    return News(cluster=state.cluster, hosts={seen.host: replace(host, proofs=proofs)})


def _take_life(policy: Policy, state: State, seen: LifeSeen, now: Instant) -> News:
    """An answer about signs of life; of one that answers no more the silence begins only now."""
    host = state.hosts.get(seen.host)
    if host is None or host.outage is None or host.outage.questions.life != seen.in_reply_to:
        return News(cluster=state.cluster)
    judgement = _judgement(policy, seen.host, host)
    questions = host.outage.questions.life_answered(seen)
    judgement = judgement.in_outage(questions=questions)
    if host.outage.questions.answers and not questions.answers and host.outage.phase is Phase.FAILING:
        # Until now it lived, for all that is known: its silence is to last as long as any other, and be seen anew.
        judgement = judgement.in_outage(since=now.monotonic, questions=questions.life_voided())
    return of_judgements(state.cluster, [judgement])


def _take_found(policy: Policy, state: State, found: ReportsFound, now: Instant) -> News:
    """masakari has a report of this outage from somebody: it is reported, whoever did it."""
    host = state.hosts.get(found.host)
    if host is not None and host.aftermath is not None and host.aftermath.asked == found.in_reply_to:
        after = replace(host, aftermath=heard(host.aftermath, found))
        return News(cluster=state.cluster, hosts={found.host: after})
    if host is None or host.outage is None or host.outage.questions.lookup != found.in_reply_to:
        return News(cluster=state.cluster)
    flag = take_flag(state, found, now)
    host = flag.hosts.get(found.host) or host
    assert host.outage is not None
    judgement = _judgement(policy, found.host, host)
    judgement = judgement.in_outage(questions=host.outage.questions.lookup_answered(found))
    if found.found:
        told = judgement.outage.report
        fate, acts = move(judgement.outage.fate, Fact.FOUND)
        assert isinstance(fate, Fate)
        if Act.WITHDRAW in acts:
            judgement = judgement.withdraw(messages.TAKEN_OVER)
        report = Report(
            made_at=now.wall,
            host_status=found.in_reply_to.host_status,
            fate=fate,
            why=found.evidence,
            settled_at=now.wall,
            arrived_by=now.monotonic,
        )
        # One that was known to have arrived is that one still.
        same = told is not None and told.arrived and told.host_status is report.host_status
        judgement = judgement.in_outage(report=told if same else report)
    if found.found is not None:
        judgement = judgement.in_outage(excused_since=_excused_since(host.outage, found, now))
    return flag.then(of_judgements(flag.cluster, [judgement]))


def _excused_since(outage: Outage, found: ReportsFound, now: Instant) -> Instant | None:
    """Since when only what masakari's engine has not finished with keeps a failure from being told."""
    if not found.found or found.finished or found.in_reply_to.unfinished_since is None:
        return None
    return now if outage.excused_since is None else outage.excused_since


_FACTS: Mapping[Outcome, Fact] = {
    Outcome.ACCEPTED: Fact.ACCEPTED,
    Outcome.REFUSED: Fact.REFUSED,
    Outcome.EXPIRED: Fact.EXPIRED,
}


def _take_answer(policy: Policy, state: State, seen: Answered, now: Instant) -> News:
    """An answer belongs to the report that it answers; one about another report says nothing of this one."""
    host = state.hosts.get(seen.host)
    report = host.outage.report if host is not None and host.outage is not None else None
    if host is None:
        return News(cluster=state.cluster)
    if report is None or (report.made_at, report.host_status) != (seen.made_at, seen.host_status):
        return _take_late_answer(state, seen, host, now)
    fate, acts = move(report.fate, _FACTS[seen.outcome])
    assert isinstance(fate, Fate)
    report = replace(
        report,
        fate=fate,
        why=seen.why if seen.outcome is Outcome.REFUSED else report.why,
        settled_at=now.wall if fate is Fate.ACCEPTED else report.settled_at,
        arrived_by=now.monotonic if fate is Fate.ACCEPTED else report.arrived_by,
    )
    judgement = _judgement(policy, seen.host, _doubted(host, seen, now)).in_outage(report=report)
    if fate is Fate.ACCEPTED:
        judgement = judgement.sees(Seen.TAKEN)
    if fate is Fate.REFUSED:
        refusals = judgement.outage.refusals + 1
        retry_at = next_offer(state.cluster.segments, seen.host, refusals, now.monotonic)
        report = replace(report, retry_at=retry_at)
        judgement = judgement.in_outage(report=report, refusals=refusals)
    if Act.ALARM in acts:
        why = messages.refused(seen.why)
        judgement = judgement.tell(Reason.REFUSED, Ruling.HELD, why, alarm=True, detail=seen.why)
    return of_judgements(state.cluster, [judgement])


def _take_late_answer(state: State, seen: Answered, host: HostState, now: Instant) -> News:
    """It was under way when what it told was taken back: masakari acts on it, and nobody can tell it not to.

    A refusal says nothing: the same report may have been offered twice.
    """
    after = _doubted(host, seen, now)
    if seen.outcome is Outcome.ACCEPTED and seen.host_status is HostStatus.NORMAL:
        after = replace(host, aftermath=moved(host.aftermath, Late.ARRIVED, now, seen.made_at))
    return News(cluster=state.cluster, hosts={} if after is host else {seen.host: after})


def _doubted(host: HostState, seen: Answered, now: Instant) -> HostState:
    """With the look that is owed where masakari may have what it has refused: a lost answer said so, perhaps."""
    if not seen.doubted or seen.host_status is not HostStatus.NORMAL:
        return host
    return replace(host, aftermath=moved(host.aftermath, Late.DOUBT, now, seen.made_at))


# -- planned work ---------------------------------------------------------------------------------------


def _take_work(policy: Policy, state: State, seen: WorkSeen, now: Instant) -> News:
    host = state.hosts.get(seen.host) or new_host(len(policy.matrix.sequence))
    before, begins = host.work_record, seen.work is not Work.NONE
    record = before.shown((seen.links or policy.matrix.sequence) if begins else (), now)
    if not begins and len(policy.matrix.sequence) == 1:
        record = NO_WORK  # there is no other link that may show it still
    same = (record.shown_by, record.kept) == (before.shown_by, before.kept)
    if policy.is_own(seen.host) or (same and (not begins or host.work is seen.work)):
        return News(cluster=state.cluster)
    if begins:
        after = replace(host, work=seen.work, work_record=record)
        why = f"it is {messages.planned(seen.work)}: planned work, no failure"
        told = host.work is not seen.work or not before.shown_by
    elif record.stands:
        # What was shown in this life has ended, and what was before the restart is not known to have.
        after, told, why = replace(host, work_record=record), False, ""
    else:
        after, told, why = after_work(host, seen.at.monotonic), True, messages.work_over(host.work)
    verdict = Verdict(f"host:{seen.host}", Ruling.PLANNED, why, evidence=seen.evidence)
    return News(cluster=state.cluster, hosts={seen.host: after}, verdicts=(verdict,) if told else ())
