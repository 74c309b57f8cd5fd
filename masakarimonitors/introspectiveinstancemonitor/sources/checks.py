"""Application checks: commands run in guests whose heartbeat answers, through the guest agent.

In: the `Targets`, the operator's checks. Out: `Answered`, `Missed` and `Inconclusive` of the probe that is
named after the check. What cannot be run, or whose answer makes no sense, says nothing about the application and
is `Inconclusive`, and stays with its guest. A command that outlives its time-out is not started a second time while
it still runs; nobody waits for it.
"""

import asyncio
import heapq
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from masakarimonitors.introspectiveinstancemonitor.core.checks import Check, meant_for
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


@dataclass(frozen=True, slots=True)
class _Turn:
    """One guest's turn, as the checks were when it was due; `anew`: how often its check had begun anew by then."""

    target: Target
    check: Check
    expression: Expression | None
    anew: int

    @property
    def key(self) -> _Key:
        return self.target.uuid, self.check.name


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
        self._running: dict[_Key, tuple[Target, int]] = {}
        self._under_way: set[_Key] = set()
        self._undecided: set[_Key] = set()
        self._request_id = 0
        # How often each has begun anew, by name: an answer of before is nobody's.
        self._anew: Counter[str] = Counter()
        self._wake: asyncio.Event | None = None
        self._version = -1
        # Whose next turn is when; each that is planned stands there once.
        self._due: list[tuple[float, _Key]] = []
        self._planned: set[_Key] = set()

    def renew(
        self, checks: Sequence[Check], expressions: Mapping[str, Expression], begun_anew: Collection[str]
    ) -> None:
        """From now on these checks; what is under way for one of `begun_anew` comes to nothing.

        On the loop's thread.
        """
        self._checks = {check.name: check for check in checks}
        self._expressions = expressions
        self._running = {key: one for key, one in self._running.items() if key[1] not in begun_anew}
        self._undecided = {key for key in self._undecided if key[1] not in begun_anew}
        self._anew.update(begun_anew)
        self._planned = {key for key in self._planned if key[1] not in begun_anew}
        self._due = [turn for turn in self._due if turn[1][1] not in begun_anew]
        heapq.heapify(self._due)
        self._version = -1
        if self._wake is not None:
            self._wake.set()

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
        self._wake = wake = self._targets.subscribe()
        self._due, self._planned, self._version = [], set(), -1
        # Whoever was cancelled before it began could not say that it had ended.
        self._under_way.clear()
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    now = self._clock.now().monotonic
                    if self._version != self._targets.version:
                        self._version = self._targets.version
                        for key in self._wanted() - self._planned:
                            self._planned.add(key)
                            heapq.heappush(self._due, (self._turn(key, now), key))
                    while self._due and self._due[0][0] <= now:
                        _, key = heapq.heappop(self._due)
                        target = self._targets.by_uuid.get(key[0])
                        if target is None or key[1] not in self._meant_for(target):
                            self._planned.discard(key)
                            continue
                        heapq.heappush(self._due, (self._turn(key, now), key))
                        if key[0] in self._targets.answering and key not in self._under_way:
                            self._under_way.add(key)
                            turn = self._turn_of(target, key[1])
                            tasks.create_task(self._one(turn, commands, examiners, emit))
                    await pause(self._clock, self._due[0][0] - now if self._due else None, wake)
        finally:
            self._targets.unsubscribe(wake)
            await commands.close()
            for pool in examiners.values():
                pool.close()

    def _wanted(self) -> set[_Key]:
        return {
            (target.uuid, check)
            for target in self._targets.by_uuid.values()
            for check in self._meant_for(target)
        }

    def _meant_for(self, target: Target) -> frozenset[str]:
        return meant_for(self._checks.values(), target.name, target.uuid, target.nova.words)

    def _turn(self, key: _Key, now: float) -> float:
        return next_turn("/".join(key), self._checks[key[1]].interval, now)

    def _turn_of(self, target: Target, name: str) -> _Turn:
        return _Turn(target, self._checks[name], self._expressions.get(name), self._anew[name])

    def _stands(self, turn: _Turn) -> bool:
        """Whether an answer is still wanted: its check asks the same, and the operator has not left out its guest."""
        name = turn.check.name
        return self._anew[name] == turn.anew and name in self._meant_for(turn.target)

    def _has_more_time(self, turn: _Turn) -> bool:
        """Whether its check is given a longer time-out by now than this turn was."""
        return self._stands(turn) and self._checks[turn.check.name].timeout > turn.check.timeout

    async def _one(
        self,
        turn: _Turn,
        commands: AgentCommands,
        examiners: Mapping[Lane, Pool],
        emit: Callable[[Observation], None],
    ) -> None:
        try:
            # The checks may have changed since this turn was due.
            if self._stands(turn):
                await self._take(turn, commands, examiners, emit)
        finally:
            self._under_way.discard(turn.key)

    async def _take(
        self,
        turn: _Turn,
        commands: AgentCommands,
        examiners: Mapping[Lane, Pool],
        emit: Callable[[Observation], None],
    ) -> None:
        self._request_id += 1
        target, check, started = turn.target, turn.check, self._clock.now().monotonic

        def say(seen: Observation) -> None:
            if self._stands(turn):
                emit(seen)

        uuid, run, probe, request_id = target.uuid, target.run, check.name, self._request_id
        try:
            end = await self._run(target, check, commands)
            if end is None and self._has_more_time(turn):
                # It goes on, and its next turn tells.
                return
            words = await self._fault(turn.key, check, end, turn.expression, examiners)
        except Exception as fault:  # noqa: BLE001 - what comes of one guest's reply must not reach the others
            # Whether the guest lives is the heartbeat's business; the application was not examined.
            why = f"the check could not be made: {str(fault) or type(fault).__name__}"
            LOG.debug("%s: %s: %s", target.name, check.name, why)
            say(
                Inconclusive(
                    uuid=uuid, run=run, probe=probe, in_reply_to=request_id, why=why, where=self._uri
                )
            )
        else:
            if words:
                say(
                    Missed(
                        uuid=uuid,
                        run=run,
                        probe=probe,
                        in_reply_to=request_id,
                        evidence=words,
                        final=True,
                        where=self._uri,
                    )
                )
            else:
                say(
                    Answered(
                        uuid=uuid,
                        run=run,
                        probe=probe,
                        took=self._clock.now().monotonic - started,
                        where=self._uri,
                    )
                )

    async def _run(self, target: Target, check: Check, commands: AgentCommands) -> End | None:
        """How the command ended, or None when it did not within its time."""
        key = (target.uuid, check.name)
        begun_in, pid = self._running.get(key, (target, 0))
        if not pid or not target.is_life_of(begun_in):
            anew = self._anew[check.name]
            pid = await commands.start(target, check.command)
            if self._anew[check.name] == anew:
                self._running[key] = (target, pid)
        try:
            end = await commands.wait(target, pid, check.timeout)
        except (Refused, ValueError):
            # The agent does not know it any more (it was started anew), or speaks nonsense: begin again.
            self._forget(key, pid)
            raise
        if end is not None:
            self._forget(key, pid)
        return end

    def _forget(self, key: _Key, pid: int) -> None:
        if key in self._running and self._running[key][1] == pid:
            del self._running[key]

    async def _fault(
        self,
        key: _Key,
        check: Check,
        end: End | None,
        expression: Expression | None,
        examiners: Mapping[Lane, Pool],
    ) -> str:
        """What is wrong, or nothing; an output is examined on a thread, one that took too long on another."""
        if end is None:
            return f"{check.command[0]} has not ended within {check.timeout:g} s"
        words = check.fault(end.exit_code, end.signal, end.output)
        if words or expression is None:
            return words or ""
        lane = Lane.SLOW if key in self._undecided else Lane.QUICK
        self._undecided.add(key)
        found = await examiners[lane].call(partial(expression.found_in, end.output), _EXAMINED)
        self._undecided.discard(key)
        return "" if found else check.mismatch(end.output)
