"""When a poll may end with the CIB alone."""

import math
from dataclasses import replace

import pytest

from masakarimonitors.hostmonitor.drivers.pacemaker.last_look import LastLook

LAST = LastLook(digest="d", at=100.0, calm=True)


@pytest.mark.parametrize(
    ("last", "now", "asked_at", "stands"),
    [
        (LAST, 110.0, -math.inf, True),
        (LAST, 150.0, 90.0, True),
        (LAST, 154.0, -math.inf, False),  # the resync is due
        (LAST, 110.0, 101.0, False),  # something was announced after it was asked for
        (LAST, 101.0, 99.5, False),  # and just before
        (replace(LAST, calm=False), 110.0, -math.inf, False),
        (replace(LAST, digest=""), 110.0, -math.inf, False),
        (LastLook(), 110.0, -math.inf, False),
    ],
)
def test_it_stands_while_all_was_calm_and_nothing_was_announced(
    last: LastLook, now: float, asked_at: float, stands: bool
) -> None:
    assert last.stands(now, asked_at, resync=60.0, restless=2.0) is stands
