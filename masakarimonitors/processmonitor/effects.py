"""The effects of the process monitor: looks at /proc, and the operator's commands.

In: `Watch`, `Look`, `Run` and `LookUpMaintenance` from the decision. Out: the answers as observations. A command's
exit code decides; what it wrote is logged. No command is started beside one of the same process that still runs,
whoever has forgotten that one meanwhile, or left it at the monitor's last end: its end is waited for, and is the answer
to both if both are the same step of this life. Where the last life was killed before it could tell which it had begun,
that one is looked for; how it ended nobody has heard, and its service has the time to appear.
"""

import asyncio
import contextlib
import logging
import os
import shlex
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from masakarimonitors.core.decision import Command
from masakarimonitors.core.printable import masked
from masakarimonitors.processmonitor.core.observation import (
    CommandEnded,
    CommandKey,
    CommandsRun,
    Entry,
    Look,
    LookUpMaintenance,
    MaintenanceSeen,
    Observation,
    Run,
    Sighting,
    Watch,
)
from masakarimonitors.processmonitor.sources.commands import FindLeft
from masakarimonitors.processmonitor.sources.shown import SHORTAGE
from masakarimonitors.processmonitor.sources.stat import is_alive, read_stat
from masakarimonitors.system.processes import command
from masakarimonitors.system.processes.command import Spare as Spare

LOG = logging.getLogger(__name__)

# Of a command's output, what a log line can carry; commands say last why they failed.
_LOGGED = 2000
_SHOWN = 200


class ProcessSource(Protocol):
    """What this room needs of the source that sees processes: `Processes`, which knows which are ours."""

    def watch(self, entries: Sequence[Entry]) -> None:
        """Watch exactly these."""

    def look(self, process_name: str, request_id: int) -> Awaitable[Sighting]:
        """A look that begins now."""

    def services(self, process_name: str) -> Awaitable[Collection[int]]:
        """The pids that run this entry at this moment, those below our own commands as well."""

    def command_started(self, pid: int) -> None:
        """This process is a command of ours, never the one that it is to start, until `command_ended`."""

    def command_ended(self, pid: int) -> None:
        """The end of `command_started`."""


class Runner(Protocol):
    """Runs a command with a time-out in seconds; tells the pid as soon as it is known; OSError when it cannot start.

    Whom `spare` names when the time is up is left alive, and all where it cannot tell. A command whose caller is
    cancelled goes on.
    """

    def __call__(
        self, run: Run, timeout: float, started: Callable[[int], None], spare: Spare, /
    ) -> Awaitable[command.Finished]:
        """How it ended."""


Find = Callable[[Sequence[str], float], Awaitable[Sequence[tuple[int, int]]]]
"""Who runs one of these command lines since a monotonic second: pids and start times. OSError, RuntimeError where that
cannot be seen."""

Maintenance = Callable[[], Awaitable[MaintenanceSeen]]
"""Asks masakari whether it holds this host on maintenance."""


class Effects:
    """Carries out the decision's commands.

    Each command that runs is made known to the source that sees processes, from its start to its end.
    """

    def __init__(
        self,
        processes: ProcessSource,
        timeout: float,
        as_user: Runner,
        as_root: Runner,
        maintenance: Maintenance | None = None,
        *,
        tell: Callable[[CommandsRun], None] = lambda seen: None,
        left: Mapping[str, Sequence[tuple[int, int]]] | None = None,
        find_left: Find | None = None,
    ) -> None:
        """`timeout` in seconds, for each command; `as_root` runs those with run_as_root.

        `tell` is told which commands run; `left`: those which the last life of this monitor was told of, and has left.
        `find_left` finds those that it was not told of.
        """
        self._processes = processes
        self._timeout = timeout
        self._as_user = as_user
        self._as_root = as_root
        self._maintenance = maintenance
        self._tell = tell
        self._left = dict(left or {})
        self._find_left = find_left or FindLeft()
        self._entries: Mapping[str, Entry] = {}
        # Commands that could not be killed, by process_name: (pid, start time).
        self._hung: dict[str, list[tuple[int, int]]] = {}
        # What runs now, by process_name: how it will have ended.
        self._running: dict[str, asyncio.Future[tuple[Run, CommandEnded]]] = {}

    async def perform(self, asked: Command) -> Observation | None:
        """Carry out one command; every `Look` and `Run` is answered."""
        match asked:
            case Watch():
                self._entries = {entry.process_name: entry for entry in asked.entries}
                self._processes.watch(asked.entries)
            case Look():
                return await self._processes.look(asked.process_name, asked.request_id)
            case Run():
                return await self._run(asked)
            case LookUpMaintenance() if self._maintenance is not None:
                return await self._maintenance()
        return None

    async def _run(self, run: Run) -> CommandEnded:
        """Run it, unless another command of the same process runs: that one is waited for instead."""
        if (earlier := self._running.get(run.process_name)) is not None:
            return await self._instead(run, earlier)
        ended: asyncio.Future[tuple[Run, CommandEnded]] = asyncio.get_running_loop().create_future()
        self._running[run.process_name] = ended
        try:
            answer = await self._run_alone(run)
            ended.set_result((run, answer))
            return answer
        finally:
            del self._running[run.process_name]
            ended.cancel()

    async def _instead(self, run: Run, earlier: asyncio.Future[tuple[Run, CommandEnded]]) -> CommandEnded:
        name, what = run.process_name, run.what
        LOG.warning("%s: its %s is not started beside an earlier command, which still runs", name, what)
        await asyncio.wait((earlier,))  # which is not cancelled with this one
        if earlier.cancelled():
            return CommandEnded(
                name, run.request_id, None, f"its {what} was not started: an earlier one was cut off"
            )
        before, done = earlier.result()
        why = f"its {what} was not started beside an earlier command of it: {done.evidence}"
        if _step(before.what) != _step(what):
            return CommandEnded(name, run.request_id, None, why)
        return replace(done, in_reply_to=run.request_id, evidence=why)

    async def _outlast(self, run: Run) -> CommandEnded | None:
        """Wait for a command that the last life of this monitor has left, as for one of this life; None for none."""
        name, what = run.process_name, run.what
        left = [key for key in self._left.pop(name, ()) if is_alive(*key)]
        if not left and run.left_since is not None:
            try:
                left = list(await self._find_left(self._lines(run), run.left_since))
            except (OSError, RuntimeError) as error:
                seen = str(error) or "/proc does not answer"
                why = (
                    f"its {what} is not started yet: whether a command still runs that this monitor has begun before"
                    f" its last end cannot be seen ({seen})"
                )
                LOG.warning("%s: %s", name, why)
                return CommandEnded(name, run.request_id, None, why, shortage=True)
            if not left:
                why = (
                    "this monitor may have begun a command before its last end, which runs no more, and how it ended"
                    " nobody has heard: its service has the time to appear"
                )
                LOG.warning("%s: its %s is not started yet: %s", name, what, why)
                return CommandEnded(
                    name, run.request_id, None, why, shortage=True, unheard=True, earlier=True
                )
            self._tell(CommandsRun(name, tuple(left)))  # for one more life
        if not left:
            return None
        pids = ", ".join(str(pid) for pid, _ in left)
        why = f"a command that this monitor left at its last end (pid {pids}) still ran; no other is started beside it"
        LOG.warning("%s: its %s is not started: %s", name, what, why)
        self._left[name] = left
        until = asyncio.get_running_loop().time() + self._timeout
        for pid, began in left:
            with contextlib.suppress(OSError), contextlib.closing(command.PidWatch(pid)) as watch:
                if is_alive(pid, began):
                    await watch.wait(max(0.0, until - asyncio.get_running_loop().time()))
        # One that runs on is like one that fails; of one that has ended nobody knows what it has brought about.
        unheard = not any(is_alive(*key) for key in left)
        return CommandEnded(
            name, run.request_id, None, why, shortage=unheard, unheard=unheard, earlier=unheard
        )

    def _lines(self, run: Run) -> Sequence[str]:
        """Each command of this process, as far as the list says: it may have been any of them."""
        entry = self._entries.get(run.process_name)
        lines = () if entry is None else filter(None, (key.of(entry) for key in CommandKey))
        return list(dict.fromkeys((run.command_line, *lines)))

    async def _run_alone(self, run: Run) -> CommandEnded:
        if (outlasted := await self._outlast(run)) is not None:
            return outlasted
        if hung := self._still_hung(run.process_name):
            why = f"an earlier command (pid {hung}) did not end and still runs; no other is started beside it"
            LOG.warning("%s: its %s is not started: %s", run.process_name, run.what, why)
            return CommandEnded(run.process_name, run.request_id, None, why)
        runner = self._as_root if run.run_as_root else self._as_user
        ours: dict[int, int] = {}

        def started(pid: int) -> None:
            ours[pid] = _started(pid)
            self._tell(CommandsRun(run.process_name, tuple(ours.items())))
            self._processes.command_started(pid)
            LOG.info(
                "%s: running its %s (pid %d): %s", run.process_name, run.what, pid, masked(run.command_line)
            )

        async def spare() -> Collection[int] | None:
            try:
                return await self._processes.services(run.process_name)
            except OSError as error:  # TimeoutError among them
                seen = str(error) or "/proc does not answer"
                LOG.warning(
                    "%s: its %s has not ended in its time, and whether its service runs already cannot be seen (%s): "
                    "nobody is killed",
                    run.process_name,
                    run.what,
                    seen,
                )
                return None

        try:
            done = await runner(run, self._timeout, started, spare)
        except asyncio.CancelledError:
            for pid in ours:
                LOG.info("%s: its %s (pid %d) goes on without this monitor", run.process_name, run.what, pid)
            raise
        except (OSError, ValueError) as error:
            shortage = isinstance(error, OSError) and error.errno in SHORTAGE
            unheard = bool(ours)
            went = "was started, and how it ended is not known" if unheard else "cannot be started"
            LOG.warning("%s: its %s %s: %s", run.process_name, run.what, went, error)
            why = f"its {run.what} {went}: {error}"
            # What can be ended by the privileged helper alone runs on without it.
            self._hung[run.process_name] = [key for key in ours.items() if is_alive(*key)]
            if isinstance(error, command.NotBegun):
                self._hung[run.process_name] += [(pid, error.killed[pid]) for pid in error.survivors]
            self._tell_hung(run.process_name, ours)
            return CommandEnded(
                run.process_name, run.request_id, None, why, shortage=shortage, unheard=unheard
            )
        finally:
            for pid in ours:
                self._processes.command_ended(pid)
        self._note_hung(run.process_name, done, ours)
        self._tell_hung(run.process_name, ours)
        return CommandEnded(run.process_name, run.request_id, _code(done), self._log(run, done))

    def _note_hung(self, name: str, done: command.Finished, ours: dict[int, int]) -> None:
        if done.timed_out:
            survivors = {pid: _started(pid) for pid in done.survivors} | ours
            hung = [
                (pid, at) for pid, at in survivors.items() if at and (done.left or pid not in done.spared)
            ]
            self._hung[name] = [key for key in hung if is_alive(*key)]

    def _tell_hung(self, name: str, ours: Mapping[int, int]) -> None:
        if ours:
            self._tell(CommandsRun(name, tuple(self._hung.get(name, ()))))

    def _still_hung(self, name: str) -> str:
        hung = [key for key in self._hung.pop(name, []) if is_alive(*key)]
        if hung:
            self._hung[name] = hung
        return ", ".join(str(pid) for pid, _started in hung)

    def _log(self, run: Run, done: command.Finished) -> str:
        if done.timed_out:
            limit = f"after {done.seconds:.0f} s ([process] command_timeout)"
            hung, spared = self._still_hung(run.process_name), ", ".join(map(str, done.spared))
            if done.left:
                ending = (
                    f"did not end {limit} and was left alone: whether its service runs by now cannot be seen"
                )
            elif hung:
                ending = f"did not end {limit} and could not be killed: pid {hung} still runs"
            elif spared:
                ending = f"was ended {limit}, and its service (pid {spared}) was left running"
            else:
                ending = f"was killed with its children {limit}"
        elif done.exit_code < 0:
            ending = f"was ended by signal {-done.exit_code} after {done.seconds:.1f} s"
        else:
            ending = f"exited {done.exit_code} after {done.seconds:.1f} s"
        said = "".join(
            f"; {stream}: {_tail(text, _LOGGED)}"
            for stream, text in (("stdout", done.output), ("stderr", done.errors))
            if text.strip()
        )
        log = LOG.info if done.ok else LOG.warning
        log("%s: its %s %s%s", run.process_name, run.what, ending, said)
        last = _tail(done.errors or done.output, _SHOWN)
        return f"its {run.what} {ending}" + (f": {last}" if last else "")


def _step(what: str) -> str:
    """Which step of a try it is, whichever kind of try: "pre", "post", or "" for the main one."""
    return what.split("_")[0] if what.startswith(("pre_", "post_")) else ""


def _code(done: command.Finished) -> int | None:
    return None if done.timed_out else done.exit_code


def _tail(text: str, limit: int) -> str:
    # Masked before it is cut: half a password is one, too. What is cut off first is none that could reach the tail.
    text = masked(text.strip()[-8 * _LOGGED :])
    return text if len(text) <= limit else "..." + text[-limit:]


def _started(pid: int) -> int:
    """When this process began (clock ticks since boot), 0 when it has ended."""
    try:
        return read_stat(pid).started
    except OSError:
        return 0


async def run_directly(
    run: Run, timeout: float, started: Callable[[int], None], spare: Spare
) -> command.Finished:
    """As the user that the monitor runs as, who may stop meanwhile: the command goes on then.

    Neither our credentials nor what the service manager has told us reach it.
    """
    return await command.run(
        shlex.split(run.command_line),
        timeout=timeout,
        env=command.clean_environment(os.environ),
        started=started,
        spare=spare,
        leave=True,
    )
