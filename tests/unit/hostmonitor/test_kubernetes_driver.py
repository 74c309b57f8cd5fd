"""The Kubernetes driver's wiring: what its options make of it, and what it refuses."""

from pathlib import Path

import pytest
from oslo_config import cfg

from masakarimonitors import conf as house
from masakarimonitors.conf import ConfigFault
from masakarimonitors.hostmonitor.observation import CheckPower, Power, PowerSeen
from masakarimonitors.hostmonitor.sources.kubernetes import build
from tests.fixtures.fake_clock import FakeClock


def load(tmp_path: Path, text: str) -> cfg.ConfigOpts:
    path = tmp_path / "conf"
    path.write_text(f"[DEFAULT]\nhostname = n1\n{text}")
    return house.load(["--config-file", str(path)], default_config_files=[], default_config_dirs=[])


def power_file(tmp_path: Path) -> Path:
    password, path = tmp_path / "password", tmp_path / "power.yaml"
    password.write_text("secret")
    path.write_text(f"n2: {{driver: ipmi, address: b, credentials_file: {password}}}")
    for file in (password, path):
        file.chmod(0o600)
    return path


def test_without_bmcs_a_lost_node_is_reported_at_once_by_the_elected_monitor(tmp_path: Path) -> None:
    driver = build(load(tmp_path, ""), "n1", FakeClock())
    assert (driver.name, driver.matrix.sequence, driver.needs_proof, driver.elected) == (
        "kubernetes",
        ("kubernetes",),
        False,
        True,
    )
    assert [source.name for source in driver.sources] == ["kubernetes nodes", "kubernetes reporter election"]


def test_with_bmcs_proof_is_needed_unless_the_check_is_disabled(tmp_path: Path) -> None:
    options = f"[host]\npower_config_file = {power_file(tmp_path)}\n"
    assert build(load(tmp_path, options), "n1", FakeClock()).needs_proof
    assert not build(load(tmp_path, options + "disable_ipmi_check = true\n"), "n1", FakeClock()).needs_proof


def test_when_all_report_nobody_is_elected(tmp_path: Path) -> None:
    driver = build(load(tmp_path, "[host]\nreporter = all\n"), "n1", FakeClock())
    assert not driver.elected and len(driver.sources) == 1


async def test_the_question_for_proof_is_always_answered(tmp_path: Path) -> None:
    driver = build(load(tmp_path, ""), "n1", FakeClock())
    assert driver.effects is not None
    answer = await driver.effects.perform(CheckPower("n2", 1))
    assert isinstance(answer, PowerSeen) and answer.power is Power.NO_PROOF


def test_a_file_that_cannot_be_used_is_refused_at_start(tmp_path: Path) -> None:
    path = power_file(tmp_path)
    path.chmod(0o644)
    with pytest.raises(ConfigFault, match="everyone may read"):
        build(load(tmp_path, f"[host]\npower_config_file = {path}\n"), "n1", FakeClock())
    with pytest.raises(ConfigFault, match=r"kubeconfig = /nonexistent cannot be read"):
        build(load(tmp_path, "[kubernetes]\nkubeconfig = /nonexistent\n"), "n1", FakeClock())
