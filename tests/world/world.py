"""The made-up cloud: hosts, links, an election, a masakari and the real monitors, all on one made-up time.

A story plays on it in a few words: `kill`, `cut`, `masakari.down()`, `until(accepted(...))`, `expect(once(...))`. What
must never happen is looked for all the time, and ends the story with everything that went before.
"""

import asyncio
import datetime
import json
import random
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from masakarimonitors.core.decision import Instant, Ruling, Verdict
from masakarimonitors.core.notification import HostEvent, HostStatus, ProcessNotification, to_wire
from masakarimonitors.hostmonitor.core.evidence import matrix
from masakarimonitors.hostmonitor.core.evidence.matrix import Answer
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry
from masakarimonitors.hostmonitor.core.observation import (
    Life,
    Membership,
    Observation,
    Power,
    PowerSeen,
    ProofKind,
    Work,
    WorkSeen,
)
from tests.fixtures.fake_loop import BEGIN, FakeLoop, LoopClock
from tests.world.elections import Elector, Group, Lock, SessionPromise
from tests.world.invariants import Invariants
from tests.world.links import Link, Promises
from tests.world.masakari import Masakari, Offer
from tests.world.monitors import MonitorSite
from tests.world.real_consul import RealConsul, RealElector
from tests.world.real_elections import AnyElector, RealElection, found

T = TypeVar("T")

CONSUL = {
    name: Promises(
        lost=(5.0, 7.0), back=(0.5, 3.0), voters=3, lies=(26.0, 56.0), evidence="serfHealth critical"
    )
    for name in matrix.CLASSIC_SEQUENCE
}
COROSYNC = {"cluster": Promises(lost=(7.5, 8.0), back=(1.0, 3.0), voters=999)}
KUBERNETES = {"cluster": Promises(lost=(38.5, 41.5), back=(0.5, 2.0), left=(38.5, 41.5))}
LINKS = {"consul": CONSUL, "pacemaker": COROSYNC, "kubernetes": KUBERNETES}
ENGINES = tuple(LINKS)

SESSION = SessionPromise(renew=5.0, sure=10.0, lapse=(10.0, 20.0), bound=True)
LEASE = SessionPromise(renew=4.0, sure=10.0, lapse=(15.0, 19.0), bound=False)


class StoryFault(AssertionError):
    """What should have happened has not, or what never may has; with all that went before."""


@dataclass(frozen=True)
class Check:
    """Something that can be looked at in a world, in words."""

    words: str
    look: Callable[["World"], bool]


class World:
    """`folder`: where the files of the monitors are; None: they keep what they know in memory only."""

    def __init__(
        self,
        loop: FakeLoop,
        *,
        engine: str,
        hosts: int = 6,
        monitors: int = 3,
        seed: int = 0,
        options: str = "",
        proof: bool | None = None,
        folder: Path | None = None,
        on_disk: bool = True,
        real_election: bool = False,
    ) -> None:
        self.loop = loop
        self.engine = engine
        self.rng = random.Random(seed)
        self.options = options
        self.needs_proof = engine == "pacemaker" if proof is None else proof
        self.on_disk = on_disk and folder is not None
        self.folder = folder or Path()
        self.hosts = [f"node{number:02}" for number in range(1, hosts + 1)]
        self.clock = LoopClock(loop)
        self.log: list[str] = []
        self.verdicts: list[tuple[str, Verdict]] = []
        self.masakari = Masakari(loop, self.rng, self.hosts)
        self.links = [
            Link(name, promises, self.hosts, loop, self.rng) for name, promises in LINKS[engine].items()
        ]
        self.matrix = matrix.default() if engine == "consul" else matrix.single("cluster")
        self.election = self._found_election(real_election)
        self.powered = dict.fromkeys(self.hosts, True)
        self.bmc: dict[str, Power | None] = {}
        self.fencing = "works" if engine == "pacemaker" else "off"
        self.fences_in = 4.0
        self.reboots = False
        self.ports_answer: set[str] = set()
        self._work: dict[str, Work] = {}
        self._blocked: set[str] = set()
        self.storage_for_api = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self.sites = {host: MonitorSite(self, host) for host in self.hosts[:monitors]}
        self.invariants = Invariants(self)
        self.masakari.on_offer = self._offered
        for link in self.links:
            link.watch(self._links_changed)

    def _found_election(self, real: bool) -> Lock | Group | RealElection:
        if real:
            return found(self.engine, self.links[0], self.loop, self.rng, self.folder)
        if self.engine == "pacemaker":
            return Group(self.links[0], self.loop)
        terms = SESSION if self.engine == "consul" else LEASE
        return Lock(self.links[0], self.loop, self.rng, terms)

    def elector(self, host: str, life: int, clock: LoopClock) -> AnyElector:
        """The part of a host's monitor in the election, in one of its lives."""
        if isinstance(self.election, RealConsul):
            return RealElector(self.election, self.links[0].name, host, life, self.matrix, clock)
        if isinstance(self.election, Lock | Group):
            return Elector(self.election, host, clock)
        return self.election.elector(host, life, clock)

    # -- what a story does ----------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """The election's store can be asked, if it is a real one."""
        if isinstance(self.election, RealElection):
            await self.election.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Every monitor is gone, and nothing happens any more."""
        killed = {task for site in self.sites.values() if (task := site.kill()) is not None}
        if isinstance(self.election, RealElection):
            self.election.close()
            await self.election.__aexit__()
        if killed:  # or the end of the loop would cancel them once more, in their last words
            await asyncio.wait(killed, timeout=60.0)

    async def begin(self) -> None:
        """Every monitor runs, sees, and knows who reports."""
        for site in self.sites.values():
            site.start()
        await self.wait(20.0)

    def kill(self, *hosts: str) -> None:
        """Power is lost, and with it whatever runs there."""
        for host in hosts:
            self.note(f"{host} loses its power")
            self.powered[host] = False
            if host in self.sites:
                self.sites[host].kill()
            for link in self.links:
                link.power(host, False)

    def revive(self, *hosts: str) -> None:
        """Power is back, the host boots, and its monitor starts."""
        for host in hosts:
            self.note(f"{host} boots")
            self.powered[host] = True
            for link in self.links:
                link.power(host, True)
            if host in self.sites:
                self.sites[host].start()

    def cut(self, host: str, *links: str) -> None:
        """The host reaches nobody on these links (all of them, when none is named)."""
        self.note(f"{host} is cut off on {links or 'every link'}")
        for link in self._named(links):
            link.split([host])

    def heal(self, host: str, *links: str) -> None:
        """The cut is over."""
        self.note(f"{host} is connected again on {links or 'every link'}")
        for link in self._named(links):
            link.join([host])

    def part(self, *hosts: str) -> None:
        """These hosts reach each other and nobody else, on every link."""
        self.note(f"{', '.join(hosts)} are parted from the rest")
        for link in self.links:
            link.split(list(hosts))

    def rejoin(self, *hosts: str) -> None:
        """They reach everybody again."""
        self.note(f"{', '.join(hosts)} are back with the rest")
        for link in self.links:
            link.join(list(hosts))

    def stop_agent(self, host: str) -> None:
        """A clean stop of the engine's agents there: planned."""
        self.note(f"the agents of {host} are stopped")
        for link in self.links:
            link.agent(host, False)

    def start_agent(self, host: str, *links: str) -> None:
        """They run again."""
        self.note(f"the agents of {host} run again on {links or 'every link'}")
        for link in self._named(links):
            link.agent(host, True)

    def block(self, host: str) -> None:
        """This host alone has no way to masakari."""
        self.note(f"{host} has no way to masakari")
        self._blocked.add(host)

    def unblock(self, host: str) -> None:
        """It has one again."""
        self._blocked.discard(host)

    async def process_stopped(self, host: str) -> None:
        """The process monitor of the host tells masakari that a process could not be restarted."""
        stamp = self.clock.now().wall
        told = ProcessNotification(host, stamp, HostEvent.STOPPED, "libvirtd")
        await self.masakari.post(json.dumps(to_wire(told)), f"process monitor of {host}")

    def work(self, host: str, work: Work) -> None:
        """Planned work as the cluster engine shows it."""
        self.note(f"{host} is in {work.value}")
        self._work[host] = work
        for site in self.sites.values():
            site.hears(WorkSeen(host, work, "the engine", site.clock.now()))

    def crash_agents(self, host: str) -> None:
        """The engine's agents there die without a word; the host and what it runs live on."""
        self.note(f"the agents of {host} crash")
        for link in self.links:
            link.crash_agent(host)

    def no_election(self) -> None:
        """From now on nobody can be elected, and nobody can go on leading."""
        self.note("nobody can be elected any more")
        self.election.refuse_writes()

    def election_again(self) -> None:
        """Somebody can be elected again."""
        self.note("somebody can be elected again")
        self.election.admit()

    def lose_ledger(self) -> None:
        """The store of the election is empty."""
        self.note("the ledger is lost")
        self.election.lose()

    def break_ledger(self) -> None:
        """What stands there cannot be read."""
        self.election.legible = False

    def write_ledger(self, host: str, *, age: float) -> None:
        """It holds an entry of the host that is so old (seconds): told, and delivered."""
        told = self.clock.now().wall - datetime.timedelta(seconds=age)
        entry = LedgerEntry(HostStatus.NORMAL, told, True)
        self.election.ledger = {**(self.election.ledger or {}), host: entry}
        self.election.tell()

    def monitor(self, host: str) -> MonitorSite:
        """The monitor on that host."""
        return self.sites[host]

    async def restart_monitor(self, host: str) -> None:
        """A clean stop, and a start."""
        self.note(f"the monitor of {host} is restarted")
        await self.sites[host].stop()
        self.sites[host].start()

    def kill_monitor(self, host: str) -> None:
        """SIGKILL of the process; its host lives."""
        self.note(f"the monitor of {host} is killed")
        self.sites[host].kill()

    def start_monitor(self, host: str) -> None:
        """It starts with what is on disk."""
        self.note(f"the monitor of {host} starts")
        self.sites[host].start()

    async def wait(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)
        self._check_invariants()

    async def until(self, check: Check, within: float = 150.0) -> None:
        """Let time pass until it is so."""
        end = self.loop.time() + within
        while not check.look(self):
            if self.loop.time() >= end:
                raise self._fault(f"not within {within:g} s: {check.words}")
            await self.wait(0.25)

    async def never(self, check: Check, within: float = 600.0) -> None:
        """For so long it is never so."""
        end = self.loop.time() + within
        while self.loop.time() < end:
            if check.look(self):
                raise self._fault(f"never should it be so: {check.words}")
            await self.wait(1.0)

    def expect(self, *checks: Check) -> None:
        """It is so now."""
        for check in checks:
            if not check.look(self):
                raise self._fault(f"it is not so: {check.words}")

    # -- what is true ---------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """This moment, in seconds of the loop."""
        return self.loop.time()

    @property
    def reporter(self) -> str:
        """Who leads."""
        return self.election.holder

    @property
    def watchers(self) -> list[str]:
        """Hosts with a running monitor that does not lead."""
        return [host for host, site in self.sites.items() if site.runs and host != self.reporter]

    def way_to_masakari(self, host: str) -> bool:
        """Whether a packet of that host gets to masakari, by the first link."""
        return self.powered[host] and host not in self._blocked and not self.links[0].cut_off(host)

    def bmc_of(self, host: str) -> Power:
        """What the host's BMC says: the truth, what a test has made it say, or nothing (None)."""
        if host in self.bmc:
            return self.bmc[host] or Power.NO_PROOF
        return Power.ON if self.powered[host] else Power.OFF

    def life_of(self, host: str, asker: str) -> Life:
        """Whether a kernel answers there."""
        if host in self.ports_answer:
            return Life.ALIVE
        reached = any(link.reaches(asker, host) for link in self.links)
        return Life.ALIVE if reached and self.powered[host] else Life.SILENT

    def truly(self, host: str) -> tuple[Membership, ...]:
        """The host on each link, as it is."""
        return tuple(Membership.UP if link.lives(host) else Membership.DOWN for link in self.links)

    def fails(self, host: str) -> bool:
        """Whether it must be recovered, by the truth."""
        return self.matrix.ask(self.truly(host)) is Answer.RECOVER

    def worked_on(self, host: str) -> bool:
        """Whether the engine shows planned work on the host."""
        return self._work.get(host, Work.NONE) is not Work.NONE

    def standing_facts(self, now: Instant) -> Iterator[Observation]:
        """What the engine shows to whoever begins to look."""
        for host, work in self._work.items():
            if work is not Work.NONE:
                yield WorkSeen(host, work, "the engine", now)

    # -- inside ---------------------------------------------------------------------------------

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task of the world."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def note(self, text: str) -> None:
        """One line of what has happened."""
        self.log.append(f"{self.loop.time() - BEGIN:9.2f}  {text}")

    def note_proof(self, monitor: str, host: str) -> None:
        """That monitor was shown that the host is off, now."""
        self.invariants.proofs[monitor, host] = self.loop.time()

    def _named(self, names: tuple[str, ...]) -> list[Link]:
        return [link for link in self.links if not names or link.name in names]

    def _offered(self, offer: Offer) -> None:
        self.note(f"masakari: {offer}")
        self.invariants.offered(offer)

    def _links_changed(self) -> None:
        self.invariants.members_changed()
        if self.fencing != "off":
            for host, value in self.links[0].declared.items():
                if value is Membership.DOWN and host not in self._fenced:
                    self._fenced.add(host)
                    self.loop.call_later(self.fences_in, self._fence, host)
                elif value is Membership.UP:
                    self._fenced.discard(host)

    def _fence(self, host: str) -> None:
        """The engine takes the host's power, and tells whoever sees."""
        if self.fencing == "fails" or self.links[0].declared[host] is not Membership.DOWN:
            self._fenced.discard(host)
            return
        if self.powered[host]:
            self.kill(host)
        self.note(f"{host} is fenced")
        for site in self.sites.values():
            if site.runs and self.links[0].sees(site.host):
                self.note_proof(site.host, host)
                now = site.clock.now()
                site.hears(
                    PowerSeen(host=host, power=Power.OFF, evidence="fenced", at=now, kind=ProofKind.FENCED)
                )
        if self.reboots:
            self.loop.call_later(60.0, self.revive, host)

    def _check_invariants(self) -> None:
        for site in self.sites.values():
            for fault in site.faults():
                self.invariants.violations.append(f"inside of the monitor of {site.host}: {fault}")
        if self.invariants.violations:
            raise self._fault(self.invariants.violations[0])

    def _fault(self, words: str) -> StoryFault:
        return StoryFault("\n".join([words, f"in a world of {self.engine}:", *self.log]))

    @property
    def _fenced(self) -> set[str]:
        return self.invariants.being_fenced


# -- what can be looked at ------------------------------------------------------------------------


def _stopped(world: World, host: str, status: str) -> list[Offer]:
    return [
        offer
        for offer in world.masakari.accepted
        if (offer.host, offer.event, offer.host_status) == (host, "STOPPED", status)
    ]


def accepted(host: str, status: str = "NORMAL", *, times: int = 1) -> Check:
    """Masakari has taken a failure of the host (so often)."""
    return Check(
        f"{times} STOPPED {status} of {host} accepted",
        lambda world: len(_stopped(world, host, status)) >= times,
    )


def once(host: str, status: str = "NORMAL", *, times: int = 1) -> Check:
    """Exactly one failure of the host stands with masakari (or so many)."""
    return Check(
        f"exactly {times} STOPPED {status} of {host} accepted",
        lambda world: len(_stopped(world, host, status)) == times,
    )


def returned(host: str) -> Check:
    """Masakari has taken the word that the host is back."""
    return Check(
        f"a STARTED of {host} accepted",
        lambda world: any(
            (offer.host, offer.event) == (host, "STARTED") for offer in world.masakari.accepted
        ),
    )


def unreported(host: str) -> Check:
    """Masakari was never told that the host had failed, in whatever words."""
    return Check(
        f"no STOPPED of {host} accepted",
        lambda world: not (_stopped(world, host, "NORMAL") or _stopped(world, host, "UNKNOWN")),
    )


def blamed(host: str) -> Check:
    """Masakari was told that the host had failed."""
    return Check(f"a STOPPED of {host} accepted", lambda world: not unreported(host).look(world))


def reported(host: str) -> Check:
    """Some monitor has put a failure of the host into its outbox."""
    return Check(
        f"{host} reported",
        lambda world: any(
            verdict.subject == f"host:{host}" and verdict.ruling is Ruling.REPORTED
            for _, verdict in world.verdicts
        ),
    )


def refused(host: str, event: str = "STOPPED") -> Check:
    """Masakari has refused a report of the host."""
    return Check(
        f"a {event} of {host} refused",
        lambda world: any(
            offer.host == host and offer.event == event and offer.status in (400, 409)
            for offer in world.masakari.offers
        ),
    )


def leads(host: str) -> Check:
    """That monitor is the reporter."""
    return Check(f"{host} leads", lambda world: world.reporter == host)


def led() -> Check:
    """Somebody is the reporter."""
    return Check("somebody leads", lambda world: bool(world.reporter))


def alarm(subject: str, words: str = "", by: str = "") -> Check:
    """A person is asked for: by a verdict, or by what the status shows."""

    def look(world: World) -> bool:
        said = any(
            verdict.alarm and verdict.subject == subject and words in verdict.why.lower()
            for host, verdict in world.verdicts
            if by in ("", host)
        )
        rows = (site.row(subject) for site in world.sites.values() if by in ("", site.host))
        shown = any(
            row["alarm"] and words in f"{row['state']} {row['detail']}".lower() for row in rows if row
        )
        return said or shown

    return Check(f"an alarm about {subject}" + (f" that says {words!r}" if words else ""), look)


def shown(subject: str, words: str) -> Check:
    """The status of some monitor shows it, in these words."""

    def look(world: World) -> bool:
        rows = (site.row(subject) for site in world.sites.values())
        return any(words in f"{row['state']} {row['detail']}".lower() for row in rows if row)

    return Check(f"{subject} shown with {words!r}", look)


def to_be_put_back(host: str, alarms: bool = True) -> Check:
    """Whether a person is asked to put the host back into service, or to look whether that must be done."""

    def look(world: World) -> bool:
        rows = [row for site in world.sites.values() if (row := site.row(f"host:{host}"))]
        shown = any(row["alarm"] and "to be put back" in str(row["detail"]) for row in rows)
        return shown is alarms

    return Check(f"{'an' if alarms else 'no'} alarm that {host} is to be put back", look)


def _undone(world: World, host: str) -> list[str]:
    sites = world.sites.values()
    return [row.detail for site in sites for row in site.delivered(f"host:{host}") if row.alarm]


def unrecovered(host: str, words: str = "") -> Check:
    """A person is asked for, because masakari has a report of the host and does not recover it."""
    return Check(
        f"an alarm that masakari does not recover {host}" + (f", with {words!r}" if words else ""),
        lambda world: any(words in detail for detail in _undone(world, host)),
    )


def well_delivered(host: str) -> Check:
    """Nobody is asked for because of what masakari makes of the host's reports."""
    return Check(f"no alarm that masakari does not recover {host}", lambda world: not _undone(world, host))


def held(host: str, words: str = "") -> Check:
    """The last word of some monitor about the host is that its report is held, and why."""

    def look(world: World) -> bool:
        last: dict[str, Verdict] = {}
        for monitor, verdict in world.verdicts:
            if verdict.subject == f"host:{host}":
                last[monitor] = verdict
        return any(one.ruling.value == "held" and words in one.why.lower() for one in last.values())

    return Check(f"{host} is held" + (f", with {words!r}" if words else ""), look)
