"""Any weather, any power cuts: every report that was on disk reaches the API, and is accepted once.

The API is a model of masakari's own rule; the disk loses what was not synced at each cut.
"""

import asyncio
import contextlib
import datetime
import random
from collections.abc import Sequence
from enum import Enum, auto
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from masakarimonitors.core.decision import Notify
from masakarimonitors.core.notification import HostEvent, ProcessNotification, ReportStatus
from masakarimonitors.masakari_answers import Delivered, Duplicate, Outcome, Unreachable
from masakarimonitors.outbox.delivery.delivery import Delivery, DeliveryPolicy
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.rows import Write
from masakarimonitors.outbox.storage.store import MemoryStore
from tests.fixtures.confirming import confirm_all
from tests.fixtures.fake_api import FakeApi
from tests.fixtures.fake_clock import FakeClock, settle

WINDOW = datetime.timedelta(seconds=180)


class Weather(Enum):
    """What happens between us and the API."""

    FINE = auto()
    REFUSED = auto()
    REQUEST_LOST = auto()
    ANSWER_LOST = auto()
    BUSY = auto()
    BROKEN_BEFORE = auto()
    BROKEN_AFTER = auto()


class Masakari:
    """Accepts by masakari's duplicate rule, and counts."""

    def __init__(self) -> None:
        self.weather = Weather.FINE
        self.accepted: list[tuple[str, datetime.datetime]] = []

    def answer(self, notification: dict[str, Any]) -> Outcome:
        match self.weather:
            case Weather.FINE:
                return self._take(notification)
            case Weather.REFUSED:
                return Unreachable("connection refused", maybe_accepted=False)
            case Weather.BUSY:
                return Unreachable("503", maybe_accepted=False)
            case Weather.REQUEST_LOST:
                return Unreachable("timed out", maybe_accepted=True)
            case Weather.BROKEN_BEFORE:
                return Unreachable("500", maybe_accepted=True, row_only=True)
        self._take(notification)
        return Unreachable("no answer", maybe_accepted=True, row_only=self.weather is Weather.BROKEN_AFTER)

    def _take(self, notification: dict[str, Any]) -> Outcome:
        name = notification["payload"]["process_name"]
        moment = datetime.datetime.fromisoformat(notification["generated_time"])
        if any(name == other and when >= moment - WINDOW for other, when in self.accepted):
            return Duplicate("409 is duplicate")
        self.accepted.append((name, moment))
        return Delivered("202")


class Disk(MemoryStore):
    """`synced` is what a power cut leaves: a sync takes all earlier writes along."""

    def __init__(self) -> None:
        super().__init__()
        self._unsynced: list[Write] = []
        self._synced: list[Write] = []

    def write(self, writes: Sequence[Write]) -> None:
        super().write(writes)
        self._unsynced += writes
        if any(write.durable for write in writes):
            self._synced += self._unsynced
            self._unsynced = []

    def cut(self) -> "Disk":
        """The disk as it is found after a power cut."""
        left = Disk()
        left.write(self._synced)
        left._synced, left._unsynced = list(self._synced), []
        return left


class Life:
    """One run of outbox and delivery, ended by `stop`."""

    def __init__(self, disk: Disk, api: FakeApi, clock: FakeClock) -> None:
        self.disk, self.clock = disk, clock
        self.outbox = Outbox(disk, clock)
        self._api = api
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await self.outbox.open()
        confirm_all(self.outbox)
        policy = DeliveryPolicy(retry_max=3, concurrency=2)
        delivery = Delivery(self.outbox, self._api, policy, self.clock, random.Random(1))
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self.outbox.run()), loop.create_task(delivery.run())]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("report"), st.integers(1, 4)),
        st.tuples(st.just("weather"), st.sampled_from(Weather)),
        st.tuples(st.just("wait"), st.sampled_from([0.0, 1.0, 10.0, 45.0, 200.0, 1000.0])),
        st.tuples(st.just("cut"), st.none()),
    ),
    max_size=25,
)


@given(STEPS)
@settings(max_examples=150, deadline=None)
async def test_whatever_happens_each_report_is_accepted_once(steps: list[tuple[str, Any]]) -> None:
    masakari, clock = Masakari(), FakeClock()
    api = FakeApi(masakari.answer)
    life = Life(Disk(), api, clock)
    await life.start()
    told = 0
    for step, value in [*steps, ("weather", Weather.FINE), ("wait", 2000.0)]:
        if step == "report":
            moment = clock.now()
            names = [f"process-{told + number}" for number in range(value)]
            told += value
            life.outbox.submit(
                [Notify(ProcessNotification("c1", moment.wall, HostEvent.STOPPED, n), "") for n in names],
                moment,
            )
            await settle(3)
        elif step == "weather":
            masakari.weather = value
        elif step == "wait":
            await clock.advance(value)
        else:
            await life.stop()
            life = Life(life.disk.cut(), api, clock)
            await life.start()
    await life.stop()
    assert sorted(name for name, _ in masakari.accepted) == sorted(f"process-{n}" for n in range(told))
    assert {row.status for row in life.disk.recent(1000)} <= {ReportStatus.DELIVERED}
