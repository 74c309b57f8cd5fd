"""The console scripts: each name that is installed starts the monitor of that name."""

import importlib
import sys
import tomllib
from pathlib import Path

import pytest

from masakarimonitors.cmd import monitors, runner
from masakarimonitors.cmd.wiring import MONITORS

SCRIPTS: dict[str, str] = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())[
    "project"
]["scripts"]


@pytest.mark.parametrize("name", MONITORS)
def test_a_script_starts_its_own_monitor(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module, _, function = SCRIPTS[f"masakari-{name}"].partition(":")
    start = getattr(importlib.import_module(module), function)
    assert start is getattr(monitors, name)
    monkeypatch.setattr(sys, "argv", [f"masakari-{name}", "--help"])
    monkeypatch.setattr(runner, "leave", sys.exit)  # it would end this process
    with pytest.raises(SystemExit) as left:
        start()
    assert left.value.code == 0
    assert f"usage: masakari-{name} " in capsys.readouterr().out
