"""Maintenance mode, as the source of a link tells of it: before a loss that it explains, over after it is over."""

from masakarimonitors.hostmonitor.core.observation import Membership, Sample, Work, WorkSeen
from tests.fixtures.fake_consul import FakeConsul
from tests.unit.hostmonitor.drivers.consul.hearing import Heard, watching


def works(heard: Heard, host: str) -> list[Work]:
    return [said.work for said in heard.all if isinstance(said, WorkSeen) and said.host == host]


async def test_a_host_that_is_lost_in_maintenance_mode_is_told_as_that_first(consul: FakeConsul) -> None:
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        assert works(heard, "node05") == []
        with consul.edit():
            consul.maintained["node05"] = ["", "nova1"]
            consul.critical.add("node05")
        await heard.until(lambda: heard.values["node05"] is Membership.DOWN)
        begun = next(at for at, said in enumerate(heard.all) if isinstance(said, WorkSeen))
        lost = next(
            at
            for at, said in enumerate(heard.all)
            if isinstance(said, Sample) and said.hosts.get("node05") and not said.whole
        )
        assert begun < lost
        seen = heard.all[begun]
        assert isinstance(seen, WorkSeen) and seen.work is Work.MAINTENANCE
        assert (seen.evidence, seen.links) == (
            "Consul's maintenance mode of its node, by storage",
            ("storage",),
        )


async def test_it_ends_when_its_leader_lists_the_host_without_it(consul: FakeConsul) -> None:
    consul.maintained["node05"] = [""]
    async with watching(consul) as heard:
        await heard.until(lambda: works(heard, "node05")[-1:] == [Work.MAINTENANCE])
        with consul.edit():
            consul.leave("node05")
        await heard.until(lambda: heard.values["node05"] is Membership.LEFT)
        with consul.edit():
            consul.maintained.clear()
            consul.listed.append("node05")
            consul.catalog.append("node05")
            consul.members["node05"] = 1
        await heard.until(lambda: works(heard, "node05")[-1] is Work.NONE)
        assert heard.values["node05"] is Membership.UP


async def test_it_outlives_a_loss_of_sight_and_is_told_again_with_each_whole_listing(
    consul: FakeConsul,
) -> None:
    consul.maintained["node05"] = [""]
    async with watching(consul) as heard:
        await heard.until(lambda: bool(works(heard, "node05")) and bool(heard.values))
        before = len(works(heard, "node05"))
        consul.fail(leader=False)
        await heard.until(lambda: heard.proven is False)
        consul.fail()
        await heard.until(lambda: len(works(heard, "node05")) > before)
        assert Work.NONE not in works(heard, "node05")


async def test_a_service_that_is_taken_out_holds_nothing_of_its_host(consul: FakeConsul) -> None:
    consul.maintained["node05"] = ["nova1"]
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        with consul.edit():
            consul.critical.add("node05")
        await heard.until(lambda: heard.values["node05"] is Membership.DOWN)
        assert works(heard, "node05") == []


async def test_each_listing_says_whom_it_shows_without_maintenance_mode(consul: FakeConsul) -> None:
    consul.maintained["node05"] = [""]
    with consul.edit():
        consul.leave("node03")
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        whole = next(said for said in heard.all if isinstance(said, Sample) and said.whole)
        # Of one that its leader lists no more nobody has said that the work on it is over.
        assert {"node01", "node02"} <= set(whole.idle) and not {"node03", "node05"} & set(whole.idle)
        with consul.edit():
            consul.listed.append("node03")
            consul.catalog.append("node03")
            consul.members["node03"] = 1
        await heard.until(lambda: heard.values["node03"] is Membership.UP)
        last = next(
            said for said in reversed(heard.all) if isinstance(said, Sample) and "node03" in said.hosts
        )
        assert last.whole or set(last.idle) == {"node03"}
