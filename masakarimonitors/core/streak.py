"""Equal samples in a row: when a value stops being a glitch.

A value counts once when it is first seen and then once per `spacing` seconds for as long as it
stands; any other value starts over. A streak of `needed` samples makes it firm.
"""

import math
from dataclasses import dataclass
from typing import Generic, TypeVar

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Streak(Generic[V]):
    """`value` was sampled `count` times in a row, last at monotonic second `counted_at`.

    A count of 0 means that the value stands but no sample of it has counted yet.
    """

    value: V
    count: int = 0
    counted_at: float = -math.inf

    def saw(self, value: V, at: float) -> "Streak[V]":
        """A reading of `value`: another value starts a new streak, a repeated one changes nothing."""
        if value == self.value and self.count > 0:
            return self
        return Streak(value, 1, at)

    def stands(self, at: float, spacing: float, needed: int) -> "Streak[V]":
        """The value still stands at `at`: one more sample, if it is due and still needed."""
        if self.count >= needed or (self.count > 0 and at < self.counted_at + spacing):
            return self
        return Streak(self.value, self.count + 1, at)

    def due(self, spacing: float, needed: int) -> float | None:
        """When the next sample is due (monotonic seconds); None when the value is firm."""
        if self.count >= needed:
            return None
        return self.counted_at + spacing if self.count else self.counted_at

    def firm(self, needed: int) -> bool:
        """Whether `needed` equal samples (>= 1) came in a row."""
        return self.count >= needed
