"""What was recorded of instances, judged by other rules."""

from dataclasses import replace
from pathlib import Path

import pytest

from masakarimonitors.core.changed_rules import RulesChanged
from masakarimonitors.core.notification import ReportStatus, VmNotification
from masakarimonitors.core.rehearsal.other_rules import Judged
from masakarimonitors.core.storm import GuardPolicy
from masakarimonitors.instancemonitor.core.observation import InstanceRules, IoFailed
from masakarimonitors.instancemonitor.core.rehearsal.other_rules import judge
from masakarimonitors.instancemonitor.core.state import Policy, subject_of
from masakarimonitors.instancemonitor.monitor import kinds
from masakarimonitors.libvirt.domain_state import IoErrorAction, Lifecycle, ShutoffReason
from tests.fixtures.instance_play import INSTANCE, OTHER, Play, off, running
from tests.fixtures.tape import Tape

KINDS = kinds()


@pytest.fixture
def tape(tmp_path: Path) -> Tape:
    return Tape(tmp_path, KINDS, "instancemonitor")


def by(tape: Tape, rules: Policy) -> Judged:
    (segment,) = tape.read().segments
    judged = judge(rules, segment.begun.rules, segment.begun.state, segment.begun.at, segment.steps)
    assert judged.defects == []
    return judged


def reports(judged: Judged) -> list[tuple[float, str, str]]:
    found = []
    for at, one in judged.reports:
        told = one.notification
        assert isinstance(told, VmNotification)
        found.append((round(at.monotonic, 3), told.instance_uuid, told.vir_domain_event))
    return found


def night(tape: Tape) -> Play:
    """One reboots; the process of another ends, and libvirt says that it crashed; masakari takes that report."""
    play = Play()
    tape.listen(play, play.policy)
    play.census(running(), running(OTHER))
    play.wait(10.0)
    play.reboot()
    play.wait(10.0)
    assert "ask" in play.ended(OTHER)
    play.wait(0.25)
    crashed = off(ShutoffReason.CRASHED, last_words="crashed", instance=OTHER)
    assert "report LIFECYCLE/STOPPED_FAILED" in play.asked(crashed, OTHER)
    made = play.now.wall
    play.wait(2.0)
    play.settled(ReportStatus.DELIVERED, made, OTHER)
    play.wait(30.0)
    return play


def test_by_the_same_rules_the_same_is_reported_at_the_same_moment(tape: Tape) -> None:
    play = night(tape)
    judged = by(tape, play.policy)
    assert [uuid for uuid, _ in play.reports] == [uuid for _, uuid, _ in reports(judged)]
    assert (1020.25, OTHER.uuid, "STOPPED_FAILED") in reports(judged)
    assert judged.supposed == [] and judged.doubts == []


def test_by_rules_that_report_only_what_is_acted_on(tape: Tape) -> None:
    play = night(tape)
    assert len(play.reports) == 2
    judged = by(tape, replace(play.policy, actionable_only=True))
    assert reports(judged) == [(1020.25, OTHER.uuid, "STOPPED_FAILED")] and judged.doubts == []


def test_by_another_settle_time_one_story_is_told_as_two(tape: Tape) -> None:
    play = Play(settle_time=5.0)
    tape.listen(play, play.policy)
    play.census(running())
    for _ in range(2):
        play.reboot()
        play.wait(1.0)
    play.wait(60.0)
    assert len(play.reports) == 1
    judged = by(tape, replace(play.policy, settle_time=0.3))
    assert [at for at, _, _ in reports(judged)] == [1000.0, 1001.0] and judged.doubts == []


def test_a_storm_of_io_errors_by_other_limits(tape: Tape) -> None:
    guard = GuardPolicy(domain_threshold=50.0, hold=300.0)
    play = Play(guard=replace(guard, domain_threshold=0.0))
    tape.listen(play, play.policy)
    many = [replace(INSTANCE, uuid=f"{number:08d}-0000-4000-8000-000000000000") for number in range(10)]
    play.census(*(running(one) for one in many))
    for one in many:
        play.number += 1
        play.see(IoFailed(one, play.number, IoErrorAction.REPORT, "vda"))
        play.wait(0.1)
    play.wait(60.0)
    assert len(play.reports) == 10
    judged = by(tape, replace(play.policy, guard=guard))
    assert len(judged.reports) < 10 and judged.doubts == []


def test_what_libvirt_was_not_asked_is_not_known_and_accuses_nobody(tape: Tape) -> None:
    play = Play()
    tape.listen(play, play.policy)
    play.census(running())
    play.wait(5.0)
    assert play.ended() == ["ask"]  # which the recording ends before
    judged = by(tape, play.policy)
    assert judged.reports == []
    ((at, subject, why),) = [(one.at.monotonic, one.subject, one.why) for one in judged.doubts]
    assert (at, subject) == (1005.0, subject_of(INSTANCE)) and "was not asked then" in why


def test_an_answer_that_was_asked_for_before_the_recording_begins_is_given(tape: Tape) -> None:
    play = Play()
    play.census(running())
    play.ended()
    tape.listen(play, play.policy)
    play.wait(1.0)
    play.asked(off(ShutoffReason.CRASHED, last_words="crashed"))
    judged = by(tape, play.policy)
    assert reports(judged) == [(1001.0, INSTANCE.uuid, "STOPPED_FAILED")] and judged.doubts == []


def test_what_was_changed_while_it_ran_is_replaced_by_these_rules(tape: Tape) -> None:
    play = Play()
    tape.listen(play, play.policy)
    play.census(running())
    rules = InstanceRules(guard=play.policy.guard, settle_time=0.3, actionable_only=True)
    play.see(RulesChanged(rules, "[libvirt] report"))
    play.reboot()
    play.wait(30.0)
    assert play.reports == []
    assert [word for _, _, word in reports(by(tape, play.policy))] != []


def test_a_refused_report_is_offered_again_as_masakari_was_then(tape: Tape) -> None:
    play = Play()
    tape.listen(play, play.policy)
    play.census(running())
    play.wait(1.0)
    play.event(Lifecycle.STOPPED, 5)
    made = play.now.wall
    play.wait(2.0)
    play.settled(ReportStatus.REFUSED, made)
    stopped = off(ShutoffReason.CRASHED, last_words="crashed")
    for _ in range(3):
        play.wait(300.0)
        play.at_masakari()
        play.census(stopped)
    play.wait(60.0)
    told = [word for _, word in play.reports]
    judged = by(tape, play.policy)
    assert [f"LIFECYCLE/{word}" for _, _, word in reports(judged)] == told and len(told) >= 2
    assert judged.doubts == []
