"""One look at /proc, on a folder made like it: who runs, who is passed over, and what could not be read."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from masakarimonitors.processmonitor.core.matching import Index
from masakarimonitors.processmonitor.sources import procfs
from masakarimonitors.processmonitor.sources.procfs import Depth, Found, Scan, Scanner
from tests.fixtures.waiting import eventually

NOVA = "/usr/bin/nova-compute"


class Proc:
    """A folder that looks like /proc, with init in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        (path / "meminfo").write_text("no process")
        self.runs(1, "/sbin/init")

    def runs(
        self,
        pid: int,
        *argv: str,
        exe: str = "",
        parent: int = 1,
        session: int = 0,
        started: int = 100,
        state: str = "S",
    ) -> None:
        folder = self.path / str(pid)
        folder.mkdir(exist_ok=True)
        (folder / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in argv))
        rest = " ".join("0" for _ in range(15))
        (folder / "stat").write_text(f"{pid} (a) name) {state} {parent} {pid} {session} {rest} {started} 0\n")
        (folder / "exe").unlink(missing_ok=True)
        (folder / "exe").symlink_to(exe or argv[0] if argv else "nothing")

    def scanner(
        self, *names: str, avoid: frozenset[int] = frozenset(), settled_after: float = 30.0
    ) -> Scanner:
        return Scanner(Index(names or [NOVA]), avoid, proc=str(self.path), settled_after=settled_after)


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    return Proc(tmp_path / "proc")


def pids(scan: Scan, name: str = NOVA) -> set[int]:
    return {found.pid for found in scan.found.get(name, ())}


def test_a_process_is_found_with_the_time_that_names_it(proc: Proc) -> None:
    proc.runs(7, NOVA, "--debug", started=4711)
    proc.runs(8, "/usr/bin/another")
    assert proc.scanner().scan() == Scan({NOVA: (Found(7, 4711, strong=True),)})


def test_nobody_of_the_list_runs_and_all_was_read(proc: Proc) -> None:
    assert proc.scanner().scan() == Scan({})


@pytest.mark.parametrize("state", ["Z", "X"])
def test_a_dead_process_is_none(proc: Proc, state: str) -> None:
    proc.runs(7, NOVA, state=state)
    assert pids(proc.scanner().scan()) == set()


def test_our_own_commands_are_passed_over_with_their_sessions_and_children(proc: Proc) -> None:
    proc.runs(20, NOVA)
    proc.runs(21, NOVA, session=20)
    proc.runs(22, "/bin/sh", parent=20)
    proc.runs(23, NOVA, parent=22)
    proc.runs(24, NOVA)
    assert pids(proc.scanner().scan(own_commands={20})) == {24}
    assert pids(proc.scanner().scan()) == {20, 21, 23, 24}


def test_neither_we_nor_those_that_did_not_answer_are_looked_at(proc: Proc) -> None:
    proc.runs(os.getpid(), NOVA)
    proc.runs(7, NOVA)
    proc.runs(8, NOVA)
    assert pids(proc.scanner(avoid=frozenset({7})).scan()) == {8}


def test_a_process_that_vanishes_on_the_way_is_no_fault(proc: Proc) -> None:
    (proc.path / "7").mkdir()
    proc.runs(8, NOVA)
    scan = proc.scanner().scan()
    assert (pids(scan), scan.unread) == ({8}, "")


def test_what_cannot_be_read_is_said_and_the_others_are_found(proc: Proc) -> None:
    (proc.path / "7" / "cmdline").mkdir(parents=True)
    proc.runs(8, NOVA)
    scan = proc.scanner().scan()
    assert pids(scan) == {8}
    assert "Is a directory" in scan.unread


def test_a_proc_that_hides_others_is_not_taken_for_an_empty_one(proc: Proc) -> None:
    for name in ("cmdline", "stat", "exe"):
        (proc.path / "1" / name).unlink()
    scan = proc.scanner().scan()
    assert scan.found == {} and f"{proc.path}/1/stat" in scan.unread and "hidepid" in scan.unread


def test_a_process_that_becomes_another_program_is_seen_by_its_command_line(proc: Proc) -> None:
    scanner = proc.scanner()
    proc.runs(7, "/bin/sh", "/start-script")
    assert pids(scanner.scan()) == set()
    proc.runs(7, NOVA)
    assert pids(scanner.scan()) == {7}
    proc.runs(7, "/bin/true")
    assert pids(scanner.scan()) == set()


def test_only_a_fresh_look_sees_another_program_with_the_same_command_line(proc: Proc) -> None:
    scanner = proc.scanner()
    proc.runs(7, "api: worker", exe="/bin/sh")
    assert pids(scanner.scan()) == set()
    proc.runs(7, "api: worker", exe=NOVA)
    assert pids(scanner.scan()) == set()
    (found,) = scanner.scan(depth=Depth.FRESH).found[NOVA]
    assert (found.pid, found.strong) == (7, False)


def test_a_look_at_a_death_passes_over_those_that_have_long_been_something_else(proc: Proc) -> None:
    scanner = proc.scanner(settled_after=-1.0)
    proc.runs(7, "/usr/bin/another")
    proc.runs(8, NOVA)
    scanner.scan()
    proc.runs(7, NOVA)
    proc.runs(9, NOVA)
    assert pids(scanner.scan(depth=Depth.SUCCESSORS)) == {8, 9}
    assert pids(scanner.scan()) == {7, 8, 9}


def test_who_is_not_long_something_else_may_be_the_successor(proc: Proc) -> None:
    scanner = proc.scanner(settled_after=3600.0)
    proc.runs(7, "/bin/sh", "/start-script")
    scanner.scan()
    proc.runs(7, NOVA)
    assert pids(scanner.scan(depth=Depth.SUCCESSORS)) == {7}


def test_this_very_process_by_pid_and_start_time() -> None:
    started = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    assert procfs.is_same(os.getpid(), started)
    assert not procfs.is_same(os.getpid(), started + 1)
    assert not procfs.lingers(os.getpid(), started)
    assert 0 < started <= procfs.ticks_now()


async def test_a_zombie_is_the_same_process_and_does_not_linger() -> None:
    with subprocess.Popen(["true"]) as process:  # noqa: ASYNC220 - it returns at once
        stat = Path(f"/proc/{process.pid}/stat")
        await eventually(lambda: stat.read_text().rpartition(")")[2].split()[0] == "Z", "the zombie")
        started = int(stat.read_text().rpartition(")")[2].split()[19])
        assert procfs.is_same(process.pid, started)
        assert not procfs.lingers(process.pid, started)
    assert not procfs.is_same(process.pid, started)
    assert not procfs.lingers(process.pid, started)


async def test_a_process_that_lives_on_in_its_threads_lingers() -> None:
    # Ends the first thread alone, as exit(2) does; the number is the system call's.
    number = {"x86_64": 60}.get(platform.machine(), 93)
    script = (
        "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(600,)).start();"
        f"ctypes.CDLL(None).syscall({number}, 0)"
    )
    with subprocess.Popen([sys.executable, "-c", script]) as process:  # noqa: ASYNC220 - it returns at once
        try:
            stat = Path(f"/proc/{process.pid}/stat")
            await eventually(
                lambda: stat.read_text().rpartition(")")[2].split()[0] == "Z", "the first thread's end"
            )
            started = int(stat.read_text().rpartition(")")[2].split()[19])
            assert procfs.lingers(process.pid, started)
            assert not procfs.lingers(process.pid, started + 1)
        finally:
            process.kill()
    assert not procfs.lingers(process.pid, started)


@pytest.mark.parametrize(
    ("name", "may"),
    [("/usr/bin/{}", True), ("/usr/bin/python /opt/{}", True), ("/usr/bin/another", False), ("/{}/x", False)],
)
def test_a_hung_process_may_be_one_by_its_short_name(name: str, may: bool) -> None:
    short = Path("/proc/self/comm").read_text().rstrip("\n")
    assert procfs.may_run(os.getpid(), name.format(short)) is may


async def test_a_name_longer_than_the_kernel_keeps_is_compared_as_far_as_it_goes(tmp_path: Path) -> None:
    program = tmp_path / "nova-compute-of-this-test"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([program, "600"]) as process:  # noqa: ASYNC220 - it returns at once
        try:
            comm = Path(f"/proc/{process.pid}/comm")
            await eventually(lambda: comm.read_text() == "nova-compute-of\n", "the program in place of ours")
            assert procfs.may_run(process.pid, str(program))
        finally:
            process.kill()
    assert not procfs.may_run(process.pid, str(program))
