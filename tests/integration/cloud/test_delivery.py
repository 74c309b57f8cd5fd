"""Our whole way out, against the real services: outbox on disk, delivery, API client, keystone, masakari-api."""

import json
import logging
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from keystoneauth1.session import Session

from masakarimonitors import conf
from masakarimonitors.cmd.wiring import api_client
from masakarimonitors.core.decision import Withdraw
from masakarimonitors.core.notification import (
    ClusterStatus,
    HostEvent,
    HostNotification,
    HostStatus,
    Notification,
    ReportStatus,
    VmNotification,
    to_wire,
)
from masakarimonitors.receiver.app import Receiver
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.fake_clock import EPOCH, FakeClock
from tests.integration.cloud.proxy import Proxy
from tests.integration.cloud.rig import ADMIN_PASSWORD, RESTING, SERVICE_PASSWORD, Cloud
from tests.integration.cloud.way import accepted, client, process, way

pytestmark = pytest.mark.xdist_group("cloud")

UUID = "3f2c1a52-9a53-4c68-8c0a-1f2c3d4e5f60"


@pytest.mark.parametrize(
    "notification",
    [
        process(),
        VmNotification(
            "compute-1", EPOCH, event="LIFECYCLE", instance_uuid=UUID, vir_domain_event="STOPPED_FAILED"
        ),
        HostNotification(
            "compute-2",
            EPOCH,
            event=HostEvent.STOPPED,
            cluster_status=ClusterStatus.OFFLINE,
            host_status=HostStatus.NORMAL,
        ),
        HostNotification(
            "compute-2",
            EPOCH,
            event=HostEvent.STARTED,
            cluster_status=ClusterStatus.ONLINE,
            host_status=HostStatus.NORMAL,
        ),
    ],
    ids=["PROCESS", "VM", "COMPUTE_HOST stopped", "COMPUTE_HOST started"],
)
async def test_each_type_is_accepted(
    cloud: Cloud, session: Session, tmp_path: Path, notification: Notification
) -> None:
    async with way(client(session), tmp_path) as out:
        out.report(notification)
        (row,) = await out.until_all(ReportStatus.DELIVERED)
    assert row.attempts == 1
    (stored,) = accepted(session)
    assert stored["type"] == notification.type
    assert stored["payload"] == notification.payload
    assert stored["generated_time"] == to_wire(notification)["notification"]["generated_time"]


async def test_a_report_whose_answer_was_lost_is_a_duplicate_and_delivered(
    cloud: Cloud, session: Session, tmp_path: Path
) -> None:
    async with Proxy(cloud.endpoint) as proxy, way(client(session, proxy.endpoint), tmp_path) as out:
        proxy.lose_answers = 1
        out.report(process())
        (row,) = await out.until_all(ReportStatus.DELIVERED)
    assert row.attempts == 2
    assert row.answer.startswith("409")
    assert len(accepted(session)) == 1


async def test_a_report_lost_on_the_way_is_offered_again_and_accepted_once(
    cloud: Cloud, session: Session, tmp_path: Path
) -> None:
    async with Proxy(cloud.endpoint) as proxy, way(client(session, proxy.endpoint), tmp_path) as out:
        proxy.lose_requests = 3
        out.report(process())
        (row,) = await out.until_all(ReportStatus.DELIVERED)
    assert (row.attempts, row.answer[:3]) == (4, "202")
    assert len(accepted(session)) == 1


async def test_a_second_failure_that_was_swallowed_is_told_again_after_the_window(
    cloud: Cloud, session: Session, tmp_path: Path
) -> None:
    clock = FakeClock()
    async with way(client(session), tmp_path, clock=clock) as out:
        out.report(process())
        await out.until_all(ReportStatus.DELIVERED)
        await clock.advance(60)
        out.report(process(at=60))
        _, second = await out.until(lambda rows: len(rows) == 2 and rows[1].answer.startswith("409"))
        assert second.status is ReportStatus.PENDING
        await clock.advance(180)
        assert len(accepted(session)) == 1
        await clock.advance(10)
        await out.until_all(ReportStatus.DELIVERED)
    times = [one["generated_time"] for one in accepted(session)]
    assert times == ["2026-01-01T00:00:00.000000", "2026-01-01T00:04:05.000000"]


async def test_a_swallowed_failure_that_recovers_is_not_told_again(
    cloud: Cloud, session: Session, tmp_path: Path
) -> None:
    clock = FakeClock()
    async with way(client(session), tmp_path, clock=clock) as out:
        out.report(process())
        await out.until_all(ReportStatus.DELIVERED)
        out.report(process(at=60))
        await out.until(lambda rows: len(rows) == 2 and rows[1].answer.startswith("409"))
        out.outbox.submit([Withdraw("process:nova-compute", "it runs again")], clock.now())
        await out.until(lambda rows: rows[1].status is ReportStatus.WITHDRAWN)
        await clock.advance(1000)
    assert len(accepted(session)) == 1


@pytest.mark.parametrize(
    ("host", "answer", "words"),
    [
        (RESTING, "409", "high availability is off"),
        ("unheard-of", "400", "registered in a failover segment"),
    ],
)
async def test_what_the_api_will_not_take_is_refused_and_said_aloud(
    cloud: Cloud,
    session: Session,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    host: str,
    answer: str,
    words: str,
) -> None:
    async with way(client(session), tmp_path) as out:
        out.report(process(host=host))
        (row,) = await out.until_all(ReportStatus.REFUSED)
    assert (row.attempts, row.answer[:3]) == (1, answer)
    (error,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert words in error.getMessage()
    assert accepted(session) == []


async def test_a_host_put_on_maintenance_and_taken_off_is_heard_again(
    cloud: Cloud, session: Session, tmp_path: Path
) -> None:
    async with way(client(session), tmp_path) as out:
        cloud.set_maintenance("compute-3", True)
        try:
            out.report(process("a", "compute-3"))
            await out.until_all(ReportStatus.REFUSED)
        finally:
            cloud.set_maintenance("compute-3", False)
        out.report(process("b", "compute-3"))
        await out.until(lambda rows: len(rows) == 2 and rows[1].status is ReportStatus.DELIVERED)


async def test_a_token_that_is_no_longer_good_is_replaced_at_once(
    cloud: Cloud, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own = cloud.session()
    async with way(client(own), tmp_path) as out:
        out.report(process("before"))
        await out.until_all(ReportStatus.DELIVERED)
        token = str(own.get_token())
        cloud.admin().delete(f"{cloud.auth_url}/auth/tokens", headers={"X-Subject-Token": token})
        # masakari-api believes a token for five minutes after it was checked: a fresh one has checked none.
        cloud.kill_masakari()
        cloud.start_masakari()
        out.report(process("after"))
        rows = await out.until(lambda rows: len(rows) == 2 and rows[1].status is not ReportStatus.PENDING)
    assert rows[1].status is ReportStatus.DELIVERED
    # A masakari-api that is slow is asked again; that it did not know the token makes no try fail.
    assert "(401" not in caplog.text
    assert own.get_token() != token
    assert [one["payload"]["process_name"] for one in accepted(own)] == ["before", "after"]


async def test_the_api_killed_in_the_middle_costs_nothing_and_nothing_arrives_twice(
    cloud: Cloud, session: Session, tmp_path: Path
) -> None:
    names = [f"process-{number}" for number in range(150)]
    async with way(client(session), tmp_path) as out:
        # From now on masakari-api knows the token: otherwise each of many at once would have keystone look at it.
        out.report(process(names[0]))
        await out.until_all(ReportStatus.DELIVERED)
        out.report(*[process(name) for name in names[1:]])
        await out.until(lambda rows: sum(row.status is ReportStatus.DELIVERED for row in rows) >= 30)
        cloud.kill_masakari()
        await out.until(lambda _: bool(out.delivery.trouble))
        left = [row for row in await out.rows() if row.status is ReportStatus.PENDING]
        cloud.start_masakari()
        rows = await out.until_all(ReportStatus.DELIVERED)
    assert left
    assert len(rows) == len(names)
    assert Counter(one["payload"]["process_name"] for one in accepted(session)) == Counter(names)


async def test_without_keystone_a_report_waits_until_there_is_a_token(cloud: Cloud, tmp_path: Path) -> None:
    cloud.kill_keystone()
    try:
        async with way(client(cloud.session()), tmp_path) as out:
            out.report(process())
            (row,) = await out.until(lambda rows: rows[0].answer != "")
            assert (row.status, "no token" in row.answer) == (ReportStatus.PENDING, True)
            cloud.start_keystone()
            await out.until_all(ReportStatus.DELIVERED)
    finally:
        if not cloud.has_keystone:
            cloud.start_keystone()
    assert len(accepted(cloud.session())) == 1


async def test_a_user_without_the_role_is_shown_and_its_report_kept(cloud: Cloud, tmp_path: Path) -> None:
    async with way(client(cloud.session("plain")), tmp_path) as out:
        out.report(process())
        await out.until(lambda rows: rows[0].answer.startswith("403"))
        await out.until(lambda _: bool(out.delivery.trouble))
        assert "role" in out.delivery.trouble
        assert [row.status for row in await out.rows()] == [ReportStatus.PENDING]


async def test_a_wrong_password_is_shown_and_the_report_kept(cloud: Cloud, tmp_path: Path) -> None:
    async with way(client(cloud.session(password="wrong")), tmp_path) as out:
        out.report(process())
        (row,) = await out.until(lambda rows: rows[0].answer != "")
        assert row.status is ReportStatus.PENDING
        assert "keystone" in row.answer


def options(cloud: Cloud, auth_type: str, **more: str) -> dict[str, str]:
    return {"auth_type": auth_type, "auth_url": cloud.auth_url, "region": "RegionOne", **more}


def by_password(cloud: Cloud, auth_type: str) -> dict[str, str]:
    return options(
        cloud,
        auth_type,
        username="masakari",
        password=SERVICE_PASSWORD,
        project_name="service",
        user_domain_name="Default",
        project_domain_name="Default",
    )


def by_application_credential(cloud: Cloud) -> dict[str, str]:
    own = cloud.session()
    made = own.post(
        f"{cloud.auth_url}/users/{own.get_user_id()}/application_credentials",
        json={
            "application_credential": {
                "name": f"monitors-{random.getrandbits(64)}",
                "roles": [{"name": "admin"}],
            }
        },
    ).json()["application_credential"]
    return options(
        cloud,
        "v3applicationcredential",
        application_credential_id=made["id"],
        application_credential_secret=made["secret"],
    )


def by_token(cloud: Cloud) -> dict[str, str]:
    token = str(cloud.session().get_token())
    return options(cloud, "v3token", token=token, project_name="service", project_domain_name="Default")


@pytest.mark.parametrize(
    "kind",
    [
        lambda cloud: by_password(cloud, "password"),
        lambda cloud: by_password(cloud, "v3password"),
        by_token,
        by_application_credential,
    ],
    ids=["password", "v3password", "v3token", "v3applicationcredential"],
)
async def test_every_way_to_log_in_delivers_and_no_secret_is_logged(
    cloud: Cloud,
    session: Session,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    kind: Callable[[Cloud], dict[str, str]],
) -> None:
    settings = kind(cloud)
    caplog.clear()
    with caplog.at_level(logging.DEBUG):
        file = tmp_path / "monitors.conf"
        file.write_text("[api]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items()))
        async with way(api_client(conf.load(["--config-file", str(file)])), tmp_path) as out:
            out.report(process())
            (row,) = await out.until_all(ReportStatus.DELIVERED)
    assert row.answer.startswith("202")
    assert len(accepted(session)) == 1
    assert "notifications" in caplog.text
    for secret in (ADMIN_PASSWORD, SERVICE_PASSWORD, *(settings.get(k, "") for k in SECRETS)):
        assert not secret or secret not in caplog.text


SECRETS = ("token", "application_credential_secret")


async def test_without_a_cloud_the_embedded_receiver_takes_it(tmp_path: Path) -> None:
    receiver = Receiver(":memory:", SystemClock())
    async with receiver.serve() as url:
        file = tmp_path / "monitors.conf"
        file.write_text(f"[api]\nauth_type = none\nendpoint = {url}/v1\n")
        async with way(api_client(conf.load(["--config-file", str(file)])), tmp_path) as out:
            out.report(process())
            await out.until_all(ReportStatus.DELIVERED)
        (stored,) = await receiver.notifications()
    assert json.loads(json.dumps(dict(stored.payload))) == process().payload
