"""This computer's time zone is the one that dateutil knows, also in the hour that comes twice."""

import datetime
import importlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from masakarimonitors.system.service.local_time import tzlocal

tz: Any = importlib.import_module("dateutil.tz")
UTC = datetime.UTC
SUMMER_ENDS = datetime.datetime(2026, 10, 25, 2, 30)


@pytest.fixture(params=["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns"])
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


@pytest.mark.parametrize(
    "moment",
    [datetime.datetime(2026, 1, 1), datetime.datetime(2026, 7, 1, 12, 0, 0, 5), SUMMER_ENDS],
)
@pytest.mark.parametrize("fold", [0, 1])
def test_a_moment_is_written_as_dateutil_writes_it(zone: str, moment: datetime.datetime, fold: int) -> None:
    moment = moment.replace(fold=fold)
    ours, theirs = moment.replace(tzinfo=tzlocal()), moment.replace(tzinfo=tz.tzlocal())
    assert (ours.isoformat(), ours.tzname()) == (theirs.isoformat(), theirs.tzname())


def test_what_is_no_moment_has_no_offset() -> None:
    zone = tzlocal()
    assert (zone.utcoffset(None), zone.tzname(None), zone.dst(None)) == (None, None, None)


@pytest.mark.parametrize("hours", range(-2, 3))
def test_a_moment_is_made_of_another_zones_as_dateutil_makes_it(zone: str, hours: int) -> None:
    """Whoever else in the process asks dateutil for the zone gets ours: a host driver of somebody else's, say."""
    for utc in (SUMMER_ENDS.replace(hour=1, tzinfo=UTC), datetime.datetime(2026, 7, 1, 12, tzinfo=UTC)):
        moment = utc + datetime.timedelta(hours=hours)
        ours, theirs = moment.astimezone(tzlocal()), moment.astimezone(tz.tzlocal())
        assert (ours.isoformat(), ours.fold, ours.dst()) == (theirs.isoformat(), theirs.fold, theirs.dst())
        assert ours.astimezone(UTC) == moment
    assert datetime.datetime.now(tzlocal()).tzinfo == tzlocal()  # noqa: TID251 - what others do
    assert isinstance(tzlocal(), tzlocal) and hash(tzlocal()) == hash(tzlocal())
