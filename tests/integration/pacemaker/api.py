"""python -m tests.integration.pacemaker.api ORDERS ADDRESS HOST...: masakari-api stand-ins that know HOSTs.

ORDERS is a named pipe. Each line that is written to it is the path of a database that is served from then on, until
the next one; an empty line ends it.
"""

import asyncio
import contextlib
import sys
from pathlib import Path

from masakarimonitors.receiver.app import Receiver
from masakarimonitors.system.clock import SystemClock

PORT = 15868


async def main(orders: Path, address: str, hosts: list[str]) -> None:
    while True:
        lines = (await asyncio.to_thread(orders.read_text)).splitlines()
        # Whoever is to serve the next one has first to be told of it, so this one ends then.
        while lines:
            database = lines[-1]
            async with contextlib.AsyncExitStack() as serving:
                if database:
                    receiver = Receiver(Path(database), SystemClock(), known_hosts=hosts)
                    await serving.enter_async_context(receiver.serve(address, PORT))
                lines = (await asyncio.to_thread(orders.read_text)).splitlines()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
