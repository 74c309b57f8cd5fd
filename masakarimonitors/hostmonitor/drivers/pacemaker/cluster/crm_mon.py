"""The reader of `crm_mon --output-as=xml`, pure: text comes in, a frozen `CrmMon` goes out."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from masakarimonitors.core.outside import moment_in_utc
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import (
    CrmMon,
    Fencing,
    MonConnection,
    MonNode,
    Unreadable,
    enter,
    flag,
    leave,
    parse,
)


@dataclass(kw_only=True)
class _MonReader:
    """expat's callbacks for crm_mon: only the elements directly under <nodes> are nodes."""

    skipped = frozenset({"node_history", "bans", "node_attributes", "failures"})
    root: str = ""
    quorate: bool | None = None
    dc: str = ""
    options: dict[str, str] = field(default_factory=dict)
    connections: dict[str, MonConnection] = field(default_factory=dict)
    failure: str = ""
    nodes: dict[str, MonNode] = field(default_factory=dict)
    fencings: list[dict[str, str]] = field(default_factory=list)
    _path: list[str] = field(default_factory=list)
    _resource: str = ""

    def start(self, tag: str, at: dict[str, str]) -> None:
        """A start tag."""
        path = self._path
        enter(path, tag)
        if len(path) == 1:
            self.root = tag
        elif tag == "node" and path[1:] == ["nodes", "node"] and at.get("name"):
            self.nodes[at["name"]] = MonNode(
                online=flag(at.get("online")) is True,
                unclean=flag(at.get("unclean")) is True,
                guest="id_as_resource" in at,
                remote=at.get("type") == "remote",
                standby=flag(at.get("standby")) is True,
                maintenance=flag(at.get("maintenance")) is True,
            )
        elif tag == "resource":
            self._resource = at.get("id", "")
            if at.get("resource_agent", "").endswith(":pacemaker:remote"):
                self.connections[self._resource] = MonConnection(
                    stopped=at.get("target_role", "").lower() == "stopped",
                    managed=flag(at.get("managed")) is not False,
                    down=at.get("role", "").lower() in ("stopped", "starting"),
                    ignored=flag(at.get("failure_ignored")) is True,
                )
        elif tag == "node" and path[-2:] == ["resource", "node"] and self._resource in self.connections:
            held = self.connections[self._resource]
            self.connections[self._resource] = replace(held, on=held.on | {at.get("name", "")})
        elif tag == "fence_event":
            self.fencings.append(at)
        elif tag == "current_dc":
            self.quorate = flag(at.get("with_quorum"))
            self.dc = at.get("name", "")
        elif tag == "cluster_options":
            self.options = at
        elif tag == "status" and at.get("code", "0") != "0":
            self.failure = at.get("message", "an error")
        elif tag == "error":
            self.failure = self.failure or "it lists errors"

    def end(self, tag: str) -> None:
        """An end tag."""
        leave(self._path, tag)


def _completed(event: Mapping[str, str]) -> datetime.datetime | None:
    return moment_in_utc(event.get("completed", "").replace(" +", "+").replace(" -", "-"))


def _ended_at(event: Mapping[str, str]) -> tuple[datetime.datetime, str]:
    """By which the newest is found: crm_mon writes local times, and when clocks are put back an hour comes twice."""
    return _completed(event) or _NEVER, event.get("completed", "")


_NEVER = datetime.datetime.min.replace(tzinfo=datetime.UTC)


def read_crm_mon(text: str) -> CrmMon:
    """Read what `crm_mon --output-as=xml` printed.

    Raises `Unreadable` when there is no list of nodes in it: with Pacemaker down, crm_mon prints
    `<status code="0">` with an `<errors>` element and exits 0.
    """
    reader = _MonReader()
    parse(text, reader, "the output of crm_mon")
    if reader.failure or not reader.nodes:
        raise Unreadable(f"crm_mon lists no nodes ({reader.failure or 'an empty <' + reader.root + '>'})")
    fenced: dict[str, Fencing] = {}
    failed: dict[str, Fencing] = {}
    under_way: set[str] = set()
    for event in sorted(reader.fencings, key=_ended_at):
        target, status = event.get("target", ""), event.get("status", "")
        if event.get("action") not in ("off", "reboot"):
            continue  # "on" (unfencing) proves no death
        if status == "pending":
            under_way.add(target)
            continue
        succeeded = status == "success"
        key = "/".join(event.get(part, "") for part in ("completed", "action", "client", "delegate"))
        found = Fencing(
            succeeded=succeeded,
            key=key,
            by=event.get("delegate", "") or "unknown",
            reboot=event.get("action") == "reboot",
            completed=_completed(event),
        )
        (fenced if succeeded else failed)[target] = found
    options = reader.options
    return CrmMon(
        quorate=reader.quorate,
        nodes=reader.nodes,
        connections=reader.connections,
        # Pacemaker 3.0.2 has a new name for it, and prints the old one beside it for now.
        stonith=flag(options.get("fencing-enabled", options.get("stonith-enabled"))),
        stop_all=flag(options.get("stop-all-resources")) is True,
        maintenance=flag(options.get("maintenance-mode")) is True,
        dc=reader.dc,
        fenced=fenced,
        failed=failed,
        under_way=frozenset(under_way),
    )
