"""Pure reading of Pacemaker's two documents: `cibadmin --query` and `crm_mon --output-as=xml`.

Text comes in, a frozen `Cib` or `CrmMon` goes out. Both are read as streams with expat and only the
elements that matter are kept, because the resource histories of a thousand remote nodes are
megabytes. What a document does not say is None or UNKNOWN here, never "down".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol
from xml.parsers import expat

from masakarimonitors.hostmonitor.observation import Work

_YES = frozenset({"true", "yes", "on", "1", "y"})
_NO = frozenset({"false", "no", "off", "0", "n", "offline"})


class Unreadable(Exception):
    """The text is not the document that was asked for; the message says what was found instead."""


class Expected(StrEnum):
    """What the controller expects a node to be: a crash leaves MEMBER standing until the node is fenced."""

    MEMBER = "member"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class NodeState:
    """One `node_state` of the CIB's status section.

    `in_ccm`: in the membership (a remote: its connection is up). `controller`: its controller takes
    part (always None for a remote). `erased`: there is no resource history, as after fencing: a clean
    stop keeps it. `fenced_at`: a remote's `node_fenced`, epoch seconds, 0 when it was not fenced
    since it was last up. `goodbye`: it has asked for a clean shutdown.
    """

    id: str
    name: str
    remote: bool
    in_ccm: bool | None
    controller: bool | None
    expected: Expected
    erased: bool
    fenced_at: int
    goodbye: bool


@dataclass(frozen=True, slots=True)
class Cib:
    """What the judgement needs of a CIB.

    `wanted`: remote node -> False when its connection resource is configured to be stopped, so that
    its absence is the operator's will. `work`: planned work that the configuration shows. `alerted`:
    the recipients of alert agents; our socket is among them when ours is installed.
    """

    quorate: bool
    stonith: bool
    nodes: tuple[NodeState, ...]
    wanted: Mapping[str, bool]
    work: Mapping[str, Work]
    alerted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Fencing:
    """The newest finished fencing of one host in crm_mon's history; `key` tells one fencing from the next."""

    succeeded: bool
    key: str
    by: str


@dataclass(frozen=True, slots=True)
class MonNode:
    """One node as crm_mon sees it."""

    online: bool
    unclean: bool
    pending: bool
    guest: bool


@dataclass(frozen=True, slots=True)
class CrmMon:
    """What the judgement needs of crm_mon's output. `fenced`: the newest *successful* fencing per host."""

    quorate: bool | None
    nodes: Mapping[str, MonNode]
    fenced: Mapping[str, Fencing]
    failed: Mapping[str, Fencing]
    under_way: frozenset[str]


def flag(value: str | None) -> bool | None:
    """A truth of Pacemaker in either spelling, or None for a word that is neither.

    `in_ccm` and `crmd` are true/false and online/offline up to Pacemaker 2.1.6; from 2.1.7 on they
    are the epoch second since when it is so, and 0 when it is not.
    """
    if value is None:
        return None
    word = value.strip().lower()
    if word in _YES or word == "online":
        return True
    if word in _NO:
        return False
    if word.isdigit():
        return int(word) > 0
    return None


def _number(value: str | None) -> int:
    return int(value) if value is not None and value.isdigit() else 0


class _Reader(Protocol):
    """expat's callbacks. `skipped`: elements whose content is passed over at the speed of C."""

    skipped: frozenset[str]

    def start(self, tag: str, at: dict[str, str]) -> None:
        """A start tag."""

    def end(self, tag: str) -> None:
        """An end tag."""


def _parse(text: str, reader: _Reader, what: str) -> None:
    parser = expat.ParserCreate()
    skipped = reader.skipped

    def start(tag: str, at: dict[str, str]) -> None:
        reader.start(tag, at)
        if tag in skipped:
            parser.StartElementHandler = None
            parser.EndElementHandler = leave

    def leave(tag: str) -> None:
        if tag in skipped:
            parser.StartElementHandler = start
            parser.EndElementHandler = reader.end
            reader.end(tag)

    parser.StartElementHandler = start
    parser.EndElementHandler = reader.end
    try:
        parser.Parse(text, True)
    except expat.ExpatError as fault:
        raise Unreadable(f"{what} is not well-formed XML ({fault}): {text[:60]!r}") from None


@dataclass
class _Node:
    attributes: dict[str, str]
    history: bool = False
    goodbye: bool = False


@dataclass
class _CibReader:
    """expat's callbacks; the path tells a node's own attributes from a resource's."""

    skipped = frozenset({"lrm", "constraints", "operations"})
    root: dict[str, str] | None = None
    stonith: bool = True  # Pacemaker's default
    maintenance: bool = False
    states: list[_Node] = field(default_factory=list)
    wanted: dict[str, bool] = field(default_factory=dict)
    work: dict[str, Work] = field(default_factory=dict)
    alerted: set[str] = field(default_factory=set)
    _path: list[str] = field(default_factory=list)
    _node: str = ""
    _connection: str = ""

    def start(self, tag: str, at: dict[str, str]) -> None:
        """A start tag."""
        path = self._path
        path.append(tag)
        if len(path) == 1:
            if tag != "cib":
                raise Unreadable(f"cibadmin printed <{tag}>, not <cib>")
            self.root = at
        elif tag == "nvpair":
            self._pair(path, at.get("name", ""), at.get("value", ""))
        elif tag == "node_state":
            self.states.append(_Node(at))
        elif tag == "lrm":
            self.states[-1].history = True
        elif tag == "node" and path[2] == "nodes":
            self._node = at.get("uname", "")
        elif tag == "recipient":
            self.alerted.add(at.get("value", ""))
        elif tag == "primitive" and at.get("type") == "remote" and at.get("class") == "ocf":
            self._connection = at.get("id", "")
            self.wanted[self._connection] = True

    def end(self, tag: str) -> None:
        """An end tag."""
        self._path.pop()
        if tag == "primitive":
            self._connection = ""

    def _pair(self, path: list[str], name: str, value: str) -> None:
        section = path[2] if len(path) > 2 else ""
        if section == "nodes":
            self._planned(self._node, name, value)
        elif path[1] == "status":
            if "transient_attributes" in path:
                if name == "shutdown" and value not in ("", "0"):
                    self.states[-1].goodbye = True
                elif name in ("standby", "maintenance"):
                    self._planned(self.states[-1].attributes.get("uname", ""), name, value)
        elif section == "crm_config":
            if name == "stonith-enabled":
                self.stonith = flag(value) is not False
            elif name == "maintenance-mode":
                self.maintenance = flag(value) is True
        elif self._connection and name == "target-role":
            self.wanted[self._connection] = value.lower() != "stopped"

    def _planned(self, node: str, name: str, value: str) -> None:
        if flag(value) is True and self.work.get(node) is not Work.MAINTENANCE:
            if name == "maintenance":
                self.work[node] = Work.MAINTENANCE
            elif name == "standby":
                self.work[node] = Work.STANDBY


def read_cib(text: str) -> Cib:
    """Read what `cibadmin --query` printed.

    Raises `Unreadable` when it is not a CIB: the caller sees nothing then, it does not see "down".
    """
    reader = _CibReader()
    _parse(text, reader, "the output of cibadmin")
    root = reader.root or {}
    nodes = tuple(_node_state(n) for n in reader.states if n.attributes.get("uname"))
    work = dict(reader.work)
    for state in reader.states:
        if flag(state.attributes.get("node_in_maintenance")) is True:
            work[state.attributes.get("uname", "")] = Work.MAINTENANCE
    if reader.maintenance:
        work = dict.fromkeys((n.name for n in nodes), Work.MAINTENANCE)
    return Cib(
        flag(root.get("have-quorum")) is True,
        reader.stonith,
        nodes,
        reader.wanted,
        work,
        frozenset(reader.alerted),
    )


def _node_state(node: _Node) -> NodeState:
    at = node.attributes
    remote = flag(at.get("remote_node")) is True
    try:
        expected = Expected(at.get("expected", "unknown"))
    except ValueError:
        expected = Expected.UNKNOWN
    return NodeState(
        id=at.get("id", ""),
        name=at["uname"],
        remote=remote,
        in_ccm=flag(at.get("in_ccm")),
        controller=None if remote else flag(at.get("crmd")),
        expected=expected,
        erased=not node.history,
        fenced_at=_number(at.get("node_fenced")),
        goodbye=node.goodbye,
    )


@dataclass
class _MonReader:
    """expat's callbacks for crm_mon: only the elements directly under <nodes> are nodes."""

    skipped = frozenset({"resources", "node_history", "bans", "node_attributes", "failures"})
    root: str = ""
    quorate: bool | None = None
    failure: str = ""
    nodes: dict[str, MonNode] = field(default_factory=dict)
    fencings: list[dict[str, str]] = field(default_factory=list)
    _path: list[str] = field(default_factory=list)

    def start(self, tag: str, at: dict[str, str]) -> None:
        """A start tag."""
        path = self._path
        path.append(tag)
        if len(path) == 1:
            self.root = tag
        elif tag == "node" and path[1:] == ["nodes", "node"]:
            self.nodes[at.get("name", "")] = MonNode(
                online=flag(at.get("online")) is True,
                unclean=flag(at.get("unclean")) is True,
                pending=flag(at.get("pending")) is True,
                guest="id_as_resource" in at,
            )
        elif tag == "fence_event":
            self.fencings.append(at)
        elif tag == "current_dc":
            self.quorate = flag(at.get("with_quorum"))
        elif tag == "status" and at.get("code", "0") != "0":
            self.failure = at.get("message", "an error")
        elif tag == "error":
            self.failure = self.failure or "it lists errors"

    def end(self, tag: str) -> None:
        """An end tag."""
        self._path.pop()


def read_crm_mon(text: str) -> CrmMon:
    """Read what `crm_mon --output-as=xml` printed.

    Raises `Unreadable` when there is no list of nodes in it: with Pacemaker down, crm_mon prints
    `<status code="0">` with an `<errors>` element and exits 0.
    """
    reader = _MonReader()
    _parse(text, reader, "the output of crm_mon")
    if reader.failure or not reader.nodes:
        raise Unreadable(f"crm_mon lists no nodes ({reader.failure or 'an empty <' + reader.root + '>'})")
    fenced: dict[str, Fencing] = {}
    failed: dict[str, Fencing] = {}
    under_way: set[str] = set()
    for event in sorted(reader.fencings, key=lambda e: e.get("completed", "")):
        target, status = event.get("target", ""), event.get("status", "")
        if event.get("action") not in ("off", "reboot"):
            continue  # "on" (unfencing) proves no death
        if status == "pending":
            under_way.add(target)
            continue
        succeeded = status == "success"
        key = "/".join(event.get(part, "") for part in ("completed", "action", "client", "delegate"))
        found = Fencing(succeeded, key, event.get("delegate", "") or "unknown")
        (fenced if succeeded else failed)[target] = found
    return CrmMon(reader.quorate, reader.nodes, fenced, failed, frozenset(under_way))
