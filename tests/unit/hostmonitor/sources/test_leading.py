"""Who the reporter is, as it is overheard on the way to the core."""

import pytest

from masakarimonitors.hostmonitor.core.observation import (
    Follower,
    Leader,
    NoElection,
    Observation,
    Registry,
)
from masakarimonitors.hostmonitor.sources.leading import Leading
from tests.fixtures.fake_clock import FakeClock

AT = FakeClock().now()
LEADS = Leader(why="", at=AT, ledger=None)
FOLLOWS = Follower(leader="node02", why="", at=AT, ledger=None)


@pytest.mark.parametrize(
    ("said", "leads"),
    [
        ((), False),
        ((LEADS,), True),
        ((LEADS, FOLLOWS), False),
        ((LEADS, NoElection(why="", since=0.0, at=AT)), False),
        ((LEADS, Registry(None, "", AT)), True),
    ],
)
def test_the_last_word_counts(said: tuple[Observation, ...], leads: bool) -> None:
    leading = Leading()
    for word in said:
        leading.hear(word)
    assert leading() is leads


def test_only_a_change_is_news() -> None:
    leading = Leading()
    leading.hear(FOLLOWS)
    assert not leading.changed.is_set()
    leading.hear(LEADS)
    assert leading.changed.is_set()
    leading.changed.clear()
    leading.hear(LEADS)
    assert not leading.changed.is_set()


def test_that_nobody_is_elected_is_known_only_when_it_was_said() -> None:
    leading = Leading()
    assert not leading.nobody()
    leading.hear(FOLLOWS)
    leading.changed.clear()
    leading.hear(NoElection(why="", since=0.0, at=AT))
    assert leading.nobody() and leading.changed.is_set()
    leading.hear(FOLLOWS)
    assert not leading.nobody()
