"""The silences that a monitor knows: until when each of them holds, by its own clocks, and what is kept of it."""

import datetime
import math
from dataclasses import replace
from typing import Any

import pytest

from masakarimonitors.core.decision import Instant, Remember
from masakarimonitors.core.silences.book import MEMORY, Book, Step, restore
from masakarimonitors.core.silences.silence import MOST, MOST_KNOWN, Act, Silence, Stage

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


def kept(book: Book, now: Instant, boot: str = "") -> dict[str, Any]:
    """What stands on disk, as it is written in the boot of that name."""
    commands = Book(boot=boot).hear([one.silence for one in book.kept.values()], now).commands
    return {one.key: one.value for one in commands if isinstance(one, Remember)}


def test_a_restart_changes_nothing() -> None:
    book = restore(kept(heard(silence(), at(0)), at(0)))
    assert book.over(HOST, at(10)) is not None, "before anything was decided, too"
    book = book.pass_time(at(10)).book
    assert lasts(book, 10) == 590 and not math.isinf(book.kept["s1"].end.monotonic)


def test_after_a_restart_with_a_clock_that_was_set_back_it_lasts_its_length_at_most() -> None:
    book = restore(kept(heard(silence(), at(0)), at(0))).pass_time(at(10, -86400)).book
    assert lasts(book, 10, -86400) == 600


@pytest.mark.parametrize("set_by", [-86400, -3600, 0, 300])
def test_in_the_same_boot_a_restart_prolongs_nothing_whatever_was_done_to_the_clock(set_by: float) -> None:
    memory = kept(heard(silence(), at(0)), at(0), "boot1")
    book = restore(memory, boot="boot1")
    whole = 600 if set_by <= 0 else 600 - set_by
    assert lasts(book, 10, set_by) == whole - 10, "before anything was decided, too"
    step = book.pass_time(at(10, set_by))
    assert lasts(step.book, 10, set_by) == whole - 10 and step.commands == ()
    assert step.book.pass_time(at(700, set_by)).book.holding == []


def test_after_another_boot_the_wall_clock_counts_and_what_is_kept_from_then_on_is_of_that_boot() -> None:
    book = restore(kept(heard(silence(), at(0)), at(0), "boot1"), boot="boot2")
    step = book.pass_time(at(100, -86400))
    assert lasts(step.book, 100, -86400) == 600, "its length at most"
    (told,) = step.commands
    assert isinstance(told, Remember) and told.value is not None
    assert (told.value["boot"], told.value["ends_monotonic"]) == ("boot2", 1700.0)
    again = restore({told.key: told.value}, boot="boot2")
    assert lasts(again, 400, -90000) == 300, "a second restart begins nothing anew"


@pytest.mark.parametrize("told", ["soon", None, True, float("nan"), float("inf"), 10.0**9])
def test_an_end_on_disk_that_no_clock_shows_prolongs_nothing(told: Any) -> None:
    memory = kept(heard(silence(), at(0)), at(0), "boot1")
    memory[MEMORY + "s1"] = {**memory[MEMORY + "s1"], "ends_monotonic": told}
    book = restore(memory, boot="boot1").pass_time(at(10)).book
    assert lasts(book, 10) == 590


def test_what_a_release_kept_that_knew_no_boot_ends_by_the_wall_clock() -> None:
    book = restore(kept(heard(silence(), at(0)), at(0)), boot="boot1").pass_time(at(10)).book
    assert lasts(book, 10) == 590


def test_one_that_was_over_when_the_monitor_was_away_says_so_when_it_is_back() -> None:
    step = restore(kept(heard(silence(), at(0)), at(0))).pass_time(at(700))
    assert [one.act for one in step.happened] == [Act.ALARM_AWAY]
    running = restore(kept(heard(silence(), at(0)), at(0))).pass_time(at(10)).book
    assert [one.act for one in running.pass_time(at(700)).happened] == [Act.ALARM]


def test_one_that_ends_too_far_away_holds_nothing_is_told_once_and_leaves_room_for_others() -> None:
    far = [silence(f"far{n}", made=400 * 86400.0) for n in range(MOST)]
    first = Book().hear(far, at(0))
    assert {one.act for one in first.happened} == {Act.REFUSE_FAR} and len(first.happened) == MOST
    assert first.book.kept == {} and first.commands == ()
    assert first.book.hear(far, at(1)) == Step(book=first.book)
    assert [one.act for one in first.book.hear([silence()], at(2)).happened] == [Act.BEGIN]


def test_one_that_was_refused_because_of_this_hosts_clock_holds_when_that_is_right() -> None:
    """As one whose battery is empty shows it until it is set."""
    book = Book().hear([silence()], at(0, -400 * 86400.0)).book
    assert lasts(book, 0, -400 * 86400.0) == 0
    step = book.pass_time(at(10))
    assert [one.act for one in step.happened] == [Act.BEGIN] and lasts(step.book, 10) == 590
    assert step.book.refused == {}


def test_of_one_that_is_refused_it_is_enough_that_somebody_ends_it_or_that_it_is_past() -> None:
    book = Book().hear([silence(made=400 * 86400.0)], at(0)).book
    assert book.hear([silence(made=400 * 86400.0, ended=True)], at(1)).book.refused == {}
    assert book.pass_time(at(402 * 86400.0)).book.refused == {}


def test_no_silence_puts_out_one_that_holds_and_what_finds_no_room_is_told_and_taken_later() -> None:
    book = Book().hear([silence(f"s{n:03}", seconds=600 + n) for n in range(MOST)], at(0)).book
    step = book.hear([silence("one more", seconds=3000)], at(1))
    assert [(one.act, one.silence.key) for one in step.happened] == [(Act.REFUSE, "one more")]
    assert len(step.book.holding) == MOST and step.commands == ()
    later = step.book.pass_time(at(600))
    assert [(one.act, one.silence.key) for one in later.happened] == [
        (Act.ALARM, "s000"),
        (Act.BEGIN, "one more"),
    ]


def test_those_that_hold_no_longer_leave_room_for_others() -> None:
    book = Book().hear([silence(f"s{n:03}", ended=True) for n in range(MOST)], at(0)).book
    assert [one.act for one in book.hear([silence("new")], at(1)).happened] == [Act.BEGIN]
    full = Book().hear([silence(f"s{n:03}", ended=True) for n in range(MOST_KNOWN + 5)], at(0)).book
    assert len(full.kept) == MOST_KNOWN
    assert [one.act for one in full.hear([silence("new")], at(1)).happened] == [Act.REFUSE]


@pytest.mark.parametrize(
    "change",
    [{"stage": "odd"}, {"ends": "soon"}, {"ends": "2026-11-22T08:00:00"}, {"until": 7}, {"id": None}],
)
def test_what_is_on_disk_and_makes_no_sense_holds_nobody(change: dict[str, Any]) -> None:
    memory = kept(heard(silence(), at(0)), at(0))
    memory[MEMORY + "s1"] = {**memory[MEMORY + "s1"], **change}
    book = restore(memory)
    assert book.kept == {} and book.over(HOST, at(1)) is None
    step = book.pass_time(at(1))
    assert step.unread == (MEMORY + "s1",) and step.commands == (Remember(MEMORY + "s1", None),)
    assert step.book.pass_time(at(2)) == Step(book=step.book), "told once"


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
