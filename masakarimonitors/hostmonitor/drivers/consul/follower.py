"""One list of a datacentre, followed: a first reading, then blocking queries, default consistency.

In: answers with Consul's index. Out: each body that differs from the one before, and how far the list is followed.
A change arrives within moments, and an idle cluster costs nothing.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.drivers.consul.agent import Agent, AgentFault, Answer
from masakarimonitors.hostmonitor.drivers.consul.rhythm import Budget, Rhythm
from masakarimonitors.system.clock import Clock

Take = Callable[[bytes], None]


class Follower:
    """Follows the list at `path`. It never ends by itself: whether sight is lost is for the prover to say."""

    def __init__(
        self,
        path: str,
        params: Mapping[str, str],
        agent: Agent,
        clock: Clock,
        rhythm: Rhythm,
        *,
        on_read: Callable[[Instant, int], None],
        on_followed: Callable[[int], None],
        on_fault: Callable[[], None],
    ) -> None:
        """Nothing is asked before `read`.

        `on_read` is called with the moment at which a whole list was asked for, and its index, once it was
        taken; `on_followed` with the index of each change; `on_fault` when a query has failed.
        """
        self._path = path
        self._params = params
        self._agent = agent
        self._clock = clock
        self._rhythm = rhythm
        self._on_read = on_read
        self._on_followed = on_followed
        self._on_fault = on_fault
        self._index = 0
        self._digest = b""
        self._budget = Budget()
        self._waiting: asyncio.Timeout | None = None
        self.members = 0
        """About how many rows the list has: a longer one takes longer to read."""

    async def read(self, take: Take) -> None:
        """Ask for the whole list, which answers at once, and give it to `take`; raises AgentFault."""
        asked_at = self._clock.now()
        answer = await self._whole()
        self._take(answer, take)
        self._on_read(asked_at, answer.index)

    async def run(self, take: Take) -> None:
        """Follow the list for ever; `take` gets each body that differs from the one before.

        What it raises ends this, too: an AgentFault, when the list is not one to be used.
        """
        while True:
            await asyncio.sleep(self._budget.rest())
            asked_at, since = self._clock.now(), self._index
            try:
                answer = await (self._change() if since else self._whole())
            except TimeoutError:
                # Found hanging (`hurry`): asked as a whole it answers at once.
                self._index = 0
                continue
            except AgentFault:
                self._index = 0
                self._on_fault()
                await asyncio.sleep(self._rhythm.alert)
                continue
            self._take(answer, take)
            if since:
                self._on_followed(answer.index)
            else:
                self._on_read(asked_at, answer.index)

    def hurry(self) -> None:
        """Ask anew at once what is being waited for.

        The agent forwards each query to one of the servers. If that one is cut off or hangs, the query hangs
        with it for 30 s and more, while probes already go to another server and succeed. A reading of the whole list
        is left alone: it does not wait for anything, and a long one must be able to end.
        """
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(asyncio.get_running_loop().time())

    def _take(self, answer: Answer, take: Take) -> None:
        with self._budget.spent():
            seen = hashlib.blake2b(answer.body, digest_size=16).digest()
            if seen != self._digest:
                take(answer.body)
                self._digest = seen
        # Consul's rules: an index that went back (a restored snapshot) starts afresh, and 0 would not block.
        self._index = 0 if answer.index < self._index else max(1, answer.index)

    async def _whole(self) -> Answer:
        return await self._agent.get(self._path, self._rhythm.reading(self.members), self._params)

    async def _change(self) -> Answer:
        """One blocking query, which `hurry` can end early with TimeoutError."""
        asked: dict[str, str | int] = {
            **self._params,
            "index": self._index,
            "wait": f"{self._rhythm.wait:.0f}s",
        }
        try:
            async with asyncio.timeout(None) as self._waiting:
                return await self._agent.get(self._path, self._rhythm.blocking_timeout, asked)
        finally:
            self._waiting = None
