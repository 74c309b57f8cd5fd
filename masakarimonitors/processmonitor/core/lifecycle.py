"""One process's lifecycle, from running to restarted or reported: pure, and independent of all others.

    Unseen ──runs──> Running <──────────── it has run for probation ────────── Probation <──┐
       │                │ gone                                                    │ gone     │ runs
       └── gone ──> Grace ──a successor runs──> Probation                         v          │
       │              │ still gone                          ┌──────────────── Appearing ─────┤
       v              v                                     │ still gone at its  ^           │
    Unclear      Trying: pre, look, main, post ─────────────┼─────deadline───────┘           │
                      ^                                     │                                │
                      ├──────────── tries left ─────────────┤                                │
                      └── slow try ── Down <── last try: report ─────────────────────────────┘

What runs is never restarted: the main command is asked for only upon a fresh look that says GONE. What runs is never
reported: a report needs a fresh look too, made when the last try's time is over. Whoever waits has a time by which
something happens, so a lost answer delays and never silences. The table of moves is at the end.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum, auto

from masakarimonitors.core.decision import NOTHING, Decision, Instant, Ruling, Verdict, WakeAt
from masakarimonitors.processmonitor.core import telling, tries
from masakarimonitors.processmonitor.core.observation import CommandEnded, Presence, Sighting
from masakarimonitors.processmonitor.core.reports import Fate
from masakarimonitors.processmonitor.core.stages import (
    HOUR,
    LONGEST_LEAD,
    Appearing,
    Down,
    Grace,
    Kind,
    Outage,
    Policy,
    Probation,
    Running,
    Stage,
    Trying,
    Unclear,
    Unseen,
    WatchedProcess,
)
from masakarimonitors.processmonitor.core.telling import Outcome, try_of
from masakarimonitors.processmonitor.core.tries import Case

_LAST_PAUSE = 1.0
# A time is over by so many seconds when that is noticed: the loop waits in whole milliseconds.
_TIMERS_LATE = 0.001
_BLIND_PAUSE = 1.0
_UNCLEAR_PAUSE = 5.0


class Fact(Enum):
    """What can happen to a process's stage."""

    RUNS = auto()
    GONE = auto()
    DONE = auto()
    FAILED = auto()
    SHORT = auto()
    TIME = auto()


Move = Callable[[Case], Outcome]


def sighted(process: WatchedProcess, seen: Sighting, now: Instant, policy: Policy) -> Outcome:
    """A look at /proc: an answer, or something that the source noticed by itself."""
    answer = seen.in_reply_to != 0 and seen.in_reply_to == process.request_id
    if seen.at.monotonic < process.seen_at:
        # Overtaken by a newer look; but whoever waits for this answer must not wait for ever.
        return tries.look(process, now) if answer else (process, NOTHING)
    process = replace(process, seen_at=seen.at.monotonic, presence=seen.presence)
    if seen.presence is Presence.UNKNOWN:
        return _unknown(process, seen, answer, now)
    fact = Fact.RUNS if seen.presence is Presence.RUNNING else Fact.GONE
    process = replace(process, blind=False, runs_as=seen.evidence if fact is Fact.RUNS else "")
    case = Case(
        process=process,
        now=now,
        policy=policy,
        at=seen.at,
        answer=answer,
        why=seen.evidence,
        mention=seen.mention,
    )
    return _move(fact, case)


def ended(process: WatchedProcess, command: CommandEnded, now: Instant, policy: Policy) -> Outcome:
    """A command came to its end; only a look can tell whether it has helped."""
    if command.in_reply_to != process.request_id or not isinstance(process.stage, Trying):
        return process, NOTHING
    fact = Fact.SHORT if command.shortage else Fact.DONE if command.ok else Fact.FAILED
    if process.begun is not None and process.begun.earlier and (command.unheard or not command.shortage):
        # It was looked for what an earlier life has begun: it has ended, or is known by its pid.
        process = replace(process, begun=replace(process.begun, earlier=False))
    case = Case(process=process, now=now, policy=policy, at=now, answer=True, why=command.evidence)
    return _move(fact, replace(case, unheard=command.unheard, earlier=command.earlier))


def woken(process: WatchedProcess, now: Instant, policy: Policy) -> Outcome:
    """The time is up for what was waited for."""
    if process.due is None or now.monotonic < process.due:
        return process, NOTHING
    return _move(Fact.TIME, Case(process=process, now=now, policy=policy, at=now, answer=True))


def _move(fact: Fact, case: Case) -> Outcome:
    stage = type(case.process.stage)
    move = MOVES.get((stage, fact))
    if move is None:
        return case.process, NOTHING
    process, decision = move(case)
    rule = f"{stage.__name__}, {fact.name}".lower()
    verdicts = tuple(replace(verdict, rule=rule) for verdict in decision.verdicts)
    return process, replace(decision, verdicts=verdicts)


def _unknown(process: WatchedProcess, seen: Sighting, answer: bool, now: Instant) -> Outcome:
    decision = NOTHING
    if not process.blind:
        why = f"whether {process.name} runs cannot be seen; nothing is restarted or reported until it can"
        decision = Decision(
            verdicts=(Verdict(process.subject, Ruling.BLIND, why, evidence=seen.evidence, alarm=True),)
        )
        process = replace(process, blind=True)
    if answer:
        process, again = tries.wait(process, now.monotonic + _BLIND_PAUSE)
        decision += again
    return process, decision


# -- it runs --------------------------------------------------------------------------------------------


def _runs_at_first(case: Case) -> Outcome:
    if case.process.reported:  # by an earlier life of the monitor: that is over once it has run for a while
        return _on_probation(case)
    return _settle_down(replace(case.process, outage=None))


def _came_back_by_itself(case: Case) -> Outcome:
    """Somebody else has started it: that is no try of ours, and no recovery before it has lasted."""
    why = (
        f"{case.process.name} was started again by somebody else: nothing is done; it counts as recovered after"
        f" {case.policy.probation:g} s"
    )
    told = Verdict(case.process.subject, Ruling.HELD, why, evidence=case.why)
    return _prove_itself(case, Kind.RESTART, told)


def _on_probation(case: Case) -> Outcome:
    process = case.process
    if _by_itself(case):
        return _came_back_by_itself(case)
    why = f"{process.name} runs again{_after(process)}; it counts as recovered after {case.policy.probation:g} s"
    told = Verdict(process.subject, Ruling.ACTED, why, evidence=case.why)
    return _prove_itself(case, getattr(process.stage, "kind", Kind.RESTART), told)


def _prove_itself(case: Case, kind: Kind, told: Verdict) -> Outcome:
    until = case.at.monotonic + case.policy.probation
    process = replace(
        case.process,
        stage=Probation(kind=kind, since=case.at.monotonic, until=until),
        request_id=case.process.request_id + 1,
    )
    process, wait = tries.wait(process, until)
    return process, Decision(verdicts=(told,)) + wait


def _by_itself(case: Case) -> bool:
    """Whether none of our tries can have brought it back."""
    stage, outage = case.process.stage, case.process.outage
    begun = isinstance(stage, Trying | Appearing | Probation) and stage.kind is Kind.START
    return not begun and (outage is None or outage.tries == 0) and not isinstance(stage, Unseen | Unclear)


def _after(process: WatchedProcess) -> str:
    """After which try, in words."""
    stage = process.stage
    return f" after {try_of(process, stage.kind)}" if isinstance(stage, Appearing | Trying) else ""


def _still_runs(case: Case) -> Outcome:
    stage = case.process.stage
    assert isinstance(stage, Probation)
    if not case.answer or case.at.monotonic < stage.until:
        return case.process, NOTHING
    process, told = telling.recovered(case.process, stage.kind, case.now, case.policy, case.why)
    process, decision = _settle_down(process)
    return process, told + decision


def _settle_down(process: WatchedProcess) -> Outcome:
    # One that has ended often is looked at again when that is long enough ago.
    due = process.ends[0] + HOUR if process.often else None
    process = replace(process, stage=Running(), request_id=process.request_id + 1, due=due, outage=None)
    return process, Decision((WakeAt(process.subject, due),))


def _runs_on(case: Case) -> Outcome:
    process = case.process
    if not process.often or not case.answer:
        return process, NOTHING
    if case.at.monotonic < process.ends[0] + HOUR:
        return tries.wait(process, process.ends[0] + HOUR)
    return _settle_down(replace(process, often=False))


# -- it is gone -----------------------------------------------------------------------------------------


def _gone_at_first(case: Case) -> Outcome:
    process = case.process
    if not case.mention:
        kind = Kind.START if process.entry.start_command else Kind.RESTART
        return _fall(case, kind)
    decision = NOTHING
    if not isinstance(process.stage, Unclear):
        why = (
            f"nothing that runs is {process.name}, but its text stands in a command line, as it does where the entry"
            " does not fit the service any more: nothing is started or reported. Compare the list with what"
            " `masakari-monitors check` shows"
        )
        decision = Decision(
            verdicts=(Verdict(process.subject, Ruling.HELD, why, evidence=case.mention, alarm=True),)
        )
    process, wait = tries.wait(
        replace(process, stage=Unclear(case.mention)), case.now.monotonic + _UNCLEAR_PAUSE
    )
    return process, decision + wait


def _died(case: Case) -> Outcome:
    process, alarm = _count(case)
    process, decision = _fall(replace(case, process=process), Kind.RESTART)
    return process, alarm + decision


def _count(case: Case) -> Outcome:
    """One more end; so many within an hour are an alarm, whoever has started it again each time."""
    process, limit = case.process, case.policy.restarts_per_hour
    ends = (*process.ends, case.at.monotonic)[-limit:]
    often = len(ends) == limit and ends[0] > case.at.monotonic - HOUR
    process = replace(process, ends=ends, often=often)
    if not often or case.process.often:
        return process, NOTHING
    why = f"{process.name} has ended {limit} times within an hour, and was started again each time: look for the cause"
    alarm = Verdict(process.subject, Ruling.SUSPECTED, why, evidence=case.why, alarm=True)
    return process, Decision(verdicts=(alarm,))


def _fall(case: Case, kind: Kind) -> Outcome:
    """It is gone: somebody else may be about to start it again, as in an orderly restart.

    Without a grace, too, what was noticed by itself is looked at once more, at everybody: who has long been something
    else may be taking its place at this very moment.
    """
    process = replace(case.process, outage=case.process.outage or _outage(case))
    if case.policy.restart_grace <= 0 and case.answer:
        return tries.begin(process, kind, case)
    until = case.at.monotonic + max(0.0, case.policy.restart_grace)
    return tries.look(replace(process, stage=Grace(until, kind, tries.FIRST_PAUSE)), case.now)


def _outage(case: Case) -> Outage:
    """A new one, or one more turn of a crash loop: what masakari still acts on stands for that, too."""
    told = case.process.told
    if told is None or told.before_boot or told.fate is not Fate.DELIVERED:
        return Outage(since=case.at)
    return Outage(since=case.at, report=replace(told, earlier=True))


def _not_back_yet(case: Case) -> Outcome:
    stage = case.process.stage
    assert isinstance(stage, Grace)
    if not case.answer:
        return case.process, NOTHING
    if case.at.monotonic >= stage.until - stage.lead:
        return tries.begin(case.process, stage.kind, case)
    took = case.now.monotonic - tries.asked_at(case.process, case.at.monotonic) + _TIMERS_LATE
    lead = min(took, LONGEST_LEAD * case.policy.restart_grace)
    due = min(case.now.monotonic + stage.pause, max(stage.until - lead, case.now.monotonic))
    pause = min(stage.pause * 2, _LAST_PAUSE)
    return tries.wait(replace(case.process, stage=replace(stage, pause=pause, lead=lead)), due)


def _not_appeared(case: Case) -> Outcome:
    stage = case.process.stage
    assert isinstance(stage, Appearing)
    if not case.answer:
        return case.process, NOTHING
    if case.at.monotonic >= stage.deadline:
        return _failed(case, stage)
    due = min(case.now.monotonic + stage.pause, max(stage.deadline, case.now.monotonic))
    return tries.wait(
        replace(case.process, stage=replace(stage, pause=min(stage.pause * 2, _LAST_PAUSE))), due
    )


def _fell_again(case: Case) -> Outcome:
    """In its probation: that try has failed, and the next one keeps its distance.

    Whom somebody else has started, that one may be starting again: the grace is that one's as before.
    """
    stage = case.process.stage
    assert isinstance(stage, Probation)
    process, alarm = _count(case)
    ran = case.at.monotonic - stage.since
    by_itself = _by_itself(case)
    outcome = "it has not recovered" if by_itself else f"{try_of(process, stage.kind)} has failed"
    why = f"{process.name} ended again {ran:.1f} s after it came back: {outcome}"
    told = Decision(verdicts=(Verdict(process.subject, Ruling.SUSPECTED, why, evidence=case.why),))
    grace = case.policy.restart_grace if by_itself else 0.0
    deadline = max(case.now.monotonic + grace, stage.since + case.policy.interval)
    process = tries.troubled(process, why, case.at)
    process, decision = tries.appear(process, stage.kind, case.now, deadline, hopeless=True)
    return process, alarm + told + decision


def _failed(case: Case, stage: Appearing) -> Outcome:
    """A try is over and a fresh look says GONE."""
    process, outage = case.process, case.process.outage or Outage(since=case.at)
    if stage.again is not None:
        return tries.begin(process, stage.kind, case, stage.again)
    if stage.kind is Kind.START or outage.tries < case.policy.tries:
        return tries.begin(process, Kind.RESTART, case)
    process, decision = telling.report(replace(process, outage=outage), case.now, case.policy, case.why)
    assert process.outage is not None
    slow = outage.slow + 1
    # Doubling from the operator's own interval; the exponent is bounded because floats are.
    pause = min(case.policy.slow_interval, case.policy.interval * 2.0 ** min(slow, 30))
    outage = replace(process.outage, slow=slow)
    until = case.now.monotonic + pause
    process = replace(process, stage=Down(until), outage=outage, request_id=process.request_id + 1)
    process, wait = tries.wait(process, until)
    return process, decision + wait


def _runs_before(case: Case) -> Outcome:
    stage = case.process.stage
    assert isinstance(stage, Trying)
    return _on_probation(case) if stage.step is None else (case.process, NOTHING)


MOVES: Mapping[tuple[type[Stage], Fact], Move] = {
    (Unseen, Fact.RUNS): _runs_at_first,
    (Unseen, Fact.GONE): _gone_at_first,
    (Unseen, Fact.TIME): tries.look_again,
    (Unclear, Fact.RUNS): _runs_at_first,
    (Unclear, Fact.GONE): _gone_at_first,
    (Unclear, Fact.TIME): tries.look_again,
    (Running, Fact.RUNS): _runs_on,
    (Running, Fact.GONE): _died,
    (Running, Fact.TIME): tries.look_again,
    (Grace, Fact.RUNS): _came_back_by_itself,
    (Grace, Fact.GONE): _not_back_yet,
    (Grace, Fact.TIME): tries.look_again,
    (Trying, Fact.RUNS): _runs_before,
    (Trying, Fact.GONE): tries.gone_before,
    (Trying, Fact.DONE): tries.done,
    (Trying, Fact.FAILED): tries.command_failed,
    (Trying, Fact.SHORT): tries.short,
    (Trying, Fact.TIME): tries.asked_in_vain,
    (Appearing, Fact.RUNS): _on_probation,
    (Appearing, Fact.GONE): _not_appeared,
    (Appearing, Fact.TIME): tries.look_again,
    (Probation, Fact.RUNS): _still_runs,
    (Probation, Fact.GONE): _fell_again,
    (Probation, Fact.TIME): tries.look_again,
    (Down, Fact.RUNS): _on_probation,
    (Down, Fact.GONE): tries.slow_try,
    (Down, Fact.TIME): tries.look_again,
}
"""What each fact does at each stage; what stands not here changes nothing."""
