"""The tables of metrics and of their labels' words, written from what a monitor serves: `.. metric-reference::`."""

from collections.abc import Iterable, Iterator
from typing import Any

from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from masakarimonitors.core.agreement.book import Agreement
from masakarimonitors.core.decision import Ruling
from masakarimonitors.core.explained import Standing
from masakarimonitors.hostmonitor.core.peers.differences import PeerState
from masakarimonitors.outbox.progress import KEPT, Progress
from masakarimonitors.outbox.tally import UNKNOWN_TYPE
from masakarimonitors.status import metrics
from masakarimonitors.status.health import Kind, Level
from masakarimonitors.system.clock import SystemClock

WORDS: dict[str, Iterable[str]] = {
    "``health``": [level.value for level in Level],
    "``agreement``": [agreement.value for agreement in Agreement],
    "``cause``": [kind.value for kind in Kind],
    "``state`` of ``subjects``": [standing.value for standing in Standing],
    "``state`` of ``outbox_delivered``": [progress.value for progress in Progress if progress in KEPT],
    "``state`` of ``fleet``": [state.value for state in PeerState],
    "``type``": [*metrics.TYPES, UNKNOWN_TYPE],
    "``fate``": [fate.value for fate in metrics.FATES],
    "``ruling``": [ruling.value for ruling in Ruling],
}
"""Each label of a closed set that stands nowhere else in the manual, and all that it may be."""


def _table(widths: str, *rows: Iterable[str]) -> Iterator[str]:
    yield from (".. list-table::", "   :header-rows: 1", f"   :widths: {widths}", "")
    for first, *others in rows:
        yield f"   * - {first}"
        yield from (f"     - {cell}" for cell in others)
    yield ""


class MetricReference(SphinxDirective):
    """Name, kind, labels and meaning of each metric; with the argument `words` what its labels may be."""

    optional_arguments = 1

    def run(self) -> list[Any]:
        """Parse the generated table as if it stood in the page."""
        if self.arguments == ["words"]:
            rows = [(label, ", ".join(f"*{word}*" for word in words)) for label, words in WORDS.items()]
            lines = _table("30 70", ("Label", "May be"), *rows)
        else:
            families = metrics.families([], SystemClock().now())
            found = [
                (
                    f"``{one.name}``",
                    one.type.value,
                    ", ".join(f"``{label}``" for label in one.labels if label != "monitor"),
                    one.help,
                )
                for one in families
            ]
            lines = _table("38 10 14 38", ("Metric", "Kind", "Labels", "Meaning"), *found)
        return self.parse_text_to_nodes(StringList(list(lines), "masakarimonitors/status/metrics.py"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("metric-reference", MetricReference)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
