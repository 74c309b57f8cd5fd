"""What is worth saying of a host of which no outage is open."""

from dataclasses import replace

import pytest

from masakarimonitors.hostmonitor.core.evidence.membership import ViewState
from masakarimonitors.hostmonitor.core.judging.well import UNWATCHED_AFTER
from masakarimonitors.hostmonitor.core.observation import Membership
from masakarimonitors.hostmonitor.core.outages.host import HostState
from tests.unit.hostmonitor.core.judging.test_judge import (
    BLIND,
    RULES,
    SEEN,
    D,
    L,
    U,
    X,
    cluster,
    host,
    later,
    record,
    ruled,
)


@pytest.mark.parametrize(
    ("values", "storage", "said"),
    [
        ((U, U, U), SEEN, None),
        ((D, U, U), SEEN, "for which the matrix asks no recovery"),
        ((D, U, U), BLIND, "depends on storage"),
        ((L, L, L), SEEN, "it left by itself: planned"),
        ((X, X, X), SEEN, "listed nowhere any more"),
        ((X, X, X), BLIND, None),
    ],
)
def test_what_is_worth_saying(values: tuple[Membership, ...], storage: ViewState, said: str | None) -> None:
    verdicts = ruled(host(values), cluster(storage)).verdicts
    assert (said in verdicts[0].why) if said else verdicts == ()


@pytest.mark.parametrize(("seconds", "alarm"), [(UNWATCHED_AFTER - 1, False), (UNWATCHED_AFTER, True)])
def test_a_link_that_decides_and_does_not_list_it(seconds: float, alarm: bool) -> None:
    facts = cluster(replace(SEEN, since=1000.0))
    after = ruled(host((U, U, X)), facts, later(seconds))
    assert bool(after.verdicts) is alarm
    assert (after.look == 1000.0 + UNWATCHED_AFTER) is not alarm


def test_what_left_before_it_came_into_sight_is_counted_from_then_on() -> None:
    links = tuple(record(L, since=float("-inf")) for _ in range(3))
    state = HostState(links=links, seen_in_service=True)
    after = ruled(state, cluster(replace(SEEN, since=990.0)))
    assert not after.verdicts[0].alarm and after.look == 990.0 + RULES.left_warning
