"""Who the reporter is, overheard: what a driver's election says on its way to the core.

In: the observations of the driver's sources, which pass unchanged. Out: whether this monitor is the one
elected reporter, for those who work for the reporter alone. Decides nothing: the core does.
"""

import asyncio

from masakarimonitors.hostmonitor.core.observation import (
    Follower,
    Leader,
    NoElection,
)


class Leading:
    """Whether this monitor is the elected reporter, by the election's last word; `changed` at each new one."""

    def __init__(self) -> None:
        """Nobody has said anything yet: not the reporter."""
        self._leads = False
        self.changed = asyncio.Event()

    def __call__(self) -> bool:
        """By the last word. False also where all report: then no one monitor works for the others."""
        return self._leads

    def hear(self, observation: object) -> None:
        """One observation of the driver's sources; only the election's matter."""
        match observation:
            case Leader():
                leads = True
            case Follower() | NoElection():
                leads = False
            case _:
                return
        if leads is not self._leads:
            self._leads = leads
            self.changed.set()
