"""The place of a fault in an operator's YAML file, for all readers of such files."""

import pytest
import yaml

from masakarimonitors.system.yaml_faults import Fault, Faults, compose, fault_at


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("a: [", 1, 5, "this is not YAML: while parsing a flow node"),
        ("a: b\n\t- c\n", 2, 1, "this is not YAML: while scanning"),
        ("a: *nobody", 1, 4, "this is not YAML: found undefined alias"),
        ("a: b\n---\nc: d\n", 2, 1, "another document"),
        ("ä: b\nc: \x07", 2, 4, "a character that YAML forbids"),
        ("\x07", 1, 1, "a character that YAML forbids"),
    ],
)
def test_where_a_text_stops_being_yaml(text: str, line: int, column: int, says: str) -> None:
    fault = compose(text)
    assert isinstance(fault, Fault)
    assert (fault.line, fault.column) == (line, column) and says in fault.what
    assert str(fault).startswith(f"line {line}, column {column}: ")


@pytest.mark.parametrize("text", ["", "\n", "# a comment\n"])
def test_a_text_that_says_nothing_has_no_root_and_its_fault_stands_at_the_top(text: str) -> None:
    root = compose(text)
    assert root is None
    assert fault_at(root, "it is empty") == Fault(1, 1, "it is empty")


def test_keys_that_are_unknown_twice_or_missing_are_all_named() -> None:
    root = compose("a: 1\nb: 2\na: 3\n[c]: 4\n")
    assert isinstance(root, yaml.MappingNode)
    faults = Faults()
    values = faults.keys(root, ("a", "d"), ("a", "d"), "the file")
    assert {key: node.value for key, node in values.items()} == {"a": "1"}
    assert faults.found == [
        Fault(2, 1, "unknown key 'b' in the file; known are a, d"),
        Fault(3, 1, "a stands twice in the file"),
        Fault(4, 1, "unknown key 'a list or mapping' in the file; known are a, d"),
        Fault(1, 1, "the file has no d"),
    ]
