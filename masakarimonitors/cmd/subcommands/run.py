"""`masakari-monitors run`: any set of monitors in one process, with the embedded receiver if configured."""

import argparse
import asyncio
import contextlib
import functools
import threading
from collections.abc import Sequence
from typing import Any

from oslo_config import cfg

from masakarimonitors.cmd import runner, terminal, wiring
from masakarimonitors.cmd.reloading import Again
from masakarimonitors.cmd.subcommands.receiver import embedded_receiver
from masakarimonitors.cmd.wiring import WiredMonitor
from masakarimonitors.conf import ConfigFault, loader


def add_parser(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "run",
        help="run monitors in this process until a signal stops it",
        description="Runs every monitor that can work on this host, or those named with --monitor.",
    )
    parser.add_argument(
        "--monitor",
        action="append",
        choices=wiring.MONITORS,
        metavar="NAME",
        help=f"one of {', '.join(wiring.MONITORS)}",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> int:
    """Run until SIGTERM or SIGINT."""
    conf = runner.load(rest, "masakari-monitors")
    again = functools.partial(loader.load, rest, prog="masakari-monitors")
    asyncio.run(_run(conf, arguments.monitor, again))
    return 0


async def _run(conf: cfg.ConfigOpts, wanted: Sequence[str] | None, again: Again) -> None:
    stop = asyncio.Event()
    runner.stop_on_signals(stop)
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

        def started(running: Sequence[WiredMonitor], page: str) -> None:
            # A terminal that has gone or that nobody reads is no reason to stop watching.
            with contextlib.suppress(RuntimeError):  # no thread
                threading.Thread(target=_say, args=(running, not_here, where, page), daemon=True).start()

        left_out = {name: why for name, _, why in (line.partition(": ") for line in not_here)}
        await runner.serve(
            conf, names, stop=stop, endpoint=endpoint, started=started, again=again, left_out=left_out
        )


def _choose(conf: cfg.ConfigOpts, wanted: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """The monitors to run, and for each other one why not."""
    names, not_here = [], []
    for name in wanted or wiring.MONITORS:
        try:
            obstacle = "" if wanted else wiring.obstacle(name, conf)
        except wiring.NotBuilt:
            obstacle = "not part of this release"
        if obstacle:
            not_here.append(f"{name}: {obstacle}")
        else:
            names.append(name)
    return names, not_here


def _say(running: Sequence[WiredMonitor], not_here: Sequence[str], where: str, page: str) -> None:
    # Nor is one that lacks a letter.
    with contextlib.suppress(OSError, ValueError):
        say(running, not_here, where, page)


def say(running: Sequence[WiredMonitor], not_here: Sequence[str], where: str, page: str) -> None:
    """Plain words for the terminal: what is watched, where reports go, how to see it work."""
    terminal.say("\nmasakari-monitors is running.\n", lines=True)
    for one in running:
        terminal.say(f"  {one.name}")
        for line in one.monitor.watching:
            terminal.say(f"    {line}")
    for line in not_here:
        terminal.say(f"  not running: {line}")
    terminal.say()
    terminal.say(f"  reports go to  {where}")
    for one in running:
        terminal.say(f"  kept on disk   {one.outbox.where}")
    if page:
        terminal.say(f"  status page    {page}")
    hints = [hint for one in running for hint in one.monitor.try_this]
    if hints:
        terminal.say("\n  To see it work, type in another terminal:\n", lines=True)
        terminal.say(f"      {hints[0]}\n", lines=True)
    terminal.say("  Ctrl-C stops it.\n", lines=True, now=True)
