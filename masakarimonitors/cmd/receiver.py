"""`masakari-monitors receiver`: the embedded masakari-api stand-in, on its own."""

import argparse
import asyncio
from collections.abc import Sequence
from typing import Any

from oslo_config import cfg

from masakarimonitors.cmd import run as running
from masakarimonitors.cmd import service


def add_parser(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "receiver",
        help="take and show reports on a machine with no cloud (recovers nothing)",
        description="The notification half of masakari-api, on loopback, with SQLite. It recovers nothing.",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> int:
    """Listen until SIGTERM or SIGINT."""
    asyncio.run(_run(service.load(rest, "masakari-monitors")))
    return 0


async def _run(conf: cfg.ConfigOpts) -> None:
    stop = asyncio.Event()
    service.stop_on_signals(stop)
    async with running.embedded_receiver(conf) as url:
        print(f"Receiving reports at {url}/v1 (auth_type = none, endpoint = {url}/v1); page: {url}/")
        print("Reports are kept and shown; nothing is recovered. Ctrl-C stops it.", flush=True)
        await stop.wait()
