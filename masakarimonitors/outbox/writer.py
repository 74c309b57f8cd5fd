"""The writer: what the outbox says is kept, is kept, through full disks and broken files.

In: writes, one after another. Out: transactions. Writes that wait at the same time share one (group
commit). While the disk takes nothing the writes wait in memory, one for each row and key, and are tried
again; a broken file is set aside, never silently replaced, and a new one gets everything that is pending
or remembered.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.outbox.rows import Loaded, Put, Row, Write
from masakarimonitors.outbox.store import Store, StoreFault
from masakarimonitors.system.clock import Clock, pause

LOG = logging.getLogger(__name__)
T = TypeVar("T")

# A full disk is looked at again this often (seconds), besides at every new row.
_RETRY = 30.0
# Ended rows between two prunings of the store.
_PRUNE_AFTER = 1000


class Writer:
    """Keeps a store up to date; the only one that calls it."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        keep: int,
        adopt: Callable[[Loaded], None],
        everything: Callable[[], Sequence[Write]],
        on_written: Callable[[Row], None],
    ) -> None:
        """`keep` is how many ended rows stay in the store.

        `adopt` takes what the store held before; `everything` gives what a new store must hold;
        `on_written` is told each row that has been written, or that waits because it cannot be.
        """
        self._store = store
        self._clock = clock
        self._keep = keep
        self._adopt = adopt
        self._everything = everything
        self._on_written = on_written
        self._writes: list[Write] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._committing = asyncio.Lock()
        self._ended = 0
        self._pool = ThreadPoolExecutor(1, "outbox") if store.blocks else None
        self.fault = ""
        """Empty, or why the rows are at present kept in memory only."""

    @property
    def keeps(self) -> bool:
        """Whether what is written outlives this process."""
        return self._store.blocks and not self.fault

    @property
    def where(self) -> str:
        """For people: where the rows are kept."""
        return self._store.where

    async def open(self) -> None:
        """Read what an earlier run left; raises StoreFault when something is there that cannot be read now.

        What waits in a store must be known before anything is judged: a report that turned up later would be
        delivered without anybody having looked whether it still holds.
        """
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
            elif fault.unread:
                raise
            else:
                self._degrade(fault)
                loaded = Loaded((), {}, self._fresh_id())
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
        written = asyncio.get_running_loop().create_future()
        self._waiting.append(written)
        self.write([write])
        await written

    async def recent(self, limit: int) -> list[Row]:
        """The newest rows of the store, newest first; none while it cannot be read."""
        return await self._try(lambda: self._store.recent(limit), list[Row]())

    async def run(self) -> None:
        """Until cancelled, write what has been taken."""
        while True:
            await pause(self._clock, _RETRY if self.fault else None, self._wake)
            await self._flush()

    async def finish(self) -> None:
        """Write what is left."""
        async with self._committing:
            pass  # a transaction that a cancelled writer had begun gives back what it could not write
        await self._flush()

    async def close(self) -> None:
        """Let go of the store."""
        await self._on_thread(self._store.close)
        if self._pool is not None:
            self._pool.shutdown(wait=True)

    async def _flush(self) -> None:
        writes, self._writes = self._writes, []
        waiting, self._waiting = self._waiting, []
        if not writes and not self.fault:
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
            await self._on_thread(lambda: self._store.write(writes))
        except StoreFault as fault:
            await self._after(fault, writes)
        else:
            if self.fault:
                LOG.warning(
                    "The outbox is on disk again at %s; nothing was lost meanwhile", self._store.where
                )
                self.fault = ""
        for write in writes:
            if isinstance(write, Put):
                self._on_written(write.row)
        if self._ended >= _PRUNE_AFTER:
            self._ended = 0
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
        everything = list(self._everything())
        try:
            await self._on_thread(lambda: self._store.write(everything))
        except StoreFault as again:
            self._degrade(again)
            self._writes = _latest(everything + self._writes)

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
            return await self._on_thread(self._store.set_aside)
        except OSError as error:
            self._degrade(StoreFault(f"{fault}; it could not be set aside: {error}", lasting=False))
            return self._store.where

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
