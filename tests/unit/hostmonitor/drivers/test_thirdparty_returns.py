"""What a third-party driver says while masakari-api is away: what still leaves when it is back."""

import asyncio
import contextlib
import datetime
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from masakarimonitors.cmd.wiring import wire
from masakarimonitors.core.decision import Instant, Verdict
from masakarimonitors.hostmonitor.drivers import thirdparty
from masakarimonitors.hostmonitor.drivers.thirdparty import LIFE, Said, read
from masakarimonitors.masakari_answers import Delivered, Unreachable
from masakarimonitors.outbox.delivery.delivery import DeliveryPolicy
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.storage.store import MemoryStore
from tests.fixtures.fake_api import FakeApi
from tests.fixtures.fake_clock import FakeClock, settle


def never() -> thirdparty.Foreign:
    raise AssertionError("its source is replaced")


class Voice:
    """A driver that says what a test wants."""

    name = "foreign"

    async def run(self, emit: Callable[[Said], None]) -> None:
        self.emit = emit
        await asyncio.Event().wait()


class Stage:
    """One disk, one clock and one masakari-api, whichever life the monitor is in."""

    def __init__(self) -> None:
        self.clock, self.store, self.api = FakeClock(), MemoryStore(), FakeApi()
        self.alarms: list[str] = []
        self.answers(working=False)

    def hear(self, verdict: Verdict, at: Instant) -> None:
        self.alarms += [verdict.why] if verdict.alarm else []

    @contextlib.asynccontextmanager
    async def life(self) -> AsyncIterator[None]:
        self.voice, outbox = Voice(), Outbox(self.store, self.clock)
        await outbox.open()
        built = replace(thirdparty.monitor("foreign", never, self.clock), sources=(self.voice,))
        wired = wire(built, outbox, self.api, DeliveryPolicy(), self.clock, on_verdict=self.hear)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one.run()) for one in (outbox, wired.delivery, wired.daemon)]
            await settle()
            yield
            await settle()
            for task in tasks:
                task.cancel()
        await outbox.close()

    async def says(
        self, event: str, host_status: str = "NORMAL", *, ago: float = 0.0, patience: float = 120.0
    ) -> None:
        online = "ONLINE" if event == "STARTED" else "OFFLINE"
        payload = {"event": event, "cluster_status": online, "host_status": host_status}
        body = {"type": "COMPUTE_HOST", "hostname": "node05", "payload": payload}
        now = self.clock.now()
        at = Instant(now.monotonic - ago, now.wall - datetime.timedelta(seconds=ago))
        self.voice.emit(Said(read({"notification": body}, at), at, patience))
        await settle()

    def answers(self, *, working: bool) -> None:
        self.api.offers.clear()
        away = Unreachable("refused", maybe_accepted=False)
        self.api.answer = lambda notification: Delivered("202") if working else away

    async def told_when_back(self) -> list[str]:
        self.answers(working=True)
        await self.clock.advance(900)
        return [one["payload"]["event"] for one in self.api.offers]


async def test_a_host_that_is_back_before_masakari_heard_of_its_failure_is_not_accused() -> None:
    stage = Stage()
    async with stage.life():
        await stage.says("STOPPED")
        await stage.clock.advance(LIFE / 2)
        await stage.says("STARTED")
        assert await stage.told_when_back() == ["STARTED"]


async def test_a_failure_of_which_the_driver_says_no_more_is_given_up_and_a_person_told() -> None:
    stage = Stage()
    async with stage.life():
        await stage.says("STOPPED")
        await stage.clock.advance(LIFE)
        assert await stage.told_when_back() == []
        assert "recover it by hand" in stage.alarms[-1]


async def test_a_failure_waits_from_when_it_was_said_not_from_when_it_was_heard() -> None:
    """The loop stood still behind a disk, and the host may be back for long."""
    stage = Stage()
    async with stage.life():
        await stage.says("STOPPED", ago=LIFE)
        assert await stage.told_when_back() == []
        assert "recover it by hand" in stage.alarms[-1]


async def test_a_failure_waits_for_as_long_as_its_driver_wants_it_tried() -> None:
    """The operator has raised the retries, because masakari-api takes a while to come back."""
    stage = Stage()
    async with stage.life():
        await stage.says("STOPPED", patience=4 * LIFE)
        await stage.clock.advance(1)
        await stage.says("STOPPED")
        await stage.clock.advance(3 * LIFE)
        assert await stage.told_when_back() == ["STOPPED", "STOPPED"]


async def test_a_failure_that_the_driver_says_again_goes_on_waiting() -> None:
    stage = Stage()
    async with stage.life():
        await stage.says("STOPPED", "UNKNOWN")
        await stage.clock.advance(LIFE - 1)
        await stage.says("STOPPED")
        await stage.clock.advance(LIFE - 1)
        stage.answers(working=True)
        await stage.says("STOPPED")  # a new word makes delivery try soon
        await stage.clock.advance(60)
        assert [one["payload"]["event"] for one in stage.api.offers] == ["STOPPED"] * 3
        assert "recover it by hand" not in " ".join(stage.alarms)


async def test_a_failure_that_was_told_is_not_given_up() -> None:
    stage = Stage()
    stage.answers(working=True)
    async with stage.life():
        await stage.says("STOPPED")
        await stage.clock.advance(2 * LIFE)
        assert [one["payload"]["event"] for one in stage.api.offers] == ["STOPPED"]
        assert "recover it by hand" not in " ".join(stage.alarms)


async def test_a_failure_of_the_last_life_leaves_only_when_the_driver_says_it_anew() -> None:
    stage = Stage()
    async with stage.life():
        await stage.says("STOPPED")
    async with stage.life():
        assert "so it is forgotten: look whether it was recovered" in stage.alarms[-1]
        assert await stage.told_when_back() == []
        await stage.says("STOPPED")
        assert [one["payload"]["event"] for one in stage.api.offers] == ["STOPPED"]
