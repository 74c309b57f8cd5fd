"""Source: the reports that earlier reporters have delivered, which the reporter of now follows to their end.

In: the words of the election, with the ledger, and masakari's list of notifications. Out: nothing for the core; whoever
follows delivered reports is handed those that the ledger names and that it does not follow yet. So a failure that
masakari does not recover is told of although the host of the monitor that reported it is gone. Another monitor that has
delivered one of them, and is there, leaves it to the reporter: one of them alone makes requests and tells of it.
"""

import asyncio
import datetime
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from masakarimonitors.core.backoff import backoff
from masakarimonitors.core.notification import HostNotification, HostStatus, from_wire
from masakarimonitors.core.outside import moment
from masakarimonitors.core.printable import printable
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry, are_followed, outages, owed_in
from masakarimonitors.hostmonitor.core.observation import Follower, Leader, NoElection
from masakarimonitors.hostmonitor.core.outages.handover import WINDOW
from masakarimonitors.masakari_api import LookupFailed
from masakarimonitors.masakari_lists import ReportFinder, Stored
from masakarimonitors.monitor import Following
from masakarimonitors.status.health import Kind
from masakarimonitors.status.model import SubjectRow
from masakarimonitors.system.clock import Clock, pause

LOG = logging.getLogger(__name__)

BEGIN = 180.0
"""Seconds after it has come to report until it looks for them: before that no report says more than that it is new, and
what this monitor delivers itself is followed by then."""
GAP = 5.0
"""Seconds between two of these looks: each takes up to three requests, beside those of whoever follows."""
DAY = 86400.0
"""What was reported longer ago nobody follows: masakari's engine gives up what it has not begun with by then."""
_AGAIN, _LAST_AGAIN = 300.0, 3000.0
_LONG = 1200.0
"""For so many seconds masakari may be unreadable before that is an alarm."""
_FINISHED = "finished"
WHERE = "reports of earlier reporters"
"""The subject under which the status says that masakari cannot be asked for them."""

_UNREAD = (
    "what has become of what earlier reporters have told masakari of {hosts} is not known here, since masakari's "
    "notifications cannot be read ({why}): see `openstack notification list`, and whether the instances of these run"
)
_NOT_FOUND = (
    "An earlier reporter is known to have told masakari that %s failed, and masakari lists no such report of it since "
    "%s UTC: nobody here can follow its recovery. See `openstack notification list` and whether the instances of that "
    "host run, and recover by hand what does not. It is not reported again"
)
_TAKEN_OVER = "an earlier reporter has told masakari; this monitor reports by now, and follows it"


@dataclass(slots=True)
class _Sought:
    """A report that may be at masakari: made at `made_at` (aware) or later, surely there if `delivered`."""

    made_at: datetime.datetime
    delivered: bool
    due: float
    missed: bool = False


def _told_in(ledger: Mapping[str, LedgerEntry]) -> Mapping[str, tuple[datetime.datetime, bool]]:
    """By host: since when what masakari acts on was reported, and whether masakari is known to have it."""
    told = {
        host: (entry.reported_at, entry.delivered)
        for host, entry in outages(ledger).items()
        if entry.host_status is HostStatus.NORMAL
    }
    for host, words in (owed_in(ledger) or {}).items():
        since = moment(words.get("told"))
        if since is not None and host not in told:
            told[host] = (since, False)
    return told


class Inherited:
    """Hands on what earlier reporters have delivered, and knows what another reporter looks after by now."""

    name = WHERE

    def __init__(self, finder: ReportFinder, clock: Clock) -> None:
        """Nobody reports yet, and nobody follows."""
        self._finder = finder
        self._clock = clock
        self._following: Following | None = None
        self._sought: dict[str, _Sought] = {}
        self._left: Mapping[str, str] = {}
        self._until: float | None = None
        self._read = False
        self._news = asyncio.Event()
        # Since when masakari cannot be read (a monotonic second), why, and how often in a row.
        self._blind: tuple[float, str] | None = None
        self._failures = 0

    def watch_following(self, following: Following) -> None:
        """Learn who follows what was delivered."""
        self._following = following

    def left_to(self, subject: str) -> str:
        """The reporter that follows what masakari was told of that host; empty: none that is known to."""
        return self._left.get(subject.casefold(), "")

    def hear(self, said: object) -> None:
        """A word of the election, in its order. In each term the ledger is read once: then it is this monitor's own."""
        match said:
            case Leader():
                if self._until is None or said.at.monotonic >= self._until:
                    self._read, self._left = False, {}
                if said.ledger is not None and not self._read:
                    self._read = True
                    due = self._clock.now().monotonic + BEGIN
                    self._sought = {
                        host: _Sought(since, delivered, due)
                        for host, (since, delivered) in sorted(_told_in(said.ledger).items())
                    }
                    self._news.set()
                self._until = said.at.monotonic + said.good_for
            case Follower():
                self._until, self._sought, self._blind, self._failures = None, {}, None, 0
                if said.ledger is None or not are_followed(said.ledger, said.leader):
                    # Whoever reports does not say that it follows them: so they are followed by whoever has told them.
                    self._left = {}
                    return
                self._left = {f"host:{host}".casefold(): said.leader for host in _told_in(said.ledger)}
            case NoElection():
                self._until, self._left = None, {}
            case _:
                pass

    def alarms(self) -> Sequence[SubjectRow]:
        """For the status: that they cannot be followed, if so."""
        if self._blind is None or not self._sought:
            return ()
        since, why = self._blind
        long = self._clock.now().monotonic - since >= _LONG
        hosts = printable(", ".join(self._sought), 200)
        told = _UNREAD.format(hosts=hosts, why=printable(why, 200))
        return [SubjectRow(WHERE, "unread", told, long, harms=Kind.API)]

    async def run(self, emit: Callable[[object], None]) -> NoReturn:
        """Until cancelled, look for one after another, when it is time to."""
        while True:
            self._news.clear()
            now = self._clock.now().monotonic
            first = min((one.due for one in self._sought.values()), default=math.inf)
            if first > now:
                await pause(self._clock, None if first == math.inf else first - now, self._news)
                continue
            host = next(host for host, one in self._sought.items() if one.due == first)
            if await self._look(host, self._sought[host]):
                await self._clock.sleep(GAP)

    async def _look(self, host: str, sought: _Sought) -> bool:
        """Whether masakari was asked."""
        now = self._clock.now()
        old = (now.wall - sought.made_at).total_seconds() > DAY
        if old or self._following is None or self._following.follows(f"host:{host}"):
            self._done(host, sought)
            return False
        since = sought.made_at - datetime.timedelta(seconds=WINDOW)
        try:
            found = await self._finder.failure(host, since=since, now=now.wall)
        except LookupFailed as fault:
            self._failures += 1
            if self._blind is None:
                self._blind = (now.monotonic, str(fault))
                LOG.warning("%s", _UNREAD.format(hosts=printable(host, 60), why=printable(str(fault), 200)))
            wait = min(_LAST_AGAIN, backoff(self._failures, _AGAIN, _LAST_AGAIN))
            for one in self._sought.values():
                one.due = max(one.due, self._clock.now().monotonic + wait)
            return True
        self._blind, self._failures = None, 0
        if self._sought.get(host) is not sought:  # somebody else reports by now
            return True
        if found is None and not sought.missed:
            sought.missed, sought.due = True, self._clock.now().monotonic + BEGIN
            return True
        self._done(host, sought)
        if found is not None:
            self._hand_on(host, found)
        elif sought.delivered:
            LOG.error(_NOT_FOUND, host, f"{since:%Y-%m-%d %H:%M:%S}")
        return True

    def _done(self, host: str, sought: _Sought) -> None:
        if self._sought.get(host) is sought:
            del self._sought[host]

    def _hand_on(self, host: str, found: Stored) -> None:
        if found.status == _FINISHED or self._following is None:
            return
        stamp = found.generated_time.astimezone(datetime.UTC).isoformat()
        wire = {"type": HostNotification.type, "hostname": host, "generated_time": stamp}
        try:
            notification = from_wire({"notification": {**wire, "payload": dict(found.payload)}})
        except ValueError as fault:
            LOG.warning("masakari's notification %s cannot be followed: %s", printable(found.uuid, 60), fault)
            return
        self._following.take_over(notification, found.uuid, _TAKEN_OVER)
