"""From what is seen of an instance to what masakari has in the end: decision, outbox and delivery together, on a clock
that is moved by hand, against masakari's own rule of duplicates."""

import asyncio
import contextlib
import datetime
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from masakarimonitors.core.decision import WakeAt, Woken
from masakarimonitors.instancemonitor.core.decision import Decider
from masakarimonitors.instancemonitor.core.observation import (
    Census,
    IoFailed,
    IoFailedWithReason,
    LifecycleChanged,
    Observation,
)
from masakarimonitors.instancemonitor.core.state import Policy, State
from masakarimonitors.libvirt.domain_state import Lifecycle
from masakarimonitors.masakari_answers import Delivered, Duplicate, Outcome, Unreachable
from masakarimonitors.outbox.delivery.delivery import Delivery, DeliveryPolicy
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.storage.store import MemoryStore
from tests.fixtures.fake_api import FakeApi
from tests.fixtures.fake_clock import FakeClock, settle
from tests.fixtures.instance_play import INSTANCE, URI, running

DEATH, IO_REPORT = "STOPPED_FAILED", "IO_ERROR_REPORT"


class Masakari(FakeApi):
    """Takes nothing while it is `down`, `slow` seconds for each report, and the same words only once in 180 s."""

    def __init__(self, clock: FakeClock, slow: float) -> None:
        super().__init__(self._answer)
        self.down = False
        self.accepted: list[tuple[float, str]] = []
        self._clock, self._slow = clock, slow
        self._stored: list[tuple[datetime.datetime, str]] = []

    async def send(self, body: str, may_send: Callable[[], bool] = lambda: True) -> Outcome:
        await self._clock.sleep(self._slow)
        return await super().send(body, may_send)

    def _answer(self, notification: dict[str, Any]) -> Outcome:
        if self.down:
            return Unreachable("refused", maybe_accepted=False)
        stamp, words = (
            datetime.datetime.fromisoformat(notification["generated_time"]),
            str(notification["payload"]),
        )
        window = datetime.timedelta(seconds=180)
        if any(said == words and at >= stamp - window for at, said in self._stored):
            return Duplicate("409")
        self._stored.append((stamp, words))
        self.accepted.append(
            (self._clock.now().monotonic - 1000, notification["payload"]["vir_domain_event"])
        )
        return Delivered("202")


class Stage:
    """One instance that runs, one monitor, one masakari."""

    def __init__(self, slow: float) -> None:
        self.clock = FakeClock()
        self.api = Masakari(self.clock, slow)
        self.outbox = Outbox(MemoryStore(), self.clock)
        self.delivery = Delivery(self.outbox, self.api, DeliveryPolicy(), self.clock, random.Random(1))
        self._decide, self._state = Decider(Policy("compute-1")), State()
        self._number = 0
        self._alarms: dict[str, float] = {}

    async def see(self, seen: Observation | Woken) -> None:
        self._state, decision = self._decide(self._state, seen, self.clock.now())
        self.outbox.submit(decision.commands, self.clock.now())
        for command in decision.commands:
            match command:
                case WakeAt(key, None):
                    self._alarms.pop(key, None)
                case WakeAt(key, at) if at is not None:
                    self._alarms[key] = at
        await settle(30)

    async def event(self, event: Lifecycle, detail: int = 0) -> None:
        self._number += 1
        await self.see(LifecycleChanged(INSTANCE, self._number, event, detail))

    async def io_error(self) -> None:
        self._number += 2
        await self.see(IoFailed(INSTANCE, self._number - 1, 2, "vda"))
        await self.see(IoFailedWithReason(INSTANCE, self._number, ""))

    async def pass_by(self, seconds: float) -> None:
        end = self.clock.now().monotonic + seconds
        while self._alarms and (first := min(self._alarms.items(), key=lambda one: one[1]))[1] <= end:
            await self.clock.advance(first[1] - self.clock.now().monotonic)
            del self._alarms[first[0]]
            await self.see(Woken(first[0]))
        await self.clock.advance(end - self.clock.now().monotonic)

    def acted_on(self) -> list[str]:
        """On what masakari's engine stops and starts the instance, in order."""
        return [words for _, words in self.api.accepted if words in (DEATH, IO_REPORT)]


@contextlib.asynccontextmanager
async def staged(slow: float = 0.0) -> AsyncIterator[Stage]:
    stage = Stage(slow)
    await stage.outbox.open()
    async with asyncio.TaskGroup() as tasks:
        working = [tasks.create_task(stage.outbox.run()), tasks.create_task(stage.delivery.run())]
        await stage.see(Census(URI, (running(),), 0))
        yield stage
        for task in working:
            task.cancel()
    await stage.outbox.close()


async def test_a_second_error_does_not_restart_an_instance_that_was_recovered() -> None:
    async with staged() as stage:
        await stage.io_error()
        await stage.pass_by(5)
        await stage.io_error()
        await stage.pass_by(5)
        await stage.event(Lifecycle.STOPPED, 0)
        await stage.event(Lifecycle.STARTED)
        await stage.io_error()  # masakari calls it a duplicate: it comes too soon after the first
        await stage.event(Lifecycle.STOPPED, 0)
        await stage.event(Lifecycle.STARTED)
        await stage.event(Lifecycle.RESUMED)
        await stage.pass_by(900)
        assert stage.acted_on() == [IO_REPORT]


async def test_a_duplicate_of_an_error_that_has_ceased_is_not_offered_again() -> None:
    async with staged() as stage:
        await stage.io_error()
        await stage.pass_by(5)
        await stage.event(Lifecycle.RESUMED)
        await stage.io_error()
        await stage.pass_by(900)
        assert stage.acted_on() == [IO_REPORT]


async def test_errors_that_go_on_are_reported_again_when_masakari_takes_them() -> None:
    async with staged() as stage:
        await stage.io_error()
        await stage.pass_by(5)
        await stage.event(Lifecycle.RESUMED)
        for _ in range(200):
            await stage.io_error()
            await stage.pass_by(1)
        assert stage.acted_on() == [IO_REPORT, IO_REPORT]


@pytest.mark.parametrize("died", [False, True])
async def test_what_masakari_could_not_be_told_of_one_that_has_left_is_never_told(died: bool) -> None:
    async with staged() as stage:
        stage.api.down = True
        if died:
            await stage.event(Lifecycle.STOPPED, 5)
        else:
            await stage.io_error()
        await stage.pass_by(3600)
        if not died:
            await stage.event(Lifecycle.STOPPED, 3)
        await stage.event(Lifecycle.UNDEFINED)
        for _ in range(2):
            await stage.see(Census(URI, (), 99))
        await stage.pass_by(7200)
        stage.api.down = False
        await stage.pass_by(900)
        assert stage.acted_on() == []


async def test_a_death_after_ten_minutes_of_errors_is_told_at_once() -> None:
    async with staged(slow=2.5) as stage:
        for _ in range(600):
            await stage.io_error()
            await stage.pass_by(1)
        assert stage.outbox.waiting == 0
        await stage.io_error()
        await stage.event(Lifecycle.STOPPED, 5)
        await stage.pass_by(2.5)
        assert [at for at, words in stage.api.accepted if words == DEATH] == [602.5]
