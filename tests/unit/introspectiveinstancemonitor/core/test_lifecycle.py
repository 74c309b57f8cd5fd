import itertools

import pytest

from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import (
    TABLE,
    Move,
    Phase,
    UnlistedMove,
    step,
)

UNLISTED = sorted(set(itertools.product(Phase, Move)) - set(TABLE))


@pytest.mark.parametrize(("phase", "move", "then"), [(*key, then) for key, then in TABLE.items()])
def test_each_listed_move_leads_where_the_table_says(phase: Phase, move: Move, then: Phase) -> None:
    assert step(phase, move) is then


@pytest.mark.parametrize(("phase", "move"), UNLISTED)
def test_an_unlisted_move_raises(phase: Phase, move: Move) -> None:
    with pytest.raises(UnlistedMove, match=f"{phase.value} cannot be moved by {move.value}"):
        step(phase, move)


def test_only_an_accused_guest_can_be_reported() -> None:
    assert [phase for phase in Phase if (phase, Move.REPORT) in TABLE] == [Phase.ACCUSED]


def test_only_what_was_healthy_before_can_be_accused() -> None:
    accusable = {phase for phase in Phase if (phase, Move.ACCUSE) in TABLE}
    assert accusable == {Phase.ERROR, Phase.UNKNOWN}
    never_answered, seen = {Phase.DISCOVERY}, set[Phase]()
    while never_answered - seen:
        seen |= never_answered
        never_answered |= {
            then
            for (phase, move), then in TABLE.items()
            if phase in seen and move not in (Move.ANSWERED, Move.RESTARTED)
        }
    assert never_answered == {Phase.DISCOVERY, Phase.UNUSABLE}


def test_a_reported_guest_stays_reported_but_for_an_answer_a_restart_or_a_report_taken_back() -> None:
    away = {move for (phase, move), then in TABLE.items() if phase is Phase.REPORTED and then is not phase}
    assert away == {Move.ANSWERED, Move.RESTARTED, Move.TAKE_BACK}


def test_an_erring_guest_was_healthy_before() -> None:
    into_error = {
        phase for (phase, _), then in TABLE.items() if then is Phase.ERROR and phase is not Phase.ERROR
    }
    assert into_error == {Phase.HEALTHY, Phase.UNKNOWN, Phase.ACCUSED, Phase.REPORTED}


def test_after_a_restart_nothing_is_judged_and_what_had_answered_is_awaited() -> None:
    never = {Phase.DISCOVERY, Phase.UNUSABLE}
    assert {step(phase, Move.RESTARTED) for phase in set(Phase) - never} == {Phase.AWAITED}


def test_no_restart_makes_one_well_or_ends_the_alarm_of_one_that_stays_away() -> None:
    assert {phase: step(phase, Move.RESTARTED) for phase in (Phase.DISCOVERY, Phase.UNUSABLE)} == {
        Phase.DISCOVERY: Phase.DISCOVERY,
        Phase.UNUSABLE: Phase.UNUSABLE,
    }


def test_an_answer_leads_to_healthy_from_everywhere() -> None:
    assert {step(phase, Move.ANSWERED) for phase in Phase} == {Phase.HEALTHY}
