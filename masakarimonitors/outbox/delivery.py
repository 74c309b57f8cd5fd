"""From the outbox to masakari-api: at least once, in order per subject, off the detection path.

In: rows that are on disk. Out: an outcome for each. Bounded concurrency; while the API as a whole
cannot be reached one probe at a time asks for it, so an outage costs neither load nor rows. A row
ends only as delivered, refused, withdrawn or expired.
"""

import asyncio
import heapq
import itertools
import logging
import random
from dataclasses import dataclass, replace

from masakarimonitors.decisions import Instant
from masakarimonitors.masakari_api import Api, Delivered, Duplicate, Outcome, Refused, Unreachable
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.rows import Row, Status
from masakarimonitors.system.clock import Clock, pause

LOG = logging.getLogger(__name__)

# Waited beyond the API's duplicate window, for clocks that differ between hosts (seconds).
_WINDOW_MARGIN = 5.0


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """How patiently the API is asked; all times in seconds.

    `retry_max` tries `retry_interval` apart, then exponentially up to `backoff_limit`, until `expiry`
    after the row was made. `duplicate_window` is masakari's
    `duplicate_notification_detection_interval` (180 by default there).
    """

    retry_max: int = 12
    retry_interval: float = 10.0
    backoff_limit: float = 300.0
    expiry: float = 86400.0
    duplicate_window: float = 180.0
    concurrency: int = 8

    def delay(self, attempts: int, jitter: float) -> float:
        """Seconds to wait after the `attempts`-th failed try in a row; `jitter` is 0..1."""
        if attempts <= self.retry_max:
            return self.retry_interval
        # Capped before the power, so that a day of failures cannot overflow it.
        doubled = max(self.retry_interval, 1.0) * 2.0 ** min(attempts - self.retry_max, 30)
        return min(doubled, self.backoff_limit) * (0.75 + 0.25 * jitter)


@dataclass(slots=True)
class _Gate:
    """Whether the API as a whole answers; closed, it lets one probe through at a time."""

    failures: int = 0
    until: float = 0.0
    closed_at: float = 0.0
    probing: bool = False
    reason: str = ""

    @property
    def closed(self) -> bool:
        return self.failures > 0


class Delivery:
    """The worker that offers rows until each is settled."""

    def __init__(
        self, outbox: Outbox, api: Api, policy: DeliveryPolicy, clock: Clock, rng: random.Random | None = None
    ) -> None:
        """Takes over `outbox.on_ready`."""
        self._outbox = outbox
        self._api = api
        self._policy = policy
        self._clock = clock
        self._rng = rng or random.Random()
        self._gate = _Gate()
        self._heap: list[tuple[float, int, str]] = []
        self._turn = itertools.count()
        self._due: dict[int, float] = {}
        self._expires: dict[int, float] = {}
        self._window: set[int] = set()
        self._busy: set[str] = set()
        self._wake = asyncio.Event()
        outbox.on_ready = self._ready
        for subject in outbox.subjects():
            self._ready(subject)

    @property
    def trouble(self) -> str:
        """Empty while the API answers, else what was last seen of it."""
        return self._gate.reason if self._gate.closed else ""

    @property
    def in_flight(self) -> int:
        """How many rows are being offered right now."""
        return len(self._busy)

    async def run(self) -> None:
        """Until cancelled, offer what is due."""
        async with asyncio.TaskGroup() as offers:
            while True:
                now = self._clock.now()
                row = self._next(now)
                if row is None:
                    await pause(self._clock, self._pause(now), self._wake)
                    continue
                self._busy.add(row.subject)
                self._gate.probing = self._gate.closed
                offers.create_task(self._offer(row))

    def _ready(self, subject: str) -> None:
        """A row of the subject has reached the disk."""
        self._push(0.0, subject)
        if self._gate.closed:
            # A new failure is worth a look sooner than a long back-off would give it.
            self._gate.until = min(self._gate.until, self._gate.closed_at + self._policy.retry_interval)
        self._wake.set()

    def _push(self, due: float, subject: str) -> None:
        # The count keeps subjects that are due at once in the order in which they came.
        heapq.heappush(self._heap, (due, next(self._turn), subject))

    def _next(self, now: Instant) -> Row | None:
        """The next row to offer now, if any may be offered."""
        room = 1 - self._gate.probing if self._gate.closed else self._policy.concurrency - len(self._busy)
        if room <= 0 or (self._gate.closed and now.monotonic < self._gate.until):
            return None
        while self._heap and self._heap[0][0] <= now.monotonic:
            subject = heapq.heappop(self._heap)[2]
            if subject in self._busy:
                continue
            row, due = self._head(subject, now)
            if row is not None:
                return row
            if due is not None:
                self._push(due, subject)
        return None

    def _head(self, subject: str, now: Instant) -> tuple[Row | None, float | None]:
        """The subject's row that is due, or when the first will be.

        Rows keep their order, except that one which waits for the duplicate window, or which the API
        alone among its neighbours keeps failing on, does not hold up the next failure.
        """
        soonest: float | None = None
        for row in list(self._outbox.deliverable(subject)):
            if self._expired(row, now):
                continue
            due = self._due.get(row.id, 0.0)
            if due <= now.monotonic:
                return row, None
            soonest = due if soonest is None else min(soonest, due)
            if row.id not in self._window and row.attempts <= self._policy.retry_max:
                break
        return None, soonest

    def _pause(self, now: Instant) -> float | None:
        """Seconds until something may be due; None when only an event can bring it."""
        if self._gate.closed:
            if self._gate.probing or not self._heap:
                return None
            return max(self._gate.until, self._heap[0][0]) - now.monotonic
        if not self._heap or len(self._busy) >= self._policy.concurrency:
            return None
        return self._heap[0][0] - now.monotonic

    async def _offer(self, row: Row) -> None:
        generation = self._gate.closed_at
        probe = self._gate.closed
        try:
            if row.id in self._window:
                self._window.discard(row.id)
                row = row.restamped(self._clock.now())
            doubted = row.in_doubt
            offered = replace(row, attempts=row.attempts + 1, in_doubt=True, updated=self._clock.now().wall)
            # Synced the first time: after a power cut nobody could tell an answer "duplicate" to this very row
            # from one to an older report, and the failure would be told a second time.
            if not await self._outbox.mark(offered, durable=not doubted):
                return
            outcome = await self._send(offered)
            self._settle(offered, doubted, outcome, fresh=probe or generation == self._gate.closed_at)
        finally:
            if probe:
                self._gate.probing = False
            self._busy.discard(row.subject)
            self._push(0.0, row.subject)
            self._wake.set()

    async def _send(self, row: Row) -> Outcome:
        try:
            return await self._api.send(row.body)
        except Exception as error:
            LOG.exception(
                "Offering row %d to masakari-api failed in an unforeseen way; it stays pending", row.id
            )
            return Unreachable(f"{type(error).__name__}: {error}", maybe_accepted=True)

    def _settle(self, row: Row, doubted: bool, outcome: Outcome, *, fresh: bool) -> None:
        now = self._clock.now()
        if isinstance(outcome, Unreachable):
            self._unreachable(row, doubted, outcome, now, fresh=fresh)
            return
        if self._gate.closed:
            LOG.warning("masakari-api answers again after %d failed tries", self._gate.failures)
        self._gate = replace(self._gate, failures=0, reason="")
        self._due.pop(row.id, None)
        match outcome:
            case Delivered(answer):
                self._end(row, Status.DELIVERED, answer, now)
            case Duplicate(answer) if doubted or row.reoffered:
                self._end(row, Status.DELIVERED, answer, now)
            case Duplicate(answer):
                # An older report of the same kind swallowed this one: a second, real failure would be lost.
                wait = self._policy.duplicate_window + _WINDOW_MARGIN
                self._due[row.id] = now.monotonic + wait
                self._window.add(row.id)
                # Synced, or a power cut would leave the doubt, and with it the next "duplicate" would pass for ours.
                self._outbox.settle(
                    replace(row, in_doubt=False, answer=answer, updated=now.wall), durable=True
                )
                LOG.warning(
                    "masakari-api took the report about %s for a duplicate although it was never sent before; "
                    "it is sent again in %d s unless the subject recovers",
                    row.subject,
                    wait,
                )
            case Refused(answer, why):
                self._end(row, Status.REFUSED, answer, now)
                if doubted:
                    why += ". It may have arrived at an earlier try, whose answer was lost"
                LOG.error("masakari-api refused the report about %s (%s): %s", row.subject, answer, why)

    def _unreachable(
        self, row: Row, doubted: bool, outcome: Unreachable, now: Instant, *, fresh: bool
    ) -> None:
        in_doubt = doubted or outcome.maybe_accepted
        self._outbox.settle(replace(row, in_doubt=in_doubt, answer=outcome.answer, updated=now.wall))
        jitter = self._rng.random()
        if outcome.row_only:
            self._due[row.id] = now.monotonic + self._policy.delay(row.attempts, jitter)
            LOG.warning("masakari-api failed on the report about %s (%s); kept", row.subject, outcome.answer)
        elif fresh:
            failures = self._gate.failures + 1
            delay = self._policy.backoff_limit if outcome.slow else self._policy.delay(failures, jitter)
            log = LOG.warning if failures == 1 or failures % 10 == 0 else LOG.info
            log(
                "masakari-api cannot be reached (%s), try %d; %d report(s) kept, next try in %.0f s",
                outcome.answer,
                failures,
                sum(1 for _ in self._outbox.subjects()),
                delay,
            )
            self._gate = _Gate(
                failures, now.monotonic + delay, now.monotonic, self._gate.probing, outcome.answer
            )

    def _end(self, row: Row, status: Status, answer: str, now: Instant) -> None:
        self._outbox.settle(replace(row, status=status, in_doubt=False, answer=answer, updated=now.wall))
        self._expires.pop(row.id, None)
        self._due.pop(row.id, None)
        self._window.discard(row.id)
        if status is Status.DELIVERED:
            LOG.info("Delivered the report about %s (try %d): %s", row.subject, row.attempts, answer)

    def _expired(self, row: Row, now: Instant) -> bool:
        if row.id not in self._expires:
            if len(self._expires) > 2 * self._outbox.waiting + 1000:
                # Rows that were withdrawn leave theirs behind.
                self._expires = {key: at for key, at in self._expires.items() if self._outbox.pending(key)}
            # Counted by the monotonic clock from here on: a wall clock that jumps must not expire anything.
            age = max(0.0, (now.wall - row.created).total_seconds())
            self._expires[row.id] = now.monotonic + max(
                self._policy.expiry - age, self._policy.retry_interval
            )
        if now.monotonic < self._expires[row.id]:
            return False
        self._end(row, Status.EXPIRED, row.answer, now)
        LOG.error(
            "The report about %s could not be delivered for %d s and is given up; recover it by hand. Last answer: %s",
            row.subject,
            self._policy.expiry,
            row.answer or "none",
        )
        return True
