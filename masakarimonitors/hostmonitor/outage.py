"""One outage of one host: from the first firm failure to the full recovery.

Pure. Holds what was told to masakari about it and how far the search for proof has come, and its
form on disk, so that a restart reports nothing twice and forgets nothing.
"""

import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from masakarimonitors.decisions import JSON, Instant
from masakarimonitors.decisions.backoff import backoff
from masakarimonitors.hostmonitor.links import BLANK, LinkState, remembered
from masakarimonitors.hostmonitor.observation import CheckPower, LedgerEntry, Link, Power, Work
from masakarimonitors.notifications import HostStatus

MEMORY = "host:"
"""`Remember` keys: this, then the host's name."""


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

    def next_ask(self, attempts: int, now: float) -> float:
        """When to ask again after `attempts` (>= 1) answers without proof."""
        slow = max(1, attempts - self.retries)
        return now + backoff(slow, max(self.interval, 1.0), max(self.slowest, self.interval))


@dataclass(frozen=True, slots=True)
class Outage:
    """Began at `failed`; may be reported from monotonic second `ready_at` on.

    `reported`: what masakari was told (None: nothing yet), with generated_time `reported_at`;
    `again`: an earlier report may never have arrived and must be sent once more, if the host still
    fails; `passed`: a storm held it and let it go; `maintained`: masakari has put the host on maintenance since;
    `attempts`, `asked` (the open question), `asked_until`, `ask_at`: the search for proof.
    """

    failed: Instant
    ready_at: float = -math.inf
    reported: HostStatus | None = None
    reported_at: datetime.datetime | None = None
    delivered: bool = False
    again: bool = False
    passed: bool = False
    maintained: bool = False
    attempts: int = 0
    asked: CheckPower | None = None
    asked_until: float = -math.inf
    ask_at: float = -math.inf

    @property
    def entry(self) -> LedgerEntry | None:
        """What a successor in the office must know of it."""
        if self.reported is None or self.reported_at is None:
            return None
        return LedgerEntry(self.reported, self.reported_at, self.delivered)


@dataclass(frozen=True, slots=True)
class HostState:
    """Everything known of one host; `links` stand in the matrix's order.

    `known_up`: it was once seen in service, by this monitor or before its restart. `said` is the
    key of the last verdict told, so that each is told once.
    """

    links: tuple[LinkState, ...]
    known_up: bool = False
    outage: Outage | None = None
    power: Power | None = None
    power_evidence: str = ""
    work: Work = Work.NONE
    said: str = field(default="", compare=False)


def newcomer(width: int) -> HostState:
    """A host of which nothing is known yet."""
    return HostState((BLANK,) * width)


def memo(host: HostState, sequence: Sequence[str]) -> dict[str, JSON] | None:
    """What must survive a restart; None: nothing worth keeping."""
    kept: dict[str, JSON] = {"up": True} if host.known_up else {}
    links: dict[str, JSON] = {
        name: state.value.value
        for name, state in zip(sequence, host.links, strict=True)
        if state.proven and state.value in (Link.DOWN, Link.LEFT)
    }
    if links:
        kept["links"] = links
    outage = host.outage
    if outage is not None and outage.reported is not None and outage.reported_at is not None:
        kept["reported"] = outage.reported.value
        kept["reported_at"] = outage.reported_at.isoformat()
        kept["delivered"] = outage.delivered
        kept["maintained"] = outage.maintained
    return kept or None


def recall(kept: Mapping[str, JSON], sequence: Sequence[str]) -> HostState:
    """The opposite of `memo`; what cannot be understood (another version wrote it) is left out."""
    words = kept.get("links")
    values = words if isinstance(words, dict) else {}
    kept_values = {"down": Link.DOWN, "left": Link.LEFT}
    links = tuple(
        remembered(kept_values[word]) if (word := str(values.get(name))) in kept_values else BLANK
        for name in sequence
    )
    return HostState(links, known_up=kept.get("up") is True, outage=_recall_outage(kept))


def _recall_outage(kept: Mapping[str, JSON]) -> Outage | None:
    try:
        reported = HostStatus(str(kept.get("reported")))
        reported_at = datetime.datetime.fromisoformat(str(kept.get("reported_at")))
        failed = Instant(-math.inf, reported_at)
    except ValueError:
        return None
    delivered = kept.get("delivered") is True
    return Outage(
        failed,
        reported=reported,
        reported_at=reported_at,
        delivered=delivered,
        again=not delivered,
        maintained=kept.get("maintained") is True,
    )
