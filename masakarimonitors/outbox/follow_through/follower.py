"""What becomes of the reports that masakari has: each is looked at until masakari has ended with it, and told of.

In: rows that were delivered, and masakari's words about them, by its own looks or by those of the pacing. Out: log
lines, rows of the status, and the row's answer in the outbox. It promises: few requests (`FollowPolicy` says how few),
nothing said that no look has shown, and one word for all when masakari cannot be read.
"""

import logging
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from masakarimonitors.core.notification import Notification
from masakarimonitors.masakari_api import LookupFailed
from masakarimonitors.masakari_lists import Reader, Stored, notification, on_maintenance, running_of
from masakarimonitors.outbox import messages
from masakarimonitors.outbox.follow_through import let_go, shown
from masakarimonitors.outbox.follow_through.let_go import LetGo
from masakarimonitors.outbox.follow_through.report import (
    MILD,
    Report,
    called,
    kind,
    sentence,
    shows_its_end,
    word,
)
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.pace.looks import seen_of
from masakarimonitors.outbox.progress import (
    ALARMS,
    KEPT,
    MOVES,
    UNRECOVERED,
    FollowPolicy,
    Progress,
    Said,
    Seen,
    said,
)
from masakarimonitors.outbox.rows import Row
from masakarimonitors.status.model import SubjectRow
from masakarimonitors.system.clock import Clock, pause
from masakarimonitors.system.service.log_fields import event

LOG = logging.getLogger(__name__)

LIMIT = 4 * shown.MOST
"""So many are followed at a time; of more, the oldest are let go, and only counted until they are seen to be over."""
# After a start, the reports of before it are looked at within so many seconds, so that a thousand monitors that are
# started together do not all ask at once.
_FIRST = (10.0, 70.0)
# Seconds until masakari is asked again when it could not be read: twice as many each time.
_AGAIN, _LAST_AGAIN = 300.0, 3000.0
# For so many seconds a look at what the engine is at work on, of one host, counts for all reports of that host.
_LINE = 60.0
# Whether what has failed is over by now is asked (of the monitor itself) so often, in seconds.
_REVIEW = 30.0


@dataclass(slots=True)
class _Blind:
    """Since when masakari cannot be read, why, when it is asked again, and how long it is left alone then."""

    since: float
    why: str
    until: float
    wait: float = _AGAIN


class Follower:
    """Follows what masakari has of one monitor's reports."""

    def __init__(
        self,
        outbox: Outbox,
        clock: Clock,
        reader: Reader | None = None,
        policy: FollowPolicy | None = None,
        *,
        is_well: Callable[[str], str] = lambda subject: "",
        left_to: Callable[[str], str] = lambda subject: "",
        rng: random.Random | None = None,
        limit: int = LIMIT,
    ) -> None:
        """`reader` reads masakari; without it nothing is followed.

        `limit`: so many are followed at a time.
        `is_well`: why an instance or a process (its subject) is well by now, as its monitor sees it; else empty.
        `left_to`: who else follows what masakari was told of a host (its subject) by now; else empty.
        """
        self._outbox = outbox
        self._clock = clock
        self._reader = reader
        self._policy = policy or FollowPolicy()
        self._is_well = is_well
        self._left_to = left_to
        self._rng = rng or random.Random(random.getrandbits(64))
        self._reports: dict[str, Report] = {}
        self._limit = limit
        # By subject; and how often the outbox had been read when it was last asked for those of before the start.
        self._let_go: dict[str, LetGo] = {}
        self._recalled = 0
        self._recall()
        self._blind: _Blind | None = None
        self._late_at = 0.0
        self._begun = False
        # Until when (a monotonic second) the engine counts as at work for a host, or not, by masakari's uuid of that.
        self._lines: dict[str, tuple[float, bool]] = {}

    async def run(self) -> None:
        """Until cancelled, take up what is delivered, and look at it when it is time to."""
        while True:
            try:
                await self._step()
            except Exception as error:  # nobody who watches or delivers may end because of what is only told
                LOG.exception(
                    "Delivered reports could not be followed in an unforeseen way; it is tried again"
                )
                self._cannot_read(f"{type(error).__name__}: {error}")
                await self._clock.sleep(_AGAIN)

    async def _step(self) -> None:
        if self._reader is None:
            await pause(self._clock, None, self._outbox.followed_news)
            return
        self._take_up()
        self._review()
        now = self._clock.now().monotonic
        report = self._next(now)
        if report is None:
            await pause(self._clock, self._pause(now), self._outbox.followed_news)
            return
        await self._look(report, self._reader)
        await self._clock.sleep(self._policy.gap)

    def seen(self, looked: Mapping[str, Seen | None]) -> None:
        """Somebody else has looked at these (by masakari's uuid; None: it knows no such one): they need no look now."""
        if self._reader is None:
            return
        self._take_up()
        for uuid, seen in looked.items():
            report = self._reports.get(uuid)
            if report is not None and report.progress not in UNRECOVERED:
                self._read_again()
                if self._would_be_alarm(report, seen) and not report.is_late:
                    # Our own look sees, too, who is ahead of it; there are few of those.
                    now = self._clock.now().monotonic
                    if now >= report.looked + _AGAIN:
                        report.due = now
                        self._outbox.followed_news.set()
                    continue
                report.due = self._clock.now().monotonic + self._policy.wait(report.looks)
                self._note(report, seen)

    def follows(self, subject: str) -> bool:
        """Whether any report about it is followed."""
        return any(row.subject.casefold() == subject.casefold() for row in self._outbox.followed())

    def take_over(self, notification: Notification, uuid: str, why: str) -> None:
        """Follow this one, too, which another monitor has delivered, and look at it at once; masakari calls it `uuid`.

        Without anybody who could read masakari nothing is followed.
        """
        if self._reader is None or uuid in self._reports:
            return
        self._outbox.take_over(notification, uuid, why)
        self._take_up()
        if uuid in self._reports:
            self._reports[uuid].due = self._clock.now().monotonic

    def describe(self) -> Sequence[SubjectRow]:
        """For the status: each that is followed, and where it stands; an alarm where a person must look."""
        now = self._clock.now().monotonic
        rows = shown.rows(list(self._reports.values()), self._let_go, now)
        if self._blind is not None and self._reports:
            long = now - self._blind.since >= self._policy.work
            rows.append(shown.unread(len(self._reports), now - self._blind.since, self._blind.why, long))
        return rows

    def counts(self) -> Mapping[str, int]:
        """How many that masakari has stand where, by the words of the status."""
        counted = Counter(one.progress for one in self._reports.values())
        return {progress.value: counted[progress] for progress in Progress if progress in KEPT}

    def _take_up(self) -> None:
        """What was delivered since; at the start all that an earlier run has left."""
        now = self._clock.now()
        self._recall()
        for row in self._outbox.followed():
            known = self._reports.get(row.followed)
            if known is not None:
                if known.row.id != row.id:  # masakari has taken both for one
                    self._outbox.end_following(row.id, "the same notification as that of an earlier report")
                continue
            wait = self._rng.uniform(*_FIRST)
            late = self._outbox.is_late(row)
            if self._begun and not late:
                self._note_let_go(row.subject, None)
                self._replace(row)
            if self._begun:
                wait = self._policy.wait(0) + self._rng.uniform(0.0, self._policy.spread)
            report = Report(row=row, born=now.monotonic, due=now.monotonic + wait)
            self._reports[row.followed] = report
            if row.is_unseen:  # no look could show it
                report.progress = Progress.UNSEEN
                LOG.error("%s", sentence(report, now.monotonic))
            if late:  # the oldest ones come first
                self._reports = dict(sorted(self._reports.items(), key=lambda item: item[1].row.created))
        self._begun = True
        for uuid in list(self._reports)[: max(0, len(self._reports) - self._limit)]:
            report = self._reports[uuid]
            stood = report.progress.value
            LOG.warning(messages.TOO_MANY.format(about=called(report), most=self._limit, stood=stood))
            until = report.born + self._policy.day
            one = LetGo(kind(report.row) == "COMPUTE_HOST", report.progress, until)
            self._note_let_go(report.row.subject, one)
            self._end(report, f"{stood}; too many are followed")

    def _recall(self) -> None:
        """Those of before the start that were too many; once more when the outbox could be read only later."""
        if self._recalled != self._outbox.reads:
            self._recalled = self._outbox.reads
            before = let_go.remembered(self._outbox.memory, self._clock.now(), self._policy.day)
            self._let_go = {**before, **self._let_go}

    def _replace(self, row: Row) -> None:
        """What masakari has failed at before is no alarm of its own any more when the same subject is told anew."""
        for report in list(self._reports.values()):
            older = report.row.id < row.id  # what was read late is not newer than what is followed
            if older and report.row.subject == row.subject and report.progress in UNRECOVERED:
                self._move(report, Said.OVER, "it was reported anew since")

    def _review(self) -> None:
        """What is over by now, or too old."""
        now = self._clock.now().monotonic
        for report in list(self._reports.values()):
            if kind(report.row) == "COMPUTE_HOST" and (other := self._elsewhere(report)):
                LOG.info("What masakari was told of %s is followed by %s by now", report.row.subject, other)
                self._end(report, f"followed by {other}")
            elif now - report.born >= self._policy.day:
                self._move(report, Said.DAY)
            elif report.progress in UNRECOVERED and (why := self._over(report)):
                self._move(report, Said.OVER, why)
        for subject, one in list(self._let_go.items()):
            if now >= one.until or (not one.is_host and self._is_well(subject)):
                self._note_let_go(subject, None)

    def _note_let_go(self, subject: str, one: LetGo | None) -> None:
        """What is known of one that is followed no longer, or nothing: it is followed, over, or too old."""
        before = self._let_go.pop(subject, None)
        if one is not None:
            self._let_go[subject] = one
        # What is still to be read may hold one of that subject, which is over then, too.
        if one != before or (one is None and self._outbox.awaits_earlier):
            self._outbox.submit([let_go.note(subject, one, self._clock.now())], self._clock.now())

    def _elsewhere(self, report: Report) -> str:
        # Nobody else can find what masakari may not even have.
        return "" if report.row.is_unseen else self._left_to(report.row.subject)

    def _over(self, report: Report) -> str:
        # That a host is back says nothing of its instances: of a host, masakari's own flag counts.
        return "" if kind(report.row) == "COMPUTE_HOST" else self._is_well(report.row.subject)

    def _next(self, now: float) -> Report | None:
        """The report that is to be looked at now; those before all others that have waited for longest."""
        if self._blind is not None and now < self._blind.until:
            return None
        due = [one for one in self._reports.values() if self._due(one) <= now]
        return min(due, key=lambda one: one.due, default=None)

    def _due(self, report: Report) -> float:
        if report.progress in UNRECOVERED and not shows_its_end(report):
            return float("inf")
        return max(report.due, self._late_at) if report.is_late else report.due

    def _pause(self, now: float) -> float | None:
        moments = [self._due(one) for one in self._reports.values()]
        first = max(min(moments, default=float("inf")), self._blind.until if self._blind else 0.0)
        if self._let_go or any(one.progress in UNRECOVERED for one in self._reports.values()):
            first = min(first, now + _REVIEW)
        oldest = min((one.born + self._policy.day for one in self._reports.values()), default=float("inf"))
        first = min(first, oldest)
        return None if first == float("inf") else max(first - now, 0.0)

    async def _look(self, report: Report, reader: Reader) -> None:
        now = self._clock.now().monotonic
        if report.is_late:
            self._late_at = now + self._policy.late_gap
        report.looks += 1
        report.looked = now
        report.due = now + self._policy.wait(report.looks)
        try:
            if report.progress in UNRECOVERED and report.stored is not None:
                rested, report.rests = report.rests, await on_maintenance(reader, report.stored)
                if rested and report.rests is False:
                    self._move(report, Said.OVER, "its host was put back into service at masakari")
            else:
                report.stored = stored = await notification(reader, report.uuid)
                date = getattr(reader, "date", None) or self._clock.now().wall
                seen = seen_of(stored, date) if stored else None
                busy = False
                if stored is not None and self._would_be_alarm(report, seen):
                    busy = await self._is_at_work(reader, stored)
                self._note(report, seen, queued=busy)
        except LookupFailed as fault:
            if fault.unknown:  # its host is registered no more
                self._move(report, Said.OVER, "masakari knows its host no more")
            else:
                self._cannot_read(str(fault))
                return
        except Exception as error:  # what is followed later must not suffer from one odd answer
            LOG.exception("A look at notification %s failed in an unforeseen way", report.uuid)
            self._cannot_read(f"{type(error).__name__}: {error}")
            return
        self._read_again()

    def _cannot_read(self, why: str) -> None:
        now = self._clock.now().monotonic
        if self._blind is None:
            self._blind = _Blind(now, why, now + _AGAIN)
            LOG.warning(messages.BLIND.format(count=len(self._reports), why=why))
        else:
            wait = min(2 * self._blind.wait, _LAST_AGAIN)
            self._blind = _Blind(self._blind.since, why, now + wait, wait)

    def _read_again(self) -> None:
        if self._blind is not None:
            LOG.info("masakari's notifications can be read again: reports that it has are followed further")
            self._blind = None

    def _would_be_alarm(self, report: Report, seen: Seen | None) -> bool:
        """Whether what was seen says that the engine does not begin with it, unless it is at another of that host."""
        what = said(seen, self._policy, queued=self._is_queued(report))
        return what is Said.NEW_FOR_LONG and report.progress is Progress.DELIVERED

    async def _is_at_work(self, reader: Reader, stored: Stored) -> bool:
        """Whether the engine is at work on any report of its host, by whichever monitor; raises LookupFailed."""
        now = self._clock.now().monotonic
        until, busy = self._lines.get(stored.host_uuid, (now, False))
        if until <= now:
            await self._clock.sleep(self._policy.gap)
            running = await running_of(reader, stored.host_uuid)
            date = getattr(reader, "date", None) or self._clock.now().wall
            # What it shows as running for longer than it waits for anything, nobody may be at work on.
            busy = any(seen_of(one, date).seconds < self._policy.work for one in running)
            self._lines = {host: line for host, line in self._lines.items() if line[0] > now}
            self._lines[stored.host_uuid] = (now + _LINE, busy)
        return busy

    def _note(self, report: Report, seen: Seen | None, *, queued: bool = False) -> None:
        """A look has shown this of it; `queued`: the engine is at another report of that host."""
        now = self._clock.now().monotonic
        report.unknown = report.unknown + 1 if seen is None else 0
        if report.unknown == 1:
            report.due = min(report.due, now + self._policy.begin)
            return
        report.seen, report.seen_at = seen, now
        self._move(report, said(seen, self._policy, queued=queued or self._is_queued(report)))

    def _is_queued(self, report: Report) -> bool:
        """Whether the engine, which takes one report of a host after another, is at work on another one of ours."""
        return any(
            one.progress is Progress.WORKED_ON and one.hostname == report.hostname
            for one in self._reports.values()
            if one is not report
        )

    def _move(self, report: Report, what: Said, why: str = "") -> None:
        before = report.progress
        report.progress = MOVES.get((before, what), before)
        if report.progress is before:
            return
        told = sentence(report, self._clock.now().monotonic, what, why)
        level = logging.INFO
        if report.progress in ALARMS:
            level = logging.WARNING if report.progress in MILD else logging.ERROR
        elif report.progress is Progress.FORGOTTEN:
            level = logging.WARNING
        about = event(
            "report.followed",
            subject=report.row.subject,
            report_id=report.row.id,
            notification_id="" if report.row.is_unseen else report.row.followed,
            answer=report.progress.value,
        )
        LOG.log(level, "%s", told, extra=about)
        if report.progress not in KEPT:
            self._end(
                report, f"{before.value}, {report.progress.value}" if why else word(report.progress, what)
            )
            return
        if report.progress in UNRECOVERED:
            report.due = self._clock.now().monotonic
        report.row = self._outbox.note_followed(report.row.id, word(report.progress, what)) or report.row
        self._outbox.followed_news.set()

    def _end(self, report: Report, word: str) -> None:
        del self._reports[report.uuid]
        self._outbox.end_following(report.row.id, word)
