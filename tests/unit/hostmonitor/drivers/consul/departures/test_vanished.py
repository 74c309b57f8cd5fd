"""How a node went that the leader lists no more."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace

import pytest

from masakarimonitors.hostmonitor.core.observation import Membership, Sighting
from masakarimonitors.hostmonitor.drivers.consul import parse
from masakarimonitors.hostmonitor.drivers.consul.departures import farewell
from masakarimonitors.hostmonitor.drivers.consul.departures.farewell import Answers
from masakarimonitors.hostmonitor.drivers.consul.departures.gossip import GossipMemory
from masakarimonitors.hostmonitor.drivers.consul.departures.vanished import Vanished
from masakarimonitors.hostmonitor.drivers.consul.rhythm import Rhythm
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.fake_consul import FakeConsul
from tests.fixtures.waiting import eventually
from tests.unit.hostmonitor.drivers.consul.hearing import FAST, NODES, Heard, all_answer, watching


async def test_r2_a_leave_is_left_and_never_down(consul: FakeConsul) -> None:
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        with consul.edit():
            consul.leave("node05")
        await heard.until(lambda: heard.values["node05"] is Membership.LEFT)
        assert Membership.DOWN not in heard.ever("node05")


async def test_r2_a_server_that_leaves_as_it_is_watched_has_left(consul: FakeConsul) -> None:
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        await consul.until_asked("/health/node/", times=3)
        with consul.edit():
            consul.leave("node02")
        await heard.until(lambda: heard.values["node02"] is Membership.LEFT)


async def test_a_server_that_crashed_and_was_removed_within_one_moment_has_not_left(
    consul: FakeConsul,
) -> None:
    """Its leader looks for crashed servers every 10 s, and has just done so: no answer of it ever said critical."""

    async def answers(address: str, port: int) -> bool:
        return address != consul.listens(1)

    async with watching(consul, answers=answers) as heard:
        await heard.until(lambda: bool(heard.values))
        await consul.until_asked("/health/node/", times=3)
        with consul.edit():
            consul.leave("node02")
            consul.leave("node03")
        await heard.until(lambda: heard.values["node02"] is not Membership.UP)
        await heard.until(lambda: heard.values["node03"] is Membership.LEFT)
        assert heard.ever("node02") == {Membership.UP, Membership.UNKNOWN}


BRIEF = replace(FAST, silence=0.2, exchange=0.1)


async def silent_host(address: str, port: int) -> bool:
    """No host answers."""
    return False


async def test_a_server_that_was_buried_within_one_moment_and_stays_silent_is_down(
    consul: FakeConsul,
) -> None:
    async with watching(consul, BRIEF, answers=silent_host) as heard:
        await heard.until(lambda: bool(heard.values))
        await consul.until_asked("/health/node/", times=3)
        with consul.edit():
            consul.leave("node02")
        await heard.until(lambda: heard.values["node02"] is Membership.DOWN)
        assert heard.ever("node02") == {Membership.UP, Membership.UNKNOWN, Membership.DOWN}


async def test_a_server_whose_host_answers_at_a_later_try_has_left(consul: FakeConsul) -> None:
    tries = 0

    async def answers(address: str, port: int) -> bool:
        nonlocal tries
        tries += 1
        return tries > 6

    async with watching(consul, answers=answers) as heard:
        await heard.until(lambda: bool(heard.values))
        await consul.until_asked("/health/node/", times=3)
        with consul.edit():
            consul.leave("node02")
        await heard.until(lambda: heard.values["node02"] is Membership.LEFT)
        assert Membership.DOWN not in heard.ever("node02")


async def test_a_server_that_was_seen_leaving_is_not_called_down_for_its_silence(consul: FakeConsul) -> None:
    async with watching(consul, BRIEF, answers=silent_host) as heard:
        await heard.until(lambda: bool(heard.values))
        await consul.until_asked("/health/node/", times=3)
        with consul.edit():
            consul.leave("node02")
            consul.members["node02"] = 2
        await heard.until(lambda: heard.values["node02"] is Membership.UNKNOWN)
        consul.members["node02"] = 3
        await consul.until_asked("/health/node/", times=3)
        with consul.edit():
            consul.leave("node03")
        await heard.until(lambda: heard.values["node03"] is Membership.DOWN)
        assert heard.ever("node02") == {Membership.UP, Membership.UNKNOWN}


async def test_a_server_that_cannot_be_asked_is_not_called_down(consul: FakeConsul) -> None:
    """No route, no descriptors: that is no silence of its host."""

    async def answers(address: str, port: int) -> bool | None:
        return False if address == consul.listens(2) else None

    async with watching(consul, BRIEF, answers=answers) as heard:
        await heard.until(lambda: bool(heard.values))
        await consul.until_asked("/health/node/", times=3)
        with consul.edit():
            consul.leave("node02")
            consul.leave("node03")
        await heard.until(lambda: heard.values["node03"] is Membership.DOWN)
        assert heard.ever("node02") == {Membership.UP, Membership.UNKNOWN}


class HardToAsk:
    """A host that cannot be asked at the first two tries, and is silent at all later ones."""

    tries = 0

    async def answers(self, address: str, port: int) -> bool | None:
        self.tries += 1
        return None if self.tries <= 2 else False


async def test_a_server_that_could_not_be_asked_once_is_asked_again(consul: FakeConsul) -> None:
    """The way to it was gone for a moment, or a descriptor missing: it has crashed nevertheless."""
    host = HardToAsk()
    async with watching(consul, BRIEF, answers=host.answers) as heard:
        await heard.until(lambda: bool(heard.values))
        await consul.until_asked("/health/node/", times=3)
        with consul.edit():
            consul.leave("node02")
        await heard.until(lambda: heard.values["node02"] is Membership.DOWN)
        assert heard.ever("node02") == {Membership.UP, Membership.UNKNOWN, Membership.DOWN}


async def test_a_server_that_could_be_asked_only_long_after_it_went_may_have_been_switched_off_since(
    consul: FakeConsul, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its silence tells of that moment, and not of the one in which it went."""
    monkeypatch.setattr(farewell, "BOOT", -1.0)
    host = HardToAsk()
    async with watching(consul, BRIEF, answers=host.answers) as heard:
        await heard.until(lambda: bool(heard.values))
        await consul.until_asked("/health/node/", times=3)
        with consul.edit():
            consul.leave("node02")
        await heard.until(lambda: host.tries > 2)
        await heard.until(lambda: heard.values["node02"] is Membership.UNKNOWN)
        await consul.until_asked("/health/node/", times=25)
        assert heard.ever("node02") == {Membership.UP, Membership.UNKNOWN}


async def test_a_silence_that_began_is_settled_under_the_next_watch(consul: FakeConsul) -> None:
    patient = replace(FAST, silence=1.0)
    async with watching(consul, patient, answers=silent_host) as heard:
        await heard.until(lambda: bool(heard.values))
        await consul.until_asked("/health/node/", times=3)
        with consul.edit():
            consul.leave("node02")
        await heard.until(lambda: heard.values["node02"] is Membership.UNKNOWN)
        consul.fail(leader=False)
        await heard.until(lambda: heard.proven is False)
        consul.fail()
        await heard.until(lambda: heard.values["node02"] is Membership.DOWN)


@pytest.mark.parametrize(
    ("answers", "ends"), [(silent_host, parse.BURIED), (all_answer, parse.REMOVED_SERVER)]
)
async def test_a_server_that_only_gossip_calls_failed_is_asked(
    consul: FakeConsul, answers: Answers, ends: Sighting
) -> None:
    """Its leader, which was followed, has not called it critical: it may have said good-bye, which was not heard."""
    async with watching(consul, BRIEF, answers=answers) as heard:
        await heard.until(lambda: bool(heard.values))
        await consul.until_asked("/health/node/", times=3)
        with consul.edit():
            consul.leave("node02")
            consul.members["node02"] = 4
        await heard.until(lambda: heard.values["node02"] is Membership.UNKNOWN)
        if ends is not parse.BURIED:
            with consul.edit():
                consul.members["node02"] = 3
        await heard.until(lambda: heard.sightings("node02")[-1] is ends)
        assert heard.ever("node02") == {Membership.UP, Membership.UNKNOWN, ends.value}


async def lose_unfollowed(consul: FakeConsul, heard: Heard, node: str) -> None:
    """While there is no leader gossip calls the node failed; the next leader does not list it."""
    await heard.until(lambda: bool(heard.values))
    consul.fail(leader=False)
    await heard.until(lambda: heard.proven is False)
    with consul.edit():
        consul.leave(node)
        consul.members[node] = 4
    await consul.until_asked("/agent/members", times=2)
    consul.fail()
    await heard.until(lambda: heard.proven is True and heard.values[node] is not Membership.UP)


async def test_a_client_that_was_not_followed_until_it_went_is_down_when_it_stays_silent(
    consul: FakeConsul,
) -> None:
    """The leader is new, and has never heard of it."""
    async with watching(consul, BRIEF, answers=silent_host) as heard:
        await lose_unfollowed(consul, heard, "node05")
        await heard.until(lambda: heard.values["node05"] is Membership.DOWN)
        assert heard.ever("node05") == {Membership.UP, Membership.UNKNOWN, Membership.DOWN}


async def test_one_that_this_agent_still_calls_alive_when_the_next_leader_is_heard_is_looked_at_further(
    consul: FakeConsul,
) -> None:
    """All servers lost their power with it, and it stays off: the next leader has never heard of it, and no other
    agent has called it failed yet."""
    async with watching(consul, BRIEF, answers=silent_host) as heard:
        await heard.until(lambda: bool(heard.values))
        consul.fail(leader=False)
        await heard.until(lambda: heard.proven is False)
        with consul.edit():
            consul.leave("node05")
            consul.members["node05"] = 1
        await consul.until_asked("/agent/members", times=2)
        consul.fail()
        await heard.until(lambda: heard.proven is True and heard.values["node05"] is not Membership.UP)
        assert heard.sightings("node05")[-1] is parse.UNCHECKED
        with consul.edit():
            consul.members["node05"] = 4
        await heard.until(lambda: heard.values["node05"] is Membership.DOWN)
        assert heard.ever("node05") == {Membership.UP, Membership.UNKNOWN, Membership.DOWN}


async def test_a_client_that_its_last_leader_called_critical_stays_down(consul: FakeConsul) -> None:
    """Its next one, a server that has just been started, has never heard of it: a good-bye is no explanation."""
    patient = replace(FAST, exchange=3600.0)
    async with watching(consul, patient, answers=all_answer) as heard:
        await heard.until(lambda: bool(heard.values))
        with consul.edit():
            consul.critical.add("node05")
            consul.members["node05"] = 4
        await heard.until(lambda: heard.values["node05"] is Membership.DOWN)
        await consul.until_asked("/health/node/", times=3)
        consul.fail(leader=False)
        await heard.until(lambda: heard.proven is False)
        with consul.edit():
            consul.leave("node05")
            consul.critical.clear()
            consul.members["node05"] = 4
        consul.fail()
        await heard.until(lambda: heard.proven is True)
        assert heard.ever("node05") == {Membership.UP, Membership.DOWN}


async def test_a_client_whose_good_bye_was_not_heard_here_is_not_called_down(consul: FakeConsul) -> None:
    """It is off since; other agents have heard the good-bye, and this node's exchanges all that they know."""
    patient = replace(FAST, silence=0.2, exchange=60.0)
    async with watching(consul, patient, answers=silent_host) as heard:
        await lose_unfollowed(consul, heard, "node05")
        assert heard.values["node05"] is Membership.UNKNOWN
        await consul.until_asked("/agent/members", times=60)
        with consul.edit():
            consul.members["node05"] = 3
        await heard.until(lambda: heard.values["node05"] is Membership.LEFT)
        assert Membership.DOWN not in heard.ever("node05")


async def test_a_client_that_was_not_followed_and_answers_is_not_called_down(consul: FakeConsul) -> None:
    async def answers(address: str, port: int) -> bool:
        return address != consul.listens(3)

    async with watching(consul, BRIEF, own="node01", answers=answers) as heard:
        await heard.until(lambda: bool(heard.values))
        await lose_unfollowed(consul, heard, "node05")
        with consul.edit():
            consul.critical.add("node02")
        # As long as another needs that is silent.
        consul.fail(leader=False)
        await heard.until(lambda: heard.proven is False)
        with consul.edit():
            consul.leave("node04")
            consul.members["node04"] = 4
        await consul.until_asked("/agent/members", times=2)
        consul.fail()
        await heard.until(lambda: heard.values["node04"] is Membership.DOWN)
        assert heard.ever("node05") == {Membership.UP, Membership.UNKNOWN}


async def test_who_was_not_followed_is_settled_under_the_next_watch(consul: FakeConsul) -> None:
    async with watching(consul, replace(FAST, silence=1.0, exchange=0.5), answers=silent_host) as heard:
        await lose_unfollowed(consul, heard, "node05")
        assert heard.sightings("node05")[-1].value is not Membership.UP
        consul.fail(leader=False)
        await heard.until(lambda: heard.proven is False)
        consul.fail()
        await heard.until(lambda: heard.values["node05"] is Membership.DOWN)


async def test_a_client_that_leaves_is_not_knocked_at(consul: FakeConsul) -> None:
    """Nobody but itself, or an operator, has it leave; it may be off a moment later."""
    tried: list[str] = []

    async def answers(address: str, port: int) -> bool:
        tried.append(address)
        return False

    async with watching(consul, answers=answers) as heard:
        await heard.until(lambda: bool(heard.values))
        with consul.edit():
            consul.leave("node05")
        await heard.until(lambda: heard.values["node05"] is Membership.LEFT)
        assert tried == []


async def test_an_agent_that_registers_once_more_while_it_leaves_stays_left(consul: FakeConsul) -> None:
    """Seen on real agents: half a second after the leave, the catalogue has the node again, without a check."""
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        with consul.edit():
            consul.leave("node05")
        await heard.until(lambda: heard.values["node05"] is Membership.LEFT)
        with consul.edit():
            consul.catalog.append("node05")
        with consul.edit():
            consul.critical.add("node03")
        await heard.until(lambda: heard.values["node03"] is Membership.DOWN)
        assert heard.values["node05"] is Membership.LEFT


async def lose_and_take_out(consul: FakeConsul, heard: Heard, node: str) -> None:
    """Its leader calls it critical, and then lists it no more: gossip says that it has left."""
    await heard.until(lambda: bool(heard.values))
    await consul.until_asked("/health/node/", times=3)
    with consul.edit():
        consul.critical.add(node)
        consul.members[node] = 4
    await heard.until(lambda: heard.values[node] is Membership.DOWN)
    with consul.edit():
        consul.critical.clear()
        consul.leave(node)


async def test_who_was_never_seen_passing_is_not_said_to_have_left_late(consul: FakeConsul) -> None:
    """That its host answers says nothing: how long it has been lost is not known, and it may have started anew."""
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        with consul.edit():
            consul.critical.add("node06")
            consul.listed.append("node06")
            consul.catalog.append("node06")
            consul.members["node06"] = 4
        await heard.until(lambda: heard.values.get("node06") is Membership.DOWN)
        with consul.edit():
            consul.leave("node06")
        await heard.until(lambda: heard.sightings("node06")[-1] is not parse.DOWN)
        assert heard.sightings("node06")[-1] is parse.STILL_DOWN


async def test_a_client_whose_leader_hears_its_good_bye_late_has_left(consul: FakeConsul) -> None:
    """Real agents that get little processor time hear that one is gone before they hear that it was leaving."""
    async with watching(consul) as heard:
        await lose_and_take_out(consul, heard, "node05")
        await heard.until(lambda: heard.values["node05"] is Membership.LEFT)
        assert heard.sightings("node05")[-1] is parse.LEFT_LATE


@pytest.mark.parametrize(("runs", "value"), [(True, Membership.LEFT), (False, Membership.DOWN)])
async def test_so_has_a_server_whose_agent_still_runs_unlike_one_that_was_cleaned_up_at_once(
    consul: FakeConsul, runs: bool, value: Membership
) -> None:
    """One that leaves drains for 5 s; the port of one that has crashed is closed, though its host answers."""
    asked: list[tuple[str, int]] = []

    async def accepts(address: str, port: int) -> bool:
        asked.append((address, port))
        return runs

    async with watching(consul, accepts=accepts) as heard:
        await lose_and_take_out(consul, heard, "node02")
        await heard.until(lambda: bool(asked) and heard.values["node02"] is value)
        assert set(asked) == {(consul.listens(1), 8301)}
        await consul.until_asked("/health/node/", times=3)
        assert heard.values["node02"] is value


class GossipSaysLeft:
    """Stands in for `Onlooker`: a server was called failed, then critical, and left at once; its host answers."""

    def __init__(self, *, runs: bool) -> None:
        self.members = {
            f"node0{n}": parse.Member(3 if n == 2 else 1, True, (f"192.0.2.{n}", 8301), f"id-{n}")
            for n in range(1, 6)
        }
        self._runs = runs

    async def look(self, timeout: float) -> dict[str, parse.Member]:
        return self.members

    def was_leaving(self, node: str) -> bool:
        return False

    def lost_elsewhere(self, node: str) -> bool:
        return False

    async def agent_runs(self, node: str) -> bool:
        return self._runs

    async def ask(self, servers: Iterable[str]) -> dict[str, bool | None]:
        return dict.fromkeys(servers, True)


@pytest.mark.parametrize(("runs", "sighting"), [(True, parse.LEFT_LATE), (False, parse.BURIED)])
async def test_a_server_that_gossip_called_failed_before_its_leader_did_has_not_left_because_its_host_answers(
    runs: bool, sighting: Sighting
) -> None:
    memory, clock, told = GossipMemory(), SystemClock(), list[dict[str, Sighting]]()
    onlooker = GossipSaysLeft(runs=runs)
    memory.leader_says(dict.fromkeys(onlooker.members, True), clock.now())
    failed = {**onlooker.members, "node02": replace(onlooker.members["node02"], status=4)}
    memory.look(failed, clock.now())
    vanished = Vanished(onlooker, clock, FAST, memory, told=told.append, on_fault=lambda: None)  # type: ignore[arg-type]
    vanished.add("node02", Membership.DOWN, passing_at=clock.now())
    task = asyncio.get_running_loop().create_task(vanished.run())
    await eventually(lambda: not vanished.open, "it to be settled")
    task.cancel()
    assert told[-1]["node02"] is sighting


async def test_it_has_left_also_while_its_good_bye_is_on_its_way_to_this_agent(consul: FakeConsul) -> None:
    async with watching(consul) as heard:
        await lose_and_take_out(consul, heard, "node05")
        with consul.edit():
            consul.members["node05"] = 4
        await heard.until(lambda: heard.values["node05"] is Membership.LEFT)


async def test_a_client_that_is_taken_out_and_answers_nothing_stays_down(consul: FakeConsul) -> None:
    async with watching(consul, BRIEF, answers=silent_host) as heard:
        await lose_and_take_out(consul, heard, "node05")
        await consul.until_asked("/agent/members", times=3)
        assert Membership.LEFT not in heard.ever("node05") and heard.values["node05"] is Membership.DOWN


async def test_a_client_that_may_have_started_anew_since_it_was_lost_stays_down(
    consul: FakeConsul, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator has Consul forget it (`consul force-leave`), and the computer answers."""
    monkeypatch.setattr(farewell, "BOOT", -1.0)
    async with watching(consul) as heard:
        await lose_and_take_out(consul, heard, "node05")
        with consul.edit():
            consul.critical.add("node04x")
            consul.listed.append("node04x")
            consul.catalog.append("node04x")
        await heard.until(lambda: heard.values.get("node04x") is Membership.DOWN)
        await consul.until_asked("/health/node/", times=3)
        assert Membership.LEFT not in heard.ever("node05") and heard.values["node05"] is Membership.DOWN


async def test_a_crashed_server_that_autopilot_removes_stays_down(consul: FakeConsul) -> None:
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        with consul.edit():
            consul.critical.add("node02")
            consul.members["node02"] = 4
        await heard.until(lambda: heard.values["node02"] is Membership.DOWN)
        with consul.edit():
            consul.critical.clear()
            consul.leave("node02")
        with consul.edit():
            consul.critical.add("node05")
        await heard.until(lambda: heard.values["node05"] is Membership.DOWN)
        assert Membership.LEFT not in heard.ever("node02")
        assert heard.values["node02"] is Membership.DOWN


async def test_a_server_that_left_while_nobody_watched_is_unknown(consul: FakeConsul) -> None:
    """It may have crashed: autopilot makes `left` of that as well. A client's `left` is its own word."""
    consul.leave("node02")
    consul.leave("node05")
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        assert heard.values["node02"] is Membership.UNKNOWN
        assert heard.values["node05"] is Membership.LEFT


async def test_r10_a_node_that_is_missing_here_is_unknown_and_shifts_nobody(consul: FakeConsul) -> None:
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        with consul.edit():
            consul.leave("node02")
            del consul.members["node02"]
        await heard.until(lambda: heard.values["node02"] is Membership.UNKNOWN)
        assert heard.values == dict.fromkeys(NODES, Membership.UP) | {"node02": Membership.UNKNOWN}


async def test_a_deregistered_node_whose_agent_lives_is_unknown_then_up(consul: FakeConsul) -> None:
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        with consul.edit():
            consul.listed.remove("node05")
            consul.catalog.remove("node05")
        await heard.until(lambda: heard.values["node05"] is Membership.UNKNOWN)
        with consul.edit():
            consul.listed.append("node05")
            consul.catalog.append("node05")
        await heard.until(lambda: heard.values["node05"] is Membership.UP)
        assert Membership.DOWN not in heard.ever("node05")


async def test_a_server_that_crashed_and_was_removed_behind_a_hanging_query_has_not_left(
    consul: FakeConsul,
) -> None:
    patient = Rhythm(probe=0.05, alert=0.02, alert_span=1.0, patience=5.0, wait=600.0, load=5.0)
    async with watching(consul, patient) as heard:
        await heard.until(lambda: bool(heard.values))
        await consul.until_asked("/health/node/", times=3)
        consul.stuck = True
        with consul.edit():
            consul.critical.add("node02")
            consul.critical.clear()
            consul.leave("node02")
        await heard.until(lambda: heard.values["node02"] is Membership.UNKNOWN)
        consul.stuck = False
        with consul.edit():
            consul.critical.add("node05")
        await heard.until(lambda: heard.values["node05"] is Membership.DOWN)
        assert Membership.LEFT not in heard.ever("node02")
