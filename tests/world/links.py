"""The links of a made-up cloud: which hosts reach each other, and what their cluster engine declares of each.

A link knows the truth (`power`, `cut`, `stop_agent`) and keeps what the engine has declared, which comes later and
only while a majority of its voters reach each other and have a leader. Whoever is not with that majority sees
nothing, and after a while is told lies by its own agent.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from masakarimonitors.hostmonitor.core.observation import Membership

Span = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Promises:
    """What an engine promises of one link; spans in seconds.

    `lost`: from a cut until it is declared; `back`: from its end until that is declared; `left`: from a clean stop
    of the agent until it is declared. `voters`: how many of the first hosts decide together; 0: a control plane
    elsewhere decides. `lies`: from its own cut until an agent declares its peers lost; None: it never does.
    """

    lost: Span
    back: Span
    left: Span = (0.3, 0.5)
    voters: int = 0
    lies: Span | None = None
    evidence: str = ""


class Link:
    """One network with the members of one cluster on it."""

    def __init__(
        self,
        name: str,
        promises: Promises,
        hosts: list[str],
        loop: asyncio.AbstractEventLoop,
        rng: random.Random,
    ) -> None:
        self.name = name
        self.promises = promises
        self.hosts = hosts
        self._loop = loop
        self._rng = rng
        self._power = dict.fromkeys(hosts, True)
        self._agent = dict.fromkeys(hosts, True)
        self._crashed: set[str] = set()
        self._side: dict[str, int] = dict.fromkeys(hosts, 0)
        self._sides = 0
        self._leaderless_until = 0.0
        self.declared: dict[str, Membership] = dict.fromkeys(hosts, Membership.UP)
        self.since: dict[str, float] = dict.fromkeys(hosts, 0.0)
        self.unlisted: set[str] = set()
        self._coming: dict[str, tuple[Membership, asyncio.TimerHandle]] = {}
        self._watchers: list[Callable[[], None]] = []

    # -- the truth ------------------------------------------------------------------------------

    def power(self, host: str, on: bool) -> None:
        """The host has lost its power, or has booted."""
        self._power[host] = on
        if on:
            self._agent[host] = True
            self._crashed.discard(host)
        self._changed()

    def agent(self, host: str, on: bool) -> None:
        """The engine's agent on the host was stopped cleanly, or runs."""
        self._agent[host] = on
        self._changed()

    def crash_agent(self, host: str) -> None:
        """It is gone without a good-bye."""
        self._crashed.add(host)
        self._changed()

    def split(self, hosts: list[str]) -> None:
        """These hosts reach each other and nobody else."""
        self._sides += 1
        for host in hosts:
            self._side[host] = self._sides
        self._changed()

    def join(self, hosts: list[str]) -> None:
        """These hosts reach the rest again."""
        for host in hosts:
            self._side[host] = 0
        self._changed()

    def lose_leader(self, seconds: float) -> None:
        """For so long the engine has no leader: nobody is declared anything, and reads that need it fail."""
        self._leaderless_until = self._loop.time() + seconds
        self._changed()
        self._loop.call_later(seconds, self._changed)

    def unlist(self, host: str) -> None:
        """The engine knows nothing of the host any more."""
        self.unlisted.add(host)
        self._changed()

    def reaches(self, host: str, other: str) -> bool:
        """Whether a packet gets through."""
        return self._power[host] and self._power[other] and self._side[host] == self._side[other]

    def cut_off(self, host: str) -> bool:
        """Whether the host is not on the side of most."""
        return self._side[host] != 0

    def lives(self, host: str) -> bool:
        """Whether the host is a live member on the side that decides."""
        return self.runs(host) and self._side[host] == self.side_that_decides()

    def runs(self, host: str) -> bool:
        """Whether the engine's agent runs there."""
        return self._power[host] and self._agent[host] and host not in self._crashed

    def side_that_decides(self) -> int | None:
        """Where a majority of the voters reach each other."""
        voters = self.hosts[: self.promises.voters]
        if not voters:
            return 0
        able = [self._side[host] for host in voters if self.runs(host)]
        for side in set(able):
            if able.count(side) * 2 > len(voters):
                return side
        return None

    def sees(self, host: str) -> bool:
        """Whether what this host reads there is the engine's proven word."""
        return self.lives(host) and self._loop.time() >= self._leaderless_until

    def watch(self, news: Callable[[], None]) -> Callable[[], None]:
        """Call `news` at each change, until what this returns is called."""
        self._watchers.append(news)
        return lambda: self._watchers.remove(news)

    # -- what is declared -----------------------------------------------------------------------

    def listing(self) -> Mapping[str, Membership]:
        """Every member that the engine knows."""
        return {host: value for host, value in self.declared.items() if host not in self.unlisted}

    def _changed(self) -> None:
        deciding = self.side_that_decides() is not None and self._loop.time() >= self._leaderless_until
        for host in self.hosts:
            target = self._target(host)
            waiting = self._coming.get(host)
            if waiting is not None and (waiting[0] is not target or not deciding):
                waiting[1].cancel()
                del self._coming[host]
                waiting = None
            if deciding and waiting is None and target is not self.declared[host]:
                handle = self._loop.call_later(self._delay(target), self._declare, host, target)
                self._coming[host] = target, handle
        self._tell()

    def _target(self, host: str) -> Membership:
        if self.lives(host):
            return Membership.UP
        if self._power[host] and not self._agent[host]:
            return Membership.LEFT
        if self.declared[host] is Membership.LEFT:
            return Membership.LEFT  # who has said good-bye is not missed
        return Membership.DOWN

    def _delay(self, target: Membership) -> float:
        spans = {Membership.UP: self.promises.back, Membership.LEFT: self.promises.left}
        return self._rng.uniform(*spans.get(target, self.promises.lost))

    def _declare(self, host: str, value: Membership) -> None:
        del self._coming[host]
        self.declared[host] = value
        self.since[host] = self._loop.time()
        self._tell()

    def _tell(self) -> None:
        for news in list(self._watchers):
            news()
