import asyncio
import datetime
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors import conf as options
from masakarimonitors.conf import ConfigFault
from masakarimonitors.core.decision import Instant
from masakarimonitors.core.finding import Weight
from masakarimonitors.core.notification import (
    ClusterStatus,
    HostEvent,
    HostNotification,
    HostStatus,
    ReportStatus,
    Settled,
)
from masakarimonitors.hostmonitor import monitor as wiring
from masakarimonitors.hostmonitor.core.evidence import matrix
from masakarimonitors.hostmonitor.core.observation import MatrixChanged, Outcome
from masakarimonitors.hostmonitor.drivers.base import Driver
from masakarimonitors.monitor import InputFile
from tests.fixtures.fake_api import FakeApi
from tests.fixtures.fake_clock import EPOCH, FakeClock
from tests.fixtures.host_play import OWN

NOW = Instant(1000.0, EPOCH)


def conf_of(tmp_path: Path, text: str = "") -> Any:
    file = tmp_path / "monitors.conf"
    file.write_text(f"[DEFAULT]\nhostname = {OWN}\n{text}")
    return options.load(["--config-file", str(file)])


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


def test_an_unknown_driver_is_named_with_those_installed(tmp_path: Path) -> None:
    conf = conf_of(tmp_path, "[host]\nmonitoring_driver = zookeeper\n")
    with pytest.raises(ConfigFault, match=r"zookeeper.*consul, default, kubernetes, simple"):
        wiring.build(conf, {}, FakeClock(), FakeApi())
    # A slip in a file is no matter of the host: it ends `run`, too.
    with pytest.raises(ConfigFault, match="zookeeper"):
        wiring.cannot_work(conf)


async def test_a_driver_that_asks_nothing_has_nothing_to_say_to_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("masakarimonitors.hostmonitor.drivers.pacemaker.driver.found_kind", lambda: None)
    assert await wiring.check_engine(conf_of(tmp_path, "")) == ()
    assert await wiring.check_power(conf_of(tmp_path, "")) == ()


async def test_bmcs_are_asked_as_the_driver_knows_them(tmp_path: Path) -> None:
    consul = "[host]\nmonitoring_driver = consul\n[consul]\nagent_storage = 127.0.0.1:9\n"
    (only,) = await wiring.check_power(conf_of(tmp_path, consul))
    assert only.weight is Weight.OK and "none is asked here" in only.text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("", ()),
        ("power_config_file = x\ndisable_ipmi_check = true", ("no BMC is asked, whatever the file says",)),
        ("power_unreachable_means_off = true", ("whose BMC does not answer is taken as off",)),
        ("power_unreachable_means_off = true\ndisable_ipmi_check = true", ()),
    ],
)
def test_options_that_contradict_each_other_are_named(
    tmp_path: Path, options: str, words: tuple[str, ...]
) -> None:
    found = wiring.check_rules(conf_of(tmp_path, f"[host]\n{options}\n"))
    assert len(found) == len(words)
    assert all(word in one.text for word, one in zip(words, found, strict=True))


def test_a_matrix_that_can_never_recover_is_in_vain(tmp_path: Path) -> None:
    for agents, in_vain in (("agent_manage = 127.0.0.1:9", True), ("agent_storage = 127.0.0.1:9", False)):
        conf = conf_of(tmp_path, f"[host]\nmonitoring_driver = consul\n[consul]\n{agents}\n")
        assert bool(wiring.build(conf, {}, FakeClock(), FakeApi()).in_vain) is in_vain


def report(event: HostEvent, status: ReportStatus, **changes: Any) -> Settled:
    told = HostNotification(
        "node05",
        EPOCH,
        event=event,
        cluster_status=ClusterStatus.OFFLINE,
        host_status=HostStatus.NORMAL,
    )
    return Settled(told.subject, told, status, **changes)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (ReportStatus.DELIVERED, Outcome.ACCEPTED),
        (ReportStatus.REFUSED, Outcome.REFUSED),
        (ReportStatus.EXPIRED, Outcome.EXPIRED),
    ],
)
def test_how_a_report_ended_comes_back_as_an_observation(status: ReportStatus, outcome: Outcome) -> None:
    answered = wiring.settled(report(HostEvent.STOPPED, status, answer="409 maintenance"), NOW)
    assert answered is not None
    assert (answered.host, answered.made_at, answered.outcome) == ("node05", EPOCH, outcome)
    assert (answered.host_status, answered.why) == (HostStatus.NORMAL, "409 maintenance")
    assert not answered.doubted
    doubted = wiring.settled(report(HostEvent.STOPPED, status, doubted=True), NOW)
    assert doubted is not None and doubted.doubted


def test_an_answer_belongs_to_the_report_as_it_was_made_also_when_it_was_offered_later() -> None:
    made_at = EPOCH - datetime.timedelta(minutes=3)
    answered = wiring.settled(report(HostEvent.STOPPED, ReportStatus.DELIVERED, made_at=made_at), NOW)
    assert answered is not None and answered.made_at == made_at


def test_what_the_core_took_back_or_says_of_a_recovery_is_no_news_to_it() -> None:
    assert wiring.settled(report(HostEvent.STARTED, ReportStatus.DELIVERED), NOW) is None
    assert wiring.settled(report(HostEvent.STOPPED, ReportStatus.WITHDRAWN), NOW) is None


def test_where_nothing_can_be_proven_it_settles_longer(tmp_path: Path) -> None:
    assert wiring.policy_of(conf_of(tmp_path), driver()).unproven_settle == 30.0
    conf = conf_of(tmp_path, "[host]\nunproven_settle_time = 12.5\n")
    rules = wiring.policy_of(conf, driver())
    assert (rules.unproven_settle, rules.settle, rules.check_life) == (12.5, 2.0, True)


def test_a_matrix_that_is_read_again_is_put_in_force_and_what_is_wired_in_is_not(tmp_path: Path) -> None:
    both = matrix.Matrix(("a", "b"), frozenset({(False, False)}))
    file = InputFile(path="m.yaml", read=lambda: both, in_force=both)
    other = InputFile(path="other", read=lambda: 1, in_force=1)
    wired = wiring.wire(
        conf_of(tmp_path), driver(matrix=both, files=[file, other]), {}, FakeClock(), FakeApi()
    )
    live, kept = wired.files
    assert kept.apply is None and live.apply is not None
    assert live.apply(matrix.Matrix(("a",), frozenset({(False,)})))
    assert not live.apply(
        matrix.Matrix(("a", "b"), frozenset({(False, False), (True, False), (False, True)}))
    )
    state, _ = wired.decide(wired.state, MatrixChanged(frozenset({(True, False)}), "m.yaml"), NOW)
    assert state.matrix == matrix.Matrix(("a", "b"), frozenset({(True, False)}))
    assert list(wired.describe(state))


async def test_the_limits_of_storms_are_put_in_force_as_options_that_need_no_restart(tmp_path: Path) -> None:
    wired = wiring.wire(conf_of(tmp_path), driver(), {}, FakeClock(), FakeApi())
    heard: asyncio.Queue[Any] = asyncio.Queue()
    (rules,) = [one for one in wired.sources if one.name == "changed rules"]
    running = asyncio.get_running_loop().create_task(rules.run(heard.put_nowait))
    assert "[host] storm_hold" in wired.take_options(conf_of(tmp_path)), "nothing has changed"
    fresh = conf_of(tmp_path, "[host]\nstorm_threshold = 20\nstorm_hold = 60\n")
    assert "[host] storm_hold" in wired.take_options(fresh)
    changed = await heard.get()
    assert (changed.guard.threshold, changed.guard.hold) == (20, 60) and heard.empty()
    undefined = conf_of(tmp_path, "[host]\nstorm_domain_threshold = 20\n")
    assert not wired.take_options(undefined), "a start would name the fault"
    running.cancel()
