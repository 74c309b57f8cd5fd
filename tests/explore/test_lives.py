"""One instance and all that may happen to it: no false accusation, no lost death, no report against one that is well.

That nothing is found means something only because a broken core is found out: the second half breaks it.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from masakarimonitors.core.decision import Decision, Instant, Woken
from masakarimonitors.instancemonitor.core.lifecycle import TABLE, Act, Fact, Move, Phase
from masakarimonitors.instancemonitor.core.observation import (
    Asked,
    Census,
    Failed,
    Observation,
    Reading,
)
from masakarimonitors.instancemonitor.core.sight.hearing import Boot, Hearing
from masakarimonitors.instancemonitor.core.state import Instance, State
from masakarimonitors.libvirt.domain_state import ShutoffReason
from tests.explore.lives import Lives, Mind, first, key, mind, played
from tests.explore.search import Account, Limits, Search

UNTOLD = (
    "its log can(not) be read",
    "the monitor ends",
    "its QEMU is killed",
    "libvirtd forgets why",
    "the monitor returns",
)
"""A life that ended, and nothing tells how: an alarm."""

UNHEARD = (
    "it is migrated away",
    "all is looked at twice",
    "a migration of it begins",
    "the monitor ends",
    "that migration is completed",
    "its QEMU is killed",
)
"""A life that nobody saw: only the log tells that its migration to here was completed, once a start of it fails."""


def searched(core: Mind, states: int, *begins: str, late: bool = False) -> Account:
    lives = Lives(core, late=late)
    return Search(played(lives, *begins), lives.moves, key, lambda world: None).run(Limits(states=states))


def test_nothing_is_lost_and_nobody_is_accused() -> None:
    account = searched(mind(), 9_000)
    assert not account.violation, str(account)
    assert account.depth >= 5


@pytest.mark.parametrize(
    "begins",
    [
        ("its QEMU is killed",),
        ("the monitor ends", "the host is restarted"),
        ("libvirtd ends", "its QEMU is killed"),
        ("its QEMU is killed", "the monitor ends"),
        ("it is undefined", "libvirtd ends"),
        ("its QEMU is killed", "it is defined anew"),
        ("its QEMU is killed", "the host is restarted"),
        UNTOLD,
        UNHEARD,
        (*UNHEARD, "a start of it begins"),
    ],
)
def test_nor_after_it_has_died_or_its_host_was_restarted(begins: tuple[str, ...]) -> None:
    account = searched(mind(), 3_000, *begins)
    assert not account.violation, str(account)


@pytest.mark.parametrize(
    "begins",
    [
        (),
        ("a census begins",),
        ("it is migrated away", "a migration of it begins", "that migration is completed"),
        ("its QEMU is killed", "a census begins", "it is undefined"),
        ("libvirtd ends", "libvirtd returns", "a census begins"),
    ],
)
def test_a_census_that_is_told_late_says_nothing_of_what_has_happened_since(begins: tuple[str, ...]) -> None:
    account = searched(mind(), 4_000, *begins, late=True)
    assert not account.violation, str(account)


# ---- broken ones


def of_readings(change: Callable[[Reading], Reading]) -> Mind:
    """A core that reads something else than what is there."""
    core = mind()

    def broken(state: State, seen: Observation | Woken, now: Instant) -> tuple[State, Decision]:
        match seen:
            case Census():
                seen = replace(seen, readings=tuple(change(one) for one in seen.readings))
            case Asked(reading=Reading() as reading):
                seen = replace(seen, reading=change(reading))
        return core(state, seen, now)

    return broken


def of_memory(change: Callable[[Instance], Instance]) -> Mind:
    """A core that does not know something of what it has seen."""
    core = mind()

    def broken(state: State, seen: Observation | Woken, now: Instant) -> tuple[State, Decision]:
        known = {place: change(one) for place, one in state.instances.items()}
        return core(replace(state, instances=known), seen, now)

    return broken


@pytest.mark.parametrize(
    "change",
    [
        lambda state: replace(state, as_of={}),
        lambda state: replace(
            state,
            instances={at: replace(one, number=min(one.number, 0)) for at, one in state.instances.items()},
        ),
    ],
    ids=["one that has left is forgotten as if it had never been", "no event is dated"],
)
def test_a_core_that_does_not_know_what_is_older_is_found_out(change: Callable[[State], State]) -> None:
    core = mind()

    def broken(state: State, seen: Observation | Woken, now: Instant) -> tuple[State, Decision]:
        return core(change(state), seen, now)

    account = searched(broken, 9_000, "a census begins", late=True)
    assert "a census that was begun before" in account.violation, str(account)


BROKEN: dict[str, Mind] = {
    "a log that cannot be read says nothing": of_readings(
        lambda one: one if one.log_read else replace(one, log_read=True, started=1.0)
    ),
    "no log is read": of_readings(lambda one: replace(one, log_read=False, last_words="", started=0.0)),
    "no reason is known": of_readings(lambda one: replace(one, reason=ShutoffReason.UNKNOWN, last_words="")),
    "what has crashed was switched off": of_readings(
        lambda one: (
            replace(one, reason=ShutoffReason.DESTROYED) if one.reason is ShutoffReason.CRASHED else one
        )
    ),
    "a start that failed is a crash": of_readings(
        lambda one: replace(one, reason=ShutoffReason.CRASHED) if one.reason is ShutoffReason.FAILED else one
    ),
    "what failed is always a migration": of_readings(
        lambda one: replace(one, failed=Failed.ARRIVAL) if one.reason is ShutoffReason.FAILED else one
    ),
    "no restart of the host is known": of_memory(lambda one: replace(one, boot=Boot.THIS)),
    "no definition is known to be gone": of_memory(
        lambda one: replace(one, defined=True) if one.defined is False else one
    ),
    "no life is known to be over": of_memory(
        lambda one: replace(one, hearing=Hearing.WHOLE) if one.over else one
    ),
    "no report is remembered": of_memory(
        lambda one: replace(one, phase=Phase.UP) if one.phase is Phase.FAILED else one
    ),
    "each life began long ago": of_memory(lambda one: replace(one, since=0.0)),
}


FROM = {
    "what failed is always a migration": UNHEARD,
    # While its log can be read, a death is an alarm at least.
    "no definition is known to be gone": ("it is undefined", "its log can(not) be read"),
}
"""After which moves the search for what is broken begins, where it lies deep."""


@pytest.mark.parametrize("name", BROKEN)
def test_a_core_that_knows_too_little_is_found_out(name: str) -> None:
    account = searched(BROKEN[name], 9_000, *FROM.get(name, ()))
    assert account.violation, str(account)


MUTANTS: tuple[tuple[Phase, Fact, Move], ...] = (
    (Phase.UP, Fact.DIED, (Phase.DOWN, ())),
    (Phase.UP, Fact.ENDED, (Phase.DOWN, ())),
    (Phase.UP, Fact.STOPPED, (Phase.UP, ())),
    (Phase.UP, Fact.UNSURE, (Phase.FAILED, (Act.REPORT,))),
    (Phase.UP, Fact.ARRIVES, (Phase.UP, ())),
    (Phase.ARRIVING, Fact.ENDED, (Phase.FAILED, (Act.REPORT,))),
    (Phase.ARRIVING, Fact.DIED, (Phase.FAILED, (Act.REPORT,))),
    (Phase.ARRIVING, Fact.LIVES, (Phase.ARRIVING, ())),
    (Phase.DOWN, Fact.ENDED, (Phase.FAILED, (Act.REPORT,))),
    (Phase.DOWN, Fact.LIVES, (Phase.DOWN, ())),
    (Phase.DOWN, Fact.STARTING, (Phase.UP, ())),
    (Phase.UNSURE, Fact.ENDED, (Phase.FAILED, (Act.REPORT,))),
    (Phase.FAILED, Fact.LIVES, (Phase.UP, ())),
    (Phase.FAILED, Fact.STARTING, (Phase.UP, (Act.WITHDRAW,))),
    (Phase.FAILED, Fact.ENDED, (Phase.FAILED, (Act.REPORT,))),
    (Phase.FAILED, Fact.STOPPED, (Phase.DOWN, ())),
    (Phase.FAILED, Fact.UNDEFINED, (Phase.DOWN, (Act.WITHDRAW, Act.SAY_OVER))),
    (Phase.FAILED, Fact.UNDEFINED, (Phase.FAILED, ())),
    (Phase.REMOVED, Fact.LIVES, (Phase.UP, ())),
    (Phase.REMOVED, Fact.DIED, (Phase.REMOVED, ())),
    (Phase.REMOVED, Fact.LEFT, (Phase.DOWN, (Act.FORGET,))),
    (Phase.FAILED, Fact.HOST_RESTARTED, (Phase.FAILED, ())),
    (Phase.UNSURE, Fact.UNDEFINED, (Phase.DOWN, ())),
    (Phase.PANICKED, Fact.ENDED, (Phase.FAILED, (Act.REPORT,))),
    (Phase.PANICKED, Fact.STOPPED, (Phase.DOWN, ())),
)
"""Moves of the table that were exchanged for wrong ones."""


@pytest.mark.parametrize(("phase", "fact", "instead"), MUTANTS)
def test_a_table_with_one_wrong_move_is_found_out(
    phase: Phase, fact: Fact, instead: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TABLE, (phase, fact), instead)
    killed = ("its QEMU is killed",) if phase in (Phase.FAILED, Phase.REMOVED) else ()
    account = searched(
        mind(), 9_000, *(UNTOLD if (phase, fact) == (Phase.UNSURE, Fact.UNDEFINED) else killed)
    )
    assert account.violation, str(account)


def test_a_second_life_that_nobody_saw_must_not_be_taken_for_the_reported_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(TABLE, (Phase.FAILED, Fact.UNSURE), (Phase.FAILED, ()))
    account = searched(mind(), 3_000, "its QEMU is killed", "the monitor ends")
    assert "nobody saw" in account.violation, str(account)


def test_a_way_is_named_by_its_moves() -> None:
    lives = Lives(mind())
    assert played(lives, "its QEMU is killed").pending
    assert first(lives).truth.seen
