"""The whole host monitor before a real masakari-engine: refused, or not proven at first, and recovered in the end."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from masakarimonitors import conf as options
from masakarimonitors.cmd.wiring import WiredMonitor, wire
from masakarimonitors.core.decision import Command, Notify
from masakarimonitors.core.notification import HostEvent, HostStatus, ProcessNotification, ReportStatus
from masakarimonitors.hostmonitor import monitor as wiring
from masakarimonitors.hostmonitor.core.evidence import matrix
from masakarimonitors.hostmonitor.core.observation import (
    CheckPower,
    Leader,
    LookUpReports,
    Membership,
    Observation,
    PowerSeen,
    Sample,
    Sighting,
    View,
)
from masakarimonitors.hostmonitor.drivers.base import Driver
from masakarimonitors.hostmonitor.effects.reports import ReportLookups
from masakarimonitors.hostmonitor.power.prover import PowerPolicy, Prover
from masakarimonitors.masakari_lists import ReportFinder
from masakarimonitors.outbox.delivery.arrivals import Arrivals
from masakarimonitors.outbox.delivery.delivery import DeliveryPolicy
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.storage.store import MemoryStore
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.fake_bmc import bmcs
from tests.fixtures.waiting import eventually
from tests.integration.cloud.engine.recovery import Recovery

pytestmark = pytest.mark.xdist_group("cloud")

OWN, DIES, LOSES_A_PROCESS = "watcher", "dies-in-service", "loses-a-process-first"
UNPROVEN = "dies-unproven"


class Script:
    """A source that a test speaks through; its monitor is the elected reporter."""

    name = "script"

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._emit: Callable[[Observation], None] | None = None

    async def run(self, emit: Callable[[Observation], None]) -> None:
        self._emit = emit
        emit(Leader(why="", at=self._clock.now(), ledger={}))
        await asyncio.Event().wait()

    async def sees(self, **hosts: Membership) -> None:
        await eventually(lambda: self._emit, "the source to run")
        assert self._emit is not None
        now = self._clock.now()
        self._emit(View(link="cluster", proven=True, why="quorate", at=now))
        seen = {host.replace("_", "-"): Sighting(value) for host, value in hosts.items()}
        self._emit(Sample("cluster", seen, now, whole=True))


@dataclass(frozen=True)
class AsksBmcs:
    """What a driver does that knows hosts' BMCs from the power_config_file."""

    prover: Prover

    async def perform(self, command: Command) -> PowerSeen | None:
        return await self.prover.prove(command) if isinstance(command, CheckPower) else None


@contextlib.asynccontextmanager
async def hostmonitor(
    engine: Recovery, folder: Path, *, power_file: Path | None = None
) -> AsyncIterator[tuple[Script, WiredMonitor]]:
    """The monitor, running, with short waits; a `power_file` names BMCs, and then nothing but they prove a death."""
    (folder / "x.conf").write_text(
        f"[DEFAULT]\nhostname = {OWN}\n"
        "[host]\nmonitoring_interval = 1\nsettle_time = 0.1\nunproven_settle_time = 0.1\n"
        f"ipmi_retry_max = 0\nipmi_retry_interval = 1\npower_config_file = {power_file or ''}\n"
    )
    conf, clock, api = options.load(["--config-file", str(folder / "x.conf")]), SystemClock(), engine.client()
    source, outbox = Script(), Outbox(MemoryStore(), clock)
    await outbox.open()
    prover = Prover(PowerPolicy.of(conf.host), clock)
    driver = Driver(
        name="script",
        matrix=matrix.single("cluster"),
        sources=(source,),
        effects=AsksBmcs(prover),
        needs_proof=power_file is not None,
        elected=True,
    )
    monitor = wiring.wire(conf, driver, outbox.memory, clock, api)
    wired = wire(monitor, outbox, api, DeliveryPolicy(), clock, arrivals=Arrivals(ReportFinder(api)))
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(part.run()) for part in (outbox, wired.delivery, wired.daemon)]
        yield source, wired
        for task in running:
            task.cancel()
    prover.close()
    await outbox.close()
    api.close()


async def test_a_host_that_dies_is_evacuated(engine: Recovery, tmp_path: Path) -> None:
    engine.add(DIES)
    async with hostmonitor(engine, tmp_path) as (source, _):
        await source.sees(dies_in_service=Membership.UP)
        engine.nova.kill(DIES)
        since = SystemClock().now().wall
        await source.sees(dies_in_service=Membership.DOWN)
        await asyncio.to_thread(engine.nova.until_evacuated, DIES, 1)
        await asyncio.to_thread(engine.until_ended, DIES, "finished")
        api = engine.client()
        lookups = ReportLookups(ReportFinder(api), SystemClock())
        ended = await lookups.perform(LookUpReports(DIES, since, HostStatus.NORMAL, 1, every=True))
        assert ended is not None and ended.found is True and ended.finished
        api.close()


async def test_what_masakari_refuses_because_of_a_lost_process_is_offered_again_when_it_takes_it(
    engine: Recovery, tmp_path: Path
) -> None:
    engine.add(LOSES_A_PROCESS)
    async with hostmonitor(engine, tmp_path) as (source, running):
        await source.sees(loses_a_process_first=Membership.UP)
        now = SystemClock().now()
        died = ProcessNotification(LOSES_A_PROCESS, now.wall, HostEvent.STOPPED, "nova-compute")
        running.outbox.submit([Notify(died, "it died")], now)
        await asyncio.to_thread(engine.until_ended, LOSES_A_PROCESS, "finished")
        engine.nova.kill(LOSES_A_PROCESS)
        await source.sees(loses_a_process_first=Membership.DOWN)
        counts = running.outbox.counts

        def on_maintenance() -> bool:
            return any("on maintenance in masakari" in row.detail for row in running.daemon.subjects())

        # Whichever comes first: the offer, or the next reading of the segments, which holds it back.
        await eventually(
            lambda: counts[ReportStatus.REFUSED] or on_maintenance(), "the failure to be held or refused"
        )
        await eventually(on_maintenance, "the maintenance to be seen")
        await asyncio.to_thread(engine.end_maintenance, LOSES_A_PROCESS)
        await asyncio.to_thread(engine.nova.until_evacuated, LOSES_A_PROCESS, 1)
        await asyncio.to_thread(engine.until_ended, LOSES_A_PROCESS, "finished", "finished")


async def test_a_host_whose_death_is_proven_later_is_told_as_not_proven_first_and_evacuated_then(
    engine: Recovery, tmp_path: Path
) -> None:
    engine.add(UNPROVEN)
    with bmcs([UNPROVEN], tmp_path) as (bmc, power_file):
        bmc[UNPROVEN].power = "Unknown"  # neither on nor off: it answers, and proves nothing
        async with hostmonitor(engine, tmp_path, power_file=power_file) as (source, _):
            await source.sees(dies_unproven=Membership.UP)
            engine.nova.kill(UNPROVEN)
            await source.sees(dies_unproven=Membership.DOWN)
            await asyncio.to_thread(engine.until_ended, UNPROVEN, "ignored")
            assert engine.nova.of(UNPROVEN) == [] and not engine.is_on_maintenance(UNPROVEN)
            bmc[UNPROVEN].power = "Off"
            await asyncio.to_thread(engine.nova.until_evacuated, UNPROVEN, 1)
            await asyncio.to_thread(engine.until_ended, UNPROVEN, "ignored", "finished")
    assert host_statuses(engine, UNPROVEN) == ["UNKNOWN", "NORMAL"]


def host_statuses(engine: Recovery, host: str) -> list[str]:
    """What masakari was told of a host, oldest first."""
    rows = engine.cloud.sql(
        "SELECT payload FROM notifications WHERE source_host_uuid ="
        " (SELECT uuid FROM hosts WHERE name = ?) ORDER BY id",
        (host,),
    )
    return [json.loads(payload)["host_status"] for (payload,) in rows]
