"""When each machine is asked, and how many questions may be under way: pure arithmetic.

Every unanswered question holds one of libvirtd's few workers (5 to 20) for up to 5 seconds, and nova
needs those workers. So questions are spread over the interval by a stable phase per machine, and
machines that do not answer are asked in lanes of their own that can never fill the pool.
"""

import hashlib
import math
from collections.abc import Mapping
from enum import StrEnum

IN_FLIGHT = 8
"""Pings under way at once. With 8, ordinary calls of other clients stay in the order of milliseconds; a
naive pinger of 30 with 10 hung ones made them wait for 10 seconds (measured, libvirt 9.0.0)."""

UNANSWERED = 6
"""Of those, at most this many to machines that missed their last ping: two places always stay for the
healthy ones, whose answers take milliseconds, so that they keep their rhythm."""

SUSPECTED = 2
"""Of those, at most this many to machines already judged hung."""

SUSPECTED_BORROWED = 4
"""A machine already judged hung that has waited `PATIENCE` beyond its turn may use a place that the
missing lane leaves idle, up to this many: else ten hung machines, at 5 seconds a call and two at a
time, would see each other's recovery only after 25 seconds."""

PATIENCE = 3.0
"""Seconds beyond its turn after which a judged machine may borrow."""

SEEN_AGAIN = 13.0
"""The longest time, in seconds, between the starts of two pings of a judged machine: one that answers
again is seen healthy within 15 seconds whatever its backoff."""


class Lane(StrEnum):
    """Which queue a machine's next ping stands in."""

    ANSWERING = "answering"
    MISSING = "missing"
    SUSPECTED = "suspected"


def lane_of(misses: int, threshold: int) -> Lane:
    """The lane for a machine with `misses` in a row, judged hung at `threshold`.

    Before the threshold a machine is asked at its full rhythm, so that the verdict is not late; from
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


def phase_of(subject: str, interval: float) -> float:
    """Where in [0, `interval`) this subject's turn lies: stable over restarts, even over many subjects."""
    digest = hashlib.blake2b(subject.encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64 * interval


def next_turn(subject: str, interval: float, after: float) -> float:
    """The first monotonic second later than `after` that is this subject's turn."""
    phase = phase_of(subject, interval)
    turn = phase + interval * (math.floor((after - phase) / interval) + 1)
    # Floating point may put the turn at `after` itself.
    return turn if turn > after else turn + interval


def next_ping(subject: str, interval: float, misses: int, threshold: int, started: float) -> float:
    """When to ask again a machine whose last ping `started` then and that has `misses` in a row since.

    Up to the verdict: its turn in the interval. After it: the gap doubles from the interval up to
    `SEEN_AGAIN`; an interval that is longer than that is cut to it, for a reported machine's recovery
    must not wait.
    """
    if lane_of(misses, threshold) is not Lane.SUSPECTED:
        return next_turn(subject, interval, started)
    # 2**32 intervals are beyond every cap: the exponent is bounded to keep the arithmetic finite.
    return started + min(interval * 2.0 ** min(misses - threshold + 1, 32), SEEN_AGAIN)
