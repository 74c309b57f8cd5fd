"""What one process's stat tells, on real processes."""

import datetime
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from masakarimonitors.processmonitor.sources import stat
from tests.fixtures.waiting import eventually


def test_this_very_process_by_pid_and_start_time() -> None:
    started = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    assert stat.is_same(os.getpid(), started)
    assert not stat.is_same(os.getpid(), started + 1)
    assert stat.is_alive(os.getpid(), started)
    assert not stat.is_alive(os.getpid(), started + 1)
    assert 0 < started <= stat.ticks_now()


@pytest.mark.parametrize(
    ("shown", "marks"), [("1 1 0", ()), ("0 0 0", ()), ("4096 8192 140000", (4096, 8192, 140000))]
)
def test_marks_that_the_kernel_hides_are_none(shown: str, marks: tuple[int, ...], tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "stat").write_text(f"7 (a) b) S 1 7 7 {'0 ' * 13} 1 0 900 0 0 0 {shown} 0 0 0\n")
    seen = stat.read_stat(7, str(tmp_path))
    assert (seen.threads, seen.started, seen.marks) == (1, 900, marks)


@pytest.mark.parametrize(
    ("raw", "rewritten"),
    [
        (b"/usr/sbin/svc\0-x\0", False),
        (b"/usr/sbin/svc\0", False),
        (b"x" * 4096, False),
        (b"svc: idle\0", True),
        (b"svc: idle", True),
        (b"idle\0\0\0\0", True),
    ],
)
def test_a_command_line_that_a_process_has_written_itself(raw: bytes, rewritten: bool) -> None:
    assert stat.is_rewritten(raw) is rewritten


async def test_a_zombie_is_the_same_process_and_is_not_alive() -> None:
    with subprocess.Popen(["true"]) as process:  # noqa: ASYNC220 - it returns at once
        state = Path(f"/proc/{process.pid}/stat")
        await eventually(lambda: state.read_text().rpartition(")")[2].split()[0] == "Z", "the zombie")
        started = int(state.read_text().rpartition(")")[2].split()[19])
        assert stat.is_same(process.pid, started)
        assert not stat.is_alive(process.pid, started)
    assert not stat.is_same(process.pid, started)
    assert not stat.is_alive(process.pid, started)


async def test_a_process_that_lives_on_in_its_threads_is_alive() -> None:
    # Ends the first thread alone, as exit(2) does; the number is the system call's.
    number = {"x86_64": 60}.get(platform.machine(), 93)
    script = (
        "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(600,)).start();"
        f"ctypes.CDLL(None).syscall({number}, 0)"
    )
    with subprocess.Popen([sys.executable, "-c", script]) as process:  # noqa: ASYNC220 - it returns at once
        try:
            state = Path(f"/proc/{process.pid}/stat")
            await eventually(
                lambda: state.read_text().rpartition(")")[2].split()[0] == "Z", "the first thread's end"
            )
            started = int(state.read_text().rpartition(")")[2].split()[19])
            assert stat.is_alive(process.pid, started)
            assert not stat.is_alive(process.pid, started + 1)
        finally:
            process.kill()
    assert not stat.is_alive(process.pid, started)


def test_a_moment_of_this_boot_as_a_start_time() -> None:
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    before = stat.ticks_now()
    ticks = stat.tick_of(now - datetime.timedelta(seconds=10), now) + 10 * os.sysconf("SC_CLK_TCK")
    assert before <= ticks <= stat.ticks_now()
    assert before <= stat.tick_of(now + datetime.timedelta(seconds=10), now) <= stat.ticks_now()


@pytest.mark.parametrize(
    ("name", "may"),
    [
        ("/usr/bin/sleep", True),
        ("/usr/bin/python /opt/sleep", True),
        ("/usr/bin/other", False),
        ("/sleep/x", False),
    ],
)
async def test_a_hung_process_may_be_one_by_its_short_name(name: str, may: bool) -> None:
    with subprocess.Popen(["sleep", "600"]) as process:  # noqa: ASYNC220 - it returns at once
        try:
            comm = Path(f"/proc/{process.pid}/comm")
            await eventually(lambda: comm.read_text() == "sleep\n", "the program in place of ours")
            assert stat.may_run(process.pid, name) is may
        finally:
            process.kill()


async def test_a_name_longer_than_the_kernel_keeps_is_compared_as_far_as_it_goes(tmp_path: Path) -> None:
    program = tmp_path / "nova-compute-of-this-test"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([program, "600"]) as process:  # noqa: ASYNC220 - it returns at once
        try:
            comm = Path(f"/proc/{process.pid}/comm")
            await eventually(lambda: comm.read_text() == "nova-compute-of\n", "the program in place of ours")
            assert stat.may_run(process.pid, str(program))
        finally:
            process.kill()
    assert not stat.may_run(process.pid, str(program))


async def test_an_interpreter_that_cannot_be_read_may_run_anything() -> None:
    with subprocess.Popen(["sh", "-c", "read line"], stdin=subprocess.PIPE) as process:  # noqa: ASYNC220 - returns at once
        try:
            comm = Path(f"/proc/{process.pid}/comm")
            await eventually(lambda: comm.read_text() == "sh\n", "the program in place of ours")
            assert stat.may_run(process.pid, "/usr/bin/nova-compute")
        finally:
            process.kill()


def test_a_pid_namespace_of_ones_own_is_told() -> None:
    own = os.readlink("/proc/self/ns/pid")
    assert (stat.sees_the_host() == "") is (own == "pid:[4026531836]")


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs root: makes a pid namespace"
)
def test_in_a_pid_namespace_of_ones_own_the_host_cannot_be_seen() -> None:
    code = "from masakarimonitors.processmonitor.sources import stat; print(stat.sees_the_host())"
    argv = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", code]
    said = subprocess.run(
        argv, capture_output=True, text=True, check=True, cwd=Path(stat.__file__).parents[3]
    )
    assert "pid namespace of its own" in said.stdout
