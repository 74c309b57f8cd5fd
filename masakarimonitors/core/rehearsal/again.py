"""What was recorded is shown to the same decision once more: does the same come of it? Pure.

In: how a monitor stood, and each observation with its moment and a digest of what was decided. Out: where something
else is decided now, and all reports that are. By the same rules and the same version nothing differs: a decision is a
function.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from masakarimonitors.core.decision import Decision, Instant, Notify

MOST_TOLD = 20
"""Differences that are kept one by one."""


class Recorded(Protocol):
    """One step as it was recorded."""

    @property
    def number(self) -> int:
        """Its place."""

    @property
    def at(self) -> Instant:
        """The moment of its decision."""

    @property
    def seen(self) -> Any:
        """What was observed."""

    @property
    def decided(self) -> str:
        """A digest of what was decided; empty where that failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A step of which something else comes now; `now`: what, in words."""

    number: int
    at: Instant
    seen: str
    now: str


@dataclass(slots=True, kw_only=True)
class Replayed:
    """What came of it: `steps` shown, `other` of them decided otherwise, the first of those named; and all reports."""

    steps: int = 0
    other: int = 0
    differences: list[Difference] = field(default_factory=list)
    reports: list[tuple[Instant, Notify]] = field(default_factory=list)


def again(
    decide: Callable[[Any, Any, Instant], tuple[Any, Decision]],
    state: Any,
    steps: Sequence[Recorded],
    digest: Callable[[Decision], str],
    into: Replayed,
) -> Any:
    """Show all of them, in their order and at their moments; the state at the end. What comes of it goes `into`."""
    for step in steps:
        into.steps += 1
        said = ""
        try:
            after, decision = decide(state, step.seen, step.at)
        except Exception as error:  # noqa: BLE001 - as the daemon: a bug in a decision leaves the state as it was
            decided, said = "", f"the decision failed: {error!r}"
        else:
            state, decided = after, digest(decision)
            into.reports += [(step.at, one) for one in decision.commands if isinstance(one, Notify)]
            said = "; ".join(
                [
                    *(f"{one.subject} {one.ruling.value}: {one.why}" for one in decision.verdicts),
                    *(type(one).__name__ for one in decision.commands),
                ]
            )
        if decided != step.decided:
            into.other += 1
            if len(into.differences) < MOST_TOLD:
                into.differences.append(
                    Difference(
                        number=step.number, at=step.at, seen=type(step.seen).__name__, now=said or "nothing"
                    )
                )
    return state
