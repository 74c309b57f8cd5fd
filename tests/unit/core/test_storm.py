import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.core.storm import (
    EVERYWHERE,
    LATE_LOOKS,
    STEP,
    TOGETHER,
    Failing,
    GuardPolicy,
    Storm,
    StormRound,
    StormStep,
    evaluate,
    leading,
    weigh,
)

POLICY = GuardPolicy()


def look(
    storm: Storm | None, failing: dict[str, float], now: float, known: int = 10, lost: bool = False
) -> StormStep:
    held = set(failing)
    return evaluate(
        storm, EVERYWHERE, failing, held, down=held, known=known, view_lost=lost, policy=POLICY, now=now
    )


def watch(
    storm: Storm | None, failing: dict[str, float], start: float, end: float, lost: bool = False
) -> Storm:
    """Looked at whenever it wants to be, up to that second and at it, as every monitor does."""
    now = start
    while storm is not None and (due := storm.look_at(POLICY.hold)) is not None and due < end:
        now = max(now, due)
        storm = look(storm, failing, now, lost=lost).storm
    assert storm is not None
    return storm


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
    failing = several(6) | {"node05": -60.0}
    found = evaluate(
        None, EVERYWHERE, failing, set(failing), down=set(), known=12, view_lost=False, policy=POLICY, now=1.0
    )
    assert found.storm is None


def test_hosts_that_are_down_together_count_however_slowly_they_went() -> None:
    failing = {f"node{n:02}": -3600.0 * n for n in range(6)}
    found = look(None, failing, 1.0).storm
    assert found is not None and found.failed == frozenset(failing)
    # Those that are reported long since count, too; but a storm is only there to hold something.
    down = {f"node{n:02}" for n in range(6)}
    for held, begins in (({"node00"}, True), (set[str](), False)):
        step = evaluate(
            None, EVERYWHERE, {}, held, down=down, known=10, view_lost=False, policy=POLICY, now=1.0
        )
        assert (step.storm is not None) is begins


def test_it_is_released_after_the_hold_and_not_a_moment_earlier() -> None:
    found = look(None, several(6), 1.0).storm
    stands = watch(found, several(6), 1.0, 300.9)
    assert look(stands, several(6), 300.9) == StormStep(stands)
    assert look(stands, several(6), 301.0) == StormStep(stands.stands(301.0), released=True)
    anew = watch(stands.stands(301.0), several(6), 301.0, 600.9)
    assert not look(anew, several(6), 600.9).released
    assert look(anew, several(6), 601.0).released, "it counts anew for those that it still holds"


def test_whoever_joins_or_comes_back_starts_the_hold_anew() -> None:
    found = look(None, several(6), 0.0).storm
    joined = look(found, several(7), 100.0).storm
    assert joined is not None and (joined.quiet, joined.counted_at) == (0.0, 100.0)
    returned = look(joined, several(6), 200.0).storm
    assert returned is not None and (returned.quiet, returned.counted_at) == (0.0, 200.0)


def test_seconds_without_sight_do_not_count_and_start_nothing_anew() -> None:
    found = watch(look(None, several(6), 0.0).storm, several(6), 0.0, 250.0)
    lost = look(found, several(6), 250.0, lost=True).storm
    assert lost is not None and lost.look_at(300.0) is None and lost.quiet_at(9000.0) == 250.0
    assert look(lost, several(6), 9000.0, lost=True) == StormStep(lost)
    seen = watch(look(lost, several(6), 9000.0).storm, several(6), 9000.0, 9049.0)
    assert not look(seen, several(6), 9049.0).released and look(seen, several(6), 9050.0).released


@pytest.mark.parametrize("stopped_at", [5.0, 250.0, 299.0])
def test_seconds_in_which_this_process_stood_still_were_not_seen_either(stopped_at: float) -> None:
    """Whoever has failed or come back meanwhile still lies in front of it."""
    found = watch(look(None, several(6), 0.0).storm, several(6), 0.0, stopped_at)
    gone_on = stopped_at + 3600.0
    step = look(found, several(6), gone_on)
    assert not step.released and step.storm is not None
    assert step.storm.quiet <= stopped_at
    left = 300.0 - step.storm.quiet
    later = watch(step.storm, several(6), gone_on, gone_on + left - 0.5)
    assert not look(later, several(6), gone_on + left - 0.5).released
    assert look(later, several(6), gone_on + left).released


def test_a_process_that_is_a_little_late_all_the_time_still_comes_to_an_end() -> None:
    storm, now = look(None, several(6), 0.0).storm, 0.0
    for _ in range(40):
        assert storm is not None
        due = storm.look_at(300.0)
        assert due is not None
        now = due + STEP * 0.9
        step = look(storm, several(6), now)
        if step.released:
            break
        storm = step.storm
    assert step.released and now <= 2 * 300.0


def test_a_computer_on_which_every_look_comes_far_too_late_still_comes_to_an_end() -> None:
    """What is always slow is no standstill: its storms would hold a dead host for ever."""
    failing = several(6)
    storm, now, looks = look(None, failing, 1.0).storm, 1.0, 0
    while storm is not None and not storm.stood:
        now, looks = now + 3 * STEP, looks + 1
        storm = look(storm, failing, now).storm
        assert looks < 100
    assert looks >= LATE_LOOKS + POLICY.hold / STEP


def test_a_look_in_time_after_late_ones_makes_the_next_late_one_a_standstill_again() -> None:
    failing = several(6)
    storm, now = look(None, failing, 1.0).storm, 1.0
    for _ in range(LATE_LOOKS):
        now += 3 * STEP
        storm = look(storm, failing, now).storm
    assert storm is not None and storm.quiet == 0.0
    now += STEP
    storm = look(storm, failing, now).storm
    assert storm is not None and storm.quiet == STEP
    storm = look(storm, failing, now + 3600.0).storm
    assert storm is not None and storm.quiet == STEP


def test_when_all_are_back_it_is_over_and_nothing_is_released() -> None:
    found = look(None, several(6), 0.0).storm
    assert look(found, {}, 10.0) == StormStep(None)


def test_a_domain_has_its_own_threshold_and_none_by_default() -> None:
    failing = several(9)
    for threshold, storm in ((0.0, False), (30.0, True)):
        found = evaluate(
            None,
            "rack1",
            failing,
            set(failing),
            down=set(failing),
            known=10,
            view_lost=False,
            policy=GuardPolicy(domain_threshold=threshold),
            now=1.0,
        )
        assert (found.storm is not None) is storm


@given(st.lists(st.sets(st.sampled_from("abcdefgh")), max_size=60))
def test_flapping_hosts_cannot_keep_a_storm_for_ever(steps: list[set[str]]) -> None:
    """However hosts join and return, the hold is renewed at most twice for each of them."""
    storm: Storm | None = look(None, several(6) | {"stays": 0.0}, 0.0).storm
    assert storm is not None
    renewed, now = 0, 0.0
    for step in [*steps, set(), set()]:
        now += 1.0
        storm = look(storm, {"stays": 0.0} | dict.fromkeys(step, now), now).storm
        assert storm is not None
        renewed += storm.quiet == 0.0 and storm.counted_at == now
    assert renewed <= 2 * (8 + 7)


# All scopes at once, of those that share a host or a storage.

SHARED = GuardPolicy(domain_threshold=50.0)
HOST, NFS = "host", "nfs"


def failing(
    *names: str, since: float = 0.0, scopes: tuple[str, ...] = (HOST,), waits: bool = True
) -> dict[str, Failing]:
    return {name: Failing(since=since, scopes=scopes, waits=waits) for name in names}


def test_who_waits_is_held_by_a_scope_that_fails_together_and_free_otherwise() -> None:
    ill = failing("a", "b", "c", scopes=(HOST, NFS)) | failing("d", scopes=(HOST,), since=-5.0)
    found = weigh({}, ill, {HOST: 20, NFS: 4}, policy=SHARED, now=10.0)
    assert (found.held, found.free) == ({"a": NFS, "b": NFS, "c": NFS}, ("d",))
    assert [storm.scope for storm in found.began] == [NFS] and set(found.storms) == {NFS}
    assert found.wake_at(SHARED) == 10.0 + STEP
    again = weigh(found.storms, ill, {HOST: 20, NFS: 4}, policy=SHARED, now=11.0)
    assert again.began == () and again.storms == found.storms


def test_those_that_do_not_wait_yet_count_and_are_neither_held_nor_free() -> None:
    ill = failing("a") | failing("b", "c", waits=False)
    found = weigh({}, ill, {HOST: 4}, policy=SHARED, now=10.0)
    assert (found.held, found.free) == ({"a": HOST}, ())
    assert weigh({}, failing("a", "b", "c", waits=False), {HOST: 4}, policy=SHARED, now=10.0).storms == {}


def woken(found: StormRound, ill: dict[str, Failing], end: float) -> StormRound:
    """Weighed whenever that is due, until that second."""
    while found.storms and (at := found.wake_at(SHARED)) is not None and at <= end:
        found = weigh(found.storms, ill, {HOST: 4}, policy=SHARED, now=at)
    return found


def test_it_ends_when_it_has_stood_its_time_and_fewer_are_down() -> None:
    ill = failing("a", "b", "c")
    held = weigh({}, ill, {HOST: 4}, policy=SHARED, now=0.0)
    stood = woken(held, ill, 300.0)
    assert stood.storms[HOST].stood and set(stood.held) == {"a", "b", "c"}, "as many are down still"
    fewer = weigh(held.storms, failing("a"), {HOST: 4}, policy=SHARED, now=1.0)
    assert fewer.held == {"a": HOST}, "it stands its time first"
    assert woken(fewer, failing("a"), 300.9).held == {"a": HOST}
    over = woken(fewer, failing("a"), 301.0)
    assert (over.storms, over.free, over.ended) == ({}, ("a",), (HOST,))


def test_nobody_is_held_for_longer_than_they_count_together() -> None:
    ill = failing("a", "b", "c")
    found = weigh({}, ill, {HOST: 4}, policy=SHARED, now=0.0)
    now = 0.0
    while found.storms:
        at = found.wake_at(SHARED)
        assert at is not None and at > now
        now = at
        found = weigh(found.storms, ill, {HOST: 4}, policy=SHARED, now=now)
    assert TOGETHER < now <= TOGETHER + SHARED.hold
    assert found.free == ("a", "b", "c")


def test_a_dead_one_among_flapping_neighbours_is_held_for_an_hour_at_most() -> None:
    """Six that fail and come back by turns, so that enough are always down; every tenth second is weighed."""
    storms: dict[str, Storm] = {}
    for now in range(0, 2 * int(TOGETHER), 10):
        ill = failing("dead", waits=now >= 60)
        for place in range(6):
            age = (now + place * 30) % 180
            if age < 120 and now >= age:
                ill |= failing(f"flaps{place}", since=float(now - age), waits=age >= 60)
        found = weigh(storms, ill, {HOST: 7}, policy=SHARED, now=float(now))
        storms = dict(found.storms)
        assert ("dead" in found.held) is (60 <= now <= TOGETHER), now
        assert ("dead" in found.free) is (now > TOGETHER), now
    assert storms, "its neighbours are held as before"


def test_first_come_first_served() -> None:
    ill = failing("late", since=9.0) | failing("early", since=1.0)
    assert weigh({}, ill, {HOST: 100}, policy=SHARED, now=10.0).free == ("early", "late")


def test_a_scope_that_nobody_knows_holds_nothing() -> None:
    assert weigh({}, failing("a", "b", "c"), {}, policy=SHARED, now=1.0).free == ("a", "b", "c")


def test_failures_that_share_two_scopes_are_told_as_one_storm() -> None:
    ill = failing("a", "b", "c", scopes=(HOST, NFS))
    both = weigh({}, ill, {HOST: 4, NFS: 3}, policy=SHARED, now=1.0)
    assert set(both.storms) == {HOST, NFS} and [storm.scope for storm in both.began] == [HOST]
    more = weigh(both.storms, ill | failing("d"), {HOST: 4, NFS: 3}, policy=SHARED, now=2.0)
    assert [storm.scope for storm in leading(more.storms)] == [HOST] and more.began == ()
    over = weigh(both.storms, {}, {HOST: 4, NFS: 3}, policy=SHARED, now=3.0)
    assert over.ended == (HOST,)
    apart = weigh(
        {}, ill | failing("d", "e", "f", scopes=("san",)), {NFS: 3, "san": 3}, policy=SHARED, now=1.0
    )
    assert [storm.scope for storm in apart.began] == [NFS, "san"]


def test_each_look_takes_the_count_on_whatever_is_lost_by_rounding() -> None:
    """A moment and ten seconds, less the moment, is at times less than ten seconds: nobody may look for ever then."""
    began = [number + 0.1 * tenth for number in range(1000, 1100) for tenth in range(10)]
    assert any(at + STEP - at < STEP for at in began)
    for at in began:
        storm = Storm(scope="", began=at, failed=frozenset({"a"}), counted_at=at)
        look = storm.look_at(300.0)
        assert look is not None
        after = evaluate(
            storm, "", {"a": at}, {"a"}, down={"a"}, known=9, view_lost=False, policy=GuardPolicy(), now=look
        ).storm
        assert after is not None and (after.quiet, after.counted_at) == (STEP, look)
