"""What the check says of Pacemaker and Corosync: which right is missing, and what of the cluster is unwise."""

from typing import Any

import pytest

from masakarimonitors.core.finding import Finding, Weight
from masakarimonitors.hostmonitor.drivers.pacemaker import examine
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import Cib, CrmMon
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.client import (
    CorosyncError,
    PacemakersQuorum,
    PolledQuorum,
    QuorumFeed,
)
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.own_link import LinkCheck
from masakarimonitors.hostmonitor.drivers.pacemaker.tools.commands import CannotLook, NodeKind
from masakarimonitors.system.processes.command import Finished

SOCKET = "/run/alerts"


class Feed:
    """Corosync's library, at this user's service."""

    def __init__(self) -> None:
        self.fd = -1
        self.quorate: bool | None = None
        self.node_id: int | None = 1
        self.closed = False

    async def refresh(self) -> None: ...

    def dispatch(self) -> None: ...

    def close(self) -> None:
        self.closed = True


async def nobody(*_: object) -> Finished:
    raise AssertionError("no command is run here")


async def found(
    *,
    look: CannotLook | None = None,
    quorum: Any = None,
    links: LinkCheck | None = None,
    stonith: bool = True,
    **changes: Any,
) -> list[Finding]:
    question: dict[str, Any] = {
        "kind": NodeKind.CLUSTER,
        "elected": True,
        "alert_socket": SOCKET,
        "asks_bmc": True,
        "poll": 10.0,
    }

    async def both() -> tuple[Cib, CrmMon]:
        if look is not None:
            raise look
        seen = Cib(quorate=True, nodes=(), stonith=stonith, stonith_action="off", alerted=frozenset({SOCKET}))
        return seen, CrmMon(quorate=True, nodes={}, stonith=stonith)

    async def feed() -> QuorumFeed:
        if isinstance(quorum, Exception):
            raise quorum
        found: QuorumFeed = quorum or Feed()
        return found

    async def own_link(node: int | None) -> LinkCheck:
        return links or LinkCheck(True, "2 of 2 corosync links are connected")

    doors = examine.Doors(look=both, quorum=feed, own_link=own_link)
    return await examine.examine(examine.Question(**question | changes), doors)


def weighed(findings: list[Finding], weight: Weight) -> list[str]:
    return [one.text for one in findings if one.weight is weight]


async def test_every_right_is_there() -> None:
    findings = await found()
    assert weighed(findings, Weight.FAULT) == []
    said = " ".join(weighed(findings, Weight.OK))
    assert "its status can be read" in said and "process groups can be had" in said and "2 of 2" in said


async def test_fencing_that_is_off_and_no_bmc_to_ask_are_a_dangerous_pair() -> None:
    findings = await found(stonith=False, asks_bmc=False)
    assert [
        text for text in weighed(findings, Weight.WARNING) if "nobody proves that a lost host is dead" in text
    ]


async def test_a_user_that_may_not_ask_pacemaker_is_a_fault_where_it_runs() -> None:
    refused = CannotLook("cibadmin failed with exit code 77: Permission denied")
    (text,) = weighed(await found(look=refused, kind=NodeKind.REMOTE), Weight.FAULT)
    assert "Permission denied" in text and "haclient" in text and "blind" in text
    findings = await found(look=refused, kind=None)
    assert [one.weight for one in findings] == [Weight.WARNING]


@pytest.mark.parametrize(("elected", "weight"), [(True, Weight.FAULT), (False, Weight.WARNING)])
async def test_a_user_that_corosync_refuses_can_elect_nobody(elected: bool, weight: Weight) -> None:
    for feed in (PolledQuorum(nobody, 1.0), PacemakersQuorum()):
        texts = weighed(await found(quorum=feed, elected=elected), weight)
        (text,) = [one for one in texts if "losses are seen later" in one]
        assert "uidgid.d" in text and ("no reporter can be elected" in text) is elected


async def test_a_remote_node_has_no_corosync_to_ask() -> None:
    findings = await found(kind=NodeKind.REMOTE, quorum=CorosyncError("never asked"))
    assert weighed(findings, Weight.FAULT) == []


async def test_a_corosync_that_does_not_answer() -> None:
    (text,) = weighed(await found(quorum=CorosyncError("corosync gave no answer in 10 s")), Weight.FAULT)
    assert "gave no answer" in text and "Start corosync" in text


async def test_links_that_cannot_be_looked_at_or_are_dead() -> None:
    texts = weighed(await found(links=LinkCheck(None, "corosync-cfgtool cannot be run")), Weight.WARNING)
    assert [text for text in texts if "both sides then accuse each other" in text]
    (text,) = weighed(await found(links=LinkCheck(False, "all 2 links are disconnected")), Weight.FAULT)
    assert "sees no other member" in text
