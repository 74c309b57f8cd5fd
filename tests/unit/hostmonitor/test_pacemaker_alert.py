"""The alert agent as Pacemaker runs it, the socket it writes to, and its entry in the CIB."""

import asyncio
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from masakarimonitors.hostmonitor import pacemaker_alert, pacemaker_alert_agent
from masakarimonitors.hostmonitor.sources.pacemaker_alerts import Alerts

AGENT = Path(pacemaker_alert_agent.__file__)
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
        assert await asyncio.wait_for(heard.get(), 30) == "kind=node node=n2 desc=lost"
    finally:
        alerts.close()
    assert not (tmp_path / "run" / "alert.sock").exists()


async def test_a_socket_left_behind_is_replaced_and_a_successors_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "alert.sock"
    path.touch()
    first = Alerts(path, lambda text: None)
    second = Alerts(path, lambda text: None)
    first.close()
    assert path.exists()
    second.close()
    assert not path.exists()


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


def test_the_entry_asks_for_nodes_fencing_and_the_wish_to_leave_only() -> None:
    alerts = ET.fromstring(pacemaker_alert.entry(Path("/var/lib/pacemaker/agent"), "/run/a.sock"))
    (alert,) = alerts
    assert alert.get("path") == "/var/lib/pacemaker/agent"
    select = alert.find("select")
    assert select is not None
    assert [child.tag for child in select] == ["select_nodes", "select_fencing", "select_attributes"]
    assert [a.get("name") for a in select.iter("attribute")] == ["shutdown"]
    recipient = alert.find("recipient")
    assert recipient is not None and recipient.get("value") == "/run/a.sock"


def test_without_cibadmin_the_tool_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pacemaker_alert.AlertFault, match="pacemaker-cli-utils"):
        pacemaker_alert.show(tmp_path / "agent")


@pytest.fixture
def cib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cibadmin that keeps its <alerts> in a file."""
    store = tmp_path / "alerts.xml"
    store.write_text("<alerts/>")
    program = tmp_path / "bin" / "cibadmin"
    program.parent.mkdir()
    program.write_text(
        f"""#!/bin/sh
case "$1" in
--query) echo "<cib><configuration>$(cat {store})</configuration></cib>" ;;
--modify) shift; while [ $# -gt 1 ]; do shift; done; echo "$1" >{store} ;;
--delete) echo '<alerts/>' >{store} ;;
esac
"""
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return store


def test_install_show_and_remove_can_all_be_done_twice(cib: Path, tmp_path: Path) -> None:
    path = tmp_path / "agent"
    for _ in range(2):
        pacemaker_alert.install(path, "/run/a.sock")
        shown = pacemaker_alert.show(path)
        assert (shown.configured_path, shown.recipient) == (str(path), "/run/a.sock")
        assert "current" in shown.file
        assert path.stat().st_mode & 0o777 == 0o755
    path.write_text("older")
    assert "another version" in pacemaker_alert.show(path).file
    for _ in range(2):
        pacemaker_alert.remove(path)
        assert pacemaker_alert.show(path).configured_path is None
        assert not path.exists()
