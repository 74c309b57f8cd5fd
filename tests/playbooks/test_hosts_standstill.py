"""This monitor stands still (its computer is suspended, somebody stops it): what it has not seen was not quiet."""

import pytest

from masakarimonitors.core.storm import STEP, GuardPolicy
from masakarimonitors.hostmonitor.core.observation import Membership
from tests.fixtures.host_play import Play, policy, stopped

MANY = ("node02", "node03", "node04", "node05", "node06", "node07")
HOLD = 300.0
LOST = MANY[:4]


def storm() -> Play:
    """Most hosts lose their storage; the sources prove their sight for as long as nobody says otherwise."""
    play = Play(policy(guard=GuardPolicy(hold=HOLD))).all_up(*MANY).wait(1)
    for host in LOST:
        play.cut(host, "storage")
    return play.wait(10)


def stand_still(play: Play, seconds: float) -> Play:
    """Time goes on, and no alarm goes off before it is over."""
    play.seconds += seconds
    return play


def test_a_storm_ends_when_it_was_quiet_for_its_time() -> None:
    play = storm()
    assert play.wait(HOLD - 11).reports == []
    assert play.wait(5).reports == [stopped(host) for host in LOST]


@pytest.mark.parametrize("before", [30.0, 280.0])
def test_hours_in_which_it_stood_still_end_no_storm(before: float) -> None:
    """The hosts may have come back meanwhile; that still lies in the sockets of its sources."""
    play = stand_still(storm().wait(before), 3600.0).wait(0)
    assert play.reports == [] and play.said("storm:all hosts") == ["held"]
    for host in LOST:
        play.heal(host, "storage")
    assert play.wait(3600).reports == []


@pytest.mark.parametrize("before", [30.0, 280.0])
def test_what_was_seen_before_counts_on(before: float) -> None:
    play = stand_still(storm().wait(before), 3600.0).wait(0)
    assert play.wait(HOLD - 10 - before - 1).reports == []
    assert play.wait(2 * STEP).reports == [stopped(host) for host in LOST]


def test_one_that_fails_meanwhile_joins_the_storm() -> None:
    play = stand_still(storm(), 3600.0).wait(0)
    play.sees("storage", {"node06": Membership.DOWN}).wait(HOLD - 1)
    assert play.reports == []
    assert len(play.wait(2 * STEP).reports) == 5
