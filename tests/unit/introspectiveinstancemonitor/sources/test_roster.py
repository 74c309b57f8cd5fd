"""The roster tells its readers of every change, and of nothing else."""

from collections.abc import Callable
from dataclasses import replace

from masakarimonitors.introspectiveinstancemonitor.sources.roster import Roster, Watched

ONE = Watched("u-1", "one", "run-1", 1, askable=True)


async def test_a_reader_is_woken_by_a_change_and_not_by_a_repetition() -> None:
    roster = Roster()
    event = roster.subscribe()
    roster.put(ONE)
    assert event.is_set()
    event.clear()
    roster.put(replace(ONE))
    assert not event.is_set()
    roster.remove("u-1")
    assert event.is_set()
    event.clear()
    roster.remove("u-1")
    assert not event.is_set()
    roster.unsubscribe(event)
    roster.put(ONE)
    assert not event.is_set()


async def test_who_answers_is_forgotten_with_its_life_its_pause_and_libvirt() -> None:
    changes: list[Callable[[Roster], None]] = [
        lambda roster: roster.put(replace(ONE, run="run-2")),
        lambda roster: roster.put(replace(ONE, askable=False)),
        lambda roster: roster.remove("u-1"),
        lambda roster: roster.silence(),
    ]
    for change in changes:
        roster = Roster()
        roster.put(ONE)
        roster.answering.add("u-1")
        change(roster)
        assert not roster.answering


async def test_hints_are_taken_once() -> None:
    roster = Roster()
    roster.hint("u-1")
    assert roster.take_hints() == {"u-1"}
    assert roster.take_hints() == set()
