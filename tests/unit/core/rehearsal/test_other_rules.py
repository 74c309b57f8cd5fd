"""What is played is told: reports with their moments, what was supposed, and a play that does not end."""

import datetime
from typing import Any

from masakarimonitors.core.decision import Decision, Instant, Notify, WakeAt, Woken
from masakarimonitors.core.notification import HostEvent, ProcessNotification
from masakarimonitors.core.rehearsal import other_rules
from masakarimonitors.core.rehearsal.stage import Stage

BEGIN = Instant(100.0, datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC))
REPORT = Notify(ProcessNotification("node1", BEGIN.wall, HostEvent.STOPPED, "p"), "so")


def hear(state: int, seen: object, now: Instant) -> tuple[int, Decision]:
    match seen:
        case "report":
            return state, Decision((REPORT,))
        case "again" | Woken():
            return state, Decision((WakeAt("again", now.monotonic),))
    return state, Decision()


def played(seen: Any, *, at: float = 3.0, unknown: dict[str, int] | None = None) -> other_rules.Judged:
    stage: Stage[int] = Stage(hear, 0, BEGIN)
    # The clock was set by an hour when it was recorded.
    recorded = Instant(BEGIN.monotonic + at, BEGIN.wall + datetime.timedelta(hours=1))
    stage.later(at, other_rules.shown(stage, recorded, seen))
    return other_rules.play(stage, at, other_rules.Lacks(unknown=unknown or {}), supposed=["this"])


def test_a_report_is_told_with_the_moment_under_the_clock_of_then() -> None:
    judged = played("report")
    ((at, report),) = judged.reports
    assert report is REPORT and at == Instant(103.0, BEGIN.wall + datetime.timedelta(hours=1))
    assert judged.supposed == ["this"] and judged.defects == []


def test_what_nobody_recorded_is_named_in_order_behind_what_was_supposed_before() -> None:
    judged = played("nothing", unknown={"b": 2, "a": 1})
    assert [text.split(" was asked ")[0] for text in judged.supposed] == ["this", "a", "b"]


def test_a_play_that_does_not_end_says_so() -> None:
    judged = played("again")
    assert judged.defects == ["the play was ended after too many decisions: what follows is not known"]
