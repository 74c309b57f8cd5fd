"""`masakari-monitors run`: any set of monitors in one process, with the embedded receiver if configured."""

import argparse
import asyncio
import contextlib
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oslo_config import cfg

from masakarimonitors.cmd import runner, shadowing, wiring
from masakarimonitors.cmd.console import terminal
from masakarimonitors.cmd.console.exits import Exit
from masakarimonitors.cmd.reloading import Again
from masakarimonitors.cmd.subcommands.services.receiver import embedded_receiver
from masakarimonitors.cmd.wiring import WiredMonitor
from masakarimonitors.conf import ConfigFault, loader


def add_parser(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "run",
        help="run monitors in this process until a signal stops it",
        description="Runs every monitor for which all is installed, or those named with --monitor. One whose libvirtd, "
        "cluster engine or agent is not there yet waits for it, and is blind meanwhile. With --shadow they only look, "
        "beside others that act.",
    )
    parser.add_argument(
        "--monitor",
        action="append",
        choices=wiring.MONITORS,
        metavar="NAME",
        help=f"one of {', '.join(wiring.MONITORS)}",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> Exit:
    """Run until SIGTERM or SIGINT."""
    conf = runner.load(rest, "masakari-monitors")
    again = functools.partial(loader.load, rest, prog="masakari-monitors")
    asyncio.run(_run(conf, arguments.monitor, again))
    return Exit.FINE


async def _run(conf: cfg.ConfigOpts, wanted: Sequence[str] | None, again: Again) -> None:
    stop = asyncio.Event()
    runner.stop_on_signals(stop)
    chosen = choose(conf, wanted)
    if not chosen.names:
        lines = [f"  {name}: {why}" for name, why in chosen.left_out.items()]
        raise ConfigFault("No monitor can work here:\n" + "\n".join(lines))
    async with contextlib.AsyncExitStack() as stack:
        endpoint = None
        if conf.receiver.embedded:
            endpoint = await stack.enter_async_context(embedded_receiver(conf))
        where = (
            f"{endpoint}/ (the embedded receiver: it shows reports, it recovers nothing)"
            if endpoint
            else "[api]"
        )
        if conf.shadow:
            where = "nobody: [DEFAULT] shadow = true. What would be told is compared with what others tell"

        def started(running: Sequence[WiredMonitor], page: str) -> None:
            not_here = [f"{name}: {why}" for name, why in chosen.left_out.items()]
            terminal.aside(lambda: say(running, not_here, where, page, waiting=chosen.waiting))

        await runner.serve(
            conf,
            chosen.names,
            stop=stop,
            endpoint=endpoint,
            started=started,
            again=again,
            left_out=chosen.left_out,
        )


@dataclass(frozen=True, slots=True)
class Chosen:
    """The monitors to run; of those that wait for something that is not there yet, for what; and those left out."""

    names: Sequence[str]
    waiting: Mapping[str, str]
    left_out: Mapping[str, str]


def choose(conf: cfg.ConfigOpts, wanted: Sequence[str] | None) -> Chosen:
    """Those that were named, or all but what this installation lacks something for; raises ConfigFault.

    libvirtd, a cluster engine or an agent that is not there yet keeps no monitor from running: it is blind until it
    sees, says so, and needs no restart when they come.
    """
    names, waiting, left_out = [], {}, {}
    for name in wanted or wiring.MONITORS:
        try:
            lacking = (
                "" if wanted else wiring.lacking(name) or (shadowing.lacking(name) if conf.shadow else "")
            )
        except wiring.NotBuilt:
            lacking = "not part of this release"
        if lacking:
            left_out[name] = lacking
            continue
        names.append(name)
        with contextlib.suppress(wiring.NotBuilt):  # whoever builds it says so
            if obstacle := wiring.obstacle(name, conf):
                waiting[name] = obstacle
    return Chosen(names, waiting, left_out)


_NOBODY: Mapping[str, str] = {}


def say(
    running: Sequence[WiredMonitor],
    not_here: Sequence[str],
    where: str,
    page: str,
    *,
    waiting: Mapping[str, str] = _NOBODY,
) -> None:
    """Plain words for the terminal: what is watched, where reports go, how to see it work."""
    terminal.say("\nmasakari-monitors is running.\n", lines=True)
    for one in running:
        terminal.say(f"  {one.name}")
        for line in one.monitor.watching:
            terminal.say(f"    {line}")
        if one.name in waiting:
            terminal.say(f"    sees nothing yet, and waits: {waiting[one.name]}")
    for line in not_here:
        terminal.say(f"  not running: {line}")
    terminal.say()
    terminal.say(f"  reports go to  {where}")
    for one in running:
        terminal.say(f"  kept on disk   {one.outbox.where}")
    if page:
        terminal.say(f"  metrics        {page}metrics")
    hints = [hint for one in running for hint in one.monitor.try_this]
    if hints:
        terminal.say("\n  To see it work, type in another terminal:\n", lines=True)
        terminal.say(f"      {hints[0]}\n", lines=True)
    terminal.say("  Ctrl-C stops it.\n", lines=True, now=True)
