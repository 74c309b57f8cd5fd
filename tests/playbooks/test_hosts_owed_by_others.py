"""A host that is to be put back into service, and who tells a person so where that is no matter of course.

While all report, whoever told its failure does; and its own monitor, which may be the next that reports, judges all
hosts but its own.
"""

import pytest

from masakarimonitors.hostmonitor.core.observation import Membership
from tests.fixtures.host_play import OWN, Play
from tests.playbooks.test_hosts_owed import ASKS, FLAGGED, IN_SERVICE, RULES, lost, owed, read


def told_by_another() -> Play:
    """While all report, another monitor has told the failure; the host is back, and out of service."""
    play = Play(ASKS, listed=True).all_up("node05").nobody_for_long().registry(IN_SERVICE)
    play.cut("node05").wait(60)
    assert play.reports == []
    play.listed = None
    return play.heal("node05").registry(FLAGGED)


@pytest.mark.parametrize("restarts", [False, True])
def test_what_another_has_told_while_all_report_is_owed_by_who_is_elected_then(restarts: bool) -> None:
    play = told_by_another()
    assert not owed(read(play, FLAGGED)), "who has told it looks after it"
    if restarts:
        play.start()
        play.all_up("node05")
    play.leads({}).registry(FLAGGED)
    assert owed(play)
    assert not owed(read(play, IN_SERVICE, 1))


def test_after_an_hour_it_is_by_everybody_for_who_has_told_it_may_be_gone() -> None:
    play = told_by_another()
    assert not owed(read(play, FLAGGED, 59))
    assert owed(read(play, FLAGGED, 2))
    assert not owed(read(play, IN_SERVICE, 1))


def test_who_is_owed_to_be_put_back_and_reports_now_judges_all_but_itself_so_the_one_before_it_goes_on() -> (
    None
):
    play = read(lost(api=True).heal("node05"), FLAGGED, 1)
    assert owed(play) and owed(play.follows("Node05").wait(600))
    assert owed(play.registry(FLAGGED).wait(1))
    assert not owed(play.wait(3600).registry(IN_SERVICE).wait(1))


def test_and_after_an_hour_so_does_every_other_one() -> None:
    play = Play(RULES).all_up("node05").follows("node02").cut("node05").wait(5)
    play.follows("node02", dict(lost(api=True).ledgers[-1])).heal("node05").follows("node05", {}).registry(
        FLAGGED
    )
    assert not owed(play.wait(3500))
    assert owed(play.wait(200))
    assert not owed(play.follows("node02", {}).wait(1)), "it is judged by who reports"


def test_meanwhile_all_else_is_said_of_it() -> None:
    play = read(told_by_another(), FLAGGED)
    play.sees("cluster", {OWN: Membership.UP}, whole=True).wait(1)
    assert play.last("host:node05").alarm and "nobody saw it leave" in play.last("host:node05").why
