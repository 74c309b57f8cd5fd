"""The whole host monitor against a real API server: which reports each failure gives, and which not."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from masakarimonitors import conf as house
from masakarimonitors.cmd import service
from masakarimonitors.receiver.app import Receiver
from masakarimonitors.system.clock import SystemClock
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
    running: list[service.Running]
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


def _shown(part: service.Running) -> list[tuple[str, str]]:
    return [(row.subject, row.state) for row in part.board.subjects()]


@contextlib.asynccontextmanager
async def stage(cluster: Cluster, tmp_path: Path, label: str, monitors: int = 1) -> AsyncIterator[Stage]:
    stop = asyncio.Event()
    receiver = Receiver(":memory:", SystemClock())
    running: list[service.Running] = []
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
                    kubeconfig=cluster.kubeconfig,
                    lease=label,
                    label=label,
                )
            )
            conf = house.load(["--config-file", str(path)])
            serving.append(
                tasks.create_task(
                    service.serve(
                        conf,
                        ["hostmonitor"],
                        stop=stop,
                        endpoint=url,
                        started=lambda parts, _: running.extend(parts),
                    )
                )
            )
        try:
            async with asyncio.timeout(_PATIENCE):
                while len(running) < monitors:  # noqa: ASYNC110 - started by another task
                    await asyncio.sleep(0.05)
            on = Stage(cluster, kubelets, receiver, running, tasks)
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
