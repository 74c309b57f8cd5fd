"""Whether a process is the host's own or a person's: who has begun it, which no name it gives itself can change.

In: the user ids of a process, its control groups and its login, as the kernel tells them. Out: the ordinary user on
whose behalf it runs, and whether that is certain, or None for one of the host's own: root's, a system user's, or what
an init system or a container engine has begun. The kernel keeps who has logged in (`loginuid`) and where a session
lives (`user.slice`), and lets nobody but root change either.
"""

import os
import re
from dataclasses import dataclass
from enum import Enum, auto

from masakarimonitors.processmonitor.core.recognition.place import Place, is_containers, place_of
from masakarimonitors.processmonitor.sources.stat import read

ORDINARY = 1000
"""The first user id of people, by the custom of all distributions; `nobody` counts as one."""

_NO_LOGIN = frozenset({"", "4294967295", "-1", "0"})
# Services that run what people have given them.
_FOR_PEOPLE = re.compile(
    r"(?:cron|crond|cronie|fcron|anacron|at|atd|ssh|sshd|ssh@.+|sshd@.+|getty@.+|user@.+)\.service\Z"
)


def users(status: bytes) -> tuple[int, int] | None:
    """The real and the effective user id in a /proc/PID/status; None when it shows none."""
    for line in status.splitlines():
        if line.startswith(b"Uid:"):
            _label, real, effective, *_others = line.split()
            return int(real), int(effective)
    return None


class Origin(Enum):
    """Who has begun a process: UNCLEAR where the kernel does not tell, as with an init system that keeps no groups."""

    HOST = auto()
    PERSON = auto()
    UNCLEAR = auto()


@dataclass(frozen=True, slots=True)
class Person:
    """The ordinary user whose a process is; `certain`: the kernel says so, and not only that it is no service."""

    user: int
    certain: bool


def origin(groups: str, login: str, ids: tuple[int, int]) -> Origin:
    """Who has begun what runs as these users, by its /proc/PID/cgroup and /proc/PID/loginuid.

    A service may lie in any slice, the operator's own as well. What another user's login has begun may be a service
    that this one has restarted as root, where no init system begins it.
    """
    begun = False
    for line in groups.splitlines():
        parts = line.split(":", 2)[-1].split("/")
        if "user.slice" in parts or any(map(_FOR_PEOPLE.match, parts)):
            return Origin.PERSON
        begun = begun or any(part.endswith(".service") or is_containers(part) for part in parts)
    if login.strip() not in _NO_LOGIN:
        return Origin.PERSON if login.strip() in map(str, ids) else Origin.UNCLEAR
    return Origin.HOST if begun else Origin.UNCLEAR


def person(ids: tuple[int, int] | None, folder: str) -> Person | None:
    """The ordinary user whose process this is (`folder`: its own below /proc), None when it is one of the host's own.

    The real user counts as well: anybody can run a program that is root's from its first moment on (setuid), under
    any name. The monitor's own user is not doubted: that one does with a monitor what it likes. Where the kernel does
    not tell the groups or the login, nothing speaks for the host.
    """
    ordinary = max(ids, default=0) if ids is not None else 0
    if ids is None or ordinary < ORDINARY or ordinary == os.geteuid():
        return None
    begun = origin(_text(f"{folder}/cgroup"), _text(f"{folder}/loginuid"), ids)
    return None if begun is Origin.HOST else Person(ordinary, begun is Origin.PERSON)


def is_nested(status: bytes) -> bool:
    """Whether a /proc/PID/status shows a pid namespace below the one that this /proc is of."""
    for line in status.splitlines():
        if line.startswith(b"NSpid:"):
            return len(line.split()) > 2
    return False


def place(folder: str, status: bytes) -> Place:
    """Where this process stands (`folder`: its own below /proc, with this `status`)."""
    of_init = _text(f"{os.path.dirname(folder)}/1/cgroup")
    return place_of(_text(f"{folder}/cgroup"), of_init, nested=is_nested(status))


def _text(path: str) -> str:
    try:
        return read(path).decode(errors="replace")
    except OSError:
        return ""
