"""The vocabulary's own promises: aware moments, decisions that add up in order."""

import datetime

import pytest

from masakarimonitors.core.decision import NOTHING, Decision, Instant, Ruling, Verdict, Withdraw

NOON = datetime.datetime(2026, 1, 1, 12)


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        Instant(1.0, NOON)
    assert Instant(1.0, NOON.replace(tzinfo=datetime.UTC)).monotonic == 1.0


def test_decisions_add_up_in_order() -> None:
    one, two = Withdraw("a", "it runs"), Withdraw("b", "it runs")
    said = Verdict("a", Ruling.RECOVERED, "it runs")
    both = Decision((one,), (said,)) + NOTHING + Decision((two,))
    assert (both.commands, both.verdicts) == ((one, two), (said,))
