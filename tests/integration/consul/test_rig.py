"""The rig itself: what the other scenarios rely on."""

import time

import pytest

from tests.integration.consul.cluster import MANAGE, STORAGE, Cluster

pytestmark = pytest.mark.xdist_group("consul")


def test_a_crashed_agent_turns_critical_and_comes_back(cluster: Cluster) -> None:
    cluster.kill(5, MANAGE)
    deadline = time.monotonic() + 60
    while cluster.statuses(1, MANAGE)["node05"] != "critical":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert cluster.statuses(1, STORAGE)["node05"] == "passing"
    cluster.heal()
    assert cluster.statuses(1, MANAGE)["node05"] == "passing"
