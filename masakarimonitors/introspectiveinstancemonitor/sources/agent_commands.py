"""Commands that a guest agent runs in its guest: started, and asked after until they end or their time is up.

In: a guest and a command. Out: how it ended, or that it has not. Each step (starting, asking) takes milliseconds
in a guest whose agent is well, and only for its length one of a few sessions is used: a command that dawdles costs
nobody's place. Steps that may be slow, because the last one in this guest was, or because the command runs for
long, have sessions of their own.
"""

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from masakarimonitors.core.outside import read_json
from masakarimonitors.introspectiveinstancemonitor.sources.agent import Asking, NotAsked, Refused, ask
from masakarimonitors.introspectiveinstancemonitor.sources.output import End, end_of
from masakarimonitors.introspectiveinstancemonitor.sources.targets import Target
from masakarimonitors.libvirt.kept import KeptSessions
from masakarimonitors.libvirt.session import OpenSession, session
from masakarimonitors.system.clock import Clock

_ANSWERS = 5
"""Seconds that the agent has for each step; only starting and asking, not the command itself."""

_COMES_BACK = 60.0
"""Seconds within which libvirt gives up on any step."""

_FIRST_PAUSE, _LAST_PAUSE = 0.1, 2.0
"""Seconds between two looks at a running command: soon at first, then seldom."""

_SLOW = 1.0
"""Seconds beyond which a step, or a command, is slow."""

_LONGEST = 1 << 20
"""Characters of one answer that are read: an agent keeps up to 16 MiB of a command's output."""


class Lane(StrEnum):
    """Which sessions a step uses."""

    QUICK = "quick"
    SLOW = "slow"


PLACES: Mapping[Lane, int] = {Lane.QUICK: 2, Lane.SLOW: 1}
"""Steps under way at once: each may hold one of libvirtd's workers for 5 seconds."""


class AgentCommands:
    """Runs commands in the guests of one libvirt; `slow` are the guests whose last step was."""

    def __init__(
        self,
        uri: str,
        clock: Clock,
        answers: Callable[[str], bool],
        open_session: OpenSession = session,
        ask_agent: Asking = ask,
    ) -> None:
        """Nothing is opened yet. `answers`: whether the guest of this uuid answers its pings."""
        self._clock = clock
        self._sessions = {
            lane: KeptSessions(uri, f"{lane.value} checks", places, readonly=False, open_session=open_session)
            for lane, places in PLACES.items()
        }
        self._answers = answers
        self._ask_agent = ask_agent
        self.slow: set[str] = set()

    async def close(self) -> None:
        """Let go of the sessions, without waiting for what hangs."""
        for sessions in self._sessions.values():
            await sessions.close()

    async def start(self, target: Target, command: tuple[str, ...]) -> int:
        """Start it; the process's number in the guest.

        Raises what `agent.ask` and a session raise, and ValueError for an answer that makes no sense.
        """
        words = {"path": command[0], "arg": list(command[1:]), "capture-output": True}
        pid = (await self._ask(target, "guest-exec", words, Lane.QUICK)).get("pid")
        if isinstance(pid, bool) or not isinstance(pid, int):
            raise ValueError(f"the agent calls {pid!r:.80} a process")
        return pid

    async def wait(self, target: Target, pid: int, seconds: float) -> End | None:
        """How it ended, or None when it has not within so many seconds; raises as `start`."""
        began = self._clock.now().monotonic
        pace = _FIRST_PAUSE
        while True:
            waited = self._clock.now().monotonic - began
            lane = Lane.SLOW if waited > _SLOW else Lane.QUICK
            status = await self._ask(target, "guest-exec-status", {"pid": pid}, lane)
            if status.get("exited"):
                return end_of(status)
            if waited >= seconds:
                # Asked when its time was over: an answer of before, read late, says nothing of what came after it.
                return None
            left = began + seconds - self._clock.now().monotonic
            await self._clock.sleep(min(pace, max(left, 0.0)))
            pace = min(pace * 2, _LAST_PAUSE)

    async def _ask(
        self, target: Target, command: str, arguments: dict[str, Any], lane: Lane
    ) -> dict[str, Any]:
        request = json.dumps({"execute": command, "arguments": arguments})

        def step(handle: Any) -> dict[str, Any]:
            # Read on the thread as well: a guest chooses how long it is.
            return _read(command, self._ask_agent(handle, target.uuid, target.domain_id, request, _ANSWERS))

        lane = Lane.SLOW if target.uuid in self.slow else lane
        async with self._sessions[lane].one() as libvirt:
            if not self._answers(target.uuid):
                # It may have fallen silent while this step stood in line, behind others that did.
                raise NotAsked("the guest does not answer its pings")
            asked = self._clock.now().monotonic
            # Slow until it was quick: what breaks off is not, but a refusal is an answer like any other.
            self.slow.add(target.uuid)
            try:
                found = await libvirt.call(step, _COMES_BACK)
            except Refused:
                self._note_pace(target, asked)
                raise
            self._note_pace(target, asked)
        return found

    def _note_pace(self, target: Target, asked: float) -> None:
        if self._clock.now().monotonic - asked <= _SLOW:
            self.slow.discard(target.uuid)


def _read(command: str, answer: str) -> dict[str, Any]:
    if len(answer) > _LONGEST:
        raise Refused(
            f"the agent answered {command} with {len(answer)} characters; at most {_LONGEST} are read"
        )
    told = read_json(answer)
    found = told.get("return") if isinstance(told, dict) else None
    if not isinstance(found, dict):
        raise Refused(f"the agent answered {command} with {answer[:80]!r}")
    return found
