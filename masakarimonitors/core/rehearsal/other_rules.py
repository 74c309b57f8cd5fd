"""What was recorded of a monitor, judged by other rules: what every monitor's play of that has in common. Pure.

In: a stage on which a monitor's decision plays, with what was recorded laid out on it. Out: the reports that would have
been made, each with its moment, and what had to be supposed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from masakarimonitors.core.decision import Instant, Notify
from masakarimonitors.core.rehearsal.stage import Happens, Stage

ANSWER = 1.0
"""Seconds that an answer takes of which nothing else is known."""
AFTER = 60.0
"""Seconds for which the play goes on behind the last step."""
NOTHING = "nothing was recorded of it"


class Step(Protocol):
    """One step as it was recorded."""

    @property
    def at(self) -> Instant:
        """The moment of its decision."""

    @property
    def seen(self) -> Any:
        """What was observed."""


@dataclass(slots=True, kw_only=True)
class Judged:
    """The reports that would have been made, each with its moment, and what was supposed."""

    reports: list[tuple[Instant, Notify]] = field(default_factory=list)
    supposed: list[str] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)


def shown(stage: Stage[Any], at: Instant, seen: Any) -> Happens:
    """It happens as it was recorded, under the clock of that moment."""

    def happens(now: Instant) -> Any:
        # As it was: it may have been set, or this computer have stood still.
        stage.set_clock(at.wall)
        return seen

    return happens


def play(
    stage: Stage[Any], last: float, unknown: Mapping[str, int], *, supposed: Sequence[str] = ()
) -> Judged:
    """Play until well after the last step, at second `last`; `unknown`: how often it lacked a record."""
    judged = Judged(supposed=list(supposed))
    if not stage.play(last + AFTER):
        judged.defects.append("the play was ended after too many decisions: what follows is not known")
    judged.reports = [(stage.instant(one.at), one.notify) for one in stage.seen.reports]
    judged.defects += stage.seen.defects
    judged.supposed += [
        f"{what} was asked {count} times of which nothing was recorded: taken as not known"
        for what, count in sorted(unknown.items())
    ]
    return judged
