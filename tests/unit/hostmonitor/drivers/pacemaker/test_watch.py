"""The watch as a dialogue: Corosync and Pacemaker are played by hand, and time is moved by hand."""

import os
import socket
from collections.abc import Callable, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.hostmonitor.core.observation import (
    Membership,
    Power,
    PowerSeen,
    Sample,
    View,
    Work,
    WorkSeen,
)
from masakarimonitors.hostmonitor.drivers.pacemaker.alerts.senders import Senders
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.cib import read_cib
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.crm_mon import read_crm_mon
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import Cib, CrmMon, Worth
from masakarimonitors.hostmonitor.drivers.pacemaker.context import DriverContext
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.client import CorosyncError
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.own_link import LinkCheck
from masakarimonitors.hostmonitor.drivers.pacemaker.records.classify import FORGOTTEN, Rules
from masakarimonitors.hostmonitor.drivers.pacemaker.records.record import GOODBYE, Farewell, HostRecord
from masakarimonitors.hostmonitor.drivers.pacemaker.tools.commands import CannotLook, NodeKind
from masakarimonitors.hostmonitor.drivers.pacemaker.watch import Doors, Rhythm, Watch
from tests.fixtures.fake_clock import FakeClock, settle

DATA = Path(__file__).parents[4] / "data" / "pacemaker"


class Corosync:
    """libquorum, played by hand: a pipe is the file descriptor that becomes readable."""

    def __init__(self) -> None:
        self.fd, self._write = os.pipe()
        self.quorate: bool | None = None
        self.node_id: int | None = 1
        self.gone = False
        self.next: bool | None = None

    def say(self, quorate: bool | None) -> None:
        self.next = quorate
        os.write(self._write, b"!")

    async def refresh(self) -> None:
        pass

    def dispatch(self) -> None:
        os.read(self.fd, 100)
        if self.gone:
            raise CorosyncError("quorum_dispatch: corosync is not running here, or has just gone")
        self.quorate = self.next

    def close(self) -> None:
        pass


class Stage:
    """One watch, its world, and what it said."""

    def __init__(self, **changes: Any) -> None:
        self.clock = FakeClock()
        self.context = DriverContext()
        self.corosync = Corosync()
        self.scene: str | Exception = "healthy"
        self.links = LinkCheck(True, "connected")
        self.said: list[Any] = []
        self.looks = 0
        self.glances = 0
        self.digest = ""
        self.change: Callable[[Cib, CrmMon], tuple[Cib, CrmMon]] | None = None
        self.alerts: Path | None = changes.pop("alerts", None)
        self.passed_on: list[str] = []
        self.kept: list[Any] = []
        self.worthless: dict[str, str] | CannotLook = {}
        self.asked_worth = 0
        self.remembered: dict[str, HostRecord] = changes.pop("remembered", {})
        self.kind: NodeKind | None = NodeKind.CLUSTER
        self.watch = Watch(
            self.clock,
            self.context,
            own=frozenset({"n1"}),
            rules=changes.pop("rules", Rules()),
            rhythm=Rhythm(),
            kind=None,
            alert_socket=self.alerts,
            pass_on=self._pass_on,
            doors=Doors(
                kind=lambda: self.kind,
                quorum=self._connect,
                look=self._look,
                own_link=self._check_links,
                worth=self._worth,
                remembered=self._remembered,
                remember=lambda records, now: self.kept.append(records),
                remarks=lambda cib, mon, alerted: () if alerted else ("it is not alerted",),
                is_still=self._is_still,
            ),
        )

    async def _remembered(self, now: object) -> dict[str, HostRecord]:
        return self.remembered

    async def _worth(self, hosts: Set[str]) -> dict[str, Worth]:
        self.asked_worth += 1
        if isinstance(self.worthless, CannotLook):
            raise self.worthless
        return {host: Worth(self.worthless.get(host, "")) for host in hosts}

    def _pass_on(self, leaving: str) -> None:
        self.passed_on.append(leaving)

    def alert(self, text: str) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(text.encode(), str(self.alerts))

    async def _connect(self, timeout: float) -> Corosync:
        if self.corosync.gone:
            raise CorosyncError("quorum_model_initialize: corosync is not running here, or has just gone")
        return self.corosync

    async def _look(self, timeout: float) -> tuple[Cib, CrmMon]:
        self.looks += 1
        if isinstance(self.scene, Exception):
            raise self.scene
        cib = replace(read_cib((DATA / f"{self.scene}.cib.xml").read_text()), digest=self.digest)
        mon = read_crm_mon((DATA / f"{self.scene}.crm_mon.xml").read_text())
        return self.change(cib, mon) if self.change is not None else (cib, mon)

    async def _is_still(self, digest: str, timeout: float) -> bool:
        self.glances += 1
        if isinstance(self.scene, Exception):
            raise self.scene
        return digest == self.digest

    async def _check_links(self, own: int | None) -> LinkCheck:
        return self.links

    async def __aenter__(self) -> "Stage":
        import asyncio

        self.task = asyncio.get_running_loop().create_task(self.watch.run(self.said.append))
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.task.cancel()
        await settle()

    async def start(self) -> None:
        """Quorate from the first moment; the first look after settling."""
        await settle()
        self.corosync.say(True)
        await self.pass_(8)
        self.heard()

    async def pass_(self, seconds: float) -> None:
        for _ in range(int(seconds * 10)):
            await self.clock.advance(0.1)

    async def seconds(self, count: int) -> None:
        for _ in range(count):
            await self.clock.advance(1)

    async def event(self, quorate: bool | None = True) -> None:
        self.corosync.say(quorate)
        await self.pass_(0.5)

    def heard(self) -> list[Any]:
        said, self.said[:] = list(self.said), []
        return said

    def samples(self) -> list[dict[str, Membership]]:
        found = [o for o in self.heard() if isinstance(o, Sample)]
        return [{host: s.value for host, s in o.hosts.items()} for o in found]


def kinds(said: list[Any]) -> list[str]:
    return [type(o).__name__ for o in said]


async def test_the_first_word_is_a_proven_view_and_a_whole_sample_without_ourselves() -> None:
    async with Stage() as stage:
        await settle()
        stage.corosync.say(True)
        await stage.pass_(8)
        said = stage.heard()
        assert kinds(said) == ["View", "Sample"]
        assert said[0].proven and said[0].good_for > 60
        assert said[1].whole and said[1].hosts.keys() == {"n2", "n3", "r1"}


async def test_a_crash_is_down_without_proof_and_then_with_proof() -> None:
    async with Stage() as stage:
        await stage.start()
        stage.scene = "node-down-unclean-fence-pending"
        await stage.event()
        assert stage.samples() == [{"n2": Membership.DOWN}]
        stage.scene = "node-down-fenced"
        await stage.pass_(4)
        said = stage.heard()
        assert kinds(said) == ["View", "Sample", "PowerSeen"]
        assert isinstance(said[2], PowerSeen) and said[2].power is Power.OFF and said[2].host == "n2"


async def test_while_somebody_is_suspect_it_looks_every_second() -> None:
    async with Stage() as stage:
        await stage.start()
        stage.scene = "node-down-unclean-fence-pending"
        await stage.event()
        await stage.pass_(5)
        before = stage.looks
        await stage.pass_(10)
        assert 9 <= stage.looks - before <= 11


async def test_while_everybody_is_up_a_poll_looks_at_nothing_but_a_cib_that_has_not_changed() -> None:
    async with Stage() as stage:
        stage.digest = "1"
        await stage.start()
        await stage.seconds(10)  # the event of the start is over
        looks, glances = stage.looks, stage.glances
        await stage.seconds(40)
        assert (stage.looks - looks, stage.glances - glances) == (0, 4)
        await stage.seconds(20)
        assert stage.looks - looks == 1  # the resync
        stage.heard()
        stage.scene, stage.digest = "remote-node-down", "2"
        await stage.seconds(11)
        assert stage.samples()[0]["r1"] is Membership.DOWN
        looks, glances = stage.looks, stage.glances
        await stage.seconds(11)
        assert stage.looks > looks and stage.glances == glances  # whole looks until everybody is up again


async def test_a_remote_whose_connection_crm_mon_denies_is_looked_at_in_whole_though_the_cib_stays() -> None:
    def denied(cib: Cib, mon: CrmMon) -> tuple[Cib, CrmMon]:
        return cib, replace(
            mon, connections={**mon.connections, "r1": replace(mon.connections["r1"], down=True)}
        )

    async with Stage() as stage:
        stage.digest = "1"
        await stage.start()
        await stage.seconds(10)
        stage.change, stage.digest = denied, "2"
        await stage.seconds(45)
        assert stage.samples()[-1]["r1"] is not Membership.UP


async def test_of_remotes_of_which_crm_mon_alone_tells_a_cib_that_has_just_changed_is_looked_at_once_more() -> (
    None
):
    """crm_mon may have read the one before, in which the remote still lived."""

    def untold(cib: Cib, mon: CrmMon) -> tuple[Cib, CrmMon]:
        nodes = (replace(node, in_ccm=False, zeroed=True) if node.remote else node for node in cib.nodes)
        return replace(cib, nodes=tuple(nodes)), mon

    def dead(cib: Cib, mon: CrmMon) -> tuple[Cib, CrmMon]:
        gone = replace(mon.connections["r1"], down=True)
        return *untold(cib, mon)[:1], replace(mon, connections={**mon.connections, "r1": gone})

    async with Stage() as stage:
        stage.change, stage.digest = untold, "1"
        await stage.start()
        await stage.seconds(20)
        looks = stage.looks
        await stage.seconds(20)
        assert stage.looks == looks  # nothing has changed
        stage.digest = "2"  # it dies, and crm_mon was quicker
        while stage.looks == looks:
            await stage.seconds(1)
        stage.change = dead
        await stage.seconds(12)
        assert stage.samples()[-1]["r1"] is not Membership.UP


async def test_a_poll_that_gets_no_answer_is_a_look_that_has_failed() -> None:
    async with Stage() as stage:
        stage.digest = "1"
        await stage.start()
        stage.scene = CannotLook("cibadmin gave no answer in 10 s and was killed")
        await stage.seconds(40)
        assert [seen.proven for seen in stage.heard() if isinstance(seen, View)][-1] is False


async def test_one_fault_with_many_events_is_one_look_at_first() -> None:
    async with Stage() as stage:
        await stage.start()
        before = stage.looks
        for _ in range(20):
            stage.corosync.say(True)
        await settle()
        await stage.clock.advance(0.06)
        assert stage.looks == before + 1


async def test_lost_quorum_is_blindness_at_once_and_no_host_is_named() -> None:
    async with Stage() as stage:
        await stage.start()
        stage.scene = "isolated-node-view-no-quorum"
        await stage.event(quorate=False)
        (view,) = stage.heard()
        assert isinstance(view, View) and not view.proven
        assert not stage.context.sighted.is_set()
        await stage.pass_(30)
        assert stage.heard() == []


@pytest.mark.parametrize("scene", ["isolated-node-view-no-quorum", "no-quorum-isolated-no-stonith"])
async def test_quorum_must_be_in_both(scene: str) -> None:
    async with Stage() as stage:
        await stage.start()
        stage.scene = scene  # libquorum still says quorate
        await stage.event()
        (view,) = stage.heard()
        assert isinstance(view, View) and not view.proven


async def test_quorum_that_came_back_must_settle_before_anything_is_said() -> None:
    async with Stage() as stage:
        await stage.start()
        await stage.event(quorate=False)
        stage.heard()
        stage.scene = "node-down-fenced"  # what a lonely side could still believe
        await stage.event(quorate=True)
        await stage.pass_(3)
        assert stage.heard() == []
        stage.scene = "healthy"
        await stage.pass_(4)
        assert kinds(stage.heard()) == ["View", "Sample"]


async def test_a_failing_look_is_borne_for_a_while_then_it_is_blindness() -> None:
    async with Stage() as stage:
        await stage.start()
        stage.scene = CannotLook("cibadmin gave no answer in 10 s and was killed")
        await stage.event()
        await stage.pass_(10)
        assert stage.heard() == []
        await stage.pass_(10)
        (view,) = stage.heard()
        assert isinstance(view, View) and not view.proven and "cibadmin" in view.why
        stage.scene = "healthy"
        await stage.pass_(2)
        assert kinds(stage.heard()) == ["View", "Sample"]


async def test_corosync_gone_and_back() -> None:
    async with Stage() as stage:
        await stage.start()
        stage.corosync.gone = True
        stage.corosync.say(None)
        await stage.pass_(1)
        view = stage.heard()[0]
        assert isinstance(view, View) and not view.proven
        stage.corosync = Corosync()
        await stage.pass_(1.5)
        stage.corosync.say(True)
        await stage.pass_(8)
        assert kinds(stage.heard())[-2:] == ["View", "Sample"]


async def test_neither_daemon_runs_here() -> None:
    async with Stage() as stage:
        stage.kind = None
        await stage.pass_(1)
        (view,) = stage.heard()
        assert isinstance(view, View) and not view.proven and "neither" in view.why


async def test_planned_work_is_told_when_it_begins_and_ends() -> None:
    async with Stage() as stage:
        await stage.start()
        stage.scene = "node-standby"
        await stage.event()
        (work,) = (o for o in stage.heard() if isinstance(o, WorkSeen))
        assert (work.host, work.work) == ("n2", Work.STANDBY)
        stage.scene = "healthy"
        await stage.event()
        (work,) = (o for o in stage.heard() if isinstance(o, WorkSeen))
        assert (work.host, work.work) == ("n2", Work.NONE)


async def test_with_our_own_links_dead_nobody_is_accused_until_we_survived_it() -> None:
    async with Stage() as stage:
        await stage.start()
        stage.scene = "node-down-unclean-fence-pending"
        stage.links = LinkCheck(False, "all 2 corosync links of this node are disconnected")
        await stage.event()
        assert stage.samples() == [{"n2": Membership.UNKNOWN}]
        await stage.pass_(25)
        assert stage.samples() == []
        await stage.pass_(10)
        assert stage.samples() == [{"n2": Membership.DOWN}]


async def test_with_our_own_links_dead_a_fencing_still_counts() -> None:
    async with Stage() as stage:
        await stage.start()
        stage.scene = "node-down-unclean-fence-pending"
        stage.links = LinkCheck(False, "all 2 corosync links of this node are disconnected")
        await stage.event()
        stage.scene = "node-down-fenced"
        await stage.pass_(3)
        assert [o.host for o in stage.heard() if isinstance(o, PowerSeen)] == ["n2"]


async def test_a_remote_node_looks_without_corosync() -> None:
    async with Stage() as stage:
        stage.kind = NodeKind.REMOTE
        await stage.pass_(8)  # it settles as everywhere
        assert kinds(stage.heard()) == ["View", "Sample"]
        assert stage.context.member is False
        stage.scene = "node-down-fenced"
        await stage.pass_(11)
        assert "PowerSeen" in kinds(stage.heard())


async def test_a_clean_stop_is_left_and_never_proof() -> None:
    async with Stage() as stage:
        await stage.start()
        for scene in ("node-graceful-stop-pacemaker-corosync-up", "node-graceful-stop-all"):
            stage.scene = scene
            await stage.event()
        said = stage.heard()
        assert {s.value for o in said if isinstance(o, Sample) for s in o.hosts.values()} == {Membership.LEFT}
        assert "PowerSeen" not in kinds(said)


async def test_after_a_restart_of_corosync_the_cluster_has_to_settle_again() -> None:
    async with Stage() as stage:
        await stage.start()
        stage.corosync.gone = True
        stage.corosync.say(None)
        await stage.pass_(1)
        stage.corosync = Corosync()
        await stage.pass_(1.5)
        stage.corosync.say(True)
        stage.heard()
        stage.scene = "node-down-unclean-fence-pending"  # the lonely side's view
        await stage.pass_(4)
        assert stage.heard() == []
        stage.scene = "healthy"
        await stage.pass_(4)
        assert stage.samples() == [dict.fromkeys(("n2", "n3", "r1"), Membership.UP)]


async def test_a_watch_that_dies_says_first_that_nothing_is_seen() -> None:
    stage = Stage()
    async with stage:
        await stage.start()
        stage.scene = IndexError("a fault of our own")
        await stage.event()
        (view,) = stage.heard()
        assert isinstance(view, View) and not view.proven and "a fault of our own" in view.why
        assert stage.context.blind.is_set()
        with pytest.raises(IndexError):
            stage.task.result()
    stage.scene = "healthy"
    async with stage:  # started again, it has to settle and tells all
        await stage.pass_(8)
        assert kinds(stage.heard()) == ["View", "Sample"]


async def test_a_goodbye_in_an_alert_makes_the_loss_of_a_remote_planned(tmp_path: Path) -> None:
    """With fencing off, as a restart of pacemaker_remoted's container on a living host looks."""
    for goodbye, values in (
        (True, [Membership.LEFT]),
        (False, [Membership.UNKNOWN, Membership.DOWN]),  # it might have been heard later
    ):
        async with Stage(alerts=tmp_path / "alert.sock") as stage:
            await stage.start()
            if goodbye:
                stage.alert("kind=attribute node=r1 attribute_name=shutdown attribute_value=1795335541")
            else:
                stage.alert("kind=node node=r1 desc=lost")
            stage.change = without_fencing
            await stage.pass_(int(GOODBYE) + 2)
            assert stage.samples() == [{"r1": value} for value in values]
            assert stage.passed_on == (["r1"] if goodbye else [""])


def without_fencing(cib: Cib, mon: CrmMon) -> tuple[Cib, CrmMon]:
    """r1's connection is down, and nothing tells why."""
    nodes = tuple(replace(n, in_ccm=False) if n.name == "r1" else n for n in cib.nodes)
    return replace(cib, nodes=nodes), replace(mon, stonith=False)


def named(path: Path) -> Callable[[Cib, CrmMon], tuple[Cib, CrmMon]]:
    """The CIB of a cluster that alerts the socket."""
    return lambda cib, mon: (replace(cib, alerted=frozenset({str(path)})), mon)


async def test_alerts_are_relied_on_only_once_one_has_arrived(tmp_path: Path) -> None:
    path = tmp_path / "alert.sock"
    async with Stage(alerts=path) as stage:
        stage.change = named(path)
        stage.context.company = frozenset({1, 2, 3})
        await stage.start()
        for _ in range(2):
            before = stage.looks
            await stage.pass_(30)
            assert 2 <= stage.looks - before <= 4  # every 10 s
        stage.alert("kind=node node=r1 desc=member")
        await stage.pass_(5)
        before = stage.looks
        await stage.pass_(40)
        assert stage.looks == before


async def test_alerts_that_are_refused_are_a_trouble_while_it_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(alerts=tmp_path / "alert.sock")
    assert stage.watch.troubles() == ()
    async with stage:
        await stage.start()
        assert stage.watch.troubles() == ()
        monkeypatch.setattr(Senders, "trouble", lambda self: "alerts are refused")
        assert stage.watch.troubles() == ("alerts are refused",)
    assert stage.watch.troubles() == ()


async def test_a_flood_of_alerts_keeps_nobody_busy(tmp_path: Path) -> None:
    async with Stage(alerts=tmp_path / "alert.sock") as stage:
        await stage.start()

        async def flooded(seconds: int) -> int:
            before = stage.looks
            for _ in range(seconds * 10):
                stage.alert("anything")
                await stage.clock.advance(0.1)
            return stage.looks - before

        assert await flooded(5) > 10  # a fault of the cluster makes events, too
        await flooded(27)
        assert await flooded(10) <= 11


async def test_what_an_operator_should_know_is_said_when_it_begins(caplog: pytest.LogCaptureFixture) -> None:
    async with Stage() as stage:
        await stage.start()
        await stage.pass_(30)
        assert [r.getMessage() for r in caplog.records if "alerted" in r.getMessage()] == [
            "it is not alerted"
        ]


async def test_a_link_check_that_cannot_be_made_is_said(caplog: pytest.LogCaptureFixture) -> None:
    async with Stage() as stage:
        await stage.start()
        stage.links = LinkCheck(None, "tcpdump failed: You don't have permission")
        stage.scene = "node-down-unclean-fence-pending"
        await stage.event()
        await stage.pass_(5)
        assert stage.samples() == [{"n2": Membership.DOWN}]
        (said,) = (r.getMessage() for r in caplog.records if "cut off" in r.getMessage())
        assert "You don't have permission" in said


async def test_what_was_known_before_a_restart_still_counts() -> None:
    goodbye = HostRecord(remote=True, farewell=Farewell.SAID)
    async with Stage(remembered={"r1": goodbye}) as stage:
        stage.change = without_fencing
        await settle()
        stage.corosync.say(True)
        await stage.pass_(8)
        assert stage.samples()[0]["r1"] is Membership.LEFT
        assert stage.kept[-1]["r1"].farewell is Farewell.SAID


async def test_planned_work_begins_before_the_loss_and_ends_after_the_return() -> None:
    async with Stage() as stage:
        await stage.start()
        stage.change = lambda cib, mon: without_fencing(cib, replace(mon, maintenance=True))
        await stage.event()
        said = [o for o in stage.heard() if not isinstance(o, View)]
        assert isinstance(said[-1], Sample) and {type(o) for o in said[:-1]} == {WorkSeen}
        stage.change = None
        await stage.event()
        said = [o for o in stage.heard() if not isinstance(o, View)]
        assert isinstance(said[0], Sample) and {type(o) for o in said[1:]} == {WorkSeen}


async def test_where_corosync_cannot_be_asked_the_cib_decides() -> None:
    async with Stage() as stage:
        stage.corosync.quorate = True  # as PacemakersQuorum always says
        await stage.pass_(8)
        assert kinds(stage.heard()) == ["View", "Sample"]
        stage.scene = "isolated-node-view-no-quorum"
        await stage.pass_(11)
        (view,) = stage.heard()
        assert not view.proven
        stage.scene = "node-down-fenced"
        await stage.pass_(4)
        assert stage.heard() == []  # it settles


async def test_where_a_living_host_would_answer() -> None:
    async with Stage() as stage:
        await stage.start()
        assert [(e.address, e.port) for e in stage.context.endpoints("r1")] == [
            ("10.99.0.4", 3121),
            ("10.99.0.4", 22),
        ]
        assert [(e.address, e.port) for e in stage.context.endpoints("n2")] == [("n2", 22)]
        assert stage.context.endpoints("unheard-of") == ()


async def test_a_fencing_by_devices_that_prove_nothing_is_no_proof() -> None:
    async with Stage() as stage:
        stage.worthless = {"n2": "st-null switches nothing off"}
        await stage.start()
        stage.scene = "node-down-fenced"
        await stage.event()
        said = stage.heard()
        assert "PowerSeen" not in kinds(said)
        (sample,) = (o for o in said if isinstance(o, Sample))
        assert sample.hosts["n2"].value is Membership.DOWN and "st-null" in sample.hosts["n2"].evidence
        await stage.pass_(5)
        assert stage.asked_worth == 1  # once for each fencing


async def test_while_it_cannot_be_read_what_a_fencing_is_worth_nothing_is_told() -> None:
    async with Stage() as stage:
        await stage.start()
        stage.scene, stage.worthless = "node-down-fenced", CannotLook("cibadmin gave no answer")
        await stage.event()
        assert stage.heard() == []
        stage.worthless = {}
        await stage.pass_(2)
        assert "PowerSeen" in kinds(stage.heard())


async def test_a_status_section_that_may_not_be_read_is_blindness_and_accuses_nobody() -> None:
    """With ACLs that hide it, crm_mon calls every node offline and unclean."""

    def hidden(cib: Cib, mon: CrmMon) -> tuple[Cib, CrmMon]:
        nodes = {name: replace(node, online=False, unclean=True) for name, node in mon.nodes.items()}
        return replace(cib, nodes=()), replace(mon, nodes=nodes)

    async with Stage() as stage:
        await stage.start()
        stage.change = hidden
        await stage.pass_(120)
        views = [o for o in stage.heard() if not isinstance(o, View) or not o.proven]
        assert [type(o) for o in views] == [View] and "may not read it" in views[0].why


async def test_a_day_in_which_pacemaker_could_not_be_read_lets_nobody_be_forgotten() -> None:
    gone = HostRecord(remote=True, crashed=True, looked_at=FakeClock().now())
    async with Stage(remembered={"r9": gone}) as stage:
        await stage.start()
        stage.scene = CannotLook("cibadmin gave no answer in 10 s and was killed")
        stage.clock.stand_still(FORGOTTEN)
        await stage.seconds(20)
        told = len(stage.kept)
        stage.scene = "healthy"
        await stage.seconds(3)
        assert len(stage.kept) > told and stage.kept[-1]["r9"].crashed
