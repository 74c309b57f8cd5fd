"""The rate limit of reports about one guest: pure."""

import datetime
from collections.abc import Iterable

REPORT_WINDOW = datetime.timedelta(hours=1)
"""What the rate limit of reports counts: a recovery that does not help must not become a reset loop. In wall
time, because the past reports are kept on disk and must still mean something after the host was restarted."""


def recent_reports(
    reports: Iterable[datetime.datetime], now: datetime.datetime
) -> tuple[datetime.datetime, ...]:
    """The reports that still count at `now`, oldest first.

    A report "in the future" (the wall clock was set back) counts for as long as one in the past would:
    a clock step must not make room for more reports, nor forbid them for ever.
    """
    return tuple(sorted(report for report in reports if abs(now - report) < REPORT_WINDOW))


def report_limit_reached(reports: Iterable[datetime.datetime], now: datetime.datetime, limit: int) -> bool:
    """Whether `limit` reports (0: no limit) were already made within the hour before `now`."""
    return limit > 0 and len(recent_reports(reports, now)) >= limit
