"""The rota under a simulated libvirtd: healthy guests answer in 5 ms, hung ones hold their call for 5 s."""

import heapq
import itertools
import uuid
from collections import Counter
from dataclasses import dataclass, field

from masakarimonitors.introspectiveinstancemonitor.pacing import IN_FLIGHT, UNANSWERED, Lane
from masakarimonitors.introspectiveinstancemonitor.sources.roster import Roster, Watched
from masakarimonitors.introspectiveinstancemonitor.sources.rota import Rota

INTERVAL, TIMEOUT, THRESHOLD = 10.0, 2.0, 3
HOLDS, ANSWERS = 5.0, 0.005


def machines(count: int) -> list[Watched]:
    return [
        Watched(str(uuid.uuid5(uuid.NAMESPACE_DNS, f"vm{n}")), f"vm{n}", "run-1", n, askable=True)
        for n in range(count)
    ]


@dataclass
class Simulation:
    """Time jumps from one happening to the next; `hung` may be changed between two `run`s."""

    fleet: list[Watched]
    hung: set[str] = field(default_factory=set)
    now: float = 1000.0
    asked: list[tuple[float, str]] = field(default_factory=list)
    misses: dict[str, list[float]] = field(default_factory=dict)
    answers: dict[str, list[float]] = field(default_factory=dict)
    most: Counter[Lane] = field(default_factory=Counter)
    most_at_once: int = 0

    def __post_init__(self) -> None:
        self.roster = Roster()
        for machine in self.fleet:
            self.roster.put(machine)
        self.rota = Rota(self.roster, INTERVAL, THRESHOLD)
        self._happenings: list[tuple[float, int, str, Watched, Lane, float]] = []
        self._count = 0

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            self.rota.enlist(self.now)
            for machine, lane in self.rota.startable(self.now):
                self.asked.append((self.now, machine.uuid))
                if machine.uuid in self.hung:
                    self._later(TIMEOUT, "missed", machine, lane)
                    self._later(HOLDS, "back", machine, lane)
                else:
                    self._later(ANSWERS, "answered", machine, lane)
            for lane in Lane:
                self.most[lane] = max(self.most[lane], self.rota.flying[lane])
            self.most_at_once = max(self.most_at_once, sum(self.rota.flying.values()))
            wait = self.rota.next_event(self.now)
            moments = [end] + ([self.now + wait] if wait is not None else [])
            if self._happenings:
                moments.append(self._happenings[0][0])
            self.now = max(self.now, min(moments))
            while self._happenings and self._happenings[0][0] <= self.now:
                self._happen(*heapq.heappop(self._happenings)[2:])

    def _later(self, seconds: float, what: str, machine: Watched, lane: Lane) -> None:
        self._count += 1
        heapq.heappush(self._happenings, (self.now + seconds, self._count, what, machine, lane, self.now))

    def _happen(self, what: str, machine: Watched, lane: Lane, started: float) -> None:
        if what == "missed":
            self.misses.setdefault(machine.uuid, []).append(self.now)
            self.rota.missed(machine)
            return
        if what == "answered":
            self.answers.setdefault(machine.uuid, []).append(self.now)
            self.rota.answered(machine)
        self.rota.finish(machine, lane, started, self.now)


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
