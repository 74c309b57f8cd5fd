"""The rules of who may import whom hold, and each of them notices when it is broken."""

import shutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = "masakarimonitors"
SOURCES = f"{PACKAGE}.hostmonitor.sources"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    tool = Path(sys.executable).parent / "lint-imports"
    return subprocess.run(
        [tool, "--no-cache", "--no-logo"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy that may be broken."""
    shutil.copytree(ROOT / PACKAGE, tmp_path / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_house_as_it_is_keeps_every_rule() -> None:
    ran = lint(ROOT)
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize(
    ("file", "line", "rule"),
    [
        ("stray.py", "", "The rooms stand in layers"),
        ("outbox/rows.py", "import masakarimonitors.daemon", "The rooms stand in layers"),
        ("processmonitor/observation.py", "import masakarimonitors.hostmonitor", "The rooms stand in layers"),
        ("hostmonitor/decision.py", "import masakarimonitors.hostmonitor.sources", "Inside a monitor"),
        (
            "introspectiveinstancemonitor/observation.py",
            "import masakarimonitors.introspectiveinstancemonitor.decision",
            "Inside a monitor",
        ),
        ("decisions/backoff.py", "import time", "What decides touches no world"),
        ("decisions/backoff.py", "import masakarimonitors.system.clock", "What decides touches no world"),
        ("notifications.py", "import logging", "What decides touches no world"),
        ("processmonitor/decision.py", "import subprocess", "What decides touches no world"),
        ("hostmonitor/observation.py", "import aiohttp", "What decides touches no world"),
        ("outbox/delivery.py", "from oslo_config import cfg", "Options are read where things are wired"),
        (
            "processmonitor/sources/procfs.py",
            "import oslo_config.cfg",
            "Options are read where things are wired",
        ),
    ],
)
def test_a_broken_rule_is_noticed(house: Path, file: str, line: str, rule: str) -> None:
    broken = house / PACKAGE / file
    with broken.open("a") as text:
        text.write(f"\n{line}\n")
    ran = lint(house)
    assert ran.returncode != 0
    told = next(told for told in ran.stdout.splitlines() if told.startswith(rule) and told.endswith("BROKEN"))
    assert told


def _family(module: str) -> str:
    return module.removeprefix(f"{SOURCES}.").partition(".")[0].partition("_")[0]


def test_host_drivers_do_not_know_each_other() -> None:
    graph = grimp.build_graph(PACKAGE)
    strangers = [
        (importer, imported)
        for importer in graph.modules
        if importer.startswith(f"{SOURCES}.")
        for imported in graph.find_modules_directly_imported_by(importer)
        if imported.startswith(f"{SOURCES}.") and _family(imported) not in (_family(importer), "shared")
    ]
    assert strangers == []
