"""Reads the files that an operator writes for the host monitor: YAML text in, a value out.

`parse_matrix`: a matrix.yaml (`sequence`, and for each vector of `health` its `action`) becomes a
`Matrix`. `parse_domains`: a map of host names to the names of their failure domains. Every fault is
found at once, with its line and column. Nothing is guessed and nothing is passed over: a matrix that
an operator mistyped must never quietly mean "recover nothing", nor "recover everything".
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import yaml

from masakarimonitors.hostmonitor.core.evidence.matrix import Matrix
from masakarimonitors.system.files.yaml_file import Faults, read

RECOVERY = "recovery"
_PARTS = ("sequence", "matrix")
_ENTRY = ("health", "action")
# Each name more doubles the number of vectors, and an operator must have said something of each.
_MOST_LINKS = 8
_WORDS = {"up": True, "down": False}
_SLIPS = {"on": "up", "yes": "up", "true": "up", "off": "down", "no": "down", "false": "down"}


@dataclass(frozen=True, slots=True)
class Reading:
    """A matrix, and what its file leaves unsaid (`warnings`: vectors without an entry, action none)."""

    matrix: Matrix
    warnings: tuple[str, ...] = ()


def parse_matrix(text: str) -> Reading:
    """Read the text of a matrix.yaml; raises `YamlFileFault`."""
    sequence, actions = read(text, lambda root, faults: _Walk(faults).rows(root), between="; ")
    absent = [v for v in itertools.product((True, False), repeat=len(sequence)) if v not in actions]
    warnings = tuple(
        f"the matrix has no entry for {_spell(sequence, vector)}: nothing is done for such a host"
        for vector in absent
        if not all(vector)
    )
    return Reading(Matrix(sequence, frozenset(v for v, acts in actions.items() if acts)), warnings)


class _Walk:
    """One pass over the composed nodes; faults are gathered, not thrown, so that all are named at once."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def rows(self, root: yaml.Node | None) -> tuple[tuple[str, ...], dict[tuple[bool, ...], bool]]:
        """The sequence, and for each vector whether it recovers."""
        if not isinstance(root, yaml.MappingNode):
            self._faults.add(root, "expected a mapping with the keys sequence and matrix")
            return (), {}
        parts = self._faults.keys(root, _PARTS, _PARTS, "the file")
        sequence = self._sequence(parts["sequence"]) if "sequence" in parts else ()
        actions: dict[tuple[bool, ...], bool] = {}
        if "matrix" in parts:
            rows = parts["matrix"]
            if not isinstance(rows, yaml.SequenceNode) or not rows.value:
                self._faults.add(rows, "matrix must be a list of entries, each with health and action")
            else:
                for row in rows.value:
                    self._row(row, sequence, actions)
        return sequence, actions

    def _words(self, node: yaml.Node) -> Iterator[tuple[yaml.Node, str | None]]:
        for item in node.value:
            yield item, item.value if isinstance(item, yaml.ScalarNode) else None

    def _sequence(self, node: yaml.Node) -> tuple[str, ...]:
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            self._faults.add(
                node, "sequence must be a list of datacentre names, such as [manage, tenant, storage]"
            )
            return ()
        if len(node.value) > _MOST_LINKS:
            self._faults.add(
                node,
                f"sequence has {len(node.value)} names; {_MOST_LINKS} are the most that can be judged together: "
                "leave out those that no decision hangs on",
            )
            return ()
        names: list[str] = []
        for item, word in self._words(node):
            if word is None or not word or item.tag != "tag:yaml.org,2002:str":
                self._faults.add(item, f"{_shown(item)} is not the name of a datacentre")
            elif word in names:
                self._faults.add(item, f"{word} stands twice in sequence")
            else:
                names.append(word)
        return tuple(names)

    def _row(self, node: yaml.Node, sequence: tuple[str, ...], actions: dict[tuple[bool, ...], bool]) -> None:
        if not isinstance(node, yaml.MappingNode):
            self._faults.add(node, "an entry must be a mapping with health and action")
            return
        parts = self._faults.keys(node, _ENTRY, _ENTRY, "this entry")
        vector = self._health(parts["health"], sequence) if "health" in parts else None
        acts = self._action(parts["action"]) if "action" in parts else None
        if vector is None:
            return
        if vector in actions:
            self._faults.add(node, f"{_spell(sequence, vector)} stands twice")
        elif acts and all(vector):
            self._faults.add(
                parts["action"], "recovery for a host whose every link is up would accuse healthy hosts"
            )
        else:
            actions[vector] = bool(acts)

    def _health(self, node: yaml.Node, sequence: tuple[str, ...]) -> tuple[bool, ...] | None:
        if not isinstance(node, yaml.SequenceNode):
            self._faults.add(node, "health must be a list of up and down, one for each name of sequence")
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
            self._faults.add(item, what)
        if sequence and len(node.value) != len(sequence):
            self._faults.add(
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
            self._faults.add(node, f"action must be a list: [] or [{RECOVERY}]")
            return None
        words = [item.value if isinstance(item, yaml.ScalarNode) else None for item in items]
        for at, (item, word) in enumerate(zip(items, words, strict=True)):
            if word != RECOVERY:
                self._faults.add(
                    item, f"unknown action {_shown(item)}; the only one is {RECOVERY}, compared whole"
                )
            elif word in words[:at]:
                self._faults.add(item, f"{RECOVERY} stands twice")
        return RECOVERY in words


def _shown(node: yaml.Node) -> str:
    return repr(node.value) if isinstance(node, yaml.ScalarNode) else f"a {type(node).__name__[:-4].lower()}"


def _spell(sequence: tuple[str, ...], vector: tuple[bool, ...]) -> str:
    return ", ".join(f"{name} {'up' if up else 'down'}" for name, up in zip(sequence, vector, strict=True))


def parse_domains(text: str) -> Mapping[str, str]:
    """Host -> domain; raises `YamlFileFault`. An empty file has no domains."""
    return read(text, _domains, between="; ")


def _domains(root: yaml.Node | None, faults: Faults) -> dict[str, str]:
    if root is None:
        return {}
    if not isinstance(root, yaml.MappingNode):
        faults.add(root, "expected a mapping of host names to domains, such as node01: rack1")
        return {}
    domains: dict[str, str] = {}
    for key, value in root.value:
        if not isinstance(key, yaml.ScalarNode) or not key.value:
            faults.add(key, "this is not the name of a host")
        elif not isinstance(value, yaml.ScalarNode) or not value.value:
            faults.add(value, f"the domain of {key.value} must be one name")
        elif key.value in domains:
            faults.add(key, f"{key.value} stands twice")
        else:
            domains[key.value] = value.value
    return domains
