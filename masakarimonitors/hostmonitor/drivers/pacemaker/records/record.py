"""The record of one host, pure: what the newest look shows of it, and what of the looks before still counts.

A `Glance` (all that one look at Pacemaker says of one host) and the record before it come in, the next
record goes out; by it alone the host is classified. A record says what is, never what follows from it.
What must survive a restart of the monitor is told by `kept` and taken back by `restored`.
"""

import datetime
import math
from dataclasses import dataclass, replace
from enum import StrEnum

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.observation import Work
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import (
    OFF,
    Expected,
    Fencing,
    MonNode,
    NodeState,
    Worth,
)

FRESH = 240.0
"""Seconds for which a fencing proves that its host is off: twice as long as the core waits for an answer.

Later somebody may have switched it on again, and a host without Pacemaker is never seen up.
"""

_CLOCKS_APART = 3600.0
"""Seconds by which the clocks of a cluster may differ; what was fenced before that is only on record again."""

GOODBYE = 10.0
"""Seconds by which a good-bye of which only an alert has told may come before or after the loss that it announces.

Pacemaker keeps it for 0.05 s; as long as the host waits for its resources to be stopped, it stands in the CIB. It comes
by the alert agent, a program that has to be started, and by another monitor: measured 0.03 s after the loss, and nobody
promises that on a busy computer. Whoever is once called lost stays that until it is up again, so where nothing but its
silence accuses a remote it is not called lost before.
"""


REMEMBERED = 60.0
"""Seconds for which a good-bye is kept for the loss that it announces, over a restart of the monitor, too."""


class Presence(StrEnum):
    """Whether the cluster has the host."""

    HERE = "here"
    """A member that takes part; a remote whose connection is up."""
    HALF = "half"
    """In Corosync's membership, so alive, but its controller takes no part."""
    AWAY = "away"
    UNTOLD = "untold"
    """There is no word of its membership."""


class Fenced(StrEnum):
    """What its newest fencing since it was last up proves."""

    NO = "no"
    FRESH = "fresh"
    """It is off: seen to be fenced by this monitor or, by an order to switch off, moments before it looked."""
    STALE = "stale"
    """It was off, once, or the fencing was of a kind that proves nothing: not more than a suspicion."""


class Farewell(StrEnum):
    """Whether its absence is somebody's will."""

    NONE = "none"
    SAID = "said"
    """It asked for a clean stop, or was seen to have stopped cleanly."""
    UNWANTED = "unwanted"
    """Its connection resource is configured to be stopped, or is no longer there."""


class Trouble(StrEnum):
    """What speaks for a crash."""

    CALM = "calm"
    DROPPED = "dropped"
    """A remote's connection was there moments ago; a good-bye may still be on its way. Nothing is held against it."""
    LOST = "lost"
    """It was there and is lost without a good-bye."""
    UNCLEAN = "unclean"
    """Pacemaker wants to fence it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """All that one look says of one host.

    `wanted`: its connection resource shall run (always True of a member). `stonith`: fencing is in
    effect. `goodbye_at`: the monotonic second of a good-bye that an alert told of. `worth`: of a fencing.
    `connection_down`: crm_mon says so of a remote's.
    """

    node: NodeState
    seen: MonNode | None
    fencing: Fencing | None
    stonith: bool
    wanted: bool = True
    work: Work = Work.NONE
    goodbye_at: float | None = None
    worth: Worth = OFF
    connection_down: bool = False

    @property
    def denied(self) -> bool:
        """Whether node_state has a remote's connection, and crm_mon has not.

        As a rule the latter is the one that is behind. But Pacemaker 2.1.5 may write a loss twice and take it back
        each time, when the member that held the connection and the designated controller tell each other of it; and
        as long as it does not manage the remote that stands.
        """
        return self.node.remote and self.node.in_ccm is True and self.connection_down

    @property
    def online(self) -> bool:
        """Whether crm_mon calls it online."""
        return self.seen is not None and self.seen.online

    @property
    def unclean(self) -> bool:
        """Whether Pacemaker wants to fence it; without fencing nothing follows of it for a remote."""
        unclean = self.seen is not None and self.seen.unclean
        return unclean and (self.stonith or not self.node.remote)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRecord:
    """One host. `connected_since` and `lost_since` are monotonic seconds.

    `looked_at`: when the last look was begun: what it showed was so then, or later. None: it is not known.
    `connected_since`: when a remote was seen to come up, if that was lately. `leaving_at`: when an alert told of a
    good-bye that its loss has not followed yet. `lost_since`: since when somebody misses it, None while nobody does.
    `crashed`: lost without a good-bye and not up since. `known`: the newest fencing on record when it was last up
    (None: not known); `fenced_key`, `fenced_at`, `rebooted`: the one since. `work`: planned work, which for a host
    that is away lasts a while longer than until `work_ended`, the monotonic second at which Pacemaker was seen to
    have ended it; kept until the host is up. `denied_since`: since when crm_mon has denied that a remote is
    connected. `unnamed_since`: since when no look has named it, of those in this life.
    """

    remote: bool
    presence: Presence = Presence.UNTOLD
    fenced: Fenced = Fenced.NO
    farewell: Farewell = Farewell.NONE
    trouble: Trouble = Trouble.CALM
    seen_up: bool = False
    crashed: bool = False
    connected_since: float | None = None
    leaving_at: Instant | None = None
    lost_since: float | None = None
    looked_at: Instant | None = None
    known: str | None = None
    fenced_key: str = ""
    fenced_at: Instant | None = None
    rebooted: bool = False
    work: Work = Work.NONE
    work_ended: float | None = None
    denied_since: float | None = None
    unnamed_since: Instant | None = None

    @property
    def up(self) -> bool:
        """Whether it is plainly there."""
        return (
            self.presence is Presence.HERE
            and self.trouble is Trouble.CALM
            and (self.fenced is Fenced.NO or not self.remote)
        )

    @property
    def fenced_after_work(self) -> bool:
        """Whether it was certainly fenced since its planned work has ended."""
        if self.work_ended is None or self.fenced is not Fenced.FRESH or self.fenced_at is None:
            return False
        return self.fenced_at.monotonic > self.work_ended


def observe(
    before: HostRecord | None, glance: Glance, now: Instant, patience: float, asked: Instant | None = None
) -> HostRecord:
    """The record after one more look, begun when it was `asked` for (None: `now`).

    `patience`: seconds that planned work's end leaves a lost host to return.
    """
    if before is not None and _nothing_new(before, glance):
        return replace(before, looked_at=asked or now, unnamed_since=None)
    return observe_anew(before, glance, now, patience, asked)


def _nothing_new(old: HostRecord, glance: Glance) -> bool:
    """Whether the host is there as it was, which is so of nearly all of a thousand at each look."""
    node = glance.node
    return (
        old.up
        and (old.farewell, old.fenced, old.work) == (Farewell.NONE, Fenced.NO, glance.work)
        and (old.work_ended, old.leaving_at, old.connected_since) == (None, None, None)
        and old.known is not None
        and _key(glance) in ("", old.known)
        and old.remote is node.remote
        and node.in_ccm is True
        and (node.remote or node.controller is True)
        and not (node.goodbye or node.fenced_at or glance.unclean)
        and glance.wanted
        and glance.goodbye_at is None
        and not glance.denied
        and old.denied_since is None
    )


def observe_anew(
    before: HostRecord | None, glance: Glance, now: Instant, patience: float, asked: Instant | None = None
) -> HostRecord:
    """As `observe`, for a host of which anything may be new."""
    old = before or HostRecord(remote=glance.node.remote)
    denied_since = _since(old.denied_since, glance.denied, now.monotonic)
    if denied_since is not None and now.monotonic - denied_since >= patience:
        glance = replace(glance, node=replace(glance.node, in_ccm=False))
    node = glance.node
    presence = _presence(node)
    after = _fencing(replace(old, remote=node.remote, presence=presence), glance, now)
    here = presence is Presence.HERE
    after = replace(
        after,
        crashed=old.crashed and (not here or glance.unclean) and glance.wanted,
        connected_since=_connected_since(old, after, now.monotonic) if node.remote else old.connected_since,
    )
    leaving_at = _leaving_at(after, glance, now) if node.remote else None
    after = replace(
        after,
        leaving_at=leaving_at if here else None,
        farewell=_farewell(old, after, leaving_at, glance, now.monotonic),
    )
    after = replace(after, trouble=_trouble(old, after, glance, now.monotonic))
    gone = presence is Presence.AWAY or (presence is Presence.UNTOLD and not glance.online)
    accused = after.trouble in (Trouble.LOST, Trouble.UNCLEAN) or after.fenced is not Fenced.NO
    missed = (glance.wanted if node.remote else old.seen_up) and (gone or (node.remote and not after.up))
    after = replace(
        after,
        seen_up=old.seen_up or after.up,
        crashed=after.crashed or (gone and accused and after.farewell is Farewell.NONE),
        # A history that cannot be had at a moment makes no old fencing a new one later.
        known=(_key(glance) or old.known or "") if after.up else old.known,
        lost_since=_since(old.lost_since, missed, now.monotonic),
        looked_at=asked or now,
        denied_since=denied_since,
        unnamed_since=None,
    )
    return _with_work(old, after, glance, now.monotonic, patience)


def _since(before: float | None, holds: bool, now: float) -> float | None:
    return (now if before is None else before) if holds else None


def _presence(node: NodeState) -> Presence:
    if node.in_ccm is None:
        return Presence.UNTOLD
    if not node.in_ccm:
        return Presence.AWAY
    return Presence.HERE if node.remote or node.controller else Presence.HALF


def _key(glance: Glance) -> str:
    return glance.fencing.key if glance.fencing is not None else ""


def _fencing(after: HostRecord, glance: Glance, now: Instant) -> HostRecord:
    """What its newest fencing is worth: witnessed, or an order to switch off that is minutes old, is proof."""
    node, fencing = glance.node, glance.fencing
    if node.remote:
        # Its connection's return sets node_fenced to 0, so what stands there came after it was last up.
        key = f"node_fenced={node.fenced_at}" if node.fenced_at else ""
        told = datetime.datetime.fromtimestamp(node.fenced_at, datetime.UTC) if node.fenced_at else None
    elif after.presence is not Presence.AWAY or node.expected is not Expected.DOWN or not node.erased:
        key, told = "", None
    elif fencing is not None and fencing.key != after.known:
        key, told = fencing.key, fencing.completed
    else:
        # A confirmation is on record nowhere; a history that cannot be had at a moment is none.
        key, told = ((after.fenced_key or "confirmed") if after.crashed else ""), None
    if not key:
        return _unfenced(after)
    at, rebooted = after.fenced_at, after.rebooted
    if key != after.fenced_key:
        rebooted = fencing.reboot if fencing is not None else key != "confirmed"
        rebooted = rebooted or glance.worth.resets
        if after.fenced_key != "confirmed":
            at = _fenced_at(after, told, rebooted, now)
        elif at is None:
            at = _fenced_at(replace(after, looked_at=None), told, rebooted, now)
        # Otherwise the history has caught up with what was taken for a confirmation, and that is as old as it was.
    fresh = at is not None and now.monotonic <= at.old_at(FRESH, now) and not glance.worth.vain
    verdict = Fenced.FRESH if fresh else Fenced.STALE
    return replace(after, fenced=verdict, fenced_key=key, fenced_at=at, rebooted=rebooted)


def _unfenced(after: HostRecord) -> HostRecord:
    """Nothing says now that it was fenced. Unless it takes part again, the fencing before stays known as that.

    Otherwise it would count as a new one when it is seen again. In the membership the host was alive, so what was
    fenced before proves nothing of it any more.
    """
    if after.remote or after.presence is Presence.HERE:
        return replace(after, fenced=Fenced.NO, fenced_key="", fenced_at=None, rebooted=False)
    at = None if after.presence is Presence.HALF else after.fenced_at
    return replace(after, fenced=Fenced.NO, fenced_at=at)


def _fenced_at(
    after: HostRecord, told: datetime.datetime | None, rebooted: bool, now: Instant
) -> Instant | None:
    """When it was fenced, as far as that may be believed.

    What was not there at a look moments ago has happened since, whatever the clocks say. Otherwise a
    reboot proves nothing, because nobody saw whether the host came back; and clocks may differ by minutes.
    """
    gap = now.monotonic - after.looked_at.old_at(0.0, now) if after.looked_at is not None else math.inf
    age = max(0.0, (now.wall - told).total_seconds()) if told is not None else math.inf
    if gap <= FRESH and (told is None or age <= gap + _CLOCKS_APART):
        age = min(age, gap)
    elif told is None or rebooted:
        return None
    return Instant(now.monotonic - age, now.wall - datetime.timedelta(seconds=age))


def _connected_since(old: HostRecord, after: HostRecord, now: float) -> float | None:
    """For as long as a good-bye of before may be told of."""
    # Of what was not seen before this look, or before a restart, nobody knows whether it has come up just now.
    if after.up and not old.up and old.presence is not Presence.UNTOLD:
        return now
    since = old.connected_since
    return since if since is not None and now - since <= REMEMBERED else None


def _leaving_at(after: HostRecord, glance: Glance, now: Instant) -> Instant | None:
    """The newest good-bye by alert. It is about one loss: spent once the host has come up again, and soon void."""
    told, heard = after.leaving_at, glance.goodbye_at
    if heard is not None and (told is None or told.monotonic < heard):
        told = Instant(heard, now.wall - datetime.timedelta(seconds=now.monotonic - heard))
    back = after.connected_since if after.connected_since is not None else -math.inf
    if told is None or told.monotonic < back or now.monotonic - told.monotonic > REMEMBERED:
        return None
    return told


def _farewell(
    old: HostRecord, after: HostRecord, leaving_at: Instant | None, glance: Glance, now: float
) -> Farewell:
    node, here = glance.node, after.presence is Presence.HERE
    if not glance.wanted:
        return Farewell.UNWANTED
    if after.fenced is Fenced.FRESH or after.crashed:
        return Farewell.NONE
    said = node.goodbye if node.remote else node.expected is Expected.DOWN and not (here or node.erased)
    if not node.remote and after.presence is Presence.HALF and node.expected is Expected.DOWN:
        said = True
    if leaving_at is not None and not here:
        # What is missed now for the first time was lost at some moment since the look before.
        missed = now if old.lost_since is None else old.lost_since
        seen = old.looked_at if old.lost_since is None else None
        begun = missed if seen is None else seen.monotonic
        said = said or begun - GOODBYE <= leaving_at.monotonic <= missed + GOODBYE
    carried = old.farewell is Farewell.SAID and not here
    return Farewell.SAID if said or carried else Farewell.NONE


def _trouble(old: HostRecord, after: HostRecord, glance: Glance, now: float) -> Trouble:
    if glance.unclean:
        return Trouble.UNCLEAN
    if after.presence is not Presence.AWAY:
        return Trouble.CALM
    if after.crashed:
        return Trouble.LOST
    if after.remote:
        return _dropped(old, after, glance, now)
    return Trouble.LOST if glance.node.expected is Expected.MEMBER else Trouble.CALM


def _dropped(old: HostRecord, after: HostRecord, glance: Glance, now: float) -> Trouble:
    """Of a remote whose connection is down: with fencing on, Pacemaker says by itself what becomes of it."""
    dropped = old.up or old.trouble is Trouble.DROPPED
    if glance.stonith or not dropped or after.farewell is not Farewell.NONE:
        return Trouble.CALM
    since = now if old.lost_since is None else old.lost_since
    return Trouble.LOST if now - since > GOODBYE else Trouble.DROPPED


def _with_work(old: HostRecord, after: HostRecord, glance: Glance, now: float, patience: float) -> HostRecord:
    """Planned work, and a while of it after its end for a host that has to come back from it.

    A fencing of after its end leaves nothing to wait for. One of before it may have been part of the work: Pacemaker
    does not see a remote come back from it before it manages it again.
    """
    if glance.work is not Work.NONE:
        return replace(after, work=glance.work, work_ended=None)
    if old.work is Work.NONE and old.work_ended is None:
        return after
    if after.up and not glance.denied:
        return replace(after, work=Work.NONE, work_ended=None)
    ended = now if old.work_ended is None else old.work_ended
    after = replace(after, work_ended=ended)
    over = old.work is Work.NONE or now >= ended + patience or after.fenced_after_work
    return replace(after, work=Work.NONE if over else old.work)
