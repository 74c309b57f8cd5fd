"""The alert agent as Pacemaker runs it: what it sends, and what it may be written in."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from masakarimonitors.hostmonitor.drivers.pacemaker.alerts import agent
from masakarimonitors.hostmonitor.drivers.pacemaker.alerts.socket import Alerts

AGENT = Path(agent.__file__)
NODE_LOST = {
    "CRM_alert_kind": "node",
    "CRM_alert_node": "n2",
    "CRM_alert_desc": "lost",
    "CRM_alert_version": "2.1.5",
}


def run_agent(recipient: Path, alert: dict[str, str]) -> int:
    """As Pacemaker does: nothing of our environment, no arguments."""
    environment = {**alert, "CRM_alert_recipient": str(recipient), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-IS", str(AGENT)]
    return subprocess.run(command, env=environment, cwd="/", timeout=60, check=False).returncode


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
        import socket

        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead:
            dead.bind(str(path))
    assert run_agent(path, NODE_LOST) == 0


def test_the_agent_keeps_to_the_standard_library_and_to_old_python() -> None:
    tree = compile(AGENT.read_text(), str(AGENT), "exec", flags=0x400, dont_inherit=True)
    import ast

    assert isinstance(tree, ast.Module)
    ast.parse(AGENT.read_text(), feature_version=(3, 6))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported == {"os", "socket", "sys"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert AGENT.read_text().startswith("#!/usr/bin/python3")
