"""A dialogue that was recorded makes the same decisions again."""

from pathlib import Path

from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.instancemonitor.monitor import kinds
from masakarimonitors.libvirt.domain_state import Lifecycle
from tests.fixtures.instance_play import OTHER, Play, running
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
