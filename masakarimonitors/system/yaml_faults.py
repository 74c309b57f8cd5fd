"""What is wrong in an operator's YAML file, each fault with its line and column.

Every reader of such a file composes its text here, walks the nodes, and gathers the faults, so that
all of them are named at once. What a file must say, and in which words a reader refuses it, is the
reader's own.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import yaml

NOT_YAML = (yaml.MarkedYAMLError, yaml.reader.ReaderError)
"""What PyYAML raises over a text that it cannot read; `not_yaml` turns it into a fault."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and where: `line` and `column` count from 1."""

    line: int
    column: int
    what: str

    def __str__(self) -> str:
        """As an editor's list of errors shows it."""
        return f"line {self.line}, column {self.column}: {self.what}"


class Faults:
    """All that one pass over a file has found, in the order in which it was met."""

    def __init__(self) -> None:
        """Nothing is wrong so far."""
        self.found: list[Fault] = []

    def add(self, node: yaml.Node | None, what: str) -> None:
        """Name a fault where `node` begins; an empty file has no node, and its fault stands at the top."""
        self.found.append(fault_at(node, what))

    def keys(
        self, node: yaml.MappingNode, known: Collection[str], needed: Iterable[str], where: str
    ) -> dict[str, yaml.Node]:
        """The values by key; a key that is unknown, stands twice or is needed and missing is a fault."""
        values: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else "a list or mapping"
            if name not in known:
                self.add(key, f"unknown key {name!r} in {where}; known are {', '.join(known)}")
            elif name in values:
                self.add(key, f"{name} stands twice in {where}")
            else:
                values[name] = value
        for name in needed:
            if name not in values:
                self.add(node, f"{where} has no {name}")
        return values


def compose(text: str) -> yaml.Node | Fault | None:
    """The root of the text's nodes; None when it says nothing, a fault when it is not YAML."""
    try:
        root: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except NOT_YAML as error:
        return not_yaml(text, error)
    return root


def not_yaml(text: str, error: yaml.MarkedYAMLError | yaml.reader.ReaderError) -> Fault:
    """Where the text stops being YAML."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        return Fault(line, column, f"a character that YAML forbids, so this is not YAML: {error.reason}")
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    what = " ".join(part for part in (error.context, error.problem) if part)
    return Fault(line, column, f"this is not YAML: {what}")


def fault_at(node: yaml.Node | None, what: str) -> Fault:
    """A fault where `node` begins, or at the top of the file."""
    mark = node.start_mark if node is not None else None
    return Fault(mark.line + 1, mark.column + 1, what) if mark else Fault(1, 1, what)
