"""What one observation changes before anybody is judged."""

import datetime
from dataclasses import replace
from typing import Any

import pytest

from masakarimonitors.core.decision import Instant, Withdraw, Woken
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.evidence.inquiry import Inquiry
from masakarimonitors.hostmonitor.core.evidence.membership import ViewState
from masakarimonitors.hostmonitor.core.evidence.proof import Proof
from masakarimonitors.hostmonitor.core.fleet.news import News
from masakarimonitors.hostmonitor.core.fleet.registry import OFFER_AGAIN
from masakarimonitors.hostmonitor.core.ingest import ingest
from masakarimonitors.hostmonitor.core.observation import (
    Answered,
    CheckLife,
    CheckPower,
    Life,
    LifeSeen,
    LookUpReports,
    Membership,
    Observation,
    Outcome,
    Power,
    PowerSeen,
    ProofKind,
    ReportsFound,
    Sample,
    Sighting,
    View,
    Work,
    WorkSeen,
)
from masakarimonitors.hostmonitor.core.outages.aftermath import ASKED_EACH, Aftermath, Owed
from masakarimonitors.hostmonitor.core.outages.host import HostState, new_host
from masakarimonitors.hostmonitor.core.outages.outage import Fate, Outage, Phase, Report
from masakarimonitors.hostmonitor.core.state import Cluster, ProofPolicy, State
from tests.fixtures.host_play import OWN, THREE, policy
from tests.unit.hostmonitor.core.judging.test_judge import record

EPOCH = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)
NOW = Instant(1000.0, EPOCH)
U, D, L, X = Membership.UP, Membership.DOWN, Membership.LEFT, Membership.UNKNOWN
NORMAL, UNKNOWN = HostStatus
RULES = policy(proof=ProofPolicy())
SEEN = ViewState(proven=True, complete=True, live=True, heard=True, since=0.0)
PROOF = Proof(Power.OFF, ProofKind.BMC, NOW, "said so")


def host(values: tuple[Membership, ...] = (U, U, D), **changes: Any) -> HostState:
    return HostState(links=tuple(record(value) for value in values), seen_in_service=True, **changes)


def outage(fate: Fate | None = None, status: HostStatus = NORMAL, **changes: Any) -> Outage:
    report = None if fate is None else Report(made_at=EPOCH, host_status=status, fate=fate)
    return Outage(failed=NOW, since=900.0, report=report, **changes)


def take(observation: Observation | Woken, view: ViewState = SEEN, **hosts: HostState) -> News:
    cluster = Cluster(views=dict.fromkeys(THREE, view))
    return ingest(RULES, State(hosts=hosts, cluster=cluster, troubled=frozenset(hosts)), observation, NOW)


def one(news: News, name: str = "node05") -> HostState:
    found = news.hosts[name]
    assert found is not None
    return found


# -- samples and views ------------------------------------------------------------------------------


def seen(link: str = "storage", whole: bool = False, **values: Membership) -> Sample:
    return Sample(link, {name: Sighting(value) for name, value in values.items()}, NOW, whole)


def test_what_is_seen_of_a_host_stands_on_its_link() -> None:
    after = one(take(seen(node05=D), node05=host((U, U, U))))
    assert [link.value for link in after.links] == [U, U, D] and after.links[2].since == 1000.0


def test_a_host_that_is_seen_as_it_was_has_not_changed() -> None:
    before = host((U, U, U))
    listing = Sample("storage", {"node05": before.links[2].heard}, NOW, True)
    assert take(listing, node05=before).hosts == {}


def test_nothing_begins_with_a_host_that_is_not_listed_nor_with_this_one() -> None:
    assert take(Sample("storage", {"node09": Sighting(X), OWN: Sighting(D)}, NOW)).hosts == {}
    assert one(take(seen(node09=D)), "node09").links[2].value is D


def test_nothing_begins_with_this_host_by_whichever_name_its_cluster_lists_it() -> None:
    rules = replace(RULES, own_names=frozenset({"node-of-us"}))
    state = State(hosts={}, cluster=Cluster(views=dict.fromkeys(THREE, SEEN)))
    listing = Sample("storage", {"node-of-us": Sighting(U), "node05": Sighting(U)}, NOW, True)
    assert ingest(rules, state, listing, NOW).hosts.keys() == {"node05"}
    assert not ingest(rules, state, WorkSeen("node-of-us", Work.STANDBY, "so", NOW), NOW).hosts


def test_a_whole_listing_says_who_is_not_listed_any_more() -> None:
    after = take(seen(whole=True), node05=host((U, U, D)), node06=host((U, U, U)))
    assert (one(after).links[2].value, one(after, "node06").links[2].value) == (D, X)


def test_a_whole_listing_completes_the_view() -> None:
    incomplete = ViewState(proven=True, heard=True)
    assert take(seen(whole=True), incomplete).cluster.views["storage"].complete
    assert not take(seen(), incomplete).cluster.views["storage"].complete


@pytest.mark.parametrize(
    ("value", "left", "since"), [(U, (), 1000.0), (L, (PROOF,), 900.0), (D, (PROOF,), 900.0)]
)
def test_being_seen_up_voids_every_proof_and_settles_it_anew(
    value: Membership, left: tuple[Proof, ...], since: float
) -> None:
    before = host((U, D, D), proofs=(PROOF,), outage=outage())
    after = one(take(seen("tenant", node05=value), node05=before)) if value is not D else before
    assert after.proofs == left
    assert after.outage is not None and after.outage.since == since


def test_a_host_that_returns_is_not_kept_from_it_by_one_more_link() -> None:
    before = host((U, D, U), outage=outage(Fate.ACCEPTED, phase=Phase.RETURNING))
    after = one(take(seen("tenant", node05=U), node05=before))
    assert after.outage is not None and after.outage.since == 900.0


def test_a_view_counts_as_long_as_it_is_good_for() -> None:
    view = View(link="storage", proven=True, why="a read", at=NOW, good_for=8.0)
    assert take(view).cluster.views["storage"].until == 1008.0
    lost = take(View(link="storage", proven=False, why="no leader", at=NOW)).cluster.views["storage"]
    assert (lost.proven, lost.complete) == (False, False)


@pytest.mark.parametrize("observation", [seen("cluster"), View(link="cluster", proven=True, why="", at=NOW)])
def test_a_link_that_nobody_knows_is_a_loud_bug(observation: Observation) -> None:
    with pytest.raises(ValueError, match="cluster"):
        take(observation)


def test_time_alone_says_nothing_here() -> None:
    assert take(Woken("hosts"), node05=host()).hosts == {}


# -- answers ----------------------------------------------------------------------------------------

ASKED = CheckPower("node05", 2, 7)


def power(value: Power, in_reply_to: CheckPower | None = None) -> PowerSeen:
    return PowerSeen(
        host="node05", power=value, evidence="said so", at=NOW, in_reply_to=in_reply_to, kind=ProofKind.BMC
    )


def asking() -> HostState:
    return host(outage=outage(questions=Inquiry(attempts=2, power=ASKED, power_until=1100.0)))


@pytest.mark.parametrize(
    ("value", "attempts", "proofs"), [(Power.OFF, 0, (PROOF,)), (Power.NO_PROOF, 2, ()), (Power.ON, 2, None)]
)
def test_an_answer_about_power_closes_its_question(value: Power, attempts: int, proofs: Any) -> None:
    after = one(take(power(value, ASKED), node05=asking()))
    assert after.outage is not None
    questions = after.outage.questions
    assert (questions.power, questions.attempts) == (None, attempts)
    assert (questions.power_next <= 1000.0) is (value is Power.OFF)
    assert proofs is None or after.proofs == proofs


def test_an_answer_to_no_open_question_proves_nothing() -> None:
    for late in (CheckPower("node05", 1, 3), CheckPower("node05", 2, 8)):
        assert take(power(Power.OFF, late), node05=asking()).hosts == {}
    assert take(power(Power.OFF, ASKED), node05=host()).hosts == {}


def test_a_proof_of_a_host_that_is_nowhere_down_is_dropped() -> None:
    assert take(power(Power.OFF), node05=host((U, L, X))).hosts == {}
    assert take(power(Power.OFF)).hosts == {}
    assert one(take(power(Power.OFF), node05=host())).proofs == (PROOF,)


def test_an_answer_about_life_counts_for_its_question() -> None:
    question = CheckLife("node05", 3)
    answer = LifeSeen(host="node05", life=Life.SILENT, evidence="", at=NOW, in_reply_to=question)
    asked = host(outage=outage(questions=Inquiry(life=question, life_until=1010.0)))
    after = one(take(answer, node05=asked))
    assert after.outage is not None and after.outage.questions.life_seen == answer
    assert take(answer, node05=host(outage=outage())).hosts == {} and take(answer).hosts == {}


LOOK = LookUpReports("node05", EPOCH, NORMAL, 4)


def found(value: bool | None) -> ReportsFound:
    return ReportsFound(host="node05", found=value, evidence="1 of node02", at=NOW, in_reply_to=LOOK)


def looking(fate: Fate | None = None, status: HostStatus = NORMAL) -> HostState:
    return host(outage=outage(fate, status, questions=Inquiry(lookup=LOOK, lookup_until=1010.0)))


@pytest.mark.parametrize("fate", [None, Fate.TAKEN_BACK, Fate.EXPIRED, Fate.REFUSED])
def test_what_masakari_has_already_is_anothers(fate: Fate | None) -> None:
    after = one(take(found(True), node05=looking(fate)))
    assert after.fate is Fate.ANOTHERS and after.outage is not None and after.outage.told_normal


def test_what_masakari_has_as_normal_ends_the_unknown_that_is_on_its_way() -> None:
    news = take(found(True), node05=looking(Fate.PENDING, UNKNOWN))
    assert one(news).fate is Fate.ANOTHERS
    assert [type(command) for command in news.commands] == [Withdraw]


@pytest.mark.parametrize("value", [False, None])
def test_what_masakari_does_not_have_or_say_stays_to_be_told(value: bool | None) -> None:
    after = one(take(found(value), node05=looking()))
    assert after.fate is Fate.NONE and after.outage is not None
    assert after.outage.questions.found == found(value)
    assert take(found(True), node05=host(outage=outage())).hosts == {}


@pytest.mark.parametrize("before", [None, Instant(5.0, EPOCH)])
@pytest.mark.parametrize(
    ("changes", "since"),
    [({}, "kept"), ({"finished": True}, None), ({"found": False}, None), ({"found": None}, "left")],
)
def test_since_when_masakari_does_not_finish_with_it(
    changes: dict[str, Any], since: str | None, before: Instant | None
) -> None:
    look = replace(LOOK, unfinished_since=EPOCH)
    questions = Inquiry(lookup=look, lookup_until=1010.0)
    answer = replace(found(True), in_reply_to=look, **changes)
    after = one(take(answer, node05=host(outage=outage(questions=questions, excused_since=before))))
    assert after.outage is not None
    first = NOW if since == "kept" else None
    assert after.outage.excused_since == (None if since is None else first if before is None else before)


def test_a_report_of_this_failure_excuses_nothing() -> None:
    after = one(take(found(True), node05=looking()))
    assert after.outage is not None and after.outage.excused_since is None
    assert after.outage.report is not None and after.outage.report.arrived_by == NOW.monotonic


def answered(outcome: Outcome, made_at: datetime.datetime = EPOCH, status: HostStatus = NORMAL) -> Answered:
    return Answered(host="node05", made_at=made_at, host_status=status, outcome=outcome, why="409 no", at=NOW)


@pytest.mark.parametrize(
    ("outcome", "fate"),
    [
        (Outcome.ACCEPTED, Fate.ACCEPTED),
        (Outcome.REFUSED, Fate.REFUSED),
        (Outcome.EXPIRED, Fate.EXPIRED),
    ],
)
def test_an_answer_becomes_the_fate_of_its_report(outcome: Outcome, fate: Fate) -> None:
    news = take(answered(outcome), node05=host(outage=outage(Fate.PENDING)))
    after = one(news)
    assert after.fate is fate and after.outage is not None and after.outage.report is not None
    assert (after.outage.report.settled_at == EPOCH) is (fate is Fate.ACCEPTED)
    assert (after.outage.report.arrived_by == NOW.monotonic) is (fate is Fate.ACCEPTED)
    assert (after.outage.report.retry_at == 1000.0 + OFFER_AGAIN) is (fate is Fate.REFUSED)
    assert [verdict.alarm for verdict in news.verdicts] == ([True] if fate is Fate.REFUSED else [])


@pytest.mark.parametrize(
    "other",
    [
        answered(Outcome.REFUSED, EPOCH - datetime.timedelta(seconds=30)),
        answered(Outcome.ACCEPTED, status=UNKNOWN),
    ],
)
def test_an_answer_to_another_report_is_none(other: Answered) -> None:
    assert take(other, node05=host(outage=outage(Fate.PENDING))).hosts == {}
    assert take(other, node05=host()).hosts == {} and take(other).hosts == {}


@pytest.mark.parametrize("open_one", [None, Fate.PENDING])
def test_an_earlier_report_that_masakari_takes_late_has_a_person_look(open_one: Fate | None) -> None:
    late = answered(Outcome.ACCEPTED, EPOCH - datetime.timedelta(seconds=30))
    before = host(outage=outage(open_one) if open_one is not None else None)
    after = one(take(late, node05=before))
    assert after == replace(before, aftermath=Aftermath(Owed.TAKEN, NOW, told=late.made_at))


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.EXPIRED])
@pytest.mark.parametrize("open_one", [None, Fate.PENDING])
def test_what_was_refused_and_may_have_arrived_before_has_a_person_look(
    outcome: Outcome, open_one: Fate | None
) -> None:
    before = host(outage=outage(open_one) if open_one is not None else None)
    plain = answered(outcome)
    news = take(plain, node05=before)
    assert news.hosts == {} or one(news).aftermath is None
    after = one(take(replace(plain, doubted=True), node05=before))
    assert after.aftermath == Aftermath(Owed.MAYBE, NOW, told=plain.made_at)
    unknown = replace(plain, doubted=True, host_status=UNKNOWN)
    assert take(unknown, node05=before).hosts == {}


@pytest.mark.parametrize("found", [None, False, True])
def test_an_answer_about_what_is_owed_waits_to_be_judged(found: bool | None) -> None:
    asked = LookUpReports("node05", EPOCH, NORMAL, 7, every=True)
    owed = Aftermath(Owed.TAKEN, NOW, asked=asked)
    answer = ReportsFound(host="node05", found=found, evidence="GET", at=NOW, in_reply_to=asked)
    after = one(take(answer, node05=host(aftermath=owed)))
    assert after.aftermath == replace(owed, asked=None, found=answer, due=NOW.monotonic + ASKED_EACH)
    late = replace(answer, in_reply_to=replace(asked, request_id=6))
    assert take(late, node05=host(aftermath=owed)).hosts == {}


# -- planned work -----------------------------------------------------------------------------------


def work(value: Work) -> WorkSeen:
    return WorkSeen("node05", value, "crm_mon", NOW)


def test_work_begins_and_ends_at_its_time() -> None:
    begun = one(take(work(Work.STANDBY), node05=host()))
    assert begun.work is Work.STANDBY
    ended = one(take(work(Work.NONE), node05=begun))
    assert (ended.work, ended.planned_until) == (Work.NONE, 1000.0)
    assert take(work(Work.NONE), node05=host()).hosts == {}, "no news"


def test_work_on_a_host_that_was_not_seen_yet_is_kept() -> None:
    assert one(take(work(Work.MAINTENANCE))).links == new_host(3).links
    assert take(WorkSeen(OWN, Work.MAINTENANCE, "", NOW)).hosts == {}


@pytest.mark.parametrize(("value", "since"), [(U, None), (D, None), (L, 5.0), (X, 5.0)])
def test_one_that_a_link_lists_between_two_readings_of_the_segments_is_not_nowhere(
    value: Membership, since: float | None
) -> None:
    """Or its next failure would be forgotten at the first reading that finds it nowhere."""
    state = State(
        hosts={"node05": host((D, D, D), nowhere_since=5.0)},
        cluster=Cluster(views=dict.fromkeys(THREE, SEEN)),
    )
    news = ingest(RULES, state, Sample("manage", {"node05": Sighting(value, "seen")}, NOW), NOW)
    after = news.hosts["node05"]
    assert after is not None and after.nowhere_since == since
