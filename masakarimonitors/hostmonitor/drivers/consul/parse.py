"""What Consul's answers say of each node: pure, from bodies to `Sighting`s.

In: the bodies of `/v1/health/state/any`, `/v1/catalog/nodes` and `/v1/agent/members`. Out:
one `Sighting` for each node. Two rules guard against false words: gossip says DOWN of nobody whom the
leader lists, and of another node only what is remembered from the time when the leader was lost
(`gossip.py`); and only gossip's `left` of a node that was watched alive, or of a client, can say LEFT
(autopilot turns a *crashed server* into `left` after some seconds).
"""

import enum
import functools
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from masakarimonitors.core.notification import HOSTNAME
from masakarimonitors.hostmonitor.core.observation import Membership, Sighting

SERF_HEALTH = "serfHealth"
"""The check by which Consul's leader says whether a node's agent is reachable."""

_BETWEEN = b"},{"

EXTERNAL_HEALTH = "externalNodeHealth"
"""By this check consul-esm says whether a node without an agent answers; it counts where there is no serfHealth."""

NODE_MAINTENANCE = "_node_maintenance"
"""This check is there, and critical, while a node is in maintenance mode (`consul maint -enable`). That of a service
(`_service_maintenance:`, then its id) takes that service alone out of Consul's answers; of its host it says nothing."""

UP = Sighting(Membership.UP, "serfHealth passing")
DOWN = Sighting(Membership.DOWN, "serfHealth critical")
STILL_DOWN = Sighting(Membership.DOWN, "was critical when it was taken out of the catalogue")
BURIED = Sighting(
    Membership.DOWN,
    "lost, though no leader was seen to call it critical: gossip called it failed while most others were heard, and it "
    "was taken out of the catalogue without having come back",
)
VANISHED = Sighting(
    Membership.UNKNOWN,
    "taken out of the catalogue without having been critical, and gossip calls it failed: it was lost, or it left and "
    "this node's agent has missed its good-bye. Its host is asked, and what other agents have heard is awaited",
)
CALLED_LEFT = Sighting(
    Membership.UNKNOWN,
    "a server that gossip called failed, and left later: its leader has cleaned it up after a crash, or this node's "
    "agent has heard of its good-bye late. Its host is asked",
)
UNSETTLED = (VANISHED, CALLED_LEFT)
"""Nobody has seen how it went, and no leader has called it critical: its host is asked."""
SILENT = Sighting(
    Membership.DOWN,
    "a server that was followed until gossip called it left, and its host has answered nothing from then on: "
    "Consul calls a crashed one left, too",
)
LEFT = Sighting(Membership.LEFT, "left the datacentre (gossip: left)")
LEFT_LATE = Sighting(
    Membership.LEFT,
    "left the datacentre, and it answers: it was called critical for moments, by a leader that had not heard its "
    "good-bye yet",
    revises=True,
)
UNCHECKED = Sighting(Membership.UNKNOWN, "no serfHealth, though gossip knows it alive")
UNFINISHED = (*UNSETTLED, UNCHECKED)
"""At a first look at it: this node's agent has still to hear whether it is being registered, or has gone."""
UNKNOWN_TO_GOSSIP = Sighting(Membership.UNKNOWN, "no serfHealth, and gossip does not know it")
REMOVED = Sighting(Membership.UNKNOWN, "taken out of the catalogue after gossip lost it")
REMOVED_SERVER = Sighting(
    Membership.UNKNOWN,
    "a server that gossip calls left, and nobody saw it alive as it went: Consul does that to a crashed one too, "
    "some 10 s later or at once. Is this host alive? If not, report it by hand (openstack notification create)",
)


@functools.lru_cache(maxsize=64)
def elsewhere(name: str) -> Sighting:
    """The same agent lives under another name: by its node id, or by an address at which one lived as it was lost."""
    evidence = f"lost, but the same agent (node id or address) lives as {name}"
    return Sighting(Membership.UNKNOWN, evidence, revises=True)


@functools.lru_cache(maxsize=64)
def at_its_address(name: str) -> Sighting:
    """Another agent lives at its address: the same one, installed anew, or the address of a dead host was given away.

    So this takes nothing back: who was lost before stays lost, and is asked for proof as any other.
    """
    evidence = f"lost, and {name}, which lives, has its address: installed anew, or another host was given it"
    return Sighting(Membership.UNKNOWN, evidence)


class Known(enum.Enum):
    """What was known of a node before its datacentre's leader listed it no more."""

    ALIVE = "alive"
    CRITICAL = "critical"
    """Its leader called it critical."""
    FAILED = "failed"
    """Gossip called it failed when our own agent was not the one cut off."""
    LEFT = "left"
    """It was seen to say good-bye; of a server: alive as it did."""
    SILENT = "silent"
    """A server that was followed until it was called left, not seen leaving, and whose host has answered nothing."""
    UNSEEN = "unseen"
    """Nothing, or too much can have been missed since."""


class Gossip(enum.IntEnum):
    """`Status` of a member in /v1/agent/members (serf's numbers)."""

    NONE = 0
    ALIVE = 1
    LEAVING = 2
    LEFT = 3
    FAILED = 4


@dataclass(frozen=True, slots=True)
class Member:
    """One member as the local agent's gossip has it; `where` its gossip listens, and its node id."""

    status: int
    server: bool
    where: tuple[str, int] = ("", 0)
    node_id: str = ""


# The readers take the raw body and let go of each object as soon as it is parsed: 10,000 members as
# Python dicts would be some 25 MB, for three datacentres at once.


def read_health(body: bytes) -> dict[str, bool]:
    """From /v1/health/state/any: node -> whether the check of its life is other than critical.

    Raises ValueError when the body is no list of checks.
    """
    return _health(check_rows(body))


@dataclass(frozen=True, slots=True)
class Checks:
    """What a list of checks says. `health`: as `read_health`; `work`: the nodes that are in maintenance mode.

    `changed_at`: by node, Consul's index at which the check of its life was last changed; of a list that was read
    after another one, of those nodes whose check is another one since, and of the critical ones.
    """

    health: dict[str, bool]
    work: frozenset[str] = frozenset()
    changed_at: Mapping[str, int] = field(default_factory=dict, compare=False)


def read_checks(body: bytes) -> Checks:
    """From /v1/health/state/any. Raises ValueError when the body is no list of checks."""
    return _checks(check_rows(body))


_Row = tuple[str, str, str, int]


def _checks(rows: list[_Row]) -> Checks:
    return Checks(_health(rows), _work(rows), _changed_at(rows))


def _work(rows: list[_Row]) -> frozenset[str]:
    return frozenset(
        node for node, check, status, _ in rows if check == NODE_MAINTENANCE and status == "critical"
    )


def _health(rows: list[_Row]) -> dict[str, bool]:
    external = {node: status != "critical" for node, name, status, _ in rows if name == EXTERNAL_HEALTH}
    serf = {node: status != "critical" for node, name, status, _ in rows if name == SERF_HEALTH}
    return external | serf


def _changed_at(rows: list[_Row]) -> dict[str, int]:
    external = {node: index for node, name, _, index in rows if name == EXTERNAL_HEALTH}
    return external | {node: index for node, name, _, index in rows if name == SERF_HEALTH}


def check_rows(body: bytes) -> list[_Row]:
    """Node, CheckID, Status and ModifyIndex (0: none) of each check of a list. Raises ValueError when it is none."""

    def check(fields: dict[str, Any]) -> _Row | None:
        if "CheckID" not in fields:
            return None
        node, name, status = fields["Node"], fields["CheckID"], fields["Status"]
        index = fields.get("ModifyIndex")
        if isinstance(name, str) and isinstance(status, str):
            return node, name, status, index if isinstance(index, int) else 0
        raise TypeError("a check without a name, or without a state, which would be no critical one")

    return _rows(body, check)


@dataclass(frozen=True, slots=True)
class Catalog:
    """The nodes that a leader lists, with their addresses; `twins`: other names of the same node id; `sharers`: of the
    same address."""

    addresses: Mapping[str, str]
    twins: Mapping[str, frozenset[str]] = field(default_factory=dict)
    sharers: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def names(self) -> Set[str]:
        """The nodes."""
        return self.addresses.keys()


NO_CATALOG = Catalog({})


def read_catalog(body: bytes) -> Catalog:
    """From /v1/catalog/nodes. Raises ValueError when the body is no list of nodes."""

    def node(fields: dict[str, Any]) -> tuple[str, str, str] | None:
        if "Node" not in fields:
            return None
        return (fields["Node"], str(fields.get("ID") or ""), str(fields.get("Address") or ""))

    rows = _rows(body, node)
    return Catalog(
        {name: address for name, _, address in rows},
        _others([(name, node_id) for name, node_id, _ in rows]),
        _others([(name, address) for name, _, address in rows]),
    )


def _others(marks: list[tuple[str, str]]) -> dict[str, frozenset[str]]:
    """By name, who else has its mark."""
    if len({mark for _, mark in marks}) == len(marks):
        return {}
    owners: dict[str, set[str]] = defaultdict(set)
    for name, mark in marks:
        if _tells_apart(mark):
            owners[mark].add(name)
    twins: dict[str, frozenset[str]] = {}
    for names in owners.values():
        for name in names if len(names) > 1 else ():
            twins[name] = twins.get(name, frozenset()) | (names - {name})
    return twins


def _tells_apart(mark: str) -> bool:
    """Whether a node id or an address belongs to one computer: on a loopback address there may be many agents."""
    return mark not in ("", "::1") and not mark.startswith("127.")


def read_members(body: bytes) -> dict[str, Member]:
    """From /v1/agent/members. Raises ValueError when the body is no list of members."""

    def member(fields: dict[str, Any]) -> tuple[Any, ...]:
        if "Status" in fields:
            where = (str(fields.get("Addr") or ""), int(fields.get("Port") or 0))
            return (fields["Name"], fields["Status"], fields["Tags"], where)
        # The inner object, the tags.
        return (fields.get("role") == "consul", str(fields.get("id") or ""))

    found: dict[str, Member] = {}
    for name, status, tags, where in _rows(body, member):
        server, node_id = tags if isinstance(tags, tuple) else (False, "")
        found[name] = Member(status if isinstance(status, int) else Gossip.NONE, server, where, node_id)
    return found


def living(members: Mapping[str, Member]) -> dict[str, str]:
    """Node id or address -> name, of every member that gossip calls alive."""
    alive = [(name, member) for name, member in members.items() if member.status == Gossip.ALIVE]
    marks = {member.where[0]: name for name, member in alive} | {m.node_id: name for name, m in alive}
    return {mark: name for mark, name in marks.items() if _tells_apart(mark)}


def denied(health: Mapping[str, bool], members: Mapping[str, Member]) -> list[str]:
    """Whom the leader calls critical, and gossip alive."""
    return [
        node
        for node, passing in health.items()
        if not passing and node in members and members[node].status == Gossip.ALIVE
    ]


def _rows(body: bytes, row: Callable[[dict[str, Any]], Any]) -> list[Any]:
    """The objects of a list, each as the tuple that `row` made of it (plain JSON has no tuples)."""
    try:
        rows = json.loads(body, object_hook=row)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as fault:
        raise ValueError(f"not what Consul answers: {fault!r}") from fault
    if not isinstance(rows, list) or not all(isinstance(r, tuple) and isinstance(r[0], str) for r in rows):
        raise ValueError(f"not what Consul answers: {body[:60]!r}")
    return rows


class HealthReader:
    """Reads one list of checks after another, and parses only what is new: `read_checks`'s words, sooner.

    Of 10,000 checks one has changed: parsing them all takes 40 ms, for each of three networks, just when
    a host has failed; this takes a sixth of that. It remembers, by the hash of its text, each check that
    was not critical and speaks of no maintenance.

    Whatever is cut in the wrong place (the separator within a string) is no JSON, and then the body
    is read as a whole: there is no wrong answer, only a slow one.
    """

    def __init__(self) -> None:
        """Nothing is known yet."""
        # Hash of a check's text -> its node; "" for a check that says nothing of life.
        self._known: dict[int, str] = {}

    def read(self, body: bytes) -> Checks:
        """What the list says; raises ValueError as `read_checks` does."""
        text = body.strip()
        if not (text.startswith(b"[{") and text.endswith(b"}]")):
            return read_checks(body)
        try:
            pieces = text[2:-2].split(_BETWEEN)
            return self._pieces(pieces) if self._known else self._first(pieces, body)
        except ValueError:
            return read_checks(body)

    def _first(self, pieces: list[bytes], body: bytes) -> Checks:
        """All at once is faster where nothing is known."""
        rows = check_rows(body)
        if len(rows) == len(pieces) and not any(check == EXTERNAL_HEALTH for _, check, _, _ in rows):
            for piece, (name, check, status, _) in zip(pieces, rows, strict=True):
                if check != NODE_MAINTENANCE and (check != SERF_HEALTH or status != "critical"):
                    self._known[hash(piece)] = name if check == SERF_HEALTH else ""
        return _checks(rows)

    def _pieces(self, pieces: list[bytes]) -> Checks:
        # Whole lists at a time: a loop in Python over 10,000 checks would take three times as long.
        keys = list(map(hash, pieces))
        nodes = list(map(self._known.get, keys))
        critical: list[str] = []
        work: list[_Row] = []
        changed_at: dict[str, int] = {}
        if None in nodes:
            for at, node in enumerate(nodes):
                if node is None:
                    [(name, check, status, index)] = check_rows(b"[{" + pieces[at] + b"}]")
                    if check == EXTERNAL_HEALTH:
                        self._known.clear()
                        raise ValueError("which of two checks counts is for a reading of the whole")
                    if check == NODE_MAINTENANCE:
                        work.append((name, check, status, index))
                        continue
                    if check == SERF_HEALTH:
                        changed_at[name] = index
                    if check == SERF_HEALTH and status == "critical":
                        # Those are few, and they are the ones to be read with care each time.
                        critical.append(name)
                    else:
                        nodes[at] = name if check == SERF_HEALTH else ""
        self._known = {key: node for key, node in zip(keys, nodes, strict=True) if node is not None}
        health = dict.fromkeys(filter(None, nodes), True) | dict.fromkeys(critical, False)
        return Checks(health, _work(work), changed_at)


@dataclass(frozen=True, slots=True)
class Listing:
    """One reading of a datacentre, whole: its leader's checks and its leader's catalogue."""

    health: Mapping[str, bool]
    catalog: Catalog
    work: frozenset[str] = frozenset()
    """The nodes that are in maintenance mode."""

    def sighting(self, node: str, *, just_lost: bool = False) -> Sighting | None:
        """What the leader says of the node; None when nothing checks its life: then gossip must say why.

        `just_lost`: it was passing so lately that no computer can have started since: who lives at its address is it.
        """
        passing = self.health.get(node)
        if passing is None:
            return None
        if passing:
            return UP
        twin = self._living(self.catalog.twins, node)
        if twin is not None:
            return elsewhere(twin)
        sharer = self._living(self.catalog.sharers, node)
        if sharer is None:
            return DOWN
        return elsewhere(sharer) if just_lost else at_its_address(sharer)

    def _living(self, others: Mapping[str, frozenset[str]], node: str) -> str | None:
        return next((name for name in sorted(others.get(node, ())) if self.health.get(name)), None)

    @property
    def nodes(self) -> Collection[str]:
        """Every node that the leader lists."""
        return self.health.keys() | self.catalog.names


def gone(
    member: Member | None,
    last: Membership,
    known: Known,
    alive: Mapping[str, str],
    *,
    lives: bool = False,
) -> Sighting:
    """What has become of a node that has no serfHealth, by the local agent's gossip.

    `last`: UP or DOWN as it was watched until it vanished, without a gap; UNKNOWN when there was one, or when nothing
    of a server's host answers any more.
    `known`: what is remembered of it, this word of gossip included. `alive`: who is `living`, by node id and address.
    `lives`: its host, or of a server its agent, has answered so soon after it was last passing that it cannot have
    started anew.
    """
    if member is not None and member.status == Gossip.ALIVE:
        # An agent that leaves or joins may be registered for moments without its check.
        return UNCHECKED
    twin = None if member is None else alive.get(member.node_id)
    if twin is not None:
        return elsewhere(twin)
    sharer = None if member is None else alive.get(member.where[0])
    if sharer is not None:
        return elsewhere(sharer) if lives else at_its_address(sharer)
    if last is Membership.DOWN:
        return LEFT_LATE if lives and member is not None else STILL_DOWN
    if member is not None and member.status in (Gossip.LEAVING, Gossip.LEFT):
        # A client's `left` is its own word, or an operator's.
        if not member.server or known is Known.LEFT:
            return LEFT
        if known is Known.CRITICAL:
            return BURIED
        if known is Known.FAILED:
            return CALLED_LEFT
        return LEFT if last is Membership.UP else REMOVED_SERVER
    if known is Known.CRITICAL:
        return BURIED
    # A leader that was followed lists a lost client as critical. One that it listed as well until it was listed no more
    # has left, or was sent away; this agent has heard a peer call it dead before the good-bye itself reached it. Where
    # the leader was not followed, that may be so, too; but a leader that is new takes out whom it has never heard of,
    # and any leader a server that has crashed.
    if known is Known.FAILED and (last is not Membership.UP or (member is not None and member.server)):
        return VANISHED
    return UNKNOWN_TO_GOSSIP if member is None else REMOVED


def is_final(sighting: Sighting) -> bool:
    """Whether gossip's word on a vanished node is settled; otherwise it may only lag behind the leader's."""
    return sighting in (LEFT, LEFT_LATE, STILL_DOWN, BURIED, SILENT, REMOVED_SERVER)


def whole(
    listing: Listing, members: Mapping[str, Member], known: Callable[[str], Known]
) -> dict[str, Sighting]:
    """A first, complete listing: every node that the leader lists or that gossip remembers.

    `known`: what is remembered of a node that the leader does not list.
    """
    alive = living(members)
    return {
        node: listing.sighting(node) or gone(members.get(node), Membership.UNKNOWN, known(node), alive)
        for node in {*listing.nodes, *members}
        if reportable(node)
    }


def changes(before: Listing, after: Listing) -> Iterator[tuple[str, Sighting | None]]:
    """The nodes of which the leader says something else now; None: it has lost its serfHealth."""
    candidates = {node for node, _ in before.health.items() ^ after.health.items()}
    for others in (after.catalog.twins, after.catalog.sharers):
        for node in tuple(candidates) if others else ():
            candidates |= others.get(node, frozenset())
    if before.catalog is not after.catalog:
        candidates |= before.catalog.names ^ after.catalog.names
        for listed in (before.catalog, after.catalog):
            candidates |= listed.twins.keys() | listed.sharers.keys()
    for node in candidates:
        now = after.sighting(node)
        if (now is None or now is not before.sighting(node)) and reportable(node):
            yield node, now


def reportable(node: str) -> bool:
    """Whether masakari-api would accept the node's name; another node is not shown."""
    return HOSTNAME.match(node) is not None
