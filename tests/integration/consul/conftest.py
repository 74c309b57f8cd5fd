"""One Consul cluster for all scenarios of a session; each scenario starts from a whole one."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.fake_masakari import FakeMasakari
from tests.integration.consul.cluster import Cluster, consul_binary, node_name
from tests.integration.consul.monitors import HostMonitor
from tests.integration.consul.watch import WATCHERS, Watch


def _can_run() -> str:
    """Why no cluster can be made here; empty when one can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not consul_binary().exists():
        return f"no {consul_binary()}: run tools/setup-consul.sh"
    if subprocess.run(
        ["unshare", "--mount", "--net", "--pid", "--fork", "true"], capture_output=True
    ).returncode:
        return "this host gives root no namespaces"
    return ""


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the agents and the monitors of this session write their logs."""
    reason = _can_run()
    if reason:
        pytest.skip(reason)
    return tmp_path_factory.mktemp("consul")


@pytest.fixture(scope="session")
def shared_cluster(logs: Path) -> Iterator[Cluster]:
    """The manual's cluster: five nodes, three datacentres."""
    cluster = Cluster(logs)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def cluster(shared_cluster: Cluster) -> Cluster:
    """The shared cluster, whole: what the scenario before broke is mended."""
    shared_cluster.heal()
    return shared_cluster


@pytest.fixture(scope="session")
def api(shared_cluster: Cluster) -> Iterator[FakeMasakari]:
    """One masakari-api for the shared cluster's monitors."""
    server = FakeMasakari([node_name(node) for node in range(1, shared_cluster.nodes + 1)])
    yield server
    server.stop()


@pytest.fixture(scope="session")
def shared_watch(shared_cluster: Cluster, api: FakeMasakari, logs: Path) -> Iterator[dict[int, HostMonitor]]:
    """Three monitors for all scenarios, on a server and on both clients."""
    monitors = {node: HostMonitor(shared_cluster, node, api, logs / "monitors") for node in WATCHERS}
    yield monitors
    for monitor in monitors.values():
        monitor.stop()


@pytest.fixture
def watch(cluster: Cluster, shared_watch: dict[int, HostMonitor], api: FakeMasakari) -> Watch:
    """The whole cluster, watched: three monitors that see everything, one of them the reporter."""
    for monitor in shared_watch.values():
        if not monitor.running:
            monitor.start()
    watch = Watch(cluster, shared_watch, api)
    watch.begin()
    return watch
