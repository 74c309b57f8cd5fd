"""What the outbox asks of the place where it keeps its rows.

Two implementations, one test suite: `sqlite.SqliteStore` (a file that survives SIGKILL and a power
cut) and `MemoryStore` below (when there is nowhere to write). Calls come from one thread at a time.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from masakarimonitors.core.decision import JSON
from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.outbox.rows import Loaded, Put, Row, Write


class StoreFault(Exception):
    """The store could not do what it was asked; the message says what was seen.

    `lasting` is True when the file itself is broken and must be set aside, False when the same call
    may succeed later (a full disk, a busy file). `unread` is True when a file is there, may hold reports,
    and could not be read. `poison` are the writes, of those that were asked for, that no file can hold: without them
    the others can be written.
    """

    def __init__(
        self, message: str, *, lasting: bool, unread: bool = False, poison: Sequence[Write] = ()
    ) -> None:
        """Keep whether the fault lasts, whether something was left unread, and what cannot be written at all."""
        super().__init__(message)
        self.lasting = lasting
        self.unread = unread
        self.poison = poison


class Store(Protocol):
    """Where rows and remembered values are kept."""

    @property
    def where(self) -> str:
        """For people: the file's path, or that it is memory."""

    @property
    def folder(self) -> str:
        """Which folder that is, DEVICE:INODE as the kernel has it under every path and in every container; empty for
        memory, and while it is not known."""

    @property
    def blocks(self) -> bool:
        """Whether calls wait for a disk and so belong on a thread."""

    def load(self) -> Loaded:
        """Everything that a start needs; raises StoreFault."""

    def write(self, writes: Sequence[Write]) -> None:
        """All of them or none, in one transaction, synced when any asks for it; raises StoreFault."""

    def put_aside(self, poison: Sequence[Write]) -> None:
        """Keep, for people, what it can of writes that it cannot hold, and forget older values; raises StoreFault."""

    def check(self) -> None:
        """Whether what is written would be found again; raises StoreFault."""

    def recent(self, limit: int) -> list[Row]:
        """The newest rows, newest first, whatever their status; raises StoreFault."""

    def ended(self, subjects: Sequence[str]) -> list[Row]:
        """The rows about these subjects that are no longer pending; raises StoreFault."""

    def prune(self, keep: int) -> None:
        """Forget all but the newest `keep` rows that are no longer pending, and those that are still followed.

        Raises StoreFault.
        """

    def set_aside(self) -> str:
        """Move a broken file out of the way, start an empty one, return the new name of the old."""

    def renewed(self) -> "Store":
        """Another store for the same file; this one, which a thread is still inside of, commits nothing any more."""

    def close(self) -> None:
        """Let go of the file."""


class MemoryStore:
    """Rows and remembered values in two dictionaries: the same promises, but only until the process ends."""

    where = "memory (lost when this process ends)"
    folder = ""
    blocks = False

    def __init__(self) -> None:
        """Start empty."""
        self._rows: dict[int, Row] = {}
        self._memory: dict[str, Mapping[str, JSON]] = {}

    def load(self) -> Loaded:
        """Everything that a start needs."""
        rows = [row for _, row in sorted(self._rows.items())]
        pending = tuple(row for row in rows if row.status is ReportStatus.PENDING)
        followed = tuple(row for row in rows if row.followed)
        next_id = max(self._rows, default=0) + 1
        return Loaded(pending=pending, memory=dict(self._memory), next_id=next_id, followed=followed)

    def write(self, writes: Sequence[Write]) -> None:
        """Apply all of them."""
        for write in writes:
            if isinstance(write, Put):
                self._rows[write.row.id] = write.row
            elif write.value is None:
                self._memory.pop(write.key, None)
            else:
                self._memory[write.key] = write.value

    def put_aside(self, poison: Sequence[Write]) -> None:
        """Memory holds everything."""

    def check(self) -> None:
        """Memory is always found again."""

    def recent(self, limit: int) -> list[Row]:
        """The newest rows, newest first."""
        return [self._rows[key] for key in sorted(self._rows, reverse=True)[:limit]]

    def ended(self, subjects: Sequence[str]) -> list[Row]:
        """The rows about these subjects that are no longer pending."""
        return [
            row
            for row in self._rows.values()
            if row.subject in subjects and row.status is not ReportStatus.PENDING
        ]

    def prune(self, keep: int) -> None:
        """Forget all but the newest `keep` rows that are no longer pending, and those that are still followed."""
        done = [
            key
            for key in sorted(self._rows, reverse=True)
            if self._rows[key].status is not ReportStatus.PENDING
        ]
        for key in done[keep:]:
            if not self._rows[key].followed:
                del self._rows[key]

    def set_aside(self) -> str:
        """Memory does not break; nothing to move."""
        return self.where

    def renewed(self) -> "Store":
        """Nobody hangs in memory; the same."""
        return self

    def close(self) -> None:
        """Nothing to let go of."""
