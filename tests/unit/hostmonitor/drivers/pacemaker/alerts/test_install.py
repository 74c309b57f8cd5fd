"""The alert agent's entry in the CIB and its file on a node."""

import os
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from masakarimonitors.hostmonitor.drivers.pacemaker.alerts import install


def test_the_entry_asks_for_nodes_fencing_and_the_wish_to_leave_only() -> None:
    alerts = ET.fromstring(install.entry(Path("/var/lib/pacemaker/agent"), "/run/a.sock"))
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
    with pytest.raises(install.AlertFault, match="pacemaker-cli-utils"):
        install.show(tmp_path / "agent")


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
        install.install(path, "/run/a.sock")
        shown = install.show(path)
        assert (shown.configured_path, shown.recipient) == (str(path), "/run/a.sock")
        assert "current" in shown.file
        assert path.stat().st_mode & 0o777 == 0o755
    path.write_text("older")
    assert "another version" in install.show(path).file
    for _ in range(2):
        install.remove(path)
        assert install.show(path).configured_path is None
        assert not path.exists()
