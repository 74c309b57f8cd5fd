"""While masakari-api cannot be reached one offer at a time asks for it, and there is always a next one."""

import asyncio
import json
import random
from collections.abc import Callable

from masakarimonitors.core.decision import Instant, Notify
from masakarimonitors.core.notification import HostEvent, ProcessNotification
from masakarimonitors.masakari_answers import Delivered, Outcome, Unreachable
from masakarimonitors.outbox.delivery.delivery import Delivery, DeliveryPolicy
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.storage.store import MemoryStore
from tests.fixtures.fake_clock import FakeClock, settle

DOWN = Unreachable("refused", maybe_accepted=False)
INTERVAL = 10.0


class Steered:
    """Each offer waits for the answer that a test gives it, by the name of its process."""

    def __init__(self) -> None:
        self.answers: dict[str, asyncio.Future[Outcome]] = {}
        self.offers: list[str] = []

    async def send(self, body: str, may_send: Callable[[], bool] = lambda: True) -> Outcome:
        name = json.loads(body)["notification"]["payload"]["process_name"]
        self.offers.append(name)
        self.answers[name] = asyncio.get_running_loop().create_future()
        return await self.answers[name]


class Meddling(FakeClock):
    """Something comes in while the delivery looks for what is due, at a moment that a test sets."""

    at = float("inf")
    meddle: Callable[[], None] = staticmethod(lambda: None)

    def now(self) -> Instant:
        now = super().now()
        if now.monotonic >= self.at:
            self.at = float("inf")
            self.meddle()
        return now


async def test_an_answer_that_comes_in_the_moment_of_a_probe_is_not_the_end_of_all_offers() -> None:
    clock, api = Meddling(), Steered()
    outbox = Outbox(MemoryStore(), clock)
    await outbox.open()
    delivery = Delivery(outbox, api, DeliveryPolicy(retry_interval=INTERVAL), clock, random.Random(1))

    def report(name: str) -> Notify:
        return Notify(ProcessNotification("c1", clock.now().wall, HostEvent.STOPPED, name), "it died")

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(outbox.run()), tasks.create_task(delivery.run())]
        outbox.submit([report("slow"), report("quick")], clock.now())
        await settle()
        api.answers["quick"].set_result(DOWN)
        await settle()
        # The slow one is answered after all when the probe is begun, and has not taken its first step.
        slow = api.answers["slow"]
        clock.at, clock.meddle = clock.now().monotonic + INTERVAL, lambda: slow.set_result(Delivered("202"))
        await clock.advance(INTERVAL)
        assert api.offers == ["slow", "quick", "quick"]
        api.answers["quick"].set_result(DOWN)
        await clock.advance(INTERVAL)
        assert api.offers == ["slow", "quick", "quick", "quick"]
        for task in running:
            task.cancel()
    await outbox.close()
