"""A cloud that is upgraded host by host: monitors of two releases elect one reporter, and each inherits from the other.

Both are whole programs beside the real cluster: the one of today, and the one of the earlier release that is kept.
"""

import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures import earlier_release, lifeline
from tests.fixtures.fake_masakari import FakeMasakari
from tests.fixtures.waiting import until
from tests.integration.consul.cluster import Cluster, node_name
from tests.integration.consul.monitors import PREFIX, HostMonitor, reporter
from tests.integration.consul.watch import rows

pytestmark = [pytest.mark.xdist_group("consul"), pytest.mark.timeout(600)]

EARLIER, TODAY = 4, 3
"""The nodes whose monitors run, by their release."""
DOWN, UP = ("node05", "STOPPED"), ("node05", "STARTED")


class EarlierMonitor(HostMonitor):
    """The host monitor of the earlier release."""

    release = Path()
    """Where that release was unpacked."""

    def argv(self) -> list[str]:
        return [*earlier_release.argv(self.monitor), "--config-file", str(self.conf)]

    def launch(self, argv: Sequence[str]) -> "subprocess.Popen[bytes]":
        with self.network():
            return lifeline.spawn(argv, log=self.log, env=earlier_release.environment(self.release))


@pytest.fixture
def masakari(cluster: Cluster) -> Iterator[FakeMasakari]:
    with FakeMasakari([node_name(node) for node in range(1, cluster.nodes + 1)]) as server:
        yield server


@pytest.fixture
def earlier(cluster: Cluster, masakari: FakeMasakari, tmp_path: Path) -> Iterator[EarlierMonitor]:
    monitor = EarlierMonitor(cluster, EARLIER, masakari, tmp_path)
    monitor.release = earlier_release.unpack(tmp_path / "release")
    yield monitor
    monitor.stop()


@pytest.fixture
def today(cluster: Cluster, masakari: FakeMasakari, tmp_path: Path) -> Iterator[HostMonitor]:
    monitor = HostMonitor(cluster, TODAY, masakari, tmp_path)
    yield monitor
    monitor.stop()


def until_leads(cluster: Cluster, monitor: HostMonitor, *followers: HostMonitor) -> None:
    """It reports, by Consul's lock and by its own word, and these say so, too."""

    def leads() -> bool:
        held = reporter(cluster) == monitor.node and says(monitor) in ("ours", "this monitor")
        return held and all(says(follower) in (monitor.name, "another's") for follower in followers)

    until(
        leads,
        lambda: "\n".join([f"{monitor.name} reports", *(one.described() for one in (monitor, *followers))]),
    )


def says(monitor: HostMonitor) -> str:
    """Who reports, by this one's word; the earlier release said only whether it does itself."""
    shown = rows(monitor)
    earlier = [state for state in shown.values() if state in ("ours", "another's")]
    return shown.get("reporter") or "".join(earlier)


def ledger(cluster: Cluster) -> dict[str, Any]:
    """As it stands in Consul."""
    found: dict[str, Any] = cluster.ask(1, cluster.datacentres[0], f"/v1/kv/{PREFIX}/ledger?raw")
    return found


def test_each_release_takes_over_from_the_other_and_no_report_is_lost_or_made_twice(
    cluster: Cluster,
    shared_watch: dict[int, HostMonitor],
    masakari: FakeMasakari,
    earlier: EarlierMonitor,
    today: HostMonitor,
) -> None:
    for other in shared_watch.values():
        other.stop()
    earlier.start()
    until_leads(cluster, earlier)
    today.start()
    until_leads(cluster, earlier, today)

    # The one of the earlier release reports, is not heard, and dies: its successor's report is the one that arrives.
    masakari.shut_out = {earlier.name}
    cluster.kill(5)
    until(lambda: masakari.heard() != [], "the earlier release's report is offered")
    earlier.signal(signal.SIGKILL)
    masakari.until_heard(DOWN, apart_from=earlier.name)
    until_leads(cluster, today)

    # Its report is pending in its outbox when it is back, and masakari would take it now.
    offered = len(masakari.heard()) - 1
    masakari.shut_out = set()
    earlier.start()
    until_leads(cluster, today, earlier)
    cluster.heal()
    masakari.until_heard(DOWN, UP, apart_from=earlier.name)
    assert len(masakari.heard()) - 2 == offered, masakari.offers

    # The other way round: what today's has reported is not reported again, and its end is told.
    cluster.kill(5)
    masakari.until_heard(DOWN, UP, DOWN, apart_from=earlier.name)
    # Killed any earlier, it would leave a report that may not have arrived, which is made once more as the same one.
    until(lambda: ledger(cluster).get("node05", {}).get("delivered"), "the ledger says that it has arrived")
    today.signal(signal.SIGKILL)
    until_leads(cluster, earlier)
    today.start()
    until_leads(cluster, earlier, today)
    cluster.heal()
    until(lambda: masakari.heard()[-1] == UP, "its end is told")
    assert (masakari.offers[-1].sender, len(masakari.heard()) - 4) == (earlier.name, offered), masakari.offers
