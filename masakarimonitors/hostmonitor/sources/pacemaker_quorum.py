"""Corosync's quorum for the watch: by its library, or, where that is denied, by command.

The library tells changes at once. A monitor that is neither root nor named in corosync's uidgid.d is
refused there; then `corosync-quorumtool` is run as root before each look, and events come from the
alert agent and the clock only.
"""

import logging
import os
from typing import Protocol

from masakarimonitors.hostmonitor.sources import pacemaker_corosync
from masakarimonitors.hostmonitor.sources.pacemaker_commands import Commands
from masakarimonitors.hostmonitor.sources.pacemaker_corosync import CorosyncDenied, CorosyncError

LOG = logging.getLogger(__name__)


class QuorumFeed(Protocol):
    """What the watch needs of Corosync. `fd` becomes readable when there is news.

    `quorate` None: not known yet; `node_id` None: not known.
    """

    fd: int
    quorate: bool | None
    node_id: int | None

    async def refresh(self) -> None:
        """Before a look. Raises `CorosyncError` when corosync has gone."""

    def dispatch(self) -> None:
        """Take in the news. Raises `CorosyncError` when corosync has gone."""

    def close(self) -> None:
        """Disconnect."""


class PolledQuorum:
    """Quorum by command: there is never news, it must be refreshed."""

    def __init__(self, commands: Commands, timeout: float) -> None:
        """`timeout`: seconds that the command may take."""
        self._commands = commands
        self._timeout = timeout
        self.fd, self._other_end = os.pipe()
        self.quorate: bool | None = None
        self.node_id: int | None = None

    async def refresh(self) -> None:
        """Ask now. Raises `CorosyncError`."""
        self.quorate, self.node_id = await self._commands.quorum(self._timeout)

    def dispatch(self) -> None:
        """Never called: nothing is ever written into the pipe."""

    def close(self) -> None:
        """Let the pipe go."""
        os.close(self.fd)
        os.close(self._other_end)


async def open_quorum(commands: Commands, timeout: float) -> QuorumFeed:
    """The best way there is. Raises `CorosyncError`."""
    try:
        return await pacemaker_corosync.open_quorum(timeout)
    except CorosyncDenied as fault:
        polled = PolledQuorum(commands, timeout)
        try:
            await polled.refresh()
        except CorosyncError:
            polled.close()
            raise
        LOG.warning(
            "Corosync's library refuses this user (%s). Quorum is asked by command instead: losses are seen "
            "later, and no reporter can be elected. Name the user in a file of /etc/corosync/uidgid.d",
            fault,
        )
        return polled
