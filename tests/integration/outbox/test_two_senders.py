"""Where every monitor reports: masakari has each failure once, and none of the reports asks for a human."""

import asyncio
import contextlib
import datetime
import random
from collections import Counter
from collections.abc import AsyncIterator

from masakarimonitors import conf
from masakarimonitors.cmd.wiring import api_client
from masakarimonitors.core.decision import Notify
from masakarimonitors.core.notification import (
    ClusterStatus,
    HostEvent,
    HostNotification,
    HostStatus,
    ReportStatus,
)
from masakarimonitors.masakari_lists import ReportFinder
from masakarimonitors.outbox.delivery.arrivals import Arrivals
from masakarimonitors.outbox.delivery.delivery import Delivery, DeliveryPolicy
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.storage.store import MemoryStore
from masakarimonitors.receiver.app import Receiver
from masakarimonitors.receiver.store import Accepted
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.waiting import eventually

HOSTS = [f"node{number:02}" for number in range(1, 5)]


@contextlib.asynccontextmanager
async def sender(url: str) -> AsyncIterator[Outbox]:
    """One monitor's outbox and delivery, running."""
    clock, api = SystemClock(), api_client(conf.load([]), url)
    outbox = Outbox(MemoryStore(), clock)
    await outbox.open()
    arrivals = Arrivals(ReportFinder(api))
    delivery = Delivery(outbox, api, DeliveryPolicy(), clock, random.Random(1), arrivals=arrivals)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(outbox.run()), tasks.create_task(delivery.run())]
        yield outbox
        for task in running:
            task.cancel()
    await outbox.close()
    api.close()


def tell(outbox: Outbox, event: HostEvent, late: float) -> None:
    """A monitor that has seen it so many seconds after the others."""
    cluster = ClusterStatus.OFFLINE if event is HostEvent.STOPPED else ClusterStatus.ONLINE
    now = SystemClock().now()
    moment = now.wall + datetime.timedelta(seconds=late)
    outbox.submit(
        [
            Notify(
                HostNotification(
                    host, moment, event=event, cluster_status=cluster, host_status=HostStatus.NORMAL
                ),
                "all of them report",
            )
            for host in HOSTS
        ],
        now,
    )


async def test_four_hosts_that_fail_and_return_leave_no_refused_row_behind() -> None:
    receiver = Receiver(":memory:", SystemClock())
    engine = set[asyncio.Task[None]]()

    def recover(accepted: Accepted) -> None:
        """As masakari's engine: what it recovers it puts on maintenance first, and for good."""
        if accepted.payload["event"] == "STOPPED":
            acting = asyncio.get_running_loop().create_task(receiver.set_maintenance(accepted.hostname, True))
            engine.add(acting)

    async with receiver.serve() as url:
        with receiver.subscribed(recover):
            async with sender(url) as one, sender(url) as other:
                for event in HostEvent.STOPPED, HostEvent.STARTED:
                    for outbox, late in ((one, 0.0), (other, -1.5)):
                        tell(outbox, event, late)
                    await eventually(lambda: one.waiting + other.waiting == 0, "every report to end")
                    await asyncio.gather(*engine)
                counts = Counter(one.counts) + Counter(other.counts)
        accepted = await receiver.notifications()
    assert sorted(row.hostname for row in accepted) == HOSTS
    assert counts == {ReportStatus.DELIVERED: 8, ReportStatus.WITHDRAWN: 8}
