"""What is told besides a death: once for each story, and taken back when its I/O errors end."""

from masakarimonitors.core.decision import Notify, WakeAt, Withdraw
from masakarimonitors.instancemonitor.core.observation import IoFailed, Rebooted
from masakarimonitors.instancemonitor.core.reports.telling import end_story, take_quiet, tell
from masakarimonitors.instancemonitor.core.state import Policy, State
from masakarimonitors.instancemonitor.core.stories import QUIET
from masakarimonitors.instancemonitor.core.wire_events import IO_ERRORS
from tests.fixtures.instance_play import INSTANCE, Play

POLICY = Policy("compute-1", boot_id="boot-1")
KEY = f"{INSTANCE.uuid}@{INSTANCE.uri}"


def test_a_story_is_told_once() -> None:
    now = Play().now
    state, decision = tell(State(), Rebooted(INSTANCE, 1), POLICY, now)
    assert any(isinstance(command, Notify) for command in decision.commands)
    state, decision = tell(state, Rebooted(INSTANCE, 2), POLICY, now)
    assert decision.commands == () and decision.verdicts == ()


def test_the_end_of_errors_takes_their_words_back_and_stops_the_clock() -> None:
    state, _ = tell(State(), IoFailed(INSTANCE, 1, 2, "vda"), POLICY, Play().now)
    instance, decision = end_story(state.known(INSTANCE), IO_ERRORS, "it was started")
    assert not instance.stories.failing
    taken, alarm = decision.commands
    assert isinstance(taken, Withdraw) and ("IO_ERROR", "IO_ERROR_REPORT") in taken.only
    assert alarm == WakeAt(KEY, None)
    assert end_story(instance, IO_ERRORS, "again")[1].commands == ()


def test_errors_that_go_on_are_looked_at_again_when_they_could_be_over() -> None:
    play = Play()
    state, _ = tell(State(), IoFailed(INSTANCE, 1, 2, "vda"), POLICY, play.now)
    state, decision = take_quiet(state, KEY, POLICY, play.now)
    assert decision.commands == (WakeAt(KEY, play.seconds + QUIET),) and state.known(INSTANCE).stories.failing
