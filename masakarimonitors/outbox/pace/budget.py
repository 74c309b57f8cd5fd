"""How many may go although nobody can see what stands at masakari: so many at once, then one after another; pure.

In: what was left, and when. Out: what is left now.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """`left` of them at monotonic second `at`; None: none has gone yet, and as many may as ever."""

    left: float = 0.0
    at: float | None = None

    def now(self, now: float, most: int, interval: float) -> float:
        """How many may go at monotonic second `now`: one more every `interval` seconds, `most` of them at once."""
        if self.at is None:
            return float(most)
        return min(float(most), self.left + (now - self.at) / interval)


UNSPENT = Budget()
"""Nothing has gone yet."""
