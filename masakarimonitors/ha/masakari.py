"""Compatibility: the way to masakari under the name that third-party host drivers import.

In: the driver's event dictionary, on the driver's own thread. Out: to whoever has opened the door
(the adapter in hostmonitor/drivers/thirdparty.py), which puts it into the outbox. Retries are the
outbox's; for how long the driver wants it tried goes along.
"""

from collections.abc import Callable, Mapping
from typing import Any

Door = Callable[[Mapping[str, Any], float], None]
"""Takes an event, and the seconds for which its driver wants it tried."""

_doors: list[Door] = []
_LONGEST = 86400.0
"""Seconds: masakari gives up on what is older."""


def open_door(door: Door) -> Callable[[], None]:
    """From now on events go to `door`; returns what closes it again."""
    _doors.append(door)
    return lambda: _doors.remove(door)


class SendNotification:
    """What a driver calls: `SendNotification().send_notification(retry_max, retry_interval, event)`."""

    def send_notification(
        self, api_retry_max: int, api_retry_interval: int, event: Mapping[str, Any]
    ) -> None:
        """Hand the event on; of the two retry arguments only the product counts, the driver's patience in seconds.

        Raises RuntimeError when no monitor runs that could send it.
        """
        if not _doors:
            raise RuntimeError("no host monitor is running in this process, so nothing can be sent")
        _doors[-1](event, _patience(api_retry_max, api_retry_interval))


def _patience(tries: object, interval: object) -> float:
    """0 for whatever is no number; a driver's own patience may be read from its own options."""
    try:
        seconds = float(str(tries)) * float(str(interval))
    except ValueError:
        return 0.0
    return min(seconds, _LONGEST) if seconds > 0 else 0.0
