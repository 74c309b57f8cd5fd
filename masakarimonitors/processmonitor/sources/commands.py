"""Which of our own commands run: told by the effects that run them, for the decision to have it remembered.

In: each start and end. Out: the same as observations, in order.
"""

import asyncio
from collections.abc import Callable

from masakarimonitors.processmonitor.core.observation import CommandsRun, Observation


class Commands:
    """The source; `tell` may be called before it runs."""

    name = "commands"

    def __init__(self) -> None:
        self._news: asyncio.Queue[CommandsRun] = asyncio.Queue()

    def tell(self, seen: CommandsRun) -> None:
        """So it is now."""
        self._news.put_nowait(seen)

    async def run(self, emit: Callable[[Observation], None]) -> None:
        """Until cancelled."""
        while True:
            emit(await self._news.get())
