"""One election of monitors of several releases: whatever stands there, it is no crash, and never two lead."""

import pytest

from masakarimonitors.hostmonitor.core.election.candidate import Candidate, write_candidate
from masakarimonitors.hostmonitor.core.election.unread import Part
from masakarimonitors.hostmonitor.core.observation import Follower
from masakarimonitors.hostmonitor.drivers.consul.leadership.election import read_record
from tests.fixtures.fake_consul_store import FakeStore
from tests.fixtures.waiting import eventually
from tests.unit.hostmonitor.drivers.consul.electing import ALL, PREFIX, Runs, leads, ledger
from tests.unit.hostmonitor.drivers.consul.leadership.test_election import keys

ODD = [
    b"",
    b"node07",
    b"\xff\x00",
    b"null",
    b"[1]",
    b"{}",
    b'{"node": "c"}',
    b'{"node": "c", "sees": null}',
    b'{"node": "c", "sees": 3, "beat": 1}',
    b'{"holder": {"name": "c"}, "format": 7}',
    b"[" * 100_000,
    b"9" * 5000,
]
"""Values of releases that nobody knows yet, or that somebody wrote by hand."""


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value[:20]))
def test_a_value_of_an_unknown_form_leaves_the_lock_its_holders(value: bytes) -> None:
    body = keys(
        *((key, value, "s1" if key == "reporter" else "") for key in ("reporter", "challenge", "ledger"))
    )
    record = read_record(body, "p/")
    assert (record.session, record.leader, record.challenge) == ("s1", None, None)
    assert record.ledger in (None, {}) and (record.ledger is None or value == b"{}")
    assert record.unread == frozenset(Part) - ({Part.LEDGER} if value == b"{}" else set())


def test_what_is_not_there_is_no_trouble_and_a_name_that_no_host_can_have_is_one() -> None:
    told = write_candidate(Candidate("c"))
    body = keys(("reporter", told, "s1"), ("challenge", told, ""), ("ledger", b"{}", ""))
    assert read_record(body, "p/").unread == frozenset()
    assert read_record(keys(("reporter", b"?", "")), "p/").unread == frozenset(), "nobody holds it"
    strange = keys(("reporter", write_candidate(Candidate("a program/7")), "s1"))
    assert read_record(strange, "p/").unread == {Part.LEADER}


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value[:20]))
async def test_nobody_leads_beside_a_holder_that_writes_in_an_unknown_form(
    run: Runs, store: FakeStore, value: bytes
) -> None:
    """It may be asked for its place, in the form of this release; as long as it keeps its lock it is followed."""
    store.put(PREFIX + "reporter", value, "of-c")
    b = run("b")
    said = await b.until(lambda said: isinstance(said, Follower) and said.leader == "")
    assert "did not write its name" in said.why
    await store.until(lambda: PREFIX + "challenge" in store.keys)
    assert b.reigns == []
    store.put(PREFIX + "ledger", value)
    store.put(PREFIX + "reporter", value, "")
    said = await b.until(leads)
    assert ledger(said) in (None, {}) and (value == b"{}" or ledger(said) is None)


async def test_a_challenge_of_an_unknown_form_moves_nobody_and_is_told(run: Runs, store: FakeStore) -> None:
    store.put(PREFIX + "reporter", write_candidate(Candidate("c", frozenset(ALL))), "of-c")
    store.put(PREFIX + "challenge", b'{"format": 7}')
    b = run("b")
    await b.until(lambda said: isinstance(said, Follower) and said.leader == "c")
    (trouble,) = b.elector.troubles
    assert "who asks the leader for its place" in trouble and PREFIX + "challenge" in trouble
    assert "the leader keeps its place" in trouble and "delete it" in trouble


async def test_the_leader_takes_a_challenge_away_that_nobody_can_read_and_its_alarm_ends(
    run: Runs, store: FakeStore
) -> None:
    a = run("a")
    await a.until(leads)
    for _ in range(2):
        store.put(PREFIX + "challenge", b'{"format": 7}')
        await store.until(lambda: PREFIX + "challenge" not in store.keys)
    await eventually(lambda: not a.elector.troubles, "the end of its alarm")
    assert a.history == ["-", "self"]


async def test_whoever_acquires_the_lock_takes_it_away_too(run: Runs, store: FakeStore) -> None:
    store.put(PREFIX + "challenge", b"node07")
    a = run("a")
    await a.until(leads)
    await store.until(lambda: PREFIX + "challenge" not in store.keys)
