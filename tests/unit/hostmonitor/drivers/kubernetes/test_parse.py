"""What Nodes say, on recorded streams of a real API server and on made ones."""

from typing import Any

import pytest

from masakarimonitors.hostmonitor.core.observation import Membership, Work
from masakarimonitors.hostmonitor.drivers.kubernetes.parse import (
    OUT_OF_SERVICE,
    Mark,
    NodeSeen,
    follow,
    read_node,
)
from tests.fixtures.kubernetes_replay import recorded
from tests.unit.hostmonitor.drivers.kubernetes.hearing import node

CORDON = "node.kubernetes.io/unschedulable"
EARLIER, LOST_AT, LATER = "2026-01-01T09:00:00Z", "2026-01-01T10:00:00Z", "2026-01-01T10:05:00Z"


@pytest.mark.parametrize(
    ("status", "value"),
    [
        ("True", Membership.UP),
        ("False", Membership.UP),
        ("Unknown", Membership.DOWN),
        (None, Membership.UNKNOWN),
        ("odd", Membership.UNKNOWN),
    ],
)
def test_only_a_silent_kubelet_is_a_lost_host(status: str | None, value: Membership) -> None:
    assert read_node(node("n1", status)).sighting.value is value


@pytest.mark.parametrize(
    ("status", "taint", "mark", "proven"),
    [
        ("Unknown", f"{OUT_OF_SERVICE}@{LATER}", Mark.AFTER, True),
        ("Unknown", f"{OUT_OF_SERVICE}@{LOST_AT}", Mark.AFTER, True),
        ("Unknown", f"{OUT_OF_SERVICE}@{EARLIER}", Mark.BEFORE, False),
        ("Unknown", OUT_OF_SERVICE, Mark.UNSAID, False),
        ("Unknown", f"{OUT_OF_SERVICE}@yesterday", Mark.UNSAID, False),
        ("Unknown", f"node.kubernetes.io/unreachable@{LATER}", Mark.ABSENT, False),
        ("True", f"{OUT_OF_SERVICE}@{LATER}", Mark.BEFORE, False),
    ],
)
def test_a_taint_proves_only_the_loss_after_which_it_was_set(
    status: str, taint: str, mark: Mark, proven: bool
) -> None:
    seen = read_node(node("n1", status, taint, lost_at=LOST_AT))
    assert (seen.vouched, seen.proven_off) == (mark, proven)


def test_a_taint_that_proves_nothing_is_named_in_the_evidence() -> None:
    old = read_node(node("n1", "Unknown", f"{OUT_OF_SERVICE}@{EARLIER}", lost_at=LOST_AT))
    assert "older and proves nothing" in old.sighting.evidence
    unsaid = read_node(node("n1", "Unknown", OUT_OF_SERVICE, lost_at=LOST_AT))
    assert "set the taint anew" in unsaid.sighting.evidence


@pytest.mark.parametrize(
    ("status", "taints", "work"),
    [
        ("True", (), Work.CORDONED),
        ("False", (), Work.CORDONED),
        ("Unknown", (), Work.CORDONED),
        ("Unknown", (f"{CORDON}@{EARLIER}",), Work.CORDONED),
        ("Unknown", (f"{CORDON}@{LATER}",), Work.NONE),
    ],
)
def test_a_cordon_is_planned_work_unless_it_answers_the_loss(
    status: str, taints: tuple[str, ...], work: Work
) -> None:
    assert read_node(node("n1", status, *taints, cordoned=True, lost_at=LOST_AT)).work is work


def test_a_node_that_is_not_cordoned_is_in_no_planned_work() -> None:
    assert read_node(node("n1", "True", CORDON)).work is Work.NONE


def seen(status: str, *taints: str, **more: Any) -> NodeSeen:
    return read_node(node("n1", status, *taints, lost_at=more.pop("lost_at", LOST_AT), **more))


@pytest.mark.parametrize(
    ("before", "mark"),
    [
        (None, Mark.UNSAID),
        (seen("Unknown"), Mark.AFTER),
        (seen("True"), Mark.UNSAID),
        (seen("True", OUT_OF_SERVICE), Mark.BEFORE),
        (seen("Unknown", lost_at=EARLIER), Mark.UNSAID),
        (seen("Unknown", OUT_OF_SERVICE), Mark.UNSAID),
        (follow(seen("True", OUT_OF_SERVICE), seen("Unknown", OUT_OF_SERVICE)), Mark.BEFORE),
        (follow(seen("Unknown"), seen("Unknown", OUT_OF_SERVICE)), Mark.AFTER),
    ],
)
def test_a_taint_without_a_time_counts_by_what_was_seen_before(before: NodeSeen | None, mark: Mark) -> None:
    after = follow(before, seen("Unknown", OUT_OF_SERVICE))
    assert after.vouched is mark
    assert ("proves nothing" in after.sighting.evidence) == (mark is not Mark.AFTER)


def test_a_cordon_without_a_time_that_followed_the_loss_is_no_planned_work() -> None:
    assert follow(seen("Unknown"), seen("Unknown", cordoned=True)).work is Work.NONE
    assert follow(seen("True", cordoned=True), seen("Unknown", cordoned=True)).work is Work.CORDONED


def test_what_else_a_node_shows() -> None:
    shown = seen("False", address="10.0.0.1", hostname="h1", boot_id="b", beat=LATER)
    assert (
        shown.addresses,
        shown.kubelet_port,
        shown.hostname,
        shown.boot_id,
        shown.heartbeat,
        shown.ready,
    ) == (
        ("10.0.0.1",),
        10250,
        "h1",
        "b",
        LATER,
        False,
    )
    assert seen("True").ready


def test_a_node_without_parts_is_unknown() -> None:
    assert read_node({"metadata": {"name": "n"}}).sighting.value is Membership.UNKNOWN


@pytest.mark.parametrize(
    "odd",
    [
        {"kind": "Status"},
        {"metadata": []},
        {"metadata": {"name": None}},
        {"metadata": {"name": "n"}, "spec": {"taints": ["x"]}},
        {"metadata": {"name": "n"}, "status": {"conditions": [None]}},
    ],
)
def test_what_is_no_node_is_refused(odd: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Node"):
        read_node(odd)


def test_the_stream_of_a_real_node_lifecycle_controller() -> None:
    """Four kubelets fall silent and one comes back: taints in separate events change nothing."""
    changes: list[tuple[str, str]] = []
    last: dict[str, str] = {}
    for event in recorded("k8s_watch_real_nodelifecycle.jsonl"):
        if event["type"] == "BOOKMARK":
            continue
        now = read_node(event["object"])
        if last.get(now.name) != now.sighting.value:
            last[now.name] = now.sighting.value
            if now.sighting.value is not Membership.UP or any(name == now.name for name, _ in changes):
                changes.append((now.name, now.sighting.value.value))
    assert changes == [
        ("node02", "down"),
        ("node03", "down"),
        ("node05", "down"),
        ("node01", "down"),
        ("kn3", "down"),
        ("kn3", "up"),
    ]
