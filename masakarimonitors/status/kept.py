"""An answer that was made a moment ago is given again: whoever asks often takes little of the time to see.

In: how an answer is made. Out: the last one while it is fresh, or a new one. For nine times as long as one took to be
made it is fresh: making them never takes more than a tenth of the loop's time, however many ask.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

from masakarimonitors.system.clock import Clock

T = TypeVar("T")

_TIMES = 9.0
_LONGEST = 5.0
"""Seconds for which an answer is given at most: where this process stood still, that was not its making."""


class Kept(Generic[T]):
    """One kind of answer."""

    def __init__(self, make: Callable[[], T], clock: Clock) -> None:
        """`make` makes one, on the loop; what it raises is raised, and nothing kept of it."""
        self._make = make
        self._clock = clock
        self._last: tuple[T, float] | None = None

    def __call__(self) -> T:
        """An answer of now, or of a moment ago."""
        begun = self._clock.now().monotonic
        if self._last is not None and begun < self._last[1]:
            return self._last[0]
        made = self._make()
        done = self._clock.now().monotonic
        self._last = (made, done + min(_LONGEST, _TIMES * (done - begun)))
        return made
