"""Two states are the same when only the clock tells them apart."""

import datetime
import math

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry
from masakarimonitors.hostmonitor.core.observation import CheckLife, CheckPower, Life, LifeSeen
from masakarimonitors.hostmonitor.core.outages.host import HostState
from tests.explore.model import EPOCH
from tests.explore.shape import BEGIN, Shape


def at(seconds: float) -> Instant:
    return Instant(BEGIN + seconds, EPOCH + datetime.timedelta(seconds=seconds))


def silent(seconds: float) -> LifeSeen:
    """An answer of that second: how old it is decides whether it is asked again."""
    asked = CheckLife("a", 1)
    return LifeSeen(host="a", life=Life.SILENT, evidence="tcp", at=at(seconds), in_reply_to=asked)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (BEGIN + 10.0, BEGIN + 110.0),
        (silent(10.0), silent(110.0)),
        ({"a": (at(10.0), 5.0)}, {"a": (at(110.0), 5.0)}),
        (LedgerEntry(HostStatus.NORMAL, at(10.0).wall), LedgerEntry(HostStatus.NORMAL, at(110.0).wall)),
        (CheckPower("a", 1, 7), CheckPower("a", 1, 9)),
        (frozenset("ab"), frozenset("ba")),
        (BEGIN - 5000.0, BEGIN - 9000.0),
        (HostState(links=(), asked=3), HostState(links=(), asked=7)),
    ],
)
def test_the_clock_alone_makes_no_other_state(one: object, other: object) -> None:
    assert Shape(at(20.0)).of(one) == Shape(at(120.0)).of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (BEGIN + 10.0, BEGIN + 111.0),
        (math.inf, BEGIN + 110.0),
        (LedgerEntry(HostStatus.NORMAL, EPOCH), LedgerEntry(HostStatus.NORMAL, EPOCH, True)),
        (CheckPower("a", 1, 7), CheckPower("a", 2, 7)),
        (silent(10.0), silent(111.0)),
        ({"a": 1}, {"b": 1}),
        (5.0, 6.0),
    ],
)
def test_anything_else_does(one: object, other: object) -> None:
    assert Shape(at(20.0)).of(one) != Shape(at(120.0)).of(other)


def test_no_two_ages_have_one_hash() -> None:
    """By which a search goes; as numbers, -1 and -2 have the same."""
    ages = [cents / 100 for cents in range(-500, 501)]
    assert len({hash(Shape(at(20.0)).of((BEGIN + 20.0 - age, "up"))) for age in ages}) == len(ages)


def test_a_form_that_is_kept_is_that_of_no_other_record() -> None:
    shapes = {
        Shape(at(20.0)).of(LedgerEntry(HostStatus.NORMAL, at(float(second)).wall)) for second in range(50)
    }
    assert len(shapes) == 50
