"""A failed host on its way to masakari: past the gates, or held by one of them, and what its report says.

Pure, of one host: in, a host that was judged; out, the report, the question or the reason for which it waits.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from masakarimonitors.core.decision import Instant, Notify, Ruling
from masakarimonitors.core.notification import ClusterStatus, HostEvent, HostNotification, HostStatus
from masakarimonitors.hostmonitor.core.election.reporter import Standing
from masakarimonitors.hostmonitor.core.judging.asking import (
    asked_early,
    lifeless,
    not_refused,
    not_twice,
    proven,
    still_excused,
    told_by_another,
    told_since,
    upheld,
)
from masakarimonitors.hostmonitor.core.judging.court import Court
from masakarimonitors.hostmonitor.core.judging.earlier import About, failure_of, unlisted, unread, unread_at
from masakarimonitors.hostmonitor.core.judging.gates import (
    BEFORE_PROOF,
    WHILE_IT_WAITS,
    Case,
    Gate,
    Hold,
    first_hold,
    not_silenced,
)
from masakarimonitors.hostmonitor.core.outages import messages
from masakarimonitors.hostmonitor.core.outages.aftermath import owed_of
from masakarimonitors.hostmonitor.core.outages.judgement import Judgement
from masakarimonitors.hostmonitor.core.outages.outage import Act, Fact, Fate, Phase, Report, move
from masakarimonitors.hostmonitor.core.outages.reasons import Reason
from masakarimonitors.hostmonitor.core.outages.watch import Seen
from masakarimonitors.hostmonitor.core.state import Cluster, Policy

GATES: Sequence[Gate] = (
    *BEFORE_PROOF,
    not_refused,
    proven,
    lifeless,
    lambda case: not_twice(case, HostStatus.NORMAL),
)
"""All gates before NORMAL, in their order."""

REPORT_LIFE = 82800.0
"""Seconds after which an undelivered report is made anew: masakari gives up on what was generated a day ago
(`notifications_expired_interval`, 86400), and an hour is left for it to act."""

TWIN_WINDOW = 400.0
"""Seconds after the end of an outage in which an equal report of it may still stand in the way of the next: masakari's
window for duplicates (180) and one more try after it."""


def pursue(judgement: Judgement, cluster: Cluster, policy: Policy, now: Instant) -> Judgement:
    """Report the failure if it is due and every gate is open."""
    host = judgement.host
    if host.phase is not Phase.FAILING:
        return judgement
    case = _case(judgement, cluster, policy, now)
    report = case.outage.report
    if report is not None and report.fate is Fate.PENDING:
        end = _end_of_life(case, report)
        if case.monotonic >= end:
            return pursue(judgement.meets(Fact.OUTLIVED, messages.OUTLIVED), cluster, policy, now)
        judgement = judgement.again(end)
    if report is not None and report.host_status is HostStatus.NORMAL:
        if report.arrived:
            return _go_by(judgement, case, report)
        if report.fate is Fate.PENDING:
            upheld = _uphold(judgement, case)
            return upheld if upheld.outage.fate is Fate.PENDING else pursue(upheld, cluster, policy, now)
    hold = first_hold(case, GATES)
    if hold is None:
        return _offer(judgement, case, HostStatus.NORMAL)
    if report is not None and report.fate is Fate.PENDING and not_silenced(case) is not None:
        # UNKNOWN, which nothing else takes back: masakari acts on it as little as on nothing.
        judgement = judgement.meets(Fact.DOUBTED, messages.SILENCED_NOW)
    judgement = _keep(judgement, asked_early(case, told_by_another(case, hold)))
    if hold.unknown:
        judgement = _offer_unknown(judgement, _case(judgement, cluster, policy, now))
    return judgement


def _case(judgement: Judgement, cluster: Cluster, policy: Policy, now: Instant) -> Case:
    return Court(cluster=cluster, policy=policy, now=now).case(judgement.name, judgement.host)


def _go_by(judgement: Judgement, case: Case, report: Report) -> Judgement:
    """masakari has a report of it: of this failure, or of one before it that nobody here has seen end?"""
    match failure_of(case, report):
        case About.THIS:
            return _stand_by(judgement, case, report)
        case About.UNREAD:
            wait = unread(case)
            return _keep(judgement if wait.why else _tell_reported(judgement, report), wait)
        case About.EARLIER:
            return _tell_anew(judgement, case, report)


def _stand_by(judgement: Judgement, case: Case, report: Report) -> Judgement:
    """It is told; but what masakari's engine does not finish with may be in nobody's hands."""
    outage = case.outage
    due = unread_at(case, report) if outage.watch.gap else case.monotonic
    judgement = judgement.again(due) if due > case.monotonic else judgement
    asks = case.policy.look_up_reports and case.cluster.reporter.reports
    if outage.excused_since is None or not asks:
        return _tell_reported(judgement, report)
    hold = still_excused(case, outage.excused_since)
    return _keep(judgement if hold.why else _tell_reported(judgement, report), hold)


def _tell_anew(judgement: Judgement, case: Case, report: Report) -> Judgement:
    """It was put back and has failed again, unless masakari is at it still."""
    hold = not_twice(case, HostStatus.NORMAL)
    if hold is not None:
        told = case.outage.questions.unlisted_since is None
        return _keep(_tell_reported(judgement, report) if told else judgement, replace(hold, why=""))
    if (hold := unlisted(case)) is not None:
        return _keep(judgement, hold)
    judgement = judgement.meets(Fact.PUT_BACK, "").say(Ruling.SUSPECTED, messages.PUT_BACK_SINCE)
    judgement = judgement.in_outage(failed=case.now, excused_since=None).sees(Seen.ANEW)
    return pursue(judgement, case.cluster, case.policy, case.now)


def _tell_reported(judgement: Judgement, report: Report) -> Judgement:
    told, excused = judgement.host.told, judgement.outage.excused_since is not None
    if told is not None and excused and told.reason is Reason.UNFINISHED:
        return judgement
    if told is not None and told.reason in (Reason.SENT, Reason.STILL_DOWN, Reason.FAILS_AGAIN):
        return judgement
    if judgement.outage.returned_at is not None:
        return judgement.tell(Reason.FAILS_AGAIN, Ruling.HELD, messages.FAILS_AGAIN, alarm=True)
    why = messages.REPORTED_BY_OTHER if report.fate is Fate.ANOTHERS else messages.STILL_DOWN
    return judgement.tell(Reason.STILL_DOWN, Ruling.HELD, why)


def _uphold(judgement: Judgement, case: Case) -> Judgement:
    """What waits for masakari must be true at the moment at which it is delivered, and nothing hold it by then."""
    if first_hold(case, WHILE_IT_WAITS) is not None:
        return judgement.meets(Fact.DOUBTED, messages.HELD_AGAIN)
    hold = upheld(case)
    if hold is not None:
        return _keep(judgement, hold)
    return judgement.meets(Fact.DOUBTED, messages.UNPROVEN_NOW)


def _end_of_life(case: Case, report: Report) -> float:
    """The monotonic second from which the report is too old to be told as it is."""
    age = (case.now.wall - report.made_at).total_seconds()
    return case.monotonic + REPORT_LIFE - age


def _keep(judgement: Judgement, hold: Hold) -> Judgement:
    """Held: what was asked is asked, the reason is told, and the time of the next look kept."""
    if hold.questions is not None:
        judgement = judgement.in_outage(questions=hold.questions).do(*hold.commands)
    if hold.asked is not None:
        judgement = judgement.but(asked=hold.asked)
    if hold.why:
        judgement = judgement.tell(hold.reason, Ruling.HELD, hold.why, alarm=hold.alarm, detail=hold.detail)
    return judgement.again(hold.until)


def _offer_unknown(judgement: Judgement, case: Case) -> Judgement:
    """masakari is told that the host has failed, and that nobody can prove it; it acts on that with the proof only."""
    if case.outage.fate in (Fate.PENDING, Fate.ACCEPTED, Fate.ANOTHERS):
        return judgement
    hold = not_twice(case, HostStatus.UNKNOWN)
    return _keep(judgement, hold) if hold is not None else _offer(judgement, case, HostStatus.UNKNOWN)


def _offer(judgement: Judgement, case: Case, status: HostStatus) -> Judgement:
    """Past every gate: the report is made, or sent again as it was."""
    report = case.outage.report
    later = report is not None and report.host_status is not status
    fate, acts = move(case.outage.fate, Fact.PROVEN if later else Fact.OFFERED)
    assert isinstance(fate, Fate)
    old = report is not None and case.monotonic >= _end_of_life(case, report)
    again = Act.REPEAT in acts and not old
    made_at = report.made_at if again and report is not None else case.now.wall
    asked = case.unproven and case.policy.check_life
    on_what = messages.on_what(case.evidence, case.outage.questions.life_seen, asked)
    why = messages.failed(case.policy.matrix, case.values, status, on_what, again)
    notification = HostNotification(
        judgement.name,
        made_at,
        event=HostEvent.STOPPED,
        cluster_status=ClusterStatus.OFFLINE,
        host_status=status,
    )
    if Act.WITHDRAW in acts:
        judgement = judgement.withdraw(messages.PROVEN_BY_NOW)
    # One that is so old that it is made anew may have arrived, too.
    doubted = (*acts, Act.OWE_PERHAPS) if old and Act.REPEAT in acts else acts
    judgement = judgement.but(aftermath=owed_of(case.host.aftermath, case.outage, doubted, case.now))
    judgement = judgement.do(Notify(notification, why, again or _twin_is_success(case), told_since(case)))
    new = Report(made_at=made_at, host_status=status, fate=fate)
    # What was found silent just now is tried again at its pace, while the report waits.
    known = case.outage.questions
    questions = replace(known.anew(), life_seen=known.life_seen, untried_since=known.untried_since)
    judgement = judgement.in_outage(report=new, questions=questions, excused_since=None)
    judgement = judgement if again else judgement.sees(Seen.TOLD)
    judgement = judgement.again(_end_of_life(case, new))
    detail = f"{status.value} {made_at.isoformat()}{' again' if again else ''}"
    judgement = judgement.tell(Reason.SENT, Ruling.REPORTED, why, alarm=True, detail=detail)
    if case.cluster.segments.recovers_nothing(judgement.name):
        judgement = judgement.say(Ruling.HELD, messages.RECOVERS_NOTHING, alarm=True)
    return (
        _uphold(judgement, replace(case, host=judgement.host)) if status is HostStatus.NORMAL else judgement
    )


def _twin_is_success(case: Case) -> bool:
    """While all report, "duplicate" means that another was first: unless it may be the report of the outage before."""
    if case.cluster.reporter.standing is not Standing.ALL or not case.policy.look_up_reports:
        return False
    ended = case.host.outage_ended
    if ended is None:
        return True
    if ended.monotonic > -math.inf:
        return case.monotonic - ended.monotonic > TWIN_WINDOW
    return (case.now.wall - ended.wall).total_seconds() > TWIN_WINDOW
