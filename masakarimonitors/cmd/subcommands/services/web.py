"""`masakari-monitors web`: all monitors of this host on one port, until a signal stops it: page, probes, metrics.

It asks the monitors at their sockets, where `status` finds them, and survives the restarts of all of them. It decides
nothing and changes nothing; without it nothing is lost but the view.
"""

import argparse
import asyncio
import contextlib
import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from oslo_config import cfg

from masakarimonitors.cmd import sockets, starting
from masakarimonitors.cmd.console.exits import Exit
from masakarimonitors.cmd.console.names import MONITORS
from masakarimonitors.cmd.console.terminal import aside, say
from masakarimonitors.cmd.subcommands import explain
from masakarimonitors.conf import ConfigFault, state_path
from masakarimonitors.core.printable import masked
from masakarimonitors.journal import story
from masakarimonitors.journal.writer import SUFFIX
from masakarimonitors.status import listening
from masakarimonitors.status.asked import Found
from masakarimonitors.system.clock import Clock, SystemClock
from masakarimonitors.system.network.http_connection import Limits
from masakarimonitors.system.service import loop_watch, signals, systemd
from masakarimonitors.system.threads import NoThread, Pool
from masakarimonitors.web import probes
from masakarimonitors.web.lives import Expected, wrongs
from masakarimonitors.web.site import EYES, Explanation, Site, Sources
from masakarimonitors.web.watching import Ask, Watch

LIMITS = Limits(connections=EYES + listening.LIMITS.connections)
"""Beside the pages that are kept up to date, as many may ask as ask a single monitor."""

_LOOK = 5.0
"""Seconds for a look into the folder for state."""

_AGAIN = 60.0
"""Seconds after which it is looked into again while it cannot be seen who is to run here."""


def add_parser(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "web",
        help="serve page, probes and metrics of all monitors on this host",
        description="One process that asks the monitors of this host at their sockets and serves all of them where "
        "[web] listen says: /, /livez, /readyz, /healthz, /metrics. A monitor that is dead, hung or was left out is "
        "shown as such.",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> Exit:
    """Serve until SIGTERM or SIGINT."""
    asyncio.run(_run(starting.load(rest, "masakari-monitors")))
    return Exit.FINE


def explained(conf: cfg.ConfigOpts, text: str) -> Explanation:
    """What `explain` tells of whatever was typed, for the page; blocks."""
    kind, _, name = text.partition(" ")
    wanted = explain.parse([text]) if ":" in kind or not name else explain.parse([kind, name.strip()])
    if wanted is None:
        return Explanation(first=f"{explain.TAKES}.", known=False)
    found = explain.look(conf, wanted)
    if not found.subjects:
        return Explanation(
            first=(story.NOT_HEARD if found.unknown else story.UNKNOWN).format(text),
            remarks=found.remarks,
            known=False,
        )
    if len(found.subjects) > 1:
        return Explanation(
            first=f"{text} may be any of these.", choices=found.subjects, remarks=found.remarks
        )
    told = explain.story_of(found.subjects[0], wanted, found)
    parts: list[tuple[str, list[Sequence[str]]]] = []
    for row in story.lines(told):
        if len(row) == 1:
            parts.append((row[0].rstrip(":"), []))
        elif parts:
            parts[-1][1].append(tuple(masked(cell) for cell in row[1:]))  # everybody on this host may read it
    return Explanation(first=masked(story.first_line(told)), parts=parts, remarks=found.remarks)


def folder(conf: cfg.ConfigOpts) -> tuple[Path | None, str]:
    """The folder for state, where this user may look into it, and else why not; blocks."""
    there = state_path.search(conf, SUFFIX, MONITORS)
    if there.folder is None or there.folder in there.closed:
        closed = ", ".join(str(one) for one in there.closed)
        why = f"uid {os.geteuid()} may not look into {closed}" if closed else there.unknown
        return None, f"What was reported, and the last 24 hours, cannot be shown: {why}." if why else ""
    return there.folder, there.unknown


async def expected(conf: cfg.ConfigOpts, pool: Pool) -> Expected:
    """Which monitors are to run here, looked at in `pool`."""
    try:
        return await pool.call(lambda: sockets.to_run(conf), _LOOK)
    except (TimeoutError, NoThread) as fault:
        return Expected(untold=str(fault) or "the disk of the folder for state does not answer")


async def look_again(conf: cfg.ConfigOpts, watch: Watch, known: Expected, clock: Clock, pool: Pool) -> None:
    """Until it is known who is to run here: what could not be seen once is not unknown for ever."""
    while known.untold:
        await clock.sleep(_AGAIN)
        known = await expected(conf, pool)
        watch.expect(known)


def asker(conf: cfg.ConfigOpts) -> Ask:
    """How a monitor is asked: looked for anew each time, as it may have been started since with another user."""

    def ask(name: str, more: Sequence[str]) -> Found:
        return sockets.best(name, sockets.search(conf, ".sock"), more)

    return ask


async def _run(conf: cfg.ConfigOpts) -> None:
    stop, clock = asyncio.Event(), SystemClock()
    signals.hold()
    starting.stop_on_signals(stop)
    pool = Pool(
        "state"
    )  # one for all looks: a disk that hangs keeps its threads, and they must not become more
    known = await expected(conf, pool)
    watch = Watch(MONITORS, asker(conf), clock, expected=known)
    site = Site(
        watch,
        clock,
        host=conf.hostname,
        monitors=MONITORS,
        sources=Sources(folder=functools.partial(folder, conf), explain=functools.partial(explained, conf)),
    )
    said = ""

    def told() -> None:
        nonlocal said
        site.look()
        found = wrongs(watch.seen)
        line = f"STATUS={found[0].line()[:1000] if found else 'ok'}"
        if line != said and systemd.notify(line):
            said = line

    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(loop_watch.watched(conf.loop_stall_limit))
        stack.callback(watch.close)
        stack.callback(pool.close)
        stack.callback(site.close)
        try:
            where = await stack.enter_async_context(
                listening.at(
                    conf.web.listen,
                    {**site.routes, **probes.routes(watch)},
                    names=[*conf.web.names, *starting.own_names(conf)],
                    option="[web] names",
                    limits=LIMITS,
                )
            )
        except (OSError, OverflowError) as fault:
            raise ConfigFault(
                f"[web] listen = {conf.web.listen} cannot be had ({fault}). Name another with [web] listen, or end "
                "whoever listens there."
            ) from fault
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(watch.run(told)),
                tasks.create_task(systemd.feed_watchdog(clock)),
                tasks.create_task(look_again(conf, watch, known, clock, pool)),
            ]
            systemd.notify("READY=1")
            aside(lambda: say(f"All monitors of this host at {where}. Ctrl-C stops it.", now=True))
            await stop.wait()
            systemd.notify("STOPPING=1")
            for task in running:
                task.cancel()
