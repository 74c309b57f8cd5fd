"""As soon as a monitor knows that it sees or does not, probes and metrics say so: no time has to pass."""

import asyncio
from collections.abc import Callable

import aiohttp

from masakarimonitors.cmd.wiring import wire
from masakarimonitors.core.decision import NOTHING, Decision, Instant, Woken
from masakarimonitors.monitor import Monitor
from masakarimonitors.outbox.delivery.delivery import DeliveryPolicy
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.storage.store import MemoryStore
from masakarimonitors.status import web
from masakarimonitors.status.health import Sight, View
from tests.fixtures.fake_api import FakeApi
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.waiting import PATIENCE


class Learning:
    """A source that knows what it is told, and the decision after it."""

    name = "told"

    def __init__(self) -> None:
        self.known: asyncio.Queue[Sight] = asyncio.Queue()
        self.judged: asyncio.Queue[Sight] = asyncio.Queue()

    async def run(self, emit: Callable[[Sight], None]) -> None:
        while True:
            emit(await self.known.get())

    def decide(self, state: Sight, seen: Sight | Woken, now: Instant) -> tuple[Sight, Decision]:
        assert isinstance(seen, Sight)
        self.judged.put_nowait(seen)
        return seen, NOTHING

    async def learns(self, sight: Sight) -> None:
        self.known.put_nowait(sight)
        async with asyncio.timeout(PATIENCE):
            assert await self.judged.get() is sight


async def test_a_change_is_on_probe_and_metric_in_the_moment_in_which_it_is_known() -> None:
    clock, source = FakeClock(), Learning()
    began = clock.now()
    monitor = Monitor[Sight, Sight](
        name="m",
        state=Sight.UNKNOWN,
        decide=source.decide,
        sources=[source],
        views=lambda state, now: [View("world", state, "so")],
    )
    outbox = Outbox(MemoryStore(), clock)
    await outbox.open()
    wired = wire(monitor, outbox, FakeApi(), DeliveryPolicy(), clock)
    async with (
        web.serve([wired.status], clock, "127.0.0.1:0") as url,
        aiohttp.ClientSession(url) as client,
        asyncio.TaskGroup() as tasks,
    ):
        running = tasks.create_task(wired.daemon.run())

        async def said(path: str) -> str:
            async with client.get(path) as answer:
                return await answer.text()

        for sight in (Sight.PROVEN, Sight.BLIND, Sight.PROVEN, Sight.UNKNOWN):
            await source.learns(sight)
            proven = sight is Sight.PROVEN
            assert ("m world: so" in await said("/readyz")) is not proven
            assert ("m world: so" in await said("/healthz")) is not proven
            lines = (await said("/metrics")).splitlines()
            assert f'masakari_monitors_view_proven{{monitor="m",view="world"}} {float(proven)}' in lines
            assert f'masakari_monitors_health{{health="blind",monitor="m"}} {float(not proven)}' in lines
        running.cancel()
    assert clock.now() == began
