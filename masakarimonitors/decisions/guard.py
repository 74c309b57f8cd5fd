"""The storm guard: when many hosts fail together, the watcher is the likelier culprit.

Arithmetic over who is failing since when; it holds and releases, it decides nothing else. It always
ends: each host can unsettle one storm at most twice (by joining it and by coming back), and from
then on only a lost view keeps the hold.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace

EVERYWHERE = "all hosts"
"""The scope that every host belongs to; any other scope is a failure domain."""


@dataclass(frozen=True, slots=True)
class GuardPolicy:
    """`threshold`: per cent (0-100, 0 is off) of a scope's hosts that may fail within `window` seconds.

    More than that, and at least `least` hosts, is a storm. It is over when nothing new was seen for
    `hold` seconds. `domain_threshold` is the threshold within one failure domain (0 is off).
    """

    threshold: float = 50.0
    domain_threshold: float = 0.0
    least: int = 3
    window: float = 60.0
    hold: float = 300.0

    def of(self, scope: str) -> float:
        """The threshold of `scope`, in per cent."""
        return self.threshold if scope == EVERYWHERE else self.domain_threshold


@dataclass(frozen=True, slots=True)
class Storm:
    """A storm in `scope`: since when, since when nothing new was seen, who failed and who came back."""

    scope: str
    began: float
    quiet_since: float
    failed: frozenset[str]
    returned: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Weighed:
    """`storm` holds the scope's reports (None: nothing does); `released`: a storm ended by having stood."""

    storm: Storm | None
    released: bool = False


def weigh(
    storm: Storm | None,
    scope: str,
    failing: Mapping[str, float],
    held: Set[str],
    *,
    known: int,
    sight_lost: bool,
    policy: GuardPolicy,
    now: float,
) -> Weighed:
    """Look at one scope at monotonic second `now`.

    `failing`: hosts that fail, with the second it began; `held`: those of them not yet reported;
    `known`: how many hosts the scope has; `sight_lost`: the state of a held one cannot be told now.
    """
    if storm is None:
        recent = frozenset(host for host, since in failing.items() if now - since <= policy.window)
        threshold = policy.of(scope)
        if threshold <= 0 or len(recent) < policy.least or len(recent) * 100 <= threshold * known:
            return Weighed(None)
        return Weighed(Storm(scope, now, now, recent))
    if not held:
        return Weighed(None)
    joined = failing.keys() - storm.failed
    returned = storm.failed - failing.keys() - storm.returned
    if joined or returned or sight_lost:
        return Weighed(
            replace(storm, quiet_since=now, failed=storm.failed | joined, returned=storm.returned | returned)
        )
    if now - storm.quiet_since >= policy.hold:
        return Weighed(None, released=True)
    return Weighed(storm)
