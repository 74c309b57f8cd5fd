import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from masakarimonitors.introspectiveinstancemonitor.core.reported.limit import (
    recent_reports,
    report_limit_reached,
)

NOON = datetime.datetime(2026, 6, 1, 12, tzinfo=datetime.UTC)


def minutes_ago(*minutes: float) -> list[datetime.datetime]:
    return [NOON - datetime.timedelta(minutes=m) for m in minutes]


def test_three_reports_within_the_hour_reach_a_limit_of_three() -> None:
    assert report_limit_reached(minutes_ago(50, 30, 1), NOON, 3)


def test_a_report_of_an_hour_ago_is_forgotten() -> None:
    assert not report_limit_reached(minutes_ago(60, 30, 1), NOON, 3)
    assert recent_reports(minutes_ago(1, 60, 30), NOON) == tuple(minutes_ago(30, 1))


def test_no_limit() -> None:
    assert not report_limit_reached(minutes_ago(*range(50)), NOON, 0)


def test_a_clock_that_was_set_back_neither_makes_room_nor_forbids_for_ever() -> None:
    assert report_limit_reached(minutes_ago(-10, -20, -30), NOON, 3)
    assert not report_limit_reached(minutes_ago(-70, -80, -90), NOON, 3)


@settings(deadline=None)
@given(st.lists(st.floats(-200, 200), max_size=20))
def test_what_counts_is_within_the_hour_and_in_order(minutes: list[float]) -> None:
    kept = recent_reports(minutes_ago(*minutes), NOON)
    assert list(kept) == sorted(kept)
    assert all(abs(NOON - report) < datetime.timedelta(hours=1) for report in kept)
    assert recent_reports(kept, NOON) == kept
