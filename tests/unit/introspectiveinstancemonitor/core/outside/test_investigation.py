"""The look from outside step by step: what each reading says, and what stands after it."""

import itertools
from dataclasses import replace
from typing import Any

import pytest

from masakarimonitors.introspectiveinstancemonitor.core.observation import Availability, Counters
from masakarimonitors.introspectiveinstancemonitor.core.outside.investigation import (
    FINDINGS,
    QUIET,
    TABLE,
    Clue,
    Finding,
    Investigation,
    Stage,
    UnlistedClue,
    begin,
    end,
    not_read,
    read,
    step,
)

SECOND = 1_000_000_000
UNLISTED = sorted(set(itertools.product(Stage, Clue)) - set(TABLE))


def reading(at: float, *, cpu: float = 0, requests: int | None = 0, **more: Any) -> Counters:
    return Counters(
        uuid="u",
        run="run-1",
        at=at,
        availability=Availability.RUNNING,
        cpu=int(cpu * SECOND),
        requests=requests,
        **more,
    )


def look(*readings: Counters | str, patient: bool = True) -> Investigation:
    """A look with these readings in turn; a text is one that libvirt refused."""
    found = begin(Investigation())
    for one in readings:
        found = (
            not_read(found, one) if isinstance(one, str) else read(found, one, now=one.at, patient=patient)
        )
    return found


@pytest.mark.parametrize(("stage", "clue"), UNLISTED)
def test_an_unlisted_clue_raises(stage: Stage, clue: Clue) -> None:
    with pytest.raises(UnlistedClue, match=f"{stage.value} cannot be moved by {clue.value}"):
        step(stage, clue)


def test_every_stage_has_a_finding_and_can_be_reached_and_ended() -> None:
    assert set(FINDINGS) == set(Stage) == {Stage.IDLE} | set(TABLE.values())
    assert {stage for stage in Stage if (stage, Clue.END) not in TABLE} == {Stage.IDLE}
    assert {clue for _, clue in TABLE} == set(Clue)


def test_it_begins_once_and_ends_with_nothing_kept() -> None:
    begun = begin(Investigation())
    assert begun.stage is Stage.FIRST
    under_way = look(reading(0))
    assert begin(under_way) is under_way
    assert end(under_way) == Investigation()
    assert end(Investigation()) == Investigation()


@pytest.mark.parametrize(
    ("second", "stage", "finding"),
    [
        (reading(3, cpu=1), Stage.SECOND, Finding.MORE),  # too soon
        (reading(3, cpu=1, requests=9), Stage.ALIVE, Finding.ALIVE),
        (reading(10, cpu=1, requests=9), Stage.ALIVE, Finding.ALIVE),
        (reading(10, cpu=1), Stage.STILL, Finding.DEAD),
        (reading(10, requests=None), Stage.FROZEN, Finding.DEAD),
        (reading(10, cpu=1, requests=None, mute=True), Stage.FROZEN, Finding.DEAD),
        (reading(10, cpu=1, requests=None), Stage.INCOMPLETE, Finding.MORE),
        ("refused", Stage.UNTOLD, Finding.UNKNOWN),
    ],
)
def test_what_a_second_reading_says(second: Counters | str, stage: Stage, finding: Finding) -> None:
    found = look(reading(0), second)
    assert (found.stage, found.finding) == (stage, finding)


def test_what_cannot_be_read_is_waited_for_only_while_there_is_patience() -> None:
    assert look(reading(0), reading(10, cpu=1, requests=None), patient=False).stage is Stage.STILL


def test_what_leaves_open_whether_the_guest_works_is_no_death_however_long_it_is_waited_for() -> None:
    busy = reading(10, cpu=4, requests=None)
    assert look(reading(0), busy).finding is Finding.MORE
    untold = look(reading(0), busy, patient=False)
    assert (untold.stage, untold.dead_since) == (Stage.UNTOLD, None)
    assert "all of QEMU at 40%" in untold.words


def test_one_reading_alone_says_nothing() -> None:
    assert look(reading(0)).finding is Finding.MORE
    assert look().finding is Finding.MORE


def test_a_guest_that_moved_is_alive_for_as_long_as_it_moved_lately() -> None:
    moved = look(reading(0), reading(10, cpu=1, requests=5))
    resting = read(moved, reading(10 + QUIET - 5, cpu=2, requests=5), now=10 + QUIET - 5, patient=True)
    assert (resting.stage, resting.moved_at) == (Stage.ALIVE, 10)
    still = read(resting, reading(10 + QUIET, cpu=2.4, requests=5), now=10 + QUIET, patient=True)
    assert (still.stage, still.dead_since) == (Stage.STILL, 10 + QUIET)


def test_how_long_it_has_looked_dead_is_counted_without_interruption() -> None:
    dead = look(reading(0), reading(10, cpu=1), reading(20, cpu=1), reading(30, cpu=2))
    assert (dead.stage, dead.dead_since) == (Stage.STILL, 10)
    assert not_read(dead, "refused").dead_since is None
    assert read(dead, reading(40, cpu=3, requests=8), now=40, patient=True).dead_since is None


def test_a_refused_reading_takes_nothing_away_that_the_next_is_compared_with() -> None:
    found = look(reading(0), "refused", reading(10, cpu=1))
    assert found.stage is Stage.STILL
    assert look("refused", reading(10), reading(20, cpu=1)).stage is Stage.STILL


def test_the_evidence_is_that_of_the_last_comparison() -> None:
    assert "QEMU used no processor time" in look(reading(0), reading(10, requests=None)).words
    assert look(reading(0), "refused").words == "refused"


def test_a_reading_for_a_look_that_was_not_begun_is_refused() -> None:
    with pytest.raises(UnlistedClue):
        read(replace(Investigation()), reading(0), now=0, patient=True)
