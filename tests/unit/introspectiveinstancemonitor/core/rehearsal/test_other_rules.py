"""What was recorded of guests, judged by other rules."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.core.rehearsal.other_rules import Judged
from masakarimonitors.introspectiveinstancemonitor.core.rehearsal.other_rules import SOON, judge
from masakarimonitors.introspectiveinstancemonitor.core.state import Policy
from masakarimonitors.introspectiveinstancemonitor.monitor import kinds
from tests.fixtures.guest_play import A, B, Play
from tests.fixtures.tape import Tape

KINDS = kinds()


@pytest.fixture
def tape(tmp_path: Path) -> Tape:
    return Tape(tmp_path, KINDS, "introspectiveinstancemonitor")


def by(tape: Tape, rules: Policy) -> Judged:
    (segment,) = tape.read().segments
    judged = judge(rules, segment.begun.rules, segment.begun.state, segment.begun.at, segment.steps)
    assert judged.defects == []
    return judged


def reported(judged: Judged) -> list[tuple[float, str]]:
    return [(round(at.monotonic, 3), one.notification.subject) for at, one in judged.reports]


def silent(tape: Tape, times: int = 6, **options: Any) -> Play:
    """A guest is healthy, and then misses so many pings, ten seconds apart."""
    play = Play(**options)
    tape.listen(play, play.policy)
    play.seen().answers().after(30.0)
    play.goes_silent(times=times)
    return play


def test_by_the_same_rules_it_is_reported_when_it_was(tape: Tape) -> None:
    play = silent(tape, threshold=4)
    judged = by(tape, play.policy)
    assert reported(judged) == [(1070.0, f"vm:{A}")] and judged.doubts == []


def test_by_less_patient_rules_it_would_have_been_reported_before(tape: Tape) -> None:
    play = silent(tape, threshold=5)
    judged = by(tape, replace(play.policy, threshold=3))
    assert reported(judged) == [(1060.0, f"vm:{A}")] and judged.doubts == []


def test_by_more_patient_rules_nobody_knows_as_it_was_pinged_more_slowly(tape: Tape) -> None:
    play = silent(tape, threshold=3)
    judged = by(tape, replace(play.policy, threshold=5))
    assert {one.subject for one in judged.doubts} == {f"vm:{A}"}
    first = judged.doubts[0]
    assert any("pinged more slowly" in one.why for one in judged.doubts)
    assert min(one.at.monotonic for one in judged.doubts) == 1060.0, first


def test_one_that_was_taken_for_hung_before_the_recording_begins_is_doubted_from_its_beginning(
    tape: Tape,
) -> None:
    play = Play(threshold=3)
    play.seen().answers().after(30.0).goes_silent(times=3)
    tape.listen(play, play.policy)
    play.goes_silent(times=1)
    judged = by(tape, replace(play.policy, threshold=5))
    assert judged.doubts[-1].at.monotonic == 1070.0 and "pinged more slowly" in judged.doubts[-1].why


def test_a_reading_from_before_is_no_answer(tape: Tape) -> None:
    """It would be the last one once more, and a guest that moves would seem to stand still."""
    play = Play(threshold=9)
    tape.listen(play, play.policy)
    play.seen().answers().after(30.0)
    for number in range(4):
        play.after(10.0).misses()
        if number < 2:
            play.reads(cpu=number, ran=number, requests=number)
    judged = by(tape, replace(play.policy, threshold=3))
    assert judged.reports == []
    assert [one.why for one in judged.doubts][:1] == ["its counters were not read then"]
    assert min(one.at.monotonic for one in judged.doubts) == 1060.0


def test_block_requests_that_were_not_read_are_not_known(tape: Tape) -> None:
    play = silent(tape, times=4, threshold=3, io_check=False)
    judged = by(tape, replace(play.policy, io_check=True))
    assert judged.reports == []
    assert {one.why for one in judged.doubts} == {"its block requests were not read then"}


def test_without_the_look_at_block_requests_one_at_work_would_be_reported(tape: Tape) -> None:
    play = Play(threshold=3)
    tape.listen(play, play.policy)
    play.seen().answers().after(30.0)
    for number in range(4):
        play.after(10.0).misses()
        play.reads(cpu=number, ran=number, requests=number)
    assert by(tape, play.policy).reports == []
    judged = by(tape, replace(play.policy, io_check=False))
    assert [subject for _, subject in reported(judged)] == [f"vm:{A}"] and judged.doubts == []


def test_a_reading_that_was_asked_for_soon_after_tells_the_same(tape: Tape) -> None:
    play = Play(threshold=3)
    tape.listen(play, play.policy)
    play.seen().answers().after(30.0)
    play.goes_silent(times=1)
    play.after(5.0).misses(final=False).after(SOON / 2)
    play.goes_silent(times=3, interval=SOON / 2)
    assert len(by(tape, play.policy).reports) == 1


def test_others_are_not_doubted(tape: Tape) -> None:
    play = Play(threshold=3)
    tape.listen(play, play.policy)
    play.seen().answers().seen(B).answers(B).after(30.0)
    play.goes_silent(times=3)
    play.after(1.0).misses(B).reads(B).answers(B)
    judged = by(tape, replace(play.policy, threshold=4))
    assert {one.subject for one in judged.doubts} == {f"vm:{A}"}
