"""What one gate says, and which of those that hold is the one that matters."""

import datetime
import json
import math
from enum import StrEnum

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.explained import Explained, GateSeen, Passage, Standing, gate, in_order, wall_at

NOW = Instant(100.0, datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC))


class Name(StrEnum):
    FIRST = "first thing"
    SECOND = "second thing"


def shut(name: str, passage: Passage = Passage.HOLDS) -> GateSeen:
    return GateSeen(name=name, passage=passage)


def test_the_first_that_holds_holds_and_those_behind_it_would() -> None:
    gates = [shut("a", Passage.PASSED), shut("b"), shut("c", Passage.NOT_ASKED), shut("d")]
    assert [one.passage for one in in_order(gates)] == [
        Passage.PASSED,
        Passage.HOLDS,
        Passage.NOT_ASKED,
        Passage.WOULD_HOLD,
    ]


def test_a_gate_that_holds_says_why_and_one_that_does_not_says_whether_anything_has_come_to_it() -> None:
    held = gate(Name.FIRST, holds=True, why="it is shut", release="a key", until=NOW.wall)
    assert (held.name, held.reason, held.why, held.release, held.until) == (
        "first thing",
        "first",
        "it is shut",
        "a key",
        NOW.wall,
    )
    assert gate(Name.FIRST, holds=False, why="no", release="no").passage is Passage.PASSED
    assert gate(Name.SECOND, holds=False, why="no", release="no", asked=False).passage is Passage.NOT_ASKED


def test_a_monotonic_second_has_a_wall_time_unless_it_lies_nowhere() -> None:
    assert wall_at(NOW, 160.0) == NOW.wall + datetime.timedelta(minutes=1)
    assert [wall_at(NOW, one) for one in (None, math.inf, -math.inf, math.nan, 1e300)] == [None] * 5


def test_programs_get_the_words_of_the_closed_sets() -> None:
    told = Explained(
        subject="host:a", standing=Standing.HELD, since=NOW.wall, gates=[shut("b")], by_maintenance=True
    )
    document = json.loads(json.dumps(told.as_json()))
    assert document["standing"] == "held" and document["by_maintenance"] is True
    assert document["since"] == "2026-11-22T08:00:00+00:00"
    assert document["gates"][0]["passage"] == "holds" and document["gates"][0]["until"] is None
