"""The page that explains the code tells of this code: its rooms, their layers, and files that are there."""

import ast
import re
import tomllib
from collections import Counter
from pathlib import Path

import grimp
import pytest

MOST = 12
"""So many modules a folder may hold; its `__init__.py` only hands on names and is not counted."""

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "masakarimonitors"
PAGE = ROOT / "docs" / "architecture.rst"

_ROW = re.compile(r"^(\d+) +``(\w+)`` +(\S.*)$", re.MULTILINE)
_INNER_ROW = re.compile(r"^``(\w+(?:/\w+)+)`` +(\S.*)$", re.MULTILINE)
_FILE = re.compile(r"[\w./-]+\.(?:py|toml|conf|yaml|sh|rst|md)\b")


def rooms() -> list[tuple[str, str, str]]:
    """Layer, room and purpose by the import contract and the docstrings, the highest layer first."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (c["layers"] for c in contracts if c.get("containers") == ["masakarimonitors"])
    return [
        (str(height), room, purpose(room))
        for height, layer in zip(range(len(layers), 0, -1), layers, strict=True)
        for room in (name.strip(" ()") for name in layer.split("|"))
    ]


def purpose(room: str) -> str:
    file = PACKAGE / f"{room}.py"
    docstring = ast.get_docstring(
        ast.parse((file if file.exists() else PACKAGE / room / "__init__.py").read_text())
    )
    assert docstring, room
    return docstring.splitlines()[0]


def test_the_table_of_rooms_is_the_rule_that_the_build_keeps() -> None:
    assert _ROW.findall(PAGE.read_text()) == rooms()


def test_every_room_stands_in_the_table() -> None:
    there = {path.stem for path in PACKAGE.glob("*.py")} | {
        path.parent.name for path in PACKAGE.glob("*/__init__.py")
    }
    assert {room for _, room, _ in _ROW.findall(PAGE.read_text())} == there - {"__init__"}


def crowded(package: Path) -> dict[str, int]:
    """Each folder with more modules than one can survey, and how many it holds."""
    held = Counter(path.parent for path in package.rglob("*.py") if path.name != "__init__.py")
    return {str(folder.relative_to(package.parent)): count for folder, count in held.items() if count > MOST}


def test_every_inner_room_stands_in_the_table_of_inner_rooms() -> None:
    folders = [path.parent.relative_to(PACKAGE).as_posix() for path in sorted(PACKAGE.rglob("__init__.py"))]
    there = [(folder, purpose(folder)) for folder in folders if "/" in folder]
    assert _INNER_ROW.findall(PAGE.read_text()) == there


def test_no_folder_holds_more_modules_than_one_can_survey() -> None:
    found = crowded(PACKAGE)
    assert not found, (
        f"more than {MOST} modules: {found}. Find the idea that some of them share and give it a folder with"
        " the field's name for it; write it into 'Rooms within rooms' of docs/architecture.rst, and give it its"
        " layer in pyproject.toml. Modules are not merged for this."
    )


def test_a_crowded_folder_is_noticed(tmp_path: Path) -> None:
    room = tmp_path / "package" / "room"
    room.mkdir(parents=True)
    for number in range(MOST):
        (room / f"module_{number}.py").touch()
    (room / "__init__.py").touch()
    assert not crowded(tmp_path / "package")
    (room / "one_more.py").touch()
    assert crowded(tmp_path / "package") == {"package/room": MOST + 1}


def own_files(graph: grimp.ImportGraph, monitor: str, *entries: str) -> list[Path]:
    """Each module of that monitor that its imports lead to from these; an `__init__` only hands on names."""
    found, left = set[str](), [f"{PACKAGE.name}.{monitor}.{entry}" for entry in entries]
    while left:
        if (module := left.pop()) not in found:
            found.add(module)
            left += graph.find_modules_directly_imported_by(module)
    files = [ROOT / f"{module.replace('.', '/')}.py" for module in found]
    return [file for file in files if file.is_file() and file.is_relative_to(PACKAGE / monitor)]


def test_a_monitor_reaches_as_many_files_as_the_page_says() -> None:
    graph = grimp.build_graph(PACKAGE.name, cache_dir=None)
    said = re.search(
        r"lead to (\d+) to (\d+) of its own, from that of hosts with one driver to (\d+) to (\d+),"
        r" of (\d+) to (\d+) lines each",
        " ".join(PAGE.read_text().split()),
    )
    assert said
    few, more, hosts_few, hosts_more, short, long = map(int, said.groups())
    for monitor in ("instancemonitor", "introspectiveinstancemonitor", "processmonitor"):
        files = own_files(graph, monitor, "monitor")
        assert few <= len(files) <= more, monitor
        assert short <= sum(len(file.read_text().splitlines()) for file in files) / len(files) <= long, (
            monitor
        )
    for driver in ("consul", "kubernetes", "pacemaker"):
        files = own_files(graph, "hostmonitor", "monitor", f"drivers.{driver}.driver")
        assert hosts_few <= len(files) <= hosts_more, driver
        assert short <= sum(len(file.read_text().splitlines()) for file in files) / len(files) <= long, driver


def test_each_monitor_has_a_drawn_path_from_what_fails_to_masakari() -> None:
    (drawn,) = re.findall(r"^Follow one notification\n-+\n(.*?)^Rules that", PAGE.read_text(), re.M | re.S)
    for monitor in ("hostmonitor", "instancemonitor", "introspectiveinstancemonitor", "processmonitor"):
        assert re.search(rf"^   {monitor}/core/decision\.py ", drawn, re.MULTILINE), monitor
    assert drawn.count("masakari-api\n") >= 5


@pytest.mark.parametrize(
    "page", [PAGE, ROOT / "docs" / "extending.rst", ROOT / "CONTRIBUTING.md"], ids=lambda p: p.name
)
def test_every_file_that_is_named_is_there(page: Path) -> None:
    """By its path in the project or in the package, or by the end of it when several folders have one."""
    named = set(_FILE.findall(page.read_text()))
    assert named
    # Of the sample configuration, too, people speak by the name that it is installed under.
    places = (ROOT, ROOT / "docs", ROOT / "etc" / "masakarimonitors")
    missing = {
        name
        for name in named
        if not any((place / end).is_file() for place in places for end in (name, f"{name}.sample"))
        and not any(PACKAGE.rglob(name))
    }
    assert missing == set()
