"""When each row may be offered next, and when it is given up, by the monotonic clock, whatever the wall clock does.

In: what an offer of a row has come to. Out: its moments. Rows that have ended leave theirs behind, and these are
forgotten in time.
"""

from collections.abc import Callable
from dataclasses import dataclass

from masakarimonitors.outbox.rows import Row

# Seconds for which a row of an earlier run is offered, however old it looks: the wall clock may have been set.
_AT_LEAST = 3600.0
# So many moments more than there are rows are kept before those of ended rows are looked for.
_SLACK = 100


@dataclass(slots=True)
class _Moments:
    """Of one row: it is due at `due`; `window`: it is told with a fresh time then; it is given up at `expires`."""

    due: float = 0.0
    window: bool = False
    expires: float | None = None


class Timing:
    """The moments of all rows that wait."""

    def __init__(self, expiry: float, is_pending: Callable[[int], bool]) -> None:
        """A row is given up `expiry` seconds after it was made; `is_pending` tells whether one has not ended."""
        self._expiry = expiry
        self._is_pending = is_pending
        self._rows: dict[int, _Moments] = {}
        self._most = _SLACK

    def __len__(self) -> int:
        """Of how many rows something is kept."""
        return len(self._rows)

    def due(self, row_id: int) -> float:
        """The monotonic second from which on it may be offered; 0 for at once."""
        return self._rows[row_id].due if row_id in self._rows else 0.0

    def wait(self, row_id: int, until: float, *, window: bool = False) -> None:
        """It is not offered before `until`; with `window` it is told with the time of then."""
        moments = self._of(row_id)
        moments.due, moments.window = until, window or moments.window

    def answered(self, row_id: int) -> None:
        """Something definite was said of it: it waits no longer."""
        if row_id in self._rows:
            self._rows[row_id].due = 0.0

    def in_window(self, row_id: int) -> bool:
        """Whether an older report hides it until it is due."""
        return row_id in self._rows and self._rows[row_id].window

    def leave_window(self, row_id: int) -> bool:
        """Whether it is to be told with a fresh time now; it is in no window any more."""
        hidden = self.in_window(row_id)
        if hidden:
            self._rows[row_id].window = False
        return hidden

    def expires(self, row: Row, now: float) -> float:
        """The monotonic second at which it is given up; `now`: that of this moment, for one that is asked of first."""
        moments = self._of(row.id)
        if moments.expires is None:
            moments.expires = max(row.monotonic + self._expiry, now + min(self._expiry, _AT_LEAST))
        return moments.expires

    def is_over(self, row: Row, now: float) -> bool:
        """Whether it is too old at monotonic second `now`."""
        return now >= self.expires(row, now)

    def put_off(self, row: Row, now: float) -> None:
        """Somebody wants it untold at monotonic second `now`: it is not given up within the hour after."""
        moments = self._of(row.id)
        moments.expires = max(self.expires(row, now), now + min(self._expiry, _AT_LEAST))

    def forget(self, row_id: int) -> None:
        """It has ended."""
        self._rows.pop(row_id, None)

    def _of(self, row_id: int) -> _Moments:
        if len(self._rows) > self._most:
            self._rows = {key: kept for key, kept in self._rows.items() if self._is_pending(key)}
            self._most = 2 * len(self._rows) + _SLACK
        return self._rows.setdefault(row_id, _Moments())
