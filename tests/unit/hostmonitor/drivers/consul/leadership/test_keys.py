"""The election's keys against a store that the test plays: what is followed, read and written, and by whom."""

import asyncio
from collections.abc import AsyncIterator
from types import MappingProxyType

import pytest

from masakarimonitors.hostmonitor.core.election.candidate import Candidate, write_candidate
from masakarimonitors.hostmonitor.core.ledger import write_ledger
from masakarimonitors.hostmonitor.drivers.consul.agent import (
    Access,
    Agent,
    AgentFault,
    Answer,
    Params,
    parse_address,
)
from masakarimonitors.hostmonitor.drivers.consul.leadership.election import ElectionRecord
from masakarimonitors.hostmonitor.drivers.consul.leadership.keys import ElectionKeys
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.fake_consul_store import FakeStore
from tests.unit.hostmonitor.drivers.consul.electing import ENTRY, PREFIX

OWN = Candidate("node01", frozenset({"manage", "tenant"}))
OTHER = Candidate("node02", frozenset({"manage"}))


@pytest.fixture
async def keys(store: FakeStore) -> AsyncIterator[ElectionKeys]:
    store.sessions |= {"ours", "theirs"}
    agent = Agent(Access(address=parse_address(store.address)))
    async with agent:
        yield ElectionKeys(agent, PREFIX, SystemClock(), patience=5.0, wait=60.0)


class Followed:
    """What a follower is shown, in order."""

    def __init__(self, keys: ElectionKeys) -> None:
        self.records: asyncio.Queue[ElectionRecord] = asyncio.Queue()
        self._task = asyncio.get_running_loop().create_task(keys.follow(self._take))

    def _take(self, record: ElectionRecord, asked: float) -> None:
        assert asked <= asyncio.get_running_loop().time()
        self.records.put_nowait(record)

    async def next(self) -> ElectionRecord:
        async with asyncio.timeout(30):
            return await self.records.get()

    async def end(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def test_a_store_without_keys_is_a_free_lock(keys: ElectionKeys) -> None:
    record = await keys.read()
    assert record.session == "" and record.leader is None and record.ledger is None


async def test_the_lock_is_acquired_once_and_its_holder_may_write_it_anew(
    keys: ElectionKeys, store: FakeStore
) -> None:
    assert await keys.acquire(OWN, "ours")
    assert not await keys.acquire(OTHER, "theirs")
    assert (await keys.read()).leader == OWN
    seeing_less = Candidate(OWN.node, frozenset())
    assert await keys.acquire(seeing_less, "ours")
    record = await keys.read()
    assert (record.leader, record.session) == (seeing_less, "ours")


async def test_a_challenge_stands_until_it_is_dropped(keys: ElectionKeys) -> None:
    await keys.challenge(OTHER)
    assert (await keys.read()).challenge == OTHER
    await keys.drop_challenge()
    assert (await keys.read()).challenge is None


async def test_the_ledger_is_written_by_the_holder_of_the_lock_and_by_nobody_else(
    keys: ElectionKeys, store: FakeStore
) -> None:
    assert await keys.acquire(OWN, "ours")
    assert await keys.write_ledger({"node05": ENTRY}, "ours")
    assert not await keys.write_ledger({}, "theirs")
    assert (await keys.read()).ledger == {"node05": ENTRY}
    store.expire("ours")
    assert not await keys.write_ledger({}, "ours")
    assert store.keys[PREFIX + "ledger"][0] == write_ledger({"node05": ENTRY})


async def test_a_ledger_that_may_not_be_written_is_no_lost_lock(keys: ElectionKeys, store: FakeStore) -> None:
    """Consul gives the same status for both; taken for a lost lock, its holder would stop and begin without end."""
    assert await keys.acquire(OWN, "ours")
    store.refuse_ledger = True
    with pytest.raises(AgentFault, match="Permission denied"):
        await keys.write_ledger({"node05": ENTRY}, "ours")


async def test_a_follower_sees_what_stands_there_and_each_change(
    keys: ElectionKeys, store: FakeStore
) -> None:
    store.put(PREFIX + "reporter", write_candidate(OTHER), "theirs")
    followed = Followed(keys)
    assert (await followed.next()).leader == OTHER
    store.put(PREFIX + "challenge", write_candidate(OWN))
    assert (await followed.next()).challenge == OWN
    store.expire("theirs")
    assert (await followed.next()).session == ""
    await followed.end()


async def test_who_asks_anew_need_not_wait_for_a_change(keys: ElectionKeys, store: FakeStore) -> None:
    followed = Followed(keys)
    await followed.next()
    await store.until(lambda: len(store.asked) > 1)
    keys.ask_anew()
    assert (await followed.next()).session == ""
    await followed.end()


async def test_what_is_no_election_is_a_fault_and_not_a_free_lock(
    keys: ElectionKeys, store: FakeStore
) -> None:
    store.broken.add("GET /v1/kv/")
    with pytest.raises(AgentFault):
        await keys.read()


async def test_a_lock_is_released_by_the_session_that_holds_it_and_by_no_other(
    keys: ElectionKeys, store: FakeStore
) -> None:
    assert await keys.acquire(OWN, "ours")
    await keys.release(OTHER, "theirs")
    assert (await keys.read()).session == "ours"
    await keys.release(OWN, "ours")
    assert (await keys.read()).session == ""


class SlowAgent(Agent):
    """Answers when the test says so."""

    def __init__(self) -> None:
        super().__init__(Access(address=parse_address("unix:///nowhere")))
        self.asked: list[object] = []
        self.answers: asyncio.Queue[asyncio.Future[Answer]] = asyncio.Queue()

    async def get(
        self, path: str, timeout: float, params: Params = MappingProxyType({}), *, accept: int = 200
    ) -> Answer:
        self.asked.append(params["index"])
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.answers.put_nowait(answer)
        return await answer


async def test_an_answer_that_comes_while_it_is_asked_anew_does_not_end_that() -> None:
    agent = SlowAgent()
    keys = ElectionKeys(agent, PREFIX, SystemClock(), patience=5.0, wait=60.0)
    task = asyncio.get_running_loop().create_task(keys.follow(lambda record, asked: None))
    (await agent.answers.get()).set_result(Answer(b"[]", 7))
    waiting = await agent.answers.get()
    assert agent.asked == [0, 7]
    waiting.set_result(Answer(b"[]", 8))
    keys.ask_anew()
    await agent.answers.get()
    assert agent.asked == [0, 7, 0]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
