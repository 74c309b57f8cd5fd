"""The process decision as a play: what is seen, what is asked for."""

import pytest

from masakarimonitors.core.decision import (
    Notify,
    Remember,
    Ruling,
    Withdraw,
)
from masakarimonitors.core.notification import to_wire
from masakarimonitors.processmonitor.core.decision import MAINTENANCE
from masakarimonitors.processmonitor.core.observation import (
    CommandEnded,
    Entry,
    ListBroken,
    Look,
    Presence,
    Run,
    Sighting,
    Watch,
)
from tests.fixtures.process_play import FULL, NOVA, Play, notified


def test_the_list_is_watched() -> None:
    assert Play(NOVA, FULL).asked == [Watch((NOVA, FULL))]


def test_what_runs_at_start_is_only_watched() -> None:
    play = Play(NOVA)
    assert play.running() == []
    assert play.stage == "Running"


def test_r15_what_does_not_run_at_start_is_started() -> None:
    play = Play(NOVA)
    play.gone()
    play.runs("start")


def test_pre_start_and_post_in_order_with_a_look_before_the_main_one() -> None:
    play = Play(FULL)
    play.gone()
    play.runs("pre-start")
    play.ends(0)
    play.answer(Presence.GONE)
    play.runs("start")
    play.ends(0)
    play.runs("post-start")
    play.ends(0)
    play.answer(Presence.RUNNING)
    assert play.stage == "Probation"
    play.survives()
    assert play.stage == "Running"
    assert play.rulings == [Ruling.ACTED, Ruling.ACTED, Ruling.RECOVERED]


def test_a_death_is_answered_by_the_restart_command_at_once() -> None:
    play = Play(NOVA)
    play.running()
    (run,) = play.gone()
    assert isinstance(run, Run)
    assert (run.command_line, run.what, run.run_as_root) == ("restart", "restart_command", True)


def test_r15_what_came_back_during_the_pre_command_is_not_restarted() -> None:
    play = Play(FULL)
    play.running()
    play.gone()
    play.runs("pre-restart")
    play.ends(0)
    assert play.answer(Presence.RUNNING) == []
    play.survives()
    assert play.stage == "Running"


def test_a_failed_pre_command_fails_the_try() -> None:
    play = Play(FULL)
    play.running()
    play.gone()
    play.ends(1)
    play.stays_gone()
    play.runs("pre-restart")  # the second try begins from the beginning


def test_r5_a_command_that_fails_while_the_process_comes_up_is_a_success() -> None:
    play = Play(NOVA, retries=0)
    play.running()
    play.gone()
    play.ends(1)
    play.answer(Presence.GONE)
    play.to_next_alarm()
    play.comes_back()
    assert play.stage == "Running"
    assert Ruling.REPORTED not in play.rulings


def test_r5_a_command_that_exits_0_without_a_process_is_a_failure() -> None:
    play = Play(NOVA, retries=0)
    play.running()
    play.gone()
    play.ends(0)
    assert len(notified(play.stays_gone())) == 1


def test_r5_a_restart_that_succeeds_on_the_last_retry_reports_nothing() -> None:
    play = Play(NOVA)
    play.running()
    play.gone()
    for _ in range(3):
        assert not notified(play.fail_a_try())
    play.runs("restart")
    play.ends(0)
    play.comes_back()
    play.wait(1000)
    assert Ruling.REPORTED not in play.rulings


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_first_try_and_the_retries_then_the_report(retries: int) -> None:
    play = Play(NOVA, retries=retries)
    play.running()
    play.wait(7)
    died = play.now
    play.gone()
    for _ in range(retries):
        assert not notified(play.fail_a_try())
        play.runs("restart")
    report, kept = play.fail_a_try()
    assert isinstance(report, Notify) and isinstance(kept, Remember)
    wire = to_wire(report.notification)["notification"]
    assert (wire["type"], wire["hostname"]) == ("PROCESS", "node1")
    assert wire["payload"] == {"event": "STOPPED", "process_name": "nova-compute"}
    assert report.notification.generated_time == died.wall
    assert kept.key == report.notification.subject == "process:/usr/bin/nova-compute"
    assert kept.value


def test_tries_are_restart_interval_apart() -> None:
    play = Play(NOVA, interval=5.0)
    play.running()
    play.gone()
    play.wait(2)
    begun = play.now.monotonic
    play.fail_a_try()
    play.runs("restart")
    assert play.now.monotonic - begun == pytest.approx(5.0)


def test_after_the_report_slow_tries_with_backoff_and_no_second_report() -> None:
    play = Play(NOVA)
    play.running()
    play.gone()
    play.until_reported()
    pauses = []
    for _ in range(9):
        rested = play.now.monotonic
        play.to_next_alarm()
        pauses.append(play.now.monotonic - rested)
        play.answer(Presence.GONE)
        play.runs("restart")
        play.ends(1)
        while play.stage == "Appearing":
            if play.asked:
                play.answer(Presence.GONE)
            else:
                play.to_next_alarm()
        assert not notified(play.asked)
    assert pauses == [10, 20, 40, 80, 160, 300, 300, 300, 300]


def test_back_after_the_report_withdraws_and_forgets() -> None:
    play = Play(NOVA)
    play.running()
    play.gone()
    play.until_reported()
    assert play.running() == []
    withdraw, forget = play.survives()
    assert isinstance(withdraw, Withdraw) and withdraw.subject == "process:/usr/bin/nova-compute"
    assert isinstance(forget, Remember) and forget.value is not None and forget.value["over"]
    assert set(play.alarms) == {MAINTENANCE}  # it may have arrived


def test_back_while_a_slow_try_still_works_withdraws_when_the_try_is_over() -> None:
    play = Play(NOVA)
    play.running()
    play.gone()
    play.until_reported()
    play.to_next_alarm()
    play.answer(Presence.GONE)
    play.runs("restart")
    play.running()
    play.commands = [play.last_run]
    play.ends(0)
    play.answer(Presence.RUNNING)
    assert isinstance(play.survives()[0], Withdraw)


def test_a_new_outage_is_a_new_report() -> None:
    play = Play(NOVA)
    play.running()
    for _ in range(2):
        play.gone()
        assert len(notified(play.until_reported())) == 1
        play.running()
        play.survives()


def test_what_dies_again_at_once_has_used_up_a_try() -> None:
    play = Play(NOVA, retries=2, interval=5.0)
    play.running()
    play.gone()
    for number in range(3):
        play.runs("restart")
        play.ends(0)
        play.answer(Presence.RUNNING)
        play.wait(1.0)
        play.gone()
        commands = play.stays_gone()
        assert bool(notified(commands)) is (number == 2)


def test_what_ran_stably_gets_all_its_tries_again() -> None:
    play = Play(NOVA, retries=1)
    play.running()
    for _ in range(5):
        play.wait(60)
        play.gone()
        play.runs("restart")
        play.ends(0)
        play.comes_back()
    assert Ruling.REPORTED not in play.rulings


def test_a_crash_loop_with_no_interval_is_reported_too() -> None:
    play = Play(NOVA, retries=3, interval=0.0)
    play.running()
    play.gone()
    for _ in range(4):
        play.ends(0)
        play.answer(Presence.RUNNING)
        play.wait(0.1)
        play.gone()
        play.stays_gone()
    assert Ruling.REPORTED in play.rulings


def test_unknown_is_never_down() -> None:
    play = Play(NOVA)
    assert play.see(Presence.UNKNOWN) == []
    play.running()
    assert play.see(Presence.UNKNOWN) == []
    assert play.rulings == [Ruling.BLIND, Ruling.BLIND]


def test_unknown_after_the_last_retry_holds_the_report_until_something_is_seen() -> None:
    play = Play(NOVA, retries=0)
    play.running()
    play.gone()
    play.ends(1)
    for _ in range(20):
        play.answer(Presence.UNKNOWN)
        play.to_next_alarm()
    assert Ruling.REPORTED not in play.rulings
    assert len(notified(play.answer(Presence.GONE))) == 1


def test_a_lost_answer_delays_and_does_not_silence() -> None:
    play = Play(NOVA, retries=0)
    play.running()
    play.gone()
    play.runs("restart")
    play.wait(1000)  # the command's end is never told
    assert isinstance(play.asked[0], Look)
    play.wait(1000)  # nor is the look answered
    play.answer(Presence.GONE)
    play.runs("restart")  # it was a fault of the monitor's own
    play.wait(1000)  # but that one lasts
    assert len(notified(play.stays_gone())) == 1


def test_a_command_that_ended_while_this_process_stood_still_has_ended() -> None:
    """That its time is over is noticed first; begun anew beside a service that is slow there would be a second one."""
    play = Play(FULL)
    play.running()
    (run,) = play.gone()
    assert isinstance(run, Run)
    play.seconds += 1000
    play.wait(0)
    play.tell(CommandEnded(play.name, run.request_id, 0, ""))
    play.answer(Presence.GONE)
    play.runs("restart")
    play.seconds += 1000
    play.wait(1000)  # this one's end is never told
    assert isinstance(play.asked[0], Look)


def test_an_overtaken_look_changes_nothing() -> None:
    play = Play(NOVA)
    play.running()
    late = Sighting(process_name=play.name, presence=Presence.GONE, at=play.now, evidence="before")
    play.wait(1)
    play.running()
    assert play.tell(late) == []
    assert play.stage == "Running"


def test_r16_one_process_waits_for_no_other() -> None:
    entries = [Entry(process_name=f"p{n}", restart_command=f"restart {n}") for n in range(50)]
    play = Play(*entries)
    for entry in entries:
        play.running(entry.process_name)
    for entry in entries:
        play.gone(entry.process_name)
        play.runs(entry.restart_command or "")


def test_r16_what_failed_once_is_tried_again_while_it_is_down() -> None:
    play = Play(NOVA)
    play.running()
    play.gone()
    play.until_reported()
    play.to_next_alarm()
    play.answer(Presence.GONE)
    play.runs("restart")


def test_a_failed_start_goes_on_to_restarts() -> None:
    play = Play(NOVA, retries=1)
    play.gone()
    play.runs("start")
    play.fail_a_try()
    play.runs("restart")
    play.fail_a_try()
    play.runs("restart")
    assert len(notified(play.fail_a_try())) == 1


def test_a_process_without_commands_is_waited_for_and_reported() -> None:
    play = Play(Entry(process_name="p"), retries=1)
    play.gone()
    began = play.now.monotonic
    assert len(notified(play.stays_gone())) == 1
    assert play.now.monotonic - began == pytest.approx(10.0)


def test_after_a_restart_of_the_monitor_what_was_reported_is_not_reported_again() -> None:
    play = Play(NOVA, memory=["process:/usr/bin/nova-compute"])
    play.gone()
    play.runs("start")
    for _ in range(6):
        assert not notified(play.fail_a_try())
        if play.stage == "Down":
            return


def test_after_a_restart_of_the_monitor_what_came_back_is_withdrawn() -> None:
    play = Play(NOVA, memory=["process:/usr/bin/nova-compute"])
    assert play.running() == []
    assert [type(command) for command in play.survives()] == [Withdraw, Remember]


def test_what_was_taken_off_the_list_is_withdrawn_and_forgotten() -> None:
    play = Play(NOVA)
    play.running()
    play.gone()
    play.until_reported()
    commands = play.list_is(FULL)
    assert [type(command) for command in commands] == [Withdraw, Remember, Remember, Watch]
    assert not play.alarms
    assert play.told[-1].ruling is Ruling.WITHDRAWN


def test_what_was_taken_off_the_list_while_the_monitor_was_away_is_forgotten() -> None:
    play = Play(FULL, memory=["process:/usr/bin/nova-compute"])
    assert [type(command) for command in play.asked] == [Withdraw, Remember, Watch]


def test_a_reload_keeps_the_course_of_those_that_stay() -> None:
    play = Play(NOVA, retries=0)
    play.running()
    play.gone()
    play.ends(1)
    look = play.asked
    play.list_is(FULL, Entry(process_name=NOVA.process_name, restart_command="other"))
    play.commands = look
    assert len(notified(play.stays_gone())) == 1
    play.to_next_alarm()
    play.answer(Presence.GONE)
    play.runs("other")


def test_an_answer_for_an_earlier_life_of_an_entry_is_nobodys() -> None:
    play = Play(NOVA)
    play.gone()
    (run,) = play.asked
    assert isinstance(run, Run)
    play.list_is()
    play.list_is(NOVA)
    play.gone()
    assert play.tell(CommandEnded(run.process_name, run.request_id, 0, "")) == []
    assert play.stage == "Trying"


def test_r13_a_broken_list_changes_nothing_but_what_the_status_says() -> None:
    play = Play(NOVA)
    play.running()
    processes = play.state.processes
    assert play.tell(ListBroken("list", "line 3, column 1: no")) == []
    assert (play.state.processes, play.state.list_fault) == (processes, "line 3, column 1: no")
    play.list_is(NOVA)
    assert not play.state.list_fault


def test_every_verdict_is_a_sentence_with_evidence() -> None:
    play = Play(NOVA)
    play.running()
    play.gone()
    play.until_reported()
    play.running()
    play.survives()
    assert all(len(verdict.why.split()) > 4 for verdict in play.told)
    assert all(verdict.evidence for verdict in play.told if verdict.ruling is not Ruling.WITHDRAWN)
