"""The Kubernetes driver's sources against a replay server: every way in which a watch can go wrong."""

import asyncio
import contextlib
import json
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from masakarimonitors.hostmonitor.observation import (
    EVERYONE,
    LedgerEntry,
    Link,
    Observation,
    Office,
    Power,
    PowerSeen,
    Sample,
    View,
    WriteLedger,
)
from masakarimonitors.hostmonitor.sources.kubernetes_api import Account
from masakarimonitors.hostmonitor.sources.kubernetes_nodes import Nodes, Rhythm
from masakarimonitors.hostmonitor.sources.kubernetes_reading import OUT_OF_SERVICE
from masakarimonitors.hostmonitor.sources.kubernetes_reporter import LeaseOffice, Terms
from masakarimonitors.notifications import HostStatus
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.kubernetes_replay import DATA, Replay
from tests.unit.hostmonitor.test_kubernetes_reading import node

T = TypeVar("T")
QUICK = Rhythm(resync=30, probe=0.05, patience=0.5, good_for=1.0, retry=0.05)
BRISK = Terms(duration=2, deadline=1.0, renew=0.1, patience=1.0, refused=0.2)


class Heard(list[Observation]):
    """What a source has said, and a way to wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self._news = asyncio.Event()

    def __call__(self, observation: Observation) -> None:
        self.append(observation)
        self._news.set()

    async def until(
        self, kind: type[T], wanted: Callable[[T], bool] = lambda item: True, after: int = 0
    ) -> T:
        async with asyncio.timeout(30):
            while True:
                for item in self[after:]:
                    if isinstance(item, kind) and wanted(item):
                        return item
                self._news.clear()
                await self._news.wait()


@contextlib.asynccontextmanager
async def listening(source: Nodes | LeaseOffice) -> AsyncIterator[Heard]:
    heard = Heard()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(source.run(heard))
        try:
            yield heard
        finally:
            task.cancel()


@contextlib.asynccontextmanager
async def nodes(tmp_path: Path, server: Replay, rhythm: Rhythm = QUICK) -> AsyncIterator[Heard]:
    source = Nodes(Account(str(server.kubeconfig(tmp_path))), "", SystemClock(), rhythm)
    async with listening(source) as heard:
        yield heard


def says(host: str, value: Link) -> Callable[[Sample], bool]:
    return lambda sample: host in sample.hosts and sample.hosts[host].value is value


async def test_the_recorded_list_then_changes_by_watch(tmp_path: Path) -> None:
    async with Replay().serve() as server, nodes(tmp_path, server) as heard:
        first = await heard.until(Sample)
        assert first.whole and len(first.hosts) == 5
        assert (await heard.until(View)).proven
        await server.watching.wait()
        server.push({"type": "MODIFIED", "object": node("node05", "Unknown")})
        changed = await heard.until(Sample, says("node05", Link.DOWN))
        assert not changed.whole and list(changed.hosts) == ["node05"]


async def test_an_event_that_changes_only_taints_says_nothing(tmp_path: Path) -> None:
    async with Replay([node("n1", "True")]).serve() as server, nodes(tmp_path, server) as heard:
        await server.watching.wait()
        for taints in ((), ("a",), ("a", "b")):
            server.push({"type": "MODIFIED", "object": node("n1", "Unknown", *taints)})
        server.push({"type": "MODIFIED", "object": node("n1", "True")})
        await heard.until(Sample, lambda sample: not sample.whole and says("n1", Link.UP)(sample))
        assert [s.hosts["n1"].value for s in heard if isinstance(s, Sample)] == [Link.UP, Link.DOWN, Link.UP]


async def test_a_deleted_node_has_left(tmp_path: Path) -> None:
    async with (
        Replay([node("n1", "True"), node("n2", "True")]).serve() as server,
        nodes(tmp_path, server) as heard,
    ):
        await server.watching.wait()
        server.push({"type": "DELETED", "object": node("n2", "True")})
        await heard.until(Sample, says("n2", Link.LEFT))


async def test_a_node_that_is_vouched_to_be_off_is_proven(tmp_path: Path) -> None:
    async with Replay([node("n1", "True")]).serve() as server, nodes(tmp_path, server) as heard:
        await server.watching.wait()
        server.push({"type": "MODIFIED", "object": node("n1", "Unknown", OUT_OF_SERVICE)})
        proof = await heard.until(PowerSeen)
        assert (proof.host, proof.power) == ("n1", Power.OFF)
        assert isinstance(heard[heard.index(proof) - 1], Sample)


async def test_a_taint_that_the_node_has_outlived_proves_nothing(tmp_path: Path) -> None:
    async with (
        Replay([node("n1", "Unknown", OUT_OF_SERVICE)]).serve() as server,
        nodes(tmp_path, server) as heard,
    ):
        await heard.until(PowerSeen)
        await server.watching.wait()
        server.push({"type": "MODIFIED", "object": node("n1", "True", OUT_OF_SERVICE)})
        server.push({"type": "MODIFIED", "object": node("n1", "Unknown", OUT_OF_SERVICE)})
        server.push({"type": "MODIFIED", "object": node("n1", "True")})
        await heard.until(Sample, lambda s: not s.whole and says("n1", Link.DOWN)(s))
        at = len(heard)
        await heard.until(Sample, says("n1", Link.UP), after=at - 1)
        assert sum(isinstance(seen, PowerSeen) for seen in heard) == 1
        at = len(heard)
        server.push({"type": "MODIFIED", "object": node("n1", "Unknown", OUT_OF_SERVICE)})
        await heard.until(PowerSeen, after=at)


async def test_an_expired_version_is_listed_anew_without_a_doubt_about_the_view(tmp_path: Path) -> None:
    gone = json.loads((DATA / "k8s_watch_expired_410.txt").read_text().splitlines()[0])
    async with Replay([node("n1", "True")]).serve() as server, nodes(tmp_path, server) as heard:
        await server.watching.wait()
        server.nodes = [node("n1", "Unknown")]
        server.push(gone)
        assert (await heard.until(Sample, says("n1", Link.DOWN))).whole
        assert all(view.proven for view in heard if isinstance(view, View))


async def test_a_dropped_watch_is_taken_up_again(tmp_path: Path) -> None:
    async with Replay([node("n1", "True")]).serve() as server, nodes(tmp_path, server) as heard:
        await server.watching.wait()
        server.nodes = [node("n1", "Unknown")]
        server.drop()
        assert (await heard.until(Sample, says("n1", Link.DOWN))).whole
        assert server.watches >= 1


@pytest.mark.parametrize("fault", ["status", "hang"])
async def test_a_server_that_gives_no_answer_proves_nothing_until_it_does(tmp_path: Path, fault: str) -> None:
    async with Replay([node("n1", "True")]).serve() as server, nodes(tmp_path, server) as heard:
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


async def test_credentials_of_an_exec_plugin(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    answer = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "from-the-plugin"},
    }
    plugin.write_text(f"#!/bin/sh\ncat <<'E'\n{json.dumps(answer)}\nE\n")
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin)}}
    async with Replay([node("n1", "True")]).serve() as server:
        source = Nodes(Account(str(server.kubeconfig(tmp_path, user))), "", SystemClock(), QUICK)
        async with listening(source) as heard:
            await heard.until(Sample)
        assert server.tokens == {"Bearer from-the-plugin"}


async def test_credentials_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    async with listening(Nodes(Account(str(tmp_path / "nothing")), "", SystemClock(), QUICK)) as heard:
        view = await heard.until(View)
        assert not view.proven and "credentials" in view.why


def office(tmp_path: Path, server: Replay, own: str, terms: Terms = BRISK) -> LeaseOffice:
    return LeaseOffice(Account(str(server.kubeconfig(tmp_path))), "default", "l", own, SystemClock(), terms)


async def test_one_of_three_monitors_reports(tmp_path: Path) -> None:
    async with Replay().serve() as server, contextlib.AsyncExitStack() as stack:
        heard = [
            await stack.enter_async_context(listening(office(tmp_path, server, f"n{i}"))) for i in range(3)
        ]
        offices = [await each.until(Office) for each in heard]
        settled = [await each.until(Office, lambda office: office.holder != "") for each in heard]
        assert len(offices) == len(settled) == 3
        assert server.lease is not None
        holder = server.lease["spec"]["holderIdentity"]
        for name, each in zip(("n0", "n1", "n2"), heard, strict=True):
            await each.until(Office, lambda office, name=name: office.mine == (name == holder))  # type: ignore[misc]


async def test_a_holder_that_stops_cleanly_hands_over_with_its_ledger(tmp_path: Path) -> None:
    entry = LedgerEntry(HostStatus.NORMAL, SystemClock().now().wall)
    async with Replay().serve() as server, contextlib.AsyncExitStack() as stack:
        first = office(tmp_path, server, "n1")
        async with listening(first) as heard:
            await heard.until(Office, lambda office: office.mine)
            second = await stack.enter_async_context(listening(office(tmp_path, server, "n2")))
            await second.until(Office, lambda office: office.holder == "n1")
            await first.perform(WriteLedger({"node05": entry}))
            await second.until(Office, lambda office: bool(office.ledger))
        taken = await second.until(Office, lambda office: office.mine)
        assert taken.ledger == {"node05": entry}


async def test_a_holder_that_dies_is_succeeded_when_its_lease_has_run_out(tmp_path: Path) -> None:
    async with Replay().serve() as server:
        server.lease = {
            "metadata": {"name": "l", "resourceVersion": "0"},
            "spec": {
                "holderIdentity": "dead",
                "leaseDurationSeconds": 1,
                "renewTime": "2026-01-01T00:00:00.0Z",
            },
        }
        async with listening(office(tmp_path, server, "n1")) as heard:
            await heard.until(Office, lambda office: office.holder == "dead")
            await heard.until(Office, lambda office: office.mine)


async def test_a_holder_that_cannot_renew_stops_reporting_before_another_may_begin(tmp_path: Path) -> None:
    async with Replay().serve() as server, listening(office(tmp_path, server, "n1")) as heard:
        await heard.until(Office, lambda office: office.mine)
        server.lease_status = 503
        lost = await heard.until(Office, lambda office: not office.mine)
        assert "cannot be reached" in lost.why
        server.lease_status = 200
        await heard.until(Office, lambda office: office.mine, after=heard.index(lost))


async def test_what_a_deposed_holder_had_not_written_is_not_written_later(tmp_path: Path) -> None:
    async with Replay().serve() as server:
        source = office(tmp_path, server, "n1")
        async with listening(source) as heard:
            await heard.until(Office, lambda said: said.mine)
            server.lease_status = 503
            await source.perform(
                WriteLedger({"n5": LedgerEntry(HostStatus.NORMAL, SystemClock().now().wall)})
            )
            await heard.until(Office, lambda said: not said.mine)
            after = len(heard)
            server.lease_status = 200
            again = await heard.until(Office, lambda said: said.mine, after=after)
            assert again.ledger == {}
            writes = server.lease_writes
            async with asyncio.timeout(30):
                while server.lease_writes < writes + 3:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            assert server.lease is not None and "n5" not in json.dumps(server.lease)


async def test_an_account_that_may_not_use_leases_means_that_everyone_reports(tmp_path: Path) -> None:
    async with Replay().serve() as server:
        server.lease_status = 403
        async with listening(office(tmp_path, server, "n1")) as heard:
            said = await heard.until(Office)
            assert said.mine and said.holder == EVERYONE and "may not use Leases" in said.why
