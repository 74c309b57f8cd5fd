"""Our whole way out, to run beside the real services: outbox on disk, delivery, API client."""

import asyncio
import contextlib
import datetime
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keystoneauth1.adapter import Adapter
from keystoneauth1.session import Session

from masakarimonitors.core.decision import Notify
from masakarimonitors.core.notification import (
    HostEvent,
    Notification,
    ProcessNotification,
    ReportStatus,
)
from masakarimonitors.masakari_api import MasakariApi
from masakarimonitors.masakari_lists import ReportFinder
from masakarimonitors.outbox.delivery.arrivals import Arrivals
from masakarimonitors.outbox.delivery.delivery import Delivery, DeliveryPolicy
from masakarimonitors.outbox.follow_through.follower import Follower
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.pace.looks import Looks
from masakarimonitors.outbox.pace.pace import PacePolicy
from masakarimonitors.outbox.pace.pacing import OFF, Pacing
from masakarimonitors.outbox.progress import FollowPolicy
from masakarimonitors.outbox.rows import Row
from masakarimonitors.outbox.storage.sqlite import SqliteStore
from masakarimonitors.system.clock import Clock, SystemClock
from masakarimonitors.system.network.exchange import bound
from tests.fixtures.confirming import confirm_all
from tests.fixtures.fake_clock import EPOCH

PATIENCE = 120.0
"""Seconds: where everything runs on one computer that has other work, an answer may take long."""
QUICK = DeliveryPolicy(retry_max=1000, retry_interval=0.2)


def process(name: str = "nova-compute", host: str = "compute-1", at: float = 0.0) -> ProcessNotification:
    moment = EPOCH + datetime.timedelta(seconds=at)
    return ProcessNotification(host, moment, HostEvent.STOPPED, name)


@dataclass
class Way:
    """An outbox, its delivery, and who follows what was delivered, running."""

    outbox: Outbox
    delivery: Delivery
    follower: Follower
    clock: Clock

    def report(self, *notifications: Notification) -> None:
        self.outbox.submit([Notify(one, "it died") for one in notifications], self.clock.now())

    async def rows(self) -> list[Row]:
        """Oldest first."""
        return list(reversed(await self.outbox.recent(10_000)))

    async def until(self, condition: Callable[[Sequence[Row]], bool]) -> list[Row]:
        async with asyncio.timeout(PATIENCE):
            while not condition(rows := await self.rows()):  # noqa: ASYNC110 - steps in between tell nobody
                await asyncio.sleep(0.02)
        return rows

    async def until_all(self, status: ReportStatus) -> list[Row]:
        return await self.until(lambda rows: bool(rows) and all(row.status is status for row in rows))


@contextlib.asynccontextmanager
async def way(
    api: MasakariApi,
    folder: Path,
    *,
    clock: Clock | None = None,
    policy: DeliveryPolicy = QUICK,
    pace: PacePolicy = OFF,
    follow: FollowPolicy | None = None,
) -> AsyncIterator[Way]:
    clock = clock or SystemClock()
    outbox = Outbox(SqliteStore(folder / "outbox.sqlite"), clock)
    await outbox.open()
    confirm_all(outbox)
    arrivals = Arrivals(ReportFinder(api))
    follower = Follower(outbox, clock, api, follow)
    pacing = Pacing(outbox, clock, pace, Looks(api, clock), patience=PATIENCE, on_seen=follower.seen)
    delivery = Delivery(outbox, api, policy, clock, random.Random(1), arrivals=arrivals, pacing=pacing)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(part.run()) for part in (outbox, delivery, follower)]
        yield Way(outbox, delivery, follower, clock)
        for task in running:
            task.cancel()
    await outbox.close()
    api.close()


def client(session: Session, endpoint: str | None = None) -> MasakariApi:
    """As `[api]` builds it; `endpoint` goes around the catalogue."""
    return MasakariApi(Adapter(bound(session), service_type="instance-ha", endpoint_override=endpoint))


def accepted(session: Session) -> list[dict[str, Any]]:
    """What masakari-api has, oldest first."""
    answer = session.get("/notifications?limit=1000", endpoint_filter={"service_type": "instance-ha"})
    notifications: list[dict[str, Any]] = answer.json()["notifications"]
    return notifications[::-1]
