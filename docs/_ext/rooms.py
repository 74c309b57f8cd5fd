"""The map of the rooms, drawn from the rule that the build enforces: `.. rooms::`.

Layers come from pyproject.toml's import contract, what each room is for from the first line of its
docstring, so that the page cannot tell of a house that is not there.
"""

import ast
import tomllib
from pathlib import Path
from typing import Any

from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "masakarimonitors"


def _purpose(room: str) -> str:
    file = PACKAGE / f"{room}.py"
    if not file.exists():
        file = PACKAGE / room / "__init__.py"
    docstring = ast.get_docstring(ast.parse(file.read_text()))
    return (docstring or "").splitlines()[0]


def _layers() -> list[list[str]]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract.get("exhaustive"))
    rooms = [[room.strip(" ()") for room in layer.split("|")] for layer in layers]
    return [
        [r for r in layer if (PACKAGE / r).is_dir() or (PACKAGE / f"{r}.py").is_file()] for layer in rooms
    ]


class Rooms(SphinxDirective):
    """A table: one row for each room, the highest layer first."""

    def run(self) -> list[Any]:
        """Parse the generated table as if it stood in the page."""
        text = [".. list-table::", "   :header-rows: 1", "   :widths: 8 30 62", ""]
        text += ["   * - Layer", "     - Room", "     - What it is for"]
        layers = [layer for layer in _layers() if layer]
        for height, layer in zip(range(len(layers), 0, -1), layers, strict=True):
            for room in layer:
                text += [f"   * - {height}", f"     - ``{room}``", f"     - {_purpose(room)}"]
        return self.parse_text_to_nodes(StringList(text, "pyproject.toml"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("rooms", Rooms)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
