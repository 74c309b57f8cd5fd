"""A delivered report is followed at the embedded receiver, by the client that monitors use."""

import asyncio
import random

import pytest

from masakarimonitors import conf
from masakarimonitors.cmd.wiring import api_client
from masakarimonitors.core.decision import Notify
from masakarimonitors.core.notification import HostEvent, ProcessNotification
from masakarimonitors.outbox.delivery.delivery import Delivery, DeliveryPolicy
from masakarimonitors.outbox.follow_through.follower import Follower
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.progress import FollowPolicy, Progress
from masakarimonitors.outbox.storage.store import MemoryStore
from masakarimonitors.receiver.app import Receiver
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.waiting import eventually

AT_ONCE = FollowPolicy(begin=0.0, early=(0.01,), spread=0.0, late=0.01, gap=0.01, late_gap=0.01)


@pytest.mark.parametrize("last", ["finished", "failed"])
async def test_a_report_is_followed_from_the_answer_that_took_it_to_the_last_word_of_the_engine(
    last: str,
) -> None:
    clock, receiver = SystemClock(), Receiver(":memory:", SystemClock())
    outbox = Outbox(MemoryStore(), clock)
    await outbox.open()
    async with receiver.serve() as url, asyncio.TaskGroup() as tasks:
        api = api_client(conf.load([]), f"{url}/v1")
        delivery = Delivery(outbox, api, DeliveryPolicy(), clock, random.Random(1))
        follower = Follower(outbox, clock, api, AT_ONCE)
        running = [tasks.create_task(part.run()) for part in (outbox, delivery, follower)]

        def state() -> str:
            return ", ".join(row.state for row in follower.describe())

        told = ProcessNotification("compute-1", clock.now().wall, HostEvent.STOPPED, "nova-compute")
        outbox.submit([Notify(told, "it died")], clock.now())
        await eventually(lambda: state() == Progress.NOT_BEGUN, state)
        (accepted,) = await receiver.notifications()
        receiver.set_status(accepted.uuid, "running")
        await eventually(lambda: state() == Progress.WORKED_ON, state)
        receiver.set_status(accepted.uuid, last)
        await eventually(lambda: state() == (Progress.FAILED if last == "failed" else ""), state)
        for task in running:
            task.cancel()
        api.close()
    await outbox.close()
