"""Real host monitors beside the real cluster, each belonging to one node of it.

A monitor lives in its node's network, where it looks for signs of life. It talks to its node's agents through
their unix sockets, and to a masakari-api whose endpoint bears the node's name, so that every offer tells who made it.
"""

import subprocess
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from tests.fixtures.fake_masakari import FakeMasakari
from tests.fixtures.monitor_process import MonitorProcess, Sections
from tests.integration.consul.cluster import Cluster, node_name

PREFIX = "masakari-monitors/hostmonitor"
SETTLE = 2.0
"""Seconds that a host has whose death nothing proves; 30 by default."""


class HostMonitor(MonitorProcess):
    """`masakari-hostmonitor` of one node."""

    def __init__(
        self, cluster: Cluster, node: int, api: FakeMasakari, folder: Path, sections: Sections | None = None
    ) -> None:
        """`sections` are added to what every monitor of the rig has."""
        self.node = node
        self.name = node_name(node)
        self._cluster = cluster
        with cluster.network_of(node):
            url = api.listen()
        own: Sections = {
            "DEFAULT": {"hostname": self.name},
            "api": {"auth_type": "none", "endpoint": f"{url}/{self.name}/v1"},
            "host": {"monitoring_driver": "consul", "unproven_settle_time": SETTLE},
            "consul": {
                f"agent_{dc.link}": f"unix://{cluster.socket(node, dc)}" for dc in cluster.datacentres
            },
        }
        more = sections or {}
        both = {name: {**own.get(name, {}), **more.get(name, {})} for name in {**own, **more}}
        super().__init__("hostmonitor", folder / self.name, both)

    def launch(self, argv: Sequence[str]) -> "subprocess.Popen[bytes]":
        """In the node's network."""
        with self.network():
            return super().launch(argv)

    def network(self) -> AbstractContextManager[None]:
        """While it lasts, what this thread starts is in the node's network."""
        return self._cluster.network_of(self.node)


def reporter(cluster: Cluster) -> int | None:
    """The number of the node whose monitor holds the leadership, by what stands in Consul."""
    dc = cluster.datacentres[0]
    for node in range(1, cluster.nodes + 1):
        try:
            rows = cluster.ask(node, dc, f"/v1/kv/{PREFIX}/reporter")
            holder = cluster.ask(node, dc, f"/v1/kv/{PREFIX}/reporter?raw")
        except (OSError, ValueError):
            continue
        if rows and rows[0].get("Session"):
            return int(holder["node"].removeprefix("node"))
        return None
    return None
