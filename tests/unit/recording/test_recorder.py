"""The recorder: bounded, private, never waited for; what it lost is known, and what follows can be played."""

import threading
from pathlib import Path

import pytest

from masakarimonitors.core.decision import Decision, Instant
from masakarimonitors.hostmonitor.core.observation import Membership
from masakarimonitors.hostmonitor.core.rehearsal.kinds import kinds
from masakarimonitors.hostmonitor.core.state import State
from masakarimonitors.recording import reader, recorder
from masakarimonitors.recording.recorder import Recorder, older
from tests.fixtures.host_play import Play, policy
from tests.fixtures.tape import Tape, replay
from tests.fixtures.waiting import until

KINDS = kinds()
HOSTS = ("node02", "node03")


def busy(tape: Tape, rounds: int) -> Play:
    play = Play(policy())
    tape.listen(play, play.rules)
    play.all_up(*HOSTS)
    for number in range(rounds):
        play.cut("node02", "tenant", to=(Membership.DOWN, Membership.UP)[number % 2]).wait(1.0)
    return play


def test_what_was_decided_stands_there_in_order(tmp_path: Path) -> None:
    tape = Tape(tmp_path, KINDS)
    busy(tape, 20)
    recording = tape.read()
    (segment,) = recording.segments
    assert [step.number for step in segment.steps] == list(range(1, len(segment.steps) + 1))
    assert len(segment.steps) > 20 and recording.remarks == []
    assert segment.begun.rules == policy() and segment.begun.monitor == recording.monitor == "hostmonitor"
    assert tape.path.stat().st_mode & 0o777 == 0o600
    assert replay(recording, KINDS).other == 0


def test_two_files_hold_what_is_newest_and_each_can_be_played(tmp_path: Path) -> None:
    tape = Tape(tmp_path, KINDS, room=60_000)
    busy(tape, 1000)
    recording = tape.read()
    sizes = [path.stat().st_size for path in (older(tape.path), tape.path)]
    assert sum(sizes) <= 60_000 and min(sizes) > 0 and len(list(tmp_path.iterdir())) == 2
    (segment,) = recording.segments
    assert segment.begun.number > 1, "the oldest are gone"
    assert replay(recording, KINDS).other == 0
    (newer,) = reader.read([tape.path], KINDS).segments
    assert segment.begun.number < newer.begun.number and newer.after == segment.after


def test_a_further_life_goes_on_in_the_same_file(tmp_path: Path) -> None:
    for _ in range(2):
        tape = Tape(tmp_path, KINDS)
        busy(tape, 3)
        recording = tape.read()
    assert [one.begun.number for one in recording.segments] == [1, 1]
    assert replay(recording, KINDS).other == 0


@pytest.mark.parametrize("bounds", [{"most": 20}, {"most_bytes": 100_000}])
def test_a_disk_that_hangs_holds_up_nobody_and_what_is_lost_is_counted_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, bounds: dict[str, int]
) -> None:
    hangs, goes_on = threading.Event(), threading.Event()

    class Hanging(Recorder):
        def _open(self) -> int:
            hangs.set()
            goes_on.wait()
            return super()._open()

    tape = Tape(tmp_path, KINDS)
    tape.recorder = Hanging(tape.path, "hostmonitor", "1.0", 1 << 20, **bounds)
    play = busy(tape, 1)
    assert hangs.wait(60.0)
    while not (lost := tape.recorder.lost):
        play.view("tenant")
    assert tape.recorder.waiting <= 60 and "does not keep up with the recording" in caplog.text
    goes_on.set()
    until(lambda: not tape.recorder.waiting, "the recorder has caught up")
    play.view("tenant")
    recording = tape.read(lost)
    assert len(recording.segments) == 2, "what follows the gap begins anew"
    assert [one for one in recording.remarks if one.startswith(f"{lost} steps before")] == recording.remarks
    assert f"{lost} step(s) are missing in the recording" in caplog.text
    assert recording.segments[1].begun.number > recording.segments[0].after
    assert replay(recording, KINDS).other == 0


def test_a_disk_that_takes_nothing_is_said_once_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "gone"
    tape = Tape(folder, KINDS)
    play = busy(tape, 5)
    until(lambda: tape.recorder.lost > 5, "steps are lost")
    folder.mkdir()
    play.wait(recorder.AGAIN + 1.0)
    play.view("tenant").view("tenant")
    until(lambda: tape.path.exists(), "it is written again")
    assert [record.levelname for record in caplog.records if "cannot be written" in record.message] == [
        "WARNING"
    ]
    assert replay(tape.read(tape.recorder.lost), KINDS).other == 0


def test_a_state_that_does_not_fit_ends_it_with_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tape = Tape(tmp_path, KINDS, room=100)
    busy(tape, 5)
    until(lambda: "more than half of what it may take" in caplog.text, "it is said")


def test_a_decision_that_fails_is_recorded_as_that_and_fails_as_ever(tmp_path: Path) -> None:
    tape = Tape(tmp_path, KINDS)

    def fails(state: State, seen: object, now: Instant) -> tuple[State, Decision]:
        raise ValueError("a bug")

    play = Play(policy())
    state, now = play.state, play.now
    play.decide = tape.recorder.around(fails, play.rules, KINDS.words)
    with pytest.raises(ValueError, match="a bug"):
        play.view("tenant")
    (segment,) = tape.read().segments
    (step,) = segment.steps
    assert (step.decided, step.at, segment.begun.state) == ("", now, state)


def test_what_is_judged_beside_the_rules_is_left_out(tmp_path: Path) -> None:
    tape = Tape(tmp_path, KINDS)
    decide = tape.recorder.around(lambda state, seen, now: (state, Decision()), policy(), KINDS.words)
    decide(Play().state, object(), Play().now)
    assert tape.read().segments == []
