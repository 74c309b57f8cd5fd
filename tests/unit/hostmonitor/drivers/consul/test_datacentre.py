"""The source of one link: sight that is lost, found, or comes late."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from masakarimonitors.hostmonitor.core.observation import Membership, Sample, Sighting, View
from masakarimonitors.hostmonitor.drivers.consul import parse, restored
from masakarimonitors.hostmonitor.drivers.consul.agent import Access, parse_address
from masakarimonitors.hostmonitor.drivers.consul.datacentre import Datacentre, ProvenLinks
from masakarimonitors.hostmonitor.drivers.consul.parse import Gossip
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.fake_consul import FakeConsul
from tests.unit.hostmonitor.drivers.consul.hearing import (
    FAST,
    IMPATIENT,
    NODES,
    OWN,
    Heard,
    all_answer,
    watching,
)


@pytest.mark.parametrize("fault", ["leader", "silent", "allowed"])
async def test_sight_is_lost_and_found_and_nobody_was_down(consul: FakeConsul, fault: str) -> None:
    """No leader; an agent that hangs; a token that lost its rights (200 and an empty list, the ACL trap)."""
    async with watching(consul, IMPATIENT if fault == "silent" else FAST) as heard:
        await heard.until(lambda: bool(heard.values))
        consul.fail(**{fault: fault == "silent"})
        await heard.until(lambda: heard.proven is False)
        before = len(heard.all)
        # What happens meanwhile must be told by a whole listing, because changes were missed.
        with consul.edit():
            consul.critical.add("node05")
        consul.fail()
        await heard.until(lambda: heard.values["node05"] is Membership.DOWN)
        assert heard.proven
        after = [said for said in heard.all[before:] if isinstance(said, Sample)]
        assert after[0].whole
        assert all(heard.ever(node) == {Membership.UP} for node in NODES if node != "node05")


async def test_each_host_that_is_seen_to_be_lost_is_said_at_once(
    consul: FakeConsul, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not those that are down already when the watch begins."""
    # What may be a restored snapshot is believed that much later: not a matter of this test.
    monkeypatch.setattr(restored, "SET_RIGHT_IN", 0.5)
    lost: list[str] = []
    consul.critical.add("node01")
    heard = Heard()
    access = Access(address=parse_address(consul.address))
    source = Datacentre("storage", access, OWN, SystemClock(), ProvenLinks(), FAST, on_down=lost.append)
    task = asyncio.get_running_loop().create_task(source.run(heard.emit))
    await heard.until(lambda: bool(heard.values))
    with consul.edit():
        consul.critical.add("node05")
    await heard.until(lambda: heard.values["node05"] is Membership.DOWN)
    with consul.edit():
        consul.critical.remove("node01")
    await heard.until(lambda: heard.values["node01"] is Membership.UP)
    assert lost == ["node05"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_agent_that_comes_late_is_watched_then(tmp_path: Path) -> None:
    late = FakeConsul(tmp_path / "late.sock", NODES)
    async with watching(late) as heard:
        await heard.until(lambda: heard.proven is False)
        assert "cannot be reached" in heard.why
        async with late:
            await heard.until(lambda: bool(heard.values))
            assert heard.proven


async def test_each_kind_of_fault_is_said_once(consul: FakeConsul) -> None:
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        consul.fail(leader=False)
        await heard.until(lambda: heard.proven is False)
        await consul.until_asked("/health/node/", times=10)
        assert len([said for said in heard.all if isinstance(said, View) and not said.proven]) == 1


async def leaderless(consul: FakeConsul, node: str, *statuses: int) -> None:
    """Without a leader gossip says this of a server, one word after another; then a new leader lists it no more."""
    consul.fail(leader=False)
    for status in statuses:
        with consul.edit():
            consul.members[node] = status
        await consul.until_asked("/agent/members", times=3)
    with consul.edit():
        consul.leave(node)
    await consul.until_asked("/agent/members", times=3)
    consul.fail()


async def test_a_server_that_was_lost_and_removed_while_nobody_led_is_down(consul: FakeConsul) -> None:
    """Its removal looks like a good-bye to whoever sees the datacentre again only after it."""

    async def silent(address: str, port: int) -> bool:
        return False

    async with watching(consul, replace(FAST, silence=0.1, exchange=0.1), answers=silent) as heard:
        await heard.until(lambda: bool(heard.values))
        await leaderless(consul, "node02", Gossip.FAILED)
        await heard.until(lambda: heard.proven is True and heard.values["node02"] is Membership.DOWN)
        assert heard.sightings("node02")[-1] is parse.BURIED
        # Whoever has heard it keeps it; to a monitor that begins now it is a server of which nothing is known.
        async with watching(consul) as other:
            await other.until(lambda: other.values.get("node02") is Membership.UNKNOWN)


async def test_a_server_that_could_not_be_asked_once_is_down_all_the_same(consul: FakeConsul) -> None:
    tries = 0

    async def answers(address: str, port: int) -> bool | None:
        nonlocal tries
        tries += 1
        return None if tries <= 2 else False

    async with watching(consul, replace(FAST, silence=0.1, exchange=0.1), answers=answers) as heard:
        await heard.until(lambda: bool(heard.values))
        await leaderless(consul, "node02", Gossip.FAILED)
        await heard.until(lambda: heard.proven is True and heard.values["node02"] is Membership.DOWN)


@pytest.mark.parametrize("statuses", [(Gossip.FAILED,), (), (Gossip.FAILED, Gossip.ALIVE), (Gossip.LEFT,)])
async def test_a_server_that_may_have_left_while_nobody_led_is_not_down(
    consul: FakeConsul, statuses: tuple[int, ...]
) -> None:
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        await leaderless(consul, "node02", *statuses)
        await heard.until(lambda: heard.proven is True and heard.values["node02"] is not Membership.UP)
        assert heard.ever("node02") == {Membership.UP, Membership.UNKNOWN}


async def test_a_server_that_said_good_bye_while_nobody_led_has_left(consul: FakeConsul) -> None:
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        await leaderless(consul, "node02", Gossip.LEAVING)
        await heard.until(lambda: heard.proven is True and heard.values["node02"] is not Membership.UP)
        assert heard.ever("node02") == {Membership.UP, Membership.LEFT}


async def test_a_server_whose_good_bye_is_its_leaders_word_is_not_known_to_have_left(
    consul: FakeConsul,
) -> None:
    """It crashed, its agent was buried before ours had heard of that, and nothing of its host answers."""
    tried: list[str] = []

    async def answers(address: str, port: int) -> bool:
        tried.append(address)
        return address != consul.listens(1)

    async with watching(consul, answers=answers) as heard:
        await heard.until(lambda: bool(heard.values))
        await leaderless(consul, "node02", Gossip.LEAVING)
        await heard.until(lambda: heard.proven is True and heard.values["node02"] is not Membership.UP)
        assert heard.ever("node02") == {Membership.UP, Membership.UNKNOWN}
        assert set(tried) == {consul.listens(1)}


async def test_a_monitor_that_was_cut_off_from_most_accuses_nobody_whom_it_missed(consul: FakeConsul) -> None:
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        with consul.edit():
            consul.members |= dict.fromkeys(("node01", "node03", "node05"), Gossip.FAILED)
        await leaderless(consul, "node02", Gossip.FAILED)
        await heard.until(lambda: heard.proven is True and heard.values["node02"] is not Membership.UP)
        assert heard.ever("node02") == {Membership.UP, Membership.UNKNOWN}


async def test_gossip_is_looked_at_only_while_the_leader_is_not_followed(consul: FakeConsul) -> None:
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        await consul.until_asked("/health/node/", times=2)
        before = sum("/agent/members" in path for path in consul.asked)
        await consul.until_asked("/health/node/", times=10)
        assert sum("/agent/members" in path for path in consul.asked) == before


async def test_two_links_through_one_agent_are_one(consul: FakeConsul) -> None:
    """Named in two ways (127.0.0.1 and localhost, say), one failed network would count as two."""
    links = ProvenLinks()
    first, second = Heard(), Heard()
    access = Access(address=parse_address(consul.address))
    tasks = []
    for link, heard in (("manage", first), ("storage", second)):
        source = Datacentre(link, access, OWN, SystemClock(), links, FAST, answers=all_answer)
        tasks.append(asyncio.get_running_loop().create_task(source.run(heard.emit)))
        await heard.until(lambda heard=heard: heard.proven is not None)  # type: ignore[misc]
    assert first.proven and not second.proven
    assert "same agent as the link manage" in second.why and "agent_storage" in second.why
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert all(task.cancelled() for task in tasks)


async def test_looks_at_gossip_that_end_for_an_unforeseen_reason_do_not_end_unseen(
    consul: FakeConsul, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without them a server that is lost with its leader is unknown for good; so the source fails, and says so."""

    async def broken(*_: object) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(
        "masakarimonitors.hostmonitor.drivers.consul.departures.vanished.read_members", broken
    )
    access = Access(address=parse_address(f"unix://{consul.path}"))
    source = Datacentre("manage", access, OWN, SystemClock(), ProvenLinks(), FAST, answers=all_answer)
    consul.fail(leader=False)
    async with asyncio.timeout(30):
        with pytest.raises(RuntimeError, match="unforeseen"):
            await source.run(lambda seen: None)


def test_a_host_is_lost_elsewhere_only_on_another_link_that_is_seen() -> None:
    links = ProvenLinks()
    down, up = Sighting(Membership.DOWN), Sighting(Membership.UP)
    links.lost("manage", {"a": down, "b": up}, True)
    assert not links.lost_elsewhere("storage", "a")
    links.set("manage", True)
    assert links.lost_elsewhere("storage", "a") and not links.lost_elsewhere("storage", "b")
    assert not links.lost_elsewhere("manage", "a")
    links.lost("manage", {"b": down}, False)
    assert links.lost_elsewhere("storage", "a") and links.lost_elsewhere("storage", "b")
    links.lost("manage", {"a": up}, False)
    assert not links.lost_elsewhere("storage", "a")
    links.lost("manage", {}, True)
    assert not links.lost_elsewhere("storage", "b")
