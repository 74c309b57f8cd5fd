"""The same decision makes the same of the same, and where it does not that is told."""

import datetime
from dataclasses import dataclass
from typing import Any

from masakarimonitors.core.decision import Decision, Instant, Ruling, Verdict
from masakarimonitors.core.rehearsal.again import MOST_TOLD, Replayed, again

NOW = Instant(1.0, datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC))


@dataclass(frozen=True)
class Step:
    number: int
    seen: Any
    decided: str
    at: Instant = NOW


def count(state: int, seen: Any, now: Instant) -> tuple[int, Decision]:
    if seen == "fail":
        raise ValueError("a bug")
    return state + 1, Decision(verdicts=(Verdict("host:a", Ruling.HELD, f"{seen} {state}"),))


def digest(decision: Decision) -> str:
    return decision.verdicts[0].why


def test_nothing_differs_where_the_same_is_decided_and_the_same_fails() -> None:
    into = Replayed()
    steps = [Step(1, "x", "x 0"), Step(2, "fail", ""), Step(3, "x", "x 1")]
    assert again(count, 0, steps, digest, into) == 2
    assert (into.steps, into.other, into.differences) == (3, 0, [])


def test_each_step_that_is_decided_otherwise_is_told_the_first_by_name() -> None:
    into = Replayed()
    again(count, 5, [Step(number, "x", "x 0") for number in range(30)], digest, into)
    assert (into.other, len(into.differences)) == (30, MOST_TOLD)
    assert into.differences[0].now == "host:a held: x 5"
    again(count, 0, [Step(1, "fail", "x 0")], digest, failed := Replayed())
    assert "the decision failed: ValueError" in failed.differences[0].now
