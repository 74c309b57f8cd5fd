"""The rig itself: what the other scenarios rely on."""

import pytest

from tests.fixtures.waiting import until
from tests.integration.consul.cluster import MANAGE, STORAGE, Cluster

pytestmark = pytest.mark.xdist_group("consul")


def test_a_crashed_agent_turns_critical_and_comes_back(cluster: Cluster) -> None:
    cluster.kill(5, MANAGE)
    until(lambda: cluster.statuses(1, MANAGE)["node05"] == "critical", "node05 critical")
    assert cluster.statuses(1, STORAGE)["node05"] == "passing"
    cluster.heal()
    assert cluster.statuses(1, MANAGE)["node05"] == "passing"


def test_a_member_that_was_said_to_leave_while_it_was_cut_off_comes_back(cluster: Cluster) -> None:
    """As autopilot says it of a server; the member, which never heard it, does not object by itself."""
    cluster.cut(5, MANAGE)
    cluster.ask(1, MANAGE, "/v1/agent/force-leave/node05", method="PUT")
    others = range(1, 5)
    until(lambda: all(cluster.members(n, MANAGE)["node05"] != 1 for n in others), "all have heard it")
    cluster.heal()
    assert all(cluster.members(n, MANAGE)["node05"] == 1 for n in others)
