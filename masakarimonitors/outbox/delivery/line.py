"""Which subjects are looked at next: those with a report on which masakari's engine acts before all others; pure.

In: subjects, and when each is due. Out: the next one. What the engine only files stands in a line of its own: however
long that is, and however fast it grows, no death stands behind it.
"""

import heapq
import itertools


class Line:
    """Two lines of subjects, each by the time at which it is due, and then by its arrival."""

    def __init__(self) -> None:
        """Nobody stands here."""
        # True: those of which nothing but words waits that the engine only files.
        self._heaps: dict[bool, list[tuple[float, int, str]]] = {False: [], True: []}
        self._order = itertools.count()

    def push(self, due: float, subject: str, *, filed: bool) -> None:
        """The subject is due at monotonic second `due`; `filed`: with nothing on which the engine acts."""
        # The count keeps subjects that are due at once in the order in which they came.
        heapq.heappush(self._heaps[filed], (due, next(self._order), subject))

    def pop(self, now: float, *, filed: bool) -> str | None:
        """The first subject of that line which is due at monotonic second `now`; it stands there no longer."""
        heap = self._heaps[filed]
        return heapq.heappop(heap)[2] if heap and heap[0][0] <= now else None

    def first_due(self, *, filed: bool) -> float | None:
        """The monotonic second at which the first one is due; with `filed` of both lines."""
        firsts = [heap[0][0] for of_filed, heap in self._heaps.items() if heap and (filed or not of_filed)]
        return min(firsts, default=None)
