"""What the introspective monitor knows: its policy, and per machine the probes and past reports.

All frozen; the decision makes new ones. What must outlive a restart of the monitor (was it healthy,
was it reported, how often within the hour) is turned into plain JSON here and read back here.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from masakarimonitors.decisions import JSON
from masakarimonitors.introspectiveinstancemonitor.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.observation import HEARTBEAT, Counters, Standing, Unwatched

KEY = "guest:"
"""What the keys of remembered machines begin with."""

QUIET = 120.0
"""Seconds without a sign of life after which a machine that once moved is no longer held back. VMware HA
waits as long for a guest whose heartbeat is lost."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How silence is judged.

    `threshold` misses in a row make a report (1 or more); `failures` is the same number per application
    check; `io_check` lets moving counters hold a report back; `reports_per_hour` is the reset budget of
    one machine (0: no limit).
    """

    hostname: str
    threshold: int = 3
    failures: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    io_check: bool = True
    reports_per_hour: int = 3

    def limit(self, probe: str) -> int:
        """Misses in a row that make a report for `probe`."""
        return self.threshold if probe == HEARTBEAT else self.failures.get(probe, self.threshold)


class Hold(StrEnum):
    """Why a report that is due is held back."""

    AT_WORK = "its counters move: the agent died, not the guest"
    UNKNOWN = "libvirt cannot say how the machine stands"
    BUDGET = "it was reported too often within the hour"
    ALREADY = "another check of this machine is reported already"


@dataclass(frozen=True, slots=True)
class Probe:
    """One line of questioning; `unsure` is the number of the question whose miss may yet be taken back."""

    phase: Phase = Phase.DISCOVERY
    misses: int = 0
    unsure: int | None = None
    hold: Hold | None = None
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Guest:
    """One watched machine. `before` is the reading to compare the next one with; `moved_at` the monotonic
    second at which the counters were last seen to move since the first miss."""

    uuid: str
    name: str
    run: str
    where: str = ""
    standing: Standing = Standing.RUNNING
    probes: Mapping[str, Probe] = field(default_factory=lambda: MappingProxyType({HEARTBEAT: Probe()}))
    reports: tuple[datetime.datetime, ...] = ()
    before: Counters | None = None
    moved_at: float | None = None

    @property
    def heartbeat(self) -> Probe:
        """The probe that every machine has."""
        return self.probes[HEARTBEAT]

    @property
    def reported(self) -> bool:
        """Whether an outage of this machine stands reported."""
        return any(probe.phase is Phase.REPORTED for probe in self.probes.values())


@dataclass(frozen=True, slots=True)
class Kept:
    """What the disk says of a machine that has not been seen since the start, or that left."""

    run: str
    phases: Mapping[str, Phase]
    reports: tuple[datetime.datetime, ...]
    where: str = ""

    @property
    def reported(self) -> bool:
        """Whether an outage of this machine stood reported when this was written."""
        return Phase.REPORTED in self.phases.values()


@dataclass(frozen=True, slots=True)
class State:
    """Everything: the machines by uuid, and what is kept of absent ones; by libvirt, which running ones cannot
    be watched, and why it is away, if it is."""

    guests: Mapping[str, Guest] = field(default_factory=lambda: MappingProxyType({}))
    kept: Mapping[str, Kept] = field(default_factory=lambda: MappingProxyType({}))
    unwatched: Mapping[str, tuple[Unwatched, ...]] = field(default_factory=lambda: MappingProxyType({}))
    away: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def to_disk(guest: Guest | Kept | None) -> dict[str, JSON] | None:
    """What to remember of a machine, or None when there is nothing worth it.

    ERROR is written as healthy: the misses so far are not kept, a restarted monitor counts anew.
    """
    if guest is None:
        return None
    phases = guest.phases if isinstance(guest, Kept) else {name: p.phase for name, p in guest.probes.items()}
    worth: dict[str, JSON] = {
        name: (Phase.HEALTHY if phase is Phase.ERROR else phase).value
        for name, phase in phases.items()
        if phase is not Phase.DISCOVERY
    }
    if not worth and not guest.reports:
        return None
    reports: list[JSON] = [report.isoformat() for report in guest.reports]
    return {"run": guest.run, "where": guest.where, "phases": worth, "reports": reports}


def from_disk(memory: Mapping[str, Mapping[str, JSON]], uris: Sequence[str] = ("",)) -> State:
    """The state to start from; an entry that does not read as one written by `to_disk` is left out.

    `uris` are the libvirts watched now; a machine remembered from another is looked for at the first.
    """
    kept: dict[str, Kept] = {}
    for key, value in memory.items():
        if not key.startswith(KEY):
            continue
        try:
            found = _kept(value)
        except (KeyError, TypeError, ValueError):
            # Written by another version: forgetting a phase costs one discovery, not a false report.
            continue
        kept[key.removeprefix(KEY)] = found if found.where in uris else replace(found, where=uris[0])
    return State(kept=MappingProxyType(kept))


def _kept(value: Mapping[str, JSON]) -> Kept:
    phases, reports = value["phases"], value["reports"]
    if not isinstance(phases, dict) or not isinstance(reports, list):
        raise TypeError("phases must be a mapping and reports a list")
    times = tuple(datetime.datetime.fromisoformat(str(report)) for report in reports)
    if any(time.tzinfo is None for time in times):
        raise ValueError("a report's time must be aware")
    return Kept(
        str(value["run"]),
        {name: Phase(str(phase)) for name, phase in phases.items()},
        times,
        str(value["where"]),
    )
