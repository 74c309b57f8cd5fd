"""What is told of reports that stand at masakari, and when, by what a look shows and what nobody can read."""

from dataclasses import replace

import pytest

from masakarimonitors.outbox.pace.following import lapsed, next_lapse
from masakarimonitors.outbox.pace.pace import (
    HostPace,
    Look,
    PacePolicy,
    blinded,
    looked,
    next_look,
    remembered,
)
from masakarimonitors.outbox.pace.stages import Lane, Stage

POLICY = PacePolicy()
T0 = 1000.0


def standing(*uuids: str) -> HostPace:
    """So many stand there, as a look has just shown."""
    return looked(HostPace(), Look(began=T0, unfinished=dict.fromkeys(uuids, Lane.RECOVERED)), T0)


def test_what_nobody_can_read_is_said_and_looked_at_further_and_told_again_when_it_still_stands() -> None:
    pace = blinded(remembered(HostPace(), 1, Lane.RECOVERED, "u1", T0), T0, POLICY)
    late = T0 + POLICY.patience
    pace, told = lapsed(pace, late, POLICY)
    assert [end.stage for end in told] == [Stage.UNREAD] and pace.count(Lane.RECOVERED) == 0
    assert next_look(pace, POLICY, None) is not None
    assert lapsed(pace, late + 60, POLICY)[1] == []
    pace = looked(pace, Look(began=late + 90, unfinished={"u1": Lane.RECOVERED}), late + 91)
    pace, told = lapsed(pace, late + 91, POLICY)
    assert [end.stage for end in told] == [Stage.OVERDUE]


@pytest.mark.parametrize("age", [POLICY.patience, POLICY.lapse])
def test_what_stood_there_before_a_start_is_looked_at_before_anything_is_said_of_it(age: float) -> None:
    pace = remembered(HostPace(), 1, Lane.RECOVERED, "u1", T0 - age)
    assert lapsed(pace, T0, POLICY) == (pace, []) and next_lapse(pace, POLICY) is None
    due = next_look(pace, POLICY, None)
    assert due is not None and due <= T0
    unfinished = looked(pace, Look(began=T0, unfinished={"u1": Lane.RECOVERED}), T0)
    assert [end.stage for end in lapsed(unfinished, T0, POLICY)[1]] == [Stage.OVERDUE]


def test_what_the_engine_never_ends_is_looked_at_for_a_day_and_then_dropped() -> None:
    pace = remembered(standing(), 1, Lane.RECOVERED, "u1", T0)
    pace, late = lapsed(pace, T0 + POLICY.patience, POLICY)
    assert [end.stage for end in late] == [Stage.OVERDUE] and pace.count(Lane.RECOVERED) == 0
    assert lapsed(pace, T0 + POLICY.lapse - 1, POLICY)[1] == []
    pace, late = lapsed(pace, T0 + POLICY.lapse, POLICY)
    assert [end.stage for end in late] == [Stage.FORGOTTEN] and not pace.tracked


def test_what_another_sender_left_there_days_ago_is_not_counted_and_is_no_news_at_each_look() -> None:
    left = Look(began=T0, unfinished={"x": Lane.RECOVERED}, changed={"x": T0 - 2 * POLICY.lapse})
    pace, late = lapsed(looked(HostPace(), left, T0), T0, POLICY)
    assert [end.was.row for end in late] == [None] and pace.count(Lane.RECOVERED) == 0
    again = looked(pace, replace(left, began=T0 + 60), T0 + 60)
    assert lapsed(again, T0 + 60, POLICY) == (again, []) and again.moved_at == pace.moved_at
