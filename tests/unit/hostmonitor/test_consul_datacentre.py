"""One datacentre, watched through an agent that the test plays: what is said, and above all what is not."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from masakarimonitors.hostmonitor.observation import Link, Observation, Sample, View
from masakarimonitors.hostmonitor.sources.consul_agent import Access, parse_address
from masakarimonitors.hostmonitor.sources.consul_datacentre import Datacentre, Rhythm, Sight
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.fake_consul import FakeConsul

NODES = [f"node{n:02d}" for n in range(1, 6)]
OWN = "node04"
# Fast, so that the tests are; no test waits for a time to pass, all wait for what must be seen.
FAST = Rhythm(probe=0.05, alert=0.02, alert_span=1.0, patience=0.3, wait=1.0, load=5.0)


class Heard:
    """What the source has said so far; `values` is how a reader of all of it knows each host."""

    def __init__(self) -> None:
        self.all: list[Observation] = []
        self._more = asyncio.Event()

    def emit(self, observation: Observation) -> None:
        self.all.append(observation)
        self._more.set()

    @property
    def values(self) -> dict[str, Link]:
        known: dict[str, Link] = {}
        for said in self.all:
            if isinstance(said, Sample):
                known = {} if said.whole else known
                known |= {host: sighting.value for host, sighting in said.hosts.items()}
        return known

    @property
    def proven(self) -> bool | None:
        """The last word on the view."""
        return next((said.proven for said in reversed(self.all) if isinstance(said, View)), None)

    @property
    def why(self) -> str:
        return next((said.why for said in reversed(self.all) if isinstance(said, View)), "")

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                self._more.clear()
                await self._more.wait()

    def ever(self, host: str) -> set[Link]:
        """Every value that was ever said of the host."""
        samples = [said for said in self.all if isinstance(said, Sample)]
        return {sample.hosts[host].value for sample in samples if host in sample.hosts}


@contextlib.asynccontextmanager
async def watching(consul: FakeConsul, rhythm: Rhythm = FAST, own: str = OWN) -> AsyncIterator[Heard]:
    heard = Heard()
    source = Datacentre("storage", Access(parse_address(consul.address)), own, SystemClock(), Sight(), rhythm)
    task = asyncio.get_running_loop().create_task(source.run(heard.emit))
    try:
        yield heard
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def consul(tmp_path: Path) -> AsyncIterator[FakeConsul]:
    async with FakeConsul(tmp_path / "http.sock", NODES) as fake:
        yield fake


async def test_the_first_word_is_whole_and_proven(consul: FakeConsul) -> None:
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        assert heard.proven
        assert heard.values == dict.fromkeys(NODES, Link.UP)


async def test_a_critical_node_is_down_and_comes_back(consul: FakeConsul) -> None:
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        with consul.edit():
            consul.critical.add("node05")
        await heard.until(lambda: heard.values["node05"] is Link.DOWN)
        with consul.edit():
            consul.critical.clear()
        await heard.until(lambda: heard.values["node05"] is Link.UP)
        assert {n for n in NODES if Link.DOWN in heard.ever(n)} == {"node05"}


async def test_r2_a_leave_is_left_and_never_down(consul: FakeConsul) -> None:
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        with consul.edit():
            consul.leave("node05")
        await heard.until(lambda: heard.values["node05"] is Link.LEFT)
        assert Link.DOWN not in heard.ever("node05")


async def test_r2_a_server_that_leaves_as_it_is_watched_has_left(consul: FakeConsul) -> None:
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        await consul.until_asked("/health/node/", times=3)
        with consul.edit():
            consul.leave("node02")
        await heard.until(lambda: heard.values["node02"] is Link.LEFT)


async def test_an_agent_that_registers_once_more_while_it_leaves_stays_left(consul: FakeConsul) -> None:
    """Seen on real agents: half a second after the leave, the catalogue has the node again, without a check."""
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        with consul.edit():
            consul.leave("node05")
        await heard.until(lambda: heard.values["node05"] is Link.LEFT)
        with consul.edit():
            consul.catalog.append("node05")
        with consul.edit():
            consul.critical.add("node03")
        await heard.until(lambda: heard.values["node03"] is Link.DOWN)
        assert heard.values["node05"] is Link.LEFT


async def test_a_crashed_server_that_autopilot_removes_stays_down(consul: FakeConsul) -> None:
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        with consul.edit():
            consul.critical.add("node02")
            consul.members["node02"] = 4
        await heard.until(lambda: heard.values["node02"] is Link.DOWN)
        with consul.edit():
            consul.critical.clear()
            consul.leave("node02")
        with consul.edit():
            consul.critical.add("node05")
        await heard.until(lambda: heard.values["node05"] is Link.DOWN)
        assert Link.LEFT not in heard.ever("node02")
        assert heard.values["node02"] is Link.DOWN


async def test_a_server_that_left_while_nobody_watched_is_unknown(consul: FakeConsul) -> None:
    """It may have crashed: autopilot makes `left` of that as well. A client's `left` is its own word."""
    consul.leave("node02")
    consul.leave("node05")
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        assert heard.values["node02"] is Link.UNKNOWN
        assert heard.values["node05"] is Link.LEFT


async def test_r10_a_node_that_is_missing_here_is_unknown_and_shifts_nobody(consul: FakeConsul) -> None:
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        with consul.edit():
            consul.leave("node02")
            del consul.members["node02"]
        await heard.until(lambda: heard.values["node02"] is Link.UNKNOWN)
        assert heard.values == dict.fromkeys(NODES, Link.UP) | {"node02": Link.UNKNOWN}


async def test_a_deregistered_node_whose_agent_lives_is_unknown_then_up(consul: FakeConsul) -> None:
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        with consul.edit():
            consul.listed.remove("node05")
            consul.catalog.remove("node05")
        await heard.until(lambda: heard.values["node05"] is Link.UNKNOWN)
        with consul.edit():
            consul.listed.append("node05")
            consul.catalog.append("node05")
        await heard.until(lambda: heard.values["node05"] is Link.UP)
        assert Link.DOWN not in heard.ever("node05")


@pytest.mark.parametrize("fault", ["leader", "silent", "allowed"])
async def test_sight_is_lost_and_found_and_nobody_was_down(consul: FakeConsul, fault: str) -> None:
    """No leader; an agent that hangs; a token that lost its rights (200 and an empty list, the ACL trap)."""
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        consul.fail(**{fault: fault == "silent"})
        await heard.until(lambda: heard.proven is False)
        before = len(heard.all)
        # What happens meanwhile must be told by a whole listing, because changes were missed.
        consul.critical.add("node05")
        consul.index += 5
        consul.fail()
        await heard.until(lambda: heard.values["node05"] is Link.DOWN)
        assert heard.proven
        after = [said for said in heard.all[before:] if isinstance(said, Sample)]
        assert after[0].whole
        assert all(heard.ever(node) == {Link.UP} for node in NODES if node != "node05")


async def test_a_list_without_ourselves_is_an_error(consul: FakeConsul) -> None:
    async with watching(consul, own="elsewhere") as heard:
        await heard.until(lambda: heard.proven is False)
        assert "'elsewhere'" in heard.why and "token" in heard.why
        assert not heard.values


async def test_r1_whoever_is_called_critical_itself_accuses_nobody(consul: FakeConsul) -> None:
    consul.critical.update({OWN, "node05"})
    async with watching(consul) as heard:
        await heard.until(lambda: heard.proven is False)
        assert not heard.values
        with consul.edit():
            consul.critical.discard(OWN)
        await heard.until(lambda: heard.values.get("node05") is Link.DOWN)


async def test_one_missed_probe_is_no_loss_of_sight(consul: FakeConsul) -> None:
    async with watching(consul, Rhythm(0.05, 0.5, 1.0, 1.0, 2.0, 5.0)) as heard:
        await heard.until(lambda: bool(heard.values))
        consul.fail(leader=False)
        await consul.until_asked("/health/node/")
        consul.fail()
        seen = len(heard.all)
        await heard.until(lambda: any(isinstance(said, View) for said in heard.all[seen:]))
        assert all(said.proven for said in heard.all if isinstance(said, View))


async def test_a_blocking_query_that_hangs_is_found_by_the_probe(consul: FakeConsul) -> None:
    """Seen on a real cluster: an agent's queries hung for 35 s behind a server that was cut off, unlike its probes."""
    patient = Rhythm(probe=0.05, alert=0.02, alert_span=1.0, patience=5.0, wait=600.0, load=5.0)
    async with watching(consul, patient) as heard:
        await heard.until(lambda: bool(heard.values))
        await consul.until_asked("/health/node/", times=3)
        consul.stuck = True
        with consul.edit():
            consul.critical.add("node02")
        await heard.until(lambda: heard.values["node02"] is Link.DOWN)
        assert heard.proven


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
        await heard.until(lambda: heard.values["node02"] is Link.UNKNOWN)
        consul.stuck = False
        with consul.edit():
            consul.critical.add("node05")
        await heard.until(lambda: heard.values["node05"] is Link.DOWN)
        assert Link.LEFT not in heard.ever("node02")


async def test_an_index_that_goes_back_is_followed(consul: FakeConsul) -> None:
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        consul.forget_index()
        with consul.edit():
            consul.critical.add("node05")
        await heard.until(lambda: heard.values["node05"] is Link.DOWN)


async def test_a_view_lapses_by_itself_when_the_source_hangs(consul: FakeConsul) -> None:
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        views = [said for said in heard.all if isinstance(said, View)]
        assert all(0 < view.good_for < 10 for view in views)


async def test_unrelated_checks_that_flap_say_nothing(consul: FakeConsul) -> None:
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        for _ in range(20):
            with consul.edit():
                pass
            await asyncio.sleep(0)
        with consul.edit():
            consul.critical.add("node05")
        await heard.until(lambda: heard.values["node05"] is Link.DOWN)
        samples = [said for said in heard.all if isinstance(said, Sample)]
        assert [set(sample.hosts) for sample in samples] == [set(NODES), {"node05"}]


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


def test_probes_slow_down_with_the_number_of_members() -> None:
    rhythm = Rhythm()
    assert rhythm.between_probes(5) == 2.0
    assert rhythm.between_probes(3000) == 6.0
    assert rhythm.between_probes(10_000) == 10.0
