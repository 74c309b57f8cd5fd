"""The one reader of operators' YAML files: every fault at once, each with its line and column.

Text comes in, and goes as YAML nodes to a walk of the reader's own, which knows what this file must
say and in which words it refuses it; out goes what the walk has read, or a `YamlFileFault`. What is small
as text and endless once its aliases are followed is refused before anybody walks it.
"""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import yaml

from masakarimonitors.core.printable import masked, printable

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


LARGEST = 1 << 20
"""Characters of a text, and of all that its aliases make of it: no file of an operator's is so long."""
_MOST_NODES = 100_000
"""Words, lists and groups of a text, aliases followed: some 6,000 hosts with all that can be said of a BMC."""
_MOST_FAULTS = 100
"""More are not named: nobody mends them all in one go, and how many there are is the writer's choice."""
_LONGEST = 2000
"""Characters of one fault's words, in which words of the file may stand."""


class _Enough(Exception):
    """So much is wrong that the rest is not looked at."""


class Faults:
    """All that one walk over a file's nodes has found, in the order in which it was met."""

    def __init__(self) -> None:
        """Nothing is wrong so far."""
        self.found: list[Fault] = []

    def add(self, node: yaml.Node | None, what: str) -> None:
        """Name a fault where `node` begins; an empty file has no node, and its fault stands at the top."""
        if len(self.found) >= _MOST_FAULTS:
            raise _Enough
        mark = node.start_mark if node is not None else None
        what = printable(masked(what), _LONGEST)
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
        value = walk(_compose(text), faults)
        if not faults.found:
            return value
    except _Enough:
        faults.found.append(Fault(0, 0, f"more is wrong than these {_MOST_FAULTS}: mend them first"))
    except yaml.MarkedYAMLError as error:
        # The walk has asked for a merge that cannot be.
        faults.found.append(_not_yaml(text, error))
    except _Refused as refusal:
        faults.found.append(refusal.fault)
    raise YamlFileFault(faults.found, before=before, between=between)


def load(text: str) -> Any:
    """What a text says as plain values, for files whose form others have laid down; raises `YamlFileFault`.

    The message does not quote the text, which may hold secrets.
    """
    try:
        root = _compose(text)
        return None if root is None else yaml.constructor.SafeConstructor().construct_document(root)
    except _Refused as refusal:
        where = refusal.fault
        raise YamlFileFault([Fault(where.line, where.column, "it is not YAML that can be used")]) from None
    # A date that no calendar has, a number without digits, what says of itself that it is either.
    except (
        yaml.YAMLError,
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ):
        raise YamlFileFault([Fault(0, 0, "a value in it makes no sense")]) from None


class _Refused(Exception):
    """The text has no nodes to walk."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


class _Loader(yaml.SafeLoader):
    """Makes nodes of a text, of bounded number."""

    nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.nodes += 1
        if self.nodes > _MOST_NODES:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise _Refused(
                Fault(mark.line + 1, mark.column + 1, f"more than {_MOST_NODES} values: {_TOO_LARGE}")
            )
        return super().compose_node(parent, index)


_TOO_LARGE = "the file is too large to read"


def _compose(text: str) -> yaml.Node | None:
    """The root node of a text; raises _Refused."""
    if len(text) > LARGEST:
        raise _Refused(Fault(0, 0, f"more than {LARGEST} characters: {_TOO_LARGE}"))
    try:
        root: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    except (yaml.MarkedYAMLError, yaml.reader.ReaderError) as error:
        raise _Refused(_not_yaml(text, error)) from None
    except RecursionError:
        words = "lists or mappings stand inside of each other, hundreds deep: too deep to read"
        raise _Refused(Fault(1, 1, words)) from None
    if root is not None:
        _weigh(root)
    return root


def _weigh(root: yaml.Node) -> None:
    """Raises _Refused for aliases that lead back to where they stand, and for those that make too much of it."""
    # Nodes and characters of each node with all that is in it; none while it is being weighed.
    weights: dict[int, tuple[int, int] | None] = {}
    waiting = [root]
    while waiting:
        node = waiting[-1]
        if weights.get(id(node)) is not None:
            waiting.pop()
            continue
        inner = _inside(node)
        if id(node) not in weights:
            weights[id(node)] = None
            for one in inner:
                if id(one) not in weights:
                    waiting.append(one)
                elif weights[id(one)] is None:
                    raise _refused(one, "an alias in it leads back to it, so it has no end")
            if waiting[-1] is not node:
                continue
        waiting.pop()
        found = [weight for one in inner if (weight := weights[id(one)]) is not None]
        nodes = 1 + sum(weight[0] for weight in found)
        letters = len(node.value) if isinstance(node, yaml.ScalarNode) else 0
        letters += sum(weight[1] for weight in found)
        if nodes > _MOST_NODES or letters > LARGEST:
            raise _refused(
                node, "its aliases make more of it than any such file has; write out what is meant"
            )
        weights[id(node)] = nodes, letters


def _inside(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _refused(node: yaml.Node, what: str) -> _Refused:
    return _Refused(Fault(node.start_mark.line + 1, node.start_mark.column + 1, what))


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
