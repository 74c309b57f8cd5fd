"""Which reports wait, in which order, and which of them may be offered: an index of rows; pure.

In: rows as they are made, written and changed. Out: for each subject, the rows that may be offered now, oldest
first, but the death of an instance before all that is said of it besides, and what masakari's engine only files
after that on which it acts. A row that is not yet on disk holds up the later ones of its subject, and no row of
another. One of the last life that its monitor has not confirmed is not offered, and holds up nothing: what was seen in
this life is not in doubt because of it.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum

from masakarimonitors.outbox.rows import Row


class Standing(StrEnum):
    """Where a row stands that waits."""

    UNWRITTEN = "not on disk yet"
    UNCONFIRMED = "of the last life, and nobody has seen yet whether it still holds"
    OFFERABLE = "may be offered"


class Step(StrEnum):
    """What moves it."""

    WRITTEN = "written"
    CONFIRMED = "confirmed"


MOVES: Mapping[tuple[Standing, Step], Standing] = {
    (Standing.UNWRITTEN, Step.WRITTEN): Standing.OFFERABLE,
    (Standing.UNCONFIRMED, Step.CONFIRMED): Standing.OFFERABLE,
}
"""Every move that there is; a step without one changes nothing. Above all, no time is among the steps."""


class Pending:
    """The rows that have not ended, by id and by subject."""

    def __init__(self) -> None:
        """Nothing waits."""
        self._rows: dict[int, Row] = {}
        self._order: dict[str, list[int]] = {}
        # Of those that may be offered nothing stands here.
        self._standing: dict[int, Standing] = {}

    def __len__(self) -> int:
        """How many rows wait."""
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        """Every row that waits, in the order in which they came here."""
        return iter(list(self._rows.values()))

    def __contains__(self, row_id: int) -> bool:
        """Whether that row still waits."""
        return row_id in self._rows

    def find(self, row_id: int) -> Row | None:
        """The row as it is now, if it waits."""
        return self._rows.get(row_id)

    def add(self, row: Row, standing: Standing) -> None:
        """A row that is new here."""
        self._rows[row.id] = row
        order = self._order.setdefault(row.subject, [])
        order.append(row.id)
        order.sort(key=lambda row_id: (self._rows[row_id].rank, row_id))
        if standing is not Standing.OFFERABLE:
            self._standing[row.id] = standing

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
        self._standing.pop(row.id, None)

    def note_written(self, row: Row) -> bool:
        """The row is on disk, or waits for a disk that takes nothing; False when that was known."""
        return self._step(row, Step.WRITTEN)

    def confirm(self, row: Row) -> bool:
        """Its monitor has seen that what it says still holds; False when it needed nobody to say so."""
        return self._step(row, Step.CONFIRMED)

    def _step(self, row: Row, step: Step) -> bool:
        before = self._standing.get(row.id, Standing.OFFERABLE)
        after = MOVES.get((before, step), before)
        if after is Standing.OFFERABLE:
            self._standing.pop(row.id, None)
        return after is not before

    def subjects(self) -> list[str]:
        """Every subject with rows that wait."""
        return list(self._order)

    def of(self, subject: str) -> list[Row]:
        """The subject's rows in the order in which they are offered."""
        return [self._rows[row_id] for row_id in self._order.get(subject, ())]

    def deliverable(self, subject: str) -> Iterator[Row]:
        """The subject's rows that may be offered, up to the first that is not written, in their order."""
        for row_id in self._order.get(subject, ()):
            match self._standing.get(row_id):
                case Standing.UNWRITTEN:
                    return
                case None:
                    yield self._rows[row_id]

    def unconfirmed(self) -> list[Row]:
        """The rows of the last life of which nobody has said yet whether they still hold."""
        return self._that_stand(Standing.UNCONFIRMED)

    def is_unconfirmed(self, row: Row) -> bool:
        """Whether the row is one of those."""
        return self._standing.get(row.id) is Standing.UNCONFIRMED

    def _that_stand(self, standing: Standing) -> list[Row]:
        return [self._rows[row_id] for row_id, at in self._standing.items() if at is standing]
