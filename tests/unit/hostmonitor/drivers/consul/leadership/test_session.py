"""One node's session against a store that the test plays: sure while it provably lives, and no longer."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from masakarimonitors.hostmonitor.drivers.consul.agent import Access, Agent, AgentFault, parse_address
from masakarimonitors.hostmonitor.drivers.consul.leadership.session import Session
from tests.fixtures.fake_clock import SuspendableClock
from tests.fixtures.fake_consul_store import FakeStore

LONG = 3600.0
SHORT = 0.5


class Held:
    """A session, and each doubt of it: why, and which session it was."""

    def __init__(self, store: FakeStore, ttl: float) -> None:
        self.agent = Agent(Access(address=parse_address(store.address)))
        self.clock = SuspendableClock()
        self.session = Session(
            self.agent, "node01", self.clock, ttl=ttl, certain=ttl, patience=5.0, on_doubt=self._doubted
        )
        self.doubts: list[tuple[str, str]] = []
        self._more = asyncio.Event()

    def _doubted(self) -> None:
        assert not self.session.sure
        self.doubts.append((self.session.why, self.session.id))
        self._more.set()

    async def until_doubted(self, times: int = 1) -> None:
        async with asyncio.timeout(30):
            while len(self.doubts) < times:
                self._more.clear()
                await self._more.wait()


@pytest.fixture
async def held(store: FakeStore) -> AsyncIterator[Held]:
    one = Held(store, LONG)
    async with one.agent:
        yield one


@pytest.fixture
async def brief(store: FakeStore) -> AsyncIterator[Held]:
    """Of a session with a time-to-live that a test can see the end of."""
    one = Held(store, SHORT)
    async with one.agent:
        yield one


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_none_is_not_sure(held: Held, store: FakeStore) -> None:
    assert not held.session.sure and held.session.id == ""
    await held.session.end()
    assert not held.doubts


async def test_one_is_made_once_and_then_renewed(held: Held, store: FakeStore) -> None:
    await held.session.ensure()
    assert held.session.sure and store.sessions == {held.session.id}
    await held.session.ensure()
    assert held.session.sure and store.sessions == {held.session.id} and store.renewals == 1


async def test_it_is_in_doubt_when_its_time_is_over(brief: Held, store: FakeStore) -> None:
    asked = now()
    await brief.session.ensure()
    await brief.until_doubted()
    [(why, session)] = brief.doubts
    assert "could not be renewed for 0.5 s" in why and session == brief.session.id != ""
    assert asked <= now() - SHORT
    # It lives all the same, as Consul gives it more time than that: a renewal is a proof.
    await brief.session.renew()
    assert brief.session.sure and brief.session.id == session


async def test_a_late_answer_proves_what_was_when_it_was_asked_for(brief: Held, store: FakeStore) -> None:
    """Counted from the answer, it would be sure for as long again as that was under way."""
    await brief.session.ensure()
    store.stuck = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(brief.session.renew())
        await brief.until_doubted()
        store.stuck.set()
    await brief.until_doubted(2)
    assert not brief.session.sure


async def test_what_was_asked_for_before_this_computer_was_suspended_proves_nothing_after_it(
    held: Held, store: FakeStore
) -> None:
    """Consul's clock went on meanwhile, and the session, or its lock-delay, may be over."""
    await held.session.ensure()
    held.clock.suspend(LONG)
    assert not held.session.sure
    store.stuck, answered = asyncio.Event(), store.renewals
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(held.session.renew())
        await store.until(lambda: store.renewals > answered)
        held.clock.suspend(LONG)
        store.stuck.set()
    await held.until_doubted()
    assert not held.session.sure
    await held.session.renew()
    assert held.session.sure


async def test_a_renewal_that_is_not_answered_changes_nothing(held: Held, store: FakeStore) -> None:
    await held.session.ensure()
    store.leader = False
    with pytest.raises(AgentFault):
        await held.session.renew()
    assert held.session.sure and not held.doubts


async def test_one_that_is_gone_is_in_doubt_and_remembered_as_a_former_one(
    held: Held, store: FakeStore
) -> None:
    await held.session.ensure()
    first = held.session.id
    store.expire(first)
    await held.session.renew()
    assert held.doubts == [("its session is gone", "")]
    assert held.session.was(first) and held.session.id == "" and not held.session.sure


async def test_one_that_is_gone_is_replaced(held: Held, store: FakeStore) -> None:
    await held.session.ensure()
    store.expire(held.session.id)
    await held.session.ensure()
    assert held.session.sure and store.sessions == {held.session.id} == {"session-2"}
    assert len(held.doubts) == 1


async def test_it_is_in_doubt_before_it_is_ended(held: Held, store: FakeStore) -> None:
    """Also where Consul does not answer: whoever gives it up does not count on it any more."""
    await held.session.ensure()
    store.leader = False
    with pytest.raises(AgentFault):
        await held.session.end()
    assert len(held.doubts) == 1 and held.session.id == "" and not held.session.sure


async def test_an_ended_one_stays_ended_whatever_is_still_answered(held: Held, store: FakeStore) -> None:
    await held.session.ensure()
    store.stuck = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(held.session.renew())
        await store.until(lambda: store.renewals == 1)
        await held.session.end()
        assert not store.sessions
        store.stuck.set()
    assert not held.session.sure and held.session.id == "" and len(held.doubts) == 1


async def test_what_is_doubted_from_outside_is_sure_again_by_a_renewal_alone(
    held: Held, store: FakeStore
) -> None:
    await held.session.ensure()
    held.session.doubt("its agent is gone")
    assert not held.session.sure and held.doubts[0][0] == "its agent is gone"
    await held.session.renew()
    assert held.session.sure
