import uuid
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masakarimonitors.introspectiveinstancemonitor.sources.schedule import (
    IN_FLIGHT,
    PATIENCE,
    SEEN_AGAIN,
    SUSPECTED,
    SUSPECTED_BORROWED,
    UNANSWERED,
    Lane,
    lane_of,
    may_start,
    next_ping,
    next_turn,
    offset_of,
)

LANES = st.dictionaries(st.sampled_from(Lane), st.integers(0, IN_FLIGHT))


def test_a_thousand_guests_stand_evenly_over_the_interval() -> None:
    guests = [str(uuid.UUID(int=n)) for n in range(1000)]
    per_second = Counter(int(offset_of(guest, 10.0)) for guest in guests)
    per_tenth = Counter(int(offset_of(guest, 10.0) * 10) for guest in guests)
    assert len(per_second) == 10 and max(per_second.values()) <= 140 and min(per_second.values()) >= 60
    assert max(per_tenth.values()) <= 30


@settings(deadline=None)
@given(st.text(max_size=40), st.floats(0.5, 600), st.floats(0, 1e7))
def test_a_turn_comes_within_one_interval_and_is_stable(subject: str, interval: float, after: float) -> None:
    turn = next_turn(subject, interval, after)
    assert after < turn <= after + interval * 1.001
    again = next_turn(subject, interval, turn)
    assert again - turn == pytest.approx(interval, rel=1e-3, abs=1e-6)


@settings(deadline=None)
@given(LANES, st.sampled_from(Lane), st.floats(0, 100))
def test_the_bounds_hold_in_every_mix(flying: dict[Lane, int], lane: Lane, waited: float) -> None:
    if not may_start(lane, flying, waited=waited):
        return
    after = Counter(flying) + Counter([lane])
    assert sum(after.values()) <= IN_FLIGHT
    if lane is not Lane.ANSWERING:
        assert after[Lane.MISSING] + after[Lane.SUSPECTED] <= UNANSWERED
    if lane is Lane.SUSPECTED:
        assert after[Lane.SUSPECTED] <= (SUSPECTED_BORROWED if waited >= PATIENCE else SUSPECTED)


def test_r19_hung_guests_always_leave_places_for_healthy_ones() -> None:
    hung = {Lane.MISSING: UNANSWERED - SUSPECTED, Lane.SUSPECTED: SUSPECTED}
    assert not may_start(Lane.MISSING, hung) and not may_start(Lane.SUSPECTED, hung, waited=60)
    assert may_start(Lane.ANSWERING, hung)


def test_judged_guests_are_asked_two_at_a_time() -> None:
    assert may_start(Lane.SUSPECTED, {Lane.SUSPECTED: 1})
    assert not may_start(Lane.SUSPECTED, {Lane.SUSPECTED: 2})


def test_a_judged_guest_that_waits_too_long_borrows_an_idle_place() -> None:
    assert may_start(Lane.SUSPECTED, {Lane.SUSPECTED: 2}, waited=PATIENCE)
    assert not may_start(Lane.SUSPECTED, {Lane.SUSPECTED: 4}, waited=PATIENCE)
    assert not may_start(Lane.SUSPECTED, {Lane.SUSPECTED: 2, Lane.MISSING: 4}, waited=PATIENCE)


def test_lanes_follow_the_misses() -> None:
    assert [lane_of(misses, 3) for misses in (0, 1, 2, 3, 9)] == [
        Lane.ANSWERING,
        Lane.MISSING,
        Lane.MISSING,
        Lane.SUSPECTED,
        Lane.SUSPECTED,
    ]


def test_backoff_grows_from_the_interval_to_its_cap() -> None:
    gaps = [next_ping("u", 2.0, misses, 3, 100.0) - 100.0 for misses in (3, 4, 5, 6, 500)]
    assert gaps == [4.0, 8.0, SEEN_AGAIN, SEEN_AGAIN, SEEN_AGAIN]


@settings(deadline=None)
@given(st.floats(1, 3600), st.integers(3, 10_000))
def test_recovery_is_looked_for_within_the_promised_time_whatever_the_backoff(
    interval: float, misses: int
) -> None:
    assert 0 < next_ping("u", interval, misses, 3, 50.0) - 50.0 <= SEEN_AGAIN
