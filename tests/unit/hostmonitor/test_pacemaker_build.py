"""From `[host]` to a wired driver, and what an operator is told when it cannot be."""

from pathlib import Path

import pytest
from oslo_config import cfg

from masakarimonitors import conf as house
from masakarimonitors.conf import ConfigFault
from masakarimonitors.hostmonitor import loading
from masakarimonitors.hostmonitor.sources import pacemaker
from tests.fixtures.fake_clock import FakeClock


def load(folder: Path, text: str = "") -> cfg.ConfigOpts:
    path = folder / "masakarimonitors.conf"
    path.write_text(f"[DEFAULT]\nhostname = n1\n[host]\n{text}\n")
    return house.load(["--config-file", str(path)])


@pytest.mark.parametrize("name", ["default", "simple"])
def test_both_names_load_this_driver(name: str) -> None:
    assert loading.load(name) is pacemaker.build


def test_the_defaults_elect_one_reporter_and_want_proof(tmp_path: Path) -> None:
    driver = pacemaker.build(load(tmp_path), "n1", FakeClock())
    assert [source.name for source in driver.sources] == ["pacemaker", "pacemaker-office"]
    assert driver.elected and driver.needs_proof
    assert driver.matrix.sequence == ("cluster",)


def test_reporter_all_needs_no_office(tmp_path: Path) -> None:
    driver = pacemaker.build(load(tmp_path, "reporter = all"), "n1", FakeClock())
    assert [source.name for source in driver.sources] == ["pacemaker"]
    assert not driver.elected


def test_proof_is_wanted_though_no_controller_may_be_asked(tmp_path: Path) -> None:
    assert pacemaker.build(load(tmp_path, "disable_ipmi_check = true"), "n1", FakeClock()).needs_proof


def test_interfaces_without_ports_are_named_with_their_option(tmp_path: Path) -> None:
    conf = load(tmp_path, "corosync_multicast_interfaces = eth0,eth1\ncorosync_multicast_ports = 5405")
    with pytest.raises(ConfigFault, match=r"corosync_multicast_ports.*2 interfaces"):
        pacemaker.build(conf, "n1", FakeClock())


def test_a_broken_power_config_file_refuses_to_start(tmp_path: Path) -> None:
    path = tmp_path / "power.yaml"
    path.write_text("n2: [")
    path.chmod(0o600)
    with pytest.raises(ConfigFault, match="power_config_file"):
        pacemaker.build(load(tmp_path, f"power_config_file = {path}"), "n1", FakeClock())
