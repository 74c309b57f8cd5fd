"""Whether the own way to masakari works: when it is asked for, what is believed, and how little that costs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.observation import (
    Follower,
    Leader,
    Membership,
    NoElection,
    Observation,
    Sample,
    Sighting,
)
from masakarimonitors.hostmonitor.sources.overheard import Tapped
from masakarimonitors.hostmonitor.sources.path import QUESTION, OwnPath, PathTimings
from masakarimonitors.masakari_api import LookupFailed
from masakarimonitors.monitor import Source
from tests.fixtures.fake_clock import EPOCH, FakeClock, settle

TIMINGS = PathTimings()
AT = Instant(0.0, EPOCH)
LEADS = Leader(why="", at=AT, ledger={})
NOBODY = NoElection(why="", since=0.0, at=AT)


def follows(delivers: bool | None = None) -> Follower:
    return Follower(leader="a", why="", at=AT, ledger={}, delivers=delivers)


class Election:
    """A source that says what a test wants."""

    name = "election"

    def __init__(self) -> None:
        self.emit: Callable[[Any], None] = lambda said: None

    async def run(self, emit: Callable[[Any], None]) -> None:
        self.emit = emit
        await asyncio.Event().wait()


class Scene:
    def __init__(self, spread: Callable[[float, float], float] = max) -> None:
        """`spread`: by default the latest moment that chance allows."""
        self.clock = FakeClock()
        self.fails = False
        self.asked: list[float] = []
        self.told: list[bool] = []
        self.heard: list[Observation] = []
        self.trouble = ""
        self.election = Election()
        self.path = OwnPath(self, self.clock, self.told.append, TIMINGS, spread=spread)
        self.path.watch_delivery(lambda: self.trouble)

    async def get(self, path: str) -> Any:
        assert path == QUESTION
        self.asked.append(self.clock.now().monotonic - 1000.0)
        if self.fails:
            raise LookupFailed("GET /segments: 503")
        return {"segments": []}

    async def say(self, *words: Observation) -> None:
        for word in words:
            self.election.emit(word)
        await settle()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        sources: list[Source[Observation]] = [self.path, Tapped(self.election, [self.path.hear])]
        assert sources[1].name == "election"
        tasks = [asyncio.get_running_loop().create_task(one.run(self.heard.append)) for one in sources]
        await settle()
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def test_it_is_asked_at_the_start_and_then_seldom() -> None:
    scene = Scene()
    async with scene.running():
        assert scene.told == [], "what is not known is not told"
        await scene.clock.advance(10.0)
        assert scene.asked == [10.0] and scene.told == [True]
        await scene.clock.advance(2 * 1.25 * TIMINGS.seldom)
        assert len(scene.asked) == 3 and scene.told == [True], "told when it changes"


def test_a_thousand_monitors_ask_less_than_once_a_second() -> None:
    timings = PathTimings()
    # The other half of one request a second is the reporter's, for the segments.
    assert 1000 / timings.seldom + 1 / timings.leading < 0.5


async def test_what_the_other_sources_say_is_passed_on() -> None:
    scene = Scene()
    async with scene.running():
        await scene.say(LEADS, NOBODY)
        assert scene.heard == [LEADS, NOBODY]


async def test_whoever_begins_to_lead_looks_at_once_and_then_often() -> None:
    scene = Scene()
    async with scene.running():
        await scene.clock.advance(20.0)
        await scene.say(LEADS)
        assert len(scene.asked) == 2
        await scene.say(LEADS)
        await scene.clock.advance(10 * TIMINGS.leading)
        assert len(scene.asked) == 12
        await scene.say(follows())
        await scene.clock.advance(10 * TIMINGS.leading)
        assert len(scene.asked) == 13


async def test_a_leader_believes_the_second_failure_and_the_first_success() -> None:
    scene = Scene()
    async with scene.running():
        await scene.clock.advance(20.0)
        await scene.say(LEADS)
        scene.fails = True
        await scene.clock.advance(TIMINGS.leading)
        assert scene.told == [True]
        await scene.clock.advance(TIMINGS.confirm)
        assert scene.told == [True, False]
        scene.fails = False
        await scene.clock.advance(TIMINGS.leading + TIMINGS.tick)
        assert scene.told == [True, False, True]


async def test_one_that_does_not_lead_asks_no_oftener_where_masakari_is_away() -> None:
    scene = Scene()
    scene.fails = True
    async with scene.running():
        await scene.clock.advance(10.0)
        assert scene.told == [False]
        await scene.clock.advance(2 * 1.25 * TIMINGS.seldom)
        assert len(scene.asked) == 3


async def test_trouble_with_delivery_makes_a_leader_look_at_once_and_counts_if_it_lasts() -> None:
    """A POST may be refused where a GET is not: the role is missing, or a body is lost on the way."""
    scene = Scene()
    async with scene.running():
        await scene.clock.advance(20.0)
        await scene.say(LEADS)
        asked = len(scene.asked)
        scene.trouble = "403: the user lacks the role"
        await scene.clock.advance(TIMINGS.tick)
        assert len(scene.asked) == asked + 1 and scene.told == [True]
        await scene.clock.advance(TIMINGS.stuck)
        assert scene.told == [True, False]
        scene.trouble = ""
        await scene.clock.advance(TIMINGS.tick)
        assert scene.told == [True, False, True]


async def test_whoever_is_to_take_the_place_of_a_leader_that_does_not_deliver_knows_it_from_now() -> None:
    """Where masakari is away for all, the leadership would go from one to the next that has not noticed yet."""
    scene = Scene()
    hosts = {f"node{n:02d}": Sighting(Membership.UP) for n in range(30)}
    async with scene.running():
        await scene.clock.advance(200.0)
        assert scene.told == [True]
        await scene.say(Sample("manage", hosts, AT, whole=True), follows(delivers=True))
        await scene.say(follows(delivers=False))
        assert scene.told == [True, False]
        await scene.clock.advance(30.0 + TIMINGS.tick)
        assert len(scene.asked) == 2 and scene.told == [True, False, True]


async def test_a_leader_whose_way_comes_and_goes_has_nobody_ask_more_than_once_in_a_round_of_turns() -> None:
    """A thousand of them would ask whenever it is lost again: many times a second."""
    scene = Scene(spread=min)
    hosts = {f"node{n:04d}": Sighting(Membership.UP) for n in range(1000)}
    async with scene.running():
        await scene.clock.advance(200.0)
        await scene.say(Sample("manage", hosts, AT, whole=True))
        asked = len(scene.asked)
        for _ in range(90):
            await scene.say(follows(delivers=False), follows(delivers=True))
            await scene.clock.advance(10.0)
        assert len(scene.asked) == asked + 1


async def test_a_way_that_is_mended_is_known_soon_while_the_leader_has_none() -> None:
    scene = Scene()
    scene.fails = True
    async with scene.running():
        await scene.clock.advance(20.0)
        await scene.say(Sample("manage", {"node01": Sighting(Membership.UP)}, AT, whole=True))
        await scene.say(follows(delivers=False))
        await scene.clock.advance(600.0)
        assert scene.told == [False]
        scene.fails = False
        await scene.clock.advance(1.25 * TIMINGS.wanted + TIMINGS.tick)
        assert scene.told == [False, True]
        await scene.say(follows(delivers=True))
        await scene.clock.advance(1.25 * TIMINGS.wanted + TIMINGS.tick)
        asked = len(scene.asked)
        await scene.clock.advance(0.7 * TIMINGS.seldom)
        assert len(scene.asked) == asked, "the leader has a way again"


async def test_the_own_yes_stands_while_nothing_changes() -> None:
    scene = Scene()
    async with scene.running():
        await scene.clock.advance(20.0)
        hosts = {f"node{n:03d}": Sighting(Membership.UP) for n in range(500)}
        await scene.say(Sample("manage", hosts, AT, whole=True), follows(delivers=False))
        await scene.clock.advance(520.0)
        assert scene.told[-1]
        told = len(scene.told)
        for _ in range(10):
            await scene.say(follows(delivers=False))
            await scene.clock.advance(60.0)
        assert len(scene.told) == told


def test_a_thousand_monitors_ask_less_than_once_a_second_while_the_leader_has_no_way() -> None:
    timings = PathTimings()
    assert 1000 / min(1000 * timings.wanted_each, timings.seldom) + 1 / timings.leading < 0.52
    assert timings.wanted_each >= 2.0
