"""What a person has to see to after an outage: every pair is listed, and what must hold in all of it."""

import datetime
import json
import math

import pytest

from masakarimonitors.core.decision import JSON, Instant
from masakarimonitors.hostmonitor.core.outages.aftermath import (
    TABLE,
    Aftermath,
    News,
    Owed,
    memo,
    moved,
    restore,
)

WHEN = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)
NOW = Instant(1000.0, WHEN)
LATER = Instant(1500.0, WHEN + datetime.timedelta(seconds=500))
BEGINS = (News.DOUBT, News.TOLD, News.ARRIVED)


def test_every_pair_is_listed() -> None:
    assert set(TABLE) == {(owed, news) for owed in Owed for news in News}


def test_only_a_report_that_masakari_has_or_may_have_begins_it() -> None:
    for news in News:
        assert (TABLE[Owed.NOTHING, news] is Owed.NOTHING) is (news not in BEGINS)


def test_what_masakari_has_is_over_when_it_was_out_of_service_and_is_not_or_when_it_is_given_up() -> None:
    for (owed, news), then in TABLE.items():
        if owed is Owed.TAKEN and then is Owed.NOTHING:
            assert news is News.GIVEN_UP
        if owed is Owed.ENDED and then is Owed.NOTHING:
            assert news in (News.IN_SERVICE, News.STILL_IN_SERVICE, News.GIVEN_UP)
        if then is Owed.ENDED:
            assert news is News.ENDED or owed is Owed.ENDED
        if owed is Owed.OUT and then is Owed.NOTHING:
            assert news in (News.IN_SERVICE, News.STILL_IN_SERVICE, News.GIVEN_UP)


def test_since_when_it_is_owed() -> None:
    perhaps = moved(None, News.DOUBT, NOW)
    assert perhaps == Aftermath(Owed.MAYBE, NOW)
    assert moved(perhaps, News.IN_SERVICE, LATER) is perhaps
    assert moved(perhaps, News.FLAGGED, LATER) == Aftermath(Owed.OUT, NOW)
    assert moved(perhaps, News.ARRIVED, LATER) == Aftermath(Owed.TAKEN, LATER)
    assert moved(perhaps, News.STILL_IN_SERVICE, LATER) is None
    assert moved(None, News.FLAGGED, NOW) is None
    taken = moved(None, News.TOLD, NOW, WHEN)
    assert taken == Aftermath(Owed.TAKEN, NOW, told=WHEN)
    assert moved(taken, News.ENDED, LATER) == Aftermath(Owed.ENDED, LATER, told=WHEN), "read from then on"


def test_the_earliest_report_of_which_something_is_owed_is_asked_for() -> None:
    before = Aftermath(Owed.MAYBE, NOW, told=NOW.wall)
    assert moved(before, News.ARRIVED, LATER, LATER.wall) == Aftermath(Owed.TAKEN, LATER, told=NOW.wall)


@pytest.mark.parametrize("owed", [owed for owed in Owed if owed is not Owed.NOTHING])
def test_it_survives_a_restart_by_the_wall_clock(owed: Owed) -> None:
    kept = json.loads(json.dumps(memo(Aftermath(owed, NOW))))
    assert restore(kept) == Aftermath(owed, Instant(-math.inf, WHEN))
    kept = json.loads(json.dumps(memo(Aftermath(owed, NOW, told=LATER.wall, due=7.0))))
    assert restore(kept) == Aftermath(owed, Instant(-math.inf, WHEN), told=LATER.wall)


@pytest.mark.parametrize(
    "kept", [1, "TAKEN", [], {}, {"owed": "LATELY", "at": 7}, {"at": "2026-11-22T08:00:00"}]
)
def test_what_another_version_has_written_is_not_taken_for_nothing(kept: JSON) -> None:
    restored = restore(kept)
    assert restored is not None and restored.owed is Owed.MAYBE
    assert restore(None) is None
