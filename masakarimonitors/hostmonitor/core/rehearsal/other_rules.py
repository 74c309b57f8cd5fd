"""What was recorded of the host monitor, judged by other rules: what would have been reported, and when. Pure.

What was seen is shown as it was and when it was. What the monitor had asked is not: other rules ask at other times.
They are answered by what was recorded of that host at the nearest time, and where nothing was, by "not known": from
then on nobody knows what these rules say of that host. So does masakari; a report of which nothing was recorded waits.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from masakarimonitors.core.decision import Command, Instant, Notify, Woken
from masakarimonitors.core.notification import HostEvent, HostNotification
from masakarimonitors.core.rehearsal.other_rules import (
    ANSWER,
    NOTHING,
    Judged,
    Lacks,
    Step,
    play,
    shown,
)
from masakarimonitors.core.rehearsal.stage import Happens, Stage
from masakarimonitors.hostmonitor.core.decision import ALARM, Decider
from masakarimonitors.hostmonitor.core.observation import (
    Answered,
    CheckLife,
    CheckPower,
    DomainsChanged,
    GuardChanged,
    Leader,
    Life,
    LifeSeen,
    LookUpReports,
    MatrixChanged,
    Power,
    PowerSeen,
    ReportsFound,
)
from masakarimonitors.hostmonitor.core.rehearsal.standing import under
from masakarimonitors.hostmonitor.core.state import Policy, State


def judge(rules: Policy, recorded: Policy, state: State, begin: Instant, steps: Sequence[Step]) -> Judged:
    """`recorded`: by which rules it was judged then; raises NoPlay where `rules` are of other links."""
    world = _World()
    stage: Stage[State] = Stage(Decider(rules), under(rules, state), begin, answers=world.answers)
    if stage.state.wake_at is not None:
        stage.wake(ALARM, stage.state.wake_at)
    supposed: list[str] = []
    if rules.elected and not recorded.elected:
        stage.show(Leader(why="supposed", at=begin, ledger={}))
        supposed.append("this monitor is the reporter all the time: no election was recorded")
    last = 0.0
    for step in steps:
        last = max(last, step.at.monotonic - begin.monotonic)
        if isinstance(step.seen, Woken | MatrixChanged | DomainsChanged | GuardChanged):
            continue  # these rules set their own alarms, and are in force from the beginning
        if not world.keeps(step.seen):
            stage.later(step.at.monotonic - begin.monotonic, shown(stage, step.at, step.seen))
    return play(stage, last, world, supposed=supposed)


A = TypeVar("A", PowerSeen, LifeSeen, ReportsFound, Answered)
R = TypeVar("R", PowerSeen, LifeSeen, ReportsFound)


@dataclass(slots=True, kw_only=True)
class _World(Lacks):
    """All answers that were recorded, by host."""

    power: dict[str, list[PowerSeen]] = field(default_factory=dict)
    life: dict[str, list[LifeSeen]] = field(default_factory=dict)
    found: dict[str, list[ReportsFound]] = field(default_factory=dict)
    answered: dict[str, list[Answered]] = field(default_factory=dict)

    def keeps(self, seen: Any) -> bool:
        """Whether it is an answer, which is given when it is asked for."""
        match seen:
            case PowerSeen(in_reply_to=asked) if asked is not None:
                self.power.setdefault(seen.host, []).append(seen)
            case LifeSeen():
                self.life.setdefault(seen.host, []).append(seen)
            case ReportsFound():
                self.found.setdefault(_about(seen.in_reply_to), []).append(seen)
            case Answered():
                self.answered.setdefault(seen.host, []).append(seen)
            case _:
                return False
        return True

    def answers(self, command: Command, now: Instant) -> Iterable[tuple[float, Happens]]:
        """What comes of one command."""
        match command:
            case CheckPower(host):
                power = PowerSeen(
                    host=host, power=Power.NO_PROOF, evidence=NOTHING, at=now, in_reply_to=command
                )
                yield self._reply(self.power, power, "the power of a host")
            case CheckLife(host):
                life = LifeSeen(host=host, life=Life.UNKNOWN, evidence=NOTHING, at=now, in_reply_to=command)
                yield self._reply(self.life, life, "whether something of a host answers")
            case LookUpReports(host):
                found = ReportsFound(host=host, found=False, evidence=NOTHING, at=now, in_reply_to=command)
                yield self._reply(self.found, found, "whether masakari has a report", _about(command))
            case Notify(HostNotification() as told) if told.event is HostEvent.STOPPED:
                before = self._nearest(self.answered, told.hostname, now, "what became of a report")
                if before is not None:
                    yield (
                        ANSWER,
                        lambda at: Answered(
                            host=told.hostname,
                            made_at=told.generated_time,
                            host_status=told.host_status,
                            outcome=before.outcome,
                            why=before.why,
                            at=at,
                        ),
                    )

    def _reply(
        self, kept: Mapping[str, list[R]], nothing: R, what: str, about: str = ""
    ) -> tuple[float, Happens]:
        """What was recorded of its host nearest to `nothing`, which is said where nothing was."""
        known = self._nearest(kept, about or nothing.host, nothing.at, what)
        if known is None:
            self.doubt(nothing.at, f"host:{nothing.host}", f"{what} was not asked then")
            known = nothing
        return ANSWER, lambda at: replace(known, at=at, in_reply_to=nothing.in_reply_to)

    def _nearest(self, kept: Mapping[str, list[A]], host: str, now: Instant, what: str) -> A | None:
        known = kept.get(host)
        if not known:
            self.note(what)
            return None
        return min(known, key=lambda one: abs(one.at.monotonic - now.monotonic))


def _about(asked: LookUpReports) -> str:
    """Whether masakari has ended with all of a host's reports is another question than whether it has one."""
    return f"{asked.host}, every" if asked.every else asked.host
