"""What three monitors and one cluster show while a scenario runs: the words that scenarios are told in."""

import signal
from collections.abc import Collection
from dataclasses import dataclass

from tests.fixtures.fake_masakari import FakeMasakari
from tests.fixtures.monitor_process import hosts_up
from tests.fixtures.waiting import PATIENCE, until
from tests.integration.consul.cluster import Cluster, Datacentre, node_name
from tests.integration.consul.monitors import HostMonitor, reporter

WATCHERS = (3, 4, 5)
"""The nodes whose monitors run: a server and both clients."""


def rows(monitor: HostMonitor) -> dict[str, str]:
    """What the monitor's status shows: subject -> state. Empty while it does not answer."""
    shown = monitor.status()
    if not shown:
        return {}
    found = {row["subject"]: row["state"] for row in shown["subjects"]}
    found["outbox"] = str(shown["outbox"]["pending"])
    return found


@dataclass
class Watch:
    """One cluster, its monitors by node, and the API that they report to."""

    cluster: Cluster
    monitors: dict[int, HostMonitor]
    api: FakeMasakari

    @property
    def running(self) -> list[HostMonitor]:
        return [monitor for monitor in self.monitors.values() if monitor.running]

    @property
    def reporter(self) -> int:
        """The node whose monitor holds the leadership, by what stands in Consul and by its own word."""
        found: list[int] = []

        def held() -> bool:
            found[:] = [m.node for m in self.running if m.node == reporter(self.cluster)]
            return bool(found) and rows(self.monitors[found[0]]).get("reporter") == "this monitor"

        until(held, "a reporter")
        return found[0]

    def victim(self, *but: int) -> int:
        """A node that may fail without taking one of these with it; a client if possible."""
        return next(node for node in (5, 4, 1, 2) if node not in but)

    def follower(self, dc: Datacentre) -> int:
        """A server without a monitor that does not lead the datacentre.

        Without its leader nobody speaks for it for up to 20 s. A monitor that nobody can elect meanwhile
        reports for itself, so what must be seen before that may not wait for a new leader.
        """
        leader = self.cluster.leader(dc)
        assert leader is not None
        return next(node for node in (2, 1) if node != leader)

    def make_reporter(self, node: int) -> None:
        """The monitor of this node is the reporter: the others were stopped, and are there again."""
        others = self.others(node)
        for monitor in others:
            monitor.signal(signal.SIGTERM)
        until(lambda: self.reporter == node, f"{self.monitors[node].name} takes the leadership")
        for monitor in others:
            monitor.start()
        self.begin()

    def others(self, *but: int) -> list[HostMonitor]:
        """The running monitors of other nodes."""
        return [monitor for monitor in self.running if monitor.node not in but]

    def until_calm(self) -> None:
        """Every running monitor sees everything, knows who reports, and nothing is open anywhere."""

        def calm() -> bool:
            reporters = []
            for monitor in self.running:
                shown = rows(monitor)
                reporters.append(shown.get("reporter"))
                links = [shown.get(f"link:{dc.link}") for dc in self.cluster.datacentres]
                storm = any(subject.startswith("storm:") for subject in shown)
                if set(links) != {"seen"} or storm or shown.get("outbox") != "0":
                    return False
                if hosts_up(shown) != self.cluster.nodes - 1:
                    return False
            others = {who for who in reporters if who != "this monitor"}
            one = reporters.count("this monitor") == 1 and len(others) <= 1
            return one and not others & {None, "all", "unknown"}

        until(calm, lambda: f"calm: {[(m.name, rows(m)) for m in self.running]}")

    def begin(self) -> None:
        """A new scenario: what was heard and said before does not count."""
        self.until_calm()
        self.api.offers.clear()
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

    def ends_with(self, *expected: tuple[str, str], cut_off: int | None = None) -> None:
        """Everything is mended, the monitors find calm, and exactly these reports were made in all.

        `cut_off` is a node whose monitor cannot be elected. It may send the same, if it has said before that it
        reports for itself: by the rule it does so after 20 s, and on a loaded host a scenario takes longer. What it has
        told by then, nobody tells again.
        """
        self.cluster.heal()
        self.until_calm()
        sender = "" if cut_off is None else node_name(cut_off)
        others = self.api.heard(apart_from=sender)
        assert sorted({*self.api.heard()}) == sorted(expected), self.api.offers
        assert len(others) == len({*others}), self.api.offers
        if cut_off is not None and any(offer.sender == sender for offer in self.api.offers):
            assert self.monitors[cut_off].said("every monitor reports for itself"), self.api.offers
