"""A small cloud on one made-up clock: hosts, networks, monitors, a lock, and everything that breaks.

The truth is known here (`Cloud.cut_since`), the monitors only know what a cluster layer would tell
them: late, one by one, and wrongly where they are isolated. Each monitor is the real core
(`Play`); the lock, the ledger, the outboxes and masakari-api are the simplest things that behave
like the real ones. One seed is one schedule.
"""

import datetime
import functools
import heapq
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from masakarimonitors.core.decision import JSON
from masakarimonitors.core.notification import HostEvent, HostNotification
from masakarimonitors.core.unconfirmed import Unconfirmed
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry
from masakarimonitors.hostmonitor.core.observation import Membership
from masakarimonitors.hostmonitor.core.state import Policy
from tests.fixtures.host_play import THREE, Play, policy

# Seconds, as measured on Consul with its defaults.
DECLARED = (5.0, 7.0)
"""A cut host is declared lost."""
BACK = (0.5, 3.0)
"""A healed one is seen again."""
BLIND_AFTER = (1.0, 5.0)
"""An isolated observer's default-consistency reads fail."""
LIES = (26.0, 60.0)
"""An isolated agent declares its healthy peers dead."""
LOCK_LAPSE = (10.0, 20.0)
"""A dead leader's lock is free again."""


@dataclass
class Report:
    """One POST that masakari-api has accepted."""

    at: float
    made: float
    by: str
    notification: HostNotification


@dataclass
class Outbox:
    """Durable: it survives its monitor, and delivers while its host lives and the API answers.

    `unconfirmed`: what the last life has left, until the monitor says a word on it.
    """

    waiting: list[tuple[float, HostNotification]] = field(default_factory=list)
    unconfirmed: list[tuple[float, HostNotification]] = field(default_factory=list)


class Cloud:
    """Hosts on three links. `at(seconds, act)` schedules; `run(until)` lets it happen."""

    def __init__(self, seed: int, hosts: int, monitors: int, elected: bool) -> None:
        self.elected = elected
        self.random = random.Random(seed)
        self.now = 1000.0
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self.count = 0
        self.hosts = [f"node{n:02}" for n in range(1, hosts + 1)]
        self.cut: set[tuple[str, str]] = set()
        self.cut_since: dict[tuple[str, str], float] = {}
        self.cuts: list[tuple[str, str, float, float]] = []
        self.healed_at: dict[tuple[str, str], float] = {}
        self.declared = {(host, link): Membership.UP for host in self.hosts for link in THREE}
        self.api_up = True
        self.accepted: list[Report] = []
        self.made: list[Report] = []
        self.leader: str | None = None
        self.ledger: Mapping[str, LedgerEntry] = {}
        self.takeovers: list[float] = []
        self.dead: set[str] = set()
        self.election_at = 0.0
        self.log: list[str] = []
        self.monitors = {host: Monitor(self, host) for host in self.hosts[:monitors]}
        for monitor in self.monitors.values():
            monitor.boot()
        self.at(0.5, self._elect)

    # -- time ---------------------------------------------------------------------------------

    def at(self, seconds: float, act: Callable[[], None]) -> None:
        self.count += 1
        heapq.heappush(self.events, (self.now + seconds, self.count, act))

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.events and self.events[0][0] <= end:
            self.now, _, act = heapq.heappop(self.events)
            act()
        self.now = end

    def between(self, span: tuple[float, float]) -> float:
        return self.random.uniform(*span)

    def note(self, text: str) -> None:
        self.log.append(f"{self.now - 1000:9.2f}  {text}")

    # -- what breaks --------------------------------------------------------------------------

    def cut_link(self, host: str, link: str) -> None:
        """The host loses one network; the cluster layer declares it, unless it is back before."""
        if (host, link) in self.cut:
            return
        self.note(f"CUT {host} {link}")
        self.cut.add((host, link))
        began = self.cut_since[host, link] = self.now
        self.at(self.between(DECLARED), lambda: self._declare(host, link, began))
        if host in self.monitors:
            self.monitors[host].isolated(link)

    def heal_link(self, host: str, link: str) -> None:
        """The network is back."""
        if (host, link) not in self.cut:
            return
        self.note(f"HEAL {host} {link}")
        self.cut.discard((host, link))
        healed = self.healed_at[host, link] = self.now
        self.cuts.append((host, link, self.cut_since[host, link], healed))
        self.at(self.between(BACK), lambda: self._declare_up(host, link, healed))
        if host in self.monitors:
            self.at(self.between(BACK), lambda: self.monitors[host].sees_again(link))

    def die(self, host: str) -> None:
        """Power is lost: every network at once, and its monitor with it."""
        self.note(f"DIE {host}")
        if host in self.monitors:
            self.monitors[host].crash()
        for link in THREE:
            self.cut_link(host, link)

    def revive(self, host: str) -> None:
        """Power is back."""
        for link in THREE:
            self.heal_link(host, link)
        if host in self.monitors and not self.monitors[host].alive:
            self.monitors[host].boot()

    def truly_lost(self, host: str, at: float, grace: float) -> bool:
        """Whether its storage was cut at some moment of the `grace` seconds before `at`."""
        spans = [(since, healed) for h, link, since, healed in self.cuts if (h, link) == (host, "storage")]
        if (host, "storage") in self.cut:
            spans.append((self.cut_since[host, "storage"], self.now))
        return any(since <= at and healed >= at - grace for since, healed in spans)

    def leave(self, host: str) -> None:
        """The agents stop cleanly, on a healthy host; they come back later."""
        if any((host, link) in self.cut for link in THREE) or host in self.monitors:
            return
        self.note(f"LEAVE {host}")
        for link in THREE:
            self._set(host, link, Membership.LEFT)
            self.at(self.between((20.0, 90.0)), lambda link=link: self._rejoin(host, link))  # type: ignore[misc]

    def _rejoin(self, host: str, link: str) -> None:
        if (host, link) not in self.cut:
            self._set(host, link, Membership.UP)

    def _declare(self, host: str, link: str, began: float) -> None:
        if (host, link) in self.cut and self.cut_since[host, link] == began:
            self._set(host, link, Membership.DOWN)

    def _declare_up(self, host: str, link: str, healed: float) -> None:
        if (host, link) not in self.cut and self.healed_at[host, link] == healed:
            self._set(host, link, Membership.UP)

    def _set(self, host: str, link: str, value: Membership) -> None:
        self.declared[host, link] = value
        for monitor in self.monitors.values():
            self.at(0.1 * self.random.random(), lambda monitor=monitor: monitor.hears(host, link))  # type: ignore[misc]

    # -- the leadership ---------------------------------------------------------------------------

    def can_lead(self, host: str) -> bool:
        """The lock lives in the first datacentre, and half-blind monitors step down."""
        monitor = self.monitors[host]
        return monitor.alive and all(monitor.sight[link] for link in THREE)

    def _elect(self) -> None:
        self.at(1.0, self._elect)
        if self.leader is not None and not self.can_lead(self.leader):
            lost = self.leader
            self.monitors[lost].leadership(False, "")
            self.leader = None
            self.note(f"LEADER lost by {lost}")
            self.election_at = self.now + self.between(LOCK_LAPSE)
        if self.leader is None and self.now >= self.election_at:
            fit = [host for host in self.monitors if self.can_lead(host)]
            if fit:
                self.leader = self.random.choice(fit)
                self.takeovers.append(self.now)
                self.note(f"LEADER {self.leader}")
                for host, monitor in self.monitors.items():
                    monitor.leadership(host == self.leader, self.leader)

    # -- masakari -----------------------------------------------------------------------------

    def deliver(self, monitor: "Monitor", made: float, notification: HostNotification) -> None:
        """Try now, and again until it is accepted or withdrawn."""
        if (made, notification) not in monitor.outbox.waiting:
            return
        reachable = monitor.alive and (monitor.host, "manage") not in self.cut and self.api_up
        if not reachable:
            self.at(2.0, lambda: self.deliver(monitor, made, notification))
            return
        monitor.outbox.waiting.remove((made, notification))
        if any(
            report.notification.payload == notification.payload
            and report.notification.hostname == notification.hostname
            and (report.notification.generated_time - notification.generated_time).total_seconds() >= -180
            for report in self.accepted
        ):
            # A 409 about a row that was never offered before swallowed a real failure: it is offered
            # once more, as a new one, when the API's window is over.
            fresh = replace(
                notification, generated_time=monitor.play.now.wall + datetime.timedelta(seconds=181)
            )
            monitor.outbox.waiting.append((made, fresh))
            self.at(181.0, lambda: self.deliver(monitor, made, fresh))
            return
        self.note(f"ACCEPT {notification.event.value} {notification.hostname} by {monitor.host}")
        self.accepted.append(Report(self.now, made, monitor.host, notification))
        if notification.event is HostEvent.STOPPED:
            monitor.delivered(notification.hostname)


class Monitor:
    """The real core on one host, with a source as imperfect as a real one."""

    def __init__(self, cloud: Cloud, host: str) -> None:
        self.cloud = cloud
        self.host = host
        self.alive = False
        self.memory: dict[str, Mapping[str, JSON]] = {}
        self.outbox = Outbox()
        self.sight: dict[str, bool] = dict.fromkeys(THREE, False)
        self.life = 0
        self.rules: Policy = policy(own=host, elected=cloud.elected)

    def boot(self) -> None:
        """Start with what is on disk."""
        self.life += 1
        self.alive = True
        self.play = Play(self.rules, self.memory, api=False)
        self.play.memory = self.memory
        self.play.seconds = self.cloud.now
        self.sight = dict.fromkeys(THREE, False)
        self.seen = (0, 0, 0)
        outbox = self.outbox
        outbox.unconfirmed, outbox.waiting = outbox.unconfirmed + outbox.waiting, []
        self.play.adopts(*(told for _, told in outbox.unconfirmed))
        self._carry_out()
        for link in THREE:
            if (self.host, link) not in self.cloud.cut:
                self.cloud.at(self.cloud.between((0.1, 1.0)), self._look(link))
        self.cloud.at(0.05, self._guarded(self._tick))
        self.cloud.at(1.0, self._guarded(self._ask_leader))

    def crash(self) -> None:
        """The process is gone; disk and outbox stay."""
        self.cloud.note(f"CRASH of the monitor on {self.host}")
        self.alive = False
        self.life += 1
        self.sight = dict.fromkeys(THREE, False)

    def _look(self, link: str) -> Callable[[], None]:
        return self._guarded(functools.partial(self.sees_again, link))

    def _guarded(self, act: Callable[[], None]) -> Callable[[], None]:
        life = self.life

        def perform() -> None:
            if self.alive and self.life == life:
                act()

        return perform

    # -- what it sees ---------------------------------------------------------------------------

    def isolated(self, link: str) -> None:
        """Its own network is gone: soon its reads fail, and much later its agent tells lies."""
        if not self.alive:
            return
        self.cloud.at(self.cloud.between(BLIND_AFTER), self._guarded(lambda: self._blind(link)))
        for peer in self.cloud.hosts:
            if peer != self.host:
                lie = functools.partial(self._lie, peer, link)
                self.cloud.at(self.cloud.between(LIES), self._guarded(lie))

    def _blind(self, link: str) -> None:
        if (self.host, link) in self.cloud.cut:
            self.sight[link] = False
            self._say(lambda: self.play.view(link, proven=False))

    def _lie(self, peer: str, link: str) -> None:
        if (self.host, link) in self.cloud.cut:
            self._say(lambda: self.play.sees(link, {peer: Membership.DOWN}))

    def sees_again(self, link: str) -> None:
        """Reads succeed again: a proof, and then a complete listing."""
        if self.alive and (self.host, link) not in self.cloud.cut:
            self.sight[link] = True
            self._say(lambda: self.play.view(link))
            listing = {host: self.cloud.declared[host, link] for host in self.cloud.hosts}
            self._say(lambda: self.play.sees(link, listing, whole=True))

    def hears(self, host: str, link: str) -> None:
        """One change, of what is declared now."""
        if self.alive and self.sight[link] and (self.host, link) not in self.cloud.cut:
            self._say(lambda: self.play.sees(link, {host: self.cloud.declared[host, link]}))

    def leadership(self, is_leader: bool, leader: str) -> None:
        """The leadership has changed hands."""
        if self.alive and self.cloud.elected:
            self._say(
                lambda: self.play.leadership(is_leader, leader, dict(self.cloud.ledger) if leader else None)
            )

    def _ask_leader(self) -> None:
        if self.cloud.leader is not None:
            self.leadership(self.cloud.leader == self.host, self.cloud.leader)

    def delivered(self, host: str) -> None:
        """masakari-api has it."""
        if self.alive:
            self._say(lambda: self.play.delivered(host))

    # -- what it does ---------------------------------------------------------------------------

    def _tick(self) -> None:
        self._say(lambda: None)
        self.cloud.at(0.25, self._guarded(self._tick))

    def _say(self, line: Callable[[], object]) -> None:
        """Bring its clock to now, say the line, and carry out what follows."""
        self.play.wait(self.cloud.now - self.play.seconds)
        self._carry_out()
        line()
        self._carry_out()

    def _offer(self, made: float, notification: HostNotification) -> None:
        self.outbox.waiting.append((made, notification))
        self.cloud.at(0.2, lambda: self.cloud.deliver(self, made, notification))

    def _hear_words(self) -> None:
        """What the last life has left is offered when it is confirmed, and else waits, or is gone."""
        for made, told in list(self.outbox.unconfirmed):
            if Unconfirmed(told.subject, told) in self.play.unconfirmed:
                continue
            self.outbox.unconfirmed.remove((made, told))
            # What was made once more is among what was sent.
            if told.subject in self.play.confirmed and told not in self.play.sent:
                self._offer(made, told)

    def _carry_out(self) -> None:
        sent, withdrawn, ledgers = self.seen
        self._hear_words()
        for host in {subject.removeprefix("host:") for subject in self.play.withdrawn[withdrawn:]}:
            self.outbox.waiting = [row for row in self.outbox.waiting if row[1].hostname != host]
        for notification in self.play.sent[sent:]:
            made = self.play.seconds
            self.cloud.note(f"MADE {notification.event.value} {notification.hostname} by {self.host}")
            self.cloud.made.append(Report(0.0, made, self.host, notification))
            self._offer(made, notification)
        if self.play.ledgers[ledgers:] and self.cloud.leader == self.host and self.sight["manage"]:
            self.cloud.ledger = self.play.ledgers[-1]
        self.seen = (len(self.play.sent), len(self.play.withdrawn), len(self.play.ledgers))
