"""What third-party host drivers call to run commands and the like."""

import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from oslo_config import cfg

from masakarimonitors import privsep, utils


def test_a_command_gives_what_it_printed() -> None:
    assert utils.execute("sh", "-c", "echo out; echo err >&2") == ("out\n", "err\n")


@pytest.mark.parametrize(
    ("expected", "fails"), [([0], True), (0, True), (True, True), (3, False), ([1, 3], False), (False, False)]
)
def test_an_exit_code_that_was_not_expected_is_an_error(expected: Any, fails: bool) -> None:
    command = ("sh", "-c", "echo out; echo err >&2; exit 3")
    if not fails:
        assert utils.execute(*command, check_exit_code=expected) == ("out\n", "err\n")
        return
    with pytest.raises(utils.ProcessExecutionError) as fault:
        utils.execute(*command, check_exit_code=expected)
    assert (fault.value.exit_code, fault.value.stdout, fault.value.stderr) == (3, "out\n", "err\n")


def test_a_command_that_is_not_there_is_an_oserror() -> None:
    with pytest.raises(OSError, match="/nonexistent"):
        utils.execute("/nonexistent")


def test_how_a_command_is_run(tmp_path: Path) -> None:
    out, _ = utils.execute(
        "cat; pwd; echo $A", shell=True, process_input="in ", cwd=str(tmp_path), env_variables={"A": "b"}
    )
    assert out == f"in {tmp_path}\nb\n"
    assert utils.execute("printf", r"\377", binary=True) == (b"\xff", b"")


def test_a_command_that_takes_too_long_is_an_error() -> None:
    with pytest.raises(utils.ProcessExecutionError):
        utils.execute("sleep", "60", timeout=0.1)


def test_a_command_is_tried_as_often_as_is_asked(tmp_path: Path) -> None:
    count = f"echo x >> {tmp_path}/count; test $(wc -l < {tmp_path}/count) -ge 3"
    utils.execute("sh", "-c", count, attempts=3, delay_on_retry=False)
    assert (tmp_path / "count").read_text() == "x\n" * 3


def test_a_command_for_root_goes_to_the_helper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(utils, "privsep_execute", lambda *cmd, **how: ("by the helper", cmd))
    assert utils.execute("id", run_as_root=True) == ("by the helper", ("id",))


@pytest.mark.parametrize(("driver", "may"), [("default", False), ("consul", False), ("vendor", True)])
def test_the_helper_takes_a_command_only_where_its_configuration_names_a_third_party_driver(
    driver: str, may: bool, tmp_path: Path
) -> None:
    file = tmp_path / "a.conf"
    file.write_text(f"[host]\nmonitoring_driver = {driver}\n")
    privsep.configure([str(file)], [])
    privsep.monitors_priv.set_client_mode(False)  # as in the helper
    try:
        if may:
            assert utils.execute("echo", "x", run_as_root=True)[0] == "x\n"
            return
        with pytest.raises(PermissionError, match="monitoring_driver"):
            utils.execute("touch", str(tmp_path / "ran"), run_as_root=True)
        assert not (tmp_path / "ran").exists()
    finally:
        privsep.monitors_priv.set_client_mode(True)
        cfg.CONF.clear()


def test_a_temporary_folder_is_gone_afterwards(tmp_path: Path) -> None:
    with utils.tempdir(dir=str(tmp_path)) as folder:
        (Path(folder) / "file").touch()
    assert list(tmp_path.iterdir()) == []


def test_one_at_a_time() -> None:
    @utils.synchronized("test")
    def alone() -> str:
        with pytest.raises(RuntimeError, match="in use"):
            also()
        return "done"

    @utils.synchronized("test")
    def also() -> str:
        return "also"

    @utils.synchronized("test", blocking=True)
    def patient() -> str:
        return "waited"

    assert (alone(), also()) == ("done", "also")
    told: list[str] = []
    thread = threading.Thread(target=lambda: told.append(patient()))
    thread.start()
    thread.join(30)
    assert told == ["waited"]


def test_nothing_is_patched() -> None:
    before = socket.socket, threading.Thread, time.sleep
    utils.monkey_patch()
    assert (socket.socket, threading.Thread, time.sleep) == before
