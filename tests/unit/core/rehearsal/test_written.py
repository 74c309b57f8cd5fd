"""Records come back as they were, and what is no record of these words is named and refused."""

import datetime
import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.core.decision import JSON
from masakarimonitors.core.rehearsal.written import Unreadable, Words, write

V = TypeVar("V")


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Pair(Generic[V]):
    one: V
    other: float = -math.inf


@dataclass(frozen=True)
class Leaf:
    at: datetime.datetime
    colour: Colour = Colour.RED


@dataclass(frozen=True)
class Bud:
    count: int

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError("no count")


@dataclass(frozen=True)
class Tree:
    leaves: Mapping[str, Leaf]
    pair: Pair[Colour]
    end: Leaf | Bud | None = None
    vectors: frozenset[tuple[bool, ...]] = frozenset()
    names: Collection[str] = frozenset()
    run: tuple[int, str] = (0, "")
    until: float = math.inf
    told: tuple[str, ...] = field(default_factory=tuple)
    places: Mapping[tuple[str, int], Leaf] = field(default_factory=dict)


WORDS = Words(Tree)
DAY = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)

leaves = st.builds(Leaf, st.just(DAY), st.sampled_from(Colour))
trees = st.builds(
    Tree,
    leaves=st.dictionaries(st.text(max_size=5), leaves, max_size=3),
    pair=st.builds(Pair, st.sampled_from(Colour), st.floats(allow_nan=False)),
    end=st.none() | leaves | st.builds(Bud, st.integers(0, 9)),
    vectors=st.frozensets(st.tuples(st.booleans(), st.booleans()), max_size=3),
    names=st.frozensets(st.text(max_size=3), max_size=3),
    run=st.tuples(st.integers(), st.text(max_size=3)),
    until=st.floats(allow_nan=False),
    told=st.lists(st.text(max_size=3), max_size=3).map(tuple),
    places=st.dictionaries(st.tuples(st.text(max_size=3), st.integers()), leaves, max_size=3),
)


@given(trees)
def test_what_is_written_is_read_as_it_was(tree: Tree) -> None:
    line = json.dumps(write(tree), allow_nan=False)
    assert WORDS.read(Tree, json.loads(line)) == tree


@dataclass(frozen=True)
class Box(Generic[V]):
    held: V | None = None
    pair: Pair[V] | None = None


def test_what_holds_any_kind_is_read_as_the_kind_that_it_holds() -> None:
    leaf = Leaf(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
    kinds = Box[Leaf] | Pair[Bud] | Bud
    words = Words(kinds)
    for one in (Box(leaf), Box(pair=Pair(leaf)), Box(), Pair(Bud(1)), Bud(2)):
        assert words.read(kinds, json.loads(json.dumps(write(one)))) == one
    with pytest.raises(Unreadable):
        words.read(kinds, write(Box(Bud(1))))
    with pytest.raises(Unreadable, match="not known there"):
        words.read(kinds, write(leaf))


def test_what_has_its_default_takes_no_room() -> None:
    assert write(Pair(Colour.BLUE)) == {"is": "Pair", "one": "blue"}


BARE: dict[str, JSON] = {"is": "Tree", "leaves": {}, "pair": {"is": "Pair", "one": "red"}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"is": "Bush"}, "'Bush', which is not known"),
        ({"grown": 1}, "has grown: it is of another version"),
        ({"leaves": []}, "no mapping"),
        ({"leaves": {"a": {"is": "Leaf"}}}, "lacks at"),
        ({"leaves": {"a": {"is": "Leaf", "at": "noon"}}}, "isoformat"),
        ({"pair": {"is": "Pair", "one": "green"}}, "green"),
        ({"end": {"is": "Bud", "count": -1}}, "makes no sense: no count"),
        ({"end": {"is": "Bud", "count": True}}, "no int"),
        ({"end": 7}, "none of its kinds"),
        ({"run": [1]}, "1 parts and not 2"),
        ({"told": "words"}, "no list"),
        ({"until": "late"}, "no float"),
        ({"places": {"a": {"is": "Leaf"}}}, "no mapping"),
        ({"places": [["a", {"is": "Leaf"}]]}, "no list"),
        ({"places": [[["a", 1]]]}, "1 parts and not 2"),
        ({"places": [[["a", "b"], {"is": "Leaf"}]]}, "no int"),
    ],
)
def test_what_is_of_another_version_or_makes_no_sense_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        WORDS.read(Tree, {**BARE, **changes})


def test_what_is_nested_without_end_is_refused() -> None:
    deep: JSON = "x"
    for _ in range(100):
        deep = [deep]
    with pytest.raises(Unreadable):
        WORDS.read(Tree, {**BARE, "told": deep})


def test_what_is_no_record_is_not_written() -> None:
    with pytest.raises(TypeError, match="object cannot be written"):
        write(object())
    with pytest.raises(TypeError, match="object cannot be written"):
        write({object(): 2})


def test_a_shape_changes_with_each_field_and_each_word() -> None:
    assert Words(Tree).shape == WORDS.shape != Words(Leaf).shape


def test_a_shape_changes_with_what_a_field_is_by_default() -> None:
    """Nothing else stands for it in what is written: it would be read as another."""
    of_default = [
        Words(
            dataclass(frozen=True)(type("Rule", (), {"__annotations__": {"wait": float}, "wait": wait}))
        ).shape
        for wait in (30.0, 30.0, 60.0)
    ]
    assert of_default[0] == of_default[1] != of_default[2]


def test_two_classes_of_one_name_are_not_told_apart() -> None:
    other: Any = dataclass(frozen=True)(type("Leaf", (), {"__annotations__": {}}))
    with pytest.raises(TypeError, match="two classes"):
        Words(Leaf, other)
