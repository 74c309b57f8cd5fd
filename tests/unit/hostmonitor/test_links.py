import pytest

from masakarimonitors.hostmonitor.links import BLANK, LinkView, counts_as, remembered, sight, still
from masakarimonitors.hostmonitor.observation import Link, Sighting

U, D, L, X = Link.UP, Link.DOWN, Link.LEFT, Link.UNKNOWN


def through(*values: Link, live: bool = True) -> Link:
    state = BLANK
    for second, value in enumerate(values):
        state = sight(state, Sighting(value), float(second), live)
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
def test_what_stands_after_what_was_said(values: tuple[Link, ...], stands: Link) -> None:
    assert through(*values) is stands


def test_what_was_said_without_a_proven_view_does_not_stick() -> None:
    assert through(D, L, live=False) is L


def test_a_value_counts_only_in_a_live_view_and_when_firm() -> None:
    state = sight(BLANK, Sighting(D), 0.0, True)
    assert counts_as(state, live=True, needed=1) is D
    assert counts_as(state, live=True, needed=2) is X
    assert counts_as(state, live=False, needed=1) is X
    assert counts_as(still(state, 5.0, 5.0, 2), live=True, needed=2) is D


def test_what_was_remembered_counts_for_nothing_until_it_is_seen() -> None:
    state = remembered(D)
    assert counts_as(state, live=True, needed=1) is X
    assert sight(state, Sighting(L), 0.0, True).value is D
    assert sight(state, Sighting(U), 0.0, True).value is U


def test_hearing_the_same_again_makes_no_new_state() -> None:
    sighting = Sighting(U, "passing")
    state = sight(BLANK, sighting, 0.0, True)
    assert sight(state, sighting, 1.0, True) is state


def test_a_view_lives_while_it_is_proven_complete_and_fresh() -> None:
    view = LinkView(proven=True, complete=True, until=10.0)
    assert view.lives(9.9) and not view.lives(10.0)
    assert "silent" in view.reason(10.0)
    assert not LinkView(proven=True).lives(0.0)
    assert "complete" in LinkView(proven=True).reason(0.0)
    assert not LinkView(complete=True).lives(0.0)
