"""Proof of death: NORMAL only when the host is known to be off."""

from dataclasses import replace

import pytest

from masakarimonitors.core.decision import Notify, Withdraw
from masakarimonitors.hostmonitor.core.observation import Membership, Outcome, Power, PowerSeen, ProofKind
from masakarimonitors.hostmonitor.core.state import ProofPolicy
from tests.fixtures.host_play import OWN, Play, pacemaker_policy, policy, started, stopped
from tests.fixtures.outages import undelivered

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


def test_an_unknown_that_waits_for_masakari_does_not_stand_before_its_normal() -> None:
    play = Play(RULES, api=False).all_up("node05").cut("node05").wait(2)
    for _ in range(4):
        play.answer(Power.NO_PROOF).wait(10)
    assert play.reports == [stopped("node05", "UNKNOWN")] and play.withdrawn == []
    play.wait(600).answer(Power.OFF)
    assert [type(command) for command in play.commands if isinstance(command, Notify | Withdraw)] == [
        Withdraw,
        Notify,
    ], "in this order, or it would take back the second"
    assert play.reports == [stopped("node05", "UNKNOWN"), stopped("node05")]


def test_that_unknown_has_arrived_all_the_same_says_nothing_of_the_normal_behind_it() -> None:
    play = Play(RULES, api=False).all_up("node05").cut("node05").wait(2)
    for _ in range(4):
        play.answer(Power.NO_PROOF).wait(10)
    play.wait(600).answer(Power.OFF)
    assert play.reports == [stopped("node05", "UNKNOWN"), stopped("node05")]
    play.answers(Outcome.ACCEPTED, 0)
    assert list(undelivered(play.state)) == ["node05"], "after a restart it is judged anew before it is sent"
    play.answers(Outcome.ACCEPTED, 1)
    assert list(undelivered(play.state)) == []


def test_it_goes_on_asking_ever_more_slowly() -> None:
    play = Play(RULES).all_up("node05").cut("node05").wait(2)
    for _ in range(200):
        if play.asked[-1] == play.asked[len(play.asked) - 1]:
            play.answer(Power.NO_PROOF)
        play.wait(30)
    assert 20 < len(play.asked) < 50
    assert [question.attempt for question in play.asked] == list(range(1, len(play.asked) + 1))


def test_a_host_is_asked_about_while_it_settles_and_what_proves_its_death_ends_that() -> None:
    play = Play(pacemaker_policy(proof=ProofPolicy(), settle=20.0)).all_up("node05").cut("node05")
    assert [question.host for question in play.asked] == ["node05"] and play.reports == []
    play.wait(3).answer(Power.OFF)
    assert play.reports == [stopped("node05")]


def test_a_host_that_is_not_this_monitors_to_report_is_not_asked_about_while_it_settles() -> None:
    rules = pacemaker_policy(proof=ProofPolicy(), elected=True, settle=20.0)
    assert Play(rules).all_up("node05").follows("node02", {}).cut("node05").wait(1).asked == []


def test_a_host_that_is_up_on_a_link_is_the_matrix_s_alone() -> None:
    """It lives, and everybody knows: it is recovered because its instances have lost their disks."""
    play = Play(policy(proof=ProofPolicy())).all_up("node05").cut("node05", "storage").wait(5)
    assert play.asked == [] and play.reports == [stopped("node05")]
    assert "proven" not in play.last("host:node05").why
    # When the rest of it goes as well before masakari has the report, it needs proof like any other.
    play = Play(policy(proof=ProofPolicy()), api=False).all_up("node05").cut("node05", "storage").wait(5)
    play.cut("node05").wait(5)
    assert play.withdrawn == ["host:node05"] and [question.host for question in play.asked] == ["node05"]
    play.answer(Power.OFF)
    assert play.reports == [stopped("node05")] * 2


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
    play = Play(RULES).all_up("node05").leadership(True, OWN).cut("node05").power("node05", Power.OFF)
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
    play.power("node05", Power.OFF, in_reply_to=old).wait(5)
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
    play.view("cluster").sees("cluster", {OWN: Membership.UP, "node05": Membership.DOWN}, whole=True)
    assert play.reports == [stopped("node05")]


def test_a_restart_during_the_wait_for_proof_goes_on_waiting() -> None:
    play = Play(RULES).all_up("node05").cut("node05").wait(2)
    for _ in range(4):
        play.answer(Power.NO_PROOF).wait(10)
    play.start()
    play.view("cluster").sees("cluster", {OWN: Membership.UP, "node05": Membership.DOWN}, whole=True).wait(60)
    assert play.reports == [stopped("node05", "UNKNOWN")]
    play.answer(Power.OFF).wait(5)
    assert play.reports == [stopped("node05", "UNKNOWN"), stopped("node05")]


def test_a_host_that_comes_back_while_proof_is_sought_is_not_reported() -> None:
    play = Play(RULES).all_up("node05").cut("node05").wait(5).heal("node05").wait(600)
    assert play.reports == []
    assert len(play.asked) == 1


def proof_asked(play: Play) -> int:
    return len(play.asked)


def test_proof_that_is_older_than_twice_an_answers_limit_is_asked_for_anew() -> None:
    """Fenced by reboot at the beginning of a blind spell: what it proved then it does not prove now."""
    play = Play(RULES).all_up("node05").cut("node05").view("cluster", proven=False).power("node05", Power.OFF)
    play.wait(241).view("cluster")
    play.sees("cluster", {OWN: Membership.UP, "node05": Membership.DOWN}, whole=True).wait(5)
    assert play.reports == [] and proof_asked(play) == 1
    play.answer(Power.ON).wait(600)
    assert ("node05", "STOPPED", "NORMAL") not in play.reports


def test_proof_is_voided_by_one_sighting_also_when_that_is_not_firm() -> None:
    rules = pacemaker_policy(samples=3, proof=ProofPolicy())
    play = Play(rules, api=False).all_up("node05").wait(60).cut("node05").power("node05", Power.OFF)
    assert play.reports == [stopped("node05")]
    play.heal("node05").wait(6).cut("node05").wait(30)
    assert play.reports == [stopped("node05")]
    assert proof_asked(play) >= 1


def test_what_a_bmc_was_asked_before_the_host_was_seen_up_proves_nothing_when_it_answers() -> None:
    """It was off and has come up again; then it is lost to its cluster alone, and the answer is still on its way."""
    play = Play(replace(RULES, samples=2)).all_up("node05").wait(30).cut("node05").wait(10)
    early, looked = play.asked[-1], play.now
    play.wait(1).heal("node05").wait(1).cut("node05").wait(1)
    late = PowerSeen(
        host="node05", power=Power.OFF, evidence="bmc", at=looked, in_reply_to=early, kind=ProofKind.BMC
    )
    play.feed(late).wait(30)
    assert play.reports == []
    assert play.asked[-1] != early, "it is asked anew"
    play.answer(Power.OFF)
    assert play.reports == [stopped("node05")]


def test_a_question_that_its_host_has_outlived_is_no_try_without_proof() -> None:
    rules = policy(proof=ProofPolicy(retries=0), check_life=True)
    play = Play(rules).all_up("node05").cut("node05").wait(5)
    play.heal("node05", "manage").wait(5)
    assert play.reports == [] and [question.attempt for question in play.asked] == [1, 1]
    play.answer(Power.NO_PROOF)
    assert play.reports == [stopped("node05", "UNKNOWN")]


def test_each_sending_needs_proof_also_after_a_hand_over() -> None:
    rules = pacemaker_policy(elected=True, proof=ProofPolicy())
    play = Play(rules, api=False).all_up("node05").leads({}).cut("node05").answer(Power.OFF)
    assert play.reports == [stopped("node05")]
    play.follows("node02", {}).wait(300).leads(None)
    assert play.reports == [stopped("node05")] and proof_asked(play) == 2
    play.answer(Power.OFF)
    assert play.reports == [stopped("node05"), stopped("node05")]


def test_what_waits_for_masakari_keeps_its_proof_fresh() -> None:
    play = Play(RULES, api=False).all_up("node05").cut("node05").answer(Power.OFF, ProofKind.FENCED)
    for n in range(2, 7):
        play.wait(121)
        assert proof_asked(play) == n
        play.answer(Power.OFF, ProofKind.FENCED)
    assert play.reports == [stopped("node05")] and play.withdrawn == []


def test_what_waits_for_masakari_and_can_be_proven_no_more_is_taken_back() -> None:
    play = Play(RULES, api=False).all_up("node05").cut("node05").power("node05", Power.OFF).wait(121)
    play.answer(Power.ON)
    assert play.withdrawn == ["host:node05"]
    play = Play(RULES, api=False).all_up("node05").cut("node05").power("node05", Power.OFF).wait(239)
    assert play.withdrawn == []
    play.wait(2)
    assert play.withdrawn == ["host:node05"]
    play.wait(600)
    assert play.reports == [stopped("node05")]
    assert play.last("host:node05").alarm, "masakari may or may not have it, and nobody can prove it any more"


DAY = 86400.0


def wait_with_proof(play: Play, seconds: float) -> Play:
    """Time passes, and whenever its power is asked for it is off."""
    end = play.seconds + seconds
    while play.seconds < end:
        play.wait(120.0)
        play.answer(Power.OFF, ProofKind.BMC)
    return play


def test_what_waits_for_masakari_until_it_would_be_given_up_as_too_old_is_made_anew() -> None:
    play = Play(RULES, api=False).all_up("node05").cut("node05").answer(Power.OFF)
    wait_with_proof(play, 1.9 * DAY)
    assert play.reports == [stopped("node05")] * 2
    assert play.withdrawn == ["host:node05"]
    assert (play.now.wall - play.sent[-1].generated_time).total_seconds() < DAY - 3600


def test_what_was_given_to_others_and_came_back_is_made_anew_in_its_time() -> None:
    rules = pacemaker_policy(elected=True, proof=ProofPolicy())
    play = Play(rules, api=False).all_up("node05").leads({}).cut("node05").answer(Power.OFF)
    wait_with_proof(play, DAY / 2)
    play.follows("node02", {}).wait(300).leads(None).answer(Power.OFF)
    assert play.reports == [stopped("node05")] * 2
    assert play.sent[0].generated_time == play.sent[1].generated_time
    wait_with_proof(play, DAY / 2)
    assert play.reports == [stopped("node05")] * 3
    assert (play.now.wall - play.sent[-1].generated_time).total_seconds() < 7200


def test_an_unknown_that_waits_is_made_anew_as_well() -> None:
    play = Play(RULES, api=False).all_up("node05").cut("node05").wait(DAY)
    assert play.reports == [stopped("node05", "UNKNOWN")] * 2
    assert play.withdrawn == ["host:node05"]


def test_proofs_that_contradict_each_other_hold_with_an_alarm() -> None:
    """A taint says off, the BMC says on: either somebody assumed a reboot, or it is the BMC of another host."""
    play = Play(RULES).all_up("node05").cut("node05").power("node05", Power.ON, kind=ProofKind.BMC)
    play.power("node05", Power.OFF, kind=ProofKind.TAINT).wait(60)
    assert ("node05", "STOPPED", "NORMAL") not in play.reports
    held = next(told for told in play.told if "another that it is on" in told.why)
    assert held.alarm


def test_a_proof_that_is_repeated_is_not_asked_for_again_at_once() -> None:
    """A cluster engine has fenced the host once, and has nothing newer to say while masakari is away."""
    play = Play(RULES, api=False).all_up("node05").cut("node05").wait(5)
    fenced = play.now
    play.power("node05", Power.OFF, kind=ProofKind.FENCED)
    for _ in range(230):
        play.wait(1)
        request = play.asked[-1]
        play.feed(
            PowerSeen(
                host="node05",
                power=Power.OFF,
                evidence="fenced",
                at=fenced,
                in_reply_to=request,
                kind=ProofKind.FENCED,
            )
        )
    assert play.reports == [stopped("node05")] and play.withdrawn == []
    assert len(play.asked) < 20


def test_fencing_that_succeeds_after_the_bmc_has_said_on_contradicts_nothing() -> None:
    play = Play(RULES).all_up("node05").cut("node05").wait(30).answer(Power.ON, ProofKind.BMC)
    assert play.reports == []
    play.wait(15).power("node05", Power.OFF, kind=ProofKind.FENCED)
    assert play.reports == [stopped("node05")]


def test_a_mark_that_somebody_sets_does_not_outvote_a_bmc_that_says_on() -> None:
    play = Play(RULES).all_up("node05").cut("node05").wait(30).answer(Power.ON, ProofKind.BMC)
    play.wait(15).power("node05", Power.OFF, kind=ProofKind.TAINT).wait(60)
    assert play.reports == [] and play.last("host:node05").alarm


def test_a_newer_word_of_the_same_source_replaces_the_older() -> None:
    play = Play(RULES).all_up("node05").cut("node05").wait(2).answer(Power.ON, ProofKind.BMC).wait(10)
    play.answer(Power.OFF, ProofKind.BMC)
    assert play.reports == [stopped("node05")]


def test_a_fencing_that_is_told_again_as_old_as_it_is_is_not_asked_about_without_end() -> None:
    """masakari is away for minutes after a fencing; whoever is asked answers at once, with the same fencing."""
    play = Play(pacemaker_policy(proof=ProofPolicy(interval=10.0)), api=False).all_up("node05").cut("node05")
    fenced = PowerSeen(host="node05", power=Power.OFF, evidence="fenced", at=play.now, kind=ProofKind.FENCED)
    play.feed(fenced).wait(121)
    for _ in range(3):
        asked = len(play.asked)
        play.feed(replace(fenced, in_reply_to=play.asked[-1]))
        assert len(play.asked) == asked
        play.wait(10)
        assert len(play.asked) == asked + 1
    # It is asked still, so that a proof which is younger counts.
    play.answer(Power.OFF, ProofKind.BMC).wait(100)
    assert play.reports == [stopped("node05")] and play.withdrawn == []


def test_what_a_bmc_said_before_another_monitor_reported_is_asked_anew() -> None:
    """The other one may have heard since that the power is on again."""
    rules = policy(elected=True, proof=ProofPolicy())
    play = Play(rules, api=False).leads({}).all_up("node05").cut("node05").wait(5)
    play.answer(Power.OFF, ProofKind.BMC).wait(1)
    assert play.reports == [stopped("node05")]
    asked = len(play.asked)
    play.follows("node03", ledger={}).wait(30).leads({}).wait(1)
    assert play.reports == [stopped("node05")] and len(play.asked) == asked + 1
    play.answer(Power.ON, ProofKind.BMC).wait(60)
    assert play.reports == [stopped("node05")]


@pytest.mark.parametrize("kind", [ProofKind.FENCED, ProofKind.TAINT])
def test_what_all_monitors_are_told_is_as_good_after_another_has_reported(kind: ProofKind) -> None:
    rules = policy(elected=True, proof=ProofPolicy())
    play = Play(rules, api=False).leads({}).all_up("node05").cut("node05").wait(5)
    play.power("node05", Power.OFF, kind=kind).follows("node03", ledger={}).wait(30).leads({}).wait(1)
    assert play.reports == [stopped("node05")] * 2
