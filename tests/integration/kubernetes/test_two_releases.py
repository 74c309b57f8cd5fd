"""A cloud that is upgraded host by host: monitors of two releases elect one reporter by a real API server's Lease."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from masakarimonitors.hostmonitor.drivers.kubernetes.leadership.lease import LEDGER
from tests.fixtures import earlier_release
from tests.fixtures.fake_masakari import FakeMasakari
from tests.fixtures.monitor_process import MonitorProcess, Sections
from tests.fixtures.two_releases import EarlierMonitor, Stage, is_inherited_told, is_inherited_unheard
from tests.integration.kubernetes.cluster import Cluster, Kubelet

pytestmark = [pytest.mark.xdist_group("kubernetes"), pytest.mark.timeout(600)]

EARLIER, TODAY, VICTIM, OTHER = (f"tworeleases-k{number}" for number in range(1, 5))
LEASE = "tworeleases"

T = TypeVar("T")


class Kubelets:
    """Those of all nodes, which speak on a loop of their own while monitors and tests wait."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._over = asyncio.Event()
        self._of: dict[str, Kubelet] = {}

    def __enter__(self) -> "Kubelets":
        """All of them speak."""
        self._thread.start()
        spoken = threading.Event()
        self._life = asyncio.run_coroutine_threadsafe(self._live(spoken), self._loop)
        while not spoken.wait(0.1):
            assert not self._life.done(), self._life.exception()
        return self

    async def _live(self, spoken: threading.Event) -> None:
        async with self._cluster.client() as self._client, asyncio.TaskGroup() as self._speaking:
            for name in (EARLIER, TODAY, VICTIM, OTHER):
                self._of[name] = Kubelet(self._cluster, self._client, name)
                await self._of[name].register(**{LEASE: "yes"})
                self._of[name].speak(self._speaking)
            spoken.set()
            await self._over.wait()
            for kubelet in self._of.values():
                await kubelet.delete()

    def __exit__(self, *_: object) -> None:
        """None speaks any more, and their nodes are gone."""
        self._loop.call_soon_threadsafe(self._over.set)
        self._life.result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def silence(self, name: str) -> None:
        """That host has died."""
        self._loop.call_soon_threadsafe(self._of[name].silence)

    def speak(self, name: str) -> None:
        """It is back."""
        self._loop.call_soon_threadsafe(self._of[name].speak, self._speaking)

    def lease(self) -> dict[str, Any]:
        """That of the election, as it stands; empty while there is none."""
        return self._told(self._lease())

    async def _lease(self) -> dict[str, Any]:
        path = f"/apis/coordination.k8s.io/v1/namespaces/default/leases/{LEASE}"
        async with self._client.get(path) as answer:
            found: dict[str, Any] = await answer.json() if answer.status == 200 else {}
            return found

    def _told(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result()


def sections(cluster: Cluster, masakari: FakeMasakari, own: str) -> Sections:
    return {
        "DEFAULT": {"hostname": own},
        "api": {"auth_type": "none", "endpoint": masakari.endpoint(own)},
        "host": {"monitoring_driver": "kubernetes", "settle_time": 0.2, "unproven_settle_time": 0.2},
        "kubernetes": {
            "kubeconfig": cluster.kubeconfig,
            "lease_name": LEASE,
            "monitoring_node_labels": f"{LEASE}=yes",
        },
    }


@pytest.fixture
def masakari() -> Iterator[FakeMasakari]:
    with FakeMasakari([EARLIER, TODAY, VICTIM, OTHER]) as server:
        yield server


def test_each_release_takes_over_from_the_other_and_no_report_is_lost_or_made_twice(
    cluster: Cluster, masakari: FakeMasakari, tmp_path: Path
) -> None:
    earlier = EarlierMonitor("hostmonitor", tmp_path / "earlier", sections(cluster, masakari, EARLIER))
    earlier.release = earlier_release.unpack(tmp_path / "release")
    today = MonitorProcess("hostmonitor", tmp_path / "today", sections(cluster, masakari, TODAY))
    names: dict[MonitorProcess, str] = {earlier: EARLIER, today: TODAY}
    with Kubelets(cluster) as kubelets, contextlib.ExitStack() as stack:
        for monitor in names:
            stack.callback(monitor.stop)

        def held_by(monitor: MonitorProcess) -> bool:
            return bool(kubelets.lease().get("spec", {}).get("holderIdentity") == names[monitor])

        def delivered() -> bool:
            noted = kubelets.lease()["metadata"].get("annotations", {}).get(LEDGER, "{}")
            return bool(json.loads(noted).get(VICTIM, {}).get("delivered"))

        stage = Stage(
            masakari=masakari,
            host=VICTIM,
            fail=lambda: kubelets.silence(VICTIM),
            heal=lambda: kubelets.speak(VICTIM),
            named=names.__getitem__,
            held_by=held_by,
            delivered=delivered,
            stays=True,
        )
        is_inherited_unheard(stage, earlier, today)
        is_inherited_told(stage, today, earlier)
