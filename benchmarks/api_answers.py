"""masakari-api drips its answers: how long a new failure waits for those that hold every place."""

import asyncio
import json
import statistics
import time

from keystoneauth1 import adapter, loading
from keystoneauth1.session import Session

from benchmarks.table import Row
from masakarimonitors.core.decision import Notify
from masakarimonitors.core.notification import HostEvent, ProcessNotification
from masakarimonitors.masakari_api import MasakariApi
from masakarimonitors.outbox.delivery.delivery import Delivery, DeliveryPolicy
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.storage.store import MemoryStore
from masakarimonitors.system.clock import SystemClock
from masakarimonitors.system.network.exchange import bound
from tests.fixtures.odd_server import ACCEPTED, Asked, drips, odd_server

TIMES = 5
PLACES = 8
TIME = 3.0
"""Seconds that an answer may take here; 30 unless `[api] timeout` says otherwise."""
BAR = 1.0
DRIP = drips(b"HTTP/1.1 202 Accepted\r\nContent-Length: 1000000\r\n\r\n")


async def bench() -> list[Row]:
    """Seconds from the end of the time of answers that drip to the acceptance of another report."""
    late = [await _once() for _ in range(TIMES)]
    worst, usual = max(late), statistics.median(late)
    return [
        Row(
            f"{PLACES} answers drip: their time is over -> another report is accepted",
            f"<= {BAR:.0f} s",
            f"{usual:.3f} s, at worst {worst:.3f} s",
            worst <= BAR,
        )
    ]


async def _once() -> float:
    accepted: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if json.loads(asked.body)["notification"]["payload"]["process_name"] != "new":
            await DRIP(asked, writer)
        writer.write(ACCEPTED)
        accepted.set_result(time.monotonic())

    clock = SystemClock()
    outbox = Outbox(MemoryStore(), clock)
    await outbox.open()

    def report(name: str) -> None:
        died = ProcessNotification("compute-1", clock.now().wall, HostEvent.STOPPED, name)
        outbox.submit([Notify(died, "it died")], clock.now())

    async with odd_server(answer) as server:
        session = Session(
            auth=loading.get_plugin_loader("none").load_from_options(endpoint=f"{server.url}/v1")
        )
        bound(session)
        api = MasakariApi(adapter.Adapter(session, service_type="instance-ha"), timeout=TIME, threads=PLACES)
        delivery = Delivery(outbox, api, DeliveryPolicy(concurrency=PLACES), clock)
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(part.run()) for part in (outbox, delivery)]
            began = time.monotonic()
            for number in range(PLACES):
                report(f"old{number}")
            await server.until(PLACES)
            report("new")
            took = await accepted - began - TIME
            for task in running:
                task.cancel()
        api.close()
    return max(0.0, took)
