"""python -m tests.integration.pacemaker.api DATABASE ADDRESS HOST...: a masakari-api stand-in that knows HOSTs."""

import asyncio
import sys
from pathlib import Path

from masakarimonitors.receiver.app import Receiver
from masakarimonitors.system.clock import SystemClock

PORT = 15868


async def main(database: Path, address: str, hosts: list[str]) -> None:
    async with Receiver(database, SystemClock(), known_hosts=hosts).serve(address, PORT):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
