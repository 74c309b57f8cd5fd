"""Which of our own commands run, as the decision observes it."""

import asyncio

from masakarimonitors.processmonitor.core.observation import CommandsRun, Observation
from masakarimonitors.processmonitor.sources.commands import Commands


async def test_what_is_told_before_it_runs_and_afterwards_is_observed_in_order() -> None:
    commands = Commands()
    told = [CommandsRun("a", ((7, 1),)), CommandsRun("b", ()), CommandsRun("a", ())]
    commands.tell(told[0])
    seen: asyncio.Queue[Observation] = asyncio.Queue()
    running = asyncio.get_running_loop().create_task(commands.run(seen.put_nowait))
    for one in told[1:]:
        commands.tell(one)
    assert [await seen.get() for _ in told] == told
    running.cancel()
