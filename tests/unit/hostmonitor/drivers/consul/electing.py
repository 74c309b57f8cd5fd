"""Monitors that elect one of them by a store that the test plays, and all that they say."""

import asyncio
import datetime
import itertools
from collections.abc import Callable, Mapping

from masakarimonitors.core.notification import HostStatus
from masakarimonitors.core.silences.book import SilencesSeen
from masakarimonitors.hostmonitor.core.election.election import ElectionPolicy, Word
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry
from masakarimonitors.hostmonitor.core.observation import Follower, Leader, NoElection, Observation
from masakarimonitors.hostmonitor.drivers.consul.agent import Access, parse_address
from masakarimonitors.hostmonitor.drivers.consul.leadership.election import ElectionTimings
from masakarimonitors.hostmonitor.drivers.consul.leadership.elector import Elector
from masakarimonitors.system.clock import Clock
from tests.fixtures.fake_consul_store import FakeStore
from tests.fixtures.waiting import PATIENCE

ALL = ("manage", "tenant", "storage")
# The session's own time-to-live is so long that nothing but what a test plays can end it.
FAST = ElectionTimings(
    ttl=3600.0,
    certain=3600.0,
    renew=0.05,
    patience=15.0,
    wait=5.0,
    beat=3600.0,
    unwritten=3600.0,
    unheard=3600.0,
    refused=0.2,
    retry=0.05,
)
POLICY = ElectionPolicy(deciding=frozenset(ALL), superior=0.2, yields=0.1, doubt=0.2)
PREFIX = "election/"
ENTRY = LedgerEntry(HostStatus.NORMAL, datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC), delivered=True)


class Monitor:
    """One monitor's elector, and all that it has said."""

    def __init__(
        self,
        store: FakeStore,
        node: str,
        sees: tuple[str, ...],
        timings: ElectionTimings,
        policy: ElectionPolicy,
        clock: Clock,
    ) -> None:
        access = Access(address=parse_address(store.address), token=node)
        self.elector = Elector("manage", access, node, clock, prefix=PREFIX, timings=timings, policy=policy)
        self.links = self.elector.links
        for link in sees:
            self.links.set(link, True)
        self.said: list[Word] = []
        self.silences: list[SilencesSeen] = []
        self._more = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def emit(self, observation: Observation) -> None:
        if isinstance(observation, SilencesSeen):
            self.silences.append(observation)
            return
        assert isinstance(observation, Leader | Follower | NoElection)
        self.said.append(observation)
        self._more.set()

    async def until(self, condition: Callable[[Word], bool]) -> Word:
        """Wait until the last word is as wanted."""
        async with asyncio.timeout(PATIENCE):
            while not (self.said and condition(self.said[-1])):
                self._more.clear()
                await self._more.wait()
        return self.said[-1]

    @property
    def history(self) -> list[str]:
        """Who led, in order: a node's name, or nobody ("-"); what only lasted longer is left out."""
        found: list[str] = []
        for word in self.said:
            name = leader(word)
            if not found or found[-1] != name:
                found.append(name)
        return found

    @property
    def reigns(self) -> list[tuple[float, float]]:
        """From when until when (monotonic seconds) it led: to its next word, or to the end of its authority."""
        found: list[tuple[float, float]] = []
        for word, following in itertools.pairwise([*self.said, None]):
            if isinstance(word, Leader):
                end = word.at.monotonic + word.good_for
                found.append(
                    (word.at.monotonic, end if following is None else min(end, following.at.monotonic))
                )
        return found

    async def stop(self) -> None:
        """A clean stop of the monitor."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)


Runs = Callable[..., Monitor]


def leads(said: Word) -> bool:
    return isinstance(said, Leader)


def unelected(said: Word) -> bool:
    return isinstance(said, NoElection)


def follows(node: str) -> Callable[[Word], bool]:
    return lambda said: isinstance(said, Follower) and said.leader == node


def ledger(said: Word) -> Mapping[str, LedgerEntry] | None:
    assert not isinstance(said, NoElection)
    return said.ledger


def never_together(one: Monitor, other: Monitor) -> bool:
    """Whether at no moment both led."""
    return all(end <= start or until <= begin for begin, end in one.reigns for start, until in other.reigns)


def leader(said: Word) -> str:
    match said:
        case Leader():
            return "self"
        case Follower():
            return said.leader
        case NoElection():
            return "-"
