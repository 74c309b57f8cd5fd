"""The table of moves, explored breadth-first at small size: whatever happens in whatever order, from the start on."""

import datetime
from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from masakarimonitors.core.decision import Decision, Instant, Notify, Ruling
from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.processmonitor.core import lifecycle, telling
from masakarimonitors.processmonitor.core.lifecycle import MOVES
from masakarimonitors.processmonitor.core.observation import (
    CommandEnded,
    Entry,
    Presence,
    ReportEnded,
    Run,
    Sighting,
    Step,
)
from masakarimonitors.processmonitor.core.reports import NO_REPORT, Fate
from masakarimonitors.processmonitor.core.stages import (
    Appearing,
    Down,
    Grace,
    Policy,
    Probation,
    Running,
    Trying,
    Unclear,
    Unseen,
    WatchedProcess,
)
from tests.fixtures.playbook import EPOCH

POLICY = Policy(
    hostname="node1",
    restart_retries=1,
    restart_interval=1.0,
    restart_grace=1.0,
    start_patience=2.0,
    restarts_per_hour=2,
    command_timeout=1.0,
    slow_interval=4.0,
    short_patience=1.0,
)
ENTRY = Entry(process_name="p", start_command="start", restart_command="restart", post_restart_command="post")
STAGES = (Unseen, Unclear, Running, Grace, Trying, Appearing, Probation, Down)

Step_ = tuple[str, WatchedProcess, float, Decision]


def at(seconds: float) -> Instant:
    return Instant(seconds, EPOCH + datetime.timedelta(seconds=seconds))


def sighting(presence: Presence, now: float, asked: int = 0, mention: str = "") -> Sighting:
    return Sighting(
        process_name="p", presence=presence, at=at(now), evidence="seen", in_reply_to=asked, mention=mention
    )


def everything(process: WatchedProcess, now: float) -> Iterator[Step_]:
    """All that can happen next, each with what the process is then, when that is, and what was decided."""
    asked = process.request_id
    for presence in Presence:
        for reply in (0, asked):
            seen = sighting(presence, now, reply)
            yield (
                f"{presence.name} {bool(reply)}",
                *_at(now, lifecycle.sighted(process, seen, at(now), POLICY)),
            )
    if isinstance(process.stage, Unseen | Unclear):
        seen = sighting(Presence.GONE, now, asked, "pid 7")
        yield ("mentioned", *_at(now, lifecycle.sighted(process, seen, at(now), POLICY)))
    if isinstance(process.stage, Trying) and process.stage.step is not None:
        for code, short in ((0, False), (1, False), (None, True)):
            command = CommandEnded("p", asked, code, "ended", shortage=short)
            yield (f"ended {code}", *_at(now, lifecycle.ended(process, command, at(now), POLICY)))
    if process.due is not None:
        later = max(now, process.due)
        yield ("time", *_at(later, lifecycle.woken(process, at(later), POLICY)))
    outage = process.outage
    if outage is not None and outage.report.fate is Fate.PENDING and outage.report.made_at is not None:
        for status in (ReportStatus.DELIVERED, ReportStatus.REFUSED):
            report = ReportEnded(
                subject="process:p", made_at=outage.report.made_at, status=status, why="409", at=at(now)
            )
            yield (status.name, *_at(now, telling.settled(process, report, POLICY)))


def _at(now: float, outcome: tuple[WatchedProcess, Decision]) -> tuple[WatchedProcess, float, Decision]:
    return outcome[0], now, outcome[1]


def likeness(process: WatchedProcess, now: float) -> WatchedProcess:
    """The same with all times relative, so that two that will behave alike are equal."""

    def ago(moment: float) -> float:
        return float(max(-1, round(moment - now)))

    stage = process.stage
    match stage:
        case Grace():
            stage = replace(stage, until=ago(stage.until), pause=0.0)
        case Appearing():
            stage = replace(stage, deadline=ago(stage.deadline), pause=0.0)
        case Down():
            stage = replace(stage, until=0.0)
        case Probation():
            stage = replace(stage, since=ago(stage.since), until=ago(stage.until))
    outage = process.outage
    if outage is not None:
        report = replace(outage.report, made_at=None, reported_at=None, again_at=0.0, ended=0)
        slow, tries = min(outage.slow, 2), min(outage.tries, POLICY.tries + 1)
        short = None if outage.short_since is None else now - outage.short_since >= POLICY.shortage
        outage = replace(outage, since=at(0), report=report, trouble="", slow=slow, tries=tries)
        outage = replace(outage, short_since=None if short is None else float(short))
    due = None if process.due is None else ago(process.due)
    taken_back = None if process.taken_back is None else NO_REPORT
    return replace(
        process,
        stage=stage,
        outage=outage,
        due=due,
        request_id=0,
        seen_at=0.0,
        ends=(),
        often=False,
        told=None,
        taken_back=taken_back,
    )


def check(what: str, before: WatchedProcess, after: WatchedProcess, decision: Decision) -> None:
    told = [verdict.ruling for verdict in decision.verdicts]
    for command in decision.commands:
        if isinstance(command, Run) and not command.what.startswith("post"):
            assert what == "GONE True", (what, before, command)
        if isinstance(command, Notify):
            assert what == "GONE True" and isinstance(before.stage, Appearing), (what, before)
            fate = before.outage.report.fate if before.outage is not None else Fate.NOT_MADE
            assert fate in (Fate.NOT_MADE, Fate.REFUSED), (what, before)
    if Ruling.WITHDRAWN in told:
        assert before.outage is not None and before.outage.report.fate is Fate.PENDING
    if before.outage is not None and before.reported and after.outage is None:
        assert (isinstance(before.stage, Probation) and what == "RUNS True") or what == "RUNNING True"
    if what.startswith("UNKNOWN"):
        assert after.stage == before.stage and not any(isinstance(c, Run | Notify) for c in decision.commands)
    if not isinstance(after.stage, Unseen | Running):
        assert after.due is not None, f"it could wait for ever: {what} {after}"
    if isinstance(after.stage, Trying) and after.stage.step in (Step.MAIN, Step.PRE):
        assert after.outage is not None


def test_whatever_happens_nothing_is_accused_and_nothing_waits_for_ever() -> None:
    first = WatchedProcess(entry=ENTRY)
    seen = {likeness(first, 0.0)}
    queue = deque([(first, 100.0)])
    stages: set[type] = set()
    reported = 0
    while queue:
        process, now = queue.popleft()
        stages.add(type(process.stage))
        for what, after, then, decision in everything(process, now):
            check(what, process, after, decision)
            reported += any(isinstance(command, Notify) for command in decision.commands)
            like = likeness(after, then)
            if like not in seen:
                seen.add(like)
                queue.append((after, then))
    assert stages == set(STAGES)
    assert reported > 10 and len(seen) > 200, len(seen)


def test_each_stage_has_a_move_for_what_ends_its_wait() -> None:
    moves = set(MOVES)
    for stage in STAGES:
        assert (stage, lifecycle.Fact.TIME) in moves
        assert (stage, lifecycle.Fact.RUNS) in moves or stage is Running
        assert (stage, lifecycle.Fact.GONE) in moves
