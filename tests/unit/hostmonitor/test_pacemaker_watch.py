"""The watch as a dialogue: Corosync and Pacemaker are played by hand, and time is moved by hand."""

import os
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.hostmonitor.observation import Link, Power, PowerSeen, Sample, View, Work, WorkSeen
from masakarimonitors.hostmonitor.sources.pacemaker_cib import Cib, CrmMon, read_cib, read_crm_mon
from masakarimonitors.hostmonitor.sources.pacemaker_commands import CannotLook, NodeKind
from masakarimonitors.hostmonitor.sources.pacemaker_corosync import CorosyncError
from masakarimonitors.hostmonitor.sources.pacemaker_insight import Insight
from masakarimonitors.hostmonitor.sources.pacemaker_judgement import Rules
from masakarimonitors.hostmonitor.sources.pacemaker_lines import Lines
from masakarimonitors.hostmonitor.sources.pacemaker_watch import Doors, Rhythm, Watch
from tests.fixtures.fake_clock import FakeClock, settle

DATA = Path(__file__).parents[2] / "data" / "pacemaker"


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
        self.insight = Insight()
        self.corosync = Corosync()
        self.scene: str | Exception = "healthy"
        self.lines = Lines(True, "connected")
        self.said: list[Any] = []
        self.looks = 0
        self.kind: NodeKind | None = NodeKind.CLUSTER
        self.watch = Watch(
            self.clock,
            self.insight,
            own=frozenset({"n1"}),
            rules=changes.pop("rules", Rules()),
            rhythm=Rhythm(),
            kind=None,
            alert_socket=None,
            doors=Doors(
                kind=lambda: self.kind, quorum=self._connect, look=self._look, lines=self._check_lines
            ),
        )

    async def _connect(self, timeout: float) -> Corosync:
        if self.corosync.gone:
            raise CorosyncError("quorum_model_initialize: corosync is not running here, or has just gone")
        return self.corosync

    async def _look(self, timeout: float) -> tuple[Cib, CrmMon]:
        self.looks += 1
        if isinstance(self.scene, Exception):
            raise self.scene
        cib = read_cib((DATA / f"{self.scene}.cib.xml").read_text())
        return cib, read_crm_mon((DATA / f"{self.scene}.crm_mon.xml").read_text())

    async def _check_lines(self, own: int | None) -> Lines:
        return self.lines

    async def __aenter__(self) -> "Stage":
        import asyncio

        self._task = asyncio.get_running_loop().create_task(self.watch.run(self.said.append))
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._task.cancel()
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

    async def event(self, quorate: bool | None = True) -> None:
        self.corosync.say(quorate)
        await self.pass_(0.5)

    def heard(self) -> list[Any]:
        said, self.said[:] = list(self.said), []
        return said

    def samples(self) -> list[dict[str, Link]]:
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
        assert stage.samples() == [{"n2": Link.DOWN}]
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
        assert not stage.insight.sighted.is_set()
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


async def test_with_our_own_line_dead_nobody_is_accused_until_we_survived_it() -> None:
    async with Stage() as stage:
        await stage.start()
        stage.scene = "node-down-unclean-fence-pending"
        stage.lines = Lines(False, "all 2 corosync links of this node are disconnected")
        await stage.event()
        assert stage.samples() == [{"n2": Link.UNKNOWN}]
        await stage.pass_(25)
        assert stage.samples() == []
        await stage.pass_(10)
        assert stage.samples() == [{"n2": Link.DOWN}]


async def test_with_our_own_line_dead_a_fencing_still_counts() -> None:
    async with Stage() as stage:
        await stage.start()
        stage.scene = "node-down-unclean-fence-pending"
        stage.lines = Lines(False, "all 2 corosync links of this node are disconnected")
        await stage.event()
        stage.scene = "node-down-fenced"
        await stage.pass_(3)
        assert [o.host for o in stage.heard() if isinstance(o, PowerSeen)] == ["n2"]


async def test_a_remote_node_looks_without_corosync() -> None:
    async with Stage() as stage:
        stage.kind = NodeKind.REMOTE
        await stage.pass_(1)
        assert kinds(stage.heard()) == ["View", "Sample"]
        assert stage.insight.member is False
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
        assert {s.value for o in said if isinstance(o, Sample) for s in o.hosts.values()} == {Link.LEFT}
        assert "PowerSeen" not in kinds(said)
