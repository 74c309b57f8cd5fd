"""The tests of this folder stand where the package's modules stand, under their names.

The module masakarimonitors/a/b.py is tested by tests/unit/a/test_b.py, or by several files
tests/unit/a/test_b_<aspect>.py. A folder of plain tables is tested as one module of its own name.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "masakarimonitors"
UNIT = ROOT / "tests" / "unit"

# Folders that hold nothing but tables of one kind: what is promised of one is promised of all.
OF_TABLES = {"conf/sections"}
# Tests of the tree as a whole, not of one module.
OF_THE_TREE = {
    "test_architecture",
    "test_glossary",
    "test_containerfile",
    "test_groups",
    "test_layers",
    "test_mirror",
    "test_monitoring_files",
    "test_no_second_tries",
    "test_said_once",
    "test_records",
    "test_samples",
    "test_system_files",
    "test_tools",
    "test_tools_audit",
}

_WORDS = "words and plain records, in which nothing is done"
_SIMULATE = "what one command does: tests/unit/cmd/subcommands/test_simulate.py"
_LIBVIRT = "calls of libvirt's binding, which only a real libvirtd answers: "
_REPLAY = "what one command does: tests/unit/cmd/subcommands/test_replay.py"

# Modules without a test of their own here, each with the reason and with the test that exercises it instead.
ELSEWHERE: dict[str, str] = {
    "cmd/console/names": _WORDS,
    "cmd/rehearsal/hosts": _SIMULATE,
    "cmd/rehearsal/instances": _SIMULATE,
    "cmd/rehearsal/processes": _SIMULATE,
    "cmd/rehearsal/recorded": _REPLAY,
    "cmd/rehearsal/standing": _SIMULATE,
    "cmd/subcommands/services/demo": "a program that is played as a whole: tests/integration/console/test_scripts.py",
    "core/silences/wish": _WORDS,
    "hostmonitor/core/fleet/silencing": "what becomes of hosts, which only a dialogue shows: "
    "tests/playbooks/test_hosts_silenced.py",
    "hostmonitor/core/observation": _WORDS,
    "hostmonitor/core/rehearsal/supposed": "answers, which only a play shows: "
    "tests/unit/hostmonitor/core/rehearsal/test_deaths.py",
    "instancemonitor/core/observation": _WORDS,
    "instancemonitor/core/evidence/order": "orders, which only a dialogue shows: "
    "tests/playbooks/test_instances_order.py",
    "introspectiveinstancemonitor/core/rules": _WORDS,
    "introspectiveinstancemonitor/sources/agent_commands": "tests/unit/introspectiveinstancemonitor/"
    "sources/test_checks.py",
    "monitor": _WORDS,
    "outbox/delivery/breaker": "a record that the delivery opens and closes: "
    "tests/unit/outbox/delivery/test_delivery.py",
    "outbox/follow_through/report": "a record of the follower's, and its words: "
    "tests/unit/outbox/follow_through/test_follower.py",
    "outbox/follow_through/shown": "the rows of the follower: tests/unit/outbox/follow_through/test_follower.py",
    "outbox/messages": _WORDS,
    "processmonitor/core/observation": _WORDS,
    "processmonitor/core/stages": _WORDS,
    "processmonitor/core/telling": "sentences, which only a dialogue shows: tests/playbooks/test_processes_outages.py",
    "processmonitor/core/tries": "moves, which only a dialogue shows: tests/playbooks/test_processes.py",
    "processmonitor/sources/scan": "records that one look fills: tests/unit/processmonitor/sources/test_procfs.py",
    "processmonitor/sources/shown": "what one look reads of each: tests/unit/processmonitor/sources/test_procfs.py",
}


def modules() -> set[str]:
    """Each module by its path below the package, without its ending; an `__init__` only hands on names."""
    paths = [path.relative_to(PACKAGE).with_suffix("") for path in PACKAGE.rglob("*.py")]
    names = {path.as_posix() for path in paths if path.name not in ("__init__", "version")}
    return {folder if (folder := name.rpartition("/")[0]) in OF_TABLES else name for name in names}


def unit_tests() -> set[str]:
    return {path.relative_to(UNIT).with_suffix("").as_posix() for path in UNIT.rglob("test_*.py")}


def of(test: str) -> list[str]:
    """The paths that a module may have of which this is a test: `a/test_b_c` is of `a/b_c` or of `a/b`."""
    folder, _, name = test.rpartition("/")
    words = name.removeprefix("test_").split("_")
    names = ["_".join(words[:count]) for count in range(len(words), 0, -1)]
    return [f"{folder}/{name}" if folder else name for name in names]


def covered() -> dict[str, str]:
    """Each test with the module that it is of; the longest name counts."""
    known = modules()
    found = {test: next((path for path in of(test) if path in known), "") for test in unit_tests()}
    return {test: path for test, path in found.items() if path}


def test_each_test_stands_where_its_module_stands() -> None:
    assert unit_tests() - covered().keys() - OF_THE_TREE == set()


def test_each_module_has_its_test_or_a_reason() -> None:
    without = modules() - set(covered().values())
    assert without - ELSEWHERE.keys() == set()


def test_no_exception_outlives_its_reason() -> None:
    assert ELSEWHERE.keys() - modules() == set(), "a module that is gone"
    assert ELSEWHERE.keys() & set(covered().values()) == set(), "a module that has its test by now"
    assert OF_THE_TREE - unit_tests() == set()
    assert OF_TABLES - modules() == set(), "a folder that is gone"


def test_an_exception_names_a_test_that_is_there() -> None:
    named = {path for reason in ELSEWHERE.values() for path in re.findall(r"tests/\S+\.py", reason)}
    assert named
    assert {path for path in named if not (ROOT / path).is_file()} == set()
