"""The table of names: exactly what deployed engines and tools know, and the two new names."""

import pytest

from masakarimonitors.instancemonitor.core.observation import (
    ControlFailed,
    DomainEvent,
    IoFailed,
    IoFailedWithReason,
    LifecycleChanged,
    Rebooted,
    WatchdogFired,
)
from masakarimonitors.instancemonitor.core.wire_events import translate
from masakarimonitors.libvirt.domain_state import Lifecycle
from tests.fixtures.instance_play import INSTANCE

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
    found = translate(LifecycleChanged(INSTANCE, 1, event, detail))
    assert (str(found) if found else None) == (f"LIFECYCLE/{expected}" if expected else None)


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (Rebooted(INSTANCE, 1), "REBOOT/UNKNOWN"),
        (ControlFailed(INSTANCE, 1), "CONTROL_ERROR/UNKNOWN"),
        (IoFailedWithReason(INSTANCE, 1, "enospc"), "IO_ERROR_REASON/UNKNOWN"),
        (IoFailed(INSTANCE, 1, 0, "d"), "IO_ERROR/IO_ERROR_NONE"),
        (IoFailed(INSTANCE, 1, 1, "d"), "IO_ERROR/IO_ERROR_PAUSE"),
        (IoFailed(INSTANCE, 1, 2, "d"), "IO_ERROR/IO_ERROR_REPORT"),
        (IoFailed(INSTANCE, 1, 3, "d"), "None"),
        *(
            (WatchdogFired(INSTANCE, 1, action), f"WATCHDOG/WATCHDOG_{word}")
            for action, word in enumerate(
                ("NONE", "PAUSE", "RESET", "POWEROFF", "SHUTDOWN", "DEBUG", "INJECTNMI")
            )
        ),
        (WatchdogFired(INSTANCE, 1, 7), "None"),
    ],
)
def test_other_events(seen: DomainEvent, told: str) -> None:
    assert str(translate(seen)) == told
