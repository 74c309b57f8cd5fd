"""What was recorded, judged by other rules."""

from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.core.rehearsal.other_rules import Judged
from masakarimonitors.core.storm import GuardPolicy
from masakarimonitors.hostmonitor.core.observation import Life, Outcome, Power, ProofKind
from masakarimonitors.hostmonitor.core.rehearsal.kinds import kinds
from masakarimonitors.hostmonitor.core.rehearsal.other_rules import judge
from masakarimonitors.hostmonitor.core.state import Policy, ProofPolicy
from tests.fixtures.host_play import Play, shipped_policy
from tests.fixtures.tape import Tape

KINDS = kinds()
HOSTS = tuple(f"node{number:02}" for number in range(2, 12))


@pytest.fixture
def tape(tmp_path: Path) -> Tape:
    return Tape(tmp_path, KINDS)


def night(tape: Tape, dying: int = 1, **changes: Any) -> Play:
    """So many hosts died at second 1060, five seconds after one another."""
    play = Play(shipped_policy(**changes))
    tape.listen(play, play.rules)
    play.all_up(*HOSTS).leads({}).wait(60.0)
    for host in HOSTS[:dying]:
        play.cut(host).wait(5.0)
    return play


def by(tape: Tape, rules: Policy) -> Judged:
    (segment,) = tape.read().segments
    return judge(rules, segment.begun.rules, segment.begun.state, segment.begun.at, segment.steps)


def told(judged: Judged) -> list[tuple[str, str, float]]:
    assert judged.defects == []
    return [
        (one.notification.subject, one.notification.payload["host_status"], at.monotonic)
        for at, one in judged.reports
    ]


def test_by_the_same_rules_the_same_is_reported_as_soon_as_answers_come(tape: Tape) -> None:
    play = night(tape)
    play.wait(60.0)
    assert play.reports == [("node02", "STOPPED", "NORMAL")]
    judged = by(tape, shipped_policy())
    assert told(judged) == [("host:node02", "NORMAL", 1090.0)]
    assert judged.supposed == []


def test_a_longer_time_to_settle_would_have_reported_later(tape: Tape) -> None:
    night(tape).wait(60.0)
    assert told(by(tape, shipped_policy(unproven_settle=45.0))) == [("host:node02", "NORMAL", 1105.0)]


def test_another_limit_of_storms_would_have_held_or_released(tape: Tape) -> None:
    play = night(tape, dying=6).wait(60.0)
    assert play.reports == []
    free = by(tape, shipped_policy(guard=GuardPolicy(threshold=0.0)))
    assert [subject for subject, _, _ in told(free)] == [f"host:{host}" for host in HOSTS[:6]]


def test_proof_that_nobody_was_asked_for_is_not_known(tape: Tape) -> None:
    night(tape).wait(60.0)
    judged = by(tape, shipped_policy(proof=ProofPolicy()))
    assert [status for _, status, _ in told(judged)] == ["UNKNOWN"]
    assert any(one.startswith("the power of a host was asked") for one in judged.supposed)
    assert {(one.subject, one.why) for one in judged.doubts} == {
        ("host:node02", "the power of a host was not asked then")
    }
    assert judged.doubts[0].at.monotonic <= judged.reports[0][0].monotonic, "the report itself is not known"


def test_what_was_answered_is_answered_again_whoever_asks(tape: Tape) -> None:
    play = night(tape, proof=ProofPolicy(interval=10.0))
    play.wait(5.0).answer(Power.OFF, ProofKind.BMC).wait(60.0)
    assert play.reports == [("node02", "STOPPED", "NORMAL")]
    judged = by(tape, shipped_policy(proof=ProofPolicy(), settle=20.0))
    assert [status for _, status, _ in told(judged)] == ["NORMAL"]
    assert judged.supposed == []


def test_a_sign_of_life_holds_it_then_as_it_did(tmp_path: Path) -> None:
    tape = Tape(tmp_path, KINDS)
    play = Play(shipped_policy(), life=None)
    tape.listen(play, play.rules)
    play.all_up(*HOSTS).leads({}).wait(60.0).cut("node02").wait(40.0)
    play.breathes(Life.ALIVE).wait(20.0)
    assert told(by(tape, shipped_policy(unproven_settle=5.0))) == []


def test_what_masakari_refused_it_refuses(tmp_path: Path) -> None:
    tape = Tape(tmp_path, KINDS)
    play = Play(shipped_policy(), api=False)
    tape.listen(play, play.rules)
    play.all_up(*HOSTS).leads({}).wait(60.0).cut("node02").wait(40.0)
    play.answers(Outcome.REFUSED, why="409").wait(400.0)
    reports = len(play.reports)
    assert len(told(by(tape, shipped_policy()))) == reports


def test_without_an_election_then_this_monitor_is_supposed_to_lead_now(tape: Tape) -> None:
    night(tape, elected=False, look_up_reports=False, stagger=0.0).wait(60.0)
    judged = by(tape, shipped_policy())
    assert [subject for subject, _, _ in told(judged)] == ["host:node02"]
    assert any("no election was recorded" in one for one in judged.supposed)


def test_of_the_same_rules_nothing_is_doubted(tape: Tape) -> None:
    night(tape).wait(60.0)
    assert by(tape, shipped_policy()).doubts == []


def test_what_became_of_a_report_that_nobody_had_made_is_not_made_up(tape: Tape) -> None:
    """It was held by a storm; nobody knows whether masakari would have taken it."""
    night(tape, dying=6).wait(60.0)
    free = by(tape, shipped_policy(guard=GuardPolicy(threshold=0.0)))
    assert (
        "what became of a report was asked 6 times of which nothing was recorded: taken as not known"
        in free.supposed
    )
