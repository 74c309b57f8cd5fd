"""A failed host on its way to masakari: what is sent, as which report, and what it says."""

import datetime
import math
from dataclasses import replace
from typing import Any

import pytest

from masakarimonitors.core.decision import Instant, Notify, Withdraw
from masakarimonitors.core.notification import ClusterStatus, HostEvent, HostNotification, HostStatus
from masakarimonitors.hostmonitor.core.election.reporter import Reporter, Standing
from masakarimonitors.hostmonitor.core.evidence.inquiry import Inquiry
from masakarimonitors.hostmonitor.core.evidence.membership import ViewState
from masakarimonitors.hostmonitor.core.evidence.proof import Proof
from masakarimonitors.hostmonitor.core.judging.pursue import GATES, REPORT_LIFE, TWIN_WINDOW, pursue
from masakarimonitors.hostmonitor.core.observation import CheckPower, Membership, Power, ProofKind
from masakarimonitors.hostmonitor.core.outages.host import HostState
from masakarimonitors.hostmonitor.core.outages.judgement import Judgement
from masakarimonitors.hostmonitor.core.outages.outage import Fate, Outage, Phase, Report
from masakarimonitors.hostmonitor.core.outages.watch import Watch
from masakarimonitors.hostmonitor.core.state import Cluster, Policy, ProofPolicy, Segments
from tests.fixtures.host_play import policy
from tests.unit.hostmonitor.core.judging.test_judge import record

EPOCH = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)
NORMAL, UNKNOWN = HostStatus
RULES = policy()
PROOF = policy(proof=ProofPolicy(retries=1))
SEEN = ViewState(proven=True, complete=True, live=True, since=0.0)


def at(seconds: float) -> Instant:
    return Instant(1000.0 + seconds, EPOCH + datetime.timedelta(seconds=seconds))


def before_the_restart(seconds: float) -> Instant:
    return Instant(-math.inf, at(seconds).wall)


def proof(power: Power = Power.OFF, seconds: float = 0.0) -> tuple[Proof, ...]:
    return (Proof(power, ProofKind.BMC, at(seconds), "said so"),)


def sent(fate: Fate, status: HostStatus = NORMAL) -> Report:
    return Report(made_at=at(2.0).wall, host_status=status, fate=fate)


def run(
    rules: Policy = RULES,
    seconds: float = 60.0,
    report: Report | None = None,
    standing: Standing = Standing.LEADER,
    facts: dict[str, Any] | None = None,
    outage: dict[str, Any] | None = None,
    **host: Any,
) -> Judgement:
    """The host failed on its storage at 0, in service before; it is pursued once at `seconds`."""
    links = tuple(record(value) for value in (Membership.DOWN, Membership.DOWN, Membership.DOWN))
    told: dict[str, Any] = {"failed": at(0.0), "since": 1000.0, "watch": Watch.SINCE_TOLD, "report": report}
    failed = Outage(**(told | (outage or {})))
    state = HostState(links=links, **{"seen_in_service": True, "outage": failed, **host})
    views = dict.fromkeys(rules.matrix.sequence, SEEN)
    cluster = Cluster(views=views, reporter=Reporter(standing=standing, since=0.0), **(facts or {}))
    blank = Judgement(name="node05", sequence=rules.matrix.sequence, host=state)
    return pursue(blank, cluster, rules, at(seconds))


def notes(judgement: Judgement) -> list[Notify]:
    return [command for command in judgement.commands if isinstance(command, Notify)]


def test_the_gates_stand_in_their_order() -> None:
    names = [getattr(gate, "__name__", "") for gate in GATES]
    assert names[:-1] == [
        "settled",
        "seen_in_service",
        "sayable",
        "not_silenced",
        "no_planned_work",
        "no_storm",
        "is_reporter",
        "not_refused",
        "proven",
        "lifeless",
    ]


def test_behind_the_last_gate_the_failure_is_reported_and_written_down() -> None:
    after = run()
    (note,) = notes(after)
    assert note.notification == HostNotification(
        "node05",
        at(60.0).wall,
        event=HostEvent.STOPPED,
        cluster_status=ClusterStatus.OFFLINE,
        host_status=NORMAL,
    )
    assert not note.again and note.why == after.verdicts[0].why and after.verdicts[0].alarm
    assert after.outage.report == Report(made_at=at(60.0).wall, host_status=NORMAL)


@pytest.mark.parametrize("phase", [Phase.UNSURE, Phase.RETURNING])
def test_only_what_is_seen_to_fail_is_pursued(phase: Phase) -> None:
    assert notes(run(outage={"phase": phase})) == []


@pytest.mark.parametrize(
    ("fate", "again"),
    [(Fate.TAKEN_BACK, True), (Fate.EXPIRED, False), (Fate.REFUSED, False)],
)
def test_what_is_sent_once_more_is_the_same_or_made_anew(fate: Fate, again: bool) -> None:
    (note,) = notes(run(report=sent(fate)))
    assert note.again is again
    assert note.notification.generated_time == (at(2.0) if again else at(60.0)).wall


def test_what_is_almost_a_day_old_is_made_anew() -> None:
    for seconds, again in ((1.9 + REPORT_LIFE, True), (2.0 + REPORT_LIFE, False)):
        (note,) = notes(run(seconds=seconds, report=sent(Fate.TAKEN_BACK)))
        assert note.again is again


@pytest.mark.parametrize("fate", [Fate.PENDING, Fate.ACCEPTED, Fate.ANOTHERS])
def test_what_is_on_its_way_or_has_arrived_is_not_sent_again(fate: Fate) -> None:
    after = run(report=sent(fate))
    assert after.commands == ()
    assert bool(after.verdicts) is (fate is not Fate.PENDING)


@pytest.mark.parametrize("fate", [Fate.PENDING, Fate.ACCEPTED, Fate.ANOTHERS, Fate.TAKEN_BACK])
def test_with_proof_unknown_becomes_normal_as_a_report_of_its_own(fate: Fate) -> None:
    (note,) = notes(run(PROOF, report=sent(fate, UNKNOWN), proofs=proof()))
    assert not note.again and note.notification.generated_time == at(60.0).wall
    assert note.notification.payload["host_status"] == "NORMAL" and "it is proven off" in note.why


def test_without_proof_unknown_is_told_after_the_retries_and_proof_sought_on() -> None:
    tired = Inquiry(attempts=2)
    after = run(PROOF, outage={"questions": tired})
    (note,) = notes(after)
    assert note.notification.payload["host_status"] == "UNKNOWN"
    assert any(isinstance(command, CheckPower) for command in after.commands)
    assert after.outage.questions.attempts == 3 and after.host.asked == 1
    assert notes(run(PROOF, outage={"questions": Inquiry(attempts=1)})) == []


@pytest.mark.parametrize("fate", [Fate.PENDING, Fate.ACCEPTED, Fate.ANOTHERS])
def test_unknown_is_told_once(fate: Fate) -> None:
    after = run(
        PROOF,
        report=sent(fate, UNKNOWN),
        outage={"questions": Inquiry(attempts=2)} | {"report": sent(fate, UNKNOWN)},
    )
    assert notes(after) == []


def test_what_waits_and_can_be_proven_no_more_is_withdrawn_and_proof_is_sought() -> None:
    after = run(PROOF, seconds=300.0, report=sent(Fate.PENDING), proofs=proof())
    assert [type(command) for command in after.commands] == [Withdraw, CheckPower]
    assert after.host.fate is Fate.TAKEN_BACK


def test_what_waits_is_looked_at_before_its_proof_is_too_old() -> None:
    after = run(PROOF, report=sent(Fate.PENDING), proofs=proof())
    assert after.commands == () and after.look == 1000.0 + 120.0


@pytest.mark.parametrize(
    ("standing", "ended", "again"),
    [
        (Standing.LEADER, None, False),
        (Standing.ALL, None, True),
        (Standing.ALL, at(60.0 - TWIN_WINDOW), False),  # a duplicate may be of the outage before
        (Standing.ALL, at(59.9 - TWIN_WINDOW), True),
        (Standing.ALL, before_the_restart(60.0 - TWIN_WINDOW), False),
        (Standing.ALL, before_the_restart(59.9 - TWIN_WINDOW), True),
        (Standing.ALL, before_the_restart(3600.0), False),  # by a clock that was set since
    ],
)
def test_while_all_report_a_duplicate_is_success(
    standing: Standing, ended: Instant | None, again: bool
) -> None:
    rules = replace(RULES, look_up_reports=True)
    looked = run(rules, standing=standing, outage_ended=ended)
    if standing is Standing.ALL:
        assert notes(looked) == [] and len(looked.commands) == 1
        questions = replace(looked.outage.questions, lookup_until=1000.0)  # masakari does not answer
        looked = run(rules, standing=standing, outage_ended=ended, outage={"questions": questions})
    (note,) = notes(looked)
    assert note.again is again


def test_a_segment_that_recovers_nothing_is_told_with_the_report() -> None:
    after = run(facts={"segments": Segments(disabled=frozenset({"node05"}))})
    assert len(notes(after)) == 1
    assert after.verdicts[-1].alarm and "recovers nothing" in after.verdicts[-1].why


@pytest.mark.parametrize(("watched", "since"), [(True, 0.0), (False, -180.0)])
def test_a_report_names_the_moment_since_which_another_may_have_told_the_same(
    watched: bool, since: float
) -> None:
    """One whose beginning nobody here saw (this monitor was restarted) may have been told before that."""
    (told,) = notes(run(outage={"watch": Watch.WHOLE if watched else Watch.SINCE_TOLD}))
    assert told.since == at(since).wall < told.notification.generated_time


@pytest.mark.parametrize(
    ("ended", "since"), [(-600.0, -180.0), (-100.0, -100.0), (0.0, 0.0), (1.0, -180.0), (3600.0, -180.0)]
)
def test_what_was_told_before_the_last_outage_ended_is_not_of_this_failure(
    ended: float, since: float
) -> None:
    """Unless the clock was set since: no outage ends after the next has begun."""
    (told,) = notes(run(outage={"watch": Watch.SINCE_TOLD}, outage_ended=before_the_restart(ended)))
    assert told.since == at(since).wall
    (told,) = notes(run(outage={"watch": Watch.WHOLE}, outage_ended=before_the_restart(ended)))
    assert told.since == at(0.0).wall
