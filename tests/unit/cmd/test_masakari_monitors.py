"""The umbrella command: its tools, what each takes, and what is left to oslo.config."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

from masakarimonitors.cmd.masakari_monitors import COMMANDS, parse, parser
from masakarimonitors.cmd.subcommands import check, status
from masakarimonitors.cmd.subcommands.services import demo, pacemaker_alert, receiver, run
from masakarimonitors.outbox.rows import Put
from masakarimonitors.outbox.storage.sqlite import SqliteStore
from masakarimonitors.version import VERSION
from tests.fixtures.waiting import PATIENCE
from tests.unit.cmd.subcommands.test_outbox import row

SHARED = ["--config-file", "/x.conf", "--debug"]


@pytest.mark.parametrize(
    ("argv", "tool"),
    [
        (["run"], run),
        (["demo"], demo),
        (["receiver"], receiver),
        (["check"], check),
        (["status"], status),
        (["pacemaker-alert", "show"], pacemaker_alert),
    ],
)
def test_each_command_runs_its_tool_and_leaves_the_rest_to_oslo_config(argv: list[str], tool: object) -> None:
    for typed in ([*argv, *SHARED], [*SHARED, *argv]):
        arguments, rest = parse(typed)
        assert arguments.run is tool.run  # type: ignore[attr-defined]
        assert rest == SHARED


def test_a_command_is_one_line_of_the_table_and_brings_only_itself() -> None:
    """What is typed at three in the morning must not wait for the demonstration's libraries."""
    for name in COMMANDS:
        (commands,) = [one for one in parser(name)._actions if isinstance(one, argparse._SubParsersAction)]
        assert list(commands.choices) == [name]
    script = (
        "import sys\nfrom masakarimonitors.cmd.masakari_monitors import parse\n"
        "parse(['status'])\nprint(*sorted(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    loaded = set(done.stdout.split())
    assert "masakarimonitors.cmd.subcommands.status" in loaded
    assert not loaded & {
        "masakarimonitors.cmd.subcommands.services.demo",
        "masakarimonitors.cmd.wiring",
        "rich",
        "aiohttp",
        "sqlite3",
    }


def test_a_reader_that_has_gone_is_no_fault(tmp_path: Path) -> None:
    """`masakari-monitors outbox | head -1`: no traceback, and no exit code 70."""
    store = SqliteStore(tmp_path / "processmonitor.sqlite")
    store.write([Put(row(number, "x" * 2000)) for number in range(1, 100)])
    store.close()
    reader, writer = os.pipe()
    os.close(reader)
    environ = {**os.environ, "OS_DEFAULT__STATE_PATH": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                "from masakarimonitors.cmd.masakari_monitors import main; main()",
                "outbox",
            ],
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE,
            env=environ,
            check=False,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_what_a_tool_takes_itself() -> None:
    found = parse(["run", "--monitor", "hostmonitor", "--monitor", "processmonitor"])[0]
    assert found.monitor == ["hostmonitor", "processmonitor"]
    assert parse(["status", "--json"])[0].json
    assert parse(["check", "--offline"])[0].offline
    assert parse(["outbox"])[0].limit == 20


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["--version"], 0),
        (["--help"], 0),
        ([], 2),
        (["dance"], 2),
        (["run", "--monitor", "weathermonitor"], 2),
        (["pacemaker-alert", "polish"], 2),
    ],
)
def test_what_it_does_not_know_is_refused(
    argv: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        parse(argv)
    assert left.value.code == code
    said = capsys.readouterr()
    if argv == ["--version"]:
        assert said.out.strip() == VERSION
