"""The storm guard: when many hosts, or many guests, fail together, what they share is the likelier culprit.

Arithmetic over who is failing since when; it holds and releases, it decides nothing else. A storm begins when too
many fail within a window, or when too many are down at the same time, however slowly they went. It ends when nothing
new was seen for a time that is counted only while their state can be seen: a gap pauses it, and starts nothing anew.
That time always comes: each host can unsettle one storm at most twice (by joining it and by coming back). It is counted
in steps, because what this process has not seen, for it stood still itself, was not quiet.

`evaluate` is one step of one scope. `weigh` takes all that fail, each in the scopes that it belongs to (the host
that it runs on, the storage that it reads from), and says whose report is held and whose is free to go.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace

EVERYWHERE = "all hosts"
"""The scope that every host belongs to; any other scope is a failure domain."""

STEP = 10.0
"""Seconds after which a storm that is counted is looked at again, though nothing happens: longer than that counts as so
long. A look that comes later by as much once more has seen nothing: this process was stopped, or its computer was, and
what happened meanwhile still lies in front of it. So such a standstill neither is quiet nor ends a storm."""

LATE_LOOKS = 6
"""So many looks in a row may come so late. Where each one does, that is no standstill but a computer that is always
slow: each counts as one step then, or its storms would never end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardPolicy:
    """`threshold`: per cent (0-100, 0 is off) of a scope's hosts that may fail.

    More than that, and at least `least` hosts, within `window` seconds, or down at the same time, is a storm. It is
    over when nothing new was seen for `hold` seconds with everything in sight. `domain_threshold` is the threshold
    within one failure domain (0 is off).
    """

    threshold: float = 50.0
    domain_threshold: float = 0.0
    least: int = 3
    window: float = 60.0
    hold: float = 300.0

    def of(self, scope: str) -> float:
        """The threshold of `scope`, in per cent."""
        return self.threshold if scope == EVERYWHERE else self.domain_threshold

    def too_many(self, scope: str, count: int, known: int) -> bool:
        """Whether `count` of the scope's `known` hosts are a storm."""
        threshold = self.of(scope)
        return threshold > 0 and count >= self.least and count * 100 > threshold * known


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """A storm in `scope`: since when, who failed and who came back.

    `quiet`: for so many seconds nothing new was seen, as counted at `counted_at` (monotonic); `seen`: whether the
    seconds since then count, because everything that matters is in sight. `late`: how many looks in a row came too
    late. `stood`: it has stood its time at least once, and goes on for those that nothing but calm or proof releases.
    """

    scope: str
    began: float
    failed: frozenset[str]
    returned: frozenset[str] = frozenset()
    quiet: float = 0.0
    counted_at: float
    seen: bool = True
    late: int = 0
    stood: bool = False

    def stands(self, now: float) -> "Storm":
        """It has stood its time at monotonic second `now`, and counts anew."""
        return replace(self, quiet=0.0, counted_at=now, stood=True)

    def quiet_at(self, now: float) -> float:
        """The seconds that were quiet and seen, at monotonic second `now`."""
        # A whole step by the same sum as `look_at`: of two moments' difference some is lost by rounding.
        passed = STEP if now >= self.counted_at + STEP else now - self.counted_at
        return self.quiet + (passed if self.seen and not self.missed(now) else 0.0)

    def missed(self, now: float) -> bool:
        """Whether nobody has looked for so long that the time until monotonic second `now` was not seen."""
        return self.is_late(now) and self.late < LATE_LOOKS

    def is_late(self, now: float) -> bool:
        """Whether a look at monotonic second `now` comes later than it was to by more than a step."""
        return now - self.counted_at > 2 * STEP

    def look_at(self, hold: float) -> float | None:
        """When to look again if nothing happens, and it may be over then; None while it is not counted."""
        return self.counted_at + min(STEP, hold - self.quiet) if self.seen else None

    def over_at(self, hold: float) -> float | None:
        """When it may be over if nothing happens until then; None while its view is lost and nothing is counted."""
        return self.counted_at + hold - self.quiet if self.seen else None

    def is_over(self, hold: float, now: float) -> bool:
        """Whether it has stood its time at monotonic second `now`."""
        left = hold - self.quiet
        return self.seen and left <= STEP and now >= self.counted_at + left and not self.missed(now)


@dataclass(frozen=True, slots=True)
class StormStep:
    """A scope's storm after one evaluation: it holds the scope's reports (None: nothing does).

    `released`: the storm has stood its time, so what it held may go, as far as whoever asks lets it.
    """

    storm: Storm | None
    released: bool = False


def evaluate(
    storm: Storm | None,
    scope: str,
    failing: Mapping[str, float],
    held: Set[str],
    *,
    down: Set[str],
    known: int,
    view_lost: bool,
    policy: GuardPolicy,
    now: float,
) -> StormStep:
    """The next step of one scope's storm at monotonic second `now`: begin, go on or end.

    `failing`: hosts that fail and were not released, with the second it began; `held`: those of them whose reports
    wait; `down`: all that are down now, reported or not; `known`: how many hosts the scope has; `view_lost`: the
    state of a held one cannot be told now.
    """
    if not held:
        return StormStep(None)
    if storm is None:
        recent = frozenset(host for host, since in failing.items() if now - since <= policy.window)
        for many in (recent, frozenset(down) if held & down else frozenset()):
            if policy.too_many(scope, len(many), known):
                begun = Storm(scope=scope, began=now, failed=many, counted_at=now, seen=not view_lost)
                return StormStep(begun)
        return StormStep(None)
    joined = failing.keys() - storm.failed
    returned = storm.failed - failing.keys() - down - storm.returned
    if joined or returned:
        quiet = 0.0
    else:
        if storm.is_over(policy.hold, now) and not view_lost:
            return StormStep(storm.stands(now), released=True)
        quiet = storm.quiet_at(now)
    stepped = storm.seen and now >= storm.counted_at + STEP
    changed = joined or returned or stepped or storm.seen is view_lost
    if not changed:
        return StormStep(storm)
    return StormStep(
        replace(
            storm,
            failed=storm.failed | joined,
            returned=storm.returned | returned,
            quiet=quiet,
            counted_at=now,
            seen=not view_lost,
            late=storm.late + 1 if storm.seen and storm.is_late(now) else 0,
        )
    )


TOGETHER = 3600.0
"""Seconds for which one that `weigh` counts is one of those that are down at the same time. It bounds the hold of
each: whoever has failed for longer is held by no storm, however many others come and go meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """One that fails since monotonic second `since`, and all of its scopes.

    `waits`: its report is due, so that a storm in any of its scopes would hold it; False before that, and after it
    was reported, when it only counts. `seen`: its state can be told now.
    """

    since: float
    scopes: tuple[str, ...]
    waits: bool = False
    seen: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class StormRound:
    """What `weigh` says: the storms by scope, and of each that waits whether it is held, by which scope, or free.

    `began` and `ended`: what is to be told; of storms of the same failures one (see `leading`).
    """

    storms: Mapping[str, Storm]
    held: Mapping[str, str]
    free: tuple[str, ...]
    began: tuple[Storm, ...] = ()
    ended: tuple[str, ...] = ()

    def wake_at(self, policy: GuardPolicy) -> float | None:
        """The monotonic second at which to weigh again though nothing happens; None without a storm."""
        return min(
            (at for storm in self.storms.values() if (at := storm.look_at(policy.hold)) is not None),
            default=None,
        )


def leading(storms: Mapping[str, Storm]) -> tuple[Storm, ...]:
    """The storms that are to be told, by scope: not one of whose failures all belong to another, too.

    All guests of a host on one storage are one alarm, not one of the host and one of the storage.
    """
    return tuple(
        storm
        for scope, storm in sorted(storms.items())
        if not any(
            storm.failed < other.failed or (storm.failed == other.failed and name < scope)
            for name, other in storms.items()
        )
    )


def weigh(
    storms: Mapping[str, Storm],
    failing: Mapping[str, Failing],
    known: Mapping[str, int],
    *,
    policy: GuardPolicy,
    now: float,
) -> StormRound:
    """All scopes at monotonic second `now`: `storms` of the last round, all that fail by name, how many each scope has.

    A storm that has stood its time is over, and those that it held are free, unless as many are still down; then it
    stands its time again. It holds nobody who has failed for more than `TOGETHER`. `free` has who failed first first.
    A scope that `known` does not have has no storm.
    """
    waiting = {scope for one in failing.values() if one.waits for scope in one.scopes}
    after: dict[str, Storm] = {}
    held: dict[str, str] = {}
    for scope in sorted(scope for scope in waiting | storms.keys() if scope in known):
        members = {name: one for name, one in failing.items() if scope in one.scopes}
        down = {name for name, one in members.items() if now - one.since <= TOGETHER}
        holds = {name for name in down if members[name].waits}
        step = evaluate(
            storms.get(scope),
            scope,
            {name: one.since for name, one in members.items()},
            holds,
            down=down,
            known=known[scope],
            view_lost=not all(members[name].seen for name in holds),
            policy=policy,
            now=now,
        )
        if step.storm is None or (step.released and not policy.too_many(scope, len(down), known[scope])):
            continue
        after[scope] = step.storm
        held |= dict.fromkeys(holds, scope)
    free = sorted(
        (name for name, one in failing.items() if one.waits and name not in held),
        key=lambda n: (failing[n].since, n),
    )
    told = {storm.scope for storm in leading(storms)}
    return StormRound(
        storms=after,
        held=held,
        free=tuple(free),
        began=tuple(storm for storm in leading(after) if storm.scope not in told),
        ended=tuple(sorted(told - after.keys())),
    )
