"""The Consul driver: a real cluster of 5 nodes x 3 datacentres, and played ones of 5,000 and 10,000 members.

`python -m benchmarks.consul FOLDER COUNT` plays the agents, in a process of its own, so that the
monitor's memory and processor time are the monitor's alone.
"""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.table import Row
from tests.fixtures import lifeline
from tests.fixtures.fake_consul import FakeConsul
from tests.integration.consul.cluster import STORAGE, Cluster, consul_binary, node_name
from tests.integration.consul.monitors import Api, HostMonitor, until
from tests.integration.consul.watch import WATCHERS, Watch

SETTLE = 2.0
"""Seconds; the default of [host] settle_time."""
OWN = "compute-00000"
LINKS = ("manage", "tenant", "storage")
KILLS = 5
TAKEOVERS = 3
IDLE = 20.0
"""Seconds over which the idle processor time is measured."""


def bench() -> list[Row]:
    """Real figures first; without root or consul's binary only the played ones."""
    rows: list[Row] = []
    if os.geteuid() == 0 and consul_binary().exists():
        rows += _real()
    else:
        rows.append(Row("a real Consul cluster", "-", "skipped: needs root and tools/setup-consul.sh", True))
    for count in (5_000, 10_000):
        rows += _played(count)
    return rows


# --- the real cluster -----------------------------------------------------------------------------


def _real() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(Path(folder))
        api = Api([node_name(node) for node in range(1, 6)])
        monitors: dict[int, HostMonitor] = {}
        try:
            cluster.start()
            cluster.heal()
            monitors |= {node: HostMonitor(cluster, node, api, Path(folder)) for node in WATCHERS}
            for monitor in monitors.values():
                monitor.start()
            watch = Watch(cluster, monitors, api)
            return _failures(watch) + _takeovers(watch)
        finally:
            for monitor in monitors.values():
                monitor.stop()
            cluster.stop()
            api.stop()


def _failures(watch: Watch) -> list[Row]:
    beyond, totals, offers = [], [], []
    for _ in range(KILLS):
        watch.begin()
        killed = time.monotonic()
        watch.cluster.kill(2, STORAGE)
        critical = _when(lambda: watch.cluster.statuses(3, STORAGE).get("node02") == "critical")
        watch.api.until_heard(("node02", "STOPPED"))
        reported = watch.api.reports[0].at
        beyond.append(reported - critical - SETTLE)
        totals.append(reported - killed)
        watch.ends_with(("node02", "STOPPED"), ("node02", "STARTED"))
        offers.append(sum(report.event == "STOPPED" for report in watch.api.reports))
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
        spans.append(watch.api.reports[0].at - at)
        watch.monitors[killed].start()
        watch.ends_with(("node02", "STOPPED"), ("node02", "STARTED"))
    return [
        Row(
            f"reporter SIGKILLed as a host fails -> report by the next one ({TAKEOVERS} times)",
            "<= 20 s",
            f"max {max(spans):.1f} s",
            max(spans) <= 20,
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
        api = Api([])
        log = (folder / "agents.log").open("wb")
        agents = lifeline.spawn(
            [sys.executable, "-m", "benchmarks.consul", name, str(count)],
            log=log,
            cwd=Path(__file__).parents[1],
        )
        links = "".join(f"agent_{link} = unix://{name}/{link}.sock\n" for link in LINKS)
        (folder / "conf").write_text(
            f"[DEFAULT]\nhostname = {OWN}\nstate_path = {name}/state\n"
            f"[api]\nauth_type = none\nendpoint = {api.url}/{OWN}/v1\n"
            # Without the settling time, which is a pause and no work, and without an election.
            "[host]\nmonitoring_driver = consul\nreporter = all\nsettle_time = 0\nsegment_lookup = false\n"
            f"[consul]\n{links}"
        )
        monitor = None
        try:
            until(lambda: all((folder / f"{link}.sock").exists() for link in LINKS), "the played agents")
            script = Path(sys.executable).parent / "masakari-hostmonitor"
            monitor = lifeline.spawn([script, "--config-file", folder / "conf"], log=folder / "monitor.log")
            return _measure(count, folder, monitor, api)
        finally:
            for process in (monitor, agents):
                if process is not None:
                    lifeline.end(process)
            api.stop()
            log.close()


def _measure(count: int, folder: Path, monitor: "subprocess.Popen[bytes]", api: Api) -> list[Row]:
    seen = f"{count - 1} up"
    until(lambda: _shown(folder, "hosts") == seen, "the monitor sees all members")
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
        spans.append((api.reports[-1].at - obeyed) * 1000)
    status = Path(f"/proc/{monitor.pid}/status").read_text()
    memory = {key: int(status.split(f"{key}:")[1].split()[0]) / 1024 for key in ("VmRSS", "VmHWM")}
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


def _shown(folder: Path, subject: str) -> str:
    from masakarimonitors.status import local

    try:
        shown = local.read(folder / "state" / "hostmonitor.sock")
    except (OSError, ValueError):
        return ""
    subjects = shown["subjects"]
    assert isinstance(subjects, list)
    return next(
        (str(row["state"]) for row in subjects if isinstance(row, dict) and row["subject"] == subject), ""
    )


def _cpu(pid: int) -> float:
    """Seconds of processor time that the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _play(folder: Path, count: int) -> None:
    nodes = [f"compute-{number:05d}" for number in range(count)]
    agents = [FakeConsul(folder / f"{link}.sock", nodes, link) for link in LINKS]
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

        assert threading.current_thread() is threading.main_thread()
        print(show(bench()))
