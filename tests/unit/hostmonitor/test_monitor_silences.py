"""The host monitor wired with silences: asked for, shared by its driver where one monitor is elected, kept on disk."""

import asyncio
import contextlib
import datetime
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.core.decision import JSON, Remember
from masakarimonitors.core.silences.book import SilencesSeen
from masakarimonitors.core.silences.silence import Silence
from masakarimonitors.core.silences.wish import Add, Answer, End, Wish
from masakarimonitors.hostmonitor import monitor as wiring
from masakarimonitors.hostmonitor.drivers.base import NotShared
from masakarimonitors.monitor import Monitor
from tests.fixtures.fake_api import FakeApi
from tests.fixtures.fake_clock import FakeClock, settle
from tests.unit.hostmonitor.test_monitor import conf_of, driver

Memory = Mapping[str, Mapping[str, JSON]]


class Stage:
    """A monitor whose sources run, and all that they say."""

    def __init__(self, tmp_path: Path, text: str = "", memory: Memory | None = None, **more: Any) -> None:
        self.clock = FakeClock()
        self.conf = conf_of(tmp_path, f"longest_silence = 7200\n[host]\nsegment_lookup = false\n{text}")
        self.monitor: Monitor[Any, Any] = wiring.wire(
            self.conf, driver(**more), memory or {}, self.clock, FakeApi()
        )
        self.said: list[Any] = []

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(source.run(self.said.append)) for source in self.monitor.sources]
        try:
            await settle()
            yield
        finally:
            for task in tasks:
                task.cancel()
            await settle()

    async def ask(self, what: Add | End) -> Answer:
        assert self.monitor.silence is not None
        answer = await self.monitor.silence(Wish(what=what, who="alice", why="firmware"))
        await settle()
        return answer

    def add(self, target: str = "host:node05", seconds: float = 3600.0) -> Add:
        until = self.clock.now().wall + datetime.timedelta(seconds=seconds)
        return Add(target=target, until=until)

    def silences(self) -> list[Silence]:
        return [one for seen in self.said if isinstance(seen, SilencesSeen) for one in seen.silences]


async def test_where_one_is_elected_the_driver_shares_it(tmp_path: Path) -> None:
    shared: list[Silence] = []

    async def share(silences: Sequence[Silence]) -> None:
        shared.extend(silences)

    on = Stage(tmp_path, elected=True, share_silences=share)
    async with on.running():
        answer = await on.ask(on.add())
    assert answer.done and shared == on.silences() and len(shared) == 1
    assert "alone" not in answer.said


async def test_where_it_cannot_be_shared_nobody_is_silenced(tmp_path: Path) -> None:
    async def share(silences: Sequence[Silence]) -> None:
        raise NotShared("no leader")

    on = Stage(tmp_path, elected=True, share_silences=share)
    async with on.running():
        answer = await on.ask(on.add())
    assert not answer.done and "no leader" in answer.said
    assert [one.ended is not None for one in on.silences()] == [True]


async def test_where_every_monitor_reports_it_is_of_this_one_alone(tmp_path: Path) -> None:
    async def share(silences: Sequence[Silence]) -> None:
        raise AssertionError

    on = Stage(tmp_path, "reporter = all\n", elected=True, share_silences=share)
    async with on.running():
        answer = await on.ask(on.add())
    assert answer.done and "ask on each, too" in answer.said and len(on.silences()) == 1


@pytest.mark.parametrize(
    ("target", "seconds", "words"),
    [
        ("process:nova-compute", 60.0, "does not report about"),
        ("domain:rack9", 60.0, "no host stands in a failure domain rack9"),
        ("all", 7201.0, "longest_silence, 7200 s"),
    ],
)
async def test_what_it_refuses(tmp_path: Path, target: str, seconds: float, words: str) -> None:
    on = Stage(tmp_path)
    answer = await on.ask(on.add(target, seconds))
    assert not answer.done and words in answer.said


async def test_a_failure_domain_that_is_named_may_be_silenced(tmp_path: Path) -> None:
    file = tmp_path / "domains.yaml"
    file.write_text("node05: rack1\n")
    on = Stage(tmp_path, f"failure_domains_file = {file}\n")
    async with on.running():
        assert (await on.ask(on.add("domain:rack1"))).done


async def test_one_of_the_last_life_holds_is_shown_and_can_be_ended(tmp_path: Path) -> None:
    on = Stage(tmp_path)
    async with on.running():
        await on.ask(on.add())
    (one,) = on.silences()
    _, decision = on.monitor.decide(on.monitor.state, SilencesSeen([one]), on.clock.now())
    memory = {c.key: c.value for c in decision.commands if isinstance(c, Remember) and c.value is not None}
    again = Stage(tmp_path, memory=memory)
    assert again.monitor.silences is not None
    assert [kept.silence for kept in again.monitor.silences(again.monitor.state).holding] == [one]
    assert [row.subject for row in again.monitor.describe(again.monitor.state)][-2:] != []
    async with again.running():
        assert (await again.ask(End(one.key))).done
    assert [said.ended is not None for said in again.silences()] == [True]
