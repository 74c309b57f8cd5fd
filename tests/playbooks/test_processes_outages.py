"""Process outages as plays: who starts a service again, when it has recovered, and what masakari knows of it."""

import pytest

from masakarimonitors.core.decision import JSON, Notify, Remember, Ruling, Withdraw
from masakarimonitors.core.notification import Leave, ReportStatus
from masakarimonitors.processmonitor.core.decision import MAINTENANCE, may_leave, restore
from masakarimonitors.processmonitor.core.observation import (
    CommandEnded,
    Look,
    LookUpMaintenance,
    MaintenanceSeen,
    Presence,
    Run,
    Sighting,
)
from tests.fixtures.process_play import FULL, NOVA, Play, leaves, notified, reported

SUBJECT = "process:/usr/bin/nova-compute"


# -- somebody else starts it again ----------------------------------------------------------------------


def test_a_successor_within_the_grace_is_no_outage_and_gets_no_command() -> None:
    play = Play(NOVA, grace=1.0)
    play.running()
    play.gone()
    assert play.answer(Presence.GONE) == []
    play.to_next_alarm()
    assert play.answer(Presence.RUNNING) == []
    assert play.stage == "Probation"
    assert play.rulings == [Ruling.HELD]
    assert play.survives() == []
    assert play.stage == "Running"
    assert play.rulings == [Ruling.HELD, Ruling.RECOVERED]
    assert not play.alarms


def test_who_stays_gone_for_the_grace_is_restarted_upon_a_fresh_look() -> None:
    play = Play(NOVA, grace=1.0)
    play.running()
    died = play.now.monotonic
    play.gone()
    play.stays_gone()
    play.runs("restart")
    assert play.now.monotonic - died == pytest.approx(1.0 - 0.001)  # for which a timer may be late


@pytest.mark.parametrize(
    ("waited", "took", "lead"), [(0.0, 0.02, 0.021), (0.01, 0.02, 0.031), (0.0, 0.2, 0.05)]
)
def test_the_last_look_of_the_grace_is_asked_for_as_early_as_the_one_before_it_took(
    waited: float, took: float, lead: float
) -> None:
    """And by as much earlier as the loop's timers are late."""
    play = Play(NOVA, grace=1.0)
    play.running()
    died = play.now.monotonic
    play.gone()
    while not isinstance(play.asked[0], Run):
        (look,) = play.asked
        assert isinstance(look, Look)
        asked = play.now
        play.wait(waited)
        began = play.now
        play.wait(took)
        play.tell(
            Sighting(
                process_name=look.process_name,
                presence=Presence.GONE,
                at=began,
                evidence="seen",
                in_reply_to=look.request_id,
            )
        )
        if not play.asked:
            play.to_next_alarm()
    assert asked.monotonic - died == pytest.approx(1.0 - lead)


def test_at_start_somebody_else_may_be_starting_it_too() -> None:
    play = Play(NOVA, grace=1.0)
    play.gone()
    play.answer(Presence.RUNNING)
    play.survives()
    assert play.stage == "Running"
    play = Play(NOVA, grace=1.0)
    play.gone()
    play.stays_gone()
    play.runs("start")


def test_without_a_grace_a_successor_that_takes_over_at_that_moment_gets_no_command() -> None:
    play = Play(NOVA, grace=0.0)
    play.running()
    play.see(Presence.GONE)  # one pid has ended; nobody else was looked at
    play.answer(Presence.RUNNING)
    play.survives()
    assert play.stage == "Running"
    assert not any(isinstance(command, Run) for command in play.all_commands)
    play.see(Presence.GONE)
    play.answer(Presence.GONE)
    play.runs("restart")


# -- commands -------------------------------------------------------------------------------------------


def test_exit_0_opens_a_longer_wait_for_the_service() -> None:
    play = Play(NOVA, retries=0, patience=30.0)
    play.running()
    play.gone()
    play.ends(0)
    begun = play.now.monotonic
    assert len(notified(play.stays_gone())) == 1
    assert play.now.monotonic - begun == pytest.approx(30.0)


def test_a_service_that_appears_late_gets_no_second_command() -> None:
    play = Play(NOVA, patience=30.0)
    play.running()
    play.gone()
    play.ends(0)
    for _ in range(20):
        play.answer(Presence.GONE)
        play.to_next_alarm()
    play.comes_back()
    assert play.stage == "Running"
    assert [type(command) for command in play.all_commands].count(Run) == 1


def test_another_exit_code_waits_for_the_interval_alone() -> None:
    play = Play(NOVA, retries=0, interval=5.0, patience=30.0)
    play.running()
    play.gone()
    begun = play.now.monotonic
    assert len(notified(play.fail_a_try())) == 1
    assert play.now.monotonic - begun == pytest.approx(5.0)


def test_an_interval_of_0_is_one_of_a_second() -> None:
    play = Play(NOVA, retries=3, interval=0.0)
    play.running()
    begun = play.now.monotonic
    play.gone()
    play.until_reported()
    assert play.now.monotonic - begun == pytest.approx(4.0)


def test_a_shortage_of_our_own_is_no_try() -> None:
    play = Play(NOVA, retries=0)
    play.running()
    play.gone()
    for _ in range(5):
        (run,) = play.asked
        assert isinstance(run, Run)
        play.tell(CommandEnded(run.process_name, run.request_id, None, "Too many open files", shortage=True))
        assert play.verdicts[0].ruling is Ruling.BLIND and play.verdicts[0].alarm
        play.stays_gone()
    play.runs("restart")
    assert not notified(play.all_commands)
    assert len(notified(play.fail_a_try())) == 1


def short(play: Play, seconds: float, why: str = "does not name this process") -> int:
    """No command of it can be started for so long; how often that was tried."""
    until, refused = play.now.monotonic + seconds, 0
    while True:
        match play.asked:
            case [Run()] if play.now.monotonic >= until:
                return refused
            case [Run() as run]:
                play.tell(CommandEnded(run.process_name, run.request_id, None, why, shortage=True))
                refused += 1
                assert play.verdicts[0].ruling is Ruling.BLIND and play.verdicts[0].alarm
            case [Look()]:
                play.answer(Presence.GONE)
            case _:
                play.to_next_alarm()


@pytest.mark.parametrize("starts", [False, True])
def test_a_shortage_that_lasts_is_reported_once(starts: bool) -> None:
    play = Play(NOVA)
    if not starts:
        play.running()
    play.gone()
    begun = play.now.monotonic
    short(play, play.policy.shortage - 10)
    assert not notified(play.all_commands)
    short(play, 60)
    assert len(notified(play.all_commands)) == 1
    (verdict,) = [one for one in play.told if one.ruling is Ruling.REPORTED]
    assert "does not name this process" in verdict.evidence and "shortage" in verdict.why
    refused = short(play, 86_400)
    assert len(notified(play.all_commands)) == 1
    assert refused < 86_400 / play.policy.slow_interval + 10, "it is tried ever more slowly"
    assert play.process.outage is not None and play.process.outage.since.monotonic == begun


def test_a_helper_that_tells_no_end_is_no_failed_try_and_its_service_has_time_to_appear() -> None:
    """Its command may have succeeded: another one beside a service that is about to appear would be a second copy."""
    play = Play(NOVA, retries=0, patience=30.0)
    play.running()
    play.gone()
    for _ in range(3):
        (run,) = play.asked
        assert isinstance(run, Run)
        ended = CommandEnded(run.process_name, run.request_id, None, "no answer", shortage=True, unheard=True)
        play.tell(ended)
        (verdict,) = play.verdicts
        assert (
            verdict.ruling is Ruling.BLIND
            and verdict.alarm
            and "how the restart_command ended" in verdict.why
        )
        asked_at = play.now.monotonic
        play.stays_gone()
        play.runs("restart")
        assert play.now.monotonic - asked_at >= 30.0
    assert not notified(play.all_commands)
    assert play.process.outage is not None and play.process.outage.tries == 1


def test_a_command_whose_end_nobody_tells_is_no_failed_try() -> None:
    play = Play(NOVA, retries=0)
    play.running()
    play.gone()
    play.runs("restart")
    while play.told[-1].ruling is Ruling.ACTED:
        play.to_next_alarm()
    assert play.told[-1].ruling is Ruling.BLIND and play.told[-1].alarm
    play.stays_gone()
    play.runs("restart")
    assert not notified(play.all_commands)


def test_many_tries_have_all_their_time_before_a_shortage_counts() -> None:
    play = Play(NOVA, retries=99, interval=10.0)
    play.running()
    play.gone()
    short(play, 100 * 10.0 - 10)
    assert play.process.outage is not None and play.process.outage.tries == 1


def test_a_command_that_starts_ends_a_shortage() -> None:
    play = Play(NOVA)
    play.running()
    play.gone()
    short(play, 590)
    play.fail_a_try()
    short(play, 590)
    assert not notified(play.all_commands)
    assert play.process.outage is not None and play.process.outage.tries == 2


def test_a_pre_command_that_succeeds_ends_no_shortage_and_is_not_run_again() -> None:
    play = Play(FULL)
    play.running()
    play.gone()
    play.runs("pre-restart")
    play.ends(0)
    play.stays_gone()
    play.runs("restart")
    short(play, 590)
    runs = [run.what.value for run in play.all_commands if isinstance(run, Run)]
    assert runs.count("pre_restart_command") == 1
    while play.last_run.what == "restart_command":
        short(play, 1)
    play.ends(0)  # that of the next try
    play.stays_gone()
    short(play, 60)
    assert len(notified(play.all_commands)) == 1


def test_a_shortage_at_the_start_tries_the_start_again() -> None:
    play = Play(NOVA)
    play.gone()
    (run,) = play.asked
    assert isinstance(run, Run)
    play.tell(CommandEnded(run.process_name, run.request_id, None, "no memory", shortage=True))
    play.stays_gone()
    play.runs("start")


# -- recovered means that it has run for a while ----------------------------------------------------------


def test_it_has_recovered_when_it_has_run_for_twice_the_interval() -> None:
    play = Play(NOVA, interval=5.0)
    play.running()
    play.gone()
    play.ends(0)
    play.answer(Presence.RUNNING)
    back = play.now.monotonic
    play.running()
    assert Ruling.RECOVERED not in play.rulings
    play.survives()
    assert play.now.monotonic - back == pytest.approx(10.0)
    assert play.rulings[-1] is Ruling.RECOVERED


def test_a_lasting_crash_loop_is_one_report_of_one_outage() -> None:
    play = Play(NOVA, retries=1, interval=1.0)
    play.running()
    play.gone()
    for _ in range(40):
        play.runs("restart")
        play.ends(0)
        play.answer(Presence.RUNNING)
        play.wait(0.6)
        play.gone()
        play.stays_gone()
        while not (play.asked and isinstance(play.asked[0], Run)):
            play.answer(Presence.GONE) if play.asked and not notified(play.asked) else play.to_next_alarm()
    assert len(notified(play.all_commands)) == 1
    assert not any(isinstance(command, Withdraw) for command in play.all_commands)
    assert Ruling.RECOVERED not in play.rulings and Ruling.WITHDRAWN not in play.rulings
    assert len({verdict.why for verdict in play.told if verdict.ruling is Ruling.REPORTED}) == 1


def test_many_ends_within_an_hour_are_one_alarm_whoever_starts_it_again() -> None:
    play = Play(NOVA, grace=1.0)
    play.running()
    for _ in range(30):
        play.wait(60)
        play.gone()
        play.answer(Presence.RUNNING)
    alarms = [verdict for verdict in play.told if verdict.alarm]
    assert [alarm.ruling for alarm in alarms] == [Ruling.SUSPECTED]
    assert "10 times within an hour" in alarms[0].why
    assert play.process.often
    while play.alarms:  # looked at again when that is long enough ago
        play.to_next_alarm()
        play.answer(Presence.RUNNING)
    assert play.now.monotonic - play.process.ends[0] >= 3600
    assert [row.often for row in play.state.processes.values()] == [False]


# -- an entry that fits no more ---------------------------------------------------------------------------


def test_what_was_never_seen_and_is_mentioned_gets_no_command_and_no_report() -> None:
    play = Play(NOVA)
    assert play.see(Presence.GONE, mention='pid 7 shows "x"') == []
    held = play.told[-1]
    assert (held.ruling, held.alarm, held.evidence) == (Ruling.HELD, True, 'pid 7 shows "x"')
    for _ in range(50):
        play.to_next_alarm()
        (look,) = play.asked
        play.see(Presence.GONE, in_reply_to=look.request_id, mention='pid 7 shows "x"')  # type: ignore[attr-defined]
    assert len(play.told) == 1
    assert not any(isinstance(command, Run | Notify) for command in play.all_commands)


def test_when_nobody_mentions_it_any_more_it_is_started() -> None:
    play = Play(NOVA)
    play.see(Presence.GONE, mention='pid 7 shows "x"')
    play.to_next_alarm()
    play.answer(Presence.GONE)
    play.runs("start")


def test_what_is_found_after_all_is_watched() -> None:
    play = Play(NOVA)
    play.see(Presence.GONE, mention='pid 7 shows "x"')
    play.running()
    assert play.stage == "Running" and not play.alarms


# -- what masakari knows ------------------------------------------------------------------------------------


def test_only_what_was_not_sent_is_said_to_be_withdrawn() -> None:
    play = reported()
    play.running()
    play.survives()
    assert [verdict.ruling for verdict in play.verdicts] == [Ruling.RECOVERED, Ruling.WITHDRAWN]
    assert "what was not yet sent" in play.verdicts[-1].why


def test_when_masakari_was_told_it_holds_the_host_on_maintenance_and_that_is_an_alarm() -> None:
    play = reported()
    play.report_ends(ReportStatus.DELIVERED)
    play.running()
    commands = play.survives()
    assert [type(command) for command in commands] == [Remember]
    (verdict,) = play.verdicts
    assert verdict.alarm and "on maintenance" in verdict.why
    assert Ruling.WITHDRAWN not in play.rulings
    assert play.process.told is not None
    assert play.memory[SUBJECT]["over"] is True


def test_the_alarm_is_over_when_masakari_has_ended_the_maintenance() -> None:
    play = reported()
    play.report_ends(ReportStatus.DELIVERED)
    play.running()
    play.survives()
    for on_maintenance in (None, True, None, True, True, True):
        play.wait(60)
        assert play.asked == [LookUpMaintenance()]
        play.tell(MaintenanceSeen(on_maintenance, play.now))
        assert play.process.told is not None
    play.wait(60)
    play.tell(MaintenanceSeen(False, play.now))
    assert play.process.told is None and SUBJECT not in play.memory
    assert MAINTENANCE not in play.alarms


def test_one_that_was_on_its_way_when_it_was_taken_back_has_been_told() -> None:
    play = reported()
    play.running()
    play.survives()
    play.report_ends(ReportStatus.DELIVERED, "202")
    assert play.process.told is not None and play.verdicts[0].alarm


@pytest.mark.parametrize("status", [ReportStatus.REFUSED, ReportStatus.EXPIRED])
def test_what_masakari_did_not_take_is_offered_again_while_it_stays_down(status: ReportStatus) -> None:
    play = reported()
    play.report_ends(status)
    assert play.verdicts[0].ruling is Ruling.HELD and play.verdicts[0].alarm
    refused = play.now.monotonic
    play.until_reported_again()
    assert play.now.monotonic - refused >= 300
    again, first = notified(play.all_commands)[-1], notified(play.all_commands)[0]
    assert again.notification == first.notification
    assert leaves(play)


def test_when_the_maintenance_ends_what_was_refused_is_offered_at_the_next_try() -> None:
    play = reported()
    play.report_ends(ReportStatus.REFUSED)
    play.wait(1)
    play.tell(MaintenanceSeen(False, play.now))
    begun = play.now.monotonic
    play.until_reported_again()
    assert play.now.monotonic - begun < 60


def test_what_was_refused_is_not_said_to_be_withdrawn() -> None:
    play = reported()
    play.report_ends(ReportStatus.REFUSED)
    play.running()
    assert [type(command) for command in play.survives()] == [Remember]
    assert Ruling.WITHDRAWN not in play.rulings and not play.memory


# -- crash loops ----------------------------------------------------------------------------------------------


def test_a_crash_loop_that_somebody_else_keeps_up_has_never_recovered() -> None:
    play = Play(NOVA, grace=1.0)
    play.running()
    play.gone()
    play.answer(Presence.GONE)
    for _ in range(50):
        play.to_next_alarm()
        play.answer(Presence.RUNNING)
        play.wait(2)
        play.see(Presence.GONE)
        play.answer(Presence.GONE)
    assert Ruling.RECOVERED not in play.rulings
    assert [verdict.alarm for verdict in play.told].count(True) == 1
    assert not any(isinstance(command, Run) for command in play.all_commands)


def test_whom_somebody_else_restarts_twice_has_the_grace_twice() -> None:
    play = Play(NOVA, grace=3.0)
    play.running()
    play.gone()
    play.answer(Presence.RUNNING)
    play.wait(9)  # longer than from one try to the next
    fell = play.now.monotonic
    play.see(Presence.GONE)
    play.stays_gone()
    play.runs("restart")
    assert play.now.monotonic - fell == pytest.approx(3.0)


def lives_for_its_probation(play: Play, maintenance: bool | None) -> None:
    """All tries fail, a slow one brings it back, and it dies once it has recovered."""
    stays_down(play, maintenance, 120)
    while not (len(play.asked) == 1 and isinstance(play.asked[0], Look)):
        stays_down(play, maintenance, 1)
    play.answer(Presence.RUNNING)
    while play.stage == "Probation":
        match play.asked:
            case [Look()]:
                play.answer(Presence.RUNNING)
            case [LookUpMaintenance()]:
                play.tell(MaintenanceSeen(maintenance, play.now))
            case _:
                play.to_next_alarm()
    assert play.stage == "Running"
    play.gone()


@pytest.mark.parametrize("maintenance", [True, None])
def test_a_lasting_crash_loop_is_one_report(maintenance: bool | None) -> None:
    play = reported()
    play.report_ends(ReportStatus.DELIVERED)
    for _ in range(5):
        lives_for_its_probation(play, maintenance)
    assert len(notified(play.all_commands)) == 1


def test_what_falls_after_the_operator_has_put_the_host_back_is_reported_anew() -> None:
    play = reported()
    play.report_ends(ReportStatus.DELIVERED)
    lives_for_its_probation(play, None)
    stays_down(play, maintenance=True, seconds=400)
    assert len(notified(play.all_commands)) == 1
    play.running()
    play.survives()
    stays_up(play, maintenance=False)
    assert play.process.told is None
    play.gone()
    stays_down(play, maintenance=False, seconds=120)
    assert len(notified(play.all_commands)) == 2


def test_a_clock_that_is_set_back_makes_no_report_one_of_the_future_that_stands_until_then() -> None:
    """A host whose hardware clock was years ahead until the time was heard of."""
    play = reported()
    play.report_ends(ReportStatus.DELIVERED)
    stays_down(play, maintenance=True, seconds=400)
    play.running()
    play.survives()
    play.set_forward = -3 * 365 * 86400.0
    stays_up(play, maintenance=False)
    assert play.process.told is None
    play.gone()
    stays_down(play, maintenance=False, seconds=120)
    assert len(notified(play.all_commands)) == 2


def test_what_is_down_when_the_clock_is_set_back_is_told_anew_where_masakari_does_not_say_what_it_made_of_it() -> (
    None
):
    later = two_weeks_later(delivered(), seconds=60)
    later.set_forward = -3 * 365 * 86400.0
    stays_down(later, maintenance=None, seconds=1800)
    assert len(notified(later.all_commands)) == 1


def test_what_stays_down_when_the_operator_puts_the_host_back_is_reported_anew() -> None:
    play = reported()
    play.report_ends(ReportStatus.DELIVERED)
    lives_for_its_probation(play, True)
    stays_down(play, maintenance=True, seconds=3 * 3600)  # what masakari has had stands for it
    assert len(notified(play.all_commands)) == 1
    stays_down(play, maintenance=False, seconds=600)
    first, anew = notified(play.all_commands)
    assert anew.notification.generated_time > first.notification.generated_time


def test_what_stays_down_from_its_first_report_on_when_the_operator_puts_the_host_back_is_reported_anew() -> (
    None
):
    play = reported()
    play.report_ends(ReportStatus.DELIVERED)
    stays_down(play, maintenance=True, seconds=3 * 3600)
    assert len(notified(play.all_commands)) == 1
    stays_down(
        play, maintenance=False, seconds=2 * 3600
    )  # and what masakari makes of the second is not known yet
    first, anew = notified(play.all_commands)
    assert anew.notification.generated_time > first.notification.generated_time


def test_what_masakari_never_acted_on_is_not_told_again_and_again() -> None:
    play = reported()
    play.report_ends(ReportStatus.DELIVERED)  # of a segment that is switched off, say
    stays_down(play, maintenance=False, seconds=6 * 3600)
    assert len(notified(play.all_commands)) == 1


def test_the_end_of_a_maintenance_does_not_tell_anew_what_has_come_back() -> None:
    play = reported()
    play.report_ends(ReportStatus.DELIVERED)
    stays_down(play, maintenance=True, seconds=600)
    while not (len(play.asked) == 1 and isinstance(play.asked[0], Look)):
        stays_down(play, True, 1)
    play.answer(Presence.RUNNING)
    play.tell(MaintenanceSeen(False, play.now))
    play.survives()
    stays_up(play, maintenance=False)
    assert play.stage == "Running" and play.process.told is None and SUBJECT not in play.memory
    assert len(notified(play.all_commands)) == 1


def test_what_stays_down_after_a_restart_of_the_monitor_and_the_end_of_the_maintenance_is_reported_anew() -> (
    None
):
    later = stays_down(two_weeks_later(delivered(), seconds=60), maintenance=True, seconds=3 * 3600)
    assert not notified(later.all_commands)
    stays_down(later, maintenance=False, seconds=600)
    assert len(notified(later.all_commands)) == 1


def test_of_what_masakari_said_long_ago_it_is_not_known_whether_it_still_stands() -> None:
    later = stays_down(two_weeks_later(delivered(), seconds=60), maintenance=True)
    stays_down(later, maintenance=None, seconds=1800)
    assert not notified(later.all_commands)
    stays_down(later, maintenance=None, seconds=3600)
    assert len(notified(later.all_commands)) == 1


def stays_up(play: Play, maintenance: bool, *, waits: bool | None = False) -> None:
    for _ in range(10):
        if play.asked == [LookUpMaintenance()]:
            play.tell(MaintenanceSeen(maintenance, play.now, waits))
        elif play.process.told is not None:
            play.to_next_alarm()


# -- another life of the monitor ------------------------------------------------------------------------------


def again(play: Play, boot: str = "this boot", **options: float) -> Play:
    return Play(NOVA, memory=play.memory, boot=boot, **options)  # type: ignore[arg-type]


def test_a_report_does_not_leave_while_the_process_is_on_probation() -> None:
    play = reported()
    assert leaves(play)
    play.running()
    assert not leaves(play)
    play.gone()
    assert leaves(play)


def test_reports_of_others_may_leave_whatever_it_does() -> None:
    play = reported()
    notify = notified(play.all_commands)[0].notification
    play.running()
    assert not leaves(play)
    assert may_leave(Play().state, notify) is Leave.NOW


def test_an_outage_after_another_boot_is_a_new_one() -> None:
    first = reported(retries=0)
    first.report_ends(ReportStatus.DELIVERED)
    later = again(first, boot="another", retries=0)
    assert later.process.told is not None and later.told[-1].alarm
    later.gone()
    later.ends(1)
    later.stays_gone()
    later.runs("restart")
    assert len(notified(later.fail_a_try())) == 1


def stays_down(
    play: Play, maintenance: bool | None, seconds: float = 3600.0, *, waits: bool | None = False
) -> Play:
    """All that is tried fails for so long, and masakari says this of the host whenever it is asked."""
    end = play.now.monotonic + seconds
    while play.now.monotonic < end:
        match play.asked:
            case [Look()]:
                play.answer(Presence.GONE)
            case [Run()]:
                play.ends(1)
            case [LookUpMaintenance()]:
                play.tell(MaintenanceSeen(maintenance, play.now, waits))
            case _:
                play.to_next_alarm()
    return play


def two_weeks_later(first: Play, seconds: float = 14 * 86400.0) -> Play:
    """The next life, in the same boot: its process is down when it looks."""
    first.wait(seconds)
    later = Play(NOVA, retries=0)
    later.seconds = first.seconds
    later.begin(restore(first.memory))
    later.memory = dict(first.memory)
    later.list_is(NOVA)
    later.gone()
    return later


def delivered() -> Play:
    first = reported(retries=0)
    first.report_ends(ReportStatus.DELIVERED)
    return first


def test_what_is_down_after_the_operator_has_put_the_host_back_is_a_new_outage() -> None:
    first = delivered()
    later = stays_down(two_weeks_later(first), maintenance=False)
    (told,) = notified(later.all_commands)
    assert told.notification != notified(first.all_commands)[0].notification


def test_what_masakari_still_holds_on_maintenance_is_the_same_outage() -> None:
    later = stays_down(two_weeks_later(delivered()), maintenance=True)
    assert not notified(later.all_commands)


def test_what_masakari_s_engine_has_not_begun_with_is_the_same_outage_in_each_life() -> None:
    """The engine is away: it sets no flag, and will once it is back."""
    later = delivered()
    for seconds in (600, 7200):
        later = stays_down(two_weeks_later(later, seconds), maintenance=False, seconds=2 * 3600, waits=True)
        assert not notified(later.all_commands)
    stays_down(later, maintenance=True, seconds=600)
    assert not notified(later.all_commands)
    stays_down(later, maintenance=False)
    assert len(notified(later.all_commands)) == 1, "it was put back, and is down"


def test_the_alarm_that_it_was_told_stands_while_masakari_s_engine_has_not_begun_with_it() -> None:
    play = delivered()
    play.running()
    play.survives()
    assert play.process.told is not None
    for _ in range(3):
        stays_up(play, maintenance=False, waits=True)
    assert play.process.told is not None
    stays_up(play, maintenance=False)
    assert play.process.told is None


def test_a_failure_is_not_lost_where_masakari_shows_the_host_and_never_its_reports() -> None:
    """The user of [api] may lack the right to read them. Nor is it told anew for one answer that fails."""
    play = stays_down(delivered(), maintenance=True, seconds=1200, waits=None)
    stays_down(play, maintenance=False, seconds=300, waits=None)
    stays_down(play, maintenance=False, seconds=3600, waits=True)
    stays_down(play, maintenance=False, seconds=300, waits=None)
    assert len(notified(play.all_commands)) == 1
    stays_down(play, maintenance=False, seconds=3600, waits=None)
    assert len(notified(play.all_commands)) == 2, "it was put back, and is down"


def test_nor_does_the_alarm_stand_for_ever_there() -> None:
    play = delivered()
    play.running()
    play.survives()
    stays_up(play, maintenance=False, waits=None)
    assert play.process.told is not None
    for _ in range(3):
        stays_up(play, maintenance=False, waits=None)
    assert play.process.told is None


@pytest.mark.parametrize(("seconds", "reports"), [(60, 0), (14 * 86400, 1)])
def test_where_masakari_does_not_say_only_what_is_old_is_told_anew_and_once(
    seconds: int, reports: int
) -> None:
    later = stays_down(two_weeks_later(delivered(), seconds), maintenance=None, seconds=1800)
    assert len(notified(later.all_commands)) == reports


def test_what_was_not_sent_before_another_boot_is_the_report_of_what_is_down_after_it() -> None:
    first = reported(retries=0)
    later = again(first, boot="another", retries=0).adopts(notified(first.all_commands)[0].notification)
    later.gone()
    later.ends(1)
    later.stays_gone()
    assert not later.confirmed
    later.fail_a_try()
    assert later.confirmed == [SUBJECT]
    (told,) = notified(later.all_commands)  # the very one that waits
    assert told.again and told.notification == notified(first.all_commands)[0].notification


def test_what_recovered_while_nobody_looked_is_still_held_on_maintenance() -> None:
    kept: dict[str, JSON] = {"down_since": "2026-11-22T08:00:00+00:00", "fate": "delivered", "over": True}
    play = Play(NOVA, memory={SUBJECT: kept})
    play.running()
    assert play.stage == "Running" and play.process.told is not None
