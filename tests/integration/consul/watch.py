"""What three monitors and one cluster show while a scenario runs: the words that scenarios are told in."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from masakarimonitors.status import local
from tests.integration.consul.cluster import Cluster, node_name
from tests.integration.consul.monitors import PATIENCE, Api, HostMonitor, reporter, until

WATCHERS = (3, 4, 5)
"""The nodes whose monitors run: a server and both clients."""


def rows(monitor: HostMonitor) -> dict[str, str]:
    """What the monitor's status shows: subject -> state. Empty while it does not answer."""
    try:
        shown: Any = local.read(Path(monitor.folder) / "state" / "hostmonitor.sock")
    except (OSError, ValueError):
        return {}
    found = {row["subject"]: row["state"] for row in shown["subjects"]}
    found["outbox"] = str(shown["outbox"]["pending"])
    return found


@dataclass
class Watch:
    """One cluster, its monitors by node, and the API that they report to."""

    cluster: Cluster
    monitors: dict[int, HostMonitor]
    api: Api

    @property
    def running(self) -> list[HostMonitor]:
        return [monitor for monitor in self.monitors.values() if monitor.running]

    @property
    def reporter(self) -> int:
        """The node whose monitor holds the office, by what stands in Consul and by its own word."""
        found: list[int] = []

        def held() -> bool:
            found[:] = [m.node for m in self.running if m.node == reporter(self.cluster)]
            return bool(found) and rows(self.monitors[found[0]]).get("office") == "ours"

        until(held, "a reporter")
        return found[0]

    def victim(self, *but: int) -> int:
        """A node that may fail without taking one of these with it; a client if possible."""
        return next(node for node in (5, 4, 1, 2) if node not in but)

    def others(self, *but: int) -> list[HostMonitor]:
        """The running monitors of other nodes."""
        return [monitor for monitor in self.running if monitor.node not in but]

    def until_calm(self) -> None:
        """Every running monitor sees everything, knows who reports, and nothing is open anywhere."""

        def calm() -> bool:
            offices = []
            for monitor in self.running:
                shown = rows(monitor)
                offices.append(shown.get("office"))
                links = [shown.get(f"link:{dc.link}") for dc in self.cluster.datacentres]
                open_hosts = [subject for subject in shown if subject.startswith(("host:", "storm:"))]
                if set(links) != {"seen"} or open_hosts or shown.get("outbox") != "0":
                    return False
                if shown.get("hosts") != f"{self.cluster.nodes - 1} up":
                    return False
            return sorted(map(str, offices)) == ["another's"] * (len(offices) - 1) + ["ours"]

        until(calm, lambda: f"calm: {[(m.name, rows(m)) for m in self.running]}")

    def begin(self) -> None:
        """A new scenario: what was heard and said before does not count."""
        self.until_calm()
        self.api.reports.clear()
        for monitor in self.running:
            monitor.forget()

    def until_shown(
        self, host: int, states: Collection[str], monitors: Collection[HostMonitor], seconds: float = PATIENCE
    ) -> None:
        """Each of these monitors shows the host in one of these states."""
        subject = f"host:{node_name(host)}"
        for monitor in monitors:
            if monitor.node != host:
                until(
                    lambda m=monitor: rows(m).get(subject) in states,  # type: ignore[misc]
                    lambda m=monitor: f"{m.name} shows {subject} {states}, not {rows(m)}",  # type: ignore[misc]
                    seconds,
                )

    def until_blind(self, link: str, monitors: Collection[HostMonitor], seconds: float = PATIENCE) -> None:
        """Each of these monitors says that it does not see the link."""
        for monitor in monitors:
            what = f"{monitor.name} blind on {link}"
            until(lambda m=monitor: rows(m).get(f"link:{link}") == "blind", what, seconds)  # type: ignore[misc]

    def ends_with(self, *expected: tuple[str, str]) -> None:
        """Everything is mended, the monitors find calm, and exactly these reports were made in all."""
        self.cluster.heal()
        self.until_calm()
        assert sorted(self.api.heard()) == sorted(expected), self.api.reports
