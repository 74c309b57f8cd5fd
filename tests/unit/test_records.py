"""How records are made and callbacks handed over: the habits that the whole package keeps."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "masakarimonitors"
# So many fields may be given by their order; beyond that two of one type are confused sooner or later.
BY_ORDER = 4


def positional(source: str) -> Iterator[tuple[str, int]]:
    """Each dataclass of the source with the number of its fields that its makers may give by order."""
    for record in ast.walk(ast.parse(source)):
        if not isinstance(record, ast.ClassDef):
            continue
        made = [ast.unparse(one) for one in record.decorator_list if "dataclass" in ast.unparse(one)]
        if not made or any("kw_only=True" in one for one in made):
            continue
        count = 0
        for field in record.body:
            if isinstance(field, ast.AnnAssign):
                kind = ast.unparse(field.annotation)
                if kind.endswith("KW_ONLY"):
                    break
                count += not kind.startswith(("ClassVar", "typing.ClassVar"))
        yield record.name, count


def assigned_callbacks(source: str) -> Iterator[str]:
    """Callbacks (`on_...`) that are assigned to something other than the object's own attributes."""
    for statement in ast.walk(ast.parse(source)):
        targets = statement.targets if isinstance(statement, ast.Assign) else ()
        for target in targets:
            if isinstance(target, ast.Attribute) and target.attr.startswith("on_"):
                owner = ast.unparse(target.value)
                if owner != "self":
                    yield f"{owner}.{target.attr}"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("@dataclass\nclass A:\n    a: int\n    b: int = 1\n", [("A", 2)]),
        ("@dataclass(frozen=True, kw_only=True)\nclass A:\n    a: int\n", []),
        ("@dataclass\nclass A:\n    a: int\n    _: KW_ONLY\n    b: int\n", [("A", 1)]),
        ("@dataclass\nclass A:\n    a: ClassVar[int]\n    b: int\n", [("A", 1)]),
        ("class A:\n    a: int\n", []),
    ],
)
def test_what_may_be_given_by_order_is_counted(source: str, found: list[tuple[str, int]]) -> None:
    assert list(positional(source)) == found


def test_an_assigned_callback_is_noticed() -> None:
    assert list(assigned_callbacks("self.on_ready = f\noutbox.on_ready = f\n")) == ["outbox.on_ready"]


def test_records_of_many_fields_are_made_by_keyword() -> None:
    large = {
        f"{path.relative_to(ROOT)}: {name}": count
        for path in PACKAGE.rglob("*.py")
        for name, count in positional(path.read_text())
        if count > BY_ORDER
    }
    assert large == {}


def test_callbacks_are_arguments_of_constructors() -> None:
    found = {
        str(path.relative_to(ROOT)): list(assigned_callbacks(path.read_text()))
        for path in PACKAGE.rglob("*.py")
    }
    assert {path: names for path, names in found.items() if names} == {}
