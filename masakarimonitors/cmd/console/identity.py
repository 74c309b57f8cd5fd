"""Who types: a name for people to read, beside the uid that the kernel tells the monitor."""

import os
import pwd

from masakarimonitors.core.printable import printable


def me() -> str:
    """Who asks, as far as this process knows."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = "no name"
    by = os.environ.get("SUDO_USER", "")
    return printable(f"{name}, by sudo of {by}" if by else name, 100)
