"""The elector: takes part in the leader election while this monitor can see.

In: changes and messages of Corosync's process group, whether the view is proven, whether this monitor's way to
masakari works. Out: `Leader`, `Follower`, `NoElection`; the ledger that the core asks to be written goes to all
monitors. Who leads the group stands in election.py, what follows from it in `core/election/election.py`; here is the
I/O: a monitor that sees nothing leaves the group.
"""

import asyncio
import collections
import contextlib
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Protocol

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.election import election as core
from masakarimonitors.hostmonitor.core.election.candidate import Candidate
from masakarimonitors.hostmonitor.core.election.election import (
    Act,
    Election,
    ElectionPolicy,
    Facts,
    Holder,
    Standing,
)
from masakarimonitors.hostmonitor.core.observation import Leader, Observation
from masakarimonitors.hostmonitor.drivers.base import LeadershipFeed
from masakarimonitors.hostmonitor.drivers.pacemaker.alerts.hearing import (
    goodbye_message,
    goodbye_of,
    goodbyes_message,
    goodbyes_of,
)
from masakarimonitors.hostmonitor.drivers.pacemaker.context import DriverContext
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync import election
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.announcements import GroupWords
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.client import CorosyncError, open_group
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.election import (
    AUTHORITY,
    BEAT,
    LEADERS_BEAT,
    LOOK_MESSAGE,
    WAY_MESSAGES,
    GroupChanged,
    GroupMessage,
    GroupView,
    Ledger,
    Process,
)
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.silences import GroupSilences
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.unread import Unread, release_message
from masakarimonitors.system.clock import Clock, wait
from masakarimonitors.version import VERSION

LOG = logging.getLogger(__name__)

GROUP = b"masakari-hostmonitor"
_TICK = 1.0
_OPEN = 10.0
# With the authority that is 25 s without one message that comes back: then it leaves the group.
_POLICY = ElectionPolicy(doubt=25.0 - AUTHORITY)

Emit = Callable[[Observation], None]


class GroupFeed(Protocol):
    """`client.Group`, or a test's."""

    fd: int
    node_id: int

    def dispatch(self) -> list[GroupChanged | GroupMessage]:
        """What happened, in the group's one order."""

    def send(self, payload: bytes) -> bool:
        """Offer a message to all; False: try again."""

    def close(self) -> None:
        """Leave."""


class GroupElector:
    """The source named "pacemaker-election"; `publish` is called by the driver's effects."""

    name = "pacemaker-election"

    def __init__(
        self,
        clock: Clock,
        context: DriverContext,
        pid: int,
        open_group: Callable[[bytes, float], Awaitable[GroupFeed]] = open_group,
    ) -> None:
        """`pid`: our own process, as the group names its members."""
        self._clock = clock
        self._context = context
        self._pid = pid
        self._open_group = open_group
        self._view = GroupView()
        self._group: GroupFeed | None = None
        self._unsent: list[bytes] = []
        self._feed = LeadershipFeed()
        self._election = Election()
        self._delivers: bool | None = None
        self._changed_at = 0.0
        # When each message was sent that has not come back yet, and when the last one was that has.
        self._under_way: collections.deque[Instant] = collections.deque()
        self._proven_at: Instant | None = None
        self.silences = GroupSilences(self._tell_all, self._name)
        """Whose failures somebody wants not to be told, as far as the group knows."""
        self.announcements = GroupWords(self._tell_all, lambda: context.names)
        """What each monitor of the group says of itself."""
        self._unread = Unread(VERSION, self._name)

    @property
    def troubles(self) -> Sequence[str]:
        """For people: what the members tell that cannot be read here."""
        return (*self._unread.troubles, *self.silences.troubles)

    def on_path(self, works: bool) -> None:
        """Note, and tell the others, whether this monitor's own way to masakari works."""
        self._delivers = works
        if self._group is not None and self._view.me is not None:
            self._send(WAY_MESSAGES[works])
            with contextlib.suppress(CorosyncError):  # the group's own news tells of it, too
                self._flush(self._group)

    async def run(self, emit: Emit) -> None:
        """Until cancelled: in the group while this monitor sees, out of it while it does not."""
        self._feed.begin(emit)
        self.silences.begin(emit)
        self._election = self._election.begun(self._clock.now().monotonic)
        hindered = False
        while True:
            if not self._context.sighted.is_set():
                self._judge(f"this monitor cannot see: {self._context.why_blind}")
                await wait(self._clock, _TICK, self._context.sighted)
                continue
            if self._context.member is False:
                self._judge("a pacemaker-remote node has no corosync to elect a reporter with")
                await wait(self._clock, _TICK, self._context.blind)
                continue
            self._proven_at = self._clock.now()
            try:
                group = await self._open_group(GROUP, _OPEN)
            except CorosyncError as fault:
                if not hindered:
                    LOG.warning(
                        "Corosync's group %s cannot be joined (%s); trying again", GROUP.decode(), fault
                    )
                hindered = True
                self._judge(f"Corosync's group cannot be joined: {fault}")
                await self._clock.sleep(_TICK)
                continue
            hindered = False
            await self._serve(group)

    async def _serve(self, group: GroupFeed) -> None:
        """Until Corosync goes away or this monitor goes blind."""
        me = (group.node_id, self._pid)
        loop = asyncio.get_running_loop()
        gone = asyncio.Event()
        bugs: list[Exception] = []

        def news() -> None:
            try:
                self._take(group, me)
            except CorosyncError as fault:
                LOG.info("Corosync's group is gone: %s", fault)
                left(f"Corosync's group is gone: {fault}")
            except Exception as fault:  # noqa: BLE001 - what came with it is lost, and all others know it: begin anew
                bugs.append(fault)
                left("what Corosync's group told could not be taken in")
            else:
                self._judge()

        def left(why: str) -> None:
            loop.remove_reader(group.fd)
            gone.set()
            self._judge(why)

        loop.add_reader(group.fd, news)
        self._group = group
        beaten = self._clock.now().monotonic
        try:
            while self._context.sighted.is_set() and not gone.is_set():
                at = self._clock.now()
                now = at.monotonic
                leads = self._view.leader(now) == self._view.me
                if now - beaten >= (LEADERS_BEAT if leads else BEAT) and self._view.me is not None:
                    beaten = now
                    self._send(WAY_MESSAGES[self._delivers])
                self._view, answer = election.waited(self._view, now, at.wall)
                if answer is not None:
                    self._send(answer)
                with contextlib.suppress(CorosyncError):  # `news` will hear of it, too
                    self._flush(group)
                if self._judge() is Act.RELEASE:
                    LOG.warning(
                        "What this monitor sends does not come back: it leaves Corosync's group for now"
                    )
                    break
                await wait(self._clock, _TICK, self._context.blind)
        finally:
            self._group = None
            self.silences.left()
            self._context.company = frozenset()
            loop.remove_reader(group.fd)
            group.close()
            self._unread.members(())
            self._view = self._view.outside()
            self._unsent.clear()
            self._under_way.clear()
            # Out of the group it leads nobody: said before anything is waited for.
            self._judge("Corosync's group was left")
        if bugs:
            raise bugs[0]

    def _take(self, group: GroupFeed, me: Process) -> None:
        for event in group.dispatch():
            now = self._clock.now().monotonic
            if isinstance(event, GroupChanged):
                self._changed_at = now
                self._view, answers = election.changed(self._view, event, me, now)
                if event.joined and self._view.me is not None:
                    # Newcomers, and we as one, must know at once.
                    self._send(release_message(VERSION))
                    self._send(WAY_MESSAGES[self._delivers])
                    if goodbyes := goodbyes_message(self._context.goodbyes, now):
                        self._send(goodbyes)
                    if silences := self.silences.for_newcomers(self._clock.now().wall):
                        self._send(silences)
                    if own := self.announcements.for_newcomers():
                        self._send(own)
                for answer in answers:
                    self._send(answer)
                self._context.company = frozenset(node for node, _pid in event.members)
                self.silences.members(event.members)
                self._unread.members(event.members)
            else:
                if event.sender == me and self._under_way:
                    self._proven_at = self._under_way.popleft()
                if event.sender != me:
                    self._hear(event.payload, now)
                for reply in election.answer(self._view, event):
                    self._send(reply)
                self._view = election.received(self._view, event, now)
                if wrong := self._unread.hear(event):
                    LOG.warning("%s%s", wrong[0].upper(), wrong[1:])
                self.silences.hear(event.payload, event.sender, self._clock.now().wall)
                self.announcements.hear(event.payload, event.sender[0])
        self._flush(group)

    def _hear(self, message: bytes, now: float) -> None:
        """What another monitor tells of Pacemaker's alerts, which arrive at some of the monitors only."""
        context, leaving = self._context, goodbye_of(message)
        if leaving:
            context.hear_goodbye(leaving, now)
            context.ask_to_look(f"another monitor was alerted of {leaving}", now)
        if message == LOOK_MESSAGE:
            context.ask_to_look("another monitor was alerted", now)
        for host, at in goodbyes_of(message, now).items():
            if context.learn_goodbye(host, at):
                context.look_soon(f"another monitor knows that {host} said good-bye", now)

    def _tell_all(self, message: bytes) -> bool:
        if self._group is None or self._view.me is None:
            return False
        self._send(message)
        with contextlib.suppress(CorosyncError):  # the group's own news tells of it, too
            self._flush(self._group)
        return True

    def _send(self, message: bytes) -> None:
        self._unsent.append(message)

    def _flush(self, group: GroupFeed) -> None:
        now = self._clock.now()
        while self._unsent and group.send(self._unsent[0]):
            self._unsent.pop(0)
            self._under_way.append(now)

    def _judge(self, why: str = "") -> Act:
        """Look at what is known now, and say what follows; `why`: what keeps this monitor out of the group."""
        at = self._clock.now()
        facts = self._facts(why, at)
        self._election, act = core.step(self._election, facts, _POLICY, at.monotonic)
        led = isinstance(self._feed.said, Leader)
        self._feed.say(core.word(self._election, facts, self._view.ledger, at))
        if not led and isinstance(self._feed.said, Leader):
            self.silences.tell_again()
        return act

    def _facts(self, why: str, at: Instant) -> Facts:
        now, proven_at = at.monotonic, self._proven_at
        view, own = self._view, Candidate("", delivers=self._delivers)
        if not self._context.sighted.is_set():
            return Facts(
                own=own, sighted=False, why=why or f"this monitor cannot see: {self._context.why_blind}"
            )
        leader = view.leader(now)
        if why or view.me is None:
            return Facts(own=own, why=why or "Corosync's group has not taken this monitor in yet")
        if leader is None:
            return Facts(own=own, why="no member of Corosync's group is known to live and to know the ledger")
        if leader == view.me and len(view.members) == 1 and now - self._changed_at < _TICK:
            # Is it us who were cut off? Quorum's news comes right behind.
            return Facts(own=own, why="all other members of Corosync's group have just gone")
        if leader == view.me and now < view.clear_at and self._election.standing is not Standing.LEADING:
            return Facts(own=own, why="one that is no member any more may still lead, for moments")
        name = self._name(leader[0])
        return Facts(
            own=own,
            holder=Holder.OWN if leader == view.me else Holder.OTHER,
            leader=Candidate(name, delivers=view.delivers.get(leader)),
            # Until then nobody else leads: who is lost is waited for so long, and who is silent even longer.
            certain_until=-math.inf if proven_at is None else proven_at.old_at(AUTHORITY, at),
        )

    def own_name(self) -> str:
        """What the group calls this host, as all members know it; empty while this monitor is not in it."""
        me = self._view.me
        return "" if me is None else self._context.names.get(str(me[0]), "")

    def _name(self, node: int) -> str:
        return self._context.names.get(str(node), f"node {node}")

    def pass_on(self, leaving: str = "") -> None:
        """Tell the other monitors to look, and who says good-bye; nobody is told while it is not in the group."""
        if self._group is not None:
            self._send(goodbye_message(leaving) if leaving else LOOK_MESSAGE)
            with contextlib.suppress(CorosyncError):  # the group's own news tells of it, too
                self._flush(self._group)

    def publish(self, entries: Ledger) -> None:
        """Tell all monitors what is reported, as soon as Corosync takes it; in the group only its leader does."""
        leads = self._election.standing is Standing.LEADING
        if self._view.me is None:
            # Nobody hears of it, and it must not pass for newer than what the group's leader writes meanwhile.
            if self._view.sealed is None:
                self._view = replace(self._view, ledger=dict(entries))
        elif leads:
            self._view, message = election.published(self._view, entries, self._clock.now().wall)
            self._send(message)
