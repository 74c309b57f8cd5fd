"""Storms that outlive a restart of their monitor: as they stand on disk, and how they go on in the next life. Pure.

In: the storms that hold reports now. Out: what to remember of them; from that, at the next start, storms that stand
again as soon as one of those whose report they held is seen again, and count from zero then. `at` is when they were
last seen to stand, to the minute: what passes while no monitor runs counts for nothing.
"""

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from masakarimonitors.core.decision import JSON, Instant, Remember
from masakarimonitors.core.storm import Storm

KEY = "storms"
"""Under which they are remembered."""

NOTED_EVERY = 60.0
"""Seconds after which it is noted again that they still stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OldStorms:
    """Storms of the last life that do not stand again yet, by scope, and when they were last seen to stand.

    `noted`: what was last written, and `noted_at` at which monotonic second.
    """

    storms: Mapping[str, Storm] = field(default_factory=lambda: MappingProxyType({}))
    at: datetime.datetime | None = None
    noted: Mapping[str, JSON] = field(default_factory=lambda: MappingProxyType({}))
    noted_at: float | None = None

    def held_for(self, since: datetime.datetime) -> float:
        """For how many seconds one was held in the last life, whose failure began at `since`."""
        return max(0.0, (self.at - since).total_seconds()) if self.at is not None else 0.0


def recall(memory: Mapping[str, Mapping[str, JSON]]) -> OldStorms:
    """What the last life has left; what does not read as one written by `note` was never there."""
    value = memory.get(KEY, {})
    scopes, at = value.get("scopes"), value.get("at")
    if not isinstance(scopes, dict) or not isinstance(at, str):
        return OldStorms()
    try:
        moment = datetime.datetime.fromisoformat(at)
    except ValueError:
        return OldStorms()
    if moment.tzinfo is None:
        return OldStorms()
    storms = {
        scope: Storm(
            scope=scope,
            began=0.0,
            counted_at=0.0,
            failed=_names(told.get("failed")),
            returned=_names(told.get("returned")),
        )
        for scope, told in scopes.items()
        if isinstance(told, dict)
    }
    return OldStorms(storms=MappingProxyType(storms), at=moment, noted=MappingProxyType(dict(scopes)))


def stand_again(
    old: OldStorms, scopes: Iterable[str], storms: Mapping[str, Storm], now: float
) -> tuple[OldStorms, Mapping[str, Storm]]:
    """Those of these scopes go on, from zero at monotonic second `now`; where one stands already, with what it knew."""
    again = {scope: old.storms[scope] for scope in set(scopes) if scope in old.storms}
    if not again:
        return old, storms
    after = dict(storms)
    for scope, storm in again.items():
        failed = storm.failed | (storms[scope].failed if scope in storms else frozenset())
        after[scope] = replace(storm, began=now, counted_at=now, failed=failed)
    left = {scope: storm for scope, storm in old.storms.items() if scope not in again}
    return replace(old, storms=MappingProxyType(left)), MappingProxyType(after)


def note(old: OldStorms, storms: Mapping[str, Storm], now: Instant) -> tuple[OldStorms, tuple[Remember, ...]]:
    """What is to be written now, if it is time: what they are, when that has changed, and that they stand."""
    value: dict[str, JSON] = {
        scope: {"failed": list(sorted(storm.failed)), "returned": list(sorted(storm.returned))}
        for scope, storm in sorted({**old.storms, **storms}.items())
    }
    # Of those that do not stand yet it is not written when they did: their time stands still.
    fresh = not storms or (old.noted_at is not None and now.monotonic - old.noted_at < NOTED_EVERY)
    if value == old.noted and fresh:
        return old, ()
    noted = replace(old, noted=MappingProxyType(value), noted_at=now.monotonic)
    at = now.wall if storms or old.at is None else old.at
    return noted, (Remember(KEY, {"at": at.isoformat(), "scopes": value} if value else None),)


def _names(value: JSON) -> frozenset[str]:
    return frozenset(str(name) for name in value) if isinstance(value, list) else frozenset()
