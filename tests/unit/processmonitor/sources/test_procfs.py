"""One look at /proc, on a folder made like it: who runs, who is passed over, and what could not be read."""

import errno
import itertools
import os
import resource
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.processmonitor.core.observation import Entry
from masakarimonitors.processmonitor.core.recognition.matching import Index
from masakarimonitors.processmonitor.core.recognition.pattern import AsSeen, Pattern
from masakarimonitors.processmonitor.core.recognition.place import IN_A_CONTAINER
from masakarimonitors.processmonitor.sources.patterns import as_written, follow_again
from masakarimonitors.processmonitor.sources.procfs import Scanner
from masakarimonitors.processmonitor.sources.scan import Depth, Scan

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
        user: int = 0,
        real: int = 0,
        groups: str = "0::/\n",
        login: str = "4294967295",
        marks: int = 5,
        kernel: bool = False,
        threads: int = 1,
        cwd: Path | str = "/",
    ) -> None:
        folder = self.path / str(pid)
        folder.mkdir(exist_ok=True)
        (folder / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in argv))
        rest = f"0 0 {0x00208040 if kernel else 0x00400000} {'0 ' * 10}{threads} 0"
        places = f"{started} 0 0 0 {marks} {marks} {marks}"
        (folder / "stat").write_text(f"{pid} (a) name) {state} {parent} {pid} {session} {rest} {places}\n")
        (folder / "status").write_text(f"Name:\tname\nUid:\t{real}\t{user}\t0\t0\n")
        (folder / "cgroup").write_text(groups)
        (folder / "loginuid").write_text(login)
        (folder / "exe").unlink(missing_ok=True)
        (folder / "exe").symlink_to(exe or argv[0] if argv else "nothing")
        (folder / "cwd").unlink(missing_ok=True)
        (folder / "cwd").symlink_to(cwd)
        (folder / "root").unlink(missing_ok=True)
        (folder / "root").symlink_to("/")

    def scanner(
        self, *names: str, avoid: frozenset[int] = frozenset(), settled_after: float = 30.0
    ) -> Scanner:
        return Scanner(
            Index(Pattern.of(name) for name in names or [NOVA]),
            avoid,
            proc=str(self.path),
            settled_after=settled_after,
        )


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    return Proc(tmp_path / "proc")


def pids(scan: Scan, name: str = NOVA) -> set[int]:
    return {found.pid for found in scan.found.get(name, ())}


def test_a_process_is_found_with_the_time_that_names_it(proc: Proc) -> None:
    proc.runs(7, NOVA, "--debug", started=4711)
    proc.runs(8, "/usr/bin/another")
    scan = proc.scanner().scan()
    ((found,),) = scan.found.values()
    assert (found.pid, found.started, found.reason.strong, found.parent) == (7, 4711, True, 1)
    assert found.reason.why == f"its executable is {NOVA}"
    assert (scan.unread, scan.unseen, scan.others) == ("", {}, {})


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
    assert scan.unread == "" and "Is a directory" in scan.unseen[7]


def test_a_proc_that_hides_others_is_not_taken_for_an_empty_one(proc: Proc) -> None:
    for name in ("cmdline", "stat", "exe"):
        (proc.path / "1" / name).unlink()
    scan = proc.scanner().scan()
    assert scan.found == {} and f"{proc.path}/1/stat" in scan.unread and "hidepid" in scan.unread


def in_turns(scanner: Scanner) -> Scan:
    """A regular look, by a source that holds whom it has found."""
    held = {found.pid: {found_of} for found_of, several in scanner.scan().found.items() for found in several}
    return scanner.scan((), Depth.TURNS, held, held)


@pytest.mark.parametrize(("depth", "seen"), [(Depth.FRESH, {7}), (Depth.SUCCESSORS, set())])
def test_who_begins_while_others_are_read_is_seen_by_whoever_acts_on_it(
    proc: Proc, monkeypatch: pytest.MonkeyPatch, depth: Depth, seen: set[int]
) -> None:
    list_now = os.listdir

    def then_one_begins(path: str) -> list[str]:
        names = list_now(path)
        proc.runs(7, NOVA)
        return names

    monkeypatch.setattr("os.listdir", then_one_begins)
    assert pids(proc.scanner().scan(depth=depth)) == seen


def test_in_turns_whoever_is_held_is_asked_only_whether_it_has_executed_anything(proc: Proc) -> None:
    scanner = proc.scanner(settled_after=0.0)
    # In six scans each of them has its turn, none two of them in one.
    for pid in range(60, 66):
        proc.runs(pid, NOVA, marks=pid)
    assert pids(in_turns(scanner)) == set(range(60, 66))
    for pid in range(60, 66):
        (proc.path / str(pid) / "cmdline").unlink()
    scan = scanner.scan((), Depth.TURNS, {}, range(60, 66))
    assert len(pids(scan)) == 5, "the other one was read"


def test_in_turns_an_exec_and_an_end_are_noticed_at_once(proc: Proc) -> None:
    scanner = proc.scanner(settled_after=0.0)
    for pid in range(60, 72):
        proc.runs(pid, NOVA)
    assert len(pids(in_turns(scanner))) == 12
    for pid in range(60, 72):
        if pid % 2:
            proc.runs(pid, "/bin/true", marks=6)
        else:
            proc.runs(pid, NOVA, state="Z")
    held = {pid: {NOVA} for pid in range(60, 72)}
    scan = scanner.scan((), Depth.TURNS, held, held)
    assert pids(scan) == set()
    assert {pid: other.looks for pid, other in scan.others.items() if pid % 2} == dict.fromkeys(
        range(61, 72, 2), "/bin/true"
    )


def test_what_was_found_is_found_again_as_long_as_nothing_has_changed(proc: Proc) -> None:
    scanner = proc.scanner(settled_after=0.0)
    for pid in range(60, 63):
        proc.runs(pid, NOVA)
    first = in_turns(scanner)
    held = {pid: {NOVA} for pid in range(60, 63)}
    assert scanner.scan((), Depth.TURNS, held, held).found is first.found
    proc.runs(62, NOVA, state="Z")
    assert pids(scanner.scan((), Depth.TURNS, held, held)) == {60, 61}
    proc.runs(62, NOVA, started=200)
    assert pids(scanner.scan((), Depth.TURNS, held, held)) == {60, 61, 62}
    shutil.rmtree(proc.path / "60")
    assert pids(scanner.scan((), Depth.TURNS, held, held)) == {61, 62}


@pytest.mark.parametrize("survivor", range(60, 64))
def test_who_has_ended_after_a_look_that_was_cut_short_is_not_found_again(
    proc: Proc, monkeypatch: pytest.MonkeyPatch, survivor: int
) -> None:
    """The next look goes by what that one has seen, be it the survivor alone."""
    scanner = proc.scanner(settled_after=0.0)
    for pid in range(60, 64):
        proc.runs(pid, NOVA)
    held = {pid: {NOVA} for pid in range(60, 64)}
    for _turn in range(6):
        scanner.scan((), Depth.TURNS, held, held)
    reads, read = itertools.count(), os.pread

    def runs_short(*arguments: int) -> bytes:
        if next(reads) >= 3:
            raise OSError(errno.ENOMEM, "no memory")
        return read(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr("os.pread", runs_short)
        assert scanner.scan((), Depth.FRESH, held, held).unread
    for pid in held.keys() - {survivor}:
        shutil.rmtree(proc.path / str(pid))
    assert pids(scanner.scan((), Depth.TURNS, held, held)) == {survivor}


def test_in_turns_who_is_not_surely_held_or_hides_its_places_is_read_each_time(proc: Proc) -> None:
    scanner = proc.scanner(settled_after=0.0)
    for pid in range(60, 66):
        proc.runs(pid, NOVA, marks=0 if pid < 63 else 5)
    held = {pid: {NOVA} for pid in range(60, 66)}
    scanner.scan()
    for pid in range(60, 66):
        proc.runs(pid, "/bin/true", marks=0 if pid < 63 else 5)
    assert scanner.scan((), Depth.TURNS, held, range(60, 63)).found == {}


def test_in_turns_whoever_is_new_is_found_at_once_and_a_settled_one_in_its_turn(proc: Proc) -> None:
    scanner = proc.scanner(settled_after=0.0)
    proc.runs(7, "/bin/sh", "/wait-for-long")
    scanner.scan()
    proc.runs(7, NOVA)
    proc.runs(8, NOVA)
    seen = [pids(scanner.scan((), Depth.TURNS)) for _turn in range(6)]
    assert all(8 in one for one in seen) and {7, 8} in seen and {8} in seen


def test_a_process_that_becomes_another_program_is_seen_by_its_command_line(proc: Proc) -> None:
    scanner = proc.scanner()
    proc.runs(7, "/bin/sh", "/start-script")
    assert pids(scanner.scan()) == set()
    proc.runs(7, NOVA)
    assert pids(scanner.scan()) == {7}
    proc.runs(7, "/bin/true")
    assert pids(scanner.scan()) == set()


def test_a_look_at_a_death_alone_passes_over_another_program_with_the_same_command_line(proc: Proc) -> None:
    scanner = proc.scanner()
    proc.runs(7, "api: worker", exe="/bin/sh")
    assert pids(scanner.scan()) == set()
    proc.runs(7, "api: worker", exe=NOVA)
    assert pids(scanner.scan(depth=Depth.SUCCESSORS)) == set()
    (found,) = scanner.scan().found[NOVA]
    assert (found.pid, found.reason.strong) == (7, False)


def test_a_look_reads_what_has_changed_whatever_it_was_before(proc: Proc) -> None:
    proc.runs(7, "/usr/bin/other", "-x")
    proc.runs(8)
    proc.runs(9, NOVA, "-v")
    scanner = proc.scanner(NOVA, f"{NOVA} -v")
    assert pids(scanner.scan(depth=Depth.FRESH)) == {9}
    # A successor of fewer words, of more, of a process that had none, and one that goes on as what was held begins.
    proc.runs(7, NOVA)
    proc.runs(8, NOVA, "-v", "-w")
    proc.runs(9, NOVA, "-vx")
    held = {9: {NOVA, f"{NOVA} -v"}}
    scan = scanner.scan(held=held, sure={9})
    assert pids(scan) == {7, 8, 9} and pids(scan, f"{NOVA} -v") == {8}
    assert scan.others[9].looks == f"{NOVA} -vx"
    # The same words, executed anew or not.
    proc.runs(9, NOVA, "-vx", marks=6)
    again = scanner.scan(held=held, sure={9})
    assert {one.marks for one in again.found[NOVA] if one.pid == 9} == {(6, 6, 6)}
    assert pids(scanner.scan(held={9: {NOVA}}, sure={9}, own_commands={9})) == {7, 8}
    proc.runs(9, NOVA, "-vx", marks=6, state="Z")
    assert pids(scanner.scan(held={9: {NOVA}}, sure={9})) == {7, 8}


def test_a_look_at_a_death_asks_nobody_who_is_surely_held_and_the_one_before_a_command_asks_all(
    proc: Proc,
) -> None:
    other = "/usr/bin/other"
    proc.runs(7, other)
    scanner = proc.scanner(NOVA, other)
    assert pids(scanner.scan(depth=Depth.FRESH), other) == {7}
    proc.runs(7, NOVA, marks=6)  # what is held for one entry takes the place of another's
    proc.runs(8, NOVA)
    held = {7: {other}}
    for depth, sure, found in (
        (Depth.SUCCESSORS, {7}, {8}),
        (Depth.FRESH, {7}, {7, 8}),
    ):
        assert pids(scanner.scan(depth=depth, held=held, sure=sure)) == found
    proc.runs(7, other)
    assert pids(scanner.scan(depth=Depth.SUCCESSORS, held=held), other) == {7}, "not surely held"


def test_a_very_long_command_line_is_read_again_each_time(proc: Proc) -> None:
    long = "x" * 5000
    proc.runs(7, "/usr/bin/other", long)
    scanner = proc.scanner()
    assert pids(scanner.scan()) == set()
    proc.runs(7, NOVA, long)
    assert pids(scanner.scan()) == {7}


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


def test_an_executable_whose_path_cannot_be_told_touches_that_process_alone(proc: Proc) -> None:
    proc.runs(7, NOVA, user=65534)
    (proc.path / "7" / "exe").unlink()
    (proc.path / "7" / "exe").write_text("no link")  # to read it fails, as with a path that is too long
    proc.runs(8, NOVA)
    scan = proc.scanner().scan()
    assert pids(scan) == {8}
    assert (scan.unread, scan.unseen) == ("", {})


def test_a_shortage_of_our_own_makes_a_scan_that_knows_nothing(proc: Proc) -> None:
    proc.runs(7, NOVA)
    scanner = proc.scanner()
    free = os.open("/dev/null", os.O_RDONLY)
    os.close(free)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
    try:
        scan = scanner.scan()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert scan.found == {} and "Too many open files" in scan.unread and "hidepid" not in scan.unread
    assert pids(scanner.scan()) == {7}


def test_an_entrys_user_is_compared_with_the_effective_one(proc: Proc) -> None:
    proc.runs(7, NOVA, user=42)
    proc.runs(8, NOVA, user=0)
    scanner = Scanner(Index([Pattern.of(NOVA, user=42)]), proc=str(proc.path))
    assert pids(scanner.scan()) == {7}


def test_who_gives_up_roots_rights_and_executes_nothing_is_compared_with_whom_it_is_then(proc: Proc) -> None:
    scanner = Scanner(Index([Pattern.of(NOVA, user=64055)]), proc=str(proc.path))
    proc.runs(7, NOVA)
    assert pids(scanner.scan()) == set()
    proc.runs(7, NOVA, user=64055)
    assert pids(scanner.scan()) == {7}


def test_a_script_that_was_begun_from_a_folder_is_looked_for_where_the_process_stands(
    proc: Proc, tmp_path: Path
) -> None:
    for folder in ("srv/rel", "other/rel"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "x.py").write_text("")
    (tmp_path / "link").symlink_to("srv")
    script = tmp_path / "srv" / "rel" / "x.py"
    entries = (Entry(process_name=str(script)),)
    patterns = follow_again(tuple(as_written(entries)), entries)

    def stands(cwd: Path | str, word: str = "rel/x.py") -> str:
        proc.runs(7, "python3", word, exe="/usr/bin/python3.11", cwd=cwd)
        scan = Scanner(Index(patterns), proc=str(proc.path)).scan()
        name = str(script)
        doubt = scan.doubt(name, persons=False)  # though it was seen before
        return "found" if pids(scan, name) else "in doubt" if doubt else "another"

    assert stands(tmp_path / "srv") == "found"
    assert stands(tmp_path / "link") == "found"
    assert stands("/", str(tmp_path / "link" / "rel" / "x.py")) == "found"
    assert stands("/") == "in doubt"
    assert stands(tmp_path / "nowhere") == "in doubt"
    assert stands(tmp_path / "other") == "another"


def test_a_script_of_another_entry_from_a_folder_is_in_doubt_for_none(proc: Proc, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "main.py").write_text("")
    proc.runs(7, "python3", "main.py", "--b", exe="/usr/bin/python3.11", cwd=tmp_path / "b")
    first, other = "/opt/a/main.py", "python3 main.py --b"
    scan = proc.scanner(first, other).scan()
    assert pids(scan, other) == {7}
    assert scan.doubt(first) == "", "where that script is, is known"


def test_a_misfit_holds_only_what_was_never_seen(proc: Proc) -> None:
    proc.runs(7, "foo", "-c", "/srv/a.conf", exe="/usr/bin/foo")
    scan = proc.scanner("foo -c a.conf").scan()
    assert scan.found == {} and "the list tells a path of it in another way" in scan.doubt("foo -c a.conf")
    assert scan.doubt("foo -c a.conf", persons=False) == ""


NOBODY = 65534


@pytest.mark.parametrize("argv", [["bash", NOVA], ["python3", NOVA], [NOVA, "-c", "sleep"], [NOVA]])
def test_a_persons_process_does_not_stand_for_a_service(proc: Proc, argv: list[str]) -> None:
    for exe in ("/usr/bin/bash", "/usr/bin/python3.11", NOVA):
        proc.runs(7, *argv, exe=exe, user=NOBODY, real=NOBODY)
        scan = proc.scanner().scan()
        assert pids(scan) == set()
        assert "pid 7" in (scan.doubt(NOVA) or "pid 7") and (exe != NOVA or NOVA in scan.doubtful)


@pytest.mark.parametrize(
    "groups",
    [
        "0::/system.slice/devstack@n-cpu.service\n",
        "0::/openstack.slice/nova-compute.service\n",
        "1:name=systemd:/system.slice/nova.service\n0::/\n",
        "0::/system.slice/docker-0123456789ab.scope\n",
        "0::/../../x.slice/libpod-0123456789ab.scope/container\n",
        "3:cpuset:/docker/0123456789ab\n",
        "0::/kubepods.slice/kubepods-burstable.slice/cri-containerd-0123.scope\n",
        "0::/lxc.payload.infra1/system.slice/nova.service\n",
    ],
)
def test_what_an_init_system_or_a_container_engine_has_begun_counts_whoever_it_is(
    proc: Proc, groups: str
) -> None:
    proc.runs(7, "python3", NOVA, exe="/usr/bin/python3", user=42436, real=42436, groups=groups)
    scan = proc.scanner().scan()
    assert [one.user for one in scan.found[NOVA]] == [42436] and not scan.doubtful


@pytest.mark.parametrize(
    ("groups", "login"),
    [
        ("0::/user.slice/user-1000.slice/session-3.scope\n", "1000"),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.service\n", "4294967295"),
        ("0::/system.slice/cron.service\n", "4294967295"),
        ("0::/system.slice/nova.service\n", "1000"),
        ("0::/system.slice/docker-0123456789ab.scope\n1:name=systemd:/user.slice\n", "4294967295"),
        ("", ""),
    ],
)
def test_who_has_logged_in_has_begun_no_service(proc: Proc, groups: str, login: str) -> None:
    proc.runs(7, "python3", NOVA, exe="/usr/bin/python3", user=1000, real=1000, groups=groups, login=login)
    assert not proc.scanner().scan().found


def test_a_program_that_anybody_may_run_as_root_is_that_of_who_runs_it(proc: Proc) -> None:
    proc.runs(7, NOVA, exe="/usr/bin/su", user=0, real=1000)
    scan = proc.scanner().scan()
    assert not scan.found and "user 1000" in scan.doubt(NOVA)


def test_a_persons_text_can_be_passed_over(proc: Proc) -> None:
    login = "0::/user.slice/user-1000.slice/session-3.scope\n"
    proc.runs(7, "sleep", NOVA, exe="/bin/sleep", user=NOBODY, real=NOBODY, groups=login)
    scanner = proc.scanner()
    scanner.scan()
    assert scanner.mention(NOVA) and not scanner.mention(NOVA, of_the_host=True)
    for user in (0, NOBODY):  # of this one nothing tells who has begun it
        proc.runs(8, "sleep", NOVA, exe="/bin/sleep", user=user, real=user)
        scanner.scan()
        assert "pid 8" in scanner.mention(NOVA, of_the_host=True)


@pytest.mark.parametrize(
    "inside", ["0::/lxc.payload.c1/system.slice/nova-compute.service\n", "0::/docker/7\n"]
)
def test_what_runs_in_a_container_is_the_service_where_the_host_does_not_run_it(
    proc: Proc, inside: str
) -> None:
    proc.runs(7, NOVA, groups=inside)
    assert pids(proc.scanner().scan()) == {7}
    proc.runs(8, NOVA, groups="0::/system.slice/nova-compute.service\n")
    scan = proc.scanner().scan()
    assert pids(scan) == {8} and "in a container" in scan.doubt(NOVA)
    known = AsSeen(frozenset({0}), frozenset({IN_A_CONTAINER}))
    for pattern in (Pattern.of(NOVA, user=0), replace(Pattern.of(NOVA), known=known)):
        assert pids(Scanner(Index([pattern]), proc=str(proc.path)).scan()) == {7, 8}


def test_a_held_pid_that_shows_something_else_is_told_with_where_its_program_stands(proc: Proc) -> None:
    proc.runs(7, NOVA)
    proc.runs(8, NOVA)
    scanner = proc.scanner()
    scanner.scan()
    proc.runs(7, "/bin/sleep", "60", marks=9)
    proc.runs(8)
    scan = scanner.scan(held={7: {NOVA}, 8: {NOVA}})
    assert set(scan.others) == {7}
    assert (scan.others[7].marks, scan.others[7].looks) == ((9, 9, 9), "/bin/sleep 60")


@pytest.mark.parametrize(("argv", "excluded"), [((NOVA,), {NOVA}), (("/bin/sleep", NOVA), set())])
def test_whom_only_its_user_excludes_is_told_from_who_runs_something_else(
    proc: Proc, argv: tuple[str, ...], excluded: set[str]
) -> None:
    proc.runs(7, *argv, user=43)
    scanner = Scanner(Index([Pattern.of(NOVA, user=42)]), proc=str(proc.path))
    scan = scanner.scan(held={7: {NOVA}})
    assert not scan.found and scan.others[7].excluded == excluded


@pytest.mark.parametrize(
    ("argv", "same"),
    [
        ((NOVA, "--config-file", "b"), {f"{NOVA} --config-file a"}),
        ((NOVA,), {f"{NOVA} --config-file a"}),
        ((NOVA, "--spare"), set()),  # another entry's
        (("/usr/bin/python3", NOVA, "b"), {f"{NOVA} --config-file a"}),
        (("/bin/sleep", NOVA, "--config-file", "b"), set()),
        (("/usr/local/bin/nova-compute", "b"), set()),
    ],
)
def test_who_runs_the_program_of_an_entry_with_other_arguments_is_told_from_who_runs_another(
    proc: Proc, argv: tuple[str, ...], same: set[str]
) -> None:
    names = (f"{NOVA} --config-file a", f"{NOVA} --spare")
    proc.runs(7, *argv)
    scan = proc.scanner(*names).scan(held={7: {names[0]}})
    assert scan.others[7].same == same


def test_who_is_in_the_middle_of_an_exec_is_looked_at_once_it_is_over(
    proc: Proc, monkeypatch: pytest.MonkeyPatch
) -> None:
    proc.runs(7, state="R")
    monkeypatch.setattr("time.sleep", lambda pause: proc.runs(7, NOVA))
    assert pids(proc.scanner().scan()) == {7}


def test_of_who_has_no_command_line_yet_nothing_is_said_until_it_has_had_none_for_long(proc: Proc) -> None:
    proc.runs(7, state="R")
    scanner = proc.scanner(settled_after=0.2)
    seen = scanner.scan()
    assert seen.unread == "" and "no command line yet" in seen.unseen[7]
    while 7 in seen.unseen:
        seen = scanner.scan()
    proc.runs(7, NOVA)
    assert pids(scanner.scan()) == {7}


@pytest.mark.parametrize("what", [{"kernel": True}, {"state": "Z"}])
def test_a_thread_of_the_kernel_and_a_zombie_have_none_for_good(
    proc: Proc, monkeypatch: pytest.MonkeyPatch, what: dict[str, Any]
) -> None:
    proc.runs(7, **what)
    monkeypatch.setattr("time.sleep", lambda pause: pytest.fail("nobody waits for it"))
    assert proc.scanner().scan() == Scan({})


def test_one_whose_first_thread_has_ended_before_we_looked_runs_until_all_have(proc: Proc) -> None:
    proc.runs(7, state="Z", threads=2)
    (proc.path / "7" / "exe").unlink()
    proc.runs(8, NOVA)
    (proc.path / "7" / "task").mkdir()
    (proc.path / "8").rename(proc.path / "7" / "task" / "8")
    (proc.path / "7" / "task" / "7").symlink_to("..")
    scanner = proc.scanner()
    for _ in range(2):
        (found,) = scanner.scan().found[NOVA]
        assert (found.pid, found.marks) == (7, (5, 5, 5))
    proc.runs(7, state="Z")
    assert proc.scanner().scan() == scanner.scan() == Scan({})


def test_one_whose_threads_are_all_on_their_way_out_is_waited_for_by_nobody_and_looked_at_again(
    proc: Proc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda pause: pytest.fail("nobody waits for it"))
    proc.runs(7, state="Z", threads=2)
    (proc.path / "7" / "task").mkdir()
    scanner = proc.scanner()
    assert scanner.scan() == Scan({})
    proc.runs(8, NOVA)
    (proc.path / "8").rename(proc.path / "7" / "task" / "8")
    stat = proc.path / "7" / "task" / "8" / "stat"
    lives = stat.read_text()
    stat.write_text(lives.replace(str(0x00400000), str(0x00400004)))
    assert scanner.scan() == Scan({})
    stat.write_text(lives)
    assert pids(scanner.scan()) == {7}


def test_a_thread_that_follows_another_while_they_are_looked_at_is_found(
    proc: Proc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda pause: pytest.fail("nobody waits for it"))
    proc.runs(7, state="Z", threads=2)
    tasks = proc.path / "7" / "task"
    tasks.mkdir()
    (tasks / "8").mkdir()
    proc.runs(9, NOVA)
    listdir = os.listdir

    def listed(path: str) -> list[str]:
        found = listdir(path)
        if path == str(tasks) and "8" in found:  # it ends right after it was listed
            (tasks / "8").rmdir()
            (proc.path / "9").rename(tasks / "9")
        return found

    monkeypatch.setattr(os, "listdir", listed)
    scanner = Scanner(Index([Pattern.of(NOVA)]), frozenset({9}), proc=str(proc.path))
    assert pids(scanner.scan()) == {7}


def test_whose_text_stands_in_a_command_line_is_mentioned(proc: Proc) -> None:
    proc.runs(7, "/opt/nova-agent", "--config", "/etc/agent.conf")
    scanner = proc.scanner("--config /etc/agent.conf", "nova-ag", "nova-x")
    scanner.scan()
    assert scanner.mention("nova-ag") == 'pid 7 shows "/opt/nova-agent --config /etc/agent.conf"'
    assert scanner.mention("--config /etc/agent.conf")
    assert scanner.mention("nova-x") == ""


def test_an_executable_of_another_user_than_the_lists_is_mentioned(proc: Proc) -> None:
    proc.runs(7, "svc", exe="/usr/sbin/svc", user=0)
    entries = (Pattern.of("/usr/sbin/svc", user=42), Pattern.of("/usr/sbin/svc -x"))
    scanner = Scanner(Index(entries), proc=str(proc.path))
    assert scanner.scan().found == {}
    assert scanner.mention("/usr/sbin/svc") == 'pid 7 shows "svc"'
    assert scanner.mention("/usr/sbin/svc -x") == ""


@pytest.mark.parametrize("program", ["tail", "vim", "grep"])
def test_who_looks_at_a_text_does_not_mention_it(proc: Proc, program: str) -> None:
    proc.runs(7, program, "-f", NOVA, exe=f"/usr/bin/{program}")
    scanner = proc.scanner()
    scanner.scan()
    assert scanner.mention(NOVA) == ""


def test_our_own_commands_mention_nothing(proc: Proc) -> None:
    proc.runs(7, "/bin/sh", "-c", f"{NOVA} &")
    scanner = proc.scanner()
    scanner.scan()
    assert scanner.mention(NOVA) != "" and scanner.mention(NOVA, {7}) == ""


def test_of_ourselves_only_the_monitors_that_we_run_are_found(proc: Proc) -> None:
    proc.runs(os.getpid(), "python3", "/usr/bin/masakari-monitors", "run", exe="/usr/bin/python3.11")
    found = proc.scanner("masakari-hostmonitor", "masakari-monitors").scan().found
    assert set(found) == {"masakari-hostmonitor"}
