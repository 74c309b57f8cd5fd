"""Masakari took a report before this monitor watched the host: does it speak of this failure, or of one before it?

masakari's engine puts a host on maintenance with each report that it works off; only a person takes it off.
"""

import datetime

import pytest

from masakarimonitors.core.decision import JSON
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.election.reporter import stagger
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry
from masakarimonitors.hostmonitor.core.observation import Answered, Membership, Outcome, Power
from masakarimonitors.hostmonitor.core.state import Policy, ProofPolicy
from tests.fixtures.host_play import OWN, THREE, Play, pacemaker_policy, policy, stopped
from tests.fixtures.playbook import EPOCH

RULES = policy(lookup=True, look_up_reports=True, elected=True)
ALL = policy(lookup=True, look_up_reports=True)
FLAGGED = {"node05": True}
IN_SERVICE = {"node05": False}
DAY = 86400


def told(rules: Policy = RULES) -> Play:
    """It leads; masakari has taken a failure of node05, and has put the host on maintenance."""
    play = Play(rules).all_up("node05").wait(60)
    if play.rules.elected:
        play.leads({})
    return play.registry(IN_SERVICE).cut("node05").wait(60).registry(FLAGGED)


def seen_down(play: Play) -> Play:
    """The first sight of it shows node05 down."""
    for link in play.rules.matrix.sequence:
        play.view(link).sees(link, {OWN: Membership.UP, "node05": Membership.DOWN}, whole=True)
    return play


def stop(play: Play, seconds: float = DAY) -> Play:
    """The monitor is away for so long, and is started."""
    play.seconds += seconds
    play.start()
    return play


def ledger(play: Play) -> dict[str, LedgerEntry]:
    return dict(play.ledgers[-1])


# -- it came back, was put back and failed again while nobody watched ---------------------------------


def test_put_back_and_failed_again_while_the_monitor_was_away_it_is_reported_anew() -> None:
    play = told()
    kept = ledger(play)
    seen_down(stop(play).leads(kept).registry(IN_SERVICE)).wait(60)
    assert play.reports == [stopped("node05"), stopped("node05")]
    assert play.sent[1].generated_time > play.sent[0].generated_time
    assert any("another failure" in said.why for said in play.told)
    play.wait(DAY)
    assert len(play.reports) == 2


def test_also_when_the_ledger_cannot_be_read() -> None:
    play = told()
    seen_down(stop(play).leads(None).registry(IN_SERVICE)).wait(60)
    assert len(play.reports) == 2


def test_also_when_all_report() -> None:
    play = told(ALL)
    seen_down(stop(play).registry(IN_SERVICE)).wait(60)
    assert len(play.reports) == 2


def test_also_by_a_successor_that_knows_of_it_from_the_ledger_alone() -> None:
    entry = LedgerEntry(HostStatus.NORMAL, EPOCH + datetime.timedelta(hours=2), True)
    play = seen_down(Play(RULES).leads({"node05": entry}).registry(IN_SERVICE)).wait(60)
    assert play.reports == [stopped("node05")]
    assert play.ledgers[-1]["node05"].reported_at == play.sent[0].generated_time


def test_also_when_sight_was_lost_in_between() -> None:
    play = told()
    for link in THREE:
        play.view(link, proven=False)
    seen_down(play.wait(DAY).registry(IN_SERVICE)).wait(60)
    assert len(play.reports) == 2


def test_also_when_the_flag_that_it_had_for_another_reason_is_taken_off_later() -> None:
    play = told()
    kept = ledger(play)
    seen_down(stop(play).leads(kept).registry(FLAGGED)).wait(3600)
    assert len(play.reports) == 1
    play.registry(IN_SERVICE).wait(60)
    assert len(play.reports) == 2


def test_it_is_proven_off_again_first() -> None:
    rules = pacemaker_policy(lookup=True, elected=True, proof=ProofPolicy())
    play = Play(rules).all_up("node05").leads({}).registry(IN_SERVICE).cut("node05").answer(Power.OFF)
    kept = ledger(play.wait(60).registry(FLAGGED))
    seen_down(stop(play).leads(kept).registry(IN_SERVICE)).wait(60)
    assert len(play.reports) == 1 and len(play.asked) == 2
    play.answer(Power.OFF)
    assert len(play.reports) == 2


# -- the same failure -------------------------------------------------------------------------------


def test_on_maintenance_still_it_is_the_same_failure() -> None:
    play = told()
    kept = ledger(play)
    seen_down(stop(play).leads(kept).registry(FLAGGED)).wait(3600)
    assert play.reports == [stopped("node05")]
    assert "reported before" in play.last("host:node05").why


@pytest.mark.parametrize("hosts", [{}, {"node06": False}])
def test_of_a_host_that_masakari_does_not_have_any_more_nothing_is_said(hosts: dict[str, bool]) -> None:
    play = told()
    kept = ledger(play)
    seen_down(stop(play).leads(kept).registry(hosts)).wait(DAY)
    assert play.reports == [stopped("node05")]


def test_watched_ever_since_its_report_it_is_the_same_failure_whatever_becomes_of_the_flag() -> None:
    play = told().wait(3600).registry(IN_SERVICE).wait(DAY).registry(IN_SERVICE).wait(DAY)
    assert play.reports == [stopped("node05")]


def test_a_report_of_just_now_is_the_same_failure_before_masakari_has_set_the_flag() -> None:
    play = Play(RULES).all_up("node05").leads({}).registry(IN_SERVICE).cut("node05").wait(10)
    kept = ledger(play)
    seen_down(stop(play, 5).leads(kept).registry(IN_SERVICE)).wait(160).registry(FLAGGED).wait(DAY)
    assert play.reports == [stopped("node05")]


def test_a_disabled_segment_says_nothing_by_the_flag_that_it_does_not_set() -> None:
    play = told()
    kept = ledger(play)
    seen_down(stop(play).leads(kept).registry(IN_SERVICE, frozenset({"node05"}))).wait(DAY)
    assert play.reports == [stopped("node05")]


def test_a_follower_closes_nothing() -> None:
    play = told()
    kept = ledger(play)
    seen_down(stop(play).follows("node02", kept).registry(IN_SERVICE)).wait(DAY)
    assert play.reports == [stopped("node05")]
    assert "reported before" in play.last("host:node05").why


# -- masakari's own list -----------------------------------------------------------------------------


def test_what_masakari_is_at_is_not_told_again_however_old_it_is() -> None:
    play = told()
    kept = ledger(play)
    play.listed = None
    seen_down(stop(play).leads(kept).registry(IN_SERVICE)).wait(5)
    question = play.asked_list[-1]
    assert question.host_status is HostStatus.NORMAL
    assert question.since == play.now.wall - datetime.timedelta(seconds=185)
    assert question.unfinished_since == play.now.wall - datetime.timedelta(days=1, seconds=5)
    play.found(True).registry(IN_SERVICE).wait(170).registry(IN_SERVICE)
    assert play.reports == [stopped("node05")] and len(play.asked_list) == 1
    assert "reported before" in play.last("host:node05").why
    # It is asked again, for it may have failed.
    play.wait(10).registry(IN_SERVICE)
    assert len(play.asked_list) == 2
    play.found(False).wait(5)
    assert len(play.reports) == 2


@pytest.mark.parametrize("silent", [True, False], ids=["no answer", "cannot be read"])
def test_what_masakari_may_be_at_is_not_told_again_because_its_list_cannot_be_read(silent: bool) -> None:
    """Its engine is away, the report waits there: once its list can be read, that is known."""
    play = told()
    kept = ledger(play)
    play.listed = None
    seen_down(stop(play).leads(kept).registry(IN_SERVICE)).wait(5)
    for _ in range(8):
        play.registry(IN_SERVICE)
        if not silent:
            play.found(None)
        play.wait(60)
    assert play.reports == [stopped("node05")] and len(play.asked_list) > 4
    assert play.last("host:node05").alarm and "cannot be read" in play.last("host:node05").why
    play.listed = True
    play.wait(60).registry(IN_SERVICE)
    assert play.reports == [stopped("node05")] and not play.last("host:node05").alarm
    play.listed = None
    read(play, 1800, IN_SERVICE)
    assert len(play.reports) == 2, "the segments were read, the list never: a failure is not lost for it"


def test_where_masakari_cannot_be_read_at_all_nothing_is_told_anew() -> None:
    play = told()
    kept = ledger(play)
    play.listed = None
    seen_down(stop(play).leads(kept).registry(IN_SERVICE)).wait(DAY)
    assert play.reports == [stopped("node05")] and play.last("host:node05").alarm
    play.listed = False
    play.registry(IN_SERVICE).wait(60)
    assert len(play.reports) == 2


def test_all_ask_in_turns_before_they_tell_it_anew() -> None:
    play = told(policy(lookup=True, look_up_reports=True, stagger=2.0))
    stop(play).registry(IN_SERVICE)
    others = [f"node{number:02}" for number in range(6, 12)]
    values = dict.fromkeys((OWN, *others), Membership.UP) | {"node05": Membership.DOWN}
    for link in THREE:
        play.view(link).sees(link, values, whole=True)
    play.wait(60)
    assert len(play.reports) == 2
    turn = stagger("node05", OWN, others, 2.0)
    assert play.sent[1].generated_time.timestamp() % 22.0 == pytest.approx(turn)
    assert play.asked_list[-1].unfinished_since is not None


def test_told_while_all_reported_it_is_looked_for_before_a_leader_tells_it_anew() -> None:
    """The leader was started later, and the ledger says nothing of what was told while all reported."""
    play = Play(RULES, listed=None).leads({}).registry(FLAGGED)
    seen_down(play).feed().wait(5)
    assert play.asked_list, "perhaps the maintenance is what a report of it has brought about"
    play.found(True).wait(60).registry(IN_SERVICE).wait(5)
    assert play.reports == []


def test_a_host_that_is_down_at_the_first_sight_of_it_is_looked_for_in_masakari_first() -> None:
    play = Play(RULES, memory={"host:node05": {"up": True}}, listed=None).leads({}).registry(IN_SERVICE)
    seen_down(play).wait(5)
    assert play.reports == [] and play.asked_list[-1].unfinished_since is not None
    play.found(True).wait(60)
    assert play.reports == []
    assert "from another monitor" in play.last("host:node05").why


# -- masakari cannot be read --------------------------------------------------------------------------


def test_with_the_segments_unread_it_is_held_with_an_alarm() -> None:
    play = told()
    kept = ledger(play)
    seen_down(stop(play).leads(kept)).wait(30)
    assert not play.last("host:node05").alarm and "reported before" in play.last("host:node05").why
    play.registry(None).wait(40)
    assert play.last("host:node05").alarm and "cannot be read" in play.last("host:node05").why
    play.registry(IN_SERVICE).wait(60)
    assert len(play.reports) == 2


def test_where_the_segments_are_never_read_a_person_is_told() -> None:
    play = Play(policy()).all_up("node05").cut("node05").wait(60)
    seen_down(stop(play)).wait(DAY)
    assert len(play.reports) == 1
    assert play.last("host:node05").alarm and "segment_lookup" in play.last("host:node05").why


def test_a_clock_that_was_ahead_silences_nothing() -> None:
    later = (EPOCH + datetime.timedelta(days=30)).isoformat()
    memory: dict[str, JSON] = {"up": True, "reported": "NORMAL", "reported_at": later, "delivered": True}
    play = (
        Play(RULES, memory={"host:node05": memory | {"settled_at": later}}).leads(None).registry(IN_SERVICE)
    )
    seen_down(play).wait(60)
    assert play.reports == [stopped("node05")]


def test_an_answer_that_comes_after_the_report_was_given_up_changes_nothing() -> None:
    play = told()
    kept = ledger(play)
    first = play.sent[0]
    seen_down(stop(play).leads(kept).registry(IN_SERVICE)).wait(60)
    late = Answered(
        host="node05",
        made_at=first.generated_time,
        host_status=first.host_status,
        outcome=Outcome.REFUSED,
        why="409 maintenance",
        at=play.now,
    )
    play.feed(late).wait(60)
    assert len(play.reports) == 2


# -- the process stood still ---------------------------------------------------------------------------


def looks(play: Play, seconds: int, value: Membership) -> Play:
    """One look at the one link each ten seconds, good for thirty, and a lease that is renewed."""
    for _ in range(seconds // 10):
        play.view("cluster", good_for=30).sees("cluster", {"node05": value}, whole=True)
        play.leads(good_for=15).wait(10)
    return play


@pytest.mark.parametrize("renewed", ["sight", "lease"])
def test_what_comes_first_after_a_standstill_does_not_hide_it(renewed: str) -> None:
    """Frozen for two hours with a look, or a renewal, under way: its alarms come after what has just been answered."""
    play = Play(pacemaker_policy(lookup=True, elected=True, look_up_reports=True)).all_up("node05").leads({})
    looks(play.registry(IN_SERVICE), 30, Membership.UP)
    looks(play, 60, Membership.DOWN).registry(FLAGGED)
    kept = ledger(looks(play, 60, Membership.DOWN))
    assert play.reports == [stopped("node05")]
    play.seconds += 7200
    if renewed == "lease":
        play.leads(kept, good_for=15)
    looks(play, 10, Membership.DOWN).leads(kept, good_for=15).registry(IN_SERVICE)
    looks(play, 60, Membership.DOWN)
    assert len(play.reports) == 2


def test_what_was_not_delivered_before_a_standstill_is_taken_back_first() -> None:
    play = Play(pacemaker_policy(), api=False).all_up("node05").wait(10)
    play.view("cluster", good_for=30).cut("node05").wait(10)
    assert play.reports == [stopped("node05")] and play.withdrawn == []
    play.seconds += 7200
    play.view("cluster", good_for=30)
    assert play.withdrawn == ["host:node05"]
    play.wait(5)
    assert play.sent[-1].generated_time == play.sent[0].generated_time, "down still: the same report"
    assert len(play.reports) == 2


# -- masakari does not finish with what it has ----------------------------------------------------------


def read(play: Play, seconds: int, segments: dict[str, bool] | None) -> Play:
    """Time passes, and masakari's segments are read each minute (None: cannot be)."""
    for _ in range(seconds // 60):
        play.wait(60).registry(segments)
    return play


def excused(segments: dict[str, bool], listed: bool | None) -> Play:
    """node05 fails while its links are out of sight; masakari is looked at first."""
    play = Play(RULES, listed=listed).all_up("node05").leads({}).registry(segments).wait(60)
    for link in THREE:
        play.view(link, proven=False)
    return seen_down(play.wait(8)).wait(5)


def test_what_its_engine_began_with_long_before_it_was_read_in_service_is_an_earlier_failure() -> None:
    """The engine sets the flag as the first thing; one that ends at its work leaves the report running for a day."""
    question = excused(IN_SERVICE, None).asked_list[-1]
    assert question.touched_since is not None
    read_at = Play().now.wall
    assert (question.touched_since - read_at).total_seconds() == -180
    assert excused({}, None).asked_list[-1].touched_since is None, "nothing is known of a flag"


def test_what_its_engine_does_not_take_up_is_an_alarm_after_ten_minutes() -> None:
    play = read(excused(IN_SERVICE, True), 540, IN_SERVICE)
    assert play.reports == [] and not play.last("host:node05").alarm
    alarms = len([said for said in play.told if said.alarm])
    read(play, 120, IN_SERVICE)
    assert play.last("host:node05").alarm and "not finished" in play.last("host:node05").why
    read(play, 6 * 3600, IN_SERVICE)
    assert play.last("host:node05").alarm, "it stands"
    assert len([said for said in play.told if said.alarm]) == alarms + 1, "and is told once"
    play.listed = False
    read(play, 240, IN_SERVICE)
    assert play.reports == [stopped("node05")]


def test_what_its_engine_has_finished_with_is_no_alarm() -> None:
    play = excused(FLAGGED, None)
    play.found(True, finished=True)
    read(play, 3600, FLAGGED)
    assert play.reports == [] and not play.last("host:node05").alarm


def test_an_operators_maintenance_stays_an_alarm_while_its_engine_has_not_finished() -> None:
    play = excused(FLAGGED, None)
    assert play.last("host:node05").alarm and play.asked_list[-1].touched_since is not None
    play.found(True).wait(1)
    assert play.last("host:node05").alarm and "not finished" in play.last("host:node05").why
    play.listed = False
    read(play, 240, FLAGGED)
    assert not play.last("host:node05").alarm, "it has finished: the flag is what came of it"
    assert play.reports == []


# -- what was read before the report arrived says nothing of it ------------------------------------------


def renewed(play: Play, seconds: int) -> Play:
    """Time passes, and masakari's segments cannot be read."""
    return read(play, seconds, None)


def test_a_reading_from_before_it_was_delivered_is_no_proof_that_it_was_put_back() -> None:
    """masakari-api was away for long, and takes the report before its segments can be read again."""
    play = (
        Play(RULES, api=False).all_up("node05").wait(60).leads({}).registry(IN_SERVICE).cut("node05").wait(60)
    )
    kept = ledger(play)
    seen_down(stop(play, 5).leads(kept).registry(IN_SERVICE)).wait(60)
    assert len(play.reports) == 2 and play.sent[0] == play.sent[1]
    renewed(play, 900).listed = None
    play.delivered("node05")
    renewed(play, 540)
    assert len(play.reports) == 2 and "cannot be read" not in play.last("host:node05").why
    renewed(play, 120)
    assert play.last("host:node05").alarm and "cannot be read" in play.last("host:node05").why
    read(play, 3600, FLAGGED)
    assert len(play.reports) == 2


def test_a_new_leader_goes_by_no_reading_from_before_it_heard_of_the_report() -> None:
    """It has read the segments just after the failure; the report came 12 minutes later, and set the flag."""
    play = Play(RULES, listed=None).all_up("node05").follows("node09", {}).wait(60)
    for link in THREE:
        play.view(link, proven=False)
    seen_down(play.wait(8)).wait(5).registry(IN_SERVICE).wait(720)
    entry = {"node05": LedgerEntry(HostStatus.NORMAL, play.now.wall, True)}
    play.follows("node09", entry).wait(780).leads(entry).wait(1)
    assert play.asked_list == [] and not any("another failure" in said.why for said in play.told)
    read(play.registry(FLAGGED), 3600, FLAGGED)
    assert play.reports == [] and not play.last("host:node05").alarm
