"""The rota under a simulated libvirtd: healthy guests answer in 5 ms, hung ones hold their call for 5 s."""

import heapq
import uuid
from collections import Counter
from dataclasses import dataclass, field

from masakarimonitors.introspectiveinstancemonitor.pacing import Lane
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
