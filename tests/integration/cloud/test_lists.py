"""What masakari lists, read from the real masakari-api however short its pages are."""

import asyncio
import datetime
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from keystoneauth1.adapter import Adapter

from masakarimonitors.core.notification import (
    ClusterStatus,
    HostEvent,
    HostNotification,
    HostStatus,
    VmNotification,
    to_wire,
)
from masakarimonitors.hostmonitor.core.observation import LookUpReports, Registry, ReportsFound
from masakarimonitors.hostmonitor.effects.reports import ReportLookups
from masakarimonitors.hostmonitor.sources.segments import Segments
from masakarimonitors.masakari_answers import Delivered
from masakarimonitors.masakari_api import MasakariApi
from masakarimonitors.masakari_lists import ReportFinder, notification
from masakarimonitors.outbox.pace.looks import Looks
from masakarimonitors.outbox.pace.stages import Lane, Sign
from masakarimonitors.system.clock import SystemClock
from masakarimonitors.system.network.exchange import bound
from tests.integration.cloud.rig import HOSTS, RESTING, Cloud, stamp
from tests.integration.cloud.way import PATIENCE

pytestmark = pytest.mark.xdist_group("cloud")


@dataclass
class Short:
    """A reader that gets `limit` items at a time, as from an API whose `osapi_max_limit` is that low."""

    api: MasakariApi
    limit: int

    async def get(self, path: str) -> Any:
        return await self.api.get(f"{path}{'&' if '?' in path else '?'}limit={self.limit}")


@pytest.fixture
def api(real_cloud: Cloud) -> Iterator[MasakariApi]:
    real_cloud.forget_notifications()
    client = MasakariApi(Adapter(bound(real_cloud.session()), service_type="instance-ha"), timeout=PATIENCE)
    yield client
    client.close()


async def read(reader: Short) -> Registry:
    seen = asyncio.get_running_loop().create_future()
    task = asyncio.get_running_loop().create_task(
        Segments(reader, SystemClock(), 3600.0).run(seen.set_result)
    )
    try:
        async with asyncio.timeout(PATIENCE):
            registry: Registry = await seen
    finally:
        task.cancel()
    return registry


@pytest.mark.parametrize("limit", [1, 2, 1000])
async def test_every_host_of_every_segment_is_known_with_its_maintenance(
    api: MasakariApi, limit: int
) -> None:
    registry = await read(Short(api, limit))
    assert registry.hosts == {**dict.fromkeys(HOSTS, False), RESTING: True}, registry.why
    assert registry.disabled == frozenset()


async def test_hosts_of_a_disabled_segment_are_told_apart(real_cloud: Cloud, api: MasakariApi) -> None:
    real_cloud.add_segment("disabled", enabled=False)
    real_cloud.register("asleep", segment="disabled")
    try:
        registry = await read(Short(api, 1))
    finally:
        real_cloud.remove_segment("disabled")
    assert registry.hosts == {**dict.fromkeys(HOSTS, False), RESTING: True, "asleep": False}, registry.why
    assert registry.disabled == {"asleep"}


NOW = SystemClock().now().wall


def stopped(host: str, status: HostStatus, seconds: float = 0.0) -> HostNotification:
    return HostNotification(
        host,
        NOW + datetime.timedelta(seconds=seconds),
        event=HostEvent.STOPPED,
        cluster_status=ClusterStatus.OFFLINE,
        host_status=status,
    )


@pytest.mark.parametrize("limit", [1, 1000])
async def test_a_report_of_any_sender_is_found_by_host_status_and_time(api: MasakariApi, limit: int) -> None:
    for told in (
        stopped("compute-1", HostStatus.UNKNOWN),
        stopped("compute-2", HostStatus.NORMAL),
        stopped("compute-1", HostStatus.NORMAL, -500.0),
    ):
        assert isinstance(await api.send(json.dumps(to_wire(told))), Delivered)
    lookups = ReportLookups(ReportFinder(Short(api, limit)), SystemClock(), PATIENCE)

    async def found(host: str, status: HostStatus, seconds: float) -> bool | None:
        since = NOW + datetime.timedelta(seconds=seconds)
        answer = await lookups.perform(LookUpReports(host, since, status, 1))
        assert isinstance(answer, ReportsFound)
        return answer.found

    assert await found("compute-1", HostStatus.UNKNOWN, 0.0) is True
    assert await found("compute-1", HostStatus.NORMAL, 0.0) is False
    assert await found("compute-1", HostStatus.NORMAL, -501.0) is True
    assert await found("compute-1", HostStatus.UNKNOWN, 10.0) is False
    assert await found("compute-2", HostStatus.NORMAL, -1.0) is True
    assert await found("compute-3", HostStatus.NORMAL, -1.0) is False
    # There is no engine here, so it has ended with nothing.
    every = LookUpReports("compute-1", NOW - datetime.timedelta(days=1), HostStatus.NORMAL, 1, every=True)
    answer = await lookups.perform(every)
    assert answer is not None and answer.found is True and not answer.finished


def died(instance: str, words: tuple[str, str] = ("LIFECYCLE", "STOPPED_FAILED")) -> VmNotification:
    event, detail = words
    return VmNotification("compute-1", NOW, event=event, instance_uuid=instance, vir_domain_event=detail)


async def test_how_many_of_a_host_stand_there_and_what_became_of_ours(
    real_cloud: Cloud, api: MasakariApi
) -> None:
    filed: list[Delivered] = []
    for told in (
        died(str(uuid.uuid4())),
        died(str(uuid.uuid4())),
        died(str(uuid.uuid4()), ("REBOOT", "UNKNOWN")),
        stopped("compute-1", HostStatus.NORMAL),
        stopped("compute-2", HostStatus.NORMAL),
    ):
        outcome = await api.send(json.dumps(to_wire(told)))
        assert isinstance(outcome, Delivered)
        filed.append(outcome)
    first, second, word, host, _ = (one.uuid for one in filed)
    looks = Looks(api, SystemClock())
    seen = await looks.look("compute-1", (first, second))
    assert seen.unfinished == {
        first: Lane.RECOVERED,
        second: Lane.RECOVERED,
        word: Lane.FILED,
        host: Lane.HOST,
    }
    assert (seen.signs, seen.recovered) == ({}, {})
    for one, status in ((first, "finished"), (second, "failed"), (host, "finished")):
        values = (status, stamp(), one)
        real_cloud.sql(
            "UPDATE notifications SET status = ?, updated_at = ? WHERE notification_uuid = ?", values
        )
    purged = str(uuid.uuid4())
    # By the uuid that the answer to our report has told, without a look at the segments.
    looks = Looks(api, SystemClock())
    looks.learn("compute-1", filed[0].host_uuid)
    seen = await looks.look("compute-1", (first, second, purged))
    assert seen.unfinished == {word: Lane.FILED}
    assert seen.signs == {first: Sign.FINISHED, second: Sign.FAILED, purged: Sign.UNKNOWN}
    assert list(seen.recovered) == [host]
    assert abs(seen.recovered[host] - SystemClock().now().monotonic) < PATIENCE


async def test_a_notification_that_masakari_does_not_know_is_no_fault(api: MasakariApi) -> None:
    assert await notification(api, str(uuid.uuid4())) is None
