"""The Consul driver: a real cluster of 5 nodes x 3 datacentres, and played ones of 5,000 and 10,000 members.

`python -m benchmarks.consul FOLDER COUNT` plays the agents, in a process of its own, so that the
monitor's memory and processor time are the monitor's alone.
"""

import asyncio
import contextlib
import functools
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from benchmarks.table import Row
from tests.fixtures import keeper, lifeline
from tests.fixtures.fake_bmc import bmcs
from tests.fixtures.fake_consul import FakeConsul
from tests.fixtures.fake_consul_store import FakeStore
from tests.fixtures.fake_masakari import FakeMasakari
from tests.fixtures.monitor_process import MonitorProcess
from tests.fixtures.waiting import until
from tests.integration.consul.cluster import STORAGE, Cluster, consul_binary, node_name
from tests.integration.consul.monitors import HostMonitor
from tests.integration.consul.watch import WATCHERS, Watch

SETTLE = 2.0
"""Seconds; the default of [host] settle_time."""
UNPROVEN_SETTLE = 30.0
"""Seconds; the default of [host] unproven_settle_time."""
OWN = "compute-00000"
LINKS = ("manage", "tenant", "storage")
KILLS = 5
TAKEOVERS = 3
WARM_UP = 40.0
"""Seconds after the start in which its leader is asked more often: not what following costs."""
IDLE = 60.0
"""Seconds over which the idle processor time is measured."""


def bench() -> list[Row]:
    """Real figures first; without root or consul's binary only the played ones."""
    rows: list[Row] = []
    if os.geteuid() == 0 and consul_binary().exists():
        rows += _real() + _with_bmcs()
    else:
        rows.append(Row("a real Consul cluster", "-", "skipped: needs root and tools/setup-consul.sh", True))
    for count in (5_000, 10_000):
        rows += _played(count)
    return rows


# --- the real cluster -----------------------------------------------------------------------------


def _real() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(Path(folder))
        api = FakeMasakari([node_name(node) for node in range(1, 6)])
        monitors: dict[int, HostMonitor] = {}
        try:
            cluster.start()
            cluster.heal()
            monitors |= {node: HostMonitor(cluster, node, api, Path(folder)) for node in WATCHERS}
            for monitor in monitors.values():
                monitor.start()
            watch = Watch(cluster, monitors, api)
            watch.until_calm()
            memory = _memory(monitors[WATCHERS[0]].pid)["VmRSS"]
            rss = Row("a small cluster: the monitor's memory", "<= 50 MB", f"{memory:.1f} MB", memory <= 50)
            return [
                rss,
                *_failures(watch),
                *_takeovers(watch),
                *_unproven(cluster, api, monitors, Path(folder)),
            ]
        finally:
            for monitor in monitors.values():
                monitor.stop()
            cluster.stop()
            api.stop()


def _unproven(
    cluster: Cluster, api: FakeMasakari, monitors: dict[int, HostMonitor], folder: Path
) -> list[Row]:
    """The whole host loses its power and nothing can prove it: serfHealth, the time to settle, and nothing else."""
    for monitor in monitors.values():
        monitor.stop()
    own = {"host": {"unproven_settle_time": UNPROVEN_SETTLE}}
    monitors |= {node: HostMonitor(cluster, node, api, folder, own) for node in WATCHERS}
    for monitor in monitors.values():
        monitor.start()
    watch = Watch(cluster, monitors, api)
    beyond = []
    for _ in range(2):
        watch.begin()
        victim = next(node for node in (5, 4) if node != watch.reporter)
        lost = node_name(victim)
        monitors[victim].signal(signal.SIGKILL)
        watch.cluster.kill(victim)
        critical = _when(
            lambda lost=lost: all(  # type: ignore[misc]
                watch.cluster.statuses(3, dc).get(lost) == "critical" for dc in cluster.datacentres
            )
        )
        watch.api.until_heard((lost, "STOPPED"))
        beyond.append(watch.api.offers[0].at - critical - UNPROVEN_SETTLE)
        monitors[victim].start()
        watch.ends_with((lost, "STOPPED"), (lost, "STARTED"))
    return [
        Row(
            "a host without BMC loses its power -> accepted, beyond serfHealth critical everywhere and 30 s",
            "<= 0.5 s",
            f"max {max(beyond):.2f} s",
            max(beyond) <= 0.5,
        )
    ]


def _with_bmcs() -> list[Row]:
    """The whole host loses its power, and its BMC says so: nothing but the proof is waited for."""
    names = [node_name(node) for node in range(1, 6)]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cluster = Cluster(folder)
        api = FakeMasakari(names)
        monitors: dict[int, HostMonitor] = {}
        try:
            cluster.start()
            cluster.heal()
            networks = [functools.partial(cluster.network_of, node) for node in WATCHERS]
            power, file = stack.enter_context(bmcs(names, folder, networks))
            own = {"host": {"power_config_file": file}}
            monitors |= {node: HostMonitor(cluster, node, api, folder, own) for node in WATCHERS}
            for monitor in monitors.values():
                monitor.start()
            watch = Watch(cluster, monitors, api)
            totals = []
            for _ in range(KILLS):
                watch.begin()
                # A client: with a server the leader of one datacentre would be gone as well.
                victim = next(node for node in (5, 4) if node != watch.reporter)
                lost = node_name(victim)
                power[lost].power, killed = "Off", time.monotonic()
                monitors[victim].signal(signal.SIGKILL)
                watch.cluster.kill(victim)
                watch.api.until_heard((lost, "STOPPED"))
                assert watch.api.offers[0].payload["host_status"] == "NORMAL", watch.api.offers
                totals.append(watch.api.offers[0].at - killed)
                power[lost].power = "On"
                monitors[victim].start()
                watch.ends_with((lost, "STOPPED"), (lost, "STARTED"))
        finally:
            for monitor in monitors.values():
                monitor.stop()
            cluster.stop()
            api.stop()
    median = sorted(totals)[len(totals) // 2]
    return [
        Row(
            f"a host with a BMC loses its power -> NORMAL accepted, default options ({KILLS} times)",
            "median <= 8 s",
            f"median {median:.1f} s, max {max(totals):.1f} s",
            median <= 8,
        )
    ]


def _failures(watch: Watch) -> list[Row]:
    beyond, totals, offers = [], [], []
    for _ in range(KILLS):
        watch.begin()
        killed = time.monotonic()
        watch.cluster.kill(2, STORAGE)
        critical = _when(lambda: watch.cluster.statuses(3, STORAGE).get("node02") == "critical")
        watch.api.until_heard(("node02", "STOPPED"))
        reported = watch.api.offers[0].at
        beyond.append(reported - critical - SETTLE)
        totals.append(reported - killed)
        watch.ends_with(("node02", "STOPPED"), ("node02", "STARTED"))
        offers.append(sum(report.event == "STOPPED" for report in watch.api.offers))
    return [
        Row(
            f"agent killed -> report accepted, beyond serfHealth critical and settling ({KILLS} kills)",
            "<= 0.5 s",
            f"max {max(beyond):.2f} s",
            max(beyond) <= 0.5,
        ),
        Row(
            "the same in all, default options (upstream 42.6 s)",
            "-",
            f"median {sorted(totals)[len(totals) // 2]:.1f} s, max {max(totals):.1f} s",
            True,
        ),
        Row("three monitors, one failure: reports offered", "1", f"max {max(offers)}", max(offers) == 1),
    ]


def _takeovers(watch: Watch) -> list[Row]:
    spans = []
    for _ in range(TAKEOVERS):
        watch.begin()
        killed = watch.reporter
        at = time.monotonic()
        watch.monitors[killed].signal(signal.SIGKILL)
        watch.cluster.kill(2, STORAGE)
        watch.api.until_heard(("node02", "STOPPED"))
        spans.append(watch.api.offers[0].at - at)
        watch.monitors[killed].start()
        watch.ends_with(("node02", "STOPPED"), ("node02", "STARTED"))
    return [
        Row(
            f"reporter SIGKILLed as a host fails -> report by the next one ({TAKEOVERS} times)",
            "<= 28 s",
            f"max {max(spans):.1f} s",
            # Consul ends a session after twice its 10 s at the latest, and keeps its lock for the 8 s of the delay.
            max(spans) <= 28,
        )
    ]


def _when(condition: Callable[[], bool]) -> float:
    """The moment at which the condition is first seen to hold, looked at as fast as the agent answers."""
    while True:
        try:
            if condition():
                return time.monotonic()
        except (OSError, ValueError):
            pass


# --- played datacentres ---------------------------------------------------------------------------


def _played(count: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        api = FakeMasakari([])
        log = (folder / "agents.log").open("wb")
        agents = lifeline.spawn(
            [sys.executable, "-m", "benchmarks.consul", name, str(count)],
            log=log,
            cwd=Path(__file__).parents[1],
        )
        monitor = MonitorProcess(
            "hostmonitor",
            folder,
            {
                "DEFAULT": {"hostname": OWN},
                "api": {"auth_type": "none", "endpoint": api.endpoint(OWN)},
                # Without the settling time, which is a pause and no work.
                "host": {
                    "monitoring_driver": "consul",
                    "settle_time": 0,
                    "unproven_settle_time": 0,
                    "segment_lookup": "false",
                },
                "consul": {f"agent_{link}": f"unix://{name}/{link}.sock" for link in LINKS},
            },
        )
        try:
            until(lambda: all((folder / f"{link}.sock").exists() for link in LINKS), "the played agents")
            return _measure(count, folder, monitor.start(), api)
        finally:
            monitor.stop()
            lifeline.end(agents)
            api.stop()
            log.close()


def _measure(count: int, folder: Path, monitor: MonitorProcess, api: FakeMasakari) -> list[Row]:
    seen = f"{count - 1} up"
    monitor.until_shown("hosts", seen)
    monitor.until_shown("reporter", "this monitor")
    time.sleep(WARM_UP)
    spent, began = _cpu(monitor.pid), time.monotonic()
    time.sleep(IDLE)
    idle = (_cpu(monitor.pid) - spent) / (time.monotonic() - began) * 100
    spans = []
    for number in range(1, 6):
        host = f"compute-{number:05d}"
        # A line in this file is an order to the played agents; the time is taken as they obey.
        (folder / "order").write_text(host)
        until(lambda h=host: (h, "STOPPED") in api.heard(), f"{host} is reported")  # type: ignore[misc]
        obeyed = float((folder / "obeyed").read_text())
        spans.append((api.offers[-1].at - obeyed) * 1000)
    memory = _memory(monitor.pid)
    what = f"3 datacentres x {count} members"
    return [
        Row(
            f"{what}: one host's change -> report at the API (upstream's cycle: 105/200 ms)",
            "<= 150 ms",
            f"max {max(spans):.0f} ms",
            max(spans) <= 150,
        ),
        Row(
            f"{what}: memory",
            "<= 100 MB",
            f"{memory['VmRSS']:.0f} MB, peak {memory['VmHWM']:.0f} MB",
            memory["VmHWM"] <= 100,
        ),
        Row(f"{what}: processor time when idle", "<= 1 %", f"{idle:.2f} %", idle <= 1.0),
    ]


def _memory(pid: int) -> dict[str, float]:
    """Megabytes of the process: now, and at most."""
    status = Path(f"/proc/{pid}/status").read_text()
    return {key: int(status.split(f"{key}:")[1].split()[0]) / 1024 for key in ("VmRSS", "VmHWM")}


def _cpu(pid: int) -> float:
    """Seconds of processor time that the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class _Played(FakeConsul):
    """A datacentre in which a reporter can be elected."""

    def app(self) -> web.Application:
        app = super().app()
        FakeStore(self.path).serve_from(app)
        return app


async def _play(folder: Path, count: int) -> None:
    nodes = [f"compute-{number:05d}" for number in range(count)]
    agents = [_Played(folder / f"{link}.sock", nodes, link, network=127) for link in LINKS]
    for agent in agents:
        await agent.__aenter__()
    order = folder / "order"
    while True:
        await asyncio.sleep(0.02)
        if not order.exists():
            continue
        host = order.read_text()
        if not host:
            continue
        order.unlink()
        for agent in agents:
            agent.prepare(host)
        (folder / "obeyed").write_text(str(time.monotonic()))
        for agent in agents:
            with agent.edit():
                pass


if __name__ == "__main__":
    if len(sys.argv) == 3:
        asyncio.run(_play(Path(sys.argv[1]), int(sys.argv[2])))
    else:
        from benchmarks.table import show

        keeper.keep()
        print(show(bench()))
