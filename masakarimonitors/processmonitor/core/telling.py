"""What masakari and people are told of a process's outage, and what is taken back of it. Pure.

In: a process whose tries have all failed, that has recovered, or whose report has ended. Out: the notification, what
is kept on disk with it, and the sentence. Only what was not sent is said to be withdrawn.
"""

import datetime
from dataclasses import replace

from masakarimonitors.core.decision import (
    NOTHING,
    Decision,
    Instant,
    Notify,
    Remember,
    Ruling,
    Verdict,
    Withdraw,
)
from masakarimonitors.core.notification import HostEvent, ProcessNotification
from masakarimonitors.processmonitor.core import reports
from masakarimonitors.processmonitor.core.observation import Presence, ReportEnded
from masakarimonitors.processmonitor.core.reports import NO_REPORT, Fate, Report
from masakarimonitors.processmonitor.core.stages import Kind, Policy, WatchedProcess

Outcome = tuple[WatchedProcess, Decision]


def try_of(process: WatchedProcess, kind: Kind) -> str:
    """Which try it is, in words."""
    if kind is Kind.START:
        return "its start"
    return f"restart {process.outage.tries if process.outage is not None else 0}"


def report(process: WatchedProcess, now: Instant, policy: Policy, evidence: str) -> Outcome:
    """All tries have failed: one report for the outage, and again only what masakari did not take."""
    outage = process.outage
    assert outage is not None
    again = outage.report.was_not_taken and now.monotonic >= outage.report.again_at
    if outage.report is not NO_REPORT and not again:
        return process, NOTHING
    since = outage.since.wall
    why = (
        f"{process.name} is down since {since:%Y-%m-%d %H:%M:%S} UTC and {outage.tries} restarts have not brought it"
        " back"
    )
    if again:
        why += f"; the report was {outage.report.fate.value} before, and is offered again"
    notification = ProcessNotification(policy.hostname, since, HostEvent.STOPPED, process.name)
    made = Report(fate=Fate.PENDING, made_at=since, reported_at=now.wall, ended=outage.report.ended)
    evidence = "; ".join(part for part in (evidence, outage.trouble) if part)
    decision = Decision(
        (Notify(notification, why), Remember(process.subject, reports.remembered(made, policy.boot))),
        (Verdict(process.subject, Ruling.REPORTED, why, evidence=evidence, alarm=True),),
    )
    return replace(process, outage=replace(outage, report=made)), decision


def recovered(process: WatchedProcess, kind: Kind, policy: Policy, evidence: str) -> Outcome:
    """It has survived its probation: the outage is over."""
    made = process.outage.report if process.outage is not None else NO_REPORT
    tries = process.outage.tries if process.outage is not None else 0
    why = f"{process.name} has recovered"
    if tries or kind is Kind.START:
        why += f" after {try_of(process, kind)}"
    if made.fate is Fate.DELIVERED:
        return _masakari_was_told(process, made, policy, f"{why}; ", evidence)
    decision = Decision(verdicts=(Verdict(process.subject, Ruling.RECOVERED, why, evidence=evidence),))
    if made is not NO_REPORT:
        decision += forget(process.subject, made, f"{process.name} runs again")
    taken_back = made if made.may_be_withdrawn else None
    return replace(process, taken_back=taken_back), decision


def settled(process: WatchedProcess, ended: ReportEnded, policy: Policy) -> Outcome:
    """One of its reports has ended."""
    outage = process.outage
    if outage is not None and _is(outage.report, ended):
        after = reports.settled(outage.report, ended.status, ended.why, ended.at.monotonic)
        if after is outage.report:
            return process, NOTHING
        decision = Decision((Remember(process.subject, reports.remembered(after, policy.boot)),))
        if after.was_not_taken:
            why = (
                f"the report that {process.name} is down was {after.fate.value}; it is offered again while it stays"
                " down, for what was in the way may end"
            )
            held = Verdict(process.subject, Ruling.HELD, why, evidence=ended.why, alarm=True)
            decision += Decision(verdicts=(held,))
        return replace(process, outage=replace(outage, report=after)), decision
    if process.taken_back is not None and _is(process.taken_back, ended):
        after = reports.settled(process.taken_back, ended.status, ended.why, ended.at.monotonic)
        process = replace(process, taken_back=None)
        if after.fate is Fate.DELIVERED:  # it was on its way when it was taken back
            return _masakari_was_told(process, after, policy, f"{process.name} runs again; ", ended.why)
    return process, NOTHING


def _masakari_was_told(
    process: WatchedProcess, made: Report, policy: Policy, before: str, evidence: str
) -> Outcome:
    why = (
        f"{before}masakari was told that it was down, and holds this host on maintenance: nothing on it is recovered"
        " until somebody ends the maintenance there"
    )
    alarm = Verdict(process.subject, Ruling.RECOVERED, why, evidence=evidence, alarm=True)
    kept = Remember(process.subject, reports.remembered(made, policy.boot, over=True))
    return replace(process, told=made), Decision((kept,), (alarm,))


def maintenance_ended(process: WatchedProcess, at: Instant) -> Outcome:
    """The host is not on maintenance in masakari (any more): what was told has had its consequences, or none."""
    decision = NOTHING
    if process.told is not None and _before(process.told.reported_at, at.wall):
        why = f"this host is no longer on maintenance in masakari, which was told of {process.name}"
        verdict = Verdict(process.subject, Ruling.RECOVERED, why, evidence="masakari-api")
        decision = Decision((Remember(process.subject, None),) if not process.reported else (), (verdict,))
        process = replace(process, told=None)
    outage = process.outage
    if outage is not None and outage.report.was_not_taken and outage.report.again_at > at.monotonic:
        process = replace(
            process, outage=replace(outage, report=replace(outage.report, again_at=at.monotonic))
        )
    return process, decision


def _before(reported_at: datetime.datetime | None, at: datetime.datetime) -> bool:
    """Whether masakari had time to put the host on maintenance because of it."""
    return reported_at is None or (at - reported_at).total_seconds() > _ACTS_WITHIN


_ACTS_WITHIN = 300.0


def forget(subject: str, made: Report, why: str) -> Decision:
    """The outage of `subject` is over, or nobody's business any more: take back what may be, and forget it."""
    if not made.may_be_withdrawn:
        return Decision((Remember(subject, None),))
    why = f"{why}: what was not yet sent must not be sent"
    return Decision(
        (Withdraw(subject, why), Remember(subject, None)), (Verdict(subject, Ruling.WITHDRAWN, why),)
    )


def may_be_over(process: WatchedProcess, made_at: datetime.datetime) -> bool:
    """Whether what its report of that time says may be over: it was seen to run since, or cannot be seen."""
    return (
        process.presence is not Presence.GONE
        and process.outage is not None
        and process.outage.report.made_at in (None, made_at)
    )


def _is(made: Report, ended: ReportEnded) -> bool:
    return made is not NO_REPORT and (made.made_at is None or made.made_at == ended.made_at)
