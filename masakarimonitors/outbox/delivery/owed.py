"""Which answers masakari-api owes: to offers that are under way for longer than it may take, and to the last of those.

In: when offers begin and end, and how. Out: one sentence for people, empty while nothing is owed. Pure. An exchange
that drips on, or ends with 500, keeps nobody from asking again, so no breaker opens for it; to call the API well
meanwhile would be wrong, though it may be at that one report alone that it fails. With that report it is over: another
one that may not leave, for days perhaps, would have its answer shown for as long.
"""

from collections.abc import Callable

OVERDUE = 15.0
"""Seconds after which a whole answer is overdue: masakari-api itself takes up to 5 s of them with its defaults."""


class Owed:
    """The offers that are under way, by the ids of their rows, and how the last one ended that nobody answered."""

    def __init__(self) -> None:
        """Nothing is owed."""
        self._since: dict[int, float] = {}
        self._unended: tuple[int, str] | None = None

    def begin(self, row_id: int, now: float) -> None:
        """It is offered from this monotonic second on."""
        self._since[row_id] = now

    def answered(self) -> None:
        """It was masakari-api that answered after all: a look at its lists has shown that."""
        self._unended = None

    def end(self, row_id: int, *, answer: str = "", answered: bool = False) -> None:
        """Its offer has ended: with a verdict of masakari-api's, or with `answer` for the want of one."""
        self._since.pop(row_id, None)
        if answered or answer:
            self._unended = None if answered else (row_id, answer)

    def told(self, now: float, waits: Callable[[int], bool]) -> str:
        """What is owed at monotonic second `now`; "" for nothing. `waits`: whether the row of that id has not ended."""
        longest = now - min(self._since.values(), default=now)
        if longest >= OVERDUE:
            return f"a report was offered {longest:.0f} s ago, and has no whole answer yet"
        return self._unended[1] if self._unended is not None and waits(self._unended[0]) else ""
