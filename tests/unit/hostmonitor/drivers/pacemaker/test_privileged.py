"""Which of the driver's commands root runs, and what of them is logged: carried out here, and by the real helper."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.hostmonitor.drivers.pacemaker.privileged import start
from masakarimonitors.privsep import monitors_priv
from masakarimonitors.system.privileged import helper
from masakarimonitors.system.privileged.handover import Handover
from tests.fixtures.lifeline import alive
from tests.fixtures.waiting import PATIENCE, eventually

pytestmark = pytest.mark.xdist_group("process")

ROOT = Path(__file__).parents[5]
SECRET = "Tr0ub4dor"


@pytest.fixture(autouse=True)
def inside_the_helper(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(helper, "_ANSWER_WITHIN", PATIENCE)  # a call here has its answer, however slow
    monitors_priv.set_client_mode(False)
    yield
    monitors_priv.set_client_mode(True)


@pytest.fixture
async def output() -> AsyncIterator[Handover]:
    one = Handover({os.geteuid()})
    yield one
    one.close()


def tool(folder: Path, name: str, text: str) -> None:
    """A stand-in for one of Pacemaker's."""
    program = folder / name
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)


async def test_an_operation_of_the_table_is_run(
    tmp_path: Path, output: Handover, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool(tmp_path, "crm_mon", 'echo "$@"')
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    pid, why, _ = start("status", (), output.place, output.word)
    assert pid, why
    await output.take()
    await eventually(lambda: not alive(pid), "its end")
    assert helper.finish(pid) == ("ended", 0)
    assert output.read(100) == (b"--output-as=xml\n", b"")


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("touch", [SECRET]),
        (SECRET, []),
        ("cib", ["--delete", SECRET]),
        ("addresses", [f"-{SECRET}"]),
        ("packet", ["eth0", "1", SECRET]),
        ("addresses", [7]),
        ("addresses", 7),
        (7, []),
        ({}, []),
        ("x" * 10_000_000, []),
        ("addresses", ["x" * 10_000_000]),
    ],
    ids=lambda value: repr(value)[:9],
)
async def test_everything_else_is_refused_and_not_shown(
    operation: Any, arguments: Any, output: Handover
) -> None:
    pid, why, number = start(operation, arguments, output.place, output.word)
    assert (pid, number) == (0, 0) and why and SECRET not in why and len(why) < 200


PROGRAM = """
import asyncio, sys
from oslo_config import cfg
from oslo_log import log
from masakarimonitors.hostmonitor.drivers.pacemaker import privileged
from masakarimonitors.system.privileged import helper
from masakarimonitors.system.privileged.runner import RunAsRoot

conf = cfg.ConfigOpts()
log.register_options(conf)
conf(["--config-file", sys.argv[1]])
log.setup(conf, "test")
run = RunAsRoot([sys.argv[1]], [])

async def ask(operation, *arguments):
    start = lambda place, word: privileged.start(operation, arguments, place, word)
    return await run(operation, start, 60.0, lambda pid: None)

async def main():
    done = await ask("cib")
    assert done.output == sys.argv[2] + "\\n", done
    for operation, arguments in (("addresses", ["-" + sys.argv[2]]), (sys.argv[2], []), ("cib", [sys.argv[2]])):
        try:
            await ask(operation, *arguments)
        except OSError as refused:
            print("refused", refused, flush=True)
        else:
            raise SystemExit("it was run")
    try:
        await asyncio.to_thread(helper.finish, 7, *[sys.argv[2]])
    except TypeError:
        print("no such call", flush=True)

asyncio.run(main())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="oslo.privsep's helper must be root")
def test_not_even_with_debug_is_logged_what_the_helper_is_asked_and_what_a_command_prints(
    tmp_path: Path,
) -> None:
    """The real helper, in a process of its own, as oslo.privsep starts it, and every logger at DEBUG."""
    file = tmp_path / "a.conf"
    program = Path(sys.executable).parent / "privsep-helper"
    file.write_text(
        "[DEFAULT]\ndebug = true\ndefault_log_levels = oslo.privsep.daemon=DEBUG,oslo_privsep.daemon=DEBUG\n"
        f"[masakarimonitors_privileged]\nlog_daemon_traceback = true\n"
        f"helper_command = {program} --config-file {file}\n"
    )
    tool(tmp_path, "cibadmin", f"echo {SECRET}")
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(file), SECRET],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    logged = ran.stdout + ran.stderr
    assert logged.count("refused") == 3 and "no such call" in logged
    assert "privsep daemon running as pid" in logged, "what the helper logs arrives"
    assert SECRET not in logged and "reply[" not in logged
