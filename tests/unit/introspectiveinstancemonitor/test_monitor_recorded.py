"""A dialogue that was recorded makes the same decisions again."""

from pathlib import Path

from masakarimonitors.core.changed_rules import RulesChanged
from masakarimonitors.core.storm import GuardPolicy
from masakarimonitors.introspectiveinstancemonitor.core.observation import GuestRules
from masakarimonitors.introspectiveinstancemonitor.monitor import kinds
from tests.fixtures.guest_play import B, Play
from tests.fixtures.tape import Tape, replay

KINDS = kinds()


def test_a_dialogue_makes_the_same_decisions_again(tmp_path: Path) -> None:
    tape, play = Tape(tmp_path, KINDS, "introspectiveinstancemonitor"), Play()
    tape.listen(play, play.policy)
    play.seen().answers().seen(B, storages=("ceph",)).answers(B)
    play.goes_silent(times=3).wait(60.0)
    play.misses(B).answers().wait(60.0)
    recording = tape.read()
    assert recording.remarks == [] and recording.segments[0].begun.rules == play.policy
    replayed = replay(recording, KINDS)
    assert (replayed.other, replayed.steps > 7) == (0, True)


def test_rules_that_change_meanwhile_are_recorded_with_what_follows(tmp_path: Path) -> None:
    tape, play = Tape(tmp_path, KINDS, "introspectiveinstancemonitor"), Play()
    tape.listen(play, play.policy)
    play.seen().answers()
    rules = GuestRules(guard=GuardPolicy(), reports_per_hour=1)
    play.feed(RulesChanged(rules, "max_reports_per_hour"))
    play.goes_silent(times=3)
    recording = tape.read()
    assert recording.remarks == [] and replay(recording, KINDS).other == 0
