"""A dialogue that was recorded makes the same decisions again."""

from pathlib import Path

from masakarimonitors.core.changed_rules import RulesChanged
from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.core.storm import GuardPolicy
from masakarimonitors.instancemonitor.core.observation import InstanceRules, IoFailed
from masakarimonitors.instancemonitor.core.state import subject_of
from masakarimonitors.instancemonitor.monitor import kinds
from masakarimonitors.libvirt.domain_state import IoErrorAction, Lifecycle
from tests.fixtures.instance_play import INSTANCE, OTHER, Play, running
from tests.fixtures.tape import Tape, replay

KINDS = kinds()


def test_a_dialogue_makes_the_same_decisions_again(tmp_path: Path) -> None:
    tape, play = Tape(tmp_path, KINDS, "instancemonitor"), Play()
    tape.listen(play, play.policy)
    play.census(running(), running(OTHER))
    play.event(Lifecycle.STARTED)
    play.event(Lifecycle.STOPPED, 5)
    made = play.now.wall
    play.wait(5.0)
    play.settled(ReportStatus.REFUSED, made)
    play.at_masakari(on_maintenance=True)
    play.ended(OTHER)
    play.wait(30.0)
    play.event(Lifecycle.STARTED)
    recording = tape.read()
    assert recording.remarks == [] and recording.segments[0].begun.rules == play.policy
    replayed = replay(recording, KINDS)
    assert (replayed.other, replayed.steps > 5) == (0, True)
    assert [one.notification.subject for _, one in replayed.reports]


def test_a_recording_that_begins_while_instances_are_known_has_them(tmp_path: Path) -> None:
    """As one does after a restart, and each time a file is full."""
    play = Play()
    play.census(running(), running(OTHER))
    play.see(IoFailed(OTHER, 1, IoErrorAction.REPORT, "vda"))
    known = play.state
    tape = Tape(tmp_path, KINDS, "instancemonitor")
    tape.listen(play, play.policy)
    play.event(Lifecycle.STOPPED, 5)
    recording = tape.read()
    assert recording.remarks == [] and recording.segments[0].begun.state == known
    assert len(known.instances) == 2 and known.instances[OTHER.uri, OTHER.uuid].stories.said
    replayed = replay(recording, KINDS)
    assert (replayed.other, [one.notification.subject for _, one in replayed.reports]) == (
        0,
        [subject_of(INSTANCE)],
    )


def test_rules_that_change_meanwhile_are_recorded_with_what_follows(tmp_path: Path) -> None:
    tape, play = Tape(tmp_path, KINDS, "instancemonitor"), Play()
    tape.listen(play, play.policy)
    play.census(running())
    rules = InstanceRules(guard=GuardPolicy(), settle_time=0.3, actionable_only=True)
    play.see(RulesChanged(rules, "[libvirt] report"))
    play.event(Lifecycle.STOPPED, 5)
    recording = tape.read()
    assert recording.remarks == [] and len(recording.segments[0].steps) == 3
    assert replay(recording, KINDS).other == 0
    later = Tape(tmp_path, KINDS, "later")
    later.listen(play, play.policy)
    play.event(Lifecycle.STARTED)
    (segment,) = later.read().segments
    assert segment.begun.state.in_force.rules == rules
