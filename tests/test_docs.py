"""The documentation builds without a warning, says what it must, and its runnable lines run."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from masakarimonitors.cmd.masakari_monitors import parser
from masakarimonitors.conf import opts
from masakarimonitors.core.decision import Ruling
from masakarimonitors.core.notification import ReportStatus

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent

_MARKDOWN = re.compile(r"^<!-- runnable -->\n```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
_REST = re.compile(r"^( *)\.\. code-block:: console\n +:class: runnable\n\n((?:\1 +.*\n|\n)+)", re.MULTILINE)


def build(builder: str, folder: Path) -> Path:
    target = folder / builder
    ran = subprocess.run(
        [
            BIN / "sphinx-build",
            "-q",
            "-W",
            "--keep-going",
            "-b",
            builder,
            "-d",
            folder / "doctrees",
            ROOT / "docs",
            target,
        ],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return target


def test_the_pages_and_the_man_page_build_without_a_warning(tmp_path: Path) -> None:
    pages = build("html", tmp_path)
    reference = re.sub(r"<[^>]+>", "", (pages / "configuration.html").read_text())
    for section in opts.SECTIONS:
        for option in section.options:
            assert f"[{section.name}] {option.dest}" in reference
    rooms = (pages / "architecture.html").read_text()
    for room in (ROOT / "masakarimonitors").iterdir():
        if room.suffix == ".py" or (room / "__init__.py").is_file():
            assert room.stem == "__init__" or f">{room.stem}<" in rooms
    manual = (build("man", tmp_path) / "masakari-monitors.1").read_text()
    for command in ("run", "check", "status", "outbox", "receiver", "demo"):
        assert rf"\fB{command}\fP" in manual


def runnable() -> list[tuple[str, str]]:
    blocks = []
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.rst"))]:
        text = page.read_text()
        found = [match[1] for match in _MARKDOWN.finditer(text)]
        found += [match[2] for match in _REST.finditer(text)]
        for block in found:
            lines = [line.strip() for line in block.splitlines()]
            commands = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
            blocks.append((page.name, "\n".join(commands)))
    return blocks


def test_there_are_runnable_lines() -> None:
    assert {"README.md", "quickstart.rst"} <= {page for page, _ in runnable()}


@pytest.mark.parametrize(("page", "commands"), runnable())
def test_a_runnable_line_runs_as_it_stands(page: str, commands: str, tmp_path: Path) -> None:
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("OS_", "XDG_", "STATE_"))}
    environ |= {"HOME": str(tmp_path), "PATH": f"{BIN}:{os.environ['PATH']}"}
    ran = subprocess.run(
        ["sh", "-eu", "-c", commands],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == 0, f"{page}: {commands}\n{ran.stdout}\n{ran.stderr}"


def test_every_program_of_the_package_is_in_the_man_page() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    manual = (ROOT / "docs" / "masakari-monitors.rst").read_text()
    assert [script for script in scripts if f"**{script}**" not in manual] == []


def test_every_command_with_its_options_is_in_the_man_page() -> None:
    manual = (ROOT / "docs" / "masakari-monitors.rst").read_text()
    top = parser()
    (commands,) = [action for action in top._actions if isinstance(action, argparse._SubParsersAction)]
    for name, command in commands.choices.items():
        (paragraph,) = re.findall(rf"^(\*\*{name}\*\*(?: .*)?)\n(?: .+\n)+", manual, re.MULTILINE)
        for action in command._actions:
            for option in action.option_strings:
                assert option in ("-h", "--help") or f"**{option}**" in paragraph, f"{name} {option}"


def test_every_ruling_and_every_status_of_a_report_is_explained() -> None:
    page = (ROOT / "docs" / "operating.rst").read_text()
    for word in (*Ruling, *ReportStatus):
        assert re.search(rf"^{word.value} {{2,}}\S", page, re.MULTILINE), word


def test_each_monitor_has_a_page() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    monitors = {script.removeprefix("masakari-") for script in scripts} - {"monitors"}
    assert len(monitors) == 4
    assert [name for name in monitors if not (ROOT / "docs" / f"{name}.rst").is_file()] == []


def test_each_monitor_has_a_unit_that_starts_it() -> None:
    for monitor in ("process", "instance", "introspectiveinstance", "host"):
        unit = (ROOT / "etc" / "systemd" / f"masakari-{monitor}monitor.service").read_text()
        assert f"ExecStart=/usr/bin/masakari-{monitor}monitor\n" in unit
        assert "StateDirectory=masakarimonitors" in unit and "WatchdogSec=" in unit


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_tells_what_there_is() -> None:
    told = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    ).stdout
    for goal in ("setup", "run", "demo", "test", "check", "unit", "bench", "docs", "clean"):
        assert re.search(rf"^  {goal} ", told, re.MULTILINE), goal
