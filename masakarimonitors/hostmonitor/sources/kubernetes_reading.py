"""What a Node and a Lease of Kubernetes say, in the core's words. Pure: JSON in, facts out.

A kubelet that posts Ready=False is alive, and so is its host; only Ready=Unknown, which the node
controller sets when the kubelet's heartbeat has stopped (40 s by default), is a lost host. The taint
node.kubernetes.io/out-of-service is put on a node by whoever has made sure that it is off.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from masakarimonitors.hostmonitor.ledger import read_ledger
from masakarimonitors.hostmonitor.observation import LedgerEntry, Link, Sighting

OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
LEDGER = "masakari-monitors/reported"
_UP = Sighting(Link.UP, "its kubelet reports in")


@dataclass(frozen=True, slots=True)
class NodeSeen:
    """One node: its sighting, and whether somebody vouches that it is off."""

    name: str
    sighting: Sighting
    out_of_service: bool = False


def read_node(node: Mapping[str, Any]) -> NodeSeen:
    """From a Node object; raises ValueError when it has no name."""
    try:
        name = str(node["metadata"]["name"])
    except (KeyError, TypeError) as fault:
        raise ValueError("a node without a name") from fault
    taints = (node.get("spec") or {}).get("taints") or ()
    out_of_service = any(taint.get("key") == OUT_OF_SERVICE for taint in taints)
    conditions = (node.get("status") or {}).get("conditions") or ()
    ready = next((c for c in conditions if c.get("type") == "Ready"), None)
    if ready is None:
        return NodeSeen(name, Sighting(Link.UNKNOWN, "it has no Ready condition yet"), out_of_service)
    status, reason = ready.get("status"), ready.get("reason") or "no reason given"
    if status == "True":
        return NodeSeen(name, _UP, out_of_service)
    if status == "False":
        return NodeSeen(
            name, Sighting(Link.UP, f"its kubelet reports in, not ready: {reason}"), out_of_service
        )
    if status != "Unknown":
        return NodeSeen(
            name,
            Sighting(Link.UNKNOWN, f"its Ready condition says {status!r}, which means nothing"),
            out_of_service,
        )
    since = ready.get("lastTransitionTime") or "an unknown time"
    return NodeSeen(name, Sighting(Link.DOWN, f"Ready={status} ({reason}) since {since}"), out_of_service)


@dataclass(frozen=True, slots=True)
class LeaseSeen:
    """The Lease as it stands: `version` for a conditional write, `term` changes with every renewal."""

    holder: str
    version: str
    term: str
    duration: float
    transitions: int
    ledger: Mapping[str, LedgerEntry] | None
    body: Mapping[str, Any]


def read_lease(lease: Mapping[str, Any]) -> LeaseSeen:
    """From a Lease object of coordination.k8s.io/v1."""
    metadata, spec = lease.get("metadata") or {}, lease.get("spec") or {}
    annotation = (metadata.get("annotations") or {}).get(LEDGER)
    holder = str(spec.get("holderIdentity") or "")
    return LeaseSeen(
        holder,
        str(metadata.get("resourceVersion") or ""),
        f"{holder} {spec.get('renewTime')} {spec.get('leaseTransitions')}",
        float(spec.get("leaseDurationSeconds") or 0),
        int(spec.get("leaseTransitions") or 0),
        {} if annotation is None else read_ledger(annotation),
        lease,
    )


def may_take(lease: LeaseSeen, own: str, unchanged: float) -> bool:
    """Whether `own` may hold the office: it does, nobody does, or the holder has not renewed it.

    `unchanged`: seconds, by this node's own clock, since the Lease was last seen to change; the
    holder's clock is not trusted.
    """
    return lease.holder in ("", own) or unchanged > lease.duration


def write_lease(
    seen: LeaseSeen | None, name: str, own: str, now: datetime.datetime, duration: int, ledger: str | None
) -> dict[str, Any]:
    """The Lease held by `own` (or by nobody: an empty name), renewed at `now`; `ledger` None keeps what stands."""
    stamp = now.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    before = (seen.body.get("spec") or {}) if seen else {}
    same = seen is not None and seen.holder == own
    annotations = dict(((seen.body.get("metadata") or {}).get("annotations") or {}) if seen else {})
    if ledger is not None:
        annotations[LEDGER] = ledger
    metadata: dict[str, Any] = {"name": name, "annotations": annotations}
    if seen is not None:
        metadata["resourceVersion"] = seen.version
    spec: dict[str, Any] = {
        "holderIdentity": own,
        "leaseDurationSeconds": duration,
        "acquireTime": before.get("acquireTime") if same else stamp,
        "renewTime": stamp,
        "leaseTransitions": (seen.transitions if seen else 0) + (0 if same else 1),
    }
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
