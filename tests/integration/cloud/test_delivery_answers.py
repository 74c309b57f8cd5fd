"""Answers of the real masakari-api that prove nothing by themselves: its notifications decide."""

import contextlib
import datetime
import functools
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from keystoneauth1.session import Session

from masakarimonitors.core.notification import (
    ClusterStatus,
    HostEvent,
    HostNotification,
    HostStatus,
    ReportStatus,
    to_wire,
)
from masakarimonitors.masakari_answers import Delivered
from masakarimonitors.outbox.rows import Row
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.fake_clock import FakeClock
from tests.integration.cloud.proxy import Proxy
from tests.integration.cloud.rig import Cloud
from tests.integration.cloud.way import accepted, client, process, way

pytestmark = pytest.mark.xdist_group("cloud")


def host(event: HostEvent, at: float = 0.0) -> HostNotification:
    cluster = ClusterStatus.OFFLINE if event is HostEvent.STOPPED else ClusterStatus.ONLINE
    moment = SystemClock().now().wall + datetime.timedelta(seconds=at)
    return HostNotification(
        "compute-3", moment, event=event, cluster_status=cluster, host_status=HostStatus.NORMAL
    )


@contextlib.contextmanager
def on_maintenance(cloud: Cloud, name: str) -> Iterator[None]:
    cloud.set_maintenance(name, True)
    try:
        yield
    finally:
        cloud.set_maintenance(name, False)


async def test_an_answer_that_was_lost_and_a_host_that_was_put_on_maintenance_for_it_are_a_delivery(
    cloud: Cloud, session: Session, tmp_path: Path
) -> None:
    async with Proxy(cloud.endpoint) as proxy, way(client(session, proxy.endpoint), tmp_path) as out:
        proxy.lose_answers = 1
        out.report(host(HostEvent.STOPPED))
        await out.until(lambda rows: rows[0].attempts == 1 and rows[0].answer != "")
        with on_maintenance(cloud, "compute-3"):
            (row,) = await out.until_all(ReportStatus.DELIVERED)
    (stored,) = accepted(session)
    assert stored["notification_uuid"] in row.answer


async def test_another_monitors_report_of_the_same_failure_is_a_delivery(
    cloud: Cloud, session: Session, tmp_path: Path
) -> None:
    api = client(session)
    assert isinstance(await api.send(json.dumps(to_wire(host(HostEvent.STOPPED, at=2.0)))), Delivered)
    async with way(api, tmp_path) as out:
        with on_maintenance(cloud, "compute-3"):
            out.report(host(HostEvent.STOPPED))
            (row,) = await out.until_all(ReportStatus.DELIVERED)
    (stored,) = accepted(session)
    assert stored["notification_uuid"] in row.answer


async def test_a_return_is_not_wanted_on_maintenance_and_that_is_no_fault(
    cloud: Cloud, session: Session, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with way(client(session), tmp_path) as out:
        with on_maintenance(cloud, "compute-3"):
            out.report(host(HostEvent.STARTED))
            (row,) = await out.until_all(ReportStatus.WITHDRAWN)
    assert "as always after a recovery" in row.answer
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def answered(tries: int, rows: Sequence[Row]) -> bool:
    """Whether the second row has had the answer to its so-manieth offer."""
    return len(rows) == 2 and rows[1].attempts == tries and not rows[1].in_doubt


async def test_a_failure_hidden_by_a_report_from_a_clock_that_was_ahead_is_told_until_it_is_taken(
    cloud: Cloud, session: Session, tmp_path: Path
) -> None:
    clock = FakeClock()
    async with way(client(session), tmp_path, clock=clock) as out:
        out.report(process(at=300))
        await out.until_all(ReportStatus.DELIVERED)
        out.report(process(at=1))
        for told in range(1, 4):
            rows = await out.until(functools.partial(answered, told))
            assert rows[1].status is ReportStatus.PENDING, rows[1].answer
            await clock.advance(186)
        await out.until_all(ReportStatus.DELIVERED)
    assert len(accepted(session)) == 2
