"""The classifier, pure: from the records of all hosts, what Pacemaker says of each of them.

A `Cib` and a `CrmMon` of the same moment, and the records of the looks before, come in; a `Finding` per
host and the next records go out. The controller's own record (node_state) is believed before crm_mon's
summary, which calls a dead remote online while its connection restarts; what is configured is taken
from crm_mon, which has templates, groups and defaults applied.
"""

import datetime
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.observation import Membership, Sighting, Work
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import (
    OFF,
    Cib,
    CrmMon,
    Expected,
    MonNode,
    NodeState,
    Worth,
)
from masakarimonitors.hostmonitor.drivers.pacemaker.records.record import (
    Fenced,
    Glance,
    HostRecord,
    observe,
)
from masakarimonitors.hostmonitor.drivers.pacemaker.records.table import Condition, line_of

LINK = "cluster"
"""The one link of this driver."""


_MEMBERSHIP = {
    Condition.UP: Membership.UP,
    Condition.SUSPECT: Membership.DOWN,
    Condition.AGENT_STOPPED: Membership.LEFT,
    Condition.DOWN: Membership.DOWN,
    Condition.UNSURE: Membership.UNKNOWN,
}


_SEEN_UP = Sighting(Membership.UP, "")


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look says of one host, and on what evidence; only DOWN is proof of death, since `fenced_at`.

    `passing`: Pacemaker is about to say more, so it is looked at again soon. `switched_off`: it was fenced by an order
    to switch off, and a device that does; of one that is SUSPECT too long ago to prove anything by that alone.
    """

    condition: Condition
    evidence: str
    _: KW_ONLY
    passing: bool = False
    fenced_at: Instant | None = None
    switched_off: bool = False

    @property
    def sighting(self) -> Sighting:
        """In the vocabulary that all host drivers share."""
        if self.condition is Condition.UP:
            return _SEEN_UP
        return Sighting(_MEMBERSHIP[self.condition], self.evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How to classify. `only_remotes`: say nothing of full members.

    `patience`: seconds for which it may stay open why a host is away; then it is SUSPECT, so that
    somebody is asked about it.
    """

    only_remotes: bool = False
    patience: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """This node, which is never judged by itself: its names, in lower case, and its node id as a member."""

    names: frozenset[str]
    node_id: int | None = None

    def is_me(self, node: NodeState) -> bool:
        """Whether it is this node. A member's id is a number, a remote's is its name."""
        number = str(self.node_id) if self.node_id is not None and not node.remote else ""
        return node.name.lower() in self.names or (number != "" and node.id == number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Both documents of one moment, and what came beside them.

    `asked`: when they were asked for, None: `at`, when all of it was there. `unread`: seconds before it in which nobody
    can tell what stood there: since the look before, if that is too long ago. `goodbyes`: host -> the monotonic second
    of a good-bye of which an alert told. `worth`: host -> what a fencing of it is worth, for those that were fenced.
    """

    cib: Cib
    mon: CrmMon
    at: Instant
    asked: Instant | None = None
    unread: float = 0.0
    goodbyes: Mapping[str, float] = field(default_factory=dict)
    worth: Mapping[str, Worth] = field(default_factory=dict)

    @property
    def stonith(self) -> bool:
        """Whether fencing is in effect."""
        return self.cib.stonith if self.mon.stonith is None else self.mon.stonith

    @property
    def connects_nobody(self) -> str:
        """Why no remote's connection shall run now, or nothing."""
        if self.mon.stop_all:
            return "all resources are to be stopped (stop-all-resources)"
        members = [node for node in self.mon.nodes.values() if not (node.remote or node.guest)]
        online = [node for node in members if node.online]
        return "every member is in standby" if online and all(node.standby for node in online) else ""


Records = Mapping[str, HostRecord]

FORGOTTEN = 86400.0
"""Seconds after which a host that neither document has named since is forgotten: it was deleted, not renamed for a
moment, and what was known of it says nothing of another one that may get its name. Time in which they could not be read
does not count: it may have stood there."""

_UP = Finding(Condition.UP, "")


def classify(look: Look, records: Records, rules: Rules, own: Own) -> tuple[dict[str, Finding], Records]:
    """What this look says of every host but ourselves, and the records that the next look builds on.

    Call it only with documents of a quorate cluster. Guest nodes (virtual servers that
    Pacemaker runs itself) are no hosts and are left out.
    """
    findings: dict[str, Finding] = {}
    after = dict(records)
    connects_nobody = look.connects_nobody
    for node in _nodes(look):
        seen = look.mon.nodes.get(node.name)
        if own.is_me(node) or (seen is not None and seen.guest) or (rules.only_remotes and not node.remote):
            continue
        unwanted = _unwanted(node, look, connects_nobody)
        glance = Glance(
            node=replace(node, in_ccm=True) if _is_connected(node, seen, look) else node,
            seen=seen,
            fencing=look.mon.fenced.get(node.name),
            stonith=look.stonith,
            wanted=not unwanted,
            work=_work(node, seen, look.mon),
            goodbye_at=look.goodbyes.get(node.name),
            worth=look.worth.get(node.name, OFF),
            connection_down=_is_down(node.name, look.mon),
        )
        record = after[node.name] = observe(
            records.get(node.name), glance, look.at, rules.patience, look.asked
        )
        findings[node.name] = _find(record, look, node.name, rules, unwanted)
    for name in after.keys() - findings.keys():
        unnamed = _unnamed_since(after[name], look)
        if look.at.monotonic > unnamed.old_at(FORGOTTEN, look.at):
            del after[name]
        else:
            after[name] = replace(after[name], unnamed_since=unnamed)
    return findings, after


def _is_connected(node: NodeState, seen: MonNode | None, look: Look) -> bool:
    """Whether crm_mon calls a remote connected of which node_state does not tell it; a return ends a fencing there.

    Not where each member that it names as the holder has not got the connection, by its own record: crm_mon calls a
    start that lasts for long, as one to a dead remote does, well.
    """
    if not node.zeroed or node.fenced_at or seen is None or not seen.online:
        return False
    connection = look.mon.connections.get(node.name)
    if connection is None:
        return True
    unconnected = look.cib.unconnected.get(node.name, frozenset())
    held = not connection.on or not connection.on <= unconnected
    return held and not (connection.down or connection.ignored)


def _is_down(name: str, mon: CrmMon) -> bool:
    """Whether a remote's connection does not run, or only on members that are away.

    Of one that is lost Pacemaker repeats the last word until it is fenced: nobody knows whether the remote still lives.
    """
    connection = mon.connections.get(name)
    if connection is None:
        return False
    away = {name for name, node in mon.nodes.items() if not node.online}
    return connection.down or (bool(connection.on) and connection.on <= away)


def _unnamed_since(record: HostRecord, look: Look) -> Instant:
    """Since when it is known not to have been named, later by the time in which that could not be seen."""
    since = record.unnamed_since
    if since is None:
        return look.at
    return Instant(since.monotonic + look.unread, since.wall + datetime.timedelta(seconds=look.unread))


def _nodes(look: Look) -> list[NodeState]:
    """Every node of either document; one without a node_state has not been seen since the cluster started."""
    # After a change of its node id a host may have two of them for a while: the one that lives is meant.
    known = {node.name: node for node in sorted(look.cib.nodes, key=lambda node: node.in_ccm is True)}
    return [
        *known.values(),
        *(_untold(name, node) for name, node in look.mon.nodes.items() if name not in known),
    ]


def _untold(name: str, seen: MonNode) -> NodeState:
    return NodeState(
        id=name,
        name=name,
        remote=seen.remote,
        in_ccm=None,
        controller=None,
        expected=Expected.UNKNOWN,
        erased=True,
        fenced_at=0,
        goodbye=False,
    )


def _unwanted(node: NodeState, look: Look, connects_nobody: str) -> str:
    """By what a remote's connection is to be stopped, or nothing: then its absence is nobody's will."""
    if not node.remote:
        return ""
    resource = look.mon.connections.get(node.name)
    if resource is None and node.name not in look.cib.connections:
        return "it has no connection resource"
    if resource is not None and resource.stopped:
        return "its connection resource is to be stopped (target-role)"
    return connects_nobody


def _work(node: NodeState, seen: MonNode | None, mon: CrmMon) -> Work:
    resource = mon.connections.get(node.name) if node.remote else None
    if mon.maintenance or (seen is not None and seen.maintenance) or (resource and not resource.managed):
        return Work.MAINTENANCE
    return Work.STANDBY if seen is not None and seen.standby else Work.NONE


def _find(record: HostRecord, look: Look, name: str, rules: Rules, unwanted: str) -> Finding:
    row = line_of(record)
    if row.condition is Condition.UP:
        return _UP  # one object for all: so a thousand hosts that look alike stay cheap in the core
    condition = row.condition
    vain = look.worth.get(name, OFF).vain
    evidence = row.evidence.format(
        fencing=_fencing(name, look),
        by=_by(record, look, name),
        unwanted=unwanted,
        vain=f": {vain}" if vain else "",
    )
    waited = record.lost_since is not None and look.at.monotonic - record.lost_since >= rules.patience
    if row.bounded and waited:
        condition = Condition.SUSPECT
        evidence = f"{evidence}, for {rules.patience:.0f} s"
    # Its end comes by time alone, so somebody has to look.
    passing = row.passing or (row.bounded and record.lost_since is not None and not waited)
    fenced_at = record.fenced_at if condition is Condition.DOWN else None
    proves = {Condition.DOWN: Fenced.FRESH, Condition.SUSPECT: Fenced.STALE}.get(condition)
    fenced = proves is not None and record.fenced is proves and record.fenced_at is not None
    return Finding(
        condition,
        evidence,
        passing=passing,
        fenced_at=fenced_at,
        switched_off=fenced and not vain and not record.rebooted,
    )


def _fencing(name: str, look: Look) -> str:
    if not look.stonith:
        return ", fencing is off"
    if name in look.mon.under_way:
        return ", fencing under way"
    if name in look.mon.failed:
        return f", the last fencing failed ({look.mon.failed[name].key.partition('/')[0]})"
    return ", not fenced yet"


def _by(record: HostRecord, look: Look, name: str) -> str:
    if record.fenced_key == "confirmed":
        return ", or confirmed by an operator (expected=down after it crashed)"
    fencing = look.mon.fenced.get(name)
    how = "by reboot " if record.rebooted else ""
    if record.remote:
        return f" {how}({record.fenced_key})"
    return f" {how}by {fencing.by} ({fencing.key.partition('/')[0]})" if fencing is not None else ""
