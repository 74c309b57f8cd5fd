"""One host is judged: what is seen of it becomes a move of its outage, and what follows from that.

Pure, and of one host alone: `judge(name, host, cluster, policy, now)`. Whether it asks for recovery is the matrix's
word, on the values that count now; what then happens is the table's (`outage.py`). What reaches past the gates is
`pursue.py`'s.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from masakarimonitors.core.decision import Instant, Ruling
from masakarimonitors.hostmonitor.core.election.reporter import Standing
from masakarimonitors.hostmonitor.core.evidence.matrix import Answer
from masakarimonitors.hostmonitor.core.evidence.membership import age
from masakarimonitors.hostmonitor.core.evidence.planned import KEPT_FOR, NOTED_EACH
from masakarimonitors.hostmonitor.core.judging import afterwards, well
from masakarimonitors.hostmonitor.core.judging.court import Court
from masakarimonitors.hostmonitor.core.observation import Membership
from masakarimonitors.hostmonitor.core.outages import messages
from masakarimonitors.hostmonitor.core.outages.handover import adopt
from masakarimonitors.hostmonitor.core.outages.host import HostState, after_work
from masakarimonitors.hostmonitor.core.outages.judgement import Judgement
from masakarimonitors.hostmonitor.core.outages.outage import Act, Fact, Fate, Outage, Phase, Release, move
from masakarimonitors.hostmonitor.core.outages.reasons import Reason
from masakarimonitors.hostmonitor.core.outages.watch import LIVED, Living, Seen, Watch
from masakarimonitors.hostmonitor.core.state import Cluster, Policy

RETURN_PATIENCE = 300.0
"""Seconds for which a reported host must ask for no recovery until its outage is over although links are missing:
longer than masakari waits before it evacuates, so that one event is one report."""

ENGINE_WAIT = 180.0
"""Seconds that masakari's engine waits before it evacuates (its `wait_period_after_service_update`, by default)."""


def judge(name: str, host: HostState, cluster: Cluster, policy: Policy, now: Instant) -> Judgement:
    """The host after everything that is seen of it at this moment; nothing is sent here."""
    court = Court(cluster=cluster, policy=policy, now=now)
    judgement = _count_samples(court, Judgement(name=name, sequence=policy.matrix.sequence, host=host))
    judgement = _note_work(court, _note_maintenance(court, judgement))
    values = court.values(judgement.host)
    before = judgement.host.phase
    fact = assess(court, name, judgement.host, values)
    phase, acts = move(before, fact)
    assert isinstance(phase, Phase)
    for act in acts:
        judgement = _PERFORM[act](court, judgement, values)
    judgement = afterwards.note(court, judgement)
    if judgement.host.outage is not None:
        judgement = _note_life(court, judgement.in_outage(phase=phase), values)
    return _SPEAK[phase](court, judgement, values, before)


def assess(court: Court, name: str, host: HostState, values: tuple[Membership, ...]) -> Fact:
    """What the values of this moment mean for the host's outage, or for one to begin."""
    matrix, outage = court.policy.matrix, host.outage
    answer = matrix.ask(values)
    if answer is Answer.RECOVER:
        return Fact.FAILS
    if outage is not None and set(values) == {Membership.LEFT}:
        # Its good-bye was heard late. Where it was reported, and not judged here ever since, who is dead may be called
        # left, too: then only its source's word, that it was not lost, ends that.
        if outage.report is None or host.only_left:
            return Fact.NEVER_LOST
        return Fact.UNTOLD
    if answer is Answer.UNDECIDED or Membership.UP not in values:
        return Fact.UNTOLD
    if outage is None:
        return Fact.BACK
    if not matrix.clears(values):
        return Fact.UNTOLD
    over = outage.report is None or _every_link_is_back(court, host) or _closes(court, name, outage)
    return Fact.BACK if over else Fact.EASES


def _every_link_is_back(court: Court, host: HostState) -> bool:
    """What was last DOWN is not back because we cannot see it."""
    needed = court.needed(host)
    return all(
        link.value is not Membership.DOWN and (link.value is not Membership.UP or link.streak.firm(needed))
        for link in host.links
    )


def _closes(court: Court, name: str, outage: Outage) -> bool:
    """A link that never comes back must not silence the next failure: masakari's flag is off again, or time is over."""
    segments = court.cluster.segments
    lifted = outage.flag.was_set and segments.hosts is not None and name not in court.cluster.maintenance
    late = _has_returned(outage) and court.monotonic >= outage.since + RETURN_PATIENCE
    return lifted or late


def _has_returned(outage: Outage) -> bool:
    """Whether it asks for no recovery since `since`, as far as is known: it may be out of sight at present."""
    at = outage.returned_at
    unseen = outage.phase is Phase.UNSURE and at is not None and outage.since == at.monotonic
    return unseen or outage.phase is Phase.RETURNING


def _count_samples(court: Court, judgement: Judgement) -> Judgement:
    """Count the samples that are due, and be reminded of the next."""
    host, spacing = judgement.host, court.policy.sample_interval
    needed = court.needed(host)
    links = list(host.links)
    for at, name in enumerate(judgement.sequence):
        link = links[at]
        seen = court.cluster.counts(name, court.monotonic)
        if link.value not in (Membership.UP, Membership.DOWN) or not seen:
            continue
        links[at] = age(link, court.monotonic, spacing, needed)
        due = links[at].streak.due(spacing, needed)
        if due is not None:
            judgement = judgement.again(due)
    if any(new is not old for new, old in zip(links, host.links, strict=True)):
        judgement = judgement.but(links=tuple(links))
    return judgement


def _note_maintenance(court: Court, judgement: Judgement) -> Judgement:
    outage = judgement.host.outage
    if outage is None or outage.report is None or judgement.name not in court.cluster.maintenance:
        return judgement
    return judgement.sees(Seen.FLAGGED)


def _note_life(court: Court, judgement: Judgement, values: tuple[Membership, ...]) -> Judgement:
    """A host that was seen up on a link, and is on none, fails in another way than before: that settles anew.

    While it lived it was to be recovered because its instances could not work, and nobody asked whether it is off. A
    storm that let it go because it lived holds it again. A link that is only out of sight has not fallen: what settles
    already goes on to settle, or sight that comes and goes would hold a silent host for ever.
    """
    outage, seen = judgement.outage, _where_up(judgement.host, values)
    fallen = seen is Seen.FALLEN
    if outage.release is Release.ALIVE and fallen:
        judgement = judgement.in_outage(release=Release.NONE)
    living = LIVED[outage.living, seen]
    if living is outage.living:
        return judgement
    settled = court.monotonic - outage.since >= court.policy.unproven_settle
    if living is Living.NOWHERE and outage.phase is Phase.FAILING and (fallen or settled):
        since, questions = court.monotonic, outage.questions.life_voided()
        judgement = judgement.in_outage(since=since, questions=questions)
    return judgement.in_outage(living=living)


def _where_up(host: HostState, values: tuple[Membership, ...]) -> Seen:
    if Membership.UP in values:
        return Seen.LIVING
    return Seen.HIDDEN if any(link.value is Membership.UP for link in host.links) else Seen.FALLEN


def _note_work(court: Court, judgement: Judgement) -> Judgement:
    """Planned work has an age, for a restart; what is kept of before one is void after a while."""
    host = judgement.host
    record = host.work_record
    if record.shown_by:
        seen = [link for link in record.shown_by if court.cluster.counts(link, court.monotonic)]
        noted = record.noted(seen, court.now)
        if noted is not record:
            judgement = judgement.but(work_record=noted)
        # Whatever is out of sight now: it is seen again without news of the host.
        return judgement.again(court.monotonic + NOTED_EACH)
    if not record.kept:
        return judgement
    ends = {link: record.void_at(link, court.cluster.began, court.now) for link in record.kept}
    void = tuple(link for link, end in ends.items() if court.monotonic >= end)
    if not void:
        return judgement.again(min(ends.values()))
    why = messages.work_void(host.work, void, KEPT_FOR)
    judgement = judgement.say(Ruling.PLANNED, why, alarm=True)
    record = record.without(*void)
    if record.stands:
        return judgement.but(work_record=record).again(min(ends[link] for link in record.kept))
    return replace(judgement, host=after_work(judgement.host, court.monotonic))


# -- acts of the table ------------------------------------------------------------------------------

Values = tuple[Membership, ...]
Perform = Callable[[Court, Judgement, Values], Judgement]


def _open(court: Court, judgement: Judgement, values: Values) -> Judgement:
    watch = Watch.WHOLE if _was_watched(court, judgement.host) else Watch.FOUND
    outage = Outage(failed=court.now, watch=watch)
    judgement = judgement.but(outage=outage)
    # The reporter may have seen it first: what it wrote down is about this outage.
    entry = court.cluster.ledger.get(judgement.name)
    if entry is None or court.cluster.reporter.standing is not Standing.FOLLOWER:
        return judgement
    return adopt(judgement, entry, court.now, court.cluster.heard.get(judgement.name, -math.inf))


def _was_watched(court: Court, host: HostState) -> bool:
    """Whether its failure was seen to begin: each link that is down went down while it was seen."""
    return host.seen_in_service and all(
        court.cluster.views[name].since < link.since
        for name, link in zip(court.policy.matrix.sequence, host.links, strict=True)
        if link.value is Membership.DOWN
    )


def _settle(court: Court, judgement: Judgement, values: Values) -> Judgement:
    questions = judgement.outage.questions.anew()
    return judgement.in_outage(since=court.monotonic, questions=questions)


def _doubt(court: Court, judgement: Judgement, values: Values) -> Judgement:
    """The accusation does not stand at this moment and masakari is not known to have it: do not offer it.

    By the time that masakari can be reached the host may be well, and would be evacuated while it
    runs. It is sent again when the host is seen to fail still.
    """
    return judgement.sees(Seen.LOST).meets(Fact.DOUBTED, messages.DOUBTFUL)


def _note_return(court: Court, judgement: Judgement, values: Values) -> Judgement:
    outage = judgement.outage
    if _has_returned(outage):
        return judgement  # only out of sight meanwhile: its time runs on, or gaps would keep the outage open for ever
    judgement = judgement.in_outage(since=court.monotonic, returned_at=court.now)
    report = outage.report
    if report is None or not report.arrived or not outage.told_normal or report.settled_at is None:
        return judgement
    after = (court.now.wall - report.settled_at).total_seconds()
    if not 0 <= after < ENGINE_WAIT or court.cluster.reporter.standing is Standing.FOLLOWER:
        return judgement
    why = messages.EARLY.format(after=f"{after:.0f} s", wait=f"{ENGINE_WAIT:.0f} s", host=judgement.name)
    return judgement.say(Ruling.HELD, why, alarm=True)


def _close(court: Court, judgement: Judgement, values: Values) -> Judgement:
    outage, host = judgement.outage, judgement.host
    _, acts = move(outage.fate, Fact.ENDED)
    why = _closing_words(court, judgement)
    judgement = judgement.but(outage=None, proofs=(), seen_in_service=True, outage_ended=court.now, told=None)
    if Act.WITHDRAW in acts:
        judgement = judgement.withdraw(why)
    reporter = court.cluster.reporter
    # While all report, the recovery is told by the monitor that told the failure.
    ours = reporter.reports and (reporter.standing is Standing.LEADER or outage.fate is not Fate.ANOTHERS)
    if Act.SAY_STARTED in acts and ours:
        judgement = judgement.started(court.now, why)
    back = _every_link_is_back(court, host)
    judgement = judgement.tell(
        Reason.RECOVERED, Ruling.RECOVERED, why, alarm=outage.report is not None and not back
    )
    judgement = afterwards.over(court, judgement, outage, acts)
    return judgement.but(told=None) if all(value is Membership.UP for value in values) else judgement


def _revoke(court: Court, judgement: Judgement, values: Values) -> Judgement:
    """It is gone, as it was meant to be: nothing is told of it, and what masakari may act on is an alarm."""
    outage = judgement.outage
    _, acts = move(outage.fate, Fact.REVOKED)
    why = messages.NOT_LOST if outage.report is None else messages.NOT_LOST_AFTER_ALL
    judgement = judgement.but(outage=None, proofs=(), outage_ended=court.now, told=None)
    if Act.WITHDRAW in acts:
        judgement = judgement.withdraw(why)
    judgement = judgement.tell(Reason.RECOVERED, Ruling.RECOVERED, why)
    return afterwards.over(court, judgement, outage, acts)


def _closing_words(court: Court, judgement: Judgement) -> str:
    outage = judgement.outage
    if outage.report is None:
        taken_back = any(link.revised for link in judgement.host.links)
        return messages.NOT_LOST if taken_back else messages.RECOVERED_EARLY
    if _every_link_is_back(court, judgement.host):
        return messages.RECOVERED
    if outage.flag.was_set and judgement.name not in court.cluster.maintenance:
        return messages.BACK_IN_SERVICE
    return messages.BACK_IN_TIME.format(messages.seconds(RETURN_PATIENCE))


_PERFORM: Mapping[Act, Perform] = {
    Act.OPEN: _open,
    Act.SETTLE: _settle,
    Act.DOUBT: _doubt,
    Act.NOTE_RETURN: _note_return,
    Act.CLOSE: _close,
    Act.REVOKE: _revoke,
}


# -- what is said of it -----------------------------------------------------------------------------


def _speak_failing(court: Court, judgement: Judgement, values: Values, before: Phase) -> Judgement:
    outage = judgement.outage
    if outage.told_normal and outage.report is not None and outage.report.arrived:
        if before is Phase.RETURNING:
            return judgement.tell(Reason.FAILS_AGAIN, Ruling.HELD, messages.FAILS_AGAIN, alarm=True)
        return judgement
    if before is Phase.WELL:
        settle = court.case(judgement.name, judgement.host).settle
        why = messages.suspected(values, judgement.sequence, settle)
        return judgement.tell(Reason.SETTLING, Ruling.SUSPECTED, why)
    return judgement


def _speak_unsure(court: Court, judgement: Judgement, values: Values, before: Phase) -> Judgement:
    outage = judgement.outage
    if outage.report is not None and outage.report.arrived:
        return judgement
    missing = court.policy.matrix.missing(values)
    if not missing:
        # It is down everywhere, and by a matrix that was changed since that asks for nothing: only a return ends it.
        return well.tell_down(judgement, judgement.sequence)
    why = f"its failure is held: {messages.join(missing)} is not known now"
    return judgement.tell(Reason.UNSURE, Ruling.HELD, why, alarm=True, detail=" ".join(missing))


def _speak_returning(court: Court, judgement: Judgement, values: Values, before: Phase) -> Judgement:
    judgement = judgement.again(judgement.outage.since + RETURN_PATIENCE)
    return judgement.tell(Reason.RETURNING, Ruling.HELD, messages.PARTLY_BACK)


_SPEAK: Mapping[Phase, Callable[[Court, Judgement, Values, Phase], Judgement]] = {
    Phase.WELL: well.speak,
    Phase.FAILING: _speak_failing,
    Phase.UNSURE: _speak_unsure,
    Phase.RETURNING: _speak_returning,
}
