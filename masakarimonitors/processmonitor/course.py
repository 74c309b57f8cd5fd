"""One process's course, from running to restarted or reported: pure, and independent of all others.

    UNSEEN ──running──> RUNNING <──────────────── seen running ───────────────┐
       └─gone─┐             │ gone                                            │
              v             v                                                 │
            [PRE ──> CHECKING ──> MAIN ──> POST] ──> SETTLING ────────────────┤
              ^                                         │ still gone after restart_interval
              ├── tries left ───────────────────────────┤                     │
              └── slow try <── CHECKING <── RESTING <── last try: report ─────┘

What runs is never restarted: MAIN is asked for only upon a fresh look that says GONE. What runs is
never reported: a report needs a fresh look too, made when the last try's time is over. Every stage
but UNSEEN and RUNNING has a time by which something happens, so a lost answer delays and never silences.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from masakarimonitors.decisions import (
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
from masakarimonitors.notifications import HostEvent, ProcessNotification
from masakarimonitors.processmonitor.observation import (
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


@dataclass(frozen=True, slots=True)
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


class Stage(StrEnum):
    """Where a process is on its course."""

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


_AT_WORK = frozenset({Stage.PRE, Stage.MAIN, Stage.POST})
_STAGE = {Step.PRE: Stage.PRE, Step.MAIN: Stage.MAIN, Step.POST: Stage.POST}


@dataclass(frozen=True, slots=True)
class Course:
    """One entry of the list and everything known about it.

    `asked`: the question whose answer counts. `due`: when to act if no answer comes. `tries`: restarts
    tried since it last ran stably; `slow`: those of them after the report. `restarted_at`: when
    it last came back; it is on probation from then on.
    """

    entry: Entry
    asked: int = 0
    stage: Stage = Stage.UNSEEN
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


Outcome = tuple[Course, Decision]


def subject_of(process_name: str) -> str:
    """As in the notifications: order is kept, and recovery withdraws, per subject."""
    return f"process:{process_name}"


def forget(subject: str, why: str) -> Decision:
    """Take back what was reported of `subject`, as far as it was not delivered, and forget it."""
    return Decision(
        (Withdraw(subject, why), Remember(subject, None)), (Verdict(subject, Ruling.WITHDRAWN, why),)
    )


def sighted(course: Course, seen: Sighting, now: Instant, policy: Policy) -> Outcome:
    """A look at /proc: an answer, or something that the source noticed by itself."""
    answer = seen.asked != 0 and seen.asked == course.asked
    if seen.at.monotonic < course.seen_at:
        # Overtaken by a newer look; but whoever waits for this answer must not wait for ever.
        return _look(course, now) if answer else (course, NOTHING)
    course = replace(course, seen_at=seen.at.monotonic)
    match seen.presence:
        case Presence.RUNNING:
            return _running(replace(course, down_since=None, blind=False), seen, now)
        case Presence.GONE:
            course = replace(course, down_since=course.down_since or seen.at, blind=False)
            return _gone(course, seen, answer, now, policy)
        case Presence.UNKNOWN:
            return _unknown(course, seen, answer, now)


def ended(course: Course, command: CommandEnded, now: Instant, policy: Policy) -> Outcome:
    """A command came to its end; only a look can tell whether it has helped."""
    if command.asked != course.asked or course.stage not in _AT_WORK:
        return course, NOTHING
    if not command.ok:
        return _settle(
            replace(course, trouble=command.evidence), now, now.monotonic + policy.restart_interval
        )
    if course.stage is Stage.PRE:
        return _check(course, Step.MAIN, now)
    if course.stage is Stage.MAIN and course.command(Step.POST):
        return _run(course, Step.POST, now, policy)
    return _settle(course, now, now.monotonic + policy.restart_interval)


def woken(course: Course, now: Instant, policy: Policy) -> Outcome:
    """The time is up for what was waited for."""
    if course.due is None or now.monotonic < course.due:
        return course, NOTHING
    if course.stage in _AT_WORK:
        course = replace(course, trouble="its command never came to an end")
        return _settle(course, now, now.monotonic + policy.restart_interval)
    if course.stage is Stage.RESTING:
        return _check(course, Step.PRE, now)
    return _look(course, now)


def _running(course: Course, seen: Sighting, now: Instant) -> Outcome:
    decision = NOTHING
    if course.reported:
        decision = forget(course.subject, f"{course.name} runs again: what was not yet sent must not be sent")
        course = replace(course, reported=False)
    if course.stage is Stage.RUNNING or course.stage in _AT_WORK:
        return course, decision
    if course.stage is not Stage.UNSEEN:
        why = f"{course.name} runs again after {_try(course)}"
        course = replace(course, restarted_at=now.monotonic)
        decision += Decision(verdicts=(Verdict(course.subject, Ruling.RECOVERED, why, seen.evidence),))
    course = replace(course, stage=Stage.RUNNING, asked=course.asked + 1, due=None, trouble="")
    return course, decision + Decision((WakeAt(course.subject, None),))


def _gone(course: Course, seen: Sighting, answer: bool, now: Instant, policy: Policy) -> Outcome:
    match course.stage:
        case Stage.UNSEEN:
            kind = Kind.START if course.entry.start_command else Kind.RESTART
            return _begin(replace(course, kind=kind), seen.evidence, now, policy)
        case Stage.RUNNING:
            return _died(course, seen, now, policy)
        case Stage.CHECKING if answer and course.next_step is Step.MAIN:
            return _run(course, Step.MAIN, now, policy)
        case Stage.CHECKING if answer:
            return _begin(course, seen.evidence, now, policy)
        case Stage.SETTLING if answer and seen.at.monotonic >= course.deadline:
            return _failed(course, seen, now, policy)
        case Stage.SETTLING if answer:
            due = min(now.monotonic + course.pause, course.deadline)
            return _wait(replace(course, pause=min(course.pause * 2, _LAST_PAUSE)), due)
    return course, NOTHING


def _unknown(course: Course, seen: Sighting, answer: bool, now: Instant) -> Outcome:
    decision = NOTHING
    if not course.blind:
        why = f"whether {course.name} runs cannot be seen; nothing is restarted or reported until it can"
        decision = Decision(verdicts=(Verdict(course.subject, Ruling.BLIND, why, seen.evidence, alarm=True),))
        course = replace(course, blind=True)
    if answer:
        course, again = _wait(course, now.monotonic + _BLIND_PAUSE)
        decision += again
    return course, decision


def _died(course: Course, seen: Sighting, now: Instant, policy: Policy) -> Outcome:
    back = course.restarted_at
    probation = max(policy.restart_interval, _SHORTEST_PROBATION)
    if back is None or course.kind is Kind.START or seen.at.monotonic - back >= probation:
        course = replace(course, kind=Kind.RESTART, tries=0, slow=0)
        return _begin(course, seen.evidence, now, policy)
    # It fell again at once: that try has failed, and the next one keeps its distance.
    why = f"{course.name} ended again {seen.at.monotonic - back:.1f} s after it came back: {_try(course)} has failed"
    suspected = Decision(verdicts=(Verdict(course.subject, Ruling.SUSPECTED, why, seen.evidence),))
    course, decision = _settle(replace(course, trouble=why), now, back + policy.restart_interval)
    return course, suspected + decision


def _begin(course: Course, evidence: str, now: Instant, policy: Policy) -> Outcome:
    """Begin a try: its pre command at once (the look that brought us here is fresh), or its main one."""
    if course.kind is Kind.RESTART:
        course = replace(course, tries=course.tries + 1)
    if not course.command(Step.MAIN):
        why = f"{course.name} is not running and has no {course.kind.value}_command; waiting for it to return"
        decision = Decision(verdicts=(Verdict(course.subject, Ruling.HELD, why, evidence),))
        course = replace(course, trouble=f"no {course.kind.value}_command is given")
        course, settle = _settle(course, now, now.monotonic + policy.restart_interval)
        return course, decision + settle
    limit = f" of {policy.tries}" if course.kind is Kind.RESTART and course.tries <= policy.tries else ""
    why = f"{course.name} is not running: {_try(course)}{limit} begins"
    begun = Decision(verdicts=(Verdict(course.subject, Ruling.ACTED, why, evidence),))
    course, run = _run(course, Step.PRE if course.command(Step.PRE) else Step.MAIN, now, policy)
    return course, run + begun


def _failed(course: Course, seen: Sighting, now: Instant, policy: Policy) -> Outcome:
    """A try is over and a fresh look says GONE."""
    if course.kind is Kind.START or course.tries < policy.tries:
        return _begin(replace(course, kind=Kind.RESTART), seen.evidence, now, policy)
    decision = NOTHING
    if not course.reported:
        since = course.down_since or seen.at
        why = (
            f"{course.name} is down since {since.wall:%Y-%m-%d %H:%M:%S} UTC and {course.tries} restarts have"
            f" not brought it back"
        )
        notification = ProcessNotification(policy.hostname, since.wall, HostEvent.STOPPED, course.name)
        kept = {"down_since": since.wall.isoformat(), "reported_at": now.wall.isoformat()}
        evidence = "; ".join(part for part in (seen.evidence, course.trouble) if part)
        decision = Decision(
            (Notify(notification, why), Remember(course.subject, kept)),
            (Verdict(course.subject, Ruling.REPORTED, why, evidence, alarm=True),),
        )
    slow = course.slow + 1
    # Doubling from the operator's own interval; the exponent is bounded because floats are.
    pause = min(policy.slow_interval, max(policy.restart_interval, 1.0) * 2.0 ** min(slow, 30))
    course = replace(course, reported=True, slow=slow, stage=Stage.RESTING)
    course, wait = _wait(course, now.monotonic + pause)
    return course, decision + wait


def _run(course: Course, step: Step, now: Instant, policy: Policy) -> Outcome:
    line = course.command(step)
    if not line:  # the list was reloaded meanwhile and no longer has it
        return _settle(course, now, now.monotonic + policy.restart_interval)
    asked = course.asked + 1
    due = now.monotonic + policy.command_timeout + _COMMAND_GRACE
    what = (
        f"{course.kind.value}_command" if step is Step.MAIN else f"{step.value}_{course.kind.value}_command"
    )
    course = replace(course, stage=_STAGE[step], asked=asked, due=due)
    run = Run(course.name, asked, what, line, course.entry.run_as_root)
    return course, Decision((run, WakeAt(course.subject, due)))


def _check(course: Course, then: Step, now: Instant) -> Outcome:
    return _look(replace(course, stage=Stage.CHECKING, next_step=then), now)


def _settle(course: Course, now: Instant, deadline: float) -> Outcome:
    return _look(replace(course, stage=Stage.SETTLING, deadline=deadline, pause=_FIRST_PAUSE), now)


def _look(course: Course, now: Instant) -> Outcome:
    asked = course.asked + 1
    due = now.monotonic + LOOK_PATIENCE
    course = replace(course, asked=asked, due=due)
    return course, Decision((Look(course.name, asked), WakeAt(course.subject, due)))


def _wait(course: Course, due: float) -> Outcome:
    return replace(course, due=due), Decision((WakeAt(course.subject, due),))


def _try(course: Course) -> str:
    if course.kind is Kind.START:
        return "its start"
    return f"restart {course.tries}"
