"""The Kubernetes driver's wiring: what its options make of it, and what it refuses."""

from pathlib import Path

import pytest
from oslo_config import cfg

from masakarimonitors import conf
from masakarimonitors.conf import ConfigFault
from masakarimonitors.hostmonitor.core.observation import CheckPower, Power, PowerSeen
from masakarimonitors.hostmonitor.drivers.base import Weight
from masakarimonitors.hostmonitor.drivers.kubernetes.driver import build, check_engine
from masakarimonitors.hostmonitor.power.prover import Prover
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.kubernetes_replay import Replay
from tests.unit.hostmonitor.drivers.kubernetes.hearing import node


def load(tmp_path: Path, text: str) -> cfg.ConfigOpts:
    path = tmp_path / "conf"
    path.write_text(f"[DEFAULT]\nhostname = n1\n{text}")
    return conf.load(["--config-file", str(path)], default_config_files=[], default_config_dirs=[])


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
    assert [source.name for source in driver.sources] == ["kubernetes nodes", "kubernetes-election"]
    assert driver.on_path == driver.sources[-1].on_path  # type: ignore[attr-defined]


def test_the_node_that_this_host_is_said_to_be_is_its_own_and_no_guess_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NODE_NAME", raising=False)
    assert build(load(tmp_path, ""), "n1.example", FakeClock()).own_names == frozenset()
    monkeypatch.setenv("NODE_NAME", "n1-node")
    assert build(load(tmp_path, ""), "n1", FakeClock()).own_names == {"n1-node"}


def test_with_bmcs_proof_is_needed_unless_the_check_is_disabled(tmp_path: Path) -> None:
    options = f"[host]\npower_config_file = {power_file(tmp_path)}\n"
    asks = build(load(tmp_path, options), "n1", FakeClock())
    assert asks.needs_proof and asks.look_at_power is not None
    disabled = build(load(tmp_path, options + "disable_ipmi_check = true\n"), "n1", FakeClock())
    assert not disabled.needs_proof and disabled.look_at_power is None


async def test_the_file_with_the_bmcs_is_read_again_while_it_runs_and_they_are_let_go_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[Prover] = []
    monkeypatch.setattr(Prover, "close", lambda prover: closed.append(prover))
    path = power_file(tmp_path)
    options = f"[host]\npower_config_file = {path}\n"
    driver = build(load(tmp_path, options), "n1", FakeClock())
    (file,) = driver.files
    assert file.path == str(path) and file.read() == file.in_force and file.apply is not None
    path.write_text(path.read_text().replace("n2:", "n3:"))
    assert set(file.read()) == {"n3"}
    for closer in driver.closers:
        await closer()
    assert len(closed) == 1
    assert build(load(tmp_path, options + "disable_ipmi_check = true\n"), "n1", FakeClock()).files == ()


def test_when_all_report_nobody_is_elected(tmp_path: Path) -> None:
    driver = build(load(tmp_path, "[host]\nreporter = all\n"), "n1", FakeClock())
    assert not driver.elected and len(driver.sources) == 1


async def test_the_question_for_proof_is_always_answered(tmp_path: Path) -> None:
    driver = build(load(tmp_path, ""), "n1", FakeClock())
    assert driver.effects is not None
    answer = await driver.effects.perform(CheckPower("n2", 1))
    assert isinstance(answer, PowerSeen) and answer.power is Power.NO_PROOF


async def test_the_check_asks_with_what_the_monitor_would_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NODE_NAME", raising=False)
    async with Replay([node("n1", "True"), node("n2", "True")]).serve() as server:
        server.brief = True
        options = f"[kubernetes]\nkubeconfig = {server.kubeconfig(tmp_path)}\nlease_name = ours\n"
        findings = await check_engine(load(tmp_path, options), "n1")
        assert {finding.weight for finding in findings} == {Weight.OK}
        assert server.lease is not None and server.lease["metadata"]["name"] == "ours"
        for named in ("node_name = n9\n", "node_name = none\n"):
            texts = [finding.text for finding in await check_engine(load(tmp_path, options + named), "n1")]
            assert any(("no Node n9" if "n9" in named else "runs on no Node") in text for text in texts)
        monkeypatch.setenv("NODE_NAME", "n2")
        texts = [finding.text for finding in await check_engine(load(tmp_path, options), "n1")]
        assert "kubernetes: this host is the Node n2" in texts
        everybody = await check_engine(load(tmp_path, f"[host]\nreporter = all\n{options}"), "n1")
        assert not any("Lease default" in finding.text for finding in everybody)


def test_a_file_that_cannot_be_used_is_refused_at_start(tmp_path: Path) -> None:
    path = power_file(tmp_path)
    path.chmod(0o644)
    with pytest.raises(ConfigFault, match="everyone may read"):
        build(load(tmp_path, f"[host]\npower_config_file = {path}\n"), "n1", FakeClock())
    with pytest.raises(ConfigFault, match=r"kubeconfig = /nonexistent cannot be read"):
        build(load(tmp_path, "[kubernetes]\nkubeconfig = /nonexistent\n"), "n1", FakeClock())
