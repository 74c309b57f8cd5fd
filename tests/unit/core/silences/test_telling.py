"""What people are told of silences."""

import datetime

import pytest

from masakarimonitors.core.decision import Instant, Ruling
from masakarimonitors.core.explained import Standing
from masakarimonitors.core.silences import telling
from masakarimonitors.core.silences.book import Book, Happened
from masakarimonitors.core.silences.silence import Act, Silence

WALL = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)
NOW = Instant(1000.0, WALL)
ONE = Silence(
    key="s1",
    target="all",
    made=WALL,
    until=WALL + datetime.timedelta(hours=1),
    author="alice",
    reason="new firmware",
    ended_by="bob",
)


@pytest.mark.parametrize(
    ("act", "failing", "ruling", "alarm"),
    [
        (Act.BEGIN, (), Ruling.HELD, True),
        (Act.END, (), Ruling.RECOVERED, False),
        (Act.ALARM, (), Ruling.RECOVERED, False),
        (Act.END, ("node05",), Ruling.ACTED, True),
        (Act.ALARM, ("node05",), Ruling.ACTED, True),
        (Act.ALARM_AWAY, (), Ruling.ACTED, True),
        (Act.ALARM_AWAY, ("node05",), Ruling.ACTED, True),
        (Act.REFUSE_FAR, (), Ruling.ACTED, True),
        (Act.REFUSE, (), Ruling.ACTED, True),
    ],
)
def test_what_has_happened(act: Act, failing: tuple[str, ...], ruling: Ruling, alarm: bool) -> None:
    told = telling.verdict(Happened(ONE, act), failing)
    assert (told.subject, told.ruling, told.alarm) == ("silence:s1", ruling, alarm)
    assert "all hosts" in told.why and ("node05" in told.why) == bool(failing)
    assert ("bob" in told.why) == (act is Act.END)


def test_of_what_nobody_has_seen_since_nothing_is_called_well() -> None:
    told = telling.verdict(Happened(ONE, Act.ALARM_AWAY), ())
    assert "not known yet" in told.why and "nothing that it held fails" not in told.why


def test_of_very_many_some_are_named() -> None:
    told = telling.verdict(Happened(ONE, Act.ALARM), [f"node{n:03}" for n in range(100)])
    assert "node019 and 80 more" in told.why


def test_it_explains_itself() -> None:
    book = Book().hear([ONE], NOW).book
    told = telling.explained(book, "silence:s1")
    assert told is not None and told.standing is Standing.OFF
    assert told.why == "alice has silenced all hosts until 2026-11-22 09:00:00 UTC: new firmware"
    over = book.pass_time(Instant(9000.0, WALL + datetime.timedelta(hours=2))).book
    gone = telling.explained(over, "silence:s1")
    assert gone is None or gone.standing is Standing.WELL
    assert telling.explained(book, "silence:s2") is None and telling.explained(book, "host:s1") is None
