"""An API whose answers drip: whoever waits behind them is heard when their time is over, not after pauses of hours."""

import asyncio
import json

from keystoneauth1 import adapter, loading
from keystoneauth1.session import Session

from masakarimonitors.core.decision import Notify
from masakarimonitors.core.notification import HostEvent, ProcessNotification, ReportStatus
from masakarimonitors.masakari_api import MasakariApi
from masakarimonitors.outbox.delivery.delivery import Delivery, DeliveryPolicy
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.rows import Row
from masakarimonitors.outbox.storage.store import MemoryStore
from masakarimonitors.system.clock import SystemClock
from masakarimonitors.system.network.exchange import bound
from tests.fixtures.odd_server import ACCEPTED, Asked, drips, odd_server

PLACES = 8
DRIP = drips(b"HTTP/1.1 202 Accepted\r\nContent-Length: 1000000\r\n\r\n")


async def test_a_new_failure_is_told_when_the_time_of_answers_that_drip_is_over() -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if json.loads(asked.body)["notification"]["payload"]["process_name"] == "new":
            writer.write(ACCEPTED)
        else:
            await DRIP(asked, writer)

    ended = asyncio.Queue[Row]()
    clock, store = SystemClock(), MemoryStore()
    outbox = Outbox(store, clock)
    await outbox.open()

    def report(name: str) -> None:
        died = ProcessNotification("compute-1", clock.now().wall, HostEvent.STOPPED, name)
        outbox.submit([Notify(died, "it died")], clock.now())

    async with odd_server(answer) as server:
        session = Session(
            auth=loading.get_plugin_loader("none").load_from_options(endpoint=f"{server.url}/v1")
        )
        bound(session)
        # Long enough for all of them to arrive on a slow computer; this test lasts as long.
        api = MasakariApi(adapter.Adapter(session, service_type="instance-ha"), timeout=10.0, threads=PLACES)
        # Nobody who had to wait for a pause to be over would be heard within this test.
        policy = DeliveryPolicy(retry_interval=3600.0, concurrency=PLACES)
        delivery = Delivery(outbox, api, policy, clock, on_settled=ended.put_nowait)
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(part.run()) for part in (outbox, delivery)]
            for number in range(PLACES):
                report(f"old{number}")
            await server.until(PLACES)
            report("new")
            row = await ended.get()
            for task in running:
                task.cancel()
        api.close()
    assert (row.subject, row.status) == ("process:new", ReportStatus.DELIVERED)
    # Whether the new one is written by then is the writer's business, who was ended.
    kept = {one.subject: one.answer for one in store.recent(100) if one.subject != row.subject}
    assert len(kept) == PLACES
    assert "an answer was begun, and not ended within 10 s" in kept.values()
