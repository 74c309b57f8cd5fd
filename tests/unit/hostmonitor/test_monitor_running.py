"""The wired host monitor in the real daemon, with the real outbox, on a clock moved by hand."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors import conf as house
from masakarimonitors.daemon import Daemon
from masakarimonitors.hostmonitor import matrix
from masakarimonitors.hostmonitor import monitor as wiring
from masakarimonitors.hostmonitor.driver import Driver
from masakarimonitors.hostmonitor.observation import Link, Observation, Sample, Sighting, View
from masakarimonitors.masakari_api import Delivered, Unreachable
from masakarimonitors.outbox.delivery import Delivery, DeliveryPolicy
from masakarimonitors.outbox.memory import MemoryStore
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.status.board import Board
from tests.fixtures.fake_api import FakeApi
from tests.fixtures.fake_clock import FakeClock, settle

OWN = "node01"


class Script:
    """A source that a test speaks through."""

    name = "script"

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._emit: Callable[[Observation], None] | None = None

    async def run(self, emit: Callable[[Observation], None]) -> None:
        self._emit = emit
        await asyncio.Event().wait()

    async def sees(self, **hosts: Link) -> None:
        assert self._emit is not None
        now = self._clock.now()
        self._emit(View("cluster", True, "quorate", now))
        self._emit(Sample("cluster", {host: Sighting(value) for host, value in hosts.items()}, now, True))
        await settle()


class Reads(FakeApi):
    """Masakari's segments, too."""

    async def get(self, path: str) -> Any:
        if path.startswith("/segments/"):
            return {"hosts": [{"uuid": "h5", "name": "node05", "on_maintenance": False}]}
        return {"segments": [{"uuid": "s1"}]}


class Stage:
    """What survives a restart: the disk, the API, the clock."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore()
        self.api = Reads()
        (folder / "x.conf").write_text(f"[DEFAULT]\nhostname = {OWN}\n")
        self.conf = house.load(["--config-file", str(folder / "x.conf")])

    @contextlib.asynccontextmanager
    async def monitor(self) -> AsyncIterator[Script]:
        """One life of the monitor."""
        source = Script(self.clock)
        outbox = Outbox(self.store, self.clock)
        await outbox.open()
        driver = Driver("script", matrix.single("cluster"), (source,))
        monitor = wiring.wire(self.conf, driver, outbox.memory, self.clock)
        monitor.use_api(self.api)  # type: ignore[arg-type]
        outbox.submit(monitor.first, self.clock.now())
        delivery = Delivery(outbox, self.api, DeliveryPolicy(), self.clock)
        daemon = Daemon(monitor, outbox, self.clock, Board("hostmonitor", self.clock.now()))
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(part.run()) for part in (outbox, delivery, daemon)]
            await settle()
            yield source
            await settle()
            for task in running:
                task.cancel()
        await outbox.close()

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(offer["hostname"], offer["payload"]["event"]) for offer in self.api.offers]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


async def test_a_failure_reaches_masakari_once_and_a_restart_repeats_nothing(stage: Stage) -> None:
    async with stage.monitor() as source:
        await source.sees(node05=Link.UP)
        await source.sees(node05=Link.DOWN)
        await stage.clock.advance(3.0)
        assert stage.told == [("node05", "STOPPED")]
    async with stage.monitor() as source:
        await source.sees(node05=Link.DOWN)
        await stage.clock.advance(600.0)
        assert stage.told == [("node05", "STOPPED")]
        await source.sees(node05=Link.UP)
        await stage.clock.advance(1.0)
        assert stage.told == [("node05", "STOPPED"), ("node05", "STARTED")]


async def test_r3_down_before_the_first_start_and_registered_in_masakari(stage: Stage) -> None:
    async with stage.monitor() as source:
        await source.sees(node05=Link.DOWN, node06=Link.DOWN)
        await stage.clock.advance(10.0)
        assert stage.told == [("node05", "STOPPED")]


async def test_a_report_that_outlived_its_reason_is_not_delivered_after_a_restart(stage: Stage) -> None:
    """The API was down, the monitor was restarted, the host came back: the waiting report is stale."""
    stage.api.answer = lambda notification: Unreachable("refused", maybe_accepted=False)
    async with stage.monitor() as source:
        await source.sees(node05=Link.UP, node06=Link.UP)
        await source.sees(node05=Link.DOWN, node06=Link.DOWN)
        await stage.clock.advance(5.0)
    stage.api.offers.clear()
    stage.api.answer = lambda notification: Delivered("202")
    async with stage.monitor() as source:
        await stage.clock.advance(60.0)
        assert stage.told == []
        await source.sees(node05=Link.UP, node06=Link.DOWN)
        await stage.clock.advance(60.0)
    assert ("node05", "STOPPED") not in stage.told
    assert stage.told.count(("node06", "STOPPED")) == 1


async def test_a_report_too_old_to_be_sent_is_made_anew_while_the_host_still_fails(stage: Stage) -> None:
    stage.api.answer = lambda notification: Unreachable("refused", maybe_accepted=False)
    async with stage.monitor() as source:
        await source.sees(node05=Link.UP)
        await source.sees(node05=Link.DOWN)
        await stage.clock.advance(86400.0 + 600.0)
        stage.api.offers.clear()
        stage.api.answer = lambda notification: Delivered("202")
        await stage.clock.advance(600.0)
        assert stage.told == [("node05", "STOPPED")]
