"""Root's half of a command: launch, finish and kill, carried out here as oslo.privsep does in its helper."""

import errno
import fcntl
import os
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.privsep import monitors_priv
from masakarimonitors.system.privileged import helper
from masakarimonitors.system.privileged.handover import Handover
from tests.fixtures.descendants import begun_since, descendants
from tests.fixtures.lifeline import alive, kill
from tests.fixtures.open_files import open_files, opened_since
from tests.fixtures.waiting import PATIENCE, eventually

pytestmark = pytest.mark.xdist_group("process")


@pytest.fixture
async def output() -> AsyncIterator[Handover]:
    one = Handover({os.geteuid()})
    yield one
    one.close()


@pytest.fixture(autouse=True)
def inside_the_helper(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What oslo.privsep sets in the helper: calls are made here and not sent anywhere."""
    monkeypatch.setattr(helper, "_ANSWER_WITHIN", PATIENCE)  # a call here has its answer, however slow
    monitors_priv.set_client_mode(False)
    yield
    monitors_priv.set_client_mode(True)


def launch(output: Handover, *argv: str) -> tuple[int, str, int]:
    return helper.launch(lambda: argv, output.place, output.word)


async def ended(pid: int) -> None:
    await eventually(lambda: not alive(pid), f"the end of {pid}")


async def test_a_command_is_started_and_its_end_is_told_once(output: Handover) -> None:
    pid, fault, _ = launch(output, "sh", "-c", "echo out; echo err >&2; exit 3")
    assert pid and fault == ""
    await output.take()
    await ended(pid)
    # The exit code and nothing else: what is returned here may be logged.
    assert helper.finish(pid) == ("ended", 3)
    assert output.read(100) == (b"out\n", b"err\n")
    assert helper.finish(pid) == ("unknown", 0)


@pytest.mark.parametrize("argv", [["/no/such/program"], ["a\0b"]])
async def test_a_command_that_cannot_be_started_has_no_pid_and_a_reason(
    output: Handover, argv: list[str]
) -> None:
    pid, fault, _ = launch(output, *argv)
    assert pid == 0 and fault


def test_a_command_whose_output_nobody_takes_is_not_started(tmp_path: Path) -> None:
    argv = ["touch", str(tmp_path / "ran")]
    before, processes = open_files(), descendants()
    pid, fault, number = helper.launch(lambda: argv, f"masakari-monitors-{'0' * 32}", "0" * 32)
    assert (pid, number) == (0, errno.ECONNREFUSED) and "could not be handed over: " in fault
    assert not opened_since(before) and not begun_since(processes)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("place", "word"), [("", ""), ("masakari-monitors-x", "0" * 32), ("dbus", "0" * 32), ("\0" * 1000, "x\n")]
)
def test_output_goes_to_a_monitor_and_to_nobody_else(place: str, word: str) -> None:
    pid, fault, _ = helper.launch(lambda: pytest.fail("nothing is asked for"), place, word)
    assert pid == 0 and "restart it" in fault


def test_the_end_of_a_command_of_an_earlier_helper_is_not_known() -> None:
    assert helper.finish(os.getpid()) == ("unknown", 0)


async def test_a_command_is_killed_with_all_that_it_started(tmp_path: Path, output: Handover) -> None:
    script = f"setsid sh -c 'echo $$ > {tmp_path}/child; exec sleep 1000' & wait"
    pid, *_ = launch(output, "sh", "-c", script)
    file = tmp_path / "child"
    await eventually(lambda: file.exists() and file.read_text().strip(), "its pid")
    helper.kill(pid)
    await ended(pid)
    await ended(int(file.read_text()))
    assert helper.finish(pid) == ("ended", -9)


async def test_a_command_starts_in_the_root_folder(output: Handover) -> None:
    pid, *_ = launch(output, "pwd")
    await output.take()
    await ended(pid)
    assert helper.finish(pid) == ("ended", 0)
    assert output.read(100) == (b"/\n", b"")


async def test_an_abandoned_command_is_killed_and_nothing_is_kept_of_it(output: Handover) -> None:
    before = open_files()
    pid, *_ = launch(output, "sleep", "1000")
    await output.take()
    files = opened_since(before)
    helper.abandon(pid)
    await ended(pid)
    helper.abandon(pid)
    assert helper.finish(pid) == ("unknown", 0)
    await eventually(lambda: len(files & open_files()) <= len(files) - 2, "its files")


async def test_an_abandoned_command_that_could_not_be_killed_is_collected_when_it_ends(
    output: Handover, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short_of_processes(pid: int, spare: object) -> None:
        raise BlockingIOError("Resource temporarily unavailable")

    before = open_files()
    pid, *_ = launch(output, "sleep", "1000")
    await output.take()
    files = opened_since(before)
    with monkeypatch.context() as patched:
        patched.setattr(helper, "kill_tree", short_of_processes)
        helper.abandon(pid)
    assert alive(pid)
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: len(files & open_files()) <= len(files) - 2, "its files")
    assert not os.path.exists(f"/proc/{pid}")


async def test_a_service_is_spared_with_what_is_below_it(tmp_path: Path, output: Handover) -> None:
    service = f"setsid sh -c 'echo $$ > {tmp_path}/service; sleep 1000 & echo $! > {tmp_path}/child; wait'"
    pid, *_ = launch(output, "sh", "-c", f"{service} & sleep 1001 & echo $! > {tmp_path}/other; wait")
    names = ("service", "child", "other")
    await eventually(lambda: all(pid_in(tmp_path / name) for name in names), "all of them")
    served, child, other = (pid_in(tmp_path / name) for name in names)
    try:
        killed = dict(helper.kill(pid, [served]))
        assert {pid, other} <= killed.keys() and not {served, child} & killed.keys()
        await ended(pid)
        await ended(other)
        assert alive(served) and alive(child)
    finally:
        for one in (served, child):
            kill(one)
    assert helper.finish(pid) == ("ended", -9)


async def test_a_command_that_is_left_goes_on_and_is_collected_when_it_ends(
    tmp_path: Path, output: Handover
) -> None:
    before = open_files()
    pid, *_ = launch(output, "sh", "-c", f"while ! test -e {tmp_path}/go; do sleep 0.01; done")
    helper.leave(pid)
    assert alive(pid) and helper.finish(pid) == ("unknown", 0) and helper.kill(pid) == []
    assert alive(pid)
    (tmp_path / "go").touch()
    await eventually(lambda: not os.path.exists(f"/proc/{pid}"), "that it is collected")
    await eventually(lambda: len(opened_since(before)) <= 2, "its files; two more were handed over")


async def test_a_command_gets_what_is_its_own_and_nothing_of_the_helpers(
    output: Handover, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = ("OS_API__PASSWORD", "NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS", "INVOCATION_ID")
    for name in ours:
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("LANG", "C.UTF-8")
    mask = os.umask(0)  # as oslo.privsep's helper has it
    inheritable = fcntl.fcntl(0, fcntl.F_DUPFD, 50)
    try:
        pid, *_ = launch(output, "sh", "-c", "env; umask; ls /proc/self/fd | tr '\\n' ' '")
    finally:
        os.close(inheritable)
        os.umask(mask)
    await output.take()
    await ended(pid)
    assert helper.finish(pid) == ("ended", 0)
    said = output.read(1 << 20)[0].decode()
    assert "secret" not in said and "LANG=C.UTF-8\n" in said and "PATH=" in said
    *_, mask_said, descriptors = said.splitlines()
    assert mask_said == "0022"
    assert set(descriptors.split()) <= {"0", "1", "2", "3"}  # 3: ls itself


async def test_what_a_command_prints_without_end_fills_no_disk(tmp_path: Path, output: Handover) -> None:
    """Also where nobody asks meanwhile, as after the monitor's end."""
    script = f"head -c 5000000 /dev/zero; touch {tmp_path}/full; while :; do sleep 0.01; done"
    pid, *_ = launch(output, "sh", "-c", script)
    await output.take()
    await eventually((tmp_path / "full").exists, "five megabytes")
    await eventually(lambda: not output.read(1)[0], "that they are dropped")
    helper.abandon(pid)
    await ended(pid)


async def test_nobody_brings_a_command_of_his_own(tmp_path: Path, output: Handover) -> None:
    pid, fault, _ = helper.start(["touch", f"{tmp_path}/ran"], output.place, output.word)
    assert pid == 0 and "restart it" in fault and not (tmp_path / "ran").exists()


SECRET = "Tr0ub4dor"


@pytest.mark.parametrize("argv", [[f"PASSWORD={SECRET}", "x"], [f"/{SECRET}"], ["\0", SECRET], [SECRET, 7]])
async def test_why_a_command_cannot_be_started_does_not_show_it(output: Handover, argv: list[Any]) -> None:
    """A list may say PASSWORD=x program, which no shell reads here; whatever is answered may be logged."""
    pid, fault, _ = launch(output, *argv)
    assert pid == 0 and fault and SECRET not in fault


async def test_a_command_that_has_not_ended_is_not_shown_either(output: Handover) -> None:
    """subprocess says what a command was when it waits for it in vain; oslo.privsep logs exceptions."""
    pid, *_ = launch(output, "sh", "-c", "exec sleep 1000", SECRET)
    assert helper.finish(pid) == ("running", 0)
    helper.abandon(pid)
    await ended(pid)


async def test_a_fault_of_the_helpers_own_is_an_answer_without_words_of_others(output: Handover) -> None:
    def broken() -> list[str]:
        raise RuntimeError(SECRET)

    assert helper.launch(broken, output.place, output.word) == (
        0,
        "the privileged helper failed (RuntimeError)",
        0,
    )


def test_what_names_no_place_is_refused_and_nothing_is_raised() -> None:
    for place, word in ((7, "0" * 32), ([], "0" * 32), ("masakari-monitors-" + "0" * 32, None)):
        pid, fault, _ = helper.launch(lambda: pytest.fail("nothing is asked for"), place, word)  # type: ignore[arg-type]
        assert pid == 0 and "restart it" in fault


async def test_so_many_starts_that_hang_are_the_helpers_own_shortage(
    output: Handover, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helper, "_MOST_HANG", 1)
    monkeypatch.setattr(helper, "_ANSWER_WITHIN", 0.0)
    answers = threading.Event()

    def slow() -> list[str]:
        assert answers.wait(PATIENCE)
        return ["true"]

    try:
        pid, _, number = helper.launch(slow, output.place, output.word)
        assert (pid, number) == (0, errno.EINPROGRESS)
        assert helper.begun(output.place) == (0, "", errno.EINPROGRESS)
        # Not its program is what it waits for, and there is nobody to kill.
        assert helper.give_up(output.place) == (False, [])
        pid, why, number = helper.launch(lambda: ["true"], f"masakari-monitors-{'1' * 32}", "0" * 32)
        assert (pid, number) == (0, errno.EAGAIN) and "hang" in why
    finally:
        answers.set()
    await eventually(lambda: not helper._starts, "that it is forgotten")
    assert helper.begun(output.place)[0] == 0


def pid_in(file: Path) -> int:
    text = file.read_text() if file.exists() else ""
    return int(text) if text.endswith("\n") else 0


def test_of_outputs_that_are_left_open_a_bounded_number_is_kept(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    forgotten = list[int]()

    class Output:
        def __init__(self, pid: int) -> None:
            self.pid = pid

        def let_go(self) -> list[int]:
            return [self.pid]

        def forget(self) -> None:
            forgotten.append(self.pid)

    outputs = [Output(pid) for pid in range(4)]
    monkeypatch.setattr(helper, "_left_open", outputs)
    monkeypatch.setattr(helper, "most_left_open", lambda: 3)
    helper._sweep()
    helper._sweep()
    assert forgotten == [0] and [one.pid for one in outputs] == [1, 2, 3]
    assert caplog.text.count("the oldest (pid 0) is not kept small any more") == 1
