"""Whose alerts are believed: the kernel says who wrote each datagram, and this file says whether that counts.

In: the credentials of a datagram. Out: whether it is taken in. A faked good-bye would excuse a real loss, so only those
count who could stop or fence the host anyway: root, this monitor's own user, and whoever Pacemaker itself obeys.
"""

import contextlib
import grp
import logging
import math
import os
import pwd
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LOG = logging.getLogger(__name__)

USER = "hacluster"
"""Pacemaker runs its alert agents as this user; built in when Pacemaker is compiled."""

GROUP = "haclient"
"""Whoever is in this group may change the CIB, and so stop, disable and fence whatever there is."""

FORGET = 60.0
"""Seconds after which one that was refused is looked up again: Pacemaker may be installed, or the user database come
up, long after its first alert."""

PAUSE = 1.0
"""Seconds between two look-ups; each knows all accounts. A user database may be behind a network, and slow."""

_MOST_REFUSED = 100
"""A user with a range of subordinate ids has 65,536 of them; as many are remembered and named."""


ACCOUNTS_MISSING = (
    f"There is neither a user {USER} nor a group {GROUP} here, so every alert of Pacemaker is refused: fencing and "
    "lost remote nodes are then seen by polling, and a clean stop of pacemaker_remoted cannot be told from a loss. "
    f"Create {USER} with the user id that Pacemaker's alert agent runs as (its container's, if it has one)"
)

_SAME_ID = (
    f"If Pacemaker's alert agent runs as that user (in a container of its own), give {USER} the same user id here; "
    "otherwise find out who writes there"
)


@dataclass(frozen=True, slots=True)
class Accounts:
    """Those who are believed: user ids, and the id of Pacemaker's group, if there is one here."""

    users: frozenset[int]
    group: int | None
    pacemaker: bool = True
    """Whether there is the user hacluster, or the group haclient."""


def known_accounts() -> Accounts:
    """As this computer's (or container's) user and group databases have them now."""
    users = {0, os.getuid(), os.geteuid()}
    names = [USER]
    group = None
    pacemaker = False
    with contextlib.suppress(KeyError):
        found = grp.getgrnam(GROUP)
        group, pacemaker = found.gr_gid, True
        names += found.gr_mem
    for name in names:
        with contextlib.suppress(KeyError):
            users.add(pwd.getpwnam(name).pw_uid)
            pacemaker = pacemaker or name == USER
    return Accounts(frozenset(users), group, pacemaker)


class Senders:
    """Tells those who are believed from the others; whoever is not is named once in the log."""

    def __init__(
        self,
        path: Path,
        accounts: Callable[[], Accounts] = known_accounts,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`path`: of the socket, for the log. `accounts` is asked now, and when one writes who is not known.

        `now`: monotonic seconds.
        """
        self._path = path
        self._look_up = accounts
        self._now = now
        self._accounts = accounts()
        self._looked_up_at = -math.inf
        # When each was looked up in vain, the longest ago first.
        self._refused: dict[int, float] = {}
        self._named: set[int] = set()
        self._last: tuple[int, float] | None = None

    @property
    def group(self) -> int | None:
        """The id of Pacemaker's group, if there is one here."""
        return self._accounts.group

    def believes(self, uid: int, gid: int) -> bool:
        """Whether what this user (with this primary group) has sent counts."""
        if self._knows(uid, gid):
            return True
        now = self._now()
        self._last = uid, now
        looked_up_at = self._refused.get(uid)
        # Where even Pacemaker's own accounts are missing, the user database may just be coming up.
        forget = FORGET if self._accounts.pacemaker else PAUSE
        if looked_up_at is not None and now - looked_up_at < forget:
            return False
        if now - self._looked_up_at < PAUSE:
            return False
        # Pacemaker may have been installed since, or somebody may have joined its group.
        self._looked_up_at = now
        self._accounts = self._look_up()
        if self._knows(uid, gid):
            self._refused.pop(uid, None)
            self._last = None
            return True
        self._refuse(uid, now)
        return False

    def trouble(self) -> str:
        """Whose alerts have arrived within the last `FORGET` seconds and are refused, what that means; or nothing."""
        if self._last is None or self._now() - self._last[1] >= FORGET:
            return ""
        missing = ACCOUNTS_MISSING if not self._accounts.pacemaker else ""
        return (
            f"alerts of user {self._last[0]} arrive on {self._path} and are refused: it is neither {USER} nor in the "
            f"group {GROUP} here. {missing or _SAME_ID}"
        )

    def _refuse(self, uid: int, now: float) -> None:
        self._refused.pop(uid, None)
        self._refused[uid] = now
        if len(self._refused) > _MOST_REFUSED:
            del self._refused[next(iter(self._refused))]
        if uid in self._named or len(self._named) >= _MOST_REFUSED:
            return
        self._named.add(uid)
        LOG.warning(
            "User %d writes to the alert socket %s and is refused: only root, this monitor's user, %s and members of "
            "the group %s are believed. If Pacemaker's alert agent runs as that user (in a container of its own), "
            "give %s the same user id here; it is looked up again every %.0f s",
            uid,
            self._path,
            USER,
            GROUP,
            USER,
            FORGET,
        )

    def _knows(self, uid: int, gid: int) -> bool:
        return uid in self._accounts.users or gid == self._accounts.group
