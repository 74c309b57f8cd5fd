"""Processes that stand still: what they wait for comes to them only when they go on, and then all at once."""

import asyncio

from tests.fixtures.fake_loop import FakeLoop, LoopClock


class Freezer:
    """Which hosts' monitors stand still."""

    def __init__(self) -> None:
        self._still: dict[str, asyncio.Event] = {}

    def freeze(self, host: str) -> None:
        """SIGSTOP."""
        self._still.setdefault(host, asyncio.Event())

    def thaw(self, host: str) -> None:
        """SIGCONT."""
        if host in self._still:
            self._still.pop(host).set()

    def frozen(self, host: str) -> bool:
        """Whether it stands still."""
        return host in self._still

    async def thawed(self, host: str) -> None:
        """Until it goes on."""
        while host in self._still:
            await self._still[host].wait()


class FreezingClock(LoopClock):
    """Time passes while a process stands still; it notices afterwards."""

    def __init__(self, loop: FakeLoop, freezer: Freezer, host: str) -> None:
        super().__init__(loop)
        self._freezer = freezer
        self._host = host

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        await self._freezer.thawed(self._host)
