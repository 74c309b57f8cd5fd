"""What spans hosts: a word of the election, and what time brings without one."""

import datetime
import math
from dataclasses import replace
from typing import Any

import pytest

from masakarimonitors.core.decision import Instant, Ruling, Withdraw
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.election.reporter import ELECTION_PATIENCE, Reporter, Standing
from masakarimonitors.hostmonitor.core.evidence.membership import ViewState
from masakarimonitors.hostmonitor.core.fleet.cluster import lapsed, notice, take_word, times
from masakarimonitors.hostmonitor.core.fleet.news import News
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry
from masakarimonitors.hostmonitor.core.observation import Follower, Leader, Membership, NoElection
from masakarimonitors.hostmonitor.core.outages.host import HostState
from masakarimonitors.hostmonitor.core.outages.outage import Fate, Outage, Report
from masakarimonitors.hostmonitor.core.state import Cluster, Maintenance, State
from tests.fixtures.host_play import OWN, THREE, policy
from tests.unit.hostmonitor.core.judging.test_judge import record

EPOCH = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)
NOW = Instant(1000.0, EPOCH)
ELECTED = policy(elected=True)
U, D = Membership.UP, Membership.DOWN
SEEN = ViewState(proven=True, complete=True, live=True, heard=True, since=0.0)
OLD = EPOCH - datetime.timedelta(hours=1)


def host(fate: Fate | None = None, values: tuple[Membership, ...] = (D, D, D)) -> HostState:
    report = None if fate is None else Report(made_at=OLD, host_status=HostStatus.NORMAL, fate=fate)
    opened = Outage(failed=Instant(0.0, OLD), report=report) if D in values else None
    return HostState(links=tuple(record(value) for value in values), seen_in_service=True, outage=opened)


def state(
    standing: Standing = Standing.UNKNOWN, hosts: dict[str, HostState] | None = None, **facts: Any
) -> State:
    known = hosts or {}
    reporter = Reporter(
        standing=standing, leader="node02" if standing is Standing.FOLLOWER else "", since=0.0
    )
    cluster = Cluster(**{"views": dict.fromkeys(THREE, SEEN), "reporter": reporter, "began": 0.0, **facts})
    return State(hosts=known, cluster=cluster, troubled=frozenset(known))


def entry(delivered: bool) -> LedgerEntry:
    return LedgerEntry(HostStatus.NORMAL, OLD, delivered)


def leads(before: State, ledger: dict[str, LedgerEntry] | None = None) -> News:
    return take_word(ELECTED, before, Leader(why="lock", at=NOW, ledger=ledger), NOW)


def follows(before: State, ledger: dict[str, LedgerEntry] | None = None, leader: str = "node02") -> News:
    return take_word(ELECTED, before, Follower(leader=leader, why="lock", at=NOW, ledger=ledger), NOW)


def fate(news: News, name: str = "node05") -> Fate | None:
    found = news.hosts.get(name)
    return found.fate if found is not None else None


@pytest.mark.parametrize(
    ("seen", "ruling", "alarm"),
    [
        (Leader(why="", at=NOW, ledger=None), Ruling.ACTED, False),
        (Follower(leader="node02", why="", at=NOW, ledger=None), Ruling.HELD, False),
        (NoElection(why="", since=1000.0, at=NOW), Ruling.HELD, True),
    ],
)
def test_who_reports_is_told_when_it_changes(seen: Any, ruling: Ruling, alarm: bool) -> None:
    news = take_word(ELECTED, state(), seen, NOW)
    (verdict,) = news.verdicts
    assert (verdict.subject, verdict.ruling, verdict.alarm, news.recheck_all) == (
        "reporter",
        ruling,
        alarm,
        True,
    )
    again = take_word(ELECTED, state(reporter=news.cluster.reporter), seen, NOW)
    assert again.verdicts == ()


def test_where_nobody_is_elected_no_word_of_an_election_counts() -> None:
    before = state(Standing.ALL)
    assert take_word(policy(), before, Leader(why="", at=NOW, ledger={}), NOW) == News(cluster=before.cluster)


@pytest.mark.parametrize("standing", [Standing.LEADER, Standing.ALL])
def test_whoever_reports_no_more_takes_back_what_is_on_its_way(standing: Standing) -> None:
    news = follows(state(standing, {"node05": host(Fate.PENDING), "node06": host(Fate.ACCEPTED)}))
    assert news.commands == (Withdraw("host:node05", news.commands[0].why),)  # type: ignore[attr-defined]
    assert (fate(news), fate(news, "node06")) == (Fate.TAKEN_BACK, None)


@pytest.mark.parametrize(
    ("standing", "in_ledger_before", "kept"),
    [
        (Standing.FOLLOWER, False, False),
        (Standing.UNKNOWN, False, False),
        (Standing.ALL, False, True),  # while all report nobody writes anything down
        (Standing.NO_ELECTION, False, True),
        (Standing.NO_ELECTION, True, False),  # it stood there, and somebody has taken it out
    ],
)
def test_what_the_ledger_lacks_was_closed_by_another(
    standing: Standing, in_ledger_before: bool, kept: bool
) -> None:
    ledger = {"node05": entry(True)} if in_ledger_before else {}
    news = leads(state(standing, {"node05": host(Fate.ACCEPTED)}, ledger=ledger), {})
    assert (fate(news) is None) is kept
    assert news.gained


def test_a_ledger_that_cannot_be_read_says_nothing() -> None:
    before = state(Standing.FOLLOWER, {"node05": host(Fate.ANOTHERS)}, ledger={"node05": entry(True)})
    news = leads(before, None)
    assert news.hosts == {} and news.gained and news.cluster.ledger == before.cluster.ledger
    assert not news.cluster.reporter.term_read
    # Read later in the same term it is adopted, and nothing that is not in it is disowned.
    later = leads(replace(before, cluster=news.cluster), {"node06": entry(False)})
    assert fate(later, "node06") is Fate.TAKEN_BACK and fate(later) is None and not later.gained
    once = leads(replace(before, cluster=later.cluster), {"node07": entry(False)})
    assert once.hosts == {}, "one ledger for one term"


def test_a_follower_adopts_each_word_of_the_reporter() -> None:
    before = state(Standing.FOLLOWER, {"node05": host()})
    first = follows(before, {"node05": entry(False)})
    assert fate(first) is Fate.TAKEN_BACK and first.recheck_all
    assert fate(follows(before, {"node05": entry(True)})) is Fate.ANOTHERS


def test_what_the_reporter_says_of_a_host_that_is_well_here_can_wait_but_the_leader_closes_it() -> None:
    well = {"node05": host(values=(U, U, U))}
    assert follows(state(hosts=well), {"node05": entry(True)}).hosts == {}
    assert fate(leads(state(hosts=well), {"node05": entry(True)})) is Fate.ANOTHERS


def test_this_hosts_own_entry_is_kept_in_the_ledger_alone() -> None:
    news = leads(state(), {OWN: entry(True)})
    assert news.hosts == {} and OWN in news.cluster.ledger


# -- time -------------------------------------------------------------------------------------------


def pass_time(before: State, seconds: float, rules: Any = ELECTED) -> News:
    return notice(rules, before, Instant(seconds, EPOCH))


def test_a_lease_that_ends_costs_the_standing_and_what_is_on_its_way() -> None:
    reporter = Reporter(standing=Standing.LEADER, since=0.0, until=1010.0)
    before = state(hosts={"node05": host(Fate.PENDING)}, reporter=reporter)
    assert pass_time(before, 1009.0).commands == ()
    news = pass_time(before, 1010.0)
    assert news.cluster.reporter.standing is Standing.NO_ELECTION and fate(news) is Fate.TAKEN_BACK
    assert news.verdicts[0].alarm and news.recheck_all


def test_a_monitor_that_slept_through_both_ends_listens_before_it_goes_through_the_second() -> None:
    reporter = Reporter(standing=Standing.LEADER, since=0.0, until=1010.0)
    before = state(hosts={"node05": host(Fate.PENDING)}, reporter=reporter)
    news = pass_time(before, 5000.0)
    assert news.cluster.reporter.standing is Standing.NO_ELECTION and fate(news) is Fate.TAKEN_BACK
    assert len(news.verdicts) == 1 and len(news.commands) == 1
    assert news.recheck_all
    later = pass_time(replace(before, cluster=news.cluster), 5000.0 + ELECTION_PATIENCE)
    assert later.cluster.reporter.standing is Standing.ALL


def test_views_that_lapse_or_count_again_are_told_and_all_are_looked_at() -> None:
    lapsing = replace(SEEN, until=1005.0)
    before = state(
        views={"manage": SEEN, "tenant": SEEN, "storage": lapsing}, reporter=Reporter(since=0.0, warned=True)
    )
    assert pass_time(before, 1004.0).verdicts == ()
    news = pass_time(before, 1005.0)
    (verdict,) = news.verdicts
    assert (verdict.subject, verdict.ruling, verdict.alarm) == ("link:storage", Ruling.BLIND, True)
    assert news.recheck_all and news.cluster.views["storage"].since == 1005.0
    assert pass_time(replace(before, cluster=news.cluster), 1006.0).verdicts == ()


@pytest.mark.parametrize(
    ("facts", "ended"),
    [
        ({}, False),
        ({"views": {"manage": replace(SEEN, until=1000.0)}}, True),
        ({"views": {"manage": replace(SEEN, until=1000.0, live=False)}}, False),
        ({"reporter": Reporter(standing=Standing.LEADER, since=0.0, until=1000.0)}, True),
        ({"reporter": Reporter(standing=Standing.NO_ELECTION, since=0.0, until=1000.0)}, False),
    ],
    ids=["nothing", "sight", "noticed already", "a lease", "no word could renew it"],
)
def test_what_a_word_could_renew_has_lapsed(facts: dict[str, Any], ended: bool) -> None:
    cluster = replace(state().cluster, **facts)
    assert not lapsed(cluster, Instant(999.0, EPOCH))
    assert lapsed(cluster, Instant(1000.0, EPOCH)) is ended


@pytest.mark.parametrize(("seconds", "told"), [(59.0, False), (60.0, True)])
def test_no_word_of_an_election_is_an_alarm_after_a_minute(seconds: float, told: bool) -> None:
    news = pass_time(state(), seconds)
    assert bool(news.verdicts) is told and news.cluster.reporter.warned is told
    assert pass_time(state(Standing.FOLLOWER), seconds).verdicts == ()
    assert pass_time(state(), seconds, policy()).verdicts == ()


def test_the_minute_is_counted_from_the_first_observation() -> None:
    news = pass_time(state(began=math.inf), 1000.0)
    assert news.cluster.began == 1000.0 and news.verdicts == ()


def test_a_maintenance_that_nobody_ends_is_an_alarm_once() -> None:
    before = state(Standing.LEADER, maintenance={"node05": Maintenance(0.0)})
    news = pass_time(before, ELECTED.maintenance_warning)
    assert news.verdicts[0].alarm and news.cluster.maintenance["node05"].warned
    assert pass_time(replace(before, cluster=news.cluster), 9e9).verdicts == ()


def test_when_something_is_due_by_itself() -> None:
    lapsing = {"manage": replace(SEEN, until=1005.0), "tenant": replace(SEEN, live=False, until=3.0)}
    reporter = Reporter(standing=Standing.LEADER, until=1010.0)
    facts = Cluster(views=lapsing, reporter=reporter, maintenance={"node05": Maintenance(0.0)}, began=0.0)
    due = [at for at in times(ELECTED, facts) if at < math.inf]
    assert sorted(due) == [1005.0, 1010.0, ELECTED.maintenance_warning]
