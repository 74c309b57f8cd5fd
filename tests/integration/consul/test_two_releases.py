"""A cloud that is upgraded host by host: monitors of two releases elect one reporter by Consul's lock."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures import earlier_release
from tests.fixtures.fake_masakari import FakeMasakari
from tests.fixtures.two_releases import EarlierMonitor, Stage, is_inherited_told, is_inherited_unheard
from tests.integration.consul.cluster import Cluster, node_name
from tests.integration.consul.monitors import PREFIX, HostMonitor, reporter

pytestmark = [pytest.mark.xdist_group("consul"), pytest.mark.timeout(600)]

EARLIER, TODAY, VICTIM = 4, 3, 5
"""The nodes whose monitors run, by their release, and the one that fails."""


class EarlierHostMonitor(EarlierMonitor, HostMonitor):
    """The host monitor of the earlier release, of one node."""


@pytest.fixture
def masakari(cluster: Cluster) -> Iterator[FakeMasakari]:
    with FakeMasakari([node_name(node) for node in range(1, cluster.nodes + 1)]) as server:
        yield server


@pytest.fixture
def earlier(cluster: Cluster, masakari: FakeMasakari, tmp_path: Path) -> Iterator[HostMonitor]:
    monitor = EarlierHostMonitor(cluster, EARLIER, masakari, tmp_path)
    monitor.release = earlier_release.unpack(tmp_path / "release")
    yield monitor
    monitor.stop()


@pytest.fixture
def today(cluster: Cluster, masakari: FakeMasakari, tmp_path: Path) -> Iterator[HostMonitor]:
    monitor = HostMonitor(cluster, TODAY, masakari, tmp_path)
    yield monitor
    monitor.stop()


def test_each_release_takes_over_from_the_other_and_no_report_is_lost_or_made_twice(
    cluster: Cluster,
    shared_watch: dict[int, HostMonitor],
    masakari: FakeMasakari,
    earlier: HostMonitor,
    today: HostMonitor,
) -> None:
    def ledger() -> dict[str, Any]:
        found: dict[str, Any] = cluster.ask(1, cluster.datacentres[0], f"/v1/kv/{PREFIX}/ledger?raw")
        return found

    names = {EARLIER: earlier, TODAY: today}
    stage = Stage(
        masakari=masakari,
        host=node_name(VICTIM),
        fail=lambda: cluster.kill(VICTIM),
        heal=cluster.heal,
        named=lambda monitor: next(node_name(node) for node, one in names.items() if one is monitor),
        held_by=lambda monitor: names.get(reporter(cluster) or 0) is monitor,
        delivered=lambda: ledger().get(node_name(VICTIM), {}).get("delivered"),
        stays=True,
    )
    for other in shared_watch.values():
        other.stop()
    is_inherited_unheard(stage, earlier, today)
    is_inherited_told(stage, today, earlier)
