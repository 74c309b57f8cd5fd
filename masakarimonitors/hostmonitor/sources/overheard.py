"""What passes by on its way to the core, for those beside it who need to know who is up and who reports.

In: every observation that a driver's sources emit. Out: the hosts that this monitor may look after beside its judging:
those that are up now and that nobody works on, all of them while it alone reports, and one while all do.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.election.reporter import ELECTION_PATIENCE
from masakarimonitors.hostmonitor.core.observation import (
    Follower,
    Leader,
    Membership,
    NoElection,
    Observation,
    Sample,
    Sighting,
    View,
    Work,
    WorkSeen,
)
from masakarimonitors.monitor import Source


class Overheard:
    """Who is up, and whether this monitor looks after them; nothing is judged here."""

    def __init__(self, own: str, *, elected: bool) -> None:
        """`own` is this host's name; `elected`: who reports is elected, otherwise every monitor does."""
        self._own = own
        self._links: dict[str, dict[str, Sighting]] = {}
        self._proven_until: dict[str, float] = {}
        self._complete: set[str] = set()
        self._worked_on: set[str] = set()
        self._alone_until = -math.inf
        self._all_report_from = math.inf if elected else -math.inf

    def hear(self, seen: Observation) -> None:
        """One observation, in its order."""
        match seen:
            case Sample():
                if seen.whole or seen.link not in self._links:
                    self._links[seen.link] = {}
                self._links[seen.link].update(seen.hosts)
                if seen.whole:
                    self._complete.add(seen.link)
            case View():
                until = seen.at.monotonic + seen.good_for if seen.proven else -math.inf
                self._proven_until[seen.link] = until
                if not seen.proven:
                    # Who was up before it lost sight may be dead: the next whole sample says who is up.
                    self._complete.discard(seen.link)
            case WorkSeen(host, Work.NONE):
                self._worked_on.discard(host)
            case WorkSeen(host):
                self._worked_on.add(host)
            case Leader():
                self._reports(alone_until=seen.at.monotonic + seen.good_for)
            case Follower():
                self._reports()
            case NoElection():
                self._reports(all_from=seen.since + ELECTION_PATIENCE)
            case _:
                pass

    def looked_after(self, now: Instant) -> Sequence[str]:
        """The hosts to look after, in order: all that are up, or the next one after this host by name, or none."""
        # What somebody works on may be switched off before it is seen down, and its BMC would be right to say off.
        hosts = sorted(self.up(now) - self._worked_on)
        if now.monotonic < self._alone_until:
            return hosts
        others = [host for host in hosts if host != self._own]
        if now.monotonic < self._all_report_from or not others:
            return ()
        # So each host is looked after by one monitor, without a word between them.
        return (next((host for host in others if host > self._own), others[0]),)

    def up(self, now: Instant) -> set[str]:
        """The hosts that are up on every link, each seen by a view that is proven now, and complete since it is."""
        if not self._links or any(
            link not in self._complete or now.monotonic >= self._proven_until.get(link, -math.inf)
            for link in self._links
        ):
            return set()
        seen: dict[str, set[Membership]] = {}
        for hosts in self._links.values():
            for host, sighting in hosts.items():
                seen.setdefault(host, set()).add(sighting.value)
        return {host for host, values in seen.items() if values == {Membership.UP}}

    def _reports(self, *, alone_until: float = -math.inf, all_from: float = math.inf) -> None:
        self._alone_until = alone_until
        self._all_report_from = all_from


class Tapped:
    """A source whose every observation others hear, too, before the core."""

    def __init__(self, source: Source[Any], hearers: Sequence[Callable[[Any], None]]) -> None:
        """`hearers` must not raise, nor wait."""
        self._source = source
        self._hearers = hearers

    @property
    def name(self) -> str:
        """The source's own."""
        return self._source.name

    async def run(self, emit: Callable[[Any], None]) -> None:
        """As the source runs."""

        def hand_on(seen: Any) -> None:
            for hear in self._hearers:
                hear(seen)
            emit(seen)

        await self._source.run(hand_on)
