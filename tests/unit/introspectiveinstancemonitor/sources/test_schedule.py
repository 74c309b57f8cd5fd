"""Who is asked when, and how many at once."""

import itertools
from collections import Counter

from masakarimonitors.introspectiveinstancemonitor.sources.schedule import IN_FLIGHT, UNANSWERED, Lane
from tests.unit.introspectiveinstancemonitor.sources.simulation import (
    INTERVAL,
    THRESHOLD,
    Simulation,
    guests,
)


def test_a_thousand_guests_are_asked_evenly_each_once_an_interval() -> None:
    simulation = Simulation(guests(1000))
    simulation.run(30.0)
    per_guest = Counter(who for _, who in simulation.asked)
    assert set(per_guest.values()) == {3}
    per_second = Counter(int(at) for at, _ in simulation.asked)
    assert max(per_second.values()) <= 140
    assert simulation.most_at_once <= IN_FLIGHT


def test_ten_hung_of_thirty_are_missed_in_time_and_leave_places_free() -> None:
    fleet = guests(30)
    simulation = Simulation(fleet)
    simulation.run(25.0)
    simulation.hung = {target.uuid for target in fleet[:10]}
    hung_at = simulation.now
    simulation.run(60.0)
    third = {who: simulation.misses[who][THRESHOLD - 1] - hung_at for who in simulation.hung}
    assert max(third.values()) <= THRESHOLD * INTERVAL + 10, third
    assert simulation.most[Lane.MISSING] <= UNANSWERED and simulation.most_at_once <= IN_FLIGHT
    for target in fleet[10:]:
        times = [at for at in simulation.answers[target.uuid] if at > hung_at]
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert max(gaps) < INTERVAL + 0.2, "a healthy guest lost its rhythm"


def test_hung_guests_that_answer_again_are_seen_within_15_seconds() -> None:
    for count in (1, 2, 6, 10):
        fleet = guests(30)
        simulation = Simulation(fleet, hung={target.uuid for target in fleet[:count]})
        simulation.run(300.0)
        woken, simulation.hung = simulation.hung, set()
        again = simulation.now
        simulation.run(40.0)
        late = {who: simulation.answers[who][0] - again for who in woken}
        assert max(late.values()) <= 15.0, (count, late)


def test_many_hung_guests_never_take_more_than_their_places() -> None:
    fleet = guests(60)
    simulation = Simulation(fleet, hung={target.uuid for target in fleet[:40]})
    simulation.run(300.0)
    assert simulation.most_at_once <= IN_FLIGHT
    assert simulation.schedule.flying[Lane.MISSING] + simulation.schedule.flying[Lane.SUSPECTED] <= UNANSWERED
    assert set(simulation.misses) == simulation.hung, "each is still asked"


def test_who_is_not_askable_is_not_asked() -> None:
    fleet = guests(3)
    simulation = Simulation(fleet)
    simulation.targets.suspend()
    simulation.run(30.0)
    assert not simulation.asked
    simulation.targets.put(fleet[1])
    simulation.run(30.0)
    assert {who for _, who in simulation.asked} == {fleet[1].uuid}
    simulation.targets.remove(fleet[1].uuid)
    before = len(simulation.asked)
    simulation.run(30.0)
    assert len(simulation.asked) == before


def test_a_hint_brings_the_ping_forward() -> None:
    fleet = guests(1)
    simulation = Simulation(fleet, hung={fleet[0].uuid})
    simulation.run(200.0)
    while simulation.schedule.flying[Lane.SUSPECTED]:
        simulation.run(0.5)
    simulation.hung = set()
    simulation.targets.hint(fleet[0].uuid)
    simulation.run(0.1)
    assert simulation.answers[fleet[0].uuid]


def test_guests_whose_agent_somebody_else_keeps_busy_do_not_take_the_places_of_the_healthy() -> None:
    """A backup freezes the file systems of twelve guests at once: each ping to one is kept for half a minute."""
    fleet = guests(30)
    simulation = Simulation(fleet, busy={target.uuid for target in fleet[:12]})
    simulation.run(40.0)
    settled = simulation.now
    simulation.run(120.0)
    for target in fleet[12:]:
        times = [at for at in simulation.answers[target.uuid] if at > settled]
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert max(gaps) < INTERVAL + 0.2, "a healthy guest lost its rhythm"
    last = {who: max(at for at, asked in simulation.asked if asked == who) for who in simulation.busy}
    assert min(last.values()) > settled, "each of them is still asked"
