"""The last look at both documents, and whether the next poll may end with the CIB alone; pure.

In: what that look has shown, and what was announced since. Out: yes, where a CIB that has not changed by one byte
leaves nothing to see: everybody was up, nothing was under way, nothing was announced. crm_mon, which is most of what a
look costs, is asked again with the next resync, as where alerts announce every loss.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LastLook:
    """`digest`: of the CIB. `at`: the monotonic second at which it was asked for. `calm`: everybody was up, and nobody
    denied it."""

    digest: str = ""
    at: float = -math.inf
    calm: bool = False

    def stands(self, now: float, asked_at: float, *, resync: float, restless: float) -> bool:
        """Whether it is still the whole truth at `now`, if the CIB is still the same.

        `asked_at`: when a look was last asked for. For `restless` seconds after that every look is a whole one, as it
        is each `resync` seconds (give or take: polls do not meet it exactly).
        """
        return (
            self.calm
            and bool(self.digest)
            and now - self.at < resync * 0.9
            and self.at >= asked_at
            and now - asked_at > restless
        )
