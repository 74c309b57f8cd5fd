"""What is asked about an outage before it is told: its power, signs of life, masakari's own list.

Pure. At most one question of each kind is open; each has a time by which it counts as answered with nothing, so a
lost answer delays and never silences. An answer counts only if it names the question that is open now.
"""

import math
from dataclasses import dataclass, replace

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.observation import (
    CheckLife,
    CheckPower,
    Life,
    LifeSeen,
    LookUpReports,
    ReportsFound,
)

LIFE_LIMIT = 25.0
"""Seconds for one answer about signs of life: a TCP connection that nobody refuses takes a few seconds to give up, is
tried twice, and may stand in line behind those of other hosts. Whoever answers must have done so before."""
LIFE_INTERVAL = 30.0
"""Seconds until a host that still answers, or could not be tried, is tried again."""
LIFE_LEAD = 12.0
"""Seconds before the end of its settling at which signs of life are looked for: two rounds of 3 s, after which a
connection that nobody refuses is given up, 5 s apart."""
LIFE_AGE = 60.0
"""Seconds for which "nothing answers" may be relied on."""
UNTRIED_FOR = 600.0
"""Seconds for which it holds a report without proof that this monitor could not look for signs of life: as long as its
own shortage, or that of its name service, lasts as a rule. After that a failure is not lost for it."""
LOOKUP_LIMIT = 30.0
"""Seconds for one look at masakari's notifications: the time-out of a request to masakari-api."""
LOOKUP_AGE = 10.0
"""Seconds for which "masakari does not have it" may be relied on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """The questions of one outage.

    Power: `attempts` were made, `power` is open until monotonic second `power_until`, the next is due at
    `power_next`. Signs of life: `life` is open until `life_until`; `life_seen` is the last answer, and `untried_since`
    the monotonic second since which all answers were that nobody could try (None: the last was not). masakari's list:
    `lookup` is open until `lookup_until`; `found` is the last answer; `unlisted_since` the monotonic second since which
    a report that masakari has taken is looked for in vain, since its list cannot be read (None: it is not).
    """

    attempts: int = 0
    power: CheckPower | None = None
    power_until: float = -math.inf
    power_next: float = -math.inf
    life: CheckLife | None = None
    life_until: float = -math.inf
    life_seen: LifeSeen | None = None
    untried_since: float | None = None
    lookup: LookUpReports | None = None
    lookup_until: float = -math.inf
    found: ReportsFound | None = None
    unlisted_since: float | None = None

    @property
    def answers(self) -> bool:
        """Whether something of the host has answered the last time that it was tried."""
        return self.life_seen is not None and self.life_seen.life is Life.ALIVE

    def anew(self) -> "Inquiry":
        """As after a break: what was answered about life and masakari's list is forgotten, and so are late answers."""
        return Inquiry(
            attempts=self.attempts,
            power=self.power,
            power_until=self.power_until,
            power_next=self.power_next,
        )

    def power_voided(self) -> "Inquiry":
        """As if the question about power that is open had not been asked: its answer would be about what is over."""
        if self.power is None:
            return self
        return replace(self, attempts=self.attempts - 1, power=None, power_next=-math.inf)

    def life_voided(self) -> "Inquiry":
        """As if nobody had asked for signs of life: a silence of before, or one on its way, is about what is over.

        What has answered goes on to count as that until it is silent.
        """
        seen = self.life_seen if self.answers else None
        return replace(self, life=None, life_until=-math.inf, life_seen=seen, untried_since=None)

    def power_closed(self, next_at: float) -> "Inquiry":
        """After the open question about power was answered or given up."""
        return replace(self, power=None, power_next=next_at)

    def life_answered(self, seen: LifeSeen) -> "Inquiry":
        """After an answer about signs of life; one to another question changes nothing.

        After it has answered once, only silence says that it answers no more: not that nobody could try.
        """
        if seen.in_reply_to != self.life:
            return self
        before = self.life_seen
        if before is not None and self.answers and seen.life in (Life.UNKNOWN, Life.UNTRIED):
            seen = replace(before, at=seen.at)
        since = None
        if seen.life is Life.UNTRIED:
            since = seen.at.monotonic if self.untried_since is None else self.untried_since
        return replace(self, life=None, life_seen=seen, untried_since=since)

    def is_untried(self, now: float) -> bool:
        """Whether, at monotonic second `now`, nobody could try it for a reason of our own, and not yet for long."""
        return self.untried_since is not None and now < self.untried_since + UNTRIED_FOR

    def lookup_answered(self, found: ReportsFound) -> "Inquiry":
        """After masakari was asked; an answer to another question changes nothing."""
        if found.in_reply_to != self.lookup:
            return self
        since = self.unlisted_since if found.found is None else None
        return replace(self, lookup=None, found=found, unlisted_since=since)

    def life_known(self, now: Instant) -> LifeSeen | None:
        """The last answer, while it may be relied on; one that holds a report until it is time to try again."""
        seen = self.life_seen
        if seen is None:
            return None
        age = LIFE_INTERVAL if seen.life in (Life.ALIVE, Life.UNTRIED) else LIFE_AGE
        return seen if now.monotonic < seen.at.old_at(age, now) else None
