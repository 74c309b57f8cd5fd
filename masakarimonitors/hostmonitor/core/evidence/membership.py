"""Membership of one host on one link, and the standing of a link's own view.

Pure arithmetic between observation and decision: which value stands, how many samples it has, and
whether the source's word counts at all. Two rules live here and nowhere else: what was DOWN stays
DOWN until it is UP again, however it leaves the list, unless its source takes that back; and only a
proven, complete view counts.
"""

import math
from dataclasses import KW_ONLY, dataclass, field, replace

from masakarimonitors.core.streak import Streak
from masakarimonitors.hostmonitor.core.observation import Membership, Sighting

NOT_LISTED = Sighting(Membership.UNKNOWN, "not listed any more")
_NEVER = Sighting(Membership.UNKNOWN, "never seen here")


@dataclass(frozen=True, slots=True)
class MemberRecord:
    """The standing value of one host on one link.

    `heard` is what the source said last; `proven`: the standing value was sampled at least once
    while the view was proven; `since`: the monotonic second at which it began to stand; `revised`: its source called
    it DOWN before and has taken that back with this very value.
    """

    streak: Streak[Membership] = field(default_factory=lambda: Streak(Membership.UNKNOWN))
    heard: Sighting = _NEVER
    proven: bool = False
    since: float = -math.inf
    _: KW_ONLY
    revised: bool = False

    @property
    def value(self) -> Membership:
        """The value that stands."""
        return self.streak.value

    @property
    def unlisted(self) -> bool:
        """Whether its source does not list the host any more, as it said last, whatever stands."""
        return self.heard.value in (Membership.UNKNOWN, Membership.LEFT)


BLANK = MemberRecord()


def restore_member(value: Membership) -> MemberRecord:
    """The value that stood when the monitor stopped: it colours what comes next, and counts for nothing."""
    return MemberRecord(
        Streak(value), Sighting(Membership.UNKNOWN, f"{value.value} before the restart"), proven=True
    )


def observe(before: MemberRecord, sighting: Sighting, now: float, live: bool) -> MemberRecord:
    """The record after the source has said `sighting`; `live`: its view counts at this moment."""
    value = sighting.value
    if (
        before.proven
        and not sighting.revises
        and (
            (before.value is Membership.DOWN and value in (Membership.LEFT, Membership.UNKNOWN))
            or (before.value is Membership.LEFT and value is Membership.UNKNOWN)
        )
    ):
        # Cluster engines reap their dead (Consul's autopilot turns a killed server into "left" after
        # 13 s) and forget who left long ago; neither tells anything new about the host.
        value = before.value
    if value is not before.value:
        streak = Streak(value, 1, now) if live else Streak(value)
        revised = sighting.revises and before.value is Membership.DOWN
        return MemberRecord(streak, sighting, live, now, revised=revised)
    streak = before.streak.saw(value, now) if live else before.streak
    if streak is before.streak and sighting == before.heard and (before.proven or not live):
        return before
    return MemberRecord(streak, sighting, before.proven or live, before.since, revised=before.revised)


def age(before: MemberRecord, now: float, spacing: float, needed: int) -> MemberRecord:
    """The record after time has passed in a live view and the value stands: a sample is counted if one is due."""
    streak = before.streak.stands(now, spacing, needed)
    return before if streak is before.streak else replace(before, streak=streak, proven=True)


def usable_value(state: MemberRecord, live: bool, needed: int) -> Membership:
    """The value by which a host may be judged: UNKNOWN unless the view is live and the value firm."""
    if not live:
        return Membership.UNKNOWN
    if state.value in (Membership.UP, Membership.DOWN) and not state.streak.firm(needed):
        return Membership.UNKNOWN
    return state.value


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewState:
    """The authority of one link: proven by its source until `until`, complete since the last loss.

    `heard`: its source has spoken at all; `live` and `told` remember what was last found and that
    its loss was told, so that a change is noticed and told once; `since`: the monotonic second at which
    `live` has last changed.
    """

    proven: bool = False
    complete: bool = False
    until: float = math.inf
    why: str = "nothing heard from its source yet"
    heard: bool = False
    live: bool = False
    told: bool = False
    since: float = -math.inf

    def counts(self, now: float) -> bool:
        """Whether the link's values count at monotonic second `now`."""
        return self.proven and self.complete and now < self.until

    def explain(self, now: float) -> str:
        """Why it counts, or why not, in one clause."""
        if self.proven and now >= self.until:
            return f"its source has gone silent (last word: {self.why})"
        if self.proven and not self.complete:
            return "no complete listing yet"
        return self.why
