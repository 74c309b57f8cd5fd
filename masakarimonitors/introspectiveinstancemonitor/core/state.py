"""What the introspective monitor knows: its policy, and per guest the probes and past reports.

All frozen; the decision makes new ones, and those changes of a guest that both the inventory and the
judgement of silence make stand here. What must outlive a restart of
the monitor (was it healthy, was it reported, how often within the hour) is turned into plain JSON by
`memo` and read back by `memory.py`.
"""

import datetime
from collections.abc import Callable, Mapping, Set
from dataclasses import KW_ONLY, dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from masakarimonitors.core.changed_rules import InForce
from masakarimonitors.core.decision import (
    JSON,
    NOTHING,
    Command,
    Decision,
    Instant,
    Remember,
    Ruling,
    Verdict,
    WakeAt,
    Withdraw,
)
from masakarimonitors.core.offers.again import Ended, Looks
from masakarimonitors.core.storm import GuardPolicy, Storm
from masakarimonitors.core.storm_memory import OldStorms
from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import UNJUDGED, Move, Phase, step
from masakarimonitors.introspectiveinstancemonitor.core.observation import (
    HEARTBEAT,
    Availability,
    GuestRules,
    Unwatched,
)
from masakarimonitors.introspectiveinstancemonitor.core.outside.investigation import QUIET, Investigation, end
from masakarimonitors.introspectiveinstancemonitor.core.reported import delivery
from masakarimonitors.introspectiveinstancemonitor.core.reported.delivery import Delivery
from masakarimonitors.introspectiveinstancemonitor.core.rules import Rule
from masakarimonitors.libvirt.life import Life

KEY = "guest:"
"""What the keys of remembered guests begin with."""

READ_AGAIN = "counters:"
"""WakeAt keys that begin so ask for another reading of a guest's counters."""

STILL_CLOSED = "closed:"
"""WakeAt keys that begin so ask whether a guest's agent has still not come back to its channel."""

STORMS = "storms"
"""The WakeAt key that asks whether a storm is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How silence is judged.

    `threshold` misses in a row make a report (1 or more); `failures` is the same number per application
    check; `io_check` lets moving counters hold a report back; `reports_per_hour` limits the reports about
    one guest (0: no limit); `guard`: how many guests that fall silent together are a storm.
    """

    hostname: str
    threshold: int = 3
    failures: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    io_check: bool = True
    reports_per_hour: int = 3
    guard: GuardPolicy = field(default_factory=lambda: GuardPolicy(domain_threshold=50.0))

    def under(self, state: "State") -> "Policy":
        """The rules that are in force in this state."""
        policy = self if state.failures is None else replace(self, failures=state.failures)
        rules = state.in_force.rules
        if rules is None:
            return policy
        return replace(policy, guard=rules.guard, reports_per_hour=rules.reports_per_hour)

    def limit(self, probe: str) -> int:
        """Misses in a row that make a report for `probe`."""
        return self.threshold if probe == HEARTBEAT else self.failures.get(probe, self.threshold)


def misses_for(threshold: int) -> int:
    """The misses in a row that make a report where the option `guest_monitoring_failure_threshold` says `threshold`.

    OpenStack's monitor compares before it counts, and asks for more than the threshold: with 3 it reports at the
    fifth miss. The same value means the same here, so that a deployed file keeps its sensitivity.
    """
    return threshold + 2


class Hold(StrEnum):
    """Why a report that is due is held back."""

    AT_WORK = "its counters move: the agent died, not the guest"
    UNKNOWN = "libvirt cannot say how the guest stands"
    REPORT_LIMIT = "it was reported too often within the hour"
    ALREADY = "another check of this guest is reported already"
    STORM = "many guests fell silent together"
    LOST = "libvirt is lost again and again before it has missed enough in a row"


LASTING = (Hold.STORM, Hold.LOST)
"""These are not over when libvirt is lost once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One line of questioning; its seconds are monotonic.

    `misses`: unanswered in a row, each confirmed by the end of its call. `open_miss`: the request whose time is up
    and whose call is not back yet. `missed`: since this monitor started, or it was out of sight while a report
    waited, the guest was asked and kept silent, or for long was asked in vain. `past_misses`: those since its last
    answer that do not count any more, since its libvirt was lost after them. `silent_since`: the first of all
    these; `due_since`: the one that was enough; `unusable_since`: since when no reply has said anything. `charge`:
    what an accused one is accused of, and `charged_at`: when a look last confirmed it. `storm_since`: since when
    one has failed that a storm holds, by the wall. `delivery`: where its report stands, which was made at `made_at`
    and delivered at `delivered_at`. `not_taken`: how it last ended in this outage, if masakari did not take it, and
    `died`: when the first such one was made.
    """

    phase: Phase = Phase.DISCOVERY
    misses: int = 0
    open_miss: int | None = None
    missed: bool = False
    past_misses: int = 0
    silent_since: float | None = None
    due_since: float | None = None
    unusable_since: float | None = None
    hold: Hold | None = None
    evidence: str = ""
    charge: str = ""
    charged_at: float | None = None
    storm_since: datetime.datetime | None = None
    delivery: Delivery = Delivery.NONE
    made_at: datetime.datetime | None = None
    delivered_at: datetime.datetime | None = None
    not_taken: Ended | None = None
    died: datetime.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """One watched guest. `where`: the libvirt over which it is asked, one of those that list this life of it (`uris`);
    `counted_at`: the one among whose guests it counts when it fails, where that is another; `storages`: where its disks
    are; `checks`: those that are meant for it; `investigation`: the look at it from outside; `questions`: what its
    probes' checks ask (`checks.questions`); `born`: when the QEMU of this life was begun, 0 where that is not seen."""

    uuid: str
    name: str
    run: str
    where: str = ""
    uris: frozenset[str] = frozenset()
    counted_at: str = ""
    storages: tuple[str, ...] = ()
    checks: frozenset[str] = frozenset()
    availability: Availability = Availability.RUNNING
    probes: Mapping[str, Probe] = field(default_factory=lambda: MappingProxyType({HEARTBEAT: Probe()}))
    reports: tuple[datetime.datetime, ...] = ()
    investigation: Investigation = field(default_factory=Investigation)
    questions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    born: int = 0

    @property
    def life(self) -> Life:
        """Which of its lives this is."""
        return self.run, self.born

    @property
    def heartbeat(self) -> Probe:
        """The probe that every guest has."""
        return self.probes[HEARTBEAT]

    def is_asked(self, probe: str) -> bool:
        """Whether it is asked by `probe`; of one that is configured for other guests no answer ever comes."""
        return probe == HEARTBEAT or probe in self.checks

    @property
    def home(self) -> str:
        """The libvirt among whose guests it counts."""
        return self.counted_at or self.where

    @property
    def fails(self) -> bool:
        """Whether it has failed in a way that counts when storms are weighed."""
        return any(
            probe.silent_since is not None or probe.phase is Phase.ACCUSED or probe.hold is Hold.STORM
            for probe in self.probes.values()
        )

    @property
    def reported(self) -> bool:
        """Whether an outage of this guest stands reported."""
        return any(probe.phase is Phase.REPORTED for probe in self.probes.values())

    @property
    def waiting(self) -> datetime.datetime | None:
        """When the report was made that still waits to be delivered, if one does; no two of a guest do."""
        return next((p.made_at for p in self.probes.values() if p.delivery is Delivery.WAITING), None)

    @property
    def accused(self) -> tuple[str, ...]:
        """The probes by which it is accused and not reported yet."""
        return tuple(name for name, probe in self.probes.items() if probe.phase is Phase.ACCUSED)

    @property
    def wanting(self) -> bool:
        """Whether there is anything to look into."""
        return self.waiting is not None or any(
            probe.phase in _TROUBLED or probe.open_miss is not None for probe in self.probes.values()
        )


_TROUBLED = (Phase.ERROR, Phase.UNKNOWN, Phase.ACCUSED)


@dataclass(frozen=True, slots=True)
class Kept:
    """What the disk says of a guest that has not been seen since the start, or that left.

    `waiting`: when the report was made that still waits, `waits`: by which probe; `delivered`: when others were,
    `not_taken`: when those were made first that masakari did not take;
    `held`: which probes' reports a storm held, and since when each had failed; `home`: the libvirt among whose guests
    it counted then, where that was another than `where`; `questions`: what its probes' checks asked, as far as that was
    written.
    """

    run: str
    phases: Mapping[str, Phase]
    reports: tuple[datetime.datetime, ...]
    where: str = ""
    _: KW_ONLY
    waiting: datetime.datetime | None = None
    waits: str = HEARTBEAT
    delivered: Mapping[str, datetime.datetime] = field(default_factory=lambda: MappingProxyType({}))
    not_taken: Mapping[str, datetime.datetime] = field(default_factory=lambda: MappingProxyType({}))
    held: Mapping[str, datetime.datetime] = field(default_factory=lambda: MappingProxyType({}))
    home: str = ""
    questions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    born: int = 0

    @property
    def life(self) -> Life:
        """In which of its lives it was seen last; one that has left has none."""
        return self.run, self.born

    def without(self, names: Set[str]) -> "Kept":
        """As if these checks had never been passed."""
        if not names & self.phases.keys():
            return self
        return replace(
            self,
            phases=MappingProxyType({name: one for name, one in self.phases.items() if name not in names}),
            waiting=None if self.waits in names else self.waiting,
            waits=HEARTBEAT if self.waits in names else self.waits,
            delivered=MappingProxyType(
                {name: at for name, at in self.delivered.items() if name not in names}
            ),
            not_taken=MappingProxyType(
                {name: at for name, at in self.not_taken.items() if name not in names}
            ),
            held=MappingProxyType({name: at for name, at in self.held.items() if name not in names}),
            questions=MappingProxyType({name: q for name, q in self.questions.items() if name not in names}),
        )

    @property
    def reported(self) -> bool:
        """Whether an outage of this guest stood reported when this was written."""
        return Phase.REPORTED in self.phases.values()

    @property
    def probes(self) -> Mapping[str, Probe]:
        """Its probes, to go on from."""
        probes = {name: self._probe(name, phase) for name, phase in self.phases.items()}
        return MappingProxyType({HEARTBEAT: Probe()} | probes)

    def _probe(self, name: str, phase: Phase) -> Probe:
        if name in self.held:
            return Probe(phase=Phase.ERROR, hold=Hold.STORM, storm_since=self.held[name])
        if phase is not Phase.REPORTED:
            return Probe(phase=phase)
        if name == self.waits and self.waiting is not None:
            return Probe(phase=phase, delivery=Delivery.WAITING, made_at=self.waiting)
        if name in self.delivered:
            return Probe(phase=phase, delivery=Delivery.DELIVERED, delivered_at=self.delivered[name])
        if name in self.not_taken:
            died = self.not_taken[name]
            return Probe(phase=phase, delivery=Delivery.NOT_TAKEN, not_taken=Ended(), died=died)
        return Probe(phase=phase, delivery=Delivery.GIVEN_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything: the guests by uuid, and what is kept of absent ones; by libvirt, which running ones cannot
    be watched, why it is away, if it is, why its guests' agents cannot be asked, if they cannot, since which
    monotonic second either is so, and which guests its last lists could not read (how many lists in a row); the storms
    by what their guests share, and those of the last life (`old_storms`); `Policy.failures`, if they have changed
    since the start; what the checks ask (`checks.questions`); the rules of the options that have changed since
    (`in_force`); how masakari has this host (`looks`)."""

    guests: Mapping[str, Guest] = field(default_factory=lambda: MappingProxyType({}))
    kept: Mapping[str, Kept] = field(default_factory=lambda: MappingProxyType({}))
    unwatched: Mapping[str, tuple[Unwatched, ...]] = field(default_factory=lambda: MappingProxyType({}))
    away: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    unaskable: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    unseen_since: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    unread: Mapping[str, Mapping[str, int]] = field(default_factory=lambda: MappingProxyType({}))
    storms: Mapping[str, Storm] = field(default_factory=lambda: MappingProxyType({}))
    failures: Mapping[str, int] | None = None
    questions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    old_storms: OldStorms = field(default_factory=OldStorms)
    looks: Looks = field(default_factory=Looks)
    in_force: InForce[GuestRules] = field(default_factory=InForce)

    def unseen(self, where: str) -> bool:
        """Whether nothing is known now of the guests of this libvirt."""
        return where in self.away or where in self.unaskable


def apply(
    state: State, guest: Guest, change: Callable[[Guest], tuple[Guest, Decision]]
) -> tuple[State, Decision]:
    """Put the changed guest in place; remember what changed, withdraw what is over."""
    after, decision = change(guest)
    if after == guest:
        # The usual case, a healthy guest that answers: a thousand of them must not be copied for each answer.
        return state, decision
    commands: tuple[Command, ...] = ()
    over = any(
        probe.phase is Phase.REPORTED and after.probes.get(name, Probe()).phase is not Phase.REPORTED
        for name, probe in guest.probes.items()
    )
    # What waits of it is the report of one probe: that of another one, which masakari has, may end without it.
    if over and after.waiting is None and not _is_offered_again(guest, after):
        lasts = any(probe.phase is Phase.ERROR for probe in after.probes.values())
        commands += (Withdraw(f"vm:{guest.uuid}", TAKEN_BACK if lasts else "the outage is over"),)
    if memo(guest) != memo(after):
        commands += (Remember(KEY + guest.uuid, memo(after)),)
    guests = MappingProxyType({**state.guests, guest.uuid: after})
    return replace(state, guests=guests), decision + Decision(commands)


def _is_offered_again(before: Guest, after: Guest) -> bool:
    """Whether all that has ended is the report that masakari did not take: nothing is to be taken back."""
    return all(
        after.probes.get(name, Probe()).phase is Phase.REPORTED
        or (probe.delivery is Delivery.NOT_TAKEN and after.probes.get(name, Probe()).phase is Phase.ERROR)
        for name, probe in before.probes.items()
        if probe.phase is Phase.REPORTED
    )


def set_availability(guest: Guest, availability: Availability, now: Instant) -> tuple[Guest, Decision]:
    """How the guest stands; a silence that spans a pause or a move is not counted as one silence."""
    if availability is guest.availability:
        watched = availability is not Availability.AGENT_CLOSED or guest.heartbeat.unusable_since is not None
        return (guest, NOTHING) if watched else watch_channel(guest, now)
    verdicts: tuple[Verdict, ...] = ()
    guest = excuse(guest, availability)
    silent = guest.heartbeat.phase in (Phase.ERROR, Phase.ACCUSED)
    if silent and availability is not Availability.RUNNING:
        sentence = f"{guest.name} is not judged now: {availability.value}"
        verdicts = (
            Verdict(
                f"vm:{guest.uuid}",
                Ruling.PLANNED,
                sentence,
                evidence=guest.heartbeat.evidence,
                rule=Rule.EXCUSED,
            ),
        )
    after = reset_misses(guest)
    if guest.availability in _BOOTING and availability in _BOOTING:
        after = replace(after, probes=_awaited_since(guest.probes, after.probes))
    after, decision = watch_channel(replace(after, availability=availability), now)
    return after, decision + Decision(verdicts=verdicts)


_BOOTING = (Availability.RUNNING, Availability.SHUTTING_DOWN, Availability.AGENT_CLOSED)
"""What one passes through that reboots: in these, the time for which it is awaited goes on."""


def _awaited_since(before: Mapping[str, Probe], after: Mapping[str, Probe]) -> Mapping[str, Probe]:
    since = {name: one.unusable_since for name, one in before.items() if one.phase is Phase.AWAITED}
    return MappingProxyType(
        {
            name: replace(one, unusable_since=since[name]) if name in since else one
            for name, one in after.items()
        }
    )


_EXCUSES = (Availability.BUSY, Availability.SHUTTING_DOWN, Availability.AGENT_CLOSED)
"""Whoever is so must not be started anew, not even by a report that was right when it was made. (masakari itself
leaves a paused one alone, and a crashed one is dead.)"""


TAKEN_BACK = "it was found at work, or is excused, before the report left"
"""Why a report about a guest that is still silent is withdrawn."""


def excuse(guest: Guest, availability: Availability) -> Guest:
    """Of one that is seen so, and whose report still waits: it is not reported, if that excuses it."""
    return take_back(guest) if availability in _EXCUSES else guest


def take_back(guest: Guest) -> Guest:
    """The probe whose report still waits is not reported any more; what masakari has stays reported."""
    probes = {
        name: replace(
            probe,
            phase=step(probe.phase, Move.TAKE_BACK),
            delivery=delivery.step(probe.delivery, delivery.Step.TAKEN_BACK),
            made_at=None,
        )
        if probe.delivery is Delivery.WAITING
        else probe
        for name, probe in guest.probes.items()
    }
    return replace(guest, probes=MappingProxyType(probes))


def watch_channel(guest: Guest, now: Instant) -> tuple[Guest, Decision]:
    """One whose agent was there and has closed its channel is looked at again when it stays away."""
    probe = guest.heartbeat
    if guest.availability is not Availability.AGENT_CLOSED or probe.phase in (
        Phase.DISCOVERY,
        Phase.UNUSABLE,
    ):
        return guest, NOTHING
    since = now.monotonic if probe.unusable_since is None else probe.unusable_since
    probe = replace(probe, unusable_since=since, evidence="its agent has not come back yet")
    # One that is awaited since before that may open and close it more often than any look at it would be due.
    wake = WakeAt(STILL_CLOSED + guest.uuid, max(since + QUIET, now.monotonic))
    return with_probe(guest, HEARTBEAT, probe), Decision((wake,))


def with_probe(guest: Guest, name: str, probe: Probe) -> Guest:
    """The guest with one of its probes changed."""
    return replace(guest, probes=MappingProxyType({**guest.probes, name: probe}))


def reset_misses(guest: Guest) -> Guest:
    """Count from zero again; a guest that was healthy once can still be accused, and no accusation stands."""
    probes = {name: forget_misses(probe) for name, probe in guest.probes.items()}
    return replace(guest, probes=MappingProxyType(probes), investigation=end(guest.investigation))


def forget_misses(probe: Probe) -> Probe:
    """The probe without what it has missed so far; what was reported stays so."""
    phase = step(probe.phase, Move.ACQUIT) if probe.phase is Phase.ACCUSED else probe.phase
    return replace(
        probe,
        phase=phase,
        misses=0,
        open_miss=None,
        past_misses=0,
        silent_since=None,
        due_since=None,
        unusable_since=None,
        hold=None,
        charge="",
        charged_at=None,
    )


def memo(guest: Guest | Kept | None) -> dict[str, JSON] | None:
    """What to remember of a guest, or None when there is nothing worth it.

    What is between healthy and reported is written as healthy: the misses so far are not kept, a restarted monitor
    counts anew. But what was unknown stays so: a restart is no answer. What a storm holds is written beside that.
    """
    if guest is None:
        return None
    phases = guest.phases if isinstance(guest, Kept) else {name: p.phase for name, p in guest.probes.items()}
    worth: dict[str, JSON] = {
        name: (Phase.REPORTED if phase is Phase.REPORTED else Phase.HEALTHY).value
        for name, phase in phases.items()
        if phase not in UNJUDGED
    }
    # Beside them, since an earlier release does not know what this is. One that has stayed away for long is awaited
    # all the same: after a restart of this monitor, people are told again.
    awaited: list[JSON] = [name for name, phase in phases.items() if phase in (Phase.AWAITED, Phase.UNUSABLE)]
    if not worth and not guest.reports and not awaited:
        return None
    reports: list[JSON] = [report.isoformat() for report in guest.reports]
    written: dict[str, JSON] = {"run": guest.run, "where": guest.where, "phases": worth, "reports": reports}
    if guest.born:
        written["born"] = guest.born
    if awaited:
        written["awaited"] = awaited
    # Nor does it know that of these nothing was known: it would find that out again.
    unknown: list[JSON] = [name for name, phase in phases.items() if phase is Phase.UNKNOWN]
    if unknown:
        written["unknown"] = unknown
    # To an earlier release these are nothing.
    asked: dict[str, JSON] = {
        name: guest.questions[name] for name in (*worth, *map(str, awaited)) if name in guest.questions
    }
    if asked:
        written["questions"] = asked
    probes = guest.probes
    if guest.waiting is not None:
        written["waiting"] = guest.waiting.isoformat()
        waits = next(name for name, probe in probes.items() if probe.delivery is Delivery.WAITING)
        written |= {"waits": waits} if waits != HEARTBEAT else {}
    delivered: dict[str, JSON] = {n: p.delivered_at.isoformat() for n, p in probes.items() if p.delivered_at}
    if delivered:
        written["delivered"] = delivered
    not_taken: dict[str, JSON] = {
        n: p.died.isoformat() for n, p in probes.items() if p.died and p.delivery is Delivery.NOT_TAKEN
    }
    if not_taken:
        written["not_taken"] = not_taken
    held: dict[str, JSON] = {
        n: p.storm_since.isoformat() for n, p in probes.items() if p.hold is Hold.STORM and p.storm_since
    }
    if held:
        written["held"] = held
        if guest.home not in ("", guest.where):
            # Its storm is remembered by this one.
            written["home"] = guest.home
    return written
