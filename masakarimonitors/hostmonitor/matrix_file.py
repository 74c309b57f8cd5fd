"""Reads matrix.yaml: `sequence`, and for each vector of `health` its `action`.

Text in, a `Matrix` out, or `MatrixFault` with every fault found and the line and column of each.
Nothing is guessed and nothing is passed over: a matrix that an operator mistyped must never
quietly mean "recover nothing", nor "recover everything".
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from masakarimonitors.hostmonitor.matrix import Matrix

RECOVERY = "recovery"
_WORDS = {"up": True, "down": False}
_SLIPS = {"on": "up", "yes": "up", "true": "up", "off": "down", "no": "down", "false": "down"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and where: `line` and `column` count from 1."""

    line: int
    column: int
    what: str

    def __str__(self) -> str:
        """As an editor's list of errors shows it."""
        return f"line {self.line}, column {self.column}: {self.what}"


class MatrixFault(ValueError):
    """The file cannot be used; `faults` lists everything that must be mended."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        """Join the faults, in the order of the file."""
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.line, fault.column)))
        super().__init__("; ".join(str(fault) for fault in self.faults))


@dataclass(frozen=True, slots=True)
class Reading:
    """A matrix, and what its file leaves unsaid (`warnings`: vectors without an entry, action none)."""

    matrix: Matrix
    warnings: tuple[str, ...] = ()


def parse(text: str) -> Reading:
    """Read the text of a matrix.yaml; raises `MatrixFault`."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.MarkedYAMLError, yaml.reader.ReaderError) as error:
        raise MatrixFault((not_yaml(text, error),)) from error
    return _Reader(root).read()


def not_yaml(text: str, error: yaml.MarkedYAMLError | yaml.reader.ReaderError) -> Fault:
    """Where the text stops being YAML."""
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position]
        line, column = before.count("\n") + 1, error.position - before.rfind("\n")
        return Fault(line, column, f"a character that YAML forbids: {error.reason}")
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return Fault(line, column, f"this is not YAML: {error.problem}")


class _Reader:
    """One pass over the composed nodes; faults are gathered, not thrown, so that all are named at once."""

    def __init__(self, root: yaml.Node | None) -> None:
        self._root = root
        self._faults: list[Fault] = []

    def read(self) -> Reading:
        root = self._root
        if not isinstance(root, yaml.MappingNode):
            raise MatrixFault((self._fault(root, "expected a mapping with the keys sequence and matrix"),))
        parts = self._keys(root, ("sequence", "matrix"), "the file")
        sequence = self._sequence(parts["sequence"]) if "sequence" in parts else ()
        actions: dict[tuple[bool, ...], bool] = {}
        if "matrix" in parts:
            rows = parts["matrix"]
            if not isinstance(rows, yaml.SequenceNode) or not rows.value:
                self._fault(rows, "matrix must be a list of entries, each with health and action")
            else:
                for row in rows.value:
                    self._row(row, sequence, actions)
        if self._faults:
            raise MatrixFault(tuple(self._faults))
        absent = [v for v in itertools.product((True, False), repeat=len(sequence)) if v not in actions]
        warnings = tuple(
            f"the matrix has no entry for {_spell(sequence, vector)}: nothing is done for such a host"
            for vector in absent
            if not all(vector)
        )
        return Reading(Matrix(sequence, frozenset(v for v, acts in actions.items() if acts)), warnings)

    def _fault(self, node: yaml.Node | None, what: str) -> Fault:
        mark = node.start_mark if node is not None else None
        fault = Fault(mark.line + 1, mark.column + 1, what) if mark else Fault(1, 1, what)
        self._faults.append(fault)
        return fault

    def _keys(self, node: yaml.MappingNode, known: tuple[str, ...], where: str) -> dict[str, yaml.Node]:
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name not in known:
                self._fault(key, f"unknown key {_shown(key)} in {where}; known are {' and '.join(known)}")
            elif name in found:
                self._fault(key, f"{name} stands twice in {where}")
            else:
                found[name] = value
        for name in known:
            if name not in found:
                self._fault(node, f"{where} has no {name}")
        return found

    def _words(self, node: yaml.Node) -> Iterator[tuple[yaml.Node, str | None]]:
        for item in node.value:
            yield item, item.value if isinstance(item, yaml.ScalarNode) else None

    def _sequence(self, node: yaml.Node) -> tuple[str, ...]:
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            self._fault(
                node, "sequence must be a list of datacentre names, such as [manage, tenant, storage]"
            )
            return ()
        names: list[str] = []
        for item, word in self._words(node):
            if word is None or not word or item.tag != "tag:yaml.org,2002:str":
                self._fault(item, f"{_shown(item)} is not the name of a datacentre")
            elif word in names:
                self._fault(item, f"{word} stands twice in sequence")
            else:
                names.append(word)
        return tuple(names)

    def _row(self, node: yaml.Node, sequence: tuple[str, ...], actions: dict[tuple[bool, ...], bool]) -> None:
        if not isinstance(node, yaml.MappingNode):
            self._fault(node, "an entry must be a mapping with health and action")
            return
        parts = self._keys(node, ("health", "action"), "this entry")
        vector = self._health(parts["health"], sequence) if "health" in parts else None
        acts = self._action(parts["action"]) if "action" in parts else None
        if vector is None:
            return
        if vector in actions:
            self._fault(node, f"{_spell(sequence, vector)} stands twice")
        elif acts and all(vector):
            self._fault(
                parts["action"], "recovery for a host whose every link is up would accuse healthy hosts"
            )
        else:
            actions[vector] = bool(acts)

    def _health(self, node: yaml.Node, sequence: tuple[str, ...]) -> tuple[bool, ...] | None:
        if not isinstance(node, yaml.SequenceNode):
            self._fault(node, "health must be a list of up and down, one for each name of sequence")
            return None
        vector: list[bool] = []
        for item, word in self._words(node):
            if word in _WORDS and item.tag == "tag:yaml.org,2002:str":
                vector.append(_WORDS[word])
                continue
            likely = _SLIPS.get((word or "").lower())
            if likely:
                what = f"{_shown(item)} is a truth value to YAML, not a word; write {likely}"
            elif (word or "").lower() in _WORDS:
                what = f"{_shown(item)}: write {(word or '').lower()}, in small letters"
            else:
                what = f"{_shown(item)} is neither up nor down"
            self._fault(item, what)
        if sequence and len(node.value) != len(sequence):
            self._fault(
                node,
                f"health has {len(node.value)} values, sequence has {len(sequence)}: {', '.join(sequence)}",
            )
            return None
        return tuple(vector) if len(vector) == len(node.value) and sequence else None

    def _action(self, node: yaml.Node) -> bool | None:
        if isinstance(node, yaml.ScalarNode):
            if node.tag == "tag:yaml.org,2002:null":
                return False
            items = [node]
        elif isinstance(node, yaml.SequenceNode):
            items = list(node.value)
        else:
            self._fault(node, f"action must be a list: [] or [{RECOVERY}]")
            return None
        words = [item.value if isinstance(item, yaml.ScalarNode) else None for item in items]
        for at, (item, word) in enumerate(zip(items, words, strict=True)):
            if word != RECOVERY:
                self._fault(
                    item, f"unknown action {_shown(item)}; the only one is {RECOVERY}, compared whole"
                )
            elif word in words[:at]:
                self._fault(item, f"{RECOVERY} stands twice")
        return RECOVERY in words


def _shown(node: yaml.Node) -> str:
    return repr(node.value) if isinstance(node, yaml.ScalarNode) else f"a {type(node).__name__[:-4].lower()}"


def _spell(sequence: tuple[str, ...], vector: tuple[bool, ...]) -> str:
    return ", ".join(f"{name} {'up' if up else 'down'}" for name, up in zip(sequence, vector, strict=True))
