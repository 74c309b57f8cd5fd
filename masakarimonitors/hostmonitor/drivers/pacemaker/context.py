"""What the driver's parts know in common: written by the watch, read by the elector and the effects."""

import asyncio
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from masakarimonitors.hostmonitor.drivers.base import Endpoint
from masakarimonitors.hostmonitor.drivers.pacemaker.alerts.hearing import GOODBYES_LAST
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import Connection
from masakarimonitors.hostmonitor.drivers.pacemaker.records.classify import Finding
from masakarimonitors.hostmonitor.drivers.pacemaker.records.table import Condition

LOG = logging.getLogger(__name__)

_SSH = 22
_CALM = 5.0
_HECTIC = 30.0
_SAME_GOODBYE = 1.0
_MOST_GOODBYES = 2000


@dataclass(kw_only=True)
class DriverContext:
    """What the watch shares with the elector and the effects; used on the event loop's thread only.

    `sighted` is set while the watch's view is proven, `blind` from the moment when it is lost: a monitor
    that cannot see takes no part in the election, so it never reports.

    `member`: this node is a full member with Corosync (None: not known yet). `stonith`: fencing is in
    effect in the cluster. `names`: node id -> node name. `connections`: remote -> where its daemon listens.
    `suspect_since`: monotonic seconds. `lost`: who was not there at the last look that has named it. `changed` is
    notified with each look. `company`: node ids of the monitors in the group.
    `look_wanted` is set until the watch takes it; `asked_at`: the monotonic second of the last wish,
    `asked_since`: of the first of those that never paused since.
    `alerted_at`: when an alert of Pacemaker last arrived, here or at another monitor. `goodbyes`: host ->
    the monotonic second of a good-bye of which an alert told.
    """

    member: bool | None = None
    stonith: bool = True
    findings: Mapping[str, Finding] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    connections: Mapping[str, Connection] = field(default_factory=dict)
    suspect_since: dict[str, float] = field(default_factory=dict)
    lost: frozenset[str] = frozenset()
    sighted: asyncio.Event = field(default_factory=asyncio.Event)
    blind: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    company: frozenset[int] = frozenset()
    look_wanted: asyncio.Event = field(default_factory=asyncio.Event)
    asked_at: float = -math.inf
    asked_since: float = -math.inf
    alerted_at: float = -math.inf
    goodbyes: dict[str, float] = field(default_factory=dict)
    why_blind: str = "it has not looked yet"

    def ask_to_look(self, why: str, now: float) -> None:
        """An alert has arrived, here or at another monitor: the watch shall look as soon as it can."""
        self.alerted_at = now
        self.look_soon(why, now)

    def look_soon(self, why: str, now: float) -> None:
        """The watch shall look as soon as it can."""
        LOG.debug("Looking at the cluster: %s", why)
        if now - self.asked_at > _CALM:
            self.asked_since = now
        self.asked_at = now
        self.look_wanted.set()

    def is_hectic(self, now: float) -> bool:
        """Whether looks are asked for without a pause for longer than any fault of a cluster lasts.

        Whoever may write to the alert socket can do that; it must not keep all monitors busy.
        """
        return now - self.asked_at <= _CALM and now - self.asked_since > _HECTIC

    def hear_goodbye(self, host: str, now: float) -> None:
        """An alert has told that `host` wants to stop in order; it makes a loss milder, never worse."""
        LOG.info("%s says good-bye to the cluster: its loss, if it comes now, is planned", host)
        # Whoever may write to the socket may make names up.
        kept = {name: at for name, at in self.goodbyes.items() if now - at <= GOODBYES_LAST and name != host}
        self.goodbyes = {**dict(list(kept.items())[-_MOST_GOODBYES:]), host: now}

    def learn_goodbye(self, host: str, at: float) -> bool:
        """Another monitor knows of a good-bye of monotonic second `at`; whether that is news."""
        if at - self.goodbyes.get(host, -math.inf) <= _SAME_GOODBYE:
            return False  # what has gone round is not newer for that
        self.hear_goodbye(host, at)
        return True

    def endpoints(self, host: str) -> tuple[Endpoint, ...]:
        """Where a living `host` answers on TCP: its pacemaker-remoted, if it is a remote, and ssh.

        A host that is lost may live, though its configuration is deleted: it is asked where it was last known to be.
        """
        connection = self.connections.get(host)
        if connection is not None:
            return (
                Endpoint(connection.server, connection.port, "pacemaker-remoted"),
                Endpoint(connection.server, _SSH, "ssh"),
            )
        return (Endpoint(host, _SSH, "ssh"),) if host in self.findings or host in self.lost else ()

    async def looked(
        self,
        findings: Mapping[str, Finding],
        names: Mapping[str, str],
        stonith: bool,
        now: float,
        *,
        missed_since: Mapping[str, float] | None = None,
        connected_since: Mapping[str, float] | None = None,
        connections: Mapping[str, Connection] | None = None,
    ) -> None:
        """A look has succeeded; host -> the monotonic second since which it is missed, or has come up again."""
        missed, back = missed_since or {}, connected_since or {}
        # A good-bye is about one loss. One of before the return must not be told to newcomers, who have not seen it.
        self.goodbyes = {h: at for h, at in self.goodbyes.items() if at >= back.get(h, -math.inf)}
        self.findings, self.names, self.stonith = findings, names, stonith
        up = {host for host, finding in findings.items() if finding.condition is Condition.UP}
        self.lost = self.lost.union(findings) - up
        # Also where another connection leads there by now: it may be the same host, under another name.
        deleted = {host: where for host, where in self.connections.items() if host in self.lost}
        self.connections = {**deleted, **(connections or {})}
        suspects = {h for h, finding in findings.items() if finding.condition is Condition.SUSPECT}
        self.suspect_since = {h: min(self.suspect_since.get(h, now), missed.get(h, now)) for h in suspects}
        self.sighted.set()
        self.blind.clear()
        async with self.changed:
            self.changed.notify_all()

    async def blinded(self, why: str) -> None:
        """Nothing is seen from now on."""
        self.why_blind = why
        self.sighted.clear()
        self.blind.set()
        async with self.changed:
            self.changed.notify_all()
