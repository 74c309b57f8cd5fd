"""The policy of the election: who is fitter, what follows from which facts, and what patience each thing gets."""

import datetime
from dataclasses import replace

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.election.candidate import (
    Candidate,
)
from masakarimonitors.hostmonitor.core.election.election import (
    MOVES,
    Act,
    Election,
    ElectionPolicy,
    Facts,
    Holder,
    LedgerDraft,
    Situation,
    Standing,
    find_situation,
    step,
    word,
)
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry
from masakarimonitors.hostmonitor.core.observation import Follower, Leader, NoElection

LINKS = ("manage", "tenant", "storage")
DECIDING = frozenset({"storage"})
POLICY = ElectionPolicy(deciding=DECIDING)
EPOCH = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
ENTRY = LedgerEntry(HostStatus.NORMAL, EPOCH)
OTHER_ENTRY = LedgerEntry(HostStatus.UNKNOWN, EPOCH)


def seeing(node: str, *sees: str, delivers: bool | None = None) -> Candidate:
    return Candidate(node, frozenset(sees), delivers)


OWN = seeing("own", *LINKS)
OTHER = seeing("other", *LINKS)
BETTER = seeing("better", *LINKS)
BLINDER = seeing("blinder", "manage", "tenant")
MUTE = seeing("own", *LINKS, delivers=False)


def test_every_standing_has_a_move_in_every_situation() -> None:
    assert set(MOVES) == {(standing, situation) for standing in Standing for situation in Situation}
    assert {standing for standing, _ in MOVES.values()} == set(Standing)
    assert {act for _, act in MOVES.values()} == set(Act)


def test_only_what_is_certain_is_led_by() -> None:
    certain = {Situation.SURE, Situation.CHANGED, Situation.UNJUSTIFIED}
    assert {pair[1] for pair, (standing, _) in MOVES.items() if standing is Standing.LEADING} == certain


FOLLOWS = Facts(own=OWN, holder=Holder.OTHER, leader=OTHER)
HOLDS = Facts(own=OWN, holder=Holder.OWN, leader=OWN, certain_until=100.0)
FREE = Facts(own=OWN, holder=Holder.NOBODY)
ALL_FACTS = [
    Facts(
        own=own,
        sighted=sighted,
        holder=holder,
        leader=leader,
        challenge=challenge,
        certain_until=certain_until,
        alive_until=alive_until,
        announced=announced,
    )
    for own in (OWN, BLINDER)
    for sighted in (True, False)
    for holder in Holder
    for leader in (None, OTHER, BLINDER)
    for challenge in (None, OWN, BETTER, BLINDER)
    for certain_until in (49.0, 60.0)
    for alive_until in (49.0, 60.0)
    for announced in (True, False)
]


@pytest.mark.parametrize(
    ("facts", "lasted", "expected"),
    [
        (Facts(own=OWN), 0.0, Situation.CLOSED),
        (Facts(own=OWN, sighted=False), 0.0, Situation.BLIND),
        (replace(FOLLOWS, sighted=False), 0.0, Situation.BLIND),
        (replace(HOLDS, sighted=False), 0.0, Situation.SURE),
        (FREE, 0.0, Situation.FREE),
        (replace(FREE, challenge=BETTER), 0.0, Situation.FREE),
        (replace(FREE, own=BLINDER, challenge=BETTER), 0.0, Situation.ASKED),
        (replace(FREE, own=BLINDER, challenge=BETTER), 5.0, Situation.FREE),
        (replace(FREE, own=BLINDER, challenge=BLINDER), 0.0, Situation.FREE),
        (replace(FREE, own=MUTE), 0.0, Situation.ASKED),
        (replace(FREE, own=MUTE), 5.0, Situation.FREE),
        # It has asked for it, and whoever held it has given it up: to this one.
        (replace(FREE, own=MUTE, challenge=MUTE), 0.0, Situation.FREE),
        (replace(FREE, own=MUTE, challenge=replace(MUTE, delivers=True)), 0.0, Situation.ASKED),
        (replace(FREE, own=MUTE, challenge=BLINDER), 0.0, Situation.ASKED),
        (FOLLOWS, 0.0, Situation.LED),
        (replace(FOLLOWS, leader=BLINDER), 9.9, Situation.LED),
        (replace(FOLLOWS, leader=BLINDER), 10.0, Situation.OUTDONE),
        (replace(FOLLOWS, leader=BLINDER, challenge=BETTER), 10.0, Situation.LED),
        (replace(FOLLOWS, leader=None), 10.0, Situation.OUTDONE),
        (replace(FOLLOWS, alive_until=50.0), 0.0, Situation.SILENT),
        (HOLDS, 0.0, Situation.SURE),
        (replace(HOLDS, announced=False), 0.0, Situation.CHANGED),
        (replace(HOLDS, challenge=OTHER), 0.0, Situation.UNJUSTIFIED),
        (replace(HOLDS, own=BLINDER, challenge=OTHER), 0.0, Situation.OUTRANKED),
        (replace(HOLDS, certain_until=50.0), 4.9, Situation.UNSURE),
        (replace(HOLDS, certain_until=50.0), 5.0, Situation.LAPSED),
        (replace(HOLDS, certain_until=50.0, can_release=False), 3600.0, Situation.UNSURE),
        (replace(HOLDS, certain_until=50.0, own=BLINDER, challenge=OTHER), 0.0, Situation.OUTRANKED),
    ],
)
def test_what_the_facts_amount_to(facts: Facts, lasted: float, expected: Situation) -> None:
    since = 50.0 - lasted
    election = Election(known_at=0.0, fitter_since=since, free_since=since, unsure_since=since)
    assert find_situation(election, facts, POLICY, 50.0) is expected


def play(*story: tuple[float, Facts], standing: Standing = Standing.SEEKING) -> tuple[Election, Act]:
    election, act = Election(known_at=0.0, standing=standing), Act.NOTHING
    for now, facts in story:
        election, act = step(election, facts, POLICY, now)
    return election, act


def test_the_time_without_a_leader_begins_when_one_was_last_known_and_does_not_begin_again() -> None:
    lost = Facts(own=OWN, why="no leader")
    election, _ = play((1.0, FOLLOWS), (60.0, FOLLOWS), (61.0, lost), (70.0, FREE), (75.0, lost))
    assert (election.standing, election.known_at) == (Standing.SEEKING, 60.0)
    said = word(election, lost, None, Instant(75.0, EPOCH))
    assert isinstance(said, NoElection) and said.since == 60.0 and "no leader" in said.why


def test_one_that_is_started_again_counts_on_from_where_it_was() -> None:
    election = Election().begun(5.0)
    assert election.known_at == 5.0 and election.begun(50.0) == election


def test_of_the_time_in_which_it_was_blind_only_so_much_counts() -> None:
    election, _ = play((1.0, Facts(own=OWN, sighted=False)), (1000.0, Facts(own=OWN)))
    assert election.known_at == 985.0
    election, _ = play((1.0, Facts(own=OWN, sighted=False)), (9.0, Facts(own=OWN)))
    assert election.known_at == 0.0


def test_what_is_given_up_is_not_taken_back_half_way() -> None:
    asked = replace(HOLDS, own=BLINDER, challenge=OTHER)
    assert play((1.0, asked))[1] is Act.RELEASE
    election, act = play((1.0, asked), (2.0, replace(asked, challenge=None)))
    assert (election.standing, act) == (Standing.RELEASING, Act.RELEASE)
    election, act = play((1.0, asked), (2.0, HOLDS), (3.0, replace(FREE, own=BLINDER)))
    assert (election.standing, act) == (Standing.SEEKING, Act.NOTHING)
    election, act = play((1.0, asked), (2.0, HOLDS), (3.0, FREE), (4.0, FREE))
    assert act is Act.NOTHING, "it is left to the others for a while"
    assert play((1.0, asked), (3.0, FREE), (8.5, FREE))[1] is Act.ACQUIRE


def test_whoever_takes_a_challenge_away_is_asked_again_only_later() -> None:
    outdone = replace(FOLLOWS, leader=BLINDER)
    election, act = play((1.0, outdone), (11.0, outdone))
    assert act is Act.CHALLENGE
    asked = election.challenged(11.0)
    assert step(asked, outdone, POLICY, 12.0)[1] is Act.NOTHING
    assert step(asked, outdone, POLICY, 21.0)[1] is Act.CHALLENGE


def test_a_challenge_that_was_only_looked_at_is_still_to_be_written() -> None:
    outdone = replace(FOLLOWS, leader=BLINDER)
    assert play((1.0, outdone), *((11.0 + look / 10, outdone) for look in range(5)))[1] is Act.CHALLENGE


@pytest.mark.parametrize("standing", Standing)
@pytest.mark.parametrize("lasted", [0.0, 4.9, 5.0, 10.0])
def test_whoever_looks_twice_is_told_the_same(standing: Standing, lasted: float) -> None:
    since = 50.0 - lasted
    before = Election(
        known_at=0.0, standing=standing, fitter_since=since, free_since=since, unsure_since=since
    )
    for facts in ALL_FACTS:
        looked, act = step(before, facts, POLICY, 50.0)
        assert step(looked, facts, POLICY, 50.0) == (looked, act), facts


def test_a_leader_says_for_how_long() -> None:
    election, _ = play((90.0, HOLDS))
    said = word(election, HOLDS, {}, Instant(90.0, EPOCH))
    assert isinstance(said, Leader) and said.good_for == 10.0 and said.ledger == {}


def test_a_follower_says_whom() -> None:
    election, _ = play((1.0, FOLLOWS))
    said = word(election, FOLLOWS, {"h": ENTRY}, Instant(1.0, EPOCH))
    assert isinstance(said, Follower) and (said.leader, said.ledger) == ("other", {"h": ENTRY})
    nameless = replace(FOLLOWS, leader=None)
    election, _ = play((1.0, nameless))
    said = word(election, nameless, None, Instant(1.0, EPOCH))
    assert isinstance(said, Follower) and said.leader == "" and "did not write its name" in said.why


def test_who_is_no_leader_tells_nothing_of_a_ledger_and_is_none() -> None:
    for standing in set(Standing) - {Standing.LEADING, Standing.FOLLOWING}:
        election = Election(known_at=0.0, standing=standing)
        assert isinstance(word(election, HOLDS, {}, Instant(1.0, EPOCH)), NoElection)


@pytest.mark.parametrize(
    ("draft", "found", "current", "to_write"),
    [
        (LedgerDraft(), {"a": ENTRY}, {"a": ENTRY}, None),
        (LedgerDraft(), None, None, None),
        # It led, nobody has written since, and what it wanted written is what holds.
        (LedgerDraft(wanted={}, as_leader=True, written={"a": ENTRY}), {"a": ENTRY}, {}, {}),
        # The answer to its own writing was lost.
        (
            LedgerDraft(wanted={"b": ENTRY}, as_leader=True, written={}),
            {"b": ENTRY},
            {"b": ENTRY},
            {"b": ENTRY},
        ),
        # Another has written since.
        (LedgerDraft(wanted={"b": ENTRY}, as_leader=True, written={}), {"a": ENTRY}, {"a": ENTRY}, None),
        # What it reported while all did is added to what stands there.
        (
            LedgerDraft(wanted={"b": ENTRY, "c": ENTRY}),
            {"a": ENTRY, "b": OTHER_ENTRY},
            {"a": ENTRY, "b": ENTRY, "c": ENTRY},
            {"a": ENTRY, "b": ENTRY, "c": ENTRY},
        ),
        (LedgerDraft(wanted={"b": ENTRY}), None, {"b": ENTRY}, {"b": ENTRY}),
    ],
)
def test_the_ledger_of_a_new_leader(
    draft: LedgerDraft,
    found: dict[str, LedgerEntry] | None,
    current: dict[str, LedgerEntry] | None,
    to_write: dict[str, LedgerEntry] | None,
) -> None:
    gained = draft.gained(found)
    assert gained.current == current
    assert gained.wanted == to_write


def test_what_is_wanted_while_it_is_written_is_written_next() -> None:
    first, second = {"a": ENTRY}, {"b": ENTRY}
    draft = LedgerDraft().want(first, Standing.LEADING).want(second, Standing.LEADING).stored(first)
    assert (draft.wanted, draft.written) == (second, first)
    assert draft.stored(second).wanted is None


def test_a_follower_writes_nothing() -> None:
    assert LedgerDraft().want({"a": ENTRY}, Standing.FOLLOWING) == LedgerDraft()
    assert LedgerDraft().want({"a": ENTRY}, Standing.LEADING).dropped() == LedgerDraft()
