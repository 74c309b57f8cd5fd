"""The table of words: exactly what deployed engines and tools know, and the two new names."""

import pytest

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
from masakarimonitors.instancemonitor.words import words
from tests.fixtures.machine_play import VM

LIFECYCLE = {
    (3, 2): "SUSPENDED_IOERROR",
    (3, 3): "SUSPENDED_WATCHDOG",
    (3, 6): "SUSPENDED_API_ERROR",
    (5, 0): "STOPPED_SHUTDOWN",
    (5, 1): "STOPPED_DESTROYED",
    (5, 2): "STOPPED_FAILED",
    (5, 5): "STOPPED_FAILED",
    (6, 0): "SHUTDOWN_FINISHED",
    (8, 0): "STOPPED_FAILED",
}


@pytest.mark.parametrize("event", list(Lifecycle))
@pytest.mark.parametrize("detail", range(9))
def test_lifecycle(event: Lifecycle, detail: int) -> None:
    expected = LIFECYCLE.get((event.value, detail))
    found = words(LifecycleChanged(VM, 1, event, detail))
    assert (str(found) if found else None) == (f"LIFECYCLE/{expected}" if expected else None)


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (Rebooted(VM, 1), "REBOOT/UNKNOWN"),
        (ControlFailed(VM, 1), "CONTROL_ERROR/UNKNOWN"),
        (IoFailedWithReason(VM, 1, "enospc"), "IO_ERROR_REASON/UNKNOWN"),
        (IoFailed(VM, 1, 0, "d"), "IO_ERROR/IO_ERROR_NONE"),
        (IoFailed(VM, 1, 1, "d"), "IO_ERROR/IO_ERROR_PAUSE"),
        (IoFailed(VM, 1, 2, "d"), "IO_ERROR/IO_ERROR_REPORT"),
        (IoFailed(VM, 1, 3, "d"), "None"),
        *(
            (WatchdogFired(VM, 1, action), f"WATCHDOG/WATCHDOG_{word}")
            for action, word in enumerate(
                ("NONE", "PAUSE", "RESET", "POWEROFF", "SHUTDOWN", "DEBUG", "INJECTNMI")
            )
        ),
        (WatchdogFired(VM, 1, 7), "None"),
    ],
)
def test_other_events(seen: Happened, told: str) -> None:
    assert str(words(seen)) == told
