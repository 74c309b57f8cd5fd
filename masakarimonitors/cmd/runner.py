"""One process: any set of monitors, each with its outbox and delivery, until a signal stops it.

Used by the four console scripts and by `masakari-monitors run`. Ends with 0 on SIGTERM or SIGINT,
non-zero on anything fatal, so that a service manager starts it again.
"""

import asyncio
import contextlib
import functools
import logging
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oslo_config import cfg

from masakarimonitors.cmd import inspection, manager, wiring
from masakarimonitors.cmd.console import ending
from masakarimonitors.cmd.console.ending import guarded as guarded
from masakarimonitors.cmd.console.ending import leave as leave
from masakarimonitors.cmd.console.exits import Exit
from masakarimonitors.cmd.reloading import Again, Reloading
from masakarimonitors.cmd.starting import load as load
from masakarimonitors.cmd.starting import own_names as own_names
from masakarimonitors.cmd.starting import stop_on_signals as stop_on_signals
from masakarimonitors.cmd.wiring import WiredMonitor
from masakarimonitors.conf import loader, state_path, unknown
from masakarimonitors.outbox import control
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.storage.disk import DEADLINE
from masakarimonitors.status import unix_socket
from masakarimonitors.system.clock import Clock, SystemClock
from masakarimonitors.system.files import mounts, run_folder
from masakarimonitors.system.service import loop_lag, loop_watch, signals, systemd
from masakarimonitors.system.tasks import side_by_side
from masakarimonitors.system.threads import Pool
from masakarimonitors.version import VERSION

if TYPE_CHECKING:
    from masakarimonitors.shadow.comparison import Comparison

LOG = logging.getLogger(__name__)


Started = Callable[[Sequence[WiredMonitor], str], None]
"""Called once when all run: with the monitors, and where probes and metrics are (empty: nowhere)."""


async def serve(
    conf: cfg.ConfigOpts,
    names: Sequence[str],
    *,
    stop: asyncio.Event,
    endpoint: str | None = None,
    clock: Clock | None = None,
    started: Started = lambda running, page: None,
    on_verdict: wiring.OnVerdict = lambda verdict, at: None,
    on_written: Callable[[str], None] = lambda subject: None,
    again: Again | None = None,
    left_out: Mapping[str, str] | None = None,
) -> None:
    """Run the named monitors until `stop` is set; raises ConfigFault before anything is watched.

    `on_verdict` is told each verdict, `on_written` the subject of each report that reaches the disk. `again` loads the
    configuration once more, on SIGHUP. A loop that stalls ends the process. `left_out`: the monitors that do not run
    here though they were wanted, and why, which is a part of the health of the first.
    """
    signals.hold()
    manager.ask_for_time()
    clock = clock or SystemClock()
    for name in names:
        wiring.monitor_module(name)
    state = await state_folder(conf, names)
    volatile = await _lost_one_day(conf, state)
    changed = asyncio.Event()
    api = wiring.api_client(conf, endpoint, changed.set)
    recorders = {name: wiring.make_recorder(conf, state, name) for name in names}
    journals = {name: wiring.make_journal(state, name, clock) for name in names}
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(api.close)
        stack.enter_context(loop_watch.watched(conf.loop_stall_limit))
        stack.enter_context(loop_lag.measured())
        # Left after the outboxes, whose last words are for the journals, too.
        afterwards = await stack.enter_async_context(contextlib.AsyncExitStack())

        async def opened(name: str) -> Outbox:
            outbox = await wiring.make_outbox(conf, state, name, clock, on_written, journals[name])
            stack.push_async_callback(outbox.close)
            await wiring.open_outbox(outbox)
            return outbox

        outboxes = dict(zip(names, await side_by_side([opened(name) for name in names]), strict=True))
        comparisons: list[Comparison] = []

        def built(name: str, outbox: Outbox) -> WiredMonitor:
            given: dict[str, Any] = {
                "on_verdict": on_verdict,
                "journal": journals[name],
                "recorder": recorders[name],
                "volatile": volatile,
                "on_change": changed.set,
            }
            if not conf.shadow:
                return wiring.build(name, conf, outbox, api, clock, **given)
            from masakarimonitors.cmd import shadowing  # which few want

            shadow, comparison = shadowing.build(name, conf, outbox, api, clock, state=state, **given)
            comparisons.append(comparison)
            return shadow

        running = [built(name, outbox) for name, outbox in outboxes.items()]
        for comparison in comparisons:
            await comparison.open()
            afterwards.push_async_callback(comparison.close)
        for journal in filter(None, journals.values()):
            journal.started(VERSION)
            afterwards.push_async_callback(journal.close)
        for recorder in filter(None, recorders.values()):
            afterwards.push_async_callback(recorder.close)
        running[0].status.record.left_out.update(left_out or {})
        if "hostmonitor" in names:
            unknown.warn_of_sections(conf)
        page = await _show(conf, state, running, clock, stack)
        async with asyncio.TaskGroup() as tasks:
            writers = [tasks.create_task(one.outbox.run()) for one in running]
            watchers = [tasks.create_task(systemd.feed_watchdog(clock))]
            for one in running:
                watchers.append(tasks.create_task(one.delivery.run()))
                watchers.append(tasks.create_task(one.daemon.run()))
                watchers.append(tasks.create_task(one.follower.run()))
            watchers.append(tasks.create_task(wiring.ask_again(api, clock, random.Random())))
            if comparisons:
                from masakarimonitors.shadow.comparison import compare

                watchers.append(tasks.create_task(compare(comparisons, clock)))
            reloading = Reloading(conf, again, running)
            watchers.append(tasks.create_task(reloading.run()))
            stack.enter_context(_heard(reloading.ask, lambda: inspection.write(conf, running, clock)))
            watchers.append(
                tasks.create_task(manager.Announcer([one.status for one in running], clock, changed).run())
            )
            started(running, page)
            try:
                await stop.wait()
            finally:
                systemd.notify("STOPPING=1")
                # Those who submit end first; the writers then have the last word, in `close`.
                for task in watchers + writers:
                    task.cancel()


async def state_folder(
    conf: cfg.ConfigOpts,
    names: Sequence[str],
    *,
    held: state_path.LookForOutbox = state_path.held,
    deadline: float = DEADLINE,
) -> Path | None:
    """The folder for state. A disk that does not answer for `deadline` seconds is not taken for one without an outbox.

    `held` tells whether a folder has the outbox of one of these monitors; it blocks. Raises ConfigFault as
    `state_path.resolve`.
    """
    pool = Pool("state")
    try:
        return await pool.call(lambda: state_path.resolve(conf, names=names, held=held), deadline)
    except TimeoutError:
        told = await _told_by_each(state_path.folders(conf), names, held, deadline)
        chosen, remarks = state_path.plan(
            conf,
            names=names,
            look=lambda folder: (state_path.Standing.READY, ""),
            held=lambda folder, names: told[folder],
        )
        for remark in remarks:
            LOG.warning("%s", remark)
        folder = chosen.folder if chosen is not None else None
        LOG.error(
            "The disk of a folder for state does not answer; state is kept in %s, and monitors work from memory until "
            "that can be had",
            folder,
        )
        return folder
    finally:
        pool.close()


async def _told_by_each(
    folders: Sequence[Path], names: Sequence[str], held: state_path.LookForOutbox, deadline: float
) -> Mapping[Path, tuple[state_path.Held, str]]:
    """What each folder tells within the deadline, each asked by a thread of its own; a single one has been asked."""
    hangs = (state_path.Held.HANGS, "its disk does not answer")

    async def ask(folder: Path) -> tuple[state_path.Held, str]:
        pool = Pool("state")
        try:
            return await pool.call(lambda: held(folder, names), deadline)
        except TimeoutError:
            return hangs
        finally:
            pool.close()

    different = list(dict.fromkeys(folders))
    if len(different) == 1:
        return {different[0]: hangs}
    return dict(zip(different, await side_by_side([ask(folder) for folder in different]), strict=True))


async def _lost_one_day(conf: cfg.ConfigOpts, state: Path | None) -> str:
    """Why the folder for state is one that does not stay, also as a warning; empty if it may, or if that is wanted."""
    if state is None or conf.state_may_be_lost:
        return ""
    pool = Pool("state")
    try:
        why = await pool.call(lambda: mounts.look(state), DEADLINE)
    except TimeoutError:  # said already
        return ""
    finally:
        pool.close()
    if why:
        LOG.warning(
            "State does not survive: %s is where it is kept, but %s. What waits there is lost with it, and what was "
            "reported forgotten. Name a folder that stays with [DEFAULT] state_path, in a container a volume such as a "
            "hostPath; or say that it is wanted with state_may_be_lost.",
            state,
            why,
        )
        return f"{state} does not stay: {why}"
    return ""


async def _show(
    conf: cfg.ConfigOpts,
    state: Path | None,
    running: Sequence[WiredMonitor],
    clock: Clock,
    stack: contextlib.AsyncExitStack,
) -> str:
    """Open the places where people look; one that cannot be had is a warning, not a reason to watch nothing."""
    everybodys = None if conf.shadow else run_folder.folder()
    await stack.enter_async_context(_at_once(list(_places(state, running, clock, everybodys))))
    if not conf.status.listen:
        return ""
    from masakarimonitors.status import web

    try:
        return await stack.enter_async_context(
            web.serve(
                [one.status for one in running],
                clock,
                conf.status.listen,
                names=[*conf.status.names, *own_names(conf)],
            )
        )
    except (OSError, OverflowError) as fault:
        LOG.error("[status] listen = %s cannot be had (%s): no probes, no metrics", conf.status.listen, fault)
        return ""


@contextlib.asynccontextmanager
async def _at_once(places: Sequence[contextlib.AbstractAsyncContextManager[None]]) -> AsyncIterator[None]:
    """All of them, entered and left at the same time: a disk that hangs costs its time once."""
    stacks = [contextlib.AsyncExitStack() for _ in places]
    fault: Any = (None, None, None)
    try:
        await side_by_side(
            [stack.enter_async_context(place) for stack, place in zip(stacks, places, strict=True)]
        )
        yield
    except BaseException:
        fault = sys.exc_info()
        raise
    finally:
        await side_by_side([stack.__aexit__(*fault) for stack in stacks])


def _places(
    state: Path | None, running: Sequence[WiredMonitor], clock: Clock, everybodys: Path | None
) -> Iterator[contextlib.AbstractAsyncContextManager[None]]:
    """The sockets of each monitor: beside its outbox, for its owner, and where everybody looks for it, if so."""
    for one in running:
        name = f"{one.name}.sock"
        if state is not None:
            yield unix_socket.serve(one.status, clock, state / name)
            place = control.place(state / f"{one.name}.sqlite")
            yield control.serve(one.by_hand.do, clock, place, one.monitor.silence)
        if everybodys is not None and everybodys != state:
            prepare = functools.partial(run_folder.prepare, everybodys)
            yield unix_socket.serve(
                one.status, clock, everybodys / name, prepare=prepare, spare=state is not None
            )


@contextlib.contextmanager
def _heard(on_hangup: Callable[[], None], on_question: Callable[[], None]) -> Iterator[None]:
    """While the block runs, SIGHUP and SIGUSR2 have these called by the loop."""
    loop = asyncio.get_running_loop()

    def have_called(act: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and everything with it
            loop.call_soon_threadsafe(act)

    for number, act in ((signal.SIGHUP, on_hangup), (signal.SIGUSR2, on_question)):
        signals.listen(number, functools.partial(have_called, act))
    try:
        yield
    finally:
        for number in signals.HELD:
            signals.forget(number)


def main(name: str) -> None:
    """The console script of one monitor."""
    ending.stand_in()
    leave(ended(name, sys.argv[1:]))


def ended(name: str, argv: Sequence[str]) -> Exit:
    """Run one monitor until a signal stops it: with what it has ended."""
    prog = f"masakari-{name}"

    async def run(conf: cfg.ConfigOpts) -> None:
        stop = asyncio.Event()
        stop_on_signals(stop)
        await serve(conf, [name], stop=stop, started=_say_started, again=again)

    def call() -> Exit:
        asyncio.run(run(load(argv, prog)))
        return Exit.FINE

    again = functools.partial(loader.load, argv, prog=prog)
    return guarded(prog, call, stays=True)


def _say_started(running: Sequence[WiredMonitor], page: str) -> None:
    for one in running:
        for line in one.monitor.watching:
            LOG.info("%s", line)
