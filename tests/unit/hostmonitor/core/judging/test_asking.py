"""The gates that ask: one question at a time, each with an end, and what its answer opens."""

import datetime
import math
from dataclasses import replace
from typing import Any

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.election.reporter import Reporter, Standing
from masakarimonitors.hostmonitor.core.evidence.inquiry import (
    LIFE_INTERVAL,
    LIFE_LIMIT,
    LOOKUP_AGE,
    LOOKUP_LIMIT,
    UNTRIED_FOR,
    Inquiry,
)
from masakarimonitors.hostmonitor.core.evidence.proof import Proof
from masakarimonitors.hostmonitor.core.judging.asking import (
    EXCUSED_FOR,
    lifeless,
    not_refused,
    not_twice,
    proven,
    still_excused,
    told_by_another,
    upheld,
)
from masakarimonitors.hostmonitor.core.judging.gates import SEGMENTS_AGE, Hold
from masakarimonitors.hostmonitor.core.observation import (
    CheckLife,
    CheckPower,
    Life,
    LifeSeen,
    LookUpReports,
    Membership,
    Power,
    ProofKind,
    ReportsFound,
)
from masakarimonitors.hostmonitor.core.outages.handover import WINDOW
from masakarimonitors.hostmonitor.core.outages.outage import Fate
from masakarimonitors.hostmonitor.core.outages.reasons import Reason
from masakarimonitors.hostmonitor.core.outages.watch import Watch
from masakarimonitors.hostmonitor.core.state import Maintenance, ProofPolicy, Segments
from tests.unit.hostmonitor.core.judging.test_gates import EPOCH, FAILED, FLAG, case, report

PROOF = ProofPolicy(retries=1, interval=10.0, answer_limit=120.0)
RULES = {"proof": PROOF}
GONE = (Membership.DOWN,) * 3


def proof(power: Power, kind: ProofKind = ProofKind.BMC, at: float = FAILED) -> tuple[Proof, ...]:
    return (Proof(power, kind, Instant(at, EPOCH), ""),)


def asked_of(hold: Hold | None) -> tuple[Any, ...]:
    assert hold is not None
    return hold.commands


# -- refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("retry_at", "facts", "until"),
    [
        (FAILED + 101.0, {}, FAILED + 101.0),
        (FAILED + 100.0, {}, None),
        (FAILED + 100.0, FLAG, FAILED + SEGMENTS_AGE),  # it would be refused again
    ],
)
def test_what_was_refused_waits_for_its_next_time(
    retry_at: float, facts: dict[str, Any], until: float | None
) -> None:
    refused = report(Fate.REFUSED, why="409 maintenance", retry_at=retry_at)
    hold = not_refused(case(100.0, cluster=facts, outage=refused))
    assert (hold.until if hold is not None else None) == until
    assert hold is None or (hold.alarm and "409 maintenance" in hold.why and hold.commands == ())


@pytest.mark.parametrize("fate", [Fate.TAKEN_BACK, Fate.EXPIRED])
def test_nothing_else_waits_as_if_it_were_refused(fate: Fate) -> None:
    assert not_refused(case(outage=report(fate, retry_at=9e9))) is None


def test_masakari_is_asked_once_whether_it_has_refused_because_another_was_first() -> None:
    refused = report(Fate.REFUSED, why="409 maintenance", retry_at=9e9)
    first = not_refused(case(rules=LOOK, outage=refused | {"watch": Watch.WHOLE}))
    assert asked_of(first) == (LookUpReports("node05", EPOCH, HostStatus.NORMAL, 1, failed=EPOCH),)
    assert first is not None and first.until == 9e9
    for inquiry in (first.questions, found(False)):
        again = not_refused(case(rules=LOOK, outage=refused | {"questions": inquiry}))
        assert asked_of(again) == ()


# -- proof ------------------------------------------------------------------------------------------


def test_where_no_proof_is_needed_none_is_asked_for() -> None:
    assert proven(case()) is None


@pytest.mark.parametrize(
    ("seconds", "proofs", "opens"),
    [
        (239.0, proof(Power.OFF), True),
        (240.0, proof(Power.OFF), False),
        (10.0, proof(Power.ON), False),
        (10.0, proof(Power.OFF, ProofKind.UNCHECKED), True),
        (10.0, (*proof(Power.OFF), *proof(Power.ON, ProofKind.TAINT)), False),
    ],
)
def test_normal_needs_fresh_proof(seconds: float, proofs: tuple[Proof, ...], opens: bool) -> None:
    assert (proven(case(seconds, rules=RULES, proofs=proofs)) is None) is opens


def test_it_is_asked_at_once_and_waited_for() -> None:
    hold = proven(case(5.0, rules=RULES, asked=7))
    assert hold is not None and (hold.reason, hold.unknown, hold.asked) == (Reason.PROOF, False, 8)
    (command,) = hold.commands
    assert command == CheckPower("node05", 1, 8)
    assert hold.questions == Inquiry(attempts=1, power=command, power_until=FAILED + 125.0)
    waiting = proven(case(6.0, rules=RULES, outage={"questions": hold.questions}))
    assert waiting is not None and waiting.commands == () and waiting.until == FAILED + 125.0


def test_an_answer_that_never_comes_is_given_up_and_asked_for_again() -> None:
    open_one = Inquiry(attempts=1, power=CheckPower("node05", 1, 1), power_until=FAILED + 120.0)
    hold = proven(case(120.0, rules=RULES, outage={"questions": open_one}))
    assert hold is not None and hold.commands == () and hold.until == FAILED + 130.0
    assert hold.questions is not None and hold.questions.power is None


def test_unknown_may_be_told_after_the_retries() -> None:
    open_one = CheckPower("node05", 3, 3)
    for attempts, power, unknown in (
        (1, None, False),
        (2, open_one, False),
        (2, None, True),
        (3, open_one, True),
    ):
        questions = Inquiry(
            attempts=attempts, power=power, power_until=FAILED + 900.0, power_next=FAILED + 900.0
        )
        hold = proven(case(rules=RULES, outage={"questions": questions}))
        assert hold is not None and hold.unknown is unknown


def test_normal_that_can_be_proven_no_more_is_an_alarm_and_never_told_as_unknown() -> None:
    questions = Inquiry(attempts=2, power_next=FAILED + 900.0)
    hold = proven(case(rules=RULES, outage={"questions": questions, **report(Fate.TAKEN_BACK)}))
    assert hold is not None and hold.alarm and not hold.unknown


def test_contradicting_proofs_are_an_alarm() -> None:
    both = (*proof(Power.OFF), *proof(Power.ON, ProofKind.TAINT))
    hold = proven(case(10.0, rules=RULES, proofs=both))
    assert hold is not None and hold.alarm and hold.reason is Reason.CONTRADICTED


# -- what waits for masakari ----------------------------------------------------------------------------

PENDING = report(Fate.PENDING)


def test_what_needs_no_proof_is_upheld() -> None:
    assert upheld(case(outage=PENDING)) is not None
    unchecked = proof(Power.OFF, ProofKind.UNCHECKED)
    assert upheld(case(rules=RULES, outage=PENDING, proofs=unchecked)) is not None


@pytest.mark.parametrize(
    ("seconds", "asks", "until"),
    [(119.0, False, 120.0), (120.0, True, 240.0), (239.0, True, 240.0)],
)
def test_proof_is_renewed_before_it_is_too_old(seconds: float, asks: bool, until: float) -> None:
    hold = upheld(case(seconds, rules=RULES, outage=PENDING, proofs=proof(Power.OFF)))
    assert bool(asked_of(hold)) is asks
    assert hold is not None and hold.until == FAILED + until


@pytest.mark.parametrize(
    ("seconds", "proofs"),
    [
        (240.0, proof(Power.OFF)),
        (5.0, proof(Power.ON)),
        (5.0, (*proof(Power.OFF), *proof(Power.ON, ProofKind.TAINT))),
    ],
)
def test_what_can_be_upheld_no_more(seconds: float, proofs: tuple[Proof, ...]) -> None:
    assert upheld(case(seconds, rules=RULES, outage=PENDING, proofs=proofs)) is None


# -- signs of life --------------------------------------------------------------------------------------

LIVES = {"check_life": True}


def life(value: Life, at: float = FAILED) -> Inquiry:
    seen = LifeSeen(
        host="node05",
        life=value,
        evidence="10.0.0.5:22",
        at=Instant(at, EPOCH),
        in_reply_to=CheckLife("node05", 1),
    )
    return Inquiry(life_seen=seen)


def test_life_is_looked_for_where_no_link_is_up_and_nothing_proves_anything() -> None:
    assert asked_of(lifeless(case(values=GONE, rules=LIVES))) == (CheckLife("node05", 1),)
    assert asked_of(lifeless(case(rules=LIVES))) == (CheckLife("node05", 1),), "a link may lag behind"
    answered = Inquiry(
        life_seen=LifeSeen(
            host="node05",
            life=Life.ALIVE,
            evidence="",
            at=Instant(FAILED, EPOCH),
            in_reply_to=CheckLife("node05", 1),
        )
    )
    alive = case(rules=LIVES, outage={"questions": answered})
    assert lifeless(alive) is None, "it lives, and a link is up: the matrix rules"
    assert lifeless(case(values=GONE)) is None, "it is not to be looked for"
    off = case(5.0, values=GONE, rules=LIVES | RULES, proofs=proof(Power.OFF))
    assert lifeless(off) is None


@pytest.mark.parametrize(("value", "opens"), [(Life.SILENT, True), (Life.UNKNOWN, True), (Life.ALIVE, False)])
def test_what_each_answer_opens(value: Life, opens: bool) -> None:
    hold = lifeless(case(5.0, values=GONE, rules=LIVES, outage={"questions": life(value)}))
    assert (hold is None) is opens
    assert hold is None or (hold.alarm and hold.until == FAILED + LIFE_INTERVAL and not hold.commands)


def test_it_is_asked_again_after_a_while() -> None:
    again = lifeless(case(LIFE_INTERVAL, values=GONE, rules=LIVES, outage={"questions": life(Life.ALIVE)}))
    assert len(asked_of(again)) == 1 and again is not None and again.alarm
    old = lifeless(case(61.0, values=GONE, rules=LIVES, outage={"questions": life(Life.SILENT)}))
    assert len(asked_of(old)) == 1


def test_an_answer_that_never_comes_holds_for_its_time_only() -> None:
    open_one = Inquiry(life=CheckLife("node05", 1), life_until=FAILED + LIFE_LIMIT)
    waiting = lifeless(case(LIFE_LIMIT - 1, values=GONE, rules=LIVES, outage={"questions": open_one}))
    assert waiting is not None and waiting.until == FAILED + LIFE_LIMIT and waiting.commands == ()
    untried = lifeless(case(LIFE_LIMIT, values=GONE, rules=LIVES, outage={"questions": open_one}))
    assert untried is not None and (untried.reason, untried.alarm) == (Reason.UNTRIED, True)
    assert untried.until == FAILED + LIFE_LIMIT + LIFE_INTERVAL


@pytest.mark.parametrize(("seconds", "opens"), [(UNTRIED_FOR - 0.1, False), (UNTRIED_FOR, True)])
def test_what_nobody_could_try_holds_for_its_time_only(seconds: float, opens: bool) -> None:
    seen = replace(life(Life.UNTRIED), untried_since=FAILED + 5.0 - seconds)
    hold = lifeless(case(5.0, values=GONE, rules=LIVES, outage={"questions": seen}))
    assert (hold is None) is opens


# -- masakari's list ------------------------------------------------------------------------------------

ALL = {"reporter": Reporter(standing=Standing.ALL, since=0.0)}
LOOK = {"look_up_reports": True}
NORMAL = HostStatus.NORMAL


@pytest.mark.parametrize(
    ("later", "arrived", "since", "unfinished"),
    [
        (0.0, False, -180.0, -86400.0),
        (400.0, False, -180.0, -86000.0),
        (400.0, True, 220.0, -86000.0),
    ],
    ids=["at its first sight", "seen for longer than the window", "told before"],
)
def test_where_nobody_has_seen_it_begin_what_masakari_is_at_counts_too(
    later: float, arrived: bool, since: float, unfinished: float
) -> None:
    outage = report(Fate.ACCEPTED if arrived else Fate.TAKEN_BACK) | {"watch": Watch.FOUND}
    (question,) = asked_of(not_twice(case(later, rules=LOOK, outage=outage), NORMAL))
    assert (question.since - EPOCH).total_seconds() == since
    assert (question.unfinished_since - EPOCH).total_seconds() == unfinished


def read(ago: float, *, flagged: bool = False, hosts: dict[str, str] | None = None) -> dict[str, Any]:
    """masakari's segments as they were read so long before the failure."""
    hosts = {"node05": "node05"} if hosts is None else hosts
    return {
        "reporter": Reporter(standing=Standing.LEADER, since=0.0),
        "segments": Segments(hosts=hosts, answered=True, read_at=FAILED - ago),
        "maintenance": {"node05": Maintenance(0.0)} if flagged else {},
    }


@pytest.mark.parametrize(
    ("facts", "touched"),
    [
        (read(50.0), -50.0 - WINDOW),
        (read(1e9), 100.0 - 86400.0),
        (read(50.0, flagged=True), None),
        (read(50.0, hosts={}), None),
    ],
    ids=["in service", "read in another age", "on maintenance", "not masakari's"],
)
def test_what_was_begun_before_masakari_was_read_in_service_is_an_earlier_failure(
    facts: dict[str, Any], touched: float | None
) -> None:
    outage = report(Fate.TAKEN_BACK) | {"watch": Watch.FOUND}
    (question,) = asked_of(not_twice(case(cluster=facts, rules=LOOK, outage=outage), NORMAL))
    since = question.touched_since
    assert (since and (since - EPOCH).total_seconds()) == touched


def test_a_flag_is_not_what_its_engine_began_with_long_before() -> None:
    flagged = case(cluster=read(50.0, flagged=True), rules=LOOK, outage={"watch": Watch.FOUND})
    (question,) = asked_of(told_by_another(flagged, Hold(reason=Reason.MAINTENANCE, alarm=True)))
    assert (question.touched_since - EPOCH).total_seconds() == -50.0 - WINDOW


SINCE = Instant(FAILED, EPOCH)


@pytest.mark.parametrize(
    ("seconds", "flagged", "alarm"),
    [(EXCUSED_FOR - 1, False, False), (EXCUSED_FOR, False, True), (0.0, True, True)],
)
def test_what_is_not_finished_with_is_an_alarm_in_the_end(seconds: float, flagged: bool, alarm: bool) -> None:
    answer = {"questions": found(True, at=FAILED + seconds), **report(Fate.ANOTHERS)}
    hold = still_excused(case(seconds, cluster=read(0.0, flagged=flagged), rules=LOOK, outage=answer), SINCE)
    assert (hold.reason, hold.alarm, bool(hold.why)) == (Reason.UNFINISHED, alarm, alarm)
    assert hold.commands == ()


@pytest.mark.parametrize(("before", "alarm"), [(EXCUSED_FOR - 1, False), (EXCUSED_FOR, True), (-1.0, True)])
def test_what_excused_it_before_a_restart_goes_on_by_the_wall_clock(before: float, alarm: bool) -> None:
    answer = {"questions": found(True), **report(Fate.ANOTHERS)}
    since = Instant(-math.inf, EPOCH - datetime.timedelta(seconds=before))
    hold = still_excused(case(0.0, cluster=read(0.0, flagged=False), rules=LOOK, outage=answer), since)
    assert hold.alarm is alarm, "a clock that was set back tells nothing"


def test_it_is_asked_about_again_while_it_is_not_finished_with() -> None:
    facts = read(0.0, flagged=True)
    answer = {"questions": found(True), **report(Fate.ANOTHERS), "watch": Watch.FOUND}
    assert still_excused(case(WINDOW - 1, cluster=facts, rules=LOOK, outage=answer), SINCE).commands == ()
    hold = still_excused(case(WINDOW, cluster=facts, rules=LOOK, outage=answer), SINCE)
    (question,) = asked_of(hold)
    assert question.unfinished_since is not None and question.touched_since is None
    waiting = {**answer, "questions": hold.questions}
    assert still_excused(case(WINDOW + 1, cluster=facts, rules=LOOK, outage=waiting), SINCE).commands == ()


def found(value: bool | None, at: float = FAILED, status: HostStatus = NORMAL) -> Inquiry:
    question = LookUpReports("node05", EPOCH, status, 1)
    return Inquiry(
        found=ReportsFound(
            host="node05", found=value, evidence="", at=Instant(at, EPOCH), in_reply_to=question
        )
    )


def test_only_while_all_report_it_is_asked_what_others_have_told() -> None:
    watched = {"watch": Watch.WHOLE}
    assert asked_of(not_twice(case(cluster=ALL, rules=LOOK, outage=watched), NORMAL)) == (
        LookUpReports("node05", EPOCH, NORMAL, 1, failed=EPOCH),
    )
    assert not_twice(case(rules=LOOK), NORMAL) is None
    assert not_twice(case(cluster=ALL), NORMAL) is None


@pytest.mark.parametrize(
    ("since", "outage", "asks"),
    [
        (FAILED + 1.0, {"watch": Watch.WHOLE}, True),
        (FAILED - 1.0, {"watch": Watch.WHOLE}, False),  # nobody else was to tell it
        (
            FAILED + 1.0,
            {},
            False,
        ),  # it may have failed long before: what is found may be of an earlier outage
        (
            FAILED + 1.0,
            {"watch": Watch.WHOLE, **report(Fate.TAKEN_BACK)},
            False,
        ),  # it is repeated as the same
        (FAILED - 1.0, report(Fate.REFUSED), True),  # perhaps because of another's report
    ],
)
def test_a_new_leader_asks_about_what_failed_before_its_time(
    since: float, outage: dict[str, Any], asks: bool
) -> None:
    term = {"reporter": Reporter(standing=Standing.LEADER, since=since)}
    assert (not_twice(case(cluster=term, rules=LOOK, outage=outage), NORMAL) is not None) is asks


@pytest.mark.parametrize(
    ("questions", "seconds", "opens"),
    [
        (found(False), LOOKUP_AGE, True),
        (found(None), LOOKUP_AGE, True),
        (found(False), LOOKUP_AGE + 1, False),  # somebody may have told it since
        (found(False, status=HostStatus.UNKNOWN), 1.0, False),  # another question
    ],
)
def test_how_long_its_answer_is_relied_on(questions: Inquiry, seconds: float, opens: bool) -> None:
    hold = not_twice(case(seconds, cluster=ALL, rules=LOOK, outage={"questions": questions}), NORMAL)
    assert (hold is None) is opens


def test_masakari_that_cannot_be_asked_loses_nothing() -> None:
    question = LookUpReports("node05", EPOCH, NORMAL, 1)
    open_one = Inquiry(lookup=question, lookup_until=FAILED + LOOKUP_LIMIT)
    waiting = not_twice(
        case(LOOKUP_LIMIT - 1, cluster=ALL, rules=LOOK, outage={"questions": open_one}), NORMAL
    )
    assert waiting is not None and waiting.until == FAILED + LOOKUP_LIMIT and waiting.commands == ()
    after = case(LOOKUP_LIMIT, cluster=ALL, rules=LOOK, outage={"questions": open_one})
    assert not_twice(after, NORMAL) is None


@pytest.mark.parametrize("slot", [0.0, 2.0, 8.0, 20.0])
def test_a_turn_comes_round_by_the_wall_clock(slot: float) -> None:
    rules = {**LOOK, "stagger": 2.0}
    for seconds in range(0, 50, 3):
        at = case(float(seconds), cluster=ALL, rules=rules, outage={"stagger": slot})
        position = at.now.wall.timestamp() % 22.0
        hold = not_twice(at, NORMAL)
        assert hold is not None
        if slot <= position < slot + 1.0:
            assert hold.reason is Reason.ASKING
        else:
            assert hold.reason is Reason.STAGGER
            assert hold.until == pytest.approx(at.monotonic + (slot - position) % 22.0)
