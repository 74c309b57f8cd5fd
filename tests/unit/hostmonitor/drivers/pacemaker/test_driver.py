"""From `[host]` to a wired driver, and what an operator is told when it cannot be."""

from pathlib import Path

import pytest
from oslo_config import cfg

from masakarimonitors.conf import ConfigFault, loader
from masakarimonitors.hostmonitor.core.observation import Power
from masakarimonitors.hostmonitor.drivers import base
from masakarimonitors.hostmonitor.drivers.base import Weight
from masakarimonitors.hostmonitor.drivers.pacemaker import driver as pacemaker
from masakarimonitors.hostmonitor.drivers.pacemaker import examine
from masakarimonitors.hostmonitor.drivers.pacemaker.alerts.senders import Accounts
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import Worth
from masakarimonitors.hostmonitor.drivers.pacemaker.tools.commands import Commands
from masakarimonitors.hostmonitor.power.prover import PowerPolicy, Prover
from masakarimonitors.system.processes.command import Finished
from tests.fixtures.fake_clock import FakeClock
from tests.unit.hostmonitor.drivers.pacemaker.tools.test_commands import Shell

DATA = Path(__file__).parents[4] / "data" / "pacemaker"


def load(folder: Path, text: str = "") -> cfg.ConfigOpts:
    path = folder / "masakarimonitors.conf"
    path.write_text(f"[DEFAULT]\nhostname = n1\n[host]\n{text}\n")
    return loader.load(["--config-file", str(path)])


@pytest.mark.parametrize("name", ["default", "simple"])
def test_both_names_load_this_driver(name: str) -> None:
    assert base.load(name) is pacemaker.build


def test_the_defaults_elect_one_reporter_and_want_proof(tmp_path: Path) -> None:
    driver = pacemaker.build(load(tmp_path), "n1", FakeClock())
    assert [source.name for source in driver.sources] == [
        "pacemaker",
        "pacemaker-election",
        "fencing devices",
    ]
    assert driver.elected and driver.needs_proof
    assert driver.on_path == driver.sources[1].on_path  # type: ignore[attr-defined]
    assert driver.matrix.sequence == ("cluster",)


def test_this_host_may_have_another_name_in_the_cluster(tmp_path: Path) -> None:
    driver = pacemaker.build(load(tmp_path), "Ctrl1.example.org", FakeClock())
    assert driver.own_names >= {"ctrl1.example.org", "ctrl1"}
    assert driver.known_as() == "", "nor is it known before it has joined"


def test_reporter_all_needs_no_election(tmp_path: Path) -> None:
    driver = pacemaker.build(load(tmp_path, "reporter = all"), "n1", FakeClock())
    assert [source.name for source in driver.sources] == ["pacemaker", "fencing devices"]
    assert not driver.elected


def test_proof_is_wanted_though_no_controller_may_be_asked(tmp_path: Path) -> None:
    assert pacemaker.build(load(tmp_path, "disable_ipmi_check = true"), "n1", FakeClock()).needs_proof


def test_interfaces_without_ports_are_named_with_their_option(tmp_path: Path) -> None:
    conf = load(tmp_path, "corosync_multicast_interfaces = eth0,eth1\ncorosync_multicast_ports = 5405")
    with pytest.raises(ConfigFault, match=r"corosync_multicast_ports.*2 interfaces"):
        pacemaker.build(conf, "n1", FakeClock())


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("corosync_multicast_ports = 5405", "corosync_multicast_interfaces is not set"),
        (
            "corosync_multicast_interfaces = eth0\ncorosync_multicast_ports =",
            "corosync_multicast_ports is not set",
        ),
        (
            "pacemaker_node_type = remote\ncorosync_multicast_interfaces = eth0,eth1\n"
            "corosync_multicast_ports = 5405",
            "has no links of corosync",
        ),
    ],
)
def test_interfaces_or_ports_that_nobody_needs_are_told_and_stop_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str, heard: str
) -> None:
    pacemaker.build(load(tmp_path, text), "n1", FakeClock())
    (said,) = [
        record.getMessage() for record in caplog.records if "corosync_multicast" in record.getMessage()
    ]
    assert heard in said


def test_a_broken_power_config_file_refuses_to_start(tmp_path: Path) -> None:
    path = tmp_path / "power.yaml"
    path.write_text("n2: [")
    path.chmod(0o600)
    with pytest.raises(ConfigFault, match="power_config_file"):
        pacemaker.build(load(tmp_path, f"power_config_file = {path}"), "n1", FakeClock())


@pytest.mark.parametrize(
    ("own", "names"),
    [
        ("n1.example", {"n1.example", "n1"}),
        ("10.0.0.5", {"10.0.0.5"}),
        ("fd00::1", {"fd00::1"}),
        ("n1", {"n1"}),
    ],
)
def test_an_address_has_no_short_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str, names: set[str]
) -> None:
    """Or a host that is called 10.0.0.5 would never judge the node 10."""
    monkeypatch.setattr("socket.gethostname", lambda: own)
    assert pacemaker.own_names(own) == names


async def test_what_pacemaker_cannot_be_asked_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(pacemaker, "found_kind", lambda: None)
    (said,) = await pacemaker.check_engine(load(tmp_path), "n1")
    assert said.weight is Weight.WARNING and "cannot be asked" in said.text


def play_a_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str) -> None:
    """Pacemaker's commands answer with a healthy cluster, but for one change."""
    cluster = DATA / "healthy"
    for program, ending in (("cibadmin", "cib"), ("crm_mon", "crm_mon")):
        text = Path(f"{cluster}.{ending}.xml").read_text().replace(before, after)
        (tmp_path / f"{program}.xml").write_text(text)
        script = tmp_path / program
        script.write_text(f"#!/bin/sh\nexec /bin/cat {tmp_path}/{program}.xml\n")
        script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(pacemaker, "found_kind", lambda: None)


@pytest.mark.parametrize(
    ("known", "alerted", "named"), [(False, True, True), (True, True, False), (False, False, False)]
)
async def test_a_host_without_pacemakers_accounts_that_is_alerted_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool, alerted: bool, named: bool
) -> None:
    """As in a container that has neither the user nor the group: it refuses every alert."""
    ours, theirs = "/run/masakari-monitors/pacemaker-alert.sock", "/run/other.sock"
    alert = (
        f'<alerts><alert id="x" path="/x"><recipient id="y" value="{ours if alerted else theirs}"/></alert>'
    )
    play_a_cluster(tmp_path, monkeypatch, "<alerts>", alert)
    monkeypatch.setattr(examine, "known_accounts", lambda: Accounts(frozenset({0}), None, known))
    found = await pacemaker.check_engine(load(tmp_path), "n1")
    assert any("neither a user hacluster" in one.text for one in found) is named


async def test_the_configuration_that_kolla_ships_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play_a_cluster(tmp_path, monkeypatch, 'stonith-enabled="true"', 'stonith-enabled="false"')
    conf = load(tmp_path, "disable_ipmi_check = true\nrestrict_to_remotes = true")
    said = [one.text for one in await pacemaker.check_engine(conf, "n1")]
    assert any("disable_ipmi_check" in words and "unchecked" in words for words in said)


def test_what_this_node_is_by_the_operators_word_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container that shares no process ids with Pacemaker's sees none of its daemons."""
    monkeypatch.setattr(pacemaker, "found_kind", lambda: None)
    assert "neither corosync" in pacemaker.cannot_work(load(tmp_path))
    assert pacemaker.cannot_work(load(tmp_path, "pacemaker_node_type = cluster")) == ""


@pytest.mark.parametrize(
    ("agents", "worth"),
    [
        (["fence_ipmilan"], Worth()),
        (["fence_sbd"], Worth(resets=True)),
        (["fence_kdump", "fence_ipmilan"], Worth(resets=True)),
    ],
)
async def test_what_a_fencing_is_worth_is_read_of_the_devices(agents: list[str], worth: Worth) -> None:
    assert await pacemaker.worth_of_fencing(devices(agents), {"n2"}) == {"n2": worth}


@pytest.mark.parametrize("agent", ["null", "external/ssh", "fence_scsi"])
async def test_a_fencing_that_takes_nothing_or_only_the_storage_proves_nothing(agent: str) -> None:
    worth = await pacemaker.worth_of_fencing(devices(["fence_ipmilan", agent]), {"n2"})
    assert worth["n2"].vain and not worth["n2"].resets


@pytest.mark.parametrize(
    ("names", "vain"),
    [
        ([("10.0.0.2", "n2"), ("10.0.0.3", "n3")], ""),
        ([("10.0.0.2", "n2"), ("10.0.0.2", "N3")], "n2 and n3 name the same BMC"),
        ([("10.0.0.2", "n2 n3")], "d0: it names 2 hosts, but an IPMI BMC controls one"),
    ],
)
async def test_a_fencing_by_a_bmc_that_two_hosts_name_proves_neither_off(
    names: list[tuple[str, str]], vain: str
) -> None:
    """It may have switched off the other one."""
    cib = stonith(*(("fence_ipmilan", {"ip": ip, "pcmk_host_list": hosts}) for ip, hosts in names))
    worth = await pacemaker.worth_of_fencing(cib, {"n2", "N3"})
    assert bool(worth["n2"].vain) is bool(worth["N3"].vain) is bool(vain)
    assert worth["n2"].vain.startswith(vain)


async def test_a_fencing_by_a_bmc_that_said_off_while_its_host_was_up_proves_nothing() -> None:
    clock = FakeClock()
    prover = Prover(PowerPolicy(), clock)
    cib = stonith(("fence_ipmilan", {"ip": "10.0.0.2", "pcmk_host_list": "n2"}))
    prover.recall({"n2": {"ipmi 10.0.0.2:623": 0.0}})
    worth = await pacemaker.worth_of_fencing(cib, {"n2", "n3"}, prover.doubts_fencing)
    assert "(d0) said off while n2 was up" in worth["n2"].vain and not worth["n3"].vain
    prover.note("n2", Power.NO_PROOF)
    prover.learn((await cib.fencing_devices()).by_host)
    for _ in range(25):
        prover.note("n2", Power.ON)
        await clock.advance(3600.0)
    worth = await pacemaker.worth_of_fencing(cib, {"n2"}, prover.doubts_fencing)
    assert worth == {"n2": Worth()}
    prover.close()


def devices(agents: list[str]) -> Commands:
    """A CIB in which each of these agents may fence n2."""
    return stonith(*((agent, {"pcmk_host_list": "n2"}) for agent in agents))


def stonith(*given: tuple[str, dict[str, str]]) -> Commands:
    """A CIB with these fencing devices, d0 and so on: the agent of each, and its parameters."""
    primitives = ""
    for number, (agent, values) in enumerate(given):
        pairs = "".join(f'<nvpair name="{name}" value="{value}"/>' for name, value in values.items())
        attributes = f"<instance_attributes>{pairs}</instance_attributes>"
        primitives += f'<primitive id="d{number}" class="stonith" type="{agent}">{attributes}</primitive>'
    text = f"<resources>{primitives}</resources>"
    return Commands(Shell(Finished(exit_code=0, output=text, timed_out=False, seconds=0.1)))
