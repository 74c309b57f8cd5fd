"""The place of a fault in an operator's YAML file, for all readers of such files."""

from collections.abc import Callable

import pytest
import yaml

from masakarimonitors.system.files.yaml_file import Fault, Faults, YamlFileFault, merge, read


def refused(text: str, walk: Callable[[yaml.Node | None, Faults], object]) -> tuple[Fault, ...]:
    with pytest.raises(YamlFileFault) as caught:
        read(text, walk)
    return caught.value.faults


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("a: [", 1, 5, "this is not YAML: while parsing a flow node"),
        ("a: b\n\t- c\n", 2, 1, "this is not YAML: while scanning"),
        ("a: *nobody", 1, 4, "this is not YAML: found undefined alias"),
        ("a: *hunter2", 1, 4, "found undefined alias that is not shown"),
        ("a: !hunter2!x y", 1, 4, "found undefined tag handle that is not shown"),
        ("a: [1", 1, 6, "expected ',' or ']', but got '<stream end>'"),
        ("a: b\n---\nc: d\n", 2, 1, "another document"),
        ("ä: b\nc: \x07", 2, 4, "a character that YAML forbids"),
        ("\x07", 1, 1, "a character that YAML forbids"),
    ],
)
def test_where_a_text_stops_being_yaml(text: str, line: int, column: int, says: str) -> None:
    (fault,) = refused(text, lambda root, faults: None)
    assert (fault.line, fault.column) == (line, column) and says in fault.what
    assert str(fault).startswith(f"line {line}, column {column}: ")


@pytest.mark.parametrize("text", ["", "\n", "# a comment\n"])
def test_a_text_that_says_nothing_has_no_root_and_its_fault_stands_at_the_top(text: str) -> None:
    assert read(text, lambda root, faults: root) is None
    assert refused(text, lambda root, faults: faults.add(root, "it is empty")) == (
        Fault(1, 1, "it is empty"),
    )


def test_keys_that_are_unknown_twice_or_missing_are_all_named() -> None:
    def walk(root: yaml.Node | None, faults: Faults) -> None:
        assert isinstance(root, yaml.MappingNode)
        values = faults.keys(root, ("a", "d"), ("a", "d"), "the file")
        assert {key: node.value for key, node in values.items()} == {"a": "1"}

    assert refused("a: 1\nb: 2\na: 3\n[c]: 4\n", walk) == (
        Fault(1, 1, "the file has no d"),
        Fault(2, 1, "unknown key 'b' in the file; known are a, d"),
        Fault(3, 1, "a stands twice in the file"),
        Fault(4, 1, "unknown key 'a list or mapping' in the file; known are a, d"),
    )


def test_the_message_lists_the_faults_in_the_order_of_the_file() -> None:
    fault = YamlFileFault([Fault(3, 1, "b"), Fault(1, 2, "a")], before="x.yaml, ", between="; ")
    assert str(fault) == "x.yaml, line 1, column 2: a; x.yaml, line 3, column 1: b"


def test_a_fault_of_the_whole_file_has_no_place() -> None:
    assert str(YamlFileFault([Fault(0, 0, "it cannot be read")], before="x.yaml: ")) == (
        "x.yaml: it cannot be read"
    )


def test_own_lines_overrule_merged_ones() -> None:
    def walk(root: yaml.Node | None, faults: Faults) -> list[tuple[str, str]]:
        assert isinstance(root, yaml.MappingNode)
        own = root.value[1][1]
        merge(own)
        return [(key.value, value.value) for key, value in own.value]

    text = "usual: &usual {a: 1, b: 2}\nthis: {b: 3, <<: *usual}\n"
    assert read(text, walk) == [("a", "1"), ("b", "2"), ("b", "3")]


def test_what_cannot_be_merged_is_a_fault_with_its_place() -> None:
    def walk(root: yaml.Node | None, faults: Faults) -> None:
        assert isinstance(root, yaml.MappingNode)
        merge(root)

    (fault,) = refused("a: 1\n<<: nothing\n", walk)
    assert fault.line == 2 and "this is not YAML: while constructing a mapping" in fault.what
