"""`make explore`: everybody has a round, each round goes deeper, and what is found in one cast stops no other."""

import pytest

from tests.explore.__main__ import casts, play
from tests.explore.casts import BALLOTS
from tests.explore.moves import PLAYS
from tests.explore.search import Search
from tests.explore.test_search import forbid, moves


def puzzle(number: int) -> Search[int]:
    return Search(1, moves, lambda found: found, forbid(number))


def test_rounds_go_deeper_until_nothing_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    playing = [("finds twelve", puzzle(12)), ("finds nothing", puzzle(0))]
    assert play(playing) == 1
    (found, sound) = (search.account for _, search in playing)
    assert found.violation == "it is 12" and found.depth == 4
    assert sound.complete and sound.depth > 4
    told = capsys.readouterr().out
    assert "round 1, finds twelve" in told and "round 5, finds nothing" in told
    assert "round 5, finds twelve" not in told
    assert "VIOLATION: it is 12" in told and "4. double" in told


def test_a_round_may_be_the_last() -> None:
    playing = [("a puzzle", puzzle(0))]
    assert play(playing, rounds=2) == 0
    assert playing[0][1].account.depth == 2 and not playing[0][1].account.complete


def test_its_minutes_may_be_over(capsys: pytest.CaptureFixture[str]) -> None:
    playing = [("a puzzle", puzzle(0))]
    assert play(playing, minutes=0.0) == 0
    assert playing[0][1].account.depth == 0 and not capsys.readouterr().out
    assert play(playing, minutes=60.0) == 0
    assert playing[0][1].account.complete and playing[0][1].account.ahead == 0


def test_every_cast_and_every_election_plays() -> None:
    names = [name for name, _ in casts()]
    assert all(rules.name in names for rules in PLAYS)
    assert all(any(name.startswith(ballot.name) for name in names) for ballot in BALLOTS)
