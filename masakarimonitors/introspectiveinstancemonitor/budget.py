"""How often one machine may be reported: a recovery that does not help must not become a reset loop.

Free arithmetic on the wall times of past reports. Wall time, because the list is kept on disk and must
still mean something after this program, or the whole host, was restarted.
"""

import datetime
from collections.abc import Iterable

WINDOW = datetime.timedelta(hours=1)


def recent(reports: Iterable[datetime.datetime], now: datetime.datetime) -> tuple[datetime.datetime, ...]:
    """The reports that still count at `now`, oldest first.

    A report "in the future" (the wall clock was set back) counts for as long as one in the past would:
    a clock step must not refill the budget, nor empty it for ever.
    """
    return tuple(sorted(report for report in reports if abs(now - report) < WINDOW))


def spent(reports: Iterable[datetime.datetime], now: datetime.datetime, limit: int) -> bool:
    """Whether `limit` reports (0: no limit) were already made within the hour before `now`."""
    return limit > 0 and len(recent(reports, now)) >= limit
