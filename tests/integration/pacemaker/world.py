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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from masakarimonitors.status import local
from tests.fixtures import lifeline
from tests.integration.pacemaker import api
from tests.integration.pacemaker.rig import MEMBERS, SWITCH, Rig, RigError, wait_for

REPO = Path(__file__).resolve().parents[3]

CONFIG = """[DEFAULT]
hostname = {name}
state_path = {state}
debug = true

[api]
auth_type = none
endpoint_override = http://{address}:{port}

[host]
monitoring_driver = default
{options}
"""


@dataclass(frozen=True, slots=True, order=True)
class Report:
    """One accepted COMPUTE_HOST notification. `accepted_at`: wall clock, ISO 8601."""

    accepted_at: str
    host: str
    event: str
    host_status: str


class Api:
    """A masakari-api stand-in with an empty memory."""

    def __init__(self, rig: Rig, database: Path) -> None:
        self._database = database
        hosts = list(rig.hosts)
        command = [sys.executable, "-m", "tests.integration.pacemaker.api", str(database), SWITCH, *hosts]
        self._process = lifeline.spawn(
            rig.beside_switch(*command), log=rig.base / "api.log", env={**os.environ, "PYTHONPATH": str(REPO)}
        )
        wait_for("the API has its database", lambda: self.reports() is not None, within=60)

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
        lifeline.end(self._process, grace=2)


class Monitor:
    """masakari-hostmonitor on one host."""

    def __init__(self, rig: Rig, name: str, options: Mapping[str, str]) -> None:
        self._rig = rig
        self.name = name
        self.only_remotes = options.get("restrict_to_remotes") == "true"
        self.state = rig.base / name / "monitor"
        self.config = rig.base / f"{name}.conf"
        self.log = rig.base / f"{name}.monitor.log"
        self.state.mkdir(exist_ok=True)
        lines = "\n".join(f"{key} = {value}" for key, value in options.items())
        self.config.write_text(
            CONFIG.format(name=name, state=self.state, address=SWITCH, port=api.PORT, options=lines)
        )
        program = "from masakarimonitors.cmd.hostmonitor import main; main()"
        self.process = rig[name].spawn(
            sys.executable, "-c", program, "--config-file", str(self.config), log=self.log
        )
        self.pid = self._find()

    def _find(self) -> int:
        """The program's own pid on the machine: nsenter stays in front of it as its parent."""

        def look() -> int | None:
            with contextlib.suppress(OSError, ValueError, IndexError):
                front = self.process.pid
                return int(Path(f"/proc/{front}/task/{front}/children").read_text().split()[0])
            return None

        return wait_for(f"the monitor's process on {self.name}", look, every=0.02) or 0

    def status(self) -> dict[str, Any]:
        """What it shows; empty while it does not answer."""
        try:
            return local.read(self.state / "hostmonitor.sock")
        except (OSError, ValueError):
            return {}

    def subject(self, subject: str) -> str:
        """The state that it shows for one subject, or nothing."""
        for row in self.status().get("subjects", []):
            if row["subject"] == subject:
                return str(row["state"])
        return ""

    def holds_office(self) -> bool:
        """Whether it is the reporter."""
        return self.subject("office") == "ours"

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self.process.poll() is None

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it (SIGTERM: in order; SIGKILL: not)."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, how)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            os.kill(self.pid, signal.SIGKILL)
            lifeline.end(self.process)
            raise RigError(f"the monitor of {self.name} did not stop within 30 s") from None


class World:
    """One test's world: a healed rig, a fresh API, monitors on all members unless told otherwise."""

    def __init__(self, rig: Rig, folder: Path) -> None:
        self.rig = rig
        self.api = Api(rig, folder / "api.sqlite")
        self.monitors: dict[str, Monitor] = {}

    def install_alerts(self) -> None:
        """The alert agent on every member, and in the CIB."""
        program = "from masakarimonitors.hostmonitor import pacemaker_alert; pacemaker_alert.install()"
        for member in MEMBERS:
            self.rig[member].run(sys.executable, "-c", program)

    def watch(self, *names: str, **options: str) -> None:
        """Start monitors on `names` (default: all members) and wait until each sees all others up."""
        for name in names or MEMBERS:
            self.start(name, **options)
        self.wait_seeing(*(names or MEMBERS))

    def start(self, name: str, **options: str) -> Monitor:
        """Start one monitor."""
        self.monitors[name] = Monitor(self.rig, name, options)
        return self.monitors[name]

    def wait_seeing(self, *names: str) -> None:
        """Until the monitors of `names` have a proven view, with everybody else up, and one is the reporter."""
        for name in names or tuple(self.monitors):
            monitor = self.monitors[name]
            wait_for(
                f"{name} sees everybody up",
                lambda monitor=monitor: self._sees_all_up(monitor),  # type: ignore[misc]
                within=90,
                tell=lambda monitor=monitor: monitor.status().get("subjects"),  # type: ignore[misc]
            )
        wait_for("there is one reporter", lambda: len(self.reporters()) == 1, within=60)

    def _sees_all_up(self, monitor: Monitor) -> bool:
        others = 1 if monitor.only_remotes else 3
        return monitor.subject("link:cluster") == "seen" and monitor.subject("hosts") == f"{others} up"

    def reporters(self) -> list[str]:
        """The monitors that hold the office."""
        return [name for name, monitor in self.monitors.items() if monitor.running and monitor.holds_office()]

    def wait_state(self, monitor: str, host: str, state: str, within: float = 90) -> None:
        """Until `monitor` shows `state` for `host`."""
        shown = self.monitors[monitor]
        try:
            wait_for(
                f"{monitor} shows {host} as {state!r}",
                lambda: shown.subject(f"host:{host}") == state,
                within=within,
            )
        except RigError as fault:
            raise RigError(f"{fault}; it shows {shown.status().get('subjects')}") from None

    def reports(self) -> list[tuple[str, str, str]]:
        """What was accepted so far: (host, event, host_status)."""
        return [(r.host, r.event, r.host_status) for r in self.api.reports() or []]

    def wait_reports(self, *wanted: tuple[str, str, str], within: float = 120) -> None:
        """Until exactly `wanted` was accepted, in this order."""
        try:
            wait_for(f"reports {wanted}", lambda: self.reports() == list(wanted), within=within)
        except RigError as fault:
            raise RigError(f"{fault}; accepted were {self.reports()}") from None

    def until(self, what: str, look: Callable[[], object], within: float = 90) -> None:
        """Until `look` is true."""
        wait_for(what, look, within=within)

    @contextlib.contextmanager
    def closing(self) -> Iterator["World"]:
        """This world, closed at the end of the block."""
        try:
            yield self
        finally:
            self.close()

    def close(self) -> None:
        """End what this test started."""
        for monitor in self.monitors.values():
            with contextlib.suppress(RigError):
                monitor.stop()
        self.api.stop()
        for name in self.rig.hosts:
            shutil.rmtree(self.rig.base / name / "monitor", ignore_errors=True)
