"""`masakari-monitors run`: any set of monitors in one process, with the embedded receiver if configured."""

import argparse
import asyncio
import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from oslo_config import cfg

from masakarimonitors.cmd import parts, service
from masakarimonitors.conf import ConfigFault, state_path
from masakarimonitors.system.clock import SystemClock


def add_parser(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "run",
        help="run monitors in this process until a signal stops it",
        description="Runs every monitor that can work on this machine, or those named with --monitor.",
    )
    parser.add_argument(
        "--monitor",
        action="append",
        choices=parts.MONITORS,
        metavar="NAME",
        help=f"one of {', '.join(parts.MONITORS)}",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> int:
    """Run until SIGTERM or SIGINT."""
    conf = service.load(rest, "masakari-monitors")
    asyncio.run(_run(conf, arguments.monitor))
    return 0


async def _run(conf: cfg.ConfigOpts, wanted: Sequence[str] | None) -> None:
    stop = asyncio.Event()
    service.stop_on_signals(stop)
    names, not_here = _choose(conf, wanted)
    if not names:
        raise ConfigFault("No monitor can work here:\n" + "\n".join(f"  {line}" for line in not_here))
    async with contextlib.AsyncExitStack() as stack:
        endpoint = None
        if conf.receiver.embedded:
            endpoint = await stack.enter_async_context(embedded_receiver(conf))
        where = (
            f"{endpoint}/ (the embedded receiver: it shows reports, it recovers nothing)"
            if endpoint
            else "[api]"
        )

        def started(running: Sequence[service.Running], status: str) -> None:
            # A terminal that has gone or a full disk behind it is no reason to stop watching.
            with contextlib.suppress(OSError):
                say(running, not_here, where, status)

        await service.serve(conf, names, stop=stop, endpoint=endpoint, started=started)


@contextlib.asynccontextmanager
async def embedded_receiver(conf: cfg.ConfigOpts) -> Any:
    """The receiver of `[receiver]`, in this process; gives its endpoint."""
    from masakarimonitors.receiver.app import Receiver

    state = state_path.resolve(conf)
    database: Path | str = conf.receiver.database or (state / "receiver.sqlite" if state else ":memory:")
    receiver = Receiver(database if database == ":memory:" else Path(database), SystemClock())
    async with contextlib.AsyncExitStack() as stack:
        try:
            url = await stack.enter_async_context(receiver.serve(conf.receiver.listen, conf.receiver.port))
        except OSError as fault:
            raise ConfigFault(
                f"The receiver cannot listen on {conf.receiver.listen} port {conf.receiver.port} ({fault}). "
                f"Choose another with [receiver] port; 0 takes a free one."
            ) from fault
        except sqlite3.Error as fault:
            raise ConfigFault(
                f"The receiver cannot use its database {database} ({fault}). Name a writable file with "
                f"[receiver] database, or move a broken one aside; :memory: needs none."
            ) from fault
        yield url


def _choose(conf: cfg.ConfigOpts, wanted: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """The monitors to run, and for each other one why not."""
    names, not_here = [], []
    for name in wanted or parts.MONITORS:
        try:
            obstacle = "" if wanted else parts.obstacle(name, conf)
        except parts.NotBuilt:
            obstacle = "not part of this release"
        if obstacle:
            not_here.append(f"{name}: {obstacle}")
        else:
            names.append(name)
    return names, not_here


def say(running: Sequence[service.Running], not_here: Sequence[str], where: str, status: str) -> None:
    """Plain words for the terminal: what is watched, where reports go, how to see it work."""
    print("\nmasakari-monitors is running.\n")
    for part in running:
        print(f"  {part.name}")
        assert part.monitor is not None
        for line in part.monitor.watching:
            print(f"    {line}")
    for line in not_here:
        print(f"  not running: {line}")
    print(f"\n  reports go to  {where}")
    for part in running:
        print(f"  kept on disk   {part.outbox.where}")
    if status:
        print(f"  status page    {status}")
    hints = [hint for part in running if part.monitor for hint in part.monitor.try_this]
    if hints:
        print(f"\n  To see it work, type in another terminal:\n\n      {hints[0]}\n")
    print("  Ctrl-C stops it.\n", flush=True)
