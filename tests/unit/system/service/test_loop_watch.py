"""A loop that stalls ends its process, with the stacks; one that was only stopped does not."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from masakarimonitors.system.service.loop_watch import Stall, watched
from tests.fixtures.waiting import PATIENCE, eventually, until


def _looks(stall: Stall, turns: int, times: int, start: float) -> tuple[int, float]:
    """How many looks it takes at most, each at its time, and when the last was."""
    for count in range(1, times + 1):
        start += stall.every
        if stall.look(turns, start):
            return count, start
    return 0, start


def test_a_loop_that_does_not_turn_is_too_long_after_its_limit() -> None:
    stall = Stall(60.0)
    assert not stall.look(1, 1000.0)
    count, at = _looks(stall, 1, 100, 1000.0)
    assert (count, at) == (20, 1060.0)


def test_a_loop_that_turns_is_never_too_long() -> None:
    stall = Stall(60.0)
    assert not any(stall.look(turns, 1000.0 + 3 * turns) for turns in range(1000))


@pytest.mark.parametrize("away", [61.0, 3600.0, 1e6])
def test_time_in_which_nobody_looked_is_no_stall(away: float) -> None:
    """The process was stopped or the host paused: both threads come back, in whichever order."""
    stall = Stall(60.0)
    stall.look(1, 1000.0)
    assert not stall.look(1, 1000.0 + away)
    assert not stall.look(1, 1001.0 + away)
    assert _looks(stall, 1, 100, 1001.0 + away)[0]  # and one that does not turn then is told


async def test_a_stall_is_noticed_while_the_loop_is_in_it() -> None:
    told = threading.Event()
    with watched(0.2, lambda seconds: told.set()):
        await asyncio.sleep(0)
        assert told.wait(PATIENCE)


async def test_a_loop_that_turns_is_left_alone() -> None:
    told: list[float] = []
    before = set(threading.enumerate())
    with watched(30.0, told.append):
        for _ in range(100):
            await asyncio.sleep(0)
    await eventually(lambda: set(threading.enumerate()) <= before, "the end of its thread")
    assert told == []


async def test_who_wants_none_has_none() -> None:
    before = set(threading.enumerate())
    with watched(0):
        assert set(threading.enumerate()) <= before


_STALLS = """
import asyncio, logging, os, sys, time
from masakarimonitors import conf
from masakarimonitors.conf import log
from masakarimonitors.system.service.loop_watch import watched
log.set_up(conf.load(sys.argv[1:3], default_config_files=[], default_config_dirs=[]))
async def hangs_here():
    open(sys.argv[3], "w").close()
    {how}
async def main():
    with watched(1.0):
        await hangs_here()
asyncio.run(main())
"""


def test_the_process_ends_and_its_log_says_where_each_thread_stood(tmp_path: Path) -> None:
    script = _STALLS.format(how="time.sleep(600)")
    done = subprocess.run(
        [sys.executable, "-c", script, "--log-file", str(tmp_path / "log"), str(tmp_path / "up")],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 70
    for text in ((tmp_path / "log").read_text(), done.stderr):
        assert "hangs_here" in text
    assert "has not turned for" in (tmp_path / "log").read_text()


def test_it_ends_also_where_nobody_takes_its_words(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    script = _STALLS.format(
        how="[logging.getLogger().error('x' * 100) for _ in range(3000)]; time.sleep(600)"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", script, "--log-date-format", "%c", str(tmp_path / "up")],
            stdout=writer,
            stderr=writer,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 70
    finally:
        os.close(reader)
        os.close(writer)


def test_a_process_that_was_stopped_goes_on(tmp_path: Path) -> None:
    """It was stopped for longer than its limit, and ends by itself afterwards."""
    go_on = tmp_path / "go on"
    script = _STALLS.format(how=f"while not os.path.exists({str(go_on)!r}): await asyncio.sleep(0.01)")
    with subprocess.Popen(
        [sys.executable, "-c", script, "--log-file", tmp_path / "log", tmp_path / "up"]
    ) as one:
        until((tmp_path / "up").exists, "its start")
        one.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, one.pid, os.WSTOPPED)
        threading.Event().wait(4.0)  # nothing else can tell that it was stopped for longer
        one.send_signal(signal.SIGCONT)
        go_on.touch()
        assert one.wait(PATIENCE) == 0


def test_its_words_are_on_standard_error_where_logging_itself_is_what_hangs(tmp_path: Path) -> None:
    script = _STALLS.format(how="logging._lock.acquire(); time.sleep(600)")
    done = subprocess.run(
        [sys.executable, "-c", script, "--log-file", str(tmp_path / "log"), str(tmp_path / "up")],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 70
    assert "has not turned for" in done.stderr and "hangs_here" in done.stderr
