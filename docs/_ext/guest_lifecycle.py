"""The diagrams of what the introspective monitor may think of a guest: `.. guest-lifecycle::`, `.. guest-look::`.

Drawn, and listed as tables, from the two tables that the program itself steps through, so that the page cannot tell
of moves that do not exist.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from xml.sax.saxutils import escape

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from masakarimonitors.introspectiveinstancemonitor.core import lifecycle
from masakarimonitors.introspectiveinstancemonitor.core.outside import investigation

Table = Mapping[tuple[Any, Any], Any]

_WIDTH, _HEIGHT, _GAP = 110, 44, 100
_BELOW = {lifecycle.Move.RESTARTED, investigation.Clue.END}
"""What leads back to the beginning is drawn below the boxes, the rest above."""


def draw(table: Table, states: type[StrEnum] = lifecycle.Phase, what: str = "states of a guest") -> str:
    """The table as an SVG: one box for each state, one arrow for each move."""
    places = {state: 20 + n * (_WIDTH + _GAP) for n, state in enumerate(states)}
    reach = 66 + 0.14 * (places[list(states)[-1]] - 20) + _HEIGHT / 2
    width = 40 + len(states) * _WIDTH + (len(states) - 1) * _GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {2 * reach:g}" role="img" '
        f'font-family="sans-serif" font-size="12" aria-label="{escape(what)} and what moves it">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z"/></marker></defs>',
    ]
    parts += [_arrow(places, reach, state, move, then) for (state, move), then in table.items()]
    parts += [_box(places[state], reach, state.value) for state in states]
    return "\n".join([*parts, "</svg>"])


def _box(x: int, middle: float, word: str) -> str:
    y = middle - _HEIGHT / 2
    return (
        f'<rect x="{x}" y="{y:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="6" fill="#fff" stroke="#000"/>'
        f'<text x="{x + _WIDTH / 2:g}" y="{middle + 4:g}" text-anchor="middle">{escape(word)}</text>'
    )


def _arrow(places: Mapping[StrEnum, int], middle: float, state: StrEnum, move: StrEnum, then: StrEnum) -> str:
    """To the next box straight, further or back in arcs; loops sit on the box."""
    start, end, edge = places[state] + _WIDTH / 2, places[then] + _WIDTH / 2, _HEIGHT / 2
    side = 1 if move in _BELOW else -1
    if state is then:
        x, y = start + (28 if move.value == "missed" else -28), middle + side * edge
        path = (
            f"M{x - 12:g},{y:g} C{x - 18:g},{y + side * 34:g} {x + 18:g},{y + side * 34:g} {x + 12:g},{y:g}"
        )
        label = (x, y + side * (30 if side > 0 else 28) + (6 if side > 0 else 0))
    elif start < end and places[then] - places[state] == _WIDTH + _GAP:
        path = f"M{start + _WIDTH / 2:g},{middle:g} L{end - _WIDTH / 2 - 2:g},{middle:g}"
        label = ((start + end) / 2, middle - 6)
    else:
        reach = middle + side * (edge + 44 + 0.14 * abs(end - start))
        y = middle + side * edge
        path = f"M{start:g},{y:g} C{start:g},{reach:g} {end:g},{reach:g} {end:g},{y + side * 2:g}"
        label = ((start + end) / 2, y + 0.75 * (reach - y) + 4)
    return (
        f'<g data-from="{state.value}" data-move="{move.value}" data-to="{then.value}">'
        f'<path d="{path}" fill="none" stroke="#000" marker-end="url(#tip)"/>'
        f'<text x="{label[0]:g}" y="{label[1]:g}" text-anchor="middle" '
        f'stroke="#fff" stroke-width="4" paint-order="stroke">{escape(move.value)}</text></g>'
    )


def listed(
    table: Table, states: type[StrEnum] = lifecycle.Phase, moves: type[StrEnum] = lifecycle.Move
) -> list[str]:
    """The table in words, for readers of a page without pictures: the lines of a list-table."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    lines += ["   * - state", *(f"     - {move.value}" for move in moves)]
    for state in states:
        lines.append(f"   * - **{state.value}**")
        for move in moves:
            then = table.get((state, move))
            lines.append(
                f"     - {'cannot happen' if then is None else 'stays' if then is state else then.value}"
            )
    return lines


class GuestLifecycle(SphinxDirective):
    """What is known of a guest: the picture (in HTML) and the table."""

    def run(self) -> list[Any]:
        """Draw at the time of building."""
        picture = nodes.raw("", draw(lifecycle.TABLE), format="html")
        return [picture, *self.parse_text_to_nodes(StringList(listed(lifecycle.TABLE), "lifecycle.py"))]


class GuestLook(SphinxDirective):
    """The look from outside: the picture (in HTML) and the table."""

    def run(self) -> list[Any]:
        """Draw at the time of building."""
        stages, clues = investigation.Stage, investigation.Clue
        picture = nodes.raw("", draw(investigation.TABLE, stages, "stages of a look"), format="html")
        lines = listed(investigation.TABLE, stages, clues)
        return [picture, *self.parse_text_to_nodes(StringList(lines, "investigation.py"))]


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("guest-lifecycle", GuestLifecycle)
    app.add_directive("guest-look", GuestLook)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
