"""Reports about processes: when one may leave, what masakari may have of one that was taken back, and what is lost."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from masakarimonitors.core.decision import JSON, Ruling
from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.processmonitor.core.decision import Decider
from masakarimonitors.processmonitor.core.observation import (
    CommandEnded,
    LookUpMaintenance,
    MaintenanceSeen,
    Presence,
    Run,
)
from masakarimonitors.processmonitor.monitor import describe
from tests.fixtures.process_play import FULL, NOVA, Play, leaves, notified, reported

SUBJECT = f"process:{NOVA.process_name}"


# -- when a report may leave ----------------------------------------------------------------------------


def test_a_report_does_not_leave_while_its_process_runs_and_its_command_still_waits() -> None:
    play = reported()
    play.to_next_alarm()
    play.answer(Presence.GONE)
    play.runs("restart")  # a slow try, whose command waits until the service is ready
    assert leaves(play)
    play.running()
    assert play.stage == "Trying" and not leaves(play)
    play.gone()
    assert leaves(play)


def test_a_report_does_not_leave_while_its_process_cannot_be_seen() -> None:
    play = reported()
    play.see(Presence.UNKNOWN)
    assert play.stage == "Down" and not leaves(play)
    play.gone()
    assert leaves(play)


# -- what masakari may have of one that was taken back ----------------------------------------------------


def test_masakari_is_asked_what_it_made_of_one_that_was_taken_back_and_a_maintenance_is_an_alarm() -> None:
    play = reported()
    play.running()
    play.survives()
    assert play.memory[SUBJECT]["over"] is True
    play.wait(60)
    assert play.asked == [LookUpMaintenance()]
    play.tell(MaintenanceSeen(True, play.now))
    (verdict,) = play.verdicts
    assert verdict.alarm and "may have been told" in verdict.why
    (row,) = describe(play.state, play.policy)
    assert row.alarm and "may have been told" in row.detail
    play.wait(400)
    play.tell(MaintenanceSeen(False, play.now))
    assert play.process.over is None and not play.memory and not play.alarms


def test_one_that_was_taken_back_is_forgotten_when_masakari_had_time_to_act_and_did_not() -> None:
    play = reported()
    play.wait(1000)  # what counts is when it can have left last
    play.running()
    play.survives()
    play.wait(60)
    play.tell(MaintenanceSeen(False, play.now))
    assert play.process.taken_back is not None
    play.wait(400)
    play.tell(MaintenanceSeen(False, play.now))
    assert play.process == replace(play.process, taken_back=None) and not play.memory and not play.alarms


def test_the_next_life_of_the_monitor_asks_too() -> None:
    play = reported()
    play.running()
    play.survives()
    later = Play(NOVA, memory=play.memory)
    later.running()
    assert later.stage == "Running"
    later.wait(60)
    later.tell(MaintenanceSeen(True, later.now))
    assert later.verdicts[0].alarm and later.process.told is not None


def test_one_that_was_taken_back_and_refused_may_have_arrived_before() -> None:
    play = reported()
    play.running()
    play.survives()
    play.report_ends(ReportStatus.REFUSED)
    play.wait(60)
    play.tell(MaintenanceSeen(True, play.now))
    assert play.process.told is not None


def test_an_entry_that_leaves_the_list_takes_what_was_taken_back_with_it() -> None:
    play = reported()
    play.running()
    play.survives()
    later = Play(memory=play.memory)
    play.list_is()
    assert not play.memory and not later.memory


# -- a shortage of the monitor's own after the main command -----------------------------------------------


def test_a_shortage_after_the_main_command_neither_repeats_it_nor_keeps_a_report_back() -> None:
    play = Play(FULL, retries=0, patience=30.0)
    play.running()
    play.gone()
    play.ends(0)
    play.answer(Presence.GONE)
    play.ends(0)
    play.runs("post-restart")
    (run,) = play.asked
    assert isinstance(run, Run)
    begun = play.now.monotonic
    play.tell(CommandEnded(run.process_name, run.request_id, None, "no processes", shortage=True))
    assert play.verdicts[0].ruling is Ruling.BLIND and play.verdicts[0].alarm
    assert len(notified(play.stays_gone())) == 1
    assert play.now.monotonic - begun == pytest.approx(30.0)


# -- a monitor that was killed between the end of its report and the note of it ---------------------------


def test_what_was_pending_and_waits_nowhere_is_told_again_once_and_as_one_that_may_have_arrived() -> None:
    first = reported(retries=0)
    assert first.memory[SUBJECT]["fate"] == "pending"
    later = Play(NOVA, memory=first.memory, retries=0)
    later.gone()
    later.fail_a_try()
    later.fail_a_try()
    (told,) = notified(later.all_commands)
    assert told.again and told.notification == notified(first.all_commands)[0].notification
    for _ in range(5):
        later.to_next_alarm()
        later.stays_gone()
        later.ends(1)
        later.stays_gone()
    assert len(notified(later.all_commands)) == 1
    later.report_ends(ReportStatus.REFUSED)
    assert later.process.outage is not None and later.process.outage.report.was_not_taken


def test_an_answer_about_the_maintenance_that_is_lost_is_asked_for_again() -> None:
    play = reported()
    play.report_ends(ReportStatus.DELIVERED)
    play.running()
    play.survives()
    for _ in range(3):
        play.to_next_alarm()
        assert play.asked == [LookUpMaintenance()]
    play.tell(MaintenanceSeen(False, play.now))
    assert not play.alarms


def test_a_shadow_has_told_nothing_so_it_does_not_say_that_masakari_was_told() -> None:
    play = reported()
    play.decide = Decider(replace(play.policy, tells=False))
    play.report_ends(ReportStatus.DELIVERED)
    play.running()
    play.survives()
    told = play.told[-1]
    assert told.ruling is Ruling.RECOVERED and not told.alarm and "masakari" not in told.why
    assert SUBJECT not in play.memory and play.process.told is None and play.process.taken_back is None
    play = reported()
    play.report_ends(ReportStatus.DELIVERED)
    later = Play(NOVA, memory=play.memory)
    later.decide = Decider(replace(later.policy, tells=False))
    later.running()
    assert not any(one.alarm for one in later.told)


def test_of_two_outages_it_is_said_whose_report_was_taken_back() -> None:
    play = reported()
    play.running()
    play.survives()
    (row,) = describe(play.state, play.policy)
    assert "; its report was taken back" in row.detail
    play.gone()
    (row,) = describe(play.state, play.policy)
    assert "; the report of its earlier outage was taken back" in row.detail


def test_a_shadow_does_not_say_of_what_is_down_that_masakari_was_told_of_it() -> None:
    """What ours would have told stands until the maintenance that the others' report brought about ends."""
    play = reported()
    play.decide = Decider(replace(play.policy, tells=False))
    play.report_ends(ReportStatus.DELIVERED)
    (row,) = describe(play.state, replace(play.policy, tells=False))
    assert "reported: masakari would have been told" in row.detail
    (row,) = describe(play.state, play.policy)
    assert "reported: masakari was told" in row.detail
    play.tell(MaintenanceSeen(True, play.now))
    play.wait(301.0)
    play.tell(MaintenanceSeen(False, play.now))
    assert "masakari would have been told that /usr/bin/nova-compute is down" in play.told[-1].why


# -- a report that a person drops -------------------------------------------------------------------------


def test_what_a_person_dropped_is_shown_so_and_is_not_reported_again_in_this_life() -> None:
    play = reported()
    play.report_ends(ReportStatus.WITHDRAWN, "dropped by alice")
    (row,) = describe(play.state, play.policy)
    assert (
        row.alarm
        and "a person dropped its report, and it is offered no more (dropped by alice)" in row.detail
    )
    for _ in range(10):
        play.to_next_alarm()
        play.stays_gone()
        play.ends(1)
        play.stays_gone()
    assert len(notified(play.all_commands)) == 1
    later = Play(NOVA, memory=play.memory, retries=0)  # which the person was told of
    later.gone()
    later.fail_a_try()
    later.fail_a_try()
    assert len(notified(later.all_commands)) == 1


def test_what_a_person_dropped_may_have_been_on_its_way_when_its_process_recovers() -> None:
    play = reported()
    play.report_ends(ReportStatus.WITHDRAWN, "dropped by alice")
    play.running()
    play.survives()
    assert [verdict.ruling for verdict in play.verdicts] == [
        Ruling.RECOVERED
    ]  # there is nothing to take back
    later = Play(NOVA, memory=play.memory)
    for one in (play, later):
        assert one.process.taken_back is not None
        one.running()
        one.wait(60)
        one.tell(MaintenanceSeen(True, one.now))
        assert one.process.told is not None and "may have been told" in one.told[-1].why


@pytest.mark.parametrize("kept", [{}, {"fate": "unknown"}])
def test_what_a_person_dropped_of_the_last_life_is_neither_called_pending_nor_told_again_in_this_one(
    kept: Mapping[str, JSON],
) -> None:
    first = reported(retries=0)
    later = Play(NOVA, memory={SUBJECT: {**first.memory[SUBJECT], **kept}}, retries=0)
    later.gone()
    later.report_ends(ReportStatus.WITHDRAWN, "dropped by alice")
    (row,) = describe(later.state, later.policy)
    assert row.alarm and "pending" not in row.detail and "(dropped by alice)" in row.detail
    for _ in range(5):
        later.stays_gone()
        later.ends(1)
    assert not notified(later.all_commands)
