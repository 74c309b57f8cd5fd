"""The pace, case by case, and in every order of events that fits into a search."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from masakarimonitors.outbox.pace.following import lapsed, long_hosts, next_lapse
from masakarimonitors.outbox.pace.pace import (
    GO,
    Candidate,
    Hold,
    HostPace,
    HostReport,
    Look,
    PacePolicy,
    Ruling,
    Sight,
    answered,
    arrived,
    blinded,
    judge,
    looked,
    next_look,
    offered,
    remembered,
    row_key,
)
from masakarimonitors.outbox.pace.stages import COUNTED, Lane, Sign, Stage

POLICY = PacePolicy()
T0 = 1000.0


def one(row: int, made: float = T0, lane: Lane = Lane.RECOVERED) -> Candidate:
    return Candidate(row=row, lane=lane, subject=f"vm:{row}", made=made)


def standing(*uuids: str, now: float = T0) -> HostPace:
    """So many stand there, as a look has just shown."""
    return looked(HostPace(), Look(began=now, unfinished=dict.fromkeys(uuids, Lane.RECOVERED)), now)


def test_the_first_goes_at_once_and_the_second_after_a_look() -> None:
    pace = offered(arrived(HostPace(), one(1), POLICY), one(1), T0, POLICY)
    assert judge(HostPace(), one(1), T0, POLICY) is GO
    assert judge(pace, one(2), T0, POLICY) == Ruling(Hold.LOOK, T0)
    pace = answered(pace, 1, "u1", T0 + 1)
    pace = looked(pace, Look(began=T0 + 1, unfinished={"u1": Lane.RECOVERED}), T0 + 1.5)
    assert judge(pace, one(2), T0 + 2, POLICY) is GO
    assert judge(pace, one(2), T0 + 1.5 + POLICY.fresh + 0.1, POLICY).hold is Hold.LOOK


def test_what_was_taken_after_a_look_began_is_counted_all_the_same() -> None:
    pace = answered(offered(HostPace(), one(1), T0, POLICY), 1, "u1", T0 + 5)
    pace = looked(pace, Look(began=T0 + 4, unfinished={}), T0 + 6)
    assert pace.count(Lane.RECOVERED) == 1


def test_an_offer_that_came_to_nothing_takes_no_place_and_is_no_quiet_time() -> None:
    pace = answered(offered(HostPace(), one(1), T0, POLICY), 1, "", T0 + 1)
    assert pace.count(Lane.RECOVERED) == 0
    # It may have arrived: the next one is not sent before somebody has looked.
    assert judge(pace, one(2, T0 + 1), T0 + 1, POLICY).hold is Hold.LOOK


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_the_limit_is_what_stands_there_whoever_has_sent_it(limit: int) -> None:
    policy = replace(POLICY, limit=limit)
    for count in range(limit + 2):
        pace = standing(*(f"u{n}" for n in range(count)))
        assert (judge(pace, one(9), T0, policy) == GO) is (count < limit)


def test_the_oldest_of_those_that_died_together_is_released_first() -> None:
    pace = standing()
    made = [T0, T0 + 2, T0 + 4]
    for row, at in enumerate(made):
        pace = arrived(pace, one(row, at), POLICY)
    assert [judge(pace, one(row, at), T0 + 4, POLICY).until for row, at in enumerate(made)] == [
        at + POLICY.moment for at in made
    ]
    assert judge(pace, one(0, T0), T0 + POLICY.moment, POLICY).hold is Hold.LOOK
    later = looked(pace, Look(began=T0 + POLICY.moment), T0 + POLICY.moment)
    assert judge(later, one(0, T0), T0 + POLICY.moment, POLICY) is GO


def test_one_instance_with_many_errors_is_not_many_instances() -> None:
    pace = standing()
    for row in range(5):
        pace = arrived(pace, replace(one(row), subject="vm:a"), POLICY)
    assert judge(pace, one(5), T0, POLICY) is GO


def test_an_old_report_asks_before_it_goes() -> None:
    assert judge(HostPace(), one(1, T0 - 3600), T0, POLICY).hold is Hold.LOOK


def test_a_host_that_was_recovered_after_the_death_covers_it_and_only_then() -> None:
    pace = looked(HostPace(), Look(began=T0, recovered={"h": T0 - 5}), T0)
    assert judge(pace, one(1, T0 - 6), T0, POLICY).covered_by == "h"
    assert not judge(pace, one(1, T0 - 4), T0, POLICY).covered_by


def test_what_is_older_than_the_last_look_reaches_asks_before_it_goes() -> None:
    """Its host may have been recovered since, of which that look has told nothing."""
    pace = looked(HostPace(), Look(began=T0, reaches=T0 - 600), T0)
    assert judge(pace, one(1, T0 - 600), T0, POLICY) is GO
    assert judge(pace, one(1, T0 - 601), T0, POLICY).hold is Hold.LOOK
    pace = looked(pace, Look(began=T0 + 1, reaches=T0 - 601, recovered={"h": T0 - 5}), T0 + 1)
    assert judge(pace, one(1, T0 - 601), T0 + 1, POLICY).covered_by == "h"


def test_a_host_that_is_being_recovered_holds_its_instances_until_its_patience_ends() -> None:
    pace = looked(HostPace(), Look(began=T0, unfinished={"h": Lane.HOST}), T0)
    assert judge(pace, one(1), T0, POLICY).hold is Hold.HOST
    assert next_lapse(pace, POLICY) == T0 + POLICY.host_patience
    pace, late = lapsed(pace, T0 + POLICY.host_patience, POLICY)
    assert [(end.uuid, end.stage) for end in late] == [("h", Stage.OVERDUE)]
    pace = looked(pace, Look(began=T0 + 7300, unfinished={"h": Lane.HOST}), T0 + 7300)
    assert judge(pace, one(1), T0 + 7300, POLICY) is GO


def test_blind_what_is_only_filed_has_a_rate_of_its_own_and_runs_into_no_debt() -> None:
    filed = one(9, lane=Lane.FILED)
    pace = blinded(HostPace(), T0, POLICY)
    for _ in range(50):
        assert judge(pace, filed, T0, POLICY) is GO  # no death stands there or waits
        pace = offered(pace, filed, T0, POLICY)
    ahead = Hold.UNSEEN
    assert judge(pace, filed, T0, POLICY, ahead) == Ruling(Hold.UNSEEN, T0 + POLICY.blind_interval)
    assert judge(pace, filed, T0 + POLICY.blind_interval, POLICY, ahead) is GO
    assert judge(pace, one(1), T0, POLICY) is GO


def of_host(changed: float, now: float, *, doubtful: bool) -> Look:
    return Look(began=now, unfinished={"h": Lane.HOST}, hosts={"h": HostReport(changed, doubtful)})


def test_a_host_at_which_the_engine_is_not_proven_to_be_holds_no_longer_than_an_instance() -> None:
    pace = looked(HostPace(), of_host(T0 - 100, T0, doubtful=True), T0)
    assert next_lapse(pace, POLICY) == T0 - 100 + POLICY.patience
    pace, late = lapsed(pace, T0 - 100 + POLICY.patience, POLICY)
    assert [end.uuid for end in late] == ["h"] and judge(pace, one(1), T0, POLICY).hold is not Hold.HOST


def test_a_host_that_the_engine_takes_up_late_counts_anew() -> None:
    later = T0 + POLICY.patience
    pace, _ = lapsed(looked(HostPace(), of_host(T0, T0, doubtful=True), T0), later, POLICY)
    same = looked(pace, of_host(T0 + 1, later, doubtful=True), later)
    assert same.count(Lane.HOST) == 0
    taken_up = looked(pace, of_host(later, later, doubtful=False), later)
    assert taken_up.count(Lane.HOST) == 1
    assert next_lapse(taken_up, POLICY) == later + POLICY.host_patience
    assert long_hosts(taken_up, later, POLICY) == [] and long_hosts(same, later, POLICY) == ["h"]


def test_what_was_seen_of_a_host_holds_nothing_when_nothing_can_be_read_any_more() -> None:
    pace = looked(HostPace(), of_host(T0, T0, doubtful=False), T0)
    now = T0 + POLICY.blind_after
    assert judge(blinded(pace, now - 1, POLICY), one(1), now - 1, POLICY).hold is Hold.HOST
    assert judge(blinded(pace, now, POLICY), one(1), now, POLICY) is GO


def test_what_has_gone_by_sight_is_no_debt_once_sight_is_lost() -> None:
    pace, now = HostPace(), T0
    for row in range(300):  # a fast engine: each is finished at the next look
        pace = answered(offered(pace, one(row), now, POLICY), row, f"u{row}", now + 0.1)
        now += 1.0
        pace = looked(pace, Look(began=now, signs={f"u{row}": Sign.FINISHED}), now)
    pace = blinded(pace, now + POLICY.blind_after, POLICY)
    assert pace.sight is Sight.BLIND
    until = judge(pace, one(999, made=now), now + POLICY.blind_after, POLICY).until
    assert until is None or until <= now + POLICY.blind_after + POLICY.blind_interval


def test_blind_the_burst_is_what_was_free_when_sight_was_lost() -> None:
    pace = blinded(standing("u1"), T0 + 1, POLICY)
    assert pace.sight is Sight.SEEN
    pace = blinded(pace, T0 + POLICY.blind_after, POLICY)
    assert pace.sight is Sight.BLIND
    now = T0 + POLICY.blind_after
    assert judge(pace, one(1, now), now, POLICY) is GO
    pace = offered(pace, one(1, now), now, POLICY)
    assert judge(pace, one(2, now), now, POLICY) == Ruling(Hold.UNSEEN, now + POLICY.blind_interval)


def test_looks_are_rarer_the_longer_nothing_has_moved() -> None:
    pace = standing("u1", "u2")
    gaps = []
    for _ in range(60):
        at = next_look(pace, POLICY, Hold.FULL)
        assert at is not None
        gaps.append(at - pace.looked_at)
        pace = looked(pace, Look(began=at, unfinished=dict.fromkeys(("u1", "u2"), Lane.RECOVERED)), at)
    assert gaps[0] == POLICY.soonest_look and gaps[-1] == POLICY.latest_look and gaps == sorted(gaps)


def test_a_look_that_failed_is_not_made_again_at_once() -> None:
    pace = blinded(standing("u1"), T0 + 3, POLICY)
    assert next_look(pace, POLICY, Hold.LOOK) == T0 + 3 + POLICY.blind_interval


def test_a_look_that_let_nothing_go_is_not_made_again_at_once() -> None:
    pace = replace(standing(), moved_at=T0)
    soon = next_look(pace, POLICY, Hold.LOOK)
    for _ in range(60):
        assert soon is not None and soon >= pace.looked_at + POLICY.soonest_look
        pace = looked(pace, Look(began=soon), soon)
        before, soon = soon, next_look(pace, POLICY, Hold.LOOK)
    assert (soon, before) == (pace.looked_at + POLICY.latest_look, pace.looked_at)
    # What dies now waits for no more than the shortest pause.
    pace = arrived(pace, one(1, before + 2), POLICY)
    assert next_look(pace, POLICY, Hold.LOOK) == before + POLICY.soonest_look


@pytest.mark.parametrize(
    ("ahead", "count", "hold"),
    [
        (None, 50, None),
        (Hold.LOOK, 0, Hold.DEATH),
        (Hold.FULL, 7, None),
        (Hold.FULL, 8, Hold.FULL),
        (Hold.TOGETHER, 8, Hold.FULL),
    ],
)
def test_what_is_only_filed_makes_room_for_a_death_that_waits(
    ahead: Hold | None, count: int, hold: Hold | None
) -> None:
    filed = {f"f{number}": Lane.FILED for number in range(count)}
    pace = looked(HostPace(), Look(began=T0, unfinished=filed), T0)
    assert judge(pace, one(1, lane=Lane.FILED), T0, POLICY, ahead).hold is hold


# ---- every order of events

SEARCH = replace(
    POLICY,
    moment=2.0,
    together=3,
    patience=8.0,
    blind_after=4.0,
    blind_interval=2.0,
    blind_look=3.0,
    fresh=1.0,
)
REPORTS = 3
DEPTH = 6


@dataclass(frozen=True)
class World:
    """What is true at masakari, and what is known here.

    `unseen`: how many were sent blindly, or may stand there although no answer said so.
    """

    pace: HostPace = field(default_factory=HostPace)
    now: float = T0
    waiting: tuple[int, ...] = tuple(range(REPORTS))
    flying: tuple[int, ...] = ()
    there: frozenset[int] = frozenset()
    told: tuple[int, ...] = ()
    unseen: int = 0

    def key(self) -> object:
        """Equal for worlds that differ only in when they are."""

        def age(at: float) -> float:
            return min(self.now - at, 12.0)

        pace = self.pace
        tracked = tuple(sorted((u, t.stage.name, age(t.since)) for u, t in pace.tracked.items()))
        times = tuple(
            age(at) for at in (pace.seen_at, pace.looked_at, pace.burst.at or 0.0, *pace.young.values())
        )
        state = (pace.sight, round(pace.burst.left, 3), age(T0), tracked, times)
        return state, self.waiting, self.flying, self.there, self.told, self.unseen


def candidate(row: int) -> Candidate:
    return one(row, T0)


def wait(world: World, seconds: float) -> World:
    now = world.now + seconds
    return replace(world, now=now, pace=lapsed(world.pace, now, SEARCH)[0])


def moves(world: World) -> Iterator[World]:
    """All that can happen next."""
    pace, now = world.pace, world.now
    if world.waiting:
        head = candidate(world.waiting[0])
        pace = arrived(pace, head, SEARCH)
        if judge(pace, head, now, SEARCH) is GO:
            yield replace(
                world,
                pace=offered(pace, head, now, SEARCH),
                waiting=world.waiting[1:],
                flying=(*world.flying, head.row),
                unseen=world.unseen + (pace.sight is Sight.BLIND),
            )
    for row in world.flying:
        rest = tuple(other for other in world.flying if other != row)
        taken = replace(world, flying=rest, told=(*world.told, row), there=world.there | {row})
        yield replace(taken, pace=answered(pace, row, f"u{row}", now))
        # Its answer is lost: it is offered again, and is a duplicate then, so that nothing is told twice here.
        yield replace(taken, pace=answered(pace, row, "", now), unseen=world.unseen + 1)
        yield replace(world, flying=rest, waiting=(row, *world.waiting), pace=answered(pace, row, "", now))
    for row in world.there:
        yield replace(world, there=world.there - {row})
    unfinished = {f"u{row}": Lane.RECOVERED for row in world.there}
    signs = {uuid: Sign.FINISHED for uuid, kept in pace.tracked.items() if kept.stage is not Stage.OFFERED}
    signs = {uuid: sign for uuid, sign in signs.items() if uuid not in unfinished}
    yield replace(world, pace=looked(pace, Look(began=now, unfinished=unfinished, signs=signs), now))
    yield replace(world, pace=blinded(pace, now, SEARCH))
    yield wait(world, 1.0)
    yield wait(world, 5.0)
    followed = [kept for kept in pace.tracked.items() if kept[1].stage in COUNTED and kept[0][0] == "u"]
    again = HostPace()
    for uuid, kept in followed:
        again = remembered(again, int(uuid[1:]), Lane.RECOVERED, uuid, kept.since)
    if not world.flying:
        yield replace(world, pace=again)  # a restart


def goes_on(world: World) -> bool:
    """Whether the first that waits goes, if nothing happens any more but time, and looks as the pace asks for them."""
    for answers in (True, False):
        after = world
        for _ in range(60):
            if not after.waiting:
                break
            head = candidate(after.waiting[0])
            pace = arrived(after.pace, head, SEARCH)
            ruling = judge(pace, head, after.now, SEARCH)
            if ruling is GO:
                break
            at = next_look(pace, SEARCH, ruling.hold)
            if at is not None and at <= after.now:
                unfinished = {f"u{row}": Lane.RECOVERED for row in after.there}
                look = Look(began=after.now, unfinished=unfinished)
                pace = looked(pace, look, after.now) if answers else blinded(pace, after.now, SEARCH)
            # What is in flight comes back, at the latest when its time is out.
            for row in after.flying:
                pace = answered(pace, row, "", after.now)
            after = wait(replace(after, pace=pace, flying=()), 0.5)
        else:
            return False
    return True


def test_in_every_order_of_events_no_more_than_the_limit_stand_there_and_none_waits_for_ever() -> None:
    """Beyond the limit only: one of which the answer was lost, what is overdue, and what goes blindly."""
    start = World()
    seen, queue, deepest = {start.key()}, deque([(start, 0)]), 0
    while queue:
        world, depth = queue.popleft()
        deepest = max(deepest, depth)
        assert goes_on(world), world
        late = sum(kept.stage is Stage.OVERDUE for kept in world.pace.tracked.values())
        assert len(world.there) + len(world.flying) <= SEARCH.limit + world.unseen + late, world
        for row in world.flying:
            assert row_key(row) in world.pace.tracked
        if depth == DEPTH:
            continue
        for after in moves(world):
            if (key := after.key()) not in seen:
                seen.add(key)
                queue.append((after, depth + 1))
    assert deepest == DEPTH and len(seen) > 2_000
