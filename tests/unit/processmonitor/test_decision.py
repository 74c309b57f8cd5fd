"""The process decision as a dialogue: what is seen, what is asked for."""

import datetime
from collections.abc import Iterable

import pytest

from masakarimonitors.decisions import (
    Command,
    Decision,
    Instant,
    Notify,
    Remember,
    Ruling,
    Verdict,
    WakeAt,
    Withdraw,
    Woken,
)
from masakarimonitors.notifications import to_wire
from masakarimonitors.processmonitor.course import Policy, Stage
from masakarimonitors.processmonitor.decision import Decider, start
from masakarimonitors.processmonitor.observation import (
    CommandEnded,
    Entry,
    ListBroken,
    ListRead,
    Look,
    Observation,
    Presence,
    Run,
    Sighting,
    Watch,
)

EPOCH = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)
NOVA = Entry("/usr/bin/nova-compute", start_command="start", restart_command="restart", run_as_root=True)
FULL = Entry("p", "start", "pre-start", "post-start", "restart", "pre-restart", "post-restart")


class Dialogue:
    """Plays the world around the decision: its clock, its questions and the answers."""

    def __init__(
        self, *entries: Entry, memory: Iterable[str] = (), retries: int = 3, interval: float = 5.0
    ) -> None:
        self.policy = Policy("node1", retries, interval, command_timeout=60.0)
        self.decide = Decider(self.policy)
        self.state = start({subject: {} for subject in memory})
        self.now = Instant(100.0, EPOCH)
        self.alarms: dict[str, float] = {}
        self.said: list[Verdict] = []
        self.name = entries[0].process_name if entries else ""
        self.commands: list[Command] = []
        self.list_is(*entries)

    def list_is(self, *entries: Entry) -> list[Command]:
        return self.tell(ListRead(entries, "list"))

    def tell(self, observation: Observation | Woken) -> list[Command]:
        self.state, decision = self.decide(self.state, observation, self.now)
        return self.follow(decision)

    def follow(self, decision: Decision) -> list[Command]:
        self.said += decision.verdicts
        self.commands = []
        for command in decision.commands:
            if isinstance(command, WakeAt):
                self.alarms.pop(command.key, None)
                if command.at is not None:
                    self.alarms[command.key] = command.at
            else:
                self.commands.append(command)
        return self.commands

    def pass_time(self, seconds: float) -> list[Command]:
        """Let time pass; what was due is woken at the end of it."""
        self.now = Instant(self.now.monotonic + seconds, self.now.wall + datetime.timedelta(seconds=seconds))
        commands: list[Command] = []
        for key, at in list(self.alarms.items()):
            if at <= self.now.monotonic:
                del self.alarms[key]
                commands += self.tell(Woken(key))
        return commands

    def to_next_alarm(self) -> list[Command]:
        return self.pass_time(min(self.alarms.values()) - self.now.monotonic)

    def see(self, presence: Presence, name: str = "", asked: int = 0) -> list[Command]:
        return self.tell(Sighting(name or self.name, presence, self.now, "seen", asked))

    def running(self, name: str = "") -> list[Command]:
        return self.see(Presence.RUNNING, name)

    def gone(self, name: str = "") -> list[Command]:
        return self.see(Presence.GONE, name)

    def answer(self, presence: Presence) -> list[Command]:
        (look,) = self.commands
        assert isinstance(look, Look)
        return self.see(presence, look.process_name, look.asked)

    def ends(self, exit_code: int | None) -> list[Command]:
        (run,) = self.commands
        assert isinstance(run, Run)
        return self.tell(CommandEnded(run.process_name, run.asked, exit_code, f"exited {exit_code}"))

    def runs(self, command_line: str) -> None:
        (run,) = self.commands
        assert isinstance(run, Run), run
        assert run.command_line == command_line

    def stays_gone(self) -> list[Command]:
        """Answer every look with GONE until something else is asked."""
        for _ in range(100):
            if len(self.commands) == 1 and isinstance(self.commands[0], Look):
                self.answer(Presence.GONE)
            elif not self.commands:
                self.to_next_alarm()
            else:
                return self.commands
        raise AssertionError("nothing ever happens")

    def fail_a_try(self) -> list[Command]:
        self.ends(1)
        return self.stays_gone()

    def until_reported(self) -> list[Command]:
        for _ in range(self.policy.tries + 1):
            if any(isinstance(command, Notify) for command in self.fail_a_try()):
                return self.commands
        raise AssertionError("never reported")

    @property
    def stage(self) -> Stage:
        return self.state.courses[self.name].stage

    @property
    def rulings(self) -> list[Ruling]:
        return [verdict.ruling for verdict in self.said]


def notified(commands: list[Command]) -> list[Notify]:
    return [command for command in commands if isinstance(command, Notify)]


def test_the_list_is_watched() -> None:
    assert Dialogue(NOVA, FULL).commands == [Watch(("/usr/bin/nova-compute", "p"))]


def test_what_runs_at_start_is_only_watched() -> None:
    dialogue = Dialogue(NOVA)
    assert dialogue.running() == []
    assert dialogue.stage is Stage.RUNNING


def test_r15_what_does_not_run_at_start_is_started() -> None:
    dialogue = Dialogue(NOVA)
    dialogue.gone()
    dialogue.runs("start")


def test_pre_start_and_post_in_order_with_a_look_before_the_main_one() -> None:
    dialogue = Dialogue(FULL)
    dialogue.gone()
    dialogue.runs("pre-start")
    dialogue.ends(0)
    dialogue.answer(Presence.GONE)
    dialogue.runs("start")
    dialogue.ends(0)
    dialogue.runs("post-start")
    dialogue.ends(0)
    dialogue.answer(Presence.RUNNING)
    assert dialogue.stage is Stage.RUNNING
    assert dialogue.rulings == [Ruling.ACTED, Ruling.RECOVERED]


def test_a_death_is_answered_by_the_restart_command_at_once() -> None:
    dialogue = Dialogue(NOVA)
    dialogue.running()
    (run,) = dialogue.gone()
    assert isinstance(run, Run)
    assert (run.command_line, run.what, run.run_as_root) == ("restart", "restart_command", True)


def test_r15_what_came_back_during_the_pre_command_is_not_restarted() -> None:
    dialogue = Dialogue(FULL)
    dialogue.running()
    dialogue.gone()
    dialogue.runs("pre-restart")
    dialogue.ends(0)
    assert dialogue.answer(Presence.RUNNING) == []
    assert dialogue.stage is Stage.RUNNING


def test_a_failed_pre_command_fails_the_try() -> None:
    dialogue = Dialogue(FULL)
    dialogue.running()
    dialogue.gone()
    dialogue.ends(1)
    dialogue.stays_gone()
    dialogue.runs("pre-restart")  # the second try begins from the beginning


def test_r5_a_command_that_fails_while_the_process_comes_up_is_a_success() -> None:
    dialogue = Dialogue(NOVA, retries=0)
    dialogue.running()
    dialogue.gone()
    dialogue.ends(1)
    dialogue.answer(Presence.GONE)
    dialogue.to_next_alarm()
    dialogue.answer(Presence.RUNNING)
    assert dialogue.stage is Stage.RUNNING
    assert Ruling.REPORTED not in dialogue.rulings


def test_r5_a_command_that_exits_0_without_a_process_is_a_failure() -> None:
    dialogue = Dialogue(NOVA, retries=0)
    dialogue.running()
    dialogue.gone()
    dialogue.ends(0)
    assert len(notified(dialogue.stays_gone())) == 1


def test_r5_a_restart_that_succeeds_on_the_last_retry_reports_nothing() -> None:
    dialogue = Dialogue(NOVA)
    dialogue.running()
    dialogue.gone()
    for _ in range(3):
        assert not notified(dialogue.fail_a_try())
    dialogue.runs("restart")
    dialogue.ends(0)
    dialogue.answer(Presence.RUNNING)
    dialogue.pass_time(1000)
    assert Ruling.REPORTED not in dialogue.rulings


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_first_try_and_the_retries_then_the_report(retries: int) -> None:
    dialogue = Dialogue(NOVA, retries=retries)
    dialogue.running()
    dialogue.pass_time(7)
    died = dialogue.now
    dialogue.gone()
    for _ in range(retries):
        assert not notified(dialogue.fail_a_try())
        dialogue.runs("restart")
    report, kept = dialogue.fail_a_try()
    assert isinstance(report, Notify) and isinstance(kept, Remember)
    wire = to_wire(report.notification)["notification"]
    assert (wire["type"], wire["hostname"]) == ("PROCESS", "node1")
    assert wire["payload"] == {"event": "STOPPED", "process_name": "nova-compute"}
    assert report.notification.generated_time == died.wall
    assert kept.key == report.notification.subject == "process:/usr/bin/nova-compute"
    assert kept.value


def test_tries_are_restart_interval_apart() -> None:
    dialogue = Dialogue(NOVA, interval=5.0)
    dialogue.running()
    dialogue.gone()
    dialogue.pass_time(2)
    begun = dialogue.now.monotonic
    dialogue.fail_a_try()
    dialogue.runs("restart")
    assert dialogue.now.monotonic - begun == pytest.approx(5.0)


def test_after_the_report_slow_tries_with_backoff_and_no_second_report() -> None:
    dialogue = Dialogue(NOVA)
    dialogue.running()
    dialogue.gone()
    dialogue.until_reported()
    pauses = []
    for _ in range(9):
        rested = dialogue.now.monotonic
        dialogue.to_next_alarm()
        pauses.append(dialogue.now.monotonic - rested)
        dialogue.answer(Presence.GONE)
        dialogue.runs("restart")
        dialogue.ends(1)
        while dialogue.stage is Stage.SETTLING:
            if dialogue.commands:
                dialogue.answer(Presence.GONE)
            else:
                dialogue.to_next_alarm()
        assert not notified(dialogue.commands)
    assert pauses == [10, 20, 40, 80, 160, 300, 300, 300, 300]


def test_back_after_the_report_withdraws_and_forgets() -> None:
    dialogue = Dialogue(NOVA)
    dialogue.running()
    dialogue.gone()
    dialogue.until_reported()
    withdraw, forget = dialogue.running()
    assert isinstance(withdraw, Withdraw) and withdraw.subject == "process:/usr/bin/nova-compute"
    assert forget == Remember("process:/usr/bin/nova-compute", None)
    assert not dialogue.alarms


def test_back_while_a_slow_try_still_works_withdraws_at_once() -> None:
    dialogue = Dialogue(NOVA)
    dialogue.running()
    dialogue.gone()
    dialogue.until_reported()
    dialogue.to_next_alarm()
    dialogue.answer(Presence.GONE)
    dialogue.runs("restart")
    assert isinstance(dialogue.running()[0], Withdraw)


def test_a_new_outage_is_a_new_report() -> None:
    dialogue = Dialogue(NOVA)
    for _ in range(2):
        dialogue.running()
        dialogue.pass_time(100)
        dialogue.gone()
        assert len(notified(dialogue.until_reported())) == 1


def test_what_dies_again_at_once_has_used_up_a_try() -> None:
    dialogue = Dialogue(NOVA, retries=2, interval=5.0)
    dialogue.running()
    dialogue.gone()
    for number in range(3):
        dialogue.runs("restart")
        dialogue.ends(0)
        dialogue.answer(Presence.RUNNING)
        dialogue.pass_time(1.0)
        dialogue.gone()
        commands = dialogue.stays_gone()
        assert bool(notified(commands)) is (number == 2)


def test_what_ran_stably_gets_all_its_tries_again() -> None:
    dialogue = Dialogue(NOVA, retries=1)
    dialogue.running()
    for _ in range(5):
        dialogue.pass_time(60)
        dialogue.gone()
        dialogue.runs("restart")
        dialogue.ends(0)
        dialogue.answer(Presence.RUNNING)
    assert Ruling.REPORTED not in dialogue.rulings


def test_a_crash_loop_with_no_interval_is_reported_too() -> None:
    dialogue = Dialogue(NOVA, retries=3, interval=0.0)
    dialogue.running()
    dialogue.gone()
    for _ in range(4):
        dialogue.ends(0)
        dialogue.answer(Presence.RUNNING)
        dialogue.pass_time(0.1)
        dialogue.gone()
        dialogue.stays_gone()
    assert Ruling.REPORTED in dialogue.rulings


def test_unknown_is_never_down() -> None:
    dialogue = Dialogue(NOVA)
    assert dialogue.see(Presence.UNKNOWN) == []
    dialogue.running()
    assert dialogue.see(Presence.UNKNOWN) == []
    assert dialogue.rulings == [Ruling.BLIND, Ruling.BLIND]


def test_unknown_after_the_last_retry_holds_the_report_until_something_is_seen() -> None:
    dialogue = Dialogue(NOVA, retries=0)
    dialogue.running()
    dialogue.gone()
    dialogue.ends(1)
    for _ in range(20):
        dialogue.answer(Presence.UNKNOWN)
        dialogue.to_next_alarm()
    assert Ruling.REPORTED not in dialogue.rulings
    assert len(notified(dialogue.answer(Presence.GONE))) == 1


def test_a_lost_answer_delays_and_does_not_silence() -> None:
    dialogue = Dialogue(NOVA, retries=0)
    dialogue.running()
    dialogue.gone()
    dialogue.runs("restart")
    dialogue.pass_time(1000)  # the command's end is never told
    assert isinstance(dialogue.commands[0], Look)
    dialogue.pass_time(1000)  # nor is the look answered
    assert len(notified(dialogue.answer(Presence.GONE))) == 1


def test_an_overtaken_look_changes_nothing() -> None:
    dialogue = Dialogue(NOVA)
    dialogue.running()
    late = Sighting(dialogue.name, Presence.GONE, dialogue.now, "before")
    dialogue.pass_time(1)
    dialogue.running()
    assert dialogue.tell(late) == []
    assert dialogue.stage is Stage.RUNNING


def test_r16_one_process_waits_for_no_other() -> None:
    entries = [Entry(f"p{n}", restart_command=f"restart {n}") for n in range(50)]
    dialogue = Dialogue(*entries)
    for entry in entries:
        dialogue.running(entry.process_name)
    for entry in entries:
        dialogue.gone(entry.process_name)
        dialogue.runs(entry.restart_command or "")


def test_r16_what_failed_once_is_tried_again_while_it_is_down() -> None:
    dialogue = Dialogue(NOVA)
    dialogue.running()
    dialogue.gone()
    dialogue.until_reported()
    dialogue.to_next_alarm()
    dialogue.answer(Presence.GONE)
    dialogue.runs("restart")


def test_a_failed_start_goes_on_to_restarts() -> None:
    dialogue = Dialogue(NOVA, retries=1)
    dialogue.gone()
    dialogue.runs("start")
    dialogue.fail_a_try()
    dialogue.runs("restart")
    dialogue.fail_a_try()
    dialogue.runs("restart")
    assert len(notified(dialogue.fail_a_try())) == 1


def test_a_process_without_commands_is_waited_for_and_reported() -> None:
    dialogue = Dialogue(Entry("p"), retries=1)
    dialogue.gone()
    began = dialogue.now.monotonic
    assert len(notified(dialogue.stays_gone())) == 1
    assert dialogue.now.monotonic - began == pytest.approx(10.0)


def test_after_a_restart_of_the_monitor_what_was_reported_is_not_reported_again() -> None:
    dialogue = Dialogue(NOVA, memory=["process:/usr/bin/nova-compute"])
    dialogue.gone()
    dialogue.runs("start")
    for _ in range(6):
        assert not notified(dialogue.fail_a_try())
        if dialogue.stage is Stage.RESTING:
            return


def test_after_a_restart_of_the_monitor_what_came_back_is_withdrawn() -> None:
    dialogue = Dialogue(NOVA, memory=["process:/usr/bin/nova-compute"])
    assert [type(command) for command in dialogue.running()] == [Withdraw, Remember]


def test_what_was_taken_off_the_list_is_withdrawn_and_forgotten() -> None:
    dialogue = Dialogue(NOVA)
    dialogue.running()
    dialogue.gone()
    dialogue.until_reported()
    commands = dialogue.list_is(FULL)
    assert [type(command) for command in commands] == [Withdraw, Remember, Watch]
    assert not dialogue.alarms
    assert dialogue.said[-1].ruling is Ruling.WITHDRAWN


def test_what_was_taken_off_the_list_while_the_monitor_was_away_is_forgotten() -> None:
    dialogue = Dialogue(FULL, memory=["process:/usr/bin/nova-compute"])
    assert [type(command) for command in dialogue.commands] == [Withdraw, Remember, Watch]


def test_a_reload_keeps_the_course_of_those_that_stay() -> None:
    dialogue = Dialogue(NOVA, retries=0)
    dialogue.running()
    dialogue.gone()
    dialogue.ends(1)
    look = dialogue.commands
    dialogue.list_is(FULL, Entry(NOVA.process_name, restart_command="other"))
    dialogue.commands = look
    assert len(notified(dialogue.stays_gone())) == 1
    dialogue.to_next_alarm()
    dialogue.answer(Presence.GONE)
    dialogue.runs("other")


def test_an_answer_for_an_earlier_life_of_an_entry_is_nobodys() -> None:
    dialogue = Dialogue(NOVA)
    dialogue.gone()
    (run,) = dialogue.commands
    assert isinstance(run, Run)
    dialogue.list_is()
    dialogue.list_is(NOVA)
    dialogue.gone()
    assert dialogue.tell(CommandEnded(run.process_name, run.asked, 0, "")) == []
    assert dialogue.stage is Stage.MAIN


def test_r13_a_broken_list_changes_nothing_but_what_the_status_says() -> None:
    dialogue = Dialogue(NOVA)
    dialogue.running()
    courses = dialogue.state.courses
    assert dialogue.tell(ListBroken("list", "line 3, column 1: no")) == []
    assert (dialogue.state.courses, dialogue.state.list_fault) == (courses, "line 3, column 1: no")
    dialogue.list_is(NOVA)
    assert not dialogue.state.list_fault


def test_every_verdict_is_a_sentence_with_evidence() -> None:
    dialogue = Dialogue(NOVA)
    dialogue.running()
    dialogue.gone()
    dialogue.until_reported()
    dialogue.running()
    assert all(len(verdict.why.split()) > 4 for verdict in dialogue.said)
    assert all(verdict.evidence for verdict in dialogue.said if verdict.ruling is not Ruling.WITHDRAWN)
