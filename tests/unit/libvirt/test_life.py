"""The table by which two sightings of an instance are of one life, of two, or nobody can tell."""

import itertools

import pytest

from masakarimonitors.libvirt.life import TABLE, Birth, Likeness, Number, born, compare, is_another

NUMBERS, BIRTHS = (0, 7, 8), (0, 1_795_863_268_369_904_233, 1_795_863_268_369_904_234)
LIVES = list(itertools.product(NUMBERS, BIRTHS))


def test_the_table_is_whole() -> None:
    assert set(TABLE) == set(itertools.product(Number, Birth, (True, False)))


@pytest.mark.parametrize("heard", [True, False])
def test_what_two_sightings_prove(heard: bool) -> None:
    for known, seen in itertools.product(LIVES, repeat=2):
        told = compare(known, seen, heard=heard)
        if 0 in (known[0], seen[0]):
            assert told is Likeness.UNTOLD
        elif known[0] != seen[0] or 0 != known[1] != seen[1] != 0:
            assert told is Likeness.ANOTHER
        elif seen[1]:
            assert told is Likeness.SAME, "also where an earlier release did not write when it was begun"
        else:
            assert told is (Likeness.SAME if heard else Likeness.UNTOLD)


def test_nothing_that_is_missed_makes_one_life_of_two() -> None:
    for number, birth in itertools.product(Number, Birth):
        if TABLE[number, birth, False] is Likeness.SAME:
            assert TABLE[number, birth, True] is Likeness.SAME


def test_what_is_another_life_is_so_whatever_was_heard() -> None:
    for known, seen in itertools.product(LIVES, repeat=2):
        for heard in (True, False):
            assert is_another(known, seen) is (compare(known, seen, heard=heard) is Likeness.ANOTHER)


@pytest.mark.parametrize(
    ("known", "seen", "then"),
    [
        ((7, 1), (7, 0), 1),
        ((7, 1), (7, 2), 2),
        ((7, 0), (7, 2), 2),
        ((7, 1), (8, 0), 0),
        (("b-7", 1), ("b-7", 0), 1),
    ],
)
def test_what_is_not_seen_any_more_of_one_life_is_not_forgotten(
    known: tuple[int, int], seen: tuple[int, int], then: int
) -> None:
    assert born(known, seen) == then
