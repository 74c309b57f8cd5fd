"""From the outbox to masakari-api: at least once, in order per subject, off the detection path.

In: rows that are on disk. Out: an outcome for each. Bounded concurrency; while the API as a whole
cannot be reached one probe at a time asks for it, so an outage costs neither load nor rows. A row
ends only as delivered, refused, withdrawn or expired; a shadow's as what would have been sent.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import Leave, ReportStatus
from masakarimonitors.masakari_answers import (
    Delivered,
    Duplicate,
    NotSent,
    Outcome,
    Refused,
    Unreachable,
    Wordless,
    WouldBeSent,
)
from masakarimonitors.masakari_api import Api
from masakarimonitors.outbox.delivery import fates
from masakarimonitors.outbox.delivery.arrivals import Arrival, Arrivals
from masakarimonitors.outbox.delivery.breaker import CircuitBreaker
from masakarimonitors.outbox.delivery.fates import FATES, Fate, Presence, answer_of, must_ask
from masakarimonitors.outbox.delivery.held import NOT_ITS_REPORT, PATIENCE, HeldBack
from masakarimonitors.outbox.delivery.line import Line
from masakarimonitors.outbox.delivery.owed import Owed
from masakarimonitors.outbox.delivery.timing import Timing
from masakarimonitors.outbox.explained import RowSeen
from masakarimonitors.outbox.messages import COVERED
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.pace.pacing import Pacing
from masakarimonitors.outbox.pace.stages import Lane
from masakarimonitors.outbox.rows import Row
from masakarimonitors.system.clock import Clock, pause
from masakarimonitors.system.service.log_fields import event

LOG = logging.getLogger(__name__)

# Waited beyond the API's duplicate window, for clocks that differ between hosts (seconds).
_WINDOW_MARGIN = 5.0
# Seconds after which a report of an earlier run is told with the time at which it goes: it was seen to hold since, and
# masakari gives up what is a day old (notifications_expired_interval there).
_OF_OLD = 3600.0
# So many places are never taken by words that the engine only files: a death finds one free.
_KEPT_FREE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
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


class Delivery:
    """The worker that offers rows until each is settled."""

    def __init__(
        self,
        outbox: Outbox,
        api: Api,
        policy: DeliveryPolicy,
        clock: Clock,
        rng: random.Random | None = None,
        *,
        on_settled: Callable[[Row], None] = lambda row: None,
        arrivals: Arrivals | None = None,
        may_offer: Callable[[Row], Leave] = lambda row: Leave.NOW,
        pacing: Pacing | None = None,
        on_fault: Callable[[str], None] = lambda text: None,
        held_patience: float = PATIENCE,
    ) -> None:
        """The only one that takes from `outbox`; `on_settled` is told each row that it brings to an end, in doubt where
        an earlier try of it may have arrived all the same.

        `arrivals` tells whether masakari has a report; without it nobody can. `may_offer` is asked before a row is
        offered, and again on another thread at the moment in which it would leave. `pacing` holds back reports about
        instances that masakari's engine could not work on yet; without it none are. `on_fault`: for people, of a row,
        too, that may not leave for `held_patience` seconds.
        """
        self._outbox = outbox
        self._api = api
        self._policy = policy
        self._clock = clock
        self._rng = rng or random.Random(random.getrandbits(64))
        self._started = clock.now().monotonic
        self._breaker = CircuitBreaker()
        self._line = Line()
        self._owed = Owed()
        self.timing = Timing(policy.expiry, outbox.is_pending)
        """When each row is due, and when it is given up."""
        self._busy: dict[str, bool] = {}  # whether the engine only files it
        self._on_settled = on_settled
        self._held = HeldBack(outbox, on_fault, held_patience, may_offer)
        self._arrivals = arrivals or Arrivals()
        self.pacing = pacing or Pacing(outbox, clock)
        """Who waits for masakari's engine, and what stands there."""
        # One event for all: rows have become ready, an offer has ended, a look at masakari has.
        self._wake = outbox.news

    @property
    def shut(self) -> str:
        """Empty while reports may leave, else what was last seen of the API, for which all of them wait.

        With nothing to offer nobody asks any more, and what was last seen says nothing of now: nor where all that waits
        is silenced, for days perhaps.
        """
        return self._breaker.reason if self._breaker.open and self._asks() else ""

    @property
    def trouble(self) -> str:
        """The same, or why the last report has no verdict yet: that keeps no other one from leaving."""
        if self.shut or not self._outbox.waiting:
            return self.shut
        return self._owed.told(
            self._clock.now().monotonic, lambda row_id: self._is_wanted(self._outbox.pending_row(row_id))
        )

    def _asks(self) -> bool:
        """Whether a report waits that may be offered and that nobody has silenced."""
        subjects = self._outbox.subjects()
        return any(self._is_wanted(next(self._outbox.deliverable(subject), None)) for subject in subjects)

    def _is_wanted(self, row: Row | None) -> bool:
        """Whether it waits and is not silenced now: while masakari-api is away, it is asked about every few minutes."""
        return row is not None and self._held.may_offer(row) is not Leave.SILENCED

    @property
    def in_flight(self) -> int:
        """How many rows are being offered right now."""
        return len(self._busy)

    def seen(self, subject: str, now: Instant) -> list[RowSeen]:
        """The subject's reports that wait, oldest first, and what stands in the way of each at this moment."""
        free = {row.id for row in self._outbox.deliverable(subject)}
        unconfirmed = {row.id for row in self._outbox.unconfirmed(subject)}
        paced = {one.row: one.why for one in self.pacing.waiting() if one.subject == subject}
        return [
            RowSeen(
                row=row,
                written=row.id in free | unconfirmed,
                unkept=self._outbox.fault or ("" if self._outbox.keeps else self._outbox.where),
                unconfirmed=row.id in unconfirmed,
                trouble=self.shut,
                shut_until=self._breaker.until if self._breaker.open else None,
                asked=self._breaker.probing,
                paced=paced.get(row.id, ""),
                leave=self._held.may_offer(row),
                due=self.timing.due(row.id),
                window=self.timing.in_window(row.id),
                expires=self.timing.expires(row, now.monotonic),
            )
            for row in self._outbox.of(subject)
        ]

    async def run(self) -> None:
        """Until cancelled, offer what is due."""
        self.pacing.start()
        async with asyncio.TaskGroup() as offers:
            while True:
                for subject in self._outbox.take_ready():
                    self._ready(subject)
                now = self._clock.now()
                self.pacing.lapse(now)
                row = self._next(now)
                self.pacing.tell_covered()
                for hostname in self.pacing.begin_looks(now, idle=self._is_shut(now)):
                    offers.create_task(self.pacing.look(hostname))
                if row is None:
                    await pause(self._clock, self._pause(now), self._wake)
                    continue
                self._busy[row.subject] = row.is_filed
                # Decided once: an answer to an older offer may close the breaker before this one has begun.
                self._breaker.probing = probe = self._breaker.open
                offers.create_task(self._offer(row, probe=probe))

    def is_in_flight(self, subject: str) -> bool:
        """Whether a row of that subject is being offered right now."""
        return subject in self._busy

    def hurry(self, row: Row) -> None:
        """Wait for nothing that only time would end before the row is offered: the pause after a try that failed."""
        self.timing.answered(row.id)
        self._breaker.until = min(self._breaker.until, self._clock.now().monotonic)
        self._push(0.0, row.subject)
        self._wake.set()

    def give_up(self, row: Row, answer: str) -> None:
        """End a pending row undelivered, because a person wants it; `answer` says who, and why."""
        self._end(row, ReportStatus.WITHDRAWN, answer, self._clock.now(), durable=True)

    def _ready(self, subject: str) -> None:
        """A row of the subject has reached the disk."""
        self._push(0.0, subject)
        if self._breaker.open:
            # A new failure is worth a look sooner than a long back-off would give it.
            self._breaker.until = min(
                self._breaker.until, self._breaker.opened_at + self._policy.retry_interval
            )

    def _push(self, due: float, subject: str) -> None:
        # The first one tells: what the engine acts on stands before what it only files.
        first = next(self._outbox.deliverable(subject), None)
        self._line.push(due, subject, filed=first is not None and first.is_filed)

    def _next(self, now: Instant) -> Row | None:
        """The next row to offer now, if any may be offered."""
        if not self._has_room() or self._is_shut(now):
            return None
        while (subject := self._due_subject(now)) is not None:
            if subject in self._busy:
                continue
            row, due = self._head(subject, now)
            if row is None:
                if due is not None:
                    self._push(due, subject)
            elif not self._may_leave(row):
                self._push(0.0, subject)
            elif row.is_filed and not self._may_file():
                self._line.push(0.0, subject, filed=True)
            elif self._admitted(row, now):
                return row
        return None

    def _due_subject(self, now: Instant) -> str | None:
        """What is acted on first, and of that what has waited: the look that lets it go is soon too old."""
        acted_on = self.pacing.next_subject(now, Lane.RECOVERED) or self._line.pop(now.monotonic, filed=False)
        if acted_on is not None or not self._may_file():
            return acted_on
        return self._line.pop(now.monotonic, filed=True) or self.pacing.next_subject(now, Lane.FILED)

    def _may_file(self) -> bool:
        """Whether a place is free for one more word that the engine only files."""
        return sum(self._busy.values()) < max(1, self._policy.concurrency - _KEPT_FREE)

    def _may_leave(self, row: Row) -> bool:
        """Whether its monitor lets it leave.

        Asked before it takes a place or a turn: what is held for hours, and asked about every few seconds, would have
        every one of them, and whoever died meanwhile none.
        """
        if self._held.may_offer(row) is Leave.NOW:
            return True
        self._not_now(row)
        return False

    def _admitted(self, row: Row, now: Instant) -> bool:
        """Whether the row may be offered; one that is recovered with its whole host ends here."""
        ruling = self.pacing.admit(row, now)
        if not ruling.covered_by:
            return ruling.hold is None
        self._end(row, ReportStatus.WITHDRAWN, COVERED.format(uuid=ruling.covered_by), now)
        self.pacing.covered(row, ruling.covered_by)
        self._push(0.0, row.subject)
        return False

    def _head(self, subject: str, now: Instant) -> tuple[Row | None, float | None]:
        """The subject's row that is due, or when the first will be.

        Rows keep their order, except that one which waits for the duplicate window, or which the API alone among its
        neighbours keeps failing on, does not hold up the next failure. Of what is unconfirmed only the time runs.
        """
        # What its monitor makes of the end of one may take back the next.
        waiting = [row for row in self._outbox.unconfirmed(subject) if not self._expired(row, now)]
        waiting = [row for row in waiting if self._outbox.is_pending(row.id)]
        soonest = min((self.timing.expires(row, now.monotonic) for row in waiting), default=None)
        for row in list(self._outbox.deliverable(subject)):
            if not self._outbox.is_pending(row.id) or self._expired(row, now):
                continue
            due = self.timing.due(row.id)
            if due <= now.monotonic:
                return row, None
            soonest = due if soonest is None else min(soonest, due)
            if not self.timing.in_window(row.id) and row.attempts <= self._policy.retry_max:
                break
        return None, soonest

    def _pause(self, now: Instant) -> float | None:
        """Seconds until something may be due; None when only an event can bring it."""
        shut = self._is_shut(now)
        moments = [self.pacing.look_due(idle=shut)]
        if shut and not self._breaker.probing and self._outbox.waiting:
            moments.append(self._breaker.until)  # what waits for a look has it then
        if self._has_room():
            filed = self._may_file()
            rows = [self._line.first_due(filed=filed), self.pacing.row_due(filed=filed)]
            moments += [max(moment, self._breaker.until) for moment in rows if moment is not None]
        known = [moment for moment in moments if moment is not None]
        return min(known) - now.monotonic if known else None

    def _is_shut(self, now: Instant) -> bool:
        """Whether nothing may be offered, since the API takes nothing: no look at it could let anything go."""
        return self._breaker.open and (self._breaker.probing or now.monotonic < self._breaker.until)

    def _has_room(self) -> bool:
        """Whether a place is free for one more offer, now or when the pause of the breaker is over."""
        if self._breaker.open:
            return not self._breaker.probing
        return len(self._busy) < self._policy.concurrency

    async def _offer(self, row: Row, *, probe: bool) -> None:
        generation = self._breaker.opened_at
        uuid, host_uuid = "", ""
        try:
            if self.timing.leave_window(row.id):
                row = row.restamped(self._clock.now())
            if self._held.may_offer(row) is not Leave.NOW:
                self._not_now(row)
                return
            if (self._held.leave_silence(row) or self._is_of_old(row)) and not row.in_doubt:
                # Made a day ago perhaps, which masakari would give up as too old. One that may have arrived is known
                # again by its time alone.
                row = row.restamped(self._clock.now())
            self._held.let_go(row)
            doubted = row.in_doubt
            offered = replace(row, attempts=row.attempts + 1, in_doubt=True, updated=self._clock.now().wall)
            # Synced the first time: after a power cut nobody could tell an answer "duplicate" to this very row
            # from one to an older report, and the failure would be told a second time.
            if not await self._outbox.mark(offered, durable=not doubted):
                return
            outcome = await self._send(offered)
            if isinstance(outcome, Wordless):
                outcome = await self._look_up(offered, outcome)
            if isinstance(outcome, NotSent):
                self._not_now(row, durable=not doubted)
            elif isinstance(outcome, Unreachable):
                fresh = probe or generation == self._breaker.opened_at
                self._unreachable(offered, doubted, outcome, self._clock.now(), fresh=fresh)
            elif isinstance(outcome, WouldBeSent):
                self._end(offered, ReportStatus.WOULD_BE_SENT, outcome.answer, self._clock.now())
            else:
                uuid = await self._settle(offered, doubted, outcome)
                host_uuid = outcome.host_uuid if isinstance(outcome, Delivered) else ""
        finally:
            self.pacing.answered(row, uuid, host_uuid)
            if probe:
                self._breaker.probing = False
            del self._busy[row.subject]
            self._push(0.0, row.subject)
            self._wake.set()

    def _is_earlier(self, row: Row) -> bool:
        """Whether it is of an earlier run, whose last words of it a disk may not have taken: it may have told it."""
        return row.monotonic <= self._started

    def _is_of_old(self, row: Row) -> bool:
        """Whether it is of an earlier run, and old: silenced in that, perhaps, which nobody remembers."""
        return self._is_earlier(row) and self._clock.now().monotonic - row.monotonic >= _OF_OLD

    def _not_now(self, row: Row, *, durable: bool = False) -> None:
        """It has not left: as it was before it was tried, or ended where no decision would take it back any more.

        `durable`: the disk says by now that it may have arrived, and is to say that it has not.
        """
        now = self._clock.now()
        leave = self._held.may_offer(row)
        if not self._outbox.is_pending(row.id):
            self._held.let_go(row)
        elif leave is Leave.SILENCED:
            for waiting in (row, *self._outbox.of(row.subject)):
                # The next ones are not asked about before this one has left.
                self.timing.put_off(waiting, now.monotonic)
            self.timing.wait(row.id, self._held.silence(row, now.monotonic))
            self._keep_as_was(row, durable=durable)
        elif leave is Leave.NEVER:
            about = event("report.withdrawn", subject=row.subject, report_id=row.id, reason=NOT_ITS_REPORT)
            LOG.warning("Took back the report about %s: %s", row.subject, NOT_ITS_REPORT, extra=about)
            self._outbox.take_back(row, NOT_ITS_REPORT, now)
            self._forget(row)
        else:
            self.timing.wait(row.id, self._held.hold(row, now.monotonic))
            self._keep_as_was(row, durable=durable)

    def _keep_as_was(self, row: Row, *, durable: bool) -> None:
        if durable or self._outbox.pending_row(row.id) != row:
            self._outbox.settle(row, durable=durable)

    async def _send(self, row: Row) -> Outcome:
        def may_send() -> bool:
            # It may have been taken back while a token was asked for.
            return self._outbox.is_pending(row.id) and self._held.may_offer(row) is Leave.NOW

        self._owed.begin(row.id, self._clock.now().monotonic)
        outcome: Outcome = NotSent()
        try:
            outcome = await self._api.send(row.body, may_send)
        except Exception as error:
            LOG.exception(
                "Offering row %d to masakari-api failed in an unforeseen way; it stays pending", row.id
            )
            outcome = Unreachable(f"{type(error).__name__}: {error}", maybe_accepted=True)
        finally:
            answered = not isinstance(outcome, NotSent | Unreachable)
            answer = outcome.answer if isinstance(outcome, Unreachable) else ""
            self._owed.end(row.id, answer=answer, answered=answered)
        return outcome

    async def _look_up(self, row: Row, outcome: Wordless) -> Outcome:
        """What such an answer means: offered again, it would have the same answer for as long as it is offered."""
        arrival = await self._arrivals.look(row, self._clock.now())
        words = f"{outcome.answer} ({arrival.evidence})"
        if arrival.presence is Presence.THERE:
            return Delivered(words, arrival.uuid)
        return replace(outcome, answer=words)

    async def _settle(self, row: Row, doubted: bool, outcome: Delivered | Duplicate | Refused) -> str:
        """The row's fate; masakari's uuid of it if it has it, as far as that is known."""
        self._answered()
        answer = answer_of(outcome, row)
        arrival = Arrival(Presence.NEVER_OFFERED, "")
        if must_ask(answer, row, doubted=doubted or self._is_earlier(row)):
            arrival = await self._arrivals.look(row, self._clock.now())
            if arrival.presence is Presence.UNKNOWN and not doubted:
                arrival = replace(arrival, presence=Presence.NEVER_OFFERED)
        now = self._clock.now()
        words = f"{outcome.answer} ({arrival.evidence})" if arrival.evidence else outcome.answer
        self.timing.answered(row.id)
        match FATES[answer, arrival.presence]:
            case Fate.DELIVERED:
                uuid = outcome.uuid if isinstance(outcome, Delivered) else arrival.uuid
                unseen = arrival.presence is Presence.UNKNOWN and not uuid
                followed = (row.unseen if unseen else uuid) if row.is_acted_on else ""
                self._end(replace(row, followed=followed), ReportStatus.DELIVERED, words, now)
                return uuid
            case Fate.SWALLOWED:
                self._wait_for_window(row, words, now)
            case Fate.NEEDLESS:
                self._end(row, ReportStatus.WITHDRAWN, f"{fates.EXPECTED}: {words}", now)
                about = event("report.withdrawn", subject=row.subject, report_id=row.id, answer=words)
                LOG.info(fates.BACK_IN_SERVICE, row.subject, outcome.answer, extra=about)
            case Fate.REFUSED:
                unknown = doubted and arrival.presence is not Presence.ABSENT
                self._end(row, ReportStatus.REFUSED, words, now, doubted=unknown)
                why = outcome.why if isinstance(outcome, Refused) else ""
                if unknown:
                    why += ". It may have arrived at an earlier try, whose answer was lost"
                about = event(
                    "report.refused", subject=row.subject, report_id=row.id, answer=words, reason=why
                )
                LOG.error(
                    "masakari-api refused the report about %s (report %d, %s): %s",
                    row.subject,
                    row.id,
                    words,
                    why,
                    extra=about,
                )
        return ""

    def _answered(self) -> None:
        """The API as a whole answers: whoever waits for it may go on."""
        if self._breaker.open:
            LOG.warning("masakari-api answers again after %d failed tries", self._breaker.failures)
            self._wake.set()
        self._breaker = replace(self._breaker, failures=0, reason="")
        self._owed.answered()

    def _wait_for_window(self, row: Row, answer: str, now: Instant) -> None:
        """An older report of the same kind hides this one: left at that, a second, real failure would be lost."""
        wait = self._policy.duplicate_window + _WINDOW_MARGIN
        self.timing.wait(row.id, now.monotonic + wait, window=True)
        # Synced, or a power cut would leave the doubt, and with it the next "duplicate" would pass for ours.
        self._outbox.settle(replace(row, in_doubt=False, answer=answer, updated=now.wall), durable=True)
        log = LOG.info if row.reoffered else LOG.warning
        log(
            "masakari-api took the report about %s for a duplicate although this failure is not among its "
            "notifications; it is sent again every %d s until it is taken or the subject recovers",
            row.subject,
            wait,
        )

    def _unreachable(
        self, row: Row, doubted: bool, outcome: Unreachable, now: Instant, *, fresh: bool
    ) -> None:
        in_doubt = doubted or outcome.maybe_accepted
        # Synced where the doubt is over, as for the window.
        kept = replace(row, in_doubt=in_doubt, answer=outcome.answer, updated=now.wall)
        self._outbox.settle(kept, durable=not in_doubt)
        jitter = self._rng.random()
        if outcome.row_only:
            self.timing.wait(row.id, now.monotonic + self._policy.delay(row.attempts, jitter))
            if self._breaker.open:
                # Whether it takes others is not known yet; but it is not what was seen before that keeps this one.
                self._breaker = replace(self._breaker, reason=outcome.answer)
            about = event("report.kept", subject=row.subject, report_id=row.id, answer=outcome.answer)
            LOG.warning(
                "masakari-api failed on the report about %s (report %d, try %d: %s); kept",
                row.subject,
                row.id,
                row.attempts,
                outcome.answer,
                extra=about,
            )
        elif fresh:
            failures = self._breaker.failures + 1
            delay = self._policy.backoff_limit if outcome.slow else self._policy.delay(failures, jitter)
            log = LOG.warning if failures == 1 or failures % 10 == 0 else LOG.info
            log(
                "masakari-api cannot be reached (%s), try %d; %d report(s) kept, next try in %.0f s",
                outcome.answer,
                failures,
                sum(1 for _ in self._outbox.subjects()),
                delay,
            )
            self._breaker = self._breaker.failed(outcome.answer, now.monotonic, delay)

    def _end(
        self,
        row: Row,
        status: ReportStatus,
        answer: str,
        now: Instant,
        *,
        durable: bool = False,
        doubted: bool = False,
    ) -> None:
        ended = replace(row, status=status, in_doubt=False, answer=answer, updated=now.wall)
        self._outbox.settle(ended, durable=durable)
        self._forget(row)
        try:
            self._on_settled(replace(ended, in_doubt=doubted))
        except Exception:  # it has ended whatever anybody makes of that
            LOG.exception("That the report about %s has ended could not be told to its monitor", row.subject)
        if status is ReportStatus.DELIVERED:
            about = event(
                "report.delivered",
                subject=row.subject,
                report_id=row.id,
                notification_id="" if row.is_unseen else row.followed,
                answer=answer,
                reason=row.why,
            )
            LOG.info(
                "Delivered the report about %s (report %d, try %d): %s",
                row.subject,
                row.id,
                row.attempts,
                answer,
                extra=about,
            )

    def _forget(self, row: Row) -> None:
        self.timing.forget(row.id)
        self._held.let_go(row)

    def _expired(self, row: Row, now: Instant) -> bool:
        if not self._outbox.is_pending(row.id) or not self.timing.is_over(row, now.monotonic):
            return False
        self._end(row, ReportStatus.EXPIRED, row.answer, now, doubted=row.in_doubt)
        LOG.error(
            "The report about %s (report %d) could not be delivered for %d s and is given up; recover it by hand. Last "
            "answer: %s",
            row.subject,
            row.id,
            self._policy.expiry,
            row.answer or "none",
            extra=event("report.expired", subject=row.subject, report_id=row.id, answer=row.answer),
        )
        return True
