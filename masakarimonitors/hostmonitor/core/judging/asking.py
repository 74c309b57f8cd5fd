"""The gates that ask before they open: proof of death, signs of life, masakari's own list.

Pure: a question is a command in the `Hold`, its answer comes back as an observation. Each question has a time by
which it counts as answered with nothing.
"""

import datetime
import math
from dataclasses import replace

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.election.reporter import STAGGER_RANKS, Standing
from masakarimonitors.hostmonitor.core.evidence.inquiry import (
    LIFE_INTERVAL,
    LIFE_LEAD,
    LIFE_LIMIT,
    LOOKUP_AGE,
    LOOKUP_LIMIT,
    UNTRIED_FOR,
    Inquiry,
)
from masakarimonitors.hostmonitor.core.evidence.proof import Evidence, expires
from masakarimonitors.hostmonitor.core.judging.gates import (
    BEFORE_PROOF,
    SEGMENTS_AGE,
    Case,
    Hold,
    as_asked,
    first_hold,
    flag_is_fresh,
    in_service,
    on_maintenance,
)
from masakarimonitors.hostmonitor.core.observation import CheckLife, CheckPower, Life, LifeSeen, LookUpReports
from masakarimonitors.hostmonitor.core.outages import messages
from masakarimonitors.hostmonitor.core.outages.handover import WINDOW
from masakarimonitors.hostmonitor.core.outages.outage import Fate
from masakarimonitors.hostmonitor.core.outages.reasons import Reason
from masakarimonitors.hostmonitor.core.state import ProofPolicy

_ALIKE = 0.001
"""Seconds by which a clock that counts microseconds may miss the beginning of a turn."""

UNFINISHED_AGE = datetime.timedelta(days=1)
"""masakari gives up what it has not worked off within a day (its `notifications_expired_interval`)."""


EXCUSED_FOR = 600.0
"""Seconds for which a report that masakari's engine has not finished with excuses silence: three times what it waits
before it evacuates, and the evacuation of some dozen instances."""


def not_refused(case: Case) -> Hold | None:
    """What masakari has refused is offered anew on news, or slowly; is it refused because another was first?"""
    report = case.outage.report
    if report is None or report.fate is not Fate.REFUSED:
        return None
    flagged = on_maintenance(case)
    if not flagged and case.monotonic >= report.retry_at:
        return None
    lifted = case.cluster.segments.flag_read_at(case.name) + SEGMENTS_AGE if flagged else report.retry_at
    hold = Hold(
        reason=Reason.REFUSED,
        why=messages.refused(report.why),
        alarm=True,
        detail=report.why,
        until=max(lifted, report.retry_at),
    )
    inquiry = case.outage.questions
    if not case.policy.look_up_reports or inquiry.lookup is not None or inquiry.found is not None:
        return hold
    return replace(_ask_list(case, hold, report.host_status), until=hold.until)


def proven(case: Case) -> Hold | None:
    """NORMAL needs proof that is fresh now; without it masakari may be told UNKNOWN after the retries."""
    proof = case.policy.proof
    if proof is None or case.evidence in (Evidence.OFF, Evidence.UNCHECKED):
        return None
    questions = case.outage.questions
    if questions.power is not None and case.monotonic >= questions.power_until:
        questions = questions.power_closed(proof.next_ask(questions.attempts, case.monotonic))
    report = case.outage.report
    # The question that is open now has not been answered yet.
    answered = questions.attempts - (questions.power is not None)
    tired = answered > proof.retries
    contradicted = case.evidence is Evidence.CONTRADICTED
    told = report is not None and report.host_status is HostStatus.NORMAL
    hold = Hold(
        reason=Reason.CONTRADICTED if contradicted else Reason.PROOF,
        why=messages.awaiting_proof(case.evidence, case.name, tired),
        # A failure that cannot be proven is in nobody's hands, whatever masakari was told of it.
        alarm=contradicted or tired,
        detail=f"{case.evidence.name} tired" if tired else case.evidence.name,
        unknown=not told and (tired or report is not None),
    )
    return ask_power(case, hold, questions, proof)


def ask_power(case: Case, hold: Hold, questions: Inquiry, proof: ProofPolicy) -> Hold:
    """Ask if it is time to, and look again when it is, or when the open question is given up."""
    if questions.power is not None:
        return replace(hold, questions=questions, until=questions.power_until)
    if case.monotonic < questions.power_next:
        return replace(hold, questions=questions, until=questions.power_next)
    asked = case.host.asked + 1
    command = CheckPower(case.name, questions.attempts + 1, asked)
    until = case.monotonic + proof.answer_limit
    questions = replace(questions, attempts=questions.attempts + 1, power=command, power_until=until)
    return as_asked(hold, questions, command, asked, until)


def asked_early(case: Case, hold: Hold) -> Hold:
    """A host that only has to settle is asked about meanwhile; proof that comes then ends the settling."""
    if hold.reason is not Reason.SETTLING or first_hold(case, BEFORE_PROOF[1:]) is not None:
        return hold
    seen = case.outage.questions.life_seen
    unknown = seen is None or seen.at.monotonic < case.outage.since
    if case.policy.check_life and case.seen_up and unknown:
        # Whether it lives, as a link says, decides how long it settles and whether it needs proof at all.
        if case.outage.questions.life is None or case.monotonic < case.outage.questions.life_until:
            return _asked_with(hold, _early_life(case))
        questions = _unanswered(case, case.outage.questions)
        hold = replace(hold, questions=questions)
        case = replace(case, host=replace(case.host, outage=replace(case.outage, questions=questions)))
    early = proven(case)
    if early is None:
        due = case.ready_at - LIFE_LEAD
        if case.monotonic < due:
            return replace(hold, until=min(hold.until, due))
        early = lifeless(case)
    return _asked_with(hold, early)


def _early_life(case: Case) -> Hold:
    questions = case.outage.questions
    hold = Hold(reason=Reason.LIFE)
    if questions.life is None:
        return _ask_life(case, hold, questions)
    return replace(hold, until=questions.life_until)


def _asked_with(hold: Hold, early: Hold | None) -> Hold:
    """The hold, with what was asked early."""
    if early is None:
        return hold
    return replace(
        hold,
        questions=early.questions or hold.questions,
        commands=early.commands,
        asked=early.asked,
        until=min(hold.until, early.until),
    )


def upheld(case: Case) -> Hold | None:
    """NORMAL that waits for masakari: what it rests on is renewed before it is too old. None: upheld no more."""
    proof, unchecked = case.policy.proof, case.evidence is Evidence.UNCHECKED
    if not unchecked and case.evidence is not Evidence.OFF:
        return None
    hold = Hold(reason=Reason.SENT)
    if proof is not None and not case.lives:
        hold = _proven_anew(case, proof, expires(case.host.proofs, case.now, proof.age, unchecked=unchecked))
    if not (case.unproven and case.policy.check_life):
        return hold
    return _lifeless_still(case, hold)


def _proven_anew(case: Case, proof: ProofPolicy, end: float) -> Hold:
    """Asked early enough for an answer before monotonic second `end`."""
    questions = case.outage.questions
    if questions.power is not None and case.monotonic >= questions.power_until:
        questions = questions.power_closed(case.monotonic)
    renew = max(end - proof.answer_limit, questions.power_next)
    hold = Hold(reason=Reason.SENT, questions=questions, until=min(end, questions.power_until))
    if questions.power is not None:
        return hold
    if case.monotonic < renew:
        return replace(hold, until=min(renew, end))
    hold = ask_power(case, hold, questions, proof)
    return replace(hold, until=min(hold.until, end))


def _lifeless_still(case: Case, hold: Hold) -> Hold | None:
    """Nobody has checked that it is off: by the time at which masakari can be reached it may run, though lost to its
    cluster still. So it is tried again and again. None: something of it answers."""
    if hold.commands:
        return replace(hold, until=min(hold.until, case.monotonic + 1.0))  # one question at a time
    questions = hold.questions or case.outage.questions
    if questions.life is not None and case.monotonic >= questions.life_until:
        questions = _unanswered(case, questions)
    seen = questions.life_seen
    if seen is not None and seen.life is Life.ALIVE:
        return None
    due = -math.inf if seen is None else seen.at.old_at(LIFE_INTERVAL, case.now)
    if questions.life is not None:
        due = questions.life_until
    if case.monotonic < due:
        return replace(hold, questions=questions, until=min(hold.until, due))
    asked = _ask_life(case, hold, questions)
    return replace(asked, until=min(hold.until, asked.until))


def lifeless(case: Case) -> Hold | None:
    """Before NORMAL without proof, with no link up: does anything of the host still answer?"""
    if not case.policy.check_life or not case.unproven:
        return None
    questions = case.outage.questions
    if questions.life is not None:
        if case.monotonic < questions.life_until:
            return Hold(reason=Reason.LIFE, why=messages.LIFE, until=questions.life_until)
        questions = _unanswered(case, questions)
    seen = questions.life_known(case.now)
    if seen is None:
        hold = _held_by(case, questions) or Hold(reason=Reason.LIFE, why=messages.LIFE)
        return _ask_life(case, hold, questions)
    held = _held_by(case, questions)
    if held is None:
        return None
    until = min(held.until, seen.at.old_at(LIFE_INTERVAL, case.now))
    return replace(held, until=until, questions=questions)


def _held_by(case: Case, questions: Inquiry) -> Hold | None:
    """What the last answer about signs of life holds: a host that answers, and for a while one that nobody could try.

    What this monitor lacks says nothing of the host, so it is no reason to send NORMAL; but it may lack it for ever.
    """
    seen, since = questions.life_seen, questions.untried_since
    if seen is not None and seen.life is Life.ALIVE:
        return Hold(reason=Reason.ALIVE, why=messages.alive(seen.evidence), alarm=True)
    if seen is not None and since is not None and questions.is_untried(case.monotonic):
        why = messages.untried(seen.evidence, UNTRIED_FOR)
        return Hold(reason=Reason.UNTRIED, why=why, alarm=True, until=since + UNTRIED_FOR)
    return None


def _ask_life(case: Case, hold: Hold, questions: Inquiry) -> Hold:
    asked = case.host.asked + 1
    command = CheckLife(case.name, asked)
    until = case.monotonic + LIFE_LIMIT
    return as_asked(hold, replace(questions, life=command, life_until=until), command, asked, until)


def _unanswered(case: Case, questions: Inquiry) -> Inquiry:
    """Nobody could say in time: whatever this monitor lacked, it has not tried."""
    assert questions.life is not None
    seen = LifeSeen(
        host=case.name,
        life=Life.UNTRIED,
        evidence="no answer about signs of life",
        at=case.now,
        in_reply_to=questions.life,
    )
    return questions.life_answered(seen)


def not_twice(case: Case, status: HostStatus) -> Hold | None:
    """Has another monitor told masakari of this outage already? While all report, they ask and send in turns."""
    if not _others_may_have_told(case):
        return None
    questions, found = case.outage.questions, case.outage.questions.found
    if questions.lookup is not None:
        # masakari cannot be asked, and a failure is not lost for that
        gone = case.monotonic >= questions.lookup_until
        return None if gone else Hold(reason=Reason.ASKING, why=messages.ASKING, until=questions.lookup_until)
    if (
        found is not None
        and found.in_reply_to.host_status is status
        and case.monotonic <= found.at.old_at(LOOKUP_AGE, case.now)
    ):
        return None
    turn = _turn(case)
    if case.monotonic < turn:
        return Hold(reason=Reason.STAGGER, why=messages.STAGGER, until=turn)
    if not case.policy.look_up_reports:
        return None
    return _ask_list(case, Hold(reason=Reason.ASKING, why=messages.ASKING), status)


def told_by_another(case: Case, hold: Hold) -> Hold:
    """What holds a report because of masakari's maintenance: is the maintenance what another's report brought about?"""
    inquiry, policy = case.outage.questions, case.policy
    asks = policy.look_up_reports and case.cluster.reporter.reports
    if hold.reason is not Reason.MAINTENANCE or not asks:
        return hold
    if inquiry.lookup is not None or inquiry.found is not None:
        return hold
    # What its engine has begun with long ago did not bring about the flag of a failure of now.
    asked = _ask_list(case, hold, HostStatus.NORMAL, touched_since=_before_the_reading(case))
    return replace(asked, until=hold.until)


def still_excused(case: Case, since: Instant) -> Hold:
    """masakari has a report, of this failure or of one before it, with which its engine has not finished since `since`:
    that is an alarm after a while, and at once where masakari would take no other report."""
    due = case.monotonic if on_maintenance(case) else _excused_until(case, since)
    late = case.monotonic >= due
    hold = Hold(
        reason=Reason.UNFINISHED,
        why=messages.UNFINISHED if late else "",
        alarm=late,
        until=math.inf if late else due,
    )
    questions = case.outage.questions
    again = -math.inf if questions.found is None else questions.found.at.monotonic + WINDOW
    if questions.lookup is not None:
        again = questions.lookup_until
    if case.monotonic < again:
        return replace(hold, until=min(hold.until, again))
    asked = _ask_list(case, hold, HostStatus.NORMAL)
    return replace(asked, until=min(hold.until, asked.until))


def _excused_until(case: Case, since: Instant) -> float:
    """The monotonic second; of what began before a restart the wall clock tells, unless it was set back."""
    if since.monotonic > -math.inf:
        return since.monotonic + EXCUSED_FOR
    passed = (case.now.wall - since.wall).total_seconds()
    return case.monotonic + EXCUSED_FOR - passed if passed >= 0 else case.monotonic


def _ask_list(
    case: Case, hold: Hold, status: HostStatus, touched_since: datetime.datetime | None = None
) -> Hold:
    asked = case.host.asked + 1
    since, unfinished_since = _asked_since(case)
    if unfinished_since is not None and in_service(case):
        touched_since = _before_the_reading(case)
    command = LookUpReports(
        case.name,
        since,
        status,
        asked,
        unfinished_since=unfinished_since,
        touched_since=touched_since if unfinished_since is not None else None,
        failed=case.outage.failed.wall,
        # In a large cloud in which all report, each reads the whole list less than once in that time.
        flag=case.policy.lookup and not flag_is_fresh(case),
    )
    until = case.monotonic + LOOKUP_LIMIT
    questions = replace(case.outage.questions, lookup=command, lookup_until=until)
    return as_asked(hold, questions, command, asked, until)


def _asked_since(case: Case) -> tuple[datetime.datetime, datetime.datetime | None]:
    """From when on a report is of this failure; and from when on one with which masakari has not finished.

    Where nobody here has seen the failure begin, it may be the one that masakari is at.
    """
    report, now = case.outage.report, case.now.wall
    unfinished = now - UNFINISHED_AGE
    if report is not None and report.arrived:
        return now - datetime.timedelta(seconds=WINDOW), unfinished
    return told_since(case), None if case.outage.watch.begun else unfinished


def told_since(case: Case) -> datetime.datetime:
    """Since when an equal report in masakari, whoever made it, is of this failure.

    No earlier than the failure, though another monitor may have seen it and told it a little sooner: what is older may
    be about the outage before, and then this failure would be nobody's. Where nobody here has seen it begin, it may be
    what masakari would have called a duplicate when it was first seen, unless that is older than the end of the outage
    before; it stays so, however late masakari can be asked.
    """
    failed, ended = case.outage.failed.wall, case.host.outage_ended
    if case.outage.watch.begun:
        return failed
    since = failed - datetime.timedelta(seconds=WINDOW)
    # What ended after this failure was first seen did so by a clock that was set since.
    return max(since, ended.wall) if ended is not None and ended.wall <= failed else since


def _before_the_reading(case: Case) -> datetime.datetime:
    """Since when (wall time) masakari's engine may have begun with a report whose flag the last reading did not show:
    it sets the flag as the first thing, and is given the time to."""
    ago = case.monotonic - case.cluster.segments.read_at + WINDOW
    return case.now.wall - datetime.timedelta(seconds=min(ago, UNFINISHED_AGE.total_seconds()))


def _others_may_have_told(case: Case) -> bool:
    """All report; or masakari has refused it, perhaps because of another's report; or this monitor leads since later
    than the failure, and nobody has written down that it was told as NORMAL; or it was out of sight here."""
    reporter, outage = case.cluster.reporter, case.outage
    if reporter.standing is Standing.ALL:
        return True
    unwritten = not outage.told_normal and outage.watch.begun and outage.failed.monotonic < reporter.since
    return (unwritten or outage.watch.gap or outage.fate is Fate.REFUSED) and case.policy.look_up_reports


def _turn(case: Case) -> float:
    """The monotonic second of this monitor's next turn: turns come round by the wall clock, which all share."""
    step, slot = case.policy.stagger, case.outage.stagger
    if case.cluster.reporter.standing is not Standing.ALL or step <= 0 or slot is None:
        return case.monotonic
    round_ = step * (STAGGER_RANKS + 1)
    wait = (slot - case.now.wall.timestamp()) % round_
    its_turn = wait > round_ - step / 2 or wait < _ALIKE
    return case.monotonic if its_turn else case.monotonic + wait
