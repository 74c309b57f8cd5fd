"""One contract, two services: what the real masakari-api answers, the embedded receiver answers too.

Each case names the status that is expected of both, so a change of either shows here.
"""

import datetime
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from masakarimonitors.receiver.app import Receiver
from masakarimonitors.system.clock import SystemClock
from tests.integration.cloud.rig import HOSTS, RESTING, Cloud

pytestmark = pytest.mark.xdist_group("cloud")

T0 = datetime.datetime(2026, 11, 22, 8, 5, 40, 571896)
UUID = "3f2c1a52-9a53-4c68-8c0a-1f2c3d4e5f60"


class _Absent:
    """Leaves a field out. Its name stands in test ids, which must be the same in every worker."""

    def __repr__(self) -> str:
        return "absent"


ABSENT: Any = _Absent()
PAYLOADS: tuple[Any, ...] = ({}, [], "x", 1, None, ABSENT)


@dataclass(frozen=True)
class Answer:
    """What a client can tell an answer by."""

    status: int
    kind: str
    body: Any


@dataclass(frozen=True)
class Door:
    """A service that takes notifications."""

    http: aiohttp.ClientSession
    endpoint: str
    headers: dict[str, str]

    async def post(self, body: object) -> Answer:
        return await self.send(json.dumps(body).encode(), "application/json")

    async def send(self, data: bytes, content_type: str) -> Answer:
        headers = self.headers | {"Content-Type": content_type}
        async with self.http.post(f"{self.endpoint}/notifications", data=data, headers=headers) as answer:
            return _answer(answer.status, await answer.text())

    async def get(self, path: str) -> Answer:
        async with self.http.get(self.endpoint + path, headers=self.headers) as answer:
            return _answer(answer.status, await answer.text())


def _answer(status: int, text: str) -> Answer:
    try:
        body = json.loads(text)
    except ValueError:
        return Answer(status, "", text)
    kind = ""
    if status == 409:
        message = body["conflictingRequest"]["message"]
        kind = (
            "maintenance"
            if "under maintenance" in message
            else "duplicate"
            if "is duplicate" in message
            else message
        )
    return Answer(status, kind, body)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120)) as session:
        yield session


@pytest.fixture(scope="module")
def token(real_cloud: Cloud) -> str:
    """One for the module: keystone takes a third of a second to give one, and a whole one to check it."""
    return str(real_cloud.session().get_token())


@pytest.fixture
async def real(real_cloud: Cloud, http: aiohttp.ClientSession, token: str) -> Door:
    real_cloud.forget_notifications()
    return Door(http, real_cloud.endpoint, {"X-Auth-Token": token})


@pytest.fixture
async def embedded(http: aiohttp.ClientSession) -> AsyncIterator[Door]:
    receiver = Receiver(":memory:", SystemClock(), known_hosts={*HOSTS, RESTING})
    async with receiver.serve() as url:
        await receiver.set_maintenance(RESTING, True)
        yield Door(http, f"{url}/v1", {})


@pytest.fixture(params=["real", "embedded"])
def door(request: pytest.FixtureRequest) -> Door:
    answering: Door = request.getfixturevalue(request.param)
    return answering


def notification(**changes: Any) -> dict[str, Any]:
    """A good PROCESS notification, but for the changes; ABSENT drops a field."""
    fields: dict[str, Any] = {
        "type": "PROCESS",
        "hostname": "compute-1",
        "generated_time": T0.isoformat(),
        "payload": {"event": "STOPPED", "process_name": "nova-compute"},
    }
    fields.update(changes)
    return {"notification": {key: value for key, value in fields.items() if value is not ABSENT}}


def process(**fields: Any) -> dict[str, Any]:
    return notification(payload={"event": "STOPPED", "process_name": "nova-compute"} | fields)


def vm(**fields: Any) -> dict[str, Any]:
    payload = {"event": "LIFECYCLE", "instance_uuid": UUID, "vir_domain_event": "STOPPED_FAILED"} | fields
    return notification(type="VM", payload={k: v for k, v in payload.items() if v is not ABSENT})


def host(**fields: Any) -> dict[str, Any]:
    payload = {"event": "STOPPED", "cluster_status": "OFFLINE", "host_status": "NORMAL"} | fields
    return notification(type="COMPUTE_HOST", payload={k: v for k, v in payload.items() if v is not ABSENT})


def at(seconds: float) -> dict[str, Any]:
    return notification(generated_time=(T0 + datetime.timedelta(seconds=seconds)).isoformat())


CASES: list[tuple[str, object, int]] = [
    ("process stopped", process(), 202),
    ("process started", process(event="STARTED"), 202),
    ("vm", vm(), 202),
    ("host stopped", host(), 202),
    ("host stopped, unproven", host(host_status="UNKNOWN"), 202),
    ("host started", host(event="STARTED", cluster_status="ONLINE"), 202),
    ("host with an event only", host(cluster_status=ABSENT, host_status=ABSENT), 202),
    ("uuid without hyphens", vm(instance_uuid=UUID.replace("-", "")), 202),
    ("uuid as urn", vm(instance_uuid="urn:uuid:{" + UUID.upper() + "}"), 202),
    ("longest process name", process(process_name="p" * 255), 202),
    ("process name with odd characters", process(process_name="é <b>\n"), 202),
    *((f"time {t!r}", notification(generated_time=t), 202) for t in (
        "2026", "2026-11", "20261122", "2026-11-22", "2026-11-22 10:00", "2026-11-22T10", "2026-11-22T10:00:00Z",
        "2026-11-22T10:00:00,5", "2026-11-22T10:00:00.123456+02:00", "9999-12-31T23:59:59", "2026-11-22\n",
    )),
    *((f"no time {t!r}", notification(generated_time=t), 400) for t in (
        "", "x", " 2026-11-22", "2026-13-22", "2026-11-22T25:00:00", "2026-11-22T10:00:00+99:00", 5, None, ABSENT,
    )),
    *((f"type {t!r}", notification(type=t), 400) for t in ("vm", "X", "", 1, None, ABSENT)),
    *((f"hostname {str(h)[:12]!r}", notification(hostname=h), 400) for h in (
        "", "a" * 255, "a" * 256, "a b", "compute-1\n", "compute-1 ", "höst", "a/b", "Compute-1", "unheard-of", 5, None,
        ABSENT,
    )),
    *((f"payload {str(p)[:12]!r}", notification(payload=p), 400) for p in PAYLOADS),
    ("process without a name", notification(payload={"event": "STOPPED"}), 400),
    ("process without an event", notification(payload={"process_name": "x"}), 400),
    ("process name empty", process(process_name=""), 400),
    ("process name too long", process(process_name="p" * 256), 400),
    ("process name a number", process(process_name=1), 400),
    ("process event in small letters", process(event="stopped"), 400),
    ("process with one key too many", process(pid="1"), 400),
    ("payload key with odd characters", notification(payload={"event": "STOPPED", "a/b": "c"}), 400),
    ("vm without a detail", vm(vir_domain_event=ABSENT), 400),
    ("vm without a uuid", vm(instance_uuid=ABSENT), 400),
    ("vm with a name for a uuid", vm(instance_uuid="instance-00000001"), 400),
    ("vm event empty", vm(event=""), 400),
    ("vm event too long", vm(event="e" * 256), 400),
    ("vm detail null", vm(vir_domain_event=None), 400),
    ("vm with one key too many", vm(name="x"), 400),
    ("host event unknown", host(event="DOWN"), 400),
    ("host without an event", host(event=ABSENT), 400),
    ("host cluster status unknown", host(cluster_status="x"), 400),
    ("host status unknown", host(host_status="BAD"), 400),
    ("host status a number", host(host_status=1), 400),
    ("host with one key too many", host(reason="x"), 400),
    ("payload of another type", notification(type="VM"), 400),
    ("one field too many", notification(extra=1), 400),
    ("one key too many beside it", notification() | {"extra": 1}, 400),
    ("not wrapped", notification()["notification"], 400),
    ("wrapped in a list", [notification()], 400),
    ("empty object", {}, 400),
    ("empty list", [], 400),
    ("null", None, 400),
    ("text", "x", 400),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
async def test_a_notification_is_accepted_or_refused(door: Door, body: object, status: int) -> None:
    answer = await door.post(body)
    assert answer.status == status, answer.body
    if status != 202:
        assert answer.body["badRequest"]["code"] == status


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b'{"notification": "' + b"a" * 200_000 + b'"}', "application/json", 413),
        (json.dumps(notification()).encode(), "application/x-www-form-urlencoded", 415),
        (json.dumps(notification()).encode(), "text/plain", 202),
        (json.dumps(notification()).encode(), "application/json; charset=utf-8", 202),
    ],
    ids=["broken", "empty", "too large", "a form", "plain text", "with a charset"],
)
async def test_a_request_is_read_or_refused(door: Door, data: bytes, content_type: str, status: int) -> None:
    assert (await door.send(data, content_type)).status == status


@pytest.mark.parametrize(
    ("second", "status", "kind"),
    [
        (at(0), 409, "duplicate"),
        (at(180), 409, "duplicate"),
        (at(180.001), 202, ""),
        (at(-3600), 409, "duplicate"),
        (notification(generated_time="2026-11-22T10:05:40.571896+02:00"), 409, "duplicate"),
        (notification(hostname="compute-2"), 202, ""),
        (process(process_name="libvirtd"), 202, ""),
        (process(event="STARTED"), 202, ""),
        (host(), 202, ""),
    ],
    ids=[
        "same",
        "edge",
        "beyond",
        "older",
        "other zone",
        "other host",
        "other name",
        "other event",
        "other type",
    ],
)
async def test_what_a_duplicate_is(door: Door, second: object, status: int, kind: str) -> None:
    assert (await door.post(notification())).status == 202
    answer = await door.post(second)
    assert (answer.status, answer.kind) == (status, kind), answer.body


@pytest.mark.parametrize(
    "body",
    [
        notification(hostname=RESTING),
        notification(hostname=RESTING, type="VM", payload=vm()["notification"]["payload"]),
        notification(
            hostname=RESTING, type="COMPUTE_HOST", payload=host(event="STARTED")["notification"]["payload"]
        ),
    ],
    ids=["process", "vm", "host started"],
)
async def test_a_host_on_maintenance_is_refused_whatever_it_reports(door: Door, body: object) -> None:
    for _ in range(2):
        answer = await door.post(body)
        assert (answer.status, answer.kind) == (409, "maintenance")


@pytest.mark.parametrize("name", ["maintenance-1", "duplicate-1"])
async def test_a_hosts_name_does_not_change_the_meaning_of_the_answer(door: Door, name: str) -> None:
    assert (await door.post(notification(hostname=name))).status == 202
    assert (await door.post(notification(hostname=name))).kind == "duplicate"


async def test_what_was_accepted_can_be_read(door: Door) -> None:
    posted = [
        (await door.post(body)).body["notification"]
        for body in (vm(), process(), notification(hostname="compute-2", generated_time="2026-11-23"))
    ]
    newest_first = [one["notification_uuid"] for one in reversed(posted)]

    async def listed(query: str) -> list[str]:
        answer = await door.get(f"/notifications{query}")
        assert answer.status == 200
        return [one["notification_uuid"] for one in answer.body["notifications"]]

    assert await listed("") == newest_first
    assert await listed("?limit=1") == newest_first[:1]
    assert await listed("?limit=0") == []
    assert await listed("?type=VM") == newest_first[2:]
    assert await listed("?type=NOPE") == []
    assert await listed("?status=new") == newest_first
    assert await listed("?status=finished") == []
    assert await listed("?generated-since=2026-11-22T12:00:00") == newest_first[:1]
    assert await listed(f"?source_host_uuid={posted[2]['source_host_uuid']}") == newest_first[:1]
    assert await listed("?source_host_uuid=nobody") == []
    for one in posted:
        shown = (await door.get(f"/notifications/{one['notification_uuid']}")).body["notification"]
        assert shown == one
    assert set(posted[0]) == {
        "id", "notification_uuid", "generated_time", "source_host_uuid", "type", "payload", "status",
        "failover_segment_uuid", "message", "created_at", "updated_at", "deleted_at", "deleted",
    }  # fmt: skip
    assert posted[0]["generated_time"] == "2026-11-22T08:05:40.571896"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/notifications/zz", 404),
        (f"/notifications/{UUID}", 404),
        ("/notifications?limit=-1", 400),
        ("/notifications?limit=x", 400),
        ("/notifications?generated-since=soon", 400),
        ("/notifications?marker=x", 400),
        ("/notifications?marker=999999", 400),
        ("/segments?marker=x", 400),
        (f"/segments?marker={UUID}", 400),
        ("/segments?marker=999999", 400),
        ("/segments?limit=-1", 400),
        ("/segments?limit=x", 400),
        ("/segments?limit=%2B1", 200),
        ("/segments?limit=99999999999999999999999", 200),
        (f"/segments/{UUID}", 404),
        (f"/segments/{UUID}/hosts", 404),
        ("/nowhere", 404),
    ],
)
async def test_a_read_is_answered_or_refused(door: Door, path: str, status: int) -> None:
    assert (await door.get(path)).status == status


async def test_a_host_is_found_by_way_of_its_segment(door: Door) -> None:
    (segment,) = (await door.get("/segments")).body["segments"]
    hosts = (await door.get(f"/segments/{segment['uuid']}/hosts")).body["hosts"]
    assert {one["name"]: one["on_maintenance"] for one in hosts} == {
        **dict.fromkeys(HOSTS, False),
        RESTING: True,
    }
    posted = (await door.post(notification())).body["notification"]
    assert posted["source_host_uuid"] in {one["uuid"] for one in hosts if one["name"] == "compute-1"}
    assert posted["failover_segment_uuid"] == segment["uuid"]


async def test_lists_are_read_on_by_the_integer_id_of_the_last_item(door: Door) -> None:
    for process_name in ("a", "b", "c"):
        assert (await door.post(process(process_name=process_name))).status == 202
    (segment,) = (await door.get("/segments")).body["segments"]
    for path, key in (
        ("/notifications", "notifications"),
        ("/segments", "segments"),
        (f"/segments/{segment['uuid']}/hosts", "hosts"),
    ):
        whole = (await door.get(path)).body[key]
        read, page = [], (await door.get(f"{path}?limit=2")).body[key]
        while page:
            assert len(page) <= 2
            read += page
            page = (await door.get(f"{path}?limit=2&marker={page[-1]['id']}")).body[key]
        assert read == whole
        by_uuid = await door.get(f"{path}?marker={UUID}")
        assert by_uuid.status == 400
        assert by_uuid.body["badRequest"]["message"] == f"Marker {UUID} could not be found."
    host = whole[0]
    shown = await door.get(f"/segments/{segment['uuid']}/hosts/{host['uuid']}")
    assert (shown.status, shown.body["host"]["name"]) == (200, host["name"])
    assert (await door.get(f"/segments/{segment['uuid']}/hosts/{UUID}")).status == 404


@pytest.mark.parametrize(
    ("version", "status"),
    [("1.0", 200), ("1.2", 200), ("latest", 200), ("1.9", 406), ("2.0", 406), ("x", 400)],
)
async def test_a_microversion_is_spoken_or_refused(door: Door, version: str, status: int) -> None:
    asking = replace(door, headers=door.headers | {"OpenStack-API-Version": f"instance-ha {version}"})
    answer = await asking.get("/segments")
    assert answer.status == status
    if status == 200:
        (segment,) = answer.body["segments"]
        assert segment["enabled"] is True
    else:
        (fault,) = answer.body.values()
        assert fault["code"] == status


# A surrogate is no text, and a moment within the window of the year 1 makes the real service answer 500.
TEXT = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(
    [
        "STOPPED",
        "STARTED",
        "ONLINE",
        "UNKNOWN",
        "2026-11-22 10:00",
        "compute-2",
        UUID,
        "VM",
        "PROCESS",
        "COMPUTE_HOST",
    ]
)
VALUES = (
    TEXT
    | st.none()
    | st.integers(-5, 5)
    | st.lists(TEXT, max_size=2)
    | st.dictionaries(TEXT, TEXT, max_size=2)
)


@given(st.sampled_from([process(), vm(), host()]), st.data())
@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_both_agree_on_any_body_that_is_nearly_right(
    real: Door, embedded: Door, body: dict[str, Any], data: st.DataObject
) -> None:
    body = json.loads(json.dumps(body))
    fields = body["notification"]
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.sampled_from([fields] + [v for v in fields.values() if isinstance(v, dict)]))
        key = data.draw(st.sampled_from(sorted(where)) | TEXT) if where else data.draw(TEXT)
        if data.draw(st.booleans()):
            where[key] = data.draw(VALUES)
        else:
            where.pop(key, None)
    first, second = await real.post(body), await embedded.post(body)
    assert (first.status, first.kind) == (second.status, second.kind), (first.body, second.body)
