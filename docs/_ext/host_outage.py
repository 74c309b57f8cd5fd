"""What the program itself writes of the hosts' page: `.. host-outage::`, `.. host-reporter::`, `.. host-holds::`.

Drawn, and listed as tables, from the tables that the program itself steps through, so that the page
cannot tell of moves that do not exist, nor leave out a reason for which a report is held.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any
from xml.sax.saxutils import escape

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from masakarimonitors.hostmonitor.core.election import reporter
from masakarimonitors.hostmonitor.core.outages import aftermath, outage, watch
from masakarimonitors.hostmonitor.core.outages.reasons import TO_DO

Row = tuple[StrEnum, StrEnum, StrEnum, Sequence[StrEnum]]
"""From, fact, to, what is done."""

_WIDTH, _HEIGHT = 112, 40


def outage_rows(kind: type[StrEnum]) -> list[Row]:
    """The moves of one column of an outage: phases, or the fates of its report."""
    return [
        (state, fact, then, acts)
        for (state, fact), (then, acts) in outage.TABLE.items()
        if isinstance(state, kind)
    ]


def watch_rows(kind: type[StrEnum]) -> list[Row]:
    """The moves of what was seen of an outage: how much was watched, where the host lived, masakari's flag."""
    tables: tuple[Mapping[Any, Any], ...] = (watch.WATCHED, watch.LIVED, watch.FLAGS)
    return [
        (state, seen, then, ())
        for table in tables
        for (state, seen), then in table.items()
        if isinstance(state, kind)
    ]


def aftermath_rows() -> list[Row]:
    """The moves of what a person has to see to when an outage is over."""
    return [(owed, news, then, ()) for (owed, news), then in aftermath.TABLE.items()]


def reporter_rows() -> list[Row]:
    """The moves of the reporter's standing."""
    return [
        (standing, word, then, () if change is reporter.Change.NOTHING else (change,))
        for (standing, word), (then, change) in reporter.TABLE.items()
    ]


def draw(rows: Iterable[Row], states: Sequence[StrEnum], label: str) -> str:
    """One box for each state on a ring, one arrow for each pair of different states that a fact connects."""
    radius = 60 + 34 * len(states)
    size = 2 * radius + 260
    middle = size / 2
    places = {
        state: (
            middle + radius * 1.25 * math.sin(2 * math.pi * n / len(states)),
            middle - radius * math.cos(2 * math.pi * n / len(states)),
        )
        for n, state in enumerate(states)
    }
    arrows: dict[tuple[StrEnum, StrEnum], list[str]] = {}
    for state, fact, then, _ in rows:
        if state is not then:
            arrows.setdefault((state, then), []).append(fact.value)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size:g} {size:g}" role="img" '
        f'font-family="sans-serif" font-size="12" aria-label="{escape(label)}">',
        '<defs><marker id="to" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z"/></marker></defs>',
    ]
    parts += [
        _arrow(places[start], places[end], facts, (start, end)) for (start, end), facts in arrows.items()
    ]
    parts += [_box(state, *place) for state, place in places.items()]
    return "\n".join([*parts, "</svg>"])


def _box(state: StrEnum, x: float, y: float) -> str:
    return (
        f'<rect x="{x - _WIDTH / 2:g}" y="{y - _HEIGHT / 2:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="6" '
        f'fill="#fff" stroke="#000"/>'
        f'<text x="{x:g}" y="{y + 4:g}" text-anchor="middle">{escape(state.value)}</text>'
    )


def _arrow(
    start: tuple[float, float],
    end: tuple[float, float],
    facts: Sequence[str],
    names: tuple[StrEnum, StrEnum],
) -> str:
    """Bent to its right, so that there and back are two lines; cut off where the boxes begin."""
    (x1, y1), (x2, y2) = start, end
    length = math.hypot(x2 - x1, y2 - y1)
    along, across = ((x2 - x1) / length, (y2 - y1) / length), ((y1 - y2) / length, (x2 - x1) / length)
    bend = 0.16 * length
    cx, cy = (x1 + x2) / 2 + across[0] * bend, (y1 + y2) / 2 + across[1] * bend
    cut = min(_WIDTH / 2 / max(abs(along[0]), 0.01), _HEIGHT / 2 / max(abs(along[1]), 0.01)) + 6
    x1, y1, x2, y2 = x1 + along[0] * cut, y1 + along[1] * cut, x2 - along[0] * cut, y2 - along[1] * cut
    lx, ly = (x1 + 2 * cx + x2) / 4, (y1 + 2 * cy + y2) / 4
    lines = "".join(
        f'<tspan x="{lx:g}" dy="{0 if n == 0 else 13}">{escape(fact)}</tspan>' for n, fact in enumerate(facts)
    )
    return (
        f'<g data-from="{escape(names[0].value)}" data-to="{escape(names[1].value)}">'
        f'<path d="M{x1:g},{y1:g} Q{cx:g},{cy:g} {x2:g},{y2:g}" fill="none" stroke="#777" '
        f'marker-end="url(#to)"/><text x="{lx:g}" y="{ly - 6 * (len(facts) - 1):g}" text-anchor="middle" '
        f'font-size="10" stroke="#fff" stroke-width="3" paint-order="stroke">{lines}</text></g>'
    )


def listed(rows: Iterable[Row], first: str) -> list[str]:
    """The table in words: the lines of a list-table, facts that mean the same together."""
    together: dict[tuple[StrEnum, StrEnum, tuple[StrEnum, ...]], list[str]] = {}
    for state, fact, then, acts in rows:
        together.setdefault((state, then, tuple(acts)), []).append(fact.value)
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 16 38 16 30", ""]
    lines += [f"   * - {first}", "     - what happens", "     - then", "     - and"]
    for (state, then, acts), facts in together.items():
        lines += [
            f"   * - **{state.value}**",
            f"     - {', '.join(facts)}",
            f"     - {'stays' if state is then else then.value}",
            f"     - {', '.join(act.value for act in acts)}",
        ]
    return lines


_LITERAL = re.compile(r"(:doc:`[^`]*`)|`([^`]*)`")


def _doubled(found: re.Match[str]) -> str:
    """What is typed as it stands, as the manual marks that; what leads to another page is left."""
    return found[1] or f"``{found[2]}``"


def holds(to_do: Mapping[StrEnum, str]) -> list[str]:
    """Each reason that holds a report, by its word in the status, and what to do."""
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 32 68", ""]
    lines += ["   * - reason", "     - what to do"]
    for reason, text in to_do.items():
        lines += [
            f"   * - *{reason.value}*",
            f"     - {_LITERAL.sub(_doubled, text)}",
        ]
    return lines


class _Generated(SphinxDirective):
    """A picture (in HTML) and a table."""

    def pictured(self, rows: list[Row], states: Sequence[StrEnum], first: str, label: str) -> list[Any]:
        """Both, drawn at the time of building."""
        picture = nodes.raw("", draw(rows, states, label), format="html")
        return [picture, *self.table(listed(rows, first))]

    def table(self, lines: list[str]) -> list[Any]:
        """The lines as if they stood in the page."""
        return list(self.parse_text_to_nodes(StringList(lines, "host_outage.py")))


class HostOutage(_Generated):
    """An outage's phases, the fates of its report, what was seen of it, and what is owed when it is over."""

    def run(self) -> list[Any]:
        """Phases first."""
        phases, fates = outage_rows(outage.Phase), outage_rows(outage.Fate)
        return [
            *self.pictured(phases, list(outage.Phase), "host", "phases of an outage, and what moves it"),
            *self.pictured(fates, list(outage.Fate), "report", "fates of a report, and what moves it"),
            *self.table(listed(watch_rows(watch.Watch), "its failure was watched")),
            *self.table(listed(watch_rows(watch.Flag), "masakari's flag was")),
            *self.table(listed(watch_rows(watch.Living), "the host was")),
            *self.pictured(
                aftermath_rows(), list(aftermath.Owed), "afterwards", "what is owed after an outage"
            ),
        ]


class HostReporter(_Generated):
    """Who reports, as a monitor knows it."""

    def run(self) -> list[Any]:
        """One picture, one table."""
        label = "standings of a monitor in the election"
        return self.pictured(reporter_rows(), list(reporter.Standing), "this monitor is", label)


class HostHolds(_Generated):
    """Why a report is held."""

    def run(self) -> list[Any]:
        """One table."""
        return self.table(holds(TO_DO))


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("host-outage", HostOutage)
    app.add_directive("host-reporter", HostReporter)
    app.add_directive("host-holds", HostHolds)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
