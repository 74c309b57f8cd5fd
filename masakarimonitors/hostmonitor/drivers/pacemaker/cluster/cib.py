"""The reader of `cibadmin --query`, pure: text comes in, a frozen `Cib` goes out."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import (
    Cib,
    Connection,
    Expected,
    NodeState,
    Unreadable,
    enter,
    flag,
    is_number,
    leave,
    number,
    parse,
)


@dataclass
class _Node:
    attributes: dict[str, str]
    history: bool = False
    goodbye: bool = False


@dataclass
class _Primitive:
    """A resource, or a template of one: its own words, and what it is made from."""

    id: str
    remote: bool
    template: str = ""
    values: dict[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class _CibReader:
    """expat's callbacks; the path tells a node's own attributes from a resource's."""

    skipped = frozenset({"lrm", "constraints", "operations"})
    root: dict[str, str] | None = None
    properties: dict[str, str] = field(default_factory=dict)
    states: list[_Node] = field(default_factory=list)
    primitives: list[_Primitive] = field(default_factory=list)
    templates: dict[str, _Primitive] = field(default_factory=dict)
    alerted: set[str] = field(default_factory=set)
    _path: list[str] = field(default_factory=list)
    _primitive: _Primitive | None = None

    def start(self, tag: str, at: dict[str, str]) -> None:
        """A start tag."""
        path = self._path
        enter(path, tag)
        if len(path) == 1:
            if tag != "cib":
                raise Unreadable(f"cibadmin printed <{tag}>, not <cib>")
            self.root = at
        elif tag == "nvpair":
            self._pair(path, at.get("name", ""), at.get("value", ""))
        elif tag == "node_state":
            self.states.append(_Node(at))
        elif tag == "lrm":
            self._state(tag).history = True
        elif tag == "recipient":
            self.alerted.add(at.get("value", ""))
        elif tag in ("primitive", "template"):
            self._begin(tag, at)

    def end(self, tag: str) -> None:
        """An end tag."""
        leave(self._path, tag)
        if tag in ("primitive", "template"):
            self._primitive = None

    def _begin(self, tag: str, at: dict[str, str]) -> None:
        remote = at.get("type") == "remote" and at.get("class") == "ocf"
        self._primitive = _Primitive(at.get("id", ""), remote, at.get("template", ""))
        if tag == "template":
            self.templates[self._primitive.id] = self._primitive
        else:
            self.primitives.append(self._primitive)

    def _state(self, tag: str) -> _Node:
        if "node_state" not in self._path:
            raise Unreadable(f"the CIB has <{tag}> outside of any node_state")
        return self.states[-1]

    def _pair(self, path: list[str], name: str, value: str) -> None:
        if path[1] == "status":
            if "transient_attributes" in path and name == "shutdown" and value not in ("", "0"):
                self._state("transient_attributes").goodbye = True
        elif "crm_config" in path:
            self.properties.setdefault(name, value)
        elif self._primitive is not None and "instance_attributes" in path:
            self._primitive.values.setdefault(name, value)

    def connections(self) -> dict[str, Connection]:
        """The remotes' connection resources, by name; one made from a template has its words, too."""
        found = {}
        for primitive in self.primitives:
            template = self.templates.get(primitive.template)
            if primitive.remote or (template is not None and template.remote):
                values = {**(template.values if template is not None else {}), **primitive.values}
                port = values.get("port", "")
                found[primitive.id] = Connection(
                    values.get("server") or values.get("addr") or primitive.id,
                    int(port) if is_number(port) and 0 < int(port) < 65536 else 3121,
                )
        return found


@dataclass(kw_only=True)
class _HistoryReader:
    """expat's callbacks for what members have done last with the connections of these remotes.

    crm_mon calls a start that is not over well once it has lasted for reconnect_interval, and the remote online: to
    Pacemaker it is out of date by then, and what counts is the last monitor operation, of before the loss
    (lib/pengine/unpack.c, check_operation_expiry; seen with 3.0.0).
    """

    remotes: Collection[str]
    skipped = frozenset({"configuration"})
    newest: dict[tuple[str, str], tuple[float, bool]] = field(default_factory=dict)
    """By remote and member: the number of the operation, and whether it leaves no connection."""

    def start(self, tag: str, at: dict[str, str]) -> None:
        """A start tag."""
        operation = at.get("operation", "")
        # A failure that is kept beside says no more than the last operation, which it may be older than.
        if (
            tag != "lrm_rsc_op"
            or operation not in _MAKES_OR_ENDS
            or at.get("id", "").endswith("_last_failure_0")
        ):
            return
        remote = at.get("operation_key", "").removesuffix(f"_{operation}_0")
        if remote not in self.remotes:
            return
        pending, call = at.get("op-status") == "-1", at.get("call-id", "")
        order = math.inf if pending else float(call) if is_number(call) else -math.inf
        done = at.get("rc-code") == "0" and not pending
        key = remote, at.get("on_node", "")
        if key not in self.newest or order >= self.newest[key][0]:
            self.newest[key] = order, done if operation == "stop" else operation == "start" and not done

    def end(self, tag: str) -> None:
        """An end tag."""

    def unconnected(self) -> dict[str, frozenset[str]]:
        """Remote -> the members that have no connection to it, whatever crm_mon says."""
        found: dict[str, frozenset[str]] = {}
        for (remote, member), (_, none) in self.newest.items():
            if none and member:
                found[remote] = found.get(remote, frozenset()) | {member}
        return found


_MAKES_OR_ENDS = frozenset({"start", "stop", "migrate_from"})


def _unconnected(text: str, nodes: Collection[NodeState]) -> Mapping[str, frozenset[str]]:
    """Of a second reading: the histories are megabytes, and only of a remote that is `zeroed` they are wanted."""
    remotes = {node.name for node in nodes if node.zeroed}
    if not remotes:
        return {}
    reader = _HistoryReader(remotes=remotes)
    parse(text, reader, "the output of cibadmin")
    return reader.unconnected()


def read_cib(text: str) -> Cib:
    """Read what `cibadmin --query` printed.

    Raises `Unreadable` when it is not a CIB: the caller sees nothing then, it does not see "down".
    """
    reader = _CibReader()
    parse(text, reader, "the output of cibadmin")
    root = reader.root or {}
    properties = reader.properties
    # Pacemaker 3.0.2 calls both by new names, which win over the old ones where both are given.
    stonith = properties.get("fencing-enabled", properties.get("stonith-enabled"))
    action = properties.get("fencing-action", properties.get("stonith-action", "reboot"))
    nodes = tuple(_node_state(n) for n in reader.states if n.attributes.get("uname"))
    return Cib(
        quorate=flag(root.get("have-quorum")) is True,
        stonith=flag(stonith) is not False,
        # Any other word is refused by Pacemaker, which then goes by its default.
        stonith_action="off" if action.lower() in ("off", "poweroff") else "reboot",
        load_threshold=_share(properties.get("load-threshold", "")),
        nodes=nodes,
        connections=reader.connections(),
        alerted=frozenset(reader.alerted),
        unconnected=_unconnected(text, nodes),
    )


def _share(percentage: str) -> float:
    """A percentage as a share; what is none is refused by Pacemaker, which then goes by its default, 80 %."""
    number, sign, rest = percentage.strip().partition("%")
    usable = sign and not rest and is_number(number)
    return int(number) / 100 if usable else 0.8


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
        fenced_at=number(at.get("node_fenced")),
        goodbye=node.goodbye,
        zeroed=remote and at.get("in_ccm") == "0",
    )
