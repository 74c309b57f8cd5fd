"""What stands twice is a slip: a constant, a style rule; and what is named as a file is there."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("masakarimonitors", "tests", "benchmarks", "docs", "tools", "etc")
PYTHON = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
# Tests name files that they make up.
TEXTS = [
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("*.toml"), ROOT / "Makefile", *(ROOT / "docs").rglob("*.rst"))
    if "_build" not in path.parts
] + [path for path in PYTHON if "tests" not in path.parts]


def _assigned(body: list[ast.stmt]) -> Iterator[str]:
    """Names that the statements of one block bind once for all, as a constant does."""
    for statement in body:
        match statement:
            case ast.Assign(targets=targets):
                yield from (target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name), value=value) if value is not None:
                yield name
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() if not statement.decorator_list:
                yield statement.name


def twice_bound(source: str) -> list[str]:
    """Names of a module or of one of its classes that are bound more than once."""
    tree = ast.parse(source)
    blocks = [tree.body, *(node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef))]
    return [name for block in blocks for name, count in Counter(_assigned(block)).items() if count > 1]


def twice_styled(text: str) -> list[str]:
    """Style rules that stand twice in one text."""
    rules = Counter(rule.strip() for rule in re.findall(r"[^{}\n]+\{[^{}]*:[^{}]*\}", text))
    return [rule for rule, count in rules.items() if count > 1 and "<" not in rule]


def texts_within(source: str) -> Iterator[str]:
    """The texts that a module holds."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("A = 1\nB = 2\nA = 1\n", ["A"]),
        ("def f(): ...\ndef f(): ...\n", ["f"]),
        ("class C:\n    x = 1\n    x: int = 2\n", ["x"]),
        ("A = 1\ndef f():\n    A = 2\n", []),
        ("class C:\n    @property\n    def x(self): ...\n    @x.setter\n    def x(self, v): ...\n", []),
    ],
)
def test_a_second_binding_is_noticed(source: str, found: list[str]) -> None:
    assert twice_bound(source) == found


def test_a_second_style_rule_is_noticed() -> None:
    assert twice_styled("\n.a{color:red}\n.b{color:red}\n  .a{color:red}\n") == [".a{color:red}"]
    assert twice_styled("\n.a{color:red}\n.b{color:red}\n") == []


def test_nothing_is_defined_twice() -> None:
    found = {str(path.relative_to(ROOT)): twice_bound(path.read_text()) for path in PYTHON}
    assert {path: names for path, names in found.items() if names} == {}


def test_no_style_rule_stands_twice() -> None:
    package = ROOT / "masakarimonitors"
    texts = {path: [path.read_text()] for ending in ("css", "html") for path in package.rglob(f"*.{ending}")}
    assert any(path.suffix == ".css" for path in texts)
    texts |= {path: [*texts_within(path.read_text())] for path in package.rglob("*.py")}
    found = {str(path.relative_to(ROOT)): [*map(twice_styled, inner)] for path, inner in texts.items()}
    assert {path: rules for path, rules in found.items() if any(rules)} == {}


_NAMED = re.compile(
    r"(?<![\w/.-])(?:tools|docs|tests|benchmarks|masakarimonitors)/[\w./-]*\w\.(?:py|sh|rst|conf|md)\b"
)


def test_every_file_that_is_named_exists() -> None:
    missing = {
        (str(path.relative_to(ROOT)), name)
        for path in TEXTS
        for name in _NAMED.findall(path.read_text())
        if not (ROOT / name).exists()
    }
    assert missing == set()
