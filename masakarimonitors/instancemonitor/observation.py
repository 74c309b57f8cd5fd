"""What can be seen of a machine: libvirt's events, its state as libvirt tells it, its process gone.

Frozen facts, made by the sources, judged by the decision; and the one question that the decision asks.
Events and readings of state come from
different threads; `number` puts them in order: a reading that began (`after`) before a machine's last
event knows less than that event and must not overrule it.
"""

from dataclasses import dataclass
from enum import Enum, IntEnum, auto

from masakarimonitors.decisions import Command


class Lifecycle(IntEnum):
    """libvirt's virDomainEventType."""

    DEFINED = 0
    UNDEFINED = 1
    STARTED = 2
    SUSPENDED = 3
    RESUMED = 4
    STOPPED = 5
    SHUTDOWN = 6
    PMSUSPENDED = 7
    CRASHED = 8


class Power(Enum):
    """What libvirt's virDomainState comes down to."""

    RUNNING = auto()
    """QEMU runs and lets its guest run."""
    PAUSED = auto()
    """QEMU runs, its guest does not: paused, starting, migrating, shutting down, asleep."""
    PANICKED = auto()
    """QEMU runs and keeps a crashed guest for a post-mortem."""
    OFF = auto()
    UNKNOWN = auto()


class Reason(Enum):
    """libvirt's virDomainShutoffReason: how a machine came to be off."""

    UNKNOWN = 0
    SHUTDOWN = 1
    DESTROYED = 2
    CRASHED = 3
    MIGRATED = 4
    SAVED = 5
    FAILED = 6
    FROM_SNAPSHOT = 7
    DAEMON = 8


class Process(Enum):
    """Whether the machine's QEMU process lives, by its locked pidfile."""

    ALIVE = auto()
    GONE = auto()
    UNSEEN = auto()
    """It cannot be told: another host's machine, or the folder of pidfiles cannot be read."""


@dataclass(frozen=True, slots=True)
class Named:
    """A machine: `uuid` as libvirt writes it, `name` for people, `uri` where it was seen."""

    uuid: str
    name: str
    uri: str


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of libvirt's: what its subclasses say happened to `machine`."""

    machine: Named
    number: int


@dataclass(frozen=True, slots=True)
class LifecycleChanged(Happened):
    """VIR_DOMAIN_EVENT_ID_LIFECYCLE; `detail` is the number that libvirt gives for this event."""

    event: Lifecycle
    detail: int


@dataclass(frozen=True, slots=True)
class Rebooted(Happened):
    """VIR_DOMAIN_EVENT_ID_REBOOT: the guest rebooted; one reboot brings two of these."""


@dataclass(frozen=True, slots=True)
class WatchdogFired(Happened):
    """VIR_DOMAIN_EVENT_ID_WATCHDOG; `action` is libvirt's virDomainEventWatchdogAction."""

    action: int


@dataclass(frozen=True, slots=True)
class IoFailed(Happened):
    """VIR_DOMAIN_EVENT_ID_IO_ERROR; `action` is libvirt's virDomainEventIOErrorAction, `disk` what it names."""

    action: int
    disk: str


@dataclass(frozen=True, slots=True)
class IoFailedWithReason(Happened):
    """VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON: `reason` is "enospc" or empty."""

    reason: str


@dataclass(frozen=True, slots=True)
class ControlFailed(Happened):
    """VIR_DOMAIN_EVENT_ID_CONTROL_ERROR: libvirt can no longer talk to this QEMU."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One machine's state as libvirt told it when asked.

    For a machine that is off: `reason`, whether its process lives, and the `last_words` ("crashed",
    "destroyed", ...) that libvirt wrote into the machine's log, empty where they cannot be read.
    `started`: when by that log the machine's last life began (seconds since 1970), 0 if it cannot be read.
    """

    machine: Named
    power: Power
    reason: Reason = Reason.UNKNOWN
    process: Process = Process.UNSEEN
    last_words: str = ""
    started: float = 0.0


@dataclass(frozen=True, slots=True)
class Census:
    """All machines that the libvirt at `uri` knows, asked after event number `after`."""

    uri: str
    readings: tuple[Reading, ...]
    after: int


@dataclass(frozen=True, slots=True)
class Asked:
    """The answer to a question about one machine; `reading` is None when libvirt does not know it."""

    machine: Named
    reading: Reading | None
    after: int


@dataclass(frozen=True, slots=True)
class Ask(Command):
    """Ask libvirt what it knows of this machine; the answer is `Asked`."""

    machine: Named


@dataclass(frozen=True, slots=True)
class ProcessEnded:
    """A watched QEMU process has ended; why is libvirt's to say."""

    machine: Named
    pid: int


@dataclass(frozen=True, slots=True)
class LibvirtAway:
    """The libvirt at `uri` cannot be heard at present; `seen` says what was tried and to do."""

    uri: str
    seen: str


@dataclass(frozen=True, slots=True)
class LibvirtBack:
    """The libvirt at `uri` is heard (again): events flow from now on."""

    uri: str


Observation = (
    LifecycleChanged
    | Rebooted
    | WatchdogFired
    | IoFailed
    | IoFailedWithReason
    | ControlFailed
    | Census
    | Asked
    | ProcessEnded
    | LibvirtAway
    | LibvirtBack
)
