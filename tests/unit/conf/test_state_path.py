"""Where state goes, and what is said when it can go nowhere."""

import logging
from pathlib import Path

import pytest
from oslo_config import cfg

from masakarimonitors import conf
from masakarimonitors.conf import ConfigFault, state_path


@pytest.fixture
def obstacle(tmp_path: Path) -> Path:
    """A place where even root cannot make a folder: below a file."""
    file = tmp_path / "a-file"
    file.touch()
    return file


def loaded(tmp_path: Path, state: object = None) -> cfg.ConfigOpts:
    file = tmp_path / "monitors.conf"
    file.write_text("[DEFAULT]\n" if state is None else f"[DEFAULT]\nstate_path = {state}\n")
    return conf.load(["--config-file", str(file)], default_config_dirs=[])


def test_an_explicit_folder_is_made_for_this_user_only(tmp_path: Path) -> None:
    found = state_path.resolve(loaded(tmp_path, tmp_path / "a" / "b"), {})
    assert found == tmp_path / "a" / "b" and found.is_dir()
    assert found.stat().st_mode & 0o077 == 0


def test_an_explicit_folder_that_cannot_be_written_is_fatal(tmp_path: Path, obstacle: Path) -> None:
    with pytest.raises(ConfigFault, match=r"\[DEFAULT\] state_path = .*line 2.*cannot write there"):
        state_path.resolve(loaded(tmp_path, obstacle / "state"), {})


def test_an_explicit_folder_of_the_user_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_path.resolve(loaded(tmp_path, "~/state"), {}) == tmp_path / "state"


def test_systemd_folder_comes_first(tmp_path: Path) -> None:
    environ = {"STATE_DIRECTORY": f"{tmp_path}/one:{tmp_path}/two", "HOME": str(tmp_path)}
    assert state_path.resolve(loaded(tmp_path), environ, tmp_path / "system") == tmp_path / "one"


def test_then_the_system_folder(tmp_path: Path, obstacle: Path) -> None:
    environ = {"STATE_DIRECTORY": f"{obstacle}/x", "HOME": str(tmp_path)}
    assert state_path.resolve(loaded(tmp_path), environ, tmp_path / "system") == tmp_path / "system"


def test_then_the_user_folder(tmp_path: Path, obstacle: Path) -> None:
    conf_ = loaded(tmp_path)
    home = {"HOME": str(tmp_path / "home")}
    state = {"XDG_STATE_HOME": str(tmp_path / "xdg")}
    assert state_path.resolve(conf_, home, obstacle / "x") == tmp_path / "home/.local/state/masakarimonitors"
    assert state_path.resolve(conf_, home | state, obstacle / "x") == tmp_path / "xdg/masakarimonitors"


def test_nowhere_means_memory_and_an_error_that_helps(
    tmp_path: Path, obstacle: Path, caplog: pytest.LogCaptureFixture
) -> None:
    conf_ = loaded(tmp_path)
    with caplog.at_level(logging.ERROR):
        assert state_path.resolve(conf_, {"HOME": str(obstacle)}, obstacle / "x") is None
    (record,) = caplog.records
    said = record.getMessage()
    assert "memory only" in said and "lost" in said and "Set [DEFAULT] state_path" in said
    assert f"{obstacle}/x" in said and "Not a directory" in said


def test_nothing_is_left_behind_by_looking(tmp_path: Path) -> None:
    found = state_path.resolve(loaded(tmp_path, tmp_path / "s"), {})
    assert found is not None and list(found.iterdir()) == []
