"""Between deciding and delivering: what a decision said becomes rows, on disk, in order.

In: the Notify, Withdraw and Remember commands of a decision. Out: rows that are on disk and may be
offered to the API. Commands of one decision are written in one transaction; decisions that wait at
the same time share one (group commit). When the disk fails the rows are kept in memory, delivered
from there, and written as soon as the disk takes them again; a broken file is set aside, never
silently replaced.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from masakarimonitors.decisions import JSON, Command, Instant, Notify, Remember, Withdraw
from masakarimonitors.outbox.rows import Keep, Loaded, Put, Row, Status, Write
from masakarimonitors.outbox.store import Store, StoreFault
from masakarimonitors.system.clock import Clock, pause

LOG = logging.getLogger(__name__)
T = TypeVar("T")

# A full disk is looked at again this often (seconds), besides at every new row.
_RETRY = 30.0


class Outbox:
    """The rows that are not yet settled, and the writer that keeps them on disk."""

    def __init__(self, store: Store, clock: Clock, *, keep: int = 10_000) -> None:
        """`keep` is how many settled rows stay in the store for people to look at."""
        self._store = store
        self._clock = clock
        self._keep = keep
        self._rows: dict[int, Row] = {}
        self._order: dict[str, list[int]] = {}
        self._unwritten: set[int] = set()
        self._held: set[int] = set()
        self._memory: dict[str, Mapping[str, JSON]] = {}
        self._next_id = 1
        self._writes: list[Write] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._committing = asyncio.Lock()
        self._whole = True
        self._fault = ""
        self._settled = 0
        self._pool = ThreadPoolExecutor(1, "outbox") if store.blocks else None
        self.counts: dict[Status, int] = dict.fromkeys(Status, 0)
        self.on_ready: Callable[[str], None] = lambda subject: None
        self.on_settled: Callable[[Row], None] = lambda row: None

    @property
    def memory(self) -> Mapping[str, Mapping[str, JSON]]:
        """What decisions have asked to remember, by key."""
        return self._memory

    @property
    def fault(self) -> str:
        """Empty, or why the rows are at present kept in memory only."""
        return self._fault

    @property
    def where(self) -> str:
        """For people: where the rows are kept."""
        return self._store.where

    async def open(self) -> None:
        """Read what an earlier run left: pending rows are offered again, memory is handed to the monitor."""
        try:
            loaded = await self._on_thread(self._store.load)
        except StoreFault as fault:
            if fault.lasting:
                aside = await self._set_aside(fault)
                LOG.error(
                    "The outbox file could not be read (%s). It was set aside as %s and a new one is begun: "
                    "reports that were not yet delivered and what was last reported are in the old file only. "
                    "Compare it with masakari's notification list.",
                    fault,
                    aside,
                )
                loaded = await self._try(self._store.load, Loaded((), {}, self._fresh_id()))
            else:
                self._whole = False
                self._degrade(fault)
                loaded = Loaded((), {}, self._fresh_id())
        self._adopt(loaded)

    def submit(self, commands: Sequence[Command], now: Instant) -> None:
        """Take the durable commands of one decision; other commands are ignored. Never blocks, never raises."""
        for command in commands:
            if isinstance(command, Notify):
                row = Row.new(self._next_id, command.notification, command.why, now)
                self._next_id += 1
                self._insert(row)
                self._unwritten.add(row.id)
                self._writes.append(Put(row, durable=True))
            elif isinstance(command, Withdraw):
                self._withdraw(command, now)
            elif isinstance(command, Remember):
                if command.value is None:
                    self._memory.pop(command.key, None)
                else:
                    self._memory[command.key] = command.value
                self._writes.append(Keep(command.key, command.value))
        if self._writes:
            self._wake.set()

    @property
    def waiting(self) -> int:
        """How many rows are pending."""
        return len(self._rows)

    def hold(self) -> None:
        """Offer none of the rows that are pending now until `release`: what they say may be over by now."""
        self._held = set(self._rows)

    def release(self) -> None:
        """Let every row be offered."""
        held, self._held = self._held, set()
        for subject in {row.subject for row_id in held if (row := self._rows.get(row_id))}:
            self.on_ready(subject)

    def subjects(self) -> Iterator[str]:
        """Every subject that has pending rows."""
        return iter(list(self._order))

    def deliverable(self, subject: str) -> Iterator[Row]:
        """The subject's pending rows that have been written and are not held, oldest first."""
        for row_id in self._order.get(subject, ()):
            if row_id in self._unwritten or row_id in self._held:
                return
            yield self._rows[row_id]

    def pending(self, row_id: int) -> Row | None:
        """The row, while it is still pending."""
        return self._rows.get(row_id)

    async def mark(self, row: Row, *, durable: bool = False) -> bool:
        """Write a new state of a pending row and wait for it; False when the row is no longer pending."""
        if row.id not in self._rows:
            return False
        self._rows[row.id] = row
        written = asyncio.get_running_loop().create_future()
        self._writes.append(Put(row, durable))
        self._waiting.append(written)
        self._wake.set()
        await written
        return row.id in self._rows

    def settle(self, row: Row, *, durable: bool = False) -> None:
        """Write a row's outcome; it is no longer pending unless it says so."""
        if row.status is Status.PENDING:
            if row.id not in self._rows:
                return
            self._rows[row.id] = row
        else:
            self._remove(row)
            self.counts[row.status] += 1
            self._settled += 1
            self.on_settled(row)
        self._writes.append(Put(row, durable))
        self._wake.set()

    async def recent(self, limit: int = 50) -> list[Row]:
        """The newest rows in the store, for people; pending ones as they are now."""
        rows = await self._try(lambda: self._store.recent(limit), list[Row]())
        known = {row.id: row for row in rows} | {k: r for k, r in self._rows.items() if k in self._unwritten}
        return sorted(known.values(), key=lambda row: -row.id)[:limit]

    async def run(self) -> None:
        """The writer: until cancelled, writes what has been submitted."""
        while True:
            await pause(self._clock, _RETRY if self._fault else None, self._wake)
            await self._flush()

    async def close(self) -> None:
        """Write what is left, then let go of the store; what ends with this process is named."""
        async with self._committing:
            pass  # a transaction that a cancelled writer had begun gives back what it could not write
        await self._flush()
        if self._rows and (self._fault or not self._store.blocks):
            LOG.error(
                "%d undelivered report(s) were kept in memory only and end with this process; recover by hand: %s",
                len(self._rows),
                "; ".join(f"{row.subject} ({row.why})" for row in self._rows.values()),
            )
        await self._on_thread(self._store.close)
        if self._pool is not None:
            self._pool.shutdown(wait=True)

    async def _flush(self) -> None:
        writes, self._writes = self._writes, []
        waiting, self._waiting = self._waiting, []
        if not writes and not self._fault:
            return
        # Shielded: a cancelled writer must not leave a half-told transaction behind it.
        await asyncio.shield(self._commit(writes))
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def _commit(self, writes: list[Write]) -> None:
        async with self._committing:
            await self._write(writes)

    async def _write(self, writes: list[Write]) -> None:
        try:
            if not self._whole:
                self._adopt(await self._on_thread(self._store.load))
                self._whole = True
            await self._on_thread(lambda: self._store.write(writes))
        except StoreFault as fault:
            await self._after(fault, writes)
        else:
            if self._fault:
                LOG.warning(
                    "The outbox is on disk again at %s; nothing was lost meanwhile", self._store.where
                )
                self._fault = ""
        for write in writes:
            if isinstance(write, Put) and write.row.id in self._unwritten:
                self._unwritten.discard(write.row.id)
                self.on_ready(write.row.subject)
        if self._settled >= 1000:
            self._settled = 0
            await self._try(lambda: self._store.prune(self._keep), None)

    async def _after(self, fault: StoreFault, writes: list[Write]) -> None:
        if not fault.lasting:
            self._degrade(fault)
            self._writes = _latest(writes + self._writes)
            return
        aside = await self._set_aside(fault)
        LOG.error(
            "The outbox file broke while in use (%s). It was set aside as %s; a new file at %s now holds "
            "everything that is pending or remembered, so nothing of this run is lost.",
            fault,
            aside,
            self._store.where,
        )
        everything: list[Write] = [Put(row, durable=True) for row in self._rows.values()]
        everything += [Keep(key, value) for key, value in self._memory.items()]
        try:
            await self._on_thread(lambda: self._store.write(everything))
        except StoreFault as again:
            self._degrade(again)
            self._writes = _latest(everything + self._writes)

    def _degrade(self, fault: StoreFault) -> None:
        if not self._fault:
            LOG.error(
                "The outbox cannot be written (%s). Detection and delivery go on from memory; a report that is "
                "still undelivered when this process ends would be lost. Free space or mend the folder: it is "
                "tried again every %d s.",
                fault,
                _RETRY,
            )
        self._fault = str(fault)

    async def _set_aside(self, fault: StoreFault) -> str:
        try:
            return await self._on_thread(self._store.set_aside)
        except OSError as error:
            self._degrade(StoreFault(f"{fault}; it could not be set aside: {error}", lasting=False))
            return self._store.where

    def _adopt(self, loaded: Loaded) -> None:
        for row in loaded.pending:
            if row.id not in self._rows:
                self._insert(row)
                self.on_ready(row.subject)
        self._memory = {**loaded.memory, **self._memory}
        self._next_id = max(self._next_id, loaded.next_id)

    def _insert(self, row: Row) -> None:
        self._rows[row.id] = row
        self._order.setdefault(row.subject, []).append(row.id)
        self._order[row.subject].sort()

    def _remove(self, row: Row) -> None:
        if self._rows.pop(row.id, None) is None:
            return
        rest = self._order[row.subject]
        rest.remove(row.id)
        if not rest:
            del self._order[row.subject]
        self._unwritten.discard(row.id)

    def _withdraw(self, command: Withdraw, now: Instant) -> None:
        for row_id in list(self._order.get(command.subject, ())):
            row = self._rows[row_id]
            self._remove(row)
            self.counts[Status.WITHDRAWN] += 1
            self._writes.append(
                Put(replace(row, status=Status.WITHDRAWN, answer=command.why, updated=now.wall), durable=True)
            )

    def _fresh_id(self) -> int:
        # Above every id that an unreadable file may hold: ids count from 1, this counts milliseconds since 1970.
        return int(self._clock.now().wall.timestamp() * 1000)

    async def _try(self, call: Callable[[], T], otherwise: T) -> T:
        try:
            return await self._on_thread(call)
        except StoreFault as fault:
            self._degrade(fault)
            return otherwise

    async def _on_thread(self, call: Callable[[], T]) -> T:
        if self._pool is None:
            return call()
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)


def _latest(writes: Sequence[Write]) -> list[Write]:
    """One write per row and key: while a disk is full the backlog must not grow with every step of a row."""
    latest: dict[tuple[str, object], Write] = {}
    for write in writes:
        key: tuple[str, object] = ("row", write.row.id) if isinstance(write, Put) else ("key", write.key)
        durable = write.durable or (key in latest and latest[key].durable)
        latest.pop(key, None)
        latest[key] = replace(write, durable=durable)
    return list(latest.values())
