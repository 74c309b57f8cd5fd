"""The rig with masakari-hostmonitor on its hosts and a masakari-api that takes their reports.

The API listens beside the switch; each monitor is the real console program with a configuration file
of its own. Tests read what the API accepted, and what each monitor shows in its status.
"""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from masakarimonitors.hostmonitor.drivers.pacemaker.alerts import agent, install
from tests.fixtures.monitor_process import MonitorProcess, hosts_up, shown_by_all
from tests.fixtures.waiting import PATIENCE, until
from tests.integration.pacemaker import api
from tests.integration.pacemaker.rig import MEMBERS, REMOTES, SWITCH, Rig, RigError, end_inside, first_child

REPO = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True, order=True)
class Report:
    """One accepted COMPUTE_HOST notification. `accepted_at`: wall clock, ISO 8601."""

    accepted_at: str
    host: str
    event: str
    host_status: str


class Api:
    """A masakari-api stand-in with an empty memory; one process plays all of a rig, one after another."""

    def __init__(self, rig: Rig, database: Path) -> None:
        self._database = database
        self._orders = rig.base / "api.orders"
        if not self._orders.exists():
            os.mkfifo(self._orders)
        module = "tests.integration.pacemaker.api"
        rig.beside("api", sys.executable, "-m", module, str(self._orders), SWITCH, *rig.hosts)
        self._order(str(database))
        until(lambda: self.reports() is not None, "the API has its database")

    def _order(self, text: str) -> None:
        def ordered() -> bool:
            try:
                orders = os.open(self._orders, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # nobody reads it yet
                return False
            with os.fdopen(orders, "w") as file:
                file.write(f"{text}\n")
            return True

        until(ordered, "the API takes an order")

    def reports(self) -> list[Report] | None:
        """What was accepted, in order; None while there is no database yet."""
        try:
            with contextlib.closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as db:
                rows = db.execute(
                    "SELECT n.created_at, h.name, n.payload FROM notifications n "
                    "JOIN hosts h ON h.id = n.host ORDER BY n.id"
                ).fetchall()
        except sqlite3.OperationalError:
            return None
        found = []
        for at, host, text in rows:
            payload = json.loads(text)
            found.append(Report(at, host, payload["event"], payload["host_status"]))
        return found

    def stop(self) -> None:
        """From now on nobody answers."""
        self._order("")


class Monitor(MonitorProcess):
    """masakari-hostmonitor on one host."""

    def __init__(self, rig: Rig, name: str, options: Mapping[str, str], endpoint: str = "") -> None:
        """`endpoint`: of another masakari than the world's."""
        self._rig = rig
        self.name = name
        self.only_remotes = options.get("restrict_to_remotes") == "true"
        super().__init__(
            "hostmonitor",
            rig.base / name / "monitor",
            {
                "DEFAULT": {"hostname": name, "debug": "true"},
                "api": {"auth_type": "none", "endpoint_override": endpoint or f"http://{SWITCH}:{api.PORT}"},
                "host": {"monitoring_driver": "default", **options},
            },
        )
        # It outlives the monitor's folder, which goes with the test.
        self.log = rig.base / f"{name}.monitor.log"
        self.state.mkdir(exist_ok=True)

    def launch(self, argv: Sequence[str]) -> "subprocess.Popen[bytes]":
        """Start it inside its host."""
        return self._rig[self.name].spawn(*argv, log=self.log)

    @property
    def pid(self) -> int:
        """The program's own pid on the computer: nsenter stays in front of it as its parent."""
        assert self.process is not None
        front = self.process.pid
        return until(lambda: first_child(front), f"the monitor's process on {self.name}") or 0

    def signal(self, number: signal.Signals, within: float = PATIENCE) -> int:
        """As everywhere, to the program itself and not to what stands in front of it."""
        assert self.process is not None
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
        return self.process.wait(within)

    def stop(self) -> None:
        """End it in order, or at least end it."""
        if self.process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.signal(signal.SIGTERM)
            end_inside(self.process)

    def is_reporter(self) -> bool:
        """Whether it is the reporter."""
        return self.states().get("reporter") == "this monitor"


class Observed:
    """What the driver on one host says, and nothing more: no decision, no report."""

    def __init__(
        self, rig: Rig, name: str, options: Mapping[str, str], *, without_corosync: bool = False
    ) -> None:
        self._rig = rig
        self._file = rig.base / f"{name}.observed"
        self._file.write_text("")
        told = [f"{key}={value}" for key, value in options.items()]
        module = "tests.integration.pacemaker.observer"
        python = ["env", f"PYTHONPATH={REPO}", sys.executable, "-m", module]
        if without_corosync:
            python = _without_corosync() + python
        self.log = rig.base / f"{name}.observer.log"
        self._process = rig[name].spawn(*python, str(self._file), name, *told, log=self.log)

    def said(self, kind: str) -> list[dict[str, Any]]:
        """Each observation of one kind, in order."""
        lines = self._file.read_text().splitlines(keepends=True)
        found = [json.loads(line) for line in lines if line.endswith("\n")]
        return [fact for fact in found if fact["is"] == kind]

    def of(self, host: str) -> list[dict[str, str]]:
        """What was said of one host, one after another: value and evidence."""
        return [fact["hosts"][host] for fact in self.said("Sample") if host in fact["hosts"]]

    def values(self, host: str) -> list[str]:
        """The values alone."""
        return [seen["value"] for seen in self.of(host)]

    def leads_or_follows(self) -> bool:
        """Whether it is known who reports, so that the monitors hear each other."""
        return any(self.said(kind) for kind in ("Leader", "Follower"))

    def wait(self, host: str, value: str, within: float = PATIENCE) -> dict[str, str]:
        """Until the last word about `host` is `value`; that word."""
        until(
            lambda: self.values(host)[-1:] == [value],
            lambda: (
                f"{host} {value}; it said {self.of(host)[-3:]}, views {self.said('View')[-2:]}; "
                f"it heard {self._goodbyes()}; pacemaker decided {self._rig.decisions()}"
            ),
            within,
            every=0.1,
        )
        return self.of(host)[-1]

    def _goodbyes(self) -> list[str]:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return [line for line in lines if "good-bye" in line]

    def stop(self) -> None:
        """End it."""
        end_inside(self._process)


def _without_corosync() -> list[str]:
    """As in a container image without it: neither the libraries nor the tools, but those of Pacemaker."""
    hide = (
        "for library in /usr/lib/*/libquorum.so.5 /usr/lib/*/libcpg.so.4; do"
        ' mount --bind /dev/null "$library" || exit 1; done; '
        "mount -t tmpfs -o mode=755 none /mnt || exit 1; "
        'for tool in env cibadmin crm_mon; do ln -s "$(command -v $tool)" /mnt/; done; '
        'PATH=/mnt; export PATH; exec "$@"'
    )
    return ["unshare", "--mount", "sh", "-c", hide, "sh"]


class World:
    """One test's world: a healed rig, a fresh API, monitors on all members unless told otherwise."""

    def __init__(self, rig: Rig, folder: Path) -> None:
        self.rig = rig
        self.api = Api(rig, folder / "api.sqlite")
        self.monitors: dict[str, Monitor] = {}
        self._observed: list[Observed] = []

    def install_alerts(self) -> None:
        """The alert agent on every member, and in the CIB; a member that has it keeps it over a reboot."""
        files = [self.rig[member].home / "lib-pacemaker" / install.PATH.name for member in MEMBERS]
        if all(file.exists() for file in files):
            alerts = install.entry(install.PATH, agent.SOCKET)
            modify = ["cibadmin", "--modify", "--allow-create", "--scope", "alerts", "--xml-text", alerts]
            self.rig[MEMBERS[0]].run(*modify)
            return
        program = (
            "from masakarimonitors.hostmonitor.drivers.pacemaker.alerts import install; install.install()"
        )
        for member in MEMBERS:
            self.rig[member].run(sys.executable, "-c", program)

    def observe(self, name: str, **options: str) -> Observed:
        """Run the driver alone on one host."""
        self._observed.append(Observed(self.rig, name, options))
        return self._observed[-1]

    def observe_without_corosync(self, name: str, **options: str) -> Observed:
        """Run it where neither Corosync's libraries nor its tools are installed."""
        self._observed.append(Observed(self.rig, name, options, without_corosync=True))
        return self._observed[-1]

    def watch(self, *names: str, **options: str) -> None:
        """Start monitors on `names` (default: all members) and wait until each sees all others up."""
        for name in names or MEMBERS:
            self.start(name, **options)
        self.wait_seeing(*(names or MEMBERS))

    def start(self, name: str, **options: str) -> Monitor:
        """Start one monitor."""
        self.monitors[name] = Monitor(self.rig, name, options)
        self.monitors[name].start()
        return self.monitors[name]

    def wait_seeing(self, *names: str) -> None:
        """Until the monitors of `names` have a proven view, with everybody else up, and one is the reporter."""
        for name in names or tuple(self.monitors):
            monitor = self.monitors[name]
            until(
                lambda monitor=monitor: self._sees_all_up(monitor),  # type: ignore[misc]
                lambda monitor=monitor: (  # type: ignore[misc]
                    f"{monitor.name} sees everybody up; it shows {monitor.status().get('subjects')}"
                ),
                every=0.1,
            )
        until(lambda: len(self.reporters()) == 1, "there is one reporter", every=0.1)

    def _sees_all_up(self, monitor: Monitor) -> bool:
        others = len(REMOTES) if monitor.only_remotes else len(self.rig.hosts) - 1
        shown = monitor.states()
        return shown.get("link:cluster") == "seen" and hosts_up(shown) == others

    def reporters(self) -> list[str]:
        """The monitors that show themselves as the reporter."""
        return [name for name, monitor in self.monitors.items() if monitor.running and monitor.is_reporter()]

    def wait_state(self, monitor: str, host: str, state: str, within: float = PATIENCE) -> None:
        """Until `monitor` shows `state` for `host`."""
        shown = self.monitors[monitor]
        until(
            lambda: shown.states().get(f"host:{host}") == state,
            lambda: f"{monitor} shows {host} as {state!r}; it shows {shown.status().get('subjects')}",
            within,
            every=0.1,
        )

    def reports(self) -> list[tuple[str, str, str]]:
        """What was accepted so far: (host, event, host_status)."""
        return [(r.host, r.event, r.host_status) for r in self.api.reports() or []]

    def wait_reports(self, *wanted: tuple[str, str, str], within: float = 240) -> None:
        """Until exactly `wanted` was accepted, in this order.

        Pacemaker fences a remote when it could not be connected to from any member: 60 s each, at most.
        """
        until(
            lambda: self.reports() == list(wanted),
            lambda: f"reports {wanted}; accepted were {self.reports()}; {self.evidence()}\n{shown_by_all()}",
            within,
            every=0.1,
        )

    def evidence(self) -> str:
        """What came of it in the cluster, for a complaint."""
        strip = self.rig.strip
        return (
            f"the strip was ordered {strip.orders} and has switched off {[f.host for f in strip.fenced]}; "
            f"pacemaker remembers {self.rig.failures()} and decided {self.rig.decisions()}"
        )

    def until(self, what: str, look: Callable[[], object], within: float = PATIENCE) -> None:
        """Until `look` is true."""
        until(
            look,
            lambda: f"{what}; accepted were {self.reports()}; {self.evidence()}\n{shown_by_all()}",
            within,
            every=0.1,
        )

    @contextlib.contextmanager
    def closing(self) -> Iterator["World"]:
        """This world, closed at the end of the block."""
        try:
            yield self
        finally:
            self.close()

    def close(self) -> None:
        """End what this test started."""
        for observed in self._observed:
            observed.stop()
        for monitor in self.monitors.values():
            with contextlib.suppress(RigError):
                monitor.stop()
        self.api.stop()
        for name in self.rig.hosts:
            shutil.rmtree(self.rig.base / name / "monitor", ignore_errors=True)
