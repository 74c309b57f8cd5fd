"""The effects: what is asked of the world and how its answers are put into words."""

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import signal
import subprocess
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import pytest

from masakarimonitors.processmonitor.core.observation import (
    CommandEnded,
    CommandKey,
    Entry,
    Look,
    LookUpMaintenance,
    MaintenanceSeen,
    Presence,
    Run,
    Sighting,
    Watch,
)
from masakarimonitors.processmonitor.effects import Effects, Spare, run_directly
from masakarimonitors.system.clock import SystemClock
from masakarimonitors.system.processes.command import Finished
from tests.fixtures.lifeline import alive, kill
from tests.fixtures.patient_launch import start_in_any_time
from tests.fixtures.waiting import eventually

NO_PID = 1 << 30
"""More than the kernel gives out."""


class ProcessSource:
    """Sees nothing; records what it is told."""

    def __init__(self) -> None:
        self.watched: Sequence[Entry] = ()
        self.own_commands: set[int] = set()
        self.serving: set[int] = set()

    def watch(self, entries: Sequence[Entry]) -> None:
        self.watched = entries

    async def look(self, process_name: str, request_id: int) -> Sighting:
        return Sighting(
            process_name=process_name,
            presence=Presence.GONE,
            at=SystemClock().now(),
            evidence="no process runs it",
            in_reply_to=request_id,
        )

    async def services(self, process_name: str) -> Collection[int]:
        return self.serving

    def command_started(self, pid: int) -> None:
        self.own_commands.add(pid)

    def command_ended(self, pid: int) -> None:
        self.own_commands.remove(pid)


class Runner:
    """Runs nothing; records what it was to run, and what `source` knew of our commands meanwhile."""

    def __init__(self, outcome: Finished | OSError, source: ProcessSource | None = None) -> None:
        self.outcome = outcome
        self.source = source or ProcessSource()
        self.asked: list[tuple[str, float]] = []
        self.seen: set[int] = set()
        self.pid = NO_PID

    async def __call__(
        self, run: Run, timeout: float, started: Callable[[int], None], spare: Spare
    ) -> Finished:
        self.asked.append((run.command_line, timeout))
        if isinstance(self.outcome, FileNotFoundError):
            raise self.outcome
        started(self.pid)
        self.seen = set(self.source.own_commands)
        await asyncio.sleep(0)
        if isinstance(self.outcome, OSError):
            raise self.outcome
        return self.outcome


def effects(user: Runner, root: Runner | None = None) -> Effects:
    return Effects(user.source, 60.0, user, root or user)


def run(line: str, run_as_root: bool = False) -> Run:
    return Run(
        process_name="p",
        request_id=7,
        what=CommandKey.RESTART,
        command_line=line,
        run_as_root=run_as_root,
    )


async def test_the_list_is_handed_to_the_source() -> None:
    source = ProcessSource()
    assert await effects(Runner(OSError(), source)).perform(Watch((Entry(process_name="a"),))) is None
    assert source.watched == (Entry(process_name="a"),)


async def test_a_look_is_answered() -> None:
    answer = await effects(Runner(OSError())).perform(Look("p", 3))
    assert isinstance(answer, Sighting) and answer.in_reply_to == 3


async def test_r15_quotes_are_kept_together(tmp_path: Path) -> None:
    line = f"""sh -c 'printf "%s|" "$@" > {tmp_path}/said' sh "d e" f\\ g"""
    await Effects(ProcessSource(), 60.0, run_directly, run_directly).perform(run(line))
    assert (tmp_path / "said").read_text() == "d e|f g|"


async def test_r15_stderr_with_exit_0_is_success() -> None:
    answer = await effects(
        Runner(Finished(exit_code=0, output="", timed_out=False, seconds=0.1, errors="careful!"))
    ).perform(run("x"))
    assert isinstance(answer, CommandEnded) and answer.ok


@pytest.mark.parametrize(
    ("outcome", "code", "says"),
    [
        (
            Finished(exit_code=3, output="", timed_out=False, seconds=0.1, errors="no such unit"),
            3,
            "exited 3 after 0.1 s: no such unit",
        ),
        (Finished(exit_code=-9, output="", timed_out=False, seconds=0.1), -9, "signal 9"),
        (
            Finished(exit_code=-9, output="", timed_out=True, seconds=60.0),
            None,
            "killed with its children after 60 s",
        ),
        (FileNotFoundError(2, "No such file or directory", "x"), None, "cannot be started"),
    ],
)
async def test_every_failure_is_named(
    outcome: Finished | OSError, code: int | None, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await effects(Runner(outcome)).perform(run("x"))
    assert isinstance(answer, CommandEnded)
    assert not answer.ok and answer.exit_code == code and says in answer.evidence
    assert [record.levelno for record in caplog.records][-1] == logging.WARNING


async def test_output_is_logged_and_cut(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await effects(
        Runner(
            Finished(exit_code=0, output="x" * 100_000 + "END", timed_out=False, seconds=0.1, errors="warned")
        )
    ).perform(run("x"))
    said = caplog.records[-1].getMessage()
    assert "END" in said and "warned" in said and len(said) < 5000


async def test_no_secret_of_a_command_or_its_output_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    source = ProcessSource()
    said = Finished(
        exit_code=1, output="token=geheim", timed_out=False, seconds=0.1, errors="--password geheim: refused"
    )
    answer = await effects(Runner(said, source)).perform(run("start --password geheim --user nova"))
    assert isinstance(answer, CommandEnded) and answer.evidence.endswith("--password *** refused")
    assert "start --password *** --user nova" in caplog.text
    assert "geheim" not in caplog.text


async def test_only_commands_with_run_as_root_run_as_root() -> None:
    user, root = (
        Runner(Finished(exit_code=0, output="", timed_out=False, seconds=0.1)),
        Runner(Finished(exit_code=0, output="", timed_out=False, seconds=0.1)),
    )
    both = effects(user, root)
    await both.perform(run("a"))
    await both.perform(run("b", run_as_root=True))
    assert user.asked == [("a", 60.0)]
    assert root.asked == [("b", 60.0)]


async def test_our_own_commands_are_known_while_they_run_and_no_longer() -> None:
    runner = Runner(Finished(exit_code=0, output="", timed_out=False, seconds=0.1))
    await effects(runner).perform(run("x"))
    assert runner.seen == {NO_PID}
    assert runner.source.own_commands == set()


async def test_a_real_command() -> None:
    answer = await Effects(ProcessSource(), 60.0, run_directly, run_directly).perform(run("sh -c 'exit 4'"))
    assert isinstance(answer, CommandEnded) and answer.exit_code == 4


async def test_no_command_is_started_beside_one_that_could_not_be_killed() -> None:
    with subprocess.Popen(["sleep", "600"]) as hung:  # noqa: ASYNC220 - it returns at once
        try:
            runner = Runner(
                Finished(exit_code=-9, output="", timed_out=True, seconds=60.0, survivors=(hung.pid,))
            )
            both = effects(runner)
            first = await both.perform(run("x"))
            assert isinstance(first, CommandEnded)
            assert f"could not be killed: pid {hung.pid} still runs" in first.evidence
            assert "was killed" not in first.evidence
            second = await both.perform(run("x"))
            assert isinstance(second, CommandEnded) and not second.ok
            assert f"pid {hung.pid}" in second.evidence and len(runner.asked) == 1
        finally:
            hung.kill()
    await both.perform(run("x"))
    assert len(runner.asked) == 2


async def test_a_leader_that_runs_on_was_not_killed_whatever_its_runner_says() -> None:
    with subprocess.Popen(["sleep", "600"]) as hung:  # noqa: ASYNC220 - it returns at once
        try:
            runner = Runner(Finished(exit_code=-9, output="", timed_out=True, seconds=60.0))
            runner.pid = hung.pid
            answer = await effects(runner).perform(run("x", run_as_root=True))
            assert isinstance(answer, CommandEnded) and "could not be killed" in answer.evidence
        finally:
            hung.kill()


async def test_no_command_is_started_beside_one_that_nobody_could_end(tmp_path: Path) -> None:
    """The privileged helper that had started it has gone, and no other can kill it."""
    with subprocess.Popen(["sleep", "600"]) as hung:  # noqa: ASYNC220 - it returns at once
        try:
            runner = Runner(OSError("the privileged helper was restarted while the command ran"))
            runner.pid = hung.pid
            both = effects(runner)
            await both.perform(run("x", run_as_root=True))
            second = await both.perform(run("x", run_as_root=True))
            assert isinstance(second, CommandEnded) and not second.ok
            assert f"pid {hung.pid}" in second.evidence and len(runner.asked) == 1
        finally:
            hung.kill()


async def test_the_service_of_a_command_that_never_ends_is_left_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_in_any_time(monkeypatch)
    source = ProcessSource()
    pid_file = tmp_path / "pid"
    runs: list[Run] = []

    async def directly(asked: Run, timeout: float, started: Callable[[int], None], spare: Spare) -> Finished:
        async def whom() -> Collection[int]:
            runs.append(run("x"))
            await eventually(lambda: pid_file.exists() and pid_file.read_text().strip(), "its pid")
            return {int(pid_file.read_text())}

        return await run_directly(asked, timeout, started, whom)

    line = f"sh -c 'sleep 600 & echo $! > {pid_file}; sleep 601'"
    answer = await Effects(source, 0.1, directly, directly).perform(run(line))
    pid = int(pid_file.read_text())
    try:
        assert isinstance(answer, CommandEnded) and answer.exit_code is None
        assert f"its service (pid {pid}) was left running" in answer.evidence
        assert runs and alive(pid)
    finally:
        kill(pid)


@pytest.mark.parametrize("fault", [OSError("/proc/7/stat: Too many open files"), TimeoutError()], ids=repr)
async def test_where_nobody_can_see_the_service_a_command_that_hangs_is_left_and_none_begins_beside_it(
    fault: OSError, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be the service by now, or its parent."""
    start_in_any_time(monkeypatch)

    class Blind(ProcessSource):
        async def services(self, process_name: str) -> Collection[int]:
            raise fault

    source, pids = Blind(), list[int]()

    async def run_it(run: Run, timeout: float, started: Callable[[int], None], spare: Spare) -> Finished:
        def note(pid: int) -> None:
            pids.append(pid)
            started(pid)

        return await run_directly(run, timeout, note, spare)

    working = Effects(source, 0.5, run_it, run_it)
    try:
        answer = await working.perform(run("sleep 600"))
        assert isinstance(answer, CommandEnded) and answer.exit_code is None and alive(pids[0])
        assert "was left alone: whether its service runs by now cannot be seen" in answer.evidence
        assert "nobody is killed" in caplog.text
        again = await working.perform(run("sleep 600"))
        assert isinstance(again, CommandEnded) and f"(pid {pids[0]})" in again.evidence and len(pids) == 1
    finally:
        for pid in pids:
            kill(pid)


async def test_a_command_that_was_started_and_whose_end_is_not_told_may_have_succeeded() -> None:
    answer = await effects(Runner(OSError(errno.EAGAIN, "the helper did not answer"))).perform(run("x"))
    assert isinstance(answer, CommandEnded) and answer.shortage and answer.unheard
    assert "was started, and how it ended is not known" in answer.evidence


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM])
async def test_a_shortage_of_our_own_is_said_to_be_one(number: int) -> None:
    answer = await effects(Runner(OSError(number, "short"))).perform(run("x"))
    assert isinstance(answer, CommandEnded) and answer.shortage


async def test_a_command_that_is_not_there_is_no_shortage() -> None:
    answer = await effects(Runner(FileNotFoundError(errno.ENOENT, "none"))).perform(run("x"))
    assert isinstance(answer, CommandEnded) and not answer.shortage


async def test_a_command_gets_a_clean_environment_and_three_descriptors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = (
        "OS_API__PASSWORD",
        "NOTIFY_SOCKET",
        "WATCHDOG_USEC",
        "INVOCATION_ID",
        "STATE_DIRECTORY",
        "LISTEN_FDS",
    )
    for name in ours:
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("LANG", "C.UTF-8")
    line = f"sh -c 'env > {tmp_path}/env; ls /proc/self/fd > {tmp_path}/fds'"
    inheritable = fcntl.fcntl(0, fcntl.F_DUPFD, 50)
    try:
        await Effects(ProcessSource(), 60.0, run_directly, run_directly).perform(run(line))
    finally:
        os.close(inheritable)
    told = (tmp_path / "env").read_text()
    assert "secret" not in told and "LANG=C.UTF-8" in told and "PATH=" in told
    assert set((tmp_path / "fds").read_text().split()) <= {"0", "1", "2", "3"}  # 3: ls itself


async def test_a_command_goes_on_when_the_monitor_stops(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    source, pid_file = ProcessSource(), tmp_path / "pid"
    line = f"sh -c 'sleep 600 & echo $$ $! > {pid_file}; wait'"
    working = Effects(source, 60.0, run_directly, run_directly).perform(run(line))
    task = asyncio.get_running_loop().create_task(working)
    await eventually(lambda: pid_file.exists() and len(pid_file.read_text().split()) == 2, "the command")
    await eventually(
        lambda: source.own_commands, "that the monitor knows of it: one that it does not ends with it"
    )
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    pids = [int(pid) for pid in pid_file.read_text().split()]
    try:
        assert all(alive(pid) for pid in pids)
        assert any("goes on without this monitor" in record.getMessage() for record in caplog.records)
    finally:
        for pid in pids:
            kill(pid)


async def test_masakari_is_asked_whether_it_holds_this_host_on_maintenance() -> None:
    runner = Runner(OSError())

    async def ask() -> MaintenanceSeen:
        return MaintenanceSeen(True, SystemClock().now())

    answer = await Effects(runner.source, 60.0, runner, runner, ask).perform(LookUpMaintenance())
    assert isinstance(answer, MaintenanceSeen) and answer.on_maintenance


async def test_a_command_whose_program_cannot_be_read_is_one_that_cannot_be_started(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    fd = os.open(program, os.O_RDONLY)
    try:
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        effects = Effects(ProcessSource(), 0.5, run_directly, run_directly)
        answer = await effects.perform(run(str(program)))
    finally:
        os.close(fd)
    assert isinstance(answer, CommandEnded) and answer.exit_code is None and not answer.shortage
    assert "cannot be started" in answer.evidence and "lies does not answer" in answer.evidence
