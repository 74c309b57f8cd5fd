"""Which reports wait, in which order, and which of them may be offered: an index of rows; pure.

In: rows as they are made, written and changed. Out: for each subject, the rows that may be offered now, oldest
first, but the death of an instance before all that is said of it besides, and what masakari's engine only files
after that on which it acts. A row that is not yet on disk, or that is held, holds up the later ones of its
subject, and no row of another.
"""

from collections.abc import Iterator

from masakarimonitors.outbox.rows import Row


class Pending:
    """The rows that have not ended, by id and by subject."""

    def __init__(self) -> None:
        """Nothing waits."""
        self._rows: dict[int, Row] = {}
        self._order: dict[str, list[int]] = {}
        self._unwritten: set[int] = set()
        self._held: set[int] = set()

    def __len__(self) -> int:
        """How many rows wait."""
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        """Every row that waits, in the order in which they came here."""
        return iter(list(self._rows.values()))

    def __contains__(self, row_id: int) -> bool:
        """Whether that row still waits."""
        return row_id in self._rows

    def add(self, row: Row, *, written: bool) -> None:
        """A row that is new here; `written`: it is on disk already."""
        self._rows[row.id] = row
        order = self._order.setdefault(row.subject, [])
        order.append(row.id)
        order.sort(key=lambda row_id: (self._rows[row_id].rank, row_id))
        if not written:
            self._unwritten.add(row.id)

    def change(self, row: Row) -> bool:
        """The row as it is now; False (and nothing is changed) when it waits no more."""
        if row.id not in self._rows:
            return False
        self._rows[row.id] = row
        return True

    def remove(self, row: Row) -> None:
        """The row has ended; one that does not wait is left alone."""
        if self._rows.pop(row.id, None) is None:
            return
        order = self._order[row.subject]
        order.remove(row.id)
        if not order:
            del self._order[row.subject]
        self._unwritten.discard(row.id)

    def note_written(self, row: Row) -> bool:
        """The row is on disk, or waits for a disk that takes nothing; False when that was known."""
        known = row.id not in self._unwritten
        self._unwritten.discard(row.id)
        return not known

    def hold(self) -> None:
        """Offer none of the rows that wait now until `release`."""
        self._held = set(self._rows)

    def release(self) -> set[str]:
        """Hold nothing back any more; the subjects of which rows were held."""
        held, self._held = self._held, set()
        return {row.subject for row_id in held if (row := self._rows.get(row_id))}

    def subjects(self) -> list[str]:
        """Every subject with rows that wait."""
        return list(self._order)

    def of(self, subject: str) -> list[Row]:
        """The subject's rows in the order in which they are offered."""
        return [self._rows[row_id] for row_id in self._order.get(subject, ())]

    def deliverable(self, subject: str) -> Iterator[Row]:
        """The subject's rows up to the first that is not written or is held, in their order."""
        for row_id in self._order.get(subject, ()):
            if row_id in self._unwritten or row_id in self._held:
                return
            yield self._rows[row_id]

    def unwritten(self) -> list[Row]:
        """The rows that have not reached the disk."""
        return [self._rows[row_id] for row_id in self._rows if row_id in self._unwritten]
