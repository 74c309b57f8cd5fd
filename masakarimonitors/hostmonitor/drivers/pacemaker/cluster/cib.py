"""The reader of `cibadmin --query`, pure: text comes in, a frozen `Cib` goes out."""

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
    return Cib(
        quorate=flag(root.get("have-quorum")) is True,
        stonith=flag(stonith) is not False,
        # Any other word is refused by Pacemaker, which then goes by its default.
        stonith_action="off" if action.lower() in ("off", "poweroff") else "reboot",
        load_threshold=_share(properties.get("load-threshold", "")),
        nodes=tuple(_node_state(n) for n in reader.states if n.attributes.get("uname")),
        connections=reader.connections(),
        alerted=frozenset(reader.alerted),
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
