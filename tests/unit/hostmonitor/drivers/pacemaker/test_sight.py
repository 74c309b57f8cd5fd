"""The table of what may be believed: every pair has a move, and no way round settling."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.hostmonitor.drivers.pacemaker.sight import MOVES, Outcome, Phase, Sight, after

SETTLE, PATIENCE = 5.0, 15.0


def test_every_pair_has_a_move() -> None:
    assert MOVES.keys() == set(itertools.product(Phase, Outcome))


def play(*looks: tuple[Outcome, float]) -> list[Phase]:
    sight, now, seen = Sight(since=0.0), 0.0, []
    for outcome, waited in looks:
        now += waited
        sight = after(sight, outcome, outcome.name, now, settle=SETTLE, patience=PATIENCE)
        seen.append(sight.phase)
    return seen


def test_quorum_that_is_back_settles_first() -> None:
    good = (Outcome.GOOD, 2.0)
    assert play(good, good, good, good) == [Phase.SETTLING] * 3 + [Phase.SEEING]


def test_failing_looks_are_borne_for_a_while_and_need_no_settling_then() -> None:
    start = [(Outcome.GOOD, 1.0), (Outcome.GOOD, 6.0)]
    failed = (Outcome.FAILED, 8.0)
    phases = play(*start, failed, failed, failed, (Outcome.GOOD, 1.0))
    assert phases[1:] == [Phase.SEEING, Phase.DOUBTING, Phase.DOUBTING, Phase.DIM, Phase.SEEING]


LOOKS = st.lists(st.tuples(st.sampled_from(Outcome), st.sampled_from([0.2, 1.0, 5.0, 20.0])), max_size=20)


@given(LOOKS)
def test_nothing_is_seen_within_the_settling_time_after_quorum_was_lost(
    looks: list[tuple[Outcome, float]],
) -> None:
    sight, now, good_since = Sight(since=0.0), 0.0, None
    for outcome, waited in looks:
        now += waited
        sight = after(sight, outcome, "why", now, settle=SETTLE, patience=PATIENCE)
        if outcome is Outcome.NO_QUORUM:
            good_since = None
            assert sight.blind
        elif outcome is Outcome.GOOD and good_since is None:
            good_since = now
        if sight.clear:
            assert outcome is Outcome.GOOD and good_since is not None and now - good_since >= SETTLE


@given(LOOKS)
def test_looks_that_go_on_failing_are_blindness_in_the_end(looks: list[tuple[Outcome, float]]) -> None:
    sight, now = Sight(since=0.0), 0.0
    for outcome, waited in [*looks, *[(Outcome.FAILED, 1.0)] * 20]:
        now += waited
        sight = after(sight, outcome, "why", now, settle=SETTLE, patience=PATIENCE)
    assert sight.blind or sight.phase is Phase.SETTLING  # which is told as blind from before
