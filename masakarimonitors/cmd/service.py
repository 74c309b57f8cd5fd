"""One process: any set of monitors, each with its outbox and delivery, until a signal stops it.

Used by the four console scripts and by `masakari-monitors run`. Ends with 0 on SIGTERM or SIGINT,
non-zero on anything fatal, so that a service manager starts it again.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from oslo_config import cfg

from masakarimonitors import conf as house
from masakarimonitors.cmd import parts
from masakarimonitors.conf import ConfigFault, log, state_path, unknown
from masakarimonitors.daemon import Daemon, Monitor
from masakarimonitors.outbox.delivery import Delivery
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.status import local
from masakarimonitors.status.board import Board, OutboxRow
from masakarimonitors.system import systemd
from masakarimonitors.system.clock import Clock, SystemClock

LOG = logging.getLogger(__name__)


class Running:
    """One monitor in its place: what the commands around it may look at."""

    def __init__(self, name: str, outbox: Outbox, board: Board) -> None:
        """Filled in as the parts are made."""
        self.name = name
        self.outbox = outbox
        self.board = board
        self.monitor: Monitor[Any, Any] | None = None
        self.delivery: Delivery | None = None


Started = Callable[[Sequence[Running], str], None]


async def serve(
    conf: cfg.ConfigOpts,
    names: Sequence[str],
    *,
    stop: asyncio.Event,
    endpoint: str | None = None,
    clock: Clock | None = None,
    started: Started = lambda running, status: None,
) -> None:
    """Run the named monitors until `stop` is set; raises ConfigFault before anything is watched."""
    clock = clock or SystemClock()
    for name in names:
        parts.monitor_module(name)
    state = state_path.resolve(conf)
    api = parts.api_client(conf, endpoint)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(api.close)
        running = [await _prepare(name, conf, state, clock, stack) for name in names]
        for part in running:
            part.monitor = parts.build_monitor(part.name, conf, part.outbox.memory, clock)
            part.monitor.use_api(api)
            part.outbox.submit(part.monitor.first, clock.now())
            part.delivery = Delivery(part.outbox, api, parts.delivery_policy(conf, part.name), clock)
            part.board.outbox = _outbox_row(part.outbox, part.delivery)
        status = await _status(conf, state, running, clock, stack)
        async with asyncio.TaskGroup() as tasks:
            writers = [tasks.create_task(part.outbox.run()) for part in running]
            watchers = [tasks.create_task(systemd.feed_watchdog(clock))]
            for part in running:
                assert part.monitor is not None and part.delivery is not None
                watchers.append(tasks.create_task(part.delivery.run()))
                watchers.append(tasks.create_task(Daemon(part.monitor, part.outbox, clock, part.board).run()))
            _on_hangup(running)
            systemd.notify("READY=1")
            started(running, status)
            try:
                await stop.wait()
            finally:
                systemd.notify("STOPPING=1")
                # Those who submit end first; the writers then have the last word, in `close`.
                for task in watchers + writers:
                    task.cancel()


async def _prepare(
    name: str, conf: cfg.ConfigOpts, state: Path | None, clock: Clock, stack: contextlib.AsyncExitStack
) -> Running:
    outbox = parts.make_outbox(conf, state, name, clock)
    stack.push_async_callback(outbox.close)
    await outbox.open()
    return Running(name, outbox, Board(name, clock.now()))


def _outbox_row(outbox: Outbox, delivery: Delivery) -> Callable[[], OutboxRow]:
    return lambda: OutboxRow(
        outbox.where,
        outbox.waiting,
        {status.value: count for status, count in outbox.counts.items()},
        outbox.fault,
        delivery.trouble,
    )


async def _status(
    conf: cfg.ConfigOpts,
    state: Path | None,
    running: Sequence[Running],
    clock: Clock,
    stack: contextlib.AsyncExitStack,
) -> str:
    """Open the places where people look; one that cannot be had is a warning, not a reason to watch nothing."""
    if state is not None:
        for part in running:
            try:
                await stack.enter_async_context(local.serve(part.board, clock, state / f"{part.name}.sock"))
            except OSError as fault:
                LOG.warning(
                    "No status socket in %s (%s): `masakari-monitors status` will not see it", state, fault
                )
    if not conf.status.listen:
        return ""
    from masakarimonitors.status import web

    try:
        return await stack.enter_async_context(
            web.serve([p.board for p in running], clock, conf.status.listen)
        )
    except (OSError, OverflowError) as fault:
        LOG.error(
            "[status] listen = %s cannot be had (%s): no status page, no metrics", conf.status.listen, fault
        )
        return ""


def _on_hangup(running: Sequence[Running]) -> None:
    def reload() -> None:
        LOG.info("SIGHUP: reading again what can be read again")
        for part in running:
            if part.monitor is not None:
                part.monitor.reload()

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)


def stop_on_signals(stop: asyncio.Event) -> None:
    """SIGTERM and SIGINT set `stop`; a second one ends the process at once."""
    loop = asyncio.get_running_loop()

    def ask(number: signal.Signals) -> None:
        if stop.is_set():
            leave(1)
        LOG.info("%s: stopping", number.name)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask, number)


def leave(code: int) -> None:
    """End now. Threads that still wait for an answer from outside must not hold up the end: what they
    were doing is on disk and is done again at the next start."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # nobody can read it any more
            stream.flush()
    os._exit(code)


def load(argv: Sequence[str], prog: str, **options: Any) -> cfg.ConfigOpts:
    """Configuration and log, with every unknown option named; raises ConfigFault."""
    conf = house.load(argv, prog=prog, **options)
    log.set_up(conf)
    unknown.warn(conf)
    return conf


def main(name: str) -> None:
    """The console script of one monitor."""
    prog = f"masakari-{name}"

    async def run(conf: cfg.ConfigOpts) -> None:
        stop = asyncio.Event()
        stop_on_signals(stop)
        await serve(conf, [name], stop=stop, started=_say_started)

    leave(guarded(prog, lambda: asyncio.run(run(load(sys.argv[1:], prog)))))


def _say_started(running: Sequence[Running], status: str) -> None:
    for part in running:
        for line in part.monitor.watching if part.monitor else ():
            LOG.info("%s", line)


def guarded(prog: str, run: Callable[[], None]) -> int:
    """Run it and turn what can go wrong into an exit code and words, never a traceback for a mere fault."""
    try:
        run()
    except (ConfigFault, parts.NotBuilt) as fault:
        print(f"{prog}: {fault}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception:
        LOG.critical("A fatal fault inside %s; a service manager should start it again", prog, exc_info=True)
        return 70
    return 0
