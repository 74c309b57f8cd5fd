"""How the reports of this run have ended, and how long masakari took to have them: counted, for whoever looks later.

In: each row as it ends. Out: numbers by what it is about and how it ended, and a histogram of seconds.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.outbox.rows import Row

BOUNDS: Sequence[float] = (
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    120.0,
    300.0,
    900.0,
    3600.0,
    math.inf,
)
"""Seconds: below a second is what this program answers for; two minutes is when people are told; then whole outages."""

UNKNOWN_TYPE = "unknown"
"""Of a report that another release has left, and that says nothing known."""


class Tally:
    """The ended reports of this run."""

    def __init__(self) -> None:
        """None has ended."""
        self.counts: dict[ReportStatus, int] = dict.fromkeys(ReportStatus, 0)
        self.by_type: Counter[tuple[str, ReportStatus]] = Counter()
        self.delays = [0] * len(BOUNDS)
        self.delay_total = 0.0

    def add(self, row: Row, now: float) -> None:
        """It has ended, at monotonic second `now`."""
        about = row.notification.type if row.notification is not None else UNKNOWN_TYPE
        self.counts[row.status] += 1
        self.by_type[about, row.status] += 1
        if row.status is ReportStatus.DELIVERED:
            late = max(0.0, now - row.monotonic)
            self.delays[bisect_left(BOUNDS, late)] += 1
            self.delay_total += late
