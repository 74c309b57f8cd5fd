"""What the host monitor knows between two observations, and the rules it judges by.

Frozen: a decision builds the next one and shares everything that did not change, so that one
host's change among 10,000 copies one dictionary and no more.
"""

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from masakarimonitors.core.backoff import backoff
from masakarimonitors.core.decision import JSON, Instant
from masakarimonitors.core.silences import book
from masakarimonitors.core.silences.book import Book, Kept
from masakarimonitors.core.storm import GuardPolicy, Storm
from masakarimonitors.hostmonitor.core.election.reporter import ALWAYS, STAGGER_STEP, Reporter
from masakarimonitors.hostmonitor.core.evidence.matrix import Matrix
from masakarimonitors.hostmonitor.core.evidence.membership import ViewState
from masakarimonitors.hostmonitor.core.evidence.planned import MEMORY as PLANNED
from masakarimonitors.hostmonitor.core.evidence.planned import WorkReadings, restore_read
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry
from masakarimonitors.hostmonitor.core.observation import DomainsChanged, GuardChanged
from masakarimonitors.hostmonitor.core.outages.host import MEMORY, HostState
from masakarimonitors.hostmonitor.core.outages.host import restore as restore_host


@dataclass(frozen=True, slots=True)
class ProofPolicy:
    """How to ask for proof of death: `retries` more times, `interval` seconds apart, then slower.

    The slow phase doubles up to `slowest` seconds and lasts as long as the outage; an answer that
    does not come within `answer_limit` seconds counts as no proof.
    """

    retries: int = 3
    interval: float = 10.0
    slowest: float = 300.0
    answer_limit: float = 120.0

    @property
    def age(self) -> float:
        """Seconds for which an answer is proof: twice the time that the next one may take."""
        return 2 * self.answer_limit

    def next_ask(self, attempts: int, now: float) -> float:
        """When to ask again after `attempts` (>= 1) answers without proof."""
        slow = max(1, attempts - self.retries)
        return now + backoff(slow, max(self.interval, 1.0), max(self.slowest, self.interval))


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules, frozen at start but for what a `State` says otherwise (`under`). Times in seconds.

    `own`: this monitor's host, which it never judges; `own_names`: what its cluster engine may call it besides, in
    lower case. `samples` equal samples, `sample_interval` apart, make a value firm; `settle` lets the links of one cut
    arrive, `unproven_settle` is its length where no link is up and nothing can prove that the host is off.
    `check_life`: whether such a host's addresses are tried first. `proof`: None when a failure needs no proof of death.
    `elected`: whether one monitor is elected to report; otherwise all do, each after those before it (`stagger` seconds
    each) and after a look at what masakari has (`look_up_reports`). `lookup`: whether masakari's segments are read,
    waited for at most `lookup_patience`. `domains`: host -> failure domain. `longest_silence`: for how long reports may
    be silenced at most. `tells`: whether masakari is told; a shadow tells it nothing, so nothing is owed of what
    masakari makes of that. `strict`: a move that the table of outages does not list raises instead of being told as an
    alarm.
    """

    own: str
    matrix: Matrix
    own_names: frozenset[str] = frozenset()
    samples: int = 1
    sample_interval: float = 5.0
    settle: float = 2.0
    unproven_settle: float = 30.0
    check_life: bool = True
    left_warning: float = 3600.0
    maintenance_warning: float = 86400.0
    proof: ProofPolicy | None = None
    elected: bool = False
    stagger: float = STAGGER_STEP
    look_up_reports: bool = True
    lookup: bool = True
    lookup_patience: float = 60.0
    guard: GuardPolicy = field(default_factory=GuardPolicy)
    domains: Mapping[str, str] = field(default_factory=dict)
    longest_silence: float = book.LONGEST
    tells: bool = True
    strict: bool = False

    def is_own(self, host: str) -> bool:
        """Whether that is this monitor's host, by whichever of its names."""
        return host == self.own or host.lower() in self.own_names

    @property
    def own_folds(self) -> frozenset[str]:
        """All of its names, as masakari's database compares them."""
        return frozenset({self.own.casefold(), *(name.casefold() for name in self.own_names)})

    def under(self, state: "State") -> "Policy":
        """The rules that are in force in this state."""
        if state.matrix is None and state.domains is None and state.guard is None:
            return self
        matrix = self.matrix if state.matrix is None else state.matrix
        domains = self.domains if state.domains is None else state.domains
        return replace(self, matrix=matrix, domains=domains, guard=state.guard or self.guard)


@dataclass(frozen=True, slots=True)
class Maintenance:
    """The host is `on_maintenance` in masakari, first seen at monotonic second `since`."""

    since: float
    warned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """What masakari's failover segments are known to hold; names as masakari's database compares them, casefolded.

    `hosts`: folded name -> the name as it is registered; None while unknown. `answered`: a look-up has answered, even
    by failing. `read_at`: the monotonic second at which the last one that succeeded began; `unread`: one has failed
    since. `disabled`: the folded names of hosts in segments of which masakari recovers nothing. `named`: folded name
    -> the name of its segment. `flags_read`: folded name -> the monotonic second at which its flag was read by itself
    since then.
    """

    hosts: Mapping[str, str] | None = None
    answered: bool = False
    read_at: float = -math.inf
    unread: bool = False
    disabled: frozenset[str] = frozenset()
    named: Mapping[str, str] = field(default_factory=dict)
    flags_read: Mapping[str, float] = field(default_factory=dict)

    def flag_read_at(self, host: str) -> float:
        """The monotonic second as of which it is known whether the host is on maintenance."""
        return max(self.read_at, self.flags_read.get(host.casefold(), -math.inf))

    def has(self, host: str) -> bool | None:
        """Whether masakari has the host; None while that is not known."""
        return None if self.hosts is None else host.casefold() in self.hosts

    def recovers_nothing(self, host: str) -> bool:
        """Whether the host's segment is disabled."""
        return host.casefold() in self.disabled

    def segment_of(self, host: str) -> str:
        """The name of the host's segment, for a command that an operator types; a placeholder while it is not known."""
        return self.named.get(host.casefold(), "SEGMENT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What spans hosts: the facts beside the host itself by which it is judged.

    `views`: this monitor's own sight of each link; `reporter`: who reports; `ledger`: the open outages as they stand
    where the next leader reads them, as far as known; `heard`: of those that were written while this monitor followed
    their reporter, the monotonic second at which it heard of them (minus infinity: before it followed), and `followed`:
    whether it does so now, ledger and all; `latest`: by host, the newest report that any ledger of this life has named,
    be it closed by now; `storms`: by scope; `segments` and `maintenance`: of masakari;
    `unseen`: registered hosts that no link lists, as they were told. `work_readings`: which links' planned
    work was read. `silences`: whose failures somebody wants not to be told. `began`: the monotonic second of the first
    observation.
    """

    views: Mapping[str, ViewState]
    reporter: Reporter = field(default_factory=Reporter)
    ledger: Mapping[str, LedgerEntry] = field(default_factory=dict)
    heard: Mapping[str, float] = field(default_factory=dict)
    followed: bool = False
    latest: Mapping[str, datetime.datetime] = field(default_factory=dict)
    storms: Mapping[str, Storm] = field(default_factory=dict)
    segments: Segments = field(default_factory=Segments)
    maintenance: Mapping[str, Maintenance] = field(default_factory=dict)
    unseen: frozenset[str] = frozenset()
    work_readings: WorkReadings = field(default_factory=WorkReadings)
    silences: Book = field(default_factory=Book)
    began: float = math.inf

    def counts(self, link: str, now: float) -> bool:
        """Whether the link's values count at monotonic second `now`."""
        return self.views[link].counts(now)

    def sees_all(self, now: float) -> bool:
        """Whether every link is seen."""
        return all(view.counts(now) for view in self.views.values())

    def silenced(self, host: str, policy: Policy, now: Instant) -> Kept | None:
        """The silence that holds what would be told of that host at this moment."""
        return (
            self.silences.over(f"host:{host}", now, policy.domains.get(host)) if self.silences.kept else None
        )

    def after_standstill(self, before: Instant | None, now: Instant) -> "Cluster":
        """As it stands `now` if this computer may have stood still since `before`: what is certain for a time only, the
        sight of a link and this monitor's own authority, lasts no longer by the wall clock than by the other.
        """
        lost = now.unnoticed_since(before) if before is not None else 0.0
        if lost == 0.0:
            return self
        views = {name: replace(view, until=view.until - lost) for name, view in self.views.items()}
        return replace(self, views=views, reporter=self.reporter.after_standstill(lost))


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """`troubled`: the hosts that are not plainly up on every link; only they are looked at again.

    `agenda`: when (monotonic second) a host must be looked at again without news; `wake_at`: the alarm that is set.
    `decided`: the moment of the last decision. `matrix`, `domains`, `guard`: those in force, if they have changed
    since the start; `coming`: what will be when no storm stands, in the order in which it was said.
    """

    hosts: Mapping[str, HostState]
    cluster: Cluster
    troubled: frozenset[str] = frozenset()
    agenda: Mapping[str, float] = field(default_factory=dict)
    wake_at: float | None = None
    decided: Instant | None = None
    matrix: Matrix | None = None
    domains: Mapping[str, str] | None = None
    guard: GuardPolicy | None = None
    coming: tuple[DomainsChanged | GuardChanged, ...] = ()

    @property
    def nowhere(self) -> frozenset[str]:
        """The hosts of which something is known, but that no link has listed: planned work on them, say."""
        return frozenset(name for name in self.troubled if self.hosts[name].nowhere)


def restore(policy: Policy, memory: Mapping[str, Mapping[str, JSON]], *, boot: str = "") -> State:
    """The state at start, from what was remembered; `boot`: names this boot of the host, or empty."""
    sequence = policy.matrix.sequence
    hosts = {
        key.removeprefix(MEMORY): restore_host(value, sequence)
        for key, value in memory.items()
        if key.startswith(MEMORY) and not policy.is_own(key.removeprefix(MEMORY))
    }
    cluster = Cluster(
        views={name: ViewState() for name in sequence},
        reporter=Reporter() if policy.elected else ALWAYS,
        work_readings=restore_read(
            memory.get(PLANNED), sequence, served=any(host.seen_in_service for host in hosts.values())
        ),
        silences=book.restore(memory, policy.longest_silence, boot=boot),
    )
    return State(hosts=hosts, cluster=cluster, troubled=frozenset(hosts))
