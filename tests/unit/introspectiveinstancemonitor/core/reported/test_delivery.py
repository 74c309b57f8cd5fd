"""Where a report stands: each step that the table lists and, of all others, that they are refused."""

import datetime
from itertools import product

import pytest

from masakarimonitors.introspectiveinstancemonitor.core.reported.delivery import (
    PATIENCE,
    TABLE,
    Delivery,
    Step,
    UnlistedStep,
    is_under_way,
    step,
)

NOW = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)


@pytest.mark.parametrize(("at", "how"), [*product(Delivery, Step)])
def test_each_step_is_listed_or_refused(at: Delivery, how: Step) -> None:
    if (at, how) in TABLE:
        assert step(at, how) is TABLE[at, how]
    else:
        with pytest.raises(UnlistedStep, match=how.value):
            step(at, how)


def test_what_an_outage_began_its_end_ends() -> None:
    assert all(step(at, Step.OVER) is Delivery.NONE for at in Delivery)


def test_only_what_waits_can_be_taken_back() -> None:
    assert [at for at, how in TABLE if how is Step.TAKEN_BACK] == [Delivery.WAITING]


@pytest.mark.parametrize(
    ("at", "ago", "expected"),
    [
        (Delivery.NONE, None, False),
        (Delivery.WAITING, None, True),
        (Delivery.DELIVERED, datetime.timedelta(0), True),
        (Delivery.DELIVERED, PATIENCE, False),
        (Delivery.DELIVERED, -PATIENCE, False),
        (Delivery.GIVEN_UP, None, False),
    ],
)
def test_what_masakari_may_still_act_upon(
    at: Delivery, ago: datetime.timedelta | None, expected: bool
) -> None:
    assert is_under_way(at, None if ago is None else NOW - ago, NOW) is expected
