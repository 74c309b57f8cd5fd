"""The schedule of pings: when each target is asked, and which of the due pings may start now.

Every unanswered ping holds one of libvirtd's few workers (5 to 20) for up to 5 seconds, and nova needs
those workers. So pings are spread over the interval, each target at a stable offset of its own, and
targets that do not answer are asked in lanes of their own that can never fill the pool. First the pure
arithmetic, then `PingSchedule`, kept by the heartbeat on the loop's thread; it counts misses only to
choose a lane and a gap, the verdict is the decision's.
"""

import hashlib
import heapq
import math
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from masakarimonitors.introspectiveinstancemonitor.sources.targets import Target, Targets

IN_FLIGHT = 8
"""Pings under way at once. With 8, ordinary calls of other clients stay in the order of milliseconds; a
naive pinger of 30 with 10 hung ones made them wait for 10 seconds (measured, libvirt 9.0.0)."""

UNANSWERED = 6
"""Of those, at most this many to targets that missed their last ping: two places always stay for the
healthy ones, whose answers take milliseconds, so that they keep their rhythm."""

SUSPECTED = 2
"""Of those, at most this many to targets already judged hung."""

SUSPECTED_BORROWED = 4
"""A target already judged hung that has waited `PATIENCE` beyond its turn may use a place that the
missing lane leaves idle, up to this many: else ten hung targets, at 5 seconds a call and two at a
time, would see each other's recovery only after 25 seconds."""

PATIENCE = 3.0
"""Seconds beyond its turn after which a judged target may borrow."""

SEEN_AGAIN = 13.0
"""The longest time, in seconds, between the starts of two pings of a judged target: one that answers
again is seen healthy within 15 seconds whatever its backoff."""


class Lane(StrEnum):
    """Which queue a target's next ping stands in."""

    ANSWERING = "answering"
    MISSING = "missing"
    SUSPECTED = "suspected"


def lane_of(misses: int, threshold: int) -> Lane:
    """The lane for a target with `misses` in a row, judged hung at `threshold`.

    Before the threshold a target is asked at its full rhythm, so that the verdict is not late; from
    the threshold on there is nothing left to find out but its recovery.
    """
    if misses == 0:
        return Lane.ANSWERING
    return Lane.MISSING if misses < threshold else Lane.SUSPECTED


def may_start(lane: Lane, flying: Mapping[Lane, int], *, waited: float = 0.0) -> bool:
    """Whether one more ping of `lane` may start beside those `flying`.

    `waited` is how many seconds the ping has stood in its queue.
    """
    if sum(flying.values()) >= IN_FLIGHT:
        return False
    if lane is Lane.ANSWERING:
        return True
    if flying.get(Lane.MISSING, 0) + flying.get(Lane.SUSPECTED, 0) >= UNANSWERED:
        return False
    if lane is Lane.MISSING:
        return True
    allowed = SUSPECTED_BORROWED if waited >= PATIENCE else SUSPECTED
    return flying.get(Lane.SUSPECTED, 0) < allowed


def offset_of(subject: str, interval: float) -> float:
    """Where in [0, `interval`) this subject's turn lies: stable over restarts, even over many subjects."""
    digest = hashlib.blake2b(subject.encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64 * interval


def next_turn(subject: str, interval: float, after: float) -> float:
    """The first monotonic second later than `after` that is this subject's turn."""
    offset = offset_of(subject, interval)
    turn = offset + interval * (math.floor((after - offset) / interval) + 1)
    # Floating point may put the turn at `after` itself.
    return turn if turn > after else turn + interval


def next_ping(subject: str, interval: float, misses: int, threshold: int, started: float) -> float:
    """When to ask again a target whose last ping `started` then and that has `misses` in a row since.

    Up to the verdict: its turn in the interval. After it: the gap doubles from the interval up to
    `SEEN_AGAIN`; an interval that is longer than that is cut to it, for a reported target's recovery
    must not wait.
    """
    if lane_of(misses, threshold) is not Lane.SUSPECTED:
        return next_turn(subject, interval, started)
    # 2**32 intervals are beyond every cap: the exponent is bounded to keep the arithmetic finite.
    return started + min(interval * 2.0 ** min(misses - threshold + 1, 32), SEEN_AGAIN)


@dataclass(slots=True, kw_only=True)
class _Scheduled:
    """`slow`: its last call was not back in time, though it turned out that the guest was not asked."""

    target: Target
    due: float
    misses: int = 0
    slow: bool = False
    flying: bool = False
    queued: bool = False


class PingSchedule:
    """The turns of all askable targets. Times are monotonic seconds."""

    def __init__(self, targets: Targets, interval: float, threshold: int) -> None:
        """`interval` in seconds between two pings of a target that answers."""
        self._targets = targets
        self._interval = interval
        self._threshold = threshold
        self._turns: dict[str, _Scheduled] = {}
        self._heap: list[tuple[float, str]] = []
        self._queues: dict[Lane, deque[tuple[float, str]]] = {lane: deque() for lane in Lane}
        self._flying: Counter[Lane] = Counter()
        self._version = -1

    @property
    def flying(self) -> Counter[Lane]:
        """Pings under way, by lane."""
        return self._flying

    def update(self, now: float) -> None:
        """Take over what changed among the targets: arrivals wait for their own turn, hinted ones go at once."""
        if self._version == self._targets.version:
            return
        self._version = self._targets.version
        askable = {uuid: target for uuid, target in self._targets.by_uuid.items() if target.askable}
        for uuid in [uuid for uuid in self._turns if uuid not in askable]:
            del self._turns[uuid]
        for uuid, target in askable.items():
            turn = self._turns.get(uuid)
            if turn is None or not target.is_life_of(turn.target):
                self._turns[uuid] = turn = _Scheduled(target=target, due=next_turn(uuid, self._interval, now))
                heapq.heappush(self._heap, (turn.due, uuid))
            turn.target = target
        for uuid in self._targets.take_hints():
            turn = self._turns.get(uuid)
            if turn is not None and turn.due > now:
                turn.due = now
                heapq.heappush(self._heap, (now, uuid))

    def startable(self, now: float) -> list[tuple[Target, Lane]]:
        """The pings to start now; each counts as flying until `finish`."""
        while self._heap and self._heap[0][0] <= now:
            due, uuid = heapq.heappop(self._heap)
            turn = self._turns.get(uuid)
            # An entry that a later decision overtook is passed over.
            if turn is None or turn.flying or turn.queued or turn.due != due:
                continue
            turn.queued = True
            self._queues[lane_of(max(turn.misses, turn.slow), self._threshold)].append((due, uuid))
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
                started.append((turn.target, lane))
        return started

    def finish(self, target: Target, lane: Lane, started: float, now: float) -> None:
        """The call of this ping, which `started` then, is back: the place is free, the next turn is set."""
        self._flying[lane] -= 1
        turn = self._turns.get(target.uuid)
        if turn is None or not target.is_life_of(turn.target):
            return
        turn.flying = False
        turn.due = next_ping(target.uuid, self._interval, turn.misses, self._threshold, started)
        if turn.due <= now and turn.misses < self._threshold:
            turn.due = next_turn(target.uuid, self._interval, now)
        heapq.heappush(self._heap, (turn.due, target.uuid))

    def next_event(self, now: float) -> float | None:
        """Seconds until something may start that cannot start now; None when only a change can bring it."""
        moments = [self._heap[0][0]] if self._heap else []
        if self._queues[Lane.SUSPECTED]:
            moments.append(self._queues[Lane.SUSPECTED][0][0] + PATIENCE)
        later = [moment - now for moment in moments if moment > now]
        return min(later) if later else None

    def answered(self, target: Target) -> None:
        """It lives: its next ping stands in the first lane again."""
        self._count(target, 0)
        self._targets.answering.add(target.uuid)

    def missed(self, target: Target) -> None:
        """One more in a row."""
        turn = self._turns.get(target.uuid)
        self._count(target, turn.misses + 1 if turn else 0)
        self._targets.answering.discard(target.uuid)

    def unasked(self, target: Target) -> None:
        """The last miss did not count after all; but the next call may keep its place for as long as this one."""
        turn = self._turns.get(target.uuid)
        self._count(target, max(0, turn.misses - 1) if turn else 0, slow=True)

    def _count(self, target: Target, misses: int, *, slow: bool = False) -> None:
        turn = self._turns.get(target.uuid)
        if turn is not None and target.is_life_of(turn.target):
            turn.misses, turn.slow = misses, slow
