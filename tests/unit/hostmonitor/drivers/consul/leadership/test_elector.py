"""The election against a store that the test plays: who says what, when it changes hands, and what the ledger keeps."""

import asyncio
from dataclasses import replace

import pytest

from masakarimonitors.hostmonitor.core.election.candidate import Candidate, read_candidate, write_candidate
from masakarimonitors.hostmonitor.core.ledger import read_ledger, write_ledger
from masakarimonitors.hostmonitor.core.observation import Follower, NoElection, WriteLedger
from masakarimonitors.hostmonitor.drivers.consul.leadership.election import (
    ElectionTimings,
)
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.fake_clock import SuspendableClock
from tests.fixtures.fake_consul_store import FakeStore
from tests.fixtures.waiting import eventually
from tests.unit.hostmonitor.drivers.consul.electing import (
    ALL,
    ENTRY,
    FAST,
    POLICY,
    PREFIX,
    Monitor,
    Runs,
    follows,
    leads,
    ledger,
    never_together,
    unelected,
)

NOBODY = Candidate("")


async def leads_for_a_while(monitor: Monitor, store: FakeStore) -> tuple[float, float]:
    """From when until now (monotonic seconds) it has led; it has renewed its session often."""
    begun, renewals = (await monitor.until(leads)).at.monotonic, store.renewals
    await store.until(lambda: store.renewals > renewals + 20)
    return begun, SystemClock().now().monotonic


def is_nearer(moment: float, to: float, *, than: float) -> bool:
    """Whether a moment between the two is that of what happened, however late a busy computer has noticed it."""
    return abs(moment - to) < abs(moment - than)


async def test_one_is_elected_and_the_other_knows(run: Runs) -> None:
    a = run("a")
    assert ledger(await a.until(leads)) is None
    b = run("b")
    await b.until(follows("a"))
    assert unelected(a.said[0]) and unelected(b.said[0]), "until then nobody is known to lead"
    assert a.elector.leads and not b.elector.leads


async def test_a_clean_stop_hands_over_with_the_ledger(run: Runs, store: FakeStore) -> None:
    a = run("a")
    await a.until(leads)
    b = run("b")
    await b.until(follows("a"))
    await a.elector.perform(WriteLedger({"node05": ENTRY}))
    await b.until(lambda said: isinstance(said, Follower) and said.ledger == {"node05": ENTRY})
    await a.stop()
    assert ledger(await b.until(leads)) == {"node05": ENTRY}


async def test_a_lapsed_session_loses_the_lock(run: Runs, store: FakeStore) -> None:
    a = run("a")
    await a.until(leads)
    b = run("b")
    await b.until(follows("a"))
    # Its node was lost for a while: Consul ends the session, and another monitor is faster.
    store.refuse = True
    store.expire("session-1")
    store.sessions.add("of-c")
    store.put(PREFIX + "reporter", write_candidate(Candidate("c", frozenset(ALL))), "of-c")
    store.refuse = False
    await a.until(follows("c"))
    await b.until(follows("c"))


async def test_who_is_told_that_its_session_is_gone_does_not_report(run: Runs, store: FakeStore) -> None:
    a = run("a")
    await a.until(leads)
    # Consul has just ended it, and nothing wakes whoever waits for news of the lock.
    store.sessions.discard("session-1")
    store.keys[PREFIX + "reporter"] = (write_candidate(Candidate("a", frozenset(ALL))), "")
    await a.until(unelected)
    await a.until(leads)
    assert a.history == ["-", "self", "-", "self"]


async def test_who_sees_the_lock_free_stops_before_it_runs_again(run: Runs, store: FakeStore) -> None:
    a = run("a")
    await a.until(leads)
    store.put(PREFIX + "reporter", write_candidate(Candidate("a", frozenset(ALL))), "")
    await a.until(lambda said: not leads(said))
    await a.until(leads)
    assert a.history == ["-", "self", "-", "self"]


async def test_who_cannot_renew_stops_when_its_session_may_be_over(run: Runs, store: FakeStore) -> None:
    """By its own clock, before Consul can have given the lock to another; and says since when nobody leads."""
    a = run("a", timings=replace(FAST, certain=1.0))
    led, lost = await leads_for_a_while(a, store)
    store.leader = False
    stopped = await a.until(unelected)
    assert isinstance(stopped, NoElection) and is_nearer(stopped.since, lost, than=led)
    assert a.reigns[-1][1] <= stopped.at.monotonic
    store.leader = True
    # The session has outlived it.
    assert ledger(await a.until(leads)) is None


async def test_reads_alone_do_not_keep_a_leader(run: Runs, store: FakeStore) -> None:
    """The store answers, and shows the lock as this node's; but nothing can be written there any more."""
    a = run("a", timings=replace(FAST, certain=0.5, patience=0.2), policy=replace(POLICY, doubt=3600.0))
    await a.until(leads)
    store.stuck = asyncio.Event()
    await a.until(unelected)
    reigns, asked = len(a.reigns), len(store.asked)
    await store.until(lambda: sum("/session/renew/" in one for one in store.asked[asked:]) > 2)
    assert len(a.reigns) == reigns
    store.stuck.set()
    await a.until(leads)


async def test_a_holder_that_cannot_write_gives_the_lock_to_one_that_can(run: Runs, store: FakeStore) -> None:
    """Its session is renewed all the while: the store refuses this node's writes alone."""
    a = run("a", timings=replace(FAST, beat=0.1, unwritten=0.5))
    await a.until(leads)
    b = run("b", timings=replace(FAST, beat=0.1, unwritten=0.5))
    await b.until(follows("a"))
    store.refuse_from.add("a")
    await a.until(unelected)
    await b.until(leads)
    await a.until(follows("b"))
    assert never_together(a, b)


async def test_a_holder_that_gives_no_sign_of_life_is_not_followed_for_ever(
    run: Runs, store: FakeStore
) -> None:
    """It was killed, and nothing can be written any more: Consul cannot even end its session."""
    store.put(PREFIX + "reporter", write_candidate(Candidate("c", frozenset(ALL), beat=3)), "of-c")
    b = run("b", timings=replace(FAST, unheard=0.5))
    await b.until(follows("c"))
    said = await b.until(unelected)
    assert isinstance(said, NoElection) and "no sign of life" in said.why
    store.put(PREFIX + "reporter", write_candidate(Candidate("c", frozenset(ALL), beat=4)), "of-c")
    await b.until(follows("c"))


async def test_a_holder_of_an_older_release_promises_no_sign_of_life(run: Runs, store: FakeStore) -> None:
    store.put(PREFIX + "reporter", write_candidate(Candidate("c", frozenset(ALL))), "of-c")
    b = run("b", timings=replace(FAST, unheard=0.1))
    await b.until(follows("c"))
    asked = len(store.asked)
    b.elector.links.stuck("manage")
    await store.until(lambda: len(store.asked) > asked)
    store.put(PREFIX + "ledger", write_ledger({"node05": ENTRY}))
    assert ledger(await b.until(lambda said: isinstance(said, Follower) and bool(said.ledger))) == {
        "node05": ENTRY
    }
    assert b.history == ["-", "c"]


async def test_a_holder_says_that_it_lives(run: Runs, store: FakeStore) -> None:
    a = run("a", timings=replace(FAST, beat=0.1))
    await a.until(leads)
    await store.until(lambda: (read_candidate(store.keys[PREFIX + "reporter"][0]) or NOBODY).beat == 3)
    assert a.history == ["-", "self"]


async def test_an_answer_that_was_long_under_way_renews_nothing(run: Runs, store: FakeStore) -> None:
    """Consul counts from the moment at which it was asked, or later."""
    a = run("a", timings=replace(FAST, certain=0.5, patience=20.0), policy=replace(POLICY, doubt=3600.0))
    await a.until(leads)
    store.stuck, late = asyncio.Event(), store.renewals
    await store.until(lambda: store.renewals > late)
    late, answer = store.renewals, store.stuck
    await a.until(lambda said: not leads(said))
    store.stuck = asyncio.Event()
    answer.set()
    await store.until(lambda: store.renewals > late)
    assert not leads(a.said[-1])
    store.stuck.set()
    await a.until(leads)


async def test_a_renewal_that_was_asked_for_before_this_computer_was_suspended_gives_no_authority(
    run: Runs, store: FakeStore
) -> None:
    """Its answer is read when the computer runs again, and another may have led for long by then."""
    clock = SuspendableClock()
    a = run("a", clock=clock)
    await a.until(leads)
    store.stuck, asked = asyncio.Event(), store.renewals
    await store.until(lambda: store.renewals > asked)
    clock.suspend(2 * FAST.certain)
    store.stuck.set()
    await a.until(lambda said: leads(said) and a.history[1:] == ["self", "-", "self"])


async def test_whose_agent_is_gone_stops_at_once(run: Runs, store: FakeStore) -> None:
    """It has left or died: its sessions end with it. It did not say how, so nothing is waited for."""
    a = run("a", timings=replace(FAST))
    await a.until(leads)
    await a.elector.perform(WriteLedger({"node05": ENTRY}))
    await store.until(lambda: PREFIX + "ledger" in store.keys)
    await store.__aexit__(None, None, None)
    await a.until(unelected)
    await store.__aenter__()
    # It was only a restart, and the session has outlived it. A host that came back meanwhile was nobody's to report:
    # what is open is read anew, or its recovery would never be told.
    assert ledger(await a.until(leads)) == {"node05": ENTRY}


async def test_what_could_not_be_written_is_not_forgotten_with_the_session(
    run: Runs, store: FakeStore
) -> None:
    """Nobody else has held the leadership since: what this node has reported, it has reported."""
    store.put(PREFIX + "ledger", write_ledger({"node09": ENTRY}))
    a = run("a")
    await a.until(leads)
    store.expire("session-1")
    await a.elector.perform(WriteLedger({"node05": ENTRY}))
    await a.until(lambda said: not leads(said))
    assert ledger(await a.until(leads)) == {"node05": ENTRY}
    await store.until(lambda: read_ledger(store.keys[PREFIX + "ledger"][0]) == {"node05": ENTRY})


async def test_what_another_leader_wrote_stands(run: Runs, store: FakeStore) -> None:
    a = run("a")
    await a.until(leads)
    store.sessions.add("of-c")
    store.put(PREFIX + "reporter", write_candidate(Candidate("c", frozenset(ALL))), "of-c")
    await a.elector.perform(WriteLedger({"node05": ENTRY}))
    await a.until(follows("c"))
    store.put(PREFIX + "ledger", write_ledger({"node09": ENTRY}))
    store.expire("of-c")
    assert ledger(await a.until(leads)) == {"node09": ENTRY}


async def test_a_leader_whose_name_cannot_be_read_is_one_all_the_same(run: Runs, store: FakeStore) -> None:
    a = run("a")
    await a.until(leads)
    store.sessions.add("of-c")
    store.put(PREFIX + "reporter", b"{oops", "of-c")
    await a.until(follows(""))
    b = run("b")
    await b.until(follows(""))
    assert a.history == ["-", "self", ""]


async def test_the_time_without_election_begins_when_the_store_is_lost(run: Runs, store: FakeStore) -> None:
    """However long nothing has happened there before."""
    a = run("a")
    await a.until(leads)
    b = run("b")
    begun = (await b.until(follows("a"))).at.monotonic
    _, lost = await leads_for_a_while(a, store)
    b.links.set("manage", False)
    said = await b.until(unelected)
    assert isinstance(said, NoElection) and is_nearer(said.since, lost, than=begun)


def test_the_leader_may_miss_a_renewal() -> None:
    """One that is not answered, and the next still fall into the time for which it may report."""
    timings = ElectionTimings()
    assert timings.ttl == 10, "Consul's least"
    assert timings.renew + 2 * timings.patience < timings.certain < timings.ttl
    assert timings.beat + timings.patience < timings.unwritten < timings.unheard - timings.beat / 2


async def test_a_ledger_is_never_written_by_one_who_lost_the_lock(run: Runs, store: FakeStore) -> None:
    a = run("a")
    await a.until(leads)
    kept = write_ledger({"node09": ENTRY})
    store.sessions.add("of-c")
    store.keys[PREFIX + "ledger"] = (kept, "")
    store.put(PREFIX + "reporter", write_candidate(Candidate("c", frozenset(ALL))), "of-c")
    await a.elector.perform(WriteLedger({"node05": ENTRY}))
    await a.until(follows("c"))
    assert store.keys[PREFIX + "ledger"][0] == kept


async def test_a_half_blind_leader_releases_the_lock_for_one_that_sees(run: Runs) -> None:
    a = run("a", ("manage",))
    await a.until(leads)
    b = run("b")
    await b.until(leads)
    await a.until(follows("b"))


async def test_a_leader_that_sees_as_much_but_not_what_decides_is_challenged(run: Runs) -> None:
    policy = replace(POLICY, deciding=frozenset({"storage"}))
    a = run("a", ("manage", "tenant"), policy=policy)
    await a.until(leads)
    b = run("b", ("manage", "storage"), policy=policy)
    await b.until(leads)
    await a.until(follows("b"))


async def test_a_leader_without_a_way_to_masakari_gives_its_place_to_one_that_delivers(
    run: Runs, store: FakeStore
) -> None:
    a = run("a")
    await a.until(leads)
    b = run("b")
    await b.until(follows("a"))
    a.elector.on_path(False)
    await store.until(
        lambda: (read_candidate(store.keys[PREFIX + "reporter"][0]) or NOBODY).delivers is False
    )
    assert a.history == ["-", "self"], "nobody is known to do better"
    b.elector.on_path(True)
    await b.until(leads)
    await a.until(follows("b"))
    assert never_together(a, b)


async def test_who_cannot_deliver_leaves_a_free_lock_to_others(run: Runs, store: FakeStore) -> None:
    store.lock_delay = True
    a, b = run("a", policy=replace(POLICY, yields=3600.0)), run("b")
    a.elector.on_path(False)
    await store.until(lambda: any(one.startswith("PUT /v1/kv/") for one in store.asked))
    store.lock_delay = False
    await b.until(leads)
    await a.until(follows("b"))
    assert "self" not in a.history


async def test_a_leader_that_loses_a_datacentre_releases_the_lock(run: Runs) -> None:
    a = run("a")
    await a.until(leads)
    b = run("b")
    await b.until(follows("a"))
    a.links.set("storage", False)
    await b.until(leads)
    await a.until(follows("b"))


async def test_as_blind_as_the_others_it_stays(run: Runs, store: FakeStore) -> None:
    a = run("a", ("manage", "tenant"))
    await a.until(leads)
    b = run("b", ("manage", "tenant"))
    await b.until(follows("a"))
    renewals = store.renewals
    await store.until(lambda: store.renewals > renewals + 20)
    assert leads(a.said[-1]) and b.history == ["-", "a"]


async def test_what_was_not_written_yet_is_handed_over_with_the_lock(run: Runs, store: FakeStore) -> None:
    a = run("a", timings=replace(FAST, retry=3600.0))
    await a.until(leads)
    store.broken.add("PUT /v1/txn")
    await a.elector.perform(WriteLedger({"node05": ENTRY}))
    await store.until(lambda: any("/v1/txn" in one for one in store.asked))
    store.broken.clear()
    await a.stop()
    assert read_ledger(store.keys[PREFIX + "ledger"][0]) == {"node05": ENTRY}
    assert store.keys[PREFIX + "reporter"][1] == ""


async def test_a_challenge_without_ground_is_refused(run: Runs, store: FakeStore) -> None:
    a = run("a")
    await a.until(leads)
    store.put(PREFIX + "challenge", write_candidate(Candidate("b", frozenset({"manage"}))))
    await store.until(lambda: PREFIX + "challenge" not in store.keys)
    assert leads(a.said[-1])


async def test_a_challenger_that_never_comes_is_not_waited_for(run: Runs, store: FakeStore) -> None:
    store.put(PREFIX + "challenge", write_candidate(Candidate("gone", frozenset(ALL))))
    a = run("a", ("manage",))
    await a.until(leads)
    await store.until(lambda: PREFIX + "challenge" not in store.keys)


async def test_without_rights_nobody_is_elected_and_it_is_tried_again(run: Runs, store: FakeStore) -> None:
    store.refuse = True
    a = run("a")
    said = await a.until(lambda said: unelected(said) and "token" in said.why)
    assert isinstance(said, NoElection) and said.since <= a.said[0].at.monotonic
    assert {word.since for word in a.said if isinstance(word, NoElection)} == {said.since}
    store.refuse = False
    await a.until(leads)


async def test_without_a_consul_leader_there_is_no_election(run: Runs, store: FakeStore) -> None:
    a = run("a")
    await a.until(leads)
    b = run("b")
    await b.until(follows("a"))
    store.leader = False
    for monitor in (a, b):
        monitor.links.set("manage", False)
    await b.until(unelected)
    assert leads(a.said[-1]), "by its session, for as long as that is certain"
    store.leader = True
    store.wake()
    for monitor in (a, b):
        monitor.links.set("manage", True)
    await b.until(follows("a"))
    assert a.history == ["-", "self"]


async def test_what_all_reported_is_in_the_ledger_of_the_next_leader(run: Runs, store: FakeStore) -> None:
    store.keys[PREFIX + "ledger"] = (write_ledger({"node08": ENTRY}), "")
    store.refuse = True
    a = run("a")
    await a.until(unelected)
    await a.elector.perform(WriteLedger({"node05": ENTRY}))
    store.refuse = False
    expected = {"node05": ENTRY, "node08": ENTRY}
    assert ledger(await a.until(leads)) == expected
    await store.until(lambda: read_ledger(store.keys[PREFIX + "ledger"][0]) == expected)


async def test_who_sees_nothing_is_no_candidate(run: Runs, store: FakeStore) -> None:
    a = run("a", ())
    await a.until(unelected)
    await store.until(lambda: bool(store.asked))
    assert not store.keys
    for link in ALL:
        a.links.set(link, True)
    await a.until(leads)


async def test_a_restarted_monitor_ends_the_session_of_its_killed_self(run: Runs, store: FakeStore) -> None:
    store.sessions.add("of-the-dead")
    store.put(PREFIX + "reporter", write_candidate(Candidate("a", frozenset(ALL))), "of-the-dead")
    a = run("a")
    await a.until(leads)
    assert "of-the-dead" not in store.sessions and a.elector.troubles == ()


async def test_a_session_of_its_own_name_that_it_cannot_end_is_an_alarm(run: Runs, store: FakeStore) -> None:
    """Who holds it may live as well as be dead."""
    store.broken.add("PUT /v1/session/destroy")
    store.sessions.add("of-another")
    store.put(PREFIX + "reporter", write_candidate(Candidate("a", frozenset(ALL))), "of-another")
    a = run("a")
    await eventually(lambda: a.elector.troubles, "an alarm")
    assert "two monitors run on one host, or two hosts have one name" in a.elector.troubles[0]
    store.expire("of-another")
    await a.until(leads)
    assert a.elector.troubles == ()


async def test_whose_session_cannot_be_ended_is_another_beside_it_once_it_says_that_it_lives(
    run: Runs, store: FakeStore
) -> None:
    """One that was killed says nothing any more: its session ends by itself, and nobody need look for a second one."""
    store.broken.add("PUT /v1/session/destroy")
    store.sessions.add("of-another")
    store.put(PREFIX + "reporter", write_candidate(Candidate("a", frozenset(ALL), beat=7)), "of-another")
    a = run("a")
    await eventually(lambda: a.elector._looked, "it has looked")
    assert a.elector.troubles == ()
    store.put(PREFIX + "reporter", write_candidate(Candidate("a", frozenset(ALL), beat=8)), "of-another")
    await eventually(lambda: a.elector.troubles, "an alarm")


async def test_what_an_earlier_process_of_its_name_held_is_nobodys_until_that_one_has_stopped_for_sure(
    run: Runs, store: FakeStore
) -> None:
    """It may live, and have heard of nothing: it leads on for as long as Consul keeps the lock from all."""
    store.delays = True
    store.sessions.add("of-another")
    store.put(PREFIX + "reporter", write_candidate(Candidate("a", frozenset(ALL))), "of-another")
    a = run("a")
    await store.until(lambda: len(store.locking) > 2)
    assert "of-another" not in store.sessions and "self" not in a.history
    assert set(store.locking) == {"acquire"}, "to release it would let it be acquired at once"
    store.lock_delay = False
    await a.until(leads)


async def test_two_with_one_name_do_not_fight_for_ever(run: Runs, store: FakeStore) -> None:
    """A misconfigured pair: the later one may disturb the election once, and then it stays where it is."""
    first = run("a")
    await first.until(leads)
    assert first.elector.troubles == ()
    second = run("a")
    await second.until(lambda said: not unelected(said))
    await eventually(
        lambda: bool(first.elector.troubles) is not bool(second.elector.troubles),
        "one that is told of the other",
    )
    (told,) = first.elector.troubles or second.elector.troubles
    assert "two monitors run on one host, or two hosts have one name" in told
    renewals = store.renewals
    await store.until(lambda: store.renewals > renewals + 30)
    assert len(first.history) <= 5 and len(second.history) <= 5


async def test_an_unreadable_ledger_is_none(run: Runs, store: FakeStore) -> None:
    store.put(PREFIX + "ledger", b"{oops")
    a = run("a")
    assert ledger(await a.until(leads)) is None


@pytest.mark.parametrize("broken", ["PUT /v1/session/create", "PUT /v1/kv/", "GET /v1/kv/"])
async def test_where_the_store_fails_the_election_alone_nobody_is_elected(
    run: Runs, store: FakeStore, broken: str
) -> None:
    """The datacentre is seen all the while; each try begins anew, and the time without election does not."""
    store.broken.add(broken)
    a = run("a")
    tried = len(store.asked)
    await store.until(lambda: sum(one.startswith(broken) for one in store.asked[tried:]) > 5)
    said = await a.until(unelected)
    assert isinstance(said, NoElection) and a.history == ["-"]
    assert {word.since for word in a.said if isinstance(word, NoElection)} == {said.since}
    store.broken.clear()
    await a.until(leads)


async def test_a_store_that_is_lost_with_its_leader_counts_from_then(run: Runs, store: FakeStore) -> None:
    """The lock has just become free, after a long time in which nothing happened."""
    a = run("a")
    await a.until(leads)
    b = run("b")
    begun = (await b.until(follows("a"))).at.monotonic
    _, lost = await leads_for_a_while(a, store)
    store.broken.add("PUT /v1/")
    store.expire("session-1")
    said = await b.until(unelected)
    assert isinstance(said, NoElection) and is_nearer(said.since, lost, than=begun)
    tried = len(store.asked)
    await store.until(lambda: sum(one.startswith("PUT /v1/") for one in store.asked[tried:]) > 5)
    store.broken.clear()
    await b.until(lambda said: not unelected(said))
    assert {word.since for word in b.said if isinstance(word, NoElection) and word.at.monotonic >= lost} == {
        said.since
    }


async def test_a_lock_whose_answer_was_lost_is_found_to_be_its_own(run: Runs, store: FakeStore) -> None:
    store.lost.add("PUT /v1/kv/")
    a = run("a", policy=replace(POLICY, doubt=3600.0))
    await store.until(lambda: PREFIX + "reporter" in store.keys)
    store.lost.clear()
    await a.until(leads)
    assert len(store.sessions) == 1


async def test_an_ended_session_keeps_everybody_out_for_as_long_as_its_holder_may_be_certain(
    run: Runs, store: FakeStore
) -> None:
    a = run("a", timings=replace(FAST, ttl=10.0, certain=8.0))
    await a.until(leads)
    assert store.terms["session-1"]["LockDelay"] == "8s"


async def test_a_clean_stop_leaves_no_delay_behind(run: Runs, store: FakeStore) -> None:
    store.delays = True
    a = run("a")
    await a.until(leads)
    await a.stop()
    assert store.keys[PREFIX + "reporter"][1] == "" and not store.sessions and not store.lock_delay


async def test_a_ledger_that_was_taken_away_beneath_its_leader_is_written_again(
    run: Runs, store: FakeStore
) -> None:
    """Or its successor would not know of it."""
    a = run("a")
    await a.until(leads)
    await a.elector.perform(WriteLedger({"node05": ENTRY}))
    await store.until(lambda: PREFIX + "ledger" in store.keys)
    store.put(PREFIX + "ledger", b"{oops")
    await store.until(lambda: read_ledger(store.keys[PREFIX + "ledger"][0]) == {"node05": ENTRY})
    assert a.history == ["-", "self"]


async def test_a_reporter_whose_ledger_is_refused_is_one_with_an_alarm(run: Runs, store: FakeStore) -> None:
    a = run("a")
    await a.until(leads)
    store.unwritable = {PREFIX + "ledger"}
    await a.elector.perform(WriteLedger({"node05": ENTRY}))
    await eventually(lambda: a.elector.troubles, "an alarm")
    assert "ledger of reported hosts cannot be written" in a.elector.troubles[0]
    store.unwritable = set()
    await eventually(lambda: not a.elector.troubles, "that it is over")
    assert a.history == ["-", "self"]
