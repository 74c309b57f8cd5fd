"""The keeper of the office on Pacemaker: joins the CPG group while this monitor can see.

In: changes and messages of the group, and whether the view is proven. Out: `Office` observations;
and the ledger that the core asks to be written is multicast to all monitors. The rules of who holds
the office are in pacemaker_office.py; this file is their hands.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from masakarimonitors.hostmonitor.observation import EVERYONE, Observation, Office
from masakarimonitors.hostmonitor.office import Herald
from masakarimonitors.hostmonitor.sources import pacemaker_corosync, pacemaker_office
from masakarimonitors.hostmonitor.sources.pacemaker_corosync import CorosyncError, GroupChanged, GroupMessage
from masakarimonitors.hostmonitor.sources.pacemaker_insight import Insight, pause
from masakarimonitors.hostmonitor.sources.pacemaker_office import (
    BEAT,
    BEAT_MESSAGE,
    LOOK_MESSAGE,
    Chair,
    Ledger,
)
from masakarimonitors.system.clock import Clock

LOG = logging.getLogger(__name__)

GROUP = b"masakari-hostmonitor"
_TICK = 1.0
_OPEN = 10.0
# After so many seconds without a way into the group, everybody reports: late and twice beats never.
_GIVE_UP = 15.0

Emit = Callable[[Observation], None]


class GroupFeed(Protocol):
    """`corosync.Group`, or a test's."""

    fd: int
    node_id: int

    def dispatch(self) -> list[GroupChanged | GroupMessage]:
        """What happened, in the group's one order."""

    def send(self, payload: bytes) -> bool:
        """Offer a message to all; False: try again."""

    def close(self) -> None:
        """Leave."""


class Reporter:
    """The source named "pacemaker-office"; `publish` is called by the driver's effects."""

    name = "pacemaker-office"

    def __init__(
        self,
        clock: Clock,
        insight: Insight,
        pid: int,
        open_group: Callable[[bytes, float], Awaitable[GroupFeed]] = pacemaker_corosync.open_group,
    ) -> None:
        """`pid`: our own process, as the group names its members."""
        self._clock = clock
        self._insight = insight
        self._pid = pid
        self._open_group = open_group
        self._chair = Chair()
        self._unsent: list[bytes] = []
        self._herald = Herald(clock)
        self._changed_at = 0.0

    async def run(self, emit: Emit) -> None:
        """Until cancelled: in the group while this monitor sees, out of it while it does not."""
        self._herald.begin(emit)
        shut_out_since: float | None = None
        while True:
            if not self._insight.sighted.is_set():
                why = f"this monitor does not report while it cannot see: {self._insight.why_blind}"
                self._herald.say(Office(False, "another monitor", why, self._clock.now()))
                shut_out_since = None
                await self._insight.sighted.wait()
                continue
            if self._insight.member is False:
                why = "a pacemaker-remote node has no corosync to elect a reporter with"
                self._herald.say(Office(True, EVERYONE, why, self._clock.now()))
                await self._insight.blind.wait()
                continue
            try:
                group = await self._open_group(GROUP, _OPEN)
            except CorosyncError as fault:
                now = self._clock.now()
                if shut_out_since is None:
                    shut_out_since = now.monotonic
                    LOG.warning(
                        "Corosync's group %s cannot be joined (%s); trying again", GROUP.decode(), fault
                    )
                if now.monotonic - shut_out_since >= _GIVE_UP:
                    self._herald.everyone(str(fault))
                await self._clock.sleep(_TICK)
                continue
            shut_out_since = None
            await self._serve(group)

    async def _serve(self, group: GroupFeed) -> None:
        """Until Corosync goes away or this monitor goes blind."""
        me = (group.node_id, self._pid)
        loop = asyncio.get_running_loop()
        gone = asyncio.Event()

        def news() -> None:
            try:
                self._take(group, me)
            except CorosyncError as fault:
                LOG.info("Corosync's group is gone: %s", fault)
                loop.remove_reader(group.fd)
                gone.set()
                return
            self._tell(group)

        def pass_on() -> None:
            self._send(LOOK_MESSAGE)
            with contextlib.suppress(CorosyncError):  # `news` will hear of it, too
                self._flush(group)

        loop.add_reader(group.fd, news)
        self._insight.pass_on = pass_on
        beaten = self._clock.now().monotonic
        try:
            while self._insight.sighted.is_set() and not gone.is_set():
                now = self._clock.now().monotonic
                if now - beaten >= BEAT and self._chair.me is not None:
                    beaten = now
                    self._send(BEAT_MESSAGE)
                self._chair, answer = pacemaker_office.waited(self._chair, now)
                if answer is not None:
                    self._send(answer)
                with contextlib.suppress(CorosyncError):  # `news` will hear of it, too
                    self._flush(group)
                self._tell(group)
                await pause(self._clock, _TICK, self._insight.blind)
        finally:
            self._insight.pass_on = lambda: None
            self._insight.company = frozenset()
            loop.remove_reader(group.fd)
            group.close()
            self._chair = Chair(serial=self._chair.serial, ledger=self._chair.ledger)
            self._unsent.clear()

    def _take(self, group: GroupFeed, me: pacemaker_corosync.Process) -> None:
        for event in group.dispatch():
            now = self._clock.now().monotonic
            if isinstance(event, GroupChanged):
                self._changed_at = now
                self._chair, answer = pacemaker_office.changed(self._chair, event, me, now)
                if answer is not None:
                    self._send(answer)
                self._insight.company = frozenset(node for node, _pid in event.members)
            else:
                if event.payload == LOOK_MESSAGE and event.sender != me:
                    self._insight.wake("another monitor was alerted")
                self._chair = pacemaker_office.received(self._chair, event, now)
        self._flush(group)

    def _send(self, message: bytes) -> None:
        self._unsent.append(message)

    def _flush(self, group: GroupFeed) -> None:
        while self._unsent and group.send(self._unsent[0]):
            self._unsent.pop(0)

    def _tell(self, group: GroupFeed) -> None:
        now = self._clock.now()
        chair = self._chair
        holder = chair.holder(now.monotonic)
        if chair.me is None or holder is None:
            return  # for a moment nobody holds it: the ledger is on its way
        if holder == chair.me and len(chair.members) == 1 and now.monotonic - self._changed_at < _TICK:
            return  # all others gone at once: is it us who were cut off? Quorum's news comes right behind
        name = self._insight.names.get(str(holder[0]), f"node {holder[0]}")
        seen = sorted(m[0] for m in chair.members)
        why = f"the lowest node id among the {len(seen)} monitors that can see ({', '.join(map(str, seen))})"
        self._herald.say(Office(holder == chair.me, name, why, now, chair.ledger))

    def publish(self, entries: Ledger) -> None:
        """Tell all monitors what is reported; delivered as soon as Corosync takes it."""
        self._chair, message = pacemaker_office.published(self._chair, entries)
        self._send(message)
