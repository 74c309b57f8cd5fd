"""Ended reports, counted."""

from dataclasses import replace

import pytest

from masakarimonitors.core.notification import ReportStatus, VmNotification
from masakarimonitors.outbox.rows import Row
from masakarimonitors.outbox.tally import BOUNDS, UNKNOWN_TYPE, Tally
from tests.fixtures.fake_clock import FakeClock

A = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def row() -> Row:
    now = FakeClock().now()
    died = VmNotification(
        "compute-1", now.wall, event="LIFECYCLE", instance_uuid=A, vir_domain_event="STOPPED_FAILED"
    )
    return replace(Row.new(1, died, "it died", now), monotonic=100.0)


def test_each_is_counted_by_what_it_is_about_and_by_its_end(row: Row) -> None:
    tally = Tally()
    for status in (ReportStatus.REFUSED, ReportStatus.DELIVERED, ReportStatus.DELIVERED):
        tally.add(replace(row, status=status), 100.0)
    tally.add(replace(row, notification=None, status=ReportStatus.EXPIRED), 100.0)
    assert tally.by_type == {
        ("VM", ReportStatus.REFUSED): 1,
        ("VM", ReportStatus.DELIVERED): 2,
        (UNKNOWN_TYPE, ReportStatus.EXPIRED): 1,
    }
    assert tally.counts[ReportStatus.DELIVERED] == 2 and tally.counts[ReportStatus.WITHDRAWN] == 0


@pytest.mark.parametrize(
    ("late", "bound"), [(0.0, 0.1), (0.1, 0.1), (0.11, 0.25), (120.0, 120.0), (1e9, BOUNDS[-1]), (-3.0, 0.1)]
)
def test_a_delivery_is_counted_by_the_first_bound_that_it_does_not_exceed(
    late: float, bound: float, row: Row
) -> None:
    tally = Tally()
    tally.add(replace(row, status=ReportStatus.DELIVERED), 100.0 + late)
    assert tally.delays == [int(one == bound) for one in BOUNDS]
    assert tally.delay_total == pytest.approx(max(0.0, late))


def test_only_what_masakari_has_took_a_time(row: Row) -> None:
    tally = Tally()
    tally.add(replace(row, status=ReportStatus.WITHDRAWN), 200.0)
    assert (sum(tally.delays), tally.delay_total) == (0, 0.0)
