"""The introspective monitor beside a libvirtd that has other work: 30 real guests of which 10 hang.

A second client, one real virsh, makes ordinary calls throughout (`domjobinfo`: `list` would prove
nothing, libvirtd serves it from priority workers). The monitor runs as a process with the default
options; its reports are timed where they are accepted.
"""

import itertools
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from benchmarks.installed import installed
from benchmarks.table import Row, quantile
from masakarimonitors.introspectiveinstancemonitor.core.state import misses_for
from tests.fixtures import lifeline
from tests.fixtures.fake_masakari import FakeMasakari
from tests.fixtures.monitor_process import MonitorProcess
from tests.fixtures.waiting import until
from tests.integration.virt.instance import Instance
from tests.integration.virt.introspective import process
from tests.integration.virt.realm import Realm, opened
from tests.unit.introspectiveinstancemonitor.sources.simulation import Simulation, guests

GUESTS, HUNG = 30, 10
INTERVAL, THRESHOLD = 10, 3  # the defaults of the options
ORDINARY_CALL = 0.050
SEEN_AGAIN = 15.0
ENDS = 1.5
RESIDENT = 50.0

_ANSWERED = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) .* (instance-\d+) answered its ping after")


_AHEAD = -15
"""The niceness of libvirtd, of virsh and of the process that times it: measured is whether libvirtd has a worker
free, not how long the kernel lets either wait behind thirty emulated guests and whatever else runs here."""


def prefer(pid: int) -> None:
    """Let every thread of a process run ahead of the others; threads that they start do too."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.setpriority(os.PRIO_PROCESS, int(task.name), _AHEAD)


class Virsh:
    """One virsh that stays: the time of each call is the call's own, not that of starting a program."""

    def __init__(self, uri: str) -> None:
        self._process = subprocess.Popen(
            ["stdbuf", "-oL", "virsh", "-q", "-c", uri],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def job_info(self, name: str) -> float:
        """Seconds until `domjobinfo` has answered."""
        assert self._process.stdin and self._process.stdout
        begun = time.monotonic()
        self._process.stdin.write(f"domjobinfo {name}\n")
        self._process.stdin.flush()
        while "Job type" not in self._process.stdout.readline():
            assert self._process.poll() is None, "virsh has ended"
        return time.monotonic() - begun


def keep_calling(uri: str, names: Sequence[str]) -> None:
    """Ordinary calls, twenty a second, about these instances in turn; prints the seconds each took, until killed."""
    os.setpriority(os.PRIO_PROCESS, 0, _AHEAD)
    virsh = Virsh(uri)
    for name in itertools.cycle(names):
        print(virsh.job_info(name), flush=True)
        time.sleep(0.05)


@contextmanager
def calling(realm: Realm, names: Sequence[str]) -> Iterator[list[float]]:
    """`keep_calling` in a process of its own while the block runs; the list is filled when it is left."""
    took: list[float] = []
    with tempfile.TemporaryFile() as out:
        caller = lifeline.spawn(
            [sys.executable, "-m", "benchmarks.introspective", realm.uri, *names],
            log=out,
            cwd=Path(__file__).parents[1],
        )
        try:
            yield took
        finally:
            lifeline.end(caller)
        out.seek(0)
        took += [float(line) for line in out.read().decode().splitlines()[:-1]]
    assert took, "no ordinary call was answered"


def bench() -> list[Row]:
    """About four minutes, half of it for booting; 5 GB of memory."""
    with opened() as realm, tempfile.TemporaryDirectory() as folder:
        api = FakeMasakari()
        try:
            assert realm.libvirtd_pid
            with ThreadPoolExecutor(4) as pool:
                fleet = list(pool.map(lambda n: realm.boot(f"instance-{n:08d}"), range(GUESTS)))
            # Only now: a QEMU inherits the niceness of the libvirtd that starts it.
            prefer(realm.libvirtd_pid)
            return [*_with(realm, fleet, api, Path(folder)), *_spread()]
        finally:
            api.stop()


def _with(realm: Realm, fleet: list[Instance], api: FakeMasakari, folder: Path) -> list[Row]:
    hung, well = fleet[:HUNG], fleet[HUNG:]
    uuids = {instance.name: instance.uuid for instance in fleet}
    # The last miss counts when its call has ended: libvirt keeps one to a hung agent for 5 s.
    limit = misses_for(THRESHOLD) * INTERVAL + 15
    with process(realm, folder / "compiles", api, env=installed()):
        pass  # what is not yet compiled, so that the next is measured as it is installed
    with process(realm, folder / "monitor", api, env=installed()) as monitor:
        _until_healthy(monitor, list(uuids.values()))
        with calling(realm, [instance.name for instance in well]) as quiet:
            time.sleep(20)
        resident = _resident(monitor)
        # Half of them by a QEMU that stands still, half by an agent that does.
        since = {}
        with calling(realm, [instance.name for instance in well]) as took:
            begun = datetime.now()  # noqa: TID251 - compared with the log's own local times
            for n, instance in enumerate(hung):
                (instance.hang if n % 2 else instance.hang_agent)()
                since[instance.name] = time.monotonic() + (0.0 if n % 2 else 0.5)
            until(lambda: all(api.of(uuids[one.name]) for one in hung), "the reports of the hung", 120)
            time.sleep(30)
            ended = datetime.now()  # noqa: TID251
        reported = [api.of(uuids[one.name])[0].at - since[one.name] for one in hung]
        again = _wake([one for n, one in enumerate(hung) if n % 2], monitor, uuids)
        for instance in well[:HUNG]:
            instance.hang()
        until(lambda: list(monitor.states().values()).count("error") >= HUNG, "pings to hang again", 60)
        ends = _ended(monitor)
        gap = _widest_gap(monitor.text(), {instance.name for instance in well}, begun, ended)
    reports = Counter(str(offer.payload["instance_uuid"]) for offer in api.offers)
    false = [uuid for uuid in reports if uuid not in {uuids[one.name] for one in hung}]
    return [
        Row(
            f"domjobinfo of another client, {HUNG} of {GUESTS} hung, 99.9 % of {len(took)}",
            f"<= {ORDINARY_CALL * 1000:.0f} ms",
            f"{quantile(took, 0.999) * 1000:.1f} ms (median {quantile(took, 0.5) * 1000:.1f}, slowest "
            f"{max(took) * 1000:.1f}; slowest of {len(quiet)} before: {max(quiet) * 1000:.1f})",
            quantile(took, 0.999) <= ORDINARY_CALL,
        ),
        Row(
            "hang -> report accepted, slowest of 10",
            f"<= {limit} s",
            f"{max(reported):.1f} s (median {quantile(reported, 0.5):.1f})",
            max(reported) <= limit,
        ),
        Row(
            "healthy guests reported meanwhile, or one twice",
            "0",
            str(len(false) + sum(count > 1 for count in reports.values())),
            not false and all(count == 1 for count in reports.values()),
        ),
        Row(
            "widest gap between two answers of a healthy guest",
            f"<= {INTERVAL + 1} s",
            f"{gap:.2f} s",
            gap <= INTERVAL + 1,
        ),
        Row(
            "guest answers again -> seen healthy, slowest",
            f"<= {SEEN_AGAIN:.0f} s",
            f"{max(again):.1f} s",
            max(again) <= SEEN_AGAIN,
        ),
        Row(f"SIGTERM -> ended, {HUNG} pings hanging", f"<= {ENDS} s", f"{ends:.2f} s", ends <= ENDS),
        Row(
            "introspective monitor, memory idle",
            f"<= {RESIDENT:.0f} MB",
            f"{resident:.1f} MB",
            resident <= RESIDENT,
        ),
    ]


def _ended(monitor: MonitorProcess) -> float:
    """SIGTERM; the seconds until it has ended."""
    begun = time.monotonic()
    monitor.signal(signal.SIGTERM)
    return time.monotonic() - begun


def _resident(monitor: MonitorProcess) -> float:
    """Resident memory in MB."""
    status = Path(f"/proc/{monitor.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def _until_healthy(monitor: MonitorProcess, uuids: Sequence[str]) -> None:
    def healthy() -> bool:
        states = monitor.states()
        return all(states.get(f"vm:{uuid}") == "healthy" for uuid in uuids)

    until(healthy, "every guest to be seen healthy", 120)


def _wake(hung: Sequence[Instance], monitor: MonitorProcess, uuids: dict[str, str]) -> list[float]:
    """Seconds from SIGCONT until each is seen healthy."""
    begun = time.monotonic()
    for instance in hung:
        instance.unhang()
    seen: dict[str, float] = {}

    def all_seen() -> bool:
        states = monitor.states()
        for instance in hung:
            if states.get(f"vm:{uuids[instance.name]}") == "healthy":
                seen.setdefault(instance.name, time.monotonic() - begun)
        return len(seen) == len(hung)

    until(all_seen, "the woken guests to be seen healthy", 60)
    return list(seen.values())


def _widest_gap(log: str, names: set[str], begun: datetime, ended: datetime) -> float:
    """Seconds between two answers of the same guest, between the two moments."""
    last: dict[str, datetime] = dict.fromkeys(names, begun)
    widest = 0.0
    for line in log.splitlines():
        found = _ANSWERED.match(line)
        if not found or found[2] not in names:
            continue
        at = datetime.fromisoformat(found[1])
        if begun <= at <= ended:
            widest = max(widest, (at - last[found[2]]).total_seconds())
            last[found[2]] = at
    return max([widest, *((ended - at).total_seconds() for at in last.values())])


def _spread() -> list[Row]:
    """1,000 guests, simulated: libvirt's answers are played, the schedule is the real one."""
    simulation = Simulation(guests(1000))
    simulation.run(40.0)

    def counts(width: float) -> list[int]:
        return [
            sum(1 for at, _ in simulation.asked if n * width <= at - 1000.0 < (n + 1) * width)
            for n in range(int(30.0 / width))
        ]

    seconds, tenths = counts(1.0), counts(0.1)
    return [
        Row(
            "1,000 guests, interval 10 s: pings in the busiest second",
            "<= 140 (even: 100)",
            f"{max(seconds)} (quietest {min(seconds)})",
            max(seconds) <= 140,
        ),
        Row(
            "the same: pings in the busiest tenth of a second",
            "<= 30 (even: 10)",
            f"{max(tenths)}, {simulation.most_at_once} at most in flight",
            max(tenths) <= 30,
        ),
    ]


if __name__ == "__main__":
    keep_calling(sys.argv[1], sys.argv[2:])
