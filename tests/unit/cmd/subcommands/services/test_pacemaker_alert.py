"""`masakari-monitors pacemaker-alert`: the installer's words and faults, as an operator meets them."""

import json
import os
from pathlib import Path

import pytest

from masakarimonitors.hostmonitor.drivers.pacemaker.alerts import agent
from tests.unit.cmd.conftest import Run


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cibadmin that knows no alert and keeps what it is to write."""
    program = tmp_path / "bin" / "cibadmin"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\n[ "$1" = --query ] && echo "<cib><configuration/></cib>" || echo "$@" >>{tmp_path}/written\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return tmp_path / "written"


@pytest.mark.parametrize(
    ("arguments", "socket"), [((), "/run/of-this-node.sock"), (("--socket", "/run/x.sock"), "/run/x.sock")]
)
def test_the_socket_is_the_configured_one_unless_another_is_named(
    run: Run, written: Path, tmp_path: Path, arguments: tuple[str, ...], socket: str
) -> None:
    with (tmp_path / "monitors.conf").open("a") as file:
        file.write("[host]\npacemaker_alert_socket = /run/of-this-node.sock\n")
    path = tmp_path / "agent"
    assert run("pacemaker-alert", "install", "--path", str(path), *arguments) == 0
    assert path.read_text() == Path(agent.__file__).read_text()
    assert f'value="{socket}"' in written.read_text()


def test_what_was_done_is_said(
    run: Run, written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "agent"
    assert run("pacemaker-alert", "install", "--path", str(path)) == 0
    assert f"copied the alert agent to {path}" in capsys.readouterr().out
    assert run("pacemaker-alert", "show", "--path", str(path)) == 0
    assert capsys.readouterr().out == f"CIB:  does not name the alert agent\nfile: {path} is current\n"
    assert run("pacemaker-alert", "show", "--json", "--path", str(path)) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"configured_path": None, "recipient": None, "file": f"{path} is current"}
    assert run("pacemaker-alert", "remove", "--path", str(path)) == 0
    assert f"removed {path}" in capsys.readouterr().out
    assert not path.exists()


@pytest.mark.parametrize("action", ["install", "remove", "show"])
def test_what_cannot_be_done_is_one_sentence_and_an_exit_code(
    run: Run, tmp_path: Path, action: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run("pacemaker-alert", action, "--path", str(tmp_path / "agent")) == 1
    said = capsys.readouterr().err
    assert said.startswith("masakari-monitors: cibadmin is not installed") and said.count("\n") == 1
