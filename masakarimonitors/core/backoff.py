"""How long to wait before the next try: doubling, up to a limit.

Deterministic on purpose, so that a decision can be replayed; whoever needs jitter adds it at the
edge where the sleeping is done.
"""


def backoff(attempt: int, first: float, limit: float) -> float:
    """Seconds to wait after failed try number `attempt` (1, 2, ...): `first`, then twice as long each time.

    Never more than `limit`, never less than zero; an attempt below 1 counts as 1.
    """
    if first <= 0:
        return 0.0
    # 2**63 seconds is beyond any limit; the cap keeps a counter that ran for years from overflowing.
    return min(limit, first * 2.0 ** min(max(attempt, 1) - 1, 63))
