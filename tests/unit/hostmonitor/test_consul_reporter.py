"""The office against a store that the test plays: who says what, when it changes hands, and what the ledger keeps."""

import asyncio
import datetime
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from masakarimonitors.hostmonitor.ledger import read_ledger, write_ledger
from masakarimonitors.hostmonitor.observation import LedgerEntry, Observation, Office, WriteLedger
from masakarimonitors.hostmonitor.sources.consul_agent import Access, parse_address
from masakarimonitors.hostmonitor.sources.consul_datacentre import Sight
from masakarimonitors.hostmonitor.sources.consul_election import Claim, write_claim
from masakarimonitors.hostmonitor.sources.consul_reporter import ReporterOffice, Terms
from masakarimonitors.notifications import HostStatus
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.fake_consul_store import FakeStore

ALL = ("manage", "tenant", "storage")
FAST = Terms(renew=0.05, patience=2.0, wait=5.0, grace=0.3, superior=0.2, refused=0.2, retry=0.05)
PREFIX = "office/"
ENTRY = LedgerEntry(HostStatus.NORMAL, datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC), delivered=True)


class Candidate:
    """One monitor's office, and all that it has said."""

    def __init__(self, store: FakeStore, node: str, sees: tuple[str, ...] = ALL, terms: Terms = FAST) -> None:
        self.sight = Sight()
        for link in sees:
            self.sight.set(link, True)
        access = Access(parse_address(store.address))
        self.office = ReporterOffice(
            "manage", access, node, SystemClock(), self.sight, prefix=PREFIX, terms=terms
        )
        self.said: list[Office] = []
        self._more = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def emit(self, observation: Observation) -> None:
        assert isinstance(observation, Office)
        self.said.append(observation)
        self._more.set()

    async def until(self, condition: Callable[[Office], bool]) -> Office:
        """Wait until the last word is as wanted."""
        async with asyncio.timeout(30):
            while not (self.said and condition(self.said[-1])):
                self._more.clear()
                await self._more.wait()
        return self.said[-1]

    async def stop(self) -> None:
        """A clean stop of the monitor."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)


Runs = Callable[..., Candidate]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[FakeStore]:
    async with FakeStore(tmp_path / "store.sock") as fake:
        yield fake


@pytest.fixture
async def run(store: FakeStore) -> AsyncIterator[Runs]:
    candidates: list[Candidate] = []

    def begin(node: str, sees: tuple[str, ...] = ALL, terms: Terms = FAST) -> Candidate:
        candidate = Candidate(store, node, sees, terms)
        candidate.task = asyncio.get_running_loop().create_task(candidate.office.run(candidate.emit))
        candidates.append(candidate)
        return candidate

    yield begin
    for candidate in candidates:
        await candidate.stop()


def mine(office: Office) -> bool:
    return office.mine and office.holder != "everyone"


async def test_one_is_elected_and_the_other_knows(run: Runs) -> None:
    a = run("a")
    assert (await a.until(mine)).ledger == {}
    b = run("b")
    assert (await b.until(lambda said: not said.mine)).holder == "a"


async def test_a_clean_stop_hands_over_with_the_ledger(run: Runs, store: FakeStore) -> None:
    a = run("a")
    await a.until(mine)
    b = run("b")
    await b.until(lambda said: not said.mine)
    await a.office.perform(WriteLedger({"node05": ENTRY}))
    await b.until(lambda said: said.ledger == {"node05": ENTRY})
    await a.stop()
    assert (await b.until(mine)).ledger == {"node05": ENTRY}


async def test_a_lapsed_session_loses_the_office(run: Runs, store: FakeStore) -> None:
    a = run("a")
    await a.until(mine)
    b = run("b")
    await b.until(lambda said: not said.mine)
    # Its node was lost for a while: Consul ends the session, and another monitor is faster.
    store.refuse = True
    store.expire("session-1")
    store.sessions.add("of-c")
    store.put(PREFIX + "reporter", write_claim(Claim("c", frozenset(ALL))), "of-c")
    store.refuse = False
    assert (await a.until(lambda said: said.holder == "c")).mine is False
    await b.until(lambda said: said.holder == "c")


async def test_a_ledger_is_never_written_by_one_who_lost_the_lock(run: Runs, store: FakeStore) -> None:
    a = run("a")
    await a.until(mine)
    kept = write_ledger({"node09": ENTRY})
    store.sessions.add("of-c")
    store.keys[PREFIX + "ledger"] = (kept, "")
    store.put(PREFIX + "reporter", write_claim(Claim("c", frozenset(ALL))), "of-c")
    await a.office.perform(WriteLedger({"node05": ENTRY}))
    await a.until(lambda said: said.holder == "c")
    assert store.keys[PREFIX + "ledger"][0] == kept


async def test_a_half_blind_holder_steps_down_for_one_that_sees(run: Runs) -> None:
    a = run("a", ("manage",))
    await a.until(mine)
    b = run("b")
    await b.until(mine)
    assert (await a.until(lambda said: not said.mine)).holder == "b"


async def test_a_holder_that_loses_a_datacentre_steps_down(run: Runs) -> None:
    a = run("a")
    await a.until(mine)
    b = run("b")
    await b.until(lambda said: not said.mine)
    a.sight.set("storage", False)
    await b.until(mine)
    await a.until(lambda said: said.holder == "b")


async def test_as_blind_as_the_others_it_stays(run: Runs, store: FakeStore) -> None:
    a = run("a", ("manage", "tenant"))
    await a.until(mine)
    b = run("b", ("manage", "tenant"))
    await b.until(lambda said: not said.mine)
    renewals = store.renewals
    await store.until(lambda: store.renewals > renewals + 20)
    assert mine(a.said[-1]) and not b.said[-1].mine


async def test_a_challenge_without_ground_is_refused(run: Runs, store: FakeStore) -> None:
    a = run("a")
    await a.until(mine)
    store.put(PREFIX + "challenge", write_claim(Claim("b", frozenset({"manage"}))))
    await store.until(lambda: PREFIX + "challenge" not in store.keys)
    assert mine(a.said[-1])


async def test_a_challenger_that_never_comes_is_not_waited_for(run: Runs, store: FakeStore) -> None:
    store.put(PREFIX + "challenge", write_claim(Claim("gone", frozenset(ALL))))
    a = run("a", ("manage",))
    await a.until(mine)
    await store.until(lambda: PREFIX + "challenge" not in store.keys)


async def test_without_rights_everyone_reports_and_it_is_tried_again(run: Runs, store: FakeStore) -> None:
    store.refuse = True
    a = run("a")
    office = await a.until(lambda said: said.holder == "everyone")
    assert office.mine and "token" in office.why and office.ledger is None
    store.refuse = False
    await a.until(mine)


async def test_without_a_leader_everyone_reports_after_the_grace(run: Runs, store: FakeStore) -> None:
    a = run("a")
    await a.until(mine)
    b = run("b")
    await b.until(lambda said: not said.mine)
    store.leader = False
    for candidate in (a, b):
        candidate.sight.set("manage", False)
    for candidate in (a, b):
        await candidate.until(lambda said: said.holder == "everyone")
    store.leader = True
    store.wake()
    for candidate in (a, b):
        candidate.sight.set("manage", True)
    # The session has outlived it: the office is where it was.
    assert (await a.until(mine)).ledger is None
    await b.until(lambda said: said.holder == "a")


async def test_what_everyone_reported_is_in_the_ledger_of_the_next_holder(
    run: Runs, store: FakeStore
) -> None:
    store.keys[PREFIX + "ledger"] = (write_ledger({"node08": ENTRY}), "")
    store.refuse = True
    a = run("a")
    await a.until(lambda said: said.holder == "everyone")
    await a.office.perform(WriteLedger({"node05": ENTRY}))
    store.refuse = False
    expected = {"node05": ENTRY, "node08": ENTRY}
    assert (await a.until(mine)).ledger == expected
    await store.until(lambda: read_ledger(store.keys[PREFIX + "ledger"][0]) == expected)


async def test_who_sees_nothing_does_not_run(run: Runs, store: FakeStore) -> None:
    a = run("a", ())
    await a.until(lambda said: said.holder == "everyone")
    assert not store.keys
    for link in ALL:
        a.sight.set(link, True)
    await a.until(mine)


async def test_a_restarted_monitor_ends_the_session_of_its_killed_self(run: Runs, store: FakeStore) -> None:
    store.sessions.add("of-the-dead")
    store.put(PREFIX + "reporter", write_claim(Claim("a", frozenset(ALL))), "of-the-dead")
    a = run("a")
    await a.until(mine)
    assert "of-the-dead" not in store.sessions


async def test_two_with_one_name_do_not_fight_for_ever(run: Runs, store: FakeStore) -> None:
    """A misconfigured pair: the later one may disturb the office once, and then it stays where it is."""
    first = run("a")
    await first.until(mine)
    second = run("a")
    await second.until(lambda said: said.holder == "a")
    renewals = store.renewals
    await store.until(lambda: store.renewals > renewals + 30)
    assert len(first.said) <= 3 and len(second.said) <= 3


async def test_an_unreadable_ledger_is_none(run: Runs, store: FakeStore) -> None:
    store.put(PREFIX + "ledger", b"{oops")
    a = run("a")
    assert (await a.until(mine)).ledger is None
