"""Planned work holds a report with an alarm until it ends; then the failure settles anew."""

import pytest

from masakarimonitors.hostmonitor.core.observation import Membership, Power, Work
from masakarimonitors.hostmonitor.core.state import ProofPolicy
from tests.fixtures.host_play import Play, pacemaker_policy, policy, stopped

WORKS = [Work.STANDBY, Work.MAINTENANCE, Work.CORDONED]


@pytest.mark.parametrize("work", WORKS)
def test_a_host_that_is_lost_while_somebody_works_on_it_is_held_with_an_alarm(work: Work) -> None:
    play = Play(pacemaker_policy()).all_up("node05").work("node05", work).wait(60).cut("node05").wait(3600)
    assert play.reports == []
    assert play.last("host:node05").alarm and "lost while it is" in play.last("host:node05").why


@pytest.mark.parametrize("work", WORKS)
def test_when_the_work_ends_it_settles_anew_and_is_reported(work: Work) -> None:
    play = Play(pacemaker_policy()).all_up("node05").work("node05", work).cut("node05").wait(3600)
    play.work("node05", Work.NONE).wait(1.9)
    assert play.reports == []
    play.wait(0.2)
    assert play.reports == [stopped("node05")]


def test_work_that_ends_with_the_host_back_was_no_failure() -> None:
    play = Play(pacemaker_policy()).all_up("node05").work("node05", Work.MAINTENANCE).cut("node05").wait(600)
    play.heal("node05").work("node05", Work.NONE).wait(600)
    assert play.reports == []


def test_not_even_a_fenced_host_is_taken_from_those_who_work_on_it() -> None:
    rules = pacemaker_policy(proof=ProofPolicy())
    play = (
        Play(rules).all_up("node05").work("node05", Work.MAINTENANCE).cut("node05").power("node05", Power.OFF)
    )
    assert play.reports == []
    play.work("node05", Work.NONE).wait(5)
    assert play.reports == [stopped("node05")]


def test_a_goodbye_excuses_the_loss_that_follows_it_for_as_long_as_the_host_is_away() -> None:
    play = Play(pacemaker_policy()).all_up("node05").cut("node05", to=Membership.LEFT).wait(5)
    play.cut("node05", to=Membership.UNKNOWN).wait(3500)
    assert play.reports == [] and not play.last("host:node05").alarm
    play.wait(200)
    assert play.reports == [] and play.last("host:node05").alarm


def test_a_goodbye_survives_a_restart() -> None:
    play = Play(pacemaker_policy()).all_up("node05").cut("node05", to=Membership.LEFT).wait(5)
    play.start()
    play.all_up().wait(5000)
    assert play.reports == [] and play.last("host:node05").alarm


def test_a_goodbye_excuses_one_loss() -> None:
    play = Play(pacemaker_policy()).all_up("node05").cut("node05", to=Membership.LEFT).wait(5)
    play.heal("node05").wait(60).cut("node05").wait(5)
    assert play.reports == [stopped("node05")]


def test_work_on_one_host_holds_no_other() -> None:
    play = Play(policy()).all_up("node05", "node06").work("node05", Work.MAINTENANCE)
    play.cut("node05").cut("node06").wait(5)
    assert play.reports == [stopped("node06")]


def test_a_host_that_left_one_link_and_is_up_on_others_is_in_nobodys_want() -> None:
    play = Play(policy(lookup=True)).all_up("node05").registry({"node05": False}).wait(30)
    play.cut("node05", "manage", to=Membership.LEFT).wait(5)
    assert not play.last("host:node05").alarm and "nobody recovers" not in play.last("host:node05").why
    play.wait(3600)
    assert play.last("host:node05").alarm and "it left manage" in play.last("host:node05").why
    play.cut("node05", "tenant", "storage", to=Membership.LEFT).wait(5)
    assert play.last("host:node05").alarm
