"""What each of libvirt's events is called on the wire: one table, and what the engine acts on.

The words are those that deployed engines and tools know. An event that is not in the table is no
report. Two deaths go out under the name that the engine acts on: a guest's panic and a crash that
libvirt calls CRASHED are STOPPED_FAILED.
"""

from dataclasses import dataclass

from masakarimonitors.instancemonitor.observation import (
    ControlFailed,
    Happened,
    IoFailed,
    IoFailedWithReason,
    Lifecycle,
    LifecycleChanged,
    Rebooted,
    WatchdogFired,
)


@dataclass(frozen=True, slots=True)
class Words:
    """`event` and `vir_domain_event` of a VM notification."""

    event: str
    detail: str

    def __str__(self) -> str:
        """As people read it."""
        return f"{self.event}/{self.detail}"


FAILED = Words("LIFECYCLE", "STOPPED_FAILED")
"""A machine is dead; the engine recovers it."""

ACTIONABLE = frozenset({FAILED, Words("IO_ERROR", "IO_ERROR_REPORT")})
"""All that masakari's engine acts on, of what this monitor can say; the rest it files."""

STOPPED_FAILED = 5
"""libvirt's detail of STOPPED: QEMU is gone, by nobody's intention."""
STOPPED_CRASHED = 2
"""libvirt's detail of STOPPED: the guest had panicked, and on_crash ended it."""
CRASHED_PANICKED = 0
"""libvirt's detail of CRASHED: the guest's kernel panicked."""
STARTED_MIGRATED = 1
"""libvirt's detail of STARTED: a live migration comes in; the machine still runs on its source."""

_LIFECYCLE = {
    (Lifecycle.SUSPENDED, 2): "SUSPENDED_IOERROR",
    (Lifecycle.SUSPENDED, 3): "SUSPENDED_WATCHDOG",
    (Lifecycle.SUSPENDED, 6): "SUSPENDED_API_ERROR",
    (Lifecycle.STOPPED, 0): "STOPPED_SHUTDOWN",
    (Lifecycle.STOPPED, 1): "STOPPED_DESTROYED",
    (Lifecycle.STOPPED, STOPPED_CRASHED): "STOPPED_FAILED",
    (Lifecycle.STOPPED, STOPPED_FAILED): "STOPPED_FAILED",
    (Lifecycle.SHUTDOWN, 0): "SHUTDOWN_FINISHED",
    (Lifecycle.CRASHED, CRASHED_PANICKED): "STOPPED_FAILED",
}
_WATCHDOG = {
    0: "WATCHDOG_NONE",
    1: "WATCHDOG_PAUSE",
    2: "WATCHDOG_RESET",
    3: "WATCHDOG_POWEROFF",
    4: "WATCHDOG_SHUTDOWN",
    5: "WATCHDOG_DEBUG",
    6: "WATCHDOG_INJECTNMI",
}
_IO_ERROR = {0: "IO_ERROR_NONE", 1: "IO_ERROR_PAUSE", 2: "IO_ERROR_REPORT"}


def words(seen: Happened) -> Words | None:
    """How an event is reported; None when it is not."""
    match seen:
        case LifecycleChanged(event=event, detail=detail):
            found = _LIFECYCLE.get((event, detail))
            return Words("LIFECYCLE", found) if found else None
        case WatchdogFired(action=action):
            found = _WATCHDOG.get(action)
            return Words("WATCHDOG", found) if found else None
        case IoFailed(action=action):
            found = _IO_ERROR.get(action)
            return Words("IO_ERROR", found) if found else None
        case Rebooted():
            return Words("REBOOT", "UNKNOWN")
        case IoFailedWithReason():
            return Words("IO_ERROR_REASON", "UNKNOWN")
        case ControlFailed():
            return Words("CONTROL_ERROR", "UNKNOWN")
    return None
