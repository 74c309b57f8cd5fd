"""Planned work holds a report with an alarm until it ends; then the failure settles anew."""

import datetime
from typing import Any

import pytest

from masakarimonitors.core.decision import JSON, Ruling
from masakarimonitors.core.storm import GuardPolicy
from masakarimonitors.hostmonitor.core.observation import (
    Life,
    Membership,
    Outcome,
    Power,
    PowerSeen,
    ProofKind,
    Sample,
    Sighting,
    Work,
    WorkSeen,
)
from masakarimonitors.hostmonitor.core.outages import messages
from masakarimonitors.hostmonitor.core.state import ProofPolicy
from tests.fixtures.host_play import OWN, THREE, Play, pacemaker_policy, policy, stopped

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


LATE = Sighting(Membership.LEFT, "its good-bye was heard late", revises=True)


@pytest.mark.parametrize("left_before", [(), ("manage",), ("manage", "tenant")])
def test_a_good_bye_that_is_heard_after_the_loss_ends_it_unreported(left_before: tuple[str, ...]) -> None:
    """Its agents are stopped one after another, and one datacentre calls it critical before it says that it left."""
    play = Play().all_up("node05")
    for link in left_before:
        play.cut("node05", link, to=Membership.LEFT)
    play.cut("node05", "storage").wait(1).change("storage", {"node05": LATE}).wait(600)
    assert play.reports == []
    assert play.state.hosts["node05"].outage is None
    assert messages.NOT_LOST in [told.why for told in play.told]
    # Gone on each link it is no matter of anybody's; up elsewhere its storage is watched no more, which is an alarm.
    left = (Ruling.PLANNED, False) if len(left_before) == 2 else (Ruling.HELD, True)
    assert (play.last("host:node05").ruling, play.last("host:node05").alarm) == left


def lost_and_told(**changes: Any) -> Play:
    """A host that was called lost on its one link, and reported."""
    return Play(pacemaker_policy(), **changes).all_up("node05").cut("node05").wait(5)


@pytest.mark.parametrize("fate", ["waits", "is refused", "expires"])
def test_a_good_bye_that_is_heard_after_a_report_takes_back_what_masakari_does_not_have(fate: str) -> None:
    play = lost_and_told(api=False)
    if fate != "waits":
        play.answers(Outcome.REFUSED if fate == "is refused" else Outcome.EXPIRED)
    play.change("cluster", {"node05": LATE}).wait(600)
    assert set(play.reports) == {stopped("node05")} and "host:node05" in play.withdrawn
    assert play.state.hosts["node05"].outage is None
    assert messages.NOT_LOST_AFTER_ALL in [told.why for told in play.told]
    # What was under way may have arrived.
    assert play.last("host:node05").alarm is (fate != "is refused")


def test_a_good_bye_that_is_heard_after_masakari_has_the_report_is_an_alarm_that_a_person_ends() -> None:
    play = lost_and_told().change("cluster", {"node05": LATE}).wait(7200)
    assert play.reports == [stopped("node05")]
    assert play.state.hosts["node05"].outage is None
    assert play.last("host:node05").alarm and "started elsewhere" in play.last("host:node05").why
    play.heal("node05").wait(60)
    assert play.last("host:node05").alarm and "out of service" in play.last("host:node05").why


def test_a_good_bye_that_is_heard_while_the_report_is_under_way_is_an_alarm_whatever_masakari_answers() -> (
    None
):
    play = lost_and_told(api=False).change("cluster", {"node05": LATE}).wait(1)
    assert play.last("host:node05").alarm and "may have taken" in play.last("host:node05").why
    assert "host:node05" in play.withdrawn
    play.answers(Outcome.ACCEPTED).wait(7200)
    assert play.last("host:node05").alarm and "started elsewhere" in play.last("host:node05").why


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.EXPIRED])
def test_an_answer_that_is_no_yes_says_nothing_of_what_was_offered_before(outcome: Outcome) -> None:
    play = lost_and_told(api=False).change("cluster", {"node05": LATE}).wait(1).answers(outcome).wait(60)
    assert play.last("host:node05").alarm


def test_what_fails_after_its_late_good_bye_is_another_outage() -> None:
    play = lost_and_told().change("cluster", {"node05": LATE}).wait(600).heal("node05").wait(600)
    play.cut("node05").wait(5)
    assert play.reports == [stopped("node05")] * 2


def test_a_good_bye_is_heard_late_also_if_what_is_read_next_does_not_say_so() -> None:
    """Sight was lost as it came: the next whole reading knows only that it left."""
    play = lost_and_told().view("cluster", proven=False).change("cluster", {"node05": LATE})
    left = {OWN: Sighting(Membership.UP), "node05": Sighting(Membership.LEFT, "left")}
    play.view("cluster").listing("cluster", left).wait(600)
    assert play.state.hosts["node05"].outage is None


def test_a_reported_host_that_is_only_said_to_have_left_after_a_restart_stays_reported() -> None:
    """What a leader makes of its dead: this monitor did not see it lost."""
    play = lost_and_told(api=False)
    play.memory["host:node05"] = {key: v for key, v in play.memory["host:node05"].items() if key != "links"}
    play.start()
    left = {OWN: Sighting(Membership.UP), "node05": Sighting(Membership.LEFT, "left")}
    play.view("cluster").listing("cluster", left).wait(600)
    assert play.state.hosts["node05"].outage is not None and play.last("host:node05").alarm


def test_what_is_only_said_to_have_left_after_it_was_lost_is_reported() -> None:
    """As Consul's leader makes it of a crashed server."""
    play = Play().all_up("node05").cut("node05", "storage").wait(1)
    play.cut("node05", "storage", to=Membership.LEFT).wait(600)
    assert play.reports == [stopped("node05")]


def test_a_host_that_lives_under_another_name_is_not_reported_under_the_old_one() -> None:
    play = Play().all_up("node05").cut("node05", "storage").wait(1)
    elsewhere = Sighting(Membership.UNKNOWN, "the same agent lives as new05", revises=True)
    play.change("storage", {"node05": elsewhere}).wait(600)
    assert play.reports == []


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


UNPROVEN = pacemaker_policy(proof=ProofPolicy(), unproven_settle=2.0, check_life=True)


@pytest.mark.parametrize("work", WORKS)
def test_what_was_silent_before_the_work_ended_is_tried_again(work: Work) -> None:
    """It is rebooted: nothing answers when it is lost, and all of it does when the work ends."""
    play = Play(UNPROVEN, life=None).all_up("node05").cut("node05").answer(Power.OFF, ProofKind.UNCHECKED)
    play.breathes(Life.SILENT).wait(1).work("node05", work).wait(30).work("node05", Work.NONE).wait(5)
    assert play.reports == [] and len(play.asked_life) == 2
    play.breathes(Life.ALIVE).wait(20)
    assert play.reports == []


@pytest.mark.parametrize("work", WORKS)
def test_work_that_begins_while_a_report_waits_for_masakari_takes_it_back(work: Work) -> None:
    """Somebody has come to the host, and may switch it on before masakari can be reached."""
    rules = pacemaker_policy(proof=ProofPolicy())
    play = Play(rules, api=False).all_up("node05").cut("node05").power("node05", Power.OFF).wait(5)
    assert play.reports == [stopped("node05")] and play.withdrawn == []
    play.work("node05", work)
    assert play.withdrawn == ["host:node05"]
    assert play.last("host:node05").alarm and "lost while it is" in play.last("host:node05").why
    play.wait(600).work("node05", Work.NONE).wait(1)
    assert len(play.reports) == 1, "its proof is of before"
    play.power("node05", Power.OFF)
    assert play.reports == [stopped("node05")] * 2 and play.sent[0] == play.sent[1]


def test_after_the_work_a_bmc_is_asked_at_once_however_often_it_was_asked_before() -> None:
    rules = pacemaker_policy(proof=ProofPolicy())
    play = Play(rules).all_up("node05").cut("node05").wait(3600)
    play.work("node05", Work.MAINTENANCE).wait(1)
    before = len(play.asked)
    play.work("node05", Work.NONE).wait(0.1)
    assert len(play.asked) == before + 1


def test_what_was_silent_before_masakaris_maintenance_ended_is_tried_again() -> None:
    rules = pacemaker_policy(proof=ProofPolicy(), unproven_settle=4.0, check_life=True)
    play = Play(rules, life=None).all_up("node05").cut("node05").answer(Power.OFF, ProofKind.UNCHECKED)
    play.breathes(Life.SILENT).wait(1).registry({"node05": True}).wait(30).registry({"node05": False}).wait(5)
    assert play.reports == [] and len(play.asked_life) == 2
    play.breathes(Life.ALIVE).wait(20)
    assert play.reports == []


def test_a_host_that_was_fenced_as_part_of_the_work_and_lives_is_not_accused_when_that_ends() -> None:
    play = Play(UNPROVEN, life=Life.ALIVE).all_up("node05").work("node05", Work.MAINTENANCE).cut("node05")
    play.power("node05", Power.OFF, kind=ProofKind.FENCED).wait(60).work("node05", Work.NONE).wait(20)
    assert play.reports == [] and "still answers" in play.last("host:node05").why


def test_a_fencing_of_before_the_end_of_the_work_is_no_newer_when_it_is_told_again() -> None:
    play = Play(UNPROVEN, life=Life.ALIVE).all_up("node05").work("node05", Work.MAINTENANCE).cut("node05")
    fenced = PowerSeen(host="node05", power=Power.OFF, evidence="fenced", at=play.now, kind=ProofKind.FENCED)
    play.feed(fenced).wait(60).work("node05", Work.NONE).feed(fenced).wait(20)
    assert play.reports == []


def test_a_host_that_was_fenced_as_part_of_the_work_and_is_silent_afterwards_is_lost() -> None:
    play = Play(UNPROVEN).all_up("node05").work("node05", Work.MAINTENANCE).cut("node05")
    play.power("node05", Power.OFF, kind=ProofKind.FENCED).wait(60).work("node05", Work.NONE).wait(1.9)
    assert play.reports == []
    play.wait(0.2)
    assert play.reports == [stopped("node05")]


def test_a_management_controller_is_asked_anew_when_the_work_has_ended() -> None:
    rules = pacemaker_policy(proof=ProofPolicy(), settle=2.0, unproven_settle=2.0)
    play = Play(rules).all_up("node05")
    play.cut("node05").work("node05", Work.MAINTENANCE).answer(Power.OFF, ProofKind.BMC).wait(60)
    play.work("node05", Work.NONE).wait(5)
    assert play.reports == [] and len(play.asked) == 2
    play.answer(Power.ON, ProofKind.BMC).wait(20)
    assert [report for report in play.reports if report[2] == "NORMAL"] == []


def test_a_host_that_is_fenced_after_the_work_is_reported_at_once() -> None:
    play = Play(UNPROVEN, life=Life.ALIVE).all_up("node05").work("node05", Work.MAINTENANCE).cut("node05")
    play.wait(60).work("node05", Work.NONE).power("node05", Power.OFF, kind=ProofKind.FENCED)
    assert play.reports == [stopped("node05")]


MANY = ("node02", "node03", "node04", "node05", "node06", "node07")


def test_hosts_that_were_lost_one_after_another_during_the_work_are_a_storm_when_it_ends() -> None:
    """What stands in the way of all of them then, an upgrade that went wrong, is one event."""
    rules = pacemaker_policy(guard=GuardPolicy(hold=60.0))
    play = Play(rules).all_up(*MANY)
    for host in MANY:
        play.work(host, Work.MAINTENANCE)
    for host in MANY[:4]:
        play.cut(host).wait(400)
    assert not any(verdict.subject.startswith("storm:") for verdict in play.told)
    for host in MANY:
        play.work(host, Work.NONE)
    play.wait(30)
    assert play.reports == [] and play.last("storm:all hosts").alarm


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


# -- over a restart -----------------------------------------------------------------------------------

SEEN = ("tenant", "storage")


def worked_on(**changes: Any) -> Play:
    """A host that somebody works on, as the network for management alone shows; and a restart of the monitor."""
    play = Play(policy(**changes)).all_up("node05")
    play.feed(WorkSeen("node05", Work.MAINTENANCE, "consul", play.now, links=("manage",)))
    play.start()
    return play


def lists(play: Play, link: str, *hosts: str, idle: tuple[str, ...] = (), whole: bool = True) -> Play:
    """A link is seen, with these hosts up on it, and no work on those of `idle`."""
    up = dict.fromkeys((OWN, *hosts), Sighting(Membership.UP))
    return play.view(link).feed(Sample(link, up, play.now, whole, idle=idle))


def test_work_that_only_a_link_out_of_sight_has_shown_is_kept_over_a_restart() -> None:
    play = worked_on().wait(3600)
    for link in SEEN:
        lists(play, link, "node05", idle=("node05",))
    play.cut("node05", *SEEN).wait(3600)
    assert play.reports == []
    held = play.last("host:node05")
    assert held.alarm and "by manage, which has not been seen since" in held.why


@pytest.mark.parametrize("whole", [True, False])
def test_it_is_over_when_the_link_that_showed_it_lists_the_host_without(whole: bool) -> None:
    play = worked_on()
    for link in SEEN:
        lists(play, link, "node05", idle=("node05",))
    lists(play, "manage", whole=True)
    play.cut("node05", "storage").wait(60)
    assert play.reports == [], "it is listed by manage no more, and nobody has said that the work is over"
    lists(play, "manage", "node05", idle=("node05",), whole=whole).wait(1.9)
    assert play.reports == [] and play.last("host:node05").why.startswith("its planned work has ended")
    assert play.wait(1).reports == [stopped("node05")]


def test_it_goes_on_where_that_link_shows_it_still() -> None:
    play = worked_on()
    play.feed(WorkSeen("node05", Work.MAINTENANCE, "consul", play.now, links=("manage",))).all_up("node05")
    play.cut("node05").wait(60)
    assert play.reports == [] and play.last("host:node05").alarm
    assert play.work("node05", Work.NONE).wait(5).reports == [stopped("node05")]


def test_what_another_link_has_shown_since_the_restart_ends_without_it() -> None:
    play = worked_on()
    for link in SEEN:
        lists(play, link, "node05", idle=("node05",))
    play.feed(WorkSeen("node05", Work.MAINTENANCE, "consul", play.now, links=("storage",)))
    play.cut("node05", *SEEN).work("node05", Work.NONE).wait(60)
    assert play.reports == [], "manage has not been read"


def test_it_is_void_a_day_after_it_was_last_known_to_stand_and_that_is_an_alarm() -> None:
    play = Play().all_up("node05")
    play.feed(WorkSeen("node05", Work.MAINTENANCE, "consul", play.now, links=("manage",))).wait(3 * 86400)
    play.start()
    for link in SEEN:
        lists(play, link, "node05", idle=("node05",))
    play.cut("node05", *SEEN).wait(86400 - 2 * 3600)
    assert play.reports == []
    play.wait(2 * 3600 + 60)
    assert any(said.alarm and "nothing has confirmed that for 24 h" in said.why for said in play.told)
    assert play.reports == [stopped("node05")]


def test_an_operator_who_takes_it_off_masakaris_maintenance_has_looked_at_it() -> None:
    play = worked_on()
    for link in SEEN:
        lists(play, link, "node05", idle=("node05",))
    play.cut("node05", *SEEN).wait(60).registry({"node05": True}).wait(60)
    assert play.reports == []
    assert play.registry({"node05": False}).wait(5).reports == [stopped("node05")]


def test_work_is_kept_over_two_restarts() -> None:
    play = worked_on().wait(60)
    play.start()
    for link in SEEN:
        lists(play, link, "node05", idle=("node05",))
    assert play.cut("node05", *SEEN).wait(3600).reports == []


def test_where_nothing_is_remembered_a_link_that_was_never_seen_may_show_work() -> None:
    """For an hour, with an alarm: then a failure that nobody recovers counts for more."""
    play = Play()
    for link in SEEN:
        lists(play, link, "node05")
    play.cut("node05", *SEEN).wait(3590)
    assert play.reports == []
    held = play.last("host:node05")
    assert held.alarm and "has never seen manage" in held.why
    assert play.wait(20).reports == [stopped("node05")]


def test_what_was_read_once_is_known_after_a_restart() -> None:
    play = Play().all_up("node05")
    play.start()
    for link in SEEN:
        lists(play, link, "node05")
    assert play.cut("node05", *SEEN).wait(10).reports == [stopped("node05")]


def test_a_broken_record_of_a_host_holds_it_until_each_link_is_read() -> None:
    play = Play(memory={"host:node05": {"up": True, "work": "?"}, "planned work": {"read": [*THREE]}})
    for link in SEEN:
        lists(play, link, "node05", idle=("node05",))
    play.cut("node05", *SEEN).wait(60)
    assert play.reports == [] and play.last("host:node05").alarm
    lists(play, "manage", "node05", idle=("node05",))
    assert play.wait(10).reports == [stopped("node05")]


def test_where_there_is_one_link_its_word_ends_what_was_kept() -> None:
    play = Play(pacemaker_policy()).all_up("node05").work("node05", Work.STANDBY)
    play.start()
    play.all_up("node05").work("node05", Work.NONE).cut("node05").wait(5)
    assert play.reports == [stopped("node05")]


def test_a_storm_that_lets_go_says_nothing_of_work_on_a_link_that_was_never_seen() -> None:
    play = Play(policy(guard=GuardPolicy(hold=60.0)))
    for link in SEEN:
        lists(play, link, *MANY)
    play.wait(1)
    for host in MANY[:4]:
        play.cut(host, *SEEN)
    play.wait(30)
    assert play.last("storm:all hosts").alarm
    for host in MANY[:2]:
        play.heal(host, *SEEN)
    play.wait(600)
    assert play.said("storm:all hosts")[-1] == "recovered"
    assert play.reports == []
    assert all("has never seen manage" in play.last(f"host:{host}").why for host in MANY[2:4])
    assert play.wait(3600).reports == [stopped(host) for host in MANY[2:4]]


def test_who_takes_a_host_off_maintenance_has_looked_at_it_whatever_was_made_of_its_report() -> None:
    told = (Play().now.wall - datetime.timedelta(minutes=5)).isoformat()
    report: dict[str, JSON] = {
        "reported": "NORMAL",
        "reported_at": told,
        "delivered": False,
        "maintained": False,
    }
    play = Play(
        memory={"host:node05": {"up": True, "links": {"storage": "down", "tenant": "down"}, **report}}
    )
    for link in SEEN:
        lists(play, link)
    play.cut("node05", *SEEN).wait(60)
    assert play.reports == [] and "has never seen manage" in play.last("host:node05").why
    play.registry({"node05": True}).wait(60).registry({"node05": False}).wait(5)
    assert play.reports == [stopped("node05")]


def test_that_work_stands_is_noted_again_after_its_link_was_blind_when_the_hour_was_over() -> None:
    play = Play().all_up("node05")
    play.feed(WorkSeen("node05", Work.MAINTENANCE, "consul", play.now, links=("manage",)))
    play.wait(3580).view("manage", False).wait(60)
    lists(play, "manage", "node05").wait(5 * 3600)
    assert _age_of_work(play, "node05") <= 3600.0


def _age_of_work(play: Play, host: str) -> float:
    work = play.memory[f"host:{host}"]["work"]
    assert isinstance(work, dict)
    return (play.now.wall - datetime.datetime.fromisoformat(str(work["seen"]))).total_seconds()


def test_what_is_kept_of_a_dark_link_is_no_younger_for_work_that_another_one_shows_each_night() -> None:
    play = worked_on()
    for link in SEEN:
        lists(play, link, "node05", idle=("node05",))
    for night in range(2):
        play.wait(6 * 3600)
        play.feed(WorkSeen("node05", Work.MAINTENANCE, "consul", play.now, links=("tenant",)))
        play.wait(6 * 3600)
        if night == 0:
            play.work("node05", Work.NONE)
    play.cut("node05", *SEEN).wait(600)
    assert play.reports == [], "tenant shows work"
    play.work("node05", Work.NONE).wait(5)
    assert any(said.alarm and "by manage before this monitor was started" in said.why for said in play.told)
    assert play.reports == [stopped("node05")]


def test_what_is_kept_of_a_dark_link_is_no_younger_for_restarts_in_the_nights_of_another_one() -> None:
    play = worked_on()
    for _ in range(2):
        for link in SEEN:
            lists(play, link, "node05", idle=("node05",) if link == "storage" else ())
        play.feed(WorkSeen("node05", Work.MAINTENANCE, "consul", play.now, links=("tenant",)))
        play.wait(13 * 3600)
        play.start()
    for link in SEEN:
        lists(play, link, "node05", idle=("node05",))
    play.work("node05", Work.NONE).cut("node05", *SEEN).wait(10)
    assert any("by manage before this monitor was started" in said.why for said in play.told)
    assert play.reports == [] and "has not seen manage since its start" in play.last("host:node05").why
    assert play.wait(3600).reports == [stopped("node05")], "and no longer, however many restarts and nights"


def test_each_link_of_which_work_is_kept_has_its_own_day() -> None:
    play = Play().all_up("node05")
    play.feed(WorkSeen("node05", Work.MAINTENANCE, "consul", play.now, links=("manage",))).wait(600)
    play.view("manage", False).wait(12 * 3600)
    play.feed(WorkSeen("node05", Work.MAINTENANCE, "consul", play.now, links=("manage", "tenant")))
    play.wait(60).start()
    lists(play, "storage", "node05", idle=("node05",))
    play.wait(13 * 3600)
    assert "by manage before" in play.last("host:node05").why and play.last("host:node05").alarm
    lists(play, "tenant", "node05", idle=("node05",))
    assert play.cut("node05", *SEEN).wait(10).reports == [stopped("node05")]


@pytest.mark.parametrize(("dark", "held"), [(86400 - 3700, False), (86400 + 60, True)])
def test_what_a_link_showed_longer_than_a_day_before_the_start_says_nothing_of_today(
    dark: float, held: bool
) -> None:
    play = Play().all_up("node05")
    play.wait(60).view("manage", False)
    for _ in range(int(dark / 3600)):
        for link in SEEN:
            lists(play, link, "node05")
        play.wait(3600)
    play.wait(dark % 3600).start()
    for link in SEEN:
        lists(play, link, "node05")
    play.cut("node05", *SEEN).wait(60)
    assert (play.reports == []) is held
    if held:
        words = play.last("host:node05")
        assert words.alarm and "has not seen manage since its start, nor for a day before it" in words.why
        play.wait(3600)
    assert play.reports == [stopped("node05")]


def test_a_link_that_has_been_dark_for_long_in_this_life_holds_nothing() -> None:
    """That it is blind is an alarm for as long; held would be every failure, for ever."""
    play = Play().all_up("node05")
    play.wait(60).view("manage", False).wait(3 * 86400)
    for link in SEEN:
        lists(play, link, "node05")
    assert play.cut("node05", *SEEN).wait(10).reports == [stopped("node05")]


def test_after_an_upgrade_a_link_that_was_never_read_holds_no_failure_for_long() -> None:
    """An earlier release remembered hosts, and kept no record of what it had read."""
    play = Play(memory={"host:node05": {"up": True}})
    for _ in range(2):
        for link in SEEN:
            lists(play, link, "node05")
        play.wait(1).cut("node05", *SEEN).wait(280)
        assert play.reports == [] and "has never seen manage" in play.last("host:node05").why
        play.heal("node05", *SEEN).wait(60)
        play.start()
    for link in SEEN:
        lists(play, link, "node05")
    play.cut("node05", *SEEN).wait(310)
    assert play.reports == [stopped("node05")]


def test_an_upgrade_is_over_once_every_link_was_read() -> None:
    play = Play(memory={"host:node05": {"up": True}})
    for link in play.rules.matrix.sequence:
        lists(play, link, "node05")
    play.wait(1)
    assert "upgraded" not in play.memory["planned work"]


@pytest.mark.parametrize("record", [{"read": ["storage"]}, {"read": "?"}, {}])
def test_a_record_that_does_not_name_a_link_holds_for_an_hour(record: dict[str, JSON]) -> None:
    play = Play(memory={"host:node05": {"up": True}, "planned work": record})
    for link in SEEN:
        lists(play, link, "node05")
    assert play.cut("node05", *SEEN).wait(3590).reports == []
    assert play.wait(20).reports == [stopped("node05")]
