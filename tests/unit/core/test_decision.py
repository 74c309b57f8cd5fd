"""The vocabulary's own promises: aware moments, decisions that add up in order."""

import datetime

import pytest

from masakarimonitors.core.decision import NOTHING, Decision, Instant, Ruling, Verdict, Withdraw

NOON = datetime.datetime(2026, 1, 1, 12)


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        Instant(1.0, NOON)
    assert Instant(1.0, NOON.replace(tzinfo=datetime.UTC)).monotonic == 1.0


def moment(monotonic: float, wall: float) -> Instant:
    return Instant(monotonic, NOON.replace(tzinfo=datetime.UTC) + datetime.timedelta(seconds=wall))


@pytest.mark.parametrize(
    ("monotonic", "wall", "unnoticed"),
    [
        (10.0, 10.0, 0.0),
        (10.0, 10.9, 0.0),  # a clock that is being adjusted
        (10.0, 3610.0, 3600.0),  # suspended, or set forward
        (10.0, -3590.0, 0.0),  # set back
        (float("inf"), 10.0, 0.0),
    ],
)
def test_what_the_monotonic_clock_knows_nothing_of(monotonic: float, wall: float, unnoticed: float) -> None:
    before, now = moment(5.0, 7.0), moment(5.0 + monotonic, 7.0 + wall)
    assert now.unnoticed_since(before) == unnoticed
    assert before.old_at(240.0, now) == 245.0 - unnoticed


def test_decisions_add_up_in_order() -> None:
    one, two = Withdraw("a", "it runs"), Withdraw("b", "it runs")
    said = Verdict("a", Ruling.RECOVERED, "it runs")
    both = Decision((one,), (said,)) + NOTHING + Decision((two,))
    assert (both.commands, both.verdicts) == ((one, two), (said,))
