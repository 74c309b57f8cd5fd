"""What was recorded of the process monitor, judged by other rules: what would have been reported, and when. Pure.

What was seen is shown as it was and when it was, so that a process that was brought back then comes back now, too. What
the monitor had asked or run is not: other rules ask at other times. A look is answered by what was last seen of that
process, a command by how one of that process ended at the nearest time, after as long as that took, and masakari
likewise; where nothing was recorded, by "not known", and from then on nobody knows what these rules say of that
process; a report of which nothing was recorded waits. The list is the recorded one: a recording holds no command line.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from masakarimonitors.core.decision import Command, Instant, Notify, Woken
from masakarimonitors.core.notification import HostEvent, ProcessNotification
from masakarimonitors.core.rehearsal.other_rules import (
    ANSWER,
    NOTHING,
    Judged,
    Lacks,
    Step,
    answers,
    play,
    shown,
)
from masakarimonitors.core.rehearsal.stage import Happens, Stage
from masakarimonitors.processmonitor.core.decision import MAINTENANCE, Decider, State
from masakarimonitors.processmonitor.core.observation import (
    CommandEnded,
    CommandsRun,
    Look,
    LookUpMaintenance,
    MaintenanceSeen,
    Presence,
    ReportEnded,
    Run,
    Sighting,
)
from masakarimonitors.processmonitor.core.stages import Policy, subject_of


def judge(rules: Policy, recorded: Policy, state: State, begin: Instant, steps: Sequence[Step]) -> Judged:
    """By these rules, of the host and the boot in which it was `recorded`."""
    rules = replace(rules, hostname=recorded.hostname, boot=recorded.boot)
    world = _World()
    stage: Stage[State] = Stage(Decider(rules), state, begin, answers=world.answers)
    for process in state.processes.values():
        if process.due is not None:
            stage.wake(process.subject, process.due)
    if state.asking:
        stage.wake(MAINTENANCE, begin.monotonic)
    # What was asked before the recording begins is answered as it was: by this very request.
    asked = {name: process.request_id for name, process in state.processes.items()}
    last = 0.0
    given = answers(Decider(recorded), state, steps, _question, _answers_to)
    for step, answer in zip(steps, given, strict=True):
        last = max(last, step.at.monotonic - begin.monotonic)
        # For how many seconds it had been asked for then, as far as it was.
        took = step.at.monotonic - answer.asked if answer is not None else ANSWER
        seen = world.keeps(step, took, asked)
        if seen is not None:
            stage.later(step.at.monotonic - begin.monotonic, shown(stage, step.at, seen))
    return play(stage, last, world)


def _question(command: Command) -> object:
    match command:
        case Look(name, request):
            return Sighting, name, request
        case Run(process_name=name, request_id=request):
            return CommandEnded, name, request
        case LookUpMaintenance():
            return MaintenanceSeen
        case Notify(notification=told):
            return ReportEnded, told.subject, told.generated_time
    return None


def _answers_to(seen: Any) -> object:
    match seen:
        case (
            Sighting(process_name=name, in_reply_to=request)
            | CommandEnded(process_name=name, in_reply_to=request)
        ):
            return type(seen), name, request
        case ReportEnded(subject=subject, made_at=made):
            return ReportEnded, subject, made
        case MaintenanceSeen():
            return MaintenanceSeen
    return None


A = TypeVar("A", Sighting, CommandEnded, ReportEnded, MaintenanceSeen)

_Answers = list[tuple[float, float, A]]


@dataclass(slots=True, kw_only=True)
class _World(Lacks):
    """All answers that were recorded, by process or subject: each with its second, and the seconds that it took."""

    sightings: dict[str, _Answers[Sighting]] = field(default_factory=dict)
    commands: dict[str, _Answers[CommandEnded]] = field(default_factory=dict)
    ended: dict[str, _Answers[ReportEnded]] = field(default_factory=dict)
    maintenance: _Answers[MaintenanceSeen] = field(default_factory=list)

    def keeps(self, step: Step, took: float, asked: dict[str, int]) -> Any:
        """Take an answer for when it is asked for; what is to be shown of the step at its moment, or None."""
        at, seen = step.at.monotonic, step.seen
        match seen:
            case Woken() | CommandsRun():
                return None  # these rules set their own alarms, and run their own commands
            case Sighting(process_name=name):
                self.sightings.setdefault(name, []).append((at, took, seen))
                if seen.in_reply_to and not _is_reply(seen, asked):
                    seen = replace(seen, in_reply_to=0)
                return replace(seen, at=step.at)
            case CommandEnded(process_name=name):
                self.commands.setdefault(name, []).append((at, took, seen))
                return seen if _is_reply(seen, asked) else None
            case ReportEnded(subject=subject):
                first = subject not in self.ended
                self.ended.setdefault(subject, []).append((at, took, seen))
                # Of a report that was made before the recording begins; what is made in the play has another time.
                return seen if first else None
            case MaintenanceSeen():
                self.maintenance.append((at, took, seen))
                return None
        return seen

    def answers(self, command: Command, now: Instant) -> Iterable[tuple[float, Happens]]:
        """What comes of one command."""
        match command:
            case Look(name, request):
                looks = [one for one in self.sightings.get(name, ()) if one[2].in_reply_to]
                took, _ = self._nearest(looks, now, "")
                yield took, lambda at: self._looked(name, request, at)
            case Run():
                known = self.commands.get(command.process_name)
                took, ended = self._nearest(known, now, "how a command ended")
                if ended is None:
                    self.doubt(now, subject_of(command.process_name), "no command of it was run then")
                yield took, lambda at: _ran(command, ended)
            case LookUpMaintenance():
                what = "whether masakari holds this host on maintenance"
                took, seen = self._nearest(self.maintenance, now, what)
                yield (
                    took,
                    lambda at: MaintenanceSeen(None, at) if seen is None else replace(seen, at=at),
                )
            case Notify(ProcessNotification() as told) if told.event is HostEvent.STOPPED:
                took, before = self._nearest(self.ended.get(told.subject), now, "what became of a report")
                if before is not None:
                    yield (
                        took,
                        lambda at: ReportEnded(
                            subject=told.subject,
                            made_at=told.generated_time,
                            status=before.status,
                            why=before.why,
                            at=at,
                        ),
                    )

    def _looked(self, name: str, request: int, at: Instant) -> Sighting:
        before = [seen for moment, _, seen in self.sightings.get(name, ()) if moment <= at.monotonic]
        if before:
            return replace(before[-1], at=at, in_reply_to=request)
        self.note("where a process stands")
        self.doubt(at, subject_of(name), "where it stands was not seen until then")
        return Sighting(
            process_name=name, presence=Presence.UNKNOWN, at=at, evidence=NOTHING, in_reply_to=request
        )

    def _nearest(self, known: _Answers[A] | None, now: Instant, what: str) -> tuple[float, A | None]:
        if known:
            return min(known, key=lambda one: abs(one[0] - one[1] - now.monotonic))[1:]
        if what:
            self.note(what)
        return ANSWER, None


def _is_reply(seen: Sighting | CommandEnded, asked: dict[str, int]) -> bool:
    """Whether it answers what was asked last before the recording begins; only the first answer does."""
    if not seen.in_reply_to or asked.get(seen.process_name) != seen.in_reply_to:
        return False
    del asked[seen.process_name]
    return True


def _ran(command: Run, ended: CommandEnded | None) -> CommandEnded:
    if ended is None:
        return CommandEnded(command.process_name, command.request_id, None, NOTHING, unheard=True)
    return replace(ended, in_reply_to=command.request_id)
