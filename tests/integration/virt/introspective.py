"""The introspective monitor at work against a realm, in a thread or as a process of its own."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from masakarimonitors.status import local
from tests.fixtures import lifeline
from tests.integration.virt.realm import Realm, until
from tests.integration.virt.watching import Watch, configuration, watching

NAME = "introspectiveinstancemonitor"
REPORT = "QEMU_GUEST_AGENT_ERROR/STOPPED_FAILED"

FAST = {
    "guest_monitoring_interval": 3,
    "guest_monitoring_timeout": 2,
    "guest_monitoring_failure_threshold": 3,
}
"""A hang is reported after about 15 seconds: libvirt keeps each unanswered call for 5."""


@contextmanager
def pinging(realm: Realm, folder: Path, **options: Any) -> Iterator[Watch]:
    """The monitor runs in this process while the block does; `options` go into its own section."""
    with watching(realm, folder, NAME, realm.uri, {NAME: options}) as watch:
        yield watch


class Accepting:
    """A masakari-api that accepts everything and notes when: `at` is monotonic seconds by machine uuid."""

    def __init__(self) -> None:
        self.at: dict[str, list[float]] = {}
        accepted = self.at

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                uuid = json.loads(body)["notification"]["payload"]["instance_uuid"]
                accepted.setdefault(uuid, []).append(time.monotonic())
                self.send_response(202)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(b'{"notification": {}}')

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Process:
    """The console script, started; `folder` holds its configuration, its state and its log."""

    def __init__(self, arguments: list[str], folder: Path) -> None:
        self.folder = folder
        script = Path(sys.executable).with_name("masakari-introspectiveinstancemonitor")
        self.process = lifeline.spawn([script, *arguments], log=folder / "log")

    def states(self) -> dict[str, str]:
        """State by subject, as its status socket tells; empty before it is there."""
        try:
            document: Any = local.read(self.folder / f"{NAME}.sock")
        except (OSError, ValueError):
            return {}
        return {row["subject"]: row["state"] for row in document["subjects"]}

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def terminate(self) -> float:
        """SIGTERM; the seconds until it has ended."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        return time.monotonic() - begun

    def resident(self) -> float:
        """Resident memory in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


def arguments_for(
    realm: Realm, folder: Path, endpoint: str, uri: str | None = None, **options: Any
) -> list[str]:
    """The command line of a process that watches `realm` and reports to `endpoint`."""
    sections = {NAME: options, "api": {"auth_type": "none", "endpoint": endpoint}}
    arguments = configuration(realm, folder, uri or realm.uri, sections)
    file = Path(arguments[-1])
    file.write_text(
        file.read_text().replace("[DEFAULT]\n", f"[DEFAULT]\nstate_path = {folder}\ndebug = true\n")
    )
    return arguments


@contextmanager
def process(realm: Realm, folder: Path, endpoint: str, **options: Any) -> Iterator[Process]:
    """The monitor runs as a process of its own while the block does."""
    running = Process(arguments_for(realm, folder, endpoint, **options), folder)
    try:
        until(lambda: running.states() or running.process.poll() is not None, "the monitor to start")
        yield running
    finally:
        lifeline.end(running.process)


def run_to_its_end(
    arguments: list[str], environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The console script where it cannot work: its exit code and what it says."""
    script = Path(sys.executable).with_name("masakari-introspectiveinstancemonitor")
    return subprocess.run(
        [script, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **(environment or {})},
        check=False,
    )
