"""A dialogue that was recorded makes the same decisions again, though no command line stands in it."""

from pathlib import Path

from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.processmonitor.core.observation import Entry
from masakarimonitors.processmonitor.monitor import kinds
from tests.fixtures.process_play import Play
from tests.fixtures.tape import Tape, replay

KINDS = kinds()
SECRET = Entry(process_name="p", start_command="start --password=abc", restart_command="again --password=abc")


def test_a_dialogue_makes_the_same_decisions_again(tmp_path: Path) -> None:
    tape, play = Tape(tmp_path, KINDS, "processmonitor"), Play()
    tape.listen(play, play.policy)
    play.name = SECRET.process_name
    play.list_is(SECRET)
    play.running()
    play.gone()
    play.stays_gone()
    play.until_reported()
    play.report_ends(ReportStatus.DELIVERED)
    recording = tape.read()
    assert recording.remarks == [] and recording.segments[0].begun.rules == play.policy
    assert b"password" not in tape.path.read_bytes()
    replayed = replay(recording, KINDS)
    assert (replayed.other, replayed.steps > 7, len(replayed.reports)) == (0, True, 1)
