"""Who is asked when, and how many at once."""

import itertools
from collections import Counter

from masakarimonitors.introspectiveinstancemonitor.pacing import IN_FLIGHT, UNANSWERED, Lane
from tests.unit.introspectiveinstancemonitor.sources.simulation import (
    INTERVAL,
    THRESHOLD,
    Simulation,
    machines,
)


def test_a_thousand_machines_are_asked_evenly_each_once_an_interval() -> None:
    simulation = Simulation(machines(1000))
    simulation.run(30.0)
    per_machine = Counter(who for _, who in simulation.asked)
    assert set(per_machine.values()) == {3}
    per_second = Counter(int(at) for at, _ in simulation.asked)
    assert max(per_second.values()) <= 140
    assert simulation.most_at_once <= IN_FLIGHT


def test_ten_hung_of_thirty_are_missed_in_time_and_leave_places_free() -> None:
    fleet = machines(30)
    simulation = Simulation(fleet)
    simulation.run(25.0)
    simulation.hung = {machine.uuid for machine in fleet[:10]}
    hung_at = simulation.now
    simulation.run(60.0)
    third = {who: simulation.misses[who][THRESHOLD - 1] - hung_at for who in simulation.hung}
    assert max(third.values()) <= THRESHOLD * INTERVAL + 10, third
    assert simulation.most[Lane.MISSING] <= UNANSWERED and simulation.most_at_once <= IN_FLIGHT
    for machine in fleet[10:]:
        times = [at for at in simulation.answers[machine.uuid] if at > hung_at]
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert max(gaps) < INTERVAL + 0.2, "a healthy machine lost its rhythm"


def test_hung_machines_that_answer_again_are_seen_within_15_seconds() -> None:
    for count in (1, 2, 6, 10):
        fleet = machines(30)
        simulation = Simulation(fleet, hung={machine.uuid for machine in fleet[:count]})
        simulation.run(300.0)
        woken, simulation.hung = simulation.hung, set()
        again = simulation.now
        simulation.run(40.0)
        late = {who: simulation.answers[who][0] - again for who in woken}
        assert max(late.values()) <= 15.0, (count, late)


def test_many_hung_machines_never_take_more_than_their_places() -> None:
    fleet = machines(60)
    simulation = Simulation(fleet, hung={machine.uuid for machine in fleet[:40]})
    simulation.run(300.0)
    assert simulation.most_at_once <= IN_FLIGHT
    assert simulation.rota.flying[Lane.MISSING] + simulation.rota.flying[Lane.SUSPECTED] <= UNANSWERED
    assert set(simulation.misses) == simulation.hung, "each is still asked"


def test_who_is_not_askable_is_not_asked() -> None:
    fleet = machines(3)
    simulation = Simulation(fleet)
    simulation.roster.silence()
    simulation.run(30.0)
    assert not simulation.asked
    simulation.roster.put(fleet[1])
    simulation.run(30.0)
    assert {who for _, who in simulation.asked} == {fleet[1].uuid}
    simulation.roster.remove(fleet[1].uuid)
    before = len(simulation.asked)
    simulation.run(30.0)
    assert len(simulation.asked) == before


def test_a_hint_brings_the_ping_forward() -> None:
    fleet = machines(1)
    simulation = Simulation(fleet, hung={fleet[0].uuid})
    simulation.run(200.0)
    while simulation.rota.flying[Lane.SUSPECTED]:
        simulation.run(0.5)
    simulation.hung = set()
    simulation.roster.hint(fleet[0].uuid)
    simulation.run(0.1)
    assert simulation.answers[fleet[0].uuid]
