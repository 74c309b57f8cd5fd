"""An API server that answers, and is not believed: what its answers say of this host and of the kubelets' stamps."""

import contextlib
import datetime
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.hostmonitor.core.observation import Membership, Sample, View
from masakarimonitors.hostmonitor.drivers.kubernetes.api_server.api import Credentials
from masakarimonitors.hostmonitor.drivers.kubernetes.kubelet_leases import LeasePace
from masakarimonitors.hostmonitor.drivers.kubernetes.nodes import Nodes, Rhythm
from masakarimonitors.hostmonitor.drivers.kubernetes.own_node import OwnNames
from masakarimonitors.hostmonitor.drivers.kubernetes.parse import OUT_OF_SERVICE
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.kubernetes_replay import Replay
from tests.unit.hostmonitor.drivers.kubernetes.hearing import Heard, listening, node

QUICK = Rhythm(
    resync=30,
    probe=0.05,
    patience=15.0,
    good_for=1.0,
    retry=0.05,
    poll=0.05,
    brief=0.0,
    leases=LeasePace(patience=15.0, every=0.05),
)
OWN = OwnNames(names=("own",))


@contextlib.asynccontextmanager
async def seeing(tmp_path: Path, server: Replay, own: OwnNames = OWN) -> AsyncIterator[Heard]:
    credentials = Credentials(str(server.kubeconfig(tmp_path)))
    async with listening(Nodes(credentials, "", own, clock=SystemClock(), rhythm=QUICK)) as heard:
        yield heard


def cluster(own: str = "True", **others: str) -> list[dict[str, Any]]:
    return [node("own", own), *(node(name, status) for name, status in others.items())]


def renewing(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, f"renewal {next(_count)}")


_count = itertools.count()


def stamp(age: datetime.timedelta) -> str:
    return (SystemClock().now().wall - age).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@pytest.mark.parametrize("status", ["Unknown", "False"])
async def test_while_the_own_node_is_not_ready_nobody_is_accused(tmp_path: Path, status: str) -> None:
    async with Replay(cluster(n2="True")).serve() as server, seeing(tmp_path, server) as heard:
        await heard.until(View, lambda view: view.proven)
        await server.watching.wait()
        server.nodes = cluster(own=status, n2="Unknown")
        for item in server.nodes:
            server.push({"type": "MODIFIED", "object": item})
        doubt = await heard.until(View, lambda view: not view.proven)
        assert "own Node own" in doubt.why
        said = [item for item in heard if isinstance(item, Sample) and "own" in item.hosts]
        assert all(sample.hosts["own"].value is not Membership.DOWN for sample in said)
        before = len(heard)
        server.nodes = cluster(n2="Unknown")
        proven = await heard.until(View, lambda view: view.proven, after=before)
        whole = next(item for item in heard[before:] if isinstance(item, Sample) and item.whole)
        assert heard.index(whole) < heard.index(proven)


async def test_each_loss_is_doubted_at_once_and_not_at_the_next_probe(tmp_path: Path) -> None:
    slow = Rhythm(resync=600, probe=500.0, patience=5.0, good_for=1500.0, brief=0.0)
    async with Replay(cluster(n2="True")).serve() as server:
        nodes = Nodes(
            Credentials(str(server.kubeconfig(tmp_path))), "", OWN, clock=SystemClock(), rhythm=slow
        )
        async with listening(nodes) as heard:
            await heard.until(View, lambda view: view.proven)
            await server.watching.wait()
            server.nodes = cluster(own="Unknown", n2="Unknown")
            server.push({"type": "MODIFIED", "object": node("n2", "Unknown")})
            await heard.until(View, lambda view: not view.proven)


async def test_who_is_no_node_believes_nothing_and_says_what_to_do(tmp_path: Path) -> None:
    stranger = OwnNames(names=("pod-x7k2p",))
    async with Replay(cluster(n2="True")).serve() as server, seeing(tmp_path, server, stranger) as heard:
        view = await heard.until(View)
        assert not view.proven and "NODE_NAME" in view.why
        assert not [item for item in heard if isinstance(item, Sample)]


async def test_an_own_node_that_is_deleted_is_a_doubt(tmp_path: Path) -> None:
    async with Replay(cluster(n2="True")).serve() as server, seeing(tmp_path, server) as heard:
        await heard.until(View, lambda view: view.proven)
        server.nodes = [node("n2", "True")]
        assert "not there any more" in (await heard.until(View, lambda view: not view.proven)).why


async def test_a_node_that_is_not_watched_may_be_the_own_one(tmp_path: Path) -> None:
    class Selecting(Replay):
        """Lists n2 alone, because the selector does not fit the own one."""

        @property
        def listed(self) -> list[dict[str, Any]]:
            return [item for item in self.nodes if item["metadata"]["name"] != "own"]

    async with Selecting(cluster(n2="True")).serve() as server, seeing(tmp_path, server) as heard:
        await heard.until(View, lambda view: view.proven)
        assert set((await heard.until(Sample)).hosts) == {"n2"}


async def test_an_own_kubelet_that_renews_nothing_is_a_doubt(tmp_path: Path) -> None:
    old = stamp(datetime.timedelta(seconds=30))
    async with Replay(cluster(n2="True")).serve() as server:
        server.node_leases = lambda: renewing("own", "n2")
        async with seeing(tmp_path, server) as heard:
            await heard.until(View, lambda view: view.proven)
        server.node_leases = lambda: {**renewing("n2"), "own": old}
        async with seeing(tmp_path, server) as heard:
            assert "its kubelet does not reach" in (await heard.until(View)).why


async def test_when_nobody_renews_a_lease_the_view_proves_nothing(tmp_path: Path) -> None:
    hours = stamp(datetime.timedelta(hours=10))
    nowhere = OwnNames(names=(), nowhere=True)
    async with Replay(cluster(n2="True")).serve() as server:
        server.node_leases = lambda: {"own": hours, "n2": hours}
        async with seeing(tmp_path, server, nowhere) as heard:
            await heard.until(View, lambda view: not view.proven and "takes no writes" in view.why)
            before = len(heard)
            server.node_leases = lambda: renewing("own", "n2")
            await heard.until(View, lambda view: view.proven, after=before)


async def test_a_dead_host_that_no_controller_calls_lost_is_an_alarm(tmp_path: Path) -> None:
    minutes = stamp(datetime.timedelta(minutes=3))
    async with Replay(cluster(n2="True", n3="True")).serve() as server:
        server.node_leases = lambda: {**renewing("own", "n3"), "n2": minutes}
        async with seeing(tmp_path, server) as heard:
            doubt = await heard.until(View, lambda view: not view.proven)
            assert "of n2" in doubt.why and "kube-controller-manager" in doubt.why


@pytest.mark.parametrize("status", [403, 404])
async def test_without_a_right_to_the_leases_heartbeats_judge_and_it_is_said(
    tmp_path: Path, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with Replay(cluster(n2="True")).serve() as server:
        server.node_lease_status = status
        async with seeing(tmp_path, server) as heard:
            await heard.until(View, lambda view: view.proven and "only the nodes' heartbeats" in view.why)
        old = stamp(datetime.timedelta(hours=10))
        server.nodes = [node("own", "True", beat=old), node("n2", "True", beat=old)]
        async with seeing(tmp_path, server) as heard:
            assert "posted its status" in (await heard.until(View)).why
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert sum("may not be read" in warning for warning in warnings) == 2


async def test_leases_that_cannot_be_had_for_another_reason_are_a_fault_of_the_view(tmp_path: Path) -> None:
    async with Replay(cluster(n2="True")).serve() as server:
        server.node_lease_status = 500
        async with seeing(tmp_path, server) as heard:
            assert "500" in (await heard.until(View, lambda view: not view.proven)).why


async def test_whoever_elects_is_told_whether_this_node_sees(tmp_path: Path) -> None:
    told: list[bool] = []
    async with Replay(cluster(n2="True")).serve() as server:
        credentials = Credentials(str(server.kubeconfig(tmp_path)))
        nodes = Nodes(credentials, "", OWN, clock=SystemClock(), rhythm=QUICK, on_sight=told.append)
        async with listening(nodes) as heard:
            await heard.until(View, lambda view: view.proven)
            server.nodes = cluster(own="Unknown", n2="True")
            await heard.until(View, lambda view: not view.proven)
            before = len(heard)
            server.nodes = cluster(n2="True")
            await heard.until(View, lambda view: view.proven, after=before)
    assert told == [False, True]


async def test_a_backup_in_which_a_living_host_was_lost_and_vouched_for_accuses_nobody(
    tmp_path: Path,
) -> None:
    """etcd is restored: until its kubelet writes again the Node is as it was then, with the proof of those days."""
    then, now = stamp(datetime.timedelta(days=90)), stamp(datetime.timedelta())
    async with Replay([node("own", "True", beat=now), node("n2", "True", beat=now)]).serve() as server:
        server.watch_status = 403
        async with seeing(tmp_path, server) as heard:
            await heard.until(View, lambda view: view.proven)
            lost = node("n2", "Unknown", f"{OUT_OF_SERVICE}@{then}", beat=then, lost_at=then)
            server.nodes = [node("own", "True", beat=then), lost]
            shown = await heard.until(Sample, lambda sample: sample.hosts["n2"].value is Membership.DOWN)
            before = [said for said in heard[: heard.index(shown)] if isinstance(said, View)]
            assert not before[-1].proven and "etcd was restored" in before[-1].why
            assert not any(view.proven for view in heard[heard.index(shown) :] if isinstance(view, View))
