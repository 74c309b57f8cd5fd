"""One host is judged: what its values mean for its outage, and what is said of it."""

import datetime
import itertools
from dataclasses import replace
from typing import Any

import pytest

from masakarimonitors.core.decision import Instant, Notify, Withdraw
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.core.streak import Streak
from masakarimonitors.hostmonitor.core.election.reporter import Reporter, Standing
from masakarimonitors.hostmonitor.core.evidence import matrix
from masakarimonitors.hostmonitor.core.evidence.membership import BLANK, MemberRecord, ViewState
from masakarimonitors.hostmonitor.core.judging.court import Court
from masakarimonitors.hostmonitor.core.judging.judge import (
    ENGINE_WAIT,
    RETURN_PATIENCE,
    assess,
    judge,
)
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry
from masakarimonitors.hostmonitor.core.observation import Membership, Sighting
from masakarimonitors.hostmonitor.core.outages.host import HostState
from masakarimonitors.hostmonitor.core.outages.judgement import Judgement
from masakarimonitors.hostmonitor.core.outages.outage import Fact, Fate, Outage, Phase, Report
from masakarimonitors.hostmonitor.core.outages.watch import Flag, Watch
from masakarimonitors.hostmonitor.core.state import Cluster, Maintenance, Segments
from tests.fixtures.host_play import policy

EPOCH = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)
NOW = Instant(1000.0, EPOCH)
U, D, L, X = Membership.UP, Membership.DOWN, Membership.LEFT, Membership.UNKNOWN
SEEN = ViewState(proven=True, complete=True, live=True, heard=True, since=0.0)
BLIND = replace(SEEN, proven=False, live=False)
RULES = policy()


def record(value: Membership, since: float = 500.0) -> MemberRecord:
    if value is X and since == 500.0:
        return BLANK
    return MemberRecord(Streak(value, 1, since), Sighting(value, "said so"), proven=True, since=since)


def host(values: tuple[Membership, ...], outage: Outage | None = None, **changes: Any) -> HostState:
    links = tuple(record(value) for value in values)
    return HostState(links=links, outage=outage, **{"seen_in_service": True, **changes})


def cluster(storage: ViewState = SEEN, **changes: Any) -> Cluster:
    leads = Reporter(standing=Standing.LEADER, since=0.0)
    views = {"manage": SEEN, "tenant": SEEN, "storage": storage}
    return Cluster(**{"views": views, "reporter": leads, **changes})


def opened(phase: Phase = Phase.FAILING, fate: Fate | None = None, **changes: Any) -> Outage:
    report = None
    if fate is not None:
        report = Report(made_at=EPOCH, host_status=HostStatus.NORMAL, fate=fate, settled_at=EPOCH)
    return Outage(failed=NOW, phase=phase, since=900.0, report=report, **changes)


def ruled(state: HostState, facts: Cluster | None = None, at: Instant = NOW) -> Judgement:
    return judge("node05", state, facts or cluster(), RULES, at)


def later(seconds: float) -> Instant:
    return Instant(1000.0 + seconds, EPOCH + datetime.timedelta(seconds=seconds))


# -- what the values mean ---------------------------------------------------------------------------


def told_by_hand(values: tuple[Membership, ...], reported: bool) -> Fact:
    """The manual's words, for the default matrix: storage decides, unknown is not down, LEFT is no failure.

    What has left everywhere was not lost, whatever it was taken for before it was reported.
    """
    manage, tenant, storage = values
    if set(values) == {L} and not reported:
        return Fact.NEVER_LOST
    if storage is D:
        return Fact.FAILS
    if U not in values or (storage in (X, L) and D in (manage, tenant)) or storage is X:
        return Fact.UNTOLD
    if reported and D in (manage, tenant):
        return Fact.EASES
    return Fact.BACK


@pytest.mark.parametrize("reported", [False, True])
def test_every_vector_means_what_the_manual_says(reported: bool) -> None:
    court = Court(cluster=cluster(), policy=RULES, now=NOW)
    outage = opened(fate=Fate.ACCEPTED if reported else None)
    for values in itertools.product((U, D, L, X), repeat=3):
        assert assess(court, "node05", host(values, outage), values) is told_by_hand(values, reported), values


def test_without_an_outage_only_an_answer_that_is_known_says_that_all_is_well() -> None:
    court = Court(cluster=cluster(), policy=RULES, now=NOW)
    for values, fact in (
        ((U, U, U), Fact.BACK),
        ((D, U, U), Fact.BACK),
        ((D, U, X), Fact.UNTOLD),
        ((X, X, X), Fact.UNTOLD),
    ):
        assert assess(court, "node05", host(values), values) is fact


@pytest.mark.parametrize(
    ("changes", "facts", "seconds", "over"),
    [
        ({}, {}, RETURN_PATIENCE - 101, False),
        ({}, {}, RETURN_PATIENCE - 100, True),
        ({"flag": Flag.SET}, {"segments": Segments(hosts={}, answered=True)}, 0, True),
        ({"flag": Flag.SET}, {"segments": Segments()}, 0, False),
        (
            {"flag": Flag.SET},
            {"segments": Segments(hosts={}, answered=True), "maintenance": {"node05": Maintenance(0.0)}},
            0,
            False,
        ),
    ],
)
def test_when_an_outage_is_over_although_a_link_is_missing(
    changes: dict[str, Any], facts: dict[str, Any], seconds: float, over: bool
) -> None:
    court = Court(cluster=cluster(**facts), policy=RULES, now=later(seconds))
    outage = opened(Phase.RETURNING, Fate.ACCEPTED, **changes)
    values = (D, U, U)
    assert assess(court, "node05", host(values, outage), values) is (Fact.BACK if over else Fact.EASES)


# -- what follows -----------------------------------------------------------------------------------


def test_a_failure_opens_an_outage_that_has_to_settle() -> None:
    after = ruled(host((U, U, D)))
    assert (after.host.phase, after.outage.failed, after.outage.since) == (Phase.FAILING, NOW, 1000.0)
    assert after.verdicts[0].ruling.value == "suspected" and "2 s to settle" in after.verdicts[0].why
    assert after.commands == ()


@pytest.mark.parametrize(
    ("values", "view", "in_service", "watch"),
    [
        ((U, U, D), SEEN, True, Watch.WHOLE),
        ((U, U, D), SEEN, False, Watch.FOUND),
        ((U, U, D), replace(SEEN, since=500.0), True, Watch.FOUND),  # listed as lost when it came into sight
    ],
)
def test_whether_its_beginning_was_seen(
    values: tuple[Membership, ...], view: ViewState, in_service: bool, watch: Watch
) -> None:
    state = host(values, seen_in_service=in_service)
    assert ruled(state, cluster(view)).outage.watch is watch


def test_a_follower_opens_it_with_what_the_reporter_has_written_down() -> None:
    follows = Reporter(standing=Standing.FOLLOWER, leader="node02", since=0.0)
    entry = LedgerEntry(HostStatus.NORMAL, EPOCH, delivered=True)
    facts = cluster(reporter=follows, ledger={"node05": entry})
    assert ruled(host((U, U, D)), facts).host.fate is Fate.ANOTHERS
    assert ruled(host((U, U, D)), cluster(ledger={"node05": entry})).host.fate is Fate.NONE


@pytest.mark.parametrize("fate", [Fate.PENDING, Fate.ACCEPTED])
def test_when_its_failure_cannot_be_told_any_more(fate: Fate) -> None:
    after = ruled(host((U, U, D), opened(fate=fate)), cluster(BLIND))
    assert after.host.phase is Phase.UNSURE
    assert bool(after.commands) is (fate is Fate.PENDING)
    assert bool(after.verdicts) is (fate is Fate.PENDING), "what masakari has is in good hands"


def test_when_it_is_seen_to_fail_again_it_settles_anew() -> None:
    after = ruled(host((U, U, D), opened(Phase.UNSURE, Fate.TAKEN_BACK)))
    assert (after.host.phase, after.outage.since) == (Phase.FAILING, 1000.0)


def test_a_reported_host_that_is_partly_back_and_fails_again_is_said_not_to_be_told_twice() -> None:
    back = ruled(host((D, U, U), opened(fate=Fate.ACCEPTED)))
    assert (back.host.phase, back.outage.returned_at, back.look) == (
        Phase.RETURNING,
        NOW,
        1000.0 + RETURN_PATIENCE,
    )
    again = ruled(host((D, U, D), replace(back.outage)), at=later(10.0))
    assert again.verdicts[-1].alarm and "second time" in again.verdicts[-1].why


@pytest.mark.parametrize("late", [0.0, 500.0])
def test_who_was_out_of_sight_when_its_time_to_return_was_over_is_not_looked_at_without_end(
    late: float,
) -> None:
    back = ruled(host((D, U, U), opened(fate=Fate.ACCEPTED)))
    unseen = ruled(back.host, cluster(BLIND), later(10.0))
    assert unseen.host.phase is Phase.UNSURE
    seen = ruled(unseen.host, at=later(RETURN_PATIENCE + late))
    assert seen.host.phase is Phase.WELL and seen.look > later(RETURN_PATIENCE + late).monotonic


@pytest.mark.parametrize(
    ("fate", "standing", "started"),
    [
        (Fate.ACCEPTED, Standing.LEADER, True),
        (Fate.ANOTHERS, Standing.LEADER, True),
        (Fate.ACCEPTED, Standing.ALL, True),
        (Fate.ANOTHERS, Standing.ALL, False),  # whoever told the failure tells the recovery
        (Fate.ACCEPTED, Standing.FOLLOWER, False),
        (Fate.TAKEN_BACK, Standing.LEADER, True),  # it may have arrived
        (Fate.REFUSED, Standing.LEADER, False),
        (None, Standing.LEADER, False),
    ],
)
def test_who_says_started(fate: Fate | None, standing: Standing, started: bool) -> None:
    facts = cluster(reporter=Reporter(standing=standing, leader="node02", since=0.0))
    after = ruled(host((U, U, U), opened(fate=fate)), facts)
    assert after.host.outage is None and after.host.outage_ended == NOW
    assert any(isinstance(command, Notify) for command in after.commands) is started
    assert any(isinstance(command, Withdraw) for command in after.commands) is (fate is not None)
    told = any("openstack compute service set" in verdict.why for verdict in after.verdicts)
    assert told is started


@pytest.mark.parametrize(
    ("after_report", "early"), [(0.0, True), (ENGINE_WAIT - 1, True), (ENGINE_WAIT, False), (-5.0, False)]
)
def test_a_host_that_is_back_before_masakari_acts(after_report: float, early: bool) -> None:
    settled_at = EPOCH - datetime.timedelta(seconds=after_report)
    outage = opened(fate=Fate.ACCEPTED)
    assert outage.report is not None
    outage = replace(outage, report=replace(outage.report, settled_at=settled_at))
    after = ruled(host((U, U, U), outage))
    assert any(verdict.alarm and "may be off" in verdict.why for verdict in after.verdicts) is early


def test_a_host_of_one_link_is_judged_by_it() -> None:
    rules = policy(matrix=matrix.single("cluster"))
    facts = Cluster(views={"cluster": SEEN}, reporter=Reporter(standing=Standing.LEADER, since=0.0))
    state = HostState(links=(record(D),), seen_in_service=True)
    assert judge("node05", state, facts, rules, NOW).host.phase is Phase.FAILING
