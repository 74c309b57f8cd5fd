"""The diagram of what the introspective monitor may think of a guest: `.. guest-lifecycle::`.

Drawn, and listed as a table, from the one table that the program itself steps through, so that the
page cannot tell of moves that do not exist.
"""

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from masakarimonitors.introspectiveinstancemonitor.lifecycle import TABLE, Move, Phase

Table = Mapping[tuple[Phase, Move], Phase]

_WIDTH, _HEIGHT, _GAP, _MIDDLE = 110, 44, 100, 150
_PLACES = {phase: 20 + n * (_WIDTH + _GAP) for n, phase in enumerate(Phase)}


def draw(table: Table) -> str:
    """The table as an SVG: one box for each phase, one arrow for each move."""
    width = 40 + len(Phase) * _WIDTH + (len(Phase) - 1) * _GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} 300" role="img" '
        'font-family="sans-serif" font-size="12" aria-label="states of a guest and what moves it">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z"/></marker></defs>',
    ]
    parts += [_arrow(phase, move, then) for (phase, move), then in table.items()]
    parts += [_box(phase) for phase in Phase]
    return "\n".join([*parts, "</svg>"])


def _box(phase: Phase) -> str:
    x, y = _PLACES[phase], _MIDDLE - _HEIGHT / 2
    return (
        f'<rect x="{x}" y="{y:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="6" fill="#fff" stroke="#000"/>'
        f'<text x="{x + _WIDTH / 2:g}" y="{_MIDDLE + 4}" text-anchor="middle">{escape(phase.value)}</text>'
    )


def _arrow(phase: Phase, move: Move, then: Phase) -> str:
    """Forward moves run straight, backward ones in arcs: answers above, restarts below; loops sit on the box."""
    start, end, edge = _PLACES[phase] + _WIDTH / 2, _PLACES[then] + _WIDTH / 2, _HEIGHT / 2
    if phase is then:
        side = 1 if move is Move.RESTARTED else -1
        x, y = start + (28 if move is Move.MISSED else -28), _MIDDLE + side * edge
        path = (
            f"M{x - 12:g},{y:g} C{x - 18:g},{y + side * 34:g} {x + 18:g},{y + side * 34:g} {x + 12:g},{y:g}"
        )
        label = (x, y + side * (30 if side > 0 else 28) + (6 if side > 0 else 0))
    elif start < end and _PLACES[then] - _PLACES[phase] == _WIDTH + _GAP:
        path = f"M{start + _WIDTH / 2:g},{_MIDDLE} L{end - _WIDTH / 2 - 2:g},{_MIDDLE}"
        label = ((start + end) / 2, _MIDDLE - 6)
    else:
        side = 1 if move is Move.RESTARTED else -1
        reach = _MIDDLE + side * (edge + 44 + 0.14 * abs(end - start))
        y = _MIDDLE + side * edge
        path = f"M{start:g},{y:g} C{start:g},{reach:g} {end:g},{reach:g} {end:g},{y + side * 2:g}"
        label = ((start + end) / 2, y + 0.75 * (reach - y) + 4)
    return (
        f'<g data-from="{phase.value}" data-move="{move.value}" data-to="{then.value}">'
        f'<path d="{path}" fill="none" stroke="#000" marker-end="url(#tip)"/>'
        f'<text x="{label[0]:g}" y="{label[1]:g}" text-anchor="middle" '
        f'stroke="#fff" stroke-width="4" paint-order="stroke">{escape(move.value)}</text></g>'
    )


def listed(table: Table) -> list[str]:
    """The table in words, for readers of a page without pictures: the lines of a list-table."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    lines += ["   * - state", *(f"     - {move.value}" for move in Move)]
    for phase in Phase:
        lines.append(f"   * - **{phase.value}**")
        for move in Move:
            then = table.get((phase, move))
            lines.append(
                f"     - {'cannot happen' if then is None else 'stays' if then is phase else then.value}"
            )
    return lines


class GuestLifecycle(SphinxDirective):
    """The picture (in HTML) and the table."""

    def run(self) -> list[Any]:
        """Draw at the time of building."""
        picture = nodes.raw("", draw(TABLE), format="html")
        table = self.parse_text_to_nodes(StringList(listed(TABLE), "lifecycle.py"))
        return [picture, *table]


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("guest-lifecycle", GuestLifecycle)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
