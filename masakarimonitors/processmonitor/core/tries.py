"""The tries to start a process again: which command comes next, and what its end means. Pure.

Each move takes a `Case` and gives the process as it is then, and what is asked for. Which move comes when stands in
the table of lifecycle.py.
"""

from dataclasses import dataclass, replace

from masakarimonitors.core.decision import NOTHING, Decision, Instant, Ruling, Verdict, WakeAt
from masakarimonitors.processmonitor.core.observation import Look, Run, Step
from masakarimonitors.processmonitor.core.stages import (
    COMMAND_GRACE,
    LATE,
    Appearing,
    Kind,
    Outage,
    Policy,
    Trying,
    WatchedProcess,
)
from masakarimonitors.processmonitor.core.telling import Outcome, try_of

LOOK_PATIENCE = 10.0
"""Seconds after which a look that was never answered is asked for again; one takes milliseconds."""

FIRST_PAUSE = 0.05
"""Seconds from one look to the next while something may appear; twice as long each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One fact about one process. `answer`: it answers what was asked. `at`: when it was so; `why`: the evidence.

    `unheard`: its command was started, and how that ended is not known; `earlier`: by an earlier life of this monitor,
    or it may have been.
    """

    process: WatchedProcess
    now: Instant
    policy: Policy
    at: Instant
    answer: bool = False
    why: str = ""
    mention: str = ""
    unheard: bool = False
    earlier: bool = False


def begin(process: WatchedProcess, kind: Kind, case: Case, at: Step = Step.PRE) -> Outcome:
    """Begin a try: its pre command at once (the look that brought us here is fresh), or its main one.

    `at`: where it goes on, if it has begun before.
    """
    outage = process.outage or Outage(since=case.at)
    process = replace(process, outage=replace(outage, tries=outage.tries + (kind is Kind.RESTART)))
    if not process.command(kind, Step.MAIN):
        why = f"{process.name} is not running and has no {kind.value}_command; waiting for it to return"
        decision = Decision(verdicts=(Verdict(process.subject, Ruling.HELD, why, evidence=case.why),))
        process = troubled(process, f"no {kind.value}_command is given", case.at)
        process, waiting = appear(
            process, kind, case.now, case.now.monotonic + case.policy.interval, hopeless=True
        )
        return process, decision + waiting
    assert process.outage is not None
    tries = process.outage.tries
    limit = f" of {case.policy.tries}" if kind is Kind.RESTART and tries <= case.policy.tries else ""
    why = f"{process.name} is not running: {try_of(process, kind)}{limit} begins"
    begun = Decision(verdicts=(Verdict(process.subject, Ruling.ACTED, why, evidence=case.why),))
    step = Step.PRE if at is Step.PRE and process.command(kind, Step.PRE) else Step.MAIN
    process, asked = run(process, kind, step, case)
    return process, asked + begun


def look_before(case: Case) -> Outcome:
    """The pre command is over: what it has brought back is not restarted."""
    stage = case.process.stage
    assert isinstance(stage, Trying)
    return look(replace(case.process, stage=replace(stage, step=None)), case.now)


def done(case: Case) -> Outcome:
    stage = case.process.stage
    assert isinstance(stage, Trying)
    if stage.step is Step.PRE:
        return look_before(case)
    case = replace(case, process=short_no_more(case.process))
    if stage.step is Step.MAIN and case.process.command(stage.kind, Step.POST):
        return run(case.process, stage.kind, Step.POST, case)
    return has_begun(case)


def has_begun(case: Case) -> Outcome:
    """The main command has succeeded: a service may need long to appear, and another one would be a second copy."""
    stage = case.process.stage
    assert isinstance(stage, Trying)
    patience = max(case.policy.interval, case.policy.start_patience)
    return appear(case.process, stage.kind, case.now, case.now.monotonic + patience)


def command_failed(case: Case) -> Outcome:
    stage = case.process.stage
    assert isinstance(stage, Trying)
    process = short_no_more(case.process)
    process = troubled(process, case.why, case.at)
    if stage.step is Step.POST:
        return has_begun(replace(case, process=process))
    return appear(process, stage.kind, case.now, case.now.monotonic + case.policy.interval, hopeless=True)


def short(case: Case) -> Outcome:
    """This monitor lacks something of its own: that is no try, and says nothing about the service.

    What lasts is another matter: a helper that reads another list refuses for ever, and what nobody starts is down.
    A try whose main command has succeeded stands, and its service is waited for: run anew it would begin anew. One of
    whose command nobody knows how it ended may have succeeded: its service has the time to appear before it goes on.
    """
    process, stage, outage = case.process, case.process.stage, case.process.outage
    assert isinstance(stage, Trying) and stage.step is not None and outage is not None
    if stage.step is Step.POST:
        what = "how the last command of a try ended is not known of"
        if not case.unheard:
            what = "no command can be started after the one of"
        why = f"{what} {process.name}, which is this monitor's own shortage"
        told = Decision(
            verdicts=(Verdict(process.subject, Ruling.BLIND, why, evidence=case.why, alarm=True),)
        )
        waiting, asked = has_begun(replace(case, process=troubled(process, case.why, case.at)))
        return waiting, told + asked
    if case.earlier:
        return _outlasted(case, stage.kind, stage.step, outage)
    since = case.now.monotonic if outage.short_since is None else outage.short_since
    counts = case.now.monotonic - since >= case.policy.shortage
    lasting = (
        f"for {case.policy.shortage:g} s and more: this is a failed try" if counts else "no try is counted"
    )
    what = "no command can be started for"
    if case.unheard:
        what = f"how the {stage.kind.key(stage.step)} ended is not known of"
    why = f"{what} {process.name}, which is this monitor's own shortage: {lasting}"
    told = Decision(verdicts=(Verdict(process.subject, Ruling.BLIND, why, evidence=case.why, alarm=True),))
    tries = outage.tries - (stage.kind is Kind.RESTART and not counts)
    process = replace(process, outage=replace(outage, short_since=since, trouble=case.why, tries=tries))
    patience = max(case.policy.interval, case.policy.start_patience if case.unheard else 0.0)
    deadline, again = case.now.monotonic + patience, None if counts else stage.step
    process, decision = appear(process, stage.kind, case.now, deadline, again, hopeless=not case.unheard)
    return process, told + decision


def _outlasted(case: Case, kind: Kind, step: Step, outage: Outage) -> Outcome:
    """An earlier life has, or may have, begun a command, and nobody has heard what it has brought about: its service
    has the time to appear. This monitor lacks nothing, and that was no try of this life."""
    patience = max(case.policy.interval, case.policy.start_patience)
    why = (
        f"this monitor has, or may have, begun a command of {case.process.name} before its last end, and nobody has"
        f" heard how that ended: the service has {patience:g} s to appear before its {kind.key(step)} is run; no try is"
        " counted"
    )
    told = Verdict(case.process.subject, Ruling.HELD, why, evidence=case.why, alarm=True)
    tries = outage.tries - (kind is Kind.RESTART)
    outage = replace(outage, short_since=None, trouble=case.why, tries=tries)
    process = replace(case.process, outage=outage)
    process, asked = appear(process, kind, case.now, case.now.monotonic + patience, step)
    return process, Decision(verdicts=(told,)) + asked


def asked_in_vain(case: Case) -> Outcome:
    stage, due = case.process.stage, case.process.due
    assert isinstance(stage, Trying)
    if stage.step is not None and due is not None and case.now.monotonic > due + LATE:
        # This process stood still: the command may have ended as it should, and its end come right behind.
        return wait(case.process, case.now.monotonic + LATE)
    if stage.step is None:
        return look(case.process, case.now)
    # Whoever runs it tells its end, however it ends: that nobody has is this monitor's own fault.
    return short(replace(case, why="nobody has told that its command ended", unheard=True))


def gone_before(case: Case) -> Outcome:
    stage = case.process.stage
    assert isinstance(stage, Trying)
    if stage.step is not None or not case.answer:
        return case.process, NOTHING
    return run(case.process, stage.kind, Step.MAIN, case)


def slow_try(case: Case) -> Outcome:
    return begin(case.process, Kind.RESTART, case) if case.answer else (case.process, NOTHING)


# -- asking and waiting ---------------------------------------------------------------------------------


def run(process: WatchedProcess, kind: Kind, step: Step, case: Case) -> Outcome:
    line = process.command(kind, step)
    if not line:  # the list was reloaded meanwhile and no longer has it
        return appear(process, kind, case.now, case.now.monotonic + case.policy.interval, hopeless=True)
    request_id = process.request_id + 1
    due = case.now.monotonic + case.policy.command_timeout + COMMAND_GRACE
    process = replace(process, stage=Trying(kind=kind, step=step), request_id=request_id, due=due)
    run = Run(
        process_name=process.name,
        request_id=request_id,
        what=kind.key(step),
        command_line=line,
        run_as_root=process.entry.run_as_root,
        left_since=process.begun.since if process.begun is not None and process.begun.earlier else None,
    )
    return process, Decision((run, WakeAt(process.subject, due)))


def appear(
    process: WatchedProcess,
    kind: Kind,
    now: Instant,
    deadline: float,
    again: Step | None = None,
    *,
    hopeless: bool = False,
) -> Outcome:
    stage = Appearing(kind=kind, deadline=deadline, pause=FIRST_PAUSE, again=again, hopeless=hopeless)
    return look(replace(process, stage=stage), now)


def look_again(case: Case) -> Outcome:
    return look(case.process, case.now)


def look(process: WatchedProcess, now: Instant) -> Outcome:
    request_id = process.request_id + 1
    due = now.monotonic + LOOK_PATIENCE
    process = replace(process, request_id=request_id, due=due)
    return process, Decision((Look(process.name, request_id), WakeAt(process.subject, due)))


def asked_at(process: WatchedProcess, otherwise: float) -> float:
    """The monotonic second at which the look was asked for that has just been answered."""
    return otherwise if process.due is None else min(process.due - LOOK_PATIENCE, otherwise)


def wait(process: WatchedProcess, due: float) -> Outcome:
    return replace(process, due=due), Decision((WakeAt(process.subject, due),))


def troubled(process: WatchedProcess, why: str, at: Instant) -> WatchedProcess:
    return replace(process, outage=replace(process.outage or Outage(since=at), trouble=why))


def short_no_more(process: WatchedProcess) -> WatchedProcess:
    """A command of it has started, or a try has failed as any may."""
    outage = process.outage
    return process if outage is None else replace(process, outage=replace(outage, short_since=None))
