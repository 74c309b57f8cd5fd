"""Which of our own commands run, as the decision observes it, and as they are found after a kill."""

import asyncio
import contextlib
import errno
import itertools
import os
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from masakarimonitors.processmonitor.core.observation import CommandsRun, Observation
from masakarimonitors.processmonitor.sources import commands
from masakarimonitors.processmonitor.sources.commands import Commands, FindLeft, left
from masakarimonitors.processmonitor.sources.stat import Stat
from tests.fixtures.waiting import PATIENCE

TICKS = os.sysconf("SC_CLK_TCK")
US = ("/usr/bin/python3", "/usr/bin/masakari-monitors", "processmonitor")
LINES = ["systemctl restart nova", "/opt/fix 'a b'"]


async def test_what_is_told_before_it_runs_and_afterwards_is_observed_in_order() -> None:
    commands = Commands()
    told = [CommandsRun("a", ((7, 1),)), CommandsRun("b", ()), CommandsRun("a", ())]
    commands.tell(told[0])
    seen: asyncio.Queue[Observation] = asyncio.Queue()
    running = asyncio.get_running_loop().create_task(commands.run(seen.put_nowait))
    for one in told[1:]:
        commands.tell(one)
    assert [await seen.get() for _ in told] == told
    running.cancel()


def shows(
    proc: Path, pid: int, words: Sequence[str], *, began: float, leads: bool = True, state: str = "S"
) -> None:
    """A process of a /proc of our own, which began at that monotonic second."""
    session = pid if leads else 1
    fields = [state, 1, pid, session, *[0] * 13, 1, 0, int(began * TICKS), *[0] * 20]
    (proc / str(pid)).mkdir(exist_ok=True)
    (proc / str(pid) / "stat").write_text(f"{pid} (x) {' '.join(map(str, fields))}\n")
    (proc / str(pid) / "cmdline").write_text("".join(f"{word}\0" for word in words))


@pytest.mark.parametrize(
    "words",
    [
        ["systemctl", "restart", "nova"],
        ["/usr/bin/systemctl", "restart", "nova"],
        ["/bin/sh", "/usr/local/bin/systemctl", "restart", "nova"],
        ["/bin/bash", "-e", "/opt/fix", "a b"],
    ],
)
def test_what_an_earlier_life_has_begun_is_found_by_its_words(tmp_path: Path, words: Sequence[str]) -> None:
    shows(tmp_path, 0, US, began=1.0)
    (tmp_path / "0").rename(tmp_path / "self")
    shows(tmp_path, 70, words, began=100.0)
    assert left(LINES, 100.0, str(tmp_path)) == [(70, 100 * TICKS)]
    assert left(LINES, 101.0, str(tmp_path)) == []  # it was there before
    shows(tmp_path, 70, words, began=100.0, leads=False)  # as each of our commands does
    assert left(LINES, 99.0, str(tmp_path)) == []
    shows(tmp_path, 70, words, began=100.0, state="Z")
    assert left(LINES, 99.0, str(tmp_path)) == []


@pytest.mark.parametrize(
    "words",
    [[], ["systemctl"], ["systemctl", "restart", "neutron"], ["systemctl", "restart", "nova", "x"], ["a b"]],
)
def test_others_are_none(tmp_path: Path, words: Sequence[str]) -> None:
    shows(tmp_path, 0, US, began=1.0)
    (tmp_path / "0").rename(tmp_path / "self")
    shows(tmp_path, 70, words, began=100.0)
    assert left(LINES, 99.0, str(tmp_path)) == []


def test_one_whose_program_lies_on_a_disk_that_does_not_answer_is_found_too(tmp_path: Path) -> None:
    """It shows the command line of the life that has begun it for so long."""
    shows(tmp_path, 0, US, began=1.0)
    (tmp_path / "0").rename(tmp_path / "self")
    shows(tmp_path, 70, US, began=100.0, state="D")
    shows(tmp_path, 71, US, began=100.0)  # another monitor of this kind
    assert left(LINES, 99.0, str(tmp_path)) == [(70, 100 * TICKS)]


async def test_a_real_one_is_found() -> None:
    began = time.monotonic()
    argv = ["sleep", f"600.{os.getpid()}"]
    with subprocess.Popen(argv, start_new_session=True) as command:  # noqa: ASYNC220 - it returns at once
        try:
            assert [pid for pid, _started in await FindLeft()([" ".join(argv)], began)] == [command.pid]
        finally:
            command.kill()


def test_a_shortage_of_ours_is_not_taken_for_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shows(tmp_path, 0, US, began=1.0)
    (tmp_path / "0").rename(tmp_path / "self")
    shows(tmp_path, 70, LINES[0].split(), began=100.0)

    def fails(pid: int, proc: str) -> Stat:
        raise OSError(fault, "read", f"{proc}/{pid}/stat")

    monkeypatch.setattr(commands, "read_stat", fails)
    fault = errno.ESRCH
    assert left(LINES, 99.0, str(tmp_path)) == []
    fault = errno.EMFILE
    with pytest.raises(OSError, match="70"):
        left(LINES, 99.0, str(tmp_path))


async def test_looks_that_hang_keep_three_threads_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, begun, goes_on = itertools.count(1), threading.Semaphore(0), threading.Event()

    def hangs(lines: Sequence[str], since: float) -> Sequence[tuple[int, int]]:
        number = next(asked)
        begun.release()
        goes_on.wait()
        return [(number, number)]

    find = FindLeft(hangs)
    try:
        with monkeypatch.context() as impatient:
            impatient.setattr(commands, "_PATIENCE", 0.0)
            for number in range(5):
                with pytest.raises(TimeoutError):
                    await find(LINES, 1.0)
                assert number >= 3 or await asyncio.to_thread(begun.acquire, timeout=PATIENCE)
        assert next(asked) == 4
    finally:
        goes_on.set()

    found: Sequence[tuple[int, int]] = []
    async with asyncio.timeout(PATIENCE):
        while not found:
            with contextlib.suppress(TimeoutError):
                found = await find(LINES, 1.0)
            await asyncio.sleep(0)


async def test_hundreds_look_one_after_another() -> None:
    """Side by side each would take as long as all of them."""
    inside, most = [0], [0]

    def look(lines: Sequence[str], since: float) -> Sequence[tuple[int, int]]:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0)  # others may run
        inside[0] -= 1
        return [(int(since), 1)]

    find = FindLeft(look)
    found = await asyncio.gather(*(find(LINES, float(number)) for number in range(50)))
    assert found == [[(number, 1)] for number in range(50)] and most == [1]
