"""What masakari answers: refused is not delivered, and an answer belongs to the report that it answers."""

import datetime
import itertools

import pytest

from masakarimonitors.core.decision import Verdict
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.observation import (
    Answered,
    Membership,
    Outcome,
    Power,
    ProofKind,
)
from masakarimonitors.hostmonitor.core.state import ProofPolicy
from tests.fixtures.host_play import OWN, THREE, Play, pacemaker_policy, policy, started, stopped
from tests.fixtures.outages import undelivered

MAINTENANCE = "409 Host node05 is under maintenance"
ONE = {"node05": False}
FLAGGED = {"node05": True}


def seen_again(play: Play, *down: str) -> Play:
    """Every link is listed anew: these are down, the others up."""
    for link in play.rules.matrix.sequence:
        values = {
            host: Membership.DOWN if host in down else Membership.UP for host in (OWN, *play.state.hosts)
        }
        play.view(link).sees(link, values, whole=True)
    return play


def alarms(play: Play) -> list[Verdict]:
    return [told for told in play.told if told.alarm and told.subject == "host:node05"]


# -- refused ------------------------------------------------------------------------------------------


def refused() -> Play:
    """The host died while it was on maintenance, which this monitor did not know: masakari has refused the report."""
    play = Play(policy(lookup=True), api=False).all_up("node05").registry(ONE).cut("node05").wait(5)
    return play.answers(Outcome.REFUSED, why=MAINTENANCE)


def test_refused_is_not_delivered_but_an_alarm() -> None:
    play = refused()
    assert list(undelivered(play.state)) == ["node05"]
    last = play.last("host:node05")
    assert last.alarm and last.why.startswith(f"failed, refused by masakari: {MAINTENANCE}")


def test_refused_is_offered_anew_when_the_first_reading_after_it_shows_no_maintenance() -> None:
    """The flag was set and cleared between two readings: no change of it was ever seen."""
    play = refused().wait(55)
    assert play.reports == [stopped("node05")]
    play.registry(ONE).wait(5)
    assert play.reports == [stopped("node05"), stopped("node05")]


def test_refused_is_offered_anew_when_the_maintenance_ends() -> None:
    play = refused()
    for _ in range(60):
        play.registry(FLAGGED).wait(60)
    assert play.reports == [stopped("node05")], "masakari would refuse it again"
    play.registry(ONE).wait(5)
    assert play.reports == [stopped("node05"), stopped("node05")]
    first, second = play.sent
    assert second.generated_time - first.generated_time > datetime.timedelta(hours=1)
    assert not play.notified[-1].again


def test_refused_is_offered_anew_when_the_host_is_registered() -> None:
    play = Play(policy(lookup=True), api=False).all_up("node05").registry({}).cut("node05").wait(5)
    play.answers(Outcome.REFUSED, why="400 Host with name node05 could not be found").wait(60)
    play.registry(ONE)
    assert play.reports == [stopped("node05"), stopped("node05")]


def test_refused_is_offered_anew_slowly_without_any_news() -> None:
    play = Play(api=False).all_up("node05").cut("node05").wait(5).answers(Outcome.REFUSED, why=MAINTENANCE)
    play.wait(299)
    assert len(play.reports) == 1
    play.wait(1).answers(Outcome.REFUSED, why=MAINTENANCE).wait(300)
    assert len(play.reports) == 3


def refusals(play: Play, hosts: dict[str, bool] | None, seconds: int) -> list[float]:
    """Seconds between two offers of node05, each refused at once, with the segments read every minute."""
    for second in range(seconds):
        before = len(play.sent)
        if second % 60 == 0:
            play.registry(hosts)
        play.wait(1)
        if len(play.sent) > before:
            play.answers(Outcome.REFUSED, why="400 no")
    made = [told.generated_time for told in play.sent]
    return [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(made)]


def test_a_refusal_that_lasts_is_offered_anew_slowly_however_often_the_segments_are_read() -> None:
    play = Play(policy(lookup=True), api=False).all_up("node05").registry(ONE).cut("node05")
    first, *later = refusals(play, ONE, 1800)
    assert first <= 61, "the flag may have been set and cleared between two readings"
    assert later and all(300 <= pause <= 301 for pause in later)


def test_of_an_unregistered_host_the_offers_grow_rare() -> None:
    play = Play(policy(lookup=True), api=False).all_up("node05").registry({}).cut("node05")
    pauses = refusals(play, {}, 5 * 3600)
    assert [round(pause / 60) for pause in pauses] == [5, 10, 20, 40, 60, 60, 60]
    play.registry(ONE).wait(5)
    assert len(play.sent) == len(pauses) + 2, "news count at once"


def test_refused_survives_a_restart() -> None:
    play = refused()
    play.start()
    seen_again(play.registry(FLAGGED), "node05").wait(60)
    assert len(play.reports) == 1
    assert "refused by masakari" in play.last("host:node05").why
    play.registry(ONE).wait(5)
    assert len(play.reports) == 2


def test_refused_needs_fresh_proof_before_it_is_offered_anew() -> None:
    """An operator who ends a maintenance may be booting the host at that moment."""
    rules = pacemaker_policy(lookup=True, proof=ProofPolicy())
    play = Play(rules, api=False).all_up("node05").registry(ONE).cut("node05").answer(Power.OFF)
    play.answers(Outcome.REFUSED, why=MAINTENANCE).registry(FLAGGED).wait(300).registry(ONE).wait(5)
    assert play.reports == [stopped("node05")]
    assert [question.host for question in play.asked] == ["node05"] * 2
    play.answer(Power.OFF, ProofKind.BMC)
    assert play.reports == [stopped("node05"), stopped("node05")]


def test_a_refused_host_that_comes_back_is_over_and_nothing_is_said_to_masakari() -> None:
    play = refused().heal("node05").wait(60)
    assert play.reports == [stopped("node05")]
    play.cut("node05").wait(5)
    assert play.reports == [stopped("node05"), stopped("node05")]


def test_a_host_that_fails_on_maintenance_is_held_loudly_and_reported_when_that_ends() -> None:
    play = Play(policy(lookup=True)).all_up("node05").registry(FLAGGED).cut("node05").wait(60)
    assert play.reports == []
    last = play.last("host:node05")
    assert last.alarm and "nobody recovers its instances" in last.why
    play.registry(ONE).wait(1.9)
    assert play.reports == [], "it settles anew"
    play.wait(0.2)
    assert play.reports == [stopped("node05")]


def test_the_maintenance_that_masakari_set_for_our_own_report_holds_nothing() -> None:
    play = Play(policy(lookup=True)).all_up("node05").registry(ONE).cut("node05").wait(5).registry(FLAGGED)
    play.wait(3600)
    assert not any("nobody recovers" in told.why for told in play.told)


def test_a_disabled_segment_is_told_with_the_report() -> None:
    play = (
        Play(policy(lookup=True)).all_up("node05").registry(ONE, frozenset({"node05"})).cut("node05").wait(5)
    )
    assert play.reports == [stopped("node05")]
    assert any("recovers nothing" in told.why and told.alarm for told in play.told)


def test_a_name_that_differs_in_case_is_registered_all_the_same() -> None:
    play = Play(policy(lookup=True))
    for link in THREE:
        play.view(link).sees(link, {OWN: Membership.UP, "Node-5": Membership.DOWN}, whole=True)
    play.registry({"node-5": False}).wait(5)
    assert play.reports == [stopped("Node-5")]
    assert any("differs in case" in told.why and told.alarm for told in play.told)


# -- whose answer -------------------------------------------------------------------------------------


def answer(play: Play, nth: int, outcome: Outcome) -> Answered:
    about = play.sent[nth]
    return Answered(
        host=about.hostname,
        made_at=about.generated_time,
        host_status=about.host_status,
        outcome=outcome,
        why="",
        at=play.now,
    )


@pytest.mark.parametrize("outcome", list(Outcome))
def test_an_answer_about_the_outage_before_says_nothing_of_this_one(outcome: Outcome) -> None:
    play = Play(api=False).all_up("node05").cut("node05").wait(3).heal("node05").wait(5).cut("node05").wait(3)
    assert [report[1] for report in play.reports] == ["STOPPED", "STARTED", "STOPPED"]
    play.feed(answer(play, 0, outcome))
    assert list(undelivered(play.state)) == ["node05"]
    # So it can still be taken back, and is not sent for a host that runs again.
    play.heal("node05", "storage")
    assert play.withdrawn[-1] == "host:node05"


def test_remade_after_expiry_it_has_a_fresh_time_and_fresh_proof() -> None:
    play = Play(pacemaker_policy(proof=ProofPolicy()), api=False).all_up("node05").cut("node05")
    play.power("node05", Power.OFF)
    first = play.sent[0]
    play.wait(250).answers(Outcome.EXPIRED, 0)
    assert play.reports == [stopped("node05")], "the proof is old"
    play.answer(Power.OFF)
    assert play.reports == [stopped("node05"), stopped("node05")]
    assert play.sent[1].generated_time > first.generated_time + datetime.timedelta(seconds=249)
    assert not play.notified[1].again


def test_remade_while_one_is_in_flight_its_own_duplicate_is_success() -> None:
    play = Play(api=False).all_up("node05").cut("node05").wait(5)
    play.start()
    seen_again(play, "node05").wait(5)
    assert play.reports == [stopped("node05"), stopped("node05")]
    first, second = play.notified
    assert (first.again, second.again) == (False, True)
    assert first.notification == second.notification
    play.answers(Outcome.ACCEPTED, 0)
    assert list(undelivered(play.state)) == []


def test_remade_after_a_loss_of_sight_it_is_the_same_report() -> None:
    play = Play(api=False).all_up("node05").cut("node05").wait(5).view("storage", proven=False).wait(2)
    assert play.withdrawn == ["host:node05"]
    seen_again(play, "node05").wait(1.9)
    assert len(play.reports) == 1, "it settles anew when sight returns"
    play.wait(0.2)
    assert play.notified[0].notification == play.notified[1].notification and play.notified[1].again


def test_an_answer_to_a_report_that_was_taken_back_counts() -> None:
    play = Play(api=False).all_up("node05").cut("node05").wait(5).view("storage", proven=False)
    play.answers(Outcome.ACCEPTED)
    seen_again(play, "node05").wait(600)
    assert play.reports == [stopped("node05")]


def test_a_report_that_is_almost_a_day_old_is_made_anew() -> None:
    play = Play(api=False).all_up("node05").cut("node05").wait(5).view("storage", proven=False).wait(83000)
    seen_again(play, "node05").wait(5)
    assert play.sent[1].generated_time - play.sent[0].generated_time > datetime.timedelta(hours=23)


# -- back ---------------------------------------------------------------------------------------------


def test_a_host_that_is_back_is_told_with_the_two_commands_that_put_it_back() -> None:
    play = Play().all_up("node05").cut("node05").wait(600).heal("node05")
    told = next(told for told in play.told if "openstack" in told.why)
    assert told.alarm
    assert "openstack compute service set --enable node05 nova-compute" in told.why
    assert "openstack segment host update --on_maintenance False SEGMENT node05" in told.why
    assert not any("its instances may be off" in told.why for told in play.told)


def test_a_host_that_is_back_before_masakari_acts_is_an_alarm() -> None:
    play = Play().all_up("node05").cut("node05").wait(107).heal("node05")
    told = next(told for told in play.told if "its instances may be off" in told.why)
    assert told.alarm and "105 s after" in told.why


def test_of_a_host_that_was_never_told_nothing_has_to_be_put_back() -> None:
    play = Play(api=False).all_up("node05").cut("node05").wait(1).heal("node05").wait(60)
    assert play.reports == [] and not any("openstack" in told.why for told in play.told)


def test_unknown_puts_nothing_out_of_service() -> None:
    play = Play(pacemaker_policy(proof=ProofPolicy(retries=0))).all_up("node05").cut("node05").wait(2)
    play.answer(Power.NO_PROOF).wait(5).heal("node05").wait(60)
    assert play.reports == [stopped("node05", HostStatus.UNKNOWN.value), started("node05")]
    assert not any("openstack" in told.why for told in play.told)
