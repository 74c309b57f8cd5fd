"""A shadow cannot act: of what could, nothing can be reached from it, by type; and it goes all the way to its end."""

import ast
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import masakarimonitors.instancemonitor
from masakarimonitors import conf
from masakarimonitors.cmd import shadowing, wiring
from masakarimonitors.cmd.wiring import WiredMonitor
from masakarimonitors.conf import ConfigFault
from masakarimonitors.core.decision import Notify
from masakarimonitors.core.notification import HostEvent, ProcessNotification, ReportStatus, Settled
from masakarimonitors.hostmonitor.drivers import base
from masakarimonitors.hostmonitor.drivers.consul.leadership.elector import Elector
from masakarimonitors.hostmonitor.drivers.consul.leadership.keys import ElectionKeys
from masakarimonitors.hostmonitor.drivers.consul.leadership.session import Session as ConsulSession
from masakarimonitors.hostmonitor.drivers.consul.peers import StoredWords
from masakarimonitors.hostmonitor.drivers.kubernetes.leadership.elector import LeaseElector
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.elector import GroupElector
from masakarimonitors.hostmonitor.effects.bmc_rounds import BmcRounds
from masakarimonitors.hostmonitor.power.prover import Prover
from masakarimonitors.hostmonitor.sources.peers import Peers
from masakarimonitors.libvirt.kept import KeptSessions
from masakarimonitors.libvirt.session import session
from masakarimonitors.masakari_api import MasakariApi
from masakarimonitors.outbox.follow_through.follower import Follower
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.storage.store import MemoryStore
from masakarimonitors.processmonitor.effects import Effects, run_directly
from masakarimonitors.shadow.comparison import Comparison
from masakarimonitors.shadow.far_end import ReadOnly, WouldSend
from masakarimonitors.status.health import Kind, Level
from masakarimonitors.system.privileged.runner import RunAsRoot
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.reachable import reachable
from tests.unit.cmd.conftest import Configure

ACTING = (
    Effects,
    Prover,
    BmcRounds,
    Elector,
    ElectionKeys,
    ConsulSession,
    LeaseElector,
    GroupElector,
    Peers,
    StoredWords,
)
"""What runs commands, asks BMCs, elects, locks and writes into a shared store."""

HOSTS = {
    "consul": "[host]\nmonitoring_driver = consul\npower_config_file = {power}\n[consul]\nagent_manage = 127.0.0.1:9\n",
    "kubernetes": "[host]\nmonitoring_driver = kubernetes\npower_config_file = {power}\n",
    "pacemaker": "[host]\nmonitoring_driver = default\npacemaker_node_type = cluster\n"
    "pacemaker_alert_socket = {power}.sock\n",
}
PROCESSES = ("processmonitor", "")
EACH = [PROCESSES, *(("hostmonitor", options) for options in HOSTS.values())]

Build = Callable[..., Awaitable[tuple[WiredMonitor, Comparison | None]]]


@pytest.fixture
async def build(configure: Configure, tmp_path: Path) -> AsyncIterator[Build]:
    made: list[tuple[WiredMonitor, Comparison | None, MasakariApi]] = []

    async def call(name: str, options: str, *, shadow: bool) -> tuple[WiredMonitor, Comparison | None]:
        power = tmp_path / "power.yaml"
        power.write_text("{}\n")
        power.chmod(0o600)
        text = options.format(power=power) + f"[DEFAULT]\nshadow = {shadow}\n"
        loaded = conf.load(["--config-file", str(configure(text))], default_config_dirs=[])
        clock = FakeClock()
        api = wiring.api_client(loaded, "http://127.0.0.1:9/v1")
        outbox = Outbox(MemoryStore(), clock)
        await outbox.open()
        comparison = None
        if shadow:
            wired, comparison = shadowing.build(name, loaded, outbox, api, clock, state=tmp_path)
        else:
            wired = wiring.build(name, loaded, outbox, api, clock)
        made.append((wired, comparison, api))
        return wired, comparison

    yield call
    for wired, comparison, api in made:
        await wired.monitor.close()
        await wired.outbox.close()
        api.close()
        if comparison is not None:
            await comparison.close()


def acting(root: object) -> list[str]:
    """What can act and can be reached."""
    found = list(reachable(root, without=(ReadOnly,)))
    return sorted({type(one).__name__ for one in found if isinstance(one, ACTING)}) + [
        "run_directly" for one in found if one is run_directly
    ]


@pytest.mark.parametrize(("name", "options"), EACH)
async def test_nothing_that_acts_can_be_reached_from_a_shadow(build: Build, name: str, options: str) -> None:
    real, _ = await build(name, options, shadow=False)
    assert acting(real), "those who act have it, and the look finds it"
    wired, comparison = await build(name, options, shadow=True)
    assert acting(wired) == [] and acting(comparison) == []
    held = list(reachable(wired, without=(ReadOnly,)))
    # Pacemaker's driver reads its closed table with it, which changes nothing there.
    assert name == "hostmonitor" or not any(isinstance(one, RunAsRoot) for one in held)
    assert not any(isinstance(one, Path) and one.suffix == ".sock" for one in held), "nor what listens"


@pytest.mark.parametrize(("name", "options"), EACH)
async def test_whatever_asks_masakari_has_no_way_to_post(build: Build, name: str, options: str) -> None:
    wired, _ = await build(name, options, shadow=True)
    clients = [one for one in reachable(wired) if isinstance(one, MasakariApi)]
    assert clients and all(type(one._adapter) is ReadOnly for one in clients)
    assert type(wired.delivery._api) is WouldSend
    followers = [one for one in reachable(wired) if isinstance(one, Follower)]
    assert followers and all(one._reader is None for one in followers), "there is nothing to follow"


@pytest.mark.parametrize("options", HOSTS.values(), ids=HOSTS)
async def test_a_shadow_of_the_hosts_is_no_candidate_and_asks_for_proof_as_ever(
    build: Build, options: str
) -> None:
    real, _ = await build("hostmonitor", options, shadow=False)
    wired, _ = await build("hostmonitor", options, shadow=True)
    assert real.monitor.rules.elected and not wired.monitor.rules.elected
    assert real.monitor.rules.proof == wired.monitor.rules.proof is not None
    assert wired.daemon.reports(FakeClock().now()) is None


async def test_a_shadow_says_so_first_of_all_and_is_never_well(build: Build) -> None:
    wired, _ = await build("processmonitor", "", shadow=True)
    now = FakeClock().now()
    judged = wired.status.health(now)
    assert judged.level is not Level.OK and Kind.SHADOW in {cause.kind for cause in judged.causes}
    snapshot: Any = wired.status.snapshot(now)
    assert snapshot["shadow"]["agreement"] == {"pending": 0, "both": 0, "only we": 0, "only they": 0}


async def test_for_its_monitor_what_would_be_sent_is_as_good_as_taken(build: Build) -> None:
    wired, _ = await build("processmonitor", "", shadow=True)
    told: list[Settled] = []
    notification = ProcessNotification("compute-1", FakeClock().now().wall, HostEvent.STOPPED, "never")
    monitor = wired.monitor
    object.__setattr__(monitor, "settled", lambda report, now: told.append(report))
    (row,) = wired.outbox.submit([Notify(notification, "it is down")], FakeClock().now())
    wired.daemon.settled(replace(row, status=ReportStatus.WOULD_BE_SENT))
    assert [one.status for one in told] == [ReportStatus.DELIVERED]


async def test_there_is_no_shadow_that_asks_guests(build: Build) -> None:
    with pytest.raises(ConfigFault, match="could take a living guest for a dead one"):
        await build("introspectiveinstancemonitor", "", shadow=True)


async def test_there_is_no_shadow_of_a_driver_of_others(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = type("Foreign", (), {"monitor_hosts": lambda self: None})
    monkeypatch.setattr(base, "load", lambda name: foreign)
    with pytest.raises(ConfigFault, match="sends by itself, so there is no shadow of it"):
        await build("hostmonitor", "[host]\nmonitoring_driver = theirs\n", shadow=True)


def test_the_instance_monitor_opens_libvirt_to_read_alone() -> None:
    """It has nothing that acts: as a shadow it is what it is else."""
    for opens in (session, KeptSessions):
        assert inspect.signature(opens).parameters["readonly"].default is True
    room = Path(masakarimonitors.instancemonitor.__path__[0])
    for file in room.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "readonly":
                assert isinstance(node.value, ast.Constant) and node.value.value is True, file


def test_what_a_working_monitor_listens_to_is_not_taken_from_it(configure: Configure, tmp_path: Path) -> None:
    text = (
        "[host]\npacemaker_alert_socket = /run/x\n[status]\nlisten = 127.0.0.1:1\n[DEFAULT]\nshadow = true\n"
        "[receiver]\nembedded = true\n"
    )
    loaded = conf.load(["--config-file", str(configure(text))], default_config_dirs=[])
    assert (loaded.host.reporter, loaded.host.pacemaker_alert_socket, loaded.status.listen) == (
        "all",
        "",
        None,
    )
    assert not loaded.receiver.embedded, "nor the port of its receiver, and its file"
    assert not conf.load(["--config-file", str(configure())], default_config_dirs=[]).shadow
