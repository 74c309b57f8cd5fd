"""What was recorded of processes, judged by other rules."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.core.decision import Command, Notify
from masakarimonitors.core.notification import HostEvent, ProcessNotification
from masakarimonitors.core.rehearsal.other_rules import Judged
from masakarimonitors.processmonitor.core.decision import restore
from masakarimonitors.processmonitor.core.observation import (
    CommandEnded,
    Look,
    LookUpMaintenance,
    MaintenanceSeen,
    Presence,
    Run,
    Sighting,
)
from masakarimonitors.processmonitor.core.rehearsal.other_rules import judge
from masakarimonitors.processmonitor.core.reports import Fate, Report, remembered
from masakarimonitors.processmonitor.core.stages import Policy, subject_of
from masakarimonitors.processmonitor.monitor import kinds
from tests.fixtures.process_play import FULL, Play
from tests.fixtures.tape import Tape

KINDS = kinds()
DIES, BACK = 100.0, 160.0


class World(Play):
    """The process p dies at second 100 and is there again at second 160, whatever is run meanwhile."""

    def __init__(self, tape: Tape, back: float = BACK, **changes: Any) -> None:
        self.coming: list[Command] = []
        self.reported: list[float] = []
        super().__init__(**changes)
        tape.listen(self, self.policy)
        self.name, self.back = FULL.process_name, self.seconds + back
        self.list_is(FULL)
        self.running()
        self.go_on(DIES)
        self.see(Presence.GONE)
        self.go_on(back - DIES)
        self.see(Presence.RUNNING)
        self.go_on(120.0)

    def go_on(self, seconds: float) -> None:
        """So many seconds pass; each question is answered within one."""
        end = self.seconds + seconds
        while self.seconds < end:
            asked, self.coming = self.coming, []
            self.wait(1.0)
            for command in asked:
                self.answered(command)

    def follow(self, command: Command) -> None:
        super().follow(command)
        if isinstance(command, Run | Look | LookUpMaintenance):
            self.coming.append(command)
        elif _is_stop(command):
            self.reported.append(self.seconds)

    def answered(self, command: Command) -> None:
        if isinstance(command, Run):
            self.tell(CommandEnded(command.process_name, command.request_id, 0, "exited 0"))
        elif isinstance(command, Look):
            there = Presence.RUNNING if self.seconds >= self.back else Presence.GONE
            self.see(there, command.process_name, command.request_id)
        else:
            self.tell(MaintenanceSeen(None, self.now))


def _is_stop(command: Command) -> bool:
    told = command.notification if isinstance(command, Notify) else None
    return isinstance(told, ProcessNotification) and told.event is HostEvent.STOPPED


@pytest.fixture
def tape(tmp_path: Path) -> Tape:
    return Tape(tmp_path, KINDS, "processmonitor")


def by(tape: Tape, rules: Policy) -> Judged:
    (segment,) = tape.read().segments
    judged = judge(rules, segment.begun.rules, segment.begun.state, segment.begun.at, segment.steps)
    assert judged.defects == []
    return judged


def stopped(judged: Judged) -> list[float]:
    return [at.monotonic for at, one in judged.reports if _is_stop(one)]


def test_by_the_same_rules_it_is_reported_when_it_was(tape: Tape) -> None:
    play = World(tape)
    (then,) = play.reported
    judged = by(tape, play.policy)
    (now,) = stopped(judged)
    assert abs(now - then) <= 1.0 and judged.doubts == []
    (said,) = judged.supposed
    assert said.startswith("what became of a report was asked 1 times"), "nobody has answered it"


def test_with_more_tries_it_would_have_been_back_before(tape: Tape) -> None:
    play = World(tape)
    assert stopped(by(tape, replace(play.policy, restart_retries=30))) == []


def test_with_fewer_tries_it_would_have_been_reported_though_it_came_back_in_time(tape: Tape) -> None:
    play = World(tape, back=140.0, retries=30)
    assert play.reported == []
    assert len(stopped(by(tape, replace(play.policy, restart_retries=0)))) == 1


def test_what_was_never_asked_is_not_known_and_said(tape: Tape) -> None:
    play = Play()
    tape.listen(play, play.policy)
    play.name = FULL.process_name
    play.list_is(FULL)
    play.running()
    play.tell(Sighting(process_name=play.name, presence=Presence.GONE, at=play.now, evidence="seen"))
    judged = by(tape, play.policy)
    assert any("how a command ended was asked" in one for one in judged.supposed)
    assert judged.doubts == [], "that nothing was recorded behind the end goes unsaid"


def test_of_whom_nothing_recorded_tells_is_said_by_name(tape: Tape) -> None:
    """Of one that was back within its grace no command was ever run; by these rules one would have been."""
    play = World(tape, back=DIES + 4.0, grace=10.0)
    assert play.reported == []
    judged = by(tape, replace(play.policy, restart_grace=0.0))
    assert [(one.subject, one.why) for one in judged.doubts][:1] == [
        (f"process:{play.name}", "no command of it was run then")
    ]


def test_what_masakari_s_engine_had_not_begun_with_is_told_no_second_time_there(tape: Tape) -> None:
    """It was told before the recording begins; the flag that is not there has not ended."""
    play = Play(retries=0)
    play.name = FULL.process_name
    made = Report(fate=Fate.DELIVERED, made_at=play.now.wall, reported_at=play.now.wall)
    play.wait(7200.0)
    play.begin(restore({subject_of(play.name): remembered(made, play.policy.boot)}))
    tape.listen(play, play.policy)
    play.list_is(FULL)
    play.gone()
    play.tell(MaintenanceSeen(False, play.now, waits=True))
    while play.seconds < 3 * 3600.0:
        match play.asked:
            case [Look()]:
                play.answer(Presence.GONE)
            case [Run()]:
                play.ends(1)
            case [LookUpMaintenance()]:
                play.tell(MaintenanceSeen(False, play.now, waits=True))
            case _:
                play.to_next_alarm()
    assert stopped(by(tape, play.policy)) == []
