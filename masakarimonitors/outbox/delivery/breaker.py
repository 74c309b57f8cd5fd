"""Whether masakari-api as a whole answers; held by the delivery, which opens and closes it."""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class CircuitBreaker:
    """Open, it lets one probe through at a time; `until` and `opened_at` are monotonic seconds."""

    failures: int = 0
    until: float = 0.0
    opened_at: float = 0.0
    probing: bool = False
    reason: str = ""

    @property
    def open(self) -> bool:
        """Whether nobody knows it to answer."""
        return self.failures > 0

    def failed(self, reason: str, now: float, delay: float) -> "CircuitBreaker":
        """After one more failure at monotonic second `now`: nothing is tried for `delay` seconds."""
        return CircuitBreaker(
            failures=self.failures + 1,
            until=now + delay,
            opened_at=now,
            probing=self.probing,
            reason=reason,
        )
