"""Compatibility: the way to masakari under the name that third-party host drivers import.

In: the driver's event dictionary, on the driver's own thread. Out: to whoever has opened the door
(the adapter in hostmonitor/drivers/thirdparty.py), which puts it into the outbox. Retries are the
outbox's.
"""

from collections.abc import Callable, Mapping
from typing import Any

_doors: list[Callable[[Mapping[str, Any]], None]] = []


def open_door(door: Callable[[Mapping[str, Any]], None]) -> Callable[[], None]:
    """From now on events go to `door`; returns what closes it again."""
    _doors.append(door)
    return lambda: _doors.remove(door)


class SendNotification:
    """What a driver calls: `SendNotification().send_notification(retry_max, retry_interval, event)`."""

    def send_notification(
        self, api_retry_max: int, api_retry_interval: int, event: Mapping[str, Any]
    ) -> None:
        """Hand the event on; the two retry arguments are taken and not needed.

        Raises RuntimeError when no monitor runs that could send it.
        """
        if not _doors:
            raise RuntimeError("no host monitor is running in this process, so nothing can be sent")
        _doors[-1](event)
