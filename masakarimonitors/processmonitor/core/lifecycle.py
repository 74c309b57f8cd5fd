"""One process's lifecycle, from running to restarted or reported: pure, and independent of all others.

    UNSEEN ──running──> RUNNING <──────────────── seen running ───────────────┐
       └─gone─┐             │ gone                                            │
              v             v                                                 │
            [PRE ──> CHECKING ──> MAIN ──> POST] ──> SETTLING ────────────────┤
              ^                                         │ still gone after restart_interval
              ├── tries left ───────────────────────────┤                     │
              └── slow try <── CHECKING <── RESTING <── last try: report ─────┘

What runs is never restarted: MAIN is asked for only upon a fresh look that says GONE. What runs is
never reported: a report needs a fresh look too, made when the last try's time is over. Every phase
but UNSEEN and RUNNING has a time by which something happens, so a lost answer delays and never silences.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from masakarimonitors.core.decision import (
    NOTHING,
    Decision,
    Instant,
    Notify,
    Remember,
    Ruling,
    Verdict,
    WakeAt,
    Withdraw,
)
from masakarimonitors.core.notification import HostEvent, ProcessNotification
from masakarimonitors.processmonitor.core.observation import (
    CommandEnded,
    Entry,
    Look,
    Presence,
    Run,
    Sighting,
    Step,
)

LOOK_PATIENCE = 10.0
"""Seconds after which a look that was never answered is asked for again; one takes milliseconds."""

_COMMAND_GRACE = 30.0
_FIRST_PAUSE = 0.05
_LAST_PAUSE = 1.0
_SHORTEST_PROBATION = 1.0
_BLIND_PAUSE = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The operator's settings.

    A process gets one try and `restart_retries` more, `restart_interval` seconds apart, before it is
    reported, as always in this field; then slow tries, up to `slow_interval` seconds apart.
    """

    hostname: str
    restart_retries: int = 3
    restart_interval: float = 5.0
    command_timeout: float = 60.0
    slow_interval: float = 300.0

    @property
    def tries(self) -> int:
        """How many restarts are tried before the report."""
        return self.restart_retries + 1


class Phase(StrEnum):
    """Where a process is in its lifecycle."""

    UNSEEN = "not looked at yet"
    RUNNING = "running"
    PRE = "pre command runs"
    CHECKING = "looking before the command"
    MAIN = "command runs"
    POST = "post command runs"
    SETTLING = "waiting for it to appear"
    RESTING = "down, waiting for the next slow try"


class Kind(StrEnum):
    """Which of the two sets of commands a try uses."""

    START = "start"
    RESTART = "restart"


_AT_WORK = frozenset({Phase.PRE, Phase.MAIN, Phase.POST})
_PHASE = {Step.PRE: Phase.PRE, Step.MAIN: Phase.MAIN, Step.POST: Phase.POST}


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedProcess:
    """One entry of the list and everything known about it.

    `request_id`: the request whose reply counts. `due`: when to act if no answer comes. `tries`: restarts
    tried since it last ran stably; `slow`: those of them after the report. `restarted_at`: when
    it last came back; it is on probation from then on.
    """

    entry: Entry
    request_id: int = 0
    phase: Phase = Phase.UNSEEN
    kind: Kind = Kind.START
    next_step: Step = Step.PRE
    due: float | None = None
    deadline: float = 0.0
    pause: float = _FIRST_PAUSE
    tries: int = 0
    slow: int = 0
    seen_at: float = float("-inf")
    down_since: Instant | None = None
    restarted_at: float | None = None
    reported: bool = False
    blind: bool = False
    trouble: str = ""

    @property
    def name(self) -> str:
        """The process_name of the list."""
        return self.entry.process_name

    @property
    def subject(self) -> str:
        """What the outbox and the status call it; also the key of its wake-up and of its memory."""
        return subject_of(self.entry.process_name)

    def command(self, step: Step) -> str | None:
        """The command line of this step of the current kind of try, if the list gives one."""
        prefix = "" if step is Step.MAIN else f"{step.value}_"
        line: str | None = getattr(self.entry, f"{prefix}{self.kind.value}_command")
        return line


Outcome = tuple[WatchedProcess, Decision]


def subject_of(process_name: str) -> str:
    """As in the notifications: order is kept, and recovery withdraws, per subject."""
    return f"process:{process_name}"


def forget(subject: str, why: str) -> Decision:
    """Take back what was reported of `subject`, as far as it was not delivered, and forget it."""
    return Decision(
        (Withdraw(subject, why), Remember(subject, None)), (Verdict(subject, Ruling.WITHDRAWN, why),)
    )


def sighted(process: WatchedProcess, seen: Sighting, now: Instant, policy: Policy) -> Outcome:
    """A look at /proc: an answer, or something that the source noticed by itself."""
    answer = seen.in_reply_to != 0 and seen.in_reply_to == process.request_id
    if seen.at.monotonic < process.seen_at:
        # Overtaken by a newer look; but whoever waits for this answer must not wait for ever.
        return _look(process, now) if answer else (process, NOTHING)
    process = replace(process, seen_at=seen.at.monotonic)
    match seen.presence:
        case Presence.RUNNING:
            return _running(replace(process, down_since=None, blind=False), seen, now)
        case Presence.GONE:
            process = replace(process, down_since=process.down_since or seen.at, blind=False)
            return _gone(process, seen, answer, now, policy)
        case Presence.UNKNOWN:
            return _unknown(process, seen, answer, now)


def ended(process: WatchedProcess, command: CommandEnded, now: Instant, policy: Policy) -> Outcome:
    """A command came to its end; only a look can tell whether it has helped."""
    if command.in_reply_to != process.request_id or process.phase not in _AT_WORK:
        return process, NOTHING
    if not command.ok:
        return _settle(
            replace(process, trouble=command.evidence), now, now.monotonic + policy.restart_interval
        )
    if process.phase is Phase.PRE:
        return _check(process, Step.MAIN, now)
    if process.phase is Phase.MAIN and process.command(Step.POST):
        return _run(process, Step.POST, now, policy)
    return _settle(process, now, now.monotonic + policy.restart_interval)


def woken(process: WatchedProcess, now: Instant, policy: Policy) -> Outcome:
    """The time is up for what was waited for."""
    if process.due is None or now.monotonic < process.due:
        return process, NOTHING
    if process.phase in _AT_WORK:
        process = replace(process, trouble="its command never came to an end")
        return _settle(process, now, now.monotonic + policy.restart_interval)
    if process.phase is Phase.RESTING:
        return _check(process, Step.PRE, now)
    return _look(process, now)


def _running(process: WatchedProcess, seen: Sighting, now: Instant) -> Outcome:
    decision = NOTHING
    if process.reported:
        decision = forget(
            process.subject, f"{process.name} runs again: what was not yet sent must not be sent"
        )
        process = replace(process, reported=False)
    if process.phase is Phase.RUNNING or process.phase in _AT_WORK:
        return process, decision
    if process.phase is not Phase.UNSEEN:
        why = f"{process.name} runs again after {_try(process)}"
        process = replace(process, restarted_at=now.monotonic)
        decision += Decision(
            verdicts=(Verdict(process.subject, Ruling.RECOVERED, why, evidence=seen.evidence),)
        )
    process = replace(process, phase=Phase.RUNNING, request_id=process.request_id + 1, due=None, trouble="")
    return process, decision + Decision((WakeAt(process.subject, None),))


def _gone(process: WatchedProcess, seen: Sighting, answer: bool, now: Instant, policy: Policy) -> Outcome:
    match process.phase:
        case Phase.UNSEEN:
            kind = Kind.START if process.entry.start_command else Kind.RESTART
            return _begin(replace(process, kind=kind), seen.evidence, now, policy)
        case Phase.RUNNING:
            return _died(process, seen, now, policy)
        case Phase.CHECKING if answer and process.next_step is Step.MAIN:
            return _run(process, Step.MAIN, now, policy)
        case Phase.CHECKING if answer:
            return _begin(process, seen.evidence, now, policy)
        case Phase.SETTLING if answer and seen.at.monotonic >= process.deadline:
            return _failed(process, seen, now, policy)
        case Phase.SETTLING if answer:
            due = min(now.monotonic + process.pause, process.deadline)
            return _wait(replace(process, pause=min(process.pause * 2, _LAST_PAUSE)), due)
    return process, NOTHING


def _unknown(process: WatchedProcess, seen: Sighting, answer: bool, now: Instant) -> Outcome:
    decision = NOTHING
    if not process.blind:
        why = f"whether {process.name} runs cannot be seen; nothing is restarted or reported until it can"
        decision = Decision(
            verdicts=(Verdict(process.subject, Ruling.BLIND, why, evidence=seen.evidence, alarm=True),)
        )
        process = replace(process, blind=True)
    if answer:
        process, again = _wait(process, now.monotonic + _BLIND_PAUSE)
        decision += again
    return process, decision


def _died(process: WatchedProcess, seen: Sighting, now: Instant, policy: Policy) -> Outcome:
    back = process.restarted_at
    probation = max(policy.restart_interval, _SHORTEST_PROBATION)
    if back is None or process.kind is Kind.START or seen.at.monotonic - back >= probation:
        process = replace(process, kind=Kind.RESTART, tries=0, slow=0)
        return _begin(process, seen.evidence, now, policy)
    # It fell again at once: that try has failed, and the next one keeps its distance.
    why = f"{process.name} ended again {seen.at.monotonic - back:.1f} s after it came back: {_try(process)} has failed"
    suspected = Decision(verdicts=(Verdict(process.subject, Ruling.SUSPECTED, why, evidence=seen.evidence),))
    process, decision = _settle(replace(process, trouble=why), now, back + policy.restart_interval)
    return process, suspected + decision


def _begin(process: WatchedProcess, evidence: str, now: Instant, policy: Policy) -> Outcome:
    """Begin a try: its pre command at once (the look that brought us here is fresh), or its main one."""
    if process.kind is Kind.RESTART:
        process = replace(process, tries=process.tries + 1)
    if not process.command(Step.MAIN):
        why = (
            f"{process.name} is not running and has no {process.kind.value}_command; waiting for it to return"
        )
        decision = Decision(verdicts=(Verdict(process.subject, Ruling.HELD, why, evidence=evidence),))
        process = replace(process, trouble=f"no {process.kind.value}_command is given")
        process, settle = _settle(process, now, now.monotonic + policy.restart_interval)
        return process, decision + settle
    limit = f" of {policy.tries}" if process.kind is Kind.RESTART and process.tries <= policy.tries else ""
    why = f"{process.name} is not running: {_try(process)}{limit} begins"
    begun = Decision(verdicts=(Verdict(process.subject, Ruling.ACTED, why, evidence=evidence),))
    process, run = _run(process, Step.PRE if process.command(Step.PRE) else Step.MAIN, now, policy)
    return process, run + begun


def _failed(process: WatchedProcess, seen: Sighting, now: Instant, policy: Policy) -> Outcome:
    """A try is over and a fresh look says GONE."""
    if process.kind is Kind.START or process.tries < policy.tries:
        return _begin(replace(process, kind=Kind.RESTART), seen.evidence, now, policy)
    decision = NOTHING
    if not process.reported:
        since = process.down_since or seen.at
        why = (
            f"{process.name} is down since {since.wall:%Y-%m-%d %H:%M:%S} UTC and {process.tries} restarts have"
            f" not brought it back"
        )
        notification = ProcessNotification(policy.hostname, since.wall, HostEvent.STOPPED, process.name)
        kept = {"down_since": since.wall.isoformat(), "reported_at": now.wall.isoformat()}
        evidence = "; ".join(part for part in (seen.evidence, process.trouble) if part)
        decision = Decision(
            (Notify(notification, why), Remember(process.subject, kept)),
            (Verdict(process.subject, Ruling.REPORTED, why, evidence=evidence, alarm=True),),
        )
    slow = process.slow + 1
    # Doubling from the operator's own interval; the exponent is bounded because floats are.
    pause = min(policy.slow_interval, max(policy.restart_interval, 1.0) * 2.0 ** min(slow, 30))
    process = replace(process, reported=True, slow=slow, phase=Phase.RESTING)
    process, wait = _wait(process, now.monotonic + pause)
    return process, decision + wait


def _run(process: WatchedProcess, step: Step, now: Instant, policy: Policy) -> Outcome:
    line = process.command(step)
    if not line:  # the list was reloaded meanwhile and no longer has it
        return _settle(process, now, now.monotonic + policy.restart_interval)
    request_id = process.request_id + 1
    due = now.monotonic + policy.command_timeout + _COMMAND_GRACE
    what = (
        f"{process.kind.value}_command" if step is Step.MAIN else f"{step.value}_{process.kind.value}_command"
    )
    process = replace(process, phase=_PHASE[step], request_id=request_id, due=due)
    run = Run(
        process_name=process.name,
        request_id=request_id,
        what=what,
        command_line=line,
        run_as_root=process.entry.run_as_root,
    )
    return process, Decision((run, WakeAt(process.subject, due)))


def _check(process: WatchedProcess, then: Step, now: Instant) -> Outcome:
    return _look(replace(process, phase=Phase.CHECKING, next_step=then), now)


def _settle(process: WatchedProcess, now: Instant, deadline: float) -> Outcome:
    return _look(replace(process, phase=Phase.SETTLING, deadline=deadline, pause=_FIRST_PAUSE), now)


def _look(process: WatchedProcess, now: Instant) -> Outcome:
    request_id = process.request_id + 1
    due = now.monotonic + LOOK_PATIENCE
    process = replace(process, request_id=request_id, due=due)
    return process, Decision((Look(process.name, request_id), WakeAt(process.subject, due)))


def _wait(process: WatchedProcess, due: float) -> Outcome:
    return replace(process, due=due), Decision((WakeAt(process.subject, due),))


def _try(process: WatchedProcess) -> str:
    if process.kind is Kind.START:
        return "its start"
    return f"restart {process.tries}"
