"""The made-up clock: what happens when, who is woken, and that nothing plays for ever."""

import datetime
from collections.abc import Iterable

from masakarimonitors.core.decision import (
    Command,
    Decision,
    Instant,
    Notify,
    Ruling,
    Verdict,
    WakeAt,
    Withdraw,
    Woken,
)
from masakarimonitors.core.notification import HostEvent, ProcessNotification
from masakarimonitors.core.rehearsal import stage
from masakarimonitors.core.rehearsal.stage import Happens, Stage

BEGIN = Instant(100.0, datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC))
REPORT = Notify(ProcessNotification("node1", BEGIN.wall, HostEvent.STOPPED, "p"), "so")

Heard = tuple[tuple[float, object], ...]


def hear(state: Heard, seen: object, now: Instant) -> tuple[Heard, Decision]:
    """Keeps all that it hears; a few words make it do something."""
    state = (*state, (now.monotonic, seen))
    match seen:
        case "sleep":
            return state, Decision((WakeAt("a", now.monotonic + 5),))
        case "stay up":
            return state, Decision((WakeAt("a", None),))
        case "report":
            verdict = Verdict("process:p", Ruling.REPORTED, "so")
            return state, Decision((REPORT, Withdraw("process:p", "back")), (verdict,))
        case "fail":
            raise ValueError("a bug")
        case "again":
            return state, Decision((WakeAt("a", now.monotonic),))
        case Woken("again"):
            return state, Decision((WakeAt("again", now.monotonic),))
    return state, Decision()


def after(seconds: float, word: object) -> tuple[float, Happens]:
    return seconds, lambda now: word


def test_what_comes_is_shown_in_its_order_and_at_its_second() -> None:
    played: Stage[Heard] = Stage(hear, (), BEGIN)
    for seconds, word in ((3.0, "late"), (1.0, "first"), (1.0, "second")):
        played.later(seconds, lambda now, word=word: (word, now.wall - BEGIN.wall))  # type: ignore[misc]
    assert played.play(2.0) and played.at == 2.0
    second = datetime.timedelta(seconds=1)
    assert played.state == ((101.0, ("first", second)), (101.0, ("second", second)))
    assert played.play(2.0) and len(played.state) == 3


def test_an_alarm_goes_off_once_and_can_be_called_off() -> None:
    played: Stage[Heard] = Stage(hear, (), BEGIN)
    played.show("sleep")
    played.play(10.0)
    assert played.state[1:] == ((105.0, Woken("a")),)
    played.show("sleep")
    played.show("stay up")
    played.play(10.0)
    assert len(played.state) == 4
    played.wake("old", 90.0)
    played.play(0.0)
    assert tuple(played.state[4:]) == ((120.0, Woken("old")),), "an alarm of the past goes off at once"


def test_answers_come_after_a_while_and_reports_are_kept() -> None:
    def answers(command: Command, now: Instant) -> Iterable[tuple[float, Happens]]:
        if command is REPORT:
            yield after(2.0, "delivered")
            yield 3.0, lambda now: None

    moments: list[float] = []
    played: Stage[Heard] = Stage(
        hear, (), BEGIN, answers=answers, on_moment=lambda at, state: moments.append(at)
    )
    played.later(*after(1.0, "report"))
    played.play(10.0)
    assert [one for _, one in played.state] == ["report", "delivered"]
    assert [(one.at, one.notify) for one in played.seen.reports] == [(1.0, REPORT)]
    assert [(one.at, one.withdraw.why) for one in played.seen.taken_back] == [(1.0, "back")]
    assert [(one.at, one.verdict.why) for one in played.seen.told] == [(1.0, "so")]
    assert moments == [0.0, 1.0, 3.0, 4.0]


def test_a_decision_that_fails_leaves_the_state_and_is_named() -> None:
    played: Stage[Heard] = Stage(hear, (), BEGIN)
    played.show("fail")
    assert not played.state
    assert played.seen.defects == ["a decision failed at 0.0 s: ValueError('a bug')"]


def test_what_would_play_for_ever_is_ended() -> None:
    played: Stage[Heard] = Stage(lambda state, seen, now: hear((), seen, now), (), BEGIN)
    played.seen.decisions = stage.MOST - 10
    played.wake("again", 100.0)
    assert not played.play(1.0)
    assert played.seen.decisions == stage.MOST
