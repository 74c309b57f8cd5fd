"""What is known of one host on one link, and of a link's own view.

Pure arithmetic between observation and decision: which value stands, how many samples it has, and
whether the source's word counts at all. Two rules live here and nowhere else: what was DOWN stays
DOWN until it is UP again, however it leaves the list; and only a proven, complete view counts.
"""

import math
from dataclasses import dataclass, field, replace

from masakarimonitors.decisions.streak import Streak
from masakarimonitors.hostmonitor.observation import Link, Sighting

NOT_LISTED = Sighting(Link.UNKNOWN, "not listed any more")
_NEVER = Sighting(Link.UNKNOWN, "never seen here")


@dataclass(frozen=True, slots=True)
class LinkState:
    """The standing value of one host on one link.

    `heard` is what the source said last; `proven`: the standing value was sampled at least once
    while the view was proven; `since`: the monotonic second at which it began to stand.
    """

    streak: Streak[Link] = field(default_factory=lambda: Streak(Link.UNKNOWN))
    heard: Sighting = _NEVER
    proven: bool = False
    since: float = -math.inf

    @property
    def value(self) -> Link:
        """The value that stands."""
        return self.streak.value


BLANK = LinkState()


def remembered(value: Link) -> LinkState:
    """The value that stood when the monitor stopped: it colours what comes next, and counts for nothing."""
    return LinkState(Streak(value), Sighting(Link.UNKNOWN, f"{value.value} before the restart"), proven=True)


def sight(before: LinkState, sighting: Sighting, now: float, live: bool) -> LinkState:
    """The source says `sighting`; `live`: its view counts at this moment."""
    value = sighting.value
    if before.proven and (
        (before.value is Link.DOWN and value in (Link.LEFT, Link.UNKNOWN))
        or (before.value is Link.LEFT and value is Link.UNKNOWN)
    ):
        # Cluster engines reap their dead (Consul's autopilot turns a killed server into "left" after
        # 13 s) and forget who left long ago; neither tells anything new about the host.
        value = before.value
    if value is not before.value:
        streak = Streak(value, 1, now) if live else Streak(value)
        return LinkState(streak, sighting, live, now)
    streak = before.streak.saw(value, now) if live else before.streak
    if streak is before.streak and sighting == before.heard and (before.proven or not live):
        return before
    return LinkState(streak, sighting, before.proven or live, before.since)


def still(before: LinkState, now: float, spacing: float, needed: int) -> LinkState:
    """Time has passed in a live view and the value stands: count a sample if one is due."""
    streak = before.streak.stands(now, spacing, needed)
    return before if streak is before.streak else replace(before, streak=streak, proven=True)


def counts_as(state: LinkState, live: bool, needed: int) -> Link:
    """The value that a judgement may use: UNKNOWN unless the view is live and the value firm."""
    if not live:
        return Link.UNKNOWN
    if state.value in (Link.UP, Link.DOWN) and not state.streak.firm(needed):
        return Link.UNKNOWN
    return state.value


@dataclass(frozen=True, slots=True)
class LinkView:
    """The authority of one link: proven by its source until `until`, complete since the last loss.

    `heard`: its source has spoken at all; `live` and `told` remember what was last found and that
    its loss was told, so that a change is noticed and told once.
    """

    proven: bool = False
    complete: bool = False
    until: float = math.inf
    why: str = "nothing heard from its source yet"
    heard: bool = False
    live: bool = False
    told: bool = False

    def lives(self, now: float) -> bool:
        """Whether the link's values count at monotonic second `now`."""
        return self.proven and self.complete and now < self.until

    def reason(self, now: float) -> str:
        """Why it counts, or why not, in one clause."""
        if self.proven and now >= self.until:
            return f"its source has gone silent (last word: {self.why})"
        if self.proven and not self.complete:
            return "no complete listing yet"
        return self.why
