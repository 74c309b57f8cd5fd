"""A monitor killed with SIGKILL at any point of a report's life reports exactly once after its restart."""

import asyncio
import contextlib
import random
import signal
import sqlite3
import sys
from collections import Counter
from pathlib import Path

import pytest

from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.outbox.storage.reading import read_only
from masakarimonitors.receiver.app import Receiver
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.lifeline import end, spawn
from tests.integration.outbox.child import Point

ROOT = Path(__file__).parents[3]
PATIENCE = 120.0


async def run_child(outbox: Path, url: str, count: int, *kill: str, seconds: float | None = None) -> int:
    """The exit code; after `seconds` it is killed from outside."""
    argv = [sys.executable, "-m", "tests.integration.outbox.child", str(outbox), url, str(count)]
    if kill:
        argv += ["--kill", *kill]
    child = spawn(argv, cwd=ROOT, log=outbox.with_suffix(".log"))
    try:
        async with asyncio.timeout(PATIENCE if seconds is None else seconds):
            while child.poll() is None:  # noqa: ASYNC110 - a process, not a task
                await asyncio.sleep(0.01)
    except TimeoutError:
        child.kill()
        child.wait()
        assert seconds is not None, outbox.with_suffix(".log").read_text()
    finally:
        end(child)
    return child.returncode


async def delivered_once(receiver: Receiver, outbox: Path, count: int) -> None:
    names = [f"process-{number}" for number in range(count)]
    arrived = Counter(row.payload["process_name"] for row in await receiver.notifications())
    assert arrived == Counter(names)
    rows = read_only(outbox, 10_000)
    assert [row.status for row in rows] == [ReportStatus.DELIVERED] * count


@pytest.mark.parametrize("point", Point)
async def test_killed_at_one_point_and_started_again(tmp_path: Path, point: Point) -> None:
    outbox = tmp_path / "child.sqlite"
    receiver = Receiver(":memory:", SystemClock())
    async with receiver.serve() as url:
        assert await run_child(outbox, url, 1, point.name, "1") == -signal.SIGKILL
        assert await run_child(outbox, url, 1) == 0, outbox.with_suffix(".log").read_text()
        await delivered_once(receiver, outbox, 1)


@pytest.mark.parametrize("point", Point)
async def test_killed_at_the_same_point_again_and_again_with_many_reports(
    tmp_path: Path, point: Point
) -> None:
    outbox = tmp_path / "child.sqlite"
    receiver = Receiver(":memory:", SystemClock())
    async with receiver.serve() as url:
        for number in ("1", "4"):
            assert await run_child(outbox, url, 30, point.name, number) in (-signal.SIGKILL, 0)
        assert await run_child(outbox, url, 30) == 0, outbox.with_suffix(".log").read_text()
        await delivered_once(receiver, outbox, 30)


@pytest.mark.parametrize("seed", range(4))
async def test_killed_at_any_moment(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    outbox = tmp_path / "child.sqlite"
    receiver = Receiver(":memory:", SystemClock(), delay=0.002)
    async with receiver.serve() as url:
        for _ in range(3):
            await run_child(outbox, url, 200, seconds=rng.uniform(0.3, 1.5))
            if outbox.exists():
                with contextlib.closing(sqlite3.connect(outbox)) as db:
                    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert await run_child(outbox, url, 200) == 0, outbox.with_suffix(".log").read_text()
        await delivered_once(receiver, outbox, 200)
