import pytest

from masakarimonitors.hostmonitor.core.evidence.membership import (
    BLANK,
    ViewState,
    age,
    observe,
    restore_member,
    usable_value,
)
from masakarimonitors.hostmonitor.core.observation import Membership, Sighting

U, D, L, X = Membership.UP, Membership.DOWN, Membership.LEFT, Membership.UNKNOWN


def through(*values: Membership, live: bool = True) -> Membership:
    state = BLANK
    for second, value in enumerate(values):
        state = observe(state, Sighting(value), float(second), live)
    return state.value


@pytest.mark.parametrize(
    ("values", "stands"),
    [
        ((D, L), D),  # failed, then left: still failed
        ((D, X), D),  # failed, then gone from the list: still failed
        ((D, L, X), D),
        ((D, U), U),
        ((D, L, U), U),
        ((U, L), L),  # alive, then left: planned
        ((U, L, X), L),  # left long ago and reaped: still planned
        ((U, X), X),
        ((U, L, D), D),
        ((X, D), D),
    ],
)
def test_what_stands_after_what_was_said(values: tuple[Membership, ...], stands: Membership) -> None:
    assert through(*values) is stands


@pytest.mark.parametrize("value", [L, X])
def test_what_was_down_is_not_when_its_source_takes_that_back(value: Membership) -> None:
    down = observe(BLANK, Sighting(D), 0.0, True)
    assert observe(down, Sighting(value, revises=True), 1.0, True).value is value


def test_what_was_said_without_a_proven_view_does_not_stick() -> None:
    assert through(D, L, live=False) is L


def test_a_value_counts_only_in_a_live_view_and_when_firm() -> None:
    state = observe(BLANK, Sighting(D), 0.0, True)
    assert usable_value(state, live=True, needed=1) is D
    assert usable_value(state, live=True, needed=2) is X
    assert usable_value(state, live=False, needed=1) is X
    assert usable_value(age(state, 5.0, 5.0, 2), live=True, needed=2) is D


def test_what_was_remembered_counts_for_nothing_until_it_is_seen() -> None:
    state = restore_member(D)
    assert usable_value(state, live=True, needed=1) is X
    assert observe(state, Sighting(L), 0.0, True).value is D
    assert observe(state, Sighting(U), 0.0, True).value is U


def test_hearing_the_same_again_makes_no_new_state() -> None:
    sighting = Sighting(U, "passing")
    state = observe(BLANK, sighting, 0.0, True)
    assert observe(state, sighting, 1.0, True) is state


def test_a_view_counts_while_it_is_proven_complete_and_fresh() -> None:
    view = ViewState(proven=True, complete=True, until=10.0)
    assert view.counts(9.9) and not view.counts(10.0)
    assert "silent" in view.explain(10.0)
    assert not ViewState(proven=True).counts(0.0)
    assert "complete" in ViewState(proven=True).explain(0.0)
    assert not ViewState(complete=True).counts(0.0)
