"""The process monitor's figures: death to restart, last retry to accepted report, cost of watching, memory.

The real console script in a process of its own, on real processes, reporting to the embedded receiver.
"""

import asyncio
import contextlib
import os
import re
import shutil
import socket
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from benchmarks.installed import installed
from benchmarks.table import Row, quantile
from masakarimonitors.processmonitor.core.stages import SHORTEST_INTERVAL
from masakarimonitors.receiver.app import Receiver
from masakarimonitors.receiver.store import Accepted
from masakarimonitors.system.clock import SystemClock
from tests.fixtures import lifeline
from tests.fixtures.monitor_process import MonitorProcess
from tests.fixtures.waiting import eventually

KILLS = 200
KILLS_BESIDE_STRANGERS = 40
KILLS_WITH_A_GRACE = 60
GRACE = 1
STRANGERS = 1000
SERVICES = 40
REPORTS = 40
OTHERS = 150
WATCHED = 250
STARTS = 7
CPU_SECONDS = 30.0
WARM_UP = 40.0
"""Seconds after the start in which the monitor looks more often: not what watching costs on a host that is up."""
TICKS = os.sysconf("SC_CLK_TCK")

# The restart command only says when it runs (the monitor logs its output); the post command brings the
# service back. So no shell's start is measured.
CLOCK = "date +%s.%N"


async def bench() -> list[Row]:
    """Every figure of the process monitor."""
    rows = []
    for measure in (
        death_to_restart,
        death_beyond_the_grace,
        death_beside_strangers,
        retry_to_report,
        cost_of_watching,
    ):
        with tempfile.TemporaryDirectory(prefix="bench-process-") as name:
            try:
                rows += await measure(Path(name))
            finally:
                end_all(Path(name))
    return rows


def end_all(folder: Path) -> None:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if os.fsencode(folder) in (entry / "cmdline").read_bytes():
                    os.kill(int(entry.name), 9)


@contextlib.asynccontextmanager
async def monitor(
    folder: Path,
    process_list: str,
    accepted: Callable[[Accepted], None] = lambda one: None,
    listen: object = "",
    **options: object,
) -> AsyncIterator[MonitorProcess]:
    monitor = MonitorProcess("processmonitor", folder, env=installed())
    shutil.rmtree(monitor.state, ignore_errors=True)
    (folder / "list.yaml").write_text(process_list)
    receiver = Receiver(":memory:", SystemClock())
    async with receiver.serve() as url:
        monitor.configure(
            {
                "DEFAULT": {"hostname": "bench"},
                "api": {"auth_type": "none", "endpoint": url},
                **({"status": {"listen": listen}} if listen else {}),
                "process": {
                    "process_list_path": folder / "list.yaml",
                    # Neither of these waits is measured.
                    **{"restart_grace": 0, "start_patience": 0, "own_pid_namespace": True, **options},
                },
            }
        )
        monitor.state.mkdir()
        with receiver.subscribed(accepted), monitor:
            yield monitor


def now() -> float:
    """The clock that `date` shows."""
    return time.clock_gettime(time.CLOCK_REALTIME)


def programs(folder: Path, count: int) -> list[Path]:
    """So many programs of their own names, all of them sleep."""
    shutil.copy("/bin/sleep", folder / "sleep")
    paths = [folder / f"service-{n}" for n in range(count)]
    for path in paths:
        os.link(folder / "sleep", path)
    return paths


def held(pid: int) -> int:
    """How many processes the monitor holds by a pidfd."""
    count = 0
    with contextlib.suppress(OSError):
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                count += "pidfd" in os.readlink(f"/proc/{pid}/fd/{fd}")
    return count


def said(folder: Path) -> dict[str, list[float]]:
    """When each service's restart command ran, from the monitor's log."""
    times: dict[str, list[float]] = {}
    pattern = re.compile(r"/(service-\d+): its restart_command exited 0 .*stdout: (\d+\.\d+)")
    for match in pattern.finditer((folder / "log").read_text()):
        times.setdefault(match[1], []).append(float(match[2]))
    return times


async def death_to_restart(folder: Path) -> list[Row]:
    """Most of it are two looks: for a successor, and at everybody before the command runs.

    Without the second one the command would be run beside a service that somebody else has just started. To start the
    command itself takes about a millisecond of it.
    """
    took = await kills(folder, KILLS)
    median, p99 = statistics.median(took), quantile(took, 0.99)
    return [
        Row(
            f"kill -9 -> restart command runs, median of {len(took)}",
            "<= 5 ms",
            f"{median:.1f} ms",
            median <= 5,
        ),
        Row(f"kill -9 -> restart command runs, p99 of {len(took)}", "<= 25 ms", f"{p99:.1f} ms", p99 <= 25),
    ]


async def death_beyond_the_grace(folder: Path) -> list[Row]:
    """As it is in the field: the last look begins as long before the end of the grace as the one before it took."""
    took = [after - GRACE * 1000 for after in await kills(folder, KILLS_WITH_A_GRACE, grace=GRACE)]
    median, p99 = statistics.median(took), quantile(took, 0.99)
    what = f"the same beyond a grace of {GRACE} s"
    return [
        Row(f"{what}, median of {len(took)}", "<= 4 ms", f"{median:.1f} ms", median <= 4),
        Row(f"{what}, p99 of {len(took)}", "<= 20 ms", f"{p99:.1f} ms", p99 <= 20),
    ]


async def death_beside_strangers(folder: Path) -> list[Row]:
    """Connections to the status that ask nothing, and are kept."""
    took = await kills(folder, KILLS_BESIDE_STRANGERS, STRANGERS)
    figure = f"the same beside {STRANGERS} idle connections to the status, worst of {len(took)}"
    return [
        Row(
            figure,
            "<= 50 ms",
            f"{max(took):.1f} ms (median {statistics.median(took):.1f})",
            max(took) <= 50,
        )
    ]


async def kills(folder: Path, count: int, strangers: int = 0, grace: int = 0) -> list[float]:
    """Milliseconds from each of so many deaths to its restart command."""
    services = programs(folder, SERVICES)
    entries = [
        f"- process_name: {path}\n  restart_command: {CLOCK}\n"
        f"  post_restart_command: sh -c 'setsid {path} 100000 > /dev/null 2>&1 &'\n"
        for path in services
    ]
    first = [lifeline.spawn([path, "100000"]) for path in services]
    killed: dict[str, list[float]] = {}
    listen = "127.0.0.1:0" if strangers else ""
    async with contextlib.AsyncExitStack() as stack:
        process = await stack.enter_async_context(
            monitor(folder, "".join(entries), listen=listen, restart_interval=1, restart_grace=grace)
        )
        await eventually(lambda: held(process.pid) == SERVICES, "all services are watched", every=0.005)
        # As on a host that has been up for a while: the monitor knows who lives there.
        await asyncio.sleep(WARM_UP)
        if strangers:
            said_where = re.search(r"status at http://127\.0\.0\.1:(\d+)/", (folder / "log").read_text())
            assert said_where
            for _ in range(strangers):
                stranger = stack.enter_context(socket.create_connection(("127.0.0.1", int(said_where[1]))))
                stranger.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        for number in range(count):
            path = services[number % SERVICES]
            pids: list[int] = []

            def running(path: Path = path, pids: list[int] = pids) -> bool:
                pids[:] = pids_of(path)
                return bool(pids) and held(process.pid) == SERVICES

            await eventually(running, f"{path.name} runs again", every=0.005)
            killed.setdefault(path.name, []).append(now())
            os.kill(pids[0], 9)
            await asyncio.sleep(0.1)
        await eventually(
            lambda: sum(len(times) for times in said(folder).values()) >= count, "all restarts", every=0.1
        )
        times = said(folder)
    for child in first:
        lifeline.end(child)
    return [
        (began - died) * 1000
        for name, deaths in killed.items()
        for died, began in zip(deaths, times[name], strict=True)
    ]


def pids_of(path: Path) -> list[int]:
    found = []
    wanted = os.fsencode(path) + b"\0"
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/cmdline", "rb") as file:
                if file.read(len(wanted)) == wanted:
                    found.append(int(name))
    return found


async def retry_to_report(folder: Path) -> list[Row]:
    services = programs(folder, REPORTS)
    entries = [f"- process_name: {path}\n  restart_command: {CLOCK}\n" for path in services]
    accepted: dict[str, float] = {}

    def arrived(one: Accepted) -> None:
        accepted[one.payload["process_name"]] = now()

    running = {path: lifeline.spawn([path, "100000"]) for path in services}
    options = {"restart_interval": 0, "restart_retries": 1}
    async with monitor(folder, "".join(entries), arrived, **options) as process:
        await eventually(lambda: held(process.pid) == REPORTS, "all are watched", every=0.005)
        for path in services:
            running[path].kill()
            running[path].wait()
            await eventually(lambda path=path: path.name in accepted, "the report", every=0.005)  # type: ignore[misc]
        times = said(folder)
    # So long a service may take to appear after its command: the shortest `restart_interval` there is.
    took = [(accepted[name] - times[name][1] - SHORTEST_INTERVAL) * 1000 for name in accepted]
    median = statistics.median(took)
    figure = f"the last retry's time is over -> report accepted, median of {len(took)}"
    return [Row(figure, "<= 15 ms", f"{median:.1f} ms (max {max(took):.1f})", median <= 15)]


def cpu(pid: int) -> float:
    """Seconds of processor time used so far, by all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss(pid: int) -> float:
    """MB as `ps` and `top` count them: 2**20 bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ValueError(pid)


def children(pid: int) -> int:
    return len(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


async def cost_of_watching(folder: Path) -> list[Row]:
    """A third of the processor time goes into what every monitor does whatever it watches, the rest into the looks.

    Each process of the list is asked every time whether it has executed anything: one that has become another program
    must not pass for the service for longer than `check_interval`.
    """
    services = programs(folder, WATCHED + OTHERS)
    running = [lifeline.spawn([path, "100000"]) for path in services]
    watched = services[:WATCHED]
    few = "".join(f"- process_name: {path}\n" for path in watched[:5])
    starts = []
    for _ in range(STARTS):
        began = time.monotonic()
        async with monitor(folder, few) as process:
            await eventually(lambda process=process: held(process.pid) == 5, "five are watched", every=0.002)  # type: ignore[misc]
            starts.append(time.monotonic() - began)
    async with monitor(folder, few) as process:
        await eventually(lambda: held(process.pid) == 5, "five are watched", every=0.005)
        await asyncio.sleep(6)
        small, helpers = rss(process.pid), children(process.pid)
    many = few.replace("- ", "# ") + "".join(
        f"- process_name: {p}\n- process_name: {p.name}\n" for p in watched
    )
    async with monitor(folder, many) as process:
        await eventually(lambda: held(process.pid) == WATCHED, "all are watched", every=0.005)
        await asyncio.sleep(WARM_UP)
        before = cpu(process.pid)
        await asyncio.sleep(CPU_SECONDS)
        used = (cpu(process.pid) - before) / CPU_SECONDS * 100
        large = rss(process.pid)
    count = sum(name.isdigit() for name in os.listdir("/proc"))
    for child in running:
        lifeline.end(child, grace=0.0)
    start = statistics.median(starts)
    return [
        Row(
            f"start -> watching, median of {STARTS}",
            "<= 0.4 s",
            f"{start:.2f} s (best {min(starts):.2f})",
            start <= 0.4,
        ),
        Row("RSS, 5 entries", "<= 44 MB", f"{small:.1f} MB", small <= 44),
        Row(f"RSS, {2 * WATCHED} entries", "<= 44 MB", f"{large:.1f} MB", large <= 44),
        Row("privileged helper while not needed", "none", f"{helpers} child processes", helpers == 0),
        Row(f"CPU, {2 * WATCHED} entries, {count} processes", "<= 0.35 %", f"{used:.2f} %", used <= 0.35),
    ]
