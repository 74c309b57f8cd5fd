"""What can be seen of an instance: libvirt's events, its state as libvirt tells it, its process gone.

Frozen facts, made by the sources, judged by the decision; and the one question that the decision asks.
Events and readings of state come from different threads; `number` puts them in order: a reading that
began (`after`) before an instance's last event knows less than that event and must not overrule it.
"""

import datetime
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from enum import Enum, auto

from masakarimonitors.core.changed_rules import Rules, RulesChanged
from masakarimonitors.core.decision import Command
from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.core.offers.again import HostSeen
from masakarimonitors.libvirt.domain_state import Lifecycle, ShutoffReason, Suspended
from masakarimonitors.libvirt.life import Life


class Power(Enum):
    """What libvirt's virDomainState comes down to."""

    RUNNING = auto()
    """QEMU runs and lets its guest run."""
    PAUSED = auto()
    """QEMU runs, its guest does not: paused, shutting down, asleep."""
    STARTING = auto()
    """QEMU is being started, which may fail; its guest has not run yet."""
    MIGRATING = auto()
    """QEMU holds its guest for a live migration: it arrives here, or is about to leave."""
    PANICKED = auto()
    """QEMU runs and keeps a crashed guest for a post-mortem."""
    OFF = auto()
    UNKNOWN = auto()


class Process(Enum):
    """Whether the instance's QEMU process lives, by its locked pidfile."""

    ALIVE = auto()
    GONE = auto()
    UNSEEN = auto()
    """It cannot be told: another host's instance, or the folder of pidfiles cannot be read."""


class Failed(Enum):
    """What libvirt's log of an instance tells to have failed since its last life, which is none itself."""

    NOTHING = auto()
    START = auto()
    """Starts alone."""
    ARRIVAL = auto()
    """A live migration to this host, or that out of a file; whatever else."""


class Departure(Enum):
    """What libvirt's log of an instance tells of live migrations away from this host in its last life."""

    UNTOLD = auto()
    """Nothing: it cannot be read, or the beginning of that life is not in it."""
    NONE = auto()
    """It tells of that life from its beginning on, and of none: libvirt writes it down before QEMU is told to begin."""
    BEGUN = auto()
    """One was begun, however it ended."""


class Trace(Enum):
    """What the disk tells of an instance that was up, or had crashed, and that libvirt does not know any more."""

    NONE = auto()
    """Nothing that matters, or it was not asked."""
    CRASHED = auto()
    """It crashed, before or after its definition was removed."""
    STOPPED = auto()
    """Somebody ended it on purpose."""
    MUTE = auto()
    """Nothing, although it should: its log is gone, cut off, or cannot be read."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which instance: `uuid` as libvirt writes it, `name` for people, `uri` where it was seen.

    `run` and `born` name the life of which it is told. `run`: libvirt's number of the running domain (virDomainGetID),
    which no later life has as long as that libvirtd runs; 0 when it is off or the number is not known. `born`: when its
    QEMU was begun, as libvirt's pidfile of it says (nanoseconds since 1970); 0 when that cannot be seen. Two sightings
    of one instance are of the same one whatever their life.
    """

    uuid: str
    name: str
    uri: str
    run: int = field(default=0, compare=False)
    _: KW_ONLY
    born: int = field(default=0, compare=False)

    @property
    def life(self) -> Life:
        """Which of its lives it is told of."""
        return self.run, self.born


@dataclass(frozen=True, slots=True)
class DomainEvent:
    """An event of libvirt's: what its subclasses say happened to `instance`."""

    instance: Identity
    number: int


@dataclass(frozen=True, slots=True)
class LifecycleChanged(DomainEvent):
    """VIR_DOMAIN_EVENT_ID_LIFECYCLE; `detail` is the number that libvirt gives for this event."""

    event: Lifecycle
    detail: int


@dataclass(frozen=True, slots=True)
class Rebooted(DomainEvent):
    """VIR_DOMAIN_EVENT_ID_REBOOT: the guest rebooted; one reboot brings two of these."""


@dataclass(frozen=True, slots=True)
class WatchdogFired(DomainEvent):
    """VIR_DOMAIN_EVENT_ID_WATCHDOG; `action` is libvirt's virDomainEventWatchdogAction."""

    action: int


@dataclass(frozen=True, slots=True)
class IoFailed(DomainEvent):
    """VIR_DOMAIN_EVENT_ID_IO_ERROR; `action` is libvirt's virDomainEventIOErrorAction, `disk` what it names."""

    action: int
    disk: str


@dataclass(frozen=True, slots=True)
class IoFailedWithReason(DomainEvent):
    """VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON: `reason` is "enospc" or empty."""

    reason: str


@dataclass(frozen=True, slots=True)
class ControlFailed(DomainEvent):
    """VIR_DOMAIN_EVENT_ID_CONTROL_ERROR: libvirt can no longer talk to this QEMU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One instance's state as libvirt told it when asked.

    For an instance that is off: `reason`, whether its process lives, and what libvirt's log of it tells of its last
    life, if `log_read`: the `last_words` ("crashed", "destroyed", ...) with which it ended, empty where the log tells
    of no end; when it `started` (seconds since 1970, 0 where the log does not tell), and when it `ended` (likewise);
    whether it `arrived`, by live migration or out of a file, so that it may have ended before its guest ever ran here.
    Starts that failed are no lives; `failed`: which of them the log tells of since. `departure`: whether a live
    migration away was begun in that life, and when the last one `departed` (seconds since 1970; 0 where the log does
    not tell). `persistent`: of one that is on, whether libvirt keeps a definition of it, so that it will still be
    listed when it is off (None: not told). `halt`: why one that is paused was, where libvirt's reason is one of those
    that its events have, too: among them that its guest goes on at the destination of a live migration, or is about to.
    Of one that runs, that it is at the destination of a post-copy that has failed, and lacks a part of its memory.
    """

    instance: Identity
    power: Power
    reason: ShutoffReason = ShutoffReason.UNKNOWN
    process: Process = Process.UNSEEN
    last_words: str = ""
    started: float = 0.0
    ended: float = 0.0
    arrived: bool = False
    log_read: bool = False
    failed: Failed = Failed.NOTHING
    departure: Departure = Departure.UNTOLD
    departed: float = 0.0
    persistent: bool | None = None
    halt: Suspended | None = None


@dataclass(frozen=True, slots=True)
class Census:
    """All instances that the libvirt at `uri` knows, asked after event number `after`.

    One whose state could not be read stands there as UNKNOWN. `host`: what that libvirt calls its host, the same at
    each URI that leads to it; empty where it does not tell, or nobody has asked since it is the only one.
    """

    uri: str
    readings: tuple[Reading, ...]
    after: int
    host: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """The answer to a question about one instance; `reading` is None when libvirt does not know it, or is away.

    `traces`: what the disk tells then of one whose libvirtd cannot write there any more, or has written. `mute`: it
    tells nothing, where that of another instance would be told. `aborted`: its log says that what was last brought
    here, by live migration or out of a file, never came up.
    """

    instance: Identity
    reading: Reading | None
    after: int
    traces: Reading | None = None
    _: KW_ONLY
    mute: bool = False
    aborted: bool = False


@dataclass(frozen=True, slots=True)
class Ask(Command):
    """Ask libvirt what it knows of this instance; the answer is `Asked`."""

    instance: Identity


@dataclass(frozen=True, slots=True)
class AskStorages(Command):
    """Ask on what storages the disks of the instances at `uri` are; the answer is `StoragesSeen`."""

    uri: str


@dataclass(frozen=True, slots=True)
class StoragesSeen:
    """On what storages the disks of each running instance at `uri` are, by its uuid, as far as libvirt told in time."""

    uri: str
    storages: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class ProcessEnded:
    """A watched QEMU process has ended; why is libvirt's to say.

    `arrived`: it was started to take in a guest, by live migration or out of a file.
    """

    instance: Identity
    pid: int
    arrived: bool = False


@dataclass(frozen=True, slots=True)
class ReportSettled:
    """The report about the instance `uuid` that was made at `made_at` (aware) waits no longer; `answer`: masakari's.

    `death`: it is that of its death; else that of its I/O errors.
    """

    uuid: str
    made_at: datetime.datetime
    status: ReportStatus
    answer: str = ""
    _: KW_ONLY
    death: bool = True


@dataclass(frozen=True, slots=True)
class LibvirtAway:
    """The libvirt at `uri` cannot be heard at present; `seen` says what was tried and to do.

    `heard`: its events still come, and how its instances stand cannot be listed.
    """

    uri: str
    seen: str
    _: KW_ONLY
    heard: bool = False


@dataclass(frozen=True, slots=True)
class LibvirtBack:
    """The libvirt at `uri` is heard (again): events flow from now on."""

    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRules(Rules):
    """What of the options counts as soon as it is read again; as `Policy`."""

    settle_time: float
    actionable_only: bool


Observation = (
    LifecycleChanged
    | Rebooted
    | WatchdogFired
    | IoFailed
    | IoFailedWithReason
    | ControlFailed
    | Census
    | Asked
    | StoragesSeen
    | ProcessEnded
    | LibvirtAway
    | LibvirtBack
    | ReportSettled
    | HostSeen
    | RulesChanged[InstanceRules]
)
