"""Where bars and marks of the last day stand."""

import datetime
from collections.abc import Mapping

import pytest

from masakarimonitors.core.decision import Ruling
from masakarimonitors.journal.record import Kind
from masakarimonitors.web.past import Event
from masakarimonitors.web.timeline import LEFT, WIDTH, Lane, Picture, picture

NOW = datetime.datetime(2026, 11, 22, 2, 10, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)


def ago(hours: float) -> datetime.datetime:
    return NOW - hours * HOUR


def verdict(hours: float, ruling: Ruling, subject: str = "host:a") -> Event:
    return Event(at=ago(hours), kind=Kind.VERDICT, subject=subject, ruling=ruling.value)


def drawn(*events: Event, runs: bool = True, blind: Mapping[str, datetime.datetime] | None = None) -> Picture:
    return picture(sorted(events, key=lambda one: one.at), blind or {}, NOW, runs=runs)


def lane(shown: Picture, name: str) -> Lane:
    return next(one for one in shown.lanes if one.name == name)


def test_a_hold_is_a_bar_with_its_end_and_one_that_stands_is_open() -> None:
    held = lane(
        drawn(
            verdict(10, Ruling.HELD),
            verdict(9, Ruling.HELD),
            verdict(8, Ruling.REPORTED),
            verdict(1, Ruling.HELD, "host:b"),
        ),
        "held",
    )
    first, second = held.bars
    assert not first.open and second.open
    assert "host:a" in first.words and "to 2026-11-21 18:10:00 UTC" in first.words
    assert "to now: host:b" in second.words
    hour = (WIDTH - LEFT) / 24
    assert first.width == pytest.approx(2 * hour, abs=0.2) and second.width == pytest.approx(hour, abs=0.2)
    assert second.x + second.width <= WIDTH


def test_what_overlaps_is_one_bar_that_names_all() -> None:
    events = [verdict(5 - number / 10, Ruling.BLIND, f"link:{number}") for number in range(6)]
    (bar,) = lane(drawn(*events), "blind").bars
    assert bar.open and "link:0, link:1, link:2, link:3 and 2 more" in bar.words


def test_a_new_life_ends_what_was_known_and_a_view_that_is_blind_now_is_open() -> None:
    events = [
        Event(at=ago(20), kind=Kind.STARTED),
        verdict(19, Ruling.BLIND, "link:a"),
        Event(at=ago(18), kind=Kind.STARTED),
    ]
    blind = lane(drawn(*events, blind={"link:b": ago(2)}), "blind").bars
    assert [bar.open for bar in blind] == [False, True]
    assert "link:b" in blind[1].words


def test_lives_end_with_the_stop_or_with_the_last_that_was_heard() -> None:
    events = [
        verdict(23, Ruling.ACTED),  # of a life that began before
        Event(at=ago(20), kind=Kind.STOPPED),
        Event(at=ago(10), kind=Kind.STARTED),
        verdict(9, Ruling.ACTED),
        Event(at=ago(5), kind=Kind.STARTED),
        verdict(4, Ruling.ACTED),
    ]
    ran = lane(drawn(*events), "ran").bars
    assert [bar.open for bar in ran] == [False, False, True]
    assert [bar.open for bar in lane(drawn(*events, runs=False), "ran").bars] == [False] * 3


def test_marks_that_stand_close_together_are_one_with_its_number() -> None:
    events = [
        Event(
            at=ago(3) + datetime.timedelta(seconds=number),
            kind=Kind.MADE,
            subject=f"vm:{number}",
            report=number,
        )
        for number in range(50)
    ]
    events += [Event(at=ago(2), kind=Kind.ENDED, subject="vm:1", status="delivered")]
    events += [Event(at=ago(2), kind=Kind.ENDED, subject="vm:2", status="refused")]
    shown = drawn(*events)
    (made,) = lane(shown, "reports").marks
    assert made.count == 50 and "and 46 more" in made.words
    assert [(one.kind, one.count) for one in lane(shown, "ended").marks] == [("delivered", 1), ("refused", 1)]
    assert "50 reports made, 1 of 2 that ended were delivered" in shown.words


def test_a_storm_of_a_whole_day_is_a_bounded_picture() -> None:
    events = [
        Event(at=ago(24 - number / 400), kind=Kind.MADE, subject=f"host:{number % 1000}")
        for number in range(9000)
    ]
    assert len(lane(drawn(*events), "reports").marks) < 120


def test_nothing_stands_outside_of_the_picture() -> None:
    future = [Event(at=NOW + HOUR, kind=Kind.MADE, subject="a"), verdict(-2, Ruling.HELD)]
    shown = drawn(*future, verdict(30, Ruling.BLIND))
    places = [bar.x for each in shown.lanes for bar in each.bars]
    places += [mark.x for each in shown.lanes for mark in each.marks]
    assert all(LEFT <= x <= WIDTH for x in [*places, shown.now, *(x for x, _ in shown.ticks)])
    assert all(bar.width > 0 for each in shown.lanes for bar in each.bars)
