"""Real host monitors beside the real cluster, and the masakari-api that hears them.

A monitor is the console script, in a process of its own, on the configuration that an operator
would write; it belongs to one node of the cluster and talks to that node's agents through their unix
sockets. The API counts every offer, duplicates included, and knows who made it.
"""

import http.server
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fixtures import lifeline
from tests.integration.consul.cluster import Cluster, node_name

PREFIX = "masakari-monitors/hostmonitor"
# For anything that must happen: machines may be slow and busy, so generous.
PATIENCE = 90.0


def until(condition: Callable[[], Any], what: str | Callable[[], str], seconds: float = PATIENCE) -> None:
    """Wait until the condition holds; fails with `what` (as it is then) after the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what if isinstance(what, str) else what()}")
        time.sleep(0.05)


@dataclass(frozen=True)
class Report:
    """One notification as it was offered: by which node's monitor, of which host, when (monotonic)."""

    sender: str
    host: str
    event: str
    host_status: str
    at: float = field(compare=False)


class Api:
    """A masakari-api that accepts everything; `/<node>/v1` is the endpoint of that node's monitor."""

    def __init__(self, hosts: Sequence[str]) -> None:
        self.reports: list[Report] = []
        self.hosts = list(hosts)
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["notification"]
                assert body["type"] == "COMPUTE_HOST" and self.path.endswith("/v1/notifications")
                payload = body["payload"]
                sender = self.path.split("/")[1]
                api.reports.append(
                    Report(
                        sender, body["hostname"], payload["event"], payload["host_status"], time.monotonic()
                    )
                )
                self._answer(202, {"notification": body | {"notification_uuid": str(len(api.reports))}})

            def do_GET(self) -> None:
                path = self.path.split("?")[0]
                if path.endswith("/segments"):
                    self._answer(200, {"segments": [{"uuid": "s1", "name": "all"}]})
                else:
                    hosts = [{"name": name, "on_maintenance": False} for name in api.hosts]
                    self._answer(200, {"hosts": hosts})

            def _answer(self, status: int, document: Any) -> None:
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def heard(self) -> list[tuple[str, str]]:
        """(host, event) of every offer, in order."""
        return [(report.host, report.event) for report in self.reports]

    def until_heard(self, *expected: tuple[str, str], seconds: float = PATIENCE) -> None:
        """Wait for exactly these offers (in any order); anything else, or one too many, fails."""

        def complete() -> bool:
            heard = self.heard()
            assert all(heard.count(one) <= expected.count(one) for one in heard), self.reports
            return sorted(heard) == sorted(expected)

        until(complete, lambda: f"reports {expected}, heard {self.heard()}", seconds)


class HostMonitor:
    """`masakari-hostmonitor` of one node."""

    def __init__(
        self,
        cluster: Cluster,
        node: int,
        api: Api,
        folder: Path,
        *,
        consul: str = "",
        host: str = "",
    ) -> None:
        self.node = node
        self.name = node_name(node)
        self.folder = folder / self.name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        agents = "".join(
            f"agent_{dc.link} = unix://{cluster.socket(node, dc)}\n" for dc in cluster.datacentres
        )
        (self.folder / "conf").write_text(
            f"[DEFAULT]\nhostname = {self.name}\nstate_path = {self.folder}/state\n"
            f"[api]\nauth_type = none\nendpoint = {api.url}/{self.name}/v1\n"
            f"[host]\nmonitoring_driver = consul\n{host}\n"
            f"[consul]\n{agents}{consul}\n"
        )

    def start(self) -> None:
        """Start the process; returns before it sees anything."""
        # The log of this run alone: what a scenario waits for must not be an earlier one's.
        self.mark = self.log.stat().st_size if self.log.exists() else 0
        script = Path(sys.executable).parent / "masakari-hostmonitor"
        self._process = lifeline.spawn([script, "--config-file", self.folder / "conf"], log=self.log)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """SIGKILL: a crash; SIGTERM: a clean stop. Returns when the process is gone."""
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(20)

    def stop(self) -> None:
        if self._process is not None:
            lifeline.end(self._process)

    def said(self, pattern: str) -> bool:
        """Whether the log has a matching line since `mark`."""
        with self.log.open("rb") as file:
            file.seek(self.mark)
            return re.search(pattern, file.read().decode("utf-8", "replace")) is not None

    def forget(self) -> None:
        """From now on, `said` looks only at what comes."""
        self.mark = self.log.stat().st_size

    def until_said(self, pattern: str, seconds: float = PATIENCE) -> None:
        """Wait for a line of the log, since the start or the last `forget`."""
        until(lambda: self.said(pattern), f"{self.name} says {pattern!r}", seconds)


def reporter(cluster: Cluster) -> int | None:
    """The number of the node whose monitor holds the office, by what stands in Consul."""
    dc = cluster.datacentres[0]
    for node in range(1, cluster.nodes + 1):
        try:
            rows = cluster.ask(node, dc, f"/v1/kv/{PREFIX}/reporter")
            holder = cluster.ask(node, dc, f"/v1/kv/{PREFIX}/reporter?raw")
        except (OSError, ValueError):
            continue
        if rows and rows[0].get("Session"):
            return int(holder["node"].removeprefix("node"))
        return None
    return None
