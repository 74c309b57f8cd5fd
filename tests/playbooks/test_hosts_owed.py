"""A host is back, or was never lost, and masakari has a report of it, or may have: a person must put it back.

masakari's engine puts a host on maintenance and disables it in nova with each report that it works off.
"""

from dataclasses import replace

import pytest

from masakarimonitors.hostmonitor.core.decision import Decider
from masakarimonitors.hostmonitor.core.ledger import (
    OWED,
    LedgerEntry,
    outages,
    owed_in,
    read_ledger,
    with_owed,
    write_ledger,
)
from masakarimonitors.hostmonitor.core.observation import Membership, Outcome, Sighting
from masakarimonitors.hostmonitor.core.outages.reasons import Reason
from masakarimonitors.hostmonitor.core.state import Policy
from tests.fixtures.host_play import OWN, Play, pacemaker_policy, policy, stopped

DAY = 86400
IN_SERVICE, FLAGGED = {"node05": False}, {"node05": True}
RULES = pacemaker_policy(lookup=True, elected=True)
LATE = Sighting(Membership.LEFT, "its good-bye was heard late", revises=True)


def lost(api: bool = False) -> Play:
    """It leads; node05 was reported; without `api` masakari's answer is awaited still."""
    play = Play(RULES, api=api).all_up("node05").leads({}).registry(IN_SERVICE).wait(60)
    return play.registry(IN_SERVICE).cut("node05").wait(5)


def read(play: Play, segments: dict[str, bool] | None, minutes: int = 5) -> Play:
    for _ in range(minutes):
        play.wait(60).registry(segments)
    return play


def owed(play: Play) -> bool:
    """Whether the alarm stands."""
    told = play.state.hosts["node05"].told
    return told is not None and told.alarm and told.reason in (Reason.OUT_OF_SERVICE, Reason.NEVER_LOST)


# -- a report that was under way ------------------------------------------------------------------------


def test_a_host_that_is_back_before_its_answer_is_an_alarm_until_masakari_shows_it_in_service() -> None:
    play = lost().heal("node05").wait(1)
    assert play.reports[0] == stopped("node05") and "host:node05" in play.withdrawn
    assert owed(play) and "node05 nova-compute" in play.last("host:node05").why
    play.wait(170).registry(IN_SERVICE)
    assert owed(play), "its engine may not have begun yet"
    play.wait(20).registry(IN_SERVICE)
    assert not owed(play) and play.last("host:node05").why == "masakari has it in service"


def test_or_until_a_person_has_put_it_back() -> None:
    play = read(lost().heal("node05"), FLAGGED).wait(3 * DAY).registry(FLAGGED)
    assert owed(play)
    play.registry(IN_SERVICE)
    assert not owed(play)


def test_while_masakari_cannot_be_read_it_stands() -> None:
    assert owed(lost().heal("node05").wait(2 * DAY).registry(None).wait(60))


def test_an_answer_that_comes_after_the_return_is_an_alarm() -> None:
    play = read(lost().heal("node05"), IN_SERVICE)
    assert not owed(play)
    play.answers(Outcome.ACCEPTED)
    assert owed(play) and "has disabled it in nova" in play.last("host:node05").why
    assert owed(read(play, IN_SERVICE)), "its engine has not come to it yet"
    assert not owed(read(read(play, FLAGGED, 1), IN_SERVICE, 1))


def test_a_good_bye_that_is_heard_late_is_the_same() -> None:
    play = lost().change("cluster", {"node05": LATE}).wait(1)
    assert owed(play) and "may have taken" in play.last("host:node05").why
    assert not owed(read(play, IN_SERVICE))


# -- a report that masakari has ------------------------------------------------------------------------


def test_what_masakari_has_stands_until_its_flag_was_set_and_is_off() -> None:
    play = read(lost(api=True), FLAGGED, 1).heal("node05")
    assert owed(read(play, FLAGGED, 60))
    assert not owed(read(play, IN_SERVICE, 1))


def test_whoever_was_put_back_while_it_was_down_needs_nobody() -> None:
    play = read(read(lost(api=True), FLAGGED, 1), IN_SERVICE, 1).heal("node05").wait(1)
    assert not owed(play) and not any("nova-compute" in told.why for told in play.told)


def test_its_next_failure_and_a_flap_end_nothing() -> None:
    play = read(read(lost(api=True), FLAGGED, 1).heal("node05"), FLAGGED)
    play.cut("node05").wait(1).heal("node05").wait(1)
    assert owed(play)


@pytest.mark.parametrize("segments", [{}, {"node06": False}])
def test_who_is_in_no_segment_any_more_is_put_back_nowhere(segments: dict[str, bool]) -> None:
    assert not owed(read(lost(api=True).heal("node05"), segments, 1))


def test_without_a_look_at_the_segments_it_stands_for_a_day() -> None:
    play = Play(pacemaker_policy()).all_up("node05").cut("node05").wait(5).heal("node05").wait(DAY - 10)
    assert owed(play)
    play.wait(20)
    assert not owed(play)


# -- what masakari's own list says ---------------------------------------------------------------------

ASKS = pacemaker_policy(lookup=True, elected=True, look_up_reports=True)


def told(api: bool = True) -> Play:
    """As `lost`, where masakari can be asked for its reports; whatever is asked from now on waits for its answer."""
    play = Play(ASKS, api=api).all_up("node05").leads({}).registry(IN_SERVICE).wait(60)
    play = play.registry(IN_SERVICE).cut("node05").wait(5)
    play.listed = None
    return play


def test_a_flag_that_was_set_and_lifted_between_two_readings_is_over_once_masakari_has_ended_with_its_report() -> (
    None
):
    play = read(told().heal("node05"), IN_SERVICE, 1)
    assert owed(play) and play.asked_list[-1].every
    play.found(True, finished=True)
    assert owed(play), "what was read before says nothing of it"
    play.wait(60).registry(IN_SERVICE)
    assert not owed(play) and play.last("host:node05").why == "masakari has it in service"
    assert play.state.hosts["node05"].aftermath is None


def test_one_that_masakari_has_on_maintenance_after_it_has_ended_is_to_be_put_back() -> None:
    play = read(read(told().heal("node05"), IN_SERVICE, 1).found(True, finished=True), FLAGGED, 60)
    assert owed(play)
    assert not owed(play.registry(IN_SERVICE))


def test_while_masakari_has_not_ended_with_it_or_cannot_be_asked_it_stands_and_is_asked_again() -> None:
    play = read(told().heal("node05"), IN_SERVICE, 1)
    for found in (True, None, True):
        asked = len(play.asked_list)
        play.found(found)
        assert owed(read(play, IN_SERVICE, 4)) and len(play.asked_list) == asked + 1, "every three minutes"
    assert not owed(read(play.found(True, finished=True), IN_SERVICE, 1))


def test_a_question_without_an_answer_is_asked_again() -> None:
    play = read(told().heal("node05"), IN_SERVICE, 1)
    asked = len(play.asked_list)
    assert len(read(play, IN_SERVICE, 3).asked_list) == asked + 1


def test_of_what_was_under_way_masakari_says_whether_it_has_it() -> None:
    play = read(told(api=False).heal("node05"), IN_SERVICE, 2)
    asked = len(play.asked_list)
    assert owed(play) and not any(one.every for one in play.asked_list), "it may arrive yet"
    assert owed(read(play, IN_SERVICE, 2)) and len(play.asked_list) == asked + 1
    play.found(False)
    assert not owed(play) and "has no report of it" in play.last("host:node05").why


def test_what_was_under_way_and_arrived_while_its_engine_was_away_stays_owed() -> None:
    play = read(read(told(api=False).heal("node05"), IN_SERVICE).found(True), IN_SERVICE, 60)
    assert owed(play) and "has disabled it in nova" in play.last("host:node05").why
    assert not owed(read(read(play, FLAGGED, 1), IN_SERVICE, 1))


def test_who_does_not_report_does_not_ask() -> None:
    play = told().heal("node05").follows("node02")
    asked = len(play.asked_list)
    assert len(read(play, IN_SERVICE).asked_list) == asked


def test_the_end_that_masakari_has_told_is_known_after_a_restart_and_what_is_read_then_counts() -> None:
    play = read(told().heal("node05"), IN_SERVICE, 1).found(True, finished=True)
    play.seconds += 300
    play.start()
    play.all_up("node05").leads({}).wait(61)
    assert owed(play)
    assert not owed(read(play, IN_SERVICE, 1))


# -- one report after another --------------------------------------------------------------------------


def test_a_flag_that_was_lifted_before_masakari_took_the_report_was_not_of_it() -> None:
    """It was refused for work that somebody did, then taken; the host is back before the engine has set its own."""
    play = lost().answers(Outcome.REFUSED, why="409 maintenance").registry(FLAGGED)
    play.registry(IN_SERVICE).wait(5)
    assert play.reports == [stopped("node05")] * 2
    play.answers(Outcome.ACCEPTED).heal("node05").wait(1)
    assert owed(play)


def test_nor_was_one_that_was_lifted_before_the_same_report_was_sent_again() -> None:
    play = lost().view("cluster", proven=False).registry(FLAGGED).registry(IN_SERVICE)
    play.all_up().cut("node05").wait(5)
    assert play.reports == [stopped("node05")] * 2 and play.sent[0] == play.sent[1]
    play.answers(Outcome.ACCEPTED).heal("node05").wait(1)
    assert owed(play)


@pytest.mark.parametrize("doubted", [True, False])
def test_what_was_refused_is_owed_only_if_an_earlier_try_may_have_arrived(doubted: bool) -> None:
    play = lost().answers(Outcome.REFUSED, why="409 maintenance", doubted=doubted).heal("node05").wait(1)
    assert owed(play) is doubted
    assert not doubted or not owed(read(play, IN_SERVICE))


def test_what_expired_may_have_arrived_though_the_next_one_was_plainly_refused() -> None:
    play = lost().answers(Outcome.EXPIRED).wait(5)
    assert len(play.reports) == 2
    play.answers(Outcome.REFUSED, why="400 not registered").heal("node05").wait(1)
    assert owed(play) and "under way" in play.last("host:node05").why


@pytest.mark.parametrize("delivered", [True, False])
def test_whoever_leads_next_is_owed_what_a_leader_before_it_has_closed(delivered: bool) -> None:
    """It was out of sight here while the host came back, and what its leader owes stands in no ledger."""
    entry = dict(lost(api=delivered).ledgers[-1])
    play = Play(RULES).all_up("node05").follows("node02").cut("node05").follows("node02", entry)
    play.view("cluster", proven=False).wait(600).leads({}).all_up("node05").registry(FLAGGED).wait(1)
    assert owed(play)
    assert not owed(read(play, IN_SERVICE, 1))


# -- restarts and other monitors -----------------------------------------------------------------------


@pytest.mark.parametrize("left", [False, True])
def test_it_is_remembered_over_a_restart(left: bool) -> None:
    play = lost(api=True)
    play = play.change("cluster", {"node05": LATE}) if left else play.heal("node05")
    assert owed(play.wait(60))
    play.seconds += 3600
    play.start()
    now = Sighting(Membership.LEFT, "left") if left else Sighting(Membership.UP)
    play.view("cluster").listing("cluster", {OWN: Sighting(Membership.UP), "node05": now}).leads({}).wait(30)
    assert not owed(play), "whoever has come to report reads masakari first"
    play.registry(FLAGGED)
    assert owed(play) and ("started elsewhere" in play.last("host:node05").why) is left
    assert not owed(read(play, IN_SERVICE))


def test_who_does_not_report_says_nothing_until_it_does() -> None:
    play = Play(RULES).all_up("node05").follows("node02").cut("node05").wait(5)
    play.follows("node02", dict(lost(api=True).ledgers[-1])).heal("node05").wait(600)
    assert not owed(play) and play.state.hosts["node05"].outage is None
    play.leads({}).wait(61)
    assert owed(play), "masakari's segments cannot be read"
    assert not owed(read(read(play, FLAGGED, 1), IN_SERVICE, 1))


def test_who_does_not_report_any_more_leaves_it_to_who_does_also_while_a_link_is_out_of_sight() -> None:
    """It does not see how that ends, so its alarm would never."""
    play = Play(policy(lookup=True, elected=True)).all_up("node05").leads({}).registry(IN_SERVICE).wait(60)
    play.registry(IN_SERVICE).cut("node05").wait(5).heal("node05").wait(5)
    assert owed(play)
    play.view("manage", proven=False).follows("node02").wait(60)
    assert not owed(play) and "by whoever reports now" in play.last("host:node05").why
    assert owed(play.leads({}).wait(61))


def test_while_nobody_is_elected_for_a_moment_it_stands() -> None:
    """And nobody is told that it was over, only to be told anew when all report."""
    play = lost(api=True).heal("node05").wait(5)
    said = len(play.said("host:node05"))
    assert owed(play.no_election().wait(10)) and owed(play.wait(30))
    assert owed(play.leads(None).wait(5)) and len(play.said("host:node05")) == said


def test_who_reports_first_after_days_looks_whether_it_was_put_back() -> None:
    def late() -> Play:
        play = Play(RULES).all_up("node05").follows("node02").cut("node05").wait(5)
        play.follows("node02", dict(lost(api=True).ledgers[-1])).heal("node05").wait(3 * DAY)
        return play.all_up("node05").leads({}).wait(61)

    play = late()
    assert not owed(play), "nobody has read masakari's segments since"
    assert owed(play.registry(FLAGGED))
    play = late().registry(IN_SERVICE)
    assert not owed(play) and play.state.hosts["node05"].aftermath is None


# -- who was away meanwhile ------------------------------------------------------------------------------


def written(play: Play, *, by_an_earlier_release: bool = False) -> dict[str, LedgerEntry]:
    """The ledger as whoever reads it next finds it in the store."""
    entries = play.ledgers[-1]
    read = read_ledger(write_ledger(outages(entries) if by_an_earlier_release else entries))
    assert read is not None
    return dict(read)


def put_back() -> Play:
    """The host is back, its leader owes the look, and its engine has put it on maintenance."""
    return read(lost(api=True).heal("node05"), FLAGGED, 2)


def away(rules: Policy = RULES) -> Play:
    """Another monitor, which was not running from before the failure until after the return."""
    return Play(rules).all_up("node05")


def test_who_was_away_while_the_host_failed_and_came_back_tells_the_two_commands_once_it_reports() -> None:
    play = away().follows("node02", written(put_back())).wait(60)
    assert not owed(play), "whoever reports tells it"
    play.leads(None).registry(FLAGGED).wait(1)
    assert owed(play) and "node05 nova-compute" in play.last("host:node05").why
    assert not owed(read(play, IN_SERVICE, 1)) and play.state.hosts["node05"].aftermath is None


def test_so_does_who_reports_as_soon_as_it_is_started() -> None:
    play = away().leads(written(put_back())).registry(FLAGGED).wait(1)
    assert owed(play)


def test_it_is_remembered_over_its_own_restart_and_told_on_to_the_next() -> None:
    play = away().follows("node02", written(put_back())).wait(60)
    play.start()
    play.all_up("node05").leads(None).registry(FLAGGED).wait(1)
    assert owed(play) and owed(away().leads(written(play)).registry(FLAGGED).wait(1))


def test_what_masakari_may_have_is_told_on_as_that() -> None:
    play = away().leads(written(lost().heal("node05").wait(1))).registry(FLAGGED).wait(1)
    assert owed(play)
    play = away().leads(written(lost().heal("node05").wait(1))).registry(IN_SERVICE).wait(1)
    assert "may have" in play.last("host:node05").why or "if masakari has it" in play.last("host:node05").why


def test_whose_end_the_reporter_has_seen_is_owed_by_nobody_who_only_heard_of_it() -> None:
    first = put_back()
    play = away().follows("node02", written(first)).wait(60)
    play.follows("node02", written(read(first, IN_SERVICE, 1)))
    assert play.state.hosts["node05"].aftermath is None
    assert OWED in play.leads(None).ledgers[-1], "who reports next says that nothing is"


def test_a_ledger_of_an_earlier_release_says_nothing_of_it() -> None:
    first = put_back()
    play = away().follows("node02", written(first)).wait(60)
    play.follows("node02", written(first, by_an_earlier_release=True)).wait(60)
    assert owed(play.leads(None).registry(FLAGGED).wait(1))


def test_who_has_seen_the_return_itself_keeps_what_it_knows_whatever_the_ledger_says() -> None:
    first = read(put_back(), IN_SERVICE, 1)
    play = Play(RULES).all_up("node05").follows("node02").cut("node05").wait(5)
    play.follows("node02", dict(lost(api=True).ledgers[-1])).heal("node05").wait(5)
    kept = play.state.hosts["node05"].aftermath
    play.follows("node02", written(first))
    assert kept is not None and play.state.hosts["node05"].aftermath == kept


def test_of_a_report_that_was_under_way_the_ledger_may_know_that_it_arrived() -> None:
    play = lost().heal("node05").wait(1).follows("node02", written(put_back())).wait(1)
    assert owed(play.leads(None).registry(FLAGGED).wait(1))
    assert "has disabled it in nova" in play.last("host:node05").why


def test_what_others_wrote_of_this_host_is_told_on_to_who_may_judge_it() -> None:
    entries = written(put_back())
    play = Play(pacemaker_policy(own="node05", lookup=True, elected=True)).view("cluster")
    play.sees("cluster", {"node05": Membership.UP, "node01": Membership.UP}, whole=True).leads(entries)
    assert "node05" not in play.state.hosts
    assert owed(away().leads(written(play)).registry(FLAGGED).wait(1))
    assert (owed_in(written(play.registry(FLAGGED))) or {}).keys() == {"node05"}
    assert owed_in(written(play.registry(IN_SERVICE))) == {}, "somebody has put it back"


@pytest.mark.parametrize("words", [{"owed": "a word of a later release"}, {"at": "yesterday"}])
def test_what_cannot_be_understood_of_it_is_owed_until_it_is_seen_in_service(words: dict[str, str]) -> None:
    entries = with_owed({}, {"node05": words})
    play = away().leads(entries).registry(FLAGGED).wait(1)
    assert owed(play) and not owed(read(play, IN_SERVICE, 1))


def test_a_shadow_has_told_nothing_so_it_calls_nobody_to_put_a_host_back() -> None:
    play = (
        Play(replace(RULES, tells=False), api=True).all_up("node05").leads({}).registry(IN_SERVICE).wait(60)
    )
    play.registry(IN_SERVICE).cut("node05").wait(5)
    assert play.reports == [stopped("node05")], "what it would have told"
    play.heal("node05").wait(1)
    assert not owed(play) and play.state.hosts["node05"].aftermath is None
    assert not owed(read(play, FLAGGED)), "whoever has told it says so"


def test_nor_does_it_by_what_an_earlier_release_of_it_has_kept() -> None:
    play = lost(api=True).heal("node05").wait(1)
    assert owed(play)
    host = play.state.hosts["node05"]
    play.decide = Decider(replace(RULES, tells=False))
    play.wait(1).registry(IN_SERVICE).wait(60)
    assert host.aftermath is not None and play.state.hosts["node05"].aftermath is None
