"""Source: whether this monitor's own way to masakari works, which is part of its claim to be the reporter.

In: a cheap authenticated GET now and then, the trouble that delivery has, and what the other sources say (who leads,
how many hosts there are). Out: nothing for the core; the driver is told whenever the answer changes. A monitor that
leads looks often, the others seldom, so that all the monitors of a large cloud ask masakari less than once a second.
"""

import asyncio
import logging
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from masakarimonitors.hostmonitor.core.observation import Follower, Leader, NoElection, Sample
from masakarimonitors.masakari_api import LookupFailed
from masakarimonitors.monitor import MasakariReader
from masakarimonitors.system.clock import Clock, beat, pause

LOG = logging.getLogger(__name__)

QUESTION = "/segments?limit=1"
"""Needs a token, the catalogue, the network, masakari-api and its database; costs one row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathTimings:
    """All in seconds.

    `leading`: between two looks of the one that reports; `seldom`: of any other one, give or take a quarter: 1,000
    of them make 0.4 a second, which leaves the reporter half a request a second for the segments. `wanted`: of any
    other one while the leader says that it does not deliver, and `wanted_each`: of that, at least, for each host that
    there is, so that all together ask half a time a second. `confirm`: until a leader asks again after a failure,
    before it is believed. `stuck`: so long delivery must have had trouble before that counts, whatever a GET says.
    `fresh`: so long before the leader said that it does not deliver an answer is good enough to take its place.
    `patience`: for one answer. `tick`: between two looks at delivery.
    """

    leading: float = 60.0
    seldom: float = 2400.0
    wanted: float = 20.0
    wanted_each: float = 2.0
    confirm: float = 10.0
    stuck: float = 60.0
    fresh: float = 60.0
    patience: float = 45.0
    tick: float = 5.0


class OwnPath:
    """Keeps in mind whether the way works, and calls `tell` with it whenever that changes."""

    name = "own way to masakari"

    def __init__(
        self,
        api: MasakariReader,
        clock: Clock,
        tell: Callable[[bool], None],
        timings: PathTimings | None = None,
        *,
        spread: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """Nothing is asked before `run`. `spread(a, b)` gives a number between both."""
        self._api = api
        self._clock = clock
        self._tell = tell
        self._timings = timings or PathTimings()
        self._spread = spread
        self._trouble: Callable[[], str] = str
        self._leads = False
        self._leader_delivers: bool | None = None
        self._wanted_since = 0.0
        self._hosts = 0
        # The monotonic second of its last turn, or of the next; None: none was drawn yet.
        self._turn: float | None = None
        # Of the last answer: whether it was one, and when; how many were none since.
        self._answered: bool | None = None
        self._answered_at = 0.0
        self._failures = 0
        self._troubled_since: float | None = None
        self._due = 0.0
        self._told: bool | None = None
        self._news = asyncio.Event()

    def watch_delivery(self, trouble: Callable[[], str]) -> None:
        """Learn where to ask what trouble delivery has; it returns nothing while there is none."""
        self._trouble = trouble

    def hear(self, said: object) -> None:
        """What the driver's sources say: who leads, and how many hosts there are."""
        now = self._clock.now().monotonic
        match said:
            case Sample(whole=True):
                self._hosts = len(said.hosts)
            case Leader() if not self._leads:
                self._leads, self._leader_delivers = True, None
                self._ask_by(now)
            case Follower():
                self._leads = False
                if said.delivers is False and self._leader_delivers is not False:
                    # Whoever is to take its place must know now, and not from half an hour ago; one a second is enough.
                    self._wanted_since = now
                    self._ask_by(self._next_turn(now))
                self._leader_delivers = said.delivers
                self._judge(now)
            case NoElection():
                self._leads = False

    async def run(self, emit: Callable[[Any], None]) -> NoReturn:
        """Until cancelled."""
        # Not all at once where a whole cloud is started.
        self._due = self._clock.now().monotonic + self._spread(0.0, self._timings.confirm)
        while True:
            now = self._clock.now().monotonic
            self._look_at_delivery(now)
            if now >= self._due:
                await self._ask()
            self._judge(self._clock.now().monotonic)
            await pause(self._clock, beat(self._clock, self._timings.tick), self._news)

    def _next_turn(self, now: float) -> float:
        """Its turn, of those of all hosts, a second each, that come round again and again.

        Drawn once: who drew anew whenever the leader has lost its way once more, would ask as often as that happens,
        and all of them at once where it happens often.
        """
        round_ = float(max(self._hosts, 1))
        if self._turn is None:
            self._turn = now + self._spread(0.0, round_)
        elif self._turn < now:
            self._turn += math.ceil((now - self._turn) / round_) * round_
        return self._turn

    def _ask_by(self, due: float) -> None:
        if due < self._due:
            self._due = due
            self._news.set()

    def _look_at_delivery(self, now: float) -> None:
        trouble = self._trouble()
        if not trouble:
            self._troubled_since = None
        elif self._troubled_since is None:
            self._troubled_since = now
            if self._leads:
                self._ask_by(now)

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(self._timings.patience):
                await self._api.get(QUESTION)
            fault = ""
        except TimeoutError:
            fault = f"no answer within {self._timings.patience:.0f} s"
        except LookupFailed as failed:
            fault = str(failed)
        now = self._clock.now().monotonic
        self._failures = self._failures + 1 if fault else 0
        again = self._timings.leading if self._leads else self._spread(0.75, 1.25) * self._between()
        if self._leads and self._failures == 1:
            # One that leads gives its place away for it; let a hiccup pass.
            self._due = now + self._timings.confirm
            return
        if fault and self._answered is not False:
            LOG.warning(
                "This monitor cannot ask masakari (%s); one that can takes its place as the reporter", fault
            )
        self._answered, self._answered_at, self._due = not fault, now, now + again

    def _between(self) -> float:
        """Seconds between two looks of one that does not lead.

        While the leader has no way somebody must notice when there is one again, and the leader may be the last.
        """
        timings = self._timings
        if self._leader_delivers is not False:
            return timings.seldom
        return min(max(timings.wanted, self._hosts * timings.wanted_each), timings.seldom)

    def _judge(self, now: float) -> None:
        """Tell whether the way works, if that is known and is news."""
        if self._answered is None:
            return
        since = self._troubled_since
        works = self._answered and (since is None or now - since < self._timings.stuck)
        if self._leader_delivers is False and self._answered_at < self._wanted_since - self._timings.fresh:
            works = False
        if works is not self._told:
            self._told = works
            self._tell(works)
