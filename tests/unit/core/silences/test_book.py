"""The silences that a monitor knows: until when each of them holds, by its own clocks, and what is kept of it."""

import datetime
import math
from dataclasses import replace
from typing import Any

import pytest

from masakarimonitors.core.decision import Instant, Remember
from masakarimonitors.core.silences.book import MEMORY, Book, Step, restore
from masakarimonitors.core.silences.silence import MOST, Act, Silence, Stage

WALL = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)
HOST = "host:node05"


def at(seconds: float, set_by: float = 0.0) -> Instant:
    """So many seconds after the beginning, by a wall clock that was set by some more."""
    return Instant(1000.0 + seconds, WALL + datetime.timedelta(seconds=seconds + set_by))


def silence(key: str = "s1", seconds: float = 600.0, made: float = 0.0, ended: bool = False) -> Silence:
    begun = WALL + datetime.timedelta(seconds=made)
    return Silence(
        key=key,
        target=HOST,
        made=begun,
        until=begun + datetime.timedelta(seconds=seconds),
        author="alice",
        reason="why",
        ended=begun if ended else None,
        ended_by="bob" if ended else "",
    )


def heard(one: Silence, now: Instant, book: Book | None = None) -> Book:
    return (book or Book()).hear([one], now).book


def lasts(book: Book, begin: float, set_by: float = 0.0) -> float:
    """For how many seconds from second `begin` on it holds, to the second."""
    seconds = 0.0
    while book.over(HOST, at(begin + seconds, set_by)) is not None:
        seconds += 1.0
        assert seconds < 10_000
    return seconds


def test_it_holds_from_when_it_is_heard_of_until_its_end() -> None:
    book = heard(silence(), at(5))
    assert lasts(book, 5) == 595 and list(book.times(at(5))) == [1600.0]
    assert book.over("host:node06", at(5)) is None


@pytest.mark.parametrize(("behind", "seconds"), [(0, 600), (100, 600), (3600, 600), (-100, 500), (-599, 1)])
def test_whatever_this_hosts_clock_says_it_lasts_no_longer_than_it_is_long(
    behind: float, seconds: float
) -> None:
    """Behind the clock of whoever has made it, it is believed for its whole length; before it, for less."""
    book = heard(silence(), at(0, -behind))
    assert lasts(book, 0, -behind) == seconds


def test_a_clock_that_is_set_back_meanwhile_prolongs_nothing() -> None:
    assert lasts(heard(silence(), at(0)), 100, -86400) == 500


def test_while_the_host_slept_its_time_went_on() -> None:
    assert heard(silence(), at(0)).over(HOST, at(10, 3600)) is None


def test_it_lasts_no_longer_than_is_allowed_here() -> None:
    assert lasts(heard(silence(seconds=5000), at(0), Book(longest=60.0)), 0) == 60
    late = heard(silence(seconds=5000), at(59), Book(longest=60.0))
    assert lasts(late, 59) == 1, "from when it was made"


def test_one_that_is_over_by_this_hosts_clock_is_not_news() -> None:
    step = Book().hear([silence()], at(600))
    assert step == Step(book=Book()) and step.book.kept == {}


def test_what_happens_is_told_once() -> None:
    begun = Book().hear([silence()], at(0))
    assert [one.act for one in begun.happened] == [Act.BEGIN]
    assert begun.book.hear([silence()], at(1)).happened == ()
    over = begun.book.pass_time(at(600))
    assert [one.act for one in over.happened] == [Act.ALARM] and over.book.ceased("host:node05") == 1600.0
    assert over.book.pass_time(at(601)).happened == ()
    ended = begun.book.hear([silence(ended=True)], at(2))
    assert [(one.act, one.silence.ended_by) for one in ended.happened] == [(Act.END, "bob")]


def test_one_that_is_heard_of_as_ended_is_kept_so_that_no_older_copy_holds() -> None:
    book = heard(silence(), at(1), heard(silence(ended=True), at(0)))
    assert book.over(HOST, at(1)) is None and list(book.times(at(1))) == []
    assert book.kept["s1"].stage is Stage.ENDED


def test_it_is_kept_on_disk_and_forgotten_in_the_end() -> None:
    step = Book().hear([silence()], at(0))
    (kept,) = step.commands
    assert isinstance(kept, Remember) and kept.key == MEMORY + "s1" and kept.value is not None
    over = step.book.pass_time(at(600))
    assert [command.key for command in over.commands if isinstance(command, Remember)] == [MEMORY + "s1"]
    gone = over.book.pass_time(at(600 + 3600))
    assert gone.commands == (Remember(MEMORY + "s1", None),) and gone.book.kept == {}


def kept(book: Book, now: Instant) -> dict[str, Any]:
    """What stands on disk."""
    commands = Book().hear([one.silence for one in book.kept.values()], now).commands
    return {one.key: one.value for one in commands if isinstance(one, Remember)}


def test_a_restart_changes_nothing() -> None:
    book = restore(kept(heard(silence(), at(0)), at(0)))
    assert book.over(HOST, at(10)) is not None, "before anything was decided, too"
    book = book.pass_time(at(10)).book
    assert lasts(book, 10) == 590 and not math.isinf(book.kept["s1"].end.monotonic)


def test_after_a_restart_with_a_clock_that_was_set_back_it_lasts_its_length_at_most() -> None:
    book = restore(kept(heard(silence(), at(0)), at(0))).pass_time(at(10, -86400)).book
    assert lasts(book, 10, -86400) == 600


def test_one_that_was_over_when_the_monitor_was_away_says_so_when_it_is_back() -> None:
    step = restore(kept(heard(silence(), at(0)), at(0))).pass_time(at(700))
    assert [one.act for one in step.happened] == [Act.ALARM]


@pytest.mark.parametrize(
    "change",
    [{"stage": "odd"}, {"ends": "soon"}, {"ends": "2026-11-22T08:00:00"}, {"until": 7}, {"id": None}],
)
def test_what_is_on_disk_and_makes_no_sense_holds_nobody(change: dict[str, Any]) -> None:
    memory = kept(heard(silence(), at(0)), at(0))
    memory[MEMORY + "s1"] = {**memory[MEMORY + "s1"], **change}
    assert restore(memory).kept == {}


def test_what_is_on_disk_holds_no_longer_than_the_silence_says() -> None:
    memory = kept(heard(silence(), at(0)), at(0))
    memory[MEMORY + "s1"] = {**memory[MEMORY + "s1"], "ends": "2099-01-01T00:00:00+00:00"}
    assert lasts(restore(memory).pass_time(at(10)).book, 10) == 590


def test_no_more_than_the_most_are_kept_and_the_end_of_each_of_those_is_heard() -> None:
    many = [silence(f"s{n}") for n in range(MOST + 5)]
    book = Book().hear(many, at(0)).book
    assert len(book.kept) == MOST
    assert book.hear([silence("s0", ended=True)], at(1)).book.kept["s0"].stage is Stage.ENDED


def test_nothing_new_is_the_same_book() -> None:
    book = heard(silence(), at(0))
    assert book.hear([silence()], at(1)).book is book and book.pass_time(at(1)).book is book


def test_of_several_the_last_to_end_is_named() -> None:
    book = heard(silence("s2", seconds=900), at(0), heard(silence(), at(0)))
    held = book.over(HOST, at(1))
    assert held is not None and held.silence.key == "s2"
    assert [one.silence.key for one in book.holding] == ["s1", "s2"]
    assert replace(book, kept={}).over(HOST, at(1)) is None
