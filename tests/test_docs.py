"""The documentation builds without a warning, says what it must, and its runnable lines run."""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from masakarimonitors.cmd.masakari_monitors import COMMANDS, parse, parser
from masakarimonitors.conf import opts
from masakarimonitors.core.decision import Ruling
from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.status import metrics
from tests.fixtures.fake_clock import FakeClock

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
    told = re.sub(r"<[^>]+>", "", (pages / "monitoring.html").read_text())
    for family in metrics.families([], FakeClock().now()):
        assert re.search(rf"\b{family.name}\b", told) and all(label in told for label in family.labels)
    pages = build("man", tmp_path)
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert {page.name for page in pages.glob("*.1")} == {f"{script}.1" for script in scripts}
    manual = (pages / "masakari-monitors.1").read_text()
    for command in ("run", "check", "status", "outbox", "receiver", "demo"):
        assert rf"\fB{command}\fP" in manual


def runnable() -> list[tuple[str, str]]:
    blocks = []
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.rst"))]:
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


def commands_of(
    parser: argparse.ArgumentParser, name: str = ""
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Each command, and each word of one that has several, as they are typed."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, command in action.choices.items():
                yield from commands_of(command, f"{name} {word}".strip())
            return
    yield name, parser


def paragraph(manual: str, name: str) -> str:
    """The head of a command's paragraph; the word that is meant where none is said stands in brackets."""
    first, _, second = name.partition(" ")
    heads = [f"**{name}**", f"**{first}** [**{second}**]"]
    found = [
        head
        for head in re.findall(r"^(\*\*.*)\n(?: .+\n)+", manual, re.MULTILINE)
        if any(head == one or head.startswith(f"{one} ") for one in heads)
    ]
    assert len(found) == 1, (name, found)
    return str(found[0])


def test_every_command_with_its_options_is_in_the_man_page() -> None:
    manual = (ROOT / "docs" / "masakari-monitors.rst").read_text()
    for name, command in commands_of(parser()):
        head = paragraph(manual, name)
        for action in command._actions:
            for option in action.option_strings:
                assert option in ("-h", "--help") or f"**{option}**" in head, f"{name} {option}"


_CONSOLE = re.compile(
    r"^( *)\.\. code-block:: console\n(?:\1 +:class: runnable\n)?\n((?:\1 +.*\n|\n)+)", re.MULTILINE
)

# What a command may end with on a computer with no monitor, no cloud and no report: never with a fault inside.
MAY_END = {
    "check": {0, 1},
    "config": {0, 1},
    "status": {3},
    "outbox": {0, 1},
    "explain": {1, 3},
    "simulate": {0, 1, 2, 3},
    "replay": {1, 3},
    "silence": {3},
    "shadow": {2, 3},
    "support-bundle": {0, 1},
    "notify": {0},
}
# Played elsewhere: tests/integration/console and the pages' own runnable lines; one needs a cluster.
NOT_HERE = {"run", "demo", "receiver", "web", "pacemaker-alert"}


def shown() -> list[tuple[str, str]]:
    """Every line of the pages that begins with `masakari-monitors`."""
    lines = []
    for page in sorted((ROOT / "docs").rglob("*.rst")):
        for block in _CONSOLE.findall(page.read_text()):
            words = [line.strip() for line in block[1].splitlines()]
            lines += [(page.name, word[2:]) for word in words if word.startswith("$ masakari-monitors ")]
    return sorted(set(lines))


def test_commands_are_shown() -> None:
    assert {line.split()[1] for _, line in shown()} >= {"check", "status", "outbox", "demo"}


@pytest.mark.parametrize(("page", "line"), shown())
def test_a_command_that_is_shown_is_understood_and_runs(page: str, line: str, tmp_path: Path) -> None:
    words = shlex.split(line.partition("|")[0].partition("#")[0])[1:]
    if any("<" in word for word in words):
        words = [re.sub(r"<.*>", "hostmonitor/1", word) for word in words]
    command = parse(words)[0].command
    if command in NOT_HERE:
        return
    if "--watch" in words:
        words.remove("--watch")
    conf = tmp_path / "monitors.conf"
    conf.write_text(
        f"[DEFAULT]\nhostname = compute-1\nstate_path = {tmp_path}/state\n[api]\nauth_type = none\n"
    )
    own = [] if "--config-file" in words else ["--config-file", str(conf)]
    environ = {**os.environ, "HOME": str(tmp_path), "RUNTIME_DIRECTORY": str(tmp_path / "run")}
    ran = subprocess.run(
        [BIN / "masakari-monitors", *own, *words],
        cwd=tmp_path if command == "support-bundle" else ROOT,  # it writes where it is
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode in MAY_END[command], f"{page}: {line}\n{ran.stdout}\n{ran.stderr}"
    assert "Traceback" not in ran.stderr


def test_every_command_that_is_named_in_a_sentence_is_understood() -> None:
    """``masakari-monitors outbox list`` in a page: the words, whatever stands for a value in them."""
    known = {name for name, _ in commands_of(parser())} | set(COMMANDS)
    wrong = []
    for page in sorted((ROOT / "docs").rglob("*.rst")):
        for named in re.findall(r"``masakari-monitors ([a-z][^`]*)``", page.read_text()):
            words = named.split()
            if not ({words[0], " ".join(words[:2])} & known):
                wrong.append((page.name, named))
    assert wrong == []


def test_every_ruling_and_every_status_of_a_report_is_explained() -> None:
    page = (ROOT / "docs" / "operating.rst").read_text()
    for word in (*Ruling, *ReportStatus):
        assert re.search(rf"^{word.value} {{2,}}\S", page, re.MULTILINE), word


def test_each_monitor_has_a_page() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    monitors = {script.removeprefix("masakari-") for script in scripts} - {"monitors", "monitors-status"}
    assert len(monitors) == 4
    assert [name for name in monitors if not (ROOT / "docs" / f"{name}.rst").is_file()] == []


def test_each_monitor_has_a_unit_that_starts_it() -> None:
    for monitor in ("process", "instance", "introspectiveinstance", "host"):
        debian = monitor.replace("ei", "e-i")
        unit = (ROOT / "etc" / "systemd" / f"masakari-{debian}-monitor.service").read_text()
        assert f"ExecStart=/usr/bin/masakari-{monitor}monitor\n" in unit
        assert f"Alias=masakari-{monitor}monitor.service\n" in unit
        assert f"Documentation=man:masakari-{monitor}monitor(1)\n" in unit
        assert "StateDirectory=masakarimonitors" in unit and "WatchdogSec=" in unit


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_tells_what_there_is() -> None:
    told = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    ).stdout
    for goal in ("setup", "run", "demo", "test", "check", "unit", "bench", "docs", "clean"):
        assert re.search(rf"^  {goal} ", told, re.MULTILINE), goal
