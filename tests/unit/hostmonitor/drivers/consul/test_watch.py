"""One watch, through an agent that the test plays: what is said, and above all what is not."""

import asyncio

import pytest

from masakarimonitors.hostmonitor.core.observation import Membership, Sample
from masakarimonitors.hostmonitor.drivers.consul import datacentre, parse
from masakarimonitors.hostmonitor.drivers.consul.departures import farewell
from tests.fixtures.fake_consul import FakeConsul
from tests.unit.hostmonitor.drivers.consul.hearing import NODES, Heard, watching


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


async def give_address(consul: FakeConsul, heard: Heard) -> None:
    """A host is lost, and then another agent comes that has its address."""
    await heard.until(lambda: bool(heard.values))
    with consul.edit():
        consul.critical.add("node05")
    await heard.until(lambda: heard.values["node05"] is Membership.DOWN)
    with consul.edit():
        consul.at["new05"] = consul.listens(4)
        consul.listed.append("new05")
        consul.catalog.append("new05")
        consul.members["new05"] = 1
    await heard.until(lambda: heard.values["node05"] is Membership.UNKNOWN)


async def test_who_comes_back_at_once_under_another_name_was_not_lost(consul: FakeConsul) -> None:
    async with watching(consul) as heard:
        await give_address(consul, heard)
        assert heard.sightings("node05")[-1] is parse.elsewhere("new05")


async def test_an_address_that_was_given_to_another_later_takes_no_failure_back(
    consul: FakeConsul, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(farewell, "BOOT", 0.0)
    async with watching(consul) as heard:
        await give_address(consul, heard)
        assert heard.sightings("node05")[-1] is parse.at_its_address("new05")
        assert not any(sighting.revises for sighting in heard.sightings("node05"))


async def test_who_shares_the_address_of_another_from_the_start_was_not_seen_lost(consul: FakeConsul) -> None:
    """Renamed before its old name was noticed as gone."""
    consul.at["node05"] = consul.listens(3)
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        with consul.edit():
            consul.critical.add("node05")
        await heard.until(lambda: heard.values["node05"] is Membership.UNKNOWN)
        assert heard.sightings("node05")[-1] is parse.elsewhere("node04")
        assert Membership.DOWN not in heard.ever("node05")


async def test_an_agent_that_is_configured_for_stale_reads_is_asked_for_its_leaders_word(
    consul: FakeConsul,
) -> None:
    """By `discovery_max_stale` a server goes on saying "passing" of whoever was, for as long as it has no leader."""
    consul.max_stale = True
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values) and heard.proven is True)
        consul.fail(leader=False)
        await heard.until(lambda: heard.proven is False)


async def test_who_begins_to_watch_while_a_snapshot_was_just_restored_accuses_nobody(
    consul: FakeConsul, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has followed nothing that the list could be older than; but gossip calls the host alive."""
    monkeypatch.setattr(datacentre, "LOOK_AGAIN", 0.02)
    consul.restore(critical={"node05"})
    async with watching(consul) as heard:
        await heard.until(lambda: heard.proven is False)
        assert "node05 critical, whom gossip calls alive" in heard.why
        with consul.edit():
            consul.critical = set()
        await heard.until(lambda: heard.proven is True)
        assert heard.values["node05"] is Membership.UP and Membership.DOWN not in heard.ever("node05")


async def test_a_restored_snapshot_accuses_nobody_who_was_critical_in_it(
    consul: FakeConsul, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its leader says so until it looks at all members next, up to a minute later."""
    monkeypatch.setattr(datacentre, "LOOK_AGAIN", 0.02)
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values) and heard.proven is True)
        with consul.edit():
            consul.critical.add("node02")
        await heard.until(lambda: heard.values["node02"] is Membership.DOWN)
        consul.restore(critical={"node05"})
        await heard.until(lambda: heard.proven is False)
        assert "restored from a snapshot" in heard.why
        with consul.edit():
            consul.critical = {"node02"}
        await heard.until(lambda: heard.proven is True)
        assert Membership.DOWN not in heard.ever("node05")
        assert heard.values["node02"] is Membership.DOWN and heard.values["node05"] is Membership.UP
