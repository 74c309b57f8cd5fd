"""The reading of masakari's segments: whole lists however they are paged, and at a pace that all monitors share."""

import asyncio
import itertools
import random

import pytest

from masakarimonitors.hostmonitor.core.observation import Follower, Leader, NoElection, Observation, Registry
from masakarimonitors.hostmonitor.sources.leading import Leading
from masakarimonitors.hostmonitor.sources.segments import Segments
from tests.fixtures.fake_clock import FakeClock, settle
from tests.fixtures.fake_lists import FakeLists

TWO = {"rack-1": ["node01", "node02", "node03"], "rack-2": ["node09"]}
DAY = 86400.0


class Election:
    """A source that says what a test says."""

    name = "election"

    def __init__(self) -> None:
        self.leading = Leading()
        self.clock = FakeClock()

    def say(self, observation: Observation) -> None:
        self.leading.hear(observation)

    def leads(self) -> None:
        self.say(Leader(why="", at=self.clock.now(), ledger=None))

    def follows(self) -> None:
        self.say(Follower(leader="node02", why="", at=self.clock.now(), ledger=None))

    def nobody(self) -> None:
        self.say(NoElection(why="", since=0.0, at=self.clock.now()))


async def read(api: FakeLists, seconds: float = 0.0) -> list[Registry]:
    """What a monitor reads where nobody is elected."""
    clock, seen = FakeClock(), list[Registry]()
    source = Segments(api, clock, 60.0, rng=random.Random(1))
    task = asyncio.get_running_loop().create_task(source.run(seen.append))
    await settle()
    await clock.advance(seconds)
    task.cancel()
    return seen


@pytest.mark.parametrize("longest", [1, 2, 3, 1000])
async def test_all_hosts_of_all_segments_however_they_are_paged(longest: int) -> None:
    api = FakeLists(TWO, longest=longest)
    api.on_maintenance.add("node09")
    (seen,) = await read(api)
    assert seen.hosts == {"node01": False, "node02": False, "node03": False, "node09": True}
    assert "4 hosts in 2" in seen.why
    assert seen.disabled == frozenset()


async def test_hosts_of_a_disabled_segment_are_named() -> None:
    api = FakeLists(TWO)
    api.disabled.add("rack-1")
    (seen,) = await read(api)
    assert seen.disabled == {"node01", "node02", "node03"}
    assert "3 of them in disabled ones" in seen.why


async def test_a_reading_is_as_old_as_its_first_answer() -> None:
    """What it says of a host of the first segment may have changed before the last one was read."""
    clock = FakeClock()

    class Slow(FakeLists):
        async def get(self, path: str) -> object:
            document = await super().get(path)
            await clock.sleep(6.0)
            return document

    api, seen = Slow({f"rack-{n:02}": [f"node{n:02}"] for n in range(40)}), list[Registry]()
    began = clock.now()
    task = asyncio.get_running_loop().create_task(Segments(api, clock, 60.0).run(seen.append))
    await clock.advance(600.0)
    task.cancel()
    assert seen[0].at == began and len(seen[0].hosts or {}) == 40


async def test_it_reads_again_every_interval() -> None:
    assert len(await read(FakeLists(TWO), 180.0)) == 4


async def test_a_failure_is_told_and_soon_tried_again() -> None:
    api = FakeLists(TWO)
    api.fails = "no"
    seen = await read(api, 20.0)
    assert [registry.hosts for registry in seen] == [None, None, None]  # at 0, 5 and 15 s
    assert "503" in seen[0].why


async def test_the_reporter_reads_at_the_options_pace_and_who_follows_hardly_ever() -> None:
    election, api, seen = Election(), FakeLists(TWO), list[Registry]()
    source = Segments(api, election.clock, 60.0, leading=election.leading)
    task = asyncio.get_running_loop().create_task(source.run(seen.append))
    election.follows()
    await election.clock.advance(1800.0)
    assert len(seen) == 1
    election.leads()
    await settle()
    assert len(seen) == 2  # at once: what a follower has read is old
    await election.clock.advance(600.0)
    assert len(seen) == 12
    election.follows()
    await election.clock.advance(1800.0)
    assert len(seen) == 12
    task.cancel()


async def test_while_nobody_is_elected_all_read_at_a_pace_that_they_share() -> None:
    """Each of them reports, and goes by the maintenance that it has read."""
    election, api, seen = Election(), FakeLists(TWO), list[Registry]()
    source = Segments(api, election.clock, 60.0, leading=election.leading, rng=random.Random(1))
    task = asyncio.get_running_loop().create_task(source.run(seen.append))
    election.follows()
    await election.clock.advance(1800.0)
    assert len(seen) == 1
    election.nobody()
    await election.clock.advance(600.0)
    ages = [later.at.monotonic - one.at.monotonic for one, later in itertools.pairwise(seen[1:])]
    assert len(seen) > 9 and max(ages) <= 61.0
    election.follows()
    read = len(seen)
    await election.clock.advance(1800.0)
    assert len(seen) == read
    task.cancel()


async def test_when_an_election_is_lost_not_all_read_at_once() -> None:
    lists = {f"rack-{n:02}": [f"node{n:02}-{m:02}" for m in range(16)] for n in range(16)}
    first: list[float] = []
    for seed in range(20):
        election, api, seen = Election(), FakeLists(lists), list[Registry]()
        source = Segments(api, election.clock, 60.0, leading=election.leading, rng=random.Random(seed))
        task = asyncio.get_running_loop().create_task(source.run(seen.append))
        election.follows()
        await election.clock.advance(7 * DAY)
        began, known, each = election.clock.now().monotonic, len(seen), len(api.asked) / len(seen)
        election.nobody()
        await election.clock.advance(each * 256 * 1.1)
        task.cancel()
        assert len(seen) > known, "within the time that all of them need in turn"
        first.append((seen[known].at.monotonic - began) / (each * 256 * 1.1))
    assert min(first) < 0.2 and max(first) > 0.8 and 0.3 < sum(first) / len(first) < 0.7


@pytest.mark.parametrize("elected", [True, False])
async def test_a_thousand_monitors_together_ask_less_than_once_a_second(elected: bool) -> None:
    """Sixteen hosts in each segment; one leads or, where nobody is elected, all are alike."""
    lists = {f"rack-{n:02}": [f"node{n:02}-{m:02}" for m in range(16)] for n in range(63)}

    async def asked_in_a_week(leads: bool) -> int:
        election, api = Election(), FakeLists(lists)
        source = Segments(api, election.clock, 60.0, leading=election.leading if elected else None)
        task = asyncio.get_running_loop().create_task(source.run(lambda registry: None))
        if leads:
            election.leads()
        await settle()
        at_start = len(api.asked)
        await election.clock.advance(7 * DAY if not leads else DAY / 8)
        task.cancel()
        return (len(api.asked) - at_start) * (1 if not leads else 56)

    one, another = await asked_in_a_week(elected), await asked_in_a_week(False)
    assert one > 0
    # Where one is elected, the other half of one request a second is for questions whether the way works.
    assert (one + 999 * another) / (7 * DAY) <= (0.5 if elected else 1.0)


async def test_an_answer_of_another_shape_is_a_failure_not_an_empty_list() -> None:
    class Odd(FakeLists):
        async def get(self, path: str) -> object:
            return {"hosts": 7} if "hosts" in path else await super().get(path)

    assert (await read(Odd(TWO)))[0].hosts is None
