"""Whatever happens in whatever order: no report and no restart of what runs, no silence about what does not."""

import datetime
from collections.abc import Mapping

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from masakarimonitors.core.decision import JSON, Command, Instant, Notify, Remember, WakeAt, Withdraw, Woken
from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.processmonitor.core import commands
from masakarimonitors.processmonitor.core.decision import Decider, restore
from masakarimonitors.processmonitor.core.observation import (
    CommandEnded,
    Entry,
    ListBroken,
    ListRead,
    Look,
    Observation,
    Presence,
    ReportEnded,
    Run,
    Sighting,
)
from masakarimonitors.processmonitor.core.reports import Fate
from masakarimonitors.processmonitor.core.stages import Policy, Running, Unseen
from tests.fixtures.playbook import EPOCH

ENTRIES = {
    "full": Entry(
        process_name="full",
        start_command="start",
        pre_start_command="pre",
        post_start_command="post",
        restart_command="restart",
        pre_restart_command="pre",
        post_restart_command="post",
    ),
    "plain": Entry(process_name="plain", restart_command="restart"),
    "bare": Entry(process_name="bare"),
}
NAMES = st.sampled_from(sorted(ENTRIES))


class World(RuleBasedStateMachine):
    """Processes that die and appear, commands that help or do not, answers that come late or never."""

    @initialize(
        retries=st.integers(0, 3),
        interval=st.sampled_from([0.0, 1.0, 5.0]),
        grace=st.sampled_from([0.0, 1.0]),
        remembered=st.sets(NAMES),
        running=st.sets(NAMES),
    )
    def begin(
        self, retries: int, interval: float, grace: float, remembered: set[str], running: set[str]
    ) -> None:
        self.policy = Policy(
            hostname="node1",
            restart_retries=retries,
            restart_interval=interval,
            restart_grace=grace,
            start_patience=2.0,
            boot="b",
        )
        self.decide = Decider(self.policy)
        self.memory: dict[str, Mapping[str, JSON]] = {f"process:{name}": {} for name in remembered}
        self.state = restore(self.memory)
        self.now = Instant(100.0, EPOCH)
        self.running = set(running)
        self.listed: set[str] = set()
        self.open: list[Look | Run] = []
        self.alarms: dict[str, float] = {}
        # Reported in the present outage, as far as it is not over; and those reports that have not ended.
        self.reported = set(self.memory)
        self.pending: dict[str, datetime.datetime] = {}
        self.read(set(ENTRIES))

    def tell(self, observation: Observation | Woken) -> None:
        self.state, decision = self.decide(self.state, observation, self.now)
        for command in decision.commands:
            self.follow(command)

    def follow(self, command: Command) -> None:
        match command:
            case Notify():
                subject = command.notification.subject
                assert subject.removeprefix("process:") not in self.running, "what runs was reported"
                # After a restart of the monitor the one that waits is made once more, which makes no second row.
                once_more = command.again and self.pending.get(subject) == command.notification.generated_time
                assert once_more or subject not in self.reported, "reported twice in one outage"
                self.reported.add(subject)
                self.pending[subject] = command.notification.generated_time
            case Withdraw(subject=subject):
                self.pending.pop(subject, None)
                self.reported.discard(subject)
            case Remember(key=key, value=None):
                self.memory.pop(key, None)
                self.reported.discard(key)
            case Remember(key=key, value=value) if value is not None:
                self.memory[key] = value
                if value.get("over"):
                    self.reported.discard(key)
            case WakeAt(key=key, at=at):
                self.alarms.pop(key, None)
                if at is not None:
                    self.alarms[key] = at
            case Run():
                if not command.what.startswith("post"):
                    assert command.process_name not in self.running, "a command was run for what runs"
                self.open.append(command)
            case Look():
                self.open.append(command)

    def presence(self, name: str) -> Presence:
        return Presence.RUNNING if name in self.running else Presence.GONE

    def see(self, name: str, presence: Presence, in_reply_to: int = 0) -> None:
        self.tell(
            Sighting(
                process_name=name, presence=presence, at=self.now, evidence="seen", in_reply_to=in_reply_to
            )
        )

    def move(self, seconds: float) -> None:
        self.now = Instant(self.now.monotonic + seconds, self.now.wall + datetime.timedelta(seconds=seconds))
        for key, at in sorted(self.alarms.items()):
            if at <= self.now.monotonic and self.alarms.get(key) == at:
                del self.alarms[key]
                self.tell(Woken(key))

    def read(self, names: set[str]) -> None:
        self.listed = set(names)
        self.tell(ListRead(tuple(ENTRIES[name] for name in sorted(names)), "list"))
        for name in sorted(names):
            self.see(name, self.presence(name))

    def end(self, which: int, exit_code: int | None) -> None:
        run = self.open.pop(which)
        assert isinstance(run, Run)
        self.tell(CommandEnded(run.process_name, run.request_id, exit_code, "ended"))

    def answer(self, which: int, presence: Presence | None = None) -> None:
        look = self.open.pop(which)
        assert isinstance(look, Look)
        self.see(look.process_name, presence or self.presence(look.process_name), look.request_id)

    @rule(name=NAMES, noticed=st.booleans())
    def dies(self, name: str, noticed: bool) -> None:
        self.running.discard(name)
        if noticed:
            self.see(name, Presence.GONE)

    @rule(name=NAMES, noticed=st.booleans())
    def appears(self, name: str, noticed: bool) -> None:
        self.running.add(name)
        if noticed:
            self.see(name, Presence.RUNNING)

    @rule(name=NAMES)
    def is_looked_at(self, name: str) -> None:
        self.see(name, self.presence(name))

    @rule(name=NAMES)
    def cannot_be_seen(self, name: str) -> None:
        self.see(name, Presence.UNKNOWN)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), exit_code=st.sampled_from([0, 1, None]), helps=st.booleans(), blind=st.booleans())
    def something_is_answered(
        self, data: st.DataObject, exit_code: int | None, helps: bool, blind: bool
    ) -> None:
        which = data.draw(st.integers(0, len(self.open) - 1))
        command = self.open[which]
        if isinstance(command, Run):
            if helps:
                self.running.add(command.process_name)
            self.end(which, exit_code)
        else:
            self.answer(which, Presence.UNKNOWN if blind else None)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def an_answer_is_lost(self, data: st.DataObject) -> None:
        self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))

    @rule(seconds=st.sampled_from([0.01, 0.3, 1.0, 5.0, 20.0, 400.0]))
    def time_passes(self, seconds: float) -> None:
        self.move(seconds)

    @precondition(lambda self: self.alarms)
    @rule()
    def the_next_alarm_rings(self) -> None:
        self.move(max(0.0, min(self.alarms.values()) - self.now.monotonic))

    @rule(names=st.sets(NAMES))
    def the_list_changes(self, names: set[str]) -> None:
        self.read(names)

    @rule()
    def the_list_breaks(self) -> None:
        self.tell(ListBroken("list", "line 1, column 1: broken"))

    @precondition(lambda self: self.pending)
    @rule(
        data=st.data(),
        status=st.sampled_from([ReportStatus.DELIVERED, ReportStatus.REFUSED, ReportStatus.EXPIRED]),
    )
    def a_report_ends(self, data: st.DataObject, status: ReportStatus) -> None:
        subject = data.draw(st.sampled_from(sorted(self.pending)))
        made_at = self.pending.pop(subject)
        if status is not ReportStatus.DELIVERED:
            self.reported.discard(subject)
        self.tell(ReportEnded(subject=subject, made_at=made_at, status=status, why="so", at=self.now))

    @rule()
    def the_monitor_is_killed_and_starts_again(self) -> None:
        left = commands.recalled_tries(self.memory, self.policy.boot, self.now.monotonic)
        self.state = restore(self.memory, left)
        self.open, self.alarms = [], {}
        self.read(self.listed)

    @invariant()
    def whoever_is_not_resting_on_a_fact_has_an_alarm_set(self) -> None:
        if not hasattr(self, "state"):
            return
        for process in self.state.processes.values():
            if not isinstance(process.stage, Unseen | Running):
                assert process.subject in self.alarms, f"{process.name} could wait for ever: {process}"

    @invariant()
    def what_is_remembered_is_what_is_reported(self) -> None:
        if hasattr(self, "state"):
            processes = self.state.processes.values()
            told = {c.subject for c in processes if c.reported or c.over is not None}
            assert told == {key for key in self.memory if key.startswith("process:")}
            begun = {c.name for c in processes if c.begun is not None}
            assert begun == {key.removeprefix("try:") for key in self.memory.keys() - told}
            pending = {
                c.subject for c in processes if c.outage is not None and c.outage.report.fate is Fate.PENDING
            }
            assert pending <= set(self.pending)

    def is_told(self, name: str) -> bool:
        return f"process:{name}" in self.reported

    @rule()
    def all_fails_for_good(self) -> None:
        """From wherever the world stands now: all stay dead, nothing helps, so all must get reported."""
        self.running.clear()
        for name in self.listed:
            self.see(name, Presence.GONE)
        for _ in range(3000):
            if all(self.is_told(name) for name in self.listed):
                return
            if not self.open:
                self.the_next_alarm_rings()
            elif isinstance(self.open[0], Run):
                self.end(0, 1)
            else:
                self.answer(0)
        raise AssertionError(f"never reported: {self.listed} {self.reported} {self.state}")

    def teardown(self) -> None:
        if hasattr(self, "state"):
            self.all_fails_for_good()


World.TestCase.settings = settings(
    max_examples=150, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)
TestAnyInterleaving = World.TestCase
