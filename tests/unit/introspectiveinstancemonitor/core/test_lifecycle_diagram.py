"""The documentation draws the table that the program steps through, whole and nothing else."""

import runpy
import xml.etree.ElementTree as ET
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import TABLE, Move, Phase
from masakarimonitors.introspectiveinstancemonitor.core.outside import investigation

DOCS = Path(__file__).parents[4] / "docs"
DRAWING = runpy.run_path(str(DOCS / "_ext/guest_lifecycle.py"))


KINDS = [
    pytest.param(TABLE, Phase, Move, id="a guest"),
    pytest.param(investigation.TABLE, investigation.Stage, investigation.Clue, id="a look"),
]
Kind = type[StrEnum]


def arrows(svg: str, states: Kind, moves: Kind) -> dict[tuple[Any, Any], Any]:
    found = {}
    for group in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}g"):
        key = states(group.attrib["data-from"]), moves(group.attrib["data-move"])
        found[key] = states(group.attrib["data-to"])
    return found


@pytest.mark.parametrize(("table", "states", "moves"), KINDS)
def test_the_picture_shows_each_listed_move_and_no_other(table: Any, states: Kind, moves: Kind) -> None:
    svg = DRAWING["draw"](table, states)
    assert arrows(svg, states, moves) == dict(table)
    texts = [text.text for text in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert texts[-len(states) :] == [state.value for state in states]


def test_the_picture_follows_the_table() -> None:
    less = {key: then for key, then in TABLE.items() if key != (Phase.ACCUSED, Move.REPORT)}
    assert arrows(DRAWING["draw"](less), Phase, Move) == less


@pytest.mark.parametrize(("table", "states", "moves"), KINDS)
def test_the_words_say_the_same(table: Any, states: Kind, moves: Kind) -> None:
    lines = DRAWING["listed"](table, states, moves)
    cells = [line.strip(" *-") for line in lines[3:]]
    rows = [cells[n : n + 1 + len(moves)] for n in range(0, len(cells), 1 + len(moves))]
    assert rows[0] == ["state", *(move.value for move in moves)]
    for row, state in zip(rows[1:], states, strict=True):
        assert row[0] == state.value
        for word, move in zip(row[1:], moves, strict=True):
            then = table.get((state, move))
            assert word == ("cannot happen" if then is None else "stays" if then is state else then.value)


def test_the_page_shows_them() -> None:
    page = (DOCS / "introspectiveinstancemonitor.rst").read_text()
    assert ".. guest-lifecycle::" in page and ".. guest-look::" in page
    assert "guest_lifecycle" in (DOCS / "conf.py").read_text()
