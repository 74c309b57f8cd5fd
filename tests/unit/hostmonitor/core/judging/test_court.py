"""By what a host is judged: the values that count at one moment."""

from masakarimonitors.hostmonitor.core.judging.court import Court
from tests.unit.hostmonitor.core.judging.test_judge import BLIND, NOW, RULES, D, U, X, cluster, host


def test_a_link_that_is_not_seen_counts_for_nothing() -> None:
    court = Court(cluster=cluster(BLIND), policy=RULES, now=NOW)
    assert court.values(host((U, U, D))) == (U, U, X)
    assert court.standing(host((U, U, D))) == (U, U, D)
    assert not court.asks_recovery(host((U, U, D)))
