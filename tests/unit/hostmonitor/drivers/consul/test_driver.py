"""From `[consul]` and the environment to a wired driver, and every fault an operator can make on the way."""

import asyncio
from pathlib import Path

import pytest
from oslo_config import cfg

from masakarimonitors.conf import ConfigFault, load
from masakarimonitors.hostmonitor.core.observation import CheckPower, Power, PowerSeen
from masakarimonitors.hostmonitor.drivers.base import Driver, Endpoint
from masakarimonitors.hostmonitor.drivers.consul.driver import access_to, build, expecting
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.fake_consul import FakeConsul
from tests.unit.hostmonitor.drivers.consul.hearing import Heard

THREE = "agent_manage = 192.168.101.4:8500\nagent_tenant = 192.168.102.4:8500\nagent_storage = 192.168.103.4:8500\n"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TOKEN", "TOKEN_FILE", "SSL", "SSL_VERIFY"):
        monkeypatch.delenv(f"CONSUL_HTTP_{name}", raising=False)
    for name in ("CACERT", "CAPATH", "CLIENT_CERT", "CLIENT_KEY", "TLS_SERVER_NAME"):
        monkeypatch.delenv(f"CONSUL_{name}", raising=False)


def configured(tmp_path: Path, consul: str, host: str = "") -> cfg.ConfigOpts:
    file = tmp_path / "masakarimonitors.conf"
    file.write_text(
        f"[DEFAULT]\nhostname = node04\n[host]\nmonitoring_driver = consul\n{host}\n[consul]\n{consul}\n"
    )
    return load(["--config-file", str(file)])


def driver(tmp_path: Path, consul: str, host: str = "") -> Driver:
    return build(configured(tmp_path, consul, host), "node04", SystemClock())


def fault(tmp_path: Path, consul: str) -> str:
    with pytest.raises(ConfigFault) as caught:
        driver(tmp_path, consul)
    return str(caught.value)


def test_the_manuals_configuration(tmp_path: Path) -> None:
    built = driver(tmp_path, THREE)
    assert built.matrix.sequence == ("manage", "tenant", "storage")
    assert built.elected and built.effects is not None and not built.needs_proof
    assert built.on_path == built.sources[-1].on_path  # type: ignore[attr-defined]
    assert [source.name for source in built.sources] == [
        "consul manage (http://192.168.101.4:8500)",
        "consul tenant (http://192.168.102.4:8500)",
        "consul storage (http://192.168.103.4:8500)",
        "consul-election",
    ]


def test_only_datacentres_with_an_agent_take_part(tmp_path: Path) -> None:
    assert driver(tmp_path, "agent_storage = [fd00::4]:8500").matrix.sequence == ("storage",)


def test_all_report_without_an_election(tmp_path: Path) -> None:
    built = driver(tmp_path, THREE, "reporter = all")
    assert not built.elected and len(built.sources) == 3


def test_a_matrix_may_name_further_datacentres(tmp_path: Path) -> None:
    matrix = tmp_path / "matrix.yaml"
    matrix.write_text(
        "sequence: [manage, backup]\nmatrix:\n"
        "  - {health: [up, up], action: []}\n  - {health: [down, up], action: []}\n"
        "  - {health: [up, down], action: []}\n  - {health: [down, down], action: [recovery]}\n"
    )
    text = f"agent_manage = 127.0.0.1:8500\nagent_backup = unix:///run/b.sock\nmatrix_config_file = {matrix}"
    assert [s.name for s in driver(tmp_path, text).sources][1] == "consul backup (unix:///run/b.sock)"
    missing = fault(tmp_path, f"agent_manage = 127.0.0.1:8500\nmatrix_config_file = {matrix}")
    assert "agent_backup" in missing and "sequence" in missing


def test_faults_name_the_option_and_what_to_do(tmp_path: Path) -> None:
    assert "agent_storage" in fault(tmp_path, "")
    assert "agent_storage = fd00::4:9999" in fault(tmp_path, "agent_storage = fd00::4:9999")
    same = fault(tmp_path, "agent_manage = 127.0.0.1:8500\nagent_storage = 127.0.0.1:8500")
    assert "agent_manage" in same and "agent_storage" in same
    assert "/nonexistent" in fault(tmp_path, THREE + "matrix_config_file = /nonexistent")
    assert "/nonexistent" in fault(tmp_path, THREE + "token_file = /nonexistent")
    assert "verify_storage" in fault(tmp_path, THREE + "verify_storage = perhaps")


def test_one_agent_in_two_spellings_is_one_agent(tmp_path: Path) -> None:
    same = fault(tmp_path, "agent_manage = [fd00::4]:8500\nagent_storage = http://[FD00:0:0::0004]")
    assert "agent_manage" in same and "agent_storage" in same


async def test_with_a_power_file_the_bmc_is_asked(tmp_path: Path) -> None:
    """Critical says that a host is out of reach; without the file nobody could be asked whether it is dead."""
    power = tmp_path / "power.yaml"
    power.write_text("{}\n")
    power.chmod(0o600)
    built = driver(tmp_path, THREE, f"power_config_file = {power}")
    assert built.needs_proof and built.effects is not None
    request = CheckPower("node05", 1)
    answer = await built.effects.perform(request)
    assert isinstance(answer, PowerSeen)
    assert (answer.power, answer.in_reply_to) == (Power.NO_PROOF, request)
    assert built.look_at_power is not None and await built.look_at_power("node05") is None
    for closer in built.closers:
        await closer()
    assert not driver(tmp_path, THREE, f"power_config_file = {power}\ndisable_ipmi_check = true").needs_proof


class Expecting:
    """A prover that notes whom it is to look at, and whether this monitor is the reporter."""

    def __init__(self, leads: bool) -> None:
        self.leads = leads
        self.hosts: list[str] = []

    def expect(self, host: str) -> None:
        self.hosts.append(host)


@pytest.mark.parametrize("leads", [True, False])
def test_the_reporter_alone_has_bmcs_looked_at_ahead(leads: bool) -> None:
    """A hundred monitors that ask one BMC at one moment would be too many for it."""
    proof = Expecting(leads)
    expecting(proof, proof)("node05")
    expecting(None, proof)("node05")
    expecting(proof, None)("node05")
    assert proof.hosts == (["node05"] if leads else [])


def test_more_names_than_can_be_judged_together_are_refused(tmp_path: Path) -> None:
    matrix = tmp_path / "matrix.yaml"
    names = [f"n{at}" for at in range(20)]
    matrix.write_text(f"sequence: [{', '.join(names)}]\nmatrix:\n  - health: [up]\n    action: []\n")
    assert "20 names" in fault(tmp_path, f"agent_manage = 127.0.0.1:8500\nmatrix_config_file = {matrix}")


async def test_signs_of_life_are_looked_for_where_agents_listen(consul: FakeConsul, tmp_path: Path) -> None:
    built = driver(tmp_path, f"agent_storage = {consul.address}", "reporter = all")
    [source] = built.sources
    assert list(built.endpoints("node05")) == []
    heard = Heard()
    task = asyncio.get_running_loop().create_task(source.run(heard.emit))
    await heard.until(lambda: bool(heard.values))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert list(built.endpoints("node05")) == [
        Endpoint("10.0.0.4", 8301, "Consul agent on storage"),
        Endpoint("10.0.0.4", 22, "ssh on storage"),
    ]


def test_a_broken_matrix_is_refused_with_line_and_column(tmp_path: Path) -> None:
    matrix = tmp_path / "matrix.yaml"
    matrix.write_text("sequence: [manage]\nmatrix:\n  - health: [on]\n    action: []\n")
    text = fault(tmp_path, f"agent_manage = 127.0.0.1:8500\nmatrix_config_file = {matrix}")
    assert "line 3" in text and str(matrix) in text


def test_a_datacentres_own_settings_win(tmp_path: Path) -> None:
    for name in ("ca.pem", "storage-token"):
        (tmp_path / name).write_text("x")
    conf = configured(
        tmp_path,
        "agent_manage = https://127.0.0.1:8501\nagent_tenant = 127.0.0.1:8502\nagent_storage = 127.0.0.1:8503\n"
        f"token = everybody\ntoken_tenant = tenants\ntoken_file_storage = {tmp_path}/storage-token\n"
        f"cafile = {tmp_path}/ca.pem\nverify = true\nverify_manage = false\ntls_server_name_manage = server.manage",
    )
    manage, tenant, storage = (access_to(conf, link, {}) for link in ("manage", "tenant", "storage"))
    assert (manage.token, tenant.token) == ("everybody", "tenants")
    assert (manage.token_file, tenant.token_file) == ("", "")
    assert storage.token_file == f"{tmp_path}/storage-token"
    assert (manage.verify, tenant.verify) == (False, True)
    assert manage.server_name == "server.manage" and manage.cafile == f"{tmp_path}/ca.pem"


def test_the_environment_of_consuls_own_tools_is_honoured(tmp_path: Path) -> None:
    for name in ("ca.pem", "cert.pem", "key.pem", "token"):
        (tmp_path / name).write_text("x")
    environment = {
        "CONSUL_HTTP_TOKEN": "from-environment",
        "CONSUL_HTTP_SSL": "true",
        "CONSUL_HTTP_SSL_VERIFY": "false",
        "CONSUL_CACERT": f"{tmp_path}/ca.pem",
        "CONSUL_CLIENT_CERT": f"{tmp_path}/cert.pem",
        "CONSUL_CLIENT_KEY": f"{tmp_path}/key.pem",
        "CONSUL_TLS_SERVER_NAME": "server.dc1.consul",
    }
    access = access_to(configured(tmp_path, "agent_storage = 127.0.0.1:8501"), "storage", environment)
    assert str(access.address) == "https://127.0.0.1:8501"
    assert access.token == "from-environment" and access.verify is False
    assert (access.cafile, access.certfile, access.keyfile) == tuple(
        f"{tmp_path}/{name}.pem" for name in ("ca", "cert", "key")
    )
    assert access.server_name == "server.dc1.consul"
    given = access_to(
        configured(tmp_path, "agent_storage = http://127.0.0.1:8500\ntoken = mine\nverify = true"),
        "storage",
        environment | {"CONSUL_HTTP_TOKEN_FILE": f"{tmp_path}/token"},
    )
    assert (given.token, given.token_file, given.verify) == ("mine", "", True)
    file = access_to(
        configured(tmp_path, "agent_storage = 127.0.0.1:8500"),
        "storage",
        {"CONSUL_HTTP_TOKEN_FILE": f"{tmp_path}/token"},
    )
    assert file.token_file == f"{tmp_path}/token"


def test_a_token_is_never_printed(tmp_path: Path) -> None:
    access = access_to(configured(tmp_path, "agent_storage = 127.0.0.1:8500\ntoken = s3cret"), "storage", {})
    assert "s3cret" not in repr(access)
