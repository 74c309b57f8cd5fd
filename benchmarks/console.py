"""What a person's tools cost: all monitors in one process and in four, `web`, `status`, and an update of the page.

Real processes. Consul is played in a process of its own, with three links; libvirt is its own test driver, in the
monitor's process; masakari-api is played. So nothing that a monitor watches is away, and what is measured is a host on
which all is well.
"""

import asyncio
import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.installed import installed
from benchmarks.table import Row
from tests.fixtures import lifeline
from tests.fixtures.fake_masakari import FakeMasakari
from tests.fixtures.monitor_process import BIN, MonitorProcess
from tests.fixtures.waiting import until
from tests.integration.web.rig import Web
from tests.unit.web.rig import NAMES, grid

WARM_UP = 60.0
"""Seconds after the start, in which there is more to do."""
IDLE = 60.0
"""Seconds over which the idle processor time is measured."""
ASKED = 7
LINKS = ("manage", "tenant", "storage")
_MEMBERS = 6
_OWN = "compute-00000"
_TICKS = os.sysconf("SC_CLK_TCK")


def bench() -> list[Row]:
    """Every figure of the console."""
    with tempfile.TemporaryDirectory(prefix="bench-console-") as name, _Host(Path(name)).at_work() as host:
        rows = _one_process(host)
    with tempfile.TemporaryDirectory(prefix="bench-console-") as name, _Host(Path(name)).at_work() as host:
        rows += _four_processes(host)
    return [*rows, *asyncio.run(_update())]


class _Umbrella(MonitorProcess):
    """All four in one process."""

    def argv(self) -> list[str]:
        monitors = [word for name in NAMES for word in ("--monitor", name)]
        return [str(BIN / "masakari-monitors"), "run", *monitors, "--config-file", str(self.conf)]


class _Host:
    """What the monitors of one host watch, all of it well."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.agents: subprocess.Popen[bytes] | None = None
        self._sections: dict[str, dict[str, object]] = {}

    @contextlib.contextmanager
    def at_work(self) -> Iterator["_Host"]:
        program, log = self.folder / "service", self.folder / "others.log"
        shutil.copy("/usr/bin/sleep", program)  # its own: others run sleep, too
        (self.folder / "list.yaml").write_text(f"- process_name: {program}\n  restart_command: 'false'\n")
        played = [sys.executable, "-m", "benchmarks.consul", str(self.folder), str(_MEMBERS)]
        api = FakeMasakari([])
        service = lifeline.spawn([program, "100000"], log=log)
        self.agents = lifeline.spawn(played, log=log, cwd=Path(__file__).parents[1])
        self._sections = {
            "DEFAULT": {"hostname": _OWN, "state_path": self.folder / "state"},
            "api": {"auth_type": "none", "endpoint": api.endpoint(_OWN)},
            "process": {"process_list_path": self.folder / "list.yaml", "own_pid_namespace": True},
            "libvirt": {"connection_uri": "test:///default"},
            "host": {"monitoring_driver": "consul", "segment_lookup": "false"},
            "consul": {f"agent_{link}": f"unix://{self.folder}/{link}.sock" for link in LINKS},
            "web": {"listen": "127.0.0.1:0"},
        }
        try:
            until(lambda: all((self.folder / f"{one}.sock").exists() for one in LINKS), "the played agents")
            yield self
        finally:
            for one in (service, self.agents):
                lifeline.end(one)
            api.stop()

    def process(self, kind: type[Any], name: str) -> Any:
        """One of our processes, not started yet."""
        env = {**installed(), "RUNTIME_DIRECTORY": str(self.folder / "state")}
        made = kind(name, self.folder / f"of-{name}", env=env)
        made.state = self.folder / "state"
        made.configure(self._sections)
        return made

    def sees(self, monitor: Any) -> None:
        """Wait until the host monitor sees all of them."""
        monitor.until_shown("hosts", f"{_MEMBERS - 1} up")


def _one_process(host: _Host) -> list[Row]:
    with host.process(_Umbrella, "hostmonitor") as umbrella:
        host.sees(umbrella)
        time.sleep(WARM_UP)
        idle = _idle([umbrella.pid])
        memory = _memory(umbrella.pid)
    return [
        Row("all four in one process: memory", "<= 75 MB", f"{memory:.1f} MB", memory <= 75),
        Row("all four in one process: processor time when idle", "<= 0.3 %", f"{idle:.2f} %", idle <= 0.3),
    ]


def _four_processes(host: _Host) -> list[Row]:
    with contextlib.ExitStack() as stack:
        monitors = {name: stack.enter_context(host.process(MonitorProcess, name)) for name in NAMES}
        host.sees(monitors["hostmonitor"])
        web = stack.enter_context(host.process(Web, "web"))
        web.until("healthz", "hostmonitor", gone=True)
        time.sleep(WARM_UP)
        memory = {name: _memory(one.pid) for name, one in (*monitors.items(), ("web", web))}
        took = [_status(monitors["hostmonitor"]) for _ in range(ASKED)]
        behind = _behind(host, monitors["hostmonitor"], web)
    total, most, median = sum(memory.values()), 4 * 45 + 40, statistics.median(took)
    each = ", ".join(f"{name} {size:.0f}" for name, size in memory.items())
    return [
        Row("four processes and web: memory", f"<= {most} MB", f"{total:.0f} MB ({each})", total <= most),
        Row(f"`status`, median of {ASKED}", "<= 0.3 s", f"{median:.2f} s", median <= 0.3),
        *(
            Row(f"health changes -> {where}", "<= 1 s", f"{seconds:.2f} s", seconds <= 1)
            for where, seconds in behind.items()
        ),
    ]


def _status(monitor: Any) -> float:
    """Seconds that the command takes."""
    began = time.monotonic()
    ran = subprocess.run(
        [BIN / "masakari-monitors", "status", "--config-file", monitor.conf],
        env={**monitor._env, **installed()},
        capture_output=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return time.monotonic() - began


def _behind(host: _Host, monitor: Any, web: Any) -> dict[str, float]:
    """How long after the monitor shows that it is blind each place shows it: its cluster engine ends."""
    assert host.agents is not None
    url = web.url
    found: dict[str, float] = {}
    places = {"the probe": "readyz", "the metric": "metrics", "the page": ""}
    lifeline.end(host.agents)
    until(lambda: monitor.status().get("health") == "blind", "it is blind")
    knows = time.monotonic()
    while len(found) < len(places):
        for where, path in places.items():
            if where not in found and _shows(url, path):
                found[where] = time.monotonic() - knows
        assert time.monotonic() < knows + 30, found
    return found


def _shows(url: str, path: str) -> bool:
    try:
        with urllib.request.urlopen(url + path, timeout=10) as answer:
            text = answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return "blind: hostmonitor" in refused.read().decode()
    if path == "metrics":
        return bool(
            re.search(
                r'masakari_monitors_health\{(?=.*"blind").*"hostmonitor".*\} 1(?:\.0)?$', text, re.MULTILINE
            )
        )
    return path == "" and "blind" in text and "link:" in text


async def _update() -> list[Row]:
    """Of a page that shows 1,000 hosts on three links: what a browser is sent."""
    from tests.integration.web.test_browser import Busy

    busy, rows = Busy(), []
    async with busy.at_work() as url:
        page = await asyncio.to_thread(_read, url)
        since = re.search(r'data-since="([^"]+)"', page)
        assert since is not None
        asked = await asyncio.to_thread(urllib.request.urlopen, f"{url}events?since={since[1]}")
        with asked:
            await asyncio.to_thread(_event, asked, "beat")
            for what, down in (("one more fails", 41), ("all of them lose a link", 1000)):
                shown = busy.shown["hostmonitor"]
                busy.shown["hostmonitor"] = {**shown, "grid": grid(1000, down=down)}
                size = len(await asyncio.to_thread(_event, asked, "change"))
                figure = f"1,000 hosts x 3 links, {what}: an update"
                rows.append(Row(figure, "<= 50 KB", f"{size / 1000:.1f} KB", size <= 50_000))
    return rows


def _read(url: str) -> str:
    with urllib.request.urlopen(url) as answer:
        return str(answer.read().decode())


def _event(stream: Any, wanted: str) -> bytes:
    """The next event of that name, whole; those before it are passed over."""
    told = b""
    while True:
        line: bytes = stream.readline()
        assert line, "the stream has ended"
        told += line
        if line == b"\n":
            if f"event: {wanted}\n".encode() in told:
                return told
            told = b""


def _memory(pid: int) -> float:
    """Megabytes of the process now."""
    return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0]) / 1024


def _idle(pids: list[int]) -> float:
    """Per cent of a processor that they use together."""
    spent, began = sum(map(_cpu, pids)), time.monotonic()
    time.sleep(IDLE)
    return (sum(map(_cpu, pids)) - spent) / (time.monotonic() - began) * 100


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
