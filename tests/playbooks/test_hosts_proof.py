"""Proof of death: NORMAL only when the host is known to be off."""

from masakarimonitors.hostmonitor.observation import Delivered, Link, Power
from masakarimonitors.hostmonitor.outage import ProofPolicy
from masakarimonitors.hostmonitor.state import undelivered
from masakarimonitors.notifications import HostStatus
from tests.fixtures.host_play import OWN, Play, pacemaker_policy, started, stopped

RULES = pacemaker_policy(proof=ProofPolicy(retries=3, interval=10.0))


def test_r7_waits_for_the_proof_then_normal() -> None:
    play = Play(RULES).all_up("node05").cut("node05").wait(5)
    assert play.reports == []
    assert [question.attempt for question in play.asked] == [1]
    play.answer(Power.NO_PROOF).wait(10).answer(Power.OFF)
    assert play.reports == [stopped("node05")]
    play.wait(3600)
    assert play.reports == [stopped("node05")]


def test_r7_unknown_after_the_retries_and_normal_when_proof_comes_later() -> None:
    play = Play(RULES).all_up("node05").cut("node05").wait(2)
    for _ in range(4):
        play.answer(Power.NO_PROOF).wait(10)
    assert play.reports == [stopped("node05", "UNKNOWN")]
    play.wait(600)
    assert play.reports == [stopped("node05", "UNKNOWN")]
    play.answer(Power.OFF).wait(600)
    assert play.reports == [stopped("node05", "UNKNOWN"), stopped("node05")]
    play.heal("node05").wait(60)
    assert play.reports[-1] == started("node05")


def test_that_unknown_has_arrived_says_nothing_of_the_normal_behind_it() -> None:
    play = Play(RULES, api=False).all_up("node05").cut("node05").wait(2)
    for _ in range(4):
        play.answer(Power.NO_PROOF).wait(10)
    play.wait(600).answer(Power.OFF)
    assert play.reports == [stopped("node05", "UNKNOWN"), stopped("node05")]
    play.feed(Delivered("node05", play.now, HostStatus.UNKNOWN))
    assert list(undelivered(play.state)) == ["node05"], "after a restart it is judged anew before it is sent"
    play.feed(Delivered("node05", play.now, HostStatus.NORMAL))
    assert list(undelivered(play.state)) == []


def test_it_goes_on_asking_ever_more_slowly() -> None:
    play = Play(RULES).all_up("node05").cut("node05").wait(2)
    for _ in range(200):
        if play.asked[-1] == play.asked[len(play.asked) - 1]:
            play.answer(Power.NO_PROOF)
        play.wait(30)
    assert 20 < len(play.asked) < 50
    assert [question.attempt for question in play.asked] == list(range(1, len(play.asked) + 1))


def test_fencing_is_proof_at_once_and_needs_no_settling_and_no_more_samples() -> None:
    play = Play(pacemaker_policy(proof=ProofPolicy(), samples=3)).all_up("node05").wait(60)
    play.cut("node05").wait(0.2).power("node05", Power.OFF)
    assert play.reports == [stopped("node05")]


def test_power_on_is_never_normal() -> None:
    play = Play(RULES).all_up("node05").cut("node05").wait(2)
    for _ in range(50):
        play.answer(Power.ON).wait(60)
    assert play.reports == [stopped("node05", "UNKNOWN")]


def test_a_bmc_that_stops_answering_takes_no_proof_back() -> None:
    play = Play(RULES).all_up("node05").office(True, OWN).cut("node05").power("node05", Power.OFF)
    play.power("node05", Power.NO_PROOF).wait(60)
    assert play.reports == [stopped("node05")]


def test_an_answer_that_never_comes_counts_as_no_proof() -> None:
    play = Play(RULES).all_up("node05").cut("node05").wait(3600)
    assert play.reports == [stopped("node05", "UNKNOWN")]
    assert len(play.asked) > 5


def test_a_late_answer_about_an_earlier_outage_proves_nothing() -> None:
    """Asked while it was off, it rebooted, then only its link was cut: the old OFF must not count."""
    play = Play(RULES).all_up("node05").cut("node05").wait(2)
    old = play.asked[-1]
    play.heal("node05").wait(60).cut("node05").wait(5)
    play.power("node05", Power.OFF, answers=old).wait(5)
    assert play.reports == []
    assert play.asked[-1] != old


def test_a_proof_is_forgotten_when_the_host_is_up_again() -> None:
    play = Play(RULES).all_up("node05").cut("node05").power("node05", Power.OFF).heal("node05").wait(60)
    play.cut("node05").wait(5)
    assert play.reports == [stopped("node05"), started("node05")]


def test_a_proof_for_a_host_that_is_up_is_dropped() -> None:
    play = Play(RULES).all_up("node05").power("node05", Power.OFF).cut("node05").wait(5)
    assert play.reports == []


def test_without_quorum_a_proof_alone_is_not_enough() -> None:
    play = Play(RULES).all_up("node05").cut("node05").view("cluster", proven=False)
    play.power("node05", Power.OFF).wait(60)
    assert play.reports == []
    play.view("cluster").sees("cluster", {OWN: Link.UP, "node05": Link.DOWN}, whole=True)
    assert play.reports == [stopped("node05")]


def test_a_restart_during_the_wait_for_proof_goes_on_waiting() -> None:
    play = Play(RULES).all_up("node05").cut("node05").wait(2)
    for _ in range(4):
        play.answer(Power.NO_PROOF).wait(10)
    play.start()
    play.view("cluster").sees("cluster", {OWN: Link.UP, "node05": Link.DOWN}, whole=True).wait(60)
    assert play.reports == [stopped("node05", "UNKNOWN")]
    play.answer(Power.OFF).wait(5)
    assert play.reports == [stopped("node05", "UNKNOWN"), stopped("node05")]


def test_a_host_that_comes_back_while_proof_is_sought_is_not_reported() -> None:
    play = Play(RULES).all_up("node05").cut("node05").wait(5).heal("node05").wait(600)
    assert play.reports == []
    assert len(play.asked) == 1
