"""The writer: what the outbox says is kept, is kept, through full disks and broken files.

In: writes, one after another. Out: transactions. Writes that wait at the same time share one (group
commit). While the disk takes nothing, or does not answer, the writes wait in memory, one for each row and key, and are
tried again; a broken file is set aside, never silently replaced, and a new one gets everything that is pending
or remembered.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import Enum
from typing import TypeVar

from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.outbox.rows import Loaded, Put, Row, Write
from masakarimonitors.outbox.storage.disk import DEADLINE, Disk
from masakarimonitors.outbox.storage.store import Store, StoreFault
from masakarimonitors.system.clock import Clock, pause

LOG = logging.getLogger(__name__)
T = TypeVar("T")

# A full disk is looked at again this often (seconds), besides at every new row; one that takes all, when nothing
# was written for so long.
_RETRY = 30.0
# Ended rows between two prunings of the store.
_PRUNE_AFTER = 1000
# Subjects that are named of what waits unread; all of them stand in the file.
_NAMED = 5


class Earlier(Enum):
    """What this run knows of what an earlier one has left."""

    UNSEEN = "nothing: it could not be read yet"
    TAKEN_UP = "all of it, or there is nothing"
    ASIDE = "that it is in a file that was set aside"


class Glance(Enum):
    """How an earlier run's rows come into view, or get out of it."""

    AT_START = "they were read before anything was judged"
    EMPTY = "there are none"
    LATE = "they were read only now, and much may have been judged and sent since without them"
    SET_ASIDE = "their file is broken and has another name now"


_MOVES = {
    (Earlier.UNSEEN, Glance.AT_START): Earlier.TAKEN_UP,
    (Earlier.UNSEEN, Glance.EMPTY): Earlier.TAKEN_UP,
    (Earlier.UNSEEN, Glance.LATE): Earlier.TAKEN_UP,
    (Earlier.UNSEEN, Glance.SET_ASIDE): Earlier.ASIDE,
}


def move(earlier: Earlier, glance: Glance) -> Earlier:
    """What is known next; what is not in the table changes nothing: above all, no time makes it known."""
    return _MOVES.get((earlier, glance), earlier)


class Writer:
    """Keeps a store up to date; the only one that calls it."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        keep: int,
        adopt: Callable[[Loaded], None],
        adopt_late: Callable[[Loaded], Sequence[Write]],
        everything: Callable[[], Sequence[Write]],
        on_written: Callable[[Row], None],
        on_poison: Callable[[str], None],
        deadline: float = DEADLINE,
    ) -> None:
        """`keep` is how many ended rows stay in the store; `deadline`: seconds until a disk counts as hung.

        `adopt` takes what the store held before, or `adopt_late` where that was read only in the midst of this run: it
        gives what belongs into the same transaction as the first writes of this run, before them;
        `everything` gives what a new store must hold;
        `on_written` is told each row that has been written, or that waits because it cannot be; `on_poison`, in words,
        what no store can hold.
        """
        self._clock = clock
        self._keep = keep
        self._adopt = adopt
        self._adopt_late = adopt_late
        self._everything = everything
        self._on_written = on_written
        self._on_poison = on_poison
        # Those that were told of.
        self._poison: set[str] = set()
        self._writes: list[Write] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._committing = asyncio.Lock()
        self._ended = 0
        self._disk = Disk(store, clock, deadline, self._wake.set)
        self._earlier = Earlier.UNSEEN
        self._asking = False
        self.fault = ""
        """Empty, or why the rows are at present kept in memory only."""
        self.unread = ""
        """Empty, or what an earlier run has left that this one neither judges nor sends, and where it is."""

    @property
    def keeps(self) -> bool:
        """Whether what is written outlives this process."""
        return self._disk.store.blocks and not self.fault

    @property
    def hangs(self) -> bool:
        """Whether the disk does not answer at present."""
        return self._disk.hangs

    @property
    def awaits_earlier(self) -> bool:
        """Whether it is still to be seen what an earlier run left."""
        return self._earlier is Earlier.UNSEEN

    @property
    def where(self) -> str:
        """For people: where the rows are kept."""
        return self._disk.store.where

    @property
    def folder(self) -> str:
        """Which folder that is, as the store says."""
        return self._disk.store.folder

    async def open(self) -> None:
        """Read what an earlier run left; raises StoreFault when something is there that cannot be read now.

        What waits in a store must be known before anything is judged: a report that turned up later would be
        delivered without anybody having looked whether it still holds. A disk that does not answer is the exception:
        nothing that waits for it would ever end, so the monitor works from memory, and what waits there waits on:
        `unread` says so until the disk answers.
        """
        try:
            loaded = await self._disk.call(lambda store: store.load())
            self._see_earlier(Glance.AT_START)
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
                loaded = await self._try(lambda store: store.load(), self._nothing())
            elif fault.unread:
                raise
            else:
                if not self._disk.hangs:
                    self._see_earlier(Glance.EMPTY)
                self._degrade(fault)
                loaded = self._nothing()
        if self._earlier is Earlier.UNSEEN:
            self.unread = f"whether an earlier run left reports in {self.where} could not be seen yet"
        self._adopt(loaded)

    def write(self, writes: Sequence[Write]) -> None:
        """Take writes that belong into one transaction. Never blocks, never raises."""
        if writes:
            self._writes += writes
            self._ended += sum(
                isinstance(write, Put) and write.row.status is not ReportStatus.PENDING for write in writes
            )
            self._wake.set()

    async def write_now(self, write: Write) -> None:
        """Take a write and wait until it was tried."""
        self.write([write])
        await self.tried()

    async def tried(self) -> None:
        """Wait until all that was taken so far was tried."""
        tried = asyncio.get_running_loop().create_future()
        self._waiting.append(tried)
        self._wake.set()
        await tried

    async def recent(self, limit: int) -> list[Row]:
        """The newest rows of the store, newest first; none while it cannot be read."""
        return await self._try(lambda store: store.recent(limit), list[Row]())

    async def ended(self, subjects: Sequence[str]) -> list[Row] | None:
        """The rows about these subjects that have ended; None while the store cannot be read."""
        return await self._try(lambda store: store.ended(subjects), None)

    async def run(self) -> None:
        """Until cancelled, write what has been taken."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                wanted = await pause(
                    self._clock, _RETRY if self._disk.store.blocks or self.fault else None, self._wake
                )
                if not self._disk.hangs:
                    await (self._flush() if wanted or self.fault else asyncio.shield(self._look()))
                    continue
                # Nothing waits for a disk that may hang again: it is asked by a task beside this one.
                self._go_on_from_memory()
                if not self._asking and self._disk.is_worth_a_try():
                    self._asking = True
                    tasks.create_task(self._ask_again())

    async def finish(self) -> None:
        """Write what is left."""
        if self._disk.hangs:
            return
        async with self._committing:
            pass  # a transaction that a cancelled writer had begun gives back what it could not write
        if not self._disk.hangs:
            await self._flush()

    async def close(self) -> None:
        """Let go of the store; a disk that does not answer is not waited for."""
        await self._disk.close()

    async def _flush(self) -> None:
        writes, self._writes = self._writes, []
        waiting, self._waiting = self._waiting, []
        if writes or self.fault:
            # Shielded: a cancelled writer must not leave a half-told transaction behind it.
            await asyncio.shield(self._commit(writes))
        _let_go(waiting)

    async def _look(self) -> None:
        """A file that was removed, or a disk that hangs, is noticed before there is something to write."""
        async with self._committing:
            try:
                await self._disk.call(lambda store: store.check())
            except StoreFault as fault:
                await self._after(fault, [])

    def _go_on_from_memory(self) -> None:
        self._writes = _latest(self._writes)
        self._tell(self._writes)
        waiting, self._waiting = self._waiting, []
        _let_go(waiting)

    async def _ask_again(self) -> None:
        try:
            await self._flush()
        finally:
            self._asking = False
        self._wake.set()

    async def _commit(self, writes: list[Write]) -> None:
        async with self._committing:
            await self._write(writes)

    async def _write(self, writes: list[Write]) -> None:
        try:
            if self._earlier is Earlier.UNSEEN:
                # Before the first row of this run: all that is found is an earlier one's.
                # One transaction: killed between two, it would have written over what it had only meant to move.
                writes = [*self._see_late(await self._disk.call(lambda store: store.load())), *writes]
            await self._put(writes)
        except StoreFault as fault:
            await self._after(fault, writes)
        else:
            if self.fault:
                self._recover()
        self._tell(writes)
        if self._ended >= _PRUNE_AFTER:
            self._ended = 0
            await self._try(lambda store: store.prune(self._keep), None)

    async def _put(self, writes: Sequence[Write]) -> None:
        """Have the store hold them; what no store can hold must not keep the others out of it. Raises StoreFault."""
        try:
            await self._disk.call(lambda store: store.write(writes))
        except StoreFault as fault:
            poison, why = fault.poison, str(fault)
            if not poison:
                raise
        else:
            return
        await self._disk.call(lambda store: store.put_aside(poison))
        for write in poison:
            self._name_poison(write, why)
        others = [write for write in writes if not any(write is one for one in poison)]
        if others:
            await self._disk.call(lambda store: store.write(others))

    def _name_poison(self, write: Write, why: str) -> None:
        name = f"the report about {write.row.subject}" if isinstance(write, Put) else f"memory {write.key!a}"
        if name in self._poison:
            return
        self._poison.add(name)
        means = (
            "it is delivered from memory, and lost if this process ends before that"
            if isinstance(write, Put)
            else "what it tells counts as unknown after the next start"
        )
        self._on_poison(
            f"{name} holds a value that cannot be written ({why}) and is set aside; all others are kept: {means}. "
            "This is a bug of this program; please report it with the log"
        )

    def _tell(self, writes: Sequence[Write]) -> None:
        for write in writes:
            if isinstance(write, Put):
                self._on_written(write.row)

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
            self.where,
        )
        everything = list(self._everything())
        try:
            await self._put(everything)
        except StoreFault as again:
            self._degrade(again)
            self._writes = _latest(everything + self._writes)
        else:
            if self.fault:
                self._recover()

    def _recover(self) -> None:
        LOG.warning("The outbox is on disk again at %s; nothing was lost meanwhile", self.where)
        self.fault = ""

    def _see_late(self, left: Loaded) -> Sequence[Write]:
        """What an earlier run left is seen only now: its reports are judged like those that were read at a start.

        Gives what is to be written of that.
        """
        self.unread = ""
        if not (left.pending or left.followed or left.memory or left.unreadable):
            self._see_earlier(Glance.EMPTY)
            return ()
        self._see_earlier(Glance.LATE)
        subjects = list(dict.fromkeys(row.subject for row in left.pending))
        more = f" and {len(subjects) - _NAMED} more" if len(subjects) > _NAMED else ""
        named = f", about {', '.join(subjects[:_NAMED])}{more}" if subjects else ""
        LOG.warning(
            "What an earlier run left in %s could be read only now: %d report(s) wait there%s, and are judged from now "
            "on. What was remembered there is not known to this run, which may have reported anew what was reported.",
            self.where,
            len(left.pending),
            named,
        )
        return self._adopt_late(left)

    def _see_earlier(self, glance: Glance) -> None:
        self._earlier = move(self._earlier, glance)

    def _degrade(self, fault: StoreFault) -> None:
        if not self.fault:
            LOG.error(
                "The outbox cannot be written (%s). Detection and delivery go on from memory; a report that is "
                "still undelivered when this process ends would be lost. Free space or mend the folder: it is "
                "tried again every %d s.",
                fault,
                _RETRY,
            )
        self.fault = str(fault)

    async def _set_aside(self, fault: StoreFault) -> str:
        try:
            aside = await self._disk.call(lambda store: store.set_aside())
        except (OSError, StoreFault) as error:
            self._degrade(StoreFault(f"{fault}; it could not be set aside: {error}", lasting=False))
            return self.where
        if self._earlier is Earlier.UNSEEN:
            self.unread = f"what an earlier run left was set aside unread as {aside} ({fault})"
        self._see_earlier(Glance.SET_ASIDE)
        return aside

    def _nothing(self) -> Loaded:
        # Above every id that an unreadable file may hold: ids count from 1, this counts milliseconds since 1970.
        return Loaded(pending=(), memory={}, next_id=int(self._clock.now().wall.timestamp() * 1000))

    async def _try(self, call: Callable[[Store], T], otherwise: T) -> T:
        try:
            return await self._disk.call(call, anew=False)
        except StoreFault as fault:
            self._degrade(fault)
            return otherwise


def _let_go(waiting: Sequence[asyncio.Future[None]]) -> None:
    for future in waiting:
        if not future.done():
            future.set_result(None)


def _latest(writes: Sequence[Write]) -> list[Write]:
    """One write per row and key: while a disk is full the backlog must not grow with every step of a row."""
    latest: dict[tuple[str, object], Write] = {}
    for write in writes:
        key: tuple[str, object] = ("row", write.row.id) if isinstance(write, Put) else ("key", write.key)
        durable = write.durable or (key in latest and latest[key].durable)
        latest.pop(key, None)
        latest[key] = replace(write, durable=durable)
    return list(latest.values())
