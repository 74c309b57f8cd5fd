"""The schedule under a simulated libvirtd: healthy guests answer in 5 ms, hung ones hold their call for 5 s."""

import heapq
import uuid
from collections import Counter
from dataclasses import dataclass, field

from masakarimonitors.introspectiveinstancemonitor.sources.schedule import Lane, PingSchedule
from masakarimonitors.introspectiveinstancemonitor.sources.targets import Target, Targets

INTERVAL, TIMEOUT, THRESHOLD = 10.0, 2.0, 3
HOLDS, ANSWERS, OCCUPIED = 5.0, 0.005, 30.0


def guests(count: int) -> list[Target]:
    return [
        Target(
            uuid=str(uuid.uuid5(uuid.NAMESPACE_DNS, f"vm{n}")),
            name=f"vm{n}",
            run="run-1",
            domain_id=n,
            askable=True,
        )
        for n in range(count)
    ]


@dataclass
class Simulation:
    """Time jumps from one happening to the next; `hung` may be changed between two `run`s.

    The agents of those in `busy` are kept by somebody else's command: libvirt gives up each ping after 30 seconds.
    """

    fleet: list[Target]
    hung: set[str] = field(default_factory=set)
    busy: set[str] = field(default_factory=set)
    now: float = 1000.0
    asked: list[tuple[float, str]] = field(default_factory=list)
    misses: dict[str, list[float]] = field(default_factory=dict)
    answers: dict[str, list[float]] = field(default_factory=dict)
    most: Counter[Lane] = field(default_factory=Counter)
    most_at_once: int = 0

    def __post_init__(self) -> None:
        self.targets = Targets()
        for target in self.fleet:
            self.targets.put(target)
        self.schedule = PingSchedule(self.targets, INTERVAL, THRESHOLD)
        self._happenings: list[tuple[float, int, str, Target, Lane, float]] = []
        self._count = 0

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            self.schedule.update(self.now)
            for target, lane in self.schedule.startable(self.now):
                self.asked.append((self.now, target.uuid))
                if target.uuid in self.hung:
                    self._later(TIMEOUT, "missed", target, lane)
                    self._later(HOLDS, "back", target, lane)
                elif target.uuid in self.busy:
                    self._later(TIMEOUT, "missed", target, lane)
                    self._later(OCCUPIED, "unasked", target, lane)
                else:
                    self._later(ANSWERS, "answered", target, lane)
            for lane in Lane:
                self.most[lane] = max(self.most[lane], self.schedule.flying[lane])
            self.most_at_once = max(self.most_at_once, sum(self.schedule.flying.values()))
            wait = self.schedule.next_event(self.now)
            moments = [end] + ([self.now + wait] if wait is not None else [])
            if self._happenings:
                moments.append(self._happenings[0][0])
            self.now = max(self.now, min(moments))
            while self._happenings and self._happenings[0][0] <= self.now:
                self._happen(*heapq.heappop(self._happenings)[2:])

    def _later(self, seconds: float, what: str, target: Target, lane: Lane) -> None:
        self._count += 1
        heapq.heappush(self._happenings, (self.now + seconds, self._count, what, target, lane, self.now))

    def _happen(self, what: str, target: Target, lane: Lane, started: float) -> None:
        if what == "missed":
            self.misses.setdefault(target.uuid, []).append(self.now)
            self.schedule.missed(target)
            return
        if what == "unasked":
            self.schedule.unasked(target)
        if what == "answered":
            self.answers.setdefault(target.uuid, []).append(self.now)
            self.schedule.answered(target)
        self.schedule.finish(target, lane, started, self.now)
