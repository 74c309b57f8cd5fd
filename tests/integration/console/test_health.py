"""Health that tells the truth: real monitors that are blind, cannot tell, hang or are dead, by every signal there is.

Each row is one thing that is wrong, and what the probes, the metrics and the exit code of `masakari-monitors status`
say of it: no signal may call a monitor well that does not see.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.status import unix_socket
from tests.fixtures import hung_disk, lifeline
from tests.fixtures.fake_masakari import FakeMasakari
from tests.fixtures.monitor_process import BIN, MonitorProcess
from tests.fixtures.promtool import promtool
from tests.fixtures.waiting import PATIENCE, until

NOBODY = "127.0.0.1:9"
"""Where nobody listens."""

PROBES = ("livez", "readyz", "healthz")


class Shown:
    """A monitor of one of the four kinds at work, and all that it and the tools say of its health."""

    def __init__(self, process: MonitorProcess) -> None:
        self.process = process

    def get(self, path: str) -> tuple[int, str]:
        """What its page answers there."""
        try:
            with urllib.request.urlopen(self._url() + path, timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    def probes(self) -> tuple[int, ...]:
        return tuple(self.get(path)[0] for path in PROBES)

    def metrics(self) -> dict[str, float]:
        """By name and labels."""
        lines = [line for line in self.get("metrics")[1].splitlines() if not line.startswith("#")]
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}

    def health(self) -> dict[str, Any]:
        return {cause["kind"]: cause for cause in self.process.status().get("causes", [])}

    def until_kind(self, *kinds: str) -> None:
        """Wait until it names these causes and no others."""
        until(
            lambda: self.process.status().get("health") and set(self.health()) == set(kinds),
            lambda: f"{self.process.monitor} names {kinds}; it shows {self.process.status().get('causes')}",
        )

    def _url(self) -> str:
        found: list[str] = []

        def look() -> bool:
            found[:] = re.findall(r"status at (http://127\.0\.0\.1:\d+/)", self.process.text())
            return bool(found)

        until(look, lambda: f"a page\n{self.process.text()}")
        return found[0]


class Umbrella(MonitorProcess):
    """All monitors that can work here, in one process."""

    def argv(self) -> list[str]:
        """The command line, as an operator would type it."""
        return [str(BIN / "masakari-monitors"), "run", "--config-file", str(self.conf)]


Start = Callable[..., Shown]
Service = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def masakari() -> Iterator[FakeMasakari]:
    with FakeMasakari(["compute-1"]) as fake:
        yield fake


@pytest.fixture
def start(tmp_path: Path, masakari: FakeMasakari) -> Iterator[Start]:
    """Starts a monitor with these sections, all in one folder for state."""
    (tmp_path / "list.yaml").write_text(f"- process_name: {tmp_path}/never\n  restart_command: 'false'\n")
    with ExitStack() as stack:

        def run(
            monitor: str,
            *,
            api: str = "",
            env: Mapping[str, str] | None = None,
            umbrella: bool = False,
            **more: Any,
        ) -> Shown:
            endpoint = f"http://{api}/v1" if api else masakari.endpoint()
            sections = {
                "DEFAULT": {"hostname": "compute-1", "state_path": tmp_path / "state"},
                "api": {"auth_type": "none", "endpoint": endpoint},
                "status": {"listen": "127.0.0.1:0"},
                "process": {
                    "process_list_path": tmp_path / "list.yaml",
                    "own_pid_namespace": True,
                    "restart_retries": 0,
                    "restart_interval": 0,
                    "restart_grace": 0,
                },
                "libvirt": {"connection_uri": f"qemu+unix:///system?socket={tmp_path}/absent"},
                **more,
            }
            kind = Umbrella if umbrella else MonitorProcess
            process = kind(monitor, tmp_path / monitor, sections, env=env)
            process.state = tmp_path / "state"
            return Shown(stack.enter_context(process))

        yield run


def exit_code(shown: Shown, *arguments: str) -> tuple[int, str]:
    """Of `masakari-monitors status` with the configuration of that monitor, and what it says."""
    done = subprocess.run(
        [BIN / "masakari-monitors", "status", *arguments, "--config-file", shown.process.conf],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "COLUMNS": "400"},
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Starts the process of the list."""
    started: list[subprocess.Popen[bytes]] = []

    def run() -> "subprocess.Popen[bytes]":
        program = tmp_path / "never"
        # A program of its own: whoever else sleeps on this computer is not it.
        shutil.copy("/usr/bin/sleep", program)
        started.append(lifeline.spawn([program, "100000"], log=tmp_path / "sleeper"))
        return started[-1]

    yield run
    for process in started:
        lifeline.end(process)


def test_a_process_monitor_that_sees_is_well_by_every_signal(start: Start, service: Service) -> None:
    service()
    shown = start("processmonitor")
    shown.until_kind()
    assert shown.probes() == (200, 200, 200)
    metrics = shown.metrics()
    assert metrics['masakari_monitors_health{health="ok",monitor="processmonitor"}'] == 1
    assert metrics['masakari_monitors_view_proven{monitor="processmonitor",view="processes"}'] == 1
    assert exit_code(shown)[0] == 0


def test_a_host_monitor_whose_consul_agent_is_dead_is_blind(start: Start) -> None:
    """And masakari is out of reach by the look-up alone, though there is nothing to report."""
    shown = start(
        "hostmonitor",
        api=NOBODY,
        host={"monitoring_driver": "consul"},
        consul={"agent_manage": NOBODY},
    )
    until(lambda: {"blind", "masakari unreachable"} <= shown.health().keys(), lambda: f"{shown.health()}")
    assert shown.probes() == (200, 503, 503)
    assert "hostmonitor link:manage" in shown.get("healthz")[1]
    metrics = shown.metrics()
    assert metrics['masakari_monitors_health{health="blind",monitor="hostmonitor"}'] == 1
    assert metrics['masakari_monitors_view_proven{monitor="hostmonitor",view="link:manage"}'] == 0
    assert metrics['masakari_monitors_api_reachable{monitor="hostmonitor"}'] == 0
    # What is not health: the sources are at work.
    sources = [value for name, value in metrics.items() if "_source_running{" in name]
    assert sources and all(sources)
    code, said = exit_code(shown)
    assert code == 1 and "blind: link:manage" in said


@pytest.mark.parametrize("monitor", ["instancemonitor", "introspectiveinstancemonitor"])
def test_a_monitor_without_libvirt_is_blind(start: Start, monitor: str) -> None:
    pytest.importorskip("libvirt")
    shown = start(monitor)
    shown.until_kind("blind")
    assert shown.probes() == (200, 503, 503)
    assert shown.metrics()[f'masakari_monitors_health{{health="blind",monitor="{monitor}"}}'] == 1
    assert exit_code(shown)[0] == 1


def test_a_broken_process_list_is_degraded_while_a_good_one_is_in_use(
    start: Start, service: Service, tmp_path: Path
) -> None:
    service()
    shown = start("processmonitor")
    shown.until_kind()
    (tmp_path / "list.yaml").write_text("- start_comand: x\n")
    os.kill(shown.process.pid, signal.SIGHUP)
    shown.until_kind("outdated")
    assert shown.probes() == (200, 200, 503)
    assert exit_code(shown)[0] == 1


def test_a_failure_that_cannot_be_told_is_degraded(start: Start) -> None:
    shown = start("processmonitor", api=NOBODY)
    until(lambda: "masakari unreachable" in shown.health(), lambda: f"{shown.process.status()}")
    assert shown.probes() == (200, 200, 503)
    assert shown.metrics()['masakari_monitors_api_reachable{monitor="processmonitor"}'] == 0
    assert exit_code(shown)[0] == 1


def test_a_failure_that_masakari_refuses_is_degraded_and_its_answer_is_named(
    start: Start, service: Service, masakari: FakeMasakari
) -> None:
    masakari.status = 413
    shown = start("processmonitor")
    until(lambda: "refused" in shown.health(), lambda: f"{shown.process.status()}")
    assert "413" in shown.get("healthz")[1]
    assert exit_code(shown)[0] == 1
    masakari.status = 202
    service()
    shown.until_kind()


def test_a_monitor_that_run_has_left_out_is_missed(start: Start, service: Service, tmp_path: Path) -> None:
    """Something is not installed that it needs; no other monitor's health hides that nobody watches instances."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "libvirt.py").write_text("raise ImportError('no libvirt.so.0')\n")
    service()
    path = os.pathsep.join([str(tmp_path / "broken"), os.environ.get("PYTHONPATH", "")])
    shown = start("processmonitor", umbrella=True, env={"PYTHONPATH": path})
    until(lambda: "left out" in shown.health(), lambda: f"{shown.process.status()}")
    assert "instancemonitor: libvirt's Python binding cannot be imported" in shown.get("healthz")[1]
    assert shown.probes()[2] == 503
    assert exit_code(shown)[0] == 1


def test_what_is_not_there_yet_is_waited_for_and_a_slip_ends_it(start: Start, service: Service) -> None:
    """No cluster engine runs on this computer: hosts are not seen, and nobody need start `run` again when one does."""
    service()
    shown = start(
        "hostmonitor", umbrella=True, host={"monitoring_driver": "consul"}, consul={"agent_manage": NOBODY}
    )
    until(lambda: "blind" in shown.health(), lambda: f"{shown.process.status()}")
    shown.process.signal(signal.SIGTERM)
    slip = start("hostmonitor", umbrella=True, host={"monitoring_driver": "consull"})
    assert slip.process.process is not None and slip.process.process.wait(PATIENCE) == 1
    assert "[host] monitoring_driver = consull" in slip.process.text()


def test_what_every_monitor_serves_is_what_prometheus_reads(start: Start, service: Service) -> None:
    """All four in one process: the same metrics of each, and promtool finds nothing to say."""
    pytest.importorskip("libvirt")
    service()
    shown = start(
        "hostmonitor", umbrella=True, host={"monitoring_driver": "consul"}, consul={"agent_manage": NOBODY}
    )
    until(lambda: "blind" in shown.health(), lambda: f"{shown.process.status()}")
    text = shown.get("metrics")[1]
    assert promtool("check", "metrics", said=text) == ""
    names: dict[str, set[str]] = {}
    for line in text.splitlines():
        if found := re.match(r'(\w+)\{.*\bmonitor="(\w+)"', line):
            names.setdefault(found[2], set()).add(found[1])
    assert len(names) == 4
    # Who has no election, no journal that lost anything, or was never proven says nothing of it.
    some = {"reporter", "last_view_timestamp_seconds", "api_reachable"}
    always = {
        name for name in set.union(*names.values()) if name.removeprefix("masakari_monitors_") not in some
    }
    assert all(always <= of_one for of_one in names.values())
    for monitor in names:
        at_socket = unix_socket.read(shown.process.state / f"{monitor}.sock", "metrics")["metrics"]
        assert f'masakari_monitors_health{{health="ok",monitor="{monitor}"}}' in str(at_socket)


@hung_disk.needed
def test_a_disk_that_hangs_is_blindness_until_it_answers_and_what_fails_is_told_all_the_same(
    start: Start, service: Service, masakari: FakeMasakari, tmp_path: Path
) -> None:
    watched = service()
    with hung_disk.mounted(tmp_path) as disk:
        told = {"hostname": "compute-1", "state_path": disk / "state"}
        shown = start("processmonitor", env={"RUNTIME_DIRECTORY": str(tmp_path / "run")}, DEFAULT=told)
        shown.process.state = tmp_path / "run"
        shown.until_kind()
        hung_disk.freeze(disk)
        lifeline.end(watched)
        shown.until_kind("disk does not answer")
        until(lambda: masakari.offers, "the report of what has died")
        assert shown.probes() == (200, 503, 503)
        metrics = shown.metrics()
        assert metrics['masakari_monitors_health{health="blind",monitor="processmonitor"}'] == 1
        assert metrics['masakari_monitors_causes{cause="disk does not answer",monitor="processmonitor"}'] == 1
        code, said = exit_code(shown)
        assert code == 1 and "\tblind\toutbox\t" in said
        hung_disk.freeze(disk, "-u")
        shown.until_kind()
        shown.process.stop()


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="there is no memory to write into")
def test_a_folder_for_state_that_does_not_stay_is_degraded_and_said(start: Start, service: Service) -> None:
    service()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as state:
        told = {"hostname": "compute-1", "state_path": state, "state_may_be_lost": False}
        shown = start("processmonitor", env={"OS_DEFAULT__STATE_MAY_BE_LOST": "false"}, DEFAULT=told)
        shown.process.state = Path(state)
        shown.until_kind("state does not survive")
        assert shown.probes() == (200, 200, 503)
        assert shown.metrics()['masakari_monitors_outbox_volatile{monitor="processmonitor"}'] == 1
        shown.process.until_said(r"WARNING .*State does not survive: .* it is memory \(tmpfs")
        code, said = exit_code(shown)
        assert code == 1 and "ends with this host's or container's next start" in said
        shown.process.stop()


def test_a_monitor_is_found_where_everybody_looks(start: Start, service: Service, tmp_path: Path) -> None:
    """Without any configuration, and whatever its folder for state is."""
    service()
    shown = start("processmonitor", env={"RUNTIME_DIRECTORY": str(tmp_path / "run")})
    shown.until_kind()
    environ = {
        key: value for key, value in os.environ.items() if not key.startswith(("OS_", "STATE_", "XDG_"))
    }
    done = subprocess.run(
        [BIN / "masakari-monitors", "status", "--json"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**environ, "HOME": str(tmp_path / "home"), "RUNTIME_DIRECTORY": str(tmp_path / "run")},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["monitor"] == "processmonitor"


def test_a_report_is_retried_and_dropped_beside_its_running_monitor(start: Start) -> None:
    shown = start("processmonitor", api=NOBODY)
    until(lambda: shown.process.status().get("outbox", {}).get("pending"), "a report that waits")
    number = until(lambda: [row.id for row in shown.process.reports() if row.attempts], "a failed try")[0]

    def outbox(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [BIN / "masakari-monitors", "--config-file", shown.process.conf, "outbox", *words],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def retried() -> bool:
        before = shown.process.reports()[0].attempts
        done = outbox("retry", str(number))
        if done.returncode:
            assert "at this very moment" in done.stderr, done.stderr
            return False
        until(lambda: shown.process.reports()[0].attempts > before, "one more try")
        return True

    until(retried, "a retry between two tries")
    assert outbox("drop", str(number)).returncode == 1, "nobody has confirmed it"
    assert outbox("drop", str(number), "--yes", "--reason", "a test").returncode == 0
    ended = until(
        lambda: [row for row in shown.process.reports() if row.status == "withdrawn"], "its end on disk"
    )
    assert "a test" in ended[0].answer and f"uid {os.getuid()}" in ended[0].answer
    shown.process.until_said("withdrawn: the report .* was dropped by uid")
    assert any("was dropped by" in verdict["why"] for verdict in shown.process.status()["verdicts"])
    again = outbox("drop", str(number), "--yes")
    assert again.returncode == 1 and "does not wait any more" in again.stderr


def test_a_monitor_that_was_killed_is_dead_and_no_other_hides_it(start: Start, service: Service) -> None:
    service()
    shown = start("processmonitor")
    other = start("introspectiveinstancemonitor")
    shown.until_kind()
    until(lambda: other.process.status().get("health"), lambda: "the other one's status")
    shown.process.signal(signal.SIGKILL)
    code, said = exit_code(other)
    assert code == 1 and "processmonitor is dead" in said
    other.process.signal(signal.SIGTERM)
    code, said = exit_code(other)
    assert code == 3 and "processmonitor is dead" in said, "one is dead, one was stopped: none runs"


def test_a_monitor_that_is_stopped_does_not_answer_and_nobody_knows_how_it_is(
    start: Start, service: Service
) -> None:
    service()
    shown = start("processmonitor")
    shown.until_kind()
    os.kill(shown.process.pid, signal.SIGSTOP)
    try:
        code, said = exit_code(shown)
        assert code == 4 and "processmonitor does not answer" in said
        assert '"unanswered": "hung"' in exit_code(shown, "--json")[1]
    finally:
        os.kill(shown.process.pid, signal.SIGCONT)
    shown.until_kind()
    assert exit_code(shown)[0] == 0


def test_one_that_was_stopped_is_none_that_runs(start: Start) -> None:
    shown = start("processmonitor")
    until(shown.process.status, "its status")
    assert shown.process.signal(signal.SIGTERM) == 0
    code, said = exit_code(shown)
    assert code == 3 and "No monitor is running" in said


def test_systemd_is_told_of_a_blind_monitor_that_it_is_ready_and_blind(start: Start, tmp_path: Path) -> None:
    """Not to be ready would have it started again and again, for which no Consul agent comes back."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(path))
        systemd.settimeout(PATIENCE)
        start(
            "hostmonitor",
            env={"NOTIFY_SOCKET": str(path)},
            host={"monitoring_driver": "consul"},
            consul={"agent_manage": NOBODY},
        )
        told: list[str] = []
        while "READY=1" not in told:
            told += systemd.recv(10_000).decode().splitlines()
    assert told[0].startswith("EXTEND_TIMEOUT_USEC=")
    (*_, status) = [line for line in told if line.startswith("STATUS=")]
    assert status.startswith("STATUS=hostmonitor blind: link:manage")
