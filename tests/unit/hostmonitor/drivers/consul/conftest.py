"""The agent and the store that a test plays, and monitors that elect one of them there."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from masakarimonitors.hostmonitor.core.election.election import ElectionPolicy
from masakarimonitors.hostmonitor.drivers.consul.leadership.election import ElectionTimings
from masakarimonitors.system.clock import Clock, SystemClock
from tests.fixtures.fake_consul import FakeConsul
from tests.fixtures.fake_consul_store import FakeStore
from tests.unit.hostmonitor.drivers.consul.electing import ALL, FAST, POLICY, Monitor, Runs
from tests.unit.hostmonitor.drivers.consul.hearing import NODES


@pytest.fixture
async def consul(tmp_path: Path) -> AsyncIterator[FakeConsul]:
    async with FakeConsul(tmp_path / "http.sock", NODES) as fake:
        yield fake


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[FakeStore]:
    async with FakeStore(tmp_path / "store.sock") as fake:
        yield fake


@pytest.fixture
async def run(store: FakeStore) -> AsyncIterator[Runs]:
    monitors: list[Monitor] = []

    def begin(
        node: str,
        sees: tuple[str, ...] = ALL,
        timings: ElectionTimings = FAST,
        policy: ElectionPolicy = POLICY,
        clock: Clock | None = None,
    ) -> Monitor:
        monitor = Monitor(store, node, sees, timings, policy, clock or SystemClock())
        monitor.task = asyncio.get_running_loop().create_task(monitor.elector.run(monitor.emit))
        monitors.append(monitor)
        return monitor

    yield begin
    for monitor in monitors:
        await monitor.stop()
