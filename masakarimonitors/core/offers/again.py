"""Reports that masakari refused, or that expired: when they are offered again. Pure.

In: how such a report ended, and what masakari was seen to say of this host since. Out: one look at masakari every few
minutes while there is such a report, and whether masakari may take it now. That what it says still holds is for the
decision to see, at that moment, before it makes a new one.

A host that failed after the death takes everything on it along: masakari has recovered that with the host, and to
offer it again would start anew what runs elsewhere by now.
"""

import datetime
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass, replace

from masakarimonitors.core.decision import NOTHING, Command, Decision, Instant, WakeAt

LOOK = "this host at masakari"
"""The key of the wake-up for the next look."""

LOOK_EVERY = 300.0
"""Seconds from the end of a report to the first look, and between two looks."""

_FIRST, _LAST = 300.0, 3600.0
_SKEW = datetime.timedelta(seconds=60)
"""By so much the clocks of two hosts may differ: a host's failure was reported by another host's clock."""


@dataclass(frozen=True, slots=True)
class LookUpHost(Command):
    """Ask masakari how it has this host, and whether it was told of its failure since then; answered by `HostSeen`."""

    since: datetime.datetime


@dataclass(frozen=True, slots=True)
class HostSeen:
    """How masakari has this host: `registered`, None when it did not say; `on_maintenance` likewise, or not registered.

    `failed_at`: when the last report of this host's failure was generated which masakari has and acts on (aware).
    """

    registered: bool | None
    on_maintenance: bool | None
    at: Instant
    _: KW_ONLY
    failed_at: datetime.datetime | None = None

    @property
    def takes(self) -> bool | None:
        """Whether it takes reports about this host; None: nobody knows."""
        return None if self.registered is None else self.registered and self.on_maintenance is False


@dataclass(frozen=True, slots=True)
class Ended:
    """A report that has ended without masakari having it: the `times`-th time for its outage, at monotonic second `at`.

    After a restart of the monitor it counts as ended at second 0.
    """

    times: int = 1
    at: float = 0.0

    @property
    def due(self) -> float:
        """The monotonic second from which on it may be offered again."""
        return self.at + min(_LAST, _FIRST * 2.0 ** min(self.times - 1, 10))


@dataclass(frozen=True, slots=True)
class Looks:
    """The looks at masakari: whether the next one is arranged for, and what the last one has shown."""

    arranged: bool = False
    last: HostSeen | None = None


def arrange(looks: Looks, wanted: bool, now: Instant) -> tuple[Looks, Decision]:
    """Have the next look made while it is wanted, and none else."""
    if wanted is looks.arranged:
        return looks, NOTHING
    if not wanted:
        return Looks(), Decision((WakeAt(LOOK, None),))
    return replace(looks, arranged=True), Decision((WakeAt(LOOK, now.monotonic + LOOK_EVERY),))


def look(looks: Looks, died: Iterable[datetime.datetime], now: Instant) -> Decision:
    """The time for a look has come; `died`: when those were first reported whose reports have ended."""
    since = min(died, default=None)
    if not looks.arranged or since is None:
        return NOTHING
    again = WakeAt(LOOK, now.monotonic + LOOK_EVERY)
    return Decision((LookUpHost(since - _SKEW), again))


def may_be_taken(looks: Looks, ended: Ended, now: Instant) -> bool:
    """Whether masakari may take now what it did not take then: it was looked at since, and does not say otherwise."""
    last = looks.last
    return (
        last is not None
        and last.at.monotonic > ended.at
        and last.takes is not False
        and now.monotonic >= ended.due
    )


def went_with_its_host(looks: Looks, died: datetime.datetime) -> bool:
    """Whether masakari was told of this host's failure at or after that death: it recovers the two together."""
    failed_at = looks.last.failed_at if looks.last is not None else None
    return failed_at is not None and failed_at >= died - _SKEW
