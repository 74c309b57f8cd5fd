"""Pure: what one look at Pacemaker says of each host.

A `Cib` and a `CrmMon` of the same moment, and the `Memory` of the looks before, come in; a `Finding`
per host and the next `Memory` go out. The judge trusts the controller's own record (node_state) over
crm_mon's summary, which calls a dead remote online while its connection restarts.

A crash and a clean stop look alike once fencing is over, so each is told by what only it does:

==================  ==========================================================================
UP                  in the membership and its controller takes part; a remote: its connection is up
SUSPECT             lost without a good-bye (still expected to be a member), or unclean: Pacemaker is
                    about to fence it. No proof of death yet
AGENT_STOPPED       it said good-bye: expected to be down, and its resource history was kept
DOWN                proof of death: fenced (its history erased, a success on record), or expected to
                    be down after this monitor saw it crash
UNSURE              anything else; it holds whatever was known before
==================  ==========================================================================
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from masakarimonitors.hostmonitor.observation import Link, Sighting
from masakarimonitors.hostmonitor.sources.pacemaker_cib import Cib, CrmMon, Expected, MonNode, NodeState


class Condition(StrEnum):
    """What Pacemaker says of a host."""

    UP = "up"
    SUSPECT = "suspect"
    AGENT_STOPPED = "agent stopped"
    DOWN = "down"
    UNSURE = "unsure"


_LINK = {
    Condition.UP: Link.UP,
    Condition.SUSPECT: Link.DOWN,
    Condition.AGENT_STOPPED: Link.LEFT,
    Condition.DOWN: Link.DOWN,
    Condition.UNSURE: Link.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look says of one host, and on what evidence; only DOWN is proof of death."""

    condition: Condition
    evidence: str

    @property
    def sighting(self) -> Sighting:
        """In the vocabulary that all host drivers share."""
        return Sighting(_LINK[self.condition], self.evidence)


@dataclass(frozen=True, slots=True)
class Memory:
    """What must be known of the looks before, per host.

    `before_fencing`: the newest successful fencing when the host was last seen up: a different one is
    newer, whatever the clocks say. `crashed`: seen SUSPECT and not up since. `goodbyes`: asked for a
    clean stop and not up since.
    """

    seen_up: frozenset[str] = frozenset()
    before_fencing: Mapping[str, str] = field(default_factory=dict)
    crashed: frozenset[str] = frozenset()
    goodbyes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rules:
    """How to judge. `only_remotes`: say nothing of full members.

    `proof_follows`: somebody proves each death before it counts, so a remote that is lost for a reason
    nobody saw may be called SUSPECT; without such proof it is UNSURE.
    """

    only_remotes: bool = False
    proof_follows: bool = True


def judge(
    cib: Cib, mon: CrmMon, memory: Memory, rules: Rules, own: frozenset[str]
) -> tuple[dict[str, Finding], Memory]:
    """What this look says of every host but ourselves (`own`: our names and our node id).

    Call it only with documents of a quorate cluster. Guest nodes (machines that Pacemaker runs) are
    no hosts and are left out.
    """
    findings: dict[str, Finding] = {}
    for node in cib.nodes:
        seen = mon.nodes.get(node.name)
        if node.name in own or node.id in own or (seen is not None and seen.guest):
            continue
        if node.remote:
            findings[node.name] = _remote(node, seen, cib, mon, memory, rules)
        elif not rules.only_remotes:
            findings[node.name] = _member(node, seen, mon, memory)
    for name in mon.nodes.keys() - {node.name for node in cib.nodes} - own:
        if not mon.nodes[name].guest and not rules.only_remotes:
            findings[name] = Finding(Condition.UNSURE, "no node_state: not seen since the cluster started")
    return findings, _remember(cib, mon, findings, memory)


def _member(node: NodeState, seen: MonNode | None, mon: CrmMon, memory: Memory) -> Finding:
    unclean = seen is not None and seen.unclean
    if unclean:
        return Finding(Condition.SUSPECT, f"unclean{_fencing(node.name, mon)}")
    if node.in_ccm is None:
        return Finding(Condition.UNSURE, "node_state does not say whether it is in the membership")
    if node.in_ccm:
        if node.controller:
            return Finding(Condition.UP, "")
        if node.expected is Expected.DOWN:
            return Finding(Condition.AGENT_STOPPED, "Pacemaker stopped cleanly, Corosync still runs")
        return Finding(Condition.UNSURE, "in the membership, its controller is not there yet")
    if node.expected is Expected.MEMBER:
        return Finding(Condition.SUSPECT, f"lost without a good-bye{_fencing(node.name, mon)}")
    if node.expected is Expected.DOWN:
        return _gone(node, mon, memory)
    return Finding(Condition.UNSURE, "not in the membership, and never seen in it")


def _gone(node: NodeState, mon: CrmMon, memory: Memory) -> Finding:
    fencing = mon.fenced.get(node.name)
    is_new = fencing is not None and fencing.key != memory.before_fencing.get(node.name, "")
    if node.erased and fencing is not None and is_new:
        return Finding(Condition.DOWN, f"fenced by {fencing.by} ({fencing.key.partition('/')[0]})")
    if node.erased and node.name in memory.crashed:
        return Finding(Condition.DOWN, "expected=down after it crashed: fenced, or confirmed by an operator")
    if node.name in memory.crashed:
        return Finding(Condition.SUSPECT, "lost, then expected=down, and no fencing on record")
    if not node.erased:
        return Finding(Condition.AGENT_STOPPED, "stopped cleanly")
    return Finding(Condition.UNSURE, "down, its history erased, and no fencing on record")


def _remote(
    node: NodeState, seen: MonNode | None, cib: Cib, mon: CrmMon, memory: Memory, rules: Rules
) -> Finding:
    if node.in_ccm:
        if seen is not None and seen.unclean:
            return Finding(Condition.SUSPECT, f"unclean remote{_fencing(node.name, mon)}")
        return Finding(Condition.UP, "")
    if node.in_ccm is None:
        return Finding(Condition.UNSURE, "node_state does not say whether its connection is up")
    if node.fenced_at > 0:
        return Finding(Condition.DOWN, f"remote fenced (node_fenced={node.fenced_at})")
    if seen is not None and seen.unclean:
        return Finding(Condition.SUSPECT, f"remote connection lost{_fencing(node.name, mon)}")
    if not cib.wanted.get(node.name, True):
        return Finding(Condition.AGENT_STOPPED, "its connection resource is configured to be stopped")
    if node.goodbye or node.name in memory.goodbyes:
        return Finding(Condition.AGENT_STOPPED, "pacemaker_remoted stopped cleanly")
    if cib.stonith:
        # With fencing on, an unplanned loss is unclean at once; this is the moment between two states.
        crashed = node.name in memory.crashed
        return Finding(
            Condition.SUSPECT if crashed else Condition.UNSURE, "remote connection down, fencing not decided"
        )
    if node.name in memory.seen_up or node.name in memory.crashed or rules.proof_follows:
        return Finding(Condition.SUSPECT, "remote connection lost, fencing is off")
    return Finding(Condition.UNSURE, "remote connection down, fencing is off, and nobody saw why")


def _fencing(name: str, mon: CrmMon) -> str:
    if name in mon.under_way:
        return ", fencing under way"
    if name in mon.failed:
        return f", the last fencing failed ({mon.failed[name].key.partition('/')[0]})"
    return ", not fenced yet"


def _remember(cib: Cib, mon: CrmMon, findings: Mapping[str, Finding], memory: Memory) -> Memory:
    up = {name for name, finding in findings.items() if finding.condition is Condition.UP}
    suspect = {name for name, finding in findings.items() if finding.condition is Condition.SUSPECT}
    goodbye = {node.name for node in cib.nodes if node.goodbye and node.remote}
    before = dict(memory.before_fencing)
    for name in up:
        fencing = mon.fenced.get(name)
        before[name] = fencing.key if fencing is not None else ""
    return Memory(
        seen_up=memory.seen_up | up,
        before_fencing=before,
        crashed=(memory.crashed | suspect) - up,
        goodbyes=(memory.goodbyes | goodbye) - (up - goodbye),
    )
