"""The nodes of a replay server: every way in which a watch can go wrong, and what else a Node tells."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from masakarimonitors.hostmonitor.core.observation import (
    Membership,
    Observation,
    Power,
    PowerSeen,
    ProofKind,
    Sample,
    View,
    Work,
    WorkSeen,
)
from masakarimonitors.hostmonitor.drivers.base import Endpoint
from masakarimonitors.hostmonitor.drivers.kubernetes.api_server.api import Api, Credentials
from masakarimonitors.hostmonitor.drivers.kubernetes.nodes import Nodes, Rhythm
from masakarimonitors.hostmonitor.drivers.kubernetes.own_node import OwnNames
from masakarimonitors.hostmonitor.drivers.kubernetes.parse import OUT_OF_SERVICE
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.kubernetes_replay import DATA, Replay
from tests.fixtures.waiting import eventually
from tests.unit.hostmonitor.drivers.kubernetes.hearing import Heard, listening, node

QUICK = Rhythm(resync=30, probe=0.05, patience=15.0, good_for=1.0, retry=0.05, poll=0.05, brief=0.0)
NOWHERE = OwnNames(names=(), nowhere=True)
EARLIER, LOST_AT, LATER = "2026-01-01T09:00:00Z", "2026-01-01T10:00:00Z", "2026-01-01T10:05:00Z"


def source(tmp_path: Path, server: Replay, rhythm: Rhythm = QUICK, own: OwnNames = NOWHERE) -> Nodes:
    credentials = Credentials(str(server.kubeconfig(tmp_path)))
    return Nodes(credentials, "", own, clock=SystemClock(), rhythm=rhythm)


@contextlib.asynccontextmanager
async def nodes(tmp_path: Path, server: Replay, rhythm: Rhythm = QUICK) -> AsyncIterator[Heard]:
    async with listening(source(tmp_path, server, rhythm)) as heard:
        yield heard


def says(host: str, value: Membership) -> Callable[[Sample], bool]:
    return lambda sample: host in sample.hosts and sample.hosts[host].value is value


async def test_the_recorded_list_then_changes_by_watch(tmp_path: Path) -> None:
    async with Replay().serve() as server, nodes(tmp_path, server) as heard:
        first = await heard.until(Sample)
        assert first.whole and len(first.hosts) == 5
        assert (await heard.until(View)).proven
        await server.watching.wait()
        server.push({"type": "MODIFIED", "object": node("node05", "Unknown")})
        changed = await heard.until(Sample, says("node05", Membership.DOWN))
        assert not changed.whole and list(changed.hosts) == ["node05"]


async def test_a_list_in_pages_is_one_sample(tmp_path: Path) -> None:
    listed = [node(f"n{number}", "True") for number in range(7)]
    async with Replay(listed).serve() as server, nodes(tmp_path, server) as heard:
        server.page = 3
        assert len((await heard.until(Sample, lambda sample: sample.whole)).hosts) == 7


async def test_an_event_that_changes_only_taints_says_nothing(tmp_path: Path) -> None:
    async with Replay([node("n1", "True")]).serve() as server, nodes(tmp_path, server) as heard:
        await server.watching.wait()
        for taints in ((), ("a",), ("a", "b")):
            server.push({"type": "MODIFIED", "object": node("n1", "Unknown", *taints)})
        server.push({"type": "MODIFIED", "object": node("n1", "True")})
        await heard.until(Sample, lambda sample: not sample.whole and says("n1", Membership.UP)(sample))
        assert [s.hosts["n1"].value for s in heard if isinstance(s, Sample)] == [
            Membership.UP,
            Membership.DOWN,
            Membership.UP,
        ]


async def test_a_deleted_node_has_left(tmp_path: Path) -> None:
    async with (
        Replay([node("n1", "True"), node("n2", "True")]).serve() as server,
        nodes(tmp_path, server) as heard,
    ):
        await server.watching.wait()
        server.push({"type": "DELETED", "object": node("n2", "True")})
        await heard.until(Sample, says("n2", Membership.LEFT))


async def test_a_node_that_is_vouched_to_be_off_since_its_loss_is_proven(tmp_path: Path) -> None:
    async with Replay([node("n1", "True")]).serve() as server, nodes(tmp_path, server) as heard:
        await server.watching.wait()
        lost = node("n1", "Unknown", f"{OUT_OF_SERVICE}@{LATER}", lost_at=LOST_AT)
        server.push({"type": "MODIFIED", "object": lost})
        proof = await heard.until(PowerSeen)
        assert (proof.host, proof.power, proof.kind) == ("n1", Power.OFF, ProofKind.TAINT)
        assert isinstance(heard[heard.index(proof) - 1], Sample)


async def test_a_proof_is_as_old_as_the_question_whose_answer_shows_it(tmp_path: Path) -> None:
    clock = FakeClock()

    class Slow(Replay):
        @property
        def listed(self) -> list[dict[str, Any]]:
            clock.stand_still(30.0)
            return super().listed

    lost = node("n1", "Unknown", f"{OUT_OF_SERVICE}@{LATER}", lost_at=LOST_AT)
    async with Slow([lost]).serve() as server:
        access, rhythm = Credentials(str(server.kubeconfig(tmp_path))), Rhythm()
        asked = clock.now()
        source = Nodes(access, "", NOWHERE, clock=clock, rhythm=rhythm)
        async with listening(source) as heard:
            assert (await heard.until(PowerSeen)).at == asked


async def test_a_taint_without_a_time_counts_when_it_was_seen_to_follow_the_loss(tmp_path: Path) -> None:
    async with Replay([node("n1", "True")]).serve() as server, nodes(tmp_path, server) as heard:
        await server.watching.wait()
        server.push({"type": "MODIFIED", "object": node("n1", "Unknown", lost_at=LOST_AT)})
        server.push({"type": "MODIFIED", "object": node("n1", "Unknown", OUT_OF_SERVICE, lost_at=LOST_AT)})
        assert (await heard.until(PowerSeen)).kind is ProofKind.TAINT


@pytest.mark.parametrize("taint", [f"{OUT_OF_SERVICE}@{EARLIER}", OUT_OF_SERVICE])
async def test_a_taint_that_was_forgotten_proves_nothing_also_after_a_restart(
    tmp_path: Path, taint: str
) -> None:
    lost = node("n1", "Unknown", taint, lost_at=LOST_AT)
    async with Replay([lost]).serve() as server, nodes(tmp_path, server) as heard:
        await server.watching.wait()
        server.push({"type": "MODIFIED", "object": lost})
        server.push({"type": "MODIFIED", "object": node("n1", "True")})
        down = await heard.until(Sample, says("n1", Membership.DOWN))
        assert "proves nothing" in down.hosts["n1"].evidence
        await heard.until(Sample, says("n1", Membership.UP))
        assert not [seen for seen in heard if isinstance(seen, PowerSeen)]


async def test_a_cordon_is_planned_work_until_it_ends(tmp_path: Path) -> None:
    cordoned = node("n1", "True", cordoned=True)
    async with Replay([cordoned, node("n2", "True")]).serve() as server, nodes(tmp_path, server) as heard:
        began = await heard.until(WorkSeen)
        assert (began.host, began.work) == ("n1", Work.CORDONED)
        await server.watching.wait()
        server.push({"type": "MODIFIED", "object": node("n1", "Unknown", cordoned=True)})
        server.push({"type": "MODIFIED", "object": node("n1", "True")})
        ended = await heard.until(WorkSeen, lambda seen: seen.work is Work.NONE)
        assert ended.host == "n1"
        assert [seen.host for seen in heard if isinstance(seen, WorkSeen)] == ["n1", "n1"]


async def test_what_is_listed_without_a_cordon_is_said_to_be(tmp_path: Path) -> None:
    """What was kept of a cordon over a restart is over then."""
    shown = [node("n1", "True", cordoned=True), node("n2", "True")]
    async with Replay(shown).serve() as server, nodes(tmp_path, server) as heard:
        whole = await heard.until(Sample, lambda seen: seen.whole)
        assert "n1" not in whole.idle and "n2" in whole.idle
        await server.watching.wait()
        server.push({"type": "ADDED", "object": node("n3", "True")})
        added = await heard.until(Sample, says("n3", Membership.UP))
        assert set(added.idle) == {"n3"}


async def test_work_that_goes_on_is_told_before_each_whole_list_and_of_each_node_that_is_new(
    tmp_path: Path,
) -> None:
    """The core may have forgotten the host meanwhile, and must not report it when it is lost."""
    cordoned, other = node("n1", "True", cordoned=True), node("n2", "True")
    async with Replay([cordoned, other]).serve() as server, nodes(tmp_path, server) as heard:
        await server.watching.wait()
        server.push({"type": "DELETED", "object": cordoned})
        await heard.until(Sample, says("n1", Membership.LEFT))
        after = len(heard)
        server.push({"type": "ADDED", "object": cordoned})
        await heard.until(Sample, says("n1", Membership.UP), after)
        words = [seen for seen in heard[after:] if isinstance(seen, WorkSeen | Sample)]
        assert isinstance(words[0], WorkSeen) and (words[0].host, words[0].work) == ("n1", Work.CORDONED)
        after = len(heard)
        server.cut()
        whole = await heard.until(Sample, lambda seen: seen.whole, after)
        assert "n1" in {seen.host for seen in heard[after : heard.index(whole)] if isinstance(seen, WorkSeen)}


async def test_a_remediation_that_cordons_what_is_lost_is_no_planned_work(tmp_path: Path) -> None:
    async with Replay([node("n1", "True")]).serve() as server, nodes(tmp_path, server) as heard:
        await server.watching.wait()
        answered = node(
            "n1", "Unknown", f"node.kubernetes.io/unschedulable@{LATER}", cordoned=True, lost_at=LOST_AT
        )
        server.push({"type": "MODIFIED", "object": answered})
        await heard.until(Sample, says("n1", Membership.DOWN))
        assert not [seen for seen in heard if isinstance(seen, WorkSeen)]


async def test_where_a_living_host_would_answer(tmp_path: Path) -> None:
    gone = json.loads((DATA / "k8s_watch_expired_410.txt").read_text().splitlines()[0])
    listed = [node("n1", "True", address="192.0.2.1", boot_id="b1"), node("n2", "True")]
    async with Replay(listed).serve() as server:
        looking = source(tmp_path, server)
        async with listening(looking) as heard:
            await heard.until(Sample)
            kubelet, ssh = Endpoint("192.0.2.1", 10250, "kubelet"), Endpoint("192.0.2.1", 22, "ssh")
            assert looking.endpoints("n1") == (kubelet, ssh)
            assert looking.endpoints("n2") == () == looking.endpoints("elsewhere")
            await server.watching.wait()
            lost = node("n1", "Unknown", address="192.0.2.1", boot_id="b1")
            server.push({"type": "MODIFIED", "object": lost})
            server.push({"type": "DELETED", "object": lost})
            await heard.until(Sample, says("n1", Membership.LEFT))
            assert looking.endpoints("n1") == (kubelet, ssh)
            # Nor is it forgotten when all are listed without it, once and again: a host may be asked for days.
            server.nodes = server.nodes[1:]
            server.push(gone)
            await eventually(lambda: server.watches == 2, "all are listed and watched anew")
            server.push(gone)
            await eventually(lambda: server.watches == 3, "and once more")
            assert looking.endpoints("n1") == (kubelet, ssh)
            # Its kubelet calls itself by another name: it has not booted since, so it lives.
            renamed = node("n1.rack", "True", address="192.0.2.1", boot_id="b1")
            server.push({"type": "ADDED", "object": renamed})
            await heard.until(Sample, says("n1.rack", Membership.UP))
            assert looking.endpoints("n1") == (kubelet, ssh), "who answers there is that host"
            server.push({"type": "DELETED", "object": renamed})
            # Another host is given its address: who answers there is that one.
            server.push({"type": "ADDED", "object": node("n3", "True", address="192.0.2.1", boot_id="b3")})
            await heard.until(Sample, says("n3", Membership.UP))
            assert looking.endpoints("n1") == () and looking.endpoints("n3") == (kubelet, ssh)


async def test_an_expired_version_is_listed_anew_without_a_doubt_about_the_view(tmp_path: Path) -> None:
    gone = json.loads((DATA / "k8s_watch_expired_410.txt").read_text().splitlines()[0])
    async with Replay([node("n1", "True")]).serve() as server, nodes(tmp_path, server) as heard:
        await server.watching.wait()
        server.nodes = [node("n1", "Unknown")]
        server.push(gone)
        assert (await heard.until(Sample, says("n1", Membership.DOWN))).whole
        assert {view.proven for view in heard if isinstance(view, View)} == {True}


@pytest.mark.parametrize("end", ["drop", "cut"])
async def test_a_watch_that_ends_is_taken_up_where_it_was(tmp_path: Path, end: str) -> None:
    async with Replay([node("n1", "True")]).serve() as server, nodes(tmp_path, server) as heard:
        await server.watching.wait()
        bookmark = {"type": "BOOKMARK", "object": {"kind": "Node", "metadata": {"resourceVersion": "170"}}}
        server.push(bookmark)
        server.push({"type": "MODIFIED", "object": node("n1", "False")})
        await heard.until(Sample, lambda sample: not sample.whole)
        before = server.lists
        getattr(server, end)()
        await eventually(lambda: server.watches == 2, "the watch is taken up again")
        server.push({"type": "MODIFIED", "object": node("n1", "Unknown")})
        assert not (await heard.until(Sample, says("n1", Membership.DOWN))).whole
        assert server.versions == ["100", "170"] and server.lists == before
        assert {view.proven for view in heard if isinstance(view, View)} == {True}


@pytest.mark.parametrize("status", [403, 404, 405, 501, 500, 429])
async def test_who_may_not_watch_lists_again_and_again_and_sees_all_the_same(
    tmp_path: Path, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    brief = Rhythm(resync=30, probe=0.05, patience=15.0, good_for=1.0, retry=0.05, poll=0.05)
    async with Replay([node("n1", "True"), node("n2", "True")]).serve() as server:
        server.watch_status = status
        async with nodes(tmp_path, server, brief) as heard:
            await heard.until(View, lambda view: "no watch can be had" in view.why)
            server.nodes = [node("n1", "True"), node("n2", "Unknown")]
            down = await heard.until(Sample, says("n2", Membership.DOWN))
            assert down.whole
            await heard.until(Sample, says("n2", Membership.DOWN), after=heard.index(down) + 1)
            assert {view.proven for view in heard if isinstance(view, View)} == {True}
            assert all(sample.whole for sample in heard if isinstance(sample, Sample))
    assert sum(record.levelname == "WARNING" for record in caplog.records) == 1


async def test_a_watch_that_is_cut_as_soon_as_it_is_there_is_none(tmp_path: Path) -> None:
    never_brief = Rhythm(
        resync=30, probe=0.05, patience=15.0, good_for=1.0, retry=0.05, poll=0.05, brief=60.0
    )
    async with Replay([node("n1", "True")]).serve() as server, nodes(tmp_path, server, never_brief) as heard:
        await server.watching.wait()
        server.nodes = [node("n1", "Unknown")]
        server.cut()
        assert (await heard.until(Sample, says("n1", Membership.DOWN))).whole
        await heard.until(View, lambda view: "no watch can be had" in view.why)
        assert {view.proven for view in heard if isinstance(view, View)} == {True}


@pytest.mark.parametrize("fault", ["status", "hang"])
async def test_a_server_that_gives_no_answer_proves_nothing_until_it_does(tmp_path: Path, fault: str) -> None:
    rhythm = replace(QUICK, patience=0.5)
    async with Replay([node("n1", "True")]).serve() as server, nodes(tmp_path, server, rhythm) as heard:
        await server.watching.wait()
        if fault == "hang":
            server.hang = True
        else:
            server.status = 503
        blind = await heard.until(View, lambda view: not view.proven)
        assert blind.why
        before = len(heard)
        server.hang, server.status = False, 200
        whole = await heard.until(Sample, lambda sample: sample.whole, after=before)
        proven = await heard.until(View, lambda view: view.proven, after=before)
        assert heard.index(whole) < heard.index(proven)


async def test_a_server_that_is_not_there_proves_nothing(tmp_path: Path) -> None:
    server = Replay([])
    server.url = "http://127.0.0.1:9"
    async with nodes(tmp_path, server) as heard:
        assert not (await heard.until(View)).proven


async def test_a_selector_that_matches_nothing_is_an_error_not_an_empty_cluster(tmp_path: Path) -> None:
    async with Replay([]).serve() as server, nodes(tmp_path, server) as heard:
        view = await heard.until(View)
        assert not view.proven and "monitoring_node_labels" in view.why
        assert not [item for item in heard if isinstance(item, Sample)]


async def test_an_answer_that_is_no_node_is_a_fault_of_the_view(tmp_path: Path) -> None:
    async with Replay([{"metadata": []}]).serve() as server, nodes(tmp_path, server) as heard:
        view = await heard.until(View)
        assert not view.proven and "cannot be read" in view.why


@pytest.mark.parametrize("odd", [{"metadata": []}, []])
async def test_an_event_that_is_no_node_ends_the_watch_and_not_the_sight(tmp_path: Path, odd: object) -> None:
    async with Replay([node("n1", "True")]).serve() as server, nodes(tmp_path, server) as heard:
        await server.watching.wait()
        server.push({"type": "MODIFIED", "object": odd})
        await eventually(lambda: server.watches == 2, "the watch is taken up again")
        server.push({"type": "MODIFIED", "object": node("n1", "Unknown")})
        await heard.until(Sample, says("n1", Membership.DOWN))
        assert {view.proven for view in heard if isinstance(view, View)} == {True}


class Slow:
    """An API server whose answer is under way while this process stands still."""

    def __init__(self, clock: FakeClock, seconds: float) -> None:
        self._clock, self._seconds = clock, seconds

    async def find_node(self, patience: float, **by: str) -> dict[str, object]:
        await self._clock.advance(self._seconds)
        return node("n1", "True")


async def test_the_view_is_good_from_the_moment_at_which_it_was_asked_for(tmp_path: Path) -> None:
    """By the time at which the answer is read the process may have stood still for hours."""
    clock, heard = FakeClock(), list[Observation]()
    asked = clock.now()
    nodes = Nodes(Credentials(str(tmp_path)), "", NOWHERE, clock=clock, rhythm=QUICK)
    async with asyncio.TaskGroup() as tasks:
        proving = tasks.create_task(nodes._prove(cast(Api, Slow(clock, 7200)), heard.append))
        await eventually(lambda: any(isinstance(seen, View) for seen in heard), "a view")
        proving.cancel()
    view = next(seen for seen in heard if isinstance(seen, View))
    assert view.proven and view.at == asked
    assert view.at.monotonic + view.good_for < clock.now().monotonic
