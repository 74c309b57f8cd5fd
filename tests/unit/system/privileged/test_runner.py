"""The monitor's half of a command of root's; root's half does its work in this process, without root."""

import asyncio
import contextlib
import errno
import os
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from oslo_config import cfg
from oslo_privsep.daemon import FailedToDropPrivileges

from masakarimonitors.privsep import monitors_priv
from masakarimonitors.processmonitor.sources.stat import read_stat
from masakarimonitors.system.privileged import helper, runner
from masakarimonitors.system.privileged.configuration import RefusedForNow
from masakarimonitors.system.privileged.runner import (
    HelperFault,
    HelperForbidden,
    HelperRefused,
    RunAsRoot,
    Start,
    forbidden,
)
from masakarimonitors.system.processes.command import NotBegun
from tests.fixtures.descendants import begun_since, descendants
from tests.fixtures.lifeline import alive, kill
from tests.fixtures.open_files import Files, open_files, opened_since
from tests.fixtures.unreachable import Unreachable, waits_for_storage
from tests.fixtures.waiting import PATIENCE, eventually

pytestmark = pytest.mark.xdist_group("process")


@pytest.fixture(autouse=True)
def helper_in_this_process() -> Iterator[None]:
    """Calls of oslo.privsep are made here, and its global configuration is left as it was."""
    monitors_priv.set_client_mode(False)
    yield
    monitors_priv.set_client_mode(True)
    cfg.CONF.clear()


@pytest.fixture
def unreachable(tmp_path: Path) -> Iterator[Unreachable]:
    program = Unreachable(tmp_path)
    yield program
    program.answer()


def asking(*argv: str) -> tuple[str, Start]:
    """What a `Start` of root's half comes to: the program's name, and the wish to have it run."""
    return argv[0], lambda place, word: helper.launch(lambda: argv, place, word)


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
    await RunAsRoot([], [])(*asking("true"), 30.0, lambda pid: None)
    assert connection.running is not reset


async def test_how_a_command_ended_is_told_as_of_any_other() -> None:
    pids: list[int] = []
    done = await RunAsRoot([], [])(
        *asking("sh", "-c", "echo $$; printf '\\377' >&2; exit 3"), 30.0, pids.append
    )
    assert (done.exit_code, done.timed_out, done.errors) == (3, False, "\\xff")
    assert [done.output.strip()] == [str(pid) for pid in pids]
    assert 0 < done.seconds < 30


async def test_what_cannot_be_started_is_an_oserror_and_was_never_started() -> None:
    pids: list[int] = []
    with pytest.raises(OSError, match="/no/such/program"):
        await RunAsRoot([], [])(*asking("/no/such/program"), 30.0, pids.append)
    assert pids == []


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EMFILE, errno.ENOENT])
async def test_why_it_cannot_be_started_is_told_as_of_a_command_of_our_own(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def launch(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), "program")

    monkeypatch.setattr(helper, "Launched", launch)
    with pytest.raises(OSError, match="program") as raised:
        await RunAsRoot([], [])(*asking("program"), 30.0, lambda pid: None)
    assert raised.value.errno == number
    assert str(raised.value) == f"[Errno {number}] {os.strerror(number)}: 'program'"


def _no_thread(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


async def test_a_shortage_of_threads_is_told_as_one_of_processes_is(monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunAsRoot([], [])
    with monkeypatch.context() as shortage:
        shortage.setattr(threading.Thread, "start", _no_thread)
        with pytest.raises(OSError, match="TasksMax") as raised:
            await run(*asking("true"), 30.0, lambda pid: None)
    assert raised.value.errno == errno.EAGAIN
    assert (await run(*asking("true"), 30.0, lambda pid: None)).ok


async def test_a_shortage_of_threads_keeps_no_cancelled_command_alive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its caller is told what it would be otherwise, and the helper is asked again to end the command."""
    monkeypatch.setattr(runner, "_LET_GO_EVERY", 0.01)
    run, pids = RunAsRoot([], []), list[int]()
    running = asyncio.get_running_loop().create_task(run(*asking("sleep", "1000"), 1000.0, pids.append))
    await eventually(lambda: pids, "its pid")
    with monkeypatch.context() as shortage:
        shortage.setattr(threading.Thread, "start", _no_thread)
        run._pool = None  # as after a call that the helper has not answered in time
        running.cancel()
        await asyncio.wait({running})
        assert running.cancelled() and alive(pids[0])
    await eventually(lambda: not alive(pids[0]), "its end")


async def test_a_command_that_hangs_is_killed_at_its_time_with_its_children(tmp_path: Path) -> None:
    file = tmp_path / "child"
    script = f"sleep 1000 & echo $! > {tmp_path}/new; mv {tmp_path}/new {file}; wait"

    async def nobody() -> set[int]:
        await eventually(file.exists, "the child")
        return set()

    done = await RunAsRoot([], [])(*asking("sh", "-c", script), 3.0, lambda pid: None, spare=nobody)
    assert done.timed_out and done.exit_code == -9
    child = int(file.read_text())
    await eventually(lambda: not alive(child), "the end of the child")


async def test_cancelling_kills_the_command_too() -> None:
    pids: list[int] = []
    run = RunAsRoot([], [])
    running = asyncio.get_running_loop().create_task(run(*asking("sleep", "1000"), 1000.0, pids.append))
    await eventually(lambda: pids, "its pid")
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    await run(*asking("true"), 30.0, lambda pid: None)  # what was asked before has been done by now
    await eventually(lambda: not alive(pids[0]), "its end")


@pytest.mark.parametrize("moment", ["asked", "started", "running"])
async def test_a_cancelled_command_leaves_nothing_behind_in_the_helper(moment: str, tmp_path: Path) -> None:
    """Neither its process nor its two files, at whichever moment its caller goes; both are ours here."""
    run = RunAsRoot([], [])
    await run(*asking("true"), 30.0, lambda pid: None)
    files, processes = open_files(), descendants()
    for number in range(10):
        running = asyncio.Event()
        argv = ("sh", "-c", f"touch {tmp_path}/{number}; exec sleep 1000")
        task = asyncio.get_running_loop().create_task(run(*asking(*argv), 1000.0, partial(_note, running)))
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
    await run(*asking("true"), 30.0, lambda pid: None)  # what was asked before has been done by now
    await only(processes, files)


def _note(running: asyncio.Event, pid: int) -> None:
    running.set()


async def test_a_command_that_cannot_be_watched_leaves_nothing_behind() -> None:
    run = RunAsRoot([], [])
    await run(*asking("true"), 30.0, lambda pid: None)
    files, processes = open_files(), descendants()

    def broken(pid: int) -> None:
        raise RuntimeError("its caller has a fault")

    with pytest.raises(RuntimeError):
        await run(*asking("sleep", "1000"), 1000.0, broken)
    await run(*asking("true"), 30.0, lambda pid: None)
    await only(processes, files)


async def only(processes: set[int], files: Files) -> None:
    """What hangs for a moment longer is let go of by the helper's next call."""
    await eventually(
        lambda: (
            helper.launch(lambda: ["/no/such/program"], "", "")
            and not begun_since(processes)
            and not opened_since(files)
        ),
        lambda: f"{begun_since(processes)} are left; and {opened_since(files)}",
    )


async def test_one_runner_runs_many_commands_side_by_side(tmp_path: Path) -> None:
    # Each one waits until all have begun: one after the other they would never end.
    script = f"touch {tmp_path}/$0; while [ $(ls {tmp_path} | wc -l) -lt 10 ]; do sleep 0.05; done"
    run = RunAsRoot([], [])
    done = await asyncio.gather(
        *(run(*asking("sh", "-c", script, str(n)), 60.0, lambda pid: None) for n in range(10))
    )
    assert all(one.ok for one in done)


async def test_the_helper_is_configured_with_the_files_of_the_monitor(tmp_path: Path) -> None:
    file = tmp_path / "a.conf"
    file.write_text("[masakarimonitors_privileged]\nuser = somebody\n")
    assert (await RunAsRoot([str(file)], [])(*asking("true"), 30.0, lambda pid: None)).ok
    assert cfg.CONF.config_file == [str(file)]
    assert monitors_priv.conf.user == "somebody"


async def test_what_a_command_prints_is_kept_as_far_as_is_asked() -> None:
    run = RunAsRoot([], [])
    argv = ("sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x; echo end")
    assert len((await run(*asking(*argv), 60.0, lambda pid: None)).output) == 1 << 20
    done = await run(*asking(*argv), 60.0, lambda pid: None, keep=64 << 20)
    assert len(done.output) == 3_000_004 and done.output.endswith("xend\n")


async def test_no_descriptor_is_left_behind(tmp_path: Path) -> None:
    run = RunAsRoot([], [])
    await run(*asking("true"), 30.0, lambda pid: None)
    before = open_files()
    for argv in (["true"], ["sh", "-c", "exit 3"], ["echo", "x"]):
        await run(*asking(*argv), 30.0, lambda pid: None)
    with contextlib.suppress(OSError):
        await run(*asking("/no/such/program"), 30.0, lambda pid: None)
    assert not opened_since(before)


async def test_a_command_that_is_to_go_on_does_when_its_caller_goes_and_nothing_is_kept_of_it(
    tmp_path: Path,
) -> None:
    run = RunAsRoot([], [])
    await run(*asking("true"), 30.0, lambda pid: None)
    files = open_files()
    running = asyncio.Event()
    script = (
        f"echo $$ > {tmp_path}/pid; while ! test -e {tmp_path}/go; do sleep 0.01; done; touch {tmp_path}/done"
    )
    task = asyncio.get_running_loop().create_task(
        run(*asking("sh", "-c", script), 1000.0, partial(_note, running), leave=True)
    )
    await running.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await run(*asking("true"), 30.0, lambda pid: None)  # what was asked before has been done by now
    (tmp_path / "go").touch()
    await eventually((tmp_path / "done").exists, "the end of the command")
    pid = int((tmp_path / "pid").read_text())
    await eventually(lambda: not os.path.exists(f"/proc/{pid}"), "that it is collected")
    await eventually(lambda: not opened_since(files), "its files to be closed")


async def test_a_command_that_was_not_known_yet_when_its_caller_went_is_ended(tmp_path: Path) -> None:
    """Nobody could wait for its end: neither this life of the monitor nor the next."""
    run = RunAsRoot([], [])
    await run(*asking("true"), 30.0, lambda pid: None)
    script = f"echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; exec sleep 1000"
    program, start = asking("sh", "-c", script)

    def slowly(place: str, word: str) -> tuple[int, str, int]:
        answer = start(place, word)
        loop.call_soon_threadsafe(task.cancel)
        gone.wait()
        return answer

    loop, gone = asyncio.get_running_loop(), threading.Event()
    told: list[int] = []
    task = loop.create_task(run(program, slowly, 1000.0, told.append, leave=True))
    with contextlib.suppress(asyncio.CancelledError):
        await task
    gone.set()
    await run(*asking("true"), 30.0, lambda pid: None)  # what was asked before has been done by now
    assert told == []
    file = tmp_path / "pid"
    await eventually(lambda: not file.exists() or not alive(int(file.read_text())), "its end")


@pytest.mark.parametrize("itself", [False, True])
async def test_a_command_that_hangs_is_ended_without_the_service_that_runs_by_then(
    itself: bool, tmp_path: Path
) -> None:
    """Also where the command has become the service: then it goes on, and is collected when it ends."""
    leader = f"echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/itself"
    script = f"sleep 1000 & echo $! > {tmp_path}/child; {leader}; wait"

    async def services() -> set[int]:
        await eventually((tmp_path / "itself").exists, "its pid")
        return {int((tmp_path / ("itself" if itself else "child")).read_text())}

    run = RunAsRoot([], [])
    done = await run(*asking("sh", "-c", script), 1.0, lambda pid: None, spare=services, leave=True)
    child, shell = (int((tmp_path / name).read_text()) for name in ("child", "itself"))
    try:
        assert done.timed_out and done.spared == ((shell,) if itself else (child,))
        assert done.survivors == ()
        assert alive(child) and alive(shell) is itself
    finally:
        for pid in (child, shell) if itself else (child,):
            kill(pid)
    await eventually(lambda: not os.path.exists(f"/proc/{shell}"), "that it is collected")


async def test_one_that_nobody_could_kill_is_told_to_run_on(monkeypatch: pytest.MonkeyPatch) -> None:
    pids: list[int] = []
    with monkeypatch.context() as patched:
        patched.setattr(helper, "kill_tree", _with_no_effect)
        patched.setattr(helper, "tree", lambda pid, spare: set())
        patched.setattr(helper, "still_alive", lambda victims: ())
        done = await RunAsRoot([], [])(*asking("sleep", "1000"), 1.0, pids.append)
        assert done.timed_out and done.survivors == tuple(pids)
    os.kill(pids[0], signal.SIGKILL)


def _with_no_effect(root: int, spare: object) -> dict[int, int]:
    return {root: read_stat(root).started}


async def test_what_another_helper_has_started_is_not_known_to_have_worked() -> None:
    """The first was killed meanwhile, and what it has started ended unseen."""

    def forget(pid: int) -> None:
        helper.leave(pid)

    with pytest.raises(OSError, match="was restarted while the command ran"):
        await RunAsRoot([], [])(*asking("true"), 30.0, forget)


async def test_a_helper_that_does_not_answer_is_a_shortage_of_our_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As it is where the helper was stopped, or waits for a password that nobody types."""
    answers = threading.Event()

    def hangs(place: str, word: str) -> tuple[int, str, int]:
        answers.wait()
        return 0, "", errno.ECANCELED

    monkeypatch.setattr(runner, "_CALL_TIMEOUT", 0.1)
    run = RunAsRoot([], [])
    try:
        with pytest.raises(HelperFault, match="did not answer within") as fault:
            await run("program", hangs, 0.1, lambda pid: None)
        assert fault.value.errno == errno.EAGAIN
    finally:
        answers.set()
    monkeypatch.setattr(runner, "_CALL_TIMEOUT", PATIENCE)
    assert (await run(*asking("true"), PATIENCE, lambda pid: None)).ok


@pytest.mark.parametrize(
    "error",
    [
        OSError("Premature eof waiting for privileged process"),
        ConnectionResetError(errno.ECONNRESET, "reset"),
        ValueError("odd"),
    ],
    ids=repr,
)
async def test_whatever_is_wrong_with_the_helper_says_nothing_about_the_command(error: Exception) -> None:
    def fails(place: str, word: str) -> tuple[int, str, int]:
        raise error

    with pytest.raises(HelperFault, match=str(error.args[-1])) as fault:
        await RunAsRoot([], [])("program", fails, PATIENCE, lambda pid: None)
    assert fault.value.errno == errno.EAGAIN


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FailedToDropPrivileges("sudo: a password is required"), "sudoers rule"),
        (NameError("x"), "another release"),
    ],
    ids=["sudo", "another release"],
)
async def test_where_no_helper_can_be_had_no_command_starts_and_no_time_alone_mends_that(
    error: Exception, said: str
) -> None:
    def fails(place: str, word: str) -> tuple[int, str, int]:
        raise error

    with pytest.raises(HelperRefused, match=said) as fault:
        await RunAsRoot([], [])("program", fails, PATIENCE, lambda pid: None)
    assert fault.value.errno is None


CONFINED = "Name:\tmasakari\nNoNewPrivs:\t1\nSeccomp:\t2\n"


@pytest.mark.parametrize(
    ("mode", "status", "user", "said"),
    [
        (0o4755, CONFINED, 995, True),
        (0o4755, CONFINED.replace("\t1", "\t0"), 995, False),
        (0o4755, "", 995, False),
        (0o4755, CONFINED, 0, False),
        # A helper that is no set-user-id program's may have its rights from elsewhere.
        (0o755, CONFINED, 995, False),
    ],
)
def test_where_the_kernel_gives_no_rights_sudo_is_not_asked_for_any(
    tmp_path: Path, mode: int, status: str, user: int, said: bool
) -> None:
    sudo = tmp_path / "sudo"
    sudo.write_text("")
    sudo.chmod(mode)
    found = forbidden(f"{sudo} privsep-helper --config-file x", status, user)
    assert bool(found) is said
    assert not said or ("NoNewPriv" in found and "uid 995" in found and "group haclient" in found)
    assert not forbidden(str(tmp_path / "absent"), CONFINED, 995) and not forbidden(" ", CONFINED, 995)


async def test_a_helper_that_can_never_be_is_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(runner, "forbidden", lambda command, status, user: f"not by {command.split()[0]}")
    start: Start = lambda place, word: asked.append(place) or (0, "", 0)  # type: ignore[func-returns-value]  # noqa: E731
    for _ in range(2):
        with pytest.raises(HelperForbidden, match="not by sudo"):
            await RunAsRoot([], [])("program", start, PATIENCE, lambda pid: None)
    assert not asked


@pytest.mark.parametrize("silent", ["kill", "finish"])
async def test_a_command_that_took_too_long_did_so_though_nobody_could_end_it(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids: list[int] = []

    def fails(*_: object) -> None:
        raise OSError("Premature eof waiting for privileged process")

    with monkeypatch.context() as patched:
        patched.setattr(helper, silent, fails)
        done = await RunAsRoot([], [])(*asking("sleep", "1000"), 1.0, pids.append)
    assert done.timed_out and done.exit_code == -signal.SIGKILL and "Premature eof" in done.errors
    assert done.survivors == (tuple(pids) if silent == "kill" else ())
    await eventually(lambda: not alive(pids[0]), "its end, once the helper is asked again")


async def test_nobody_is_killed_where_nobody_can_tell_whom_to_spare(tmp_path: Path) -> None:
    pids: list[int] = []

    async def blind() -> None:
        return None

    done = await RunAsRoot([], [])(*asking("sleep", "1000"), 1.0, pids.append, spare=blind)
    try:
        assert done.timed_out and done.left and done.spared == tuple(pids) and alive(pids[0])
    finally:
        kill(pids[0])
    await eventually(lambda: not os.path.exists(f"/proc/{pids[0]}"), "that it is collected")


@pytest.mark.parametrize("error", [ImportError("no such class"), NameError("not exported")])
async def test_a_helper_of_another_release_is_named(error: Exception) -> None:
    """sudo may find the one that a package has installed, though the monitor runs from an environment of its own."""

    def unknown(place: str, word: str) -> tuple[int, str, int]:
        raise error

    with pytest.raises(OSError, match="another release"):
        await RunAsRoot([], [])("program", unknown, 30.0, lambda pid: None)


async def test_what_the_helper_refuses_is_an_oserror_of_no_number_with_its_words() -> None:
    def refuses(place: str, word: str) -> tuple[int, str, int]:
        return 0, "not from this list", 0

    with pytest.raises(OSError, match=r"\Anot from this list\Z") as raised:
        await RunAsRoot([], [])("program", refuses, 30.0, lambda pid: None)
    assert raised.value.errno is None


async def test_what_is_refused_for_now_is_a_shortage_of_our_own() -> None:
    def refuses() -> list[str]:
        raise RefusedForNow("the list cannot be used, because of its line 3")

    with pytest.raises(BlockingIOError, match="its line 3"):
        await RunAsRoot([], [])(
            "program", lambda place, word: helper.launch(refuses, place, word), 30.0, lambda pid: None
        )


async def test_a_program_on_dead_storage_holds_up_no_other_command_and_never_runs(
    own_children: Callable[[], list[int]],
    unreachable: Unreachable,
) -> None:
    run = RunAsRoot([], [])
    loop = asyncio.get_running_loop()
    dead = loop.create_task(run(*asking(str(unreachable.path)), 1000.0, lambda pid: None))
    await eventually(waits_for_storage, "its process")
    assert (await run(*asking("true"), PATIENCE, lambda pid: None)).ok
    assert not dead.done()
    dead.cancel()
    await asyncio.wait({dead})
    await run(*asking("true"), PATIENCE, lambda pid: None)  # what was asked before has been done by now
    unreachable.answer()
    await eventually(lambda: not own_children() and not helper._starts, "the end of its process")
    assert not unreachable.ran.exists()


async def test_a_program_that_has_not_begun_in_its_time_is_named_and_killed(
    own_children: Callable[[], list[int]], unreachable: Unreachable
) -> None:
    run, before = RunAsRoot([], []), open_files()
    with pytest.raises(NotBegun, match="lies does not answer") as fault:
        await run(*asking(str(unreachable.path)), 1.0, lambda pid: None)
    assert fault.value.killed and fault.value.survivors == ()
    unreachable.answer()
    await eventually(lambda: not own_children() and not helper._starts, "the end of its process")
    assert not unreachable.ran.exists()
    await eventually(lambda: not opened_since(before), "its files, closed")


async def test_a_list_on_a_disk_that_does_not_answer_is_a_shortage_of_our_own(
    own_children: Callable[[], list[int]],
) -> None:
    answers = threading.Event()

    def slow() -> list[str]:
        assert answers.wait(PATIENCE)
        return ["true"]

    try:
        with pytest.raises(BlockingIOError, match="could not read which command"):
            await RunAsRoot([], [])(
                "program", lambda place, word: helper.launch(slow, place, word), 1.0, lambda pid: None
            )
    finally:
        answers.set()
    await eventually(lambda: not own_children() and not helper._starts, "that it is forgotten")
