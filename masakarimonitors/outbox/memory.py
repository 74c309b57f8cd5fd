"""The outbox's store when nothing is writable: the same promises, but only until the process ends."""

from collections.abc import Mapping, Sequence

from masakarimonitors.decisions import JSON
from masakarimonitors.outbox.rows import Loaded, Put, Row, Status, Write


class MemoryStore:
    """Rows and remembered values in two dictionaries."""

    where = "memory (lost when this process ends)"
    blocks = False

    def __init__(self) -> None:
        """Start empty."""
        self._rows: dict[int, Row] = {}
        self._memory: dict[str, Mapping[str, JSON]] = {}

    def load(self) -> Loaded:
        """Everything that a start needs."""
        pending = tuple(row for _, row in sorted(self._rows.items()) if row.status is Status.PENDING)
        return Loaded(pending, dict(self._memory), max(self._rows, default=0) + 1)

    def write(self, writes: Sequence[Write]) -> None:
        """Apply all of them."""
        for write in writes:
            if isinstance(write, Put):
                self._rows[write.row.id] = write.row
            elif write.value is None:
                self._memory.pop(write.key, None)
            else:
                self._memory[write.key] = write.value

    def recent(self, limit: int) -> list[Row]:
        """The newest rows, newest first."""
        return [self._rows[key] for key in sorted(self._rows, reverse=True)[:limit]]

    def prune(self, keep: int) -> None:
        """Forget all but the newest `keep` rows that are no longer pending."""
        done = [
            key for key in sorted(self._rows, reverse=True) if self._rows[key].status is not Status.PENDING
        ]
        for key in done[keep:]:
            del self._rows[key]

    def set_aside(self) -> str:
        """Memory does not break; nothing to move."""
        return self.where

    def close(self) -> None:
        """Nothing to let go of."""
