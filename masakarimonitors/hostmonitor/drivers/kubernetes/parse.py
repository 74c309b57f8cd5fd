"""What a Node of Kubernetes says, in the core's words. Pure: JSON in, facts out.

A kubelet that posts Ready=False is alive, and so is its host; only Ready=Unknown, which the node
controller sets when the kubelet's heartbeat has stopped (40 s by default), is a lost host. Two marks that
people put on a Node count by when they were put there. The taint node.kubernetes.io/out-of-service, put on
a lost Node, vouches that it is off; one from before the loss was meant for another. A cordon from before
the loss is planned work; one that follows it is somebody's answer to the loss (a remediation does that).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from masakarimonitors.core.outside import moment
from masakarimonitors.hostmonitor.core.observation import Membership, Sighting, Work

OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
_CORDON = "node.kubernetes.io/unschedulable"
_UP = Sighting(Membership.UP, "its kubelet reports in")


class Mark(StrEnum):
    """When somebody marked a Node, seen from its loss."""

    ABSENT = "absent"
    BEFORE = "before the loss"
    """Also: the Node is not lost."""
    AFTER = "after the loss"
    UNSAID = "at an unknown time"
    """It is lost and marked, and neither the mark nor anything that was seen says which came first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSeen:
    """One Node at one moment.

    `condition`: what its Ready condition says. `ready`: its kubelet says so itself. `lost_at`: the controller's moment
    of the loss, as it is written; empty unless the Node is DOWN. `heartbeat`: the kubelet's own stamp in its
    conditions, renewed every 5 minutes.
    """

    name: str
    condition: Sighting
    ready: bool = False
    lost_at: str = ""
    vouched: Mark = Mark.ABSENT
    cordoned: Mark = Mark.ABSENT
    heartbeat: str = ""
    addresses: Sequence[str] = ()
    kubelet_port: int = 0
    hostname: str = field(default="", repr=False)
    boot_id: str = field(default="", repr=False)

    @property
    def lost(self) -> bool:
        """Its kubelet has fallen silent."""
        return self.condition.value is Membership.DOWN

    @property
    def sighting(self) -> Sighting:
        """What is told of it: with a word about a taint that does not count, since somebody may wait for it to."""
        word = _NO_PROOF.get(self.vouched) if self.lost else None
        if word is None:
            return self.condition
        return Sighting(self.condition.value, f"{self.condition.evidence}; {word}")

    @property
    def proven_off(self) -> bool:
        """Lost, and since then somebody vouches that it is off."""
        return self.lost and self.vouched is Mark.AFTER

    @property
    def work(self) -> Work:
        """Planned work, as far as Kubernetes knows it; in doubt it was planned."""
        return Work.CORDONED if self.cordoned in (Mark.BEFORE, Mark.UNSAID) else Work.NONE


def read_node(node: Mapping[str, Any]) -> NodeSeen:
    """From a Node object; raises ValueError when it is none."""
    try:
        return _read(node)
    except (KeyError, TypeError, AttributeError, OverflowError) as fault:
        raise ValueError(f"a Node that cannot be read ({type(fault).__name__}: {fault})") from fault


def _read(node: Mapping[str, Any]) -> NodeSeen:
    name = node["metadata"]["name"]
    if not isinstance(name, str) or not name:
        raise ValueError("a Node without a name")
    spec, status = node.get("spec") or {}, node.get("status") or {}
    conditions: list[Mapping[str, Any]] = status.get("conditions") or []
    ready = next((one for one in conditions if one.get("type") == "Ready"), {})
    sighting = _sighting(ready)
    lost_at = str(ready.get("lastTransitionTime") or "") if sighting.value is Membership.DOWN else None
    taints = {one.get("key"): str(one.get("timeAdded") or "") for one in spec.get("taints") or ()}
    cordon = taints.get(_CORDON, "") if spec.get("unschedulable") is True else None
    addresses = [one for one in status.get("addresses") or () if one.get("address")]
    endpoint = (status.get("daemonEndpoints") or {}).get("kubeletEndpoint") or {}
    return NodeSeen(
        name=name,
        condition=sighting,
        ready=ready.get("status") == "True",
        lost_at=lost_at or "",
        vouched=_mark(taints.get(OUT_OF_SERVICE), lost_at),
        cordoned=_mark(cordon, lost_at),
        heartbeat=str(ready.get("lastHeartbeatTime") or ""),
        addresses=tuple(str(one["address"]) for one in addresses if one.get("type") == "InternalIP"),
        kubelet_port=_port(endpoint.get("Port")),
        hostname=next((str(one["address"]) for one in addresses if one.get("type") == "Hostname"), ""),
        boot_id=str((status.get("nodeInfo") or {}).get("bootID") or ""),
    )


def _port(value: object) -> int:
    """0 where there is none that can be connected to."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 65536 else 0


def _sighting(ready: Mapping[str, Any]) -> Sighting:
    status, reason = ready.get("status"), ready.get("reason") or "no reason given"
    if status == "True":
        return _UP
    if status == "False":
        return Sighting(Membership.UP, f"its kubelet reports in, not ready: {reason}")
    if status == "Unknown":
        since = ready.get("lastTransitionTime") or "an unknown time"
        return Sighting(Membership.DOWN, f"Ready=Unknown ({reason}) since {since}")
    if status is None:
        return Sighting(Membership.UNKNOWN, "it has no Ready condition yet")
    return Sighting(Membership.UNKNOWN, f"its Ready condition says {status!r}, which means nothing")


def _mark(added: str | None, lost_at: str | None) -> Mark:
    """`added`: None without the mark, empty when nobody says since when; `lost_at`: None unless it is lost."""
    if added is None:
        return Mark.ABSENT
    if lost_at is None:
        return Mark.BEFORE
    put, lost = moment(added), moment(lost_at)
    if put is None or lost is None:
        return Mark.UNSAID
    return Mark.AFTER if put >= lost else Mark.BEFORE


def follow(before: NodeSeen | None, seen: NodeSeen) -> NodeSeen:
    """`seen`, with what `before` (this Node as it was seen last) says of marks without a time."""
    if before is None or not seen.lost:
        return seen
    same_loss = before.lost and before.lost_at == seen.lost_at
    vouched = _witnessed(before.vouched, seen.vouched, same_loss)
    cordoned = _witnessed(before.cordoned, seen.cordoned, same_loss)
    if (vouched, cordoned) == (seen.vouched, seen.cordoned):
        return seen
    return replace(seen, vouched=vouched, cordoned=cordoned)


def _witnessed(before: Mark, seen: Mark, same_loss: bool) -> Mark:
    if seen is not Mark.UNSAID:
        return seen
    if same_loss:
        # It was lost without the mark, and has it now; or it is known already which came first.
        return Mark.AFTER if before is Mark.ABSENT else before
    return Mark.BEFORE if before is Mark.BEFORE else Mark.UNSAID


_NO_PROOF = {
    Mark.BEFORE: "its out-of-service taint is older and proves nothing",
    Mark.UNSAID: "it is tainted out-of-service, nobody says since when, so this proves nothing: set the taint anew",
}
