"""The one vocabulary of host monitoring: what drivers say to the core, and what it asks of them.

A driver's sources emit the observations below; `decision.py` judges them; the driver's effects
answer the commands. A host is judged by its **links** (Consul: one per datacentre; every other
driver: one). *UNKNOWN is a value*, and it is never DOWN.
"""

import datetime
import math
from collections.abc import Collection, Mapping
from dataclasses import KW_ONLY, dataclass, field
from enum import StrEnum

from masakarimonitors.core.decision import Command, Instant
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.core.silences.book import SilencesSeen
from masakarimonitors.core.storm import GuardPolicy
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry


class Membership(StrEnum):
    """What a source says of one host on one link."""

    UP = "up"
    """The cluster layer counts the host as a live member."""
    DOWN = "down"
    """It was a member and is lost, without a good-bye. Pacemaker: also SUSPECT, before fencing."""
    LEFT = "left"
    """It said good-bye: a clean stop of its agent (`consul leave`, AGENT_STOPPED of Pacemaker, also where only an alert
    has told of Pacemaker's short-lived `shutdown` attribute)."""
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


class ProofKind(StrEnum):
    """What an answer about power rests on; the words and the age of a proof hang on it."""

    FENCED = "fenced"
    """The cluster engine has fenced the host, by a device that takes its power."""
    BMC = "bmc"
    """The host's own BMC was asked."""
    TAINT = "taint"
    """An operator, or a controller in their name, has marked the Node as shut down (out-of-service)."""
    UNCHECKED = "unchecked"
    """Nobody has looked: the configuration says that a lost host counts as off. Never called proven."""


class Life(StrEnum):
    """The answer to "does anything of this host still speak?"."""

    ALIVE = "alive"
    """A TCP connection was accepted or refused: a kernel answers, whatever its cluster agent does."""
    SILENT = "silent"
    """Every address that is known was tried, and none answered in time."""
    UNKNOWN = "unknown"
    """No address is known, or none that does not lead to this host itself: there is nothing to try."""
    UNTRIED = "untried"
    """There is something to try, and this monitor could not (no route of its own, no descriptors, no answer about its
    name)."""


class Work(StrEnum):
    """Planned work on a host, as its cluster engine shows it. It is no failure, and holds reports."""

    NONE = "none"
    STANDBY = "standby"
    MAINTENANCE = "maintenance"
    CORDONED = "cordoned"
    """Kubernetes: nothing new is scheduled there."""


class Outcome(StrEnum):
    """How the offer of one report has ended."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Sighting:
    """One host on one link: the value, and the raw evidence in a few words ("serfHealth critical").

    Share one object between hosts that look alike: a list of 10,000 members is then cheap.

    `revises`: what its source called DOWN before was not lost: it was leaving, say, and its good-bye was heard late.
    Without that, what is LEFT or UNKNOWN after it was DOWN stays DOWN: cluster engines make that of their dead.
    """

    value: Membership
    evidence: str = ""
    revises: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """What one reading of `link` showed.

    `whole=True`: a complete listing, and a host that it does not name is not listed any more (it
    was DOWN: it stays DOWN; otherwise its value is UNKNOWN). `whole=False`: only what changed.
    Send a whole one at the start, after sight was lost, and every `monitoring_interval` seconds as
    the safety net; changes otherwise. Sending the same value again costs little and changes
    nothing: equal samples are counted `sample_interval` seconds apart, by the core.

    `idle`: the hosts of `hosts` that this reading shows, and shows no planned work on. What is kept of that over a
    restart ends with it.
    """

    link: str
    hosts: Mapping[str, Sighting]
    at: Instant
    whole: bool = False
    _: KW_ONLY
    idle: Collection[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerSeen:
    """Proof of death or of life, either unasked (fencing has succeeded) or as the answer to `CheckPower`.

    Say DOWN on the link first, then the proof: a proof for a host that has no link DOWN is dropped.
    It is forgotten when the host is seen UP. OFF ends the settling time and the wait for samples.
    """

    host: str
    power: Power
    evidence: str
    at: Instant
    in_reply_to: "CheckPower | None" = None
    """The request that this answers: exactly one answer each, NO_PROOF on any error or time-out."""
    kind: ProofKind | None = None
    """What OFF or ON rests on; None with NO_PROOF."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeSeen:
    """The answer to one `CheckLife`: exactly one each, UNTRIED on any error or time-out of our own."""

    host: str
    life: Life
    evidence: str
    at: Instant
    in_reply_to: "CheckLife"


@dataclass(frozen=True, slots=True)
class WorkSeen:
    """Planned work began (`STANDBY`, `MAINTENANCE`) or ended (`NONE`) in the cluster engine.

    `links`: all that show it now (empty: every link), so that it is known after a restart which of them must be read.
    """

    host: str
    work: Work
    evidence: str
    at: Instant
    _: KW_ONLY
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Leader:
    """This monitor is the elected reporter, from now on and for `good_for` seconds unless it is said again.

    `good_for`: how long the authority is certain without another word (a lease: what remains of the
    session or Lease that it hangs on, less the uncertainty of its clock). `ledger`: the open outages that
    were reported before, read *after* being elected; None when it could not be read, which is unknown and
    not empty. Say it again at each renewal, with the same ledger or None.
    """

    why: str
    at: Instant
    ledger: Mapping[str, LedgerEntry] | None
    good_for: float = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Follower:
    """The monitor on `leader` reports (empty: one reports, but its name is not known). `ledger` as far as read.

    `delivers`: whether that monitor says that its own way to masakari works; None where it does not say.
    """

    leader: str
    why: str
    at: Instant
    ledger: Mapping[str, LedgerEntry] | None
    delivers: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoElection:
    """Nobody is known to report and nobody can be elected, since monotonic second `since`: `why`.

    Said at once and again every few seconds while it lasts, always with the first `since`. After how long
    all monitors report is the core's policy, not the driver's.
    """

    why: str
    since: float
    at: Instant


@dataclass(frozen=True, slots=True)
class Registry:
    """Which hosts masakari has in its failover segments: host -> its `on_maintenance`.

    `hosts=None`: the look-up failed (`why`); that holds nothing. `disabled`: those of them whose segment is
    disabled: masakari accepts a report about them and recovers nothing. `segments`: host -> its segment's name. `at`:
    when the reading began, for it takes many requests, and what it says of a host may be as old as that.
    """

    hosts: Mapping[str, bool] | None
    why: str
    at: Instant
    _: KW_ONLY
    disabled: frozenset[str] = frozenset()
    segments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The report about `host` that was made at `made_at` has ended as `outcome` says.

    `made_at` is the generated_time with which the decision made it, also when it was offered with a later
    one: an answer belongs to the report that it answers, and to no other. `why`: masakari's words. `doubted`: it was
    offered before, too, and that answer was lost: masakari may have it, though it was refused, or has expired.
    """

    host: str
    made_at: datetime.datetime
    host_status: HostStatus
    outcome: Outcome
    why: str
    at: Instant
    doubted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportsFound:
    """The answer to one `LookUpReports`: whether masakari has such a report; None when it cannot be asked.

    `finished`: its engine has finished with what was found, whatever came of it; False also where that is not known.
    Where `every` was asked: with all of them.
    `on_maintenance`: whether masakari has the host on maintenance; None where that was not asked, or is not known.
    """

    host: str
    found: bool | None
    evidence: str
    at: Instant
    in_reply_to: "LookUpReports"
    finished: bool = False
    on_maintenance: bool | None = None


@dataclass(frozen=True, slots=True)
class MatrixChanged:
    """The operator has said anew which vectors of the same links (True: up) mean recovery; `path`: where."""

    recover: frozenset[tuple[bool, ...]]
    path: str


@dataclass(frozen=True, slots=True)
class DomainsChanged:
    """The operator has said anew which host stands in which failure domain; `path`: where."""

    domains: Mapping[str, str]
    path: str


@dataclass(frozen=True, slots=True)
class GuardChanged:
    """The operator has said anew what a storm is; `where`: by which options."""

    guard: GuardPolicy
    where: str


Observation = (
    Sample
    | View
    | PowerSeen
    | LifeSeen
    | WorkSeen
    | Leader
    | Follower
    | NoElection
    | Registry
    | Answered
    | ReportsFound
    | MatrixChanged
    | DomainsChanged
    | GuardChanged
    | SilencesSeen
)


@dataclass(frozen=True, slots=True)
class CheckPower(Command):
    """Is `host` really off? Answer with one `PowerSeen(in_reply_to=<this command>)`.

    `attempt` counts from 1 in each outage; `request_id` is never used twice, so that an answer which
    comes too late cannot pass for one about a later outage.
    """

    host: str
    attempt: int
    request_id: int = 0


@dataclass(frozen=True, slots=True)
class CheckLife(Command):
    """Does anything of `host` still answer? Answer with one `LifeSeen(in_reply_to=<this command>)`.

    Asked before a failure is told as NORMAL without proof. `request_id` is never used twice.
    """

    host: str
    request_id: int


@dataclass(frozen=True, slots=True)
class LookUpReports(Command):
    """Has masakari a STOPPED of `host`, of any sender, generated since `since` (aware) with `host_status` or NORMAL?

    Or, with `unfinished_since` (aware), one since then that its engine has not finished with? What its engine has begun
    counts then only if it was touched since `touched_since` (aware; None: at any time). Asked before a monitor sends
    while all report, because masakari accepts simultaneous twins and recovers twice; and before what may have been told
    already is told again. One that was over when this failure was first seen (`failed`, aware; None: not known) counts
    for nothing: masakari has finished with it, and was told that the host is back. `flag`: whether it has the host on
    maintenance is to be read, too, for what is known of that is too old. `every`: all that were generated since then
    count, and what is asked is whether its engine has finished with each of them. Answer with one
    `ReportsFound(in_reply_to=<this command>)`.
    """

    host: str
    since: datetime.datetime
    host_status: HostStatus
    request_id: int
    _: KW_ONLY
    unfinished_since: datetime.datetime | None = None
    touched_since: datetime.datetime | None = None
    failed: datetime.datetime | None = None
    flag: bool = False
    every: bool = False


@dataclass(frozen=True, slots=True)
class WriteLedger(Command):
    """Keep all `entries` (host -> open outage) where the next leader reads them.

    The whole ledger each time; the newest replaces what is not yet written. Only the leader is told
    to write. A failure to write holds nothing: log it and retry.
    """

    entries: Mapping[str, LedgerEntry]
