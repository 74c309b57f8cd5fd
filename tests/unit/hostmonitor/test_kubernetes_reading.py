"""What Nodes and Leases say, on recorded streams of a real API server and on made ones."""

import datetime
from typing import Any

import pytest

from masakarimonitors.hostmonitor.observation import Link
from masakarimonitors.hostmonitor.sources.kubernetes_reading import (
    LEDGER,
    OUT_OF_SERVICE,
    may_take,
    read_lease,
    read_node,
    write_lease,
)
from tests.fixtures.kubernetes_replay import recorded

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def node(name: str, status: str | None, *taints: str) -> dict[str, Any]:
    conditions = [{"type": "MemoryPressure", "status": "False"}]
    if status is not None:
        conditions.append({"type": "Ready", "status": status, "reason": "why"})
    return {
        "metadata": {"name": name},
        "spec": {"taints": [{"key": taint} for taint in taints]},
        "status": {"conditions": conditions},
    }


@pytest.mark.parametrize(
    ("status", "value"),
    [
        ("True", Link.UP),
        ("False", Link.UP),
        ("Unknown", Link.DOWN),
        (None, Link.UNKNOWN),
        ("odd", Link.UNKNOWN),
    ],
)
def test_only_a_silent_kubelet_is_a_lost_host(status: str | None, value: Link) -> None:
    assert read_node(node("n1", status)).sighting.value is value


def test_who_vouches_that_a_node_is_off() -> None:
    assert read_node(node("n1", "Unknown", OUT_OF_SERVICE)).out_of_service
    assert not read_node(node("n1", "Unknown", "node.kubernetes.io/unreachable")).out_of_service


def test_a_node_without_parts_is_unknown_and_one_without_name_is_refused() -> None:
    assert read_node({"metadata": {"name": "n"}}).sighting.value is Link.UNKNOWN
    with pytest.raises(ValueError, match="without a name"):
        read_node({"kind": "Status"})


def test_the_stream_of_a_real_node_lifecycle_controller() -> None:
    """Four kubelets fall silent and one comes back: taints in separate events change nothing."""
    changes: list[tuple[str, str]] = []
    last: dict[str, str] = {}
    for event in recorded("k8s_watch_real_nodelifecycle.jsonl"):
        if event["type"] == "BOOKMARK":
            continue
        seen = read_node(event["object"])
        if last.get(seen.name) != seen.sighting.value:
            last[seen.name] = seen.sighting.value
            if seen.sighting.value is not Link.UP or any(name == seen.name for name, _ in changes):
                changes.append((seen.name, seen.sighting.value.value))
    assert changes == [
        ("node02", "down"),
        ("node03", "down"),
        ("node05", "down"),
        ("node01", "down"),
        ("kn3", "down"),
        ("kn3", "up"),
    ]


def lease(holder: str, **annotations: str) -> dict[str, Any]:
    return {
        "metadata": {"name": "l", "resourceVersion": "7", "annotations": annotations},
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": 15,
            "renewTime": "t1",
            "leaseTransitions": 3,
        },
    }


def test_who_may_take_the_office() -> None:
    other = read_lease(lease("node-2"))
    assert not may_take(other, "node-1", 14.9)
    assert may_take(other, "node-1", 15.1)
    assert may_take(read_lease(lease("node-1")), "node-1", 0.0)
    assert may_take(read_lease(lease("")), "node-1", 0.0)


def test_the_ledger_hangs_on_the_lease_and_an_unreadable_one_is_not_an_empty_one() -> None:
    assert read_lease(lease("a")).ledger == {}
    assert read_lease(lease("a", **{LEDGER: "not json"})).ledger is None


def test_a_written_lease_counts_transitions_and_keeps_the_ledger() -> None:
    seen = read_lease(lease("node-2", **{LEDGER: "{}"}))
    taken = write_lease(seen, "l", "node-1", NOW, 15, None)
    assert taken["metadata"]["resourceVersion"] == "7"
    assert taken["metadata"]["annotations"] == {LEDGER: "{}"}
    assert (taken["spec"]["holderIdentity"], taken["spec"]["leaseTransitions"]) == ("node-1", 4)
    assert taken["spec"]["renewTime"] == "2026-01-01T00:00:00.000000Z"
    renewed = write_lease(read_lease(taken), "l", "node-1", NOW, 15, '{"x":1}')
    assert (renewed["spec"]["leaseTransitions"], renewed["metadata"]["annotations"][LEDGER]) == (4, '{"x":1}')
    assert "resourceVersion" not in write_lease(None, "l", "node-1", NOW, 15, None)["metadata"]
