"""Proof of death: its age, its kinds, and what several of them say together."""

import datetime

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.evidence.proof import (
    Evidence,
    Proof,
    after_work,
    expires,
    fresh,
    keep,
    weigh,
)
from masakarimonitors.hostmonitor.core.observation import CheckPower, Power, PowerSeen, ProofKind

EPOCH = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)
LIMIT = 240.0
FENCED, BMC, TAINT, UNCHECKED = ProofKind


def moment(at: float, set_forward: float = 0.0) -> Instant:
    """`set_forward`: seconds by which the wall clock has gone ahead of the other since second 0."""
    return Instant(at, EPOCH + datetime.timedelta(seconds=at + set_forward))


def proof(power: Power, kind: ProofKind, at: float = 0.0) -> Proof:
    return Proof(power, kind, moment(at), "said so")


@pytest.mark.parametrize(
    ("proofs", "said"),
    [
        ((), Evidence.NONE),
        ((proof(Power.OFF, FENCED),), Evidence.OFF),
        ((proof(Power.OFF, BMC),), Evidence.OFF),
        ((proof(Power.OFF, TAINT),), Evidence.OFF),
        ((proof(Power.OFF, UNCHECKED),), Evidence.UNCHECKED),
        ((proof(Power.ON, BMC),), Evidence.ON),
        ((proof(Power.ON, UNCHECKED),), Evidence.ON),  # whoever says so: it does not count as off
        ((proof(Power.ON, BMC), proof(Power.OFF, UNCHECKED)), Evidence.ON),
        ((proof(Power.OFF, BMC), proof(Power.OFF, UNCHECKED)), Evidence.OFF),
        ((proof(Power.OFF, FENCED), proof(Power.OFF, BMC)), Evidence.OFF),
        ((proof(Power.OFF, TAINT), proof(Power.ON, BMC)), Evidence.CONTRADICTED),
        ((proof(Power.OFF, FENCED), proof(Power.ON, BMC)), Evidence.CONTRADICTED),
    ],
)
def test_what_they_say_together(proofs: tuple[Proof, ...], said: Evidence) -> None:
    assert weigh(proofs, moment(0.0), LIMIT) is said
    assert weigh(tuple(reversed(proofs)), moment(0.0), LIMIT) is said


def test_what_is_too_old_says_nothing() -> None:
    proofs = (proof(Power.OFF, FENCED, 0.0), proof(Power.ON, BMC, 100.0))
    assert weigh(proofs, moment(239.9), LIMIT) is Evidence.CONTRADICTED
    assert weigh(proofs, moment(240.0), LIMIT) is Evidence.ON
    assert weigh(proofs, moment(340.0), LIMIT) is Evidence.NONE
    assert fresh(proofs, moment(240.0), LIMIT) == [proofs[1]]


@pytest.mark.parametrize("kind", [FENCED, BMC, TAINT, UNCHECKED])
def test_a_proof_ages_while_the_computer_stands_still(kind: ProofKind) -> None:
    """The monotonic clock does not count it, and the host may have been switched on meanwhile."""
    proofs = (proof(Power.OFF, kind),)
    assert fresh(proofs, moment(10.0, 229.0), LIMIT) == list(proofs)
    assert fresh(proofs, moment(10.0, 230.0), LIMIT) == []
    assert weigh(proofs, moment(10.0, 3600.0), LIMIT) is Evidence.NONE
    assert expires(proofs, moment(10.0, 100.0), LIMIT, unchecked=kind is UNCHECKED) == 140.0


@pytest.mark.parametrize("set_back", [-0.5, -30.0, -1e7])
def test_a_wall_clock_that_is_set_back_makes_no_proof_younger(set_back: float) -> None:
    proofs = (proof(Power.OFF, BMC),)
    assert fresh(proofs, moment(239.0, set_back), LIMIT) == list(proofs)
    assert fresh(proofs, moment(240.0, set_back), LIMIT) == []
    assert expires(proofs, moment(9.0, set_back), LIMIT) == 240.0


def test_when_the_newest_checked_proof_is_too_old() -> None:
    assert expires((), moment(9.0), LIMIT) == float("-inf")
    assert expires(
        (proof(Power.OFF, UNCHECKED, 9.0), proof(Power.ON, BMC, 9.0)), moment(9.0), LIMIT
    ) == float("-inf")
    assert expires((proof(Power.OFF, FENCED, 5.0), proof(Power.OFF, BMC, 7.0)), moment(9.0), LIMIT) == 247.0


def seen(power: Power, kind: ProofKind | None, asked: bool = False) -> PowerSeen:
    request = CheckPower("node05", 1, 1) if asked else None
    return PowerSeen(
        host="node05",
        power=power,
        evidence="said so",
        at=Instant(1.0, EPOCH),
        in_reply_to=request,
        kind=kind,
    )


def test_one_of_each_kind_is_kept_the_newest() -> None:
    first = keep((), seen(Power.ON, BMC))
    both = keep(first, seen(Power.OFF, FENCED))
    assert [(kept.power, kept.kind) for kept in both] == [(Power.ON, BMC), (Power.OFF, FENCED)]
    assert [(kept.power, kept.kind) for kept in keep(both, seen(Power.OFF, BMC))] == [
        (Power.OFF, FENCED),
        (Power.OFF, BMC),
    ]


def test_no_proof_takes_none_away() -> None:
    proofs = keep((), seen(Power.OFF, BMC))
    assert keep(proofs, seen(Power.NO_PROOF, None, asked=True)) == proofs


@pytest.mark.parametrize(("asked", "kind"), [(False, FENCED), (True, BMC)])
def test_a_driver_that_does_not_say_what_it_rests_on(asked: bool, kind: ProofKind) -> None:
    assert keep((), seen(Power.OFF, None, asked))[0].kind is kind


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (proof(Power.OFF, FENCED), (proof(Power.OFF, UNCHECKED),)),
        (proof(Power.OFF, BMC), ()),
        (proof(Power.OFF, TAINT), (proof(Power.OFF, TAINT),)),
        (proof(Power.OFF, UNCHECKED), (proof(Power.OFF, UNCHECKED),)),
        (proof(Power.ON, BMC), (proof(Power.ON, BMC),)),
    ],
)
def test_what_a_proof_is_worth_once_planned_work_has_ended(before: Proof, after: tuple[Proof, ...]) -> None:
    assert after_work((before,), 10.0) == after
    assert after_work((before,), 0.0) == (before,), "it is no older than the end"
    seen = PowerSeen(host="node05", power=before.power, evidence="said so", at=before.at, kind=before.kind)
    assert keep((), seen, 10.0) == after, "heard of only now, and as old"


def test_what_nobody_has_checked_since_is_kept_once_and_no_older_than_known() -> None:
    newer = proof(Power.OFF, UNCHECKED, 5.0)
    assert after_work((proof(Power.OFF, FENCED, 1.0), newer), 10.0) == (newer,)
    assert after_work((newer, proof(Power.OFF, FENCED, 1.0)), 10.0) == (newer,)
    assert after_work((newer, proof(Power.OFF, FENCED, 6.0)), 10.0) == (proof(Power.OFF, UNCHECKED, 6.0),)


@pytest.mark.parametrize("kind", [FENCED, BMC, TAINT, UNCHECKED])
@pytest.mark.parametrize(("newer", "older"), [(Power.ON, Power.OFF), (Power.OFF, Power.ON)])
def test_the_newest_of_a_kind_counts_and_not_the_one_that_was_told_last(
    kind: ProofKind, newer: Power, older: Power
) -> None:
    """A BMC that is slow, or a fencing of before that is told again."""
    known = keep((), PowerSeen(host="n5", power=newer, evidence="", at=moment(20.0), kind=kind))
    late = PowerSeen(host="n5", power=older, evidence="", at=moment(10.0), kind=kind)
    assert keep(known, late) == known
    again = PowerSeen(host="n5", power=older, evidence="", at=moment(20.0), kind=kind)
    assert [one.power for one in keep(known, again)] == [older]
