"""Application checks: commands run in guests whose heartbeat answers, through the guest agent.

In: the `Roster` and the operator's checks. Out: `Answered`, `Missed` and `Void` of the probe that is
named after the check. What cannot be run says nothing about the application and is `Void`. A command
that outlives its time-out is not started a second time while it still runs.
"""

import asyncio
import base64
import binascii
import heapq
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from masakarimonitors.introspectiveinstancemonitor.checking import Check
from masakarimonitors.introspectiveinstancemonitor.observation import Answered, Missed, Observation, Void
from masakarimonitors.introspectiveinstancemonitor.pacing import next_turn
from masakarimonitors.introspectiveinstancemonitor.sources.agent import NotAsked, Refused, Silent, ask
from masakarimonitors.introspectiveinstancemonitor.sources.roster import Roster, Watched
from masakarimonitors.system.clock import Clock, pause
from masakarimonitors.system.libvirt import Connection, Unavailable

AT_ONCE = 2
"""Checks under way at once: each may hold one of libvirtd's workers for as long as its guest dawdles."""

_ANSWERS = 5
"""Seconds that the agent has for each step; only starting and asking, not the command itself."""

_COMES_BACK = 60.0
"""Seconds within which libvirt gives up on any step."""

_FIRST_LOOK, _LAST_LOOK = 0.1, 1.0
"""Seconds between two looks at a running command: soon at first, then seldom."""

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _End:
    exit_code: int | None
    signal: int | None
    output: str


class Checks:
    """The operator's checks on the machines of one libvirt."""

    def __init__(self, uri: str, roster: Roster, clock: Clock, checks: Sequence[Check]) -> None:
        """Nothing is opened before the first check is due."""
        self.name = f"checks of {uri}"
        self._uri = uri
        self._roster = roster
        self._clock = clock
        self._checks = {check.name: check for check in checks}
        self._running: dict[_Key, tuple[str, int]] = {}
        self._question = 0

    async def run(self, emit: Callable[[Observation], None]) -> None:
        """Until cancelled."""
        free = [Connection(self._uri, readonly=False) for _ in range(AT_ONCE)]
        connections = tuple(free)
        wake = self._roster.subscribe()
        due: list[tuple[float, _Key]] = []
        planned: set[_Key] = set()
        version = -1
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    now = self._clock.now().monotonic
                    if version != self._roster.version:
                        version = self._roster.version
                        for key in self._wanted() - planned:
                            planned.add(key)
                            heapq.heappush(due, (self._turn(key, now), key))
                    while due and due[0][0] <= now and free:
                        _, key = heapq.heappop(due)
                        machine = self._roster.machines.get(key[0])
                        if machine is None:
                            planned.discard(key)
                            continue
                        heapq.heappush(due, (self._turn(key, now), key))
                        if key[0] in self._roster.answering:
                            job = self._one(machine, self._checks[key[1]], free.pop(), free, emit)
                            tasks.create_task(job).add_done_callback(lambda _: wake.set())
                    wait = max(0.01, due[0][0] - now) if due and free else None
                    await pause(self._clock, wait, wake)
        finally:
            self._roster.unsubscribe(wake)
            for connection in connections:
                connection.close()

    def _wanted(self) -> set[_Key]:
        return {
            (machine.uuid, check.name)
            for machine in self._roster.machines.values()
            for check in self._checks.values()
            if check.match.fits(machine.name, machine.uuid, machine.nova.words)
        }

    def _turn(self, key: _Key, now: float) -> float:
        return next_turn("/".join(key), self._checks[key[1]].interval, now)

    async def _one(
        self,
        machine: Watched,
        check: Check,
        connection: Connection,
        free: list[Connection],
        emit: Callable[[Observation], None],
    ) -> None:
        self._question += 1
        question, started = self._question, self._clock.now().monotonic
        uuid, run, probe = machine.uuid, machine.run, check.name
        try:
            await connection.open()
            end = await self._run(machine, check, connection)
        except (Silent, NotAsked, Refused, Unavailable) as fault:
            # Whether the guest lives is the heartbeat's business; the application was not examined.
            emit(Void(uuid, run, probe, question, f"the check could not be made: {fault}"))
            return
        finally:
            free.append(connection)
        if end is None:
            words = f"{check.command[0]} has not ended within {check.timeout:g} s"
        else:
            words = check.fault(end.exit_code, end.signal, end.output) or ""
        if words:
            emit(Missed(uuid, run, probe, question, words, final=True))
        else:
            emit(Answered(uuid, run, probe, self._clock.now().monotonic - started))

    async def _run(self, machine: Watched, check: Check, connection: Connection) -> _End | None:
        """How the command ended, or None when it did not within its time."""
        key = (machine.uuid, check.name)
        deadline = self._clock.now().monotonic + check.timeout
        run, pid = self._running.pop(key, (machine.run, 0))
        if not pid or run != machine.run:
            words = {"path": check.command[0], "arg": list(check.command[1:]), "capture-output": True}
            pid = int((await self._ask(machine, connection, "guest-exec", words))["pid"])
        pace = _FIRST_LOOK
        while True:
            status = await self._ask(machine, connection, "guest-exec-status", {"pid": pid})
            if status.get("exited"):
                return _end(status)
            left = deadline - self._clock.now().monotonic
            if left <= 0:
                self._running[key] = (machine.run, pid)
                return None
            await self._clock.sleep(min(pace, left))
            pace = min(pace * 2, _LAST_LOOK)

    async def _ask(
        self, machine: Watched, connection: Connection, command: str, arguments: dict[str, Any]
    ) -> dict[str, Any]:
        request = json.dumps({"execute": command, "arguments": arguments})
        answer = await connection.call(
            lambda handle: ask(handle, machine.uuid, machine.number, request, _ANSWERS), _COMES_BACK
        )
        found = json.loads(answer).get("return")
        if not isinstance(found, dict):
            raise Refused(f"the agent answered {command} with {answer[:80]!r}")
        return found


def _end(status: dict[str, Any]) -> _End:
    return _End(
        status.get("exitcode"),
        status.get("signal"),
        _decoded(status.get("out-data", "")) + _decoded(status.get("err-data", "")),
    )


def _decoded(data: str) -> str:
    try:
        return base64.b64decode(data).decode(errors="replace")
    except (binascii.Error, ValueError):
        return ""
