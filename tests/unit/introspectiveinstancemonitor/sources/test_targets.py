"""The targets tell their readers of every change, and of nothing else."""

from collections.abc import Callable
from dataclasses import replace

from masakarimonitors.introspectiveinstancemonitor.sources.targets import Target, Targets

ONE = Target(uuid="u-1", name="one", run="run-1", domain_id=1, askable=True, born=7)


async def test_a_reader_is_woken_by_a_change_and_not_by_a_repetition() -> None:
    targets = Targets()
    event = targets.subscribe()
    targets.put(ONE)
    assert event.is_set()
    event.clear()
    targets.put(replace(ONE))
    assert not event.is_set()
    targets.remove("u-1")
    assert event.is_set()
    event.clear()
    targets.remove("u-1")
    assert not event.is_set()
    targets.unsubscribe(event)
    targets.put(ONE)
    assert not event.is_set()


async def test_who_answers_is_forgotten_with_its_life_its_pause_and_libvirt() -> None:
    changes: list[Callable[[Targets], None]] = [
        lambda targets: targets.put(replace(ONE, run="run-2")),
        lambda targets: targets.put(replace(ONE, born=8)),
        lambda targets: targets.put(replace(ONE, askable=False)),
        lambda targets: targets.remove("u-1"),
        lambda targets: targets.suspend(),
    ]
    for change in changes:
        targets = Targets()
        targets.put(ONE)
        targets.answering.add("u-1")
        change(targets)
        assert not targets.answering


async def test_nor_is_it_forgotten_of_one_whose_life_is_the_same_for_all_that_is_known() -> None:
    targets = Targets()
    targets.put(ONE)
    targets.answering.add("u-1")
    for born in (0, 7):
        targets.put(replace(ONE, born=born))
    assert targets.answering
    targets.put(replace(ONE, born=0))
    targets.put(replace(ONE, born=8))
    assert not targets.answering


async def test_hints_are_taken_once() -> None:
    targets = Targets()
    targets.hint("u-1")
    assert targets.take_hints() == {"u-1"}
    assert targets.take_hints() == set()
