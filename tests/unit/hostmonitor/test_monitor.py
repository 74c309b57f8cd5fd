import json
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors import conf as house
from masakarimonitors.conf import ConfigFault
from masakarimonitors.decisions import Instant
from masakarimonitors.hostmonitor import loading, matrix, thirdparty
from masakarimonitors.hostmonitor import monitor as wiring
from masakarimonitors.hostmonitor.describe import describe
from masakarimonitors.hostmonitor.domains_file import DomainsFault, parse
from masakarimonitors.hostmonitor.driver import Driver
from masakarimonitors.hostmonitor.host_handler.driver import DriverBase
from masakarimonitors.hostmonitor.observation import Link
from masakarimonitors.notifications import ClusterStatus, HostEvent, HostNotification, HostStatus
from masakarimonitors.outbox.rows import Row, Status
from tests.fixtures.fake_clock import EPOCH, FakeClock
from tests.fixtures.host_play import OWN, Play, policy

NOW = Instant(1000.0, EPOCH)


def conf_of(tmp_path: Path, text: str = "") -> Any:
    file = tmp_path / "monitors.conf"
    file.write_text(f"[DEFAULT]\nhostname = {OWN}\n{text}")
    return house.load(["--config-file", str(file)])


def driver(**changes: Any) -> Driver:
    return Driver(**{"name": "test", "matrix": matrix.single("cluster"), "sources": (), **changes})


def test_the_options_become_the_policy(tmp_path: Path) -> None:
    conf = conf_of(
        tmp_path,
        "[host]\nmonitoring_samples = 3\nsample_interval = 1.5\nsettle_time = 0\nstorm_threshold = 0\n"
        "ipmi_retry_max = 7\nipmi_retry_interval = 2\nsegment_lookup = false\n",
    )
    rules = wiring.policy_of(conf, driver(needs_proof=True, elected=True))
    assert (rules.own, rules.samples, rules.sample_interval, rules.settle) == (OWN, 3, 1.5, 0.0)
    assert rules.guard.threshold == 0.0 and not rules.lookup and rules.elected
    assert rules.proof is not None and (rules.proof.retries, rules.proof.interval) == (7, 2.0)


def test_the_defaults(tmp_path: Path) -> None:
    rules = wiring.policy_of(conf_of(tmp_path), driver())
    assert (rules.samples, rules.sample_interval, rules.settle, rules.lookup) == (1, 5.0, 2.0, True)
    assert (rules.guard.threshold, rules.guard.least, rules.guard.window, rules.guard.hold) == (
        50,
        3,
        60,
        300,
    )
    assert rules.proof is None and not rules.elected


def test_reporter_all_elects_nobody(tmp_path: Path) -> None:
    conf = conf_of(tmp_path, "[host]\nreporter = all\n")
    assert not wiring.policy_of(conf, driver(elected=True)).elected


def test_the_failure_domains(tmp_path: Path) -> None:
    file = tmp_path / "domains.yaml"
    file.write_text("node01: rack1\nnode02: rack2\n")
    text = f"[host]\nstorm_domain_threshold = 30\nfailure_domains_file = {file}\n"
    rules = wiring.policy_of(conf_of(tmp_path, text), driver())
    assert rules.domains == {"node01": "rack1", "node02": "rack2"}
    file.write_text("node01: [rack1]\n")
    with pytest.raises(ConfigFault, match="line 1, column 9"):
        wiring.policy_of(conf_of(tmp_path, text), driver())
    file.unlink()
    with pytest.raises(ConfigFault, match=r"domains\.yaml"):
        wiring.policy_of(conf_of(tmp_path, text), driver())


def test_a_domain_threshold_without_domains_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigFault, match="failure_domains_file"):
        wiring.policy_of(conf_of(tmp_path, "[host]\nstorm_domain_threshold = 30\n"), driver())


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("- a\n", "line 1, column 1"),
        ("a: b\na: c\n", "line 2, column 1"),
        ("a: [\n", "line 2"),
        ("a:\n", "a"),
    ],
)
def test_faults_of_the_domains_file_have_their_place(text: str, place: str) -> None:
    with pytest.raises(DomainsFault, match=place):
        parse(text)


def test_an_empty_domains_file_has_no_domains() -> None:
    assert parse("") == {}


def test_an_unknown_driver_is_named_with_those_installed(tmp_path: Path) -> None:
    conf = conf_of(tmp_path, "[host]\nmonitoring_driver = zookeeper\n")
    with pytest.raises(ConfigFault, match=r"zookeeper.*consul, default, kubernetes, simple"):
        wiring.build(conf, {}, FakeClock())
    assert "zookeeper" in wiring.cannot_work(conf)


def test_the_entry_points_of_the_manual_are_there() -> None:
    import importlib.metadata

    installed = {point.name: point.value for point in importlib.metadata.entry_points(group=loading.GROUP)}
    assert {name: installed.get(name) for name in loading.BUILT_IN} == dict(loading.BUILT_IN)


def test_a_class_with_monitor_hosts_is_a_third_party_driver() -> None:
    class Foreign(DriverBase):
        def monitor_hosts(self) -> None: ...

        def stop(self) -> None: ...

    assert loading.is_foreign(Foreign)
    assert not loading.is_foreign(wiring.build)
    assert "judges and elects by its own rules" in thirdparty.monitor("x", Foreign, FakeClock()).watching[0]


def row(event: HostEvent, status: Status) -> Row:
    notification = HostNotification("node05", EPOCH, event, ClusterStatus.OFFLINE, HostStatus.NORMAL)
    settled = Row.new(1, notification, "", NOW)
    assert json.loads(settled.body)
    return Row(1, settled.subject, settled.body, "", EPOCH, status)


def test_a_delivered_report_comes_back_as_an_observation() -> None:
    delivered = wiring.settled(row(HostEvent.STOPPED, Status.DELIVERED), NOW)
    assert delivered is not None and delivered.host == "node05"
    assert delivered.host_status is HostStatus.NORMAL
    assert wiring.settled(row(HostEvent.STARTED, Status.DELIVERED), NOW) is None
    assert wiring.settled(row(HostEvent.STOPPED, Status.WITHDRAWN), NOW) is None


def test_the_status_shows_what_is_not_plainly_up() -> None:
    rules = policy(elected=True, lookup=True)
    play = Play(rules)
    assert [r.state for r in describe(play.state, rules)][:4] == ["not seen yet"] * 3 + ["not known yet"]
    play.all_up("node05", "node06", "node07").office(True, OWN, {})
    play.registry({"node05": False, "node06": True, "node99": False})
    play.cut("node05").wait(5).cut("node07", "tenant").cut("node06", to=Link.LEFT)
    play.view("manage", proven=False, why="no cluster leader")
    rows = {r.subject: r for r in describe(play.state, rules)}
    assert rows["link:manage"].state == "blind" and rows["link:manage"].alarm
    assert rows["link:storage"].state == "seen"
    assert rows["office"].state == "ours"
    assert rows["host:node05"].state == "failed, reported" and rows["host:node05"].alarm
    assert rows["host:node06"].state == "left" and "maintenance" in rows["host:node06"].detail
    assert rows["host:node07"].state == "partly down"
    assert rows["hosts"].state == "0 up"
    play.view("manage").sees("manage", {OWN: Link.UP, "node05": Link.DOWN, "node06": Link.LEFT}, whole=True)
    rows = {r.subject: r for r in describe(play.state, rules)}
    assert rows["hosts unseen"].state == "node99"
