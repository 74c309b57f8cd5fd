"""Nodes that are not what they seem: renamed, probed from elsewhere, or gone while the whole cluster was off."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from masakarimonitors.hostmonitor.core.observation import Membership, Work
from masakarimonitors.hostmonitor.drivers.consul.agent import Access, parse_address
from tests.fixtures.waiting import until
from tests.integration.consul.cluster import MANAGE, Cluster, node_name
from tests.integration.consul.listening import listening
from tests.integration.consul.watch import Watch

pytestmark = [pytest.mark.xdist_group("consul"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def small_cluster(logs: Path) -> Iterator[Cluster]:
    """One server and two clients."""
    cluster = Cluster(logs / "small-cluster", nodes=3, servers=1, datacentres=[MANAGE])
    try:
        cluster.start()
        cluster.heal()
        yield cluster
    finally:
        cluster.stop()


def test_a_node_that_only_consul_esm_probes(small_cluster: Cluster) -> None:
    """Registered as consul-esm's manual says; its own check is set as the daemon does."""

    def register(status: str) -> None:
        check = {"CheckID": "externalNodeHealth", "Name": "External Node Status", "Status": status}
        node = {"Node": "bare", "Address": "192.168.101.99", "NodeMeta": {"external-node": "true"}}
        small_cluster.ask(1, MANAGE, "/v1/catalog/register", method="PUT", body={**node, "Check": check})

    access = Access(address=parse_address(f"unix://{small_cluster.socket(2, MANAGE)}"))
    with listening(small_cluster, 2, access) as heard:
        register("passing")
        until(lambda: heard.values.get("bare") is Membership.UP, lambda: heard.values)
        register("critical")
        until(lambda: heard.values.get("bare") is Membership.DOWN, lambda: heard.values)
        register("passing")
        until(lambda: heard.values.get("bare") is Membership.UP, lambda: heard.values)


def test_maintenance_mode_is_seen_and_outlives_the_agent(small_cluster: Cluster) -> None:
    access = Access(address=parse_address(f"unix://{small_cluster.socket(2, MANAGE)}"))

    def maintain(enable: str) -> None:
        small_cluster.ask(3, MANAGE, f"/v1/agent/maintenance?enable={enable}&reason=work", method="PUT")

    with listening(small_cluster, 2, access) as heard:
        until(lambda: heard.values.get("node03") is Membership.UP, lambda: heard.why)
        maintain("true")
        until(lambda: heard.works.get("node03") is Work.MAINTENANCE, lambda: heard.works)
        small_cluster.kill(3, MANAGE)
        until(lambda: heard.values["node03"] is Membership.DOWN, lambda: heard.values)
        assert heard.works["node03"] is Work.MAINTENANCE
        # Its agent is dead: the catalogue is where somebody can take it away.
        check = {"Node": "node03", "CheckID": "_node_maintenance"}
        small_cluster.ask(1, MANAGE, "/v1/catalog/deregister", method="PUT", body=check)
        until(lambda: heard.works["node03"] is Work.NONE, lambda: heard.works)
        small_cluster.start_agent(3, MANAGE)
        until(lambda: heard.works["node03"] is Work.MAINTENANCE, "the agent remembers it")
        maintain("false")
        until(lambda: heard.works["node03"] is Work.NONE, lambda: heard.works)
        until(lambda: heard.values["node03"] is Membership.UP, lambda: heard.values)


def test_an_agent_that_comes_back_under_another_name_is_not_lost(small_cluster: Cluster) -> None:
    """Not the node that it was, which nobody will see again: a computer that lives is never called down."""
    access = Access(address=parse_address(f"unix://{small_cluster.socket(2, MANAGE)}"))
    with listening(small_cluster, 2, access) as heard:
        until(lambda: heard.values.get("node03") is Membership.UP, lambda: heard.why)
        small_cluster.kill(3, MANAGE)
        small_cluster.start_agent(3, MANAGE, "renamed")
        until(lambda: heard.values.get("renamed") is Membership.UP, lambda: heard.values)
        until(lambda: heard.values.get("node03") is not Membership.UP, lambda: heard.values)
        assert heard.values["node03"] is Membership.UNKNOWN
        # Installed anew: another node id, but the same address; the name that it had stays critical.
        small_cluster.kill(3, MANAGE)
        small_cluster.wipe(3, MANAGE)
        until(lambda: heard.values["renamed"] is Membership.DOWN, lambda: heard.values)
        small_cluster.start_agent(3, MANAGE, "anew")
        until(lambda: heard.values.get("anew") is Membership.UP, lambda: heard.values)
        until(lambda: heard.values["renamed"] is Membership.UNKNOWN, lambda: heard.values)
        assert small_cluster.statuses(1, MANAGE)["renamed"] == "critical"


def test_a_host_that_does_not_return_with_the_others_is_an_alarm(watch: Watch) -> None:
    """The whole cluster was without power: no agent remembers that host, and no leader lists it any more."""
    cluster, stays_off = watch.cluster, 5
    for monitor in watch.monitors.values():
        monitor.signal(signal.SIGKILL)
    for node in range(1, cluster.nodes + 1):
        cluster.kill(node, *cluster.datacentres)
    for node in range(1, cluster.nodes + 1):
        for dc in cluster.datacentres if node != stays_off else ():
            cluster.start_agent(node, dc)
    running = [monitor for node, monitor in watch.monitors.items() if node != stays_off]
    for monitor in running:
        monitor.start()
    off, unseen = node_name(stays_off), "nobody saw it leave"
    # A leader that lists it as critical before it takes it out lets its reporter tell the failure itself.
    told = f"host:{off} .*({unseen}|is to report it and masakari is not known to have it)"
    until(
        lambda: watch.api.heard() or all(monitor.said(told) for monitor in running),
        lambda: "\n".join(monitor.text() for monitor in running),
    )
    assert watch.api.heard() or any(monitor.said(unseen) for monitor in running)
    cluster.heal()
    watch.monitors[stays_off].start()
    watch.until_calm()
    watch.ends_with(*(((off, "STOPPED"), (off, "STARTED")) if watch.api.heard() else ()))
