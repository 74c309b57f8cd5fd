"""Where state goes, and what is said when it can go nowhere."""

import contextlib
import errno
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from oslo_config import cfg

from masakarimonitors import conf
from masakarimonitors.conf import ConfigFault, state_path
from masakarimonitors.conf.state_path import Found, Standing


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
    assert f"{obstacle}/x" in said and f"{obstacle} is no folder" in said


def test_nothing_is_left_behind_by_looking(tmp_path: Path) -> None:
    found = state_path.resolve(loaded(tmp_path, tmp_path / "s"), {})
    assert found is not None and list(found.iterdir()) == []


@contextlib.contextmanager
def disk_fault(monkeypatch: pytest.MonkeyPatch, number: int, folder: Path) -> Iterator[None]:
    """Below `folder` no file can be made."""
    really = os.open

    def made(path: str, flags: int, *rest: int, **named: int) -> int:
        if flags & os.O_CREAT and str(path).startswith(str(folder)):
            raise OSError(number, os.strerror(number), path)
        return really(path, flags, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", made)
        yield


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EPERM])
def test_a_full_disk_is_no_reason_to_end_nor_to_go_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    system = tmp_path / "system"
    system.mkdir()
    with disk_fault(monkeypatch, number, system):
        assert state_path.resolve(loaded(tmp_path, system), {}) == system
        assert state_path.resolve(loaded(tmp_path), {"HOME": str(tmp_path)}, system) == system
    assert caplog.text.count("takes nothing") == 2 and "Make room" in caplog.text
    assert not (tmp_path / ".local").exists()


def test_a_folder_that_is_refused_is_an_end_when_it_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "s").mkdir()
    with (
        disk_fault(monkeypatch, errno.EACCES, tmp_path / "s"),
        pytest.raises(ConfigFault, match="cannot write there"),
    ):
        state_path.resolve(loaded(tmp_path, tmp_path / "s"), {})


def test_the_folder_that_holds_the_outbox_wins_and_it_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home = tmp_path / "home"
    held = home / ".local/state/masakarimonitors"
    held.mkdir(parents=True)
    (held / "processmonitor.sqlite").touch()
    environ, system = {"HOME": str(home)}, tmp_path / "system"
    conf_ = loaded(tmp_path)
    assert state_path.resolve(conf_, environ, system, names=["processmonitor"]) == held
    assert f"{system} would come first" in caplog.text
    assert not system.exists()
    assert state_path.resolve(conf_, environ, system, names=["hostmonitor"]) == system


def test_a_folder_that_is_passed_over_is_named(
    tmp_path: Path, obstacle: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert state_path.resolve(loaded(tmp_path), {"HOME": str(tmp_path)}, obstacle / "x") is not None
    assert f"{obstacle}/x is passed over as a folder for state: {obstacle} is no folder" in caplog.text


def test_looking_makes_nothing(tmp_path: Path, obstacle: Path) -> None:
    system, environ = tmp_path / "var" / "system", {"HOME": str(tmp_path / "home")}
    conf_ = loaded(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    chosen, remarks = state_path.plan(conf_, environ, system, names=["processmonitor"])
    assert chosen is not None and (chosen.folder, chosen.standing, remarks) == (system, Standing.READY, [])
    found = state_path.search(conf_, ".sock", ["processmonitor"], environ, system)
    assert (found.folder, found.unknown) == (system, "")
    chosen, remarks = state_path.plan(conf_, environ, obstacle / "x", names=["processmonitor"])
    assert chosen is not None and chosen.folder == tmp_path / "home/.local/state/masakarimonitors"
    assert remarks == [f"{obstacle}/x is passed over as a folder for state: {obstacle} is no folder"]
    assert sorted(tmp_path.rglob("*")) == before


def test_a_reader_finds_the_folder_in_which_something_is(tmp_path: Path) -> None:
    system, home = tmp_path / "system", tmp_path / "home"
    environ, conf_ = {"HOME": str(home)}, loaded(tmp_path)
    there = home / ".local/state/masakarimonitors"
    there.mkdir(parents=True)
    (there / "hostmonitor.sock").touch()
    found = state_path.search(conf_, ".sock", ["processmonitor", "hostmonitor"], environ, system)
    assert found == Found(there)
    assert state_path.find(conf_, ".sqlite", ["hostmonitor"], environ, system) == system


@pytest.mark.skipif(os.geteuid() != 0, reason="asked of root alone")
def test_root_takes_no_folder_in_which_others_can_write(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    system, environ = tmp_path / "system", {"HOME": str(tmp_path / "home")}
    system.mkdir()
    os.chown(system, 65534, 65534)
    with pytest.raises(ConfigFault, match=r"state_path = .*belongs to uid 65534.*chown root:root"):
        state_path.resolve(loaded(tmp_path, system), {})
    found = state_path.resolve(loaded(tmp_path), environ, system, names=["processmonitor"])
    assert found == tmp_path / "home/.local/state/masakarimonitors"
    assert f"{system} is passed over" in caplog.text and "belongs to uid 65534" in caplog.text
    (system / "processmonitor.sqlite").touch()
    with pytest.raises(ConfigFault, match=r"The outbox is in .*belongs to uid 65534"):
        state_path.resolve(loaded(tmp_path), environ, system, names=["processmonitor"])


@pytest.mark.parametrize(
    "number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.EAGAIN, errno.EACCES]
)
def test_the_folder_that_holds_the_outbox_is_never_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    system, home = tmp_path / "system", tmp_path / "home"
    system.mkdir()
    (system / "processmonitor.sqlite").touch()
    with (
        disk_fault(monkeypatch, number, system),
        pytest.raises(ConfigFault, match=f"The outbox is in .*{os.strerror(number)}.*nothing is started"),
    ):
        state_path.resolve(loaded(tmp_path), {"HOME": str(home)}, system, names=["processmonitor"])
    assert not home.exists()


def test_an_immutable_folder_that_holds_the_outbox_is_kept_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    system, environ = tmp_path / "system", {"HOME": str(tmp_path / "home")}
    system.mkdir()
    (system / "processmonitor.sqlite").touch()
    with disk_fault(monkeypatch, errno.EPERM, system):
        assert state_path.resolve(loaded(tmp_path), environ, system, names=["processmonitor"]) == system
    assert "takes nothing" in caplog.text


@contextlib.contextmanager
def closed(monkeypatch: pytest.MonkeyPatch, folder: Path, number: int) -> Iterator[None]:
    """Nothing below `folder` can be looked at."""
    really = Path.lstat

    def looked(path: Path) -> os.stat_result:
        if folder in path.parents:
            raise OSError(number, os.strerror(number), str(path))
        return really(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "lstat", looked)
        yield


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_what_cannot_be_seen_is_not_taken_for_no_outbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    system, home = tmp_path / "system", tmp_path / "home"
    there = home / ".local/state/masakarimonitors"
    environ, conf_ = {"HOME": str(home)}, loaded(tmp_path)
    with (
        closed(monkeypatch, system, number),
        pytest.raises(ConfigFault, match=r"cannot be seen by uid .*nothing is started"),
    ):
        state_path.resolve(conf_, environ, system, names=["processmonitor"])
    assert not there.exists()
    there.mkdir(parents=True)
    (there / "processmonitor.sqlite").touch()
    with closed(monkeypatch, system, number):
        assert state_path.resolve(conf_, environ, system, names=["processmonitor"]) == there
    assert f"{system} is passed over" in caplog.text and os.strerror(number) in caplog.text


def test_a_closed_folder_that_comes_later_is_not_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system, home = tmp_path / "system", tmp_path / "home"
    with closed(monkeypatch, home, errno.EACCES):
        found = state_path.resolve(loaded(tmp_path), {"HOME": str(home)}, system, names=["processmonitor"])
    assert found == system


def test_a_shadow_s_folder_is_its_own_wherever_state_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_DEFAULT__SHADOW", "true")
    real = tmp_path / "real"
    real.mkdir()
    (real / "hostmonitor.sqlite").touch()
    shadow = loaded(tmp_path, real)
    assert state_path.resolve(shadow, {}, names=["hostmonitor"]) == real / "shadow"
    assert state_path.search(shadow, ".sqlite", ["hostmonitor"], {}) == Found(real / "shadow", (), True)
    environ = {"STATE_DIRECTORY": str(real), "HOME": str(tmp_path)}
    assert state_path.resolve(loaded(tmp_path), environ, tmp_path / "system") == real / "shadow"
    folders = state_path.folders(loaded(tmp_path), environ, tmp_path / "system")
    assert {folder.name for folder in folders} == {"shadow"}


def test_a_shadow_that_comes_first_leaves_the_folder_as_a_working_monitor_makes_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        assert state_path._make(tmp_path / "state" / state_path.SHADOW) == (Standing.READY, "")
    finally:
        os.umask(before)
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
