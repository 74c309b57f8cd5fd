"""What the outbox asks of the place where it keeps its rows.

Two implementations, one test suite: `sqlite.SqliteStore` (a file that survives SIGKILL and a power
cut) and `memory.MemoryStore` (when there is nowhere to write). Calls come from one thread at a time.
"""

from collections.abc import Sequence
from typing import Protocol

from masakarimonitors.outbox.rows import Loaded, Row, Write


class StoreFault(Exception):
    """The store could not do what it was asked; the message says what was seen.

    `lasting` is True when the file itself is broken and must be set aside, False when the same write
    may succeed later (a full disk, a busy file).
    """

    def __init__(self, message: str, *, lasting: bool) -> None:
        """Keep whether the fault lasts."""
        super().__init__(message)
        self.lasting = lasting


class Store(Protocol):
    """Where rows and remembered values are kept."""

    @property
    def where(self) -> str:
        """For people: the file's path, or that it is memory."""

    @property
    def blocks(self) -> bool:
        """Whether calls wait for a disk and so belong on a thread."""

    def load(self) -> Loaded:
        """Everything that a start needs; raises StoreFault."""

    def write(self, writes: Sequence[Write]) -> None:
        """All of them or none, in one transaction, synced when any asks for it; raises StoreFault."""

    def recent(self, limit: int) -> list[Row]:
        """The newest rows, newest first, whatever their status; raises StoreFault."""

    def prune(self, keep: int) -> None:
        """Forget all but the newest `keep` rows that are no longer pending; raises StoreFault."""

    def set_aside(self) -> str:
        """Move a broken file out of the way, start an empty one, return the new name of the old."""

    def close(self) -> None:
        """Let go of the file."""
