"""`masakari-monitors receiver`: the embedded masakari-api stand-in, on its own (or inside of `run`)."""

import argparse
import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from oslo_config import cfg

from masakarimonitors.cmd import runner
from masakarimonitors.cmd.console.exits import Exit
from masakarimonitors.cmd.console.terminal import aside, say
from masakarimonitors.conf import ConfigFault
from masakarimonitors.system.clock import SystemClock


def add_parser(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "receiver",
        help="take and show reports on a computer with no cloud (recovers nothing)",
        description="The notification half of masakari-api, on loopback, with SQLite. It recovers nothing.",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> Exit:
    """Listen until SIGTERM or SIGINT."""
    asyncio.run(_run(runner.load(rest, "masakari-monitors")))
    return Exit.FINE


async def _run(conf: cfg.ConfigOpts) -> None:
    stop = asyncio.Event()
    runner.stop_on_signals(stop)
    async with embedded_receiver(conf) as url:
        aside(
            lambda: say(
                f"Receiving reports at {url}/v1 (auth_type = none, endpoint = {url}/v1); page: {url}/\n"
                "Reports are kept and shown; nothing is recovered. Ctrl-C stops it.",
                lines=True,
                now=True,
            )
        )
        await stop.wait()


@contextlib.asynccontextmanager
async def embedded_receiver(conf: cfg.ConfigOpts) -> Any:
    """The receiver of `[receiver]`, in this process; gives its endpoint."""
    from masakarimonitors.receiver.app import Receiver

    state = await runner.state_folder(conf, ())
    database: Path | str = conf.receiver.database or (state / "receiver.sqlite" if state else ":memory:")
    receiver = Receiver(
        database if database == ":memory:" else Path(database),
        SystemClock(),
        finishes=True,
        names=[*conf.receiver.names, *runner.own_names(conf), *_endpoints(conf)],
    )
    async with contextlib.AsyncExitStack() as stack:
        try:
            url = await stack.enter_async_context(receiver.serve(conf.receiver.listen, conf.receiver.port))
        except (TimeoutError, sqlite3.Error) as fault:
            seen = "its disk does not answer" if isinstance(fault, TimeoutError) else str(fault)
            raise ConfigFault(
                f"The receiver cannot use its database {database} ({seen}). Name a writable file with "
                f"[receiver] database, or move a broken one aside; :memory: needs none."
            ) from fault
        except OSError as fault:
            raise ConfigFault(
                f"The receiver cannot listen on {conf.receiver.listen} port {conf.receiver.port} ({fault}). "
                f"Choose another with [receiver] port; 0 takes a free one."
            ) from fault
        yield url


def _endpoints(conf: cfg.ConfigOpts) -> Iterator[str]:
    """The hosts at which monitors with this configuration ask for masakari-api."""
    for option in ("endpoint", "endpoint_override"):
        with contextlib.suppress(cfg.NoSuchOptError, ValueError):
            yield urlsplit(conf.api[option] or "").hostname or ""
