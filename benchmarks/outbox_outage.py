"""1,000 reports, the receiver down for a minute, the monitor killed with SIGKILL twice meanwhile."""

import asyncio
import contextlib
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.table import Row
from masakarimonitors.receiver.app import Receiver
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.lifeline import end, spawn

REPORTS = 1000
DOWN = 60.0
"""Seconds without a receiver; the monitor dies after a third and after two thirds of it."""
RETRY_INTERVAL = 10.0
"""Seconds; the manual's default of `api_retry_interval`."""
ENOUGH = 180.0


async def bench() -> list[Row]:
    """How many arrive, how often, and how long after the receiver is back."""
    with tempfile.TemporaryDirectory() as folder, _reserved() as (port, release):
        monitor = [
            *(
                sys.executable,
                "-m",
                "tests.integration.outbox.child",
                "--retry-interval",
                str(RETRY_INTERVAL),
            ),
            *(f"{folder}/outbox.sqlite", f"http://127.0.0.1:{port}", str(REPORTS)),
        ]
        for _ in range(2):
            running = spawn(monitor, log=Path(folder, "log"))
            await asyncio.sleep(DOWN / 3)
            running.kill()
            running.wait()
        running = spawn(monitor, log=Path(folder, "log"))
        try:
            await asyncio.sleep(DOWN / 3)
            release()
            receiver = Receiver(f"{folder}/receiver.sqlite", SystemClock())
            async with receiver.serve(port=port):
                back = time.monotonic()
                while running.poll() is None and time.monotonic() < back + ENOUGH:  # noqa: ASYNC110 - a process
                    await asyncio.sleep(0.05)
                took = time.monotonic() - back
                arrived = Counter(row.payload["process_name"] for row in await receiver.notifications())
        finally:
            end(running)
    twice = sum(times - 1 for times in arrived.values())
    label = f"{REPORTS} reports, receiver down {DOWN:.0f} s, monitor killed twice"
    return [
        Row(f"{label}: delivered", str(REPORTS), str(len(arrived)), len(arrived) == REPORTS),
        Row(f"{label}: accepted more than once", "0", str(twice), twice == 0),
        Row(
            "receiver back -> all delivered and the monitor done",
            f"<= {RETRY_INTERVAL + 10:.0f} s",
            f"{took:.1f} s",
            took <= RETRY_INTERVAL + 10,
        ),
    ]


@contextlib.contextmanager
def _reserved() -> Iterator[tuple[int, Callable[[], None]]]:
    """A port that refuses connections and that nobody else gets until it is released."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    with holder:
        yield holder.getsockname()[1], holder.close
