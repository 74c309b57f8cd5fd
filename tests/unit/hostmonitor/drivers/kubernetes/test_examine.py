"""What the check of the configuration asks the API server, and which right it says is missing."""

from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.hostmonitor.drivers.base import Finding, Weight
from masakarimonitors.hostmonitor.drivers.kubernetes.api_server.api import Credentials
from masakarimonitors.hostmonitor.drivers.kubernetes.examine import Question, examine
from masakarimonitors.hostmonitor.drivers.kubernetes.own_node import OwnNames
from tests.fixtures.kubernetes_replay import Replay
from tests.unit.hostmonitor.drivers.kubernetes.hearing import node


async def found(tmp_path: Path, server: Replay, **changes: Any) -> list[Finding]:
    question: dict[str, Any] = {
        "credentials": Credentials(str(server.kubeconfig(tmp_path))),
        "selector": "",
        "own": OwnNames(names=("n1",)),
        "lease": ("ours", "l"),
    }
    # The watch of the check ends after a second by itself; this server ends none.
    server.brief = True
    return await examine(Question(**question | changes))


def cluster() -> Replay:
    return Replay([node("n1", "True"), node("n2", "True")])


async def test_everything_in_order_and_the_lease_is_created(tmp_path: Path) -> None:
    async with cluster().serve() as server:
        findings = await found(tmp_path, server)
        assert {finding.weight for finding in findings} == {Weight.OK}
        texts = " ".join(finding.text for finding in findings)
        for words in (
            "2 nodes",
            "the Node n1",
            "can be watched",
            "kube-node-lease can be read",
            "ours/l was created",
        ):
            assert words in texts
        assert server.lease is not None and not server.lease["spec"].get("holderIdentity")
        writes = server.lease_writes
        assert "was created" not in (await found(tmp_path, server))[-1].text
        assert server.lease_writes == writes


async def test_a_lease_that_is_renewed_meanwhile_is_in_use(tmp_path: Path) -> None:
    class Busy(Replay):
        """Somebody renews the Lease between each look and the next write."""

        async def _put_lease(self, request: Any) -> Any:
            return self._refusal(409)

    async with Busy([node("n1", "True")]).serve() as server:
        server.lease = {"metadata": {"name": "l", "resourceVersion": "3"}, "spec": {"holderIdentity": "n2"}}
        last = (await found(tmp_path, server))[-1]
        assert (last.weight, "in use" in last.text) == (Weight.OK, True)


async def test_what_each_monitor_says_of_itself_is_tried_and_not_written(tmp_path: Path) -> None:
    async with cluster().serve() as server:
        for _ in range(2):
            assert {one.weight for one in await found(tmp_path, server, fleet="n1")} == {Weight.OK}
        assert server.labelled == {}
        server.labelled_status = 403
        last = (await found(tmp_path, server, fleet="n1"))[-1]
        assert last.weight is Weight.WARNING and "needs get, create, update, list on leases" in last.text


async def test_a_lease_of_another_election_in_the_place_of_ones_own_words_is_told(tmp_path: Path) -> None:
    """The monitor leaves it alone, and says so; "it is there already" is no answer to whose it is."""
    async with cluster().serve() as server:
        server.labelled["l-n1"] = {
            "metadata": {"name": "l-n1", "resourceVersion": "3"},
            "spec": {"holderIdentity": "n2"},
        }
        last = (await found(tmp_path, server, fleet="n1"))[-1]
        assert last.weight is Weight.WARNING and "is not of these" in last.text and "lease_name" in last.text
        server.labelled["l-n1"]["metadata"]["labels"] = {"masakari-monitors/fleet": "l"}
        assert {one.weight for one in await found(tmp_path, server, fleet="n1")} == {Weight.OK}


@pytest.mark.parametrize(
    ("switch", "status", "weight", "words"),
    [
        ("status", 403, Weight.FAULT, "needs list on nodes"),
        ("watch_status", 403, Weight.WARNING, "needs watch on nodes"),
        ("watch_status", 502, Weight.WARNING, "before the API server"),
        ("node_lease_status", 403, Weight.WARNING, "list on leases|needs list on leases"),
        (
            "lease_status",
            403,
            Weight.FAULT,
            "needs get, create, update on leases of coordination.k8s.io in ours",
        ),
        ("lease_status", 422, Weight.FAULT, "refuses get"),
    ],
)
async def test_what_is_missing_is_named(
    tmp_path: Path, switch: str, status: int, weight: Weight, words: str
) -> None:
    async with cluster().serve() as server:
        setattr(server, switch, status)
        (bad,) = [one for one in await found(tmp_path, server) if one.weight is not Weight.OK]
        assert bad.weight is weight and any(part in bad.text for part in words.split("|"))


async def test_a_namespace_that_is_not_there(tmp_path: Path) -> None:
    class Nowhere(Replay):
        """Has no such namespace: there is no Lease in it, and none can be made."""

        async def _create_lease(self, request: Any) -> Any:
            return self._refusal(404)

    async with Nowhere([node("n1", "True")]).serve() as server:
        last = (await found(tmp_path, server))[-1]
        assert last.weight is Weight.FAULT and "is there a namespace ours?" in last.text


async def test_who_is_no_node_is_told_so(tmp_path: Path) -> None:
    async with cluster().serve() as server:
        stranger = await found(tmp_path, server, own=OwnNames(names=("pod-x",)))
        (bad,) = [one for one in stranger if one.weight is Weight.FAULT]
        assert "NODE_NAME" in bad.text and "nothing is reported" in bad.text
        outside = await found(tmp_path, server, own=OwnNames(names=(), nowhere=True))
        assert {one.weight for one in outside} == {Weight.OK}


async def test_when_all_report_no_lease_is_needed(tmp_path: Path) -> None:
    async with cluster().serve() as server:
        assert {one.weight for one in await found(tmp_path, server, lease=None)} == {Weight.OK}
        assert server.lease is None


async def test_nothing_that_can_be_asked(tmp_path: Path) -> None:
    async with Replay([]).serve() as server:
        (one,) = await found(tmp_path, server)
        assert one.weight is Weight.FAULT and "no node matches" in one.text
        (one,) = await found(tmp_path, server, credentials=Credentials(str(tmp_path / "no")))
        assert one.weight is Weight.FAULT and "credentials" in one.text
