"""The one reader of operators' YAML files: every fault at once, each with its line and column.

Text comes in, and goes as YAML nodes to a walk of the reader's own, which knows what this file must
say and in which words it refuses it; out goes what the walk has read, or a `YamlFileFault`.
"""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TypeVar

import yaml

T = TypeVar("T")

_QUOTED = re.compile(r"(?<=alias |nchor |andle )(['\"]).*\1")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and where: `line` and `column` count from 1; 0 and 0 is the file as a whole."""

    line: int
    column: int
    what: str

    def __str__(self) -> str:
        """As an editor's list of errors shows it."""
        return f"line {self.line}, column {self.column}: {self.what}" if self.line else self.what


class YamlFileFault(ValueError):
    """The file cannot be used; `faults` is everything that must be mended, in the order of the file.

    The message has `before` ahead of each fault ("checks.yaml, ") and `between` after each but the last.
    """

    def __init__(self, faults: Iterable[Fault], *, before: str = "", between: str = "\n") -> None:
        """Sort the faults by their place, and join them."""
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.line, fault.column)))
        super().__init__(between.join(f"{before}{fault}" for fault in self.faults))


class Faults:
    """All that one walk over a file's nodes has found, in the order in which it was met."""

    def __init__(self) -> None:
        """Nothing is wrong so far."""
        self.found: list[Fault] = []

    def add(self, node: yaml.Node | None, what: str) -> None:
        """Name a fault where `node` begins; an empty file has no node, and its fault stands at the top."""
        mark = node.start_mark if node is not None else None
        self.found.append(Fault(mark.line + 1, mark.column + 1, what) if mark else Fault(1, 1, what))

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


def read(
    text: str, walk: Callable[[yaml.Node | None, Faults], T], *, before: str = "", between: str = "\n"
) -> T:
    """What `walk` makes of the text's root node (None: the text says nothing).

    Raises `YamlFileFault` when the text is not YAML, and when the walk has added any fault; `before` and
    `between` are for its message.
    """
    faults = Faults()
    try:
        value = walk(yaml.compose(text, Loader=yaml.SafeLoader), faults)
        if not faults.found:
            return value
    except (yaml.MarkedYAMLError, yaml.reader.ReaderError) as error:
        faults.found.append(_not_yaml(text, error))
    except RecursionError:
        faults.found.append(
            Fault(1, 1, "lists or mappings stand inside of each other, hundreds deep: too deep to read")
        )
    raise YamlFileFault(faults.found, before=before, between=between)


def merge(node: yaml.MappingNode) -> None:
    """Put merged groups (<<) ahead of the mapping's own lines, in place, so that own lines overrule them."""
    yaml.constructor.SafeConstructor().flatten_mapping(node)


def _not_yaml(text: str, error: yaml.MarkedYAMLError | yaml.reader.ReaderError) -> Fault:
    """Where the text stops being YAML."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        return Fault(line, column, f"a character that YAML forbids, so this is not YAML: {error.reason}")
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    # A name that it quotes may be a part of a password that begins with a star, an ampersand or an exclamation mark.
    what = " ".join(_QUOTED.sub("that is not shown", part) for part in (error.context, error.problem) if part)
    return Fault(line, column, f"this is not YAML: {what}")
