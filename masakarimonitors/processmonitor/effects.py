"""The effects of the process monitor: looks at /proc, and the operator's commands.

In: `Watch`, `Look` and `Run` from the decision. Out: the answers as observations. A command's exit
code decides; what it wrote is logged.
"""

import logging
import shlex
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from masakarimonitors.core.decision import Command
from masakarimonitors.processmonitor.core.observation import (
    CommandEnded,
    Entry,
    Look,
    Observation,
    Run,
    Sighting,
    Watch,
)
from masakarimonitors.system import command

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

    def command_started(self, pid: int) -> None:
        """This process is a command of ours, never the one that it is to start, until `command_ended`."""

    def command_ended(self, pid: int) -> None:
        """The end of `command_started`."""


Runner = Callable[[Sequence[str], float, Callable[[int], None]], Awaitable[command.Finished]]
"""Runs argv with a time-out in seconds; tells the pid as soon as it is known; OSError when it cannot start."""


class Effects:
    """Carries out the decision's commands.

    Each command that runs is made known to the source that sees processes, from its start to its end.
    """

    def __init__(self, processes: ProcessSource, timeout: float, as_user: Runner, as_root: Runner) -> None:
        """`timeout` in seconds, for each command; `as_root` runs those with run_as_root."""
        self._processes = processes
        self._timeout = timeout
        self._as_user = as_user
        self._as_root = as_root

    async def perform(self, asked: Command) -> Observation | None:
        """Carry out one command; every `Look` and `Run` is answered."""
        match asked:
            case Watch():
                self._processes.watch(asked.entries)
            case Look():
                return await self._processes.look(asked.process_name, asked.request_id)
            case Run():
                return await self._run(asked)
        return None

    async def _run(self, run: Run) -> CommandEnded:
        runner = self._as_root if run.run_as_root else self._as_user
        pids: list[int] = []

        def started(pid: int) -> None:
            pids.append(pid)
            self._processes.command_started(pid)
            LOG.info("%s: running its %s (pid %d): %s", run.process_name, run.what, pid, run.command_line)

        try:
            done = await runner(shlex.split(run.command_line), self._timeout, started)
        except (OSError, ValueError) as error:
            LOG.warning("%s: its %s cannot be started: %s", run.process_name, run.what, error)
            return CommandEnded(
                run.process_name, run.request_id, None, f"its {run.what} cannot be started: {error}"
            )
        finally:
            for pid in pids:
                self._processes.command_ended(pid)
        return CommandEnded(run.process_name, run.request_id, _code(done), self._log(run, done))

    def _log(self, run: Run, done: command.Finished) -> str:
        if done.timed_out:
            ending = f"was killed with its children after {done.seconds:.0f} s ([process] command_timeout)"
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


def _code(done: command.Finished) -> int | None:
    return None if done.timed_out else done.exit_code


def _tail(text: str, limit: int) -> str:
    text = text.strip()
    return text if len(text) <= limit else "..." + text[-limit:]


async def run_directly(
    argv: Sequence[str], timeout: float, started: Callable[[int], None]
) -> command.Finished:
    """As the user that the monitor runs as."""
    return await command.run(argv, timeout=timeout, started=started)
