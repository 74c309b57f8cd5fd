"""The console scripts as a service manager and an operator meet them: exit codes, signals, tools."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fixtures.fake_masakari import FakeMasakari
from tests.fixtures.lifeline import end, spawn
from tests.fixtures.monitor_process import BIN
from tests.fixtures.waiting import PATIENCE, until

CONF = """\
[DEFAULT]
hostname = compute-1
state_path = {folder}/state
log_file = {folder}/log
[api]
auth_type = none
endpoint = {endpoint}
[process]
process_list_path = {folder}/list.yaml
restart_retries = 0
restart_interval = 0
restart_grace = 0
own_pid_namespace = true
"""


class Folder:
    """A configuration with one process that nothing can bring back, and what was started with it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.processes: list[subprocess.Popen[bytes]] = []
        (path / "list.yaml").write_text(f"- process_name: {path}/never\n  restart_command: 'false'\n")
        self.configure("http://127.0.0.1:9/v1")

    def configure(self, endpoint: str, more: str = "") -> None:
        (self.path / "conf").write_text(CONF.format(folder=self.path, endpoint=endpoint) + more)

    def start(self, script: str = "masakari-processmonitor", *arguments: str) -> subprocess.Popen[bytes]:
        process = spawn(
            [BIN / script, *arguments, "--config-file", self.path / "conf"],
            log=self.path / "out",
            cwd=self.path,
        )
        self.processes.append(process)
        return process

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        argv: list[str | Path] = [BIN / "masakari-monitors", *arguments, "--config-file", self.path / "conf"]
        environment = {**os.environ, "COLUMNS": "250"}
        return subprocess.run(
            argv, capture_output=True, text=True, timeout=PATIENCE, env=environment, check=False
        )

    def log(self) -> str:
        return "".join(p.read_text() for name in ("log", "out") if (p := self.path / name).exists())

    def until_logged(self, words: str) -> None:
        until(lambda: words in self.log(), lambda: f"{words!r} in the log\n{self.log()}")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    folder = Folder(tmp_path)
    yield folder
    for process in folder.processes:
        end(process)


def test_r21_a_stop_is_asked_for_and_is_a_success_while_the_api_hangs(folder: Folder) -> None:
    with FakeMasakari() as silent:
        silent.hold()
        folder.configure(silent.endpoint())
        monitor = folder.start()
        until(lambda: silent.offers, "the report is being offered, and nobody will answer")
        monitor.send_signal(signal.SIGTERM)
        assert monitor.wait(PATIENCE) == 0
    rows = folder.run("outbox").stdout
    assert "PROCESS compute-1 STOPPED never" in rows and "pending" in rows


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: f.configure("", "[process]\ncheck_interval = soon\n"), "[process] check_interval = soon"),
        (lambda f: (f.path / "list.yaml").write_text("- proces_name: x\n"), "line 1"),
        (lambda f: (f.path / "state").write_text("a file"), "state_path"),
    ],
)
def test_r21_what_can_never_work_ends_at_once_and_says_what_to_do(
    folder: Folder, spoil: Callable[[Folder], None], words: str
) -> None:
    spoil(folder)
    assert folder.start().wait(PATIENCE) == 1
    assert words in folder.log()
    assert "Traceback" not in folder.log()


def test_the_same_monitor_twice_is_refused_with_the_first_one_s_pid(folder: Folder) -> None:
    first = folder.start()
    folder.until_logged("cannot be reached")
    assert folder.start().wait(PATIENCE) == 1
    assert f"in use by process {first.pid}" in folder.log()
    assert first.poll() is None


def test_a_hangup_reads_the_list_again_and_ends_nothing(folder: Folder) -> None:
    monitor = folder.start()
    folder.until_logged("cannot be reached")
    (folder.path / "list.yaml").write_text(f"- process_name: {folder.path}/another\n")
    monitor.send_signal(signal.SIGHUP)
    folder.until_logged("SIGHUP")
    folder.until_logged("another is not running")
    assert monitor.poll() is None


def test_status_shows_what_was_ruled_and_what_waits(folder: Folder) -> None:
    assert folder.run("status").returncode == 3
    folder.start()
    folder.until_logged("cannot be reached")
    shown = folder.run("status")
    assert shown.returncode == 1, shown.stderr
    for words in ("processmonitor", "degraded: masakari-api", "reports: 1 waiting", "Connection refused"):
        assert words in shown.stdout
    document = json.loads(folder.run("status", "--json").stdout)
    assert document["outbox"]["pending"] == 1
    assert any("1 restarts have not brought it back" in verdict["why"] for verdict in document["verdicts"])


def test_the_receiver_takes_what_a_monitor_kept_while_it_was_away(folder: Folder) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder.configure(
        f"http://127.0.0.1:{port}/v1", f"[receiver]\nport = {port}\ndatabase = {folder.path}/r.sqlite\n"
    )
    folder.start()
    folder.until_logged("cannot be reached")
    folder.start("masakari-monitors", "receiver")
    folder.until_logged("Delivered the report about process:")
    assert "delivered" in folder.run("outbox").stdout


def test_a_process_that_came_back_while_the_monitor_was_dead_is_not_accused(folder: Folder) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder.configure(
        f"http://127.0.0.1:{port}/v1", f"[receiver]\nport = {port}\ndatabase = {folder.path}/r.sqlite\n"
    )
    monitor = folder.start()
    folder.until_logged("cannot be reached")
    monitor.kill()
    monitor.wait()
    back = folder.path / "never"
    back.write_text("#!/bin/sh\nwhile :; do sleep 1; done\n")
    back.chmod(0o755)
    folder.processes.append(spawn([back]))
    folder.start("masakari-monitors", "receiver")
    folder.until_logged("Receiving reports at")
    folder.start()
    withdrawn = "the report is withdrawn"
    until(lambda: "withdrawn" in folder.run("outbox").stdout, lambda: f"{withdrawn}\n{folder.log()}")
    assert "accepted PROCESS" not in folder.log()


def test_run_takes_the_named_monitors_and_says_what_it_does(folder: Folder) -> None:
    folder.configure("unused", f"[receiver]\nembedded = true\nport = 0\ndatabase = {folder.path}/r.sqlite\n")
    running = folder.start("masakari-monitors", "run", "--monitor", "processmonitor")
    folder.until_logged("Ctrl-C stops it")
    for words in (
        "processmonitor",
        f"process {folder.path}/never",
        "it recovers nothing",
        "processmonitor.sqlite",
    ):
        assert words in folder.log()
    folder.until_logged("Delivered the report about process:")
    running.send_signal(signal.SIGINT)
    assert running.wait(PATIENCE) == 0


def test_run_goes_on_where_what_it_prints_cannot_be_written(folder: Folder) -> None:
    folder.configure("unused", f"[receiver]\nembedded = true\nport = 0\ndatabase = {folder.path}/r.sqlite\n")
    argv: list[str | Path] = [BIN / "masakari-monitors", "run", "--monitor", "processmonitor"]
    argv += ["--config-file", folder.path / "conf"]
    running = spawn(argv, log=Path("/dev/full"), cwd=folder.path)
    folder.processes.append(running)
    folder.until_logged("Delivered the report about process:")
    running.send_signal(signal.SIGINT)
    assert running.wait(PATIENCE) == 0


def test_check_tells_a_host_that_masakari_does_not_know(folder: Folder) -> None:
    offline = folder.run("check", "--offline")
    assert offline.returncode == 0, offline.stdout
    assert "this host is called compute-1" in offline.stdout
    asked = folder.run("check")
    assert asked.returncode == 1 and "gave no usable answer" in asked.stdout


def test_the_demonstration_ends_with_the_report_delivered(folder: Folder) -> None:
    shown = subprocess.run(
        [BIN / "masakari-monitors", "demo"], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert shown.returncode == 0, shown.stdout + shown.stderr
    for step in (
        "failure seen",
        "restart tried",
        "notification on disk",
        "delivered",
        "The report has arrived",
    ):
        assert step in shown.stdout
