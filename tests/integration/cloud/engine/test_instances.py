"""What a real masakari-engine makes of many reports about the instances of one host, given to it at its own pace."""

import asyncio
import datetime
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from masakarimonitors.core.notification import (
    ClusterStatus,
    HostEvent,
    HostNotification,
    HostStatus,
    ReportStatus,
    VmNotification,
)
from masakarimonitors.outbox.pace.pace import PacePolicy
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.waiting import eventually
from tests.integration.cloud.engine.recovery import Recovery
from tests.integration.cloud.way import PATIENCE, way

pytestmark = pytest.mark.xdist_group("cloud")

WELL, HUNG, BESIDE, DYING = "loses-instances", "hangs", "dies-beside", "loses-instances-and-dies"
PACE = PacePolicy(moment=0.5, idle_look=1.0)


def deaths(host: str, instances: Sequence[str]) -> list[VmNotification]:
    """One of each, in order."""
    now = SystemClock().now().wall
    return [
        VmNotification(
            host,
            now + datetime.timedelta(milliseconds=number),
            event="LIFECYCLE",
            instance_uuid=uuid,
            vir_domain_event="STOPPED_FAILED",
        )
        for number, uuid in enumerate(instances)
    ]


def host_died(name: str) -> HostNotification:
    return HostNotification(
        name,
        SystemClock().now().wall,
        event=HostEvent.STOPPED,
        cluster_status=ClusterStatus.OFFLINE,
        host_status=HostStatus.NORMAL,
    )


async def test_two_at_a_time_are_recovered_in_the_order_of_their_deaths(
    engine: Recovery, tmp_path: Path
) -> None:
    engine.add(WELL, instances=4)
    dead = engine.nova.instances(WELL)
    async with way(engine.client(), tmp_path, pace=PACE) as out:
        out.report(*deaths(WELL, dead))
        rows = await out.until(
            lambda rows: len(rows) == len(dead) and all("finished" in row.answer for row in rows)
        )
    assert {row.status for row in rows} == {ReportStatus.DELIVERED}
    assert [act.instance for act in engine.nova.acts if (act.whose, act.what) == (WELL, "os-start")] == dead
    assert engine.most_at_once(WELL) == 2


async def test_the_instances_of_a_host_that_hangs_do_not_keep_another_host_waiting(
    engine: Recovery, tmp_path: Path
) -> None:
    """At once, forty reports would take all threads of the engine, 5 s each, until long after any patience."""
    engine.add(HUNG, instances=40)
    engine.add(BESIDE, instances=1)
    engine.nova.kill(HUNG)
    async with way(engine.client(), tmp_path, pace=PACE) as out:
        out.report(*deaths(HUNG, engine.nova.instances(HUNG)))
        await eventually(lambda: len(engine.statuses(HUNG)) == 2, lambda: engine.statuses(HUNG))
        engine.nova.kill(BESIDE)
        out.report(host_died(BESIDE))
        await asyncio.to_thread(engine.nova.until_evacuated, BESIDE, 1)
        waiting = {one.why for one in out.delivery.pacing.waiting()}
        assert waiting == {"2 of this host are being recovered"}
    assert engine.most_at_once(HUNG) == 2


async def test_instances_that_are_recovered_with_their_host_are_not_reported_besides(
    engine: Recovery, tmp_path: Path
) -> None:
    engine.add(DYING, instances=3)
    dead = engine.nova.instances(DYING)
    engine.nova.kill(DYING)
    async with way(engine.client(), tmp_path, pace=replace(PACE, moment=PATIENCE)) as out:
        out.report(*deaths(DYING, dead))
        # The first waits for nobody. Offered in the same moment as its host's, it could come second, and be refused.
        await out.until(lambda rows: any(row.status is ReportStatus.DELIVERED for row in rows))
        out.report(host_died(DYING))
        rows = await out.until(lambda rows: all(row.status is not ReportStatus.PENDING for row in rows))
    told = [row.status for row in rows if row.subject.startswith("vm:")]
    delivered, withdrawn = ReportStatus.DELIVERED, ReportStatus.WITHDRAWN
    assert told == [delivered, withdrawn, withdrawn], [(row.subject, row.answer) for row in rows]
    assert sum(act.what == "evacuate" for act in engine.nova.acts if act.whose == DYING) == len(dead)
