"""The documentation draws the table that the program steps through, whole and nothing else."""

import runpy
import xml.etree.ElementTree as ET
from pathlib import Path

from masakarimonitors.introspectiveinstancemonitor.lifecycle import TABLE, Move, Phase

DOCS = Path(__file__).parents[3] / "docs"
DRAWING = runpy.run_path(str(DOCS / "_ext/guest_lifecycle.py"))


def arrows(svg: str) -> dict[tuple[Phase, Move], Phase]:
    found = {}
    for group in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}g"):
        key = Phase(group.attrib["data-from"]), Move(group.attrib["data-move"])
        found[key] = Phase(group.attrib["data-to"])
    return found


def test_the_picture_shows_each_listed_move_and_no_other() -> None:
    svg = DRAWING["draw"](TABLE)
    assert arrows(svg) == dict(TABLE)
    texts = [text.text for text in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert texts[-len(Phase) :] == [phase.value for phase in Phase]


def test_the_picture_follows_the_table() -> None:
    less = {key: then for key, then in TABLE.items() if key != (Phase.ERROR, Move.REPORT)}
    assert arrows(DRAWING["draw"](less)) == less


def test_the_words_say_the_same() -> None:
    lines = DRAWING["listed"](TABLE)
    cells = [line.strip(" *-") for line in lines[3:]]
    rows = [cells[n : n + 1 + len(Move)] for n in range(0, len(cells), 1 + len(Move))]
    assert rows[0] == ["state", *(move.value for move in Move)]
    for row, phase in zip(rows[1:], Phase, strict=True):
        assert row[0] == phase.value
        for word, move in zip(row[1:], Move, strict=True):
            then = TABLE.get((phase, move))
            assert word == ("cannot happen" if then is None else "stays" if then is phase else then.value)


def test_the_page_shows_it() -> None:
    assert ".. guest-lifecycle::" in (DOCS / "introspectiveinstancemonitor.rst").read_text()
    assert "guest_lifecycle" in (DOCS / "conf.py").read_text()
