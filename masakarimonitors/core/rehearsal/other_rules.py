"""What was recorded of a monitor, judged by other rules: what every monitor's play of that has in common. Pure.

In: a stage on which a monitor's decision plays, with what was recorded laid out on it. Out: the reports that would have
been made, each with its moment, what had to be supposed, and of which subjects nothing recorded can tell.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from masakarimonitors.core.decision import Command, Decision, Instant, Notify
from masakarimonitors.core.rehearsal.stage import Happens, Stage

ANSWER = 1.0
"""Seconds that an answer takes of which nothing else is known."""
AFTER = 60.0
"""Seconds for which the play goes on behind the last step."""
SAME = 1e-3
"""Seconds by which two moments may differ and be the same: a play reckons from its own beginning."""
NOTHING = "nothing was recorded of it"


class Step(Protocol):
    """One step as it was recorded."""

    @property
    def at(self) -> Instant:
        """The moment of its decision."""

    @property
    def seen(self) -> Any:
        """What was observed."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """From that moment on nothing recorded can tell what these rules say of the subject, and why."""

    at: Instant
    subject: str
    why: str


@dataclass(frozen=True, slots=True)
class Given:
    """An answer that was recorded: the monotonic second of its question, the question, its own second, and itself."""

    asked: float
    question: Command
    at: float
    seen: Any


@dataclass(slots=True, kw_only=True)
class Lacks:
    """What nothing recorded tells: how often each thing was asked for in vain, and of which subjects nobody knows."""

    unknown: dict[str, int] = field(default_factory=dict)
    doubts: list[Doubt] = field(default_factory=list)

    def note(self, what: str) -> None:
        """It is not known, and supposed."""
        self.unknown[what] = self.unknown.get(what, 0) + 1

    def doubt(self, now: Instant, subject: str, why: str) -> None:
        """From now on nobody knows what these rules say of it."""
        self.doubts.append(Doubt(now, subject, why))

    def doubts_until(self, last: float) -> list[Doubt]:
        """Those up to that monotonic second: that nothing was recorded of what came behind the end, goes unsaid."""
        return [one for one in self.doubts if one.at.monotonic <= last + SAME]


def answers(
    decide: Callable[[Any, Any, Instant], tuple[Any, Decision]],
    state: Any,
    steps: Sequence[Step],
    question: Callable[[Command], object],
    answers_to: Callable[[Any], object],
) -> Iterator[Given | None]:
    """Of each step to which question it was the answer, and when that was asked then: the recorded rules tell.

    None: it answers nothing that was asked since the recording begins. `question` and `answers_to` name a question and
    what is answered, in the same words; None: it is none.
    """
    asked: dict[object, list[tuple[float, Command]]] = {}
    for step in steps:
        waiting = asked.get(answers_to(step.seen))
        yield Given(*waiting.pop(0), step.at.monotonic, step.seen) if waiting else None
        try:
            state, decision = decide(state, step.seen, step.at)
        except Exception:  # noqa: BLE001 - as the daemon: a bug in a decision leaves the state as it was
            continue
        for command in decision.commands:
            if (key := question(command)) is not None:
                asked.setdefault(key, []).append((step.at.monotonic, command))


def nearest(known: Sequence[Given], now: Instant, within: float) -> Given | None:
    """The one whose question was asked nearest to `now`, at most so many seconds from it."""
    near = min(known, key=lambda one: abs(one.asked - now.monotonic), default=None)
    return near if near is not None and abs(near.asked - now.monotonic) <= within else None


@dataclass(slots=True, kw_only=True)
class Judged:
    """The reports that would have been made, each with its moment, what was supposed, and what nobody can know."""

    reports: list[tuple[Instant, Notify]] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    supposed: list[str] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)


def shown(stage: Stage[Any], at: Instant, seen: Any) -> Happens:
    """It happens as it was recorded, under the clock of that moment."""

    def happens(now: Instant) -> Any:
        # As it was: it may have been set, or this computer have stood still.
        stage.set_clock(at.wall)
        return seen

    return happens


def play(stage: Stage[Any], last: float, lacks: Lacks, *, supposed: Sequence[str] = ()) -> Judged:
    """Play until well after the last step, at second `last`; `lacks` is filled meanwhile."""
    judged = Judged(supposed=list(supposed))
    if not stage.play(last + AFTER):
        judged.defects.append("the play was ended after too many decisions: what follows is not known")
    judged.reports = [(stage.instant(one.at), one.notify) for one in stage.seen.reports]
    judged.defects += stage.seen.defects
    judged.supposed += [
        f"{what} was asked {count} times of which nothing was recorded: taken as not known"
        for what, count in sorted(lacks.unknown.items())
    ]
    judged.doubts = lacks.doubts_until(stage.instant(last).monotonic)
    return judged
