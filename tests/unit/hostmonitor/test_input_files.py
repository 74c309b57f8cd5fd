import pytest

from masakarimonitors.hostmonitor.core.evidence.matrix import default
from masakarimonitors.hostmonitor.input_files import parse_domains, parse_matrix
from masakarimonitors.system.files.yaml_file import YamlFileFault

THE_MANUAL = """\
sequence: ['manage']
matrix:
  - health: ['up']
    action: []
  - health: ['down']
    action: ['recovery']
"""

CLASSIC = "sequence: [manage, tenant, storage]\nmatrix:\n" + "".join(
    f"  - {{health: [{m}, {t}, {s}], action: [{'recovery' if s == 'down' else ''}]}}\n"
    for m in ("up", "down")
    for t in ("up", "down")
    for s in ("up", "down")
)


def faults(text: str) -> list[tuple[int, int, str]]:
    with pytest.raises(YamlFileFault) as caught:
        parse_matrix(text)
    return [(fault.line, fault.column, fault.what) for fault in caught.value.faults]


def test_the_manuals_example() -> None:
    reading = parse_matrix(THE_MANUAL)
    assert reading.matrix.sequence == ("manage",)
    assert reading.matrix.recover == {(False,)}
    assert reading.warnings == ()


def test_the_classic_matrix_written_out_is_the_default() -> None:
    assert parse_matrix(CLASSIC).matrix == default()


def test_missing_combinations_are_warned_and_do_nothing() -> None:
    text = "sequence: [a, b]\nmatrix: [{health: [up, down], action: [recovery]}]\n"
    reading = parse_matrix(text)
    assert reading.matrix.recover == {(True, False)}
    assert len(reading.warnings) == 2
    assert "a down, b down" in " ".join(reading.warnings)


@pytest.mark.parametrize("spelled", ["recovery", "[recovery]", "['recovery']"])
def test_an_action_may_stand_alone(spelled: str) -> None:
    assert parse_matrix(f"sequence: [a]\nmatrix: [{{health: [down], action: {spelled}}}]").matrix.recover == {
        (False,)
    }


@pytest.mark.parametrize("spelled", ["[]", "null", "~"])
def test_no_action(spelled: str) -> None:
    assert parse_matrix(
        f"sequence: [a]\nmatrix: [{{health: [down], action: {spelled}}}]"
    ).matrix.never_recovers


@pytest.mark.parametrize(
    ("text", "line", "column", "word"),
    [
        ("sequence: [a, b]\nmatrix:\n  - health: [up]\n    action: []\n", 3, 13, "1 values"),
        ("sequence: [a]\nmatrix:\n  - health: [broken]\n    action: []\n", 3, 14, "neither up nor down"),
        ("sequence: [a]\nmatrix:\n  - health: [off]\n    action: []\n", 3, 14, "write down"),
        ("sequence: [a]\nmatrix:\n  - health: [Yes]\n    action: []\n", 3, 14, "write up"),
        ("sequence: [a]\nmatrix:\n  - health: ['on']\n    action: []\n", 3, 14, "write up"),
        ("sequence: [a]\nmatrix:\n  - health: [DOWN]\n    action: []\n", 3, 14, "small letters"),
        ("sequence: [a]\nmatrix:\n  - health: [down]\n    action: [no-recovery]\n", 4, 14, "compared whole"),
        ("sequence: [a]\nmatrix:\n  - health: [down]\n    action: [off]\n", 4, 14, "unknown action"),
        ("sequence: [a]\nmatrix:\n  - health: [up]\n    action: [recovery]\n", 4, 13, "accuse healthy"),
        ("sequence: [a, a]\nmatrix: []\n", 1, 15, "twice"),
        ("sequence: []\nmatrix: []\n", 1, 11, "list of datacentre"),
        ("sequence: [on]\nmatrix: []\n", 1, 12, "not the name"),
        ("sequence: [a]\n", 1, 1, "no matrix"),
        ("sequence: [a]\nmatrix: []\nmatrx: []\n", 3, 1, "unknown key"),
        ("sequence: [a]\nsequence: [a]\nmatrix: []\n", 2, 1, "twice"),
        ("sequence: [a]\nmatrix: nothing\n", 2, 9, "must be a list"),
        ("sequence: [a]\nmatrix: [down]\n", 2, 10, "must be a mapping"),
        ("sequence: [a]\nmatrix: [{health: [down]}]\n", 2, 10, "no action"),
        ("sequence: [a]\nmatrix: [{health: down, action: []}]\n", 2, 19, "must be a list"),
        ("sequence: [a]\nmatrix: [{health: [[down]], action: []}]\n", 2, 20, "a sequence"),
        ("sequence: [a]\nmatrix: [{health: [down], action: {a: b}}]\n", 2, 35, "must be a list"),
        ("sequence: [a\nmatrix: []\n", 2, 7, "not YAML"),
        ("sequence: [a]\nmatrix:\n\t- x\n", 3, 1, "not YAML"),
        ("sequence: [a]\nmatrix: [\x07]\n", 2, 10, "forbids"),
        ("", 1, 1, "expected a mapping"),
        ("- up\n", 1, 1, "expected a mapping"),
    ],
)
def test_r12_every_fault_is_named_with_its_place(text: str, line: int, column: int, word: str) -> None:
    assert any((at, col) == (line, column) and word in what for at, col, what in faults(text)), faults(text)


def test_r12_the_same_vector_twice_is_a_fault_even_with_one_action() -> None:
    text = "sequence: [a]\nmatrix:\n- {health: [down], action: [recovery]}\n- {health: [down], action: []}\n"
    assert faults(text) == [(4, 3, "a down stands twice")]


def test_r12_all_faults_are_named_at_once() -> None:
    text = "sequence: [a]\nmatrix:\n- {health: [off], action: [recover]}\n- {health: [up, up], action: []}\n"
    assert [line for line, _, _ in faults(text)] == [3, 3, 4]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("- a\n", "line 1, column 1"),
        ("a: b\na: c\n", "line 2, column 1"),
        ("a: [\n", "line 2"),
        ("a:\n", "a"),
    ],
)
def test_faults_of_the_domains_file_have_their_place(text: str, place: str) -> None:
    with pytest.raises(YamlFileFault, match=place):
        parse_domains(text)


def test_an_empty_domains_file_has_no_domains() -> None:
    assert parse_domains("") == {}
