"""The rules of who may import whom hold, and each of them notices when it is broken."""

import ast
import itertools
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
PACKAGE = "masakarimonitors"
PURE = "What decides touches no world"
OPTIONS = "Options are read where things are wired"
ROOM_OF_OPTIONS = "The room of the options is entered where they are read"
DRIVERS = "Host drivers do not know each other"
CIRCLES = "Nothing goes in a circle"
# One of each kind: what starts programs, what writes files, what reads options, what tells people.
WORLD = ("subprocess", "sqlite3", "oslo_config", "logging")
# All that a pure module may take from Python itself: the contract names the doors to the world, and cannot name all.
HARMLESS = {
    *("abc", "base64", "binascii", "bisect", "collections", "dataclasses", "datetime", "decimal", "enum"),
    *(
        "fnmatch",
        "fractions",
        "functools",
        "hashlib",
        "heapq",
        "itertools",
        "json",
        "math",
        "operator",
        "posixpath",
        "re",
    ),
    *("ipaddress", "statistics", "string", "types", "typing", "xml.parsers"),
}
# What a module may take besides, that is held to be pure by itself: it speaks in the words of a room that is not.
ALSO_HARMLESS = {"argparse", "contextlib", "html", "iso8601", "uuid", "zlib"}
# A docstring that calls its module pure, and not a function of it.
CALLED_PURE = re.compile(r"\b[Pp]ure(?=[.,;:]| text|\Z)")
# Doors that need no import, and two clocks.
BUILT_IN = {"__import__", "breakpoint", "eval", "exec", "input", "open", "print"}
CLOCKS = {"today", "utcnow"}


# Each rule, and how it is broken: what is added to which file.
BREAKS = [
    ("outbox/rows.py", "import masakarimonitors.daemon", "The rooms stand in layers"),
    (
        "processmonitor/core/observation.py",
        "import masakarimonitors.hostmonitor",
        "The rooms stand in layers",
    ),
    (
        "hostmonitor/core/decision.py",
        "import masakarimonitors.hostmonitor.sources",
        "Inside the host monitor",
    ),
    (
        "hostmonitor/power/bmc.py",
        "import masakarimonitors.hostmonitor.drivers.base",
        "Inside the host monitor",
    ),
    (
        "hostmonitor/drivers/base.py",
        "import masakarimonitors.hostmonitor.drivers.consul.agent",
        "Inside the host drivers",
    ),
    (
        "instancemonitor/qemu_files.py",
        "import masakarimonitors.instancemonitor.effects",
        "Inside the instance monitor",
    ),
    (
        "introspectiveinstancemonitor/effects.py",
        "import masakarimonitors.introspectiveinstancemonitor.monitor",
        "Inside the introspective monitor",
    ),
    (
        "processmonitor/sources/procfs.py",
        "import masakarimonitors.processmonitor.effects",
        "Inside the process monitor",
    ),
    (
        "hostmonitor/core/observation.py",
        "import masakarimonitors.hostmonitor.core.decision",
        "Inside the core of the host monitor",
    ),
    ("outbox/storage/store.py", "import masakarimonitors.outbox.outbox", "Inside the outbox"),
    (
        "system/network/tcp.py",
        "import masakarimonitors.system.service.signals",
        "Inside the operating system",
    ),
    (
        "introspectiveinstancemonitor/core/reported/limit.py",
        "import masakarimonitors.introspectiveinstancemonitor.core.state",
        "Inside the core of the introspective monitor",
    ),
    (
        "processmonitor/core/stages.py",
        "import masakarimonitors.processmonitor.core.telling",
        "Inside the core of the process monitor",
    ),
    (
        "hostmonitor/drivers/consul/departures/places.py",
        "import masakarimonitors.hostmonitor.drivers.consul.datacentre",
        "Inside the driver for Consul",
    ),
    (
        "hostmonitor/drivers/pacemaker/fencing/fencing_agents.py",
        "import masakarimonitors.hostmonitor.drivers.pacemaker.tools.rights",
        "Inside the driver for Pacemaker",
    ),
    ("outbox/pace/budget.py", "import masakarimonitors.outbox.pace.pacing", CIRCLES),
    (
        "hostmonitor/drivers/consul/agent.py",
        "import masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents",
        DRIVERS,
    ),
    (
        "hostmonitor/drivers/pacemaker/watch.py",
        "import masakarimonitors.hostmonitor.drivers.kubernetes.leadership.lease",
        DRIVERS,
    ),
    ("core/backoff.py", "import masakarimonitors.system.clock", PURE),
    ("hostmonitor/drivers/consul/leadership/election.py", "import masakarimonitors.conf", PURE),
    ("outbox/delivery/delivery.py", "from oslo_config import cfg", OPTIONS),
    ("processmonitor/sources/procfs.py", "import oslo_config.cfg", OPTIONS),
    ("hostmonitor/drivers/consul/watch.py", "from oslo_config import cfg", OPTIONS),
    ("hostmonitor/power/ipmi.py", "from oslo_config import cfg", OPTIONS),
    ("hostmonitor/status.py", "from oslo_config import cfg", OPTIONS),
    ("instancemonitor/qemu_files.py", "from oslo_config import cfg", OPTIONS),
    ("introspectiveinstancemonitor/effects.py", "from oslo_log import log", OPTIONS),
    ("status/web.py", "from masakarimonitors.conf import load", ROOM_OF_OPTIONS),
    ("journal/record.py", "import masakarimonitors.system.clock", "The words of the journal touch no world"),
]


def contracts() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"][
        "importlinter"
    ]["contracts"]
    return found


def broken_everywhere() -> Iterator[tuple[str, str, str]]:
    """A file without a place for each rule that names every file's, and each driver knowing each other one."""
    for rule in contracts():
        if rule.get("exhaustive"):
            for container in rule["containers"]:
                yield (
                    f"{container.removeprefix(PACKAGE).lstrip('.').replace('.', '/')}/stray.py".lstrip("/"),
                    "",
                    rule["name"],
                )
        if rule["name"] == DRIVERS:
            for one, other in itertools.permutations(rule["modules"], 2):
                yield (
                    f"{one.removeprefix(PACKAGE + '.').replace('.', '/')}/examine.py",
                    f"import {other}.driver",
                    DRIVERS,
                )


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    tool = Path(sys.executable).parent / "lint-imports"
    return subprocess.run(
        [tool, "--no-cache", "--no-logo"],
        cwd=folder,
        # No line is broken where a terminal would end.
        env={**os.environ, "COLUMNS": "1000"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def contract(name: str) -> dict[str, Any]:
    return next(one for one in contracts() if one["name"] == name)


def broken(told: str) -> set[str]:
    return set(re.findall(r"^(.+) BROKEN(?: \(.+\))?$", told, re.MULTILINE))


def pure_modules() -> Iterator[Path]:
    """The file of every module that the contract calls pure, found by folder, so that none can be forgotten."""
    for pattern in contract(PURE)["source_modules"]:
        for path in ROOT.glob(pattern.replace(".", "/")):
            yield from path.rglob("*.py")
        yield from ROOT.glob(pattern.replace(".", "/") + ".py")


def doors(source: str) -> Iterator[str]:
    """What a module takes from outside of this package that is more than values and their arithmetic."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names):
                taken = [name.name for name in names]
            case ast.ImportFrom(module=str(module)):
                taken = [module]
            case ast.Name(id=name, ctx=ast.Load()) if name in BUILT_IN:
                yield name
                continue
            case ast.Attribute(attr=name) if name in CLOCKS:
                yield name
                continue
            case _:
                continue
        for name in taken:
            if name.partition(".")[0] not in HARMLESS | {PACKAGE} and name not in HARMLESS:
                yield name


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy that may be broken."""
    shutil.copytree(ROOT / PACKAGE, tmp_path / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def add(package: Path, file: str, *lines: str) -> None:
    with (package / PACKAGE / file).open("a") as text:
        text.write("\n" + "\n".join(lines) + "\n")


def test_the_package_as_it_is_keeps_every_rule() -> None:
    ran = lint(ROOT)
    assert ran.returncode == 0, ran.stdout


def places(told: str) -> dict[str, set[str]]:
    """By the name of each broken rule: the imports and the files at which it is."""
    found: dict[str, set[str]] = {}
    _, *parts = re.split(r"^(.+)\n-{3,}\n\n", told, flags=re.MULTILINE)
    for rule, text in zip(parts[::2], parts[1::2], strict=True):
        imports = re.findall(r"([\w.]+) -> ([\w.]+)", text)
        found[rule] = {*map(" -> ".join, imports), *re.findall(r"^- ([\w.]+)$", text, re.MULTILINE)}
    return found


def place(file: str, line: str, rule: str) -> str:
    """What a broken rule names: the import, or the file that has no place."""
    module = f"{PACKAGE}." + file.removesuffix(".py").replace("/", ".")
    imported = re.fullmatch(r"import ([\w.]+)|from ([\w.]+) import \w+", line)
    if imported is None:
        return module
    used = imported[1] or imported[2]
    if rule in (OPTIONS, PURE):
        used = used if used.startswith(PACKAGE) else used.partition(".")[0]
    if rule == CIRCLES:
        module, used = (f".{name.rpartition('.')[2]}" for name in (module, used))
    return f"{module} -> {used}"


def test_each_broken_rule_is_noticed_where_it_is_broken(package: Path) -> None:
    """All at once, because each look at the whole package takes a second."""
    breaks = [*BREAKS, *broken_everywhere()]
    for file, line, _rule in breaks:
        add(package, file, line)
    ran = lint(package)
    assert ran.returncode != 0
    found = places(ran.stdout)
    unnoticed = [
        (file, line, rule) for file, line, rule in breaks if place(file, line, rule) not in found[rule]
    ]
    assert not unnoticed, ran.stdout


def test_every_file_within_a_rule_of_layers_has_one() -> None:
    assert not [one["name"] for one in contracts() if one["type"] == "layers" and not one.get("exhaustive")]


def test_every_rule_is_broken_once() -> None:
    assert {rule for _file, _line, rule in [*BREAKS, *broken_everywhere()]} == {
        one["name"] for one in contracts()
    }


def test_a_pure_module_that_reaches_the_world_is_noticed_in_each_of_them(package: Path) -> None:
    pure = sorted(path.relative_to(ROOT / PACKAGE) for path in pure_modules())
    assert len(pure) > 30
    for file in pure:
        add(package, str(file), *(f"import {world}" for world in WORLD))
    ran = lint(package)
    told = set(re.findall(r"(masakarimonitors[\w.]*)\s+->\s+(\w+)", ran.stdout))
    for file in pure:
        module = f"{PACKAGE}." + str(file.with_suffix("")).replace("/", ".").removesuffix(".__init__")
        assert {world for where, world in told if where == module} >= set(WORLD), module
    assert PURE in broken(ran.stdout)


def test_a_pure_module_takes_nothing_but_values_from_outside() -> None:
    found = {str(path.relative_to(ROOT)): list(doors(path.read_text())) for path in pure_modules()}
    assert len(found) > 30
    assert not {path: taken for path, taken in found.items() if taken}


def test_what_calls_itself_pure_is_held_to_it() -> None:
    """By the contract, or where it names a type of a room that touches the world, by what it takes itself."""
    held = {*pure_modules(), *(ROOT / PACKAGE / file for file in ("daemon.py", "monitor.py"))}
    others = {
        str(path.relative_to(ROOT)): list(doors(path.read_text()))
        for path in sorted((ROOT / PACKAGE).rglob("*.py"))
        if path not in held and CALLED_PURE.search(ast.get_docstring(ast.parse(path.read_text())) or "")
    }
    assert 5 < len(others) < 20
    assert not {path: taken for path, taken in others.items() if set(taken) - ALSO_HARMLESS}


@pytest.mark.parametrize(
    ("line", "door"),
    [
        ("import importlib", "importlib"),
        ("import posix", "posix"),
        ("import syslog", "syslog"),
        ("from uuid import uuid4", "uuid"),
        ("import xml.sax", "xml.sax"),
        ("def f() -> str: return open('/etc/hostname').read()", "open"),
        ("def f() -> None: __import__('subprocess').run(['true'])", "__import__"),
        ("def f() -> None: print('told')", "print"),
        ("def f() -> object: return datetime.date.today()", "today"),
    ],
)
def test_a_door_that_the_contract_does_not_name_is_noticed(line: str, door: str) -> None:
    assert list(doors(f"import datetime\nimport masakarimonitors.core\n{line}\n")) == [door]


def test_each_election_and_each_classifier_is_pure() -> None:
    pure = {str(path.relative_to(ROOT / PACKAGE)) for path in pure_modules()}
    drivers = ROOT / PACKAGE / "hostmonitor" / "drivers"
    halves = [
        path
        for name in ("election", "lease", "group", "parse", "classify", "documents")
        for path in drivers.rglob(f"{name}.py")
    ]
    assert len(halves) >= 7
    assert {str(path.relative_to(ROOT / PACKAGE)) for path in halves} <= pure
