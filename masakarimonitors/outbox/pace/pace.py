"""How many reports about the instances of one host masakari is given at a time: the policy, and its states; pure.

In: what was offered, taken and seen at masakari of one host's reports. Out: whether a report may go now, or
why not and until when; when to look again. masakari's engine works one host's notifications off one after
another, and those that wait hold threads of its pool: more than a few at a time gain nothing, and keep the
host's own evacuation, and other hosts', waiting. Nothing here waits for ever: whatever stands longer than
the engine can take is not waited for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum

from masakarimonitors.outbox.pace.budget import UNSPENT, Budget
from masakarimonitors.outbox.pace.stages import COUNTED, KEPT, MOVES, Lane, Sign, Stage
from masakarimonitors.outbox.progress import Seen


class Sight(Enum):
    """Whether masakari's own notifications of a host could be read."""

    UNASKED = "nobody has looked yet"
    SEEN = "a look has succeeded of late"
    BLIND = "none has"


class Hold(StrEnum):
    """Why a report waits."""

    FULL = "as many of this host as masakari's engine works on are being recovered"
    HOST = "its whole host is being recovered"
    TOGETHER = "instances died together: a word about their host is awaited"
    UNSEEN = "masakari's notifications cannot be read: one report after another, with a pause"
    TURN = "older ones of this host go first"
    DEATH = "a death of this host goes first, and is about to"
    LOOK = "masakari is asked first how many of this host stand there"


@dataclass(frozen=True, slots=True, kw_only=True)
class PacePolicy:
    """How many, and how long is waited for what; all times in seconds.

    `limit` (0: no pacing at all): unfinished reports of one host on which the engine acts. `filed_limit`: the same
    of those that it only files, while it acts on others; they wait for the same lock and hold the same threads (64
    by default, for all hosts). What was seen counts as `fresh` for so long. `together` instances that die within
    `moment` wait so long for a word about their host: Corosync and Consul need 5 to 8 s to notice a dead one.
    `patience`: the engine may take so long for a report. It waits 180 s for a stop and 60 s for a start at most,
    has `limit` of them before it, and tries a failed one again at most 120 s later: twice 2 x 240, and 120.
    `host_patience`: the same for a whole host, which is on maintenance meanwhile; one of which that is not known
    has `patience`. `lapse`: the engine itself gives up what is a day old. After `blind_after` without a look that
    succeeded, or when the first one fails, `limit` (and of those that are only filed `filed_limit`, while others
    stand or wait) go at once and then one every `blind_interval`; it is looked again every `blind_look`, or
    `blind_idle` when nothing waits. Otherwise it is looked every `soonest_look` to `latest_look`, or from
    `idle_look` on when nothing waits.
    """

    limit: int = 2
    filed_limit: int = 8
    together: int = 3
    moment: float = 10.0
    fresh: float = 2.0
    patience: float = 1200.0
    host_patience: float = 7200.0
    lapse: float = 90000.0
    blind_after: float = 30.0
    blind_interval: float = 5.0
    blind_look: float = 15.0
    blind_idle: float = 60.0
    soonest_look: float = 1.0
    latest_look: float = 15.0
    idle_look: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """One report at masakari; `row`: the id of our row, None for another sender's. `since`: monotonic second.

    `doubtful`: of a whole host, as `HostReport` has it.
    """

    lane: Lane
    stage: Stage
    since: float
    row: int | None = None
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class HostReport:
    """A report of the whole host with which the engine has not ended.

    `changed`: the monotonic second of our clock at which masakari last changed it. `doubtful`: nothing proves that
    the engine is at it; it has not begun, or whether the host is on maintenance cannot be read.
    """

    changed: float
    doubtful: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look at masakari has shown of a host.

    `began`: the monotonic second at which it was begun. `unfinished`: by uuid, with its lane. `signs`: how those of
    ours that are not among them stand. `recovered`: the reports of the whole host that the engine has finished, with
    the monotonic second (of our clock) at which it did. `hosts`: more of those of the whole host that are unfinished.
    `abandoned`: those that are, and at which nobody works any more. `changed`: when masakari last changed unfinished
    ones about instances (monotonic second of our clock), as far as is known. `seen`: of ours, what masakari says
    (None: it knows no such one). `reaches`: of what died before that monotonic second, it was not asked whether its
    host was recovered.
    """

    began: float
    unfinished: Mapping[str, Lane] = field(default_factory=dict)
    signs: Mapping[str, Sign] = field(default_factory=dict)
    recovered: Mapping[str, float] = field(default_factory=dict)
    hosts: Mapping[str, HostReport] = field(default_factory=dict)
    abandoned: frozenset[str] = frozenset()
    changed: Mapping[str, float] = field(default_factory=dict)
    seen: Mapping[str, Seen | None] = field(default_factory=dict)
    reaches: float = float("-inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A report that is due: its row, its lane, whose it is, and the monotonic second at which it was made."""

    row: int
    lane: Lane
    subject: str
    made: float


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether a report may go: at once, not yet (`hold`; asked again at `until`, or when something changes), or never.

    `covered_by`: masakari's uuid of the report of its whole host, which has recovered it.
    """

    hold: Hold | None = None
    until: float | None = None
    covered_by: str = ""


GO = Ruling()
# Of sums of seconds: what is due now must not be due in a moment that no clock can tell from now.
_ROUNDING = 1e-6
# Seconds by which a moment of masakari's clock may differ from one look to the next.
_SAME = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPace:
    """What is known of one host's reports at masakari.

    `tracked`: by masakari's uuid; one on its way by `row_key`. `young`: the subjects that died last, with the
    monotonic second. `recovered`, `reaches`: as of the last look. `seen_at`, `looked_at`, `moved_at`: when a look has
    succeeded, has ended, something has changed. `burst`: how many may go blindly; `files`: the same of those that are
    only filed.
    """

    tracked: Mapping[str, Tracked] = field(default_factory=dict)
    young: Mapping[str, float] = field(default_factory=dict)
    recovered: Mapping[str, float] = field(default_factory=dict)
    reaches: float = float("-inf")
    sight: Sight = Sight.UNASKED
    seen_at: float = 0.0
    looked_at: float = 0.0
    moved_at: float = 0.0
    burst: Budget = UNSPENT
    files: Budget = UNSPENT

    def count(self, lane: Lane) -> int:
        """How many places of a lane are taken."""
        return sum(one.lane is lane and one.stage in COUNTED for one in self.tracked.values())


def row_key(row: int) -> str:
    """Under what a report is tracked while masakari's uuid of it is not known."""
    return f"row {row}"


def arrived(pace: HostPace, one: Candidate, policy: PacePolicy) -> HostPace:
    """A report has become due for the first time."""
    if one.lane is not Lane.RECOVERED or pace.young.get(one.subject, -1.0) >= one.made:
        return pace
    # Only the latest few matter: it is told whether `together` are younger than a moment.
    young = dict(sorted({**pace.young, one.subject: one.made}.items(), key=lambda item: item[1]))
    young = dict(list(young.items())[-policy.together :])
    return replace(pace, young=young, moved_at=max(pace.moved_at, one.made))


def judge(
    pace: HostPace, one: Candidate, now: float, policy: PacePolicy, ahead: Hold | None = None
) -> Ruling:
    """Whether a report may go at monotonic second `now`.

    `ahead`: why the oldest one of this host waits on which the engine acts, None when none does.
    """
    if not policy.limit:
        return GO
    if one.lane is Lane.FILED:
        return _judge_filed(pace, now, policy, ahead)
    for uuid, at in pace.recovered.items():
        if at > one.made:
            return Ruling(covered_by=uuid)
    if pace.sight is Sight.BLIND:  # what was seen of its host, too, is too old to wait for
        return _judge_blind(pace, now, policy)
    if pace.count(Lane.HOST):
        return Ruling(Hold.HOST)
    count = pace.count(Lane.RECOVERED)
    if count >= policy.limit:
        return Ruling(Hold.FULL)
    young = now < one.made + policy.moment
    if young and sum(now < made + policy.moment for made in pace.young.values()) >= policy.together:
        return Ruling(Hold.TOGETHER, one.made + policy.moment)
    if young and not count and _burst(pace, now, policy) >= policy.limit:
        return GO  # after a quiet time the first one waits for no answer
    # Once a moment has passed it is asked once more: the word that was waited for may be there now.
    since = now - policy.fresh if young else max(now - policy.fresh, one.made + policy.moment)
    seen = pace.sight is Sight.SEEN and pace.seen_at >= since and pace.reaches <= one.made
    return GO if seen else Ruling(Hold.LOOK, now)


def _judge_filed(pace: HostPace, now: float, policy: PacePolicy, ahead: Hold | None) -> Ruling:
    if ahead is Hold.LOOK:
        return Ruling(
            Hold.DEATH
        )  # for as long as a look takes: it must find a place then, here and at the engine
    if ahead is None and not pace.count(Lane.RECOVERED):
        return GO
    if pace.sight is Sight.BLIND:
        return _blindly(_files(pace, now, policy), now, policy)
    return GO if pace.count(Lane.FILED) < policy.filed_limit else Ruling(Hold.FULL)


def _judge_blind(pace: HostPace, now: float, policy: PacePolicy) -> Ruling:
    return _blindly(_burst(pace, now, policy), now, policy)


def _blindly(left: float, now: float, policy: PacePolicy) -> Ruling:
    return GO if left >= 1.0 - _ROUNDING else Ruling(Hold.UNSEEN, now + (1.0 - left) * policy.blind_interval)


def _burst(pace: HostPace, now: float, policy: PacePolicy) -> float:
    return pace.burst.now(now, policy.limit, policy.blind_interval)


def _files(pace: HostPace, now: float, policy: PacePolicy) -> float:
    return pace.files.now(now, policy.filed_limit, policy.blind_interval)


def offered(pace: HostPace, one: Candidate, now: float, policy: PacePolicy) -> HostPace:
    """A report is on its way."""
    tracked = Tracked(lane=one.lane, stage=Stage.OFFERED, since=now, row=one.row)
    pace = replace(pace, tracked={**pace.tracked, row_key(one.row): tracked}, moved_at=now)
    if one.lane is not Lane.RECOVERED:
        # While no death stands there they go freely: that is no debt.
        return replace(pace, files=Budget(max(0.0, _files(pace, now, policy) - 1.0), now))
    return replace(pace, burst=Budget(_burst(pace, now, policy) - 1.0, now))


def answered(pace: HostPace, row: int, uuid: str, now: float) -> HostPace:
    """An offer has ended; `uuid` is masakari's of it, empty when it was not taken or is not known."""
    tracked = dict(pace.tracked)
    one = tracked.pop(row_key(row), None)
    if one is None:
        return pace
    stage = MOVES[one.stage, Sign.TAKEN if uuid else Sign.NOT_TAKEN]
    if stage in KEPT:
        tracked[uuid] = replace(one, stage=stage, since=now)
    return replace(pace, tracked=tracked, moved_at=now)


def remembered(pace: HostPace, row: int, lane: Lane, uuid: str, since: float) -> HostPace:
    """One of an earlier run stands at masakari since then, as far as is known."""
    return replace(
        pace,
        tracked={**pace.tracked, uuid: Tracked(lane=lane, stage=Stage.STANDING, since=since, row=row)},
    )


def blinded(pace: HostPace, now: float, policy: PacePolicy) -> HostPace:
    """A look has failed: what was seen still counts for a while."""
    pace = replace(pace, looked_at=now)
    if pace.sight is Sight.BLIND or (pace.sight is Sight.SEEN and now - pace.seen_at < policy.blind_after):
        return pace
    free = float(max(0, policy.limit - pace.count(Lane.RECOVERED)))
    # While masakari answered each one waited for a look: whatever went then is no debt for those that go blindly.
    burst = Budget(min(free, max(0.0, _burst(pace, now, policy))), now)
    files = Budget(float(max(0, policy.filed_limit - pace.count(Lane.FILED))), now)
    return replace(pace, sight=Sight.BLIND, burst=burst, files=files)


def looked(pace: HostPace, look: Look, now: float) -> HostPace:
    """A look has succeeded, and ended at monotonic second `now`."""
    tracked: dict[str, Tracked] = {}
    for uuid, one in pace.tracked.items():
        if one.stage is Stage.OFFERED or (one.since > look.began and uuid not in look.unfinished):
            tracked[uuid] = one  # the look was too early to tell of it
            continue
        sign = Sign.UNFINISHED if uuid in look.unfinished else look.signs.get(uuid, Sign.FINISHED)
        stage = MOVES[one.stage, sign]
        if stage in KEPT:
            tracked[uuid] = replace(one, stage=stage)
    for uuid, lane in look.unfinished.items():
        # It may have been left there long before anybody looked.
        since = min(look.changed.get(uuid, now), now)
        tracked.setdefault(uuid, Tracked(lane=lane, stage=Stage.STANDING, since=since))
    for uuid, host in look.hosts.items():
        tracked[uuid] = _host_as_seen(tracked[uuid], host, now, pace.tracked.get(uuid))
    moved = tracked.keys() != pace.tracked.keys()
    return replace(
        pace,
        tracked=tracked,
        # What is seen as finished has finished by now, whatever the clocks say.
        recovered={uuid: min(at, pace.recovered.get(uuid, now)) for uuid, at in look.recovered.items()},
        reaches=look.reaches,
        sight=Sight.SEEN,
        seen_at=now,
        looked_at=now,
        moved_at=now if moved else pace.moved_at,
    )


def _host_as_seen(one: Tracked, seen: HostReport, now: float, before: Tracked | None) -> Tracked:
    """A host's report as a look has shown it: it counts anew when the engine has gone on with it."""
    # What the clocks differ by from look to look is no change.
    if before is None or seen.changed > before.since + _SAME or (before.doubtful and not seen.doubtful):
        return replace(one, stage=Stage.STANDING, since=min(seen.changed, now), doubtful=seen.doubtful)
    return replace(one, doubtful=seen.doubtful)


def next_look(pace: HostPace, policy: PacePolicy, hold: Hold | None) -> float | None:
    """The monotonic second of the next look at masakari; `hold`: why the first one waits, None when none does.

    The longer nothing has moved, the less often: a look is late by an eighth of what it waits for, at most.
    """
    if not policy.limit or (hold is None and not pace.tracked):
        return None
    if pace.sight is Sight.BLIND:
        return pace.looked_at + (policy.blind_idle if hold is None else policy.blind_look)
    if pace.looked_at > pace.seen_at:
        return pace.looked_at + policy.blind_interval
    if hold is None:
        idle = max(policy.idle_look, (pace.looked_at - pace.moved_at) / 8.0)
        return max(pace.looked_at, pace.moved_at) + min(idle, policy.blind_idle)
    since = max(policy.soonest_look, (pace.looked_at - pace.moved_at) / 8.0)
    return pace.looked_at + min(since, policy.latest_look)
