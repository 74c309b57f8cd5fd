"""Who the reporter is, overheard: what a driver's election says on its way to the core.

In: the observations of the driver's sources, which pass unchanged. Out: whether this monitor is the one
elected reporter, for those who work for the reporter alone. Decides nothing: the core does.
"""

import asyncio
from enum import StrEnum

from masakarimonitors.hostmonitor.core.observation import (
    Follower,
    Leader,
    NoElection,
)


class Word(StrEnum):
    """The election's last word, as far as it matters here."""

    LEADS = "this monitor is elected"
    OTHER = "another one is, or it is not known yet"
    NOBODY = "nobody is"


class Leading:
    """Whether this monitor is the elected reporter, by the election's last word; `changed` at each new one."""

    def __init__(self) -> None:
        """Nobody has said anything yet: not the reporter."""
        self._word = Word.OTHER
        self.changed = asyncio.Event()

    def __call__(self) -> bool:
        """By the last word. False also where all report: then no one monitor works for the others."""
        return self._word is Word.LEADS

    def nobody(self) -> bool:
        """Whether nobody is elected, by the last word: after a while without another all monitors report."""
        return self._word is Word.NOBODY

    def hear(self, observation: object) -> None:
        """One observation of the driver's sources; only the election's matter."""
        match observation:
            case Leader():
                word = Word.LEADS
            case Follower():
                word = Word.OTHER
            case NoElection():
                word = Word.NOBODY
            case _:
                return
        if word is not self._word:
            self._word = word
            self.changed.set()
