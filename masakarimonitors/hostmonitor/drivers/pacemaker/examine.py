"""What `masakari-monitors check` asks of Pacemaker and Corosync: may this user look, and what of the cluster is unwise?

In: the doors that the monitor itself uses. Out: findings, each with what is missing and what follows from it. Nothing
is joined and nothing is changed.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from masakarimonitors.core.finding import Finding, fault, ok, warning
from masakarimonitors.hostmonitor.drivers.pacemaker.alerts.senders import ACCOUNTS_MISSING, known_accounts
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import Cib, CrmMon
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.remarks import remarks
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.client import (
    CorosyncError,
    PacemakersQuorum,
    PolledQuorum,
    QuorumFeed,
)
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.own_link import LinkCheck
from masakarimonitors.hostmonitor.drivers.pacemaker.tools.commands import CannotLook, NodeKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is going to be used. `kind` None: neither Corosync nor pacemaker-remoted runs here.

    `elected`: one monitor reports for all. `alert_socket`: where Pacemaker's alerts are to arrive, empty: nowhere.
    `asks_bmc`: BMCs are asked; `poll`: seconds between two looks that nothing has brought about.
    """

    kind: NodeKind | None
    elected: bool
    alert_socket: str
    asks_bmc: bool
    poll: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """How Pacemaker and Corosync are reached; each answers in bounded time."""

    look: Callable[[], Awaitable[tuple[Cib, CrmMon]]]
    quorum: Callable[[], Awaitable[QuorumFeed]]
    own_link: Callable[[int | None], Awaitable[LinkCheck]]


async def examine(question: Question, doors: Doors) -> list[Finding]:
    """Everything in order, or what is not."""
    found = [finding async for finding in _pacemaker(question, doors)]
    if question.kind is NodeKind.CLUSTER:
        found += [finding async for finding in _corosync(question, doors)]
    return found


async def _pacemaker(question: Question, doors: Doors) -> AsyncIterator[Finding]:
    try:
        cib, mon = await doors.look()
    except CannotLook as error:
        why = f"Pacemaker cannot be asked, so its configuration was not looked over: {error}"
        if question.kind is None:
            yield warning(why)
        else:
            yield fault(
                f"{why}. The monitor would be blind. Put its user into the group haclient, let sudo run "
                "privsep-helper for it, or start Pacemaker if it does not run"
            )
        return
    yield ok(f"pacemaker: its configuration and its status can be read ({len(cib.nodes)} nodes)")
    alerted = bool(question.alert_socket) and question.alert_socket in cib.alerted
    for one in remarks(cib, mon, alerted, asks_bmc=question.asks_bmc, poll=question.poll):
        yield warning(one)
    if alerted and not known_accounts().pacemaker:
        yield warning(ACCOUNTS_MISSING)


async def _corosync(question: Question, doors: Doors) -> AsyncIterator[Finding]:
    try:
        feed = await doors.quorum()
    except CorosyncError as error:
        yield fault(
            f"corosync cannot be asked ({error}): the monitor would be blind on this cluster node. Start corosync"
        )
        return
    feed.close()
    yield _rights(feed, elected=question.elected)
    links = await doors.own_link(feed.node_id)
    if links.alive is None:
        yield warning(
            f"corosync: when a member is lost it cannot be checked whether this node is the one that is cut off "
            f"({links.why}); in a cluster of two, both sides then accuse each other. Let the monitor's user run "
            "corosync-cfgtool (or tcpdump, where [host] corosync_multicast_interfaces is set), as root if need be"
        )
    elif not links.alive:
        yield fault(f"corosync: this node sees no other member: {links.why}. Mend its network")
    else:
        yield ok(f"corosync: {links.why}")


def _rights(feed: QuorumFeed, *, elected: bool) -> Finding:
    if isinstance(feed, PolledQuorum):
        seen = "corosync's library cannot be used by this user, and its tool is asked instead: losses are seen later"
    elif isinstance(feed, PacemakersQuorum):
        seen = (
            "corosync can be asked neither by its library nor by its tool: losses are seen later, and this node's own "
            "links are not looked at"
        )
    else:
        return ok("corosync: quorum and process groups can be had")
    mend = "Install corosync's library, and name this user in a file of /etc/corosync/uidgid.d"
    if elected:
        return fault(f"{seen}; no reporter can be elected, so every monitor reports. {mend}")
    return warning(f"{seen}. {mend}")
