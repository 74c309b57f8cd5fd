"""What the host monitor knows between two observations, and the rules it judges by.

Frozen: a decision builds the next one and shares everything that did not change, so that one
host's change among 10,000 copies one dictionary and no more.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from masakarimonitors.decisions import JSON
from masakarimonitors.decisions.guard import GuardPolicy, Storm
from masakarimonitors.hostmonitor.links import LinkView
from masakarimonitors.hostmonitor.matrix import Matrix
from masakarimonitors.hostmonitor.observation import LedgerEntry, Office
from masakarimonitors.hostmonitor.outage import MEMORY, HostState, ProofPolicy, recall


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules, frozen at start. Times in seconds.

    `own`: this monitor's host, which it never judges. `samples` equal samples, `sample_interval`
    apart, make a value firm; `settle` lets the links of one cut arrive. `proof`: None when a
    failure needs no proof of death. `lookup`: whether masakari's segments are read, waited for at
    most `lookup_patience`. `domains`: host -> failure domain.
    """

    own: str
    matrix: Matrix
    samples: int = 1
    sample_interval: float = 5.0
    settle: float = 2.0
    left_warning: float = 3600.0
    maintenance_warning: float = 86400.0
    proof: ProofPolicy | None = None
    elected: bool = False
    lookup: bool = True
    lookup_patience: float = 60.0
    guard: GuardPolicy = field(default_factory=GuardPolicy)
    domains: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Maintenance:
    """The host is `on_maintenance` in masakari, first seen at monotonic second `since`."""

    since: float
    warned: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """`troubled`: the hosts that are not plainly up on every link; only they are looked at again.

    `agenda`: when (monotonic second) a host must be looked at again without news; `wake_at`: the
    alarm that is set. `ledger`: the open outages as they stand where a successor reads them.
    `registered`: masakari's hosts; None while unknown (`asked`: the look-up has answered, even by
    failing). `tickets`: questions about power asked so far.
    """

    hosts: Mapping[str, HostState]
    views: Mapping[str, LinkView]
    troubled: frozenset[str] = frozenset()
    agenda: Mapping[str, float] = field(default_factory=dict)
    wake_at: float | None = None
    office: Office | None = None
    ledger: Mapping[str, LedgerEntry] = field(default_factory=dict)
    storms: Mapping[str, Storm] = field(default_factory=dict)
    registered: frozenset[str] | None = None
    asked: bool = False
    tickets: int = 0
    maintenance: Mapping[str, Maintenance] = field(default_factory=dict)


def undelivered(state: State) -> Iterator[str]:
    """Hosts whose report is not known to have arrived."""
    for name in state.troubled:
        outage = state.hosts[name].outage
        if outage is not None and outage.reported is not None and not outage.delivered:
            yield name


def begin(policy: Policy, memory: Mapping[str, Mapping[str, JSON]]) -> State:
    """The state at start, from what was remembered."""
    sequence = policy.matrix.sequence
    hosts = {
        key.removeprefix(MEMORY): recall(value, sequence)
        for key, value in memory.items()
        if key.startswith(MEMORY) and key != MEMORY + policy.own
    }
    return State(
        hosts=hosts,
        views={name: LinkView() for name in sequence},
        troubled=frozenset(hosts),
    )
