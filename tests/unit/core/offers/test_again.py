"""When a report that masakari did not take is offered again."""

import datetime

import pytest

from masakarimonitors.core.decision import Instant, WakeAt
from masakarimonitors.core.offers.again import (
    LOOK,
    LOOK_EVERY,
    Ended,
    HostSeen,
    Looks,
    LookUpHost,
    arrange,
    look,
    may_be_taken,
    went_with_its_host,
)

WALL = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)


def at(second: float) -> Instant:
    return Instant(second, WALL + datetime.timedelta(seconds=second))


def test_looks_are_made_while_they_are_wanted_and_at_one_pace() -> None:
    looks, decision = arrange(Looks(), True, at(10.0))
    assert decision.commands == (WakeAt(LOOK, 10.0 + LOOK_EVERY),)
    assert arrange(looks, True, at(11.0)) == (looks, arrange(Looks(), False, at(11.0))[1])
    asked, again = look(looks, (at(5.0).wall, at(7.0).wall), at(310.0)).commands
    assert isinstance(asked, LookUpHost) and asked.since < at(5.0).wall
    assert again == WakeAt(LOOK, 310.0 + LOOK_EVERY)
    assert look(looks, (), at(310.0)).commands == look(Looks(), (WALL,), at(310.0)).commands == ()
    looks, decision = arrange(looks, False, at(700.0))
    assert decision.commands == (WakeAt(LOOK, None),) and looks == Looks()


@pytest.mark.parametrize(
    ("registered", "on_maintenance", "takes"),
    [(True, False, True), (True, True, False), (False, None, False), (None, None, None)],
)
def test_masakari_takes_reports_of_a_host_that_it_knows_and_that_is_not_on_maintenance(
    registered: bool | None, on_maintenance: bool | None, takes: bool | None
) -> None:
    seen = HostSeen(registered, on_maintenance, at(500.0))
    assert seen.takes is takes
    looks = Looks(arranged=True, last=seen)
    assert may_be_taken(looks, Ended(1, 100.0), at(500.0)) is (takes is not False)
    assert not may_be_taken(looks, Ended(1, 500.0), at(5000.0)), "that look was before it was refused"
    assert not may_be_taken(looks, Ended(1, 300.0), at(500.0)), "too early"
    assert not may_be_taken(Looks(), Ended(1, 100.0), at(500.0))


def test_it_is_offered_ever_more_slowly_up_to_once_an_hour() -> None:
    assert [Ended(n, 1000.0).due - 1000.0 for n in (1, 2, 3, 4, 5, 99)] == [300, 600, 1200, 2400, 3600, 3600]


def test_a_host_that_failed_later_took_everything_on_it_along() -> None:
    def failed(second: float | None) -> Looks:
        moment = None if second is None else at(second).wall
        return Looks(True, HostSeen(True, True, at(9000.0), failed_at=moment))

    died = at(1000.0).wall
    assert went_with_its_host(failed(1000.0), died) and went_with_its_host(failed(5000.0), died)
    assert not went_with_its_host(failed(500.0), died)
    assert not went_with_its_host(failed(None), died) and not went_with_its_host(Looks(), died)
