from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.decisions.guard import EVERYWHERE, GuardPolicy, Storm, Weighed, weigh

POLICY = GuardPolicy()


def look(
    storm: Storm | None, failing: dict[str, float], now: float, known: int = 10, lost: bool = False
) -> Weighed:
    held = set(failing)
    return weigh(storm, EVERYWHERE, failing, held, known=known, sight_lost=lost, policy=POLICY, now=now)


def several(count: int, since: float = 0.0) -> dict[str, float]:
    return {f"node{n:02}": since for n in range(count)}


def test_more_than_half_within_the_window_is_a_storm() -> None:
    assert look(None, several(5), 1.0).storm is None
    found = look(None, several(6), 1.0).storm
    assert found is not None and found.failed == frozenset(several(6))


def test_less_than_three_hosts_are_never_a_storm() -> None:
    assert look(None, several(2), 1.0, known=2).storm is None
    assert look(None, several(3), 1.0, known=3).storm is not None


def test_failures_further_apart_than_the_window_do_not_count_together() -> None:
    assert look(None, several(6) | {"node05": -60.0}, 1.0).storm is None


def test_it_is_released_after_the_hold_and_not_a_moment_earlier() -> None:
    found = look(None, several(6), 1.0).storm
    assert look(found, several(6), 300.9) == Weighed(found)
    assert look(found, several(6), 301.0) == Weighed(None, released=True)


def test_whoever_joins_or_comes_back_or_a_lost_view_starts_the_hold_anew() -> None:
    found = look(None, several(6), 0.0).storm
    joined = look(found, several(7), 100.0).storm
    assert joined is not None and joined.quiet_since == 100.0
    returned = look(joined, several(6), 200.0).storm
    assert returned is not None and returned.quiet_since == 200.0
    lost = look(returned, several(6), 250.0, lost=True).storm
    assert lost is not None and lost.quiet_since == 250.0


def test_when_all_are_back_it_is_over_and_nothing_is_released() -> None:
    found = look(None, several(6), 0.0).storm
    assert look(found, {}, 10.0) == Weighed(None)


def test_a_domain_has_its_own_threshold_and_none_by_default() -> None:
    failing = several(9)
    for threshold, storm in ((0.0, False), (30.0, True)):
        found = weigh(
            None,
            "rack1",
            failing,
            set(failing),
            known=10,
            sight_lost=False,
            policy=GuardPolicy(domain_threshold=threshold),
            now=1.0,
        )
        assert (found.storm is not None) is storm


@given(st.lists(st.sets(st.sampled_from("abcdefgh")), max_size=60))
def test_flapping_hosts_cannot_keep_a_storm_for_ever(steps: list[set[str]]) -> None:
    """However hosts join and return, the hold is renewed at most twice for each of them."""
    storm: Storm | None = look(None, several(6) | {"stays": 0.0}, 0.0).storm
    assert storm is not None
    renewed, now, quiet = 0, 0.0, storm.quiet_since
    for step in [*steps, set(), set()]:
        now += 1.0
        storm = look(storm, {"stays": 0.0} | dict.fromkeys(step, now), now).storm
        assert storm is not None
        if storm.quiet_since != quiet:
            renewed, quiet = renewed + 1, storm.quiet_since
    assert renewed <= 2 * (8 + 7)
