"""A program that cannot be read yet: the loop goes on, and nothing is left of whoever is not waited for any more."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from masakarimonitors.system.processes import command, launching, spawning
from masakarimonitors.system.processes.command import Launched
from masakarimonitors.system.processes.launching import Stdout, being_started
from tests.fixtures.open_files import open_files, opened_since
from tests.fixtures.unreachable import Unreachable, waits_for_storage
from tests.fixtures.waiting import PATIENCE, eventually, growing, until

pytestmark = pytest.mark.xdist_group("process")


@pytest.fixture
def unreachable(tmp_path: Path) -> Iterator[Unreachable]:
    program = Unreachable(tmp_path)
    yield program
    program.answer()


async def test_the_loop_goes_on_while_a_program_cannot_be_read(unreachable: Unreachable) -> None:
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(command.run([str(unreachable.path)], timeout=60))
        # Whoever blocks the loop never gets here before the kernel takes the lease away, and the program has run.
        await eventually(waits_for_storage, "its process")
        assert not unreachable.ran.exists()
        unreachable.answer()
        assert (await running).ok
    assert unreachable.ran.exists()


async def test_a_program_that_has_not_begun_in_its_time_never_runs(
    own_children: Callable[[], list[int]], unreachable: Unreachable
) -> None:
    before = open_files()
    for seconds in growing(0.5, "its process"):
        with pytest.raises(command.NotBegun, match="lies does not answer") as fault:
            await command.run([str(unreachable.path)], timeout=seconds)
        if fault.value.killed:
            break
    assert fault.value.survivors == ()
    unreachable.answer()
    await eventually(lambda: not own_children(), "the end of its process")
    assert not unreachable.ran.exists()
    # The lease's own descriptor is closed by now.
    await eventually(lambda: not opened_since(before), "its files, closed")


def test_whose_output_it_is_is_known_without_a_look_at_any_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that lies on storage that does not answer would hold up whoever looks at it."""
    ours, writer = command._unlinked_file()
    again, others = command._unlinked_file()
    with (tmp_path / "log").open("wb") as elsewhere:
        beside = [subprocess.Popen(["sleep", "1000"], stdout=one) for one in (elsewhere, others)]
        sought = subprocess.Popen(["sleep", "1000"], stdout=writer)
    try:
        for name in ("stat", "fstat"):
            monkeypatch.setattr(os, name, lambda *_, **__: pytest.fail("it looks at the file"))
        assert being_started(ours) == sought.pid
        assert being_started(again) == beside[1].pid
    finally:
        monkeypatch.undo()
        for one in (*beside, sought):
            one.kill()
            one.wait()
        for fd in (ours, writer, again, others):
            os.close(fd)


async def test_the_files_of_a_command_are_not_closed_on_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where TMPDIR lies on storage that does not answer, a close may wait for it."""
    dup, close, kept, closed = os.dup, os.close, list[int](), dict[int, str]()

    def keep(fd: int) -> int:
        kept.append(dup(fd))
        return kept[-1]

    def note(fd: int) -> None:
        closed[fd] = threading.current_thread().name
        close(fd)

    monkeypatch.setattr(os, "dup", keep)
    monkeypatch.setattr(os, "close", note)
    with pytest.raises(FileNotFoundError):
        await command.run(["/no/such/program"], timeout=60)
    await eventually(lambda: bool(kept) and kept[0] in closed, "its file, closed")
    assert closed[kept[0]] == "launch"


@pytest.mark.parametrize("cancelled", [False, True])
async def test_a_thread_that_hangs_ahead_of_the_start_starts_nothing_later(
    cancelled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files of the output are on storage that does not answer, until nobody waits for the command any more."""
    files, reached, answers = command._unlinked_file, threading.Event(), threading.Event()
    begun: list[str] = []

    def slow() -> tuple[int, int]:
        reached.set()
        assert answers.wait(PATIENCE)
        return files()

    def start(*_: object, **__: object) -> None:
        begun.append("started")
        raise OSError("started")

    monkeypatch.setattr(command, "_unlinked_file", slow)
    monkeypatch.setattr(spawning, "start", start)
    before = open_files()
    loop, timeout = asyncio.get_running_loop(), PATIENCE if cancelled else 0.05
    try:
        while not reached.is_set():  # what is given up ahead of its thread's first step is never begun anyway
            running = loop.create_task(command.run(["/bin/true"], timeout=timeout))
            if cancelled:
                await eventually(reached.is_set, "its thread")
                running.cancel()
            await asyncio.wait({running})
            assert running.cancelled() if cancelled else isinstance(running.exception(), command.NotBegun)
            timeout *= 2
    finally:
        answers.set()
    await eventually(lambda: all(one.name != "launch" for one in threading.enumerate()), "the thread's end")
    assert begun == [] and not opened_since(before)


@pytest.mark.parametrize("leave", [False, True])
async def test_whoever_is_cancelled_meanwhile_leaves_none_that_runs_later(
    own_children: Callable[[], list[int]], unreachable: Unreachable, leave: bool
) -> None:
    task = asyncio.get_running_loop().create_task(
        command.run([str(unreachable.path)], timeout=60, leave=leave)
    )
    await eventually(waits_for_storage, "its process")
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    unreachable.answer()
    await eventually(lambda: not own_children(), "the end of its process")
    assert not unreachable.ran.exists()


async def test_two_that_wait_are_told_apart(own_children: Callable[[], list[int]], tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir()
    one, other = (Unreachable(folder) for folder in folders)
    with contextlib.ExitStack() as undo:
        for each in (one, other):
            undo.callback(each.answer)
        async with asyncio.TaskGroup() as tasks:
            kept = tasks.create_task(command.run([str(other.path)], timeout=60))
            await eventually(lambda: len(own_children()) == 1, "the process that is waited for")
            with pytest.raises(command.NotBegun):
                await command.run([str(one.path)], timeout=0.5)
            one.answer()
            other.answer()
            assert (await kept).ok
    assert other.ran.exists() and not one.ran.exists()


def test_a_child_is_known_by_its_output_before_it_is_ours_to_name(unreachable: Unreachable) -> None:
    kept: list[int] = []
    begun: list[Launched] = []

    def start() -> None:
        begun.append(
            Launched(
                [str(unreachable.path)], None, None, before=lambda outputs: kept.append(os.dup(outputs[0]))
            )
        )

    thread = threading.Thread(target=start)
    thread.start()
    until(waits_for_storage, "its process")
    pid = being_started(kept[0])
    unreachable.answer()
    thread.join()
    assert pid == begun[0].pid
    begun[0].kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        begun[0].reap()
    begun[0].let_go()
    assert being_started(kept[0]) == 0
    os.close(kept[0])


def test_its_file_is_not_closed_while_its_process_is_looked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stdout, closing = Stdout(), list[threading.Thread]()

    def look(fd: int) -> int:
        closing.append(threading.Thread(target=stdout.close))
        closing[0].start()
        closing[0].join(0.5)  # who may close it has done so by then, or does it later
        os.fstat(fd)
        return 0

    with (tmp_path / "stdout").open("wb") as file:
        stdout.keep([file.fileno()])
    monkeypatch.setattr(launching, "being_started", look)
    assert stdout.kill() == {}
    closing[0].join(PATIENCE)
    assert not stdout.asked


async def test_of_outputs_that_are_left_open_a_bounded_number_is_kept_and_no_thread(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(launching, "most_left_open", lambda: 1)
    monkeypatch.setattr(launching, "_left_open", {})
    before, left, threads = open_files(), list[int](), set(threading.enumerate())

    def still_open() -> int:
        return len(opened_since(before))

    def none_looks() -> bool:
        return all(one.name != "output" for one in set(threading.enumerate()) - threads)

    try:
        for _ in range(2):
            ended = await command.run(["sh", "-c", "sleep 600 & echo $!"], timeout=PATIENCE)
            left.append(int(ended.output))
            await eventually(lambda: still_open() == 2 and len(launching._left_open) == 1, "one to be kept")
        assert "What 2 commands have left behind keeps their output open" in caplog.text
        # A look at what is left open takes a thread, and a descriptor, for a moment each second.
        await eventually(lambda: still_open() == 2 and none_looks(), "no thread")
    finally:
        for pid in left:
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("grown", "pauses"),
    [([0] * 7, [1, 2, 4, 8, 16, 30, 30]), ([0, 0, 1 << 20, 0], [1, 2, 1, 2]), ([0], [1])],
)
def test_output_that_is_left_open_is_looked_at_soon_while_it_grows_and_told_of_once_if_it_lasts(
    grown: list[int],
    pauses: list[float],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(launching, "_left_open", {})
    waited: list[float] = []

    class Loop:
        def call_soon_threadsafe(self, what: Callable[[], None]) -> None:
            what()

        def call_later(self, seconds: float, look: Callable[[float], None], wait: float) -> None:
            waited.append(seconds)
            if len(waited) < len(grown):
                look(wait)

    class Output:
        program, pid = "sh", 7

        def let_go_aside(self, left: Callable[[int], None], done: Callable[[], None]) -> None:
            left(grown[len(waited)])

    launching.watch_left_open(Loop(), Output())  # type: ignore[arg-type]
    assert waited == pauses
    told = r"What sh \(pid 7\) has left behind keeps its output open, .* redirect the output"
    assert len(re.findall(told, caplog.text)) == (len(grown) > 1), (
        "not of what ends moments after its command"
    )


def test_nobody_closes_output_beneath_a_thread_that_stands_still_in_a_look_at_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entered, answer = threading.Event(), threading.Event()

    def hangs(reader: int) -> bool:
        entered.set()
        return answer.wait(PATIENCE)

    launched = Launched(["true"], None, None)
    launched._popen.wait(PATIENCE)
    outputs = launched.outputs
    monkeypatch.setattr(command, "_has_writer", hangs)
    look = threading.Thread(target=launched.let_go)
    look.start()
    assert entered.wait(PATIENCE)
    forgetting = threading.Thread(target=launched.forget)
    forgetting.start()
    try:
        forgetting.join(0.05)
        for reader in outputs:
            os.fstat(reader)  # no other file can have its number
    finally:
        answer.set()
        look.join(PATIENCE)
        forgetting.join(PATIENCE)
    assert launched.outputs == []
