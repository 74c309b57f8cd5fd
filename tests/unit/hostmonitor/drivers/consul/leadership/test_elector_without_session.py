"""Whoever has lost its session, or may have, is no leader: the ways in which it is lost, one by one."""

import asyncio
import threading
from dataclasses import replace
from typing import Any

from masakarimonitors.hostmonitor.core.election.candidate import Candidate, write_candidate
from masakarimonitors.hostmonitor.core.ledger import write_ledger
from masakarimonitors.hostmonitor.core.observation import WriteLedger
from tests.fixtures.fake_consul_store import FakeStore
from tests.fixtures.waiting import PATIENCE
from tests.unit.hostmonitor.drivers.consul.electing import (
    ALL,
    ENTRY,
    FAST,
    POLICY,
    PREFIX,
    Runs,
    follows,
    leads,
    ledger,
    unelected,
)

RENEW = "PUT /v1/session/renew/"
READ = "GET /v1/kv/election/"
CHALLENGE = "DELETE /v1/kv/election/challenge"


async def until_asked(store: FakeStore, what: str, times: int = 1) -> None:
    """Wait until that was asked for so often from now on."""
    start = len(store.asked)
    await store.until(lambda: sum(asked.startswith(what) for asked in store.asked[start:]) >= times)


def stop_the_world(seconds: float) -> None:
    """The whole process stands still, as under SIGSTOP: nothing runs, and nothing is noticed."""
    threading.Event().wait(seconds)


def given_to(store: FakeStore, node: str) -> None:
    """Another node holds the lock; nothing wakes whoever waits for news of it."""
    store.sessions.add(f"of-{node}")
    store.keys[PREFIX + "reporter"] = (write_candidate(Candidate(node, frozenset(ALL))), f"of-{node}")
    store.index += 1


async def test_a_renewal_whose_answer_is_lost_is_made_good_by_the_next(run: Runs, store: FakeStore) -> None:
    a = run("a")
    await a.until(leads)
    store.lost.add(RENEW)
    await until_asked(store, RENEW)
    store.lost.clear()
    await until_asked(store, RENEW, 3)
    assert a.history == ["-", "self"]


async def test_renewals_whose_answers_are_all_lost_end_it(run: Runs, store: FakeStore) -> None:
    """Consul keeps the session for it, but it cannot know."""
    a = run("a", timings=replace(FAST, certain=0.5))
    await a.until(leads)
    store.lost.add(RENEW)
    await a.until(unelected)
    assert store.sessions
    store.lost.clear()
    await a.until(leads)


async def test_a_session_that_renews_but_has_lost_the_lock_is_worth_nothing(
    run: Runs, store: FakeStore
) -> None:
    """Its node was called critical for a moment; renewals that were asked for before are answered still."""
    a = run("a")
    await a.until(leads)
    given_to(store, "c")
    store.wake()
    await a.until(follows("c"))
    store.put(PREFIX + "ledger", write_ledger({"node05": ENTRY}))
    await a.until(lambda said: bool(ledger(said)))
    assert a.history[-2:] == ["self", "c"] or a.history[-3:] == ["self", "-", "c"]


async def test_a_session_that_ends_while_the_lock_is_acquired_leads_nothing(
    run: Runs, store: FakeStore
) -> None:
    """The lock is this node's by then; a last request takes long, and what it brings is out of date."""
    store.put(PREFIX + "challenge", write_candidate(Candidate("b", frozenset({"manage"}))))
    store.held[CHALLENGE] = asyncio.Event()
    a = run("a", timings=replace(FAST, patience=20.0))
    await until_asked(store, CHALLENGE)
    store.sessions.clear()
    given_to(store, "c")
    store.wake()
    await a.until(follows("c"))
    led = a.history.count("self")
    store.held.pop(CHALLENGE).set()
    await until_asked(store, READ)
    store.put(PREFIX + "ledger", write_ledger({"node05": ENTRY}))
    await a.until(lambda said: bool(ledger(said)))
    assert a.history[-1] == "c" and a.history.count("self") == led


async def test_what_a_leader_writes_without_its_session_is_refused_and_ends_it(
    run: Runs, store: FakeStore
) -> None:
    a = run("a", timings=replace(FAST, renew=3600.0, retry=3600.0))
    await a.until(leads)
    store.sessions.clear()
    a.links.set("tenant", False)
    await a.until(lambda said: not leads(said))


async def test_an_election_that_fails_by_a_bug_leaves_no_leader(run: Runs, store: FakeStore) -> None:
    a = run("a")
    await a.until(leads)
    nonsense: Any = None
    await a.elector.perform(WriteLedger({"node05": nonsense}))
    assert a.task is not None
    await asyncio.wait([a.task])
    assert not leads(a.said[-1]) and not store.sessions


async def test_the_first_thing_that_a_stopped_process_does_is_to_stop_reporting(
    run: Runs, store: FakeStore
) -> None:
    """Whatever else was due meanwhile finds that it is no leader, and an old renewal's answer changes nothing."""
    a = run("a", timings=replace(FAST, certain=0.5), policy=replace(POLICY, doubt=3600.0))
    await a.until(leads)
    store.stuck, renewals = asyncio.Event(), store.renewals
    await store.until(lambda: store.renewals > renewals)
    due = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.01, lambda: due.set_result(None))
    given_to(store, "c")
    led = a.history.count("self")
    stop_the_world(1.0)
    await due
    assert a.history[-2:] == ["self", "-"]
    store.stuck.set()
    store.wake()
    await a.until(follows("c"))
    assert a.history.count("self") == led


async def test_a_lock_that_is_delayed_is_no_lock(run: Runs, store: FakeStore) -> None:
    """Consul keeps a lock from all for a while after its session's end: nobody is elected meanwhile."""
    store.lock_delay = True
    a = run("a")
    await store.until(lambda: sum(one.startswith("PUT /v1/kv/") for one in store.asked) > 2)
    assert a.history == ["-"]
    store.lock_delay = False
    await a.until(leads)


async def test_who_did_not_wait_for_a_challenger_is_not_disturbed_by_it(run: Runs, store: FakeStore) -> None:
    """The challenge is gone before the leader reads what stands in the store."""
    store.put(PREFIX + "challenge", write_candidate(Candidate("gone", frozenset(ALL))))
    a = run("a", ("manage",))
    await a.until(leads)
    await until_asked(store, RENEW, 10)
    assert a.history == ["-", "self"]


async def test_nothing_is_written_by_one_that_does_not_lead(run: Runs, store: FakeStore) -> None:
    """What another wrote meanwhile would be gone, and what this one reads on its return would be older than that."""
    a = run("a", timings=replace(FAST, certain=0.5))
    await a.until(leads)
    store.stuck = asyncio.Event()
    await a.until(lambda said: not leads(said))
    asked = len(store.asked)
    await a.elector.perform(WriteLedger({"node05": ENTRY}))
    await store.until(lambda: any(one.startswith("GET") for one in store.asked[asked:]))
    assert not any("/v1/txn" in one for one in store.asked[asked:])
    store.stuck.set()
    assert ledger(await a.until(leads)) == {"node05": ENTRY}
    await store.until(lambda: PREFIX + "ledger" in store.keys)


async def test_who_cannot_release_the_lock_does_not_lead_again_for_the_one_that_sees_more(
    run: Runs, store: FakeStore
) -> None:
    a = run("a", sees=("manage",))
    await a.until(leads)
    store.broken |= {"PUT /v1/kv/", "PUT /v1/session/destroy"}
    store.put(PREFIX + "challenge", write_candidate(Candidate("b", frozenset(ALL))))
    await a.until(unelected)
    renewals = len([one for one in store.asked if "renew" in one])
    await store.until(lambda: len([one for one in store.asked if one.startswith("GET /v1/kv/")]) > 3)
    assert a.history == ["-", "self", "-"]
    assert len([one for one in store.asked if "renew" in one]) <= renewals + 1, "it is left to end"


async def test_who_is_stopped_while_it_cannot_give_up_its_session_stops(run: Runs, store: FakeStore) -> None:
    """What fails then must not be heard in place of the stop."""
    a = run("a", sees=("manage",))
    await a.until(leads)
    store.broken.add("PUT /v1/session/destroy")
    answered = store.held["PUT /v1/kv/"] = asyncio.Event()
    store.put(PREFIX + "challenge", write_candidate(Candidate("b", frozenset(ALL))))
    await store.until(lambda: "release" in store.locking)
    assert a.task is not None
    a.task.cancel()
    answered.set()
    await asyncio.wait({a.task}, timeout=PATIENCE)
    assert a.task.cancelled()


async def test_who_can_have_no_session_does_not_ask_for_the_lock(run: Runs, store: FakeStore) -> None:
    """It could not acquire it: the leader would give it up in vain, again and again."""
    a = run("a", sees=("manage",))
    await a.until(leads)
    store.broken.add("PUT /v1/session/create")
    b = run("b")
    await b.until(follows("a"))
    await until_asked(store, "PUT /v1/session/create", 3)
    assert PREFIX + "challenge" not in store.keys
    assert a.history == ["-", "self"]
    store.broken.clear()
    await b.until(leads)
