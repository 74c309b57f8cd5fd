"""What Consul's answers say of each node: pure, from bodies to `Sighting`s.

In: the bodies of `/v1/health/state/any`, `/v1/catalog/nodes` and `/v1/agent/members`. Out:
one `Sighting` for each node. Two rules guard against false words: only the leader's serfHealth can
say DOWN (gossip never does), and only gossip's `left` of a node that was watched alive, or of a
client, can say LEFT (autopilot turns a *crashed server* into `left` after some seconds).
"""

import enum
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from masakarimonitors.hostmonitor.observation import Link, Sighting

SERF_HEALTH = "serfHealth"
"""The check by which Consul's leader says whether a node's agent is reachable."""

# What masakari-api accepts as a host's name. Another node can never be reported, so it is not shown.
_NAME = re.compile(r"[a-zA-Z0-9._-]{1,255}\Z")

UP = Sighting(Link.UP, "serfHealth passing")
DOWN = Sighting(Link.DOWN, "serfHealth critical")
STILL_DOWN = Sighting(Link.DOWN, "was critical when it was taken out of the catalogue")
LEFT = Sighting(Link.LEFT, "left the datacentre (gossip: left)")
UNCHECKED = Sighting(Link.UNKNOWN, "no serfHealth, though gossip knows it alive")
UNKNOWN_TO_GOSSIP = Sighting(Link.UNKNOWN, "no serfHealth, and gossip does not know it")
REMOVED = Sighting(Link.UNKNOWN, "taken out of the catalogue after gossip lost it")
REMOVED_SERVER = Sighting(
    Link.UNKNOWN,
    "a server that gossip calls left, not watched meanwhile: autopilot does that to a crashed one too",
)


class Gossip(enum.IntEnum):
    """`Status` of a member in /v1/agent/members (serf's numbers)."""

    ALIVE = 1
    LEAVING = 2
    LEFT = 3
    FAILED = 4


@dataclass(frozen=True, slots=True)
class Member:
    """One member as the local agent's gossip has it."""

    status: int
    server: bool


# The readers take the raw body and let go of each object as soon as it is parsed: 10,000 members as
# Python dicts would be some 25 MB, for three datacentres at once.


def read_health(body: bytes) -> dict[str, bool]:
    """From /v1/health/state/any: node -> whether its serfHealth is other than critical.

    Raises ValueError when the body is no list of checks.
    """
    return {node: status != "critical" for node, name, status in check_rows(body) if name == SERF_HEALTH}


def check_rows(body: bytes) -> list[tuple[str, str, str]]:
    """Node, CheckID and Status of each check of a list. Raises ValueError when it is none."""

    def check(fields: dict[str, Any]) -> tuple[str, str, str] | None:
        return (fields["Node"], fields["CheckID"], fields["Status"]) if "CheckID" in fields else None

    return _rows(body, check)


def read_catalog(body: bytes) -> frozenset[str]:
    """From /v1/catalog/nodes: the names. Raises ValueError when the body is no list of nodes."""

    def node(fields: dict[str, Any]) -> tuple[str] | None:
        return (fields["Node"],) if "Node" in fields else None

    return frozenset(name for (name,) in _rows(body, node))


def read_members(body: bytes) -> dict[str, Member]:
    """From /v1/agent/members. Raises ValueError when the body is no list of members."""

    def member(fields: dict[str, Any]) -> tuple[str, int, bool] | bool:
        if "Status" in fields:
            return (fields["Name"], fields["Status"], fields["Tags"])
        # The inner object, the tags: all that is wanted of them is whether the member is a server.
        return fields.get("role") == "consul"

    return {name: Member(status, server is True) for name, status, server in _rows(body, member)}


def _rows(body: bytes, row: Callable[[dict[str, Any]], Any]) -> list[Any]:
    """The objects of a list, each as the tuple that `row` made of it (plain JSON has no tuples)."""
    try:
        rows = json.loads(body, object_hook=row)
    except (ValueError, KeyError, TypeError) as fault:
        raise ValueError(f"not what Consul answers: {fault!r}") from fault
    if not isinstance(rows, list) or not all(isinstance(r, tuple) and isinstance(r[0], str) for r in rows):
        raise ValueError(f"not what Consul answers: {body[:60]!r}")
    return rows


@dataclass(frozen=True, slots=True)
class Listing:
    """One reading of a datacentre, whole: its leader's checks and its leader's catalogue."""

    health: Mapping[str, bool]
    catalog: frozenset[str]

    def sighting(self, node: str) -> Sighting | None:
        """What the leader says of the node; None when it has no serfHealth: then gossip must say why."""
        passing = self.health.get(node)
        return None if passing is None else UP if passing else DOWN

    @property
    def nodes(self) -> Collection[str]:
        """Every node that the leader lists."""
        return self.health.keys() | self.catalog


def gone(member: Member | None, last: Link) -> Sighting:
    """What has become of a node that has no serfHealth, by the local agent's gossip.

    `last`: UP or DOWN as it was watched until it vanished, without a gap; UNKNOWN when there was one.
    """
    if member is not None and member.status == Gossip.ALIVE:
        # An agent that leaves or joins may be registered for moments without its check.
        return UNCHECKED
    if last is Link.DOWN:
        return STILL_DOWN
    if member is None:
        return UNKNOWN_TO_GOSSIP
    if member.status == Gossip.FAILED:
        return REMOVED
    return LEFT if last is Link.UP or not member.server else REMOVED_SERVER


def is_final(sighting: Sighting) -> bool:
    """Whether gossip's word on a vanished node is settled; otherwise it may only lag behind the leader's."""
    return sighting in (LEFT, STILL_DOWN, REMOVED_SERVER)


def whole(listing: Listing, members: Mapping[str, Member]) -> dict[str, Sighting]:
    """A first, complete listing: every node that the leader lists or that gossip remembers."""
    return {
        node: listing.sighting(node) or gone(members.get(node), Link.UNKNOWN)
        for node in {*listing.nodes, *members}
        if reportable(node)
    }


def changes(before: Listing, after: Listing) -> Iterator[tuple[str, Sighting | None]]:
    """The nodes of which the leader says something else now; None: it has lost its serfHealth."""
    candidates = {node for node, _ in before.health.items() ^ after.health.items()}
    if before.catalog is not after.catalog:
        candidates |= before.catalog ^ after.catalog
    for node in candidates:
        now = after.sighting(node)
        if (now is None or now is not before.sighting(node)) and reportable(node):
            yield node, now


def reportable(node: str) -> bool:
    """Whether masakari-api would accept the node's name."""
    return _NAME.match(node) is not None
