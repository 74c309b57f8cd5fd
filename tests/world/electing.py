"""An election alone: the electors of some monitors, what they elect with, and everything that comes between them.

In: what happens to hosts, processes, the network and the store. Looked for at every word of every elector: two that
may lead at one time. After a while without news, somebody leads and the others follow, or all have said that nobody
does; and a leader whose own way to masakari is dead has given way to one whose way works.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from masakarimonitors.hostmonitor.core.evidence import matrix
from masakarimonitors.hostmonitor.core.observation import Follower, Leader, NoElection, Observation
from tests.fixtures.fake_loop import BEGIN, FakeLoop, LoopClock
from tests.world.freezing import Freezer, FreezingClock
from tests.world.links import Link
from tests.world.real_consul import RealConsul, RealElector
from tests.world.real_elections import AnyElector, found
from tests.world.real_group import SKEW, RealGroup
from tests.world.real_lease import RealLease
from tests.world.world import LINKS

QUIET = 90.0
"""Seconds without news after which it is known who leads, or that nobody does."""
ALL_REPORT = 20.0
"""Seconds without an election after which all monitors report."""
SIGHT: Sequence[float] = (0.0, 0.5)
"""Seconds after which a host's monitor knows that its ring has lost its quorum."""

Word = Leader | Follower | NoElection


class ElectionFault(AssertionError):
    """What never may be in an election, with all that went before."""


class Candidate:
    """One host's monitor, as far as it takes part: life after life."""

    def __init__(self, contest: "Contest", host: str) -> None:
        self.host = host
        self.word: Word | None = None
        self.path = True
        self.sees = True
        self._contest = contest
        self._life = 0
        self._task: asyncio.Task[None] | None = None
        self._elector: AnyElector | None = None

    @property
    def runs(self) -> bool:
        """Whether its process lives."""
        return self._task is not None and not self._task.done()

    @property
    def leads(self) -> bool:
        """Whether it may send by right, now."""
        word = self.word
        return (
            isinstance(word, Leader)
            and word.good_for is not None
            and self._contest.now < word.at.monotonic + word.good_for
        )

    def start(self) -> None:
        """The process starts."""
        if not self.runs:
            self._life += 1
            self._elector = self._contest.elector(self.host, self._life)
            self._elector.on_path(self.path)
            for link in self._contest.links:
                self._elector.on_sight(link, self.sees)
            self._task = asyncio.get_running_loop().create_task(self._elector.run(self._hear))

    async def stop(self) -> None:
        """SIGTERM."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self.word = None

    def kill(self) -> asyncio.Task[None] | None:
        """SIGKILL; the task that then ends, if it ran."""
        task = self._task if self.runs else None
        if task is not None and self._elector is not None:
            self._elector.killed = True
            task.cancel()
        self._task = self.word = self._elector = None
        return task

    def set_path(self, works: bool) -> None:
        """Whether its way to masakari works."""
        self.path = works
        if self._elector is not None:
            self._elector.on_path(works)

    def set_sight(self, sees: bool) -> None:
        """Whether it sees the cluster."""
        self.sees = sees
        if self._elector is not None:
            for link in self._contest.links:
                self._elector.on_sight(link, sees)

    def _hear(self, observation: Observation) -> None:
        if isinstance(observation, Word):
            self.word = observation
            self._contest.said(self)


class Contest:
    """All candidates and what they share."""

    def __init__(self, loop: FakeLoop, engine: str, folder: Path, seed: int, count: int = 4) -> None:
        self.engine = engine
        self.rng = random.Random(seed)
        self.log: list[str] = []
        self.off: set[str] = set()
        self.fault = ""
        self._loop = loop
        names = [f"node{number}" for number in range(1, count + 1)]
        self.links = list(LINKS[engine])
        self.link = Link(self.links[0], LINKS[engine][self.links[0]], names, loop, self.rng)
        self.matrix = matrix.default() if engine == "consul" else matrix.single("cluster")
        self.store = found(engine, self.link, loop, self.rng, folder)
        self.freezer = Freezer() if isinstance(self.store, RealConsul) else self.store.freezer
        self.all = {name: Candidate(self, name) for name in names}
        self.link.watch(self._look)
        if isinstance(self.store, RealGroup):
            self.store.on_ring = self._look

    async def __aenter__(self) -> Self:
        await self.store.__aenter__()
        for one in self.all.values():
            one.start()
        await self.wait(QUIET)
        return self

    async def __aexit__(self, *_: object) -> None:
        for one in self.all.values():
            self.thaw(one.host)
        killed = {task for one in self.all.values() if (task := one.kill()) is not None}
        self.store.close()
        await self.store.__aexit__()
        if killed:  # or the end of the loop would cancel them once more, in their last words
            await asyncio.wait(killed)

    @property
    def now(self) -> float:
        """This second of the loop."""
        return self._loop.time()

    def elector(self, host: str, life: int) -> AnyElector:
        """The part of one life of a host's monitor."""
        clock: LoopClock = FreezingClock(self._loop, self.freezer, host)
        if isinstance(self.store, RealConsul):
            return RealElector(self.store, self.link.name, host, life, self.matrix, clock)
        return self.store.elector(host, life, clock)

    # -- what happens ---------------------------------------------------------------------------

    def note(self, text: str) -> None:
        """One line of what has happened."""
        self.log.append(f"{self.now - BEGIN:9.2f}  {text}")

    async def wait(self, seconds: float) -> None:
        """Let time pass; after long enough without news all must be settled."""
        await asyncio.sleep(seconds)
        if not self.fault and seconds >= QUIET:
            self.fault = self._unsettled()
        if self.fault:
            raise ElectionFault("\n".join([self.fault, f"in an election of {self.engine}:", *self.log]))

    def said(self, one: Candidate) -> None:
        """An elector has told its core something."""
        self.note(f"{one.host}: {_shown(one.word)}")
        leaders = [each.host for each in self.all.values() if each.leads]
        if one.leads and len(leaders) > 1:
            self._loop.call_later(3 * SKEW, self._confirm, leaders)

    def _confirm(self, leaders: list[str]) -> None:
        """Members of one ring hear of one thing moments apart; longer than that nobody may share."""
        still = [host for host in leaders if self.all[host].leads and not self.freezer.frozen(host)]
        if len(still) > 1:
            self.fault = self.fault or f"{' and '.join(still)} lead at one time"

    def power(self, host: str, on: bool) -> None:
        """The host dies, or boots."""
        (self.off.discard if on else self.off.add)(host)
        self.thaw(host)
        if not on:
            self.all[host].kill()
        self.link.power(host, on)
        if on:
            self.all[host].start()

    def freeze(self, host: str) -> None:
        """Its process stands still."""
        self.freezer.freeze(host)

    def thaw(self, host: str) -> None:
        """And goes on."""
        if isinstance(self.store, RealGroup):
            self.store.thaw(host)
        self.freezer.thaw(host)

    def _look(self) -> None:
        """Each monitor comes to know, in its time, whether it is with the majority."""
        for host, one in self.all.items():
            sees = self._sees(host)
            if sees != one.sees:
                self._loop.call_later(self.rng.uniform(*SIGHT), self._show, one)

    def _sees(self, host: str) -> bool:
        if isinstance(self.store, RealGroup):
            return self.store.is_quorate(host) and self.link.runs(host)
        return self.link.sees(host)

    def _show(self, one: Candidate) -> None:
        sees = self._sees(one.host)
        if sees != one.sees:
            self.note(f"{one.host} {'sees' if sees else 'is blind'}")
            one.set_sight(sees)

    # -- what must be ---------------------------------------------------------------------------

    def _unsettled(self) -> str:
        running = [one for one in self.all.values() if one.runs and not self._hindered(one.host)]
        leaders = [one for one in running if one.leads]
        for one in running:
            match one.word:
                case Leader() if not one.leads:
                    return f"{one.host} led until its authority was over, and has said nothing since"
                case Follower(leader=leader) if leader not in [each.host for each in leaders]:
                    return f"{one.host} follows {leader or 'nobody'}, who does not lead"
                case NoElection(since=since) if self.now - since < ALL_REPORT and not leaders:
                    return f"nobody leads, and {one.host} has not said so for {ALL_REPORT:g} s"
        fit = [one.host for one in running if one.path and isinstance(one.word, Follower)]
        if leaders and not leaders[0].path and fit:
            return f"{leaders[0].host} leads without a way to masakari; {fit} have one"
        able = [one for one in running if one.sees and self.can_write()]
        if able and not leaders:
            return f"nobody leads, and {[one.host for one in able]} could"
        return ""

    def _hindered(self, host: str) -> bool:
        """Whether what it is told comes late or never, again and again."""
        store = self.store
        slow = isinstance(store, RealLease) and (host in store.way or host in store.mute)
        return slow or self.freezer.frozen(host)

    def can_write(self) -> bool:
        """Whether the store takes what is written."""
        match self.store:
            case RealGroup() as group:
                return group.joins
            case RealLease() as lease:
                return not (lease.refusal or lease.way or lease.mute)
            case consul:
                return not consul.refuse


def _shown(word: Word | None) -> str:
    match word:
        case Leader(good_for=good_for):
            return f"it leads for {good_for:.2f} s"
        case Follower(leader=leader):
            return f"it follows {leader}"
        case NoElection(why=why):
            return f"no election: {why}"
    return "nothing"


# -- chance -----------------------------------------------------------------------------------------

PAUSES = (0.1, 0.5, 2.0, 5.0, 9.0, 14.0, 25.0, QUIET + 10.0)
Act = Callable[[Contest, str], None]


def _power(contest: Contest, host: str) -> None:
    on = host in contest.off
    contest.note(f"{host} {'boots' if on else 'dies'}")
    contest.power(host, on)


def _process(contest: Contest, host: str) -> None:
    one = contest.all[host]
    contest.thaw(host)
    if one.runs:
        contest.note(f"the monitor of {host} is killed")
        one.kill()
    elif host not in contest.off:
        contest.note(f"the monitor of {host} starts")
        one.start()


def _cut(contest: Contest, host: str) -> None:
    contest.note(f"{host} is cut off")
    contest.link.split([host])


def _heal(contest: Contest, host: str) -> None:
    contest.note("the network is whole")
    contest.link.join(contest.link.hosts)


def _stall(contest: Contest, host: str) -> None:
    if isinstance(contest.store, RealConsul):
        return
    seconds = contest.rng.choice((3.0, 12.0, 19.0, 22.0, 40.0))
    contest.note(f"the monitor of {host} stands still for {seconds:g} s")
    contest.freeze(host)
    asyncio.get_running_loop().call_later(seconds, contest.thaw, host)


def _hang(contest: Contest, host: str) -> None:
    if isinstance(contest.store, RealGroup):
        seconds = contest.rng.choice((2.0, 12.0, 30.0))
        contest.note(f"the Corosync of {host} stands still for {seconds:g} s")
        contest.store.hang(host)
        asyncio.get_running_loop().call_later(seconds, contest.store.hang, host, False)


def _path(contest: Contest, host: str) -> None:
    one = contest.all[host]
    contest.note(f"{host} has {'no' if one.path else 'a'} way to masakari")
    one.set_path(not one.path)


def _writes(contest: Contest, host: str) -> None:
    if not contest.can_write() and not isinstance(contest.store, RealGroup):
        contest.note("everybody may write")
        contest.store.admit()
    elif isinstance(contest.store, RealLease):
        contest.store.refuse_writes(contest.rng.choice((403, 422, 500)))
        contest.note(f"writes are answered with {contest.store.refusal}")
    else:
        contest.note("writes are refused")
        contest.store.refuse_writes()
        if isinstance(contest.store, RealGroup):
            asyncio.get_running_loop().call_later(contest.rng.uniform(0.5, 40.0), contest.store.admit)


def _answers(contest: Contest, host: str) -> None:
    if not isinstance(contest.store, RealLease):
        return
    store = contest.store
    act = contest.rng.choice(("slow", "mute", "well", "well"))
    contest.note(f"answers to {host}: {act}")
    store.way.pop(host, None)
    store.mute.discard(host)
    if act == "slow":
        store.way[host] = (0.5, 6.0)
    elif act == "mute":
        store.mute.add(host)


def _lose(contest: Contest, host: str) -> None:
    contest.note("what stands in the store is lost")
    contest.store.lose()


ACTS: Sequence[Act] = (
    *(_power, _power, _process, _process, _cut, _cut, _heal, _heal),
    *(_stall, _hang, _path, _path, _path, _writes, _answers, _answers, _lose),
)


async def disturb(contest: Contest, turns: int) -> None:
    """So many things happen; the one that leads is struck more often than others."""
    for _ in range(turns):
        leaders = [one.host for one in contest.all.values() if one.leads]
        host = contest.rng.choice([*contest.all, *leaders, *leaders])
        contest.rng.choice(ACTS)(contest, host)
        await contest.wait(contest.rng.choice(PAUSES))


async def mend(contest: Contest) -> None:
    """Everything is well, and then somebody leads."""
    contest.note("everything is well")
    contest.store.admit()
    if isinstance(contest.store, RealLease):
        contest.store.way.clear()
        contest.store.mute.clear()
    _heal(contest, "")
    for host, one in contest.all.items():
        contest.thaw(host)
        if isinstance(contest.store, RealGroup):
            contest.store.hang(host, False)
        if host in contest.off:
            contest.power(host, True)
        one.start()
        one.set_path(True)
    await contest.wait(QUIET + 60.0)
