"""A process of the list ends now: what is tried, when, and when masakari is told. Pure; nothing is run or sent.

In: the rules, the list, whose process ends, and after how many tries it is back. Out: each command that would be run,
each verdict and the report, with their seconds. The decision is the very one of the monitor.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from masakarimonitors.core.decision import Command, Instant, Notify, Ruling
from masakarimonitors.core.notification import HostEvent, ProcessNotification, ReportStatus
from masakarimonitors.core.printable import masked
from masakarimonitors.core.rehearsal.stage import Happens, Stage
from masakarimonitors.processmonitor.core.decision import Decider, State, restore
from masakarimonitors.processmonitor.core.observation import (
    CommandEnded,
    CommandKey,
    Entry,
    ListRead,
    Look,
    LookUpMaintenance,
    MaintenanceSeen,
    Presence,
    ReportEnded,
    Run,
    Sighting,
)
from masakarimonitors.processmonitor.core.stages import Policy, subject_of

SUPPOSED = "supposed"
LOOK = 0.05
"""Seconds that a look takes."""
COMMAND = 1.0
"""Seconds that a command takes."""
MASAKARI = 1.0
"""Seconds that masakari-api takes to answer."""

_MAIN = (CommandKey.START, CommandKey.RESTART)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is done or said at one second after the end of the process; `alarm`: for a person."""

    at: float
    what: str
    why: str
    alarm: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`reported`: the second at which masakari is told; `recovered`: that at which it has recovered, if it has."""

    process: str
    steps: Sequence[Step]
    reported: float | None = None
    recovered: float | None = None
    supposed: Sequence[str] = ()
    defects: Sequence[str] = ()


def find(entries: Iterable[Entry], name: str) -> Entry | None:
    """The entry of that name, or whose name ends with it behind its last slash."""
    return next(
        (one for one in entries if name in (one.process_name, one.process_name.rsplit("/", 1)[-1])), None
    )


def play(
    policy: Policy,
    entries: Sequence[Entry],
    entry: Entry,
    *,
    now: Instant,
    back_after: int | None = None,
    within: float = 900.0,
) -> Outcome:
    """`back_after`: the try whose command brings it back; None: none does."""
    world = _World(name=entry.process_name, back_after=back_after)
    stage: Stage[State] = Stage(Decider(policy), restore({}), now, answers=world.answers)
    stage.show(ListRead(tuple(entries), SUPPOSED))
    for one in entries:
        stage.show(_seen(one.process_name, Presence.RUNNING, stage.now))
    # Long enough for what was seen at the start to be over.
    begin = policy.probation + 1.0
    stage.play(begin)
    stage.later(0.0, world.end)
    ended = stage.play(within)
    subject = subject_of(entry.process_name)
    if not ended:
        stage.seen.defects.append("the play was ended after too many decisions: what follows is not known")
    told = [one for one in stage.seen.told if one.verdict.subject == subject and one.at >= begin]
    steps = [
        Step(
            at=one.at - begin,
            what=one.verdict.ruling.value,
            why=one.verdict.why,
            alarm=one.verdict.alarm,
        )
        for one in told
    ]
    zero = now.monotonic + begin
    steps += [Step(at=at - zero, what="command", why=line) for at, line in world.run]
    reports = [
        one.at - begin
        for one in stage.seen.reports
        if isinstance(one.notify.notification, ProcessNotification)
        and one.notify.notification.event is HostEvent.STOPPED
    ]
    recovered = [one.at - begin for one in told if one.verdict.ruling is Ruling.RECOVERED]
    brought = "none brings it back" if back_after is None else f"try {back_after} brings it back"
    return Outcome(
        process=entry.process_name,
        steps=sorted(steps, key=lambda step: step.at),
        reported=reports[0] if reports else None,
        recovered=recovered[-1] if recovered else None,
        supposed=(
            f"each command ends with exit code 0 after {COMMAND:g} s, and {brought}",
            "nobody else starts it",
            "masakari takes the report within a second",
            "what other processes of the list do is left out",
        ),
        defects=stage.seen.defects,
    )


def _seen(name: str, presence: Presence, now: Instant, in_reply_to: int = 0) -> Sighting:
    return Sighting(process_name=name, presence=presence, at=now, evidence=SUPPOSED, in_reply_to=in_reply_to)


@dataclass(slots=True, kw_only=True)
class _World:
    """One process that ends, and what becomes of the commands that would start it."""

    name: str
    back_after: int | None
    there: bool = True
    tries: int = 0
    told: bool = False
    run: list[tuple[float, str]] = field(default_factory=list)

    def end(self, now: Instant) -> Sighting:
        """It ends."""
        self.there = False
        return _seen(self.name, Presence.GONE, now)

    def answers(self, command: Command, now: Instant) -> Iterable[tuple[float, Happens]]:
        """What comes of one command."""
        match command:
            case Look(name, request):
                yield LOOK, lambda now: _seen(name, self._presence(name), now, request)
            case Run(what=what, command_line=line):
                self.run.append((now.monotonic, f"{what.value}: {masked(line)}"))
                yield COMMAND, lambda now: self._ran(command, now)
            case LookUpMaintenance():
                yield MASAKARI, lambda now: MaintenanceSeen(self.told, now)
            case Notify(ProcessNotification() as told):
                yield MASAKARI, lambda now: self._take(told, now)

    def _presence(self, name: str) -> Presence:
        return Presence.RUNNING if self.there or name != self.name else Presence.GONE

    def _ran(self, command: Run, now: Instant) -> CommandEnded:
        if command.what in _MAIN:
            self.tries += 1
            self.there = self.there or self.tries == self.back_after
        return CommandEnded(command.process_name, command.request_id, 0, SUPPOSED)

    def _take(self, told: ProcessNotification, now: Instant) -> ReportEnded:
        self.told = True
        return ReportEnded(
            subject=told.subject,
            made_at=told.generated_time,
            status=ReportStatus.DELIVERED,
            why=SUPPOSED,
            at=now,
        )
