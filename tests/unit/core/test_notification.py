"""What a decision says and what stands on the wire are the same, both ways."""

import datetime
import json
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
    from_wire,
    to_wire,
)

NAMES = st.text("abcXYZ09._-", min_size=1, max_size=40)
MOMENTS = st.datetimes(datetime.datetime(2000, 1, 1), timezones=st.just(datetime.UTC))
NOTIFICATIONS: st.SearchStrategy[Notification] = st.one_of(
    st.builds(
        VmNotification,
        NAMES,
        MOMENTS,
        event=st.text(),
        instance_uuid=st.text(),
        vir_domain_event=st.text(),
    ),
    st.builds(
        HostNotification,
        NAMES,
        MOMENTS,
        event=st.sampled_from(HostEvent),
        cluster_status=st.sampled_from(ClusterStatus),
        host_status=st.sampled_from(HostStatus),
    ),
    st.builds(ProcessNotification, NAMES, MOMENTS, st.sampled_from(HostEvent), NAMES),
)


@given(NOTIFICATIONS)
def test_what_is_read_back_is_what_was_said(notification: Notification) -> None:
    assert from_wire(json.loads(json.dumps(to_wire(notification)))) == notification


def test_a_process_comes_back_by_the_name_that_the_wire_has() -> None:
    moment = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    said = ProcessNotification("compute-1", moment, HostEvent.STOPPED, "/usr/bin/nova-compute")
    told = from_wire(to_wire(said))
    assert isinstance(told, ProcessNotification) and told.process_name == "nova-compute"
    assert to_wire(told) == to_wire(said)


GOOD: dict[str, Any] = {
    "type": "COMPUTE_HOST",
    "hostname": "node05",
    "generated_time": "2026-01-01T00:00:00.000000",
    "payload": {"event": "STOPPED", "cluster_status": "OFFLINE", "host_status": "NORMAL"},
}


@pytest.mark.parametrize(
    "wire",
    [
        None,
        {},
        {"notification": None},
        {"notification": []},
        {"notification": GOOD | {"type": "RACK"}},
        {"notification": GOOD | {"hostname": None}},
        {"notification": GOOD | {"hostname": "node 05"}},
        {"notification": GOOD | {"generated_time": "yesterday"}},
        {"notification": GOOD | {"generated_time": 0}},
        {"notification": GOOD | {"payload": None}},
        {"notification": GOOD | {"payload": {}}},
        {"notification": GOOD | {"payload": GOOD["payload"] | {"event": "FELL"}}},
    ],
)
def test_what_is_no_notification_is_refused(wire: Any) -> None:
    assert from_wire({"notification": GOOD})
    with pytest.raises(ValueError):
        from_wire(wire)
