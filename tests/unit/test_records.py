"""How records are made and callbacks handed over: the habits that the whole package keeps."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "masakarimonitors"
# So many fields may be given by their order; beyond that two of one type are confused sooner or later.
BY_ORDER = 4


# What is said to people, by the names that records give it.
SENTENCES = {
    *(
        "alarm",
        "answer",
        "because",
        "body",
        "detail",
        "doubt",
        "evidence",
        "reason",
        "release",
        "remark",
        "said",
    ),
    *("says", "sentence", "text", "trouble", "why", "word", "words"),
}
SEARCHES = {
    "count",
    "endswith",
    "find",
    "index",
    "partition",
    "removeprefix",
    "removesuffix",
    "split",
    "startswith",
}
# What is no sentence, and what it is.
NO_SENTENCE = {
    "row.answer": "a column of the outbox, of two fields: masakari-api's answer and, behind ENGINE_SAYS, its engine's",
    "waiting.said": "a set of times",
}


@functools.cache
def walk(source: str) -> tuple[ast.AST, ...]:
    """Every node of a source, which each rule looks through."""
    return tuple(ast.walk(ast.parse(source)))


def positional(source: str) -> Iterator[tuple[str, int]]:
    """Each dataclass of the source with the number of its fields that its makers may give by order."""
    for record in walk(source):
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


def callbacks(source: str) -> Iterator[str]:
    """The attributes of objects that are called: those whose annotation says so, and each `on_...`."""
    for node in walk(source):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name) | ast.Attribute(attr=name), annotation=kind):
                if "Callable[" in ast.unparse(kind):
                    yield name
            case ast.FunctionDef(name="__init__", args=arguments, body=body):
                called = {
                    one.arg
                    for one in (*arguments.args, *arguments.kwonlyargs)
                    if one.annotation and "Callable[" in ast.unparse(one.annotation)
                }
                for one in body:
                    match one:
                        case ast.Assign(targets=[ast.Attribute(attr=name)], value=ast.Name(id=given)):
                            if given in called:
                                yield name


def values(source: str) -> Iterator[str]:
    """The attributes of objects that are annotated as something else."""
    for node in walk(source):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name) | ast.Attribute(attr=name), annotation=kind):
                if "Callable[" not in ast.unparse(kind):
                    yield name


def assigned(source: str) -> Iterator[tuple[str, str]]:
    """Attributes that are assigned to something other than the object itself: whose, and which."""
    for statement in walk(source):
        match statement:
            case ast.Assign(targets=targets):
                found = [one for target in targets for one in ast.walk(target)]
            case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
                found = list(ast.walk(target))
            case _:
                continue
        for one in found:
            if isinstance(one, ast.Attribute) and isinstance(one.ctx, ast.Store):
                owner = ast.unparse(one.value)
                if owner not in ("self", "cls"):
                    yield owner, one.attr


def assigned_callbacks(source: str, known: set[str]) -> Iterator[str]:
    """Callbacks that are handed over in another way than to a constructor."""
    for owner, name in assigned(source):
        if name in known or name.startswith("on_"):
            yield f"{owner}.{name}"


def searched_sentences(source: str) -> Iterator[str]:
    """Where a word is looked for in what was said to people."""
    for node in walk(source):
        match node:
            case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[ast.Attribute() as text]):
                pass
            case ast.Call(func=ast.Attribute(value=ast.Attribute() as text, attr=how)) if how in SEARCHES:
                pass
            case _:
                continue
        if text.attr in SENTENCES and ast.unparse(text) not in NO_SENTENCE:
            yield ast.unparse(node)


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
    known = set(
        callbacks(
            "class A:\n    ask: Callable[[], bool]\n    name: str\n"
            "    def __init__(self, told: Callable[[], None], when: float) -> None:\n"
            "        self._told = told\n        self._when = when\n        self._may: Callable[[], bool] = f\n"
        )
    )
    assert known == {"ask", "_told", "_may"}
    source = "self.on_ready = f\noutbox.on_ready = f\nx.size, x.ask = 1, f\nself.api._may = f\nx.name = 1\n"
    assert list(assigned_callbacks(source, known)) == ["outbox.on_ready", "x.ask", "self.api._may"]


def test_records_of_many_fields_are_made_by_keyword() -> None:
    large = {
        f"{path.relative_to(ROOT)}: {name}": count
        for path in PACKAGE.rglob("*.py")
        for name, count in positional(path.read_text())
        if count > BY_ORDER
    }
    assert large == {}


def test_callbacks_are_arguments_of_constructors() -> None:
    sources = {path: path.read_text() for path in PACKAGE.rglob("*.py")}
    known = {name for source in sources.values() for name in callbacks(source)}
    # A name that is a value somewhere else tells nothing.
    known -= {name for source in sources.values() for name in values(source)}
    assert len(known) > 30
    found = {
        str(path.relative_to(ROOT)): list(assigned_callbacks(source, known))
        for path, source in sources.items()
    }
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "line",
    [
        "'NORMAL' in record.says",
        "word not in one.reason.why",
        "x.evidence.partition('; ')",
        "host.said.startswith('partly')",
    ],
)
def test_a_decision_by_what_was_said_is_noticed(line: str) -> None:
    assert list(searched_sentences(f"if {line}: pass\n")) == [line]
    assert not list(searched_sentences("if name in self.names or uuid == row.uuid or row.says: pass\n"))


def test_nothing_hangs_on_a_sentence() -> None:
    found = {
        str(path.relative_to(ROOT)): list(searched_sentences(path.read_text()))
        for path in PACKAGE.rglob("*.py")
    }
    assert {path: places for path, places in found.items() if places} == {}
