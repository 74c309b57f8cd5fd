"""What was recorded of instances or guests, laid out as answers to what other rules would ask. Pure.

In: each answer, with the question that it answered then. Out: what comes of a question, a look at masakari and a report
now; where nothing recorded tells, no answer, or a doubt about the subject that the question was about.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from masakarimonitors.core.decision import Instant, Notify
from masakarimonitors.core.offers.again import LOOK_EVERY, HostSeen, LookUpHost
from masakarimonitors.core.rehearsal.other_rules import SAME, Given, Lacks, nearest
from masakarimonitors.core.rehearsal.stage import Happens

WITHIN = 300.0
"""Seconds between two questions, or two reports, of which one's answer may be the other's."""


@dataclass(slots=True, kw_only=True)
class Records(Lacks):
    """All answers that were recorded, by what was asked."""

    given: dict[object, list[Given]] = field(default_factory=dict)

    def keep(self, key: object, answer: Given) -> None:
        """It is given when that is asked for."""
        self.given.setdefault(key, []).append(answer)

    def of(self, key: object) -> list[Given]:
        """All answers to that question."""
        return self.given.get(key, [])

    def look_up(self, command: LookUpHost, now: Instant) -> Iterable[tuple[float, Happens]]:
        """How masakari has this host; no answer where that is not known, or a report would be offered again on it."""
        known = nearest(self.of(HostSeen), now, LOOK_EVERY)
        if known is None or _tells_less(known, command):
            self.note("how masakari has this host")
            return
        seen = known.seen
        yield when(known, now), lambda at: replace(seen, at=at)

    def report(
        self, told: Notify, now: Instant, same: Callable[[Any], bool]
    ) -> Iterable[tuple[float, Happens]]:
        """What became of the report that was made at the nearest time, of those whose end is the `same` one's."""
        ends = [one for given in self.given.values() for one in given if same(one.seen)]
        known = nearest(ends, now, WITHIN)
        if known is None:
            self.note("what became of a report")  # it waits
            return
        ended, made = known.seen, told.notification.generated_time
        yield when(known, now), lambda at: replace(ended, made_at=made)


def when(known: Given, now: Instant) -> float:
    """In how many seconds it is answered: at the very moment, if it is the very question."""
    if abs(known.asked - now.monotonic) <= SAME:
        return max(0.0, known.at - now.monotonic)
    return known.at - known.asked


def _tells_less(known: Given, command: LookUpHost) -> bool:
    """Whether it was asked about a shorter time, and may not tell of a failure of this host that it would have."""
    asked = known.question
    return isinstance(asked, LookUpHost) and asked.since > command.since and known.seen.failed_at is None
