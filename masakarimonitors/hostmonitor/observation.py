"""The one vocabulary of host monitoring: what drivers say to the core, and what it asks of them.

A driver's sources emit the observations below; `decision.py` judges them; the driver's effects
answer the commands. A host is judged by its **links** (Consul: one per datacentre; every other
driver: one). *UNKNOWN is a value*, and it is never DOWN.
"""

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from masakarimonitors.decisions import Command, Instant
from masakarimonitors.notifications import HostStatus

EVERYONE = "everyone"
"""The holder of an office that could not be given to one: all monitors send."""


class Link(StrEnum):
    """What a source says of one host on one link."""

    UP = "up"
    """The cluster layer counts the host as a live member."""
    DOWN = "down"
    """It was a member and is lost, without a good-bye. Pacemaker: also SUSPECT, before fencing."""
    LEFT = "left"
    """It said good-bye: a clean stop of its agent (`consul leave`, AGENT_STOPPED of Pacemaker)."""
    UNKNOWN = "unknown"
    """The source cannot say, or does not list the host (any more)."""


class Power(StrEnum):
    """The answer to "is this host really off?"."""

    OFF = "off"
    """Proof of death: fenced, or its BMC says that the power is off."""
    ON = "on"
    """Proof of the contrary: the power is on. Never reported as NORMAL."""
    NO_PROOF = "no proof"
    """Nobody could say: no BMC known, BMC unreachable, wrong password, fencing still running."""


class Work(StrEnum):
    """Planned work on a host, as its cluster engine shows it. It is shown; it is no failure."""

    NONE = "none"
    STANDBY = "standby"
    MAINTENANCE = "maintenance"


@dataclass(frozen=True, slots=True)
class Sighting:
    """One host on one link: the value, and the raw evidence in a few words ("serfHealth critical").

    Share one object between hosts that look alike: a list of 10,000 members is then cheap.
    """

    value: Link
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one reading of `link` showed.

    `whole=True`: a complete listing, and a host that it does not name is not listed any more (it
    was DOWN: it stays DOWN; otherwise its value is UNKNOWN). `whole=False`: only what changed.
    Send a whole one at the start, after sight was lost, and every `monitoring_interval` seconds as
    the safety net; changes otherwise. Sending the same value again costs little and changes
    nothing: equal samples are counted `sample_interval` seconds apart, by the core.
    """

    link: str
    hosts: Mapping[str, Sighting]
    at: Instant
    whole: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """Whether the source's own sight of `link` is proven, and why (one clause for the operator).

    A link counts only while its view is proven. `good_for`: seconds after which the proof lapses
    unless it is renewed, so that a source which hangs does not keep an authority that it lost
    (Consul: a default-consistency read, renewed by each probe). A lapsed proof that is renewed
    counts again at once. After `proven=False` the link counts again once there were both a
    `proven=True` and a whole `Sample` (in either order): what was seen before is stale.
    """

    link: str
    proven: bool
    why: str
    at: Instant
    good_for: float = math.inf


@dataclass(frozen=True, slots=True)
class PowerSeen:
    """Proof of death or of life, either unasked (fencing has succeeded) or as the answer to `CheckPower`.

    Say DOWN on the link first, then the proof: a proof for a host that has no link DOWN is dropped.
    It is forgotten when the host is seen UP. OFF ends the settling time and the wait for samples.
    """

    host: str
    power: Power
    evidence: str
    at: Instant
    answers: "CheckPower | None" = None
    """The question that this answers: exactly one answer each, NO_PROOF on any error or time-out."""


@dataclass(frozen=True, slots=True)
class WorkSeen:
    """Planned work began (`STANDBY`, `MAINTENANCE`) or ended (`NONE`) in the cluster engine."""

    host: str
    work: Work
    evidence: str
    at: Instant


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One open outage as the reporter wrote it down for its successor.

    `reported_at` is the report's generated_time. `delivered`: masakari-api is known to have it.
    """

    host_status: HostStatus
    reported_at: datetime.datetime
    delivered: bool = False


@dataclass(frozen=True, slots=True)
class Office:
    """Who reports. Only the holder sends; everyone judges, so that a successor is ready at once.

    `ledger`: the open outages that somebody has already reported, read *after* taking the office;
    None when it could not be read. With `mine=True, holder=EVERYONE` all monitors send
    (`reporter = all`, or no election is possible: say so in `why`). Until the first `Office` an
    elected monitor holds its reports.
    """

    mine: bool
    holder: str
    why: str
    at: Instant
    ledger: Mapping[str, LedgerEntry] | None = None


@dataclass(frozen=True, slots=True)
class Registry:
    """Which hosts masakari has in its failover segments: host -> its `on_maintenance`.

    `hosts=None`: the look-up failed (`why`); that holds nothing.
    """

    hosts: Mapping[str, bool] | None
    why: str
    at: Instant


@dataclass(frozen=True, slots=True)
class Delivered:
    """masakari-api has accepted the report about `host` (so its ledger entry may say so).

    `host_status`: which of an outage's two reports (UNKNOWN, later NORMAL) it was; None where it is not known.
    """

    host: str
    at: Instant
    host_status: HostStatus | None = None


@dataclass(frozen=True, slots=True)
class Expired(Delivered):
    """masakari-api could not be reached until the report about `host` was too old to be sent.

    It is made anew if the host still fails.
    """


Observation = Sample | View | PowerSeen | WorkSeen | Office | Registry | Delivered


@dataclass(frozen=True, slots=True)
class CheckPower(Command):
    """Is `host` really off? Answer with one `PowerSeen(answers=<this command>)`.

    `attempt` counts from 1 in each outage; `ticket` is never used twice, so that an answer which
    comes too late cannot pass for one about a later outage.
    """

    host: str
    attempt: int
    ticket: int = 0


@dataclass(frozen=True, slots=True)
class WriteLedger(Command):
    """Keep all `entries` (host -> open outage) where a successor in the office reads them.

    The whole ledger each time; the newest replaces what is not yet written. Only asked of the
    holder of the office. A failure to write holds nothing: log it and retry.
    """

    entries: Mapping[str, LedgerEntry]
