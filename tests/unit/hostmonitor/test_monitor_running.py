"""The wired host monitor in the real daemon, with the real outbox, on a clock moved by hand."""

import asyncio
import contextlib
import datetime
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from masakarimonitors import conf as options
from masakarimonitors.cmd.wiring import WiredMonitor, delivery_policy, wire
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor import monitor as wiring
from masakarimonitors.hostmonitor.core.evidence import matrix
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry, with_followed
from masakarimonitors.hostmonitor.core.observation import (
    Follower,
    Leader,
    Membership,
    Observation,
    Sample,
    Sighting,
    View,
)
from masakarimonitors.hostmonitor.drivers.base import Driver
from masakarimonitors.hostmonitor.sources.path import QUESTION
from masakarimonitors.masakari_answers import Delivered, Unreachable
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.storage.store import MemoryStore
from tests.fixtures.fake_api import FakeApi
from tests.fixtures.fake_clock import FakeClock, settle
from tests.fixtures.fake_lists import FakeLists

OWN = "node01"
AT_LAST = 120.0
"""Seconds by which a failure that nothing proves is told: settled, looked at for signs of life, in this one's turn."""


class Script:
    """A source that a test speaks through."""

    name = "script"

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._emit: Callable[[Observation], None] | None = None

    async def run(self, emit: Callable[[Observation], None]) -> None:
        self._emit = emit
        await asyncio.Event().wait()

    async def leads(self) -> None:
        assert self._emit is not None
        self._emit(Leader(why="it holds the lock", at=self._clock.now(), ledger={}))
        await settle()

    async def says(self, word: Observation) -> None:
        assert self._emit is not None
        self._emit(word)
        await settle()

    async def sees(self, **hosts: Membership) -> None:
        assert self._emit is not None
        now = self._clock.now()
        self._emit(View(link="cluster", proven=True, why="quorate", at=now))
        self._emit(Sample("cluster", {host: Sighting(value) for host, value in hosts.items()}, now, True))
        await settle()


class Stage:
    """What survives a restart: the disk, the API, the clock."""

    def __init__(self, folder: Path, text: str = "") -> None:
        self.clock = FakeClock()
        self.store = MemoryStore()
        self.lists = FakeLists({"all": ["node05"]})
        self.api = FakeApi(lists=self.lists)
        (folder / "x.conf").write_text(f"[DEFAULT]\nhostname = {OWN}\n{text}")
        self.conf = options.load(["--config-file", str(folder / "x.conf")])
        self.wired: WiredMonitor | None = None

    @contextlib.asynccontextmanager
    async def monitor(
        self, on_path: Callable[[bool], None] | None = None, *, follows: bool = False
    ) -> AsyncIterator[Script]:
        """One life of the monitor; `follows`: it follows what is delivered."""
        source = Script(self.clock)
        outbox = Outbox(self.store, self.clock)
        await outbox.open()
        driver = Driver(name="script", matrix=matrix.single("cluster"), sources=(source,))
        if on_path is not None:
            driver = replace(driver, elected=True, on_path=on_path)
        monitor = wiring.wire(self.conf, driver, outbox.memory, self.clock, self.api)
        policy, reader = delivery_policy(self.conf, "hostmonitor"), self.api if follows else None
        self.wired = wired = wire(monitor, outbox, self.api, policy, self.clock, reader=reader)
        async with asyncio.TaskGroup() as tasks:
            parts = (outbox, wired.delivery, wired.daemon, wired.follower)
            running = [tasks.create_task(part.run()) for part in parts]
            await settle()
            yield source
            await settle()
            for task in running:
                task.cancel()
        await outbox.close()

    @property
    def alarms(self) -> list[tuple[str, str]]:
        """What is said of reports that masakari has and does not recover."""
        assert self.wired is not None
        return [(row.subject, row.state) for row in self.wired.follower.describe() if row.alarm]

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(offer["hostname"], offer["payload"]["event"]) for offer in self.api.offers]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


async def test_a_failure_reaches_masakari_once_and_a_restart_repeats_nothing(stage: Stage) -> None:
    async with stage.monitor() as source:
        await source.sees(node05=Membership.UP)
        await source.sees(node05=Membership.DOWN)
        await stage.clock.advance(AT_LAST)
        assert stage.told == [("node05", "STOPPED")]
    # As its engine does with each report that it works off.
    stage.lists.on_maintenance.add("node05")
    async with stage.monitor() as source:
        await source.sees(node05=Membership.DOWN)
        await stage.clock.advance(600.0)
        assert stage.told == [("node05", "STOPPED")]
        await source.sees(node05=Membership.UP)
        await stage.clock.advance(1.0)
        assert stage.told == [("node05", "STOPPED"), ("node05", "STARTED")]


async def test_r3_down_before_the_first_start_and_registered_in_masakari(stage: Stage) -> None:
    async with stage.monitor() as source:
        await source.sees(node05=Membership.DOWN, node06=Membership.DOWN)
        await stage.clock.advance(AT_LAST)
        assert stage.told == [("node05", "STOPPED")]


async def test_a_report_that_outlived_its_reason_is_not_delivered_after_a_restart(stage: Stage) -> None:
    """The API was down, the monitor was restarted, the host came back: the waiting report is stale."""
    stage.api.answer = lambda notification: Unreachable("refused", maybe_accepted=False)
    async with stage.monitor() as source:
        await source.sees(node05=Membership.UP, node06=Membership.UP)
        await source.sees(node05=Membership.DOWN, node06=Membership.DOWN)
        await stage.clock.advance(AT_LAST)
    stage.api.offers.clear()
    stage.api.answer = lambda notification: Delivered("202")
    async with stage.monitor() as source:
        await stage.clock.advance(60.0)
        assert stage.told == []
        await source.sees(node05=Membership.UP, node06=Membership.DOWN)
        await stage.clock.advance(AT_LAST)
    assert ("node05", "STOPPED") not in stage.told
    assert stage.told.count(("node06", "STOPPED")) == 1


async def test_a_report_too_old_to_be_sent_is_made_anew_while_the_host_still_fails(stage: Stage) -> None:
    stage.api.answer = lambda notification: Unreachable("refused", maybe_accepted=False)
    async with stage.monitor() as source:
        await source.sees(node05=Membership.UP)
        await source.sees(node05=Membership.DOWN)
        await stage.clock.advance(86400.0 + 600.0)
        stage.api.offers.clear()
        stage.api.answer = lambda notification: Delivered("202")
        await stage.clock.advance(600.0)
        assert stage.told == [("node05", "STOPPED")]


async def test_a_reporter_whose_reports_do_not_arrive_says_so_to_the_election(stage: Stage) -> None:
    """It may ask masakari, and not post: what others see of the way is not enough."""
    told: list[bool] = []
    stage.api.answer = lambda notification: Unreachable("403 the role is missing", maybe_accepted=False)
    async with stage.monitor(told.append) as source:
        await source.leads()
        await stage.clock.advance(30.0)
        assert told == [True]
        await source.sees(node05=Membership.UP)
        await source.sees(node05=Membership.DOWN)
        await stage.clock.advance(600.0)
        assert told == [True, False]
        stage.api.answer = lambda notification: Delivered("202")
        await stage.clock.advance(600.0)
        assert told == [True, False, True]


async def test_where_nobody_is_elected_nobody_asks_for_the_way(stage: Stage) -> None:
    async with stage.monitor():
        await stage.clock.advance(3600.0)
    assert stage.api.asked and QUESTION not in stage.api.asked


async def test_a_report_that_may_wait_for_days_is_not_older_than_masakari_takes(tmp_path: Path) -> None:
    """What was generated a day ago it accepts, and gives up."""
    stage = Stage(tmp_path, "notification_expiry = 604800\n")
    stage.api.answer = lambda notification: Unreachable("refused", maybe_accepted=False)
    async with stage.monitor() as source:
        await source.sees(node05=Membership.UP)
        await source.sees(node05=Membership.DOWN)
        await stage.clock.advance(86400.0)
        stage.api.offers.clear()
        stage.api.answer = lambda notification: Delivered("202")
        await stage.clock.advance(600.0)
        [offer] = stage.api.offers
        generated = datetime.datetime.fromisoformat(offer["generated_time"]).replace(tzinfo=datetime.UTC)
        assert (stage.clock.now().wall - generated).total_seconds() < 82800.0 + 600.0


async def test_what_an_earlier_reporter_delivered_is_followed_by_the_next_alone(stage: Stage) -> None:
    """masakari does not recover it, and its first reporter is gone; a third one reports in the end."""
    now = stage.clock.now().wall
    payload = {"event": "STOPPED", "cluster_status": "OFFLINE", "host_status": "NORMAL"}
    generated = now.replace(tzinfo=None).isoformat()
    stage.lists.file("node05", "COMPUTE_HOST", payload, generated, status="ignored")
    ledger = {"node05": LedgerEntry(HostStatus.NORMAL, now, delivered=True)}
    async with stage.monitor(lambda delivers: None, follows=True) as source:
        await source.says(Leader(why="it holds the lock", at=stage.clock.now(), ledger=ledger))
        await source.sees(node05=Membership.DOWN)
        await stage.clock.advance(240.0)
        assert stage.alarms == [("host:node05", "ignored by masakari")] and stage.told == []
    async with stage.monitor(lambda delivers: None, follows=True) as source:
        word = Follower(leader="node07", why="", at=stage.clock.now(), ledger=with_followed(ledger, "node07"))
        await source.says(word)
        await stage.clock.advance(120.0)
        assert stage.alarms == [] and stage.store.recent(1)[0].answer.endswith("followed by node07")
