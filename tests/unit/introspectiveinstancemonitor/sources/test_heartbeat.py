"""The heartbeat before a played libvirt that does not let it ask, or lets it ask a played agent."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from masakarimonitors.introspectiveinstancemonitor.core.observation import (
    AgentsInReach,
    AgentsOutOfReach,
    Answered,
    Inconclusive,
    Missed,
    Observation,
)
from masakarimonitors.introspectiveinstancemonitor.sources.agent import Asking, Silent, ask
from masakarimonitors.introspectiveinstancemonitor.sources.heartbeat import Heartbeat
from masakarimonitors.introspectiveinstancemonitor.sources.targets import Target, Targets
from tests.fixtures.fake_clock import SteppedClock
from tests.fixtures.fake_libvirt import FakeModule, impatient, played
from tests.fixtures.standstill import stand_still
from tests.fixtures.waiting import PATIENCE, eventually

INTERVAL, LONG = 10.0, 60.0


@pytest.fixture
def libvirt() -> Iterator[FakeModule]:
    with played() as module:
        yield module


@asynccontextmanager
async def beating(
    module: FakeModule, timeout: float = 2.0, ask_agent: Asking = ask
) -> AsyncIterator[tuple[SteppedClock, list[Observation]]]:
    """The heartbeat of one guest; unless `ask_agent` is another, the played libvirt has no agents: nobody answers."""
    clock, said, targets = SteppedClock(), list[Observation](), Targets()
    targets.put(Target(uuid="uuid-of-one", name="one", run="r-1", domain_id=1, askable=True))
    source = Heartbeat(
        "played:///beat",
        targets,
        clock,
        interval=INTERVAL,
        timeout=timeout,
        threshold=3,
        open_session=impatient(module, LONG),
        ask_agent=ask_agent,
    )
    task = asyncio.get_running_loop().create_task(source.run(said.append))
    try:
        yield clock, said
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def kinds(said: list[Observation]) -> list[type[Observation]]:
    return [type(one) for one in said if isinstance(one, AgentsInReach | AgentsOutOfReach | Answered)]


async def test_without_the_right_to_ask_it_is_said_within_an_interval_and_once(libvirt: FakeModule) -> None:
    libvirt.refuses = libvirt.libvirtError("not allowed", libvirt.VIR_ERR_AUTH_FAILED)
    async with beating(libvirt) as (clock, said):
        await clock.go_on(INTERVAL)
        await eventually(lambda: kinds(said) == [AgentsOutOfReach], "it to be said")
        assert isinstance(said[0], AgentsOutOfReach)
        assert "usually libvirt" in said[0].why
        await clock.go_on(5 * INTERVAL)
        assert kinds(said) == [AgentsOutOfReach]
        libvirt.refuses = None
        await clock.go_on(2 * INTERVAL)
        await eventually(lambda: kinds(said) == [AgentsOutOfReach, AgentsInReach], "the right to be there")


async def test_an_opening_that_fails_otherwise_is_said_when_it_goes_on(libvirt: FakeModule) -> None:
    libvirt.refuses = libvirt.libvirtError("connection refused", libvirt.VIR_ERR_SYSTEM_ERROR)
    async with beating(libvirt) as (clock, said):
        await clock.go_on(INTERVAL)
        assert kinds(said) == []
        await clock.go_on(3 * INTERVAL)
        await eventually(lambda: kinds(said) == [AgentsOutOfReach], "it to be said")


@pytest.mark.parametrize("stood_still", [False, True])
async def test_a_silence_that_only_its_time_tells_from_a_refusal_is_none_where_this_process_stood_still(
    libvirt: FakeModule, monkeypatch: pytest.MonkeyPatch, stood_still: bool
) -> None:
    """How long libvirt took cannot be told then: what it answered at once has come late all the same."""
    asked, goes_on = threading.Event(), threading.Event()

    def refused_long_ago(*_: Any) -> str:
        asked.set()
        goes_on.wait(PATIENCE)
        raise Silent("the agent is not available; it took long enough for a silence")

    async with beating(libvirt, PATIENCE, refused_long_ago) as (clock, said):
        await clock.advance(INTERVAL)
        await eventually(asked.is_set, "it to be asked")
        if stood_still:
            stand_still(monkeypatch, 10 * PATIENCE)
        goes_on.set()
        await eventually(
            lambda: any(
                isinstance(one, Inconclusive) or (isinstance(one, Missed) and one.final) for one in said
            ),
            "the end of the call",
        )
    found = [one for one in said if isinstance(one, Missed) and one.final]
    assert bool(found) is not stood_still
