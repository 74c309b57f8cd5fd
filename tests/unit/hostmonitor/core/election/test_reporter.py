"""Who reports: the table, the lease, and the patience before all do."""

import datetime
import math

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.election.reporter import (
    ALWAYS,
    ELECTION_PATIENCE,
    LATE,
    RENEWALS,
    STAGGER_RANKS,
    TABLE,
    Change,
    Reporter,
    Standing,
    Word,
    hear,
    pass_time,
    stagger,
)
from masakarimonitors.hostmonitor.core.observation import Follower, Leader, NoElection

EPOCH = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)


def leader(at: float, good_for: float = math.inf) -> Leader:
    return Leader(why="lock", at=Instant(at, EPOCH), ledger=None, good_for=good_for)


def follower(at: float, name: str = "node02") -> Follower:
    return Follower(leader=name, why="lock", at=Instant(at, EPOCH), ledger=None)


def nobody(at: float, since: float) -> NoElection:
    return NoElection(why="no leader", since=since, at=Instant(at, EPOCH))


def test_every_word_can_be_heard_in_every_standing() -> None:
    heard = {Word.LEADER, Word.FOLLOWER, Word.NO_ELECTION}
    assert {(standing, word) for standing, word in TABLE if word in heard} == {
        (standing, word) for standing in Standing for word in heard
    }
    assert {standing for standing, word in TABLE if word is Word.LAPSED} == {Standing.LEADER}
    assert {standing for standing, word in TABLE if word is Word.PATIENCE_OVER} == {Standing.NO_ELECTION}


def test_to_report_no_more_is_a_loss_and_to_begin_a_gain() -> None:
    reporting = {Standing.LEADER, Standing.ALL}
    for (before, _), (after, change) in TABLE.items():
        assert (change is Change.LOST) is (before in reporting and after not in reporting)
        assert (change is Change.GAINED) is (after is Standing.LEADER and before is not Standing.LEADER)
        assert (change is Change.JOINED) is (after is Standing.ALL and before not in reporting)


def test_a_lease_ends_unless_it_is_renewed() -> None:
    own_term, change = hear(Reporter(), leader(0.0, 10.0), 0.0)
    assert change is Change.GAINED and own_term.reports and own_term.until == 10.0
    own_term, change = hear(own_term, leader(8.0, 10.0), 8.0)
    assert change is Change.NOTHING and (own_term.since, own_term.until) == (0.0, 18.0)
    assert pass_time(own_term, 17.9) == (own_term, Change.NOTHING)
    lapsed, change = pass_time(own_term, 18.0)
    assert (lapsed.standing, change, lapsed.reports) == (Standing.NO_ELECTION, Change.LOST, False)
    assert lapsed.until == 18.0 + ELECTION_PATIENCE
    everybody, change = pass_time(lapsed, lapsed.until)
    assert (everybody.standing, change, everybody.until) == (Standing.ALL, Change.JOINED, math.inf)


@pytest.mark.parametrize("late", [0.0, LATE, LATE + 0.1, ELECTION_PATIENCE, ELECTION_PATIENCE + LATE, 100.0])
def test_a_leader_that_notices_late_that_its_lease_has_ended_listens_first(late: float) -> None:
    """Another one may lead by then: whoever stood still has heard nothing of that."""
    own_term, _ = hear(Reporter(), leader(0.0, 10.0), 0.0)
    lapsed, change = pass_time(own_term, 10.0 + late)
    assert (lapsed.standing, change) == (Standing.NO_ELECTION, Change.LOST)
    assert lapsed.until - (10.0 + late) >= ELECTION_PATIENCE - LATE


@pytest.mark.parametrize(
    ("before", "since", "until"),
    [
        (Reporter(), 100.0, 120.0),
        (Reporter(), 40.0, 60.0),  # it is long so: at once
        (hear(Reporter(), follower(0.0), 0.0)[0], 40.0, 120.0),  # somebody was known to report until now
        (hear(Reporter(), leader(0.0), 0.0)[0], 40.0, 120.0),
        (hear(Reporter(), nobody(50.0, 50.0), 50.0)[0], 90.0, 70.0),  # said again: the first counts
    ],
)
def test_from_when_on_the_patience_is_counted(before: Reporter, since: float, until: float) -> None:
    after, _ = hear(before, nobody(100.0, since), 100.0)
    assert after.standing is Standing.NO_ELECTION and after.until == until


def test_all_go_on_reporting_until_somebody_is_elected() -> None:
    everybody = Reporter(standing=Standing.ALL, since=5.0)
    again, change = hear(everybody, nobody(100.0, 0.0), 100.0)
    assert (again.standing, change, again.until, again.since) == (Standing.ALL, Change.NOTHING, math.inf, 5.0)
    after, change = hear(everybody, follower(100.0), 100.0)
    assert (after.leader, change, after.since) == ("node02", Change.LOST, 100.0)


def test_a_ledger_that_was_read_counts_for_one_term() -> None:
    term, _ = hear(Reporter(standing=Standing.LEADER, term_read=True), leader(1.0), 1.0)
    assert term.term_read
    lost, _ = hear(term, follower(2.0), 2.0)
    assert not lost.term_read


def test_without_an_election_all_report_for_ever() -> None:
    assert ALWAYS.reports and pass_time(ALWAYS, 1e9) == (ALWAYS, Change.NOTHING)


def test_turns_are_by_rank_and_shared_from_the_eleventh_on() -> None:
    monitors = [f"node{n:02}" for n in range(40)]
    turns = sorted(stagger("node99", own, monitors, 2.0) for own in monitors)
    assert turns[: STAGGER_RANKS + 1] == [2.0 * rank for rank in range(STAGGER_RANKS + 1)]
    assert set(turns[STAGGER_RANKS:]) == {20.0}


def test_a_name_of_any_form_has_a_turn() -> None:
    assert stagger("n\udcff", "ä", ["b"], 2.0) in (0.0, 2.0)


@pytest.mark.parametrize(
    ("after", "standing"), [(0.0, Standing.ALL), (LATE, Standing.ALL), (LATE + 0.1, None)]
)
def test_who_was_held_up_gives_the_others_the_whole_patience_once_more(
    after: float, standing: Standing | None
) -> None:
    waiting = Reporter(standing=Standing.NO_ELECTION, since=10.0, until=30.0)
    then, change = pass_time(waiting, 30.0 + after)
    if standing is not None:
        assert (then.standing, change) == (standing, Change.JOINED)
        return
    assert (then.standing, then.until, change) == (
        Standing.NO_ELECTION,
        30.0 + after + ELECTION_PATIENCE,
        Change.NOTHING,
    )


@pytest.mark.parametrize("said", [False, True])
def test_who_is_held_up_each_time_reports_in_the_end(said: bool) -> None:
    """A loop that always wakes late would begin its patience anew for ever; that nobody leads is said meanwhile."""
    reporter, change = (
        Reporter(standing=Standing.NO_ELECTION, since=0.0, until=ELECTION_PATIENCE),
        Change.NOTHING,
    )
    for _ in range(RENEWALS):
        now = reporter.until + LATE + 1.0
        reporter, change = pass_time(reporter, now)
        assert (reporter.standing, change) == (Standing.NO_ELECTION, Change.NOTHING)
        if said:
            reporter, _ = hear(reporter, nobody(now, 0.0), now)
    reporter, change = pass_time(reporter, reporter.until + LATE + 1.0)
    assert (reporter.standing, change) == (Standing.ALL, Change.JOINED)


def test_each_time_without_an_election_has_its_own_renewals() -> None:
    waiting = Reporter(standing=Standing.NO_ELECTION, since=0.0, until=20.0, renewed=RENEWALS)
    followed, _ = hear(waiting, follower(21.0), 21.0)
    again, _ = hear(followed, nobody(30.0, 30.0), 30.0)
    assert (followed.renewed, again.renewed) == (0, 0)
