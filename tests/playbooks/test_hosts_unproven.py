"""Where nothing can prove that a host is off: a longer time to settle, and signs of life, before NORMAL."""

from dataclasses import replace

import pytest

from masakarimonitors.hostmonitor.core.evidence import matrix
from masakarimonitors.hostmonitor.core.evidence.inquiry import LIFE_INTERVAL, LIFE_LIMIT, UNTRIED_FOR
from masakarimonitors.hostmonitor.core.observation import Life, LifeSeen, Membership, Power, ProofKind
from masakarimonitors.hostmonitor.core.state import ProofPolicy
from tests.fixtures.host_play import Play, policy, shipped_policy, stopped

RULES = policy(unproven_settle=30.0, check_life=True)
ONE_LINK = policy(matrix=matrix.single("cluster"), unproven_settle=30.0, check_life=True)


@pytest.mark.parametrize("flap", [3.0, 12.0, 29.0])
def test_a_living_host_that_is_lost_for_some_seconds_is_not_accused(flap: float) -> None:
    play = Play(RULES).all_up("node05").cut("node05").wait(flap).heal("node05").wait(600)
    assert play.reports == []


def test_after_the_longer_time_and_silence_it_is_reported_without_the_word_proven() -> None:
    play = Play(RULES).all_up("node05").cut("node05").wait(29.9)
    assert play.reports == []
    play.wait(0.2)
    assert play.reports == [stopped("node05")]
    why = play.last("host:node05").why
    assert "proven" not in why and "nobody has checked that it is off, and nothing of it answers" in why


def test_signs_of_life_are_looked_for_just_before_the_end_of_the_settling() -> None:
    """So that nothing is waited for after it, and what was silent was so a moment ago."""
    play = Play(RULES, life=None).all_up("node05").cut("node05").wait(17.9)
    assert play.asked_life == []
    play.wait(0.2).breathes(Life.SILENT)
    assert len(play.asked_life) == 1 and play.reports == []
    play.wait(11.7)
    assert play.reports == []
    play.wait(0.3)
    assert play.reports == [stopped("node05")]


def test_what_only_lost_its_storage_is_the_matrixs_to_judge() -> None:
    play = Play(RULES, life=Life.ALIVE).all_up("node05").cut("node05", "storage").wait(1.9)
    assert play.reports == [] and len(play.asked_life) == 1
    play.wait(0.2)
    assert play.reports == [stopped("node05")]


@pytest.mark.parametrize("life", [Life.SILENT, Life.UNKNOWN])
def test_a_link_that_may_only_not_have_been_noticed_yet_is_no_sign_of_life(life: Life) -> None:
    """The host hangs for ten seconds: one network's agents call it failed some seconds before the others do."""
    play = Play(RULES, life=life).all_up("node05").cut("node05", "storage").wait(2.5)
    play.cut("node05", "manage", "tenant").wait(7.5).heal("node05").wait(600)
    assert play.reports == []


def test_a_link_that_stays_up_though_nothing_answers_is_believed_after_the_longer_time() -> None:
    play = Play(RULES, life=Life.SILENT).all_up("node05").cut("node05", "storage").wait(29.9)
    assert play.reports == []
    play.wait(0.2)
    assert play.reports == [stopped("node05")]


def test_a_host_that_still_answers_is_held_loudly_and_tried_again() -> None:
    play = (
        Play(RULES, life=None)
        .all_up("node05")
        .cut("node05")
        .wait(30)
        .breathes(Life.ALIVE, "10.0.0.5:22 refused")
    )
    held = play.last("host:node05")
    assert held.alarm and "still answers: 10.0.0.5:22 refused" in held.why
    play.wait(29.9)
    assert len(play.asked_life) == 1
    play.wait(0.2).breathes(Life.ALIVE)
    assert play.reports == [] and len(play.asked_life) == 2


def test_one_that_answered_until_now_is_silent_for_as_long_as_any_other_before_it_is_reported() -> None:
    """One try in vain may be a restart, or packets that were lost."""
    play = Play(RULES, life=None).all_up("node05").cut("node05").wait(30).breathes(Life.ALIVE)
    play.wait(30.1).breathes(Life.SILENT).wait(17.9)
    assert play.reports == [] and len(play.asked_life) == 2
    play.wait(0.2).breathes(Life.SILENT).wait(11.8)
    assert play.reports == []
    play.wait(0.2)
    assert play.reports == [stopped("node05")] and len(play.asked_life) == 3


def test_one_that_answers_again_after_one_try_in_vain_is_held() -> None:
    play = Play(RULES, life=None).all_up("node05").cut("node05").wait(30)
    for _ in range(20):
        play.breathes(Life.ALIVE).wait(30.1).breathes(Life.SILENT).wait(18.1)
    play.breathes(Life.ALIVE)
    assert play.reports == [] and play.last("host:node05").alarm


def test_where_nothing_can_be_tried_it_is_reported_and_that_is_said() -> None:
    play = Play(RULES, life=Life.UNKNOWN).all_up("node05").cut("node05").wait(30)
    assert play.reports == [stopped("node05")]
    assert "it is not known whether anything of it still answers" in play.last("host:node05").why


def test_an_answer_that_never_comes_is_as_if_nobody_could_try() -> None:
    play = Play(RULES, life=None).all_up("node05").cut("node05").wait(18 + LIFE_LIMIT + UNTRIED_FOR - 0.1)
    assert play.reports == [] and len(play.asked_life) == 12
    play.wait(LIFE_LIMIT)  # the question that is open then has its time
    assert play.reports == [stopped("node05")]


def test_what_could_not_be_tried_holds_loudly_and_is_tried_again_for_a_while() -> None:
    """A monitor without descriptors, or without the name service, sees the silence of all."""
    play = Play(RULES, life=Life.UNTRIED).all_up("node05").cut("node05").wait(18 + UNTRIED_FOR - 0.1)
    assert play.reports == [] and len(play.asked_life) == UNTRIED_FOR / LIFE_INTERVAL
    last = play.last("host:node05")
    assert last.alarm and "could not be tried: 10.0.0.5:22" in last.why and "10 min" in last.why
    play.wait(0.2)
    assert play.reports == [stopped("node05")]
    assert "it is not known whether anything of it still answers" in play.last("host:node05").why


@pytest.mark.parametrize(
    ("then", "reports"), [(Life.SILENT, [stopped("node05")]), (Life.ALIVE, []), (Life.UNTRIED, [])]
)
def test_the_first_try_that_succeeds_decides(then: Life, reports: list[tuple[str, str, str]]) -> None:
    play = Play(RULES, life=Life.UNTRIED).all_up("node05").cut("node05").wait(100)
    play.life = then
    play.wait(LIFE_INTERVAL + 1)
    assert play.reports == reports


def test_silence_of_an_hour_ago_is_not_relied_on() -> None:
    """Asked by this monitor before it lost the leadership for an hour."""
    play = (
        Play(policy(elected=True, unproven_settle=30.0, check_life=True), life=None)
        .all_up("node05")
        .leads({})
    )
    play.cut("node05").wait(30)
    question = play.asked_life[-1]
    play.follows("node02").breathes(Life.SILENT).wait(3600).leads({})
    assert len(play.asked_life) == 2 and play.asked_life[-1] != question
    play.breathes(Life.ALIVE).wait(5)
    assert play.reports == []


def test_an_answer_about_the_outage_before_says_nothing_of_this_one() -> None:
    play = Play(RULES, life=None).all_up("node05").cut("node05").wait(30)
    old = play.asked_life[-1]
    play.heal("node05").wait(10).cut("node05").wait(30)
    assert play.asked_life[-1] != old
    play.asked_life.append(old)
    play.breathes(Life.SILENT).wait(5)
    assert play.reports == []


def test_a_link_that_comes_up_while_it_fails_settles_it_anew() -> None:
    """A network heals link by link: the first one up does not accuse by the others."""
    play = Play(RULES).all_up("node05").cut("node05").wait(29).heal("node05", "manage").wait(1.9)
    assert play.reports == []
    play.heal("node05").wait(600)
    assert play.reports == []


def test_silence_of_before_the_host_was_seen_up_says_nothing_of_it_after_that() -> None:
    """It was off and boots: what was asked before, or answered before, is about what is over."""
    play = Play(RULES, life=None).all_up("node05").cut("node05").wait(18)
    early = play.asked_life[-1]
    play.wait(2).heal("node05", "manage").wait(2).cut("node05", "manage").wait(7)
    late = LifeSeen(host="node05", life=Life.SILENT, evidence="ssh", at=play.now, in_reply_to=early)
    play.feed(late).wait(11)
    assert play.asked_life[-1] != early, "it is asked anew"
    play.breathes(Life.ALIVE).wait(30)
    assert play.reports == []


def test_silence_is_voided_by_one_sighting_also_when_that_is_not_firm() -> None:
    play = Play(replace(RULES, samples=2), life=None).all_up("node05").wait(30).cut("node05").wait(30)
    assert len(play.asked_life) == 1 and play.reports == []
    play.breathes(Life.SILENT).heal("node05", "manage").wait(1).cut("node05", "manage").wait(25)
    assert len(play.asked_life) == 2
    play.breathes(Life.ALIVE).wait(30)
    assert play.reports == []


def test_what_waits_for_masakari_is_looked_at_again_and_taken_back_when_it_answers() -> None:
    """masakari is away for an hour; the host was only powered off, boots, and its agent does not start."""
    play = Play(RULES, api=False, life=None).all_up("node05").cut("node05").wait(30).breathes(Life.SILENT)
    assert play.reports == [stopped("node05")]
    for n in range(2, 6):
        play.wait(30.1)
        assert len(play.asked_life) == n
        play.breathes(Life.SILENT)
    assert play.withdrawn == []
    play.wait(30.1).breathes(Life.ALIVE)
    assert play.withdrawn == ["host:node05"]
    assert play.last("host:node05").alarm and "still answers" in play.last("host:node05").why
    play.wait(3600)
    assert play.reports == [stopped("node05")]


def test_what_waits_for_masakari_is_not_taken_back_for_an_answer_that_never_comes() -> None:
    play = Play(RULES, api=False, life=None).all_up("node05").cut("node05").wait(30).breathes(Life.SILENT)
    play.wait(3600)
    assert play.withdrawn == [] and 30 < len(play.asked_life) < 130


UNCHECKED = policy(
    matrix=matrix.single("cluster"), proof=ProofPolicy(), unproven_settle=30.0, check_life=True
)


def test_a_configuration_that_counts_as_proof_proves_nothing() -> None:
    play = Play(UNCHECKED).all_up("node05").cut("node05").wait(2).answer(Power.OFF, ProofKind.UNCHECKED)
    assert play.reports == []
    play.wait(27.9)
    assert play.reports == []
    play.wait(0.2)
    assert play.reports == [stopped("node05")] and len(play.asked_life) == 1
    assert "proven" not in play.last("host:node05").why


def test_unchecked_does_not_hide_that_the_power_is_on() -> None:
    play = Play(UNCHECKED).all_up("node05").cut("node05").power("node05", Power.ON, kind=ProofKind.BMC)
    play.power("node05", Power.OFF, kind=ProofKind.UNCHECKED).wait(200)
    assert ("node05", "STOPPED", "NORMAL") not in play.reports


def test_shipped_rules_are_the_safe_ones() -> None:
    rules = shipped_policy()
    assert (rules.unproven_settle, rules.check_life, rules.stagger, rules.look_up_reports) == (
        30.0,
        True,
        2.0,
        True,
    )


def test_settling_begins_anew_when_sight_returns() -> None:
    play = Play(ONE_LINK).all_up("node05").cut("node05").wait(29).view("cluster", proven=False).wait(60)
    play.view("cluster").sees("cluster", {"node05": Membership.DOWN}, whole=True).wait(29.9)
    assert play.reports == []
    play.wait(0.2)
    assert play.reports == [stopped("node05")]


def test_what_waits_for_masakari_is_tried_again_and_taken_back_when_it_answers() -> None:
    play = Play(shipped_policy(), api=False).leads({}).all_up("node05").cut("node05").wait(60)
    assert play.reports == [stopped("node05")]
    play.wait(3600)
    assert play.withdrawn == [] and len(play.asked_life) > 100
    play.life = Life.ALIVE
    play.wait(31)
    assert play.withdrawn == ["host:node05"]
    assert play.last("host:node05").alarm and "still answers" in play.last("host:node05").why
    play.life = Life.SILENT
    play.wait(31)
    assert play.reports == [stopped("node05")]
    play.wait(30)
    assert play.reports == [stopped("node05")] * 2 and play.notified[-1].again


def test_a_question_about_life_that_is_never_answered_takes_nothing_back() -> None:
    play = Play(shipped_policy(), api=False).leads({}).all_up("node05").cut("node05").wait(60)
    play.life = None
    play.wait(600)
    assert play.reports == [stopped("node05")] and play.withdrawn == []


def test_what_was_taken_as_off_unchecked_is_asked_about_anew_while_it_waits() -> None:
    rules = policy(matrix=matrix.single("cluster"), proof=ProofPolicy())
    play = Play(rules, api=False).all_up("node05").cut("node05").wait(5)
    play.answer(Power.OFF, ProofKind.UNCHECKED).wait(121)
    assert play.reports == [stopped("node05")] and len(play.asked) == 2
    play.answer(Power.OFF, ProofKind.UNCHECKED).wait(240)
    assert play.withdrawn == ["host:node05"]
