"""A disk that is really full: reports go out all the same, and are on disk once there is room."""

import asyncio
import os
import shutil
import sys
from collections import Counter
from pathlib import Path

import pytest

from masakarimonitors.receiver.app import Receiver
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.lifeline import end, spawn

ROOT = Path(__file__).parents[3]
PATIENCE = 120.0
COUNT = 40

# In a mount namespace of its own: a small file system that the child fills once its outbox is there.
SCRIPT = """
mount -t tmpfs -o size=512k none "$1" && cd "$2" || exit 9
exec "$3" -m tests.integration.outbox.child "$1/child.sqlite" "$4" "$5" --fill "$1/filler"
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root and unshare to mount a small disk"
)
async def test_reports_pass_by_a_full_disk_and_are_written_when_there_is_room(tmp_path: Path) -> None:
    disk, log = tmp_path / "disk", tmp_path / "log"
    disk.mkdir()
    receiver = Receiver(":memory:", SystemClock())
    async with receiver.serve() as url:
        argv = ["sh", "-c", SCRIPT, "sh", str(disk), str(ROOT), sys.executable, url, str(COUNT)]
        child = spawn(argv, realm=True, log=log)
        try:
            async with asyncio.timeout(PATIENCE):
                while child.poll() is None:  # noqa: ASYNC110 - a process, not a task
                    await asyncio.sleep(0.02)
        finally:
            end(child)
        arrived = Counter(row.payload["process_name"] for row in await receiver.notifications())
    said = log.read_text()
    assert child.returncode == 0, said
    assert arrived == Counter(f"process-{number}" for number in range(COUNT))
    assert "The outbox cannot be written" in said
    assert "The outbox is on disk again" in said
    assert said.splitlines()[-1].split() == ["delivered"] * COUNT
