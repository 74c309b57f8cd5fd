"""One watch, through an agent that the test plays: what is said, and above all what is not."""

import asyncio

from masakarimonitors.hostmonitor.core.observation import Membership, Sample
from tests.fixtures.fake_consul import FakeConsul
from tests.unit.hostmonitor.drivers.consul.hearing import NODES, watching


async def test_the_first_word_is_whole_and_proven(consul: FakeConsul) -> None:
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        assert heard.proven
        assert heard.values == dict.fromkeys(NODES, Membership.UP)


async def test_a_critical_node_is_down_and_comes_back(consul: FakeConsul) -> None:
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        with consul.edit():
            consul.critical.add("node05")
        await heard.until(lambda: heard.values["node05"] is Membership.DOWN)
        with consul.edit():
            consul.critical.clear()
        await heard.until(lambda: heard.values["node05"] is Membership.UP)
        assert {n for n in NODES if Membership.DOWN in heard.ever(n)} == {"node05"}


async def test_unrelated_checks_that_flap_say_nothing(consul: FakeConsul) -> None:
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        for _ in range(20):
            with consul.edit():
                pass
            await asyncio.sleep(0)
        with consul.edit():
            consul.critical.add("node05")
        await heard.until(lambda: heard.values["node05"] is Membership.DOWN)
        samples = [said for said in heard.all if isinstance(said, Sample)]
        assert [set(sample.hosts) for sample in samples] == [set(NODES), {"node05"}]
