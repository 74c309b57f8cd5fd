"""Which rules are in force after the operator has said others."""

from dataclasses import dataclass

from masakarimonitors.core.changed_rules import InForce, Rules, RulesChanged, take
from masakarimonitors.core.decision import NOTHING, Ruling
from masakarimonitors.core.storm import GuardPolicy

AT_START: "InForce[Some]" = InForce()
OLD, NEW, NEWER = (GuardPolicy(hold=hold) for hold in (300.0, 60.0, 30.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Some(Rules):
    limit: int = 3


def changed(guard: GuardPolicy, limit: int = 3) -> RulesChanged[Some]:
    return RulesChanged(Some(guard=guard, limit=limit), "[x] y")


def test_without_a_storm_all_of_them_count_at_once() -> None:
    after, told = take(AT_START, changed(NEW, 5), OLD, (), "node1")
    assert after == InForce(Some(guard=NEW, limit=5))
    (verdict,) = told.verdicts
    assert (verdict.subject, verdict.ruling, verdict.evidence) == ("host:node1", Ruling.ACTED, "[x] y")


def test_while_a_storm_stands_its_limits_stay_and_all_else_counts() -> None:
    during, told = take(AT_START, changed(NEW, 5), OLD, ("storm",), "node1")
    assert during.rules == Some(guard=OLD, limit=5) and "wait until no storm" in told.verdicts[0].why
    assert take(during, "anything", OLD, ("storm",), "node1") == (during, NOTHING)
    after, told = take(during, "anything", OLD, (), "node1")
    assert after == InForce(Some(guard=NEW, limit=5)) and len(told.verdicts) == 1
    assert take(after, "anything", NEW, (), "node1") == (after, NOTHING)


def test_what_was_said_last_counts_when_the_storm_is_over() -> None:
    during, _ = take(AT_START, changed(NEW), OLD, ("storm",), "node1")
    during, _ = take(during, changed(NEWER), OLD, ("storm",), "node1")
    after, _ = take(during, "anything", OLD, (), "node1")
    assert after == InForce(Some(guard=NEWER))


def test_limits_that_were_put_back_meanwhile_are_not_waited_for() -> None:
    during, _ = take(AT_START, changed(NEW), OLD, ("storm",), "node1")
    after, _ = take(during, changed(OLD, 7), OLD, ("storm",), "node1")
    assert after == InForce(Some(guard=OLD, limit=7))
