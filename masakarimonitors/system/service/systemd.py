"""What systemd wants to hear from a service: ready, alive, stopping.

The protocol is one datagram to the socket in $NOTIFY_SOCKET (sd_notify(3)); without one nothing is
sent. The watchdog is fed from the loop itself, so a loop that stalls stops feeding it.
"""

import os
import socket

from masakarimonitors.system.clock import Clock, beat

_AGAIN = 1.0
"""Seconds until a sign of life that could not be sent, or that a busy service manager could not take, is sent again."""


def notify(message: str) -> bool:
    """Send `message` ("READY=1"); does nothing when not run by systemd, and never raises nor blocks.

    False: it was not taken, and is worth another try. The service manager has not read what it was sent before, so that
    there is no room, or is started anew just now; or this process has no descriptor left at this moment.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return True
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(
            socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        ) as out:
            out.sendto(message.encode(), address)
    except OSError:
        return False
    return True


def watchdog_interval() -> float | None:
    """Seconds between two signs of life (half of what systemd allows), or None when it asks for none."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        allowed = int(os.environ.get("WATCHDOG_USEC", "0")) / 1_000_000
    except ValueError:
        return None
    return allowed / 2 if allowed > 0 else None


async def feed_watchdog(clock: Clock) -> None:
    """Until cancelled, tell systemd that the loop turns."""
    interval = watchdog_interval()
    while interval is not None:
        # A sign that finds no room is not left to the next one, which would come when the watchdog already bites.
        await clock.sleep(beat(clock, interval if notify("WATCHDOG=1") else min(_AGAIN, interval)))
