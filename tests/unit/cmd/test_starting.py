"""How each program that stays begins."""

import asyncio
import os
import signal

import pytest

from masakarimonitors.cmd import starting
from tests.fixtures.waiting import PATIENCE


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_asks_for_a_stop(number: signal.Signals) -> None:
    stop = asyncio.Event()
    starting.stop_on_signals(stop)
    try:
        assert not stop.is_set()
        os.kill(os.getpid(), number)
        async with asyncio.timeout(PATIENCE):
            await stop.wait()
    finally:
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(each)
