"""What is asked about an outage: one question of a kind is open, and only its answer counts."""

import datetime
from dataclasses import replace

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.evidence.inquiry import LIFE_AGE, LIFE_INTERVAL, Inquiry
from masakarimonitors.hostmonitor.core.observation import (
    CheckLife,
    CheckPower,
    Life,
    LifeSeen,
    LookUpReports,
    ReportsFound,
)

EPOCH = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)
NOW = Instant(0.0, EPOCH)


def moment(at: float, set_forward: float = 0.0) -> Instant:
    return Instant(at, EPOCH + datetime.timedelta(seconds=at + set_forward))


def life(value: Life, request_id: int = 1) -> LifeSeen:
    return LifeSeen(host="a", life=value, evidence="", at=NOW, in_reply_to=CheckLife("a", request_id))


def test_an_answer_about_life_counts_for_the_question_that_is_open() -> None:
    asked = Inquiry(life=CheckLife("a", 1))
    assert asked.life_answered(life(Life.ALIVE, 2)) == asked
    answered = asked.life_answered(life(Life.SILENT))
    assert answered.life is None and answered.life_known(moment(0.0)) == life(Life.SILENT)


def test_what_has_answered_once_is_alive_until_it_is_silent() -> None:
    alive = Inquiry(life=CheckLife("a", 1)).life_answered(life(Life.ALIVE))
    for later, then in ((Life.UNKNOWN, Life.ALIVE), (Life.UNTRIED, Life.ALIVE), (Life.SILENT, Life.SILENT)):
        asked = replace(alive, life=CheckLife("a", 2)).life_answered(life(later, 2))
        assert asked.life is None and asked.life_seen is not None and asked.life_seen.life is then


def test_since_when_nobody_could_try_is_kept_until_somebody_has() -> None:
    asked = Inquiry(life=CheckLife("a", 1)).life_answered(life(Life.UNTRIED))
    assert asked.untried_since == NOW.monotonic
    later = replace(life(Life.UNTRIED, 2), at=moment(30.0))
    again = replace(asked, life=CheckLife("a", 2)).life_answered(later)
    assert again.untried_since == NOW.monotonic
    for value in (Life.SILENT, Life.UNKNOWN, Life.ALIVE):
        ended = replace(again, life=CheckLife("a", 3)).life_answered(life(value, 3))
        assert ended.untried_since is None
    assert again.life_voided().untried_since is None


def test_how_long_an_answer_about_life_is_relied_on() -> None:
    silent = Inquiry(life=CheckLife("a", 1)).life_answered(life(Life.SILENT))
    assert (
        silent.life_known(moment(LIFE_AGE - 0.1)) is not None and silent.life_known(moment(LIFE_AGE)) is None
    )
    alive = Inquiry(life=CheckLife("a", 1)).life_answered(life(Life.ALIVE))
    assert (
        alive.life_known(moment(LIFE_INTERVAL - 0.1)) is not None
        and alive.life_known(moment(LIFE_INTERVAL)) is None
    )
    assert Inquiry().life_known(moment(0.0)) is None
    # While this computer stood still the host may have come up.
    assert silent.life_known(moment(1.0, LIFE_AGE - 2.0)) is not None
    assert silent.life_known(moment(1.0, LIFE_AGE - 1.0)) is None


def test_an_answer_of_masakari_counts_for_the_question_that_is_open() -> None:
    question = LookUpReports("a", EPOCH, HostStatus.NORMAL, 1)
    other = LookUpReports("a", EPOCH, HostStatus.NORMAL, 2)
    asked = Inquiry(lookup=question)
    late = ReportsFound(host="a", found=True, evidence="", at=NOW, in_reply_to=other)
    found = ReportsFound(host="a", found=True, evidence="", at=NOW, in_reply_to=question)
    assert asked.lookup_answered(late) == asked
    assert asked.lookup_answered(found) == Inquiry(found=found)


def test_after_a_break_only_the_search_for_proof_goes_on() -> None:
    question = CheckPower("a", 2, 7)
    before = Inquiry(
        attempts=2, power=question, power_until=9.0, power_next=5.0, life=CheckLife("a", 1), life_until=3.0
    )
    assert before.anew() == Inquiry(attempts=2, power=question, power_until=9.0, power_next=5.0)


def test_a_question_about_power_that_is_closed_leaves_when_to_ask_again() -> None:
    closed = Inquiry(attempts=1, power=CheckPower("a", 1, 1), power_until=9.0).power_closed(20.0)
    assert (closed.power, closed.power_next, closed.attempts) == (None, 20.0, 1)


def test_a_question_about_power_that_is_voided_was_never_asked() -> None:
    asked = Inquiry(attempts=2, power=CheckPower("a", 2, 7), power_until=120.0, power_next=60.0)
    void = asked.power_voided()
    assert (void.power, void.attempts) == (None, 1) and void.power_next < 0.0
    closed = Inquiry(attempts=2, power_next=60.0)
    assert closed.power_voided() is closed, "an answer that has come has been counted"


def test_silence_that_is_voided_was_never_asked_for_and_what_has_answered_stays() -> None:
    silent = Inquiry(life=CheckLife("a", 2), life_until=25.0, life_seen=life(Life.SILENT))
    assert silent.life_voided() == Inquiry()
    assert silent.life_voided().life_answered(life(Life.SILENT, 2)) == Inquiry()
    alive = Inquiry(life=CheckLife("a", 2), life_seen=life(Life.ALIVE))
    assert alive.life_voided() == Inquiry(life_seen=life(Life.ALIVE))
