"""The whole host monitor against a real API server: which reports each failure gives, and which not."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from masakarimonitors.cmd import runner
from masakarimonitors.cmd.wiring import WiredMonitor
from masakarimonitors.conf import loader
from masakarimonitors.core.decision import Ruling, Verdict
from masakarimonitors.hostmonitor.drivers.base import NotShared, Weight
from masakarimonitors.hostmonitor.drivers.kubernetes.api_server.api import Credentials
from masakarimonitors.hostmonitor.drivers.kubernetes.examine import Question, examine
from masakarimonitors.hostmonitor.drivers.kubernetes.own_node import OwnNames
from masakarimonitors.hostmonitor.drivers.kubernetes.peers import LeaseWords
from masakarimonitors.receiver.app import Receiver
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.waiting import eventually
from tests.integration.kubernetes.cluster import Cluster, Kubelet

pytestmark = [pytest.mark.xdist_group("kubernetes"), pytest.mark.timeout(300)]

_PATIENCE = 90.0
_NODES = ("k1", "k2", "k3", "k4")

_CONF = """\
[DEFAULT]
hostname = {own}
state_path = {state}
[api]
auth_type = none
[host]
monitoring_driver = kubernetes
settle_time = 0.2
unproven_settle_time = 0.2
[kubernetes]
kubeconfig = {kubeconfig}
lease_name = {lease}
monitoring_node_labels = {label}=yes
"""


@dataclass
class Stage:
    """Four played nodes, running monitors and the receiver that hears them."""

    cluster: Cluster
    kubelets: dict[str, Kubelet]
    receiver: Receiver
    running: list[WiredMonitor]
    verdicts: list[Verdict]
    tasks: asyncio.TaskGroup

    async def heard(self) -> list[tuple[str, str, str]]:
        rows = reversed(await self.receiver.notifications())
        return [(row.hostname, row.payload["event"], row.payload["host_status"]) for row in rows]

    async def until_heard(self, *expected: tuple[str, str, str]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while (heard := await self.heard()) != list(expected):
            assert len(heard) <= len(expected), (heard, [_shown(part) for part in self.running])
            assert time.monotonic() < deadline, (heard, [_shown(part) for part in self.running])
            await asyncio.sleep(0.05)

    async def until_shown(self, subject: str, state: str) -> None:
        """Until every monitor's status shows the subject in that state."""
        for part in self.running:
            deadline = time.monotonic() + _PATIENCE
            while (subject, state) not in _shown(part):
                assert time.monotonic() < deadline, (subject, state, _shown(part))
                await asyncio.sleep(0.05)


def _shown(part: WiredMonitor) -> list[tuple[str, str]]:
    return [(row.subject, row.state) for row in part.status.subjects()]


@contextlib.asynccontextmanager
async def stage(
    cluster: Cluster, tmp_path: Path, label: str, monitors: int = 1, kubeconfig: Path | None = None
) -> AsyncIterator[Stage]:
    stop = asyncio.Event()
    # masakari knows the nodes: one that was deleted and is in no segment would be forgotten at the next look-up,
    # which may come before anybody has seen it shown as left.
    receiver = Receiver(":memory:", SystemClock(), known_hosts=[f"{label}-{name}" for name in _NODES])
    running: list[WiredMonitor] = []
    verdicts: list[Verdict] = []
    async with cluster.client() as client, receiver.serve() as url, asyncio.TaskGroup() as tasks:
        kubelets = {name: Kubelet(cluster, client, f"{label}-{name}") for name in _NODES}
        for kubelet in kubelets.values():
            await kubelet.register(**{label: "yes"})
            kubelet.speak(tasks)
        serving = []
        for number in range(monitors):
            path = tmp_path / f"conf{number}"
            path.write_text(
                _CONF.format(
                    own=f"{label}-k{number + 1}",
                    state=tmp_path / f"state{number}",
                    kubeconfig=kubeconfig or cluster.kubeconfig,
                    lease=label,
                    label=label,
                )
            )
            conf = loader.load(["--config-file", str(path)])
            serving.append(
                tasks.create_task(
                    runner.serve(
                        conf,
                        ["hostmonitor"],
                        stop=stop,
                        endpoint=url,
                        started=lambda parts, _: running.extend(parts),
                        on_verdict=lambda verdict, _: verdicts.append(verdict),
                    )
                )
            )
        try:
            async with asyncio.timeout(_PATIENCE):
                while len(running) < monitors:  # noqa: ASYNC110 - started by another task
                    await asyncio.sleep(0.05)
            on = Stage(cluster, kubelets, receiver, running, verdicts, tasks)
            await on.until_shown("hosts", "3 up")
            yield on
        finally:
            stop.set()
            await asyncio.gather(*serving)
            for kubelet in kubelets.values():
                await kubelet.delete()


async def test_r25_a_silent_kubelet_is_reported_once_by_one_of_three_and_its_return_once(
    cluster: Cluster, tmp_path: Path
) -> None:
    async with stage(cluster, tmp_path, "silent", monitors=3) as on:
        on.kubelets["k4"].silence()
        await on.until_heard(("silent-k4", "STOPPED", "NORMAL"))
        on.kubelets["k4"].speak(on.tasks)
        await on.until_heard(("silent-k4", "STOPPED", "NORMAL"), ("silent-k4", "STARTED", "NORMAL"))


async def test_a_kubelet_that_says_not_ready_is_alive(cluster: Cluster, tmp_path: Path) -> None:
    async with stage(cluster, tmp_path, "notready") as on:
        on.kubelets["k3"].ready = False
        # What the silence of another causes: whatever the first could have caused would have been seen by then.
        on.kubelets["k4"].silence()
        await on.until_heard(("notready-k4", "STOPPED", "NORMAL"))
        await on.until_shown("hosts", "2 up")


async def test_a_deleted_node_is_planned(cluster: Cluster, tmp_path: Path) -> None:
    async with stage(cluster, tmp_path, "deleted") as on:
        await on.kubelets["k3"].delete()
        await on.until_shown("host:deleted-k3", "left")
        on.kubelets["k4"].silence()
        await on.until_heard(("deleted-k4", "STOPPED", "NORMAL"))


async def test_an_api_server_that_dies_accuses_nobody_and_hides_nothing(
    cluster: Cluster, tmp_path: Path
) -> None:
    async with stage(cluster, tmp_path, "apidead") as on:
        await asyncio.to_thread(cluster.kill_api)
        await on.until_shown("link:kubernetes", "blind")
        on.kubelets["k4"].silence()
        await asyncio.to_thread(cluster.release_api)
        await on.until_heard(("apidead-k4", "STOPPED", "NORMAL"))


async def test_an_account_that_may_list_nodes_only_misses_nothing(cluster: Cluster, tmp_path: Path) -> None:
    await cluster.grant_list()
    async with stage(cluster, tmp_path, "listonly", kubeconfig=cluster.list_only) as on:
        on.kubelets["k3"].silence()
        await on.until_heard(("listonly-k3", "STOPPED", "NORMAL"))
        on.kubelets["k4"].silence()
        await on.until_heard(("listonly-k3", "STOPPED", "NORMAL"), ("listonly-k4", "STOPPED", "NORMAL"))
        assert not [verdict for verdict in on.verdicts if verdict.ruling is Ruling.BLIND]


async def test_a_proxy_that_resets_every_watch_takes_no_sight(cluster: Cluster, tmp_path: Path) -> None:
    async with (
        cluster.behind_a_proxy(tmp_path, 6.0) as proxy,
        stage(cluster, tmp_path, "proxied", kubeconfig=proxy.kubeconfig) as on,
    ):
        await eventually(lambda: proxy.resets >= 3, lambda: f"{proxy.resets} resets")
        on.kubelets["k4"].silence()
        await on.until_heard(("proxied-k4", "STOPPED", "NORMAL"))
        assert not [verdict for verdict in on.verdicts if verdict.ruling is Ruling.BLIND]


async def test_while_the_own_node_is_lost_nobody_is_accused(cluster: Cluster, tmp_path: Path) -> None:
    async with stage(cluster, tmp_path, "ownlost") as on:
        on.kubelets["k1"].silence()
        await on.until_shown("link:kubernetes", "blind")
        on.kubelets["k4"].silence()
        await eventually(
            lambda: any(subject == "host:ownlost-k4" for subject, _ in _shown(on.running[0])),
            lambda: _shown(on.running[0]),
        )
        assert await on.heard() == []
        on.kubelets["k1"].speak(on.tasks)
        await on.until_heard(("ownlost-k4", "STOPPED", "NORMAL"))


async def test_the_check_creates_the_lease_and_names_what_is_missing(
    cluster: Cluster, tmp_path: Path
) -> None:
    await cluster.grant_list()

    def question(kubeconfig: Path) -> Question:
        own = OwnNames(names=("checked-k1",))
        credentials = Credentials(str(kubeconfig))
        return Question(
            credentials=credentials,
            selector="checked=yes",
            own=own,
            lease=("default", "checked"),
            fleet="checked-k1",
        )

    async with cluster.client() as client:
        kubelet = Kubelet(cluster, client, "checked-k1")
        await kubelet.register(checked="yes")
        findings = await examine(question(cluster.kubeconfig))
        assert {finding.weight for finding in findings} == {Weight.OK}, findings
        assert "was created" in findings[-1].text
        poor = [
            finding
            for finding in await examine(question(cluster.list_only))
            if finding.weight is not Weight.OK
        ]
        weights = [finding.weight for finding in poor]
        assert weights == [Weight.WARNING, Weight.WARNING, Weight.FAULT, Weight.WARNING]
        assert (
            "needs watch on nodes" in poor[0].text and "needs get, create, update on leases" in poor[2].text
        )
        assert "needs get, create, update, list on leases" in poor[3].text
        words = LeaseWords(Credentials(str(cluster.kubeconfig)), "default", "checked")
        assert await words.read() == {}, "nothing was written by the checks"
        for value in (b"one", b"two"):
            await words.tell("checked-k1", value)
        assert await words.read() == {"checked-k1": b"two"}
        with pytest.raises(NotShared, match="needs get, create, update, list"):
            await LeaseWords(Credentials(str(cluster.list_only)), "default", "checked").read()
        await kubelet.delete()
