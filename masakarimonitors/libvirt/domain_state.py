"""libvirt's numbers for how a domain stands and for what happens to it: the one table, for both monitors.

Pure: known without libvirt's binding, so that what decides may speak of them. The numbers are libvirt's
ABI (libvirt-domain.h) and do not change; a newer libvirt may tell of others, which stand in no table
here. Only what a monitor speaks of is listed, but each list is whole as far as libvirt 9.0 has it.
"""

from enum import IntEnum


class DomainState(IntEnum):
    """virDomainState."""

    NOSTATE = 0
    RUNNING = 1
    BLOCKED = 2
    """Xen's: it waits for something, so it runs."""
    PAUSED = 3
    SHUTDOWN = 4
    """It is being shut down."""
    SHUTOFF = 5
    CRASHED = 6
    PMSUSPENDED = 7
    """Suspended by its own guest's power management."""


PAUSED_MIGRATION = 2
"""virDomainPausedReason: for a live migration, at its destination until it has arrived, at its source at the end."""
PAUSED_CRASHED = 10
"""virDomainPausedReason: its guest crashed, and QEMU keeps it for a post-mortem."""
PAUSED_STARTING_UP = 11
"""virDomainPausedReason: QEMU is being started, which may still fail."""
PAUSED_POSTCOPY = 12
"""virDomainPausedReason: the source of a live migration by post-copy, whose guest runs at the destination by now."""

PAUSED_IOERROR, PAUSED_WATCHDOG, PAUSED_POSTCOPY_FAILED, PAUSED_API_ERROR = 5, 6, 13, 14
"""virDomainPausedReason: nobody paused it, and it goes on only if somebody sees to it."""

RUNNING_POSTCOPY_FAILED = 11
"""virDomainRunningReason: at the destination of a live migration by post-copy that has failed. Its guest runs until it
needs what is not there of its memory."""


class ShutoffReason(IntEnum):
    """virDomainShutoffReason: how a domain came to be off."""

    UNKNOWN = 0
    SHUTDOWN = 1
    DESTROYED = 2
    CRASHED = 3
    MIGRATED = 4
    SAVED = 5
    FAILED = 6
    FROM_SNAPSHOT = 7
    DAEMON = 8


class ControlState(IntEnum):
    """virDomainControlState: whether somebody has the way to a domain's QEMU."""

    OK = 0
    JOB = 1
    """A job runs on it."""
    OCCUPIED = 2
    """A command to QEMU has not come back."""
    ERROR = 3


class EventId(IntEnum):
    """virDomainEventID, of what a monitor subscribes to."""

    LIFECYCLE = 0
    REBOOT = 1
    WATCHDOG = 3
    IO_ERROR = 4
    IO_ERROR_REASON = 6
    CONTROL_ERROR = 7
    AGENT_LIFECYCLE = 18


class Lifecycle(IntEnum):
    """virDomainEventType: what an event of the kind LIFECYCLE says; its detail is one of the next lists."""

    DEFINED = 0
    UNDEFINED = 1
    STARTED = 2
    SUSPENDED = 3
    RESUMED = 4
    STOPPED = 5
    SHUTDOWN = 6
    PMSUSPENDED = 7
    CRASHED = 8


class Started(IntEnum):
    """virDomainEventStartedDetailType."""

    BOOTED = 0
    MIGRATED = 1
    """A live migration comes in; the domain still runs on its source."""
    RESTORED = 2
    FROM_SNAPSHOT = 3
    WAKEUP = 4


class Suspended(IntEnum):
    """virDomainEventSuspendedDetailType."""

    PAUSED = 0
    MIGRATED = 1
    IOERROR = 2
    WATCHDOG = 3
    RESTORED = 4
    FROM_SNAPSHOT = 5
    API_ERROR = 6
    POSTCOPY = 7
    POSTCOPY_FAILED = 8


class Resumed(IntEnum):
    """virDomainEventResumedDetailType."""

    UNPAUSED = 0
    MIGRATED = 1
    FROM_SNAPSHOT = 2
    POSTCOPY = 3
    POSTCOPY_FAILED = 4


class Stopped(IntEnum):
    """virDomainEventStoppedDetailType."""

    SHUTDOWN = 0
    DESTROYED = 1
    CRASHED = 2
    """Its guest had panicked, and libvirt ended it as on_crash says."""
    MIGRATED = 3
    SAVED = 4
    FAILED = 5
    """QEMU is gone, by nobody's intention."""
    FROM_SNAPSHOT = 6


class Shutdown(IntEnum):
    """virDomainEventShutdownDetailType: who wanted it, where libvirt knows."""

    FINISHED = 0
    GUEST = 1
    HOST = 2


class Crashed(IntEnum):
    """virDomainEventCrashedDetailType."""

    PANICKED = 0
    """Its guest's kernel panicked."""
    CRASHLOADED = 1


class WatchdogAction(IntEnum):
    """virDomainEventWatchdogAction: what followed from the guest's watchdog."""

    NONE = 0
    PAUSE = 1
    RESET = 2
    POWEROFF = 3
    SHUTDOWN = 4
    DEBUG = 5
    INJECTNMI = 6


class IoErrorAction(IntEnum):
    """virDomainEventIOErrorAction: what followed from a failed request of the guest."""

    NONE = 0
    PAUSE = 1
    REPORT = 2
    """The guest was told."""


class AgentState(IntEnum):
    """virConnectDomainEventAgentLifecycleState: the guest agent's end of its channel."""

    CONNECTED = 1
    DISCONNECTED = 2


LIST_ACTIVE = 1
"""virConnectListAllDomainsFlags: only domains that run."""
