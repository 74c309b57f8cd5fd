"""Whose turn it is: every askable machine's next ping, and which of the due ones may start now.

Kept by the heartbeat on the loop's thread; the arithmetic is in pacing.py. It counts misses only to
choose a lane and a gap; the verdict is the decision's.
"""

import heapq
from collections import Counter, deque
from dataclasses import dataclass

from masakarimonitors.introspectiveinstancemonitor.pacing import (
    PATIENCE,
    Lane,
    lane_of,
    may_start,
    next_ping,
    next_turn,
)
from masakarimonitors.introspectiveinstancemonitor.sources.roster import Roster, Watched


@dataclass
class _Turn:
    machine: Watched
    due: float
    misses: int = 0
    flying: bool = False
    queued: bool = False


class Rota:
    """The turns of all askable machines. Times are monotonic seconds."""

    def __init__(self, roster: Roster, interval: float, threshold: int) -> None:
        """`interval` in seconds between two pings of a machine that answers."""
        self._roster = roster
        self._interval = interval
        self._threshold = threshold
        self._turns: dict[str, _Turn] = {}
        self._heap: list[tuple[float, str]] = []
        self._queues: dict[Lane, deque[tuple[float, str]]] = {lane: deque() for lane in Lane}
        self._flying: Counter[Lane] = Counter()
        self._version = -1

    @property
    def flying(self) -> Counter[Lane]:
        """Pings under way, by lane."""
        return self._flying

    def enlist(self, now: float) -> None:
        """Take over what changed on the roster: arrivals wait for their own turn, hinted ones go at once."""
        if self._version == self._roster.version:
            return
        self._version = self._roster.version
        askable = {uuid: m for uuid, m in self._roster.machines.items() if m.askable}
        for uuid in [uuid for uuid in self._turns if uuid not in askable]:
            del self._turns[uuid]
        for uuid, machine in askable.items():
            turn = self._turns.get(uuid)
            if turn is None or turn.machine.run != machine.run:
                self._turns[uuid] = turn = _Turn(machine, next_turn(uuid, self._interval, now))
                heapq.heappush(self._heap, (turn.due, uuid))
            turn.machine = machine
        for uuid in self._roster.take_hints():
            turn = self._turns.get(uuid)
            if turn is not None and turn.due > now:
                turn.due = now
                heapq.heappush(self._heap, (now, uuid))

    def startable(self, now: float) -> list[tuple[Watched, Lane]]:
        """The pings to start now; each counts as flying until `finish`."""
        while self._heap and self._heap[0][0] <= now:
            due, uuid = heapq.heappop(self._heap)
            turn = self._turns.get(uuid)
            # An entry that a later decision overtook is passed over.
            if turn is None or turn.flying or turn.queued or turn.due != due:
                continue
            turn.queued = True
            self._queues[lane_of(turn.misses, self._threshold)].append((due, uuid))
        started = []
        for lane, queue in self._queues.items():
            while queue:
                due, uuid = queue[0]
                turn = self._turns.get(uuid)
                if turn is None or not turn.queued or turn.due != due:
                    queue.popleft()
                    continue
                if not may_start(lane, self._flying, waited=now - due):
                    break
                queue.popleft()
                turn.queued, turn.flying = False, True
                self._flying[lane] += 1
                started.append((turn.machine, lane))
        return started

    def finish(self, machine: Watched, lane: Lane, started: float, now: float) -> None:
        """The call of this ping, which `started` then, is back: the place is free, the next turn is set."""
        self._flying[lane] -= 1
        turn = self._turns.get(machine.uuid)
        if turn is None or turn.machine.run != machine.run:
            return
        turn.flying = False
        turn.due = next_ping(machine.uuid, self._interval, turn.misses, self._threshold, started)
        if turn.due <= now and turn.misses < self._threshold:
            turn.due = next_turn(machine.uuid, self._interval, now)
        heapq.heappush(self._heap, (turn.due, machine.uuid))

    def next_event(self, now: float) -> float | None:
        """Seconds until something may start that cannot start now; None when only a change can bring it."""
        moments = [self._heap[0][0]] if self._heap else []
        if self._queues[Lane.SUSPECTED]:
            moments.append(self._queues[Lane.SUSPECTED][0][0] + PATIENCE)
        later = [moment - now for moment in moments if moment > now]
        return min(later) if later else None

    def answered(self, machine: Watched) -> None:
        """It lives: its next ping stands in the first lane again."""
        self._count(machine, 0)
        self._roster.answering.add(machine.uuid)

    def missed(self, machine: Watched) -> None:
        """One more in a row."""
        turn = self._turns.get(machine.uuid)
        self._count(machine, turn.misses + 1 if turn else 0)
        self._roster.answering.discard(machine.uuid)

    def unasked(self, machine: Watched) -> None:
        """The last miss did not count after all."""
        turn = self._turns.get(machine.uuid)
        self._count(machine, max(0, turn.misses - 1) if turn else 0)

    def _count(self, machine: Watched, misses: int) -> None:
        turn = self._turns.get(machine.uuid)
        if turn is not None and turn.machine.run == machine.run:
            turn.misses = misses
