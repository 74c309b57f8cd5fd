"""Rules that the operator has changed while a monitor of instances or guests runs. Pure.

In: the rules as they were read anew. Out: those that are in force, and a sentence for each change. How storms are
counted changes when none stands: whom one holds is not let go because a file was edited. All else counts at once.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from masakarimonitors.core.decision import NOTHING, Decision, Ruling, Verdict
from masakarimonitors.core.storm import GuardPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What may change while a monitor runs; `guard`: the limits of storms."""

    guard: GuardPolicy


R = TypeVar("R", bound=Rules)


@dataclass(frozen=True, slots=True)
class RulesChanged(Generic[R]):
    """The operator has said anew what the rules are; `where`: by which options."""

    rules: R
    where: str


@dataclass(frozen=True, slots=True)
class InForce(Generic[R]):
    """`rules`: those in force, None for those of the start; `coming`: what will be when no storm stands."""

    rules: R | None = None
    coming: RulesChanged[R] | None = None


def take(
    before: InForce[R],
    seen: object,
    guard: GuardPolicy,
    storms: Collection[object],
    own: str,
) -> tuple[InForce[R], Decision]:
    """What is in force after something was seen; `guard` is so now, `storms` stand, `own` is the name of this host."""
    if isinstance(seen, RulesChanged):
        changed: RulesChanged[R] = seen
        if storms and changed.rules.guard != guard:
            why = (
                "other rules are in force, but for the limits of storms: those wait until no storm holds a report any"
                " more"
            )
            now = replace(changed.rules, guard=guard)
            return InForce(now, changed), _told(own, why, changed.where)
        return InForce(changed.rules), _told(own, "other rules are in force", changed.where)
    if before.coming is None or storms:
        return before, NOTHING
    why = "other limits of storms are in force, since no storm holds a report any more"
    return InForce(before.coming.rules), _told(own, why, before.coming.where)


def _told(own: str, why: str, where: str) -> Decision:
    return Decision(
        verdicts=(Verdict(f"host:{own}", Ruling.ACTED, why, evidence=where, rule="options read anew"),)
    )
