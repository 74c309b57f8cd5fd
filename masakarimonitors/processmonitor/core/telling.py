"""What masakari and people are told of a process's outage, and what is taken back of it. Pure.

In: a process whose tries have all failed, that has recovered, or whose report has ended. Out: the notification, what
is kept on disk with it, and the sentence. Only what was not sent is said to be withdrawn.
"""

import datetime
from collections.abc import Mapping
from dataclasses import replace

from masakarimonitors.core.decision import (
    JSON,
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
from masakarimonitors.processmonitor.core.stages import Kind, Outage, Policy, WatchedProcess

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
    lost = outage.report.may_be_lost
    # At the second time that all has failed masakari has had the time to say what it makes of the earlier report.
    anew = outage.report.may_be_anothers and outage.slow > 0 and outage.report.is_old(now.wall)
    if outage.report is not NO_REPORT and not again and not lost and not anew:
        return process, NOTHING
    if anew:
        outage = _new(outage, now)
    since = outage.since.wall
    why = (
        f"{process.name} is down since {since:%Y-%m-%d %H:%M:%S} UTC and {outage.tries} restarts have not brought it"
        " back"
    )
    if outage.short_since is not None:
        why += "; the last ones could not be begun, which is this monitor's own shortage"
    if again:
        why += f"; the report was {outage.report.fate.value} before, and is offered again"
    if lost:  # where its row still waits, it is this one made once more
        why += "; it was reported before this monitor was restarted, and is told again in case that was lost"
    if anew:
        earlier = f"masakari {_was_told(policy)} of an earlier outage of it"
        why += f"; {earlier}, and does not say whether it still acts on that"
    notification = ProcessNotification(policy.hostname, since, HostEvent.STOPPED, process.name)
    made = Report(fate=Fate.PENDING, made_at=since, reported_at=now.wall, ended=outage.report.ended)
    evidence = "; ".join(part for part in (evidence, outage.trouble) if part)
    decision = Decision(
        (
            Notify(notification, why, again=lost),
            Remember(process.subject, reports.remembered(made, policy.boot)),
        ),
        (Verdict(process.subject, Ruling.REPORTED, why, evidence=evidence, alarm=True),),
    )
    return replace(process, outage=replace(outage, report=made)), decision


def _new(outage: Outage, now: Instant) -> Outage:
    """It is none of which masakari was told: with a time of its own, or that would be a duplicate for masakari."""
    since = now if outage.since.wall == outage.report.made_at else outage.since
    return replace(outage, since=since, report=NO_REPORT)


def recovered(process: WatchedProcess, kind: Kind, now: Instant, policy: Policy, evidence: str) -> Outcome:
    """It has survived its probation: the outage is over."""
    made = process.outage.report if process.outage is not None else NO_REPORT
    tries = process.outage.tries if process.outage is not None else 0
    why = f"{process.name} has recovered"
    if tries or kind is Kind.START:
        why += f" after {try_of(process, kind)}"
    if made.fate is Fate.DELIVERED and policy.tells:
        return _masakari_was_told(process, made, policy, f"{why}; ", evidence)
    decision = Decision(verdicts=(Verdict(process.subject, Ruling.RECOVERED, why, evidence=evidence),))
    if made.may_have_arrived and policy.tells:
        # It may have arrived by now: only masakari can say whether it has made something of it.
        fate = made.fate if made.may_be_withdrawn else Fate.PENDING
        process = replace(process, taken_back=replace(made, fate=fate, reported_at=now.wall))
    if made is not NO_REPORT:
        decision += forget(process.subject, made, f"{process.name} runs again", _kept(process, policy))
    return process, decision


def settled(process: WatchedProcess, ended: ReportEnded, policy: Policy) -> Outcome:
    """One of its reports has ended."""
    outage = process.outage
    if outage is not None and _is(outage.report, ended):
        after = reports.settled(outage.report, ended.status, ended.why, ended.at.monotonic)
        if after is outage.report:
            return process, NOTHING
        if after.fate is Fate.DROPPED:  # by a person, who was told that the next life may report it
            return replace(process, outage=replace(outage, report=after)), NOTHING
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
        if after.fate is Fate.DELIVERED:  # it was on its way when it was taken back
            return _masakari_was_told(process, after, policy, f"{process.name} runs again; ", ended.why)
    return process, NOTHING


def _masakari_was_told(
    process: WatchedProcess, made: Report, policy: Policy, before: str, evidence: str
) -> Outcome:
    sure = made.fate is Fate.DELIVERED
    why = (
        f"{before}masakari {'was' if sure else 'may have been'} told that it was down, and holds this host on"
        " maintenance: nothing on it is recovered until somebody ends the maintenance there"
    )
    alarm = Verdict(process.subject, Ruling.RECOVERED, why, evidence=evidence, alarm=True)
    process = replace(process, told=made, taken_back=None)
    kept = () if process.reported and not _is_over(process, made) else (_keep(process, policy),)
    return process, Decision(kept, (alarm,))


def _is_over(process: WatchedProcess, made: Report) -> bool:
    return process.outage is not None and process.outage.report is made


def _kept(process: WatchedProcess, policy: Policy) -> Mapping[str, JSON] | None:
    """What is kept on disk of a process none of whose reports is of the present."""
    return None if process.over is None else reports.remembered(process.over, policy.boot, over=True)


def _keep(process: WatchedProcess, policy: Policy) -> Remember:
    return Remember(process.subject, _kept(process, policy))


def on_maintenance(process: WatchedProcess, at: Instant, policy: Policy) -> Outcome:
    """Masakari holds the host on maintenance: a report that was taken back may have brought that about, and one that
    it has stands for what is down until that ends, for which it is asked on.
    """
    outage = process.outage
    if outage is not None and outage.report.stands_until_maintenance_ends:
        process = replace(process, outage=replace(outage, report=replace(outage.report, stood_at=at.wall)))
    if process.taken_back is None:
        return process, NOTHING
    return _masakari_was_told(
        process, process.taken_back, policy, f"{process.name} runs again; ", "masakari-api"
    )


def still_waits(process: WatchedProcess, at: Instant) -> WatchedProcess:
    """Masakari's engine has yet to begin with what it was told, so the flag that is not there has not ended."""
    outage = process.outage
    if outage is None or not outage.report.stands_until_maintenance_ends:
        return process
    return replace(process, outage=replace(outage, report=replace(outage.report, waited_at=at.wall)))


def maintenance_ended(process: WatchedProcess, at: Instant, policy: Policy) -> Outcome:
    """The host is not on maintenance in masakari (any more): what was told has had its consequences, or none."""
    decision, before, outage = NOTHING, process.over, process.outage
    if (
        outage is not None
        and (outage.report.may_be_anothers or outage.report.was_acted_on)
        and _before(outage.report.reported_at or outage.report.made_at, at.wall)
    ):
        of = f"that {process.name} is down"
        if outage.report.earlier:
            of = f"of an earlier outage of {process.name}"
        told = f"masakari {_was_told(policy)} {of}"
        why = (
            f"{told}, and this host is no longer on maintenance there: what is down now is told anew once all its"
            " restarts have failed"
        )
        process = replace(process, outage=_new(outage, at))
        decision = Decision(
            (Remember(process.subject, None),),
            (Verdict(process.subject, Ruling.SUSPECTED, why, evidence="masakari-api"),),
        )
    if process.taken_back is not None and _before(process.taken_back.reported_at, at.wall):
        process = replace(process, taken_back=None)
    if process.told is not None and _before(process.told.reported_at, at.wall):
        why = f"this host is no longer on maintenance in masakari, which was told of {process.name}"
        decision += Decision(
            verdicts=(Verdict(process.subject, Ruling.RECOVERED, why, evidence="masakari-api"),)
        )
        process = replace(process, told=None)
    if process.over is not before and not process.reported:
        decision += Decision((_keep(process, policy),))
    outage = process.outage
    if outage is not None and outage.report.was_not_taken and outage.report.again_at > at.monotonic:
        process = replace(
            process, outage=replace(outage, report=replace(outage.report, again_at=at.monotonic))
        )
    return process, decision


def _was_told(policy: Policy) -> str:
    """A shadow goes on as if masakari had taken what it would have told it, and does not say that it has."""
    return "was told" if policy.tells else "would have been told"


def _before(reported_at: datetime.datetime | None, at: datetime.datetime) -> bool:
    """Whether masakari had time to put the host on maintenance because of it; where the clock was set back since by
    more than that, nobody knows when it was, and to wait for that day would be to wait for years.
    """
    return reported_at is None or abs((at - reported_at).total_seconds()) > _ACTS_WITHIN


_ACTS_WITHIN = 300.0


def forget(subject: str, made: Report, why: str, kept: Mapping[str, JSON] | None = None) -> Decision:
    """The outage of `subject` is over, or nobody's business any more: take back what may be, and keep only `kept`."""
    if not made.may_be_withdrawn:
        return Decision((Remember(subject, kept),))
    why = f"{why}: what was not yet sent must not be sent"
    return Decision(
        (Withdraw(subject, why), Remember(subject, kept)), (Verdict(subject, Ruling.WITHDRAWN, why),)
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
