"""A file system that really hangs: reports are offered all the same, and are on disk once it answers."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from masakarimonitors.core.decision import Notify
from masakarimonitors.core.notification import HostEvent, ProcessNotification
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.storage.sqlite import SqliteStore
from masakarimonitors.system.clock import SystemClock
from masakarimonitors.system.processes.command import run
from tests.fixtures.fake_clock import EPOCH
from tests.fixtures.hung_disk import freeze, mounted, needed
from tests.fixtures.waiting import PATIENCE, eventually


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path) as folder:
        yield folder


@needed
async def test_reports_pass_by_a_disk_that_hangs_and_are_written_when_it_answers(disk: Path) -> None:
    def report(name: str) -> Notify:
        return Notify(ProcessNotification("c1", EPOCH, HostEvent.STOPPED, name), "it died")

    def offered() -> set[str]:
        return {subject for subject in outbox.subjects() if list(outbox.deliverable(subject))}

    clock, path = SystemClock(), disk / "outbox.sqlite"
    outbox = Outbox(SqliteStore(path), clock, deadline=1.0)
    await outbox.open()
    writer = asyncio.get_running_loop().create_task(outbox.run())
    try:
        freeze(disk)
        try:
            outbox.submit([report("a")], clock.now())
            await eventually(lambda: offered() == {"process:a"}, "the report to be offered from memory")
            assert "the disk does not answer" in outbox.fault
            # A monitor starts programs all the time: with a page of that disk in our memory, this would not return,
            # and no other thread would go on.
            ran = await run(["true"], timeout=PATIENCE)
            assert ran.ok
        finally:
            freeze(disk, "-u")
        await eventually(lambda: not outbox.fault, "the disk to be used again")
        outbox.submit([report("b")], clock.now())
    finally:
        writer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writer
        await outbox.close()
    store = SqliteStore(path)
    assert [row.subject for row in store.load().pending] == ["process:a", "process:b"]
    store.close()
