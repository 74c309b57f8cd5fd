"""Outside commands: real ones, because what matters is what the kernel does with them."""

import asyncio
import contextlib
import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.system.processes import command
from masakarimonitors.system.processes.command import OUTPUT_LIMIT, Launched, PidWatch, clean_environment, run
from tests.fixtures.cancelling import cancel_in_every_turn
from tests.fixtures.lifeline import alive, kill
from tests.fixtures.open_files import open_files, opened_since
from tests.fixtures.patient_launch import start_in_any_time
from tests.fixtures.standstill import stand_still
from tests.fixtures.waiting import PATIENCE, eventually

pytestmark = pytest.mark.xdist_group("process")


@pytest.fixture
def started_in_any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    start_in_any_time(monkeypatch)


def pid_in(file: Path) -> int:
    """What a shell wrote there, 0 while it has not."""
    text = file.read_text() if file.exists() else ""
    return int(text) if text.endswith("\n") else 0


async def test_exit_code_and_both_streams() -> None:
    done = await run(["sh", "-c", "echo out; echo err >&2; exit 3"], timeout=30)
    assert (done.exit_code, done.output, done.errors, done.timed_out) == (3, "out\n", "err\n", False)
    assert not done.ok


async def test_writing_to_stderr_is_no_failure() -> None:
    assert (await run(["sh", "-c", "echo careful >&2"], timeout=30)).ok


async def test_a_signal_is_a_negative_exit_code() -> None:
    assert (await run(["sh", "-c", "kill -9 $$"], timeout=30)).exit_code == -signal.SIGKILL


async def test_no_shell_reads_the_arguments() -> None:
    assert (await run(["echo", "$HOME", "a  b", ";", "*"], timeout=30)).output == "$HOME a  b ; *\n"


async def test_environment_and_folder(tmp_path: Path) -> None:
    done = await run(["/bin/sh", "-c", 'echo "$X"; pwd'], timeout=30, env={"X": "1"}, cwd=str(tmp_path))
    assert done.output == f"1\n{tmp_path}\n"


@pytest.mark.parametrize("program", ["/no/such/program", "no-such-program", "/etc/passwd"])
async def test_what_cannot_be_started_is_an_oserror(program: str) -> None:
    before = open_files()
    with pytest.raises(OSError, match=program):
        await run([program], timeout=30)
    await eventually(lambda: not opened_since(before), "its output to be closed, by a thread")


async def test_bytes_that_are_no_text_are_shown() -> None:
    assert (await run(["printf", r"\377ok"], timeout=30)).output == "\\xffok"


@pytest.mark.usefixtures("started_in_any_time")
async def test_a_hung_command_is_killed_with_its_children(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("child", "other-session")]
    script = f"sleep 1000 & echo $! > {files[0]}; setsid sh -c 'echo $$ > {files[1]}; exec sleep 1000' & wait"

    async def spare() -> list[int]:
        await eventually(lambda: all(map(pid_in, files)), "all of them")
        return []

    done = await run(["sh", "-c", script], timeout=2.0, spare=spare)
    assert done.timed_out and not done.ok
    for pid in map(pid_in, files):
        await eventually(lambda pid=pid: not alive(pid), f"the end of {pid}")  # type: ignore[misc]


async def test_cancelling_kills_the_command_too(tmp_path: Path) -> None:
    task = asyncio.get_running_loop().create_task(
        run(["sh", "-c", f"echo $$ > {tmp_path}/pid; sleep 1000"], timeout=1000)
    )
    pid_file = tmp_path / "pid"
    await eventually(lambda: pid_file.exists() and pid_file.read_text(), "its pid")
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    pid = int(pid_file.read_text())
    await eventually(lambda: not alive(pid), "its end")


async def test_whoever_fails_when_told_the_pid_leaves_nothing_behind() -> None:
    await run(["true"], timeout=30)
    before, pids = open_files(), []

    def broken(pid: int) -> None:
        pids.append(pid)
        raise RuntimeError("its caller has a fault")

    with pytest.raises(RuntimeError):
        await run(["sleep", "1000"], timeout=1000, started=broken)
    await eventually(lambda: not alive(pids[0]), "its end")
    await eventually(lambda: not opened_since(before), "its output to be closed, which a thread does")


async def test_a_command_for_which_descriptors_are_short_leaves_none_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many there are, until there are enough."""
    plain, before = os.open, open_files()
    for enough in range(1, 100):
        left = enough

        def scarce(*arguments: Any, **more: Any) -> int:
            nonlocal left
            left -= 1
            if left < 0:
                raise OSError(errno.EMFILE, "Too many open files")
            return plain(*arguments, **more)

        with monkeypatch.context() as patched:
            patched.setattr("os.open", scarce)
            patched.setattr("os.memfd_create", scarce)
            try:
                await run(["true"], timeout=30)
                break
            except OSError as fault:
                assert fault.errno == errno.EMFILE
        await eventually(lambda: not opened_since(before), "its output to be closed, by a thread")
    assert 1 < enough < 99


@pytest.mark.parametrize("collected", [False, True])
def test_only_a_pid_that_is_still_its_own_is_killed(collected: bool) -> None:
    launched = Launched(["true"], None, None)
    os.waitid(os.P_PID, launched.pid, os.WEXITED | os.WNOWAIT)
    if collected:
        launched.reap()
    killed: list[int] = []

    def kill(pid: int, spare: Collection[int]) -> Mapping[int, int]:
        killed.append(pid)
        return {}

    launched.kill(kill)
    assert killed == ([] if collected else [launched.pid])
    launched.reap()
    launched.let_go()


@pytest.fixture
def ended() -> Iterator[int]:
    """The pid of a process that has ended and that nobody has collected yet."""
    with subprocess.Popen(["true"]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        yield child.pid


async def test_cancelling_in_the_moment_of_its_end_is_cancelling(ended: int) -> None:
    with contextlib.ExitStack() as done:

        async def begin() -> asyncio.Task[bool]:
            watch = done.enter_context(contextlib.closing(PidWatch(ended)))
            return asyncio.get_running_loop().create_task(watch.wait(60.0))

        await cancel_in_every_turn(begin)


@pytest.fixture
def running() -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs until it is killed."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        yield child


async def test_an_end_in_the_turn_in_which_the_time_is_over_counts(
    running: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where this process stood still, the kernel knows of the end, and the loop may not yet."""
    loop = asyncio.get_running_loop()

    def end() -> None:
        running.kill()
        os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOWAIT)

    with contextlib.closing(PidWatch(running.pid)) as watch:
        # Both are due in one turn, for which the loop has asked the kernel before who has ended.
        loop.call_later(PATIENCE, end)
        waiting = loop.create_task(watch.wait(2 * PATIENCE))
        await asyncio.sleep(0)
        stand_still(monkeypatch, 3 * PATIENCE)
        assert await waiting
        assert watch.ended and await watch.wait(PATIENCE)


async def test_the_last_command_of_who_is_being_cancelled_runs_to_its_end() -> None:
    """Though its output is looked at twice a second meanwhile: what runs out then is no cancellation."""
    last = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            last.append(await run(["sh", "-c", "sleep 0.7; echo fine"], timeout=60))

    task = asyncio.get_running_loop().create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled() and [done.output for done in last] == ["fine\n"]


async def test_a_daemon_left_behind_neither_holds_us_up_nor_dies_of_its_output(tmp_path: Path) -> None:
    daemon = tmp_path / "daemon.py"
    daemon.write_text(
        "import os, sys, time\n"
        "if os.fork(): os._exit(0)\n"
        "os.setsid()\n"
        "if os.fork(): os._exit(0)\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        "while True:\n"
        f"    if os.path.exists({str(tmp_path / 'go')!r}):\n"
        "        print('still talking', flush=True)\n"
        f"        open({str(tmp_path / 'said')!r}, 'w').close()\n"
        "    time.sleep(0.01)\n"
    )
    begun = time.monotonic()
    done = await run([sys.executable, str(daemon)], timeout=60)
    assert done.ok and time.monotonic() - begun < 55
    pid_file = tmp_path / "pid"
    await eventually(lambda: pid_file.exists() and pid_file.read_text(), "its pid")
    pid = int(pid_file.read_text())
    try:
        (tmp_path / "go").touch()
        await eventually((tmp_path / "said").exists, "what it says")
        assert alive(pid)
    finally:
        kill(pid)


async def test_a_flood_of_output_is_cut() -> None:
    done = await run(["head", "-c", str(3 * OUTPUT_LIMIT), "/dev/zero"], timeout=60)
    assert done.ok and len(done.output) == OUTPUT_LIMIT


async def test_no_descriptor_is_left() -> None:
    await run(["true"], timeout=30)
    before = open_files()
    for _ in range(5):
        await run(["sh", "-c", "echo x"], timeout=30)
    await eventually(lambda: not opened_since(before), "the last of it to be closed, by a thread")


async def test_fifty_at_once_run_side_by_side(tmp_path: Path) -> None:
    # Each one waits until all fifty have begun: one after the other they would never end.
    script = f"touch {tmp_path}/$0; while [ $(ls {tmp_path} | wc -l) -lt 50 ]; do sleep 0.05; done"
    done = await asyncio.gather(*(run(["sh", "-c", script, str(n)], timeout=120) for n in range(50)))
    assert all(one.ok for one in done)


async def test_a_full_disk_does_not_stop_a_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    assert (await run(["echo", "fine"], timeout=30)).output == "fine\n"


# Somebody opens a command's output for writing in the moment in which it is asked whether anybody writes to it.
_OPENED_MEANWHILE = """
import contextlib, fcntl, os
from masakarimonitors.system.processes.command import Launched
plain = fcntl.fcntl
def meanwhile(file, what, argument):
    plain(file, what, argument)
    if argument == fcntl.F_RDLCK:
        with contextlib.suppress(BlockingIOError):
            os.close(os.open(f"/proc/self/fd/{file}", os.O_WRONLY | os.O_NONBLOCK))
            print("nothing was in its way", flush=True)
fcntl.fcntl = meanwhile
launched = Launched(["true"], None, None)
os.waitid(os.P_PID, launched.pid, os.WEXITED | os.WNOWAIT)
assert launched.let_go() == []
"""


def test_who_opens_the_output_of_a_command_does_not_end_us() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _OPENED_MEANWHILE], capture_output=True, text=True, timeout=120, check=False
    )
    assert (ran.returncode, ran.stdout) == (0, ""), ran


@pytest.mark.usefixtures("started_in_any_time")
async def test_whom_it_is_asked_to_spare_lives_on_with_all_below(tmp_path: Path) -> None:
    service = f"sh -c 'sleep 1001 & echo $! > {tmp_path}/below; wait' & echo $! > {tmp_path}/service"
    script = f"{service}; sleep 1002 & echo $! > {tmp_path}/other; wait"

    files = {name: tmp_path / name for name in ("service", "below", "other")}

    async def spare() -> list[int]:
        await eventually(lambda: all(map(pid_in, files.values())), "all of them")
        return [pid_in(files["service"])]

    done = await run(["sh", "-c", script], timeout=2.0, spare=spare)
    pids = {name: pid_in(file) for name, file in files.items()}
    try:
        assert done.timed_out and done.spared == (pids["service"],) and done.survivors == ()
        assert alive(pids["service"]) and alive(pids["below"]) and not alive(pids["other"])
    finally:
        for name in ("below", "service"):
            kill(pids[name])


@pytest.mark.usefixtures("started_in_any_time")
async def test_a_command_that_is_the_service_itself_is_left_running() -> None:
    told: list[int] = []

    async def spare() -> list[int]:
        return told

    done = await run(["sleep", "1000"], timeout=2.0, started=told.append, spare=spare)
    try:
        assert done.spared == (told[0],) and alive(told[0])
    finally:
        kill(told[0])


async def test_one_that_is_to_be_left_goes_on_when_its_caller_is_cancelled() -> None:
    told: list[int] = []
    task = asyncio.get_running_loop().create_task(
        run(["sleep", "1000"], timeout=1000, started=told.append, leave=True)
    )
    # One that nobody has been told of ends with its caller.
    await eventually(lambda: told, "its pid")
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert alive(told[0])
    os.killpg(told[0], signal.SIGKILL)


@pytest.mark.parametrize(
    "name",
    [
        "OS_PASSWORD",
        "OS_API__PASSWORD",
        "NOTIFY_SOCKET",
        "WATCHDOG_PID",
        "JOURNAL_STREAM",
        "CONSUL_HTTP_TOKEN",
        "CONSUL_HTTP_TOKEN_FILE",
        "CONSUL_HTTP_AUTH",
        "KUBECONFIG",
        "KUBERNETES_SERVICE_HOST",
        "IPMI_PASSWORD",
        "https_proxy",
        "NODE_NAME",
        "MASAKARI_X",
        "LC_",
        "PATH_X",
    ],
)
def test_what_may_be_ours_alone_is_not_handed_on(name: str) -> None:
    needed = {"PATH": "/bin", "LANG": "C", "LC_ALL": "C", "HOME": "/root", "TZ": "UTC"}
    assert clean_environment({name: "x", **needed}) == needed


@pytest.mark.parametrize("which", ["_trim", "_content"])
async def test_output_that_lies_on_storage_that_does_not_answer_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, which: str
) -> None:
    thaw, loop_thread, touched = threading.Event(), threading.get_ident(), list[int]()
    really = getattr(command, which)

    def hangs(*arguments: Any) -> Any:
        touched.append(threading.get_ident())
        if threading.get_ident() != loop_thread:
            thaw.wait(PATIENCE)
        return really(*arguments)

    monkeypatch.setattr(command, "_READ_WITHIN", 0.2)
    monkeypatch.setattr(command, which, hangs)
    try:
        done = await run(["sh", "-c", "echo lost; sleep 0.7"], timeout=PATIENCE)
    finally:
        thaw.set()
    assert done.ok and done.output == ""
    assert "cannot be read" in caplog.text and "TMPDIR" in caplog.text
    assert touched and loop_thread not in touched, "the loop itself would have hung there"
