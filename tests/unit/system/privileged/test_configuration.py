"""What the helper heeds of its configuration: root's own files, and nothing that the monitor's user could say."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from oslo_config import cfg

from masakarimonitors import privsep
from masakarimonitors.conf.sections import host
from masakarimonitors.system.privileged import configuration
from masakarimonitors.system.privileged.configuration import Refused, process_list_path, third_party_driver

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root's files are heeded")


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)
    cfg.CONF.clear()


def started_with(folder: Path, text: str) -> Path:
    """As oslo.privsep's helper is: its files are those of its command line."""
    file = folder / "a.conf"
    file.write_text(text)
    file.chmod(0o644)
    privsep.configure([str(file)], [])
    return file


def test_the_list_is_where_roots_configuration_says_that_it_is(folder: Path) -> None:
    started_with(folder, "[process]\nprocess_list_path = /etc/x.yaml\n")
    assert process_list_path() == "/etc/x.yaml"


def test_without_a_word_it_is_where_the_monitor_looks_as_well(folder: Path) -> None:
    started_with(folder, "")
    assert process_list_path() == "/etc/masakarimonitors/process_list.yaml"
    assert not third_party_driver()


def test_the_environment_has_no_say(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """sudo keeps what it is told to keep, and oslo.config reads OS_<GROUP>__<OPTION>."""
    monkeypatch.setenv("OS_PROCESS__PROCESS_LIST_PATH", "/tmp/mine.yaml")
    monkeypatch.setenv("OS_HOST__MONITORING_DRIVER", "mine")
    started_with(folder, "[process]\nprocess_list_path = /etc/x.yaml\n")
    assert process_list_path() == "/etc/x.yaml" and not third_party_driver()


def test_a_configuration_that_others_can_write_says_nothing_of_the_list(folder: Path) -> None:
    started_with(folder, "[process]\nprocess_list_path = /etc/x.yaml\n").chmod(0o664)
    with pytest.raises(Refused, match=r"a\.conf is not trusted .* chmod go-w"):
        process_list_path()


def test_a_configuration_that_is_gone_is_a_reason(folder: Path) -> None:
    file = started_with(folder, "")
    file.unlink()
    with pytest.raises(Refused, match="No such file"):
        process_list_path()
    with pytest.raises(Refused, match="cannot read its configuration"):
        third_party_driver()


@pytest.mark.parametrize("driver", [*configuration.OWN_DRIVERS, "vendor"])
def test_only_a_driver_of_somebody_elses_brings_its_own_commands(folder: Path, driver: str) -> None:
    started_with(folder, f"[host]\nmonitoring_driver = {driver}\n")
    assert third_party_driver() is (driver == "vendor")


def test_the_drivers_of_this_project_are_those_of_the_options() -> None:
    assert configuration.OWN_DRIVERS == host.OWN_DRIVERS
