"""What becomes of our reports in a real masakari-engine: it evacuates, or ignores, or refuses the next one."""

import asyncio
import logging
from pathlib import Path

import pytest

from masakarimonitors.core.notification import (
    ClusterStatus,
    HostEvent,
    HostNotification,
    HostStatus,
    ProcessNotification,
    ReportStatus,
)
from masakarimonitors.hostmonitor.core.observation import Registry
from masakarimonitors.hostmonitor.sources.segments import Segments
from masakarimonitors.outbox.rows import Row
from masakarimonitors.system.clock import SystemClock
from tests.integration.cloud.engine.recovery import Recovery
from tests.integration.cloud.proxy import Proxy
from tests.integration.cloud.way import Way, way

pytestmark = pytest.mark.xdist_group("cloud")

DIES, STAYS, LOSES_A_PROCESS = "dies", "stays", "loses-a-process"
UNPROVEN, UNHEARD, RETURNS = "unproven", "unheard", "returns"


def host(
    name: str, event: HostEvent = HostEvent.STOPPED, host_status: HostStatus = HostStatus.NORMAL
) -> HostNotification:
    cluster = ClusterStatus.OFFLINE if event is HostEvent.STOPPED else ClusterStatus.ONLINE
    now = SystemClock().now().wall
    return HostNotification(name, now, event=event, cluster_status=cluster, host_status=host_status)


async def told(out: Way, notification: HostNotification | ProcessNotification) -> Row:
    """How our report of it has ended."""
    before = len(await out.rows())
    out.report(notification)
    rows = await out.until(
        lambda rows: len(rows) == before + 1 and rows[-1].status is not ReportStatus.PENDING
    )
    return rows[-1]


async def registry(engine: Recovery) -> Registry:
    """What the host monitor knows of masakari's hosts."""
    api, read = engine.client(), asyncio.get_running_loop().create_future()
    task = asyncio.get_running_loop().create_task(Segments(api, SystemClock(), 3600.0).run(read.set_result))
    seen: Registry = await read
    task.cancel()
    api.close()
    return seen


async def test_a_host_that_dies_is_evacuated_and_kept_on_maintenance(
    engine: Recovery, tmp_path: Path
) -> None:
    engine.add(STAYS)
    engine.add(DIES, instances=2)
    engine.nova.kill(DIES)
    async with way(engine.client(), tmp_path) as out:
        assert (await told(out, host(DIES))).status is ReportStatus.DELIVERED
        await asyncio.to_thread(engine.nova.until_evacuated, DIES, 2)
        await asyncio.to_thread(engine.until_ended, DIES, "finished")
        assert engine.nova.of(DIES)[0] == ("disable", 200)
        known = (await registry(engine)).hosts
        assert known is not None and (known[DIES], known[STAYS]) == (True, False)


async def test_a_host_that_has_lost_a_process_is_refused_until_its_maintenance_is_ended(
    engine: Recovery, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine.add(LOSES_A_PROCESS)
    async with way(engine.client(), tmp_path) as out:
        moment = SystemClock().now().wall
        died = ProcessNotification(LOSES_A_PROCESS, moment, HostEvent.STOPPED, "nova-compute")
        assert (await told(out, died)).status is ReportStatus.DELIVERED
        await asyncio.to_thread(engine.until_ended, LOSES_A_PROCESS, "finished")
        assert engine.is_on_maintenance(LOSES_A_PROCESS)
        engine.nova.kill(LOSES_A_PROCESS)
        refused = await told(out, host(LOSES_A_PROCESS))
        # That the host is on maintenance for another reason is no delivery of its failure.
        assert refused.status is ReportStatus.REFUSED and "under maintenance" in refused.answer
        assert [record for record in caplog.records if record.levelno >= logging.ERROR]
        await asyncio.to_thread(engine.end_maintenance, LOSES_A_PROCESS)
        assert (await told(out, host(LOSES_A_PROCESS))).status is ReportStatus.DELIVERED
        await asyncio.to_thread(engine.nova.until_evacuated, LOSES_A_PROCESS, 1)
        await asyncio.to_thread(engine.until_ended, LOSES_A_PROCESS, "finished", "finished")


async def test_what_is_not_proven_is_ignored_and_the_proof_that_follows_is_acted_on(
    engine: Recovery, tmp_path: Path
) -> None:
    engine.add(UNPROVEN)
    engine.nova.kill(UNPROVEN)
    async with way(engine.client(), tmp_path) as out:
        unproven = await told(out, host(UNPROVEN, host_status=HostStatus.UNKNOWN))
        assert unproven.status is ReportStatus.DELIVERED
        await asyncio.to_thread(engine.until_ended, UNPROVEN, "ignored")
        assert not engine.is_on_maintenance(UNPROVEN)
        assert engine.nova.of(UNPROVEN) == []
        assert (await told(out, host(UNPROVEN))).status is ReportStatus.DELIVERED
        await asyncio.to_thread(engine.nova.until_evacuated, UNPROVEN, 1)
        await asyncio.to_thread(engine.until_ended, UNPROVEN, "ignored", "finished")


async def test_a_report_whose_answer_was_lost_is_known_by_the_maintenance_that_it_has_brought(
    engine: Recovery, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine.add(UNHEARD)
    engine.nova.kill(UNHEARD)
    async with Proxy(engine.cloud.endpoint) as proxy, way(engine.client(proxy.endpoint), tmp_path) as out:
        proxy.lose_answers = 1
        proxy.lost_when = lambda: engine.is_on_maintenance(UNHEARD)
        row = await told(out, host(UNHEARD))
        assert (row.status, row.answer[:3], row.attempts) == (ReportStatus.DELIVERED, "409", 2)
        await asyncio.to_thread(engine.until_ended, UNHEARD, "finished")
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_the_return_of_a_recovered_host_is_not_wanted_and_no_fault(
    engine: Recovery, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine.add(RETURNS, instances=0)
    engine.nova.kill(RETURNS)
    async with way(engine.client(), tmp_path) as out:
        assert (await told(out, host(RETURNS))).status is ReportStatus.DELIVERED
        await asyncio.to_thread(engine.until_ended, RETURNS, "finished")
        back = await told(out, host(RETURNS, HostEvent.STARTED))
        assert back.status is ReportStatus.WITHDRAWN and "as always after a recovery" in back.answer
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert engine.is_on_maintenance(RETURNS)
    assert engine.nova.of(RETURNS) == [("disable", 200)]


async def test_a_disabled_segment_takes_every_report_and_recovers_nothing(
    engine: Recovery, tmp_path: Path
) -> None:
    engine.cloud.add_segment("disabled", enabled=False)
    engine.cloud.register("asleep", segment="disabled")
    assert "asleep" in (await registry(engine)).disabled
    async with way(engine.client(), tmp_path) as out:
        assert (await told(out, host("asleep"))).status is ReportStatus.DELIVERED
        await asyncio.to_thread(engine.until_ended, "asleep", "ignored")
    assert not engine.is_on_maintenance("asleep")
