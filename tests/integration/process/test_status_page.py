"""The status page of a running monitor, and strangers at it: a death is reported all the same."""

import re
import socket
import subprocess
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from tests.fixtures.fake_masakari import FakeMasakari
from tests.fixtures.monitor_process import MonitorProcess
from tests.integration.process.rig import Zoo

pytestmark = pytest.mark.xdist_group("process")

DESCRIPTORS = 1024
"""What systemd gives a service, so that all of them could be used up."""

IDLE = 1100


class Limited(MonitorProcess):
    """A monitor that may not have more descriptors, whatever it asks for."""

    def launch(self, argv: Sequence[str]) -> "subprocess.Popen[bytes]":
        """Through prlimit, which becomes the monitor."""
        return super().launch(["prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}", *argv])


def monitor(folder: Path, masakari: FakeMasakari, program: Path, listen: str) -> Limited:
    folder.mkdir()
    (folder / "list.yaml").write_text(
        yaml.safe_dump([{"process_name": str(program), "restart_command": "false"}])
    )
    process = {"restart_retries": 0, "restart_interval": 1, "restart_grace": 0, "own_pid_namespace": True}
    return Limited(
        "processmonitor",
        folder,
        {
            "DEFAULT": {"hostname": "node1"},
            "api": {"auth_type": "none", "endpoint": masakari.endpoint()},
            "process": {"process_list_path": folder / "list.yaml", **process},
            "status": {"listen": listen},
        },
    )


def test_a_thousand_idle_connections_hide_no_death(zoo: Zoo, tmp_path: Path) -> None:
    program = zoo.binary("nova-compute")
    service = zoo.run(program, "1000")
    with FakeMasakari(["node1"]) as masakari, ExitStack() as stack:
        running = stack.enter_context(monitor(tmp_path / "monitor", masakari, program, "127.0.0.1:0"))
        running.until_shown(f"process:{program}", "running")
        running.until_said(r"status at http://127\.0\.0\.1:\d+/")
        found = re.search(r"status at (http://127\.0\.0\.1:(\d+)/)", running.text())
        assert found
        for _ in range(IDLE):
            idle = stack.enter_context(socket.create_connection(("127.0.0.1", int(found[2]))))
            idle.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        zoo.kill(service)
        masakari.until_heard(("node1", "STOPPED"))
        # Both are still there for those who ask.
        assert running.status()["monitor"] == "processmonitor"
        with urllib.request.urlopen(found[1] + "healthz", timeout=60) as answer:
            assert answer.status == 200


def test_a_file_where_it_is_to_listen_is_left_and_what_it_watches_is_watched(
    zoo: Zoo, tmp_path: Path
) -> None:
    program, precious = zoo.binary("nova-compute"), tmp_path / "important.txt"
    zoo.run(program, "1000")
    precious.write_text("important\n")
    with FakeMasakari(["node1"]) as masakari, monitor(tmp_path / "m", masakari, program, str(precious)) as it:
        it.until_shown(f"process:{program}", "running")
        it.until_said(r"\[status\] listen = .* cannot be had .*an ordinary file stands there.*left as it is")
    assert precious.read_text() == "important\n"
