"""Between deciding and delivering: what a decision said becomes rows, on disk, in order.

In: the Notify, Withdraw and Remember commands of a decision. Out: rows that are on disk and may be
offered to the API. Commands of one decision are written in one transaction. When the disk fails the rows
are kept in memory, delivered from there, and written as soon as the disk takes them again.
"""

import asyncio
import datetime
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from masakarimonitors.core.decision import JSON, Command, Instant, Notify, Remember, Withdraw
from masakarimonitors.core.notification import Notification, ReportStatus, VmNotification
from masakarimonitors.outbox.pending import Pending, Standing
from masakarimonitors.outbox.rows import ENGINE_SAYS, Keep, Loaded, Put, Row, Write
from masakarimonitors.outbox.storage.disk import DEADLINE
from masakarimonitors.outbox.storage.store import Store
from masakarimonitors.outbox.storage.writer import Writer
from masakarimonitors.outbox.tally import Tally
from masakarimonitors.system.clock import Clock
from masakarimonitors.system.patience import within

LOG = logging.getLogger(__name__)

_ROUNDING = datetime.timedelta(milliseconds=1)
# So many reports that masakari may have, or has, are known again when they are made anew.
_KNOWN_AGAIN = 1000
_TOLD_SINCE = "this run has reported its subject since, before it could read this one"
_NOT_FOLLOWED = (
    "masakari has the report about %s and did not say as which notification: what becomes of it is not followed here. "
    "See `openstack notification list`"
)


class Outbox:
    """The reports that have not ended, what is remembered, and the writer that keeps both on disk."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        keep: int = 10_000,
        on_written: Callable[[str], None] = lambda subject: None,
        on_row: Callable[[Row], None] = lambda row: None,
        deadline: float = DEADLINE,
    ) -> None:
        """`keep` is how many ended rows stay in the store for people to look at; `deadline`: a writer's, in seconds.

        `on_written` is told the subject of each row as it reaches the store; `on_row` each row as it was written, once
        for each of its steps, or more often.
        """
        self._clock = clock
        self._pending = Pending()
        self._followed: dict[int, Row] = {}
        self._memory: dict[str, Mapping[str, JSON]] = {}
        # The numbers that this run has given lie between these.
        self._first_id = self._next_id = 1
        self._writer = Writer(
            store,
            clock,
            keep=keep,
            adopt=self._adopt,
            adopt_late=self._adopt_late,
            everything=self._everything,
            on_written=self._note_written,
            on_poison=self._say_defect,
            deadline=deadline,
        )
        self._on_written = on_written
        self._on_row = on_row
        # Bodies of ended rows that masakari may have, oldest first: the same one made anew is no other report.
        self._offered: dict[str, None] = {}
        # While it is to be seen what an earlier run left: what this one has said, by subject and best rank, and the
        # keys that it has remembered or forgotten something by. Then: the ids of what was read so late.
        self._told: dict[str, int] = {}
        self._spoken: set[str] = set()
        self._late: set[int] = set()
        # The ids of all that an earlier run left.
        self._earlier: set[int] = set()
        # In order, each once.
        self._ready: dict[str, None] = {}
        self.news = asyncio.Event()
        """Set when `take_ready` has something to give; whoever takes may wait on it."""
        self.followed_news = asyncio.Event()
        """Set when `followed` has one more; whoever follows may wait on it."""
        self.late_news = asyncio.Event()
        """Set when rows of the last life were read only in the midst of this one, and are to be judged."""
        self.reads = 0
        """How often it was seen what an earlier run left: once more when that was only in the midst of this one."""
        self.unreadable: Sequence[str] = ()
        """For people: what an earlier run left that makes no sense, and is set aside."""
        self._on_defect: Callable[[str], None] = lambda text: None
        self._on_unsent: Callable[[Row], None] = lambda row: None
        self.tally = Tally()
        """How those of this run have ended, and when."""

    @property
    def counts(self) -> Mapping[ReportStatus, int]:
        """How many of this run have ended how."""
        return self.tally.counts

    @property
    def memory(self) -> Mapping[str, Mapping[str, JSON]]:
        """What decisions have asked to remember, by key."""
        return self._memory

    @property
    def fault(self) -> str:
        """Empty, or why the rows are at present kept in memory only."""
        return self._writer.fault

    @property
    def awaits_earlier(self) -> bool:
        """Whether it is still to be seen what an earlier run left."""
        return self._writer.awaits_earlier

    @property
    def unread(self) -> str:
        """Empty, or what an earlier run has left that this one neither judges nor sends, and where it is."""
        return self._writer.unread

    @property
    def keeps(self) -> bool:
        """Whether what is written outlives this process."""
        return self._writer.keeps

    @property
    def hangs(self) -> bool:
        """Whether its disk does not answer at present."""
        return self._writer.hangs

    @property
    def oldest(self) -> float | None:
        """The monotonic second at which the oldest pending row was made; None: none is pending."""
        return min((row.monotonic for row in self._pending), default=None)

    @property
    def where(self) -> str:
        """For people: where the rows are kept."""
        return self._writer.where

    @property
    def folder(self) -> str:
        """Which folder that is, DEVICE:INODE, whatever its path is for whoever looks; empty while it is not known."""
        return self._writer.folder

    @property
    def waiting(self) -> int:
        """How many rows are pending."""
        return len(self._pending)

    async def open(self) -> None:
        """Read what an earlier run left: pending rows wait to be confirmed, memory is handed to the monitor.

        Raises StoreFault when something is there that cannot be read at present.
        """
        await self._writer.open()

    def watch_defects(self, told: Callable[[str], None]) -> None:
        """Have `told` called, in words, with each thing that is set aside from now on."""
        self._on_defect = told

    def watch_unsent(self, told: Callable[[Row], None]) -> None:
        """Have `told` called with each row that is taken back from now on, and that masakari has certainly not got.

        Not with one that was offered and had no definite answer (`in_doubt`), nor with one of an earlier run: what that
        has noted of its offers a disk may not have taken.
        """
        self._on_unsent = told

    def submit(self, commands: Sequence[Command], now: Instant) -> Sequence[Row]:
        """Take the durable commands of one decision; other commands are ignored. Never blocks, never raises.

        Gives the reports that were made of them, or stood by.
        """
        writes: list[Write] = []
        made: list[Row] = []
        for command in commands:
            if isinstance(command, Notify):
                told = list(self._report(command, now))
                made += [write.row for write in told if isinstance(write, Put) and _is_pending(write.row)]
                writes += told
            elif isinstance(command, Withdraw):
                writes += self._withdraw(command, now)
            elif isinstance(command, Remember):
                if command.value is None:
                    self._memory.pop(command.key, None)
                else:
                    self._memory[command.key] = command.value
                if self.awaits_earlier:
                    self._spoken.add(command.key)
                writes.append(Keep(command.key, command.value))
        self._writer.write(writes)
        return made

    def unconfirmed(self, subject: str | None = None) -> list[Row]:
        """The rows of the last life, about `subject` or about all, that are neither confirmed nor withdrawn."""
        if subject is None:
            return self._pending.unconfirmed()
        return [row for row in self._pending.of(subject) if self._pending.is_unconfirmed(row)]

    def is_late(self, row: Row) -> bool:
        """Whether it is of the last life and was read only in the midst of this one, whose monitor remembers nothing
        of it."""
        return row.id in self._late

    def confirm(self, row: Row) -> None:
        """The row of the last life still holds: it may be offered."""
        if self._pending.confirm(row):
            self._make_ready(row.subject)

    def take_back(self, row: Row, why: str, now: Instant) -> Row | None:
        """The row, and no other of its subject, must not be delivered any more; the row as it ended, if it waited."""
        if row.id not in self._pending:
            return None
        ended = self._take_back(row, why, now)
        self._writer.write([ended])
        return ended.row

    def take_ready(self) -> list[str]:
        """The subjects with rows that may be offered by now and could not when this was last asked."""
        ready, self._ready = list(self._ready), {}
        return ready

    def subjects(self) -> Iterator[str]:
        """Every subject that has pending rows."""
        return iter(self._pending.subjects())

    def of(self, subject: str) -> list[Row]:
        """The subject's pending rows, in the order in which they are offered."""
        return self._pending.of(subject)

    def deliverable(self, subject: str) -> Iterator[Row]:
        """The subject's pending rows that are written and not unconfirmed, oldest first."""
        return self._pending.deliverable(subject)

    def followed(self) -> list[Row]:
        """The ended rows with which masakari's engine is not known to have ended, oldest first."""
        return list(self._followed.values())

    def take_over(self, notification: Notification, uuid: str, why: str) -> Row:
        """Follow a report that another monitor has delivered; masakari calls it `uuid`."""
        now = self._clock.now()
        row = Row.new(self._next_id, notification, why, now)
        self._next_id += 1
        row = replace(row, status=ReportStatus.DELIVERED, answer=f"by another monitor: {uuid}", followed=uuid)
        self._followed[row.id] = row
        self._writer.write([Put(row, durable=True)])
        self.followed_news.set()
        return row

    def note_followed(self, row_id: int, word: str) -> Row | None:
        """masakari says `word` of a followed row by now: kept with its answer; the row as it is now."""
        row = self._followed.get(row_id)
        if row is None:
            return None
        row = replace(row, answer=f"{row.answer.split(ENGINE_SAYS)[0]}{ENGINE_SAYS}{word}")
        self._followed[row_id] = row
        self._writer.write([Put(row)])
        return row

    def end_following(self, row_id: int, word: str) -> Row | None:
        """The same, and it is the last word: the row is followed no longer."""
        row = self.note_followed(row_id, word)
        if row is None:
            return None
        del self._followed[row_id]
        row = replace(row, followed="")
        self._writer.write([Put(row)])
        return row

    def is_pending(self, row_id: int) -> bool:
        """Whether that row has not ended."""
        return row_id in self._pending

    def pending_row(self, row_id: int) -> Row | None:
        """That row as it is now; None when it has ended, or there is none."""
        return self._pending.find(row_id)

    def is_unconfirmed(self, row: Row) -> bool:
        """Whether it is of the last life, and nobody has seen yet whether it still holds."""
        return self._pending.is_unconfirmed(row)

    async def mark(self, row: Row, *, durable: bool = False) -> bool:
        """Write a new state of a pending row and wait for it; False when the row is no longer pending."""
        if not self._pending.change(row):
            return False
        await self._writer.write_now(Put(row, durable))
        return row.id in self._pending

    def settle(self, row: Row, *, durable: bool = False) -> None:
        """Write a row's outcome; it is no longer pending unless it says so."""
        if row.status is ReportStatus.PENDING:
            if not self._pending.change(row):
                return
        else:
            self._pending.remove(row)
            self.tally.add(row, self._clock.now().monotonic)
            if row.followed:
                self._followed[row.id] = row
                self.followed_news.set()
            elif row.status is ReportStatus.DELIVERED and row.is_acted_on:
                LOG.warning(_NOT_FOLLOWED, row.subject)
            if row.status is ReportStatus.DELIVERED:
                self._know_again(row)
        self._writer.write([Put(row, durable)])

    async def recent(self, limit: int = 50) -> list[Row]:
        """The newest rows in the store, for people; pending ones as they are now."""
        known = {row.id: row for row in [*await self._writer.recent(limit), *self._pending]}
        return sorted(known.values(), key=lambda row: -row.id)[:limit]

    async def ended(self, made: Collection[tuple[str, datetime.datetime]]) -> list[Row] | None:
        """Those reports (by subject, and when they were made) that have ended; None while the store cannot be read.

        What it holds no more, nobody knows.
        """
        asked = [
            (subject, at) for subject, at in made if not any(_is_of(row, at) for row in self.of(subject))
        ]
        found = await self._writer.ended(sorted({subject for subject, _ in asked})) if asked else []
        if found is None:
            return None
        return [row for row in found if any(row.subject == about and _is_of(row, at) for about, at in asked)]

    async def unkept(self, patience: float) -> str:
        """Empty once all that was said so far outlives this process; else why it does not, or not after `patience`
        seconds."""
        try:
            async with within(patience):
                await self._writer.tried()
        except TimeoutError:
            return "the disk has not taken it yet"
        return self.fault or ("" if self.keeps else f"reports are kept in {self.where}")

    async def run(self) -> None:
        """The writer: until cancelled, writes what has been submitted."""
        await self._writer.run()

    async def close(self) -> None:
        """Write what is left, then let go of the store; what ends with this process is named."""
        await self._writer.finish()
        if self._pending and not self._writer.keeps:
            LOG.error(
                "%d undelivered report(s) were kept in memory only and end with this process; recover by hand: %s",
                len(self._pending),
                "; ".join(f"{row.subject} ({row.why})" for row in self._pending),
            )
        await self._writer.close()

    def _report(self, command: Notify, now: Instant) -> Iterator[Write]:
        for row in self._of_the_last_life(command.notification.subject):
            if row.repeats(command.notification):
                # The very report that waits, made once more: its monitor has judged it anew, and it stands.
                yield self._stand_by(row, command)
                return
            if row.says_as_much(command.notification):
                yield self._take_back(row, "it was seen anew, and is reported anew", now)
        row = self._row(command, now)
        if self.awaits_earlier:
            self._told[row.subject] = min(row.rank, self._told.get(row.subject, row.rank))
        if row.is_death:
            yield from self._overtake(row, now)
        self._pending.add(row, Standing.UNWRITTEN)
        yield Put(row, durable=True)

    def _of_the_last_life(self, subject: str) -> list[Row]:
        """Those that nobody has confirmed, or that the decision did not know of when it said that they are to be."""
        return [
            row for row in self._pending.of(subject) if self._pending.is_unconfirmed(row) or self.is_late(row)
        ]

    def _stand_by(self, row: Row, command: Notify) -> Write:
        row = replace(row, why=command.why, in_doubt=row.in_doubt or command.again, since=command.since)
        self._pending.change(row)
        self.confirm(row)
        return Put(row, durable=True)

    def _row(self, command: Notify, now: Instant) -> Row:
        row = Row.new(self._next_id, command.notification, command.why, now)
        self._next_id += 1
        return replace(row, in_doubt=command.again or row.body in self._offered, since=command.since)

    def _withdraw(self, command: Withdraw, now: Instant) -> Iterator[Write]:
        for row in self._pending.of(command.subject):
            if not command.only or _words(row) in command.only:
                yield self._take_back(row, command.why, now)

    def _overtake(self, death: Row, now: Instant) -> Iterator[Write]:
        """The engine restarts for an I/O error as for a death: told after it, that would be a second restart."""
        for row in self._pending.of(death.subject):
            if (
                isinstance(row.notification, VmNotification)
                and row.notification.is_acted_on
                and not row.is_death
            ):
                yield self._take_back(row, "the instance has died since, and its death is reported", now)

    def _take_back(self, row: Row, why: str, now: Instant) -> Put:
        self._pending.remove(row)
        if row.in_doubt:
            self._know_again(row)
        row = replace(row, status=ReportStatus.WITHDRAWN, answer=why, updated=now.wall)
        self.tally.add(row, now.monotonic)
        if not row.in_doubt and row.id not in self._earlier:
            self._on_unsent(row)
        return Put(row, durable=True)

    def _know_again(self, row: Row) -> None:
        self._offered[row.body] = None
        if len(self._offered) > _KNOWN_AGAIN:
            del self._offered[next(iter(self._offered))]

    def _say_defect(self, text: str) -> None:
        LOG.error("%s", text)
        self._on_defect(text)

    def _note_written(self, row: Row) -> None:
        self._on_row(row)
        if self._pending.note_written(row):
            self._on_written(row.subject)
            self._make_ready(row.subject)

    def _make_ready(self, subject: str) -> None:
        self._ready[subject] = None
        self.news.set()

    def _adopt(self, loaded: Loaded) -> None:
        now = self._clock.now()
        for row in loaded.pending:
            self._earlier.add(row.id)
            self._pending.add(row.adopted(now), Standing.UNCONFIRMED)
            # It is not offered, but its time runs.
            self._make_ready(row.subject)
        self._followed = {row.id: row for row in loaded.followed}
        self.unreadable = loaded.unreadable
        for one in loaded.unreadable:
            LOG.error("%s", one)
        self._memory = dict(loaded.memory)
        self.reads += 1
        self._first_id = self._next_id = loaded.next_id

    def _adopt_late(self, loaded: Loaded) -> Sequence[Write]:
        """What this run has said of the same since then is newer and stands: a second report would be acted on, too.

        Gives what must be written before anything of this run is, or with it.
        """
        now = self._clock.now()
        given = range(self._first_id, self._next_id)
        self._next_id = max(self._next_id, loaded.next_id)
        moved: list[Write] = []

        def with_own_id(row: Row) -> Row:
            """This run counts its rows from the time on; where that was set back, one of them may have that number, and
            is written over this one. Any other stays where it is: under a second number it would be there twice."""
            if row.id not in given:
                return row
            row = replace(row, id=self._next_id)
            self._next_id += 1
            moved.append(Put(row, durable=True))
            return row

        for row in loaded.pending:
            row = with_own_id(row.adopted(now))
            self._late.add(row.id)
            self._earlier.add(row.id)
            self._pending.add(row, Standing.UNCONFIRMED)
            self._make_ready(row.subject)
            if self._told.get(row.subject, row.rank + 1) <= row.rank:
                moved.append(self._take_back(row, _TOLD_SINCE, now))
        late = [with_own_id(row) for row in loaded.followed]
        self._late |= {row.id for row in late}
        self._followed = {**{row.id: row for row in late}, **self._followed}
        self.followed_news.set()
        for one in loaded.unreadable:
            self._say_defect(one)
        known = {key: value for key, value in loaded.memory.items() if key not in self._spoken}
        self._memory = {**known, **self._memory}
        self.reads += 1
        self._told, self._spoken = {}, set()
        self.late_news.set()
        return moved

    def _everything(self) -> Sequence[Write]:
        rows: list[Write] = [Put(row, durable=True) for row in [*self._pending, *self._followed.values()]]
        return rows + [Keep(key, value) for key, value in self._memory.items()]


def _is_of(row: Row, made_at: datetime.datetime) -> bool:
    """Whether it was made then; a time that was remembered as a number of seconds is not exact."""
    return abs(row.made_at - made_at) < _ROUNDING


def _is_pending(row: Row) -> bool:
    return row.status is ReportStatus.PENDING


def _words(row: Row) -> tuple[str, str] | None:
    """What a row says of an instance, in libvirt's words; None for any other row."""
    said = row.notification
    return (said.event, said.vir_domain_event) if isinstance(said, VmNotification) else None
