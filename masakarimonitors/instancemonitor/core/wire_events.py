"""What each of libvirt's events is called on the wire: one table, and what the engine acts on.

The names are those that deployed engines and tools know. An event that is not in the table is no
report. Two deaths go out under the name that the engine acts on: a guest's panic and a crash that
libvirt calls CRASHED are STOPPED_FAILED.
"""

from dataclasses import dataclass

from masakarimonitors.instancemonitor.core.observation import (
    ControlFailed,
    DomainEvent,
    IoFailed,
    IoFailedWithReason,
    LifecycleChanged,
    Rebooted,
    WatchdogFired,
)
from masakarimonitors.libvirt.domain_state import (
    Crashed,
    IoErrorAction,
    Lifecycle,
    Shutdown,
    Stopped,
    Suspended,
    WatchdogAction,
)


@dataclass(frozen=True, slots=True)
class WireEvent:
    """`event` and `vir_domain_event` of a VM notification."""

    event: str
    detail: str

    def __str__(self) -> str:
        """As people read it."""
        return f"{self.event}/{self.detail}"


FAILED = WireEvent("LIFECYCLE", "STOPPED_FAILED")
"""An instance is dead; the engine recovers it."""

IO_ERROR = WireEvent("IO_ERROR", "IO_ERROR_REPORT")
"""An I/O error that the guest sees; the engine stops and starts the instance."""

IO_ERRORS = frozenset(
    {
        IO_ERROR,
        WireEvent("IO_ERROR", "IO_ERROR_PAUSE"),
        WireEvent("IO_ERROR", "IO_ERROR_NONE"),
        WireEvent("IO_ERROR_REASON", "UNKNOWN"),
        WireEvent("LIFECYCLE", "SUSPENDED_IOERROR"),
    }
)
"""All that is said of an I/O error."""

ACTIONABLE = frozenset({FAILED, IO_ERROR})
"""All that masakari's engine acts on, of what this monitor can say; the rest it files."""

_LIFECYCLE: dict[tuple[int, int], str] = {
    (Lifecycle.SUSPENDED, Suspended.IOERROR): "SUSPENDED_IOERROR",
    (Lifecycle.SUSPENDED, Suspended.WATCHDOG): "SUSPENDED_WATCHDOG",
    (Lifecycle.SUSPENDED, Suspended.API_ERROR): "SUSPENDED_API_ERROR",
    (Lifecycle.STOPPED, Stopped.SHUTDOWN): "STOPPED_SHUTDOWN",
    (Lifecycle.STOPPED, Stopped.DESTROYED): "STOPPED_DESTROYED",
    (Lifecycle.STOPPED, Stopped.CRASHED): "STOPPED_FAILED",
    (Lifecycle.STOPPED, Stopped.FAILED): "STOPPED_FAILED",
    (Lifecycle.SHUTDOWN, Shutdown.FINISHED): "SHUTDOWN_FINISHED",
    (Lifecycle.CRASHED, Crashed.PANICKED): "STOPPED_FAILED",
}
_WATCHDOG: dict[int, str] = {
    WatchdogAction.NONE: "WATCHDOG_NONE",
    WatchdogAction.PAUSE: "WATCHDOG_PAUSE",
    WatchdogAction.RESET: "WATCHDOG_RESET",
    WatchdogAction.POWEROFF: "WATCHDOG_POWEROFF",
    WatchdogAction.SHUTDOWN: "WATCHDOG_SHUTDOWN",
    WatchdogAction.DEBUG: "WATCHDOG_DEBUG",
    WatchdogAction.INJECTNMI: "WATCHDOG_INJECTNMI",
}
_IO_ERROR: dict[int, str] = {
    IoErrorAction.NONE: "IO_ERROR_NONE",
    IoErrorAction.PAUSE: "IO_ERROR_PAUSE",
    IoErrorAction.REPORT: "IO_ERROR_REPORT",
}


def translate(seen: DomainEvent) -> WireEvent | None:
    """How an event is reported; None when it is not."""
    match seen:
        case LifecycleChanged(event=event, detail=detail):
            found = _LIFECYCLE.get((event, detail))
            return WireEvent("LIFECYCLE", found) if found else None
        case WatchdogFired(action=action):
            found = _WATCHDOG.get(action)
            return WireEvent("WATCHDOG", found) if found else None
        case IoFailed(action=action):
            found = _IO_ERROR.get(action)
            return WireEvent("IO_ERROR", found) if found else None
        case Rebooted():
            return WireEvent("REBOOT", "UNKNOWN")
        case IoFailedWithReason():
            return WireEvent("IO_ERROR_REASON", "UNKNOWN")
        case ControlFailed():
            return WireEvent("CONTROL_ERROR", "UNKNOWN")
    return None
