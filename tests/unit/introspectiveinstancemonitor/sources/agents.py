"""Played guest agents, and sessions that hand a question straight to them."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from masakarimonitors.introspectiveinstancemonitor.sources.targets import Target, Targets
from masakarimonitors.libvirt.session import Session
from tests.fixtures.fake_clock import FakeClock

Reply = dict[str, Any] | list[Any] | Exception | str


class Agents:
    """What each guest's agent replies to each command: `replies[uuid](command)`; `asked` is all that was asked.

    `takes`: seconds for which a guest's agent keeps each session.
    """

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.replies: dict[str, Callable[[str], Reply]] = {}
        self.takes: dict[str, float] = {}
        self.asked: list[tuple[float, str, str]] = []
        self.most = 0
        self._open = 0
        self.refuses: Exception | None = None
        """Whoever wants a session gets this."""

    def ask(self, _handle: Any, uuid: str, _domain_id: int, request: str, _seconds: int) -> str:
        command = json.loads(request)["execute"]
        self.asked.append((self.clock.now().monotonic, uuid, command))
        reply = self.replies.get(uuid, well)(command)
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, str) else json.dumps(reply)

    @asynccontextmanager
    async def session(self, uri: str, purpose: str, **_options: Any) -> AsyncIterator[Session]:
        if self.refuses is not None:
            raise self.refuses
        yield cast(Session, _PlayedSession(self))

    async def call(self, function: Callable[[Any], Any]) -> Any:
        self._open += 1
        self.most = max(self.most, self._open)
        try:
            before = len(self.asked)
            try:
                return function(None)
            finally:
                for _, uuid, _ in self.asked[before:]:
                    await self.clock.sleep(self.takes.get(uuid, 0.0))
        finally:
            self._open -= 1


class _PlayedSession:
    def __init__(self, agents: Agents) -> None:
        self.lost = asyncio.Event()
        self._agents = agents

    async def call(self, function: Callable[[Any], Any], _timeout: float) -> Any:
        return await self._agents.call(function)


def well(command: str) -> Reply:
    """The command ends at once, with exit code 0."""
    return {"return": {"pid": 7} if command == "guest-exec" else {"exited": True, "exitcode": 0}}


def dawdling(command: str) -> Reply:
    """The command never ends."""
    return {"return": {"pid": 7} if command == "guest-exec" else {"exited": False}}


def answering(*names: str) -> Targets:
    """Guests that answer their pings."""
    targets = Targets()
    for number, name in enumerate(names):
        targets.put(Target(uuid=name, name=name, run="boot-1", domain_id=number, askable=True))
        targets.answering.add(name)
    return targets
