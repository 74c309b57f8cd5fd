"""The heartbeat: a guest-ping to every target that may be asked, spread over the interval, in bounded lanes.

In: the `Targets`. Out: `Answered`, `Missed` and `Inconclusive`; `AgentsOutOfReach` while nobody can be asked.
Each ping under way has a session of its own, which is kept: a call that shares one with a hung ping was
seen to stall until that ping came back. A ping unanswered at its time-out is a miss at that moment; its
call comes back later (libvirt waits 5 s for a hung agent whatever it is told), and then confirms the miss,
or takes it back.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from masakarimonitors.introspectiveinstancemonitor.core.observation import (
    HEARTBEAT,
    AgentsInReach,
    AgentsOutOfReach,
    Answered,
    Inconclusive,
    Missed,
    Observation,
)
from masakarimonitors.introspectiveinstancemonitor.sources.agent import (
    Asking,
    NotAsked,
    Refused,
    Silent,
    ask,
    certain,
)
from masakarimonitors.introspectiveinstancemonitor.sources.schedule import IN_FLIGHT, Lane, PingSchedule
from masakarimonitors.introspectiveinstancemonitor.sources.targets import Target, Targets
from masakarimonitors.libvirt.faults import Unavailable
from masakarimonitors.libvirt.kept import KeptSessions
from masakarimonitors.libvirt.session import OpenSession, Session, session
from masakarimonitors.libvirt.under_way import UnderWay
from masakarimonitors.system.clock import Clock, pause
from masakarimonitors.system.patience import Patience

LOG = logging.getLogger(__name__)

COMES_BACK = 90.0
"""Seconds within which libvirt gives up every ping: its own 5 s for the agent, 30 s for a guest whose
agent somebody else keeps busy (a file system being frozen), and time to spare."""

CONNECTS = 10.0
"""Seconds for opening one of the sessions."""

FAILURES = 3
"""Sessions in a row that could not be opened before agents count as out of reach, unless one was refused."""

_PING = '{"execute": "guest-ping"}'


class Heartbeat:
    """Pings the guests of one libvirt; see the module's opening."""

    def __init__(
        self,
        uri: str,
        targets: Targets,
        clock: Clock,
        *,
        interval: float,
        timeout: float,
        threshold: int,
        open_session: OpenSession = session,
        ask_agent: Asking = ask,
    ) -> None:
        """`interval` and `timeout` in seconds; `threshold` misses in a row make a target a suspect."""
        self.name = f"heartbeat of {uri}"
        self._uri = uri
        self._targets = targets
        self._clock = clock
        self._interval = interval
        self._timeout = timeout
        self._seconds = max(1, round(timeout))  # libvirt knows whole ones
        self._threshold = threshold
        self._open_session = open_session
        self._ask_agent = ask_agent
        self._request_id = 0
        self._under_way = UnderWay()

    async def run(self, emit: Callable[[Observation], None]) -> None:
        """Until cancelled. Calls under way are left to their threads: nobody waits for a hung guest."""
        sessions = KeptSessions(
            self._uri,
            "pings",
            IN_FLIGHT,
            readonly=False,
            timeout=CONNECTS,
            open_session=self._open_session,
        )
        reach = _Reach(self._uri, emit)
        wake = self._targets.subscribe()
        schedule = PingSchedule(self._targets, self._interval, self._threshold)
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    now = self._clock.now().monotonic
                    schedule.update(now)
                    for target, lane in schedule.startable(now):
                        beat = self._beat(target, lane, schedule, sessions, reach, emit, tasks)
                        tasks.create_task(beat).add_done_callback(lambda _: wake.set())
                    await pause(self._clock, schedule.next_event(now), wake)
        finally:
            self._targets.unsubscribe(wake)
            # Those with a ping under way have come back by now: a cancelled one gives its session back.
            await sessions.close()

    async def _beat(
        self,
        target: Target,
        lane: Lane,
        schedule: PingSchedule,
        sessions: KeptSessions,
        reach: "_Reach",
        emit: Callable[[Observation], None],
        tasks: asyncio.TaskGroup,
    ) -> None:
        """One ping, from its start until its call is back."""
        started = self._clock.now().monotonic
        try:
            async with sessions.one() as libvirt:
                reach.reached()
                await self._ping(target, schedule, libvirt, emit, tasks)
        except Unavailable as fault:
            LOG.debug("%s was not pinged: %s", target.name, fault)
            reach.missed(fault)
        finally:
            schedule.finish(target, lane, started, self._clock.now().monotonic)

    async def _ping(
        self,
        target: Target,
        schedule: PingSchedule,
        libvirt: Session,
        emit: Callable[[Observation], None],
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._request_id += 1
        uuid, run, request_id = target.uuid, target.run, self._request_id
        miss = partial(Missed, uuid=uuid, run=run, probe=HEARTBEAT, in_reply_to=request_id, where=self._uri)
        asked = self._clock.now().monotonic
        call = tasks.create_task(self._call(target, libvirt))
        patience = Patience(self._timeout)
        done = await patience.wait(call)
        if not done:
            schedule.missed(target)
            words = f"guest-ping not answered within {self._timeout:g} s"
            emit(miss(evidence=words))
        outcome = await call
        took = self._clock.now().monotonic - asked
        if isinstance(outcome, Silent) and patience.held_up and patience.seen < certain(self._seconds):
            # How long its thread took does not tell a silence from a refusal then: it was held up, too.
            outcome = NotAsked(f"this process stood still while it was asked ({outcome})")
        match outcome:
            case None:
                LOG.debug("%s answered its ping after %.3f s", target.name, took)
                schedule.answered(target)
                emit(Answered(uuid=uuid, run=run, probe=HEARTBEAT, took=took, where=self._uri))
            case Silent():
                if done:
                    schedule.missed(target)
                emit(miss(evidence=str(outcome), final=True))
            case _:
                if not done:
                    schedule.unasked(target)
                why = str(outcome)
                emit(
                    Inconclusive(
                        uuid=uuid, run=run, probe=HEARTBEAT, in_reply_to=request_id, why=why, where=self._uri
                    )
                )

    async def _call(self, target: Target, libvirt: Session) -> Silent | NotAsked | Unavailable | None:
        """None for an answer; otherwise what there was instead."""
        if target.uuid in self._under_way:
            return NotAsked("libvirt has not come back from the last question to this guest")

        def ping(handle: Any) -> str:
            with self._under_way.about(target.uuid):
                return self._ask_agent(handle, target.uuid, target.domain_id, _PING, self._seconds)

        try:
            await libvirt.call(ping, COMES_BACK)
        except (Silent, NotAsked, Unavailable) as outcome:
            return outcome
        except Refused:
            # An agent that says it will not be pinged has answered.
            pass
        except Exception as fault:  # noqa: BLE001 - what comes of one guest's reply must not reach the others
            return NotAsked(f"what came back could not be read ({type(fault).__name__}: {fault})")
        return None


class _Reach:
    """Whether guest agents can be asked at all: a right of its own, which the inventory does not need."""

    def __init__(self, uri: str, emit: Callable[[Observation], None]) -> None:
        self._uri = uri
        self._emit = emit
        self._failures = 0
        self._last: bool | None = None

    def reached(self) -> None:
        """A session for a question was had."""
        self._failures = 0
        if self._last is not True:
            self._last = True
            self._emit(AgentsInReach(self._uri))

    def missed(self, fault: Unavailable) -> None:
        """None was had. A refusal is one at once, anything else when it goes on: libvirtd may just be restarted."""
        self._failures += 1
        if self._last is not False and (fault.refused or self._failures >= FAILURES):
            self._last = False
            self._emit(AgentsOutOfReach(str(fault), self._uri))
