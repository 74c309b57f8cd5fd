"""The table of metrics, written from what a monitor serves: `.. metric-reference::`."""

from typing import Any

from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from masakarimonitors.status import metrics
from masakarimonitors.system.clock import SystemClock


class MetricReference(SphinxDirective):
    """Name, kind and meaning of each metric."""

    def run(self) -> list[Any]:
        """Parse the generated table as if it stood in the page."""
        kinds: dict[str, str] = {}
        text = [".. list-table::", "   :header-rows: 1", "   :widths: 46 12 42", ""]
        text += ["   * - Metric", "     - Kind", "     - Meaning"]
        lines = metrics.render([], SystemClock()).decode().splitlines()
        for line in lines:
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                kinds[name] = kind
        for line in lines:
            if line.startswith("# HELP "):
                name, _, meaning = line.removeprefix("# HELP ").partition(" ")
                text += [f"   * - ``{name}``", f"     - {kinds[name]}", f"     - {meaning}"]
        return self.parse_text_to_nodes(StringList(text, "masakarimonitors/status/metrics.py"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("metric-reference", MetricReference)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
