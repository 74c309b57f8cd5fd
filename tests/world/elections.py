"""How the reporter is elected in the made-up cloud: by a lock whose session lapses, or by the order of a group.

Models of what engines promise, not of how drivers talk to them: a Consul session or a Lease ends some time after its
last renewal, and not before; Corosync's group has its members in one order for all of them. Both keep the ledger.
`Elector` is the source that tells the core, in the three words that it knows, and the hand that writes the ledger.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from masakarimonitors.core.decision import Command
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry
from masakarimonitors.hostmonitor.core.observation import (
    Follower,
    Leader,
    Membership,
    NoElection,
    Observation,
    WriteLedger,
)
from masakarimonitors.system.clock import Clock
from tests.fixtures.fake_loop import Bell
from tests.world.links import Link, Span

Emit = Callable[[Observation], None]
Ledger = Mapping[str, LedgerEntry]

TURN = 2.0
"""Seconds between two looks at the election without news."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Who leads, as one candidate is shown it: `holder` empty when nobody does; `delivers`: what that one says of its
    own way to masakari; `good_for` (seconds): the candidate's own lead."""

    holder: str = ""
    delivers: bool | None = None
    ledger: Ledger | None = None
    good_for: float = 0.0
    why: str = ""


class Election(Protocol):
    """What the candidates of all monitors share."""

    def take_part(self, host: str, path: bool) -> Standing:
        """One turn of a candidate: it renews, acquires, gives up or looks on."""

    def write(self, host: str, entries: Ledger) -> bool:
        """Keep the ledger; False: not now."""

    def leave(self, host: str) -> None:
        """A clean stop."""

    def listen(self, news: Callable[[], None]) -> Callable[[], None]:
        """Call `news` at each change, until what this returns is called."""


class _Shared:
    """Those who listen."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def listen(self, news: Callable[[], None]) -> Callable[[], None]:
        self._listeners.append(news)
        return lambda: self._listeners.remove(news)

    def tell(self) -> None:
        for news in list(self._listeners):
            news()


@dataclass(frozen=True, kw_only=True)
class SessionPromise:
    """`renew` and `sure`: how often a session is renewed and how long that is certain; `lapse`: from its last
    renewal until it has ended; `bound`: whether it ends as soon as its node is declared lost. Seconds."""

    renew: float
    sure: float
    lapse: Span
    bound: bool


class Lock(_Shared):
    """One lock with a session, or one Lease. `writes`, `reads`, `legible`: what a test may take away."""

    def __init__(
        self, link: Link, loop: asyncio.AbstractEventLoop, rng: random.Random, terms: SessionPromise
    ) -> None:
        super().__init__()
        self._link = link
        self._loop = loop
        self._rng = rng
        self._terms = terms
        self.holder = ""
        self.ledger: Ledger | None = None
        self.writes = self.reads = self.legible = True
        self._ends = self._renewed = 0.0
        self._paths: dict[str, bool] = {}
        link.watch(self._members_changed)

    def take_part(self, host: str, path: bool) -> Standing:
        if not (self.reads and self._link.sees(host)):
            return Standing(why="the store does not answer")
        self._paths[host] = path
        now = self._loop.time()
        if self.holder and now >= self._ends:
            self._free()
        if self.holder == host and not path and self._better(host):
            self._free()
        if self.holder == host:
            return self._renew(host, now)
        if self.holder:
            delivers = self._paths.get(self.holder)
            return Standing(holder=self.holder, delivers=delivers, ledger=self._read())
        if not self.writes:
            return Standing(why="the store refuses writes")
        if not path and self._better(host):
            return Standing(why="another monitor has a way to masakari")
        self.holder, self._renewed = host, now - self._terms.renew
        standing = self._renew(host, now)
        self.tell()
        return standing

    def write(self, host: str, entries: Ledger) -> bool:
        if not (self.writes and self._link.sees(host)):
            return False
        if self.holder == host:
            self.ledger = dict(entries)
            self.tell()
        return True

    def leave(self, host: str) -> None:
        if self.holder == host and self.writes and self._link.sees(host):
            self._free()

    def lose(self) -> None:
        """The store is empty: lock and ledger are gone."""
        self.ledger = None
        self._free()

    def refuse_writes(self) -> None:
        """No write is taken any more."""
        self.writes = False

    def admit(self) -> None:
        """Writes are taken again."""
        self.writes = True

    def _renew(self, host: str, now: float) -> Standing:
        if self.writes and now - self._renewed >= self._terms.renew:
            self._renewed = now
            self._ends = now + self._rng.uniform(*self._terms.lapse)
        left = self._renewed + self._terms.sure - now
        if left <= 0:
            return Standing(why="its session could not be renewed")
        return Standing(holder=host, ledger=self._read(), good_for=left)

    def _read(self) -> Ledger | None:
        return self.ledger if self.legible else None

    def _better(self, host: str) -> bool:
        return any(path and self._link.sees(other) for other, path in self._paths.items() if other != host)

    def _free(self) -> None:
        self.holder = ""
        self.tell()

    def _members_changed(self) -> None:
        bound = self._terms.bound and self.holder
        if bound and self._link.declared[self.holder] is not Membership.UP:
            self._free()
        self.tell()


class Group(_Shared):
    """Corosync's process group: the first member that knows the ledger leads, and all hear of it in one order."""

    PATIENCE = 5.0
    TOLD = 0.2

    def __init__(self, link: Link, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._link = link
        self._loop = loop
        self.ledger: Ledger | None = None
        self._informed: dict[str, float] = {}
        self._paths: dict[str, bool] = {}
        self.joins = self.legible = True
        link.watch(self._members_changed)

    @property
    def holder(self) -> str:
        """Who leads."""
        now = self._loop.time()
        fit = [host for host in self._link.hosts if self._informed.get(host, now + 1.0) <= now]
        return next(iter([host for host in fit if self._paths[host]] or fit), "")

    def take_part(self, host: str, path: bool) -> Standing:
        if not (self.joins and self._link.sees(host)):
            self._drop(host)
            return Standing(why="the group cannot be joined")
        self._paths[host] = path
        now = self._loop.time()
        if host not in self._informed:
            told = any(at <= now for at in self._informed.values())
            self._informed[host] = now + (self.TOLD if told else self.PATIENCE)
            self._loop.call_later(self.TOLD, self.tell)
        holder = self.holder
        if not holder:
            return Standing(why="the ledger is on its way")
        ledger = self.ledger if self.legible else None
        return Standing(holder=holder, delivers=self._paths[holder], ledger=ledger, good_for=9.0)

    def write(self, host: str, entries: Ledger) -> bool:
        if not (self.joins and self._link.sees(host)):
            return False
        if self.holder == host:
            self.ledger = dict(entries)
            self.tell()
        return True

    def leave(self, host: str) -> None:
        self._drop(host)
        self.tell()

    def lose(self) -> None:
        """What its members knew is forgotten."""
        self.ledger = None
        self.tell()

    def refuse_writes(self) -> None:
        """Nobody can be in it."""
        self.joins = False

    def admit(self) -> None:
        """It can be joined."""
        self.joins = True

    def _drop(self, host: str) -> None:
        self._informed.pop(host, None)
        if not self._informed:
            self.ledger = None  # it lives in its members only

    def _members_changed(self) -> None:
        for host in list(self._informed):
            if self._link.declared[host] is not Membership.UP:
                self._drop(host)
        self.tell()


class Elector:
    """One monitor's part in an election."""

    def __init__(self, election: Election, own: str, clock: Clock) -> None:
        self.name = "model of the election"
        self._election = election
        self._own = own
        self._clock = clock
        self._news = Bell()
        self._path = True
        self._unwritten: Ledger | None = None
        self._leads = False
        self.killed = False

    def on_path(self, works: bool) -> None:
        """Whether this monitor's own way to masakari works."""
        self._path = works
        self._news.ring()

    def on_sight(self, link: str, proven: bool) -> None:
        """The election knows by itself who sees."""

    async def perform(self, command: Command) -> Observation | None:
        """Keep the newest ledger until it is written, or somebody else leads."""
        if isinstance(command, WriteLedger):
            self._unwritten = command.entries
            self._news.ring()
        return None

    async def run(self, emit: Emit) -> None:
        """Until cancelled; then, at a clean stop, whatever it holds is free at once."""
        stop = self._election.listen(self._news.ring)
        contact = self._clock.now().monotonic
        said: Follower | None = None
        told_at = -100.0
        try:
            while True:
                now = self._clock.now()
                standing = self._election.take_part(self._own, self._path)
                if not standing.holder:
                    said = None
                    emit(NoElection(why=standing.why, since=contact, at=now))
                elif standing.holder == self._own:
                    contact, said = now.monotonic, None
                    if now.monotonic - told_at >= 2 * TURN or not self._leads:
                        told_at = now.monotonic
                        emit(
                            Leader(
                                why="it holds the lock",
                                at=now,
                                ledger=standing.ledger,
                                good_for=standing.good_for,
                            )
                        )
                else:
                    contact = now.monotonic
                    word = Follower(
                        leader=standing.holder,
                        why="holds the lock",
                        at=now,
                        ledger=standing.ledger,
                        delivers=standing.delivers,
                    )
                    if said is None or replace(said, at=now) != word:
                        said = word
                        emit(word)
                self._leads = standing.holder == self._own
                self._keep(standing)
                if await self._news.wait(TURN):
                    await self._clock.sleep(0.05)
        finally:
            with contextlib.suppress(ValueError):
                stop()
            if not self.killed:
                self._election.leave(self._own)

    def _keep(self, standing: Standing) -> None:
        if standing.holder not in ("", self._own):
            self._unwritten = None
        if self._unwritten is None or not self._leads:
            return
        if self._election.write(self._own, self._unwritten):
            self._unwritten = None
