"""The alert agent as Pacemaker runs it: what it sends, and what it may be written in."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from masakarimonitors.hostmonitor.drivers.pacemaker.alerts import agent
from masakarimonitors.hostmonitor.drivers.pacemaker.alerts.socket import Alerts
from tests.fixtures.waiting import PATIENCE, until

AGENT = Path(agent.__file__)
NODE_LOST = {
    "CRM_alert_kind": "node",
    "CRM_alert_node": "n2",
    "CRM_alert_desc": "lost",
    "CRM_alert_version": "2.1.5",
}


def start_agent(
    recipient: Path, alert: dict[str, str], agent: str | Path = AGENT
) -> "subprocess.Popen[bytes]":
    """As Pacemaker does: nothing of our environment, no arguments."""
    environment = {**alert, "CRM_alert_recipient": str(recipient), "PATH": os.environ["PATH"]}
    return subprocess.Popen([sys.executable, "-IS", str(agent)], env=environment, cwd="/")


def run_agent(recipient: Path, alert: dict[str, str]) -> int:
    """To its end."""
    return start_agent(recipient, alert).wait(60)


async def test_an_alert_arrives_as_one_line(tmp_path: Path) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    alerts = Alerts(tmp_path / "run" / "alert.sock", heard.put_nowait)
    try:
        assert await asyncio.to_thread(run_agent, tmp_path / "run" / "alert.sock", NODE_LOST) == 0
        async with asyncio.timeout(30):
            assert await heard.get() == "kind=node node=n2 desc=lost"
    finally:
        alerts.close()
    assert not (tmp_path / "run" / "alert.sock").exists()


@pytest.mark.parametrize("left", ["nothing", "dead socket"])
def test_nobody_listening_is_no_error(tmp_path: Path, left: str) -> None:
    path = tmp_path / "alert.sock"
    if left == "dead socket":
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead:
            dead.bind(str(path))
    assert run_agent(path, NODE_LOST) == 0


@contextlib.contextmanager
def busy_monitor(path: Path) -> Iterator[socket.socket]:
    """A socket whose queue is full."""
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as monitor,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as others,
    ):
        monitor.bind(str(path))
        others.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                others.sendto(b"another", str(path))
        yield monitor


def has_opened_its_socket(process: "subprocess.Popen[bytes]") -> bool:
    """Or has ended: what it had to say it has said, or dropped."""
    folder = Path(f"/proc/{process.pid}/fd")
    with contextlib.suppress(OSError):
        return (
            any(os.readlink(fd).startswith("socket:") for fd in folder.iterdir())
            or process.poll() is not None
        )
    return process.poll() is not None


def test_a_monitor_that_is_busy_loses_no_alert(tmp_path: Path) -> None:
    """The kernel keeps a few alerts for it; many hosts that are restarted at once make more."""
    waits = "ROOM = 3.0\n"
    assert AGENT.read_text().count(waits) == 1
    patient = tmp_path / "agent.py"  # this test may be slower than any monitor
    patient.write_text(AGENT.read_text().replace(waits, f"ROOM = {PATIENCE}\n"))
    with busy_monitor(tmp_path / "alert.sock") as monitor:
        agent_process = start_agent(tmp_path / "alert.sock", NODE_LOST, patient)
        until(lambda: has_opened_its_socket(agent_process), "the agent's socket")
        monitor.settimeout(PATIENCE)
        while (heard := monitor.recv(2048)) == b"another":
            pass
        assert heard == b"kind=node node=n2 desc=lost"
        assert agent_process.wait(30) == 0


def test_a_monitor_that_hangs_is_not_waited_for_for_long(tmp_path: Path) -> None:
    with busy_monitor(tmp_path / "alert.sock"):
        assert run_agent(tmp_path / "alert.sock", NODE_LOST) == 0


def test_the_agent_keeps_to_the_standard_library_and_to_old_python() -> None:
    tree = compile(AGENT.read_text(), str(AGENT), "exec", flags=0x400, dont_inherit=True)
    import ast

    assert isinstance(tree, ast.Module)
    ast.parse(AGENT.read_text(), feature_version=(3, 6))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported == {"os", "socket", "sys"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert AGENT.read_text().startswith("#!/usr/bin/python3")
