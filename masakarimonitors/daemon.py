"""The one loop that every monitor runs in: inbox, decide, act, stop.

In: observations from sources, answers from effects, wake-ups. Each goes through the monitor's pure
`decide`, one after another. Out: notifications, withdrawals and remembered values to the outbox (in
one transaction per decision), other commands to the monitor's effects, verdicts to the log and the
status. Every task is supervised: one that fails is started again with backoff, and says so.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Generic

from masakarimonitors.core.decision import (
    JSON,
    Command,
    Instant,
    Notify,
    Remember,
    Ruling,
    Verdict,
    WakeAt,
    Withdraw,
    Woken,
)
from masakarimonitors.core.explained import Explained, Standing, Standings
from masakarimonitors.core.notification import Leave, ReportStatus, Settled
from masakarimonitors.core.rehearsal.written import write
from masakarimonitors.core.silences.silence import as_json
from masakarimonitors.monitor import Made, Monitor, O, S, Source
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.rows import Row
from masakarimonitors.outbox.unconfirmed import PATIENCE, UnconfirmedReports
from masakarimonitors.status.health import Sight, Unreported, View
from masakarimonitors.status.model import Grid, Record, SubjectRow
from masakarimonitors.system.clock import Clock
from masakarimonitors.system.service.log_fields import event
from masakarimonitors.system.tasks import apart

LOG = logging.getLogger(__name__)

# A source that keeps failing is started again after 1, 2, 4 ... at most 60 s: soon enough to matter,
# seldom enough not to be busy.
_FIRST_RESTART = 1.0
_LAST_RESTART = 60.0
_DAY = 86400.0

DROPPED = "report dropped"
"""The state of a subject whose report a person has dropped, beside its own."""

# Observations taken in one go before other tasks may run.
_BATCH = 64
# What stands in the place of a source where none has seen it.
_TIME, _ANSWER, _DELIVERY, _START, _PERSON = "time", "effects", "delivery", "start", "a person"


def _is_cancelled() -> bool:
    """Whether this task itself is to end; a CancelledError may also come out of what it waited for."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _end_of(row: Row) -> Settled | None:
    """That it has ended, as its monitor is told; None of one that says nothing known."""
    if row.notification is None:
        return None
    # A shadow goes on as if masakari had taken what it would have sent.
    status = ReportStatus.DELIVERED if row.status is ReportStatus.WOULD_BE_SENT else row.status
    return Settled(
        row.subject, row.notification, status, made_at=row.made_at, answer=row.answer, doubted=row.in_doubt
    )


class Daemon(Generic[S, O]):
    """Runs one monitor until it is cancelled."""

    def __init__(self, monitor: Monitor[S, O], outbox: Outbox, clock: Clock, record: Record) -> None:
        """The outbox must be open; its writer and the delivery run elsewhere."""
        self._monitor = monitor
        self._outbox = outbox
        self._clock = clock
        self._record = record
        # Each with the name of who has seen it.
        self._inbox: asyncio.Queue[tuple[str, O | Woken]] = asyncio.Queue()
        self._state = monitor.state
        self._ended = False
        # While it runs.
        self._tasks: asyncio.TaskGroup | None = None
        self._alarms: dict[str, asyncio.Task[None]] = {}
        self._unreported: dict[str, Unreported] = {}
        self._dropped: dict[str, Unreported] = {}
        outbox.watch_unsent(self._unsent)
        self._unconfirmed = UnconfirmedReports(
            outbox,
            lambda report, now: monitor.judge_unconfirmed(self._state, report, now),
            clock.now(),
            self._forgotten,
            self.is_well,
            self.settled,
        )

    def subjects(self) -> Sequence[SubjectRow]:
        """What the monitor watches, as it stands now, its reports of the last life that nobody has confirmed, and those
        that a person has dropped."""
        now = self._clock.now()
        for subject, told in list(self._dropped.items()):
            if now.monotonic - told.at.monotonic > _DAY or self.is_well(subject):
                del self._dropped[subject]
        return [
            *self._unconfirmed.describe(now),
            *(
                SubjectRow(one.subject, DROPPED, f"{one.seen}; it is offered no more")
                for one in self._dropped.values()
            ),
            *self._monitor.describe(self._state),
        ]

    def grid(self) -> Grid | None:
        """How each subject is seen by each way; None where there is one way alone."""
        try:
            return self._monitor.grid(self._state)
        except Exception:  # nobody who looks may end what watches
            LOG.exception("%s could not tell how each way sees what it watches", self._monitor.name)
            return None

    @property
    def state(self) -> S:
        """As it stands now."""
        return self._state

    def fleet(self) -> dict[str, JSON] | None:
        """How the monitors of other hosts stand beside this one; None where they tell it nothing."""
        try:
            return self._monitor.fleet(self._state)
        except Exception:  # nobody who looks may end what watches
            LOG.exception("%s could not tell how the monitors of other hosts are", self._monitor.name)
            return None

    def explain(self, subject: str, now: Instant) -> Explained | None:
        """How that subject stands at this moment, and what is between it and masakari; None where it is not known."""
        try:
            told = self._monitor.explain(self._state, subject, now)
            if told is not None:
                return told
            # A driver of others' that does not explain itself shows rows all the same.
            row = next((row for row in self.subjects() if row.subject == subject), None)
        except Exception as error:  # nobody who asks may end what watches
            LOG.exception("%s could not explain %s", self._monitor.name, subject)
            return Explained(
                subject=subject, standing=Standing.UNSEEN, why=f"a fault of this program: {error!r}"
            )
        if row is None:
            return None
        standing = Standing.SUSPECTED if row.alarm else Standing.WELL
        return Explained(
            subject=subject, standing=standing, why="; ".join(filter(None, (row.state, row.detail)))
        )

    def count(self, now: Instant) -> Standings:
        """How many of what the monitor watches stand where; nothing where a fault of this program keeps it from it."""
        try:
            return self._monitor.count(self._state, now)
        except Exception:  # nobody who looks may end what watches
            LOG.exception("%s could not count what it watches", self._monitor.name)
            return {}

    def reports(self, now: Instant) -> bool | None:
        """Whether this monitor is the one that reports, where one is elected; None where none is, or nobody knows."""
        try:
            return self._monitor.reports(self._state, now)
        except Exception:
            LOG.exception("%s could not say whether it reports", self._monitor.name)
            return None

    def silences(self) -> Sequence[JSON]:
        """The silences that hold, for programs."""
        if self._monitor.silences is None:
            return ()
        held = self._monitor.silences(self._state).holding
        return [{**as_json(kept.silence), "ends": kept.end.wall.isoformat()} for kept in held]

    def whole(self, now: Instant) -> Callable[[], dict[str, JSON]] | None:
        """What writes down all that it goes by at this moment, on whichever thread; None where it does not tell."""
        rules, kinds = self._monitor.rules, self._monitor.kinds
        if kinds is None:
            return None
        state, silences = self._monitor.within(self._state), list(self.silences())

        def written() -> dict[str, JSON]:
            hidden = kinds().words.hidden
            told = {"now": write(now), "rules": write(rules, hidden), "state": write(state, hidden)}
            return {**told, "silences": silences}

        return written

    def views(self, now: Instant) -> Sequence[View] | None:
        """What its sources see; None where they do not tell."""
        if self._monitor.views is None:
            return None
        try:
            return self._monitor.views(self._state, now)
        except Exception as error:  # what cannot be said is not known to be well
            LOG.exception("%s could not say what it sees", self._monitor.name)
            return [View(self._monitor.name, Sight.UNKNOWN, f"a fault of this program: {error!r}")]

    def unreported(self, since: float) -> Sequence[Unreported]:
        """The failures that masakari has not taken since that monotonic second, and neither was told of later, nor are
        they seen to be over."""
        for subject, told in list(self._unreported.items()):
            if told.at.monotonic < since or self.is_well(subject):
                del self._unreported[subject]
        return list(self._unreported.values())

    def may_offer(self, row: Row) -> Leave:
        """Whether the monitor lets that report leave at this moment; safe to ask on any thread.

        Times go on while this process stands still, and a decision that takes the report back may only be due.
        """
        # The monitor knows it by the time at which it made it.
        told = row.as_made
        if self._ended:
            return Leave.LATER
        return Leave.NOW if told is None else self._monitor.may_offer(self._state, told, self._clock.now())

    def settled(self, row: Row) -> None:
        """One of its reports has ended: the monitor is told, and people when it was not delivered.

        What the monitor makes of that is decided at once, and so stands in the same transaction as the end: a process
        that is killed in between would leave a report that has ended and that its monitor takes for one that waits,
        and nobody would offer it again.
        """
        now = self._clock.now()
        if row.status in (ReportStatus.REFUSED, ReportStatus.EXPIRED):
            told = f"the report about {row.subject} was {row.status.value}: {row.answer}"
            self._record.fault(told, now)
            self._unreported[row.subject] = Unreported(subject=row.subject, seen=told, at=now)
        elif row.status is ReportStatus.WITHDRAWN or row.is_acted_on or row.says_back:
            # What the engine only files has nobody recover what failed before it.
            self._unreported.pop(row.subject, None)
            if row.status is ReportStatus.DELIVERED:
                self._dropped.pop(row.subject, None)
        ended = _end_of(row)
        if ended is None:
            return
        observation = self._monitor.settled(ended, now)
        if observation is None:
            return
        if self._tasks is None:
            self._hear(_DELIVERY, observation)
        else:
            self._judge(_DELIVERY, observation, self._tasks)

    def _unsent(self, row: Row) -> None:
        """A decision is being carried out that takes it back: what its monitor makes of that is the next one."""
        ended = _end_of(row)
        try:
            observation = self._monitor.unsent(ended, self._clock.now()) if ended is not None else None
        except Exception:  # the rest of that decision is carried out whatever anybody makes of this
            LOG.exception(
                "That a report about %s was never sent could not be told to its monitor", row.subject
            )
            return
        if observation is not None:
            self._hear(_DELIVERY, observation)

    def dropped(self, verdict: Verdict) -> None:
        """A person has dropped the report about a subject: told as each ruling, and shown while it is not well."""
        now = self._clock.now()
        self._dropped[verdict.subject] = Unreported(subject=verdict.subject, seen=verdict.why, at=now)
        self._tell(verdict, now, _PERSON)

    def _forgotten(self, row: Row, told: str) -> None:
        """A report of the last life was withdrawn, and that its subject is well was not seen."""
        if row.is_acted_on:
            self._unreported[row.subject] = Unreported(subject=row.subject, seen=told, at=self._clock.now())

    def is_well(self, subject: str) -> str:
        """Why that subject needs nobody any more, as the monitor sees it now; empty if it does, or nobody knows."""
        try:
            return self._monitor.is_well(self._state, subject)
        except Exception:  # nothing is well because of a bug
            LOG.exception("%s could not say whether %s is well", self._monitor.name, subject)
            return ""

    async def run(self) -> None:
        """Until cancelled; a bug in a decision is logged and the state kept, never silently passed over."""
        self._ended = False
        async with asyncio.TaskGroup() as tasks:
            for source in self._monitor.sources:
                tasks.create_task(self._keep_running(source))
            self._tasks = tasks
            self._review()
            tasks.create_task(self._review_late())
            tasks.create_task(self._hear_of_ends())
            try:
                taken = 0
                while True:
                    seen_by, observation = await self._inbox.get()
                    self._judge(seen_by, observation, tasks)
                    taken += 1
                    if taken % _BATCH == 0:
                        await asyncio.sleep(0)
            finally:
                # From now on its sources give up by what right it reports, and nobody hears of that any more.
                self._ended, self._tasks = True, None
                self._take_leave()
                await self._monitor.close()

    def _take_leave(self) -> None:
        """Nothing is decided any more: what the next life should find is kept by the last words of the outbox."""
        try:
            self._outbox.submit(self._monitor.at_end(self._state), self._clock.now())
        except Exception:  # the next life finds what a kill would have left
            LOG.exception("%s could not say what its next life should find", self._monitor.name)

    def _hear(self, source: str, observation: O | Woken) -> None:
        self._inbox.put_nowait((source, observation))

    async def _hear_of_ends(self) -> None:
        """What has become of reports of which the last life did not note it: an earlier release did not do so in one
        transaction with their end, or not at all."""
        while made := self._awaited_ends():
            ended = await self._outbox.ended(made)
            if ended is not None:
                for row in ended:
                    self.settled(row)
                return
            await self._clock.sleep(_LAST_RESTART)

    def _awaited_ends(self) -> Collection[Made]:
        try:
            return self._monitor.awaits_ends(self._state)
        except Exception as error:  # a bug in what is only asked once must not end what watches
            LOG.exception("%s could not say which ends it awaits", self._monitor.name)
            self._record.defect(f"which ends it awaits cannot be said: {error!r}", self._clock.now())
            return ()

    def _judge(self, source: str, observation: O | Woken, tasks: asyncio.TaskGroup) -> None:
        before = self._state
        told = self._take(source, observation, tasks)
        if self._state is not before:
            self._review()
        if told:
            self._record.changed()

    def _take(self, source: str, observation: O | Woken, tasks: asyncio.TaskGroup) -> bool:
        """Whether anything follows that somebody is told of: most of what is seen proves once more what is known."""
        now = self._clock.now()
        try:
            self._state, decision = self._monitor.decide(self._state, observation, now)
        except Exception as error:
            LOG.exception("%s could not judge %r; its state is unchanged", self._monitor.name, observation)
            self._record.defect(f"a decision failed: {error!r}", now)
            return False
        # Notifications first: an act that follows from the same decision must not overtake them.
        made = {row.subject: row.id for row in self._outbox.submit(decision.commands, now)}
        for command in decision.commands:
            if isinstance(command, WakeAt):
                self._wake_at(command, tasks, now)
            elif not isinstance(command, Notify | Withdraw | Remember):
                tasks.create_task(self._perform(command))
        for verdict in decision.verdicts:
            report = made.get(verdict.subject) if verdict.ruling is Ruling.REPORTED else None
            self._tell(verdict, now, source, type(observation).__name__, report)
        return bool(decision.verdicts) or any(not isinstance(one, WakeAt) for one in decision.commands)

    def _review(self) -> None:
        """What waits of the last life, in the light of the state as it is now: confirmed, withdrawn, or kept."""
        now = self._clock.now()
        for verdict in self._unconfirmed.review(now):
            self._tell(verdict, now, _START)

    async def _review_late(self) -> None:
        """Time releases nothing; it only tells people of what still waits. What is read later is judged then."""
        await self._clock.sleep(PATIENCE)
        self._review()
        while True:
            await self._outbox.late_news.wait()
            self._outbox.late_news.clear()
            self._review()

    def _tell(
        self, verdict: Verdict, now: Instant, source: str, seen: str = "", report: int | None = None
    ) -> None:
        """`source` has seen `seen`, of which it was made; `report`: the number of the one that was made with it."""
        self._record.verdict(verdict, now, source=source, seen=seen, report=report)
        log = LOG.warning if verdict.alarm else LOG.info
        evidence = f" [{verdict.evidence}]" if verdict.evidence else ""
        number = f" (report {report})" if report is not None else ""
        about = event(
            "verdict",
            monitor=self._monitor.name,
            subject=verdict.subject,
            ruling=verdict.ruling.value,
            reason=verdict.why,
            **({} if report is None else {"report_id": report}),
        )
        log(
            "%s %s: %s%s%s", verdict.subject, verdict.ruling.value, verdict.why, evidence, number, extra=about
        )

    def _wake_at(self, command: WakeAt, tasks: asyncio.TaskGroup, now: Instant) -> None:
        earlier = self._alarms.pop(command.key, None)
        if earlier is not None:
            earlier.cancel()
        if command.at is not None:
            self._alarms[command.key] = tasks.create_task(self._wake(command.key, command.at - now.monotonic))

    async def _wake(self, key: str, seconds: float) -> None:
        await self._clock.sleep(seconds)
        if self._alarms.get(key) is asyncio.current_task():
            del self._alarms[key]
        self._hear(_TIME, Woken(key))

    async def _perform(self, command: Command) -> None:
        if self._monitor.effects is None:
            LOG.error("%s has no way to carry out %r", self._monitor.name, command)
            return
        try:
            answer = await self._monitor.effects.perform(command)
        except Exception as error:
            # Effects answer with an observation even when they fail; reaching this is a bug.
            LOG.exception("%s could not carry out %r", self._monitor.name, command)
            self._record.defect(f"{type(command).__name__} failed: {error!r}", self._clock.now())
            return
        if answer is not None:
            self._hear(_ANSWER, answer)

    async def _keep_running(self, source: Source[O]) -> None:
        delay = _FIRST_RESTART
        while True:
            started = self._clock.now()
            self._record.source(source.name, "running", "", started)
            try:
                await apart(source.run(partial(self._hear, source.name)))
                seen = "it ended by itself"
            except asyncio.CancelledError:
                if _is_cancelled():
                    raise
                seen = "something that it waited for was cancelled"
                LOG.exception("The source %s of %s failed", source.name, self._monitor.name)
            except Exception as error:
                seen = f"{type(error).__name__}: {error}"
                LOG.exception("The source %s of %s failed", source.name, self._monitor.name)
            now = self._clock.now()
            if now.monotonic - started.monotonic > _LAST_RESTART:
                delay = _FIRST_RESTART
            LOG.error(
                "%s is blind on %s (%s); it is started again in %.0f s",
                self._monitor.name,
                source.name,
                seen,
                delay,
            )
            self._record.source(source.name, "failed", seen, now)
            await self._clock.sleep(delay)
            delay = min(delay * 2, _LAST_RESTART)
