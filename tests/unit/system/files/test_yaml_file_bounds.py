"""What is small as text and large once it is read is refused in few words, whoever asks for it."""

import pytest
import yaml

from masakarimonitors.system.files.yaml_file import LARGEST, Faults, YamlFileFault, load, read


def refused(text: str) -> str:
    with pytest.raises(YamlFileFault) as caught:
        read(text, lambda root, faults: root)
    return str(caught.value)


@pytest.mark.parametrize("text", ["&a [*a]", "&a {b: *a}", "- &a\n  <<: *a\n", "- &a [[{x: [*a]}]]"])
def test_what_stands_inside_of_itself_has_no_end(text: str) -> None:
    assert "an alias in it leads back to it" in refused(text)


def test_one_word_may_be_used_in_many_places() -> None:
    text = "- &a {b: c}\n" + "- *a\n" * 1000
    root = read(text, lambda root, faults: root)
    assert isinstance(root, yaml.SequenceNode) and len(root.value) == 1001


def test_aliases_that_make_too_much_of_it() -> None:
    layers = "".join(f"- &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 6))
    assert "line 6, column 3: its aliases make more of it" in refused(f"- &a0 [x]\n{layers}")


def test_a_text_without_end() -> None:
    assert f"more than {LARGEST} characters" in refused("#" * (LARGEST + 1))


def test_values_without_end() -> None:
    assert "more than 100000 values" in refused("[" + "a," * 100_001 + "]")


def test_faults_without_end_are_not_all_named() -> None:
    def walk(root: yaml.Node | None, faults: Faults) -> None:
        assert isinstance(root, yaml.SequenceNode)
        for item in root.value:
            faults.add(item, "it is wrong")

    with pytest.raises(YamlFileFault) as caught:
        read("- a\n" * 101, walk)
    assert len(caught.value.faults) == 101 and "more is wrong than these 100" in str(caught.value)


def test_a_fault_is_one_line_of_printable_words() -> None:
    def walk(root: yaml.Node | None, faults: Faults) -> None:
        assert isinstance(root, yaml.ScalarNode)
        faults.add(root, f"{root.value} is wrong")

    with pytest.raises(YamlFileFault, match=r"^line 1, column 1: a\\x1b\[31mb\\nc is wrong$"):
        read(r'"a\e[31mb\nc"', walk)


def test_plain_values() -> None:
    assert load("a: [1, 'b', yes]\n") == {"a": [1, "b", True]}
    assert load("") is None
    assert load("b: &b {x: 1}\nc: {<<: *b, y: 2}\n")["c"] == {"x": 1, "y": 2}


@pytest.mark.parametrize(
    "text",
    [
        "a: secret: b",
        "2001-99-99: x",
        "- 0b_",
        "!!timestamp secret",
        "!!bool secret",
        "!!int ''",
        "!!float secret",
        "? {a: b}\n: c",
        "[" * 2000,
        "&a [*a]",
        "!!python/name:os.system secret",
    ],
)
def test_values_that_make_no_sense_are_not_quoted(text: str) -> None:
    with pytest.raises(YamlFileFault) as caught:
        load(text)
    assert "secret" not in str(caught.value)
