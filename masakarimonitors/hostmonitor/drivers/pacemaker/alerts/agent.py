#!/usr/bin/python3 -IS
"""Pacemaker alert agent of masakari-hostmonitor: passes each alert on as one datagram.

Pacemaker runs this file by itself, as user hacluster, on the system's own Python: so it uses the
standard library only, imports nothing of this project, and keeps to the language of Python 3.6. It
is copied out of the package by `masakari-monitors pacemaker-alert install`. The recipient configured
in the CIB is the path of the monitor's socket. Nobody listening is no error: the monitor may be
stopped, and Pacemaker must not wait or log because of it. A monitor that is only busy is waited for: what finds no room
in its queue (10 alerts, by the kernel's default) would be lost, and with it perhaps the only word of a good-bye.
"""

import os
import socket
import sys

SOCKET = "/run/masakari-monitors/pacemaker-alert.sock"
"""Where the monitor listens unless both its configuration and the CIB say otherwise."""

ROOM = 3.0
"""Seconds for which room in the monitor's queue is waited for. The CIB gives an alert more than that."""

WORDS = ("kind", "node", "desc", "task", "rc", "attribute_name", "attribute_value")
"""What is passed on of the environment that Pacemaker gives an alert agent (CRM_alert_...)."""


def datagram(environment: "os._Environ[str]") -> bytes:
    """The alert in one line of word=value, at most 1 kB."""
    parts = []
    for word in WORDS:
        value = environment.get("CRM_alert_" + word)
        if value:
            parts.append(word + "=" + "_".join(value.split()))
    return " ".join(parts).encode("utf-8", "replace")[:1024]


def main() -> int:
    """Send the datagram, within ROOM seconds; exit 0 whatever happens to it."""
    path = os.environ.get("CRM_alert_recipient") or SOCKET  # noqa: SIM112 - Pacemaker's spelling
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sender.settimeout(ROOM)
    try:
        sender.connect(
            path
        )  # only of a peer that it is connected to does the kernel tell when there is room again
        sender.send(datagram(os.environ))
    except OSError:
        pass
    finally:
        sender.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
