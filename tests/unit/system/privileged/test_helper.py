"""Root's half of a command: start, finish and kill, carried out here as oslo.privsep does in its helper."""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from masakarimonitors.privsep import monitors_priv
from masakarimonitors.system.privileged import helper
from masakarimonitors.system.privileged.handover import Handover
from tests.fixtures.lifeline import alive
from tests.fixtures.waiting import eventually

pytestmark = pytest.mark.xdist_group("process")


@pytest.fixture
async def output() -> AsyncIterator[Handover]:
    one = Handover({os.geteuid()})
    yield one
    one.close()


@pytest.fixture(autouse=True)
def inside_the_helper() -> Iterator[None]:
    """What oslo.privsep sets in the helper: calls are made here and not sent anywhere."""
    monitors_priv.set_client_mode(False)
    yield
    monitors_priv.set_client_mode(True)


async def ended(pid: int) -> None:
    await eventually(lambda: not alive(pid), f"the end of {pid}")


async def test_a_command_is_started_and_its_end_is_told_once(output: Handover) -> None:
    pid, fault, _ = helper.start(["sh", "-c", "echo out; echo err >&2; exit 3"], output.place, output.word)
    assert pid and fault == ""
    await output.take()
    await ended(pid)
    # The exit code and nothing else: what is returned here may be logged.
    assert helper.finish(pid) == 3
    assert output.read(100) == (b"out\n", b"err\n")
    with pytest.raises(KeyError):
        helper.finish(pid)


@pytest.mark.parametrize("argv", [["/no/such/program"], ["a\0b"]])
async def test_a_command_that_cannot_be_started_has_no_pid_and_a_reason(
    output: Handover, argv: list[str]
) -> None:
    pid, fault, _ = helper.start(argv, output.place, output.word)
    assert pid == 0 and fault


def test_a_command_whose_output_nobody_takes_is_killed(tmp_path: Path) -> None:
    argv = ["sh", "-c", f"echo $$ > {tmp_path}/pid; exec sleep 1000"]
    pid, fault, _ = helper.start(argv, "masakari-monitors-nobody", "word")
    assert pid == 0 and "could not be handed over: " in fault
    file = tmp_path / "pid"
    assert not file.exists() or not file.read_text() or not alive(int(file.read_text()))


def test_the_end_of_a_command_of_an_earlier_helper_is_not_known() -> None:
    with pytest.raises(KeyError):
        helper.finish(os.getpid())


async def test_a_command_is_killed_with_all_that_it_started(tmp_path: Path, output: Handover) -> None:
    script = f"setsid sh -c 'echo $$ > {tmp_path}/child; exec sleep 1000' & wait"
    pid, *_ = helper.start(["sh", "-c", script], output.place, output.word)
    file = tmp_path / "child"
    await eventually(lambda: file.exists() and file.read_text().strip(), "its pid")
    helper.kill(pid)
    await ended(pid)
    await ended(int(file.read_text()))
    assert helper.finish(pid) == -9


async def test_a_command_starts_in_the_root_folder(output: Handover) -> None:
    pid, *_ = helper.start(["pwd"], output.place, output.word)
    await output.take()
    await ended(pid)
    assert helper.finish(pid) == 0
    assert output.read(100) == (b"/\n", b"")


async def test_an_abandoned_command_is_killed_and_nothing_is_kept_of_it(output: Handover) -> None:
    pid, *_ = helper.start(["sleep", "1000"], output.place, output.word)
    await output.take()
    files = open_files()
    helper.abandon(pid)
    await ended(pid)
    helper.abandon(pid)
    with pytest.raises(KeyError):
        helper.finish(pid)
    # What hangs for a moment longer is let go of by the next call.
    await eventually(
        lambda: helper.start(["/no/such/program"], "", "") and open_files() <= files - 2, "its files"
    )


async def test_an_abandoned_command_that_could_not_be_killed_is_collected_when_it_ends(
    output: Handover, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short_of_processes(pid: int) -> None:
        raise BlockingIOError("Resource temporarily unavailable")

    pid, *_ = helper.start(["sleep", "1000"], output.place, output.word)
    await output.take()
    files = open_files()
    with monkeypatch.context() as patched, pytest.raises(BlockingIOError):
        patched.setattr(helper, "kill_tree", short_of_processes)
        helper.abandon(pid)
    os.kill(pid, signal.SIGKILL)
    await eventually(
        lambda: helper.start(["/no/such/program"], "", "") and open_files() <= files - 2, "its files"
    )
    assert not os.path.exists(f"/proc/{pid}")


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))
