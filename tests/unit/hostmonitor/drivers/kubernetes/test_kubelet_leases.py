"""What the kubelets' Leases say, and what is made of a refusal."""

from pathlib import Path

import pytest

from masakarimonitors.hostmonitor.drivers.kubernetes.api_server.api import Api, ApiFault, Credentials
from masakarimonitors.hostmonitor.drivers.kubernetes.kubelet_leases import KubeletLeases, LeasePace
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.kubernetes_replay import Replay


async def test_each_renewal_is_heard_by_this_hosts_own_clock(tmp_path: Path) -> None:
    clock = FakeClock()
    leases = KubeletLeases(clock, LeasePace())
    async with Replay([]).serve() as server, Api(Credentials(str(server.kubeconfig(tmp_path)))) as api:
        server.node_leases = lambda: {"n1": "a", "n2": "a"}
        await leases.look_at_own(api, "n1")
        await leases.look(api)
        await clock.advance(30)
        server.node_leases = lambda: {"n1": "a", "n2": "b"}
        await leases.look_at_own(api, "n1")
        await leases.look(api)
        assert (leases.own.age("n1"), leases.every.age("n1"), leases.every.age("n2")) == (30, 30, 0)
        assert leases.own.age("n2") is None and leases.own_duration == 40


async def test_an_answer_that_was_long_under_way_is_as_old_as_its_question(tmp_path: Path) -> None:
    clock = FakeClock()
    leases = KubeletLeases(clock, LeasePace())

    def slowly() -> dict[str, str]:
        clock.stand_still(30)
        return {"n1": "b"}

    async with Replay([]).serve() as server, Api(Credentials(str(server.kubeconfig(tmp_path)))) as api:
        server.node_leases = lambda: {"n1": "a"}
        await leases.look_at_own(api, "n1")
        await leases.look(api)
        server.node_leases = slowly
        await leases.look_at_own(api, "n1")
        server.node_leases = lambda: {"n1": "b"}
        await leases.look_at_own(api, "n1")
        assert leases.own.age("n1") == 30
        server.node_leases = slowly
        await leases.look(api)
        server.node_leases = lambda: {"n1": "b"}
        await leases.look(api)
        assert leases.every.age("n1") == 30


async def test_a_refusal_is_asked_again_later(tmp_path: Path) -> None:
    clock = FakeClock()
    leases = KubeletLeases(clock, LeasePace(try_again=100))
    async with Replay([]).serve() as server, Api(Credentials(str(server.kubeconfig(tmp_path)))) as api:

        async def look() -> tuple[bool, list[str]]:
            await leases.look(api)
            return leases.refused, list(leases.every.moved)

        server.node_leases = lambda: {"n1": "a"}
        assert await look() == (False, ["n1"])
        server.node_lease_status = 403
        assert await look() == (True, [])
        server.node_lease_status = 200
        await clock.advance(99)
        assert await look() == (True, [])
        await clock.advance(1)
        assert await look() == (False, ["n1"])


async def test_any_other_fault_is_one(tmp_path: Path) -> None:
    leases = KubeletLeases(FakeClock(), LeasePace())
    async with Replay([]).serve() as server, Api(Credentials(str(server.kubeconfig(tmp_path)))) as api:
        server.node_lease_status = 500
        with pytest.raises(ApiFault, match="500"):
            await leases.look(api)


@pytest.mark.parametrize(("nodes", "seconds"), [(3, 10), (500, 30), (5000, 60)])
def test_large_clusters_are_looked_at_more_slowly(nodes: int, seconds: float) -> None:
    assert LeasePace().between(nodes) == seconds
