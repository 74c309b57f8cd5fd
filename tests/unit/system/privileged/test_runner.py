"""The monitor's half of a command of root's; root's half does its work in this process, without root."""

import asyncio
import contextlib
import errno
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from oslo_config import cfg

from masakarimonitors.privsep import monitors_priv
from masakarimonitors.system.command import tree
from masakarimonitors.system.privileged import helper
from masakarimonitors.system.privileged.runner import RunAsRoot
from tests.fixtures.lifeline import alive
from tests.fixtures.waiting import eventually

pytestmark = pytest.mark.xdist_group("process")


@pytest.fixture(autouse=True)
def helper_in_this_process() -> Iterator[None]:
    """Calls of oslo.privsep are made here, and its global configuration is left as it was."""
    monitors_priv.set_client_mode(False)
    yield
    monitors_priv.set_client_mode(True)
    cfg.CONF.clear()


class Connection:
    """As oslo.privsep keeps it: `reader` is the thread that reads it."""

    def __init__(self, reader: threading.Thread) -> None:
        self.running = True
        self.reader_thread = reader


@pytest.mark.parametrize("reset", [False, True])
async def test_a_helper_whose_connection_was_reset_is_not_spoken_to_for_ever(
    reset: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its thread has died without a word; what is not running any more, oslo.privsep starts anew."""
    reader = threading.Thread(target=lambda: None) if reset else threading.current_thread()
    if reset:
        reader.start()
        reader.join()
    connection = Connection(reader)
    monkeypatch.setattr(monitors_priv, "channel", connection)
    await RunAsRoot([], [])(["true"], 30.0, lambda pid: None)
    assert connection.running is not reset


async def test_how_a_command_ended_is_told_as_of_any_other() -> None:
    pids: list[int] = []
    done = await RunAsRoot([], [])(["sh", "-c", "echo $$; printf '\\377' >&2; exit 3"], 30.0, pids.append)
    assert (done.exit_code, done.timed_out, done.errors) == (3, False, "\\xff")
    assert [done.output.strip()] == [str(pid) for pid in pids]
    assert 0 < done.seconds < 30


async def test_what_cannot_be_started_is_an_oserror_and_was_never_started() -> None:
    pids: list[int] = []
    with pytest.raises(OSError, match="/no/such/program"):
        await RunAsRoot([], [])(["/no/such/program"], 30.0, pids.append)
    assert pids == []


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EMFILE, errno.ENOENT])
async def test_why_it_cannot_be_started_is_told_as_of_a_command_of_our_own(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def launch(*_: object) -> None:
        raise OSError(number, os.strerror(number), "program")

    monkeypatch.setattr(helper, "Launched", launch)
    with pytest.raises(OSError, match="program") as raised:
        await RunAsRoot([], [])(["program"], 30.0, lambda pid: None)
    assert raised.value.errno == number
    assert str(raised.value) == f"[Errno {number}] {os.strerror(number)}: 'program'"


async def test_a_command_that_hangs_is_killed_at_its_time_with_its_children(tmp_path: Path) -> None:
    script = f"sleep 1000 & echo $! > {tmp_path}/child; wait"
    done = await RunAsRoot([], [])(["sh", "-c", script], 2.0, lambda pid: None)
    assert done.timed_out and done.exit_code == -9
    child = int((tmp_path / "child").read_text())
    await eventually(lambda: not alive(child), "the end of the child")


async def test_cancelling_kills_the_command_too() -> None:
    pids: list[int] = []
    run = RunAsRoot([], [])
    running = asyncio.get_running_loop().create_task(run(["sleep", "1000"], 1000.0, pids.append))
    await eventually(lambda: pids, "its pid")
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    await run(["true"], 30.0, lambda pid: None)  # what was asked before has been done by now
    await eventually(lambda: not alive(pids[0]), "its end")


@pytest.mark.parametrize("moment", ["asked", "started", "running"])
async def test_a_cancelled_command_leaves_nothing_behind_in_the_helper(moment: str, tmp_path: Path) -> None:
    """Neither its process nor its two files, at whichever moment its caller goes; both are ours here."""
    run = RunAsRoot([], [])
    await run(["true"], 30.0, lambda pid: None)
    files, processes = open_files(), tree(os.getpid())
    for number in range(10):
        running = asyncio.Event()
        argv = ["sh", "-c", f"touch {tmp_path}/{number}; exec sleep 1000"]
        task = asyncio.get_running_loop().create_task(run(argv, 1000.0, partial(_note, running)))
        if moment == "asked":
            await asyncio.sleep(0)
        elif moment == "started":
            await eventually((tmp_path / str(number)).exists, "its start", every=0.0)
        else:
            async with asyncio.timeout(60):
                await running.wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    await run(["true"], 30.0, lambda pid: None)  # what was asked before has been done by now
    await only(processes, files)


def _note(running: asyncio.Event, pid: int) -> None:
    running.set()


async def test_a_command_that_cannot_be_watched_leaves_nothing_behind() -> None:
    run = RunAsRoot([], [])
    await run(["true"], 30.0, lambda pid: None)
    files, processes = open_files(), tree(os.getpid())

    def broken(pid: int) -> None:
        raise RuntimeError("its caller has a fault")

    with pytest.raises(RuntimeError):
        await run(["sleep", "1000"], 1000.0, broken)
    await run(["true"], 30.0, lambda pid: None)
    await only(processes, files)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def only(processes: set[int], files: int) -> None:
    """What hangs for a moment longer is let go of by the helper's next call."""
    await eventually(
        lambda: (
            helper.start(["/no/such/program"], "", "")
            and tree(os.getpid()) <= processes
            and open_files() <= files
        ),
        lambda: f"{tree(os.getpid())} and {open_files()} files are left, not only {processes} and {files}",
    )


async def test_one_runner_runs_many_commands_side_by_side(tmp_path: Path) -> None:
    # Each one waits until all have begun: one after the other they would never end.
    script = f"touch {tmp_path}/$0; while [ $(ls {tmp_path} | wc -l) -lt 10 ]; do sleep 0.05; done"
    run = RunAsRoot([], [])
    done = await asyncio.gather(
        *(run(["sh", "-c", script, str(n)], 60.0, lambda pid: None) for n in range(10))
    )
    assert all(one.ok for one in done)


async def test_the_helper_is_configured_with_the_files_of_the_monitor(tmp_path: Path) -> None:
    file = tmp_path / "a.conf"
    file.write_text("[masakarimonitors_privileged]\nuser = somebody\n")
    assert (await RunAsRoot([str(file)], [])(["true"], 30.0, lambda pid: None)).ok
    assert cfg.CONF.config_file == [str(file)]
    assert monitors_priv.conf.user == "somebody"


async def test_what_a_command_prints_is_kept_as_far_as_is_asked() -> None:
    run = RunAsRoot([], [])
    argv = ["sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x; echo end"]
    assert len((await run(argv, 60.0, lambda pid: None)).output) == 1 << 20
    done = await run(argv, 60.0, lambda pid: None, keep=64 << 20)
    assert len(done.output) == 3_000_004 and done.output.endswith("xend\n")


async def test_no_descriptor_is_left_behind(tmp_path: Path) -> None:
    run = RunAsRoot([], [])
    await run(["true"], 30.0, lambda pid: None)
    before = len(os.listdir("/proc/self/fd"))
    for argv in (["true"], ["sh", "-c", "exit 3"], ["echo", "x"]):
        await run(argv, 30.0, lambda pid: None)
    with contextlib.suppress(OSError):
        await run(["/no/such/program"], 30.0, lambda pid: None)
    assert len(os.listdir("/proc/self/fd")) <= before


_SECRET = "Tr0ub4dor"
_PROGRAM = """
import asyncio, sys
from oslo_config import cfg
from oslo_log import log
from masakarimonitors.system.privileged.runner import RunAsRoot

conf = cfg.ConfigOpts()
log.register_options(conf)
conf(["--config-file", sys.argv[1]])
log.setup(conf, "test")

async def main():
    done = await RunAsRoot([sys.argv[1]], [])(["printenv", "PASSWORD"], 60.0, lambda pid: None)
    assert done.output == sys.argv[2] + "\\n", done

asyncio.run(main())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="oslo.privsep's helper must be root")
def test_not_even_with_debug_does_the_helper_log_what_a_command_prints(tmp_path: Path) -> None:
    """The real helper, in a process of its own, as oslo.privsep starts it, and every logger at DEBUG."""
    file = tmp_path / "a.conf"
    helper = Path(sys.executable).parent / "privsep-helper"
    file.write_text(
        "[DEFAULT]\ndebug = true\ndefault_log_levels = oslo.privsep.daemon=DEBUG,oslo_privsep.daemon=DEBUG\n"
        f"[masakarimonitors_privileged]\nhelper_command = {helper} --config-file {file}\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(file), _SECRET],
        cwd=Path(__file__).parents[4],
        env={**os.environ, "PASSWORD": _SECRET, "PYTHONPATH": str(Path(__file__).parents[4])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    logged = ran.stdout + ran.stderr
    assert "privsep: reply[" in logged, "the answers are logged"
    assert _SECRET not in logged
