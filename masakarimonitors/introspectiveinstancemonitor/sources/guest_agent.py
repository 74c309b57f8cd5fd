"""The heartbeat: a guest-ping to every askable machine, spread over the interval, in bounded lanes.

In: the `Roster`. Out: `Answered`, `Missed` and `Void`. Each ping under way has a connection of its own,
opened once and kept: a call that shares one with a hung ping was seen to stall until that ping came
back. A ping unanswered at its time-out is a miss at that moment; its call comes back later (libvirt
waits 5 s for a hung agent whatever it is told), and then confirms the miss, or takes it back.
"""

import asyncio
import logging
from collections.abc import Callable

from masakarimonitors.introspectiveinstancemonitor.observation import (
    HEARTBEAT,
    Answered,
    Missed,
    Observation,
    Void,
)
from masakarimonitors.introspectiveinstancemonitor.pacing import IN_FLIGHT, Lane
from masakarimonitors.introspectiveinstancemonitor.sources.agent import NotAsked, Refused, Silent, ask
from masakarimonitors.introspectiveinstancemonitor.sources.roster import Roster, Watched
from masakarimonitors.introspectiveinstancemonitor.sources.rota import Rota
from masakarimonitors.system.clock import Clock, pause
from masakarimonitors.system.libvirt import Connection, Unanswered, Unavailable

LOG = logging.getLogger(__name__)

COMES_BACK = 90.0
"""Seconds within which libvirt gives up every ping: its own 5 s for the agent, 30 s for a machine whose
agent somebody else keeps busy (a file system being frozen), and time to spare."""

CONNECTS = 10.0
"""Seconds for opening one of the connections."""

_PING = '{"execute": "guest-ping"}'


class Heartbeat:
    """Pings the machines of one libvirt; see the module's opening."""

    def __init__(
        self, uri: str, roster: Roster, clock: Clock, *, interval: float, timeout: float, threshold: int
    ) -> None:
        """`interval` and `timeout` in seconds; `threshold` misses in a row make a machine a suspect."""
        self.name = f"heartbeat of {uri}"
        self._uri = uri
        self._roster = roster
        self._clock = clock
        self._interval = interval
        self._timeout = timeout
        self._threshold = threshold
        self._question = 0

    async def run(self, emit: Callable[[Observation], None]) -> None:
        """Until cancelled. Calls under way are left to their threads: nobody waits for a hung guest."""
        free = [Connection(self._uri, readonly=False) for _ in range(IN_FLIGHT)]
        wake = self._roster.subscribe()
        rota = Rota(self._roster, self._interval, self._threshold)
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    now = self._clock.now().monotonic
                    rota.enlist(now)
                    for machine, lane in rota.startable(now):
                        # The one given back last comes first: in quiet times the others are never opened.
                        beat = self._beat(machine, lane, rota, free.pop(), free, emit, tasks)
                        tasks.create_task(beat).add_done_callback(lambda _: wake.set())
                    await pause(self._clock, rota.next_event(now), wake)
        finally:
            self._roster.unsubscribe(wake)
            # Those with a ping under way have come back by now: a cancelled one gives its connection back.
            for connection in free:
                connection.close()

    async def _beat(
        self,
        machine: Watched,
        lane: Lane,
        rota: Rota,
        connection: Connection,
        free: list[Connection],
        emit: Callable[[Observation], None],
        tasks: asyncio.TaskGroup,
    ) -> None:
        """One ping, from its start until its call is back."""
        started = self._clock.now().monotonic
        try:
            await connection.open(CONNECTS)
            outcome = await self._ping(machine, rota, connection, emit, tasks)
            if isinstance(outcome, Unanswered):
                # Its thread may never come back: leave it behind.
                connection.close()
                connection = Connection(self._uri, readonly=False)
        except Unavailable as fault:
            # Not asked. That libvirt is away, discovery tells.
            LOG.debug("%s was not pinged: %s", machine.name, fault)
        finally:
            free.append(connection)
            rota.finish(machine, lane, started, self._clock.now().monotonic)

    async def _ping(
        self,
        machine: Watched,
        rota: Rota,
        connection: Connection,
        emit: Callable[[Observation], None],
        tasks: asyncio.TaskGroup,
    ) -> Silent | NotAsked | Unavailable | None:
        self._question += 1
        question, (uuid, run) = self._question, (machine.uuid, machine.run)
        asked = self._clock.now().monotonic
        call = tasks.create_task(self._call(machine, connection))
        done, _ = await asyncio.wait({call}, timeout=self._timeout)
        if not done:
            rota.missed(machine)
            words = f"guest-ping not answered within {self._timeout:g} s"
            emit(Missed(uuid, run, HEARTBEAT, question, words))
        outcome = await call
        took = self._clock.now().monotonic - asked
        match outcome:
            case None:
                LOG.debug("%s answered its ping after %.3f s", machine.name, took)
                rota.answered(machine)
                emit(Answered(uuid, run, HEARTBEAT, took))
            case Silent():
                if done:
                    rota.missed(machine)
                emit(Missed(uuid, run, HEARTBEAT, question, str(outcome), final=True))
            case _:
                if not done:
                    rota.unasked(machine)
                emit(Void(uuid, run, HEARTBEAT, question, str(outcome)))
        return outcome

    async def _call(self, machine: Watched, connection: Connection) -> Silent | NotAsked | Unavailable | None:
        """None for an answer; otherwise what there was instead."""
        seconds = max(1, round(self._timeout))
        try:
            await connection.call(
                lambda handle: ask(handle, machine.uuid, machine.number, _PING, seconds), COMES_BACK
            )
        except (Silent, NotAsked, Unavailable) as outcome:
            return outcome
        except Refused:
            # An agent that says it will not be pinged has answered.
            pass
        return None
