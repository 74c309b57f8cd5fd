"""A matrix that is read again is told to the decision, or is known to need a restart."""

import asyncio

import pytest

from masakarimonitors.hostmonitor.core.evidence.matrix import Matrix
from masakarimonitors.hostmonitor.core.observation import DomainsChanged, MatrixChanged, Observation
from masakarimonitors.hostmonitor.sources.rules import ChangedRules

OLD = Matrix(("manage", "storage"), frozenset({(True, False), (False, False)}))


async def test_one_of_the_same_links_is_told() -> None:
    both = Matrix(OLD.sequence, frozenset({(False, False)}))
    any_ = Matrix(OLD.sequence, frozenset({(False, False), (True, False), (False, True)}))
    rules, seen = ChangedRules(both, elected=True), asyncio.Queue[Observation]()
    assert rules.take("m.yaml", any_) == ""
    running = asyncio.get_running_loop().create_task(rules.run(seen.put_nowait))
    assert await seen.get() == MatrixChanged(any_.recover, "m.yaml")
    rules.take_domains("d.yaml", {"node01": "rack1"})
    assert await seen.get() == DomainsChanged({"node01": "rack1"}, "d.yaml")
    running.cancel()


@pytest.mark.parametrize(
    ("says", "elected", "why"),
    [
        (Matrix(("storage", "manage"), OLD.recover), False, "other links"),
        (Matrix(OLD.sequence, frozenset({(False, True), (False, False)})), True, "election"),
    ],
)
def test_what_is_wired_in_needs_a_restart(says: Matrix, elected: bool, why: str) -> None:
    assert why in ChangedRules(OLD, elected=elected).take("m.yaml", says)


def test_where_nobody_is_elected_other_links_may_decide() -> None:
    says = Matrix(OLD.sequence, frozenset({(False, True), (False, False)}))
    assert ChangedRules(OLD, elected=False).take("m.yaml", says) == ""
