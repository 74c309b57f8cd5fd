"""What the introspective monitor sees and asks: frozen facts about guests, their answers and counters.

The observations are made by the sources (inventory, heartbeat, application checks) and by the answer to
`ReadCounters`, the one command, which stands at the end; the decision reads them. `run` names one life
of a guest, from its start to its stop: what was asked of one life says nothing about the next. A libvirtd that
was started anew may give a later life that name again; `born` tells the two apart. `where` is the libvirt (its
URI) that said so; several may be watched.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from masakarimonitors.core.changed_rules import Rules, RulesChanged
from masakarimonitors.core.decision import Command
from masakarimonitors.core.offers.again import HostSeen
from masakarimonitors.libvirt.domain_state import DomainState
from masakarimonitors.libvirt.life import Life

HEARTBEAT = "heartbeat"
"""The probe that every watched guest has; the others are named after their application check."""


class Availability(StrEnum):
    """Whether silence of this guest would mean anything now. Only RUNNING is judged."""

    RUNNING = "running"
    PAUSED = "paused"
    SHUTTING_DOWN = "shutting down"
    BUSY = "being migrated, saved, dumped or backed up"
    AGENT_CLOSED = "guest agent closed from inside"
    CRASHED = "crashed"


_STATES: dict[int, Availability] = {
    DomainState.PAUSED: Availability.PAUSED,
    DomainState.SHUTDOWN: Availability.SHUTTING_DOWN,
    DomainState.CRASHED: Availability.CRASHED,
    DomainState.PMSUSPENDED: Availability.PAUSED,
}


def availability_of(state: int) -> Availability:
    """The availability of a domain that libvirt lists as active in this state."""
    return _STATES.get(state, Availability.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestSeen:
    """A guest whose guest-agent channel is watched, and how it stands; `storages`: on what its disks are, where
    that can be told, one word for each that other guests' disks may be on, too; `checks`: the names of the operator's
    checks that are meant for it; `born`: when its QEMU was begun (nanoseconds since 1970), 0 where that is not seen."""

    uuid: str
    name: str
    run: str
    availability: Availability
    where: str = ""
    storages: tuple[str, ...] = ()
    checks: frozenset[str] = frozenset()
    born: int = 0

    @property
    def life(self) -> Life:
        """Which of its lives this is."""
        return self.run, self.born


@dataclass(frozen=True, slots=True)
class GuestGone:
    """A guest that is not running at `where` any more, or has no channel to watch; `why` in words."""

    uuid: str
    why: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class GuestRestarted:
    """The guest began anew: libvirt said STARTED or REBOOT. `run` is the life that begins (or goes on); `born`: as
    `GuestSeen`."""

    uuid: str
    run: str
    why: str
    born: int = 0

    @property
    def life(self) -> Life:
        """Which of its lives this is."""
        return self.run, self.born


@dataclass(frozen=True, slots=True)
class Unwatched:
    """A running guest that cannot be watched, and why not; `elsewhere`: nova has made it, and it has a channel, whose
    path is not one of those that are watched."""

    uuid: str
    name: str
    why: str
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Census:
    """A full list of the watched guests of one libvirt was read: whoever is neither in `present` nor `unread` is gone.

    `unread`: domains that run and of which libvirt said nothing more in time, nor whether they are to be watched.
    """

    present: frozenset[str]
    unwatched: tuple[Unwatched, ...] = ()
    where: str = ""
    unread: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LibvirtAway:
    """A libvirt cannot be asked: nothing is known of its guests until its next `Census`."""

    why: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class AgentsOutOfReach:
    """Guest agents of this libvirt cannot be asked, though it may list its guests: nothing is known of any of them."""

    why: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class AgentsInReach:
    """Guest agents of this libvirt can be asked (again)."""

    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The guest answered probe `probe`, `took` seconds after it was asked. It lives, however late it was."""

    uuid: str
    run: str
    probe: str
    took: float
    evidence: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """No answer, or a wrong one, to request `in_reply_to` of `probe`.

    `final` is False while the call is still under way: a time-out has passed, and an `Inconclusive` or an
    `Answered` may yet follow. Only a final one counts.
    """

    uuid: str
    run: str
    probe: str
    in_reply_to: int
    evidence: str
    final: bool = False
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inconclusive:
    """Request `in_reply_to` turned out not to have been put to the guest: its miss must not count."""

    uuid: str
    run: str
    probe: str
    in_reply_to: int
    why: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class VcpuTime:
    """One virtual processor's nanoseconds since the domain's start: run, and waited for a host processor."""

    ran: int
    waited: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What a domain has done so far, as libvirt counts it from outside; taken at monotonic second `at`.

    `cpu` is the QEMU process's processor time in nanoseconds. `requests` is the number of block requests
    completed (reads, writes and flushes over all disks), None when it was not read; `unread` says why.
    `mute` is True when QEMU's monitor was asked for them and did not answer in time.
    """

    uuid: str
    run: str
    at: float
    availability: Availability
    cpu: int
    vcpus: tuple[VcpuTime, ...] = ()
    requests: int | None = None
    unread: str = ""
    mute: bool = False


@dataclass(frozen=True, slots=True)
class NotKnown:
    """libvirt gave no counters and no state for this domain: unknown, so nobody is accused on it."""

    uuid: str
    run: str
    why: str


@dataclass(frozen=True, slots=True)
class ReportSettled:
    """The report about a guest that was made at `made_at` waits no longer: `delivered`, or refused, or too old.

    `withdrawn`: it is none of these, since somebody has taken it back.
    """

    uuid: str
    made_at: datetime.datetime
    delivered: bool = True
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class NeverSent:
    """The report about a guest that was made at `made_at` was taken back, and masakari has certainly not got it."""

    uuid: str
    made_at: datetime.datetime


@dataclass(frozen=True, slots=True)
class ChecksChanged:
    """The operator's file names these checks by now: the misses in a row that make a report, by name.

    `begun_anew`: those of before that are gone, or ask something else under the same name. `path`: the file.
    `questions`: what they ask by now (`checks.questions`).
    """

    failures: Mapping[str, int]
    begun_anew: frozenset[str]
    path: str
    questions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestRules(Rules):
    """What of the options counts as soon as it is read again; as `Policy`."""

    reports_per_hour: int


Observation = (
    GuestSeen
    | GuestGone
    | GuestRestarted
    | Census
    | LibvirtAway
    | AgentsOutOfReach
    | AgentsInReach
    | Answered
    | Missed
    | Inconclusive
    | Counters
    | NotKnown
    | ReportSettled
    | NeverSent
    | HostSeen
    | ChecksChanged
    | RulesChanged[GuestRules]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadCounters(Command):
    """Read a guest's availability and what it has done; answered by `Counters` or `NotKnown`.

    `cpu_before` (nanoseconds) is what an earlier reading said: when it has not changed, QEMU stands still
    and must not be asked for its block counters, for that question would never come back. `blocks` is
    False when the block counters are not wanted at all.
    """

    uuid: str
    run: str
    blocks: bool
    cpu_before: int | None = None
    where: str = ""
