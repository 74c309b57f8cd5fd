"""The receiver's checks: what masakari-api accepts goes through, everything else is refused with a reason."""

import copy
import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.core.notification import (
    ClusterStatus,
    HostEvent,
    HostNotification,
    HostStatus,
    Notification,
    ProcessNotification,
    VmNotification,
    to_wire,
)
from masakarimonitors.receiver.schema import Invalid, parse

UUID = "3f2c1a52-9a53-4c68-8c0a-1f2c3d4e5f60"
HOSTNAMES = st.from_regex(r"[a-zA-Z0-9._-]{1,255}", fullmatch=True)
MOMENTS = st.datetimes(
    min_value=datetime.datetime(1970, 1, 2),
    max_value=datetime.datetime(9999, 12, 30),
    timezones=st.timezones(),
)
WORDS = st.text(min_size=1, max_size=255)


@st.composite
def notifications(draw: st.DrawFn) -> Notification:
    """Any notification that this project can make."""
    host, moment = draw(HOSTNAMES), draw(MOMENTS)
    match draw(st.sampled_from(["host", "process", "vm"])):
        case "host":
            return HostNotification(
                host,
                moment,
                event=draw(st.sampled_from(HostEvent)),
                cluster_status=draw(st.sampled_from(ClusterStatus)),
                host_status=draw(st.sampled_from(HostStatus)),
            )
        case "process":
            name = draw(st.text(min_size=1, max_size=300).filter(lambda n: not n.endswith("/")))
            return ProcessNotification(host, moment, draw(st.sampled_from(HostEvent)), name)
        case _:
            return VmNotification(
                host,
                moment,
                event=draw(WORDS),
                instance_uuid=str(draw(st.uuids())),
                vir_domain_event=draw(WORDS),
            )


@given(notifications())
def test_whatever_the_monitors_can_say_is_accepted_unchanged(notification: Notification) -> None:
    report = parse(to_wire(notification))
    assert report.type == notification.type
    assert report.hostname == notification.hostname
    # In UTC: Python holds the repeated hour at the end of summer time unequal to every other zone's.
    assert report.generated_time == notification.generated_time.astimezone(datetime.UTC)
    assert report.payload == notification.payload


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_any_other_json_is_refused_and_never_crashes(body: object) -> None:
    with pytest.raises(Invalid):
        parse(body)


@given(notifications(), st.data())
def test_any_field_replaced_is_refused_or_harmless(notification: Notification, data: st.DataObject) -> None:
    body = to_wire(notification)
    where = body["notification"] if data.draw(st.booleans()) else body["notification"]["payload"]
    where[data.draw(st.sampled_from(sorted(where)) | st.text(max_size=8))] = data.draw(JSON)
    try:
        report = parse(body)
    except Invalid as error:
        assert str(error)
    else:
        assert all(isinstance(value, str) for value in report.payload.values())


def process(**changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": "PROCESS",
        "hostname": "compute-1",
        "generated_time": "2026-11-22T08:05:40.571896",
        "payload": {"event": "STOPPED", "process_name": "nova-compute"},
    }
    body.update(changes)
    return {"notification": body}


@pytest.mark.parametrize("key", ["type", "hostname", "generated_time", "payload"])
def test_every_field_is_required(key: str) -> None:
    body = copy.deepcopy(process())
    del body["notification"][key]
    with pytest.raises(Invalid, match=key):
        parse(body)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T10:00:00.123456", "2026-11-22T10:00:00.123456+00:00"),
        ("2026-11-22 10:00:00", "2026-11-22T10:00:00+00:00"),
        ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00+00:00"),
        ("2026-11-22T10:00:00.5+02:00", "2026-11-22T08:00:00.500000+00:00"),
        ("2026-11-22", "2026-11-22T00:00:00+00:00"),
    ],
)
def test_times_are_read_as_the_api_reads_them(text: str, expected: str) -> None:
    assert parse(process(generated_time=text)).generated_time == datetime.datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-13-01", "2026-11-22T25:00:00", "0001-01-01T00:00:00+14:00"]
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="generated_time"):
        parse(process(generated_time=text))


@pytest.mark.parametrize("name", ["", "a" * 256, "a b", "host\n", "höst", "a/b"])
def test_host_names_are_checked_to_the_letter(name: str) -> None:
    with pytest.raises(Invalid, match="hostname"):
        parse(process(hostname=name))


@pytest.mark.parametrize("text", [UUID, UUID.upper(), UUID.replace("-", ""), "urn:uuid:{" + UUID + "}"])
def test_a_uuid_may_be_written_in_several_ways(text: str) -> None:
    payload = {"event": "LIFECYCLE", "instance_uuid": text, "vir_domain_event": "STOPPED_FAILED"}
    assert parse(process(type="VM", payload=payload)).payload == payload
