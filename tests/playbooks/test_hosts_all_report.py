"""Where nobody can be elected all report: one after another, and after a look at what masakari has."""

import itertools
from dataclasses import replace
from typing import Any

import pytest

from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.evidence import matrix
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry
from masakarimonitors.hostmonitor.core.observation import Life, Membership, Outcome, Power
from masakarimonitors.hostmonitor.core.state import ProofPolicy
from tests.fixtures.host_play import OWN, Play, pacemaker_policy, policy, shipped_policy, started, stopped
from tests.fixtures.outages import undelivered

ELECTED = policy(elected=True, look_up_reports=True)
ALL = policy(look_up_reports=True)


def test_after_twenty_seconds_without_an_election_all_report() -> None:
    play = Play(ELECTED).all_up("node05").cut("node05").no_election()
    assert play.last("reporter").alarm and "nobody reports" in play.last("reporter").why
    play.wait(3)
    assert play.last("host:node05").alarm and "nobody reports it" in play.last("host:node05").why
    play.wait(16.9)
    assert play.reports == []
    play.wait(0.2)
    assert play.reports == [stopped("node05")]
    assert play.last("reporter").alarm and "every monitor reports" in play.last("reporter").why


def test_the_drivers_first_since_counts_and_is_not_restarted_by_its_repetitions() -> None:
    play = Play(ELECTED).all_up("node05").cut("node05").wait(60)
    since = play.seconds - 15
    for _ in range(5):
        play.no_election(since).wait(0.9)
    assert play.reports == []
    play.wait(0.6)
    assert play.reports == [stopped("node05")]


def test_who_was_just_known_to_report_is_given_the_whole_time() -> None:
    play = Play(ELECTED).all_up("node05").follows("node02").cut("node05").wait(60)
    play.no_election(play.seconds - 300).wait(19.9)
    assert play.reports == []
    play.wait(0.2)
    assert play.reports == [stopped("node05")]


def test_a_lease_that_is_not_renewed_ends_by_itself() -> None:
    play = Play(ELECTED, api=False).all_up("node05").leads({}, good_for=10.0).cut("node05").wait(5)
    assert play.reports == [stopped("node05")] and play.withdrawn == []
    play.wait(5.1)
    assert play.withdrawn == ["host:node05"]
    assert play.last("reporter").alarm
    play.wait(19.8)
    assert len(play.reports) == 1
    play.wait(0.2)
    assert play.reports == [stopped("node05"), stopped("node05")]
    assert play.notified[0].notification == play.notified[1].notification and play.notified[1].again


def held_up(seconds: float) -> Play:
    """A leader with a host that fails; then its loop stands still for so long, beyond its lease of 10 s."""
    play = Play(ELECTED).all_up("node05").wait(60).leads({}, good_for=10.0).cut("node05").wait(1)
    play.seconds += seconds
    return play.view("manage")


def test_a_leader_that_was_held_up_listens_before_it_takes_it_that_nobody_reports() -> None:
    play = held_up(300)
    assert play.reports == [] and play.last("reporter").why.startswith("nobody reports")
    play.wait(5).follows("node02").wait(60)
    assert play.reports == [], "another one leads since"


def test_a_leader_that_was_held_up_and_hears_nothing_reports_like_all() -> None:
    play = held_up(300).wait(20.1)
    assert play.reports == [stopped("node05")] and len(play.asked_list) == 1


def test_who_was_held_up_while_nobody_could_be_elected_listens_too() -> None:
    play = Play(ELECTED).all_up("node05").no_election().cut("node05").wait(1)
    play.seconds += 300
    play.view("manage").wait(1).follows("node02").wait(60)
    assert play.reports == []


def test_a_lease_that_is_renewed_goes_on() -> None:
    play = Play(ELECTED).all_up("node05").leads({}, good_for=10.0)
    for _ in range(10):
        play.wait(9).leads(None, good_for=10.0)
    play.cut("node05").wait(5)
    assert play.reports == [stopped("node05")]
    assert play.said("reporter") == ["acted"]


LARGE = policy(look_up_reports=True, lookup=True)


def large(flag: bool, age: float) -> Play:
    """All report in a cloud so large that each reads masakari's segments only once in hours; a host fails."""
    play = Play(LARGE, listed=None).all_up("node05").registry({OWN: False, "node05": flag})
    return play.wait(age).cut("node05").wait(3)


def test_a_flag_that_was_set_since_the_segments_were_read_holds_a_failure() -> None:
    play = large(False, 700)
    assert play.asked_list[-1].flag
    play.found(False, flag=True).wait(60)
    assert play.reports == []
    assert play.last("host:node05").alarm and "on maintenance in masakari" in play.last("host:node05").why
    play.wait(540)
    assert len(play.asked_list) == 2, "what is known of it is too old again"
    play.found(False, flag=False).wait(5)
    play.found(False, flag=False)
    assert play.reports == [stopped("node05")]


def test_a_flag_that_was_read_long_ago_does_not_hold_a_host_that_is_back_in_service() -> None:
    play = large(True, 700)
    play.found(False, flag=False).wait(3)
    play.found(False)
    assert play.reports == [stopped("node05")]


@pytest.mark.parametrize(("age", "asks"), [(10, False), (590, False), (601, True)])
def test_a_flag_is_read_by_itself_only_where_what_is_known_of_it_is_old(age: float, asks: bool) -> None:
    assert large(False, age).asked_list[-1].flag is asks


def test_a_flag_that_cannot_be_read_holds_nothing() -> None:
    play = large(False, 700).found(False)
    assert play.reports == [stopped("node05")]


def test_what_another_has_told_masakari_is_not_told_again() -> None:
    play = Play(ALL, listed=None).all_up("node05").wait(1).cut("node05").wait(2)
    failed = play.state.hosts["node05"].outage
    assert failed is not None
    (question,) = play.asked_list
    assert (question.host, question.since, question.host_status) == (
        "node05",
        failed.failed.wall,
        HostStatus.NORMAL,
    )
    play.found(True).wait(3600)
    assert play.reports == []
    assert "from another monitor" in play.last("host:node05").why
    # Who told the failure tells the recovery.
    play.heal("node05").wait(60).cut("node05").wait(5)
    assert play.reports == []
    assert len(play.asked_list) == 2


@pytest.mark.parametrize("found", [False, None])
def test_what_masakari_does_not_have_is_sent_and_a_duplicate_is_success(found: bool | None) -> None:
    play = Play(ALL, listed=None).all_up("node05").cut("node05").wait(2).found(found)
    assert play.reports == [stopped("node05")]
    assert play.notified[0].again


def test_a_look_that_is_never_answered_loses_nothing() -> None:
    play = Play(ALL, listed=None).all_up("node05").cut("node05").wait(31.9)
    assert play.reports == []
    play.wait(0.2)
    assert play.reports == [stopped("node05")]


def test_soon_after_an_outage_a_duplicate_may_be_of_that_one() -> None:
    play = Play(ALL).all_up("node05").cut("node05").wait(5).heal("node05").wait(60).cut("node05").wait(5)
    assert [note.again for note in play.notified if note.notification.payload["event"] == "STOPPED"] == [
        True,
        False,
    ]


def test_all_from_the_start_where_nobody_is_to_be_elected() -> None:
    play = Play(ALL).all_up("node05").cut("node05").wait(2)
    assert play.reports == [stopped("node05")] and len(play.asked_list) == 1
    assert play.ledgers == []


MONITORS = [f"node{n:02}" for n in range(1, 31)]


def first_offers(host: str, monitors: list[str], **changes: Any) -> dict[str, float]:
    """When each monitor would send, if nobody else did: after the failure, in seconds."""
    offers = {}
    for n, own in enumerate(monitors):
        play = Play(shipped_policy(own=own, elected=False, unproven_settle=2.0 + n * 0.1, **changes))
        play.all_up(*MONITORS).cut(host)
        while not play.reports:
            play.to_next_alarm()
        offers[own] = play.seconds - 1000.0
    return offers


def test_they_take_turns_so_that_the_first_is_seen_by_the_others() -> None:
    """However far apart they are ready: answers about proof or life come to each at another moment."""
    times = sorted(first_offers("node30", MONITORS[:-1]).values())
    assert times[-1] <= 5.0 + 22.0
    slots = sorted({round(time, 1) for time in times})
    assert all(later - earlier >= 1.0 for earlier, later in itertools.pairwise(slots))
    assert max(times.count(slot) for slot in times) <= 29 - 10


def test_the_order_is_another_one_for_each_host() -> None:
    firsts = {
        min((at, own) for own, at in first_offers(host, MONITORS[:5]).items())[1] for host in MONITORS[10:20]
    }
    assert len(firsts) > 2


def test_an_answer_that_comes_after_its_turn_is_not_asked_for_again() -> None:
    play = (
        Play(shipped_policy(elected=False, unproven_settle=2.0), listed=None).all_up("node05").cut("node05")
    )
    while not play.asked_list:
        play.to_next_alarm()
    play.wait(5).found(False)
    assert play.reports == [stopped("node05")]


def test_a_new_leader_looks_whether_a_failure_before_its_time_was_told() -> None:
    """Told while all reported, or by a leader that died before it had written it down."""
    play = (
        Play(ELECTED, listed=None)
        .all_up("node05")
        .follows("node02", {})
        .wait(60)
        .cut("node05")
        .wait(60)
        .leads({})
    )
    assert play.reports == [] and len(play.asked_list) == 1
    play.found(True).wait(600)
    assert play.reports == [] and play.ledgers[-1]["node05"].delivered
    play = Play(ELECTED, listed=None).all_up("node05").leads({}).wait(60).cut("node05").wait(5)
    assert play.reports == [stopped("node05")] and play.asked_list == [], "nobody else was to tell it"


# -- whatever becomes ours is sent ----------------------------------------------------------------------


def open_entry(play: Play) -> LedgerEntry:
    return LedgerEntry(HostStatus.NORMAL, play.now.wall, delivered=False)


def test_what_a_dead_reporter_left_undelivered_is_sent_once_all_report() -> None:
    play = Play(ELECTED).all_up("node05").follows("node02", {}).cut("node05").wait(5)
    entry = open_entry(play)
    play.follows("node02", {"node05": entry}).wait(60).no_election().wait(20.1)
    assert play.reports == [stopped("node05")]
    assert play.sent[0].generated_time == entry.reported_at and play.notified[0].again


def test_what_a_dead_reporter_left_undelivered_is_the_next_leaders_also_after_all_reported() -> None:
    play = Play(ELECTED, api=False).all_up("node05").follows("node02", {}).cut("node05").wait(5)
    entry = open_entry(play)
    play.follows("node02", {"node05": entry}).wait(60).no_election().wait(20.1)
    play.follows("node03", {"node05": entry}).wait(5)
    assert play.withdrawn == ["host:node05"]
    play.leads({"node05": entry}).wait(5)
    assert play.reports == [stopped("node05"), stopped("node05")]


def test_from_all_to_the_leader_what_was_delivered_is_not_sent_again_and_stands_in_the_ledger() -> None:
    play = Play(ELECTED).all_up("node05").cut("node05").no_election().wait(25)
    assert play.reports == [stopped("node05")]
    play.leads({}).wait(600)
    assert play.reports == [stopped("node05")]
    assert play.ledgers[-1]["node05"].delivered


def test_from_all_to_a_leader_found_in_the_ledger_is_heeded() -> None:
    play = Play(ELECTED, api=False).all_up("node05").cut("node05").no_election().wait(25)
    delivered = LedgerEntry(HostStatus.NORMAL, play.now.wall, delivered=True)
    play.leads({"node05": delivered}).wait(600)
    assert play.reports == [stopped("node05")] and list(undelivered(play.state)) == []


def test_when_a_leader_appears_what_is_undelivered_is_the_leaders() -> None:
    play = Play(ELECTED, api=False).all_up("node05").cut("node05").no_election().wait(25)
    play.follows("node02", {}).wait(30)
    assert play.withdrawn == ["host:node05"]
    assert play.reports == [stopped("node05")]


def test_refused_because_another_was_first_is_told_by_the_other() -> None:
    """masakari may take seconds to store a report: one that comes meanwhile finds the host on maintenance."""
    play = (
        Play(ELECTED, api=False, listed=None)
        .all_up("node05")
        .cut("node05")
        .no_election()
        .wait(25)
        .found(False)
    )
    play.answers(Outcome.REFUSED, why="409 maintenance")
    assert play.last("host:node05").alarm and len(play.asked_list) == 2
    play.found(True, finished=True).wait(3600)
    assert play.reports == [stopped("node05")]
    assert "from another monitor" in play.last("host:node05").why and not play.last("host:node05").alarm


def test_a_ledger_that_is_lost_makes_nothing_told_twice_where_masakari_can_be_asked() -> None:
    play = Play(ELECTED, listed=None).all_up("node05").follows("node02", {}).wait(60).cut("node05").wait(5)
    delivered = LedgerEntry(HostStatus.NORMAL, play.now.wall, delivered=True)
    play.follows("node02", {"node05": delivered}).wait(300).leads({})
    assert play.reports == [] and len(play.asked_list) == 1
    play.found(True).wait(600)
    assert play.reports == [] and play.ledgers[-1]["node05"].delivered


def test_refused_while_all_report_is_no_end_either() -> None:
    play = Play(ELECTED, api=False).all_up("node05").cut("node05").no_election().wait(25)
    play.answers(Outcome.REFUSED, why="409 maintenance").wait(301)
    assert play.reports == [stopped("node05"), stopped("node05")]


def test_signs_of_life_come_before_the_look_at_masakaris_list() -> None:
    play = Play(shipped_policy(elected=False, stagger=0.0), life=None, listed=None).all_up("node05")
    play.cut("node05").wait(30)
    assert len(play.asked_life) == 1 and play.asked_list == []
    play.breathes(Life.SILENT)
    assert len(play.asked_list) == 1 and play.reports == []
    play.found(False)
    assert play.reports == [stopped("node05")]
    play.heal("node05").wait(1)
    assert play.reports[-1] == started("node05")


def test_a_bmc_that_never_answers_keeps_nobody_from_telling_unknown_in_its_turn() -> None:
    rules = shipped_policy(elected=False, matrix=matrix.single("cluster"), proof=ProofPolicy())
    for own in ("node01", "node02", "node03", "node04"):
        play = Play(replace(rules, own=own)).all_up("node01", "node02", "node03", "node04", "node05")
        play.wait(60).cut("node05").wait(700)
        assert play.reports == [stopped("node05", "UNKNOWN")], own


def test_unknown_is_looked_up_as_unknown() -> None:
    rules = pacemaker_policy(look_up_reports=True, proof=ProofPolicy(retries=0))
    play = Play(rules, listed=None).all_up("node05").cut("node05").wait(2).answer(Power.NO_PROOF)
    assert [question.host_status for question in play.asked_list] == [HostStatus.UNKNOWN]
    play.found(False)
    assert play.reports == [stopped("node05", "UNKNOWN")]
    play.wait(20).answer(Power.OFF)
    assert [question.host_status for question in play.asked_list] == [HostStatus.UNKNOWN, HostStatus.NORMAL]
    play.found(True).wait(60)
    assert play.reports == [stopped("node05", "UNKNOWN")]
    assert Membership.UP not in {link.value for link in play.state.hosts["node05"].links}
    assert OWN not in play.state.hosts


def test_a_leader_that_found_unknown_only_looks_again_before_normal() -> None:
    """The leader before it may have told NORMAL, and have died before it had written that down."""
    from masakarimonitors.hostmonitor.core.observation import Power
    from masakarimonitors.hostmonitor.core.state import ProofPolicy

    rules = pacemaker_policy(elected=True, look_up_reports=True, proof=ProofPolicy(retries=0))
    play = Play(rules, listed=None).all_up("node05").follows("node02", {}).wait(60).cut("node05").wait(5)
    play.leads({}).answer(Power.NO_PROOF).found(False)
    assert play.reports == [stopped("node05", "UNKNOWN")]
    play.wait(20).answer(Power.OFF)
    assert [question.host_status for question in play.asked_list] == [HostStatus.UNKNOWN, HostStatus.NORMAL]
    play.found(True).wait(60)
    assert play.reports == [stopped("node05", "UNKNOWN")] and play.ledgers[-1]["node05"].delivered


def test_a_maintenance_that_anothers_report_has_brought_about_is_no_alarm() -> None:
    """The reporter before told masakari and died before it had written that down; masakari recovers the host."""
    rules = policy(elected=True, lookup=True, look_up_reports=True)
    play = (
        Play(rules, listed=None).all_up("node05").registry({"node05": False}).follows("node02", {}).wait(60)
    )
    play.cut("node05").wait(5).registry({"node05": True})
    assert play.asked_list == [], "who follows asks nothing"
    play.leads({})
    assert play.reports == [] and len(play.asked_list) == 1
    play.found(True).wait(60)
    assert "from another monitor" in play.last("host:node05").why and not play.last("host:node05").alarm
    assert play.ledgers[-1]["node05"].delivered


def test_a_maintenance_of_another_cause_stays_an_alarm() -> None:
    rules = policy(elected=True, lookup=True, look_up_reports=True)
    play = Play(rules, listed=False).all_up("node05").registry({"node05": True}).leads({}).wait(60)
    play.cut("node05").wait(400)
    assert play.reports == [] and len(play.asked_list) == 1
    assert play.last("host:node05").alarm and "on maintenance in masakari" in play.last("host:node05").why
