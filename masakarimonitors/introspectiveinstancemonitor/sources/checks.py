"""Application checks: commands run in guests whose heartbeat answers, through the guest agent.

In: the `Targets`, the operator's checks. Out: `Answered`, `Missed` and `Inconclusive` of the probe that is
named after the check. What cannot be run, or whose answer makes no sense, says nothing about the application and
is `Inconclusive`, and stays with its guest. A command that outlives its time-out is not started a second time while
it still runs; nobody waits for it.
"""

import asyncio
import heapq
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from masakarimonitors.introspectiveinstancemonitor.core.checks import Check
from masakarimonitors.introspectiveinstancemonitor.core.observation import (
    Answered,
    Inconclusive,
    Missed,
    Observation,
)
from masakarimonitors.introspectiveinstancemonitor.sources.agent import Asking, Refused, ask
from masakarimonitors.introspectiveinstancemonitor.sources.agent_commands import AgentCommands, Lane
from masakarimonitors.introspectiveinstancemonitor.sources.output import End, Expression
from masakarimonitors.introspectiveinstancemonitor.sources.schedule import next_turn
from masakarimonitors.introspectiveinstancemonitor.sources.targets import Target, Targets
from masakarimonitors.libvirt.session import OpenSession, session
from masakarimonitors.system.clock import Clock, pause
from masakarimonitors.system.threads import Pool

LOG = logging.getLogger(__name__)

_EXAMINED = 30.0
"""Seconds within which an output is examined, its time in line included."""

_Key = tuple[str, str]


class Checks:
    """The operator's checks on the guests of one libvirt."""

    def __init__(
        self,
        uri: str,
        targets: Targets,
        clock: Clock,
        checks: Sequence[Check],
        expressions: Mapping[str, Expression],
        open_session: OpenSession = session,
        ask_agent: Asking = ask,
    ) -> None:
        """Nothing is opened before the first check is due; `expressions` by the name of their check."""
        self.name = f"checks of {uri}"
        self._uri = uri
        self._targets = targets
        self._clock = clock
        self._checks = {check.name: check for check in checks}
        self._expressions = expressions
        self._open_session = open_session
        self._ask_agent = ask_agent
        self._running: dict[_Key, tuple[str, int]] = {}
        self._under_way: set[_Key] = set()
        self._undecided: set[_Key] = set()
        self._request_id = 0

    async def run(self, emit: Callable[[Observation], None]) -> None:
        """Until cancelled."""
        commands = AgentCommands(
            self._uri,
            self._clock,
            lambda uuid: uuid in self._targets.answering,
            self._open_session,
            self._ask_agent,
        )
        examiners = {lane: Pool(f"output {lane.value}") for lane in Lane}
        wake = self._targets.subscribe()
        due: list[tuple[float, _Key]] = []
        planned: set[_Key] = set()
        version = -1
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    now = self._clock.now().monotonic
                    if version != self._targets.version:
                        version = self._targets.version
                        for key in self._wanted() - planned:
                            planned.add(key)
                            heapq.heappush(due, (self._turn(key, now), key))
                    while due and due[0][0] <= now:
                        _, key = heapq.heappop(due)
                        target = self._targets.by_uuid.get(key[0])
                        if target is None:
                            planned.discard(key)
                            continue
                        heapq.heappush(due, (self._turn(key, now), key))
                        if key[0] in self._targets.answering and key not in self._under_way:
                            self._under_way.add(key)
                            tasks.create_task(self._one(target, key, commands, examiners, emit))
                    await pause(self._clock, due[0][0] - now if due else None, wake)
        finally:
            self._targets.unsubscribe(wake)
            await commands.close()
            for pool in examiners.values():
                pool.close()

    def _wanted(self) -> set[_Key]:
        return {
            (target.uuid, check.name)
            for target in self._targets.by_uuid.values()
            for check in self._checks.values()
            if check.match.fits(target.name, target.uuid, target.nova.words)
        }

    def _turn(self, key: _Key, now: float) -> float:
        return next_turn("/".join(key), self._checks[key[1]].interval, now)

    async def _one(
        self,
        target: Target,
        key: _Key,
        commands: AgentCommands,
        examiners: Mapping[Lane, Pool],
        emit: Callable[[Observation], None],
    ) -> None:
        self._request_id += 1
        check, started = self._checks[key[1]], self._clock.now().monotonic
        uuid, run, probe, request_id = target.uuid, target.run, check.name, self._request_id
        try:
            end = await self._run(target, check, commands)
            words = await self._fault(key, end, examiners)
        except Exception as fault:  # noqa: BLE001 - what comes of one guest's reply must not reach the others
            # Whether the guest lives is the heartbeat's business; the application was not examined.
            why = f"the check could not be made: {str(fault) or type(fault).__name__}"
            LOG.debug("%s: %s: %s", target.name, check.name, why)
            emit(Inconclusive(uuid=uuid, run=run, probe=probe, in_reply_to=request_id, why=why))
        else:
            if words:
                emit(
                    Missed(
                        uuid=uuid, run=run, probe=probe, in_reply_to=request_id, evidence=words, final=True
                    )
                )
            else:
                emit(Answered(uuid=uuid, run=run, probe=probe, took=self._clock.now().monotonic - started))
        finally:
            self._under_way.discard(key)

    async def _run(self, target: Target, check: Check, commands: AgentCommands) -> End | None:
        """How the command ended, or None when it did not within its time."""
        key = (target.uuid, check.name)
        run, pid = self._running.get(key, (target.run, 0))
        if not pid or run != target.run:
            pid = await commands.start(target, check.command)
            self._running[key] = (target.run, pid)
        try:
            end = await commands.wait(target, pid, check.timeout)
        except (Refused, ValueError):
            # The agent does not know it any more (it was started anew), or speaks nonsense: begin again.
            del self._running[key]
            raise
        if end is not None:
            del self._running[key]
        return end

    async def _fault(self, key: _Key, end: End | None, examiners: Mapping[Lane, Pool]) -> str:
        """What is wrong, or nothing; an output is examined on a thread, one that took too long on another."""
        check = self._checks[key[1]]
        if end is None:
            return f"{check.command[0]} has not ended within {check.timeout:g} s"
        words = check.fault(end.exit_code, end.signal, end.output)
        expression = self._expressions.get(check.name)
        if words or expression is None:
            return words or ""
        lane = Lane.SLOW if key in self._undecided else Lane.QUICK
        self._undecided.add(key)
        found = await examiners[lane].call(partial(expression.found_in, end.output), _EXAMINED)
        self._undecided.discard(key)
        return "" if found else check.mismatch(end.output)
